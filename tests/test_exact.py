"""The normal form of scalar expressions: it is empty for what vanishes, and for nothing else."""

import math
from itertools import combinations, pairwise

import pytest
import sympy as sp

from gru_sym.prove.exact import Exact, UndecidedError

x, y = sp.symbols("x y", real=True)
NOTHING = (x + 1) ** 2 - x**2 - 2 * x - 1

# Each row: one value, written in several ways; no two rows are equal.
SAME: dict[str, tuple[sp.Expr, ...]] = {
    "polynomial": ((x + y) ** 2, x**2 + 2 * x * y + y**2, (x - y) ** 2 + 4 * x * y),
    "nothing": (sp.S.Zero, NOTHING, sp.DiracDelta(x), sp.exp(x) * NOTHING),
    "one": ((x + y) / (y + x + NOTHING), sp.exp(x) * sp.exp(NOTHING - x), sp.cos(NOTHING)),
    "sigmoid": (1 / (1 + sp.exp(-x)), sp.exp(x) / (1 + sp.exp(x)), 1 - 1 / (1 + sp.exp(x))),
    "a reciprocal": (1 / (x * y + x), 1 / x / (1 + y), 1 / (1 / (1 / x) * (1 + y))),
    "powers of exp": (sp.exp(2 * x), sp.exp(x) ** 2, sp.exp(3 * x) * sp.exp(-x)),
    "partial fractions": (1 / ((x + 1) * (x + 2)), 1 / (x + 1) - 1 / (x + 2)),
    "partial fractions with a power": (1 / (x * (x + 1)), 1 / x - 1 / (x + 1)),
    "tanh and its slope": (
        1 - ((sp.exp(x) - sp.exp(-x)) / (sp.exp(x) + sp.exp(-x))) ** 2,
        4 / (sp.exp(x) + sp.exp(-x)) ** 2,
        4 * sp.exp(2 * x) / (1 + sp.exp(2 * x)) ** 2,
    ),
    "a root": (sp.sqrt(1 + x**2), (1 + x**2) / sp.sqrt(x**2 + 1), (1 + x**2) ** sp.Rational(1, 2)),
    "a power of a root": ((1 + x**2) ** sp.Rational(-3, 2), 1 / sp.sqrt(1 + x**2) / (1 + x**2)),
    "a step": (sp.Heaviside(x + y, 0), sp.Heaviside(2 * x + 2 * y, 0) ** 3),
    "a step down": (sp.Heaviside(-x - y, 0), sp.Heaviside(-3 * x - 3 * y, 0)),
    "sin": (sp.sin(x - y), -sp.sin(y - x + NOTHING), sp.sin(x - y) * (1 + NOTHING)),
    "sin and cos": (2 * sp.sin(x) ** 2, 2 - 2 * sp.cos(x + NOTHING) ** 2),
    "log": (sp.log(x * (1 + y)), sp.log(x + x * y)),
    "a number": (sp.sqrt(2) * sp.sqrt(2) / 3, sp.Rational(2, 3) + NOTHING),
}


@pytest.mark.parametrize("ways", SAME.values(), ids=SAME)
def test_equal_values_have_one_normal_form(ways: tuple[sp.Expr, ...]) -> None:
    exact = Exact(math.inf)
    for left, right in combinations(ways, 2):
        assert exact.difference(left, right) == {}
        assert exact.difference(right, left) == {}
        assert exact.difference(left, right + y / 1000) != {}


def test_different_values_have_different_normal_forms() -> None:
    exact = Exact(math.inf)
    for ways, others in combinations(SAME.values(), 2):
        assert all(exact.difference(left, right) for left in ways for right in others)


def test_order_of_what_is_met_first_does_not_matter() -> None:
    ways = [way for row in SAME.values() for way in row]
    for order in (ways, ways[::-1]):
        exact = Exact(math.inf)
        for way in order:
            exact.of(way)
        assert all(not exact.difference(a, b) for row in SAME.values() for a, b in pairwise(row))


def test_coordinates_make_one_generator_of_a_value() -> None:
    w, u, b, h = sp.symbols("w u b h", real=True)
    first = w * x + u * h + b
    second = u * sp.exp(first) + w * y + b**2
    exact = Exact(math.inf)
    exact.change_coordinates([first, second])
    assert len(exact.of(first)) == 1
    assert len(exact.of(second)) == 1
    assert exact.difference(first**2, sp.expand(first**2)) == {}
    assert exact.difference(first * second, sp.expand_mul(first * second)) == {}
    assert exact.difference(first, first + h) != {}
    assert exact.difference(second, second.subs(y, x)) != {}


def test_coordinates_leave_alone_what_they_cannot_solve_for() -> None:
    exact = Exact(math.inf)
    exact.change_coordinates([x**2 + sp.exp(x), x * y + sp.sin(y)])
    assert exact.difference((x + y) ** 2, x**2 + 2 * x * y + y**2) == {}
    assert exact.difference(x, y) != {}


@pytest.mark.parametrize(
    ("expr", "why"),
    [
        (1 / NOTHING, "division by zero"),
        (sp.log(NOTHING), "logarithm of zero"),
        (sp.gamma(x), "gamma is not handled"),
    ],
)
def test_what_has_no_normal_form_is_undecided(expr: sp.Expr, why: str) -> None:
    with pytest.raises(UndecidedError, match=why):
        Exact(math.inf).of(expr)


def test_law_that_is_not_held_leaves_a_difference() -> None:
    assert Exact(math.inf).difference(sp.exp(x + y), sp.exp(x) * sp.exp(y)) != {}


def test_no_time_is_undecided() -> None:
    with pytest.raises(UndecidedError, match="out of time"):
        Exact(-math.inf).difference(x, x)
