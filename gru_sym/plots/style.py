"""style: what all figures have in common: sizes, fonts, and how series are told apart.

Colours are those of Okabe & Ito 2008 ("Color universal design"), which are told apart with every
kind of colour vision. In black and white a series is known by its dashes, an area by its hatching.
"""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import numpy as np
from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.cm import ScalarMappable
from matplotlib.colorbar import Colorbar
from matplotlib.figure import Figure
from matplotlib.layout_engine import ConstrainedLayoutEngine
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator, NullFormatter

from gru_sym.errors import DataError

__all__ = [
    "ALONE",
    "FAINT",
    "SMALL",
    "Axes",
    "Figure",
    "Look",
    "Scale",
    "colour_bar",
    "context",
    "counted",
    "drawing",
    "family_looks",
    "figure",
    "lag_axis",
    "plain_log",
    "series_looks",
]

Scale: TypeAlias = Literal["linear", "log"]
"""How an axis is divided."""

WIDTHS = {1: 3.4, 2: 7.0}
"""Inches: the width of one column of a printed page, and that of two."""

SIZE = 8.0
"""Points: the size of the text."""

SMALL = 0.875
"""Of that size: ticks, legends and notes."""

FAINT = "0.45"
"""The grey of what is no data: limits, baselines, notes."""

_RATIO = 0.62
"""Of a panel, height to width."""

_LOWEST = 1.9
"""Inches: a panel with its labels is no lower."""

_RC: dict[str, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "mathtext.fontset": "dejavusans",
    "axes.titlesize": "medium",
    "axes.labelsize": "medium",
    "axes.titlelocation": "left",
    "axes.titlepad": 4.0,
    "axes.labelpad": 3.0,
    "axes.linewidth": 0.6,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "xtick.major.width": 0.6,
    "ytick.major.width": 0.6,
    "xtick.minor.width": 0.4,
    "ytick.minor.width": 0.4,
    "xtick.major.size": 3.0,
    "ytick.major.size": 3.0,
    "xtick.minor.size": 1.5,
    "ytick.minor.size": 1.5,
    "lines.linewidth": 1.2,
    "lines.markersize": 3.5,
    "lines.scale_dashes": True,
    "legend.frameon": False,
    "legend.handlelength": 2.6,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.2,
    "legend.labelspacing": 0.3,
    "legend.borderaxespad": 0.3,
    "hatch.linewidth": 0.5,
    "svg.fonttype": "none",
    "svg.hashsalt": "gru_sym",
    "pdf.fonttype": 42,
    "savefig.dpi": 300,
}

Dashes: TypeAlias = Literal["-", ":"] | tuple[float, tuple[float, ...]]


@dataclass(frozen=True)
class Look:
    """How a series is drawn.

    Attributes:
        colour: of the line or the area.
        dashes: of the line.
        marker: of single points, and now and then on a line.
        hatch: of the area; empty where it is plain.
    """

    colour: str
    dashes: Dashes
    marker: str
    hatch: str = ""


_BLACK, _DARK = "#000000", "#404040"
_ORANGE, _SKY, _GREEN = "#E69F00", "#56B4E9", "#009E73"
_YELLOW, _BLUE, _VERMILLION, _PURPLE = "#F0E442", "#0072B2", "#D55E00", "#CC79A7"
_GREY = "#999999"

_SOLID: Dashes = "-"
_LONG: Dashes = (0, (5, 1.5))
_SHORT: Dashes = (0, (2.5, 1.2))
_DASH_DOT: Dashes = (0, (5, 1.3, 1, 1.3))
_DASH_DOT_DOT: Dashes = (0, (5, 1.3, 1, 1.3, 1, 1.3))
_DOTS: Dashes = (0, (1, 1))

_BY_ROLE = {
    "skip": Look(_DARK, _SOLID, "s"),
    "direct": Look(_SKY, _SOLID, "o"),
    "candidate": Look(_ORANGE, _SOLID, "o"),
    "update": Look(_BLUE, _LONG, "v"),
    "reset": Look(_VERMILLION, _DASH_DOT, "^", "//////"),
    "forget": Look(_GREEN, _LONG, "D", "\\\\\\\\\\\\"),
    "input": Look(_SKY, _SHORT, "P", "++++++"),
    "output": Look(_PURPLE, _DASH_DOT_DOT, "X", "xxxxxx"),
}
"""The families that most cells have look the same in every figure."""

_FURTHER = (
    Look(_YELLOW, _DOTS, "<", "------"),
    Look(_GREY, _SHORT, ">", "||||||"),
    Look(_YELLOW, _LONG, "p", "//////"),
)
"""For other families, in the order in which they come."""

_SERIES = (
    Look(_BLUE, _SOLID, "o"),
    Look(_VERMILLION, _LONG, "s"),
    Look(_GREEN, _DASH_DOT, "^"),
    Look(_PURPLE, _SHORT, "D"),
    Look(_ORANGE, _DASH_DOT_DOT, "v"),
    Look(_BLACK, _SOLID, "P"),
    Look(_SKY, _LONG, "X"),
    Look(_GREY, _DASH_DOT, "<"),
)


ALONE = Look(_BLACK, _SOLID, "o")
"""The one series of a figure: black is the colour of no family."""


def series_looks(count: int) -> tuple[Look, ...]:
    """Looks for several series that are no families; from the ninth on they repeat.

    Args:
        count: how many; one alone is black.
    """
    if count == 1:
        return (ALONE,)
    return tuple(_SERIES[k % len(_SERIES)] for k in range(count))


