"""A Scan as one loop over steps and sequences, where every operand of a node is a variable.

For a backend that computes number by number: each sequence is on its own, so that all that varies
is one list of lines, whatever its part of the Scan; what does not vary is computed ahead of the
loop, and sums over time after it.
"""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

import sympy as sp

from gru_sym.algebra.expr import Expr, Node, Shape, Var, nodes_of, shape_of, variables_of
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
from gru_sym.algebra.program import Definition, Scan
from gru_sym.algebra.rules import Elementwise
from gru_sym.codegen.passes.parts import hint, needed
from gru_sym.codegen.schedule import sum_inside
from gru_sym.errors import UnsupportedError

__all__ = ["Loop", "loop_of", "part_name"]

_LONGEST = 20
"""Of a name that says what a value is made of."""


@dataclass
class Loop:
    """The lines of a Scan.

    A value is a node of variables; a sum of such nodes, all of its shape, and of what is
    elementwise; or elementwise in variables, where a scalar may hold a ``Total`` of what is.

    Attributes:
        ahead: what is the same at each step.
        body: what varies.
        after: what needs sums over time; each such sum is of a variable, or of an outer product of
            two.
        varying: the variables that have a value for each step and sequence.
    """

    ahead: list[Definition] = field(default_factory=list)
    body: list[Definition] = field(default_factory=list)
    after: list[Definition] = field(default_factory=list)
    varying: set[Var] = field(default_factory=set)

    def without_the_rest(self, wanted: Iterable[Var]) -> "Loop":
        """Only the lines that the wanted variables are computed from."""
        wanted = set(wanted)
        after = needed(self.after, wanted)
        wanted |= variables_of(d.expr for d in after)
        body = needed(self.body, wanted)
        wanted |= variables_of(d.expr for d in body)
        return Loop(needed(self.ahead, wanted), body, after, self.varying)

    @property
    def summed(self) -> tuple[Var, ...]:
        """The variables whose values at all steps are summed, in the order of their use."""
        sums = [node for d in self.after for node in nodes_of(d.expr) if isinstance(node, SumT)]
        found = (v for node in sums for arg in node.args for v in _factors(arg))
        return tuple(dict.fromkeys(found))


def loop_of(scan: Scan, fresh: Callable[[str], str]) -> Loop:
    """The loop of a Scan.

    Args:
        scan: any.
        fresh: gives a name that nothing has, from the name that is wanted.

    Raises:
        UnsupportedError: a matrix varies over time.
    """
    opening = _Opening(scan, fresh)
    loop = opening.loop
    for part in (scan.before, scan.step, scan.after):
        for d in part:
            if d.var in loop.varying:
                if len(d.var.shape) == 2:
                    raise UnsupportedError(f"{d.name}: a matrix that varies over time")
                opening.define(d, loop.body)
            else:
                opening.define(d, loop.after if part is scan.after else loop.ahead)
    return loop


def _factors(expr: Expr) -> tuple[Expr, ...]:
    return expr.operands[:2] if isinstance(expr, Outer) else (expr,)


def part_name(name: str) -> str:
    """What a part of a value is called.

    >>> part_name("h_bar"), part_name("h_bar_part_2")
    ('h_bar_part', 'h_bar_part')
    """
    return re.sub(r"_part(_\d+)?$", "", name) + "_part"


