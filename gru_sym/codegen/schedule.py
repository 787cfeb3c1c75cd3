"""Order the work: definitions become statements, each one node or one block of elementwise lines.

No backend is known here. A node (a product, a sum …) gets plain variables as operands; what lies
between nodes is gathered into blocks as long as no node needs a value from inside the block, so
that a block's common subexpressions can be shared.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import TypeAlias

import sympy as sp

from gru_sym.algebra.expr import Dims, Expr, Node, Shape, Size, Var, nodes_of, shape_of
from gru_sym.algebra.expr import variables_of as variables_in
from gru_sym.algebra.nodes import (
    Concat,
    LogSumExp,
    MatVec,
    Outer,
    Slice,
    Softmax,
    SumT,
    Total,
    Transpose,
)
from gru_sym.algebra.program import Definition
from gru_sym.codegen.passes.parts import is_varying
from gru_sym.errors import UnsupportedError

__all__ = ["ROWS", "Apply", "Block", "Line", "Scheduler", "Statement", "sum_inside"]


ROWS = "rows_"
"""The size that stands for T·B; no dimension has a name that ends with an underscore."""


@dataclass(frozen=True, slots=True)
class Apply:
    """``target = node(operands)``."""

    target: Var
    node: Node
    operands: tuple[Var, ...]


@dataclass(frozen=True, slots=True)
class Line:
    """``target = expr``, elementwise. ``fill``: the value has fewer axes than the target."""

    target: Var
    expr: Expr
    fill: bool


@dataclass(frozen=True, slots=True)
class Block:
    """Elementwise lines that are computed together."""

    lines: tuple[Line, ...]


Statement: TypeAlias = Apply | Block

_LONGEST_HINT = 40


@dataclass
class _Stream:
    """Statements in order, and the block that is still open."""

    done: list[Statement] = field(default_factory=list)
    pending: list[Line] = field(default_factory=list)

    def apply(self, statement: Apply) -> None:
        if {line.target for line in self.pending} & set(statement.operands):
            self.flush()
        self.done.append(statement)

    def flush(self) -> None:
        if self.pending:
            self.done.append(Block(tuple(self.pending)))
            self.pending = []


class Scheduler:
    """Turns definitions, given one by one, into statements.

    Args:
        varying: the variables that have a value for each step and sequence.
    """

    def __init__(self, varying: Iterable[Var]) -> None:
        self.varying = set(varying)
        self._stream = _Stream()
        self._known: dict[tuple[Expr, Shape, bool], Var] = {}
        self._names: set[str] = set()

    @property
    def body(self) -> list[Statement]:
        """The statements so far."""
        self._stream.flush()
        return self._stream.done

    def define(self, definition: Definition) -> None:
        """Schedule ``var = expr``."""
        var, expr = definition.var, sum_inside(definition.expr, self.varying)
        key = (expr, var.shape, var in self.varying)
        if isinstance(expr, Node) and expr.shape == var.shape and key not in self._known:
            operands = self._operands(expr)
            if self._varies(operands, expr) == (var in self.varying):
                self._known[key] = var
                self._stream.apply(Apply(var, expr, operands))
                return
        self._line(var, self._lift(expr))

    def operand(self, expr: Expr, shape: Shape, *, varies: bool | None = None) -> Var:
        """A variable that holds ``expr`` as an array of this shape.

        Args:
            expr: any expression.
            shape: the shape in which it stands; a scalar is broadcast to it.
            varies: whether the array must have a row for each step and sequence; None: as it comes.
        """
        expr = self._lift(expr)
        if varies is None:
            varies = is_varying(expr, self.varying)
        same_kind = isinstance(expr, Var) and (expr in self.varying) == varies
        if same_kind and expr.shape == shape:
            return expr
        key = (expr, shape, varies)
        if key not in self._known:
            temporary = self._new(_hint(expr), shape, varies=varies)
            self._known[key] = temporary
            self._line(temporary, expr)
        return self._known[key]

    def _line(self, var: Var, expr: Expr) -> None:
        lacks_rows = var in self.varying and not is_varying(expr, self.varying)
        fill = lacks_rows or (bool(var.shape) and not shape_of(expr)) or not variables_in(expr)
        self._stream.pending.append(Line(var, expr, fill))

    def _lift(self, expr: Expr) -> Expr:
        """The expression with each node replaced by a variable that holds its value."""
        return expr.xreplace({node: self._value(node) for node in nodes_of(expr)})

    def _value(self, node: Node) -> Var:
        operands = self._operands(node)
        varies = self._varies(operands, node)
        key = (node, node.shape, varies)
        if key not in self._known:
            target = self._new(_hint(node), node.shape, varies=varies)
            self._known[key] = target
            self._stream.apply(Apply(target, node, operands))
        return self._known[key]

    def _operands(self, node: Node) -> tuple[Var, ...]:
        """Variables for the operands of a node, each of the shape that the node asks for."""
        match node:
            case Transpose():
                return (self.operand(node.args[0], node.shape[::-1]),)
            case MatVec():
                matrix, vector = node.args
                rows, columns = shape_of(matrix)
                if isinstance(matrix, Transpose):
                    held = self.operand(matrix.args[0], (columns, rows))
                else:
                    held = self.operand(matrix, (rows, columns))
                if held in self.varying:
                    raise UnsupportedError(f"{node}: a matrix that varies over time")
                return held, self.operand(vector, (columns,))
            case SumT(args=(Outer() as outer,)):
                left, right, _ = outer.args
                rows, columns = outer.shape
                return (
                    self.operand(left, (rows,), varies=True),
                    self.operand(right, (columns,), varies=True),
                )
            case SumT():
                return (self.operand(node.args[0], node.shape, varies=True),)
            case Outer():
                left, right, _ = node.args
                pair = self.operand(left, node.shape[:1]), self.operand(right, node.shape[1:])
                if self.varying & set(pair):
                    raise UnsupportedError(f"{node}: a matrix that varies over time")
                return pair
            case Concat():
                varies = any(is_varying(item, self.varying) for item in node.operands)
                lead = node.shape[:-1]
                return tuple(
                    self.operand(item, (*lead, dim), varies=varies)
                    for item, dim in zip(node.operands, node.blocks, strict=True)
                )
            case Slice():
                return (self.operand(node.args[0], node.whole),)
            case Total() | LogSumExp():
                return (self.operand(node.args[0], node.summed),)
            case Softmax():
                return (self.operand(node.args[0], node.shape),)
        raise AssertionError(f"no schedule for {type(node).__name__}")

    def _varies(self, operands: Iterable[Var], node: Node) -> bool:
        return not isinstance(node, SumT) and any(v in self.varying for v in operands)

    def _new(self, hint: str, shape: Shape, *, varies: bool) -> Var:
        # No name of a cell begins with an underscore.
        hint = hint[:_LONGEST_HINT]
        name, number = f"_{hint}", 1
        while name in self._names:
            number += 1
            name = f"_{hint}_{number}"
        self._names.add(name)
        var = Var(name, shape)
        if varies:
            self.varying.add(var)
        return var


def _hint(expr: Expr) -> str:
    """A name for a value, from what it is made of."""
    match expr:
        case MatVec():
            matrix, vector = expr.args
            turned = isinstance(matrix, Transpose)
            inner = matrix.args[0] if turned else matrix
            return f"{_hint(inner)}{'_T' if turned else ''}_{_hint(vector)}"
        case Transpose():
            return f"{_hint(expr.args[0])}_T"
        case Total() | SumT():
            return f"sum_{_hint(expr.args[0])}"
        case Var():
            return str(expr.name).strip("_")
        case sp.Mul() if all(isinstance(f, Var) for f in expr.args):
            return "_".join(_hint(f) for f in expr.args)
        case Node():
            return type(expr).__name__.lower()
    return "v"


def sum_inside(expr: Expr, varying: Iterable[Var]) -> Expr:
    """Move each sum over t inwards to the outer products, which it makes one product of matrices.

    ``SumT(sum(W * outer(u, v)))`` becomes ``sum(W * SumT(outer(u, v)))``: no matrix varies then.
    """
    varying = frozenset(varying)
    sums = [node for node in expr.atoms(SumT) if node.args[0].has(Outer)]
    return expr.xreplace({node: _summed(node.args[0], varying) for node in sums})


def _summed(expr: Expr, varying: frozenset[Var]) -> Expr:
    if not variables_in(expr) & varying:
        return Size(ROWS) * expr
    if not expr.has(Outer):
        return SumT(expr)
    match expr:
        case Outer():
            return SumT(expr)
        case sp.Add():
            return sp.Add(*(_summed(term, varying) for term in expr.args))
        case sp.Mul():
            fixed, moving = _parted(expr.args, varying)
            if len(moving) == 1:
                return sp.Mul(*fixed) * _summed(moving[0], varying)
            return sp.Mul(*fixed) * _summed(_absorbed(moving), varying)
        case Total():
            return Total(_summed(expr.args[0], varying), Dims(expr.summed))
        case Transpose():
            return Transpose(_summed(expr.args[0], varying))
        case Slice():
            return Slice(_summed(expr.args[0], varying), *expr.args[1:])
        case Concat():
            return Concat(*(_summed(item, varying) for item in expr.operands), expr.args[-1])
    raise UnsupportedError(f"the sum over time of {expr}")


def _parted(factors: Iterable[Expr], varying: frozenset[Var]) -> tuple[list[Expr], list[Expr]]:
    fixed: list[Expr] = []
    moving: list[Expr] = []
    for factor in factors:
        (moving if variables_in(factor) & varying else fixed).append(factor)
    return fixed, moving


def _absorbed(factors: list[Expr]) -> Expr:
    """Varying scalars, moved into the outer product that they multiply."""
    holders = [f for f in factors if f.has(Outer)]
    scalars = [f for f in factors if not f.has(Outer)]
    if len(holders) != 1 or any(shape_of(s) for s in scalars):
        raise UnsupportedError(f"the sum over time of {sp.Mul(*factors)}")
    outers = list(_outers(holders[0]))
    scale = sp.Mul(*scalars)
    return holders[0].xreplace({o: Outer(scale * o.args[0], o.args[1], o.shape) for o in outers})


def _outers(expr: Expr) -> Iterator[Outer]:
    yield from expr.atoms(Outer)
