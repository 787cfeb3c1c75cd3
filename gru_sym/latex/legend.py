"""What the formats of a figure share: the looks of a path, how wide a text is, where a legend goes.

The colours are those of Okabe and Ito, which people with any kind of colour vision can tell apart,
without their yellow, which nobody sees on white; each path has dashes of its own, too, for print
in black.
"""

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = [
    "COLOURS",
    "DASHES",
    "EM",
    "ROUND",
    "Footer",
    "footer",
    "width_of_latex",
    "width_of_text",
]

COLOURS = ("0072B2", "D55E00", "009E73", "CC79A7", "E69F00", "56B4E9")

DASHES: tuple[tuple[float, ...], ...] = (
    (),
    (5, 1.6),
    (1.4, 1.4),
    (6, 1.5, 1.4, 1.5),
    (2.8, 1.4),
    (9, 1.6),
    (5, 1.4, 1.2, 1.4, 1.2, 1.4),
    (1, 2.6),
    (9, 1.5, 3, 1.5),
    (3, 3),
)
"""For each path, in points: drawn, left out, drawn, …"""

ROUND = 0.24
"""The radius of the corners of states and inputs, in centimetres."""

EM = 10 * 2.54 / 72.27
"""An em of the labels in centimetres: type of 10 points."""

_TOKEN = re.compile(r"\\([A-Za-z]+)|\\.|.", re.DOTALL)
_OVER = frozenset(
    {"tilde", "hat", "bar", "dot", "widetilde", "widehat", "overline", "mathrm", "mathtt"}
)
_NARROW = frozenset("ijlt.,;:|!'()[]1f ")
_WIDE = frozenset("mwMW+-=<>")
SAMPLE = 1.0
"""From the left end of an entry to its words, in centimetres; the line takes most of it."""
GAP = 0.4
"""Between a graph and what stands below it."""
ENTRY, NOTE = 0.85, 0.8
"""The type of an entry, and of the note, against that of the labels."""
FORWARD = "forward"
"""What the thin arrows are called."""

_ROW = 0.5
_LINE = 0.4
_BETWEEN = 0.5


def width_of_latex(latex: str) -> float:
    r"""About how wide a symbol is, in em.

    >>> width_of_latex("h_{t-1}") > width_of_latex("h_{t}") > width_of_latex("h")
    True
    """
    widths = [0.0]
    small = [False]
    script = False
    for match in _TOKEN.finditer(latex):
        token, command = match[0], match[1]
        if token in {"_", "^"}:
            script = True
            continue
        if token == "{":
            small.append(small[-1] or script)
        elif token == "}":
            if len(small) > 1:
                small.pop()
        elif command not in _OVER:
            width = 0.62
            if command is None:
                width = 0.36 if token in _NARROW else 0.85 if token in _WIDE else 0.56
            widths.append(width * (0.7 if small[-1] or script else 1.0))
        script = False
    return sum(widths)


def width_of_text(text: str) -> float:
    """About how wide a line of upright text is, in em."""
    return sum(0.36 if c in _NARROW else 0.9 if c in _WIDE else 0.6 for c in text)


@dataclass(frozen=True, slots=True)
class Footer:
    """What stands below a graph, measured in centimetres from its upper left corner downwards.

    Attributes:
        spots: for the forward pass and each entry after it, the left end of its sample of line
            and the height of its middle.
        lines: the note, broken into lines.
        baselines: the height of the middle of each of them.
        size: of the whole.
    """

    spots: tuple[tuple[float, float], ...]
    lines: tuple[str, ...]
    baselines: tuple[float, ...]
    size: tuple[float, float]


def footer(entries: Sequence[tuple[str, str]], note: str, room: float) -> Footer:
    """Place a legend, in as few rows as there is room for, and a note below it.

    Args:
        entries: each entry's formula in LaTeX, which may be empty, and its text.
        note: plain text.
        room: from left to right, in centimetres.
    """
    if not entries and not note:
        return Footer((), (), (), (0.0, 0.0))
    widths = [
        (width_of_latex(latex) + width_of_text(text) + (1.0 if latex else 0.0)) * ENTRY * EM
        for latex, text in (("", FORWARD), *entries)
    ]
    spots, across, down = _places(widths if entries else (), room)
    lines = tuple(textwrap.wrap(note, int(room / (0.56 * NOTE * EM))))
    baselines = tuple(GAP + down + (k + 0.6) * _LINE for k in range(len(lines)))
    across = max(across, *(width_of_text(line) * NOTE * EM for line in (*lines, "")))
    return Footer(
        tuple((x, y + GAP) for x, y in spots),
        lines,
        baselines,
        (min(across, room), GAP + down + (len(lines) + 0.2) * _LINE * bool(lines)),
    )


def _places(widths: Sequence[float], room: float) -> tuple[list[tuple[float, float]], float, float]:
    """Where each entry goes, and the width and height of all."""
    count = len(widths)
    for rows in range(1, count + 1):
        columns = [max(widths[k : k + rows]) + SAMPLE + _BETWEEN for k in range(0, count, rows)]
        across = sum(columns) - _BETWEEN
        if across <= room or rows == count:
            lefts = [sum(columns[:k]) for k in range(len(columns))]
            spots = [(lefts[k // rows], (k % rows + 0.5) * _ROW) for k in range(count)]
            return spots, across, rows * _ROW
    return [], 0.0, 0.0
