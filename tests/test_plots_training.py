"""Losses by epoch."""

import numpy as np
import pytest

from gru_sym.errors import DataError
from gru_sym.plots import figure, training
from gru_sym.plots.style import series_looks
from tests.test_plots_figures import texts

LOSS = np.exp(-np.arange(50) / 10)


def test_one_run_with_baselines() -> None:
    (ax,) = figure().axes
    assert training(LOSS, ax=ax, baselines={"next equals this": 0.3}) is ax
    run, baseline = ax.lines
    np.testing.assert_array_equal(run.get_xdata(), np.arange(1, 51))
    np.testing.assert_array_equal(run.get_ydata(), LOSS)
    assert list(baseline.get_ydata()) == [0.3, 0.3]
    assert texts(ax.get_figure()) == ["epoch", "training loss", "next equals this"]
    assert training(LOSS, loss_scale="linear").get_yscale() == "linear"


def test_seeds_have_a_band() -> None:
    seeds = LOSS * np.array([[1.0], [1.1], [1.3]])
    ax = training({"GRU": seeds, "LSTM": list(2 * LOSS)}, label="MSE")
    np.testing.assert_allclose(ax.lines[0].get_ydata(), 1.1 * LOSS)
    assert len(ax.collections) == 1
    assert texts(ax.get_figure()) == ["epoch", "MSE", "GRU", "LSTM"]
    assert ax.lines[0].get_linestyle() != ax.lines[1].get_linestyle()


def test_looks_and_the_legend() -> None:
    looks = dict(zip("ab", series_looks(2), strict=True))
    ax = training({"b": LOSS, "a": 2 * LOSS}, looks=looks)
    assert [line.get_color() for line in ax.lines] == [looks["b"].colour, looks["a"].colour]
    ax.get_figure().canvas.draw()
    assert ax.get_legend().get_window_extent().y0 >= ax.bbox.y1


def test_a_loss_that_overflows_leaves_a_gap() -> None:
    ax = training(np.r_[LOSS, np.inf, np.nan])
    np.testing.assert_array_equal(ax.lines[0].get_ydata()[-3:], [LOSS[-1], np.nan, np.nan])


def test_one_epoch_can_be_seen() -> None:
    ax = training([0.5])
    ax.get_figure().canvas.draw()
    assert ax.lines[0].get_marker() == "o"


@pytest.mark.parametrize("given", [{}, [], np.zeros((2, 3, 4))], ids=["none", "empty", "3 axes"])
def test_no_history(given: object) -> None:
    with pytest.raises(DataError, match="no history"):
        training(given)
