"""findings: what an experiment gives: figures, a table, and sentences with their numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gru_sym.cells.equations import Cell
from gru_sym.codegen.functions import Array
from gru_sym.flow.lags import LagCurve
from gru_sym.plots.style import Axes, Figure
from gru_sym.sweep import Results

__all__ = ["Findings", "below", "cell_of", "curve", "listed", "stacked", "titled"]


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
    rows: tuple[tuple[str | float | None, ...], ...] = field(repr=False)
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


def titled(ax: Axes, text: str) -> None:
    """A heading in the size of the labels.

    Args:
        ax: a panel.
        text: the heading.
    """
    ax.set_title(text, fontsize=ax.xaxis.label.get_fontsize(), loc="left")


def below(ax: Axes, text: str) -> None:
    """A heading below the horizontal axis, where above it is a legend.

    Args:
        ax: a panel.
        text: the heading.
    """
    ax.set_xlabel(f"{ax.get_xlabel()}\n{text}")
