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

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from fractions import Fraction

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

__all__ = ["Row", "Style", "aligned", "parenthesised", "typeset", "width"]

# What binds tighter has the larger number. _SIGNED starts with a minus; _BIG is a sum over t;
# _APPLIED is a matrix times a vector, which stands in parentheses beside ⊙.
_SUM, _SIGNED, _BIG, _APPLIED, _HADAMARD, _BESIDE, _POWER, _ATOM = range(8)

_FUNCTIONS = {"sigmoid": r"\sigma"} | {n: f"\\{n}" for n in ("tanh", "exp", "log", "sin", "cos")}
_SCALAR_FUNCTIONS = frozenset({"sum", "mean", "logsumexp"})
_SMALLEST_PLAIN = Fraction(1, 1000)
_WIDTH = 86.0

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


@dataclass(frozen=True, slots=True)
class Row:
    r"""A line ``left = right`` of LaTeX, with a remark at its end.

    The relation may be another, such as ``\le``. No left side continues the line above, no right
    side makes the left side a heading.
    """

    left: str
    right: str = ""
    remark: str = ""
    relation: str = "="


def aligned(rows: Iterable[Row], wide: float = _WIDTH) -> str:
    """Rows one below the other, in an ``aligned`` environment.

    What is wider than ``wide`` letters is broken, where it can be: before a plus or a minus, or
    else before a product, in as few parentheses as may be. Where a remark is long, all
    stand below their rows.
    """
    rows = list(rows)
    left = max((width(row.left) for row in rows if row.right), default=0.0)
    remark = max((width(row.remark) + 4 for row in rows if row.remark), default=0.0)
    below = remark > _LONGEST_REMARK
    remark = 0.0 if below else remark
    room = max(wide - left - remark - 3, _LEAST)
    found = []
    for row in rows:
        note = f" && {row.remark}" if row.remark and not below else ""
        if not row.right:
            found.append(f"& {row.left}{note}")
            continue
        first, *others = _broken(row.right, room)
        start = rf"{row.left} &{row.relation} {first}" if row.left else rf"&\quad {first}"
        found.append(start + note)
        found += [rf"&\quad {line}" for line in others]
        found += [rf"&\quad\quad {row.remark}"] * bool(row.remark and below)
    body = " \\\\\n".join(found)
    return f"\\begin{{aligned}}\n{body}\n\\end{{aligned}}"


_LEAST = 24.0
_LONGEST_REMARK = 24.0  # with the space before it
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)
_NOTHING = frozenset(
    (
        *("\\left", "\\right", "\\bar", "\\dot", "\\tilde", "\\hat", "\\mathrm", "\\mathbf"),
        *("\\overline", "\\widetilde", "\\widehat", "\\text", "\\!"),
        *("\\bigl", "\\bigr", *"{}_^&\n "),
    )
)
_SIGNS = ("\\odot", "+", "-", "\\circ", "=", "\\to", "\\cdot", "\\le")
_WIDE = {
    **dict.fromkeys("ABCDEFGHIJKLNOPQRSTUVXYZ", 1.5),
    **{"M": 1.9, "W": 2.0, "m": 1.8, "w": 1.4, "t": 0.8, "i": 0.7, "j": 0.8, "l": 0.6},
    **dict.fromkeys(_SIGNS[:3], 2.5),
    **{"\\circ": 2.0, "=": 2.8, "\\to": 3.2, "\\cdot": 1.5, "\\le": 2.8, "\\quad": 2.0},
    **dict.fromkeys(("\\tanh", "\\exp", "\\log", "\\sum", "\\prod"), 3.6),
    **dict.fromkeys(("(", ")"), 0.8),
    **dict.fromkeys(("[", "]", ":", "'"), 0.6),
    **{",": 0.9, "\\,": 0.35, "\\infty": 2.0, "\\top": 1.5, "\\sqrt": 1.7, "\\sigma": 1.2},
    **dict.fromkeys(("\\Bigl", "\\Bigr", "\\operatorname"), 0.4),
}
_SCRIPTED = {**dict.fromkeys(_SIGNS, 1.5), "\\cdot": 0.6, ",": 0.6}
"""What has no space around it in a subscript."""
_SCRIPT = 0.73


def width(latex: str) -> float:
    """About how many letters wide a formula is."""
    return _width(iter(_TOKEN.findall(latex)), small=False)


