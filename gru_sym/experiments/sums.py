"""sums: for which gates the sum, which is the skip, keeps gradients alive."""

import numpy as np

from gru_sym.codegen.functions import Array
from gru_sym.experiments.findings import Findings, cell_of, listed, stacked, titled
from gru_sym.plots import figure
from gru_sym.plots.style import Axes, context, family_looks
from gru_sym.sweep import Results
from gru_sym.sweep.flows import worth_names

__all__ = ["drawn"]

ALIVE = float(np.log(0.01))
"""A gradient is alive where at the longest lag 1 % of it is left."""

ALONE = -1.0
"""The skip keeps it where it alone carries all but a factor e."""


def drawn(results: Results) -> Findings:
    """Of each cell: the gradient at the longest lag, the skip's part, and what the others add.

    Args:
        results: of a study with ``lag_curve``, ``shapley`` and ``keep``.
    """
    gains, biases = listed(results, "gain"), listed(results, "bias")
    T = listed(results, "T")[0]
    figures = {}
    rows: list[tuple[str | float | None, ...]] = []
    sentences = []
    for name in map(str, listed(results, "cell")):
        panel = figure(columns=2, rows=1, across=len(gains), height=2.8)
        names = worth_names(cell_of(results, name))
        for gain, ax in zip(gains, panel.axes, strict=True):
            kept, whole, alone, worth = [], [], [], []
            for bias in biases:
                point = {"cell": name, "gain": gain, "bias": bias}
                found = [
                    stacked(results, quantity, **point)
                    for quantity in ("keep", "log_norm", "skip_log_norm", "worth")
                ]
                known = [np.median(each, axis=0) for each in found if each is not None]
                if len(known) < len(found):
                    continue
                keep, norms, skips, values = known
                kept.append(float(keep))
                whole.append(float(norms[-1] - norms[0]))
                alone.append(float(skips[-1] - skips[0]))
                worth.append(values[-1])
                alive, by_skip = whole[-1] > ALIVE, alone[-1] - whole[-1] > ALONE
                verdict = "yes" if alive and by_skip else "alive, by others" if alive else "no"
                rows.append((name, gain, bias, kept[-1], whole[-1], alone[-1], verdict))
            _panel(ax, kept, whole, alone, np.array(worth), names)
            titled(ax, f"{name}, gain {gain:g}")
        figures[name] = panel
        mine = [row for row in rows if row[0] == name]
        saved = [float(row[3]) for row in mine if row[6] == "yes"]  # type: ignore[arg-type]
        lost = [float(row[3]) for row in mine if row[6] == "no"]  # type: ignore[arg-type]
        other = [row for row in mine if row[6] == "alive, by others"]
        if saved:
            sentences.append(
                f"{name}: the sum keeps gradients alive to lag {T} where the skip keeps "
                f"{min(saved):.3f} of a state in a step, or more (geometric mean)."
            )
        if lost:
            sentences.append(
                f"{name}: with {max(lost):.3f} and less in a step, less than 1 % of the gradient "
                f"is left at lag {T}: there the sentence is false."
            )
        if other:
            sentences.append(
                f"{name}: in {len(other)} of {len(mine)} settings the gradient is alive, and it is "
                "not the skip that carries it."
            )
    columns = ("cell", "gain", "bias", "skip keeps", f"log-norm at lag {T} (nats)",
               "skip alone (nats)", "the sum keeps it alive")  # fmt: skip
    return Findings(figures, columns, tuple(rows), tuple(sentences))


def _panel(
    ax: Axes,
    kept: list[float],
    whole: list[float],
    alone: list[float],
    worth: Array,
    names: tuple[str, ...],
) -> None:
    """The gradient, the skip's part, and the worth of the other families, over what is kept."""
    with context(float(ax.xaxis.label.get_fontsize())):
        looks = family_looks(["skip", *names])
        ax.plot(kept, whole, color="black", marker="o", markersize=3, label="all paths")
        ax.plot(kept, alone, color="black", linestyle=":", marker="s", markersize=3,
                label="skip alone")  # fmt: skip
        for k, family in enumerate(names):
            look = looks[family]
            ax.plot(kept, worth[:, k], color=look.colour, linestyle=look.dashes,
                    label=f"worth of {family}")  # fmt: skip
        ax.axhline(ALIVE, color="0.45", linewidth=0.6)
        ax.annotate("1 % is left", (0, ALIVE), (2, 2), xycoords=("axes fraction", "data"),
                    textcoords="offset points", fontsize="small", color="0.35")  # fmt: skip
        ax.set_xlabel("what the skip keeps in a step")
        ax.set_ylabel("nats")
        ax.legend(fontsize="small")
