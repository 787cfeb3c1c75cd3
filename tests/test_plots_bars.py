"""Bars of Shapley values."""

import numpy as np
import pytest

from gru_sym.errors import DataError
from gru_sym.plots import figure, shapley_bars
from tests.test_plots_figures import GRU, LSTM, PEEPHOLE, RNN, SKIP_ALONE, flow_of, texts


@pytest.mark.parametrize("cell", [GRU, LSTM, PEEPHOLE], ids=lambda c: c.name)
@pytest.mark.parametrize("lag", [None, 0, 7])
def test_bars(cell, lag: int | None) -> None:
    found = flow_of(cell).shapley
    (ax,) = figure().axes
    assert shapley_bars(found, lag, ax=ax) is ax
    at = 30 if lag is None else lag
    np.testing.assert_array_equal([bar.get_width() for bar in ax.patches], found.values[at])
    assert [label.get_text() for label in ax.get_yticklabels()] == list(found.families)
    assert ax.get_xlabel() == f"Shapley value at lag {at} (nats)"
    numbers = [float(t.get_text().replace("\N{MINUS SIGN}", "-")) for t in ax.texts]
    np.testing.assert_allclose(numbers, found.values[at], rtol=5e-3)


def test_families_have_their_colours() -> None:
    """Those of the stacked areas, and all differ in grey by lightness or hatching."""
    bars = shapley_bars(flow_of(PEEPHOLE).shapley).patches
    assert len({(bar.get_facecolor(), bar.get_hatch()) for bar in bars}) == 7


def test_a_batch() -> None:
    found = flow_of(GRU, 20, 3).shapley
    ax = shapley_bars(found)
    widths = [bar.get_width() for bar in ax.patches]
    np.testing.assert_allclose(widths, np.median(found.values[-1], axis=-1))
    ends = [line.get_segments()[0][:, 0] for line in ax.collections]
    np.testing.assert_allclose(ends, np.quantile(found.values[-1], [0.1, 0.9], axis=-1).T)


def test_what_is_not_defined() -> None:
    assert texts(shapley_bars(flow_of(RNN).shapley).get_figure())[-1] == "not defined"
    assert "not defined" in texts(shapley_bars(flow_of(RNN, 5, 2).shapley).get_figure())
    for flow in (flow_of(SKIP_ALONE), flow_of(SKIP_ALONE, 5, 2)):
        assert texts(shapley_bars(flow.shapley).get_figure())[-1] == "there is the skip alone"


def test_no_such_lag() -> None:
    for lag in (-1, 31):
        with pytest.raises(DataError, match=f"no lag {lag}"):
            shapley_bars(flow_of(GRU).shapley, lag)
