"""jacobian: ∂state_next/∂state as a sum of paths, each a product of diag(·) and matrices.

Every term of the expanded jvp is a path: a way from the state, through definitions, to the next
state. It is named after the variables it goes through.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from gru_sym.algebra.expr import Var
from gru_sym.algebra.expressions import Printer
from gru_sym.algebra.program import Program, presenter_for
from gru_sym.algebra.typeset import aligned
from gru_sym.cells.equations import Cell
from gru_sym.derive.jvp import tangent_lines, tangent_of
from gru_sym.derive.local import linear_terms, merged
from gru_sym.derive.paths import Factor, Path, jacobian_lines
from gru_sym.derive.products import block_rows
from gru_sym.errors import UnsupportedError
from gru_sym.notebook import formulas_html

__all__ = ["MAX_PATHS", "Jacobian", "jacobian"]

MAX_PATHS = 5000


@dataclass(frozen=True, repr=False)
class Jacobian:
    """∂next/∂state of one step, for each pair: a block matrix of sums of paths.

    Attributes:
        cell: the cell.
        blocks: (next state, state) → its paths; an empty tuple is a block of zeros.
    """

    cell: Cell
    blocks: dict[tuple[Var, Var], tuple[Path, ...]]

    def __getitem__(self, key: tuple[str, str]) -> tuple[Path, ...]:
        """The paths of the block ``("h_next", "h")``."""
        for (after, state), paths in self.blocks.items():
            if (after.name, state.name) == key:
                return paths
        raise KeyError(key)

    @property
    def paths(self) -> tuple[Path, ...]:
        """All paths of all blocks."""
        return tuple(path for block in self.blocks.values() for path in block)

    def __str__(self) -> str:
        return "\n".join(jacobian_lines(self.blocks, presenter_for(self.cell.program)))

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        """A line for each path, at step t: how a notebook shows the Jacobian."""
        printer = Printer(presenter_for(self.cell.program), self.cell.style)
        rows = (
            row for key, paths in self.blocks.items() for row in block_rows(key, paths, printer)
        )
        return f"$${aligned(rows)}$$"

    def _repr_html_(self) -> str:
        """The same for a notebook that prefers HTML."""
        return formulas_html(self._repr_latex_())


def jacobian(cell: Cell) -> Jacobian:
    """The Jacobian of one step with respect to the states, by path.

    ``J[i, j] = ∂h_next_i / ∂h_j``, (H, H); for several states a block for each pair.

    Args:
        cell: any cell.

    Raises:
        UnsupportedError: the cell has more than 5,000 paths.
    """
    blocks = {}
    for state in cell.states:
        routes = _Routes(cell.program, state)
        for after in cell.nexts:
            blocks[after, state] = tuple(_name_all(cell, routes.of(after)))
    ordered = {(a, s): blocks[a, s] for a in cell.nexts for s in cell.states}
    return Jacobian(cell, ordered)


Route = tuple[tuple[str, ...], tuple[Factor, ...]]  # through, factors


class _Routes:
    """All ways from one state to the definitions that depend on it."""

    def __init__(self, program: Program, state: Var) -> None:
        self.dots = {tangent_of(v): v for v in program.variables}
        self.found: dict[Var, list[Route]] = {state: [((), ())]}
        for line in tangent_lines(program, [state]):
            if line.expr == 0:
                continue
            target = self.dots[line.var]
            routes: list[Route] = []
            for factors, dot in linear_terms(line.expr, target.shape, self.dots):
                source = self.dots[dot]
                for through, tail in self.found[source]:
                    way = through if source == state else (*through, str(source.name))
                    routes.append((way, merged((*factors, *tail))))
            if len(routes) > MAX_PATHS:
                raise UnsupportedError(
                    f"the Jacobian of {target.name} has more than {MAX_PATHS} paths",
                    mend="take the Jacobian of each layer, or of a cell with fewer branches",
                )
            self.found[target] = routes

    def of(self, var: Var) -> list[Route]:
        """The ways to a variable; none if it does not depend on the state."""
        return self.found.get(var, [])


def _name_all(cell: Cell, routes: list[Route]) -> Iterator[Path]:
    """Name the paths of one block; those through fewest variables come first."""
    position = {str(v.name): k for k, v in enumerate(cell.program.variables)}
    # The argument of an activation, which the text does not write, a reader needs not hear of.
    written = {d.name for d in cell.document.definitions}
    shown = [(tuple(n for n in through if n in written), factors) for through, factors in routes]
    shown.sort(key=lambda item: (len(item[0]), [position[n] for n in item[0]]))
    # The shortest way to call a path that no other of the block shares: the first variable, those
    # with a role, all.
    roles = [tuple(n for n in through if n in cell.roles) for through, _ in shown]
    taken = (
        Counter(through[:1] for through, _ in shown),
        Counter(roles),
        Counter(through for through, _ in shown),
    )
    names = []
    for (through, factors), role in zip(shown, roles, strict=True):
        if not through:
            plain = all(f.kind == "diag" for f in factors)
            names.append("skip" if plain else "direct")
            continue
        wishes = (through[:1], role, through)
        unique = (w for w, count in zip(wishes, taken, strict=True) if w and count[w] == 1)
        names.append(" → ".join(cell.roles.get(n, n) for n in next(unique, through)))
    for k, ((through, factors), name) in enumerate(zip(shown, names, strict=True)):
        number = f" {names[: k + 1].count(name)}" if names.count(name) > 1 else ""
        yield Path(name + number, through, factors)
