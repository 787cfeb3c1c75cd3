"""bands: the middle of several runs and how far they spread."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from matplotlib.axes import Axes

from gru_sym.codegen.functions import Array
from gru_sym.errors import DataError
from gru_sym.plots.style import Look, Scale
from gru_sym.plots.thinning import extremes

__all__ = ["Band", "band_of", "draw_band", "joined"]

Every: TypeAlias = int | tuple[float, float]

LOW, HIGH = 0.1, 0.9
"""The quantiles that a band reaches to."""

_HUGE = 1e300


@dataclass(frozen=True, eq=False)
class Band:
    """The median of several runs, and the quantiles at 10 and 90 %.

    Attributes:
        mid: the median, or the one run that there is, (n,).
        low: the quantile at 10 %; None of one run.
        high: that at 90 %; None of one run.
    """

    mid: Array
    low: Array | None
    high: Array | None


def band_of(runs: Array) -> Band:
    """The band of some runs: (n,), or (n, R) of R runs; -inf is smaller than any number.

    Args:
        runs: the runs; where one is NaN, so is the band.
    """
    if runs.ndim == 1 or runs.shape[1] == 1:
        return Band(runs.reshape(len(runs)), None, None)
    # Interpolation between an infinity and a number is no number; between a huge one and it, it is.
    found = np.quantile(runs.clip(-_HUGE, _HUGE), [LOW, 0.5, HIGH], axis=1)
    low, mid, high = np.where(np.abs(found) > _HUGE / 1e20, np.copysign(np.inf, found), found)
    return Band(mid, low, high)


def joined(runs: Sequence[Array], what: str) -> Array:
    """Runs (n,) or (n, B) side by side: (n, R).

    Args:
        runs: at least one.
        what: they are, for the message.

    Raises:
        DataError: there are none, or they are not of the same length.
    """
    if not runs:
        raise DataError(f"{what}: there are no runs", mend="give one at least")
    lengths = sorted({len(run) for run in runs})
    if len(lengths) > 1:
        raise DataError(
            f"{what}: the runs have different lengths, {', '.join(map(str, lengths))}",
            mend="give runs of one length under one label",
        )
    return np.concatenate([run.reshape(len(run), -1) for run in runs], axis=1)


def draw_band(
    ax: Axes,
    x: Array,
    band: Band,
    look: Look,
    label: str,
    scale: Scale,
    *,
    every: Every | None = None,
) -> None:
    """A line and, of several runs, the area between the quantiles; what is not finite is a gap.

    Args:
        ax: the axes.
        x: positions, (n,), ascending; above 0 on a logarithmic scale.
        band: what is drawn.
        look: how.
        label: for the legend.
        scale: of the horizontal axis.
        every: where the line has markers: as matplotlib's ``markevery``; None: nowhere.
    """
    place = np.log(x) if scale == "log" else x
    rows = [row for row in (band.mid, band.low, band.high) if row is not None]
    kept = extremes(place, *rows)
    mid = np.where(np.isfinite(band.mid), band.mid, np.nan)[kept]
    (line,) = ax.plot(x[kept], mid, color=look.colour, linestyle=look.dashes, label=label)
    points = np.isfinite(mid).sum()
    if points == 1:  # a line through one point cannot be seen
        line.set(marker=look.marker)
    elif points and every is not None:
        line.set(marker=look.marker, markevery=every, markersize=3)
    if band.low is None or band.high is None:
        return
    finite = np.concatenate([row[np.isfinite(row)] for row in rows])
    floor = finite.min() if len(finite) else np.nan
    low, high = (np.where(np.isneginf(row), floor, row)[kept] for row in (band.low, band.high))
    where = np.isfinite(low) & np.isfinite(high) & ~np.isneginf(band.high[kept])
    ax.fill_between(x[kept], low, high, where, color=look.colour, alpha=0.22, linewidth=0)
