"""training: the loss in each epoch."""

from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes
from numpy.typing import ArrayLike

from gru_sym.errors import DataError
from gru_sym.plots.bands import band_of, draw_band
from gru_sym.plots.legends import legend_above
from gru_sym.plots.style import FAINT, Look, Scale, drawing, lag_axis, plain_log, series_looks

__all__ = ["training"]


def training(
    histories: ArrayLike | Mapping[str, ArrayLike],
    *,
    baselines: Mapping[str, float] | None = None,
    ax: Axes | None = None,
    loss_scale: Scale = "log",
    label: str = "training loss",
    looks: Mapping[str, Look] | None = None,
) -> Axes:
    """The loss against the epoch, with baselines to compare with.

    Of several seeds the line is the median, and the area spans the quantiles at 10 and 90 %. Where
    the loss is not finite there is a gap.

    Args:
        histories: the loss of each epoch (epochs,), or of several seeds (seeds, epochs); or label
            → that.
        baselines: label → the loss of something that does not learn; dashed lines.
        ax: where to draw; None: a figure of one column.
        loss_scale: ``log`` or ``linear``.
        label: of the vertical axis.
        looks: label of a history → its look, where several figures have to agree; None: in order.

    Raises:
        DataError: there is no history, or one has no epoch.
    """
    given = histories if isinstance(histories, Mapping) else {"": histories}
    runs = {name: np.atleast_2d(np.asarray(values, float)).T for name, values in given.items()}
    if not runs or any(each.ndim != 2 or not each.size for each in runs.values()):
        raise DataError(
            "there is no history to draw",
            mend="give the loss of each epoch, (epochs,), or of several seeds, (seeds, epochs)",
        )
    with drawing(ax) as ax:
        lag_axis(ax, "linear", label="epoch")
        if looks is None:
            looks = dict(zip(runs, series_looks(len(runs)), strict=True))
        for k, (name, losses) in enumerate(runs.items()):
            epoch = np.arange(1.0, len(losses) + 1)
            every = (0.06 + 0.03 * k, 0.22) if len(runs) > 1 else None
            band = band_of(losses)
            draw_band(ax, epoch, band, looks[name], name or "model", "linear", every=every)
        ax.set_yscale(loss_scale)
        plain_log(ax.yaxis)
        _baselines(ax, baselines or {})
        ax.set_ylabel(label)
        if len(runs) > 1 or "" not in runs:
            legend_above(ax, ax.get_legend_handles_labels()[0], length=2.6)
    return ax


def _baselines(ax: Axes, baselines: Mapping[str, float]) -> None:
    """Dashed lines, each with its label above it at the right end."""
    for name, loss in baselines.items():
        ax.axhline(loss, color=FAINT, linewidth=0.8, linestyle=(0, (4, 2)), label="_baseline")
        ax.annotate(
            name,
            (1, loss),
            (-1, 1.5),
            xycoords=("axes fraction", "data"),
            textcoords="offset points",
            ha="right",
            fontsize="small",
            color="0.25",
        )
