"""maps: the gradient by lag and order, and by lag and unit."""

import numpy as np
from matplotlib import colormaps, patheffects
from matplotlib.axes import Axes

from gru_sym.codegen.functions import Array
from gru_sym.flow.parameter_flow import ParameterFlow
from gru_sym.flow.paths import Orders, PathLength
from gru_sym.plots.stacks import chosen
from gru_sym.plots.style import Scale, colour_bar, drawing, lag_axis, plain_log
from gru_sym.plots.thinning import blocks, extremes

__all__ = ["parameter_map", "path_orders"]

_COLOURS = "magma_r"  # of even steps, to the eye and in grey, and nearly white at its light end


def path_orders(
    orders: Orders,
    length: PathLength | None = None,
    *,
    ax: Axes | None = None,
    lag_scale: Scale = "linear",
    depth: float = 20.0,
) -> Axes:
    """How large the part of the gradient of each order is, against lag and order.

    The order is the number of steps that are not the skip. The colour is the log-norm of its part
    less that of the largest part at the same lag, in nats. Parts may cancel each other: the line,
    the mean order by signed shares, need not run where they are largest. Of a batch the mean over
    the sequences is shown.

    Args:
        orders: the parts.
        length: for the line; None: from ``orders``, where they are all told apart.
        ax: where to draw; None: a figure of one column.
        lag_scale: ``linear`` or ``log``.
        depth: nats below the largest at which the colours end; what is smaller, or 0, is white.
    """
    norms = orders.log_norm if orders.log_norm.ndim == 2 else _mean(orders.log_norm)
    with np.errstate(invalid="ignore"):
        relative = norms - norms.max(axis=1, keepdims=True)
    mean = None
    if length is not None:
        mean = length.mean
    elif not orders.open_ended:
        mean = np.einsum("tk...,k->t...", orders.shares, orders.order)
    with drawing(ax) as ax:
        first = 1 if lag_scale == "log" else 0
        lag_axis(ax, lag_scale)
        lags = np.arange(first, len(relative))
        label = "log-norm less the largest\nat that lag (nats)"
        _map(ax, lags, relative[first:], lag_scale, depth, label)
        if mean is not None:
            line = (mean if mean.ndim == 1 else mean.mean(axis=-1))[first:]
            kept = extremes(np.log(lags) if first else lags.astype(float), line)
            (drawn,) = ax.plot(lags[kept], line[kept], color="black", label="mean order")
            drawn.set_path_effects([patheffects.withStroke(linewidth=2.4, foreground="white")])
            ax.legend(loc="upper left")
        plain_log(ax.xaxis)
        seen = np.flatnonzero((relative > -depth).any(axis=0)).max(initial=0)
        ax.set_ylim(-0.5, min(1.2 * seen, orders.order[-1]) + 0.5)
        ax.set_ylabel("order" + (f" (the last: {orders.order[-1]} or more)" * orders.open_ended))
    return ax


def parameter_map(
    flow: ParameterFlow,
    parameter: str,
    *,
    ax: Axes | None = None,
    lag_scale: Scale = "linear",
    depth: float = 20.0,
) -> Axes:
    """Where in time, and at which units, the gradient of a parameter comes from.

    The colour is the log-norm of each unit's row of the term of each step, less the largest of
    all, in nats. The axis ends where no more is to be seen.

    Args:
        flow: the terms.
        parameter: which one.
        ax: where to draw; None: a figure of one column.
        lag_scale: ``linear`` or ``log``.
        depth: nats below the largest at which the colours end; what is smaller, or 0, is white.

    Raises:
        DataError: there is no such parameter.
    """
    norms = chosen(flow.by_unit, parameter)
    with drawing(ax) as ax:
        lag_axis(ax, lag_scale)
        lags = np.arange(len(norms)) + 0.5
        label = "log-norm less\nthe largest (nats)"
        _map(ax, lags, norms - norms.max(), lag_scale, depth, label)
        seen = np.flatnonzero((norms > norms.max() - depth).any(axis=1)).max(initial=0)
        ax.set_xlim(right=min(1.1 * seen + 1, len(norms)))
        plain_log(ax.xaxis)
        ax.set_ylabel(f"unit of {parameter}")
    return ax


def _mean(log_norm: Array) -> Array:
    """The mean over the last axis; -inf of what is 0 in all sequences."""
    return log_norm.mean(axis=-1)


def _map(ax: Axes, x: Array, values: Array, scale: Scale, depth: float, label: str) -> None:
    """Cells around positions, (n, m), at most 0, with a bar of colours."""
    edges = np.append(x - 0.5, x[-1] + 0.5)
    place, cells = blocks(np.log(edges.clip(0.25)) if scale == "log" else edges, values)
    edges = np.exp(place) if scale == "log" else place
    heights, cells = blocks(np.arange(values.shape[1] + 1) - 0.5, cells.T)
    shown = np.ma.masked_invalid(cells)
    colours = colormaps[_COLOURS].with_extremes(under="white")
    mesh = ax.pcolormesh(edges, heights, shown, cmap=colours, vmin=-depth, vmax=0, rasterized=True)
    colour_bar(mesh, ax, label, extend="min")
