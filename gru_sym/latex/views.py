"""What of a cell a figure shows: its variables and what each is computed from, or an outline.

A view keeps some variables of a cell and leaves out others; one that is kept depends on another if
there is a way between them on which nothing else is kept. So the arguments of activations, which
the cell's text does not name, go into the gate that they belong to, and in an outline all gates
go into the next states.
"""

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from gru_sym.algebra.expr import variables_of
from gru_sym.cells.build import ARGUMENT
from gru_sym.cells.equations import Cell
from gru_sym.derive.jacobian import Jacobian

__all__ = ["View", "Way", "ways_in", "whole"]


@dataclass(frozen=True)
class View:
    """The variables that are shown, and the arrows between them.

    Attributes:
        kinds: for each variable shown ``state``, ``input``, ``definition`` or ``next``, in an
            order in which each comes after those that it depends on.
        arrows: (from, to), in that order.
        note: what is left out, in a sentence.
    """

    kinds: dict[str, str]
    arrows: tuple[tuple[str, str], ...]
    note: str = ""


@dataclass(frozen=True, slots=True)
class Way:
    """One path of the Jacobian in a view.

    Attributes:
        name: of the path.
        block: the next state and the state.
        through: all that it goes through, shown or not.
        stops: what is shown of it, from the state to the next state.
    """

    name: str
    block: tuple[str, str]
    through: tuple[str, ...]
    stops: tuple[str, ...]

    @property
    def steps(self) -> tuple[tuple[str, str], ...]:
        """The arrows along which it runs, from the state on."""
        return tuple(pairwise(self.stops))


def whole(cell: Cell) -> View:
    """All states, inputs, and definitions of the cell's text; parameters are left out."""
    return _view(cell, _kinds(cell, (d.name for d in cell.document.definitions)))


def outline(cell: Cell) -> View:
    """States, inputs and next states alone."""
    kinds = _kinds(cell, ())
    count = sum(d.name not in kinds for d in cell.document.definitions)
    return _view(
        cell,
        kinds,
        f"Not shown: {_counted(count, 'definition')}. An arrow says that a value depends on "
        "another, directly or through what is not shown.",
    )


def excerpt(cell: Cell, count: int) -> View:
    """The outline of a cell with only the first states and inputs."""
    kinds = _kinds(cell, (), count)
    cut = [
        f"the first {count} of {_counted(total, word)}"
        for total, word in ((len(cell.states), "state"), (len(cell.inputs), "input"))
        if total > count
    ]
    return _view(
        cell,
        kinds,
        f"Shown: {' and '.join(cut) or 'states and inputs'}. An arrow says that a value depends on "
        "another, directly or through what is not shown.",
    )


def _counted(count: int, word: str) -> str:
    return f"{count} {word}" if count == 1 else f"{count} {word}s"


def _kinds(cell: Cell, definitions: Iterable[str], count: int | None = None) -> dict[str, str]:
    states = {str(v.name): "state" for v in cell.states[:count]}
    inputs = {str(v.name): "input" for v in cell.inputs[:count]}
    defined = dict.fromkeys(definitions, "definition")
    defined |= {str(v.name): "next" for v in cell.nexts[:count]}
    ordered = {d.name: defined[d.name] for d in cell.program if d.name in defined}
    return states | inputs | ordered


def _view(cell: Cell, kinds: dict[str, str], note: str = "") -> View:
    """The arrows between variables that are shown, through all that are not."""
    sources: dict[str, dict[str, None]] = {}
    for var in cell.program.inputs:
        name = str(var.name)
        sources[name] = {name: None} if name in kinds else {}
    arrows = []
    order = {str(v.name): k for k, v in enumerate(cell.program.variables)}
    for d in cell.program:
        used = sorted((str(v.name) for v in variables_of(d.expr)), key=order.__getitem__)
        found = {source: None for name in used for source in sources[name]}
        if d.name in kinds:
            arrows += [(source, d.name) for source in found]
            found = {d.name: None}
        sources[d.name] = found
    return View(kinds, tuple(arrows), note)


def ways_in(view: View, jacobian: Jacobian) -> tuple[Way, ...]:
    """The paths of a Jacobian, of those blocks whose variables are shown."""
    ways = []
    for (after, state), paths in jacobian.blocks.items():
        first, last = str(state.name), str(after.name)
        if first not in view.kinds or last not in view.kinds:
            continue
        for path in paths:
            shown = [first, *(n for n in path.through if n in view.kinds), last]
            ways.append(Way(path.name, (last, first), path.through, _joined(view, shown)))
    return tuple(ways)


def _joined(view: View, stops: Sequence[str]) -> tuple[str, ...]:
    """The stops, with what lies between them where a path does not mention it.

    A path is silent about definitions that are called like the argument of an activation (``a_z``),
    even where the cell's text has them.
    """
    arrows = set(view.arrows)
    joined = [stops[0]]
    for stop in stops[1:]:
        joined += [stop] if (joined[-1], stop) in arrows else _route(view, joined[-1], stop)
    return tuple(joined)


def _route(view: View, start: str, end: str) -> list[str]:
    """The shortest way from one variable to another through arguments, without the first."""
    came: dict[str, str] = {start: start}
    waiting = deque([start])
    while waiting:
        here = waiting.popleft()
        for source, target in view.arrows:
            passes = target == end or target.startswith(ARGUMENT)
            if source == here and target not in came and passes:
                came[target] = here
                waiting.append(target)
    route = [end]
    while route[-1] != start:
        route.append(came[route[-1]])
    return route[-2::-1]
