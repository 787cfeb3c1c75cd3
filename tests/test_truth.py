"""What an oracle says, and what it does not begin."""

from typing import Any

import numpy as np
import pytest

from gru_sym.cells import Cell
from gru_sym.verification.meaning import Ranked
from gru_sym.verification.regimes import drawn
from gru_sym.verification.truth import MOST, NotRunError, Truth, stacked, within

TEXT = (
    "# params: W(H, I)\n# outputs: loss\nM = exp(W)\nz = sigmoid(b)\n"
    "h_next = tanh(M @ x + z * h)\nloss = sum(h_next)"
)


def test_too_much_work_is_not_begun() -> None:
    within(MOST, "this")
    within(10.0, "this", 10.0)
    with pytest.raises(NotRunError, match=r"this would take about 5e8 .* more than 4e8"):
        within(MOST * 1.2, "this")
    with pytest.raises(NotRunError, match="verify fewer steps"):
        within(11.0, "this", 10.0)


def test_a_truth_may_have_gradients_alone() -> None:
    truth = Truth({"b_bar": np.ones(3)})
    assert (truth.values, truth.balls) == ({}, {})


def test_values_of_all_steps() -> None:
    """What varies, (T, B, n), a number (T, B); neither matrices nor what is made of parameters."""
    cell = Cell.parse(TEXT)
    point = drawn(cell)

    def step(t: int) -> Any:
        return {
            "W": Ranked(point.params["W"], 2),
            "M": Ranked(np.exp(point.params["W"]), 2),
            "z": Ranked(point.params["b"], 1),
            "x": Ranked(point.inputs["x"][t], 1),
            "h_next": Ranked(np.array([1.0 * t, 2, 3]), 1),  # the same for each sequence
            "loss": Ranked(0.5 + t, 0),  # a number without any axis
        }

    found = stacked(point, map(step, range(point.T)))
    assert {name: array.shape for name, array in found.items()} == {
        "x": (4, 2, 5), "h_next": (4, 2, 3), "loss": (4, 2)
    }  # fmt: skip
    assert np.array_equal(found["x"], point.inputs["x"])
    assert np.array_equal(found["h_next"][3], [[3, 2, 3], [3, 2, 3]])
    assert np.array_equal(found["loss"][:, 1], [0.5, 1.5, 2.5, 3.5])
