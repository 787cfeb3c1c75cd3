"""phase: a quantity over two parameters, and where it takes its critical value."""

from typing import Any

import numpy as np
from matplotlib import patheffects
from matplotlib.axes import Axes
from matplotlib.colors import Normalize, TwoSlopeNorm
from matplotlib.lines import Line2D
from numpy.typing import ArrayLike

from gru_sym.codegen.functions import Array
from gru_sym.errors import DataError
from gru_sym.plots.style import Scale, colour_bar, drawing

__all__ = ["phase_diagram"]

# Where both lie on each other, the dashes show white on the thick line.
_MEASURED: dict[str, Any] = {"color": "black", "linewidth": 2.2, "label": "measured"}
_THEORY: dict[str, Any] = {
    "color": "white",
    "linewidth": 1.0,
    "linestyle": (0, (3, 2)),
    "label": "theory",
    "path_effects": [patheffects.withStroke(linewidth=2.2, foreground="0.25")],
}


def phase_diagram(
    x: ArrayLike,
    y: ArrayLike,
    values: ArrayLike,
    *,
    ax: Axes | None = None,
    critical: float = 0.0,
    contour: ArrayLike | None = None,
    curve: tuple[ArrayLike, ArrayLike] | None = None,
    limit: float | None = None,
    least: float | None = None,
    labels: tuple[str, str, str] = ("gain", "bias", "largest exponent\n(nats per step)"),
    x_scale: Scale = "linear",
) -> Axes:
    """A map of a quantity over two parameters, white where it is critical.

    The thick line is where it is critical; white dashes are where theory says that it is. Thin
    lines are other levels, dashed below the critical value, so that both sides are told apart in
    black and white.

    Args:
        x: the values of the first parameter, (n,), ascending.
        y: those of the second, (m,), ascending.
        values: the quantity, (m, n), such as the largest Lyapunov exponent or χ; not finite where
            it is not known, which stays grey.
        ax: where to draw; None: a figure of one column.
        critical: the critical value: 0 of an exponent, 1 of χ.
        contour: the quantity by theory, (m, n): where it is critical is drawn.
        curve: or the critical line by theory itself, as points: (x, y).
        limit: how far from the critical value the colours reach; None: as far as the values.
        least: what the quantity cannot be below, such as 0 of χ: the colours below the critical
            value end there.
        labels: of the axes and of the bar of colours.
        x_scale: ``linear`` or ``log``.

    Raises:
        DataError: the shapes do not belong together, or no value is finite.
    """
    xs, ys, grid = (np.asarray(a, float) for a in (x, y, values))
    theory = None if contour is None else np.asarray(contour, float)
    for array in (grid, theory):
        if array is not None and (array.shape != (len(ys), len(xs)) or min(array.shape) < 2):
            raise DataError(
                f"a map has the shape {array.shape}, with {len(xs)} values of x and {len(ys)} of y",
                mend="give one value for each pair, (len(y), len(x)), with 2 or more of each",
            )
    known = grid[np.isfinite(grid)]
    if not len(known):
        raise DataError("no value of the map is finite", mend="give some that are")
    reach = (float(np.abs(known - critical).max()) or 1.0) if limit is None else limit
    lowest, highest = critical - reach, critical + reach
    norm = Normalize(lowest, highest)
    if least is not None:
        lowest = max(lowest, least)
        norm = TwoSlopeNorm(critical, lowest, highest)
    with drawing(ax) as ax:
        ax.set_xscale(x_scale)
        mesh = ax.pcolormesh(
            xs,
            ys,
            np.ma.masked_invalid(grid),
            cmap="RdBu_r",
            norm=norm,
            shading="nearest",
            rasterized=True,
        )
        ax.set_facecolor("0.8")
        below, above = known.min() < lowest, known.max() > highest
        extend = {(0, 0): "neither", (1, 0): "min", (0, 1): "max", (1, 1): "both"}[below, above]
        bar = colour_bar(mesh, ax, labels[2], extend=extend)
        _levels(ax, xs, ys, grid, critical, [v for v in bar.get_ticks() if v != critical])
        ax.autoscale(False)  # the map is what there is to see, wherever theory leads
        _line(ax, xs, ys, grid, critical, _MEASURED)
        if theory is not None:
            _line(ax, xs, ys, theory, critical, _THEORY)
        if curve is not None:
            ax.plot(*curve, **_THEORY)
        if theory is not None or curve is not None:
            handles = [Line2D([], [], **look) for look in (_MEASURED, _THEORY)]
            ax.legend(handles=handles, ncols=2, loc="lower left", bbox_to_anchor=(0, 1))
        ax.set(xlabel=labels[0], ylabel=labels[1])
    return ax


def _line(
    ax: Axes, xs: Array, ys: Array, grid: Array, critical: float, look: dict[str, Any]
) -> None:
    """Where a quantity is critical; nothing where it is so nowhere."""
    known = grid[np.isfinite(grid)]
    if len(known) and known.min() < critical < known.max():
        found = ax.contour(
            xs,
            ys,
            np.ma.masked_invalid(grid),
            [critical],
            colors=look["color"],
            linewidths=look["linewidth"],
            linestyles=[look.get("linestyle", "-")],
        )
        found.set(label=look["label"], path_effects=look.get("path_effects"))


def _levels(
    ax: Axes, xs: Array, ys: Array, grid: Array, critical: float, levels: list[float]
) -> None:
    """Thin lines with their values, dashed below the critical one."""
    known = grid[np.isfinite(grid)]
    inner = [level for level in levels if known.min() < level < known.max()]
    if inner:
        dashes = ["--" if level < critical else "-" for level in inner]
        shown = np.ma.masked_invalid(grid)
        thin = ax.contour(xs, ys, shown, inner, colors="black", linewidths=0.5, linestyles=dashes)
        minus = "\N{MINUS SIGN}"
        ax.clabel(thin, fontsize="x-small", fmt=lambda level: f"{level:g}".replace("-", minus))
