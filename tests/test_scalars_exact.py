"""Expressions over numbers of any precision: what is left to Python, and what is not."""

import pytest
import sympy as sp

from gru_sym.algebra.expr import Size, Var
from gru_sym.algebra.present import Presenter
from gru_sym.algebra.rules import FUNCTIONS
from gru_sym.codegen.backends.naming import Namer
from gru_sym.codegen.backends.scalars_exact import Exact

a, b, H = Var("a"), Var("b"), Size("H")
half, third = sp.Rational(1, 2), sp.Rational(1, 3)


def exact(power: str = "") -> Exact:
    return Exact("mpf", power, Namer((a, b), ()), Presenter((a, b)), lambda _: None)


def text(expr: sp.Expr, power: str = "") -> str:
    return exact(power).text(expr, lambda v: str(v.name))


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (a / 3, "a / 3"),
        (a + third, "a + mpf(1) / 3"),
        (a - third, "a - mpf(1) / 3"),
        (a + sp.Rational(1, 100000), "a + mpf(1) / 100000"),
        (third, "mpf(1) / 3"),
        (sp.Integer(2), "mpf(2)"),
        (H, "mpf(H)"),
        (2 / H, "mpf(2) / H"),
        (a + 2 / H, "a + mpf(2) / H"),
        (2 * a / H, "2 * a / H"),
        (a * sp.sqrt(H), "sqrt(mpf(H)) * a"),
        (FUNCTIONS["exp"](H + 1) * a, "a * exp(mpf(1 + H))"),
        (a / 10**23, "a / 100000000000000000000000"),
        (a * 10**23, "100000000000000000000000 * a"),
        (a ** sp.Rational(3, 2), "a ** (mpf(3) / 2)"),
        ((a + b) ** 2, "(a + b) ** 2"),
        (a**2, "a**2"),
        (1 / sp.sqrt(a), "1 / sqrt(a)"),
    ],
)
def test_text(expr: sp.Expr, expected: str) -> None:
    assert text(expr) == expected


def test_integer_powers_in_other_words() -> None:
    assert text(a**2 + 1 / (a + b) ** 3, "power") == "power(a, 2) + 1 / power(a + b, 3)"
    assert text(a ** (half + 1), "power") == "a ** (mpf(3) / 2)"


def test_a_constant_is_computed_once() -> None:
    writer = exact()
    root = sp.sqrt(2)
    gate = FUNCTIONS["sigmoid"](sp.Integer(2))
    for expr in (root * a + gate, root * b, gate * b):
        found = writer.text(expr, lambda v: str(v.name))
        assert "sqrt" not in found
        assert "sigmoid" not in found
    assert sorted(line.split(" = ")[1] for line in writer.constants) == [
        "sigmoid(mpf(2))",
        "sqrt(mpf(2))",
    ]
