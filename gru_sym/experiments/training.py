"""training: loss, lag curve and path shares while cells learn three tasks."""

import numpy as np

from gru_sym.codegen.functions import Array
from gru_sym.experiments.findings import (
    Findings,
    below,
    cell_of,
    curve,
    listed,
    stacked,
    titled,
)
from gru_sym.flow.paths import Departures
from gru_sym.learning.tasks import TASKS
from gru_sym.plots import figure, lag_curves, path_shares, training
from gru_sym.plots.style import Figure
from gru_sym.sweep import Results
from gru_sym.sweep.flows import share_names

__all__ = ["SOLVED", "drawn", "smooth"]

SOLVED = 0.5
"""A task counts as learned where the loss is below this part of that of what remembers nothing."""


def drawn(results: Results) -> Findings:
    """Losses with baselines; lag curves at the moments of training; shares before and after.

    Args:
        results: of a study with ``learning``.
    """
    tasks, cells = listed(results, "task"), listed(results, "cell")
    figures: dict[str, Figure] = {"loss": figure(columns=2, across=len(tasks), height=2.5)}
    rows: list[tuple[str | float | None, ...]] = []
    sentences = []
    for task, ax in zip(tasks, figures["loss"].axes, strict=True):
        losses = {}
        for name in cells:
            loss = stacked(results, "loss", task=task, cell=name)
            test = stacked(results, "test_loss", task=task, cell=name)
            base = stacked(results, "baseline", task=task, cell=name)
            if loss is None or test is None or base is None:
                continue
            losses[name] = smooth(loss)
            first, last = _ends(results, task, name)
            part = float(np.median(test / base))
            rows.append((task, name, float(np.median(test)), float(base[0]), first, last))
            done = "learns" if part < SOLVED else "does not learn"
            sentences.append(
                f"{name} {done} {task}: its loss is {part:.2f} of that of what remembers nothing; "
                f"the gradient at the longest lag went from e^{first:.1f} to e^{last:.1f}."
            )
        what = "no memory" if task != "sunspots" else "same as last"
        training(losses, baselines={what: TASKS[task].baseline(listed(results, "T")[0])}, ax=ax)
        ax.set(xlabel="update", ylabel=f"loss ({TASKS[task].unit})")
        titled(ax, task)
    for task in tasks:
        figures[f"curves-{task}"] = _curves(results, task, cells)
        figures[f"paths-{task}"] = _paths(results, task, cells)
    columns = ("task", "cell", "test loss", "baseline", "log-norm before", "log-norm after (nats)")
    return Findings(figures, columns, tuple(rows), tuple(sentences))


def smooth(loss: Array) -> Array:
    """Means of 20 neighbouring updates: the batches are small, and their losses jump.

    Args:
        loss: of each seed and update, (seeds, updates).
    """
    width = min(20, loss.shape[1])
    kernel = np.ones(width) / width
    padded = np.pad(loss, ((0, 0), (width - 1, 0)), mode="edge")
    return np.array([np.convolve(each, kernel, "valid") for each in padded])


def _ends(results: Results, task: str, name: str) -> tuple[float, float]:
    """The gradient at the longest lag, relative to lag 0, before and after; medians over seeds."""
    found = stacked(results, "snapshot_log_norm", task=task, cell=name)
    assert found is not None
    relative = found[:, :, -1] - found[:, :, 0]
    return float(np.median(relative[:, 0])), float(np.median(relative[:, -1]))


def _curves(results: Results, task: str, cells: list[str]) -> Figure:
    panel = figure(columns=2, across=len(cells), height=2.4)
    for name, ax in zip(cells, panel.axes, strict=True):
        norms = stacked(results, "snapshot_log_norm", task=task, cell=name)
        moments = stacked(results, "snapshot_update", task=task, cell=name)
        if norms is not None and moments is not None:
            shown = {
                f"update {int(update)}": [curve(seed[k]) for seed in norms]
                for k, update in enumerate(moments[0])
            }
            lag_curves(shown, ax=ax, powers=False, skip=False)
        titled(ax, f"{name}, {task}")
    return panel


def _paths(results: Results, task: str, cells: list[str]) -> Figure:
    panel = figure(columns=2, rows=2, across=len(cells), height=4.8)
    for column, name in enumerate(cells):
        shares = stacked(results, "snapshot_shares", task=task, cell=name)
        for row, (k, when) in enumerate(((0, "before"), (-1, "after"))):
            ax = panel.axes[row * len(cells) + column]
            if shares is not None:
                names = share_names(cell_of(results, name))
                path_shares(Departures(names, np.moveaxis(shares[:, k], 0, -1)), ax=ax)
            below(ax, f"{name}, {when}")
    return panel
