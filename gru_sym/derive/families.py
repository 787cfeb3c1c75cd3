"""families: the paths of a Jacobian, grouped by what the gradient goes through.

A family is one way of the gradient through a step, in all blocks of the Jacobian: of an LSTM, the
paths through the input gate lead to ``c_next``, and through it to ``h_next``; both are the family
``input``. The skip is the family of all paths without a matrix: they lead from each unit to the
same unit alone.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from gru_sym.algebra.expr import Var
from gru_sym.cells.equations import Cell
from gru_sym.derive.bundles import bundled
from gru_sym.derive.jacobian import Jacobian
from gru_sym.derive.paths import Path

__all__ = ["MOST_FAMILIES", "SKIP", "Family", "families"]

SKIP = "skip"
"""The name of the family without a matrix."""

MOST_FAMILIES = 8
"""Beside the skip; where there are more, as in stacked layers, the first role alone counts."""

_DIRECT = "direct"

Key = tuple[str, ...]


@dataclass(frozen=True)
class Family:
    """Some paths of a Jacobian.

    Attributes:
        name: ``skip``, the role of the gate that they go through (``update``), several
            (``forget → candidate``), or ``direct`` where they go through none.
        is_skip: whether these are the paths without a matrix.
        members: (next state, state, path).
    """

    name: str
    is_skip: bool
    members: tuple[tuple[Var, Var, Path], ...]


def families(cell: Cell, jacobian: Jacobian | None = None) -> tuple[Family, ...]:
    """The families of a cell, the skip first where there is one, the others as they are met.

    Their paths are those of :func:`~gru_sym.derive.bundles.bundled`, each in one family, so that
    the families add up to the Jacobian.

    Args:
        cell: any cell.
        jacobian: its ``bundled`` Jacobian, where that is at hand.

    Raises:
        UnsupportedError: the cell has more than 5,000 paths.

    >>> from gru_sym import cells
    >>> [family.name for family in families(cells.gru)]
    ['skip', 'update', 'candidate', 'reset']
    >>> [family.name for family in families(cells.mgu)]
    ['skip', 'forget', 'candidate', 'forget → candidate']
    """
    found = bundled(cell) if jacobian is None else jacobian
    members: dict[Key | None, list[tuple[Var, Var, Path]]] = {}
    for (after, state), paths in found.blocks.items():
        for path in paths:
            key = None if path.is_diagonal else _through(cell, path)
            members.setdefault(key, []).append((after, state, path))
    ways = [key for key in members if key is not None]
    if len(ways) > MOST_FAMILIES:
        members = _merged(cell, members)
        ways = [key for key in members if key is not None]
    names = dict(zip(ways, _names(cell, ways), strict=True))
    order = ([None] if None in members else []) + ways
    return tuple(
        Family(SKIP if key is None else names[key], key is None, tuple(members[key]))
        for key in order
    )


def _through(cell: Cell, path: Path) -> Key:
    """The variables that tell a path from others: those with a role, or else all of the text."""
    passing = {str(v.name) for v in cell.nexts}
    written = {d.name for d in cell.document.definitions}
    names = [name for name in path.through if name in written and name not in passing]
    return tuple(name for name in names if name in cell.roles) or tuple(names)


def _merged(
    cell: Cell, members: dict[Key | None, list[tuple[Var, Var, Path]]]
) -> dict[Key | None, list[tuple[Var, Var, Path]]]:
    """The families by the role of the first variable alone, the one nearest to the state."""
    first: dict[str, str] = {}
    found: dict[Key | None, list[tuple[Var, Var, Path]]] = {}
    for key, paths in members.items():
        short = key
        if key:
            short = (first.setdefault(cell.roles.get(key[0], key[0]), key[0]),)
        found.setdefault(short, []).extend(paths)
    return found


def _names(cell: Cell, keys: Sequence[Key]) -> list[str]:
    """The shortest names that tell families apart: the first role, all of them, the variables."""
    firsts = Counter(key[:1] for key in keys)
    told = [key[:1] if firsts[key[:1]] == 1 else key for key in keys]
    names = [" → ".join(cell.roles.get(n, n) for n in key) or _DIRECT for key in told]
    shared = Counter([*names, SKIP])
    return [
        f"{name} ({', '.join(key)})" if shared[name] > 1 else name
        for name, key in zip(names, told, strict=True)
    ]
