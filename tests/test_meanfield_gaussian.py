"""Expectations over jointly Gaussian numbers, against sampling and closed forms."""

import math

import numpy as np
import pytest
import sympy as sp

from gru_sym.algebra.expr import Expr, Var
from gru_sym.algebra.rules import apply
from gru_sym.flow.meanfield.gaussian import Alphabet, NotClosed, Numbers, expectation, plan

A, B, C, K, S, T = (Var(name) for name in "abckst")
ALPHABET = Alphabet({A: "one", B: "one", C: "two"}, frozenset({S, T}), frozenset({C}))
COVARIANCE = {(A, A): 1.5, (B, B): 2.0, (A, B): 0.9, (B, A): 0.9, (C, C): 0.7}
NUMBERS = Numbers({K: 0.4}, COVARIANCE, {(S,): 0.3, (S, S): 1.7, (S, T): -0.2, (T, S): -0.2})
NODES = 121


def mean(expr: Expr) -> float:
    return expectation(plan(expr, ALPHABET), NUMBERS, NODES)


def sigmoid(expr: Expr) -> Expr:
    return apply("sigmoid", expr)


def tanh(expr: Expr) -> Expr:
    return apply("tanh", expr)


def test_polynomials() -> None:
    assert mean(A**2) == pytest.approx(1.5, rel=1e-12)
    assert mean(A * B) == pytest.approx(0.9, rel=1e-12)
    assert mean(A**2 * B**2) == pytest.approx(1.5 * 2 + 2 * 0.9**2, rel=1e-12)
    assert mean((A + K * C) ** 2) == pytest.approx(1.5 + 0.16 * 0.7, rel=1e-12)
    assert mean(sp.Integer(3)) == 3
    assert mean(sp.Integer(0)) == 0


def test_states_by_their_moments() -> None:
    gate = sigmoid(A)
    keep = mean((1 - gate) ** 2)
    assert mean(((1 - gate) * S) ** 2) == pytest.approx(keep * 1.7, rel=1e-12)
    assert mean(S * T * gate) == pytest.approx(-0.2 * 0.5, rel=1e-12)
    assert mean((S + 1) ** 2) == pytest.approx(1.7 + 0.6 + 1, rel=1e-12)


@pytest.mark.parametrize(
    "expr",
    [
        sigmoid(A + K) * tanh(B),  # two that are correlated
        sigmoid(A) * tanh(A - 1) ** 2,  # two of one
        tanh(C + sigmoid(A) * (B + K)),  # three, one inside another's function
        apply("exp", A / 3) * apply("cos", B),
        sigmoid(A) / (sigmoid(A) + sigmoid(C)),
    ],
)
def test_against_samples(expr: Expr) -> None:
    rng = np.random.default_rng(0)
    joint = rng.multivariate_normal([0, 0], [[1.5, 0.9], [0.9, 2.0]], 400_000).T
    values = {A: joint[0], B: joint[1], C: math.sqrt(0.7) * rng.standard_normal(400_000)}
    arrays = {s: values.get(s, 0.4) for s in (A, B, C, K)}
    numpy = {"sigmoid": lambda a: 1 / (1 + np.exp(-a)), "tanh": np.tanh}
    text = sp.lambdify(list(arrays), expr, modules=[numpy, "numpy"])
    sampled = text(*arrays.values())
    assert mean(expr) == pytest.approx(sampled.mean(), abs=5 * sampled.std() / math.sqrt(400_000))


def test_kinks() -> None:
    relu, step = apply("relu", A), apply("step", A + K)
    assert mean(relu) == pytest.approx(math.sqrt(1.5 / (2 * math.pi)), rel=1e-13)
    assert mean(relu**2) == pytest.approx(1.5 / 2, rel=1e-13)
    tail = (1 + math.erf(0.4 / math.sqrt(2 * 1.5))) / 2
    assert mean(step) == pytest.approx(tail, rel=1e-13)
    assert mean(apply("relu", A**2 - 1)) == pytest.approx(_beyond_one(), rel=1e-12)
    with pytest.raises(NotClosed):
        mean(apply("relu", A) * sigmoid(B))


def _beyond_one() -> float:
    """E max(a² − 1, 0) for a ~ N(0, 1.5)."""
    t = 1 / math.sqrt(1.5)
    density = math.exp(-t * t / 2) / math.sqrt(2 * math.pi)
    return 2 * (1.5 * (t * density + math.erfc(t / math.sqrt(2)) / 2)) - math.erfc(t / math.sqrt(2))


def test_perfectly_correlated_gaussians_are_one() -> None:
    numbers = Numbers({K: 0.4}, {(A, A): 1.0, (B, B): 4.0, (A, B): 2.0, (B, A): 2.0}, {})
    both = expectation(plan(apply("relu", A) * apply("relu", B), ALPHABET), numbers, NODES)
    assert both == pytest.approx(1.0, rel=1e-12)  # 2 E relu(a)²


def test_steep_functions_take_more_nodes() -> None:
    wide = Numbers({}, {(A, A): 400.0}, {})
    slope = expectation(plan((1 - tanh(A) ** 2) ** 2, ALPHABET), wide, NODES)
    # ∫ sech⁴ = 4/3 where the density is 1 / (20 √(2π)), and less beside it
    assert slope == pytest.approx(4 / 3 / (20 * math.sqrt(2 * math.pi)), rel=1e-3)
    finer = expectation(plan((1 - tanh(A) ** 2) ** 2, ALPHABET), wide, 4 * NODES)
    assert slope == pytest.approx(finer, rel=1e-10)


@pytest.mark.parametrize("expr", [tanh(S), S**3, S * tanh(C), S * S * T, 1 / (1 + S**2)])
def test_not_closed(expr: Expr) -> None:
    with pytest.raises(NotClosed):
        mean(expr)


def test_too_many_gaussians() -> None:
    names = [Var(f"g{k}") for k in range(5)]
    alphabet = Alphabet(dict.fromkeys(names, "one"), frozenset(), frozenset())
    inside = sp.Add(*(sigmoid(g) * names[k - 1] for k, g in enumerate(names)))
    numbers = Numbers({}, {(g, g): 1.0 for g in names}, {})
    with pytest.raises(NotClosed):
        expectation(plan(tanh(inside), alphabet), numbers, NODES)
