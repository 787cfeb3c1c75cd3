"""Places for the boxes of a graph in columns, and tracks for the links between them.

Every link runs from left to right and is a bundle of parallel lanes, like a railway with several
tracks. The steps are those of layered drawing in general: a column for each box, an order within
each column that has few crossings, heights that keep long links straight. Within the columns a
link that passes runs level between the boxes, so that nothing is drawn across a box.

Lengths are centimetres. Within this module heights count downwards, as the order of a column does.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gru_sym.latex.crossings import Box, Columns, Item, Piece, order, places

__all__ = ["Box", "Link", "Plan", "Point", "arrange"]

Point = tuple[float, float]

LANE = 0.17
"""From one lane of a bundle to the next."""
_BUNDLE_GAP = 0.24
_PAD = 0.24
_APART = 0.5
_PASSING = 0.3
_NARROWEST, _WISHED, _WIDEST = 0.9, 1.6, 2.8
_WIDTH_PER_CLIMB = 1.0
_RELAXATIONS = 160
_SOFT = 0.5
_NEARLY = 0.4


@dataclass(frozen=True, slots=True)
class Link:
    """A bundle of lanes from the right side of one box to the left side of another."""

    source: str
    target: str
    lanes: int = 1


@dataclass(frozen=True, slots=True)
class Plan:
    """Where everything is, y upwards, the lower left corner at the origin.

    Attributes:
        centres: of each box.
        sizes: of each box; at least what it asked for.
        tracks: for each link, in their order, and each lane: the points of a chain of cubic
            curves from left to right (a start, and three points for each piece).
        size: of the whole.
    """

    centres: dict[str, Point]
    sizes: dict[str, Point]
    tracks: tuple[tuple[tuple[Point, ...], ...], ...]
    size: Point


def arrange(boxes: Sequence[Box], links: Sequence[Link], width: float = math.inf) -> Plan:
    """Place a graph without cycles.

    Args:
        boxes: in an order in which each comes after those that it has links from.
        links: at most one from one box to another.
        width: the columns come closer to each other, to a limit, where it would be wider.
    """
    columns, chains = _columns(boxes, links)
    order(columns)
    for column in columns:
        for item in column:
            _ports(item)
    _heights(columns)
    _straighten(columns, chains)
    lefts, widths = _across(columns, width)
    return _plan(columns, chains, lefts, widths)


# -- columns ----------------------------------------------------------------------------------


def _ranks(boxes: Sequence[Box], links: Sequence[Link]) -> dict[str, int]:
    """The column of each box: after all that it depends on, and near what needs it."""
    before: dict[str, list[Link]] = {box.name: [] for box in boxes}
    after: dict[str, list[Link]] = {box.name: [] for box in boxes}
    for link in links:
        before[link.target].append(link)
        after[link.source].append(link)
    rank: dict[str, int] = {}
    for box in boxes:
        rank[box.name] = max((rank[k.source] + 1 for k in before[box.name]), default=0)
    last = max(rank.values(), default=0)
    for box in reversed(boxes):
        if box.role == "first":
            continue
        if not after[box.name]:
            rank[box.name] = last
        elif sum(k.lanes for k in after[box.name]) > sum(k.lanes for k in before[box.name]):
            rank[box.name] = min(rank[k.target] for k in after[box.name]) - 1
    return rank


def _columns(boxes: Sequence[Box], links: Sequence[Link]) -> tuple[Columns, list[list[Piece]]]:
    rank = _ranks(boxes, links)
    columns: Columns = [[] for _ in range(max(rank.values(), default=-1) + 1)]
    items = {box.name: Item(rank[box.name], box) for box in boxes}
    for item in items.values():
        columns[item.column].append(item)
    chains = []
    for link in links:
        passed = [Item(k) for k in range(rank[link.source] + 1, rank[link.target])]
        for item in passed:
            columns[item.column].append(item)
        stops = [items[link.source], *passed, items[link.target]]
        chain = [Piece(a, b, link.lanes) for a, b in pairwise(stops)]
        for piece in chain:
            piece.source.right.append(piece)
            piece.target.left.append(piece)
        chains.append(chain)
    return columns, chains


# -- heights ----------------------------------------------------------------------------------


def _breadth(pieces: Iterable[Piece]) -> float:
    spans = [(p.lanes - 1) * LANE for p in pieces]
    return sum(spans) + _BUNDLE_GAP * (len(spans) - 1) if spans else 0.0


def _ports(item: Item) -> None:
    """How tall an item is, and where on its sides each bundle of lanes is fastened."""
    wanted = max(_breadth(item.left), _breadth(item.right))
    item.height = max(item.box.height, wanted + 2 * _PAD) if item.box else wanted


def _fasten(columns: Columns) -> None:
    place = places(columns)
    for column in columns:
        for item in column:
            at = -_breadth(item.right) / 2
            for piece in sorted(item.right, key=lambda p: place[id(p.target)]):
                span = (piece.lanes - 1) * LANE
                piece.leaves = at + span / 2
                at += span + _BUNDLE_GAP
            at = -_breadth(item.left) / 2
            for piece in sorted(item.left, key=lambda p: place[id(p.source)]):
                span = (piece.lanes - 1) * LANE
                piece.arrives = at + span / 2
                at += span + _BUNDLE_GAP


def _heights(columns: Columns) -> None:
    """Move each column's items to where their links are level, as far as the others allow."""
    _fasten(columns)
    for column in columns:
        _spread(column, [0.0] * len(column), [1.0] * len(column))
    for round_ in range(_RELAXATIONS):
        for column in columns if round_ % 2 == 0 else reversed(columns):
            wishes, weights = [], []
            for item in column:
                ends = [(_pull(p), p.source.y + p.leaves - p.arrives) for p in item.left]
                ends += [(_pull(p), p.target.y + p.arrives - p.leaves) for p in item.right]
                weight = sum(w for w, _ in ends)
                wishes.append(sum(w * y for w, y in ends) / weight if weight else item.y)
                weights.append(weight or 0.1)
            _spread(column, wishes, weights)
    top = min((i.y - i.height / 2 for column in columns for i in column), default=0.0)
    for column in columns:
        for item in column:
            item.y -= top


