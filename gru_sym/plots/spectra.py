"""spectra: singular values of products of Jacobians, and Lyapunov exponents."""

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.colors import to_hex

from gru_sym.flow.lyapunov import Lyapunov
from gru_sym.flow.spectra import SingularValues
from gru_sym.plots.bands import band_of, draw_band
from gru_sym.plots.style import ALONE, FAINT, Look, counted, drawing, series_looks

__all__ = ["lyapunov_spectrum", "spectrum"]


def spectrum(singular: SingularValues, *, ax: Axes | None = None, rates: bool = True) -> Axes:
    """The logarithms of singular values against their index, a line for each lag.

    The longer the lag, the lighter the line; where a singular value is 0 it ends. Of a batch the
    line is the median, and the area spans the quantiles at 10 and 90 %.

    Args:
        singular: the singular values.
        ax: where to draw; None: a figure of one column.
        rates: whether to divide by the lag, so that lags can be compared: nats per step.
    """
    with drawing(ax) as ax:
        shades = colormaps["cividis"](np.linspace(0, 0.85, len(singular.lag)))
        dashes = [look.dashes for look in series_looks(len(singular.lag))]
        index = np.arange(1.0, singular.log.shape[1] + 1)
        for k, lag in enumerate(singular.lag):
            logs = singular.log[k] / (lag if rates else 1)
            look = Look(to_hex(shades[k]), dashes[k], "o")
            draw_band(ax, index, band_of(logs), look, f"lag {lag}", "linear")
        _by_index(ax)
        per = "log singular value / lag\n(nats per step)" if rates else "log singular value (nats)"
        ax.set_ylabel(per)
        ax.legend()
    return ax


def lyapunov_spectrum(found: Lyapunov, *, ax: Axes | None = None) -> Axes:
    """Lyapunov exponents against their index, with standard errors, in nats per step.

    A ring is the largest exponent as two close trajectories have it, where that was measured.

    Args:
        found: the exponents; those of -inf have no place on the axis, and the legend counts them.
        ax: where to draw; None: a figure of one column.
    """
    with drawing(ax) as ax:
        finite = np.isfinite(found.exponents)
        index = np.arange(1, len(finite) + 1)
        lost = int((~finite).sum())
        ax.errorbar(
            index[finite],
            found.exponents[finite],
            np.nan_to_num(found.stderr[finite]),
            fmt="o",
            color=ALONE.colour,
            markersize=2.5,
            elinewidth=0.8,
            label="exponents" + f" ({lost} more: −∞)" * bool(lost),
        )
        if np.isfinite(found.perturbation):
            (ring,) = ax.plot(1, found.perturbation, "o", label="by two close trajectories")
            ring.set(mfc="none", mec=ALONE.colour, markersize=6, markeredgewidth=0.8)
        ax.axhline(0, color=FAINT, linewidth=0.6, zorder=0)
        _by_index(ax)
        ax.set_ylabel("Lyapunov exponent\n(nats per step)")
        handles, names = ax.get_legend_handles_labels()
        ax.legend(handles[::-1], names[::-1])
    return ax


def _by_index(ax: Axes) -> None:
    counted(ax.xaxis)
    ax.margins(x=0.02)
    ax.set_xlabel("index")
