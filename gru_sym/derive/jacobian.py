"""jacobian: ∂state_next/∂state as a sum of paths, each a product of diag(·) and matrices.

Every term of the expanded jvp is a path: a way from the state, through definitions, to the next
state. It is named after the variables it goes through.
"""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from gru_sym.algebra.expr import Var
from gru_sym.algebra.expressions import Printer
from gru_sym.algebra.lines import aligned
from gru_sym.algebra.present import is_negative
from gru_sym.algebra.program import Program, presenter_for
from gru_sym.cells.equations import Cell
from gru_sym.derive.jvp import tangent_lines, tangent_of
from gru_sym.derive.local import linear_terms, merged
from gru_sym.derive.paths import Factor, Path, jacobian_lines
from gru_sym.derive.products import block_rows
from gru_sym.errors import UnsupportedError
from gru_sym.notebook import formulas_html

__all__ = ["MAX_PATHS", "Jacobian", "Routes", "blocks_of", "jacobian", "named_paths"]

MAX_PATHS = 5000


@dataclass(frozen=True, repr=False)
class Jacobian:
    """∂next/∂state of one step, for each pair: a block matrix of sums of paths.

    Attributes:
        cell: the cell.
        blocks: (next state, state) → its paths; an empty tuple is a block of zeros.
        bundles: (variable, variable) → the paths between them, where a path takes all of them
            together as one factor, as documents tell them.
    """

    cell: Cell
    blocks: dict[tuple[Var, Var], tuple[Path, ...]]
    bundles: dict[tuple[Var, Var], tuple[Path, ...]] = field(default_factory=dict)

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
    return Jacobian(cell, blocks_of(cell, {}))


def blocks_of(cell: Cell, together: Mapping[Var, Var]) -> dict[tuple[Var, Var], tuple[Path, ...]]:
    """The paths of each block; ``together`` is as in :class:`Routes`."""
    blocks = {}
    for state in cell.states:
        routes = Routes(cell.program, state, together)
        for after in cell.nexts:
            blocks[after, state] = tuple(named_paths(cell, routes.of(after)))
    return {(a, s): blocks[a, s] for a in cell.nexts for s in cell.states}


Route = tuple[tuple[str, ...], tuple[Factor, ...]]  # through, factors


class Routes:
    """All ways from one input of a program, as a rule a state, to what depends on it.

    ``together`` has variables to which all ways lead by another: these ways are one factor.
    """

    def __init__(self, program: Program, start: Var, together: Mapping[Var, Var]) -> None:
        self.dots = {tangent_of(v): v for v in program.variables}
        self.found: dict[Var, list[Route]] = {start: [((), ())]}
        for line in tangent_lines(program, [start]):
            target = self.dots[line.var]
            if line.expr == 0:  # of an output; what uses it has no way by it
                self.found[target] = []
                continue
            routes: list[Route] = []
            terms = linear_terms(line.expr, target.shape, self.dots)
            if together.get(target) in self.found:
                by = together[target]
                terms = iter([((Factor("bundle", (target, by)),), tangent_of(by))])
            for factors, dot in terms:
                source = self.dots[dot]
                for through, tail in self.found[source]:
                    way = through if source == start else (*through, str(source.name))
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


def _minus(factors: tuple[Factor, ...]) -> bool:
    """Whether a product of factors is written with a minus."""
    return bool(sum(is_negative(part) for factor in factors for part in factor.parts) % 2)


def named_paths(cell: Cell, routes: list[Route], plain: str = "skip") -> Iterator[Path]:
    """Name the paths of one block; those through fewest variables come first.

    ``plain`` is what one is called that goes through no variable and no matrix.
    """
    position = {str(v.name): k for k, v in enumerate(cell.program.variables)}
    # The argument of an activation, which the text does not write, a reader needs not hear of.
    written = {d.name for d in cell.document.definitions}
    shown = [(tuple(n for n in through if n in written), factors) for through, factors in routes]
    shown.sort(key=lambda item: (len(item[0]), [position[n] for n in item[0]], _minus(item[1])))
    # The shortest way to call a path that no other of the block shares: the first variable that has
    # a role, the first variable, those with a role, all.
    roles = [tuple(n for n in through if n in cell.roles) for through, _ in shown]
    taken = (
        Counter(role[:1] for role in roles),
        Counter(through[:1] for through, _ in shown),
        Counter(roles),
        Counter(through for through, _ in shown),
    )
    names = []
    for (through, factors), role in zip(shown, roles, strict=True):
        if not through:
            names.append(plain if all(f.kind == "diag" for f in factors) else "direct")
            continue
        wishes = (role[:1], through[:1], role, through)
        unique = (w for w, count in zip(wishes, taken, strict=True) if w and count[w] == 1)
        names.append(" → ".join(cell.roles.get(n, n) for n in next(unique, through)))
    for k, ((through, factors), name) in enumerate(zip(shown, names, strict=True)):
        number = f" {names[: k + 1].count(name)}" if names.count(name) > 1 else ""
        yield Path(name + number, through, factors)
