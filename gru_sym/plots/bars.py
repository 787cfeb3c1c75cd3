"""bars: what each family is worth."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from gru_sym.errors import DataError
from gru_sym.flow.shapley import Shapley
from gru_sym.plots.bands import band_of
from gru_sym.plots.style import drawing, family_looks

__all__ = ["shapley_bars"]


def shapley_bars(shapley: Shapley, lag: int | None = None, *, ax: Axes | None = None) -> Axes:
    """The Shapley value of each family at one lag, in nats; of a batch the median.

    Args:
        shapley: the values.
        lag: which lag; None: the last.
        ax: where to draw; None: a figure of one column.

    Raises:
        DataError: there is no such lag.
    """
    last = len(shapley.values) - 1
    at = last if lag is None else lag
    if not 0 <= at <= last:
        raise DataError(f"there is no lag {lag}", mend=f"give one from 0 to {last}")
    count = len(shapley.families)
    with drawing(ax, height=0.55 + 0.19 * max(count, 2)) as ax:
        looks = family_looks(("skip", *shapley.families))
        band = band_of(shapley.values[at])
        for k, name in enumerate(shapley.families):
            value = float(band.mid[k])
            kind: dict[str, Any] = {"color": looks[name].colour, "hatch": looks[name].hatch}
            ax.barh(k, np.nan_to_num(value), 0.7, edgecolor="0.15", linewidth=0.3, **kind)
            if band.low is not None and band.high is not None and np.isfinite(value):
                ends = [[value - band.low[k]], [band.high[k] - value]]
                ax.errorbar(value, k, xerr=ends, color="black", elinewidth=0.8, capsize=1.5)
            ax.annotate(
                _shown(value),
                (1, k),
                (3, 0),
                xycoords=("axes fraction", "data"),
                textcoords="offset points",
                fontsize="small",
                va="center",
            )
        if not count:
            ax.text(0.5, 0.5, "there is the skip alone", transform=ax.transAxes, ha="center")
        if not np.isfinite(band.mid).any():
            ax.set_xticks([])
        ax.set_yticks(range(count), shapley.families)
        ax.set_ylim(max(count, 1) - 0.5, -0.5)
        ax.axvline(0, color="black", linewidth=0.6)
        ax.tick_params(axis="y", length=0)
        ax.spines["left"].set_visible(False)
        ax.set_xlabel(f"Shapley value at lag {at} (nats)")
    return ax


def _shown(value: float) -> str:
    if np.isnan(value):
        return "not defined"
    text = f"{value:.0f}" if abs(value) >= 1000 else f"{value:.3g}"
    return text.replace("-", "\N{MINUS SIGN}")
