"""Forgetting times."""

import numpy as np
import pytest

from gru_sym.errors import DataError
from gru_sym.flow import TimeScales, time_scales
from gru_sym.plots import figure, forgetting_times
from tests.test_plots_figures import GRU, LSTM, RNN, steps_of, texts


def test_sorted_times() -> None:
    found = time_scales(steps_of(LSTM))
    (ax,) = figure().axes
    assert forgetting_times(found, ax=ax) is ax
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.sort(found.forgetting["c"])[::-1])
    np.testing.assert_array_equal(ax.lines[0].get_xdata(), np.arange(1, 7))
    assert ax.get_yscale() == "log"
    order = np.argsort(-found.forgetting["c"])
    wanted = f"units of c (from unit {order[0]} to unit {order[-1]})"
    assert texts(ax.get_figure())[-1] == wanted


def test_a_batch_and_labels() -> None:
    batch = time_scales(steps_of(GRU, 20, 3))
    ax = forgetting_times({"one": time_scales(steps_of(GRU)), "three": batch})
    ordered = np.sort(batch.forgetting["h"], axis=1)[:, ::-1]
    np.testing.assert_allclose(ax.lines[1].get_ydata(), np.median(ordered, axis=0))
    assert len(ax.collections) == 1
    one, three = texts(ax.get_figure())[-2:]
    assert one.startswith("units of one h (from unit ")
    assert three == "units of three h"  # each sequence has another order


def test_units_without_a_place() -> None:
    times = np.array([2.0, np.inf, 0.0, 8.0, 0.0])
    ax = forgetting_times(TimeScales({}, {"h": times}))
    np.testing.assert_allclose(ax.lines[0].get_ydata(), [np.nan, 8, 2, np.nan, np.nan])
    wanted = "units of h (from unit 3 to unit 0; 1 never forget: 1; 2 forget at once: 2, 4)"
    assert texts(ax.get_figure())[-1] == wanted
    many = forgetting_times(TimeScales({}, {"h": np.full(9, np.inf)}))
    assert texts(many.get_figure())[-1] == "units of h (9 never forget: 0, 1, 2, 3, …)"


def test_many_units_have_few_markers() -> None:
    ax = forgetting_times(TimeScales({}, {"h": np.linspace(1, 9, 500)}))
    assert isinstance(ax.lines[0].get_markevery(), tuple)
    assert len(ax.lines[0].get_ydata()) == 500


def test_no_skip() -> None:
    with pytest.raises(DataError, match="no state has a skip"):
        forgetting_times(time_scales(steps_of(RNN)))