class _Opening:
    def __init__(self, scan: Scan, fresh: Callable[[str], str]) -> None:
        self.loop = Loop(varying=set(scan.sequences))
        self._fresh = fresh
        self._known: dict[tuple[Expr, Shape], Var] = {}
        self._lines: list[Definition] = []
        self._for = ""

    def define(self, d: Definition, lines: list[Definition]) -> None:
        """Add a line, after lines for its operands."""
        self._lines, self._for = lines, d.name
        expr = sum_inside(d.expr, self.loop.varying) if lines is self.loop.after else d.expr
        value = self._value(expr, d.var.shape)
        lines.append(Definition(d.var, value))
        self._known.setdefault((value, d.var.shape), d.var)

    def _value(self, expr: Expr, shape: Shape) -> Expr:
        if isinstance(expr, Node) and expr.shape == shape:
            return self._node(expr)
        nodes = [t for t in sp.Add.make_args(expr) if isinstance(t, Node) and t.shape == shape]
        rest = expr - sp.Add(*nodes)
        if shape and nodes and (rest == 0 or shape_of(rest)):
            return sp.Add(self._elementwise(rest, shape), *map(self._node, nodes))
        return self._elementwise(expr, shape)

    def _elementwise(self, expr: Expr, shape: Shape) -> Expr:
        """The expression with variables for its nodes, but for what a scalar may hold."""
        nodes = {}
        for node in nodes_of(expr):
            if isinstance(node, Transpose) and isinstance(node.args[0], Var) and len(shape) == 2:
                continue
            inline = isinstance(node, Total) and not shape
            nodes[node] = self._node(node) if inline else self._named(node)
        expr = expr.xreplace(nodes)
        return self._scalars(expr) if shape else expr

    def _scalars(self, expr: Expr) -> Expr:
        """A root or a function of scalars in an array's entries is computed once for all."""
        if not expr.args or isinstance(expr, Node):
            return expr
        power = isinstance(expr, sp.Pow) and not expr.exp.is_Integer
        if (power or isinstance(expr, Elementwise)) and not shape_of(expr) and variables_of(expr):
            return self._variable(expr, ())
        return expr.func(*(self._scalars(arg) for arg in expr.args))

    # -- nodes ---------------------------------------------------------------------------------

    def _node(self, node: Node) -> Expr:
        """The node with variables as operands."""
        match node:
            case MatVec():
                matrix, vector = node.args
                return MatVec(self._matrix(matrix), self._operand(vector, shape_of(matrix)[1:]))
            case Outer():
                left, right, _ = node.args
                n, m = node.shape
                return Outer(self._operand(left, (n,)), self._operand(right, (m,)), node.shape)
            case SumT():
                return self._sum(node)
            case Transpose():
                return Transpose(self._operand(node.args[0], node.shape[::-1]))
            case Total():
                return Total(self._elementwise(node.args[0], node.summed), node.summed)
            case Concat():
                blocks = zip(node.operands, node.blocks, strict=True)
                items = [self._operand(item, (*node.shape[:-1], dim)) for item, dim in blocks]
                return Concat(*items, node.args[-1])
            case Slice():
                return Slice(self._operand(node.args[0], node.whole), *node.args[1:])
            case Softmax():
                return Softmax(self._operand(node.args[0], node.shape), node.args[1])
            case LogSumExp():
                return LogSumExp(self._operand(node.args[0], node.summed), node.args[1])
        raise AssertionError(f"no operands for {type(node).__name__}")

    def _matrix(self, matrix: Expr) -> Var:
        if variables_of(matrix) & self.loop.varying:
            raise UnsupportedError(f"{self._for}: a matrix that varies over time")
        return self._operand(matrix, shape_of(matrix))

    def _sum(self, node: SumT) -> Expr:
        """The sum over time of a variable, or of two; what is summed is computed in the loop."""
        here, self._lines = self._lines, self.loop.body
        summed = node.args[0]
        if isinstance(summed, Outer):
            summed = self._node(summed)
        elif summed not in self.loop.varying:
            summed = self._operand(summed, node.shape, name=f"{self._for}_term", varies=True)
        self._lines = here
        return SumT(summed)

    # -- variables -----------------------------------------------------------------------------

    def _named(self, node: Node) -> Expr:
        return self._operand(node, node.shape)

    def _operand(self, expr: Expr, shape: Shape, *, name: str = "", varies: bool = False) -> Var:
        """A variable of this shape that holds the expression."""
        if isinstance(expr, Var) and expr.shape == shape and not varies:
            return expr
        here = self._lines
        if here is self.loop.body and not varies and not variables_of(expr) & self.loop.varying:
            self._lines = self.loop.ahead
        value = self._value(expr, shape)
        var = self._variable(value, shape, name=name)
        self._lines = here
        return var

    def _variable(self, value: Expr, shape: Shape, *, name: str = "") -> Var:
        lines = self._lines
        if lines is self.loop.body and not name and not variables_of(value) & self.loop.varying:
            lines = self.loop.ahead
        var = self._known.get((value, shape))
        if var is None or not self._reaches(var, lines):
            var = Var(self._fresh(name or self._hint(value)), shape)
            lines.append(Definition(var, value))
            self._known[value, shape] = var
        if lines is self.loop.body:
            self.loop.varying.add(var)
        return var

    def _reaches(self, var: Var, lines: list[Definition]) -> bool:
        """Whether a known variable can be read there."""
        ahead = any(d.var == var for d in self.loop.ahead)
        return ahead or any(d.var == var for d in lines)

    def _hint(self, value: Expr) -> str:
        name = hint(value)
        return name if 0 < len(name) <= _LONGEST else part_name(self._for)
