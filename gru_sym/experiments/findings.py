"""findings: what an experiment gives: figures, a table, and sentences with their numbers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

import numpy as np

from gru_sym.cells.equations import Cell
from gru_sym.codegen.functions import Array
from gru_sym.derive.families import families
from gru_sym.flow.lags import LagCurve
from gru_sym.flow.paths import Departures
from gru_sym.plots import figure, learning_shares, one_legend, path_shares
from gru_sym.plots.style import Axes, Figure, family_looks
from gru_sym.sweep import Results

__all__ = [
    "Findings",
    "Row",
    "Shares",
    "cell_of",
    "curve",
    "divided",
    "graded",
    "listed",
    "reason",
    "relative",
    "shares_figure",
    "smooth",
    "stacked",
    "titled",
]

Row: TypeAlias = tuple[str | float | None, ...]
"""Of a table."""

GRADES = ((0.1, "learns"), (0.9, "learns part of"))
"""Below which part of the baseline's loss a cell is said to do what."""


@dataclass(frozen=True, eq=False)
class Findings:
    """What an experiment has found.

    Attributes:
        figures: name → figure.
        columns: of the table, with units in their names.
        rows: of the table, plain numbers and names; None where there is none.
        sentences: what it says, each with the numbers that it rests on.
    """

    figures: Mapping[str, Figure] = field(repr=False)
    columns: tuple[str, ...]
    rows: tuple[Row, ...] = field(repr=False)
    sentences: tuple[str, ...]


def stacked(results: Results, quantity: str, **point: Any) -> Array | None:
    """The values of a quantity at all points that agree, (points, …), in the order of the study.

    Args:
        results: the results.
        quantity: its name.
        **point: axis → its value.

    Returns:
        None where nothing was found there.
    """
    found = [
        values
        for where, values in results.values(quantity)
        if all(where[axis] == value for axis, value in point.items())
    ]
    return np.array(found) if found else None


def listed(results: Results, axis: str) -> list[Any]:
    """The values of an axis, in the order of the study.

    Args:
        results: the results.
        axis: its name.
    """
    return list(dict.fromkeys(record.point[axis] for record in results.records))


def cell_of(results: Results, name: str) -> Cell:
    """A cell of the study.

    Args:
        results: the results.
        name: as the study calls it.
    """
    return Cell.parse(results.provenance["cells"][name], name=name)


def divided(results: Results, name: str) -> bool:
    """Whether a gradient has a choice of paths: of a single family there is nothing to draw.

    Args:
        results: the results.
        name: a cell, as the study calls it.
    """
    return len(families(cell_of(results, name))) > 1


def curve(log_norm: Array, skip: Array | None = None) -> LagCurve:
    """Numbers as a lag curve, to be drawn.

    Args:
        log_norm: (T + 1,), in nats.
        skip: that of the skip alone.
    """
    none = np.full(len(log_norm), -np.inf)
    return LagCurve(
        np.arange(len(log_norm)), log_norm, {}, none if skip is None else skip, *[None] * 4
    )


def relative(log_norm: Array) -> Array:
    """Log-norms relative to that at lag 0, which is a property of the loss alone.

    Args:
        log_norm: (…, T + 1), in nats.
    """
    return log_norm - log_norm[..., :1]


def smooth(loss: Array) -> Array:
    """Means of 20 neighbouring updates: the batches are small, and their losses jump.

    Args:
        loss: of each seed and update, (seeds, updates).
    """
    width = min(20, loss.shape[1])
    kernel = np.ones(width) / width
    padded = np.pad(loss, ((0, 0), (width - 1, 0)), mode="edge")
    return np.array([np.convolve(each, kernel, "valid") for each in padded])


def graded(part: float) -> str:
    """What a cell does with a task, in words.

    Args:
        part: its loss over that of the task's baseline.

    >>> graded(0.02), graded(0.5), graded(0.99)
    ('learns', 'learns part of', 'does not learn')
    """
    return next((word for limit, word in GRADES if part < limit), "does not learn")


def reason(results: Results, **point: Any) -> str:
    """Why nothing was found at some points: the first error of their trials.

    Args:
        results: the results.
        **point: axis → its value.
    """
    errors = [
        record.error
        for record in results.records
        if record.error and all(record.point[axis] == value for axis, value in point.items())
    ]
    return errors[0].partition(": ")[2] if errors else "no trial is done"


@dataclass(frozen=True, eq=False)
class Shares:
    """A panel of path shares.

    Attributes:
        title: its heading.
        families: their names.
        values: (seeds, T + 1, F), or (seeds, moments, F).
        updates: the moments of a training; None where the shares are those of the lags.
    """

    title: str
    families: tuple[str, ...]
    values: Array = field(repr=False)
    updates: Array | None = field(default=None, repr=False)


def shares_figure(panels: Sequence[Shares], *, rows: int = 1) -> Figure | None:
    """Panels of path shares with one legend.

    Args:
        panels: row by row.
        rows: how many rows they are.

    Returns:
        None where there is no panel.
    """
    if not panels:
        return None
    across = len(panels) // rows
    drawn = figure(columns=2, rows=rows, across=across, height=0.4 + 2.0 * rows)
    looks = family_looks(list(dict.fromkeys(name for each in panels for name in each.families)))
    for k, (panel, ax) in enumerate(zip(panels, drawn.axes, strict=True)):
        shares = Departures(panel.families, np.moveaxis(panel.values, 0, -1))
        if panel.updates is None:
            path_shares(shares, ax=ax, looks=looks)
        else:
            learning_shares(panel.updates, shares, ax=ax, looks=looks)
        titled(ax, panel.title)
        if k % across:
            ax.set_ylabel("")
        if k + across < len(panels):
            ax.set_xlabel("")
    return one_legend(drawn)


def titled(ax: Axes, text: str) -> None:
    """A heading in the size of the labels.

    Args:
        ax: a panel.
        text: the heading.
    """
    ax.set_title(text, fontsize=ax.xaxis.label.get_fontsize(), loc="left")
