r"""A syntax tree as LaTeX: ⊙ between vectors, juxtaposition for W x, and the order of the tree.

The tree has order and signs already (:mod:`~gru_sym.algebra.present`); nothing is moved here. All
that is emitted compiles with amsmath alone and renders in KaTeX and MathJax. Powers, fractions and
functions of vectors are elementwise; ``sum`` and ``mean`` are over all entries; ``[h, x]`` is one
vector above the other; ``v[:H]`` are its first H entries, or a matrix's first H columns.

>>> from gru_sym.cells.parse import parse
>>> line = parse("U_h_bar = outer(a_bar * r, h)", derivation=True).definitions[0]
>>> typeset(line.value, Style())
'(\\bar{a} \\odot r)\\,h^{\\top}'
"""

from dataclasses import dataclass, field
from fractions import Fraction

from gru_sym.algebra.lines import TOKEN
from gru_sym.algebra.show import show
from gru_sym.algebra.symbols import Naming
from gru_sym.algebra.tree import (
    Binary,
    Call,
    Concat,
    Name,
    Neg,
    Node,
    Number,
    Slice,
    Transpose,
    children,
    postorder,
)

__all__ = ["Style", "dimension", "parenthesised", "typeset"]

# What binds tighter has the larger number. _SIGNED starts with a minus; _BIG is a sum over t;
# _APPLIED is a matrix times a vector, which stands in parentheses beside ⊙.
_SUM, _SIGNED, _BIG, _APPLIED, _HADAMARD, _BESIDE, _POWER, _ATOM = range(8)

_FUNCTIONS = {"sigmoid": r"\sigma"} | {n: f"\\{n}" for n in ("tanh", "exp", "log", "sin", "cos")}
_SCALAR_FUNCTIONS = frozenset({"sum", "mean", "logsumexp"})
_SMALLEST_PLAIN = Fraction(1, 1000)

Part = tuple[str, int]


@dataclass(frozen=True)
class Style:
    r"""How expressions are written.

    Attributes:
        name_of: the LaTeX symbol of a name; one subscript and one superscript at most.
        scalars: the names that stand for numbers: they are written beside what they multiply.
        product: the sign of the elementwise product, ``\odot`` or ``\circ``.
    """

    name_of: Naming = field(default_factory=Naming)
    scalars: frozenset[str] = frozenset()
    product: str = r"\odot"


def typeset(node: Node, style: Style) -> str:
    """The LaTeX of an expression."""
    return _write(node, style)[0]


def _write(node: Node, style: Style) -> Part:
    done: list[Part] = []
    flat: dict[int, bool] = {}
    for current in postorder(node):
        parts = children(current)
        taken = done[len(done) - len(parts) :]
        del done[len(done) - len(parts) :]
        flat[id(current)] = _is_scalar(current, [flat[id(p)] for p in parts], style.scalars)
        if isinstance(current, Name):
            symbol = style.name_of(current.name)
            done.append((symbol, _POWER if symbol.startswith(r"\frac") else _ATOM))
        elif isinstance(current, Binary) and current.op == "@":
            numbers = [flat[id(part)] for part in parts]
            done.append(_applied(current, taken, numbers))
        elif isinstance(current, Call) and current.func == "outer":
            done.append(_outer(taken, [flat[id(part)] for part in parts]))
        elif isinstance(current, Binary):
            beside = current.op == "*" and any(flat[id(p)] for p in parts)
            done.append(_binary(current, taken, "" if beside else style.product))
        else:
            done.append(_other(current, taken))
    return done[0]


def _is_scalar(node: Node, parts: list[bool], scalars: frozenset[str]) -> bool:
    match node:
        case Name(name=name):
            return name in scalars
        case Number():
            return True
        case Concat():
            return False
        case Call(func=func):
            return func in _SCALAR_FUNCTIONS or (func != "outer" and all(parts))
        case _:
            return all(parts)


def _binary(node: Binary, parts: list[Part], product: str) -> Part:
    left, right = parts
    match node.op:
        case "+" | "-":
            return f"{left[0]} {node.op} {_at_least(right, _BIG)}", _SUM
        case "*" if not product:
            level = _BESIDE if min(left[1], right[1]) >= _BESIDE else _HADAMARD
            text = _at_least(left, _HADAMARD, signed=True)
            other = _at_least(right, _BESIDE)
            between = r" \cdot " if other[0].isdigit() or _is_number(node.right) else r"\,"
            return f"{text}{between}{other}", _SIGNED if left[1] == _SIGNED else level
        case "*":
            text = (
                f"{_at_least(left, _HADAMARD, signed=True)} {product} {_at_least(right, _BESIDE)}"
            )
            return text, _SIGNED if left[1] == _SIGNED else _HADAMARD
        case "/":
            minus = "-" if left[1] == _SIGNED else ""
            fraction = rf"{minus}\frac{{{left[0].removeprefix(minus)}}}{{{right[0]}}}"
            return fraction, _SIGNED if minus else _BESIDE
        case _:
            exponent = node.right
            above = right[0]
            if isinstance(exponent, Number) and exponent.value.denominator != 1:
                above = f"{exponent.value.numerator}/{exponent.value.denominator}"
            return f"{_base(left)}^{{{above}}}", _POWER


