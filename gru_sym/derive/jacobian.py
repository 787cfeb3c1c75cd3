"""jacobian: ∂state_next/∂state as a sum of paths, each a product of diag(·) and matrices.

Every term of the expanded jvp is a path: a way from the state, through definitions, to the next
state. It is named after the variables it goes through.
"""

from collections import Counter
from collections.abc import Iterator

import sympy as sp

from gru_sym.algebra.expr import Dims, Node, Var, shape_of, variables_of
from gru_sym.algebra.nodes import Concat, MatVec, Slice, Total
from gru_sym.algebra.program import Program
from gru_sym.cells.build import ARGUMENT
from gru_sym.cells.equations import Cell
from gru_sym.derive.jvp import tangent_lines, tangent_of
from gru_sym.derive.paths import Factor, Jacobian, Path
from gru_sym.errors import UnsupportedError

__all__ = ["MAX_PATHS", "jacobian"]

MAX_PATHS = 5000


def jacobian(cell: Cell) -> Jacobian:
    """The Jacobian of one step with respect to the states, by path.

    ``J[i, j] = ∂h_next_i / ∂h_j``; for several states a block for each pair.

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
            for factors, dot in self._linear(line.expr, target.shape):
                source = self.dots[dot]
                for through, tail in self.found[source]:
                    way = through if source == state else (*through, str(source.name))
                    routes.append((way, _merge((*factors, *tail))))
            if len(routes) > MAX_PATHS:
                raise UnsupportedError(
                    f"the Jacobian of {target.name} has more than {MAX_PATHS} paths",
                    mend="take the Jacobian of each layer, or of a cell with fewer branches",
                )
            self.found[target] = routes

    def of(self, var: Var) -> list[Route]:
        """The ways to a variable; none if it does not depend on the state."""
        return self.found.get(var, [])

    def _linear(
        self, expr: sp.Expr, shape: tuple[tuple[str, ...], ...]
    ) -> Iterator[tuple[tuple[Factor, ...], Var]]:
        """The terms of an expression that is linear in the tangents: (factors, tangent)."""
        if isinstance(expr, sp.Add):
            for term in expr.args:
                yield from self._linear(term, shape)
        elif shape and not shape_of(expr):  # a number that is broadcast
            for factors, dot in self._linear(expr, ()):
                yield (Factor("column", (sp.S.One,)), *factors), dot
        elif isinstance(expr, Var):
            yield (), expr
        elif isinstance(expr, sp.Mul):
            inner = next(a for a in expr.args if self._moves(a))
            slope = sp.Mul(*(a for a in expr.args if a is not inner))
            lifted = shape_of(slope) and not shape_of(inner)
            first = Factor("column" if lifted else "diag", (slope,))
            for factors, dot in self._linear(inner, shape_of(inner)):
                yield (first, *factors), dot
        elif isinstance(expr, Node):
            yield from self._through_node(expr)
        else:
            raise AssertionError(f"{expr} is not linear in the tangents")

    def _through_node(self, node: Node) -> Iterator[tuple[tuple[Factor, ...], Var]]:
        if isinstance(node, Concat):
            at = 0
            (whole,) = node.shape
            for item, dim in zip(node.operands, node.blocks, strict=True):
                factor = Factor("embed", (), (at, at + len(dim)), whole)
                at += len(dim)
                if self._moves(item):
                    for factors, dot in self._linear(item, (dim,)):
                        yield (factor, *factors), dot
            return
        if isinstance(node, MatVec):
            first, inner = Factor("matrix", (node.args[0],)), node.args[1]
        elif isinstance(node, Total):
            first, inner = Factor("row", (sp.S.One,)), node.args[0]
        elif isinstance(node, Slice):
            first = Factor("restrict", (), node.bounds, node.whole[-1])
            inner = node.args[0]
        else:
            raise AssertionError(f"{type(node).__name__} is not linear")
        for factors, dot in self._linear(inner, shape_of(inner)):
            yield (first, *factors), dot

    def _moves(self, expr: sp.Expr) -> bool:
        return any(v in self.dots for v in variables_of(expr))


def _merge(factors: tuple[Factor, ...]) -> tuple[Factor, ...]:
    """Join neighbours: diagonals into one, a matrix and the block it acts on into its columns."""
    merged: list[Factor] = []
    for factor in factors:
        last = merged[-1] if merged else None
        if last is None:
            merged.append(factor)
        elif {last.kind, factor.kind} == {"diag"} or (last.kind, factor.kind) in {
            ("diag", "column"),
            ("row", "diag"),
        }:
            kind = "diag" if last.kind == factor.kind else {last.kind, factor.kind} - {"diag"}
            parts = tuple(p for p in (*last.parts, *factor.parts) if p != 1)
            merged[-1] = Factor(kind if isinstance(kind, str) else kind.pop(), parts or (sp.S.One,))
        elif last.kind == "matrix" and factor.kind == "embed":
            (matrix,) = last.parts
            columns = Slice(matrix, Dims(shape_of(matrix)), *factor.bounds)
            merged[-1] = Factor("matrix", (columns,))
        else:
            merged.append(factor)
    return tuple(merged)


def _name_all(cell: Cell, routes: list[Route]) -> Iterator[Path]:
    """Name the paths of one block; those through fewest variables come first."""
    position = {str(v.name): k for k, v in enumerate(cell.program.variables)}
    shown = []
    for through, factors in routes:
        named = tuple(n for n in through if not _is_argument(n, position))
        shown.append((named, factors))
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


def _is_argument(name: str, position: dict[str, int]) -> bool:
    """Whether the name is that of an activation's argument, which a reader needs not hear of."""
    bare = name.removeprefix(ARGUMENT)
    return bare != name and (bare in position or bare.rpartition("_")[0] in position)
