"""Forgetting times of units, from their gates."""

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.flow import linearised, time_scales
from tests.flow_cases import CELLS, case, dense, every_cell


@every_cell
def test_what_is_kept_is_the_diagonal_of_the_skip(name: str) -> None:
    steps, found = case(name), time_scales(case(name))
    if steps.skip is None:
        assert found.forgetting == {}
        return
    matrices = dense(name)[steps.skip]
    for state, logs in found.log_keep.items():
        block = steps.blocks[state]
        own = np.diagonal(matrices[..., block, block], axis1=-2, axis2=-1)
        assert np.allclose(logs, np.log(np.abs(own)), rtol=0, atol=1e-12)
        rate = -np.log(np.abs(own)).mean(axis=0)
        with np.errstate(divide="ignore"):
            wanted = np.where(rate > 0, 1 / rate, np.inf)
        assert np.allclose(found.forgetting[state], wanted, rtol=1e-9)


def test_of_an_lstm_it_is_the_cell_that_keeps() -> None:
    assert set(time_scales(case("lstm")).forgetting) == {"c"}
    assert set(time_scales(case("gru", batch=None)).forgetting) == {"h"}
    assert time_scales(case("gru", batch=None)).forgetting["h"].shape == (3,)


@pytest.mark.parametrize(("d", "time"), [(1.0, np.inf), (1.5, np.inf), (0.0, 0.0), (-0.5, 1.4427)])
def test_ends(d: float, time: float) -> None:
    made = Cell.parse("# params: d\nh_next = d * h")
    found = time_scales(linearised(made, {"d": np.array([d])}, 5, np.ones(1)))
    assert found.forgetting["h"][0] == pytest.approx(time, rel=1e-4)


def test_a_shut_gate() -> None:
    """1 - sigmoid(50) is 0 in float64, and e^-50."""
    params = {"W_z": np.zeros((1, 1)), "b_z": np.full(1, 50.0)}
    params |= {"W_h": np.zeros((1, 1)), "b_h": np.zeros(1)}
    found = time_scales(linearised(cells.mingru, params, np.zeros((3, 1))))
    assert found.forgetting["h"][0] == pytest.approx(1 / 50, rel=1e-12)
    assert "mingru" in CELLS
