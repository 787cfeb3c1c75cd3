"""A figure as SVG: one element, without scripts, references, identifiers or fonts of its own.

Text and forward arrows have the colour of the text around the figure, so that it reads on light and
dark ground; a file of its own, which doesn't know its page, brings a light ground along. Heads of
arrows are triangles and not markers: several figures can stand in one page.
"""

import math
import re
from collections.abc import Callable, Iterator
from xml.sax.saxutils import escape

from gru_sym.latex.graph import WIDTH, Drawing, Label, Node
from gru_sym.latex.layout import Point
from gru_sym.latex.legend import (
    COLOURS,
    DASHES,
    EM,
    ENTRY,
    FORWARD,
    NOTE,
    ROUND,
    SAMPLE,
    footer,
    width_of_latex,
)

__all__ = ["TYPE", "svg_of"]

TYPE = 16.0
"""How many pixels an em of a formula has that ``typeset`` gives."""

_PX = 96 / 2.54
_PT = 96 / 72.27
_MARGIN = 0.12
_THIN, _THICK = 0.5, 1.15
_TIP = 4.4
_TAG = re.compile(r"<svg\b[^>]*>")
_SIDES = [re.compile(rf"""\s{side}=["']([0-9.]+)(?:px)?["']""") for side in ("width", "height")]
_INK, _GROUND, _CORNER = "#1f2328", "#ffffff", 8

Typeset = Callable[[str], str]


def svg_of(drawing: Drawing, typeset: Typeset, title: str, *, alone: bool = False) -> str:
    """An SVG element.

    Args:
        drawing: the figure.
        typeset: gives a formula in LaTeX as an ``<svg>`` element, in type of 16 pixels, with
            ``width`` and ``height`` in pixels.
        title: what a screen reader says; plain text.
        alone: it is to be a file of its own, which has dark letters on a light ground wherever it
            is shown: a picture in a page cannot tell whether that page is dark.
    """
    writer = _Writer(drawing, typeset)
    body = [*writer.curves(), *writer.nodes(), *writer.footer()]
    width, height = (_n(side * _PX) for side in writer.size)
    ink, ground = "", ""
    if alone:
        ink = f' color="{_INK}"'
        ground = f'<rect width="{width}" height="{height}" rx="{_CORNER}" fill="{_GROUND}"/>'
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" role="img" '
        f'viewBox="0 0 {width} {height}" width="{width}" height="{height}"{ink} '
        'style="max-width:100%;height:auto" fill="none" stroke-linejoin="round" '
        'font-family="system-ui,sans-serif">'
    )
    words = f"<title>{_clean(title)}</title><desc>{_clean(_described(drawing))}</desc>"
    return "\n".join([head, f"{words}{ground}", *body, "</svg>"])


def _described(drawing: Drawing) -> str:
    """The arrows in words, and the note."""
    lines = []
    for label in drawing.legend:
        arrows = [c for c in drawing.curves if c.path == label.path]
        lines.append(f"{label.text}: " + ", ".join(f"{c.source} to {c.target}" for c in arrows))
    return "; ".join(lines) + (f". {drawing.note}" if drawing.note else "")


