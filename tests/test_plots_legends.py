"""Legends outside of the panels."""

import numpy as np
import pytest

from gru_sym.plots import figure, lag_curves, one_legend
from gru_sym.plots.legends import legend_above
from gru_sym.plots.style import context
from tests.test_plots_figures import curve_of

NORMS = np.linspace(0, -9, 10)


def test_above_the_axes_in_as_many_columns_as_there_is_room_for() -> None:
    counts = []
    for name in ("a", "a name that is long"):
        (ax,) = figure().axes
        lines = [ax.plot(NORMS, label=f"{name} {k}")[0] for k in range(4)]
        with context():
            legend_above(ax, lines)
        ax.get_figure().canvas.draw()
        box = ax.get_legend().get_window_extent()
        assert box.y0 >= ax.bbox.y1
        assert box.x1 <= ax.get_figure().bbox.x1
        counts.append(ax.get_legend()._ncols)
    assert counts[0] == 4 > counts[1]


@pytest.mark.parametrize("labels", [3, 9])
def test_one_for_all_panels(labels: int) -> None:
    """Above all headings, each label once; the panels have none."""
    drawn = figure(columns=2, across=3)
    for k, ax in enumerate(drawn.axes):
        lag_curves({f"cell {n}": curve_of(NORMS) for n in range(labels - k)}, ax=ax)
        ax.set_title("a heading")
    assert one_legend(drawn) is drawn
    drawn.canvas.draw()
    (legend,) = drawn.legends
    wanted = [f"cell {n}" for n in range(labels)]
    assert [text.get_text() for text in legend.get_texts()] == wanted
    assert all(ax.get_legend() is None for ax in drawn.axes)
    box = legend.get_window_extent()
    assert all(box.y0 >= ax.title.get_window_extent().y1 for ax in drawn.axes)
    assert box.x1 <= drawn.bbox.x1
    assert box.y1 <= drawn.bbox.y1


def test_none_where_no_panel_has_one() -> None:
    drawn = figure()
    one_legend(drawn)
    assert drawn.legends == []
