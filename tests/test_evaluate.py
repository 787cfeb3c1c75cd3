"""Exact evaluation: fractions, enclosures that hold the truth, and doubles."""

import math
from collections.abc import Mapping
from fractions import Fraction

import mpmath
import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from gru_sym.algebra.expr import Dims, Shape, Size, Var
from gru_sym.algebra.nodes import (
    Concat,
    LogSumExp,
    MatVec,
    Outer,
    Slice,
    Softmax,
    Total,
    Transpose,
)
from gru_sym.algebra.normal import NormalForm, positions
from gru_sym.algebra.rules import RULES, apply
from gru_sym.prove.evaluate import (
    Enclosures,
    Floats,
    Fractions,
    OutsideError,
    evaluate,
    evaluate_entries,
    extent,
)

SIZES = {"H": 2, "N": 3}
H, N = (("H",),), (("N",),)
a, x, s = Var("a", H), Var("x", N), Var("s")
W, U = Var("W", (*H, *N)), Var("U", (*H, *H))


def fractions(values: object) -> np.ndarray:
    return np.vectorize(Fraction, otypes=[object])(np.array(values, dtype=object))


VALUES = {
    a: fractions([2, -3]),
    x: fractions([1, Fraction(1, 2), -4]),
    s: fractions(5),
    W: fractions([[1, 2, 3], [4, 5, 6]]),
    U: fractions([[0, 1], [2, 3]]),
}
TABLE: list[tuple[sp.Expr, Shape, object]] = [
    (a**2 - 2 * a, H, [0, 15]),
    (s, H, [5, 5]),
    (s * a + 1, H, [11, -14]),
    (1 / a, H, [Fraction(1, 2), Fraction(-1, 3)]),
    (MatVec(W, x), H, [-10, Fraction(-35, 2)]),
    (MatVec(Transpose(W), a), N, [-10, -11, -12]),
    (MatVec(U, s + 0 * a), H, [5, 25]),
    (Outer(a, x, W.shape), W.shape, [[2, 1, -8], [-3, Fraction(-3, 2), 12]]),
    (Outer(sp.Integer(1), x, W.shape), W.shape, [[1, Fraction(1, 2), -4]] * 2),
    (Transpose(U), U.shape, [[0, 2], [1, 3]]),
    (Total(a, H), (), -1),
    (Total(U, U.shape), (), 6),
    (Total(a, H) / Size("H"), (), Fraction(-1, 2)),
    (Concat(a, x, Dims((H[0], N[0]))), (("H", "N"),), [2, -3, 1, Fraction(1, 2), -4]),
    (MatVec(Concat(U, W, Dims((H[0], N[0]))), Concat(a, x, Dims((H[0], N[0])))), H,
     [-13, Fraction(-45, 2)]),
    (apply("relu", a), H, [2, 0]),
    (apply("step", a), H, [1, 0]),
    (apply("abs", a), H, [2, 3]),
]  # fmt: skip


@pytest.mark.parametrize(("expr", "shape", "expected"), TABLE, ids=lambda v: str(v)[:40])
def test_fractions_are_exact(expr: sp.Expr, shape: Shape, expected: object) -> None:
    got = evaluate(expr, shape, VALUES, SIZES, Fractions())
    assert got.shape == tuple(extent(dim, SIZES) for dim in shape)
    assert np.array_equal(got, fractions(expected))
    floats = {v: np.vectorize(float, otypes=[object])(array) for v, array in VALUES.items()}
    near = evaluate(expr, shape, floats, SIZES, Floats())
    assert np.allclose(np.asarray(near, float), np.asarray(got, float), rtol=1e-14)


def test_slices_take_whole_blocks() -> None:
    joined = Var("q", (("H", "N"),))
    values = {joined: fractions(range(5))}

    def part(start: int, stop: int) -> list[Fraction]:
        expr = Slice(joined, Dims(joined.shape), start, stop)
        return list(evaluate(expr, expr.shape, values, SIZES, Fractions()))

    assert (part(0, 1), part(1, 2)) == ([0, 1], [2, 3, 4])