def _width(tokens: Iterator[str], *, small: bool) -> float:
    """The width of the tokens up to a brace that closes more than was opened."""
    total, script, above = 0.0, False, 0.0
    for token in tokens:
        scale = _SCRIPT if script and not small else 1.0
        if token == "}":
            break
        if token in {"_", "^"}:
            script = True
            continue
        if token == "\\frac":
            next(tokens, None)
            upper = _width(tokens, small=small)
            next(tokens, None)
            wide = max(upper, _width(tokens, small=small)) + 0.6
        elif token == "{":
            wide = _width(tokens, small=small or script)
        elif token in _NOTHING:
            wide = 0.0
        else:
            known = _SCRIPTED if small or script else _WIDE
            wide = known.get(token, _WIDE.get(token, 1.0))
        if script:
            # A subscript and a superscript stand one above the other.
            total += max(wide * scale - above, 0.0)
            above = max(above, wide * scale)
        else:
            total, above = total + wide, 0.0
        script = False
    return total


_BREAKS = {"+": 0, "-": 0, "\\odot": 1, "\\circ": 1, "\\cdot": 1, "\\,": 2}
_SOON = 0.3
_MOST_SIGNS = 30  # of LaTeX, for one letter on the page


def _broken(text: str, room: float) -> list[str]:
    """A formula in lines of at most ``room``, as far as it has places for a break."""
    lines: list[str] = []
    while len(text) > _MOST_SIGNS * room or width(text) > room:
        place = _place(text, room)
        if place is None:
            break
        line, rest = text[:place].rstrip(), text[place:].lstrip()
        # What stood side by side needs a sign at the beginning of a line.
        text = rest.replace(r"\,", r"\cdot ", 1) if rest.startswith(r"\,") else rest
        room -= 0 if lines else 2
        lines.append(line)
    return [*lines, text]


def _place(text: str, room: float) -> int | None:
    """The best place for a break: the fewest parentheses, sums before products, then the last."""
    braces = depth = 0
    places: list[tuple[bool, int, int, int]] = []
    shortest: tuple[int, int, int] | None = None
    for found in _TOKEN.finditer(text):
        token, (start, at) = found[0], found.span()
        braces += (token == "{") - (token == "}")
        depth += (token in {"(", "["}) - (token in {")", "]"})
        binary = token == "\\," or (text[start - 1 : start] == " " and text[at : at + 1] == " ")
        if token not in _BREAKS or braces or not start or not binary:
            continue
        used = width(text[:start])
        if used > room:
            shortest = shortest or (-depth, -_BREAKS[token], start)
            break
        places.append((used > _SOON * room, -depth, -_BREAKS[token], start))
    if places:
        return max(places)[3]
    return shortest[2] if shortest else None


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
        case "@":
            first = _beside_matrix(node.left, left)
            return rf"{first}\,{_beside_matrix(node.right, right)}", _APPLIED
        case _:
            exponent = node.right
            above = right[0]
            if isinstance(exponent, Number) and exponent.value.denominator != 1:
                above = f"{exponent.value.numerator}/{exponent.value.denominator}"
            return f"{_base(left)}^{{{above}}}", _POWER


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
            below = f"{'+'.join(map(_bound, start or ()))}{{:}}{'+'.join(map(_bound, stop or ()))}"
            below = rf"{{:}},\,{below}" if columns else below
            inner = parenthesised(parts[0][0]) if _scripts(parts[0]) else parts[0][0]
            return f"{inner}_{{[{below}]}}", _ATOM
        case Call(func=func):
            return _call(func, parts)
        case _:
            raise AssertionError(f"no way to typeset {type(node).__name__}")


def _call(func: str, parts: list[Part]) -> Part:
    text, level = parts[0]
    match func:
        case "sqrt":
            return rf"\sqrt{{{text}}}", _ATOM
        case "abs":
            return rf"\left|{text}\right|", _ATOM
        case "stacked":
            return "[" + r";\, ".join(part for part, _ in parts) + "]", _ATOM
        case "outer":
            left = text if level >= _POWER else parenthesised(text)
            return rf"{left}\,{_base(parts[1])}^{{\top}}", _BESIDE
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


def _bound(name: str) -> str:
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
    for token in _TOKEN.findall(text):
        depth += (token in {"{", "(", "["}) - (token in {"}", ")", "]"})
        if depth == 0 and token in {"_", "^", "'"}:
            found.add(token)
    return frozenset(found)


def _base(part: Part) -> str:
    """What a superscript is put on; a symbol may have a subscript already, no superscript."""
    clash = _scripts(part) & {"^", "'"}
    return parenthesised(part[0]) if part[1] < _ATOM or clash else part[0]
