"""What generated code for Arb calls: every ball holds the true value, for every ball given."""

import importlib
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import mpmath
import pytest


@pytest.fixture(autouse=True)
def flint(peer: Callable[[str], ModuleType]) -> Iterator[ModuleType]:
    """python-flint, at 40 digits."""
    module = peer("flint")
    with module.ctx.workdps(40), mpmath.workdps(60):
        yield module


@pytest.fixture
def helpers() -> Any:
    return importlib.import_module("gru_sym.codegen.backends.helpers_arb")


FUNCTIONS = {
    "exp": mpmath.exp,
    "log": lambda a: mpmath.log(abs(a) + 1),
    "sqrt": lambda a: mpmath.sqrt(abs(a)),
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "tanh": mpmath.tanh,
    "sigmoid": lambda a: 1 / (1 + mpmath.exp(-a)),
    "tanh_slope": lambda a: mpmath.sech(a) ** 2,
    "softplus": lambda a: mpmath.log1p(mpmath.exp(a)),
    "relu": lambda a: max(a, mpmath.mpf(0)),
}
INSIDE = {"log": lambda a: abs(a) + 1, "sqrt": abs}


@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.parametrize("middle", [-300, -4, -0.25, 0, 0.25, 4, 300])
@pytest.mark.parametrize("radius", [0, 1e-20, 0.5, 20])
def test_the_true_value_is_in_the_ball(
    name: str, middle: float, radius: float, flint: ModuleType, helpers: Any
) -> None:
    ball = flint.arb(middle, radius)
    inside = INSIDE.get(name, lambda a: a)
    found = getattr(helpers, name)(inside(ball))
    for k in (-1, -0.5, 0, 0.5, 1):
        truth = FUNCTIONS[name](mpmath.mpf(middle) + k * mpmath.mpf(radius))
        assert found.overlaps(flint.arb(truth, abs(truth) * 1e-50))
    if radius == 0:
        assert found.rel_accuracy_bits() > 110 or found == 0


@pytest.mark.parametrize("name", ["sigmoid", "tanh", "tanh_slope"])
@pytest.mark.parametrize(
    "ball",
    [(0, 1000), (300, 500), (-300, 500), (0, 1e30), (1, 1), (0, 0.5), (0.1, 0.9), (0, 9e-4)],
)
def test_what_is_bounded_stays_so(
    name: str, ball: tuple[float, float], flint: ModuleType, helpers: Any
) -> None:
    found = getattr(helpers, name)(flint.arb(*ball))
    assert abs(found) < 2


def test_softplus_of_a_large_ball(flint: ModuleType, helpers: Any) -> None:
    found = helpers.softplus(flint.arb(0, 1000))
    assert found.contains(0)
    assert found.contains(1000)
    assert abs(found) < 1001


def test_a_ball_around_exactly_zero(flint: ModuleType, helpers: Any) -> None:
    ball = flint.arb(0, 0.5)
    assert not (ball**2).is_finite()  # why there is a function for it
    for n in (1, 2, 3):
        found = helpers.power(ball, n)
        assert found.is_finite()
        assert found.contains(flint.arb(0.5) ** n)
    assert helpers.power(flint.arb(-3), 3) == -27
    assert helpers.tanh_slope(ball).contains(1)


def test_steps(flint: ModuleType, helpers: Any) -> None:
    assert helpers.step(flint.arb(2, 1)) == 1
    assert helpers.step(flint.arb(-2, 1)) == 0
    assert helpers.step(flint.arb(0)) == 0
    for ball in (flint.arb(0, 1e-30), flint.arb(1, 2), flint.arb("nan")):
        with pytest.raises(ValueError, match=r"is not known: raise flint\.ctx\.prec"):
            helpers.step(ball)


def test_softmax_and_logsumexp(flint: ModuleType, helpers: Any) -> None:
    numbers = [-3000, -1, 0.5, 2, 3000]
    exact = [mpmath.mpf(a) for a in numbers]
    total = mpmath.fsum(map(mpmath.exp, exact))
    balls = [flint.arb(a) for a in numbers]
    for ball, a in zip(helpers.softmax(balls), exact, strict=True):
        assert abs(mpmath.mpf(ball.mid().str(45, radius=False)) * total / mpmath.exp(a) - 1) < 1e-38
        assert ball.rel_accuracy_bits() > 110
    assert helpers.logsumexp(balls).overlaps(flint.arb(mpmath.log(total), 1e-45))
    assert helpers.logsumexp([flint.arb("1e-30")]).overlaps(flint.arb("1e-30"))


def test_products(flint: ModuleType, helpers: Any) -> None:
    A = flint.arb_mat([[1, 2, 3], [4, 5, 6]])
    u, v = [flint.arb(1), flint.arb(-1)], [flint.arb(1), flint.arb(0), flint.arb(2)]
    assert helpers.matvec(A, v) == [7, 16]
    assert helpers.transposed(A).tolist() == [[1, 4], [2, 5], [3, 6]]
    assert helpers.outer(u, v).tolist() == [[1, 0, 2], [-1, 0, -2]]
    assert helpers.outers((u, [flint.arb(0), flint.arb(3)]), (v, v)).tolist() == [
        [1, 0, 2],
        [2, 0, 4],
    ]
    assert helpers.add(u, u, [flint.arb(1), flint.arb(1)]) == [3, -1]
    assert helpers.dot(v, v) == 5
    assert helpers.add_matrices(A, A, A).tolist() == [[3, 6, 9], [12, 15, 18]]
    assert helpers.columns(A, 1, 3).tolist() == [[2, 3], [5, 6]]
    column = flint.arb_mat([[9], [8]])
    assert helpers.beside(A, column).tolist() == [[1, 2, 3, 9], [4, 5, 6, 8]]


def test_numbers_are_converted_as_they_are(flint: ModuleType, helpers: Any) -> None:
    assert helpers.number(0.1).is_exact()
    assert float(helpers.number(0.1)) == 0.1
    tenth = helpers.number("0.1")
    assert (10 * tenth).contains(1)
    assert not tenth.overlaps(helpers.number(0.1))


def test_all_that_is_named_is_there(helpers: Any) -> None:
    assert all(hasattr(helpers, name) for name in helpers.__all__)