def family_looks(names: Sequence[str]) -> dict[str, Look]:
    """The look of each family; a family of a usual role has the same in every figure.

    Args:
        names: the families of one figure. From the twelfth on, looks repeat.
    """
    found = {name: _BY_ROLE[name] for name in names if name in _BY_ROLE}
    spare = [look for look in (*_FURTHER, *_BY_ROLE.values()) if look not in found.values()]
    others = [name for name in dict.fromkeys(names) if name not in found]
    looks = spare or list(_FURTHER)
    found |= {name: looks[k % len(looks)] for k, name in enumerate(others)}
    return {name: found[name] for name in names}


@contextmanager
def context(size: float = SIZE) -> Iterator[None]:
    """Our style within a block; what the user has set holds again after it.

    Args:
        size: of the text, in points.
    """
    small = SMALL * size
    sizes = ("xtick.labelsize", "ytick.labelsize", "legend.fontsize", "legend.title_fontsize")
    with style.context(["default", {**_RC, "font.size": size, **dict.fromkeys(sizes, small)}]):
        yield


def figure(
    *,
    columns: int = 1,
    rows: int = 1,
    across: int = 1,
    height: float | None = None,
    ratios: Sequence[float] | None = None,
) -> Figure:
    """A figure of the width of one or two columns of a page, with empty axes, for no display.

    Args:
        columns: of the page, 1 (3.4 inches) or 2 (7 inches).
        rows: panels one below the other.
        across: panels side by side.
        height: in inches; None: what suits the panels.
        ratios: how high the rows are to each other; None: all alike.

    Returns:
        The figure; its ``axes`` are the panels in the order in which one reads.

    Raises:
        DataError: a number is out of range.

    >>> len(figure(columns=2, rows=2, across=3).axes)
    6
    """
    if columns not in WIDTHS:
        raise DataError(f"a figure {columns} columns wide", mend="give 1 or 2 columns")
    if rows < 1 or across < 1:
        raise DataError(f"{rows} rows of {across} panels", mend="give one panel or more")
    width = WIDTHS[columns]
    high = rows * max(_RATIO * width / across, _LOWEST) if height is None else height
    with context():
        made = Figure(figsize=(width, high))
        made.set_layout_engine(_Layout(w_pad=0.04, h_pad=0.04))
        FigureCanvasAgg(made)
        for ax in made.subplots(rows, across, squeeze=False, height_ratios=ratios).flat:
            _dress(ax)
    return made


@contextmanager
def drawing(ax: Axes | None, *, height: float | None = None) -> Iterator[Axes]:
    """The axes to draw into, in our style; text has the size of the labels of the axes given.

    Args:
        ax: the axes; None: those of a new figure.
        height: of the new figure, in inches.
    """
    target = figure(height=height).axes[0] if ax is None else ax
    with context(float(target.xaxis.label.get_fontsize())):
        yield target


def lag_axis(ax: Axes, scale: Scale, *, label: str = "lag (steps)") -> None:
    """Make the horizontal axis one of lags.

    Args:
        ax: the axes.
        scale: ``linear`` or ``log``.
        label: of the axis.

    Raises:
        DataError: there is no such scale.
    """
    if scale not in ("linear", "log"):
        raise DataError(f"there is no scale `{scale}`", mend="give linear or log")
    ax.set_xscale(scale)
    if scale == "linear":
        counted(ax.xaxis)
        ax.margins(x=0.01)
    ax.set_xlabel(label)


def counted(axis: Axis) -> None:
    """Whole numbers on an axis that counts something.

    Args:
        axis: the axis, linear.
    """
    axis.set_major_locator(MaxNLocator(6, integer=True, steps=[1, 2, 5, 10]))


def plain_log(axis: Axis) -> None:
    """Numbers like 20 or 0.5 on a logarithmic axis, where it has few decades; nothing on another.

    Args:
        axis: the axis, its limits set already.
    """
    if axis.get_scale() != "log":
        return
    axis.set_minor_formatter(NullFormatter())
    low, high = sorted(axis.get_view_interval())
    decades = np.log10(high / low)
    subs = [1.0, 2.0, 5.0] if decades < 2.5 else [1.0]
    if decades < 0.7:
        subs = [1.0, 1.5, 2.0, 3.0, 4.0, 5.0, 7.0]
    if decades < 4.5:
        axis.set_major_locator(LogLocator(subs=subs))
        axis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))


def colour_bar(mesh: ScalarMappable, ax: Axes, label: str, *, extend: str) -> Colorbar:
    """A bar of colours on the right of a map.

    Args:
        mesh: the map.
        ax: the axes that it is in.
        label: what the colours mean.
        extend: where there are values beyond it: ``neither``, ``min``, ``max`` or ``both``.
    """
    whole = ax.get_figure(root=False)
    assert whole is not None
    bar = whole.colorbar(mesh, ax=ax, label=label, extend=extend, pad=0.02, aspect=25)
    bar.outline.set_linewidth(0.6)
    bar.ax.tick_params(length=2, width=0.6)
    return bar


class _Layout(ConstrainedLayoutEngine):
    """Matplotlib's layout, to a millionth: its solver rounds as its variables lie in memory."""

    def execute(self, fig: Figure) -> Any:
        """Place the axes of a figure."""
        found = super().execute(fig)
        for ax in fig.axes:
            taking_part = ax.get_in_layout()
            bounds = [round(float(x), 6) for x in ax.get_position(original=True).bounds]
            ax.set_position((bounds[0], bounds[1], bounds[2], bounds[3]), which="original")
            ax.set_in_layout(taking_part)  # as before: a position that is set counts as the user's
        return found


def _dress(ax: Axes) -> None:
    """Give the ticks, which are made only when they are drawn, the sizes of our style."""
    for which, length, width in (("major", 3.0, 0.6), ("minor", 1.5, 0.4)):
        ax.tick_params(which=which, length=length, width=width, labelsize=SMALL * SIZE)
