"""Statements that ruff's formatter leaves as they are, whatever its width, from 88 columns on.

It joins what is broken where the whole fits in a line, and breaks at other places at other
widths. Here nothing is broken but lists, which a last comma keeps apart; an expression that is too
long becomes several statements.
"""

import re
from collections.abc import Mapping, Sequence

from gru_sym.codegen.backends.layout import OPENING, WIDTH, depths_of, indented, items_of

__all__ = ["PARTS", "assigned", "dictionary", "flushing", "has_operator", "listed"]

PARTS = ("part", "part_2", "part_3")
"""What a part of an expression is called that is too long for a line; a part of a part; …"""

_LONG = 24  # columns of a name that leave too little room for what is added to it
_SUMS, _PRODUCTS = frozenset("+-"), frozenset("*/@")


def listed(head: str, items: Sequence[str], tail: str, depth: int) -> list[str]:
    """Items between ``head`` and ``tail``: on one line where they fit, else on a line each.

    Args:
        head: what stands before; where it ends with no bracket, there is one only when needed.
        items: the items; tuples among them may be broken, too.
        tail: what stands behind, with the other half of that bracket.
        depth: how deep the lines will stand.

    >>> listed("a, b = f(", ["x", "y"], ")", 0)
    ['a, b = f(x, y)']
    >>> listed("", ["a" * 50, "b" * 50], " = c", 0)[0]
    '('
    """
    whole = f"{head}{', '.join(items)}{tail}"
    alone = len(items) == 1 and not head.endswith(tuple(OPENING))
    if _fits(whole, depth) or not items or alone:
        return [whole]
    return _apart(head, items, tail, depth)


def dictionary(head: str, items: Mapping[str, str]) -> list[str]:
    """``{"name": value, …}`` after ``head``, with each value on a line of its own.

    >>> dictionary("return ", {"h": "h_t"})
    ['return {', '    "h": h_t,', '}']
    """
    if not items:
        return [f"{head}{{}}"]
    return [f"{head}{{", *indented([f'"{key}": {value},' for key, value in items.items()]), "}"]


def assigned(name: str, text: str, depth: int) -> list[str]:
    """``name = text``, in as many statements as are needed.

    >>> assigned("h", " + ".join(f"u_{k} * v_{k}" for k in range(8)), 1)[1]
    'h = h + u_6 * v_6 + u_7 * v_7'
    """
    if _bracketed(text) and text[0] == "(" and len(items_of(text[1:-1])) == 1:
        text = text[1:-1]
    if _fits(f"{name} = {text}", depth):
        return [f"{name} = {text}"]
    part = dict(zip(PARTS, (*PARTS[1:], None), strict=True)).get(name, PARTS[0])
    if len(name) > _LONG:
        return [*assigned(PARTS[0], text, depth), f"{name} = {PARTS[0]}"]
    pieces = _operands(text)
    if len(pieces) > 1:
        lines: list[str] = []
        current = pieces[0][1]
        for operator, piece in pieces[1:]:
            longer = f"{current} {operator} {piece}"
            if _fits(f"{name} = {longer}", depth):
                current = longer
            else:
                lines += assigned(name, current, depth)
                current = f"{name} {operator} {piece}"
            if part and not _fits(f"{name} = {current}", depth):
                lines += assigned(part, piece, depth)
                current = f"{name} {operator} {part}"
        return [*lines, f"{name} = {current}"]
    method = re.fullmatch(r"(\(.*\))(\.\w+\([^()]*(?:\([^()]*\))?\))", text)
    if method and _bracketed(method[1]):
        inner = assigned(name, method[1][1:-1], depth)
        return [*inner, f"{name} = {name}{method[2]}"]
    power = re.fullmatch(r"(\(.*\)) \*\* (\d[\d.]*)", text)
    if power and _bracketed(power[1]):
        return [*assigned(name, power[1][1:-1], depth), f"{name} = {name}**{power[2]}"]
    call = re.fullmatch(r"([\w.]+\()(.*)\)", text)
    if call and _bracketed(text[call.end(1) - 1 :]):
        return listed(f"{name} = {call[1]}", items_of(call[2]), ")", depth)
    return [f"{name} = {text}"]


def _apart(head: str, items: Sequence[str], tail: str, depth: int) -> list[str]:
    """Each item on a line of its own; what brackets only group gets no comma."""
    opens, closes = ("", "") if head.endswith(tuple(OPENING)) else ("(", ")")
    call = re.search(r"\w\($", head) and " for " not in items[0]
    comma = "," if len(items) > 1 or call else ""
    lines = []
    for item in items:
        inner = items_of(item[1:-1]) if item[0] == "(" and _bracketed(item) else []
        if len(inner) > 1:
            lines += listed("(", inner, f"){comma}", depth + 1)
        else:
            lines.append(f"{item}{comma}")
    return [f"{head}{opens}", *indented(lines), f"{closes}{tail}"]


def flushing(arguments: Sequence[str]) -> list[str]:
    """The end of a step of backprop: what has vanished becomes 0; seldom, as that takes a while.

    Args:
        arguments: of each call of ``flush``.

    >>> flushing(["h_bar_t"])
    ['if t % 64 == 0:', '    flush(h_bar_t)']
    """
    return ["if t % 64 == 0:", *indented([f"flush({each})" for each in arguments])]


def has_operator(text: str) -> bool:
    """Whether a text is no atom: there is an operator outside of all brackets."""
    return text.startswith("-") or any(
        char in " *" and not depth for char, depth in zip(text, depths_of(text), strict=True)
    )


def _fits(line: str, depth: int) -> bool:
    return len(line) + 4 * depth <= WIDTH


def _bracketed(text: str) -> bool:
    """Whether one pair of brackets encloses all of it."""
    return text[0] in OPENING and 0 not in depths_of(text)[1:-1]


def _operands(text: str) -> list[tuple[str, str]]:
    """(operator, operand) at the operators that bind loosest; one pair where there are none."""
    depths = depths_of(text)
    spaced = [
        k
        for k, char in enumerate(text[:-2])
        if char == " " and text[k + 2] == " " and not depths[k]
    ]
    for operators in (_SUMS, _PRODUCTS):
        cuts = [k for k in spaced if text[k + 1] in operators]
        if cuts:
            ends = [*cuts[1:], len(text)]
            rest = [(text[a + 1], text[a + 3 : b]) for a, b in zip(cuts, ends, strict=True)]
            return [("", text[: cuts[0]]), *rest]
    return [("", text)]
