"""curves: how much of the gradient is left at each lag."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import FuncFormatter, MaxNLocator

from gru_sym.codegen.functions import Array
from gru_sym.errors import DataError
from gru_sym.flow.lags import LagCurve
from gru_sym.plots.bands import Band, band_of, draw_band, joined
from gru_sym.plots.legends import legend_above
from gru_sym.plots.style import (
    FAINT,
    Look,
    Scale,
    drawing,
    lag_axis,
    plain_log,
    series_looks,
)

__all__ = ["Curves", "lag_curves"]

Curves: TypeAlias = LagCurve | Mapping[str, LagCurve | Sequence[LagCurve]]
"""One curve; or label → a curve, or those of several seeds."""

_LN10 = float(np.log(10.0))

_SKIP, _ZERO = "skip alone", "0 in float32 from here on"

_FLOATS = (np.float32, np.float64)

_CLOSE = 0.1
"""Of the height: lines that are closer have one label."""


def lag_curves(
    curves: Curves,
    *,
    ax: Axes | None = None,
    lag_scale: Scale = "linear",
    skip: bool = True,
    powers: bool = True,
    relative: bool = False,
    looks: Mapping[str, Look] | None = None,
) -> Axes:
    """Log-norm of the gradient against the lag, in nats; on the right in powers of ten.

    Of several seeds, or the sequences of a batch, the line is the median, and the area spans the
    quantiles at 10 and 90 %. A ring stands at the first lag at which every entry rounds to 0 in
    float32.

    Args:
        curves: one curve, or several by label: of each label one, or a sequence of seeds.
        ax: where to draw; None: a figure of one column.
        lag_scale: ``linear`` or ``log``, which leaves out lag 0.
        skip: whether to draw what the skip alone would carry, dotted.
        powers: whether to have the axis in powers of ten.
        relative: whether to draw the norms over that at lag 0, so that each curve begins at 0; the
            limits of floating point, which hold for the norms themselves, are not drawn then.
        looks: label → its look, where several figures have to agree; None: in order.

    Raises:
        DataError: there are no curves, or seeds of different lengths.
    """
    given = {"": curves} if isinstance(curves, LagCurve) else dict(curves)
    if not given:
        raise DataError("there are no curves", mend="give one at least")
    with drawing(ax) as ax:
        lag_axis(ax, lag_scale)
        if looks is None:
            looks = dict(zip(given, series_looks(len(given)), strict=True))
        for k, (label, found) in enumerate(given.items()):
            seeds = [found] if isinstance(found, LagCurve) else list(found)
            if relative:
                seeds = [_relative(seed) for seed in seeds]
            every = (0.06 + 0.03 * k, 0.22) if len(given) > 1 else None
            _draw(ax, seeds, label, looks[label], lag_scale, every, skip=skip)
        over = ",\nrelative to lag 0" if relative else ""
        ax.set_ylabel(f"gradient log-norm{over} (nats)")
        plain_log(ax.xaxis)
        if not relative:
            _limits_of_floats(ax)
        if powers:
            _powers_of_ten(ax)
        _legend(ax, several=len(given) > 1)
    return ax


def _relative(curve: LagCurve) -> LagCurve:
    """The norms over that at lag 0; where floating point ends says nothing of these."""
    return replace(
        curve,
        log_norm=curve.log_norm - curve.log_norm[0],
        skip_log_norm=curve.skip_log_norm - curve.log_norm[0],
        float32_zero_lag=None,
    )


def _draw(
    ax: Axes,
    seeds: Sequence[LagCurve],
    label: str,
    look: Look,
    scale: Scale,
    every: tuple[float, float] | None,
    *,
    skip: bool,
) -> None:
    """One label: its curve, the skip alone, and from where on it is 0 in float32."""
    runs = joined([seed.log_norm for seed in seeds], label or "lag curves")
    first = 1 if scale == "log" else 0
    lag = seeds[0].lag[first:].astype(float)
    band = band_of(runs[first:])
    name = (label or "all paths") + _ending(lag, band)
    draw_band(ax, lag, band, look, name, scale, every=every)
    if skip and any(np.isfinite(seed.skip_log_norm[1:]).any() for seed in seeds):
        skips = joined([seed.skip_log_norm for seed in seeds], label or "lag curves")
        mid = Band(band_of(skips[first:]).mid, None, None)
        draw_band(ax, lag, mid, replace(look, dashes=":"), _SKIP, scale, every=every)
    zero = seeds[0].float32_zero_lag
    if runs.shape[1] > 1 or not isinstance(zero, int) or zero < first:
        return
    if np.isfinite(band.mid[zero - first]):
        (ring,) = ax.plot(zero, band.mid[zero - first], "o", label=_ZERO)
        ring.set(mfc="white", mec=look.colour, markersize=4, zorder=3)


def _ending(lag: Array, band: Band) -> str:
    """For the legend: where the gradient ends."""
    gone = np.isneginf(band.mid)
    return f" (0 from lag {lag[gone.argmax()]:g} on)" if gone.any() else ""


def _legend(ax: Axes, *, several: bool) -> None:
    """One entry for all skips, and one for all rings; of several curves these have no colour."""
    entries: dict[str, Artist] = {}
    for handle, label in zip(*ax.get_legend_handles_labels(), strict=True):
        if several and label == _SKIP:
            handle = Line2D([], [], color=FAINT, linestyle=":")
        elif several and label == _ZERO:
            handle = Line2D([], [], color=FAINT, marker="o", mfc="white", markersize=4, ls="")
        entries.setdefault(label, handle)
    for last in (_SKIP, _ZERO):
        if last in entries:
            entries[last] = entries.pop(last)
    for label, handle in entries.items():
        handle.set_label(label)
    if len(entries) > 1 or several or "all paths" not in entries:
        legend_above(ax, list(entries.values()), length=2.6)


def _limits_of_floats(ax: Axes) -> None:
    """Lines at the smallest numbers of floating point, as far as the data reach there."""
    low, high = ax.dataLim.y0, ax.dataLim.y1
    names = {float(np.log(float(np.finfo(t).smallest_subnormal))): t.__name__ for t in _FLOATS}
    limits = [limit for limit in names if low < limit < high]
    for limit in limits:
        ax.axhline(limit, color=FAINT, linewidth=0.5, zorder=0)
    if len(limits) > 1 and limits[0] - limits[1] < _CLOSE * (high - low):
        _limit_label(ax, limits[0], "smallest float32, float64")
    else:
        for limit in limits:
            _limit_label(ax, limit, f"smallest {names[limit]}")


def _limit_label(ax: Axes, limit: float, text: str) -> None:
    """A label above a line, where no curve passes."""
    right = _free_on_the_right(ax, limit)
    ax.annotate(
        text,
        (1 if right else 0, limit),
        (-2 if right else 2, 1.5),
        xycoords=("axes fraction", "data"),
        textcoords="offset points",
        ha="right" if right else "left",
        fontsize="small",
        color=FAINT,
    )


def _free_on_the_right(ax: Axes, limit: float) -> bool:
    """Whether all curves that fall below a limit have done so well before the right end."""
    to_axes = ax.transData + ax.transAxes.inverted()
    places = []
    for line in ax.lines:
        x, y = np.asarray(line.get_xdata(), float), np.asarray(line.get_ydata(), float)
        if len(x) > 1 and (y < limit).any():
            places.append(to_axes.transform((x[(y < limit).argmax()], limit))[0])
    return max(places, default=0) < 0.65


def _powers_of_ten(ax: Axes) -> None:
    """An axis on the right, where there are powers enough to tell apart."""
    low, high = ax.get_ylim()
    if high - low < 2 * _LN10:
        return
    right = ax.secondary_yaxis("right", functions=(_to_powers, _to_nats))
    right.yaxis.set_major_locator(MaxNLocator(5, integer=True, steps=[1, 2, 5, 10]))
    right.yaxis.set_major_formatter(FuncFormatter(lambda power, _: f"$10^{{{power:.0f}}}$"))
    right.tick_params(length=3, width=0.6)
    right.spines["right"].set_linewidth(0.6)


def _to_powers(nats: Any) -> Any:
    return nats / _LN10


def _to_nats(powers: Any) -> Any:
    return powers * _LN10
