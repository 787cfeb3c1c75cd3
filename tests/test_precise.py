"""Oracles of more digits than float64 has."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from types import ModuleType
from typing import Any

import mpmath
import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.codegen.compile import compile
from gru_sym.verification import precise
from gru_sym.verification.floats import complex_step
from gru_sym.verification.meaning import Meaning
from gru_sym.verification.point import Point
from gru_sym.verification.precise import arb_enclosures, mpmath_digits, products
from gru_sym.verification.regimes import REGIMES, drawn
from gru_sym.verification.relative import relative_error
from gru_sym.verification.tape import Balls, Floats, Tape
from gru_sym.verification.truth import NotRunError, Truth
from tests.test_compile import text_cells

CELLS = [*map(cells.cell, cells.names()), *text_cells()]
GATE = "z = sigmoid(b)\nh_next = (1 - z) * h + z * tanh(x)"
"""At b = 300 its 1 - z is 5e-131."""

both = pytest.mark.parametrize("oracle", [mpmath_digits, arb_enclosures])


@pytest.fixture(autouse=True)
def flint(peer: Callable[[str], ModuleType]) -> ModuleType:
    return peer("flint")


@pytest.fixture
def digits(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The digits that mpmath was asked for, one after the other."""
    asked: list[int] = []

    class Spy(Floats):
        def __init__(self, digits: int) -> None:
            asked.append(digits)
            super().__init__(digits)

    monkeypatch.setattr(precise, "Floats", Spy)
    return asked


def gate(argument: float) -> Point:
    point = drawn(Cell.parse(GATE))
    return replace(point, params={"b": np.full(3, argument)})


def differences(one: Truth, other: Truth) -> dict[str, float]:
    assert one.gradients.keys() == other.gradients.keys()
    found = {n: relative_error(one.gradients[n], a) for n, a in other.gradients.items()}
    return found | {n: relative_error(one.values[n], a) for n, a in other.values.items()}


# -- wrong rules are seen --------------------------------------------------------------------------


@both
def test_a_wrong_rule_is_seen(
    oracle: Callable[[Point], Truth], monkeypatch: pytest.MonkeyPatch
) -> None:
    """exp' off by 1e-12: each gradient that passes an exp is off by about as much."""
    point = drawn(cells.gru)
    right = oracle(point)

    def wrong(self: Tape, a: Any) -> Any:
        if not hasattr(a, "index"):
            return self.field.exp(a)
        value = self.field.exp(a.value)
        return self.note(value, ((a.index, value * (1 + self.number(Fraction(1, 10**12)))),))

    monkeypatch.setattr(Tape, "exp", wrong)
    off = oracle(point)
    for name, gradient in right.gradients.items():
        assert 1e-14 < relative_error(off.gradients[name], gradient) < 1e-11


@both
def test_another_cell_is_seen(oracle: Callable[[Point], Truth]) -> None:
    point = drawn(cells.gru)
    other = oracle(replace(point, cell=cells.gru_keep))
    for name, gradient in oracle(point).gradients.items():
        assert relative_error(other.gradients[name], gradient) > 1e-3


# -- they agree ------------------------------------------------------------------------------------


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_digits_and_enclosures_agree(cell: Cell) -> None:
    point = drawn(cell)
    digits, balls = mpmath_digits(point), arb_enclosures(point)
    assert list(digits.gradients) == list(balls.gradients) == point.gradients
    assert max(differences(balls, digits).values()) < 1e-15
    assert max(differences(complex_step(point), digits).values()) < 1e-13


