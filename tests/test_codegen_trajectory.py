"""What a forward pass hands out."""

import numpy as np
import pytest

from gru_sym.cells import Cell
from gru_sym.codegen import Trajectory, compile

CELL = Cell.parse(
    "# outputs: loss\n"
    "z = sigmoid(b)\ns = mean(x)\nloss = s * s\nh_next = tanh(z * h + U @ c)\nc_next = c + W @ x",
    name="two",
)


@pytest.fixture
def trajectory(rng: np.random.Generator) -> Trajectory:
    params = {"b": np.zeros(3), "U": rng.normal(size=(3, 4)), "W": rng.normal(size=(4, 2))}
    states = {"h": rng.normal(size=(5, 3)), "c": rng.normal(size=(5, 4))}
    return compile(CELL).forward(params, rng.normal(size=(6, 5, 2)), states)


def test_shapes(trajectory: Trajectory) -> None:
    assert trajectory.hs.shape == (6, 5, 3)
    assert {n: a.shape for n, a in trajectory.states.items()} == {"h": (6, 5, 3), "c": (6, 5, 4)}
    assert {n: a.shape for n, a in trajectory.extra.items()} == {"loss": (6, 5)}
    values = trajectory.values
    assert values["z"].shape == (6, 5, 3)
    assert values["s"].shape == (6, 5)
    assert values["x"].shape == (6, 5, 2)
    assert values["U"].shape == (3, 4)
    assert not values["z"].flags.writeable


def test_a_state_is_held_as_it_enters(trajectory: Trajectory) -> None:
    assert np.array_equal(trajectory.values["c"][1:], trajectory.states["c"][:-1])


def test_says_what_it_is(trajectory: Trajectory) -> None:
    assert repr(trajectory) == "Trajectory(two, T=6, B=5, I=2, H=3, D_U=4, float64)"
    assert trajectory.dtype == np.float64
