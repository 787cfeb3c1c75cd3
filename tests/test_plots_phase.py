"""Phase diagrams."""

import numpy as np
import pytest

from gru_sym.errors import DataError
from gru_sym.plots import figure, phase_diagram
from tests.test_plots_figures import texts

X, Y = np.linspace(0.5, 3, 12), np.linspace(-2, 2, 9)
GRID = np.log(X)[None] + 0.3 * Y[:, None]


def contours(ax) -> list:
    return [each for each in ax.collections if hasattr(each, "levels")]


def test_measured_and_theory() -> None:
    (ax,) = figure().axes
    assert phase_diagram(X, Y, GRID, ax=ax, contour=GRID + 0.1) is ax
    mesh = ax.collections[0]
    np.testing.assert_array_equal(mesh.get_array(), GRID)
    assert mesh.norm(0.0) == 0.5
    assert mesh.norm.vmax == np.abs(GRID).max()
    thin, measured, theory = contours(ax)
    assert list(measured.levels) == list(theory.levels) == [0]
    for x, y in measured.get_paths()[0].vertices:
        assert np.interp(x, X, np.log(X)) + 0.3 * y == pytest.approx(0, abs=0.01)
    # The two sides differ in black and white: dashed below, with their values.
    assert (thin.levels < 0).any()
    dashed = [style[1] is not None for style in thin.get_linestyle()]
    assert dashed == list(thin.levels < 0)
    assert "measured" in texts(ax.get_figure())
    assert "theory" in texts(ax.get_figure())


def test_a_theoretical_curve_does_not_widen_the_map() -> None:
    alone = phase_diagram(X, Y, GRID)
    assert alone.get_legend() is None
    ax = phase_diagram(X, Y, GRID, curve=(X, 9 * X))
    assert ax.get_ylim() == alone.get_ylim()
    np.testing.assert_array_equal(ax.lines[0].get_ydata(), 9 * X)


def test_another_critical_value_and_what_is_not_known() -> None:
    chi = np.exp(GRID)
    chi[2, 3], chi[0, 0] = np.nan, -np.inf
    ax = phase_diagram(X, Y, chi, critical=1, limit=0.5, x_scale="log", labels=("a", "b", "χ"))
    mesh = ax.collections[0]
    assert (mesh.norm.vmin, mesh.norm.vmax) == (0.5, 1.5)
    assert mesh.get_array().mask.sum() == 2
    assert list(contours(ax)[-1].levels) == [1]
    assert ax.get_xscale() == "log"
    assert ax.get_figure().axes[1].get_ylabel() == "χ"
    ax.get_figure().canvas.draw()


def test_what_the_quantity_cannot_be_below() -> None:
    """The colours of χ end at 0, and 1 stays white."""
    ax = phase_diagram(X, Y, np.exp(4 * GRID), critical=1, least=0)
    norm = ax.collections[0].norm
    assert (norm.vmin, norm(1.0)) == (0, 0.5)
    assert norm.vmax == pytest.approx(np.exp(4 * GRID).max())
    bar = ax.get_figure().axes[1]
    assert bar.get_ylim()[0] == 0


def test_nowhere_critical() -> None:
    ax = phase_diagram(X, Y, np.full(GRID.shape, -1.0), contour=np.full(GRID.shape, np.nan))
    assert contours(ax) == []
    ax.get_figure().canvas.draw()
    phase_diagram(X, Y, np.zeros(GRID.shape)).get_figure().canvas.draw()


def test_wrong_shapes() -> None:
    with pytest.raises(DataError, match=r"shape \(12, 9\), with 12 values of x and 9 of y"):
        phase_diagram(X, Y, GRID.T)
    with pytest.raises(DataError, match="shape"):
        phase_diagram(X, Y, GRID, contour=GRID[:-1])
    with pytest.raises(DataError, match="2 or more"):
        phase_diagram(X[:1], Y, GRID[:, :1])
    with pytest.raises(DataError, match="no value of the map is finite"):
        phase_diagram(X, Y, GRID * np.nan)
