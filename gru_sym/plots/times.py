"""times: how long the units remember."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from gru_sym.codegen.functions import Array
from gru_sym.errors import DataError
from gru_sym.flow.timescales import TimeScales
from gru_sym.plots.bands import Band, band_of, draw_band
from gru_sym.plots.legends import legend_above
from gru_sym.plots.style import counted, drawing, plain_log, series_looks

__all__ = ["forgetting_times"]

_MOST_POINTS = 32
"""Units each of which has a marker."""

_MOST_NAMED = 4
"""Units beyond the axis whose numbers are in the legend."""


def forgetting_times(
    times: TimeScales | Mapping[str, TimeScales], *, ax: Axes | None = None
) -> Axes:
    """Forgetting times of the units of each state in steps, from the longest on.

    The legend has the numbers, counted from 0, of the first and the last unit on the axis. Units
    that never forget, or at once, have no place on a logarithmic axis: the legend counts them, with
    the numbers of the first few. Of a batch each sequence's times are sorted, and no unit has a
    number: the line is their median, and the area spans the quantiles at 10 and 90 %.

    Args:
        times: the times; or label → times.
        ax: where to draw; None: a figure of one column.

    Raises:
        DataError: no state has a skip.
    """
    given = {"": times} if isinstance(times, TimeScales) else dict(times)
    series = {
        " ".join(filter(None, (label, state))): np.atleast_2d(values)
        for label, each in given.items()
        for state, values in each.forgetting.items()
    }
    if not series:
        raise DataError(
            "no state has a skip, by which its units would remember",
            mend="give the times of a cell with a skip",
        )
    with drawing(ax) as ax:
        ax.set_yscale("log")
        looks = series_looks(len(series))
        for k, (name, found) in enumerate(series.items()):
            order = np.argsort(-found, axis=1, kind="stable")
            values = np.take_along_axis(found, order, axis=1).T
            units = order[0] if len(order) == 1 else None
            with np.errstate(divide="ignore"):
                band = _powers(band_of(np.log(values)))
            rank = np.arange(1.0, len(values) + 1)
            label = f"units of {name}{_numbers(values, units)}"
            every = 1 if len(rank) <= _MOST_POINTS else (0.02 * k, 0.08)
            draw_band(ax, rank, band, looks[k], label, "linear", every=every)
        counted(ax.xaxis)
        ax.margins(x=0.02)
        plain_log(ax.yaxis)
        ax.set_xlabel("units, sorted")
        ax.set_ylabel("forgetting time (steps)")
        legend_above(ax, ax.get_legend_handles_labels()[0], length=2.6)
    return ax


def _powers(band: Band) -> Band:
    """From logarithms back to steps; what has no logarithm, or an infinite one, is left out."""
    mid = np.where(np.isfinite(band.mid), np.exp(band.mid), np.nan)
    if band.low is None or band.high is None:
        return Band(mid, None, None)
    return Band(mid, np.exp(band.low), np.exp(band.high))


def _numbers(values: Array, units: Array | None) -> str:
    """For the legend: the first and the last unit; how many are not on the axis, and which."""
    sequences = values.shape[1]
    there = np.flatnonzero(np.isfinite(values[:, 0]) & (values[:, 0] > 0))
    notes = []
    if units is not None and len(there):
        notes.append(f"from unit {units[there[0]]} to unit {units[there[-1]]}")
    for what, where in (("never forget", np.isposinf(values)), ("forget at once", values == 0)):
        if where.any():  # of a batch their number is the mean over the sequences
            notes.append(f"{where.sum() / sequences:g} {what}{_which(where[:, 0], units)}")
    return f" ({'; '.join(notes)})" if notes else ""


def _which(where: Array, units: Array | None) -> str:
    """The numbers of some units, the first few of many."""
    if units is None:
        return ""
    numbers = [str(unit) for unit in np.sort(units[where])]
    return f": {', '.join(numbers[:_MOST_NAMED])}{', …' * (len(numbers) > _MOST_NAMED)}"
