"""The order of each column of a layered graph, so that few links cross.

A column holds boxes and, for each link that runs past, the place where it passes. Boxes whose
role is ``low`` stay below all others of their column.
"""

from dataclasses import dataclass, field

__all__ = ["Box", "Columns", "Item", "Piece", "crossings", "order", "places"]

_SWEEPS = 24


@dataclass(frozen=True, slots=True)
class Box:
    """What is to be placed.

    Attributes:
        name: refers to it in links.
        width: that its label needs.
        height: that its label needs.
        role: ``first`` (the leftmost column), ``low`` (below all others of its column), or empty.
    """

    name: str
    width: float
    height: float
    role: str = ""


@dataclass(slots=True, eq=False)
class Item:
    """A box, or the place where a link passes through a column."""

    column: int
    box: Box | None = None
    height: float = 0.0
    y: float = 0.0
    left: list["Piece"] = field(default_factory=list)
    right: list["Piece"] = field(default_factory=list)

    @property
    def is_low(self) -> bool:
        """Whether it has to be below all others of its column."""
        return self.box is not None and self.box.role == "low"


@dataclass(slots=True, eq=False)
class Piece:
    """A link between two neighbouring columns; offsets are those of its middle from the items'."""

    source: Item
    target: Item
    lanes: int
    leaves: float = 0.0
    arrives: float = 0.0

    @property
    def climb(self) -> float:
        """How much lower it ends than it starts."""
        return self.target.y + self.arrives - self.source.y - self.leaves


Columns = list[list[Item]]


def order(columns: Columns) -> None:
    """Reorder the columns so that few lanes cross; the best order met is kept."""
    best: tuple[int, Columns] | None = None
    for start in (columns, [column[::-1] for column in columns]):
        trial = [sorted(column, key=lambda item: item.is_low) for column in start]
        for sweep in range(_SWEEPS):
            rightwards = sweep % 2 == 0
            for k in range(len(trial)) if rightwards else reversed(range(len(trial))):
                trial[k] = _by_neighbours(trial, k, rightwards=rightwards)
            _swap(trial)
            count = crossings(trial)
            if best is None or count < best[0]:
                best = count, [list(column) for column in trial]
    if best:
        columns[:] = best[1]


def places(columns: Columns) -> dict[int, int]:
    """The place of each item, by its ``id``, counted from the top of its column."""
    return {id(item): k for column in columns for k, item in enumerate(column)}


def _by_neighbours(columns: Columns, k: int, *, rightwards: bool) -> list[Item]:
    """A column sorted by the mean place of each item's neighbours on one side."""
    place = places(columns)

    def wish(item: Item) -> tuple[bool, float]:
        pieces = item.left if rightwards else item.right
        weights = sum(p.lanes for p in pieces)
        if not weights:
            return item.is_low, float(place[id(item)])
        ends = (p.lanes * place[id(p.source if rightwards else p.target)] for p in pieces)
        return item.is_low, sum(ends) / weights

    return sorted(columns[k], key=wish)


def _swap(columns: Columns) -> None:
    """Exchange neighbours as long as that saves crossings."""
    place = places(columns)
    for _ in range(8):
        improved = False
        for column in columns:
            for k in range(len(column) - 1):
                upper, lower = column[k], column[k + 1]
                if upper.is_low == lower.is_low and _gain(upper, lower, place) > 0:
                    column[k], column[k + 1] = lower, upper
                    place[id(lower)], place[id(upper)] = k, k + 1
                    improved = True
        if not improved:
            return


def _gain(upper: Item, lower: Item, place: dict[int, int]) -> int:
    gain = 0
    for a in upper.left:
        for b in lower.left:
            gain += a.lanes * b.lanes * _sign(place[id(a.source)] - place[id(b.source)])
    for a in upper.right:
        for b in lower.right:
            gain += a.lanes * b.lanes * _sign(place[id(a.target)] - place[id(b.target)])
    return gain


def _sign(number: int) -> int:
    return (number > 0) - (number < 0)


def crossings(columns: Columns) -> int:
    """How many pairs of lanes cross."""
    place = places(columns)
    total = 0
    for column in columns:
        pieces = [
            (place[id(p.source)], place[id(p.target)], p.lanes) for i in column for p in i.right
        ]
        for k, (a, b, lanes) in enumerate(pieces):
            total += sum(lanes * n for c, d, n in pieces[:k] if (a - c) * (b - d) < 0)
    return total
