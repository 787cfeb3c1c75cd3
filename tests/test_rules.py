"""One contract for every row of the table of functions."""

import cmath
import random

import mpmath
import pytest
import sympy as sp
from sympy.core.function import ArgumentIndexError

from gru_sym.algebra.expr import Var
from gru_sym.algebra.normal import NormalForm
from gru_sym.algebra.rules import RULES, Rule, apply, half_power
from gru_sym.cells.naming import FUNCTIONS

a = Var("a")
rows = pytest.mark.parametrize("rule", RULES.values(), ids=RULES.keys())

# As closed expressions in exp and log, complex arguments welcome; nothing here is ours.
COMPLEX = {
    "sigmoid": lambda t: 1 / (1 + cmath.exp(-t)),
    "softplus": lambda t: cmath.log(1 + cmath.exp(t)),
    "relu": lambda t: t if t.real > 0 else 0 * t,
    "step": lambda t: complex(t.real > 0),
    "abs": lambda t: t if t.real > 0 else -t,
}


def complex_value(name: str, at: complex) -> complex:
    return COMPLEX[name](at) if name in COMPLEX else getattr(cmath, name)(at)


def number(expr: sp.Expr, at: float) -> complex:
    """The value of an expression in ``a`` and functions of the language."""
    if expr == a:
        return at
    if isinstance(expr, sp.Rational):
        return float(expr)
    parts = [number(arg, at) for arg in expr.args]
    if isinstance(expr, sp.Add):
        return sum(parts)
    if isinstance(expr, sp.Mul):
        return complex(sp.prod(parts))
    if isinstance(expr, sp.Pow):
        return parts[0] ** parts[1]
    return complex_value(type(expr).__name__, complex(parts[0]))


def points(rule: Rule) -> list[float]:
    source = random.Random(rule.name)
    found = [source.uniform(0.05, 4) for _ in range(8)]
    return found if rule.name == "log" else [*found, *(-t for t in found)]


def in_sympy(expr: sp.Expr) -> sp.Expr:
    """Our functions written out in SymPy's, which differentiates and simplifies on its own."""
    real = sp.Symbol("a", real=True)
    for name, rule in RULES.items():
        expr = expr.replace(type(apply(name, a)), rule.definition)
    return expr.subs(a, real)


@rows
def test_definition_is_the_function(rule: Rule) -> None:
    value = sp.lambdify(sp.Symbol("a", real=True), in_sympy(apply(rule.name, a)), "mpmath")
    for t in points(rule):
        assert complex(value(mpmath.mpf(t))) == pytest.approx(
            complex_value(rule.name, t), rel=1e-13
        )


@rows
def test_derivative_against_complex_step(rule: Rule) -> None:
    slope = rule.derivative(apply(rule.name, a), a)
    assert slope == apply(rule.name, a).diff(a)
    for t in points(rule):
        step = complex_value(rule.name, complex(t, 1e-30)).imag / 1e-30
        assert number(slope, t).real == pytest.approx(step, rel=1e-12)


@rows
def test_derivative_is_that_of_the_definition(rule: Rule) -> None:
    """Exactly: by SymPy alone, and by the normal form, which knows neither."""
    slope = rule.derivative(apply(rule.name, a), a)
    real = sp.Symbol("a", real=True)
    for side in [sp.Symbol("a", positive=True), -sp.Symbol("a", positive=True)]:
        if rule.name == "log" and side.is_negative:
            continue
        expected = in_sympy(apply(rule.name, a)).diff(real).subs(real, side).doit()
        found = in_sympy(slope).subs(real, side)
        assert sp.simplify((found - expected).rewrite(sp.exp)) == 0
    form = NormalForm()
    difference = form.ring.subtract(
        form.of(slope), form.derivative(form.of(apply(rule.name, a)), a, ())
    )
    assert form.is_zero(difference)


@rows
def test_a_wrong_derivative_is_seen(rule: Rule) -> None:
    form = NormalForm()
    true = form.derivative(form.of(apply(rule.name, a)), a, ())
    slope = rule.derivative(apply(rule.name, a), a)
    for wrong in (slope * sp.Rational(2001, 1000), -slope, slope + 1):
        if wrong != slope:
            assert not form.is_zero(form.ring.subtract(form.of(wrong), true))


@rows
def test_stays_as_written(rule: Rule) -> None:
    for arg in (sp.Integer(0), sp.Integer(1), -a, a + a):
        assert apply(rule.name, arg).args == (arg,)
    assert apply(rule.name, a).rule is rule
    assert rule.name in FUNCTIONS


@rows
def test_one_argument(rule: Rule) -> None:
    with pytest.raises(ArgumentIndexError):
        apply(rule.name, a).fdiff(2)


def test_the_language_has_no_function_without_a_meaning() -> None:
    """What the parser lets pass, the builder knows."""
    reductions = {"sum", "mean", "softmax", "logsumexp", "outer"}
    assert set(FUNCTIONS) - set(RULES) - reductions <= {"sqrt", "hard_sigmoid"}


def test_sqrt() -> None:
    assert apply("sqrt", a) == half_power(a) == a ** sp.Rational(1, 2)
    assert apply("sqrt", a).diff(a) == 1 / (2 * half_power(a))


def test_hard_sigmoid() -> None:
    for t in (-4.0, -3.5, -2.0, 0.0, 1.0, 2.9, 3.1, 5.0):
        expected = min(max(t + 3, 0), 6) / 6
        assert number(apply("hard_sigmoid", a), t).real == pytest.approx(expected)


def test_kinks() -> None:
    assert {name for name, rule in RULES.items() if rule.kink} == {"relu", "step", "abs"}
    for name in ("relu", "step", "abs"):
        assert RULES[name].definition(sp.Integer(0)) == 0