@pytest.mark.parametrize("regime", ["usual", "saturated", "huge"])
@pytest.mark.parametrize("name", ["gru", "lstm", "minlstm", "ugrnn"])
def test_enclosures_contain_what_more_digits_say(
    name: str, regime: str, peer: Callable[[str], Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each entry, the numbers of 200 digits taken exactly."""
    monkeypatch.setattr(peer("flint").ctx, "prec", 2000)
    point = REGIMES[regime].point(cells.cell(name), 1)
    truth = arb_enclosures(point)
    exact = precise._reversed(point, Floats(200))
    for key, balls in truth.balls.items():
        assert balls.shape == truth.gradients[key].shape
        assert len(balls.flat) == len(exact.gradients[key].flat)
        for ball, number in zip(balls.flat, exact.gradients[key].flat, strict=True):
            man, exponent = number.man_exp if number else (0, 0)
            sign = -1 if number < 0 else 1
            right = Fraction(sign * abs(int(man))) * Fraction(2) ** int(exponent)
            assert abs(right - Fraction(float(ball.mid()))) <= abs(right) * Fraction(1, 2**52)
            assert bool(ball.contains(Balls().number(right)))


@both
def test_gradients_are_the_nearest_floats(oracle: Callable[[Point], Truth]) -> None:
    """∂L/∂x of x · y: a product of two floats, rounded once."""
    point = drawn(Cell.parse("# params: b(H)\n# inputs: x(H)\nh_next = b * x + 0 * h"), steps=1)
    found = oracle(point).gradients["x_bar"]
    assert np.array_equal(found, point.params["b"] * point.bars["h"])


@both
def test_sums_over_sequences_are_rounded_once(oracle: Callable[[Point], Truth]) -> None:
    """1e20 + 1 − 1e20 is 1."""
    cell = Cell.parse("# params: b(H)\n# inputs: x(H)\nh_next = b + x + 0 * h")
    point = drawn(cell, steps=1, sequences=3)
    bars = np.array([[[1e20] * 3, [1.0] * 3, [-1e20] * 3]])
    assert oracle(replace(point, bars={"h": bars})).gradients["b_bar"].tolist() == [1, 1, 1]


@both
def test_values_of_the_forward_pass(oracle: Callable[[Point], Truth]) -> None:
    point = drawn(cells.lstm)
    right = compile(cells.lstm).forward(point.params, point.inputs, point.states).values
    values = oracle(point).values
    assert set(values) == {str(v.name) for v in cells.lstm.varying}
    for name, value in values.items():
        assert relative_error(value, right[name]) < 1e-14


# -- digits enough ---------------------------------------------------------------------------------


def test_usually_50_digits_and_twice_as_many(digits: list[int]) -> None:
    mpmath_digits(drawn(cells.gru))
    assert digits == [50, 100]


@pytest.mark.parametrize("argument", [100.0, 300.0, -300.0, 600.0])
def test_digits_are_doubled_until_they_are_enough(argument: float, digits: list[int]) -> None:
    """To 50 digits, and to 100, ``1 - z`` is 0 at 300; it needs 130 and more."""
    point = gate(argument)
    right = compile(point.cell).gradients(point.params, point.inputs, point.states, point.bars)[1]
    found, balls = mpmath_digits(point).gradients, arb_enclosures(point).gradients
    assert digits[-1] > (argument > 0) * abs(argument) / np.log(10) + 20
    for name, gradient in right.items():
        assert np.abs(gradient).max() > 0
        assert relative_error(found[name], balls[name]) < 1e-15
        assert relative_error(gradient, found[name]) < 1e-13, name


ZERO = {
    "does not depend": ("h_next = tanh(W @ x) + 0 * h + 0 * b", {"h_bar", "b_bar"}),
    "a step": ("h_next = tanh(W @ x + h) + step(b) * h", {"b_bar"}),
    "a difference": ("h_next = tanh(W @ x + h) + (sum(b) - sum(b)) * h", {"b_bar"}),
    "gates add up": ("h_next = tanh(W @ x + h) + (sigmoid(b) + sigmoid(-b) - 1) * h", {"b_bar"}),
    "exp": ("h_next = tanh(W @ x + h) + (exp(b) * exp(-b) - 1) * h", {"b_bar"}),
    "factors": ("h_next = tanh(W @ x + h) + (sum(3 * b) - 3 * sum(b)) * h", {"b_bar"}),
    "shares": ("h_next = tanh(W @ x + h) * sum(softmax(b))", {"b_bar"}),
    "nothing moves": ("h_next = 0.5", {"h_bar"}),
}


@both
@pytest.mark.parametrize("name", ZERO)
def test_what_vanishes_is_0(name: str, oracle: Callable[[Point], Truth]) -> None:
    """By cancellation alone, too: no noise of the last digit is left."""
    text, zero = ZERO[name]
    point = drawn(Cell.parse(text))
    for key, gradient in oracle(point).gradients.items():
        assert gradient.any() == (key not in zero), key


# -- where they say nothing ------------------------------------------------------------------------


@both
@pytest.mark.parametrize("text", ["h_next = log(h) + W @ x", "h_next = sqrt(h) + W @ x"])
def test_the_logarithm_of_what_is_negative(text: str, oracle: Callable[[Point], Truth]) -> None:
    point = drawn(Cell.parse(text))
    assert (point.states["h"] < 0).any()
    with pytest.raises(NotRunError):
        oracle(point)


@both
def test_a_division_by_zero(oracle: Callable[[Point], Truth]) -> None:
    point = drawn(Cell.parse("h_next = x / b + h"))
    with pytest.raises(NotRunError):
        oracle(replace(point, params={"b": np.array([0.0, 1.0, 2.0])}))


@both
def test_at_a_kink_exactly_the_language_decides(oracle: Callable[[Point], Truth]) -> None:
    """relu'(0) = 0 and abs'(0) = 0."""
    point = drawn(Cell.parse("h_next = relu(b) + abs(b) + x + 0 * h"))
    found = oracle(replace(point, params={"b": np.array([0.0, 1.0, -1.0])})).gradients["b_bar"]
    assert found[0] == 0
    assert found[1:].all()


def test_a_kink_that_no_ball_decides() -> None:
    """The argument is 0 for every b, but no ball knows."""
    text = "h_next = relu(sigmoid(b) + sigmoid(-b) - 1) * h + x"
    with pytest.raises(NotRunError, match="bits hold both sides of a kink still"):
        arb_enclosures(drawn(Cell.parse(text)))


@both
def test_too_much_work(oracle: Callable[[Point], Truth]) -> None:
    point = drawn(cells.gru, steps=20_000)
    with pytest.raises(NotRunError, match="would take about"):
        oracle(point)


def test_the_work_grows_with_the_sequence() -> None:
    one = products(drawn(cells.gru, steps=1, sequences=1))
    assert one > sum(a.size for a in drawn(cells.gru).params.values())
    assert products(drawn(cells.gru, steps=5, sequences=3)) == 15 * one


def test_without_flint(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "flint", None)
    with pytest.raises(NotRunError, match="pip install python-flint"):
        arb_enclosures(drawn(cells.rnn))


@pytest.mark.parametrize("text", ["h_next = tanh(W @ x + h)", "h_next = log(h) + W @ x"])
def test_precision_is_left_as_it_was(text: str, flint: ModuleType) -> None:
    before = flint.ctx.prec, mpmath.mp.dps
    point = drawn(Cell.parse(text))
    for oracle in (mpmath_digits, arb_enclosures):
        try:
            oracle(point)
        except NotRunError:
            assert "log" in text
    assert (flint.ctx.prec, mpmath.mp.dps) == before


def test_an_error_of_the_equations_is_no_silence(monkeypatch: pytest.MonkeyPatch) -> None:
    """What goes wrong in the oracle itself is not taken for a cell without value."""

    def broken(*_: Any) -> Iterator[Any]:
        raise RuntimeError("broken")

    monkeypatch.setattr(Meaning, "unroll", broken)
    for oracle in (mpmath_digits, arb_enclosures):
        with pytest.raises(RuntimeError, match="broken"):
            oracle(drawn(cells.rnn))