class _Writer:
    def __init__(self, drawing: Drawing, typeset: Typeset) -> None:
        self.drawing = drawing
        self.typeset = typeset
        entries = [(label.block, label.text) for label in drawing.legend]
        self.below = footer(entries, drawing.note, WIDTH)
        across = max(drawing.size[0], self.below.size[0])
        self.shift = (across - drawing.size[0]) / 2 + _MARGIN
        self.size = (
            across + 2 * _MARGIN,
            drawing.size[1] + self.below.size[1] + 2 * _MARGIN,
        )

    def at(self, point: Point) -> Point:
        """A point of the drawing in pixels, downwards."""
        return (
            (point[0] + self.shift) * _PX,
            (self.drawing.size[1] - point[1] + _MARGIN) * _PX,
        )

    def curves(self) -> Iterator[str]:
        """Forward arrows first, so that the coloured ones lie above them."""
        labels = {label.path: label for label in self.drawing.legend}
        for curve in sorted(self.drawing.curves, key=lambda c: c.path is not None):
            label = None if curve.path is None else labels[curve.path]
            points = [self.at(point) for point in curve.points]
            yield _arrow(points, label, self.drawing.scale)

    def nodes(self) -> Iterator[str]:
        """Boxes with their labels."""
        for node in self.drawing.nodes:
            yield self._box(node)
            room = node.size[0] * _PX * 0.9
            yield self._formula(node.latex, self.at(node.at), self.drawing.scale, room)[0]

    def _box(self, node: Node) -> str:
        width, height = node.size[0] * _PX, node.size[1] * _PX
        x, y = self.at(node.at)
        scale = self.drawing.scale
        line = (1.0 if node.kind in {"state", "next"} else 0.6) * _PT * scale
        radius = _PX * scale * (0.09 if node.kind == "definition" else ROUND)
        fill = "currentColor" if node.kind == "definition" else "none"
        faint = ' stroke-opacity="0.5"' if node.kind == "input" else ""
        return (
            f'<rect x="{_n(x - width / 2)}" y="{_n(y - height / 2)}" width="{_n(width)}" '
            f'height="{_n(height)}" rx="{_n(radius)}" fill="{fill}" fill-opacity="0.07" '
            f'stroke="currentColor" stroke-width="{_n(line)}"{faint}/>'
        )

    def _formula(
        self, latex: str, at: Point, scale: float, room: float, *, start: bool = False
    ) -> tuple[str, float]:
        """A formula around a point, or from it to the right, and its width; it fits the room."""
        drawn = self.typeset(latex)
        drawn = drawn[drawn.index("<svg") :]
        width, height = _size(drawn)
        factor = min(scale * EM * _PX / TYPE, room / width if width else 1.0)
        x = at[0] if start else at[0] - width * factor / 2
        y = at[1] - height * factor / 2
        return (
            f'<g transform="translate({_n(x)} {_n(y)}) scale({factor:.4g})" fill="currentColor">'
            f"{drawn}</g>",
            width * factor,
        )

    def footer(self) -> Iterator[str]:
        """The legend and the note."""
        drawing, below = self.drawing, self.below
        left = max(0.0, (self.size[0] - below.size[0]) / 2)
        top = drawing.size[1] + _MARGIN
        for k, (x, y) in enumerate(below.spots):
            label = drawing.legend[k - 1] if k else None
            start = ((left + x) * _PX, (top + y) * _PX)
            end = (start[0] + (SAMPLE - 0.2) * _PX, start[1])
            sample = [start, start, end, end]
            yield _arrow(sample[::-1] if label else sample, label, 1.0)
            words = (start[0] + SAMPLE * _PX, start[1])
            text = FORWARD
            if label:
                text = label.text
                if label.block:
                    room = width_of_latex(label.block) * ENTRY * EM * _PX
                    formula, wide = self._formula(label.block, words, ENTRY, room, start=True)
                    yield formula
                    words = (words[0] + wide + 2, words[1])
                    text = text if not text or text.startswith("(") else f": {text}"
            yield _line(text, words, ENTRY)
        for line, y in zip(below.lines, below.baselines, strict=True):
            yield _line(line, (left * _PX, (top + y) * _PX), NOTE)


def _arrow(points: list[Point], label: Label | None, scale: float) -> str:
    """A chain of curves, which ends within its head so that the tip is sharp."""
    length = _TIP * _PT * scale * (1.0 if label else 0.85)
    tip, before = points[-1], next(p for p in points[::-1] if p != points[-1])
    turn = math.atan2(tip[1] - before[1], tip[0] - before[0])
    along = (math.cos(turn), math.sin(turn))
    back = (tip[0] - along[0] * length, tip[1] - along[1] * length)
    half = length * 0.4
    head = [
        tip,
        (back[0] - along[1] * half, back[1] + along[0] * half),
        (back[0] + along[0] * length * 0.25, back[1] + along[1] * length * 0.25),
        (back[0] + along[1] * half, back[1] - along[0] * half),
    ]
    course = [*points[:-1], (back[0] + along[0] * length * 0.3, back[1] + along[1] * length * 0.3)]
    colour, dashes, thick = "currentColor", "", _THIN
    if label:
        colour, thick = f"#{COLOURS[label.colour % len(COLOURS)]}", _THICK
        pattern = DASHES[label.path % len(DASHES)]
        if pattern:
            shown = " ".join(_n(part * _PT * scale) for part in pattern)
            dashes = f' stroke-dasharray="{shown}"'
    faint = "" if label else ' opacity="0.65"'
    curve = f"M{_p(course[0])}C" + " ".join(_p(point) for point in course[1:])
    return (
        f'<g{faint}><path d="{curve}" stroke="{colour}" '
        f'stroke-width="{_n(thick * _PT * scale)}"{dashes}/>'
        f'<path d="M{"L".join(_p(point) for point in head)}Z" fill="{colour}"/></g>'
    )


def _line(text: str, at: Point, size: float) -> str:
    """A line of text, its middle at the height of a point."""
    pixels = size * EM * _PX
    return (
        f'<text x="{_n(at[0])}" y="{_n(at[1] + 0.33 * pixels)}" font-size="{_n(pixels)}" '
        f'fill="currentColor">{_clean(text)}</text>'
    )


def _size(drawn: str) -> Point:
    tag = _TAG.search(drawn)
    width, height = (side.search(tag[0]) if tag else None for side in _SIDES)
    if not width or not height:
        raise ValueError("a formula's SVG has no width and height in pixels")
    return float(width[1]), float(height[1])


def _clean(text: str) -> str:
    """Escaped, and without the characters that XML cannot have."""
    return escape("".join(c if c.isprintable() else "\ufffd" for c in text))


def _p(point: Point) -> str:
    return f"{_n(point[0])} {_n(point[1])}"


def _n(number: float) -> str:
    return f"{number:.2f}".rstrip("0").rstrip(".")
