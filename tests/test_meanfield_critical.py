"""The gain at which χ is 1."""

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.errors import UnsupportedError
from gru_sym.flow.meanfield.critical import critical_gain
from gru_sym.flow.meanfield.theory import mean_field


def test_a_tanh_network_without_inputs() -> None:
    assert critical_gain(Cell.parse("x_next = U @ tanh(x)")) == pytest.approx(1, abs=1e-5)


def test_it_is_where_chi_is_1() -> None:
    for cell in (cells.gru, cells.rnn):
        gain = critical_gain(cell, inputs=0.5)
        assert mean_field(cell, weights=gain**2, inputs=0.5).chi == pytest.approx(1, abs=1e-8)
        assert mean_field(cell, weights=0.98 * gain**2, inputs=0.5).chi < 1


def test_a_relu_network_explodes_there() -> None:
    assert critical_gain(cells.rnn_relu, inputs=0.5) == pytest.approx(np.sqrt(2), rel=1e-8)


@pytest.mark.slow
def test_a_gru_without_inputs_jumps() -> None:
    """χ = 1/4 + g²/16 at the zero state would be 1 at √12 = 3.464; the states leave 0 before."""
    gain = critical_gain(cells.gru)
    assert gain == pytest.approx(3.449002, abs=1e-4)
    assert mean_field(cells.gru, weights=(0.9999 * gain) ** 2).second_moments["h"] < 1e-12
    above = mean_field(cells.gru, weights=(1.0001 * gain) ** 2)
    assert above.second_moments["h"] > 0.02
    assert above.chi > 1.05


@pytest.mark.slow
def test_by_a_population() -> None:
    cell = Cell.parse("h_next = tanh(U @ tanh(h) + W @ x) + 0.2 * h")
    gain = critical_gain(cell, inputs=0.1)
    found = mean_field(cell, weights=gain**2, inputs=0.1)
    assert found.method == "population"
    assert found.chi == pytest.approx(1, abs=0.01)


def test_refused() -> None:
    with pytest.raises(UnsupportedError, match="`mingru` has no recurrent matrix"):
        critical_gain(cells.mingru)
    with pytest.raises(UnsupportedError, match="below 1 at every gain"):
        critical_gain(Cell.parse("h_next = sin(0.01 * (W @ x)) * sin(U @ h) / 100"), inputs=1.0)
