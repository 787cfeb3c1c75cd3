"""NumPy expressions on whole sequences: what is computed before and after the loop.

A variable that varies is an array (T, B, n), a scalar that varies (T, B, 1), so that it broadcasts;
parameters keep their own shapes. A product of all steps is one product of T·B rows.
"""

from collections.abc import Callable

import sympy as sp

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Expr, Node, Shape, Size, Var, shape_of, variables_of
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
from gru_sym.codegen.backends.naming import Namer, cut_text, dim_text
from gru_sym.codegen.passes.blocks import Rows, RowSlice
from gru_sym.codegen.passes.parts import is_varying
from gru_sym.codegen.schedule import ROWS, sum_inside
from gru_sym.codegen.text import Writer

__all__ = ["Whole"]


class Whole:
    """Writes definitions over whole sequences.

    Args:
        writer: writes the elementwise part.
        namer: the identifiers.
        varying: the variables that have a value for each step and sequence.
        use: called with each size that is mentioned.
    """

    def __init__(
        self,
        writer: Writer,
        namer: Namer,
        varying: frozenset[Var],
        use: Callable[[str], None],
    ) -> None:
        self._writer = writer
        self._namer = namer
        self._varying = varying
        self._use = use

    def definition(self, d: Definition) -> str:
        """``name = expression``, an array of the full shape of the variable."""
        expr = sum_inside(d.expr, self._varying)
        name = self._namer.plain(str(d.var.name))
        varies = d.var in self._varying
        return f"{name} = {self.full(expr, d.var.shape, varies=varies)}"

    def full(self, expr: Expr, shape: Shape, *, varies: bool) -> str:
        """The expression as an array of this shape, (T, B, …) where it varies."""
        lacks = (varies and not self._moves(expr)) or (bool(shape) and not shape_of(expr))
        if not lacks:
            if not variables_of(expr):  # a constant would come as a Python number
                return f"np.asarray({self.text(expr)}, dtype)"
            if varies and shape and self._row_wise(expr):
                return f"steps({self._rows_text(expr)}, T, B)"
            return self.text(expr)
        empty = f"np.zeros({self.shape(shape, varies=varies)}, dtype)"
        return empty if expr == 0 else f"{empty} + {self._atom(expr)}"

    def shape(self, shape: Shape, *, varies: bool) -> str:
        """The shape of an array as a tuple."""
        sizes = [self.size(dim) for dim in shape]
        if varies:
            return f"(T, B, {', '.join(sizes) or '1'})"
        return f"({', '.join(sizes)}{',' if len(sizes) == 1 else ''})"

    def size(self, dim: tuple[str, ...]) -> str:
        """The size of a dimension."""
        for name in dim:
            self._use(name)
        return dim_text(dim, self._namer)

    def cut(self, dim: tuple[str, ...], start: int, stop: int) -> str:
        """The slice of some blocks of a dimension."""
        return cut_text(dim, start, stop, self.size)

    def text(self, expr: Expr) -> str:
        """The expression as it comes."""
        return self._writer.text(expr, self._name, self._node)

    # -- parts ---------------------------------------------------------------------------------

    def _name(self, atom: Var | Size) -> str:
        if isinstance(atom, Size):
            if atom.name == ROWS:
                return "(T * B)"
            self._use(str(atom.name))
            return self._namer.size(str(atom.name))
        return self._namer.plain(str(atom.name))

    def _atom(self, expr: Expr) -> str:
        text = self.text(expr)
        return text if text.isidentifier() else f"({text})"

    def _moves(self, expr: Expr) -> bool:
        """Whether a value differs from step to step."""
        return is_varying(expr, self._varying)

    def _row_wise(self, expr: Expr) -> bool:
        """Whether an expression is a sum of products and of what is the same at each step."""
        terms = sp.Add.make_args(expr)
        moving = [t for t in terms if self._moves(t)]
        return bool(moving) and all(isinstance(t, MatVec) for t in moving)

    def _rows_text(self, expr: Expr) -> str:
        """Such an expression for T·B rows."""
        return self._writer.text(expr, self._name, lambda n: self._node(n, rows=True))

    def _rows(self, expr: Expr, shape: Shape) -> str:
        """A vector as T·B rows."""
        return f"rows({self.full(expr, shape, varies=True)})"

    def _node(self, node: Node, *, rows: bool = False) -> str | tree.Node:
        match node:
            case MatVec():
                return self._product(node, rows=rows)
            case Transpose():
                return f"{self._atom(node.args[0])}.T"
            case SumT(args=(Outer() as outer,)):
                left, right, _ = outer.args
                n, m = outer.shape
                return _times(f"{self._rows(left, (n,))}.T", self._rows(right, (m,)))
            case SumT():
                inner = self.full(node.args[0], node.shape, varies=True)
                if len(node.shape) == 2:  # a matrix for each step and sequence
                    inner = inner if inner.isidentifier() else f"({inner})"
                    return f"{inner}.sum(axis=(0, 1))"
                return f"rows({inner}).sum(axis=0)" if node.shape else f"({inner}).sum()"
            case Outer():
                left, right, _ = node.args
                n, m = node.shape
                left = self.full(left, (n,), varies=False)
                return f"np.outer({left}, {self.full(right, (m,), varies=False)})"
            case Concat():
                return self._concatenated(node)
            case Rows():
                return f"np.concatenate(({', '.join(self.text(m) for m in node.operands)}))"
            case RowSlice():
                return f"{self._atom(node.args[0])}[{self.cut(node.whole[0], *node.bounds)}]"
            case Slice():
                cut = self.cut(node.whole[-1], *node.bounds)
                return f"{self._atom(node.args[0])}[..., {cut}]"
            case Total():
                inner = self.full(node.args[0], node.summed, varies=self._moves(node.args[0]))
                inner = inner if inner.isidentifier() else f"({inner})"
                last = "axis=-1, keepdims=True" if self._moves(node.args[0]) else ""
                return f"{inner}.sum({last})"
            case Softmax():
                inner = self.full(node.args[0], node.shape, varies=self._moves(node.args[0]))
                return f"softmax({inner})"
            case LogSumExp():
                varies = self._moves(node.args[0])
                text = f"logsumexp({self.full(node.args[0], node.summed, varies=varies)})"
                return text if varies else f"{text}[0]"
        raise AssertionError(f"no way to write {type(node).__name__}")

    def _product(self, node: Node, *, rows: bool) -> str | tree.Node:
        matrix, vector = node.args
        turned = isinstance(matrix, Transpose)
        held = self._atom(matrix.args[0] if turned else matrix)
        _, m = shape_of(matrix)
        if not self._moves(vector):
            right = self.full(vector, (m,), varies=False)
            right = right if right.isidentifier() else f"({right})"
            return _times(f"{held}.T" if turned else held, right)
        left, right = self._rows(vector, (m,)), held if turned else f"{held}.T"
        return _times(left, right) if rows else f"steps({left} @ {right}, T, B)"

    def _concatenated(self, node: Node) -> str:
        varies = self._moves(node)
        lead = node.shape[:-1]
        items = (
            self.full(item, (*lead, dim), varies=varies)
            for item, dim in zip(node.operands, node.blocks, strict=True)
        )
        return f"np.concatenate(({', '.join(items)}), axis=-1)"


def _times(left: str, right: str) -> tree.Node:
    """A product of matrices, which stands in a sum without brackets."""
    return tree.Binary("@", tree.Name(left), tree.Name(right))
