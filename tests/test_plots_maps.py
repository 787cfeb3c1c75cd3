"""Maps of orders, and of a parameter's units."""

from dataclasses import replace

import numpy as np
import pytest
from matplotlib import colormaps

from gru_sym.errors import DataError
from gru_sym.flow import orders, parameter_flow, path_length
from gru_sym.plots import figure, parameter_map, path_orders
from tests.test_plots_figures import GRU, RNN, steps_of
from tests.test_plots_style import lightness


def cells_of(ax) -> np.ma.MaskedArray:
    return ax.collections[0].get_array()


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_orders(scale: str) -> None:
    found = orders(steps_of(GRU))
    (ax,) = figure().axes
    assert path_orders(found, ax=ax, lag_scale=scale) is ax
    norms = found.log_norm[scale == "log" :]
    wanted = np.ma.masked_invalid((norms - norms.max(axis=1, keepdims=True)).T)
    np.testing.assert_array_equal(cells_of(ax).mask, wanted.mask)
    np.testing.assert_array_equal(cells_of(ax), wanted)
    length = path_length(steps_of(GRU)).mean
    np.testing.assert_allclose(ax.lines[0].get_ydata(), length[scale == "log" :], rtol=1e-8)
    edges = ax.collections[0].get_coordinates()[0, :, 0]
    np.testing.assert_allclose(edges[:3], np.arange(3) + (0.5 if scale == "log" else -0.5))


def test_the_mean_order_is_given_or_exact() -> None:
    few = orders(steps_of(GRU), most=5)
    ax = path_orders(few)
    assert not ax.lines  # the mean would be too small
    assert ax.get_ylabel() == "order (the last: 5 or more)"
    length = path_length(steps_of(GRU))
    np.testing.assert_array_equal(path_orders(few, length).lines[0].get_ydata(), length.mean)


@pytest.mark.parametrize(("cell", "T", "B"), [(RNN, 20, None), (GRU, 1, None), (GRU, 20, 3)])
def test_orders_without_a_skip_of_one_step_and_of_a_batch(cell, T: int, B: int | None) -> None:
    ax = path_orders(orders(steps_of(cell, T, B)))
    ax.get_figure().canvas.draw()
    assert cells_of(ax).shape == (T + 1, T + 1)
    assert cells_of(ax).max() == 0


def test_where_there_is_no_gradient() -> None:
    found = orders(steps_of(GRU, 5))
    norms = found.log_norm.copy()
    norms[3:] = -np.inf
    assert cells_of(path_orders(replace(found, log_norm=norms))).mask[:, 3:].all()


@pytest.mark.parametrize("scale", ["linear", "log"])
def test_units(scale: str) -> None:
    found = parameter_flow(steps_of(GRU)).by_unit["U_h"]
    (ax,) = figure().axes
    assert parameter_map(parameter_flow(steps_of(GRU)), "U_h", ax=ax, lag_scale=scale) is ax
    np.testing.assert_array_equal(cells_of(ax), (found - found.max()).T)
    assert ax.get_ylabel() == "unit of U_h"
    shown = found[: int(np.ceil(ax.get_xlim()[1]))]
    assert (found > found.max() - 20).sum() == (shown > found.max() - 20).sum()


def test_a_long_map_is_an_image_of_few_cells() -> None:
    flow = parameter_flow(steps_of(GRU, 5))
    long = np.linspace(0, -5, 30_000)[:, None] * np.ones(3)
    ax = parameter_map(replace(flow, by_unit={"b_z": long}), "b_z")
    assert cells_of(ax).shape == (3, 600)
    assert ax.collections[0].get_rasterized()


def test_colours_fall_in_grey() -> None:
    shades = [lightness(colour) for colour in colormaps["magma_r"](np.linspace(0, 1, 30))]
    assert (np.diff(shades) < 0).all()


def test_no_such_parameter() -> None:
    with pytest.raises(DataError, match="no parameter U_q"):
        parameter_map(parameter_flow(steps_of(GRU, 2)), "U_q")
