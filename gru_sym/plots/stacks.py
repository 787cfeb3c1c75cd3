"""stacks: which part of the gradient comes by which path, as areas one on the other."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib import colormaps, patheffects
from matplotlib.axes import Axes
from matplotlib.colors import to_hex
from matplotlib.patches import Patch
from numpy.typing import ArrayLike

from gru_sym.codegen.functions import Array
from gru_sym.errors import DataError
from gru_sym.flow.parameter_flow import ParameterShares
from gru_sym.flow.paths import Departures, StepShares
from gru_sym.plots.legends import legend_above
from gru_sym.plots.style import Look, Scale, drawing, family_looks, lag_axis, plain_log
from gru_sym.plots.thinning import MOST, averaged

__all__ = ["learning_shares", "parameter_shares", "path_shares"]

_HATCH_COLOUR = "0.15"

_DEPARTURES = "share of the gradient\nby first step off the skip"

_MOST_STEPS = 40
"""Places of step shares: single steps jump, and more of them cannot be told apart."""


def path_shares(
    shares: Departures | StepShares,
    *,
    ax: Axes | None = None,
    lag_scale: Scale = "linear",
    looks: Mapping[str, Look] | None = None,
) -> Axes:
    """Shares of the families in the gradient against the lag, as areas one on the other.

    What is positive is stacked up from 0 and what is negative down; together they make 1, a line.
    Lag 0 is left out, and so are families that have no share anywhere. Of a batch the means are
    shown; so they are of neighbouring lags, where there are more than can be seen, or of steps,
    which jump, more than can be told apart.

    Args:
        shares: by the family by which the gradient first leaves the skip (at each lag), or by what
            each family adds in one step (between two lags).
        ax: where to draw; None: a figure of one column.
        lag_scale: ``linear`` or ``log``.
        looks: family → its look, where several figures have to agree; None: that of its role.

    Raises:
        DataError: the shares are others, such as those of
            :func:`~gru_sym.flow.paths.telescoping`, which are of one lag.
    """
    if not isinstance(shares, Departures | StepShares):
        raise DataError(
            f"{type(shares).__name__} has no shares at each lag",
            mend="give the departures, or the step shares",
        )
    values = shares.shares if shares.shares.ndim == 2 else shares.shares.mean(axis=-1)
    most = MOST // 2
    if isinstance(shares, Departures):
        x, values = np.arange(1.0, len(values)), values[1:]
        label = _DEPARTURES
    else:
        x = np.arange(len(values)) + 0.5
        label, most = "share in the step", _MOST_STEPS
        if len(x) > _MOST_STEPS:
            label += "\n(means over neighbours)"
    with drawing(ax) as ax:
        lag_axis(ax, lag_scale)
        _stack(
            ax, x, values, shares.families, looks or family_looks(shares.families), lag_scale,
            most=most,
        )  # fmt: skip
        _whole(ax)
        plain_log(ax.xaxis)
        ax.set_ylabel(label)
    return ax


def learning_shares(
    updates: ArrayLike,
    shares: Departures,
    *,
    ax: Axes | None = None,
    looks: Mapping[str, Look] | None = None,
) -> Axes:
    """Shares of the families in the gradient at one lag, against the updates of a training.

    Args:
        updates: how many there were before each row of ``shares``, ascending, (n,).
        shares: by the family by which the gradient first leaves the skip: a row is a moment of the
            training instead of a lag, (n, F) or, of several runs, (n, F, R), whose mean is shown.
        ax: where to draw; None: a figure of one column.
        looks: family → its look, where several figures have to agree; None: that of its role.

    Raises:
        DataError: there are not as many moments as rows.
    """
    x = np.asarray(updates, float)
    values = shares.shares if shares.shares.ndim == 2 else shares.shares.mean(axis=-1)
    if len(x) != len(values) or not len(x):
        raise DataError(f"{len(x)} moments and {len(values)} rows", mend="give one row for each")
    with drawing(ax) as ax:
        lag_axis(ax, "linear", label="update")
        _stack(ax, x, values, shares.families, looks or family_looks(shares.families), "linear")
        _whole(ax)
        ax.set_ylabel(_DEPARTURES)
    return ax


def _whole(ax: Axes) -> None:
    """A line where all shares together are."""
    one = ax.axhline(1, color="black", linewidth=0.8, linestyle=(0, (4, 2)))
    one.set_path_effects([patheffects.withStroke(linewidth=2, foreground="white")])


def parameter_shares(
    shares: ParameterShares,
    parameter: str,
    *,
    ax: Axes | None = None,
    lag_scale: Scale = "linear",
) -> Axes:
    """What each lag and each path have a share of in a parameter's gradient, as areas.

    All areas together make 1, those below 0 counted negative. The step from lag k + 1 to lag k
    stands at k + 1/2. Where there are more lags than can be seen, neighbours are averaged; the
    axis ends where only a thousandth of all shares, by size, is to come.

    Args:
        shares: by order or by family.
        parameter: which one.
        ax: where to draw; None: a figure of one column.
        lag_scale: ``linear`` or ``log``.

    Raises:
        DataError: there is no such parameter.
    """
    values = chosen(shares.shares, parameter)
    x = np.arange(len(values)) + 0.5
    with drawing(ax) as ax:
        lag_axis(ax, lag_scale)
        by_order = all(name.rstrip("+").isdigit() for name in shares.paths)
        looks = _order_looks(shares.paths) if by_order else family_looks(shares.paths)
        title = "steps not the skip" if by_order else None
        _stack(ax, x, values, shares.paths, looks, lag_scale, title=title)
        after = np.nan_to_num(np.abs(values)).sum(axis=1)[::-1].cumsum()[::-1]
        if len(values) > 1:
            ax.set_xlim(right=x[max(int((after > 1e-3 * after[0]).sum()) - 1, 1)])
        plain_log(ax.xaxis)
        ax.set_ylabel(f"share of ∂L/∂{parameter}")
    return ax


def chosen(found: Mapping[str, Array], parameter: str) -> Array:
    """The entry of one parameter.

    Args:
        found: parameter → array.
        parameter: which one.

    Raises:
        DataError: there is no such parameter.
    """
    if (values := found.get(parameter)) is None:
        raise DataError(
            f"there is no parameter {parameter}", mend=f"give one of {', '.join(found)}"
        )
    return values


def _order_looks(names: Sequence[str]) -> dict[str, Look]:
    """From dark to light, so that order is seen without colour."""
    shades = colormaps["cividis"](np.linspace(0, 1, len(names)))
    return {name: Look(to_hex(shade), "-", "o") for name, shade in zip(names, shades, strict=True)}


def _stack(
    ax: Axes,
    x: Array,
    values: Array,
    names: Sequence[str],
    looks: Mapping[str, Look],
    scale: Scale,
    *,
    title: str | None = None,
    most: int = MOST // 2,
) -> None:
    """Areas from 0 upwards and downwards; a single place is drawn as a bar."""
    shown = [k for k in range(len(names)) if np.nan_to_num(values[:, k]).any()]
    place, values = averaged(np.log(x) if scale == "log" else x, values[:, shown], most=most)
    x = np.exp(place) if scale == "log" else place
    if len(x) == 1:
        ax.set_xticks(x)
        x, values = np.array([x[0] - 0.4, x[0] + 0.4]), np.repeat(values, 2, axis=0)
    up, down = np.zeros(len(x)), np.zeros(len(x))
    handles = []
    for column, k in enumerate(shown):
        look = looks[names[k]]
        kind: dict[str, Any] = {
            "facecolor": look.colour,
            "hatch": look.hatch,
            "edgecolor": _HATCH_COLOUR,
            "linewidth": 0.3,
        }
        for base, part in (
            (up, values[:, column].clip(0, None)),
            (down, values[:, column].clip(None, 0)),
        ):
            if np.nan_to_num(part).any():
                ax.fill_between(x, base, base + part, label=names[k], **kind)
            base += part
        handles.append(Patch(label=names[k], **kind))
    ax.axhline(0, color="black", linewidth=0.6)
    ax.set_xlim(x[0], x[-1])
    if handles:
        legend_above(ax, handles, title=title)
    else:
        ax.text(0.5, 0.5, "the gradient is 0", transform=ax.transAxes, ha="center")
