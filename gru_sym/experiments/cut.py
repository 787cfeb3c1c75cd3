"""cut: what is left of a gradient, and of learning, without some of its paths."""

import numpy as np

from gru_sym.experiments.findings import Findings, curve, listed, stacked, titled
from gru_sym.experiments.training import SOLVED, smooth
from gru_sym.learning.tasks import TASKS
from gru_sym.plots import figure, lag_curves, training
from gru_sym.plots.style import Figure
from gru_sym.sweep import Results

__all__ = ["drawn"]


def drawn(results: Results) -> Findings:
    """For each cell: the lag curves without some paths, and the losses of what learns without them.

    Args:
        results: of a study with ``cut_curve`` and ``learning``.
    """
    cells, cuts, tasks = (listed(results, axis) for axis in ("cell", "paths", "task"))
    figures: dict[str, Figure] = {}
    rows: list[tuple[str | float | None, ...]] = []
    sentences = []
    for name in cells:
        panel = figure(columns=2, across=1 + len(tasks), height=2.7)
        curves = {}
        for paths in cuts:
            found = stacked(results, "cut_log_norm", cell=name, paths=paths, task=tasks[0])
            if found is not None:
                curves[paths] = [curve(each) for each in found]
        lag_curves(curves, ax=panel.axes[0], powers=False, skip=False)
        titled(panel.axes[0], f"{name}, untrained")
        for task, ax in zip(tasks, panel.axes[1:], strict=True):
            base = TASKS[task].baseline(listed(results, "T")[0])
            losses = {}
            for paths in cuts:
                loss = stacked(results, "loss", cell=name, paths=paths, task=task)
                test = stacked(results, "test_loss", cell=name, paths=paths, task=task)
                if loss is None or test is None:
                    continue
                losses[paths] = smooth(loss)
                part = float(np.median(test)) / base
                last = np.median([each.log_norm[-1] for each in curves[paths]])
                rows.append((name, task, paths, float(last), float(np.median(test)), base))
                word = "still learns" if part < SOLVED else "does not learn"
                sentences.append(
                    f"{name} with the paths `{paths}` {word} {task}: {part:.2f} of the loss of "
                    f"what remembers nothing (median of {len(test)} seeds)."
                )
            training(losses, baselines={"no memory": base}, ax=ax)
            ax.set(xlabel="update", ylabel=f"loss ({TASKS[task].unit})")
            titled(ax, task)
        figures[str(name)] = panel
    columns = ("cell", "task", "paths", "log-norm at the longest lag (nats)", "test loss",
               "baseline")  # fmt: skip
    return Findings(figures, columns, tuple(rows), tuple(sentences))
