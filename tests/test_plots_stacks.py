"""Stacked areas of shares."""

import numpy as np
import pytest

from gru_sym.errors import DataError
from gru_sym.flow import (
    Departures,
    ParameterShares,
    parameters_by_family,
    parameters_by_order,
    step_shares,
    telescoping,
)
from gru_sym.plots import figure, learning_shares, parameter_shares, path_shares
from gru_sym.plots.style import Look
from tests.test_plots_figures import GRU, LSTM, PEEPHOLE, RNN, flow_of, steps_of, texts
from tests.test_plots_style import lightness


def heights(ax, name: str) -> dict[float, float]:
    """Position → the height of all areas of one name there, those below 0 negative."""
    found: dict[float, float] = {}
    for area in ax.collections:
        if area.get_label() == name:
            (path,) = area.get_paths()
            for x in np.unique(path.vertices[:, 0]):
                y = path.vertices[path.vertices[:, 0] == x, 1]
                sign = 1 if y.max() > 1e-300 else -1
                found[x] = found.get(x, 0) + sign * np.ptp(y)
    return found


def names(ax) -> list[str]:
    return [text.get_text() for text in ax.get_legend().get_texts()]


@pytest.mark.parametrize("cell", [GRU, LSTM, PEEPHOLE], ids=lambda c: c.name)
@pytest.mark.parametrize("scale", ["linear", "log"])
def test_departures(cell, scale: str) -> None:
    found = flow_of(cell).departures
    (ax,) = figure().axes
    assert path_shares(found, ax=ax, lag_scale=scale) is ax
    assert names(ax) == list(found.families)
    for k, name in enumerate(found.families):
        drawn = heights(ax, name)
        np.testing.assert_allclose(list(drawn), np.arange(1, 31), rtol=1e-12)
        np.testing.assert_allclose(list(drawn.values()), found.shares[1:, k], atol=1e-12)
    assert [line.get_ydata()[0] for line in ax.lines] == [0, 1]


def test_without_a_skip() -> None:
    ax = path_shares(flow_of(RNN).departures)
    assert names(ax) == ["direct"]
    assert set(heights(ax, "direct").values()) == {1.0}


def test_steps_stand_between_lags() -> None:
    found = step_shares(steps_of(GRU))
    ax = path_shares(found)
    drawn = heights(ax, "skip")
    np.testing.assert_array_equal(list(drawn), np.arange(30) + 0.5)
    np.testing.assert_allclose(list(drawn.values()), found.shares[:, 0])
    assert ax.get_ylabel() == "share in the step"


def test_of_many_steps_means_are_shown() -> None:
    found = step_shares(steps_of(GRU, 300))
    ax = path_shares(found)
    drawn = heights(ax, "skip")
    assert len(drawn) == 40
    first = list(drawn)[0]  # noqa: RUF015
    width = round(2 * first)
    assert drawn[first] == pytest.approx(found.shares[:width, found.families.index("skip")].mean())
    assert "means" in ax.get_ylabel()


def test_the_label_says_which_share() -> None:
    assert "first step off the skip" in path_shares(flow_of(GRU).departures).get_ylabel()


def test_shares_of_one_lag_are_refused() -> None:
    with pytest.raises(DataError, match="Telescoping has no shares at each lag"):
        path_shares(telescoping(steps_of(GRU), lag=9))


def test_shares_through_a_training() -> None:
    families, updates = flow_of(GRU).departures.families, [0, 100, 500]
    shares = np.random.default_rng(0).dirichlet(np.ones(4), (3, 5)).transpose(0, 2, 1)
    ax = learning_shares(updates, Departures(families, shares))
    for k, name in enumerate(families):
        drawn = heights(ax, name)
        assert list(drawn) == updates
        np.testing.assert_allclose(list(drawn.values()), shares[:, k].mean(axis=-1), atol=1e-12)
    assert ax.get_xlabel() == "update"
    looks = dict.fromkeys(families, Look("#123456", "-", "o"))
    same = learning_shares(updates, Departures(families, shares), looks=looks)
    assert len({tuple(area.get_facecolor()[0]) for area in same.collections}) == 1
    with pytest.raises(DataError, match="2 moments and 3 rows"):
        learning_shares([0, 1], Departures(families, shares))


def test_a_batch_shows_the_mean() -> None:
    found = flow_of(GRU, 20, 3).departures
    drawn = heights(path_shares(found), "skip")
    np.testing.assert_allclose(list(drawn.values()), found.shares[1:, 0].mean(axis=-1), atol=1e-12)


def test_one_step_is_a_bar() -> None:
    ax = path_shares(flow_of(GRU, 1).departures)
    assert list(heights(ax, "skip")) == [0.6, 1.4]
    assert list(ax.get_xticks()) == [1]


def test_areas_are_hatched_for_black_and_white() -> None:
    ax = path_shares(flow_of(PEEPHOLE).departures)
    looks = {a.get_label(): (tuple(a.get_facecolor()[0]), a.get_hatch()) for a in ax.collections}
    assert len(set(looks.values())) == len(looks) == 8
    assert sum(hatch is not None and hatch != "" for _, hatch in looks.values()) >= 5


def test_where_there_is_no_gradient() -> None:
    shares = np.full((10, 2), np.nan)
    shares[0] = 0, 1
    assert (
        texts(path_shares(Departures(("a", "skip"), shares)).get_figure())[-1]
        == "the gradient is 0"
    )
    shares[:6] = 0.5, 0.5
    ax = path_shares(Departures(("a", "skip"), shares))
    assert max(heights(ax, "a")) == 5


def test_parameters_by_family() -> None:
    found = parameters_by_family(steps_of(GRU))
    ax = parameter_shares(found, "U_h")
    for k, name in enumerate(found.paths):
        drawn = heights(ax, name)
        if drawn:
            x = np.array(list(drawn))
            wanted = found.shares["U_h"][(x - 0.5).astype(int), k]
            np.testing.assert_allclose(list(drawn.values()), wanted, atol=1e-12)
    assert ax.get_ylabel() == "share of ∂L/∂U_h"
    after = np.abs(found.shares["U_h"][int(ax.get_xlim()[1] + 0.5) :]).sum()
    assert after <= 1e-3 * np.abs(found.shares["U_h"]).sum()


def test_parameters_by_order_go_from_dark_to_light() -> None:
    found = parameters_by_order(steps_of(GRU))
    ax = parameter_shares(found, "b_z", lag_scale="log")
    assert names(ax) == [str(k) for k in range(8)] + ["8+"]
    shades = [lightness(patch.get_facecolor()) for patch in ax.get_legend().get_patches()]
    assert (np.diff(shades) > 0.05).all()


def test_no_such_parameter() -> None:
    with pytest.raises(DataError, match="no parameter W") as caught:
        parameter_shares(ParameterShares(("skip",), {"W_z": np.ones((1, 1))}), "W")
    assert caught.value.mend == "give one of W_z"
    ax = parameter_shares(ParameterShares(("skip",), {"W_z": np.ones((1, 1))}), "W_z")
    assert list(heights(ax, "skip").values()) == [1, 1]
