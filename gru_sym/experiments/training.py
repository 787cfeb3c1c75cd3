"""training: loss, lag curve and path shares while cells learn tasks."""

import numpy as np

from gru_sym.derive.families import SKIP
from gru_sym.experiments.findings import (
    Findings,
    Row,
    Shares,
    cell_of,
    curve,
    divided,
    graded,
    listed,
    reason,
    relative,
    shares_figure,
    smooth,
    stacked,
    titled,
)
from gru_sym.learning.tasks import TASKS
from gru_sym.plots import figure, lag_curves, one_legend, training
from gru_sym.plots.style import Figure, series_looks
from gru_sym.sweep import Results
from gru_sym.sweep.flows import share_names

__all__ = ["drawn"]

MOST_CURVES = 5
"""Moments of the training whose lag curves are told apart in a panel."""


def drawn(results: Results) -> Findings:
    """Losses with baselines; lag curves and shares on the way; shares before and after.

    Args:
        results: of a study with ``learning``.
    """
    tasks, cells = listed(results, "task"), listed(results, "cell")
    figures: dict[str, Figure] = {"loss": figure(columns=2, across=len(tasks), height=2.5)}
    looks = dict(zip(cells, series_looks(len(cells)), strict=True))
    rows: list[Row] = []
    sentences = []
    for task, ax in zip(tasks, figures["loss"].axes, strict=True):
        losses, baselines = {}, []
        for name in cells:
            point = {"task": task, "cell": name}
            loss, test, base = (
                stacked(results, quantity, **point)
                for quantity in ("loss", "test_loss", "baseline")
            )
            if loss is None or test is None or base is None:
                sentences.append(f"{name}, {task}: {reason(results, **point)}.")
                continue
            losses[name] = smooth(loss)
            baselines.append(np.median(base))
            row, sentence = _said(results, task, name, test, base)
            rows.append(row)
            sentences.append(sentence)
        if losses:
            naive = {TASKS[task].naive: float(np.median(baselines))}
            training(losses, baselines=naive, ax=ax, looks=looks)
        ax.set(xlabel="update", ylabel=f"training loss\n({TASKS[task].unit})")
        titled(ax, task)
    one_legend(figures["loss"])
    for task in tasks:
        found = {
            "curves": _curves(results, task, cells),
            "paths": _paths(results, task, cells),
            "updates": _updates(results, task, cells),
        }
        figures |= {f"{name}-{task}": each for name, each in found.items() if each is not None}
    sentences += [
        f"{name}: one family of paths has all of the gradient, and no panel among the paths."
        for name in cells
        if not divided(results, name)
    ]
    columns = ("task", "cell", "test loss", "baseline",
               "log-norm at the longest lag, relative to lag 0, before (nats)", "after (nats)",
               "share of the skip there before", "after")  # fmt: skip
    return Findings(figures, columns, tuple(rows), tuple(sentences))


def _said(
    results: Results, task: str, name: str, test: np.ndarray, base: np.ndarray
) -> tuple[Row, str]:
    """A row of the table and a sentence about a cell and a task; medians over seeds."""
    norms = stacked(results, "snapshot_log_norm", task=task, cell=name)
    shares = stacked(results, "snapshot_shares", task=task, cell=name)
    assert norms is not None
    assert shares is not None
    first, last = np.median(relative(norms)[:, [0, -1], -1], axis=0).tolist()
    skip = share_names(cell_of(results, name)).index(SKIP)
    before, after = np.median(shares[:, [0, -1], -1, skip], axis=0).tolist()
    part = float(np.median(test / base))
    sentence = (
        f"{name} {graded(part)} {task}: on sequences that it never learned from its loss is "
        f"{part:.2g} of that of what {TASKS[task].naive} (median of {len(test)} seeds). At lag "
        f"{norms.shape[-1] - 1} the gradient, relative to lag 0, went from e^{first:z.1f} to "
        f"e^{last:z.1f}"
    )
    if before or after:
        sentence += (
            f", and what never leaves the skip from {100 * before:.0f} % of it to "
            f"{100 * after:.0f} %"
        ).replace("-0 %", "0 %")
    return (
        (task, name, float(np.median(test)), float(np.median(base)), first, last, before, after),
        f"{sentence}.",
    )


def _curves(results: Results, task: str, cells: list[str]) -> Figure:
    panel = figure(columns=2, across=len(cells), height=2.5)
    for name, ax in zip(cells, panel.axes, strict=True):
        norms = stacked(results, "snapshot_log_norm", task=task, cell=name)
        moments = stacked(results, "snapshot_update", task=task, cell=name)
        if norms is not None and moments is not None:
            last = len(moments[0]) - 1
            some = np.unique(np.linspace(0, last, min(MOST_CURVES, last + 1)).round().astype(int))
            shown = {
                f"update {int(moments[0][k])}": [curve(seed[k]) for seed in norms] for k in some
            }
            lag_curves(shown, ax=ax, powers=False, skip=False, relative=True)
        titled(ax, f"{name}, {task}")
        if ax is not panel.axes[0]:
            ax.set_ylabel("")
    return one_legend(panel)


def _paths(results: Results, task: str, cells: list[str]) -> Figure | None:
    """Shares over the lag, before and after."""
    found = _found(results, task, cells)
    panels = [
        Shares(f"{name}, {when}", names, shares[:, k])
        for k, when in ((0, "before"), (-1, "after"))
        for name, names, shares, _ in found
    ]
    return shares_figure(panels, rows=2)


def _updates(results: Results, task: str, cells: list[str]) -> Figure | None:
    """Shares over the updates, at a short lag and at the longest."""
    found = _found(results, task, cells)
    T = max((shares.shape[2] - 1 for _, _, shares, _ in found), default=1)
    lags = sorted({max(1, T // 4), T})
    panels = [
        Shares(f"{name}, lag {lag}", names, shares[:, :, lag], updates)
        for lag in lags
        for name, names, shares, updates in found
    ]
    return shares_figure(panels, rows=len(lags))


def _found(
    results: Results, task: str, cells: list[str]
) -> list[tuple[str, tuple[str, ...], np.ndarray, np.ndarray]]:
    """Of each cell its name, its families, their shares at each moment, and the moments."""
    found = []
    for name in [name for name in cells if divided(results, name)]:
        shares = stacked(results, "snapshot_shares", task=task, cell=name)
        moments = stacked(results, "snapshot_update", task=task, cell=name)
        if shares is not None and moments is not None:
            found.append((name, share_names(cell_of(results, name)), shares, moments[0]))
    return found
