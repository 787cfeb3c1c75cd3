"""SymPy's printer, for our algebra."""

import pytest
import sympy as sp

from gru_sym.algebra.expr import Dims, Var
from gru_sym.algebra.expressions import Printer
from gru_sym.algebra.nodes import Concat, MatVec, Outer, Total, Transpose
from gru_sym.algebra.present import Presenter
from gru_sym.algebra.program import Definition
from gru_sym.algebra.rules import FUNCTIONS
from gru_sym.algebra.symbols import Naming
from gru_sym.algebra.typeset import Style

H, N = ("H",), ("I",)
U, W = Var("U", (H, H)), Var("W", (H, N))
z, r, h, h_tilde = (Var(name, (H,)) for name in ("z", "r", "h", "h_tilde"))
x, s = Var("x", (N,)), Var("s")
a = Var("a", (H,))
PRESENTER = Presenter([x, h, z, r, h_tilde, s, U, W, a])
COLUMNS = Printer(PRESENTER, Style(scalars=frozenset({"s"})))
ROWS = Printer(PRESENTER, Style(scalars=frozenset({"s"}), product=r"\circ"), in_rows=True)

sigmoid, relu = FUNCTIONS["sigmoid"], FUNCTIONS["relu"]

SHOWN = [
    (z * (1 - z), r"z \odot (1 - z)", r"z \circ (1 - z)"),
    (MatVec(U, r * h), r"U\,(h \odot r)", r"(h \circ r)\,U"),
    (MatVec(Transpose(U), a), r"U^{\top}\,a", r"a\,U^{\top}"),
    (MatVec(W, x) + h, r"W\,x + h", r"x\,W + h"),
    (sigmoid(MatVec(W, x)), r"\sigma(W\,x)", r"\sigma(x\,W)"),
    (relu(a), r"\operatorname{relu}(a)", r"\operatorname{relu}(a)"),
    (s * h, r"s\,h", r"s\,h"),
    (1 - h_tilde**2, r"1 - \tilde{h}^{2}", r"1 - \tilde{h}^{2}"),
    (Total(z * h, (H,)), r"\operatorname{sum}(h \odot z)", r"\operatorname{sum}(h \circ z)"),
    (Concat(h, x, Dims((H, N))), r"[h,\, x]", r"[h,\, x]"),
    (h / 2, r"\frac{h}{2}", r"\frac{h}{2}"),
]


@pytest.mark.parametrize(("expr", "columns", "rows"), SHOWN)
def test_the_algebra(expr: sp.Expr, columns: str, rows: str) -> None:
    assert COLUMNS.expression(expr) == COLUMNS.doprint(expr) == columns
    assert ROWS.expression(expr) == ROWS.doprint(expr) == rows


def test_a_matrix_is_printed_as_one() -> None:
    outer = Outer(a, r * h, Dims((H, H)))
    assert COLUMNS.doprint(outer) == r"a\,(h \odot r)^{\top}"
    assert ROWS.doprint(outer) == r"(h \circ r)^{\top}\,a"
    assert COLUMNS.doprint(U) == ROWS.doprint(U) == "U"


def test_a_line() -> None:
    line = Definition(Var("U_bar", (H, H)), Outer(a, h, Dims((H, H))))
    assert COLUMNS.row(line).left == r"\bar{U}"
    assert COLUMNS.row(line).right == r"a\,h^{\top}"
    assert ROWS.row(line).right == r"h^{\top}\,a"
    assert COLUMNS.row(line, r"\delta U").left == r"\delta U"


def test_what_sympy_has_around_it_is_printed_by_sympy() -> None:
    y = sp.Symbol("y")
    assert COLUMNS.doprint(sp.Eq(a, z * h)) == r"a = h \odot z"
    assert COLUMNS.doprint(sp.Symbol("alpha_1")) == r"\alpha_{1}"
    assert COLUMNS.doprint(sp.Integral(y**2, (y, 0, 1))) == r"\int\limits_{0}^{1} y^{2}\, dy"
    assert COLUMNS.doprint(sp.Matrix([[h * z, y]])) == (
        r"\left[\begin{matrix}h \odot z & y\end{matrix}\right]"
    )
    assert COLUMNS.doprint(sp.Le(sp.Abs(y), 1)) == r"\left|{y}\right| \leq 1"


def test_symbols_are_the_styles() -> None:
    printer = Printer(PRESENTER, Style(Naming(symbols={"h_tilde": "n"}), product=r"\circ"))
    assert printer.doprint(h_tilde * h) == r"h \circ n"
