"""drawing: a quantity of a study in one figure, whatever the study goes over."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from gru_sym.cells.naming import did_you_mean
from gru_sym.codegen.functions import Array
from gru_sym.errors import DataError
from gru_sym.plots import figure
from gru_sym.plots.bands import band_of, draw_band
from gru_sym.plots.style import Axes, Figure, context, series_looks
from gru_sym.sweep.axes import AXES
from gru_sym.sweep.results import Results

__all__ = ["overview"]

_MOST_LINES = 8


def overview(results: Results, quantity: str | None = None) -> Figure:
    """A quantity against what it has an axis for, or else against an axis of the study.

    A line is the median over seeds, and over whatever else there is no room for; the area spans the
    quantiles at 10 and 90 %. There is a line for each value of the first axis of names that the
    study goes over: cell, initialisation, paths, ….

    Args:
        results: the results.
        quantity: its name; None: the first that was found.

    Raises:
        DataError: there is no such quantity, or nothing was found of it.
    """
    name = next(iter(results.quantities)) if quantity is None else quantity
    if name not in results.quantities:
        hint = did_you_mean(name, results.quantities)
        raise DataError(
            f"there is no quantity `{name:.60}`",
            mend=f"{hint} There are {', '.join(results.quantities)}".lstrip(),
        )
    found = [(point, np.asarray(values)) for point, values in results.values(name)]
    if not found:
        raise DataError(f"nothing was found of {name}", mend="run the study, or draw another one")
    about = results.quantities[name]
    varied = [axis for axis in AXES if len({p[axis] for p, _ in found}) > 1 and axis != "seed"]
    names = [axis for axis in varied if AXES[axis].kind == "name"]
    numbers = [axis for axis in varied if AXES[axis].kind != "name"]
    across = None if about.dimensions else next(iter(numbers), None)
    told = next(iter(names), None) or next((axis for axis in numbers if axis != across), None)
    drawn = figure(columns=1, height=2.5)
    ax = drawn.axes[0]
    with context():
        lines = _lines(found, told)
        for look, (label, part) in zip(series_looks(len(lines)), lines.items(), strict=True):
            x, runs = _along(part, across)
            draw_band(ax, x, band_of(runs), look, label, "linear")
            if len(x) == 1:
                ax.lines[-1].set(marker=look.marker)
        _labels(ax, results, name, across)
        if len(lines) > 1:
            ax.legend(title=told)
    return drawn


def _lines(
    found: list[tuple[Mapping[str, Any], Array]], told: str | None
) -> dict[str, list[tuple[Mapping[str, Any], Array]]]:
    lines: dict[str, list[tuple[Mapping[str, Any], Array]]] = {}
    for point, values in found:
        lines.setdefault("" if told is None else str(point[told]), []).append((point, values))
    return dict(list(lines.items())[:_MOST_LINES])


def _along(part: list[tuple[Mapping[str, Any], Array]], across: str | None) -> tuple[Array, Array]:
    """x, and what was found there, (x, runs); of several axes of a quantity the first."""
    if across is not None:
        x = sorted({point[across] for point, _ in part})
        columns = [[float(values) for point, values in part if point[across] == at] for at in x]
        least = min(map(len, columns))
        return np.array(x, float), np.array([column[:least] for column in columns])
    flat = [a.reshape(len(a), -1)[:, 0] if a.ndim else a[None] for _, a in part]
    least = min(map(len, flat))
    return np.arange(float(least)), np.stack([each[:least] for each in flat], axis=-1)


def _labels(ax: Axes, results: Results, name: str, across: str | None) -> None:
    about = results.quantities[name]
    if across is not None:
        units = AXES[across].units
        ax.set_xlabel(f"{across} ({units})" if units not in {"", "1"} else across)
    elif about.dimensions:
        first = about.dimensions[0]
        units = "" if first.units == "1" else f" ({first.units})"
        ax.set_xlabel(f"{first.name}{units}")
    else:
        ax.set_xticks([])
    units = "" if about.units == "1" else f" ({about.units})"
    ax.set_ylabel(f"{name.replace('_', ' ')}{units}")
