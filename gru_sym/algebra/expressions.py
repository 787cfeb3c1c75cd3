r"""The printer of expressions: SymPy's, for an algebra whose ``*`` is ⊙.

What belongs to the algebra (variables, elementwise functions, linear maps, and what SymPy makes of
them) is put in order by a :class:`~gru_sym.algebra.present.Presenter` and typeset; whatever else
SymPy has (an equation, a matrix, an integral around it) is printed as SymPy prints it.
"""

from typing import Any

import sympy as sp
from sympy.printing.latex import LatexPrinter

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Dims, Node, Size, Var, shape_of
from gru_sym.algebra.lines import Row
from gru_sym.algebra.present import Equation, Presenter
from gru_sym.algebra.rows import in_rows
from gru_sym.algebra.rules import Elementwise
from gru_sym.algebra.typeset import Style, parenthesised, typeset

__all__ = ["Printer"]

_OURS = (Var, Node, Elementwise, Size, Dims, sp.Add, sp.Mul, sp.Pow, sp.Rational)


class Printer(LatexPrinter):
    r"""SymPy's LaTeX printer, for the expressions of a cell and of its derivatives.

    Args:
        presenter: knows the order in which a reader meets the variables.
        style: the symbols.
        in_rows: whether vectors are rows.

    >>> z, h = Var("z", (("H",),)), Var("h", (("H",),))
    >>> printer = Printer(Presenter([h, z]), Style())
    >>> printer.doprint(sp.Eq(Var("z_bar", (("H",),)), z * (h - 2 * z)))
    '\\bar{z} = z \\odot (h - 2\\,z)'
    """

    def __init__(self, presenter: Presenter, style: Style, *, in_rows: bool = False) -> None:
        super().__init__()
        self.presenter = presenter
        self.style = style
        self.in_rows = in_rows

    def row(self, d: Equation, left: str = "") -> Row:
        """A definition as a line; ``left`` stands in the place of its variable's symbol."""
        shown = self.presenter.definition(d).value
        right = self.node(shown, matrix=len(d.var.shape) == 2)
        if len(d.var.shape) == 1 and d.expr != 0 and not shape_of(d.expr):
            # A number that stands for a vector of equal entries.
            inner = parenthesised(right) if isinstance(shown, tree.Binary) else right
            right = rf"{inner}\,\mathbf{{1}}" if d.expr != 1 else r"\mathbf{1}"
        return Row(left or self.style.name_of(str(d.var.name)), right)

    def node(self, node: tree.Node, *, matrix: bool = False) -> str:
        """A syntax tree as LaTeX; ``matrix`` where its value is one."""
        return typeset(in_rows(node, matrix=matrix) if self.in_rows else node, self.style)

    def expression(self, expr: sp.Expr, *, matrix: bool = False) -> str:
        """An expression of the algebra as LaTeX."""
        return self.node(self.presenter.expression(expr), matrix=matrix)

    def _print(self, expr: Any, **kwargs: Any) -> str:
        if isinstance(expr, sp.Expr) and all(
            isinstance(part, _OURS) for part in sp.preorder_traversal(expr)
        ):
            shape = getattr(expr, "shape", ())
            return self.expression(expr, matrix=len(shape) == 2)
        return super()._print(expr, **kwargs)
