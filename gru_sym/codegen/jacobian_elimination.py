"""The Jacobian of a step with few products of matrices: variables are eliminated one by one.

A step is a graph: an arrow from a variable to another that is computed from it carries the local
derivative. To eliminate a variable, each way in is multiplied with each way out; at last there are
arrows from states to next states alone, the blocks of the Jacobian. In which order decides the
cost: products of diagonals, which are vectors, go first. (Griewank & Walther, Evaluating
Derivatives, SIAM 2008, chapter 9.)

The sum is that of :func:`~gru_sym.derive.jacobian.jacobian`, where each path is multiplied out.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace

from gru_sym.algebra.expr import Expr, Shape, Var, shape_of, variables_of
from gru_sym.algebra.nodes import Concat, MatVec
from gru_sym.algebra.program import Definition, Program
from gru_sym.cells.equations import Cell
from gru_sym.codegen.jacobian_chains import Chain, Chains, chain, is_full, products, total
from gru_sym.codegen.passes.parts import hint
from gru_sym.derive.jvp import tangent_lines, tangent_of
from gru_sym.derive.local import linear_terms
from gru_sym.derive.paths import Factor

__all__ = ["Block", "Elimination", "Matrix", "eliminated"]

Block = tuple[Var, Var]
"""Next state, state."""


@dataclass(frozen=True)
class Matrix:
    """A matrix at each step.

    Attributes:
        var: its name, and its shape.
        terms: what it is the sum of; nothing for a matrix of zeros. A factor of the kind ``value``
            is a matrix before it.
    """

    var: Var
    terms: Chains


@dataclass(frozen=True)
class Elimination:
    """A Jacobian as matrices to be computed one after another.

    Attributes:
        matrices: in order, the blocks among them.
        blocks: for each pair, the variable of the matrix that is ∂next/∂state.
    """

    matrices: tuple[Matrix, ...]
    blocks: Mapping[Block, Var]

    @property
    def products(self) -> int:
        """How many products of two matrices a step costs."""
        return sum(products(term) for matrix in self.matrices for term in matrix.terms)


def eliminated(cell: Cell, fresh: Callable[[str], str]) -> Elimination:
    """The Jacobian of one step with respect to the states, (S, S), for all steps alike.

    Args:
        cell: any cell.
        fresh: makes names for matrices, from those that are wanted.
    """
    program, meaning = _operands_named(cell, fresh)
    graph = _Graph(program.computing(cell.nexts), cell, fresh)
    while (var := graph.cheapest()) is not None:
        graph.eliminate(var)
    blocks = graph.finish()
    return Elimination(tuple(_in_known(matrix, meaning) for matrix in graph.matrices), blocks)


# -- operands --------------------------------------------------------------------------------------


def _operands_named(cell: Cell, fresh: Callable[[str], str]) -> tuple[Program, dict[Var, Expr]]:
    """The program where a matrix is applied to variables alone, and what the new ones are.

    In ``U @ (r * h)`` the ways by r and by h are added before they are multiplied by U.
    """
    moving = cell.program.depending_on(cell.states)
    known: dict[tuple[Expr, Shape], Var] = {}
    lines: list[Definition] = []

    def named(expr: Expr, shape: Shape) -> Expr:
        if isinstance(expr, Var) or variables_of(expr).isdisjoint(moving):
            return expr
        if isinstance(expr, Concat):
            parts = zip(expr.operands, expr.blocks, strict=True)
            return Concat(*(named(part, (dim,)) for part, dim in parts), expr.args[-1])
        if (expr, shape) not in known:
            value = opened(expr)
            known[expr, shape] = Var(fresh(hint(expr) or "operand"), shape)
            lines.append(Definition(known[expr, shape], value))
        return known[expr, shape]

    def opened(expr: Expr) -> Expr:
        if isinstance(expr, MatVec):
            matrix, vector = expr.args
            return MatVec(matrix, named(vector, shape_of(matrix)[1:]))
        return expr.func(*map(opened, expr.args)) if expr.has(MatVec) else expr

    for d in cell.program:
        value = opened(d.expr)
        lines.append(Definition(d.var, value))
    meaning = {var: expr for (expr, _), var in known.items()}
    return replace(cell.program, definitions=tuple(lines)), meaning


def _in_known(matrix: Matrix, meaning: Mapping[Var, Expr]) -> Matrix:
    """The matrix in the variables of the cell, which a trajectory has."""

    def known(factor: Factor) -> Factor:
        return replace(factor, parts=tuple(part.xreplace(meaning) for part in factor.parts))

    return replace(matrix, terms=tuple(tuple(map(known, term)) for term in matrix.terms))


# -- the graph -------------------------------------------------------------------------------------


class _Graph:
    """The arrows between the variables of a step, and the matrices that have got a name.

    Args:
        program: the step.
        cell: the cell that it is of.
        fresh: makes names for matrices.
    """

    def __init__(self, program: Program, cell: Cell, fresh: Callable[[str], str]) -> None:
        self.matrices: list[Matrix] = []
        self._cell, self._fresh = cell, fresh
        self._into: dict[Var, dict[Var, Chains]] = {}
        dots = {tangent_of(v): v for v in program.variables}
        for line in tangent_lines(program, cell.states):
            found: dict[Var, list[Chain]] = {}
            if line.expr != 0:
                for factors, dot in linear_terms(line.expr, line.var.shape, dots):
                    found.setdefault(dots[dot], []).append(chain(*factors))
            arrows = {var: total(chains) for var, chains in found.items()}
            self._into[dots[line.var]] = {var: sums for var, sums in arrows.items() if sums}

    def cheapest(self) -> Var | None:
        """The variable between states and next states that costs least to eliminate."""
        inner = [var for var in self._into if var not in self._cell.nexts]
        return min(inner, key=self._cost, default=None)

    def _cost(self, var: Var) -> tuple[int, int]:
        ins, outs = self._into[var].values(), self._out_of(var).values()
        return sum(_cost(out, into) for out in outs for into in ins), len(ins) * len(outs)

    def _out_of(self, var: Var) -> dict[Var, Chains]:
        return {to: arrows[var] for to, arrows in self._into.items() if var in arrows}

    def eliminate(self, var: Var) -> None:
        """Join each way into a variable with each way out of it."""
        outs, ins = self._out_of(var), self._into.pop(var)
        for to in outs:
            del self._into[to][var]
        ins = {by: self._used(into, (var, by), len(outs)) for by, into in ins.items()}
        for to, out in outs.items():
            self._through(to, var, out, ins)

    def finish(self) -> dict[Block, Var]:
        """The blocks: where a next state is made from another, that one's are multiplied on."""
        place = {var: k for k, var in enumerate(self._into)}
        nexts, states = self._cell.nexts, self._cell.states
        blocks: dict[Block, Var] = {}
        for after in sorted(nexts, key=lambda var: place.get(var, -1)):
            arrows = self._into.setdefault(after, {})
            for other in [var for var in arrows if var in nexts]:
                out = arrows.pop(other)
                ins = {
                    state: _as_value(blocks[other, state]) if _is_dear(out, into) else into
                    for state, into in self._into[other].items()
                }
                self._through(after, other, out, ins)
            for state in states:
                var = self._name(after, state)
                blocks[after, state] = var
                self.matrices.append(Matrix(var, arrows.get(state, ())))
        return {(after, state): blocks[after, state] for after in nexts for state in states}

    def _through(self, to: Var, var: Var, out: Chains, ins: Mapping[Var, Chains]) -> None:
        """Add the ways to a variable by another."""
        arrows = self._into[to]
        out = self._used(out, (to, var), len(ins))
        for by, into in ins.items():
            sums = total((*arrows.get(by, ()), *self._times(out, (to, var), into, (var, by))))
            arrows.pop(by, None)
            if sums:
                arrows[by] = sums

    def _times(self, out: Chains, to: Block, into: Chains, by: Block) -> Iterable[Chain]:
        """The product of two sums; what would be multiplied out twice, or get long, has a name."""
        if any(map(is_full, out)) and any(map(is_full, into)):
            out = self._valued(out, to) if len(out) > 1 else out
            into = self._valued(into, by) if len(into) > 1 else into
            if products(chain(*out[0], *into[0])) > 1:
                out, into = self._used(out, to, 2), self._used(into, by, 2)
        return [chain(*left, *right) for left in out for right in into]

    def _used(self, sums: Chains, ends: Block, times: int) -> Chains:
        """The sum, under a name where it has a product of matrices and is used more than once."""
        return self._valued(sums, ends) if times > 1 and any(map(products, sums)) else sums

    def _valued(self, sums: Chains, ends: Block) -> Chains:
        var = self._name(*ends)
        self.matrices.append(Matrix(var, sums))
        return _as_value(var)

    def _name(self, of: Var, by: Var) -> Var:
        return Var(self._fresh(f"d{of.name}_d{by.name}"), (of.shape[0], by.shape[0]))


def _as_value(var: Var) -> Chains:
    return ((Factor("value", (var,)),),)


def _is_dear(out: Chains, into: Chains) -> bool:
    """Whether a block is better multiplied as it is than term by term."""
    both = any(map(is_full, out)) and any(map(is_full, into))
    return any(map(products, into)) or (both and len(into) > 1)


def _cost(out: Chains, into: Chains) -> int:
    """How many products of matrices two sums cost, multiplied with each other."""
    if not (any(map(is_full, out)) and any(map(is_full, into))):
        return 0
    if len(out) > 1 or len(into) > 1:
        return 1
    (left,), (right,) = out, into
    return products(chain(*left, *right)) - products(left) - products(right)
