"""Definitions become statements: nodes on plain operands, and blocks between them."""

import pytest
import sympy as sp

from gru_sym.algebra.expr import Size, Var
from gru_sym.algebra.nodes import MatVec, Outer, SumT, Total, Transpose
from gru_sym.algebra.program import Definition
from gru_sym.codegen.schedule import ROWS, Apply, Block, Scheduler, sum_inside
from gru_sym.errors import UnsupportedError

H, I = (("H",),), (("I",),)  # noqa: E741
h, x, b, a_bar = Var("h", H), Var("x", I), Var("b", H), Var("a_bar", H)
U, W, c = Var("U", (*H, *H)), Var("W", (*H, *I)), Var("c")
VARYING = {h, x, a_bar}


def lines_of(statement: object) -> list[str]:
    assert isinstance(statement, Block)
    return [line.target.name for line in statement.lines]


def test_products_come_first_and_blocks_are_as_long_as_they_can_be() -> None:
    a, z, q = Var("a", H), Var("z", H), Var("q", H)
    scheduler = Scheduler({*VARYING, a, z, q})
    scheduler.define(Definition(a, MatVec(U, h) + MatVec(W, x) + b))
    scheduler.define(Definition(z, 1 - a))
    scheduler.define(Definition(q, MatVec(U, z * h) + z))
    names = [s.target.name if isinstance(s, Apply) else lines_of(s) for s in scheduler.body]
    assert names == ["_U_h", "_W_x", ["a", "z", "_h_z"], "_U_h_z", ["q"]]


def test_one_value_is_computed_once() -> None:
    q, s = Var("q", H), Var("s", H)
    scheduler = Scheduler({*VARYING, q, s})
    scheduler.define(Definition(q, MatVec(Transpose(U), a_bar) * h))
    scheduler.define(Definition(s, MatVec(Transpose(U), a_bar) + h))
    assert sum(isinstance(s, Apply) for s in scheduler.body) == 1


def test_a_number_is_filled_to_the_shape_that_is_asked_for() -> None:
    scheduler = Scheduler(VARYING)
    for varies in (True, False):
        var = scheduler.operand(sp.S.One, I, varies=varies)
        assert var.shape == I
        assert (var in scheduler.varying) == varies
    (block,) = scheduler.body
    assert isinstance(block, Block)
    assert all(line.fill for line in block.lines)
    assert scheduler.operand(x, I) == x


def test_temporaries_have_names_no_cell_has() -> None:
    scheduler = Scheduler(VARYING)
    names = {scheduler.operand(expr, H).name for expr in (h * b, 1 - h, 2 - h, h**2)}
    assert len(names) == 4
    assert all(name.startswith("_") and len(name) < 50 for name in names)


def test_sums_over_time_go_inwards() -> None:
    outer = Outer(a_bar, x, (*H, *I))
    total = SumT(Total(W * outer, (*H, *I)))
    assert sum_inside(total, VARYING) == Total(W * SumT(outer), (*H, *I))
    assert sum_inside(SumT(a_bar), VARYING) == SumT(a_bar)
    assert sum_inside(SumT(Outer(b, b, (*H, *H))), VARYING) == Size(ROWS) * Outer(b, b, (*H, *H))


def test_a_varying_scalar_goes_into_the_product() -> None:
    s = Var("s")
    outer = Outer(a_bar, x, (*H, *I))
    found = sum_inside(SumT(s * Total(W * outer, (*H, *I))), {*VARYING, s})
    assert found == Total(W * SumT(Outer(s * a_bar, x, (*H, *I))), (*H, *I))


def test_a_matrix_that_varies_is_refused() -> None:
    q = Var("q", H)
    scheduler = Scheduler({*VARYING, q})
    with pytest.raises(UnsupportedError, match="matrix that varies"):
        scheduler.define(Definition(q, MatVec(Outer(h, x, (*H, *I)), x)))