def _pull(piece: Piece) -> float:
    """How strongly a link draws its ends to one height.

    What passes through columns has to be straight above all. Where it is steep already it pulls
    less, so that a link climbs in one place, and not a little in each.
    """
    if piece.source.box and piece.target.box:
        return float(piece.lanes)
    strong = 3.0 if piece.source.box or piece.target.box else 12.0
    return strong * piece.lanes / (_SOFT + abs(piece.climb))


def _spread(column: list[Item], wishes: list[float], weights: list[float]) -> None:
    """The heights nearest to what is wished (least squares) that keep order and distances.

    Neighbours that would come too near are pooled, and move as one block.
    """
    shifts = [0.0]
    for upper, lower in pairwise(column):
        gap = _APART if upper.box and lower.box else _PASSING
        shifts.append(shifts[-1] + (upper.height + lower.height) / 2 + gap)
    blocks: list[tuple[float, float, int]] = []  # mean, weight, how many
    for wish, weight, shift in zip(wishes, weights, shifts, strict=False):
        mean, total, count = wish - shift, weight, 1
        while blocks and blocks[-1][0] > mean:
            before, heavy, many = blocks.pop()
            mean = (before * heavy + mean * total) / (heavy + total)
            total, count = heavy + total, many + count
        blocks.append((mean, total, count))
    means = [mean for mean, _, count in blocks for _ in range(count)]
    for item, mean, shift in zip(column, means, shifts, strict=False):
        item.y = mean + shift


