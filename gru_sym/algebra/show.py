"""A syntax tree as text again: Python's precedence, and no bracket that is not needed.

>>> from gru_sym.cells.parse import parse
>>> show(parse("h_next = ((1 - z) * h) + (z * (-h_tilde)**2)").definitions[0].value)
'(1 - z) * h + z * (-h_tilde)**2'
"""

from collections.abc import Iterable
from fractions import Fraction

from gru_sym.algebra.tree import (
    Binary,
    Call,
    Concat,
    Definition,
    Name,
    Neg,
    Node,
    Number,
    Slice,
    Transpose,
    children,
    postorder,
)

__all__ = ["aligned_lines", "show", "show_definition", "wrapped"]

# What binds tighter has the larger number.
_SUM, _PRODUCT, _NEGATION, _POWER, _ATOM = range(5)
# For each operator: its level, and the least level of its left and of its right operand.
_LEVELS = {
    "+": (_SUM, _SUM, _PRODUCT),
    "-": (_SUM, _SUM, _PRODUCT),
    "*": (_PRODUCT, _PRODUCT, _NEGATION),
    "/": (_PRODUCT, _PRODUCT, _NEGATION),
    "@": (_PRODUCT, _PRODUCT, _NEGATION),
    "**": (_POWER, _ATOM, _NEGATION),
}
_LONGEST_PLAIN = 12
_LONGEST_NUMBER = 60


def show(node: Node) -> str:
    """The text of an expression; parsing it gives the same tree again.

    A number that no literal can express (negative, or without a finite decimal expansion) is
    written as the operation that gives it: ``-2``, ``1 / 3``.
    """
    done: list[tuple[str, int]] = []
    for current in postorder(node):
        count = len(children(current))
        parts = done[len(done) - count :]
        del done[len(done) - count :]
        done.append(_join(current, parts))
    return done[0][0]


def show_definition(definition: Definition, width: int = 0) -> str:
    """One line ``name = expression``, the name padded to a width."""
    return f"{definition.name:<{width}} = {show(definition.value)}"


def aligned_lines(definitions: Iterable[Definition]) -> list[str]:
    """Definitions with their ``=`` one below the other."""
    items = list(definitions)
    width = max((len(d.name) for d in items), default=0)
    return [show_definition(d, width) for d in items]


def _join(node: Node, parts: list[tuple[str, int]]) -> tuple[str, int]:
    """The text and the level of a node, from those of its children."""
    match node:
        case Name(name=name):
            return name, _ATOM
        case Number(value=value):
            return _show_number(value)
        case Neg():
            return f"-{_at_least(parts[0], _NEGATION)}", _NEGATION
        case Binary(op=op):
            level, left, right = _LEVELS[op]
            space = "" if op == "**" else " "
            text = f"{_at_least(parts[0], left)}{space}{op}{space}{_at_least(parts[1], right)}"
            return text, level
        case Call(func=func):
            return f"{func}({', '.join(text for text, _ in parts)})", _ATOM
        case Concat():
            return f"[{', '.join(text for text, _ in parts)}]", _ATOM
        case Transpose():
            return f"{_at_least(parts[0], _ATOM)}.T", _ATOM
        case Slice(start=start, stop=stop, columns=columns):
            rows = ":, " if columns else ""
            bounds = f"{rows}{'+'.join(start or ())}:{'+'.join(stop or ())}"
            return f"{_at_least(parts[0], _ATOM)}[{bounds}]", _ATOM


def _at_least(part: tuple[str, int], level: int) -> str:
    text, own = part
    return text if own >= level else f"({text})"


def _show_number(value: Fraction) -> tuple[str, int]:
    if value < 0:
        text, level = _show_number(-value)
        return f"-{text}", min(level, _NEGATION)
    twos, fives, rest = _factor_out(value.denominator)
    if rest != 1:
        return f"{value.numerator} / {value.denominator}", _PRODUCT
    places = max(twos, fives)
    digits = str(value.numerator * 10**places // value.denominator)
    return _show_decimal(digits, places), _ATOM


def _factor_out(denominator: int) -> tuple[int, int, int]:
    """How often 2 and 5 divide a number, and what is left."""
    counts = []
    for prime in (2, 5):
        count = 0
        while denominator % prime == 0:
            denominator //= prime
            count += 1
        counts.append(count)
    return counts[0], counts[1], denominator


def _show_decimal(digits: str, places: int) -> str:
    """The decimal number ``digits / 10**places``: plainly, or in the shortest way if long."""
    padded = digits.rjust(places + 1, "0")
    whole, decimals = padded[: len(padded) - places], padded[len(padded) - places :]
    plain = f"{whole}.{decimals}" if decimals else whole
    if len(plain) <= _LONGEST_PLAIN:
        return plain
    short = digits.rstrip("0")
    exponent = len(digits) - len(short) - places
    point = f".{short[1:]}" if short[1:] else ""
    forms: tuple[str, ...] = (
        plain,
        f"{short[0]}{point}e{exponent + len(short) - 1}",
        f"{short}e{exponent}",
        *((f".{decimals}",) if whole == "0" and len(plain) > _LONGEST_NUMBER else ()),
    )
    return min(forms, key=len)


def wrapped(line: str, width: int, hang: int) -> list[str]:
    """A line in parts of at most ``width``, all but the first indented by ``hang``.

    It is broken before an operator, in as few parentheses as can be; a sum before a product.

    >>> wrapped("a = outer(b + c, d) + e * (f - g)", 24, 4)
    ['a = outer(b + c, d)', '    + e * (f - g)']
    """
    found: list[str] = []
    while len(line) > width:
        place = _break(line, width, hang)
        if place is None:
            break
        found.append(line[:place])
        line = " " * hang + line[place + 1 :]
    return [*found, line]


def _break(line: str, width: int, start: int) -> int | None:
    """The best place for a break after ``start``: the last of those in the fewest parentheses."""
    depth = 0
    places: list[tuple[int, bool, int]] = []
    for k, char in enumerate(line[: width + 1]):
        depth += (char in "([") - (char in ")]")
        if char == " " and k > start and line[k + 1 : k + 3] in ("+ ", "- ", "* ", "/ ", "@ "):
            places.append((-depth, line[k + 1] in "+-", k))
    return max(places)[2] if places else None
