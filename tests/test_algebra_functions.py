"""Functions of polynomials: their exp and log forms against the definitions, in numbers."""

import random
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp

from gru_sym.algebra.expr import Expr, Var, variables_of
from gru_sym.algebra.functions import ONE, Functions, UndefinedError
from gru_sym.algebra.normal import NormalForm
from gru_sym.algebra.poly import Ring, TooLargeError
from gru_sym.algebra.rules import RULES, apply
from gru_sym.prove.evaluate import Floats, evaluate_entries

a, b = Var("a"), Var("b")
half = sp.Rational(1, 2)


def f(name: str) -> Any:
    return lambda arg: apply(name, arg)


sigmoid, tanh, exp, log, softplus = (f(n) for n in ("sigmoid", "tanh", "exp", "log", "softplus"))
step, relu, magnitude, sin, cos, sqrt = (
    f(n) for n in ("step", "relu", "abs", "sin", "cos", "sqrt")
)


def value(expr: Expr, at: dict[Var, float]) -> float:
    form = NormalForm()
    arrays = {v: np.array(t, dtype=object) for v, t in at.items()}
    return float(evaluate_entries(form.ring, {(): form.of(expr)}, (), arrays, {}, Floats())[()])


def is_zero(expr: Expr) -> bool:
    form = NormalForm()
    return form.is_zero(form.of(expr))


@pytest.mark.parametrize("name", RULES)
@pytest.mark.parametrize("inner", [a, -a, 3 * a - b, a * b, a / b])
def test_forms_are_the_definitions(name: str, inner: Expr) -> None:
    source = random.Random(f"{name} {inner}")
    seen = 0
    while seen < 8:
        at = {a: source.uniform(-2, 2), b: source.uniform(-2, 2)}
        t = sp.Float(inner.subs({v: at[v] for v in variables_of(inner)}), 30)
        if name == "log" and t <= 0:
            continue
        expected = float(sp.N(RULES[name].definition(t)))
        assert value(apply(name, inner), at) == pytest.approx(expected, rel=1e-9, abs=1e-12)
        seen += 1