def _straighten(columns: Columns, chains: list[list[Piece]]) -> None:
    """Make links that are nearly level quite level, where nothing is in the way."""
    above = {id(b): a for column in columns for a, b in pairwise(column)}
    below = {id(a): b for column in columns for a, b in pairwise(column)}

    def reach(item: Item) -> tuple[float, float]:
        low, high = item.y - _NEARLY, item.y + _NEARLY
        for other in (above.get(id(item)), below.get(id(item))):
            if other:
                room = abs(other.y - item.y) - (other.height + item.height) / 2
                gap = max(0.0, room - (_PASSING if item.box is None else _APART))
                low, high = (
                    (max(low, item.y - gap), high)
                    if other.y < item.y
                    else (low, min(high, item.y + gap))
                )
        return low, high

    for chain in chains:
        first = chain[0].source.y + chain[0].leaves
        run: list[Item] = []
        low = high = first
        for piece in chain[:-1]:
            item = piece.target
            lower, upper = reach(item)
            if max(low, lower) > min(high, upper):
                _level(run, low, high)
                run, low, high = [], lower, upper
            run.append(item)
            low, high = max(low, lower), min(high, upper)
        last = chain[-1].target.y + chain[-1].arrives
        if low <= last <= high:
            low = high = last
        _level(run, low, high)


def _level(run: list[Item], low: float, high: float) -> None:
    if run:
        mean = sum(item.y for item in run) / len(run)
        for item in run:
            item.y = min(max(mean, low), high)


# -- across -----------------------------------------------------------------------------------


def _across(columns: Columns, limit: float) -> tuple[list[float], list[float]]:
    """The left edge and the width of each column: where links climb, there is more between them."""
    widths = [max((i.box.width for i in column if i.box), default=0.0) for column in columns]
    gaps = []
    for column in columns[:-1]:
        climb = max((abs(p.climb) for i in column for p in i.right if p.lanes > 1), default=0.0)
        gaps.append(min(max(_WISHED, climb * _WIDTH_PER_CLIMB), _WIDEST))
    spare = limit - sum(widths) - _NARROWEST * len(gaps)
    wanted = sum(gap - _NARROWEST for gap in gaps)
    share = min(1.0, max(0.0, spare / wanted)) if wanted else 1.0
    lefts = [0.0]
    for width, gap in zip(widths, gaps, strict=False):
        lefts.append(lefts[-1] + width + _NARROWEST + share * (gap - _NARROWEST))
    return lefts, widths


def _plan(
    columns: Columns, chains: list[list[Piece]], lefts: list[float], widths: list[float]
) -> Plan:
    tall = max((i.y + i.height / 2 for column in columns for i in column), default=0.0)
    centres, sizes = {}, {}
    for column in columns:
        for item in column:
            if item.box:
                k = item.column
                centres[item.box.name] = (lefts[k] + widths[k] / 2, tall - item.y)
                sizes[item.box.name] = (widths[k], item.height)
    tracks = tuple(
        tuple(_track(chain, lane, lefts, widths, tall) for lane in range(chain[0].lanes))
        for chain in chains
    )
    return Plan(centres, sizes, tracks, (lefts[-1] + widths[-1] if columns else 0.0, tall))


def _track(
    chain: list[Piece], lane: int, lefts: list[float], widths: list[float], tall: float
) -> tuple[Point, ...]:
    points: list[Point] = []
    for piece in chain:
        above = ((piece.lanes - 1) / 2 - lane) * LANE
        left = lefts[piece.source.column] + widths[piece.source.column]
        right = lefts[piece.target.column]
        start = (left, tall - piece.source.y - piece.leaves + above)
        end = (right, tall - piece.target.y - piece.arrives + above)
        if points:
            points += [points[-1], start, start]  # level through a column
        else:
            points.append(start)
        bend = _bend(start, end, above)
        points += [(bend, start[1]), (bend, end[1]), end]
    return tuple(points)


def _bend(start: Point, end: Point, above: float) -> float:
    """Where a lane turns: the lanes of a bundle keep their distance on a slope, too."""
    across, climb = end[0] - start[0], end[1] - start[1]
    lean = math.tan(math.atan2(1.8 * abs(climb), across) / 2)
    middle = start[0] + across / 2 - math.copysign(above * lean, above * climb)
    return min(max(middle, start[0] + 0.15 * across), end[0] - 0.15 * across)
