"""A cell seen from one unit of an infinitely wide network: no vectors, no matrices.

With independent random weights, a matrix times a vector is, at each unit, a Gaussian number of
variance σ² E v², and a mean over the units is a number that does not fluctuate. What is left of the
cell is elementwise: lines over Gaussians (:class:`Leaf`), means (:class:`Average`), the states, the
inputs and the biases of the unit. The Jacobian's paths become :class:`Route`: which matrices they
pass, and the diagonals around them.

Source: Yang 2019, arXiv:1910.12478 (Tensor Programs I, programs without transposes).
"""

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, pairwise, product
from typing import TypeAlias

import sympy as sp

from gru_sym.algebra.expr import Expr, Node, Size, Var, shape_of
from gru_sym.algebra.nodes import Concat, MatVec, Slice, Total
from gru_sym.cells.equations import Cell
from gru_sym.derive.bundles import bundled
from gru_sym.derive.families import families
from gru_sym.derive.jacobian import Jacobian
from gru_sym.derive.paths import Factor
from gru_sym.errors import UnsupportedError
from gru_sym.flow.initial.roles import Product, part_of, products

__all__ = ["Average", "Item", "Leaf", "Line", "MatrixKey", "Route", "Unit", "unit_of"]

MatrixKey: TypeAlias = tuple[str, tuple[int, int]]
"""A matrix and the bounds of some of its columns; what acts transposed has the bounds of rows."""


@dataclass(frozen=True)
class Leaf:
    """What a matrix gives at one unit: N(0, σ² E argument²).

    Leaves of one matrix are jointly Gaussian, of covariance σ² E (argument · argument'); those of
    different matrices are independent.
    """

    symbol: Var
    matrix: MatrixKey
    argument: Expr


@dataclass(frozen=True)
class Average:
    """The mean of an expression over the units: a number."""

    symbol: Var
    expr: Expr


@dataclass(frozen=True)
class Line:
    """A definition at one unit."""

    symbol: Var
    expr: Expr


Item: TypeAlias = Leaf | Average | Line


@dataclass(frozen=True)
class Route:
    """A path of the Jacobian: diagonal, matrix, diagonal, …, matrix, diagonal.

    Attributes:
        name: the family of the path, as :func:`~gru_sym.derive.families.families` calls it.
        matrices: the matrices, from the left.
        diagonals: what stands before, between and behind them, elementwise; one more.
    """

    name: str
    matrices: tuple[MatrixKey, ...]
    diagonals: tuple[Expr, ...]


@dataclass(frozen=True)
class Unit:
    """A cell at one unit.

    Attributes:
        cell: the cell.
        items: what is computed, in order.
        nexts: the next value of each state.
        routes: (next state, state) → the paths that matter in the limit: those by a mean over all
            units are of rank one, and weigh 1/N.
    """

    cell: Cell
    items: tuple[Item, ...]
    nexts: tuple[Var, ...]
    routes: Mapping[tuple[Var, Var], tuple[Route, ...]]

    @property
    def inlined(self) -> dict[Var, Expr]:
        """Each line over leaves, averages, states, inputs and parameters alone."""
        found: dict[Var, Expr] = {}
        for item in self.items:
            if isinstance(item, Line):
                found[item.symbol] = item.expr.xreplace(found)
        return found


def unit_of(cell: Cell) -> Unit:
    """The cell at one unit, and its paths.

    Args:
        cell: any cell whose states and inputs are vectors.

    Raises:
        UnsupportedError: the cell has no such limit: it has a softmax or a logsumexp, a sum over
            units that is no mean, a number as state or input, a matrix that acts together with its
            transpose, or a matrix that is no parameter.
    """
    for var in (*cell.states, *cell.inputs):
        if len(var.shape) != 1:
            raise _no_limit(cell, f"`{var.name}` is a number, which does not average out")
    builder = _Builder(cell)
    program = cell.program.computing(cell.nexts)
    joined: set[Var] = set()  # vectors of several parts: their parts alone are of use
    for line in program:
        if _joins(line.expr, joined) and len(line.var.shape) == 1:
            joined.add(line.var)
        elif len(line.var.shape) < 2:
            builder.items.append(Line(line.var, builder.lowered(line.expr)))
    paths = bundled(cell)
    routes: dict[tuple[Var, Var], tuple[Route, ...]] = dict.fromkeys(paths.blocks, ())
    for family in families(cell, paths):
        for after, state, path in family.members:
            for factors in _expanded(paths, path.factors):
                routes[after, state] += tuple(builder.routes(family.name, factors))
    builder.check_matrices()
    return Unit(cell, tuple(builder.items), cell.nexts, routes)


def _expanded(paths: Jacobian, factors: Sequence[Factor]) -> Iterator[tuple[Factor, ...]]:
    """The ways of a path: of what it takes together, as a layer norm, each way alone."""
    ways = []
    for factor in factors:
        if factor.kind == "bundle":
            inner = paths.bundles[factor.parts[0], factor.parts[1]]
            ways.append([way for path in inner for way in _expanded(paths, path.factors)])
        else:
            ways.append([(factor,)])
    yield from (tuple(chain.from_iterable(way)) for way in product(*ways))


def _joins(expr: Expr, joined: Collection[Var]) -> bool:
    """Whether it is made of vectors that stand one above the other, not inside of a node."""
    if isinstance(expr, Node) or expr in joined:
        return isinstance(expr, Concat | Var)
    return any(_joins(arg, joined) for arg in expr.args)