def _applied(node: Binary, parts: list[Part], numbers: list[bool]) -> Part:
    r"""A matrix times a vector; where that is one number for all entries, times \mathbf{1}."""
    left, right = parts
    between = r"\,\mathbf{1}\," if any(numbers) else r"\,"
    return (
        f"{_beside_matrix(node.left, left)}{between}{_beside_matrix(node.right, right)}",
        _APPLIED,
    )


def _outer(parts: list[Part], numbers: list[bool]) -> Part:
    r"""A column times a row; a number for all entries of one of them is times \mathbf{1}."""
    text, level = parts[0]
    left = text if level >= _POWER or (numbers[0] and level >= _BESIDE) else parenthesised(text)
    left += r"\,\mathbf{1}" * numbers[0]
    right = rf"{_base(parts[1])}^{{\top}}"
    if numbers[1]:
        right = rf"\mathbf{{1}}^{{\top}}\,{_at_least(parts[1], _BESIDE)}"
    return rf"{left}\,{right}", _BESIDE


def _other(node: Node, parts: list[Part]) -> Part:
    match node:
        case Number(value=value):
            return _number(value)
        case Neg():
            return f"-{_at_least(parts[0], _BIG)}", _SIGNED
        case Transpose():
            return rf"{_base(parts[0])}^{{\top}}", _POWER
        case Concat():
            return "[" + r",\, ".join(text for text, _ in parts) + "]", _ATOM
        case Slice(start=start, stop=stop, columns=columns):
            first, last = ("+".join(map(dimension, bound or ())) for bound in (start, stop))
            below = f"{first}{{:}}{last}"
            below = rf"{{:}},\,{below}" if columns else below
            inner = parenthesised(parts[0][0]) if _scripts(parts[0]) else parts[0][0]
            return f"{inner}_{{[{below}]}}", _ATOM
        case Call(func=func):
            return _call(func, parts)
        case _:
            raise AssertionError(f"no way to typeset {type(node).__name__}")


def _call(func: str, parts: list[Part]) -> Part:
    text = parts[0][0]
    match func:
        case "sqrt":
            return rf"\sqrt{{{text}}}", _ATOM
        case "abs":
            return rf"\left|{text}\right|", _ATOM
        case "stacked":
            return "[" + r";\, ".join(part for part, _ in parts) + "]", _ATOM
        case "sum_t":
            return rf"\sum_{{t=1}}^{{T}} {_at_least(parts[0], _APPLIED)}", _BIG
    word = "".join(c if c.isalnum() else r"\_" for c in func if c.isascii())
    name = _FUNCTIONS.get(func, rf"\operatorname{{{word}}}")
    return f"{name}{parenthesised(text)}", _ATOM


def _number(value: Fraction) -> Part:
    if value < 0:
        return f"-{_number(-value)[0]}", _SIGNED
    text = show(Number(value))
    if "/" in text:
        return rf"\frac{{{value.numerator}}}{{{value.denominator}}}", _BESIDE
    if 0 < value < _SMALLEST_PLAIN and "e" not in text:
        digits = text.removeprefix("0.")
        short = digits.lstrip("0")
        point = f".{short[1:]}" if short[1:] else ""
        text = f"{short[0]}{point}e-{len(digits) - len(short) + 1}"
    if "e" not in text:
        return text, _ATOM
    mantissa, exponent = text.split("e")
    if mantissa == "1":
        return f"10^{{{exponent}}}", _POWER
    return rf"{mantissa} \cdot 10^{{{exponent}}}", _BESIDE


def _is_number(node: Node) -> bool:
    return isinstance(node, Number)


def dimension(name: str) -> str:
    """The name of a dimension: ``H_1`` is H_1."""
    letter, _, number = name.partition("_")
    return f"{letter}_{{{number.replace('_', ',')}}}" if number else letter


def parenthesised(text: str) -> str:
    """A formula in parentheses, large ones around a fraction."""
    return rf"\Bigl({text}\Bigr)" if r"\frac" in text else f"({text})"


def _at_least(part: Part, level: int, *, signed: bool = False) -> str:
    text, own = part
    return text if own >= level or (signed and own == _SIGNED) else parenthesised(text)


def _beside_matrix(node: Node, part: Part) -> str:
    matrix = isinstance(node, Binary) and node.op == "@"
    return part[0] if part[1] >= _POWER or matrix else parenthesised(part[0])


def _scripts(part: Part) -> frozenset[str]:
    """Which of ``_ ^ '`` stand at the top of a text, so that another would clash."""
    text, level = part
    if level < _ATOM:
        return frozenset("_^")
    depth, found = 0, set()
    for token in TOKEN.findall(text):
        depth += (token in {"{", "(", "["}) - (token in {"}", ")", "]"})
        if depth == 0 and token in {"_", "^", "'"}:
            found.add(token)
    return frozenset(found)


def _base(part: Part) -> str:
    """What a superscript is put on; a symbol may have a subscript already, no superscript."""
    clash = _scripts(part) & {"^", "'"}
    return parenthesised(part[0]) if part[1] < _ATOM or clash else part[0]
