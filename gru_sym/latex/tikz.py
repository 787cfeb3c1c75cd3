r"""A figure as a ``tikzpicture``: TikZ's core and ``arrows.meta``, compiled by pdflatex.

>>> from gru_sym.latex.graph import Drawing, Node
>>> node = Node("h_{t}", (1.0, 0.5), (0.8, 0.6), "next")
>>> print(tikz_of(Drawing((node,), (), (), (2.0, 1.0))).splitlines()[-2])
\node[scale=1] at (1.000,0.500) {$h_{t}$};
"""

from collections.abc import Iterator

from gru_sym.algebra.symbols import escape_text
from gru_sym.latex.graph import WIDTH, Curve, Drawing, Label, Node
from gru_sym.latex.layout import Point
from gru_sym.latex.legend import COLOURS, DASHES, ENTRY, FORWARD, NOTE, ROUND, SAMPLE, footer

__all__ = ["tikz_of"]

_HEAD = (
    r"\begin{tikzpicture}[x=1cm, y=1cm, every node/.style={inner sep=0pt, "
    r"font=\fontsize{10}{12}\selectfont}]"
)
_SIGNS = {"→": r"$\to$", "←": r"$\leftarrow$", "…": r"\dots{}"}
_THIN, _THICK = 0.45, 1.05
_TIP = 4.2


def tikz_of(drawing: Drawing) -> str:
    r"""A ``tikzpicture`` environment.

    The document loads ``\usepackage{tikz}`` and ``\usetikzlibrary{arrows.meta}``.
    """
    return "\n".join(
        [
            _HEAD,
            *(rf"\definecolor{{path{k}}}{{HTML}}{{{c}}}" for k, c in enumerate(COLOURS)),
            *_curves(drawing),
            *(line for node in drawing.nodes for line in _node(node, drawing.scale)),
            *_footer(drawing),
            r"\end{tikzpicture}",
        ]
    )


def _curves(drawing: Drawing) -> Iterator[str]:
    styles = {label.path: _style(label, drawing.scale) for label in drawing.legend}
    forward = f"draw=black!60, line width={_THIN * drawing.scale:.3g}pt"
    for curve in sorted(drawing.curves, key=lambda c: c.path is not None):
        style = forward if curve.path is None else styles[curve.path]
        yield rf"\draw[{style}, {_tip(drawing.scale, curve.path is None)}] {_course(curve)};"


def _style(label: Label, scale: float = 1.0) -> str:
    dashes = DASHES[label.path % len(DASHES)]
    parts = (f"{word} {length * scale:.3g}pt" for word, length in _words(dashes))
    pattern = f", dash pattern={' '.join(parts)}" if dashes else ""
    return f"draw=path{label.colour}, line width={_THICK * scale:.3g}pt{pattern}"


def _words(dashes: tuple[float, ...]) -> Iterator[tuple[str, float]]:
    for k, length in enumerate(dashes):
        yield ("off" if k % 2 else "on"), length


def _tip(scale: float, thin: bool) -> str:
    length = _TIP * scale * (0.85 if thin else 1.0)
    return rf"-{{Stealth[length={length:.3g}pt, width={0.8 * length:.3g}pt]}}"


def _course(curve: Curve) -> str:
    start, *rest = curve.points
    pieces = zip(rest[::3], rest[1::3], rest[2::3], strict=True)
    return _at(start) + "".join(
        f" .. controls {_at(a)} and {_at(b)} .. {_at(end)}" for a, b, end in pieces
    )


def _at(point: Point) -> str:
    return f"({point[0]:.3f},{point[1]:.3f})"


def _node(node: Node, scale: float) -> Iterator[str]:
    (x, y), (width, height) = node.at, node.size
    low, high = (x - width / 2, y - height / 2), (x + width / 2, y + height / 2)
    outer = node.kind in {"state", "next"}
    corners = scale * (0.09 if node.kind == "definition" else ROUND)
    look = {
        "definition": "fill=black!6, draw=black!75",
        "input": "fill=white, draw=black!45",
    }.get(node.kind, "fill=white, draw=black")
    line = (0.9 if outer else 0.5) * scale
    yield (
        rf"\draw[{look}, line width={line:.3g}pt, rounded corners={corners:.3f}cm] "
        rf"{_at(low)} rectangle {_at(high)};"
    )
    yield rf"\node[scale={scale:.3g}] at {_at(node.at)} {{${node.latex}$}};"


def _footer(drawing: Drawing) -> Iterator[str]:
    legend = drawing.legend
    below = footer([(label.block, label.text) for label in legend], drawing.note, WIDTH)
    left = (drawing.size[0] - below.size[0]) / 2
    for k, (x, y) in enumerate(below.spots):
        words = (left + x + SAMPLE, -y)
        ends = [(left + x, -y), (left + x + SAMPLE - 0.2, -y)]
        start, end = ends[::-1] if k else ends
        style = _style(legend[k - 1]) if k else f"draw=black!60, line width={_THIN}pt"
        yield rf"\draw[{style}, {_tip(1.0, k == 0)}] {_at(start)} -- {_at(end)};"
        text = _entry(legend[k - 1]) if k else FORWARD
        yield rf"\node[anchor=mid west, scale={ENTRY}] at {_at(words)} {{{text}}};"
    for line, y in zip(below.lines, below.baselines, strict=True):
        where = _at((left, -y))
        yield rf"\node[anchor=mid west, scale={NOTE}] at {where} {{{_text(line)}}};"


def _entry(label: Label) -> str:
    between = "" if not label.text else " " if label.text.startswith("(") else ": "
    head = f"${label.block}${between}" if label.block else ""
    return head + _text(label.text)


def _text(text: str) -> str:
    return "".join(_SIGNS.get(c) or escape_text(c) for c in text)
