"""cut: what is left of a gradient, and of learning, without some of its paths."""

import numpy as np

from gru_sym.experiments.findings import (
    Findings,
    Row,
    curve,
    graded,
    listed,
    reason,
    relative,
    smooth,
    stacked,
    titled,
)
from gru_sym.learning.tasks import TASKS
from gru_sym.plots import figure, lag_curves, one_legend, training
from gru_sym.plots.style import Figure, series_looks
from gru_sym.sweep import Results

__all__ = ["drawn"]


def drawn(results: Results) -> Findings:
    """For each cell: the lag curves without some paths, and the losses of what learns without them.

    Args:
        results: of a study with ``cut_curve`` and ``learning``.
    """
    cells, cuts, tasks = (listed(results, axis) for axis in ("cell", "paths", "task"))
    (T,) = listed(results, "T")
    looks = dict(zip(cuts, series_looks(len(cuts)), strict=True))
    figures: dict[str, Figure] = {}
    rows: list[Row] = []
    sentences = []
    for name in cells:
        panel = figure(columns=2, across=1 + len(tasks), height=2.7)
        curves, last = {}, {}
        for paths in cuts:
            found = stacked(results, "cut_log_norm", cell=name, paths=paths, task=tasks[0])
            if found is not None:
                curves[paths] = [curve(each) for each in found]
                last[paths] = float(np.median(relative(found)[:, -1]))
        if curves:
            lag_curves(
                curves, ax=panel.axes[0], powers=False, skip=False, relative=True, looks=looks
            )
        titled(panel.axes[0], f"{name}, untrained")
        for task, ax in zip(tasks, panel.axes[1:], strict=True):
            losses, baselines = {}, []
            for paths in cuts:
                point = {"cell": name, "paths": paths, "task": task}
                loss, test, base = (
                    stacked(results, quantity, **point)
                    for quantity in ("loss", "test_loss", "baseline")
                )
                if loss is None or test is None or base is None:
                    sentences.append(f"{name}, {task}, `{paths}`: {reason(results, **point)}.")
                    continue
                losses[paths] = smooth(loss)
                baselines.append(float(np.median(base)))
                part = float(np.median(test / base))
                rows.append(
                    (name, task, paths, last.get(paths), float(np.median(test)), baselines[-1])
                )
                sentences.append(
                    f"{name} with the paths `{paths}` {graded(part)} {task}: on sequences that it "
                    f"never learned from its loss is {part:.2g} of that of what "
                    f"{TASKS[task].naive} (median of {len(test)} seeds)."
                )
            if losses:
                naive = {TASKS[task].naive: float(np.median(baselines))}
                training(losses, baselines=naive, ax=ax, looks=looks)
            ax.set(xlabel="update", ylabel=f"training loss\n({TASKS[task].unit})")
            titled(ax, task)
        one_legend(panel)
        figures[str(name)] = panel
    columns = ("cell", "task", "paths", f"log-norm at lag {T}, relative to lag 0 (nats)",
               "test loss", "baseline")  # fmt: skip
    return Findings(figures, columns, tuple(rows), tuple(sentences))