@pytest.mark.parametrize("name", sorted(set(RULES) - {"relu", "step", "abs"}))
def test_an_irrational_value_is_outside_of_fractions(name: str) -> None:
    with pytest.raises(OutsideError):
        evaluate(apply(name, a), H, VALUES, SIZES, Fractions())


@pytest.mark.parametrize(
    ("expr", "field"),
    [
        (sp.sqrt(a), Fractions()),
        (sp.sqrt(a), Enclosures()),
        (sp.sqrt(a), Floats()),
        (apply("log", a), Enclosures()),
        (apply("log", a), Floats()),
        (1 / (a - 2), Fractions()),
        (1 / (a - 2), Enclosures()),
        (1 / (a - 2), Floats()),
        (apply("step", apply("log", apply("exp", a)) - a), Enclosures()),
    ],
    ids=str,
)
def test_what_is_not_defined_or_not_decided_is_outside(expr: sp.Expr, field: object) -> None:
    kind = {Fractions: Fraction, Floats: float}.get(type(field))
    values = {v: _converted(array, kind) for v, array in VALUES.items()}
    with pytest.raises(OutsideError):
        evaluate(expr, H, values, SIZES, field)


def _converted(array: np.ndarray, kind: type | None) -> np.ndarray:
    number = kind or Enclosures().number
    return np.vectorize(number, otypes=[object])(array)


@given(st.fractions(-30, 30, max_denominator=50), st.sampled_from(sorted(RULES)))
def test_an_enclosure_holds_the_true_value(value: Fraction, name: str) -> None:
    field = Enclosures()
    try:
        found = field.apply(name, field.number(value))
    except OutsideError:
        assert (name == "log" and value <= 0) or (name in {"step", "relu", "abs"} and value == 0)
        return
    with mpmath.workprec(400):
        argument = mpmath.mpf(value.numerator) / value.denominator
        truth = {
            "sigmoid": lambda v: 1 / (1 + mpmath.exp(-v)),
            "softplus": lambda v: mpmath.log(1 + mpmath.exp(v)),
            "step": lambda v: mpmath.mpf(v > 0),
            "relu": lambda v: max(v, mpmath.mpf(0)),
            "abs": abs,
        }.get(name, getattr(mpmath, name, None))(argument)
        assert mpmath.mpf(found.a) <= truth <= mpmath.mpf(found.b)


def test_softmax_and_logsumexp() -> None:
    values = {x: np.array([1.0, 0.5, -4.0], dtype=object)}
    soft = evaluate(Softmax(x, N), N, values, SIZES, Floats())
    exps = [math.exp(v) for v in (1.0, 0.5, -4.0)]
    assert np.allclose(np.asarray(soft, float), np.array(exps) / sum(exps), rtol=1e-14)
    log = evaluate(LogSumExp(x, N), (), values, SIZES, Floats())
    assert math.isclose(float(log), math.log(sum(exps)), rel_tol=1e-14)


@pytest.mark.parametrize(("expr", "shape", "expected"), TABLE, ids=lambda v: str(v)[:40])
def test_normal_forms_have_the_values_of_their_expressions(
    expr: sp.Expr, shape: Shape, expected: object
) -> None:
    form = NormalForm()
    polys = {at: form.of(expr, at) for at in positions(shape)}
    got = evaluate_entries(form.ring, polys, shape, VALUES, SIZES, Fractions())
    assert np.array_equal(got, fractions(expected))


def test_normal_form_of_functions_by_enclosures() -> None:
    form = NormalForm()
    expr = apply("tanh", MatVec(U, a)) * apply("sigmoid", s) + Softmax(a, H)
    values: Mapping[Var, np.ndarray] = {
        v: np.vectorize(Enclosures().number, otypes=[object])(array) for v, array in VALUES.items()
    }
    polys = {at: form.of(expr, at) for at in positions(H)}
    there = evaluate_entries(form.ring, polys, H, values, SIZES, Enclosures())
    here = evaluate(expr, H, values, SIZES, Enclosures())
    for one, other in zip(there, here, strict=True):
        assert one.a <= other.b
        assert other.a <= one.b
        assert float(one.delta) < 1e-10