def _no_limit(cell: Cell, why: str) -> UnsupportedError:
    return UnsupportedError(
        f"`{cell.name}` has no limit of infinite width: {why}",
        mend="measure it at a finite width, from its Jacobians",
    )


class _Builder:
    """Lowers expressions; what it meets twice is the same symbol."""

    def __init__(self, cell: Cell) -> None:
        self.cell = cell
        self.lines = cell.program.as_mapping
        self.items: list[Item] = []
        self.leaves: dict[tuple[MatrixKey, Expr], Var] = {}
        self.averages: dict[Expr, Var] = {}
        self.ways: dict[str, set[tuple[tuple[int, int], bool]]] = {}

    def lowered(self, expr: Expr) -> Expr:
        """The expression at one unit; leaves and averages in it become items."""
        found = self._lowered(expr)
        if found.atoms(Size):
            raise _no_limit(self.cell, f"the sum in `{expr}` grows with the number of units")
        return found

    def _lowered(self, expr: Expr) -> Expr:
        if isinstance(expr, MatVec):
            return sp.Add(*(self._leaf(term) for term in products(expr, self.lines)))
        if isinstance(expr, Total) and all(len(dim) == 1 for dim in expr.summed):
            (size,) = (Size(name) for dim in expr.summed for name in dim)
            return size * self._average(self.lowered(expr.args[0]))
        if isinstance(expr, Node):
            what = "[…]" if isinstance(expr, Concat) else type(expr).__name__.lower()
            raise _no_limit(self.cell, f"`{what}` joins units that are not alike")
        if isinstance(expr, Var) or not expr.args:
            return expr
        return expr.func(*(self._lowered(arg) for arg in expr.args))

    def _average(self, expr: Expr) -> Expr:
        if expr not in self.averages:
            self.averages[expr] = Var(f"mean {len(self.averages)}")
            self.items.append(Average(self.averages[expr], expr))
        return self.averages[expr]

    def _leaf(self, term: Product) -> Expr:
        key = self._key(term)
        argument = self.lowered(term.vector)
        content, argument = argument.primitive()
        if argument == 0:
            return sp.S.Zero
        if (key, argument) not in self.leaves:
            self.leaves[key, argument] = Var(f"{key[0]} {len(self.leaves)}")
            self.items.append(Leaf(self.leaves[key, argument], key, argument))
        return content * self.lowered(term.coefficient) * self.leaves[key, argument]

    def _key(self, term: Product) -> MatrixKey:
        name = str(term.matrix.name)
        self.ways.setdefault(name, set()).add((term.columns, term.transposed))
        return name, term.columns

    def check_matrices(self) -> None:
        """Refuse what would make two products of one matrix depend on each other otherwise."""
        for name, ways in self.ways.items():
            if len({transposed for _, transposed in ways}) > 1:
                raise _no_limit(self.cell, f"`{name}` acts together with its transpose")
            bounds = sorted(bounds for bounds, _ in ways)
            if any(a[1] > b[0] for a, b in pairwise(bounds)):
                raise _no_limit(self.cell, f"`{name}` acts as a whole and in parts")

    # -- paths ---------------------------------------------------------------------------------

    def routes(self, name: str, factors: Sequence[Factor]) -> Iterator[Route]:
        """A path at one unit: one route for each choice of a matrix out of sums of them."""
        if any(f.kind in {"row", "column"} for f in factors):
            return
        steps: list[list[tuple[Expr, MatrixKey]]] = []
        diagonals: list[list[Expr]] = [[]]
        for at, factor in enumerate(factors):
            if factor.kind == "diag":
                diagonals[-1].extend(factor.parts)
            elif factor.kind == "matrix":
                bounds = _restricted(factors[at + 1 :])
                steps.append([(t.coefficient, self._key(t)) for t in self._terms(factor, bounds)])
                diagonals.append([])
            elif factor.kind == "embed":
                start, stop = factor.bounds
                diagonals[-1] = [part_of(p, start, stop, self.lines) for p in diagonals[-1]]
            else:
                raise _no_limit(self.cell, f"a path is by a {factor.kind}")
        whole = [sp.Mul(*(self.lowered(p) for p in parts)) for parts in diagonals]
        for choice in product(*steps):
            first = sp.Mul(whole[0], *(self.lowered(coefficient) for coefficient, _ in choice))
            yield Route(name, tuple(key for _, key in choice), (first, *whole[1:]))

    def _terms(self, factor: Factor, bounds: tuple[int, int] | None) -> Iterator[Product]:
        """The parameters that a matrix of a path consists of."""
        (matrix,) = factor.parts
        if isinstance(matrix, Slice):
            bounds, matrix = matrix.bounds, matrix.operands[0]
        columns = shape_of(matrix)[1]
        for term in products(MatVec(matrix, Var("any vector", (columns,))), self.lines):
            yield Product(
                term.coefficient, term.matrix, bounds or term.columns, term.transposed, term.vector
            )


def _restricted(factors: Sequence[Factor]) -> tuple[int, int] | None:
    """The columns of a matrix that a block behind it leaves, as in ``W diag(v) embed``."""
    for factor in factors:
        if factor.kind == "embed":
            return factor.bounds
        if factor.kind != "diag":
            return None
    return None
