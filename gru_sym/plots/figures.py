"""figures: all of a result on one column of a page."""

from textwrap import fill

import numpy as np
from matplotlib.figure import Figure

from gru_sym.flow.lyapunov import Lyapunov
from gru_sym.flow.summary import GradientFlow
from gru_sym.plots.bars import shapley_bars
from gru_sym.plots.curves import lag_curves
from gru_sym.plots.spectra import lyapunov_spectrum
from gru_sym.plots.stacks import path_shares
from gru_sym.plots.style import Scale, context, figure

__all__ = ["flow_figure", "lyapunov_figure"]


def flow_figure(flow: GradientFlow, *, lag_scale: Scale = "linear") -> Figure:
    """How much of the gradient is left at each lag, by which paths, and what each is worth.

    Args:
        flow: the result.
        lag_scale: ``linear`` or ``log``.
    """
    worth = flow.shapley
    if worth is None or not np.isfinite(worth.values[-1]).any():
        worth = None
    bars = 0.0 if worth is None else 0.5 + 0.17 * len(worth.families)
    heights = [2.0, 1.9] if worth is None else [2.0, 1.9, bars]
    drawn = figure(rows=len(heights), height=sum(heights), ratios=heights)
    curve, shares, *rest = drawn.axes
    lag_curves(flow.curve, ax=curve, lag_scale=lag_scale)
    path_shares(flow.departures, ax=shares, lag_scale=lag_scale)
    if flow.T > 1:
        shares.set_xlim(curve.get_xlim())
        curve.set_xlabel("")
    if worth is not None:
        shapley_bars(worth, ax=rest[0])
    sizes = ", ".join(f"{name} = {size}" for name, size in flow.sizes.items())
    batch = "" if flow.B in {None, 1} else f", B = {flow.B}"
    _title(drawn, f"{flow.cell}: {sizes}, T = {flow.T}{batch}")
    return drawn


def lyapunov_figure(found: Lyapunov) -> Figure:
    """The spectrum of Lyapunov exponents.

    Args:
        found: the result.
    """
    drawn = figure(height=2.3)
    lyapunov_spectrum(found, ax=drawn.axes[0])
    dimension = f"Kaplan–Yorke dimension {found.dimension:.3g}"
    _title(drawn, f"{found.steps} steps; {dimension}".replace("nan", "unknown"))
    return drawn


def _title(drawn: Figure, text: str) -> None:
    with context():
        drawn.suptitle(fill(text, 50), x=0.02, ha="left", fontsize="medium")
