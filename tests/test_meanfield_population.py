"""A population of units, where moments do not determine the law."""

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.flow.meanfield.fixed import UnboundedError
from gru_sym.flow.meanfield.moments import stationary
from gru_sym.flow.meanfield.population import Sampled, sampled
from gru_sym.flow.meanfield.setting import setting_of
from gru_sym.flow.meanfield.unit import unit_of


def run(cell: Cell, weights: float = 1.0, inputs: float = 0.5, seed: int = 0) -> Sampled:
    z = cell.program.variable("h") ** 2
    setting = setting_of(cell, weights, inputs, None)
    return sampled(unit_of(cell), setting, [z], seed=seed, samples=4000)


def test_it_agrees_with_moments_within_its_error() -> None:
    found = run(cells.gru, 2.0)
    exact = stationary(unit_of(cells.gru), setting_of(cells.gru, 2.0, 0.5, None), 121)
    error = found.batches[:, 0].std(ddof=1) / np.sqrt(len(found.batches))
    mean = found.batches[:, 0].mean()
    assert abs(mean - exact.second_moments["h"]) < 5 * error + 1e-3 * mean
    assert found.second_moments["h"] == pytest.approx(mean, rel=1e-2)


def test_a_seed_draws_the_same_again() -> None:
    one, again, other = run(cells.lstm), run(cells.lstm), run(cells.lstm, seed=1)
    assert np.array_equal(one.batches, again.batches)
    assert not np.array_equal(one.batches, other.batches)
    assert one.second_moments["c"] == pytest.approx(other.second_moments["c"], rel=0.02)


def test_products_of_one_matrix_are_correlated() -> None:
    twice = run(Cell.parse("h_next = tanh(U @ h + U @ (h * sigmoid(W @ x)))"), 2.0)
    joined = run(Cell.parse("h_next = tanh(U @ (h + h * sigmoid(W @ x)))"), 2.0)
    assert twice.second_moments["h"] == pytest.approx(joined.second_moments["h"], rel=0.02)


def test_growth() -> None:
    with pytest.raises(UnboundedError, match="grows without bound"):
        run(Cell.parse("h_next = relu(U @ softplus(h)) + h"), 3.0)
