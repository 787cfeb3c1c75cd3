r"""Rows of formulas one below the other: how wide a formula is, and where one is broken."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

__all__ = ["TOKEN", "Row", "aligned", "width"]

_WIDTH = 86.0


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
TOKEN = re.compile(r"\\[A-Za-z]+|\\.|.", re.DOTALL)
"""A control word, a control symbol, or a character."""
_NOTHING = frozenset(
    (
        *("\\left", "\\right", "\\bar", "\\dot", "\\tilde", "\\hat", "\\overline", "\\widetilde"),
        *("\\widehat", "\\mathrm", "\\mathbf", "\\mathtt", "\\text", "\\!"),
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
    return _width(iter(TOKEN.findall(latex)), small=False)


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


_OPENING = frozenset(("(", "[", "\\lVert", "\\lvert"))
_CLOSING = frozenset((")", "]", "\\rVert", "\\rvert"))
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
    for found in TOKEN.finditer(text):
        token, (start, at) = found[0], found.span()
        braces += (token in {"{", "\\left"}) - (token in {"}", "\\right"})
        depth += (token in _OPENING) - (token in _CLOSING)
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
