"""Values of elementwise expressions, against SymPy's own and in saturated regimes."""

import numpy as np
import pytest
import sympy as sp

from gru_sym.algebra.expr import Var
from gru_sym.algebra.rules import FUNCTIONS, RULES, apply
from gru_sym.flow.meanfield.values import evaluate

A, B = Var("a"), Var("b")


@pytest.mark.parametrize("name", FUNCTIONS)
def test_every_function_of_the_table(name: str) -> None:
    points = np.array([-1.3, 0.4, 2.1])
    points = np.abs(points) if name == "log" else points
    found = evaluate(apply(name, A), {A: points})
    wanted = [float(RULES[name].definition(sp.Float(p, 30)).evalf(25)) for p in points]
    assert found == pytest.approx(wanted, rel=1e-14)


def test_sums_products_powers_and_numbers() -> None:
    expr = (A + sp.Rational(1, 3) * B) ** 2 / (A - 2) + 1 / sp.sqrt(B)
    found = evaluate(expr, {A: np.array([1.0, 5.0]), B: 4.0})
    assert found == pytest.approx([(a + 4 / 3) ** 2 / (a - 2) + 0.5 for a in (1.0, 5.0)], rel=1e-15)
    assert evaluate(sp.Integer(3), {}) == 3.0


def test_what_a_saturated_gate_leaves_is_exact() -> None:
    gate = apply("sigmoid", A)
    assert evaluate(1 - gate, {A: 60.0}) == pytest.approx(np.exp(-60.0), rel=1e-14)


def test_what_is_met_twice_is_computed_once() -> None:
    memo: dict[sp.Expr, np.ndarray] = {}
    evaluate(apply("tanh", A) + 1, {A: 0.5}, memo)
    memo[apply("tanh", A)] = np.asarray(7.0)
    assert evaluate(apply("tanh", A) * 2, {A: 0.5}, memo) == 14.0
