"""Enclosures of lag curves: they hold the truth, and say when they cannot."""

import math

import mpmath
import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.errors import DataError
from gru_sym.flow import Ball, certified_curve, lag_curve, linearised
from gru_sym.flow.certified import probed
from tests.flow_cases import CELLS, case, every_cell


@pytest.fixture(autouse=True)
def _flint(peer: object) -> None:
    peer("flint")  # type: ignore[operator]


def _holds(ball: Ball, value: mpmath.mpf) -> bool:
    with mpmath.workdps(60):
        return bool(abs(mpmath.mpf(ball.mid) - value) <= mpmath.mpf(ball.rad))


@every_cell
def test_floats_lie_where_they_must(name: str) -> None:
    found, curve = certified_curve(case(name), digits=12), lag_curve(case(name))
    assert found.reached
    for k, lag in enumerate(found.balls):
        for b, ball in enumerate(lag):
            assert float(ball.rad) <= 1.01e-12
            if ball.mid == "-inf":
                assert curve.log_norm[k, b] == -math.inf
            else:
                assert curve.log_norm[k, b] == pytest.approx(float(ball.mid), abs=1e-11)


def test_they_hold_the_truth() -> None:
    """1 - sigmoid(0.3) per step, by mpmath."""
    params = {"W_z": np.zeros((1, 1)), "b_z": np.array([0.3])}
    params |= {"W_h": np.zeros((1, 1)), "b_h": np.zeros(1)}
    steps = linearised(cells.mingru, params, np.zeros((500, 1)))
    found = certified_curve(steps, digits=20)
    with mpmath.workdps(60):
        rate = -mpmath.log(1 + mpmath.exp(mpmath.mpf(0.3)))
        assert all(_holds(ball, k * rate) for k, ball in enumerate(found.balls))
        assert not _holds(found.balls[100], 100 * rate + mpmath.mpf("1e-18"))


def test_precision_is_doubled_until_it_is_enough() -> None:
    """An expanding orbit loses bits at each step, and more than the precision begins with."""
    made = Cell.parse("h_next = 4 * h * (1 - h)")  # the logistic map loses one bit a step
    steps = linearised(made, {}, 60, np.array([0.3]))
    few, many = certified_curve(steps, digits=5), certified_curve(steps, digits=200)
    assert few.reached
    assert many.reached
    assert many.bits > few.bits
    with mpmath.workdps(300):
        h, total = mpmath.mpf(0.3), mpmath.mpf(0)
        for _ in range(60):
            total += mpmath.log(abs(4 - 8 * h))
            h = 4 * h * (1 - h)
    assert _holds(few.balls[-1], total)


def test_it_says_when_it_cannot() -> None:
    steps = case("gru", batch=None)
    found = certified_curve(steps, digits=16, most_bits=64)
    assert not found.reached
    assert found.reason == "with 64 bits some radii are still larger than 1e-16"
    assert None in found.balls


def test_a_kink() -> None:
    """At relu(0) no ball tells the sign of what comes near to it."""
    made = Cell.parse("h_next = relu(tanh(U @ h) - tanh(W @ x))")
    third = np.array([[1 / 3]])
    steps = linearised(made, {"U": third, "W": third}, np.ones((1, 1)), np.ones(1))
    found = certified_curve(steps, digits=5, most_bits=400)
    assert not found.reached
    assert "sign" in found.reason
    assert found.bits == 400  # the most is tried, too
    assert set(found.balls) == {None}


def test_exactly_nothing() -> None:
    params = {"W_h": np.zeros((2, 1)), "U_h": np.eye(2), "b_h": -np.ones(2)}
    found = certified_curve(linearised(cells.rnn_relu, params, np.zeros((2, 1))), digits=5)
    assert found.balls[1:] == (Ball("-inf", "0"), Ball("-inf", "0"))
    assert found.reached


def test_wrong_digits() -> None:
    with pytest.raises(DataError, match="0 digits"):
        certified_curve(case("gru"), digits=0)


@every_cell
def test_probes_are_gradients_of_states(name: str) -> None:
    made = CELLS[name]
    found = probed(made)
    assert len(found.inputs) == len(made.inputs) + len(made.states)
    assert found.states == made.states
    assert found.params == made.params