IDENTITIES = {
    "sigmoid(-a)": sigmoid(-a) - 1 + sigmoid(a),
    "sigmoid, exp": sigmoid(a) * (1 + exp(-a)) - 1,
    "sigmoid, exp on top": sigmoid(a) - exp(a) / (1 + exp(a)),
    "sigmoid'": sigmoid(a) * sigmoid(-a) - sigmoid(a) * (1 - sigmoid(a)),
    "tanh(-a)": tanh(-a) + tanh(a),
    "tanh, sigmoid": tanh(a) - 2 * sigmoid(2 * a) + 1,
    "tanh, exp": tanh(a) - (exp(a) - exp(-a)) / (exp(a) + exp(-a)),
    "tanh'": 1 - tanh(a) ** 2 - 4 * sigmoid(2 * a) * sigmoid(-2 * a),
    "tanh of a sum": tanh(a + b) * (1 + tanh(a) * tanh(b)) - tanh(a) - tanh(b),
    "exp of a sum": exp(a + b) - exp(a) * exp(b),
    "exp of a multiple": exp(3 * a) - exp(a) ** 3,
    "exp of a half": exp(a / 2) ** 2 - exp(a),
    "exp(log)": exp(log(a)) - a,
    "exp(2 log)": exp(2 * log(a)) - a**2,
    "exp(-log / 2)": exp(-log(a) / 2) * sqrt(a) - 1,
    "log(exp)": log(exp(a)) - a,
    "log of a product": log(2 * exp(a) * sigmoid(b)) - log(2) - a - log(sigmoid(b)),
    "log of a number": log(sp.Rational(12, 35)) - 2 * log(2) - log(3) + log(5) + log(7),
    "log sigmoid": log(sigmoid(a)) + softplus(-a),
    "softplus": softplus(a) - softplus(-a) - a,
    "relu": relu(a) - relu(-a) - a,
    "relu, abs": 2 * relu(a) - a - magnitude(a),
    "abs(-a)": magnitude(-a) - magnitude(a),
    "abs squared": magnitude(a) ** 2 - a**2,
    "step squared": step(a) ** 2 - step(a),
    "step of a multiple": step(5 * a) - step(a / 7),
    "step(-a), off the kink": step(-a) - 1 + step(a),
    "sin(-a)": sin(-a) + sin(a),
    "cos(-a)": cos(b - a) - cos(a - b),
    "cos squared": cos(a) ** 2 + sin(a) ** 2 - 1,
    "cos cubed": cos(a) ** 3 - cos(a) + sin(a) ** 2 * cos(a),
    "sqrt squared": sqrt(a + b) ** 2 - a - b,
    "sqrt of a square": sqrt(a**2) ** 2 - a**2,
    "sqrt of an exp": sqrt(exp(2 * a)) - exp(a),
    "sqrt of a number": sqrt(8) - 2 * sqrt(2),
    "sqrt of a quotient": sqrt(sigmoid(a)) * sqrt(1 + exp(-a)) - 1,
    "a root in a denominator": (a + b) / sqrt(a + b) - sqrt(a + b),
    "a quotient": (a**2 - b**2) / (a - b) - a - b,
    "quotients": 1 / (a * (a + 1)) - 1 / a + 1 / (a + 1),
    "a quotient in a root": a / sqrt(1 / a + 1) - a / sqrt((a + 1) / a),
}
NOT_IDENTITIES = {
    "sigmoid(-a)": sigmoid(-a) - sigmoid(a),
    "sigmoid'": sigmoid(a) - sigmoid(a) ** 3,
    "tanh'": 1 - tanh(a) - (1 - tanh(a) ** 2),
    "exp": exp(a * b) - exp(a) * exp(b),
    "log": log(a + b) - log(a) - log(b),
    "log of a square": log(a**2) - 2 * log(a),  # not where a < 0
    "sqrt of a square": sqrt(a**2) - a,
    "sqrt of a square, signed": sqrt(a**2 * b**2) - a * b,
    "softplus": softplus(-a) + softplus(a),
    "relu": relu(-a) + relu(a),
    "step of what may vanish": step(-relu(a)) + step(relu(a)) - 1,
    "step in a product": step(-relu(a) * b) + step(relu(a) * b) - 1,
    "sin": sin(2 * a) - 2 * sin(a),
    "cos": cos(a) - sin(a),
    "cos squared": cos(a) ** 2 - sin(a) ** 2,
    "numbers": sqrt(2) * sqrt(3) - sqrt(5),
    "quotient": 1 / (a + b) - 1 / a - 1 / b,
}


@pytest.mark.parametrize("expr", IDENTITIES.values(), ids=IDENTITIES.keys())
def test_identity(expr: Expr) -> None:
    assert is_zero(expr)


@pytest.mark.parametrize("expr", NOT_IDENTITIES.values(), ids=NOT_IDENTITIES.keys())
def test_not_an_identity(expr: Expr) -> None:
    assert not is_zero(expr)


def test_constants() -> None:
    functions = Functions(Ring())
    assert functions.exp({}) == ONE
    assert functions.log(ONE) == {}
    assert functions.step({}) == {}
    assert functions.step({(): Fraction(1, 9)}) == ONE
    assert functions.step({(): -4}) == {}
    assert functions.named["sin"]({}) == {}
    assert functions.named["cos"]({}) == ONE
    assert functions.power({}, Fraction(1, 2)) == {}
    assert functions.power({}, Fraction(0)) == ONE
    assert functions.power({(): 4}, Fraction(-2)) == {(): Fraction(1, 16)}


@pytest.mark.parametrize(
    "expr",
    [
        1 / (sigmoid(a) + sigmoid(-a) - 1),
        log(relu(a) - a * step(a)),
        sqrt(exp(a) * exp(-a) - 1) ** -1,
    ],
)
def test_undefined(expr: Expr) -> None:
    with pytest.raises(UndefinedError):
        is_zero(expr)


def test_too_large_is_said() -> None:
    with pytest.raises(TooLargeError):
        is_zero((a + b) ** 65)
