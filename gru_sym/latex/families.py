r"""Which paths of a Jacobian a figure draws as one line: as few together as colours allow.

Few paths get a line each. Where there are more, those that leave the state through the same gate
are drawn as one; then those of one block ∂c_t/∂h_{t-1}; then those of one state; then all.
"""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from gru_sym.algebra.symbols import escape_text
from gru_sym.cells.equations import Cell
from gru_sym.latex.legend import COLOURS, DASHES
from gru_sym.latex.views import Way

__all__ = ["Family", "groupings"]

_LONGEST = 60

Naming = Callable[[str], str]
_Key = TypeVar("_Key")


@dataclass(frozen=True, slots=True)
class Family:
    """Paths that are drawn as one line.

    Attributes:
        text: what the legend calls it.
        block: of what it is a path, in LaTeX; empty where there is one block, or several.
        colour: the number of its colour.
        ways: the paths.
    """

    text: str
    block: str
    colour: int
    ways: tuple[Way, ...]


def groupings(
    cell: Cell, name_of: Naming, ways: Sequence[Way]
) -> Iterator[tuple[tuple[Family, ...], str]]:
    """The ways to draw the paths, the most detailed first, each with what a reader has to be told.

    The last draws no path at all.
    """
    count = len(ways)
    if not count:
        yield (), ""
        return
    kin = list(_by(ways, lambda way: _gate(cell, way)).items())
    few = len(kin) <= len(COLOURS)
    if count <= len(COLOURS) or (count <= len(DASHES) and few):
        colour_of = {way: k for k, (_, kinsmen) in enumerate(kin) for way in kinsmen}
        several = len(cell.states) > 1
        yield (
            tuple(
                Family(
                    *_called(way, name_of, several=several),
                    k if count <= len(COLOURS) else colour_of[way],
                    (way,),
                )
                for k, way in enumerate(ways)
            ),
            "",
        )
    if few and 1 < len(kin) < count:
        names = _gate_names(cell, [gate for gate, _ in kin])
        yield (
            tuple(
                Family(f"({_paths(kinsmen)})", name_of(gate), k, tuple(kinsmen))
                if is_var and gate not in cell.roles
                else Family(f"{_short(name)} ({_paths(kinsmen)})", "", k, tuple(kinsmen))
                for k, (name, ((gate, is_var), kinsmen)) in enumerate(zip(names, kin, strict=True))
            ),
            f"The {count} paths are drawn in {len(kin)} families, by the first gate that each "
            "goes through on its way from the state.",
        )
    blocks = list(_by(ways, lambda way: way.block).values())
    if 1 < len(blocks) <= len(COLOURS) and len(blocks) < count:
        yield (
            _of_blocks(blocks, lambda way: _partial(name_of, *way.block)),
            f"The {count} paths are drawn in {len(blocks)} families, by the next state and the "
            "state that each connects.",
        )
    states = list(_by(ways, lambda way: way.block[1]).values())
    if 1 < len(states) <= len(COLOURS) and len(states) < len(blocks):
        yield (
            _of_blocks(states, lambda way: rf"\partial{{\cdot}}/\partial {name_of(way.block[1])}"),
            f"The {count} paths are drawn in {len(states)} families, by the state that each "
            "leads back to.",
        )
    if count > 1:
        yield (
            (Family(f"all {count} paths", "", 0, tuple(ways)),),
            f"The {count} paths are drawn as one line, along each arrow that one of them uses.",
        )
    yield (), f"The backward arrows ({_paths(ways)}) are left out."


def _called(way: Way, name_of: Naming, *, several: bool) -> tuple[str, str]:
    """What the legend says of a path, and what of it in LaTeX: its block, its variables."""
    block = _partial(name_of, *way.block) if several else ""
    words = way.name.split(" → ")
    if len(way.name) > _LONGEST or not any(word in way.through for word in words):
        return _short(way.name), block
    shown = r" \to ".join(
        name_of(word) if word in way.through else rf"\text{{{escape_text(word)}}}" for word in words
    )
    return "", rf"{block}\colon {shown}" if block else shown


def _by(ways: Iterable[Way], key: Callable[[Way], _Key]) -> dict[_Key, list[Way]]:
    found: dict[_Key, list[Way]] = {}
    for way in ways:
        found.setdefault(key(way), []).append(way)
    return found


def _gate(cell: Cell, way: Way) -> tuple[str, bool]:
    """What a path leaves the state through, and whether that is a variable."""
    roles = (name for name in way.through if name in cell.roles)
    first = next(roles, way.through[0] if way.through else "")
    return (first, True) if first else (way.name.rstrip(" 0123456789"), False)


def _gate_names(cell: Cell, gates: Sequence[tuple[str, bool]]) -> list[str]:
    """Roles; of two variables with one role, the variable's name, too."""
    roles = [cell.roles.get(name, name) if is_var else name for name, is_var in gates]
    return [
        f"{role} {name}" if roles.count(role) > 1 else role
        for role, (name, _) in zip(roles, gates, strict=True)
    ]


def _of_blocks(groups: Sequence[Sequence[Way]], head: Callable[[Way], str]) -> tuple[Family, ...]:
    return tuple(
        Family(_paths(ways), head(ways[0]), k, tuple(ways)) for k, ways in enumerate(groups)
    )


def _partial(name_of: Naming, after: str, state: str) -> str:
    return rf"\partial {name_of(after)}/\partial {name_of(state)}"


def _paths(ways: Sequence[Way]) -> str:
    return "1 path" if len(ways) == 1 else f"{len(ways)} paths"


def _short(text: str) -> str:
    """A name that fits a line; what is left out of its middle shows as an ellipsis."""
    if len(text) <= _LONGEST:
        return text
    return text[: _LONGEST * 2 // 3] + " … " + text[-_LONGEST // 3 :]
