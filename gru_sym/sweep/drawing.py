"""drawing: a quantity of a study in one figure, whatever the study goes over."""

import math
import shlex
from collections.abc import Mapping
from typing import TypeAlias

import numpy as np

from gru_sym.cells.naming import did_you_mean
from gru_sym.codegen.functions import Array
from gru_sym.errors import DataError
from gru_sym.plots import figure
from gru_sym.plots.bands import Band, band_of, draw_band
from gru_sym.plots.style import FAINT, Axes, Figure, context, counted, series_looks
from gru_sym.sweep.axes import AXES, Value
from gru_sym.sweep.results import Results
from gru_sym.sweep.rows import Quantity
from gru_sym.sweep.store import FAILED

__all__ = ["overview"]

MOST_LINES = 6
"""In one figure: more cannot be told apart."""

Found: TypeAlias = list[tuple[Mapping[str, Value], Array]]
"""Points, and what was found there."""


def overview(results: Results, quantity: str | None = None) -> Figure:
    """A quantity against what it has a dimension for, or else against an axis of the study.

    A line is the median over seeds, and its area spans the quantiles at 10 and 90 %. There is one
    for each combination of values of the axes but the seed. Where a quantity is a number, the axis
    of numbers that has most values is the horizontal one. Of several dimensions of a quantity the
    first is drawn, at the beginning of the others.

    Args:
        results: the results, or some of them, by :meth:`~gru_sym.sweep.results.Results.only`.
        quantity: its name; None: the first that was found.

    Raises:
        DataError: there is no such quantity, nothing was found of it, or there would be too many
            lines.
    """
    names = [name for name in results.quantities if any(True for _ in results.values(name))]
    name = next(iter(names or results.quantities)) if quantity is None else quantity
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
    values = {axis: list(dict.fromkeys(p[axis] for p, _ in found)) for axis in AXES}
    varied = [axis for axis in AXES if len(values[axis]) > 1 and axis != "seed"]
    numbers = [axis for axis in varied if AXES[axis].kind != "name"]
    across = None
    if numbers and not about.dimensions:
        across = max(numbers, key=lambda axis: len(values[axis]))
    told = {axis: values[axis] for axis in varied if axis != across}
    lines = _lines(found, tuple(told))
    if len(lines) > MOST_LINES:
        raise _too_many(name, len(lines), told)
    drawn = figure(columns=1, height=2.5)
    ax = drawn.axes[0]
    with context():
        for look, (label, part) in zip(series_looks(len(lines)), lines.items(), strict=True):
            x, band = _along(part, about) if about.dimensions else _over(part, across)
            draw_band(ax, x, band, look, label, "linear")
            if len(x) == 1:
                ax.lines[-1].set(marker=look.marker)
        _labels(ax, about, name, across)
        if len(lines) > 1:
            ax.legend()
        ax.set_title(_left_out(results, found), color=FAINT)
    return drawn


def _lines(found: Found, told: tuple[str, ...]) -> dict[str, Found]:
    """What was found by the values of these axes, in words."""
    lines: dict[str, Found] = {}
    for point, values in found:
        label = ", ".join(
            f"{point[axis]}" if AXES[axis].kind == "name" else f"{axis} {point[axis]}"
            for axis in told
        )
        lines.setdefault(label, []).append((point, values))
    return lines


def _too_many(name: str, lines: int, told: Mapping[str, list[Value]]) -> DataError:
    """The error, with a choice that makes them few enough."""
    left, chosen = dict(told), []
    while math.prod(map(len, left.values())) > MOST_LINES:
        axis = max(left, key=lambda axis: len(left[axis]))
        chosen.append(f"--where {shlex.quote(f'{axis}={left.pop(axis)[0]}')}")
    over = ", ".join(f"{axis} ({len(values):,} values)" for axis, values in told.items())
    return DataError(
        f"{name} would be {lines:,} lines, over {over}, and {MOST_LINES} are the most",
        mend=f"choose values, such as {' '.join(chosen)}; in Python with Results.only",
    )


def _over(part: Found, across: str | None) -> tuple[Array, Band]:
    """Numbers over an axis: x, and the band of what was found there; without an axis at 0."""
    columns: dict[float, list[float]] = {}
    for point, values in part:
        at = 0.0 if across is None else float(point[across])
        columns.setdefault(at, []).append(float(values))
    x = sorted(columns)
    bands = [band_of(np.array([columns[at]])) for at in x]  # where a trial failed there are fewer
    mid = np.concatenate([band.mid for band in bands])
    if all(band.low is None for band in bands):
        return np.array(x), Band(mid, None, None)
    low = np.concatenate([band.mid if band.low is None else band.low for band in bands])
    high = np.concatenate([band.mid if band.high is None else band.high for band in bands])
    return np.array(x), Band(mid, low, high)


def _along(part: Found, about: Quantity) -> tuple[Array, Band]:
    """Arrays along their first dimension: its coordinates, and the band of the runs."""
    runs = np.stack([values.reshape(len(values), -1)[:, 0] for _, values in part], axis=-1)
    return about.dimensions[0].first + np.arange(float(len(runs))), band_of(runs)


def _left_out(results: Results, found: Found) -> str:
    """How many trials are not in the figure, and why; empty where all are."""
    measurement = found[0][0]["measurement"]
    states = [r.status for r in results.records if r.point["measurement"] == measurement]
    failed, missing = states.count(FAILED), states.count("")
    if not failed and not missing:
        return ""
    why = [f"{failed:,} failed"] * bool(failed) + [f"{missing:,} are missing"] * bool(missing)
    return f"{len(found):,} of {len(states):,} trials: {', '.join(why)}"


def _labels(ax: Axes, about: Quantity, name: str, across: str | None) -> None:
    first, *others = about.dimensions or (None,)
    if across is not None:
        ax.set_xlabel(_with_units(across, AXES[across].units))
    elif first is not None:
        ax.set_xlabel(_with_units(first.name, first.units))
        counted(ax.xaxis)
    else:
        ax.set_xticks([])
    where = ", ".join(["", *(f"{other.name} {other.first}" for other in others if other)])
    ax.set_ylabel(_with_units(name.replace("_", " "), about.units) + where)


def _with_units(text: str, units: str) -> str:
    return text if units in {"", "1"} else f"{text} ({units})"
