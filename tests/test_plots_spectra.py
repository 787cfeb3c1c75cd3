"""Singular values and Lyapunov exponents."""

from dataclasses import replace

import numpy as np
import pytest

from gru_sym.flow import SingularValues, singular_values
from gru_sym.plots import figure, lyapunov_spectrum, spectrum
from tests.test_plots_figures import GRU, exponents, steps_of, texts


@pytest.mark.parametrize("rates", [True, False])
def test_singular_values(rates: bool) -> None:
    found = singular_values(steps_of(GRU), [1, 5, 30])
    (ax,) = figure().axes
    assert spectrum(found, ax=ax, rates=rates) is ax
    for line, lag, logs in zip(ax.lines, found.lag, found.log, strict=True):
        np.testing.assert_array_equal(line.get_xdata(), np.arange(1, 7))
        np.testing.assert_allclose(line.get_ydata(), logs / lag if rates else logs)
        assert line.get_label() == f"lag {lag}"
    assert ("nats per step" in ax.get_ylabel()) == rates


def test_a_batch_and_values_of_0() -> None:
    found = singular_values(steps_of(GRU, 20, 3))
    ax = spectrum(found)
    np.testing.assert_allclose(ax.lines[0].get_ydata(), np.median(found.log[0] / 20, axis=-1))
    assert len(ax.collections) == 1
    ax = spectrum(SingularValues(np.array([2]), np.array([[1.0, -np.inf]])))
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [0.5, np.nan])


def test_exponents() -> None:
    found = exponents()
    (ax,) = figure().axes
    assert lyapunov_spectrum(found, ax=ax) is ax
    points, ring, zero = ax.lines
    np.testing.assert_array_equal(points.get_ydata(), found.exponents)
    assert ring.get_ydata()[0] == found.perturbation
    assert list(zero.get_ydata()) == [0, 0]
    for k, segment in enumerate(ax.collections[0].get_segments()):
        assert np.ptp(segment[:, 1]) == pytest.approx(2 * found.stderr[k])
    assert texts(ax.get_figure())[-2:] == ["exponents", "by two close trajectories"]


def test_exponents_that_are_not_there() -> None:
    few = np.array([0.1, -np.inf, -np.inf])
    found = replace(exponents(), exponents=few, stderr=few * np.nan, perturbation=float("nan"))
    ax = lyapunov_spectrum(found)
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), [0.1])
    assert texts(ax.get_figure())[-1] == "exponents (2 more: −∞)"
