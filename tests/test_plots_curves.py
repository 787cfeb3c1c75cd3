"""Lag curves."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gru_sym.errors import DataError
from gru_sym.plots import figure, flow_figure, lag_curves, save
from gru_sym.plots.style import series_looks
from tests.test_plots_figures import GRU, LSTM, RNN, curve_of, flow_of, texts


def test_one_curve() -> None:
    curve = flow_of(GRU).curve
    (ax,) = figure().axes
    assert lag_curves(curve, ax=ax) is ax
    whole, skip = ax.lines
    np.testing.assert_array_equal(whole.get_xdata(), curve.lag)
    np.testing.assert_array_equal(whole.get_ydata(), curve.log_norm)
    np.testing.assert_array_equal(skip.get_ydata(), curve.skip_log_norm)
    assert skip.get_linestyle() == ":"
    assert len(lag_curves(curve, skip=False).lines) == 1


def test_no_skip() -> None:
    ax = lag_curves(flow_of(RNN).curve)
    assert len(ax.lines) == 1
    assert ax.get_legend() is None


def test_seeds_and_batches_have_bands() -> None:
    seeds = [flow_of(LSTM, seed=seed).curve for seed in range(5)]
    batch = flow_of(GRU, 30, 4).curve
    ax = lag_curves({"LSTM": seeds, "GRU": batch}, skip=False)
    runs = np.stack([seed.log_norm for seed in seeds], axis=1)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.median(runs, axis=1))
    np.testing.assert_allclose(ax.lines[1].get_ydata(), np.median(batch.log_norm, axis=1))
    area = ax.collections[0].get_paths()[0].vertices
    low, high = np.quantile(runs, [0.1, 0.9], axis=1)
    for x, bounds in ((3, (low[3], high[3])), (30, (low[30], high[30]))):
        heights = area[area[:, 0] == x, 1]
        assert (heights.min(), heights.max()) == pytest.approx(bounds)
    assert len(ax.collections) == 2
    assert texts(ax.get_figure())[-2:] == ["LSTM", "GRU"]


def test_logarithmic_lags_leave_out_lag_0() -> None:
    curve = flow_of(GRU).curve
    ax = lag_curves(curve, lag_scale="log")
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), curve.lag[1:])
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), curve.log_norm[1:])
    assert ax.get_xscale() == "log"


def test_a_gradient_that_ends() -> None:
    norms = np.r_[np.linspace(0, -20, 10), np.full(5, -np.inf)]
    ax = lag_curves({"relu": curve_of(norms), "nothing": curve_of(np.full(15, -np.inf))})
    assert texts(ax.get_figure())[-2:] == ["relu (0 from lag 10 on)", "nothing (0 from lag 0 on)"]
    assert np.isnan(ax.lines[0].get_ydata()[10:]).all()


def test_a_gap() -> None:
    norms = np.linspace(0, -20, 10)
    norms[4] = np.nan
    np.testing.assert_array_equal(lag_curves(curve_of(norms)).lines[0].get_ydata(), norms)


def test_where_float32_ends() -> None:
    norms = np.linspace(0, -200, 101)
    ax = lag_curves(curve_of(norms, float32_zero_lag=52))
    (ring,) = [line for line in ax.lines if line.get_marker() == "o"]
    assert (ring.get_xdata()[0], ring.get_ydata()[0]) == (52, norms[52])
    found = texts(ax.get_figure())
    assert "smallest float32" in found
    assert "0 in float32 from here on" in found
    heights = [line.get_ydata()[0] for line in ax.lines]
    assert any(height == pytest.approx(-103.279, abs=1e-3) for height in heights)
    assert not any("float" in text for text in texts(lag_curves(curve_of(norms / 2)).get_figure()))


@pytest.mark.parametrize(
    ("lowest", "labels"),
    [
        (-1500, ["smallest float32", "smallest float64"]),
        (-60_000, ["smallest float32, float64"]),
    ],
)
def test_where_float64_ends(lowest: float, labels: list[str]) -> None:
    ax = lag_curves(curve_of(np.linspace(0, lowest, 101)))
    assert [text.get_text() for text in ax.texts] == labels
    assert {text.get_horizontalalignment() for text in ax.texts} == {"right"}
    late = lag_curves(curve_of(np.linspace(0, lowest, 101) ** 3 / lowest**2))
    assert late.texts[-1].get_horizontalalignment() == ("left" if lowest > -2000 else "right")


def test_powers_of_ten() -> None:
    ax = lag_curves(curve_of(np.linspace(0, -100, 11)))
    (right,) = ax.child_axes
    ax.get_figure().canvas.draw()
    np.testing.assert_allclose(np.array(ax.get_ylim()) / np.log(10), right.get_ylim())
    assert "$10^{-20}$" in [tick.get_text() for tick in right.get_yticklabels()]
    assert lag_curves(curve_of(np.linspace(0, -100, 11)), powers=False).child_axes == []
    assert lag_curves(curve_of(np.linspace(0, -1, 11))).child_axes == []  # too few to tell apart


@pytest.mark.parametrize("count", [2, 3, 7])
def test_the_legend_stands_above_the_curves(count: int) -> None:
    page = lag_curves({str(k): flow_of(GRU, seed=k).curve for k in range(count)})
    page.get_figure().canvas.draw()
    assert page.get_legend().get_window_extent().y0 >= page.bbox.y1
    assert texts(page.get_figure())[-1] == "skip alone"


def test_relative_to_lag_0() -> None:
    norms = np.linspace(2, -200, 102)
    curve = curve_of(norms, skip_log_norm=2 * norms - 2, float32_zero_lag=53)
    ax = lag_curves(curve, relative=True)
    whole, skip = ax.lines
    np.testing.assert_allclose(whole.get_ydata(), norms - 2)
    np.testing.assert_allclose(skip.get_ydata(), 2 * norms - 4)
    assert "relative to lag 0" in ax.get_ylabel()
    # Where floats end is said of the norms themselves.
    assert not any("float" in text for text in texts(ax.get_figure()))


def test_looks_that_are_given() -> None:
    looks = dict(zip("abc", series_looks(3), strict=True))
    ax = lag_curves({"c": flow_of(GRU).curve, "a": flow_of(RNN).curve}, skip=False, looks=looks)
    assert [line.get_color() for line in ax.lines] == [looks["c"].colour, looks["a"].colour]


def test_very_long(tmp_path: Path) -> None:
    n = 100_001
    noise = np.random.default_rng(0).normal(size=n).cumsum()
    curve = curve_of(noise - np.arange(n) * 0.1, skip_log_norm=noise - np.arange(n) * 0.2)
    flow = flow_of(LSTM)
    shares = np.tile(flow.departures.shares[:1] * 0.5 + 0.1, (n, 1))
    whole = replace(flow, T=n - 1, curve=curve, departures=replace(flow.departures, shares=shares))
    assert save(flow_figure(whole), tmp_path / "a.svg").stat().st_size < 300_000


def test_no_curves() -> None:
    with pytest.raises(DataError, match="no curves"):
        lag_curves({})
    with pytest.raises(DataError, match="LSTM: there are no runs"):
        lag_curves({"LSTM": []})
    with pytest.raises(DataError, match="GRU: the runs have different lengths"):
        lag_curves({"GRU": [flow_of(GRU).curve, flow_of(GRU, 20).curve]})
