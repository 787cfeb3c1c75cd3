r"""The computational graph of a cell, laid out: what the figure of a document draws.

Time runs from left to right: the states h_{t-1} at the left, the next states h_t at the right, the
inputs below. A thin arrow says that one value is computed from another. Each path of the Jacobian
is drawn as a line of one colour that runs back from a next state to a state.
"""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

from gru_sym.cells.equations import Cell
from gru_sym.derive.jacobian import MAX_PATHS, Jacobian
from gru_sym.derive.jacobian import jacobian as jacobian_of
from gru_sym.errors import UnsupportedError
from gru_sym.latex.families import Family, groupings
from gru_sym.latex.layout import Box, Link, Point, arrange
from gru_sym.latex.legend import EM, footer, width_of_latex
from gru_sym.latex.views import View, excerpt, outline, ways_in, whole

__all__ = ["HEIGHT", "WIDTH", "Curve", "Drawing", "Label", "Node", "drawing_of"]

WIDTH, HEIGHT = 15.0, 9.0
"""A figure with its legend is at most so large, in centimetres."""

MAX_NODES = 40
_LEGIBLE = 0.6
"""Type of 10 points is not made smaller than 6."""
_EXCERPT = 3
_PAD = 0.2
_TALL = 0.62
_NARROWEST = 0.75


@dataclass(frozen=True, slots=True)
class Node:
    """A variable: a box (a definition), or plain (a state or an input).

    Attributes:
        latex: its symbol.
        at: the centre, in centimetres, y upwards.
        size: width and height.
        kind: ``definition``, ``state``, ``input`` or ``next``.
        name: as the cell's text has it.
    """

    latex: str
    at: Point
    size: Point
    kind: str
    name: str = ""


@dataclass(frozen=True, slots=True)
class Curve:
    """An arrow: a chain of cubic Bézier curves.

    Attributes:
        points: the start, and for each curve two control points and its end; the head is at the
            last point.
        path: the number of the path that it belongs to, from 0; None for the forward pass.
        source: the name of the node at which it starts.
        target: the name of the node at its head.
    """

    points: tuple[Point, ...]
    path: int | None = None
    source: str = ""
    target: str = ""


@dataclass(frozen=True, slots=True)
class Label:
    r"""A line of the legend: a path, or several that are drawn as one.

    Attributes:
        path: its number.
        text: its name, in plain text.
        block: what it is a path of, in LaTeX: ``\partial c_{t}/\partial h_{t-1}``. Empty in a
            cell with one state.
        colour: which of the palette of ``gru_sym.latex.legend``; paths may share one, and differ
            in their dashes then, which go by number.
    """

    path: int
    text: str
    block: str = ""
    colour: int = 0


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure: nodes, forward arrows, and backward arrows in the colour of their path.

    Attributes:
        nodes: the boxes.
        curves: the arrows.
        legend: what each colour stands for, to be set below the graph.
        size: of the graph alone, in centimetres.
        scale: how much smaller than natural it is drawn: type, lines and heads.
        note: sentences of plain text on what is left out or drawn as one; empty where all is
            shown.
    """

    nodes: tuple[Node, ...]
    curves: tuple[Curve, ...]
    legend: tuple[Label, ...]
    size: Point
    scale: float = 1.0
    note: str = ""


def drawing_of(
    cell: Cell, name_of: Callable[[str], str], jacobian: Jacobian | None = None
) -> Drawing:
    r"""The figure of a cell.

    Where its paths are too many to tell their colours apart, they are drawn in families; where its
    definitions are too many, only states, inputs and next states are shown. The note says so.

    Args:
        cell: the cell.
        name_of: the symbol of a name, in LaTeX: ``h`` is ``h_{t-1}``.
        jacobian: that of the cell, where it is known already.

    >>> from gru_sym.cells import cell
    >>> from gru_sym.algebra.symbols import Naming
    >>> drawing = drawing_of(cell("gru"), Naming())
    >>> [label.text for label in drawing.legend]
    ['skip', 'update', 'candidate', 'reset']
    """
    paths, remark = _jacobian_of(cell) if jacobian is None else (jacobian, "")
    drawn: Drawing | None = None
    for view in _views(cell):
        ways = ways_in(view, paths) if paths else ()
        for families, said in groupings(cell, name_of, ways):
            note = " ".join(filter(None, (view.note, remark, said)))
            drawn = _drawn(view, name_of, families, note)
            if drawn.scale >= _LEGIBLE:
                return drawn
    if drawn is None:
        raise AssertionError("a cell has a view, and a view can be drawn")
    return drawn


def _views(cell: Cell) -> Iterator[View]:
    """The most detailed first; the last is small whatever the cell is."""
    full = whole(cell)
    if len(full.kinds) <= MAX_NODES:
        yield full
    if len(cell.states) + len(cell.nexts) + len(cell.inputs) <= MAX_NODES:
        yield outline(cell)
    yield excerpt(cell, _EXCERPT)


def _jacobian_of(cell: Cell) -> tuple[Jacobian | None, str]:
    try:
        return jacobian_of(cell), ""
    except UnsupportedError:
        return None, f"The backward arrows are left out: there are more than {MAX_PATHS} paths."


def _drawn(
    view: View, name_of: Callable[[str], str], families: tuple[Family, ...], note: str
) -> Drawing:
    boxes = [_box(name, kind, name_of(name)) for name, kind in view.kinds.items()]
    runs = _runs(families)
    links = [Link(*arrow, 1 + len(runs.get(arrow, ()))) for arrow in view.arrows]
    legend = tuple(
        Label(k, family.text, family.block, family.colour) for k, family in enumerate(families)
    )
    plan = arrange(boxes, links, WIDTH)
    room = HEIGHT - footer([(label.block, label.text) for label in legend], note, WIDTH).size[1]
    scale = min(1.0, *(limit / side for limit, side in zip((WIDTH, room), plan.size, strict=True)))
    curves = []
    for link, tracks in zip(links, plan.tracks, strict=True):
        ends = (link.source, link.target)
        curves.append(Curve(_scaled(tracks[0], scale), None, *ends))
        for path, track in zip(runs.get(ends, ()), tracks[1:], strict=True):
            curves.append(Curve(_scaled(track[::-1], scale), path, *ends[::-1]))
    nodes = []
    for name, kind in view.kinds.items():
        at, sides = _scaled((plan.centres[name], plan.sizes[name]), scale)
        nodes.append(Node(name_of(name), at, sides, kind, name))
    (size,) = _scaled((plan.size,), scale)
    return Drawing(tuple(nodes), tuple(curves), legend, size, scale, note)


def _runs(families: tuple[Family, ...]) -> dict[tuple[str, str], list[int]]:
    """For each arrow the numbers of the families that run along it."""
    runs: dict[tuple[str, str], list[int]] = {}
    for k, family in enumerate(families):
        for step in dict.fromkeys(step for way in family.ways for step in way.steps):
            runs.setdefault(step, []).append(k)
    return runs


def _box(name: str, kind: str, latex: str) -> Box:
    width = max(width_of_latex(latex) * EM + 2 * _PAD, _NARROWEST)
    role = {"state": "first", "input": "low"}.get(kind, "")
    return Box(name, width, _TALL, role)


def _scaled(points: Iterable[Point], scale: float) -> tuple[Point, ...]:
    return tuple((round(x * scale, 3), round(y * scale, 3)) for x, y in points)
