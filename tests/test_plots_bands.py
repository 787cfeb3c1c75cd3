"""The middle of several runs, and how far they spread."""

import numpy as np
import pytest

from gru_sym.errors import DataError
from gru_sym.plots.bands import Band, band_of, draw_band, joined
from gru_sym.plots.style import figure, series_looks

LOOK = series_looks(2)[0]


def test_one_run_has_no_band() -> None:
    run = np.array([1.0, -np.inf, np.nan])
    for found in (band_of(run), band_of(run[:, None])):
        np.testing.assert_array_equal(found.mid, run)
        assert found.low is None


def test_quantiles() -> None:
    runs = np.random.default_rng(0).normal(size=(20, 11))
    found = band_of(runs)
    np.testing.assert_allclose(found.mid, np.median(runs, axis=1))
    np.testing.assert_allclose(found.low, np.quantile(runs, 0.1, axis=1))
    np.testing.assert_allclose(found.high, np.quantile(runs, 0.9, axis=1))


def test_infinities_are_ordered() -> None:
    inf = np.inf
    runs = np.array([[-inf, -inf, 1, 2, 3], [-inf, -inf, -inf, 4, 5], [1, 2, 3, inf, inf]])
    found = band_of(runs)
    np.testing.assert_array_equal(found.mid, [1, -np.inf, 3])
    np.testing.assert_array_equal(found.low, [-np.inf, -np.inf, 1.4])
    np.testing.assert_array_equal(found.high, [2.6, 4.6, np.inf])


def test_a_run_that_is_no_number_shows() -> None:
    assert np.isnan(band_of(np.array([[1.0, np.nan, 2.0]])).mid).all()


def test_runs_are_joined() -> None:
    found = joined([np.zeros(3), np.ones((3, 2))], "curves")
    np.testing.assert_array_equal(found, [[0, 1, 1]] * 3)
    with pytest.raises(DataError, match="curves: the runs have different lengths, 3, 4"):
        joined([np.zeros(4), np.zeros(3)], "curves")
    with pytest.raises(DataError, match="no runs"):
        joined([], "curves")


def test_gaps() -> None:
    (ax,) = figure().axes
    mid = np.array([3.0, 2, np.nan, 1, -np.inf])
    draw_band(ax, np.arange(5.0), Band(mid, mid - 1, mid + 1), LOOK, "a", "linear")
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [3, 2, np.nan, 1, np.nan])
    (area,) = ax.collections
    heights = np.concatenate([path.vertices[:, 1] for path in area.get_paths()])
    assert np.isfinite(heights).all()
    assert len(area.get_paths()) == 2


def test_a_band_that_reaches_to_minus_infinity() -> None:
    (ax,) = figure().axes
    x, ones = np.arange(3.0), np.ones(3)
    low = np.array([0.0, -np.inf, -np.inf])
    draw_band(ax, x, Band(ones, low, 2 * ones), LOOK, "a", "linear")
    (path,) = ax.collections[0].get_paths()
    assert path.vertices[:, 1].min() == 0  # the lowest number that there is


def test_one_point_has_a_marker() -> None:
    (ax,) = figure().axes
    draw_band(ax, np.array([1.0]), Band(np.ones(1), None, None), LOOK, "a", "log")
    assert ax.lines[0].get_marker() == LOOK.marker
