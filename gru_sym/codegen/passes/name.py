"""name: a value that is used twice, or that a product or a function is applied to, gets a name.

After it every operand of a product and every argument of a function is a variable, and a function
or a product that is not a plain term of a sum is a definition of its own. The cotangent of such a
value then has a name too, backprop reads what the forward pass has computed, and the other passes
need not look into expressions.
"""

import sympy as sp

from gru_sym.algebra.expr import Dims, Expr, Node, Shape, Var, shape_of, variables_of
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
from gru_sym.algebra.program import Definition, Program
from gru_sym.algebra.rules import Elementwise
from gru_sym.codegen.passes.parts import Names, hint

__all__ = ["name", "split"]


def name(program: Program) -> Program:
    """Name the operands of products, the arguments of functions, and what stands inside others."""
    naming = _Naming(program)
    for d in program:
        naming.define(d)
    return Program(program.inputs, tuple(naming.lines), program.outputs)


def split(program: Program, states: frozenset[Var]) -> Program:
    """A matrix times a concatenation becomes a sum of products, one for each part.

    Only where some part does not depend on the states: that product can then leave the loop.
    """
    moving = program.depending_on(states)
    values = program.as_mapping
    names = Names(str(v.name) for v in program.variables)
    columns: dict[Expr, Var] = {}
    lines = []

    def part(matrix: Expr, whole: Shape, start: int, stop: int, item: Expr) -> Var:
        block = Slice(matrix, Dims(whole), start, stop)
        if block not in columns:
            wanted = f"{hint(matrix) or 'matrix'}_{hint(item) or 'part'}"
            columns[block] = Var(names.fresh(wanted), (whole[0], whole[1][start:stop]))
            lines.append(Definition(columns[block], block))
        return columns[block]

    for d in program:
        products = {}
        for node in sorted(d.expr.atoms(MatVec), key=str):
            matrix, vector = node.args
            items = values.get(vector, vector)
            if not isinstance(items, Concat) or variables_of(items) <= moving:
                continue
            at, terms = 0, []
            for item, dim in zip(items.operands, items.blocks, strict=True):
                block = part(matrix, shape_of(matrix), at, at + len(dim), item)
                terms.append(MatVec(block, item))
                at += len(dim)
            products[node] = sp.Add(*terms)
        lines.append(Definition(d.var, d.expr.xreplace(products)))
    return Program(program.inputs, tuple(lines), program.outputs)


class _Naming:
    def __init__(self, program: Program) -> None:
        self.lines: list[Definition] = []
        self._names = Names(str(v.name) for v in program.variables)
        self._known: dict[tuple[Expr, Shape], Var] = {}
        self._for = ""

    def define(self, d: Definition) -> None:
        self._for = d.name
        expr = self._affine(d.expr)
        self.lines.append(Definition(d.var, expr))
        if not isinstance(expr, Var) and not expr.is_Number:
            self._known.setdefault((expr, d.var.shape), d.var)

    def _affine(self, expr: Expr) -> Expr:
        """The expression, where a function, or a sum of products, may stand as it is."""
        if isinstance(expr, sp.Add):
            return sp.Add(*(self._term(term) for term in expr.args))
        if isinstance(expr, Elementwise | Node):
            return self._opened(expr)
        return self._term(expr)

    def _term(self, expr: Expr) -> Expr:
        """A term of a sum: a product of a matrix and a vector may stand in it."""
        if isinstance(expr, MatVec | Slice | Outer | SumT):
            return self._opened(expr)
        if isinstance(expr, sp.Mul):
            number, rest = expr.as_coeff_Mul()
            if number != 1 and isinstance(rest, MatVec):
                return number * self._opened(rest)
        return self._inner(expr)

    def _inner(self, expr: Expr) -> Expr:
        """Anything inside: what is not elementwise in variables gets a name."""
        if not variables_of(expr):
            return expr
        if isinstance(expr, Total):
            return Total(self._inner(expr.args[0]), expr.args[1])
        if isinstance(expr, Elementwise | Node):
            return self._named(expr)
        if isinstance(expr, sp.Add) and any(term.has(MatVec) for term in expr.args):
            return self._named(expr)
        if not expr.args:
            return expr
        return expr.func(*(self._inner(arg) for arg in expr.args))

    def _opened(self, expr: Expr) -> Expr:
        """A function or a node, with names for its operands."""
        if isinstance(expr, Elementwise):
            arg = expr.args[0]
            if arg.could_extract_minus_sign():  # a gate and its complement share their argument
                return expr.func(-self._operand(-arg))
            return expr.func(self._operand(arg))
        match expr:
            case Transpose() | SumT():
                return expr.func(self._operand(expr.args[0]))
            case MatVec(args=(Transpose(args=(matrix,)), vector)):
                return MatVec(Transpose(self._operand(matrix)), self._operand(vector))
            case MatVec():
                return MatVec(*(self._operand(arg) for arg in expr.args))
            case Outer():
                left, right, dims = expr.args
                return Outer(self._operand(left), self._operand(right), dims)
            case Concat():
                return Concat(*(self._operand(item) for item in expr.operands), expr.args[-1])
            case Total():
                return self._inner(expr)
            case Slice() | Softmax() | LogSumExp():
                return expr.func(self._operand(expr.args[0]), *expr.args[1:])
        raise AssertionError(f"no name for {type(expr).__name__}")

    def _operand(self, expr: Expr) -> Expr:
        if isinstance(expr, Var) or not variables_of(expr):
            return expr
        return self._named(expr)

    def _named(self, expr: Expr) -> Expr:
        value = self._affine(expr)
        if isinstance(value, Var) or value.is_Number:
            return value
        shape = shape_of(value)
        if (value, shape) not in self._known:
            wanted = hint(value) or f"{self._for}_part"
            var = Var(self._names.fresh(wanted), shape)
            self.lines.append(Definition(var, value))
            self._known[value, shape] = var
        return self._known[value, shape]
