"""times: how long the units remember."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from gru_sym.codegen.functions import Array
from gru_sym.errors import DataError
from gru_sym.flow.timescales import TimeScales
from gru_sym.plots.bands import Band, band_of, draw_band
from gru_sym.plots.style import counted, drawing, plain_log, series_looks

__all__ = ["forgetting_times"]

_MOST_POINTS = 32
"""Units each of which has a marker."""


def forgetting_times(
    times: TimeScales | Mapping[str, TimeScales], *, ax: Axes | None = None
) -> Axes:
    """Forgetting times of the units of each state in steps, from the longest on.

    Units that never forget, or at once, have no place on a logarithmic axis; the legend counts
    them. Of a batch each sequence's times are sorted: the line is their median, and the area spans
    the quantiles at 10 and 90 %.

    Args:
        times: the times; or label → times.
        ax: where to draw; None: a figure of one column.

    Raises:
        DataError: no state has a skip.
    """
    given = {"": times} if isinstance(times, TimeScales) else dict(times)
    series = {
        " ".join(filter(None, (label, state))): -np.sort(-np.atleast_2d(values), axis=1).T
        for label, found in given.items()
        for state, values in found.forgetting.items()
    }
    if not series:
        raise DataError(
            "no state has a skip, by which its units would remember",
            mend="give the times of a cell with a skip",
        )
    with drawing(ax) as ax:
        ax.set_yscale("log")
        looks = series_looks(len(series))
        for k, (name, values) in enumerate(series.items()):
            with np.errstate(divide="ignore"):
                band = _powers(band_of(np.log(values)))
            rank = np.arange(1.0, len(values) + 1)
            label = f"units of {name}{_outside(values)}"
            every = 1 if len(rank) <= _MOST_POINTS else (0.02 * k, 0.08)
            draw_band(ax, rank, band, looks[k], label, "linear", every=every)
        counted(ax.xaxis)
        ax.margins(x=0.02)
        plain_log(ax.yaxis)
        ax.set_xlabel("units, sorted")
        ax.set_ylabel("forgetting time (steps)")
        ax.legend()
    return ax


def _powers(band: Band) -> Band:
    """From logarithms back to steps; what has no logarithm, or an infinite one, is left out."""
    mid = np.where(np.isfinite(band.mid), np.exp(band.mid), np.nan)
    if band.low is None or band.high is None:
        return Band(mid, None, None)
    return Band(mid, np.exp(band.low), np.exp(band.high))


def _outside(values: Array) -> str:
    """For the legend: how many are not on the axis, on average over the sequences."""
    sequences = values.shape[1]
    counts = (("never forget", np.isposinf(values)), ("forget at once", values == 0))
    notes = [f"{where.sum() / sequences:g} {what}" for what, where in counts if where.any()]
    return f" ({', '.join(notes)})" if notes else ""
