"""legends: outside of the panels, where they hide nothing."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from gru_sym.plots.style import context

__all__ = ["legend_above", "one_legend"]


def legend_above(
    ax: Axes, handles: Sequence[Artist], *, title: str | None = None, length: float = 1.6
) -> None:
    """A legend above the axes, in as many columns as there is room for.

    Args:
        ax: the axes.
        handles: of the entries, with their labels.
        title: what the labels are.
        length: of what stands before a label, in its font size: 1.6 for areas, 2.6 for lines.
    """
    whole = ax.get_figure(root=True)
    assert whole is not None
    room = 1.05 * ax.get_window_extent().width / whole.dpi * 72  # and a little beyond
    anchor: dict[str, Any] = {"bbox_to_anchor": (0, 1), "alignment": "left", "handlelength": length}
    columns = _columns(handles, length, room)
    ax.legend(handles=handles, loc="lower left", ncols=columns, title=title, **anchor)


def one_legend(drawn: Figure) -> Figure:
    """One legend above the whole figure, instead of those of its panels.

    Each label has one entry, as it looks in the first panel that has it.

    Args:
        drawn: the figure, whose panels show the same under the same label.

    Returns:
        The figure.
    """
    entries: dict[str, Artist] = {}
    length = 0.0
    for ax in drawn.axes:
        legend = ax.get_legend()
        if legend is None:
            continue
        length = max(length, legend.handlelength)
        for handle in legend.legend_handles:
            if handle is not None:
                entries.setdefault(str(handle.get_label()), handle)
        legend.remove()
    if entries:
        handles = list(entries.values())
        columns = _columns(handles, length, drawn.get_figwidth() * 72)
        with context():
            drawn.legend(
                handles=handles, loc="outside upper left", ncols=columns, handlelength=length
            )
    return drawn


def _columns(handles: Sequence[Artist], length: float, room: float) -> int:
    """How many columns of a legend there is room for, in points."""
    lengths = [len(str(handle.get_label())) for handle in handles]
    columns = len(handles)
    while columns > 1 and _width(lengths, columns, length) > room:
        columns -= 1
    return columns


def _width(lengths: Sequence[int], columns: int, length: float) -> float:
    """About how wide a legend is, in points, that is filled column by column."""
    parts = np.array_split(np.asarray(lengths), columns)
    return float(sum(4.0 * part.max() + 7 * length + 13 for part in parts))
