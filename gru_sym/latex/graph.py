"""The computational graph of a cell, laid out: what the figure of a document draws."""

from dataclasses import dataclass

__all__ = ["Curve", "Drawing", "Label", "Node"]

Point = tuple[float, float]


@dataclass(frozen=True, slots=True)
class Node:
    """A variable: a box (a definition), or plain (a state or an input).

    Attributes:
        latex: its symbol.
        at: the centre, in centimetres, y upwards.
        size: width and height.
        kind: ``definition``, ``state``, ``input`` or ``next``.
    """

    latex: str
    at: Point
    size: Point
    kind: str


@dataclass(frozen=True, slots=True)
class Curve:
    """An arrow: a cubic Bézier curve through four points.

    Attributes:
        points: start, two control points, end, where the head is.
        path: the number of the path that it belongs to, from 0; None for the forward pass.
    """

    points: tuple[Point, Point, Point, Point]
    path: int | None = None


@dataclass(frozen=True, slots=True)
class Label:
    """A line of the legend: a path's number, and its name in plain text."""

    path: int
    text: str


@dataclass(frozen=True, slots=True)
class Drawing:
    """A figure: nodes, forward arrows, and backward arrows in the colour of their path."""

    nodes: tuple[Node, ...]
    curves: tuple[Curve, ...]
    legend: tuple[Label, ...]
    size: Point
