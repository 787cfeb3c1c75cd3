"""sums: for which gates the sum, which is the skip, keeps gradients alive."""

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from gru_sym.derive.families import families
from gru_sym.experiments.findings import (
    Findings,
    Row,
    cell_of,
    listed,
    reason,
    relative,
    stacked,
    titled,
)
from gru_sym.plots import figure, one_legend
from gru_sym.plots.legends import legend_above
from gru_sym.plots.style import FAINT, Axes, Figure, context, family_looks, plain_log
from gru_sym.sweep import Results
from gru_sym.sweep.flows import worth_names

__all__ = ["drawn", "verdict"]

LEFT = 0.01
"""A gradient is alive where more of it than this is left at the longest lag."""

ALIVE = float(np.log(LEFT))

HALF = 0.5
"""Where the others make up this part of what the skip alone loses, it is not the skip's doing."""

YES, OTHERS, NO = "yes", "alive, by others", "no"


def verdict(whole: float, worth: Sequence[float]) -> str:
    """Whether the sum keeps a gradient alive, by what the other families are worth beside it.

    Args:
        whole: the log-norm at the longest lag, relative to lag 0.
        worth: the Shapley values of the families but the skip there, in nats; by their sum the
            whole is more than the skip alone.

    Returns:
        ``no`` where the gradient is not alive; ``alive, by others`` where the skip alone were not,
        and the others make up half of what it loses or more; else ``yes``.

    >>> verdict(-1.0, [0.5, 0.1]), verdict(-3.0, [5.0, 0.1]), verdict(-9.0, [5.0, 0.1])
    ('yes', 'alive, by others', 'no')
    """
    if whole <= ALIVE:
        return NO
    others = sum(worth)
    alone = whole - others
    return OTHERS if alone <= ALIVE and others >= HALF * -alone else YES


@dataclass(frozen=True)
class _Setting:
    """What was measured at one gain and bias; medians over seeds, norms relative to lag 0."""

    gain: float
    bias: float
    keep: float
    whole: float
    alone: float
    worth: tuple[float, ...] = field(repr=False)

    @property
    def verdict(self) -> str:
        return verdict(self.whole, self.worth)


def drawn(results: Results) -> Findings:
    """Of each cell: the gradient at the longest lag, the skip's part, and what the others add.

    Args:
        results: of a study with ``lag_curve``, ``shapley`` and ``keep``.
    """
    gains = listed(results, "gain")
    (T,) = listed(results, "T")
    figures: dict[str, Figure] = {}
    rows: list[Row] = []
    sentences = []
    for name in map(str, listed(results, "cell")):
        names = worth_names(cell_of(results, name))
        known = _settings(results, name)
        if not known:
            sentences.append(f"{name}: {_why(results, name)}.")
            continue
        panel = figure(columns=2, across=len(gains), height=2.8)
        for gain, ax in zip(gains, panel.axes, strict=True):
            _panel(ax, [each for each in known if each.gain == gain], names)
            titled(ax, f"{name}, gain {gain:g}")
        one_legend(panel)
        figures[name] = panel
        for each in known:
            most = names[int(np.argmax(np.abs(each.worth)))] if names else None
            rows.append(
                (name, each.gain, each.bias, each.keep, each.whole, each.alone,
                 sum(each.worth), most, each.verdict)
            )  # fmt: skip
        sentences += [f"{name}: {said}" for said in _said(known, names, T)]
    columns = ("cell", "gain", "bias", "skip keeps",
               f"log-norm at lag {T}, relative to lag 0 (nats)", "skip alone (nats)",
               "others are worth (nats)", "most of it", "the sum keeps it alive")  # fmt: skip
    return Findings(figures, columns, tuple(rows), tuple(sentences))


def _settings(results: Results, name: str) -> list[_Setting]:
    """The settings of a cell at which all was measured."""
    found = []
    for gain in listed(results, "gain"):
        for bias in listed(results, "bias"):
            values = [
                stacked(results, quantity, cell=name, gain=gain, bias=bias)
                for quantity in ("keep", "log_norm", "skip_log_norm", "worth")
            ]
            known = [each for each in values if each is not None]
            if len(known) == len(values):
                keep, whole, alone, worth = known
                found.append(
                    _Setting(
                        gain,
                        bias,
                        float(np.median(keep)),
                        float(np.median(relative(whole)[:, -1])),
                        float(np.median(relative(alone)[:, -1])),
                        tuple(np.median(worth[:, -1], axis=0).tolist()),
                    )
                )
    return found


def _why(results: Results, name: str) -> str:
    """Why there is nothing to say of a cell."""
    if not any(family.is_skip for family in families(cell_of(results, name))):
        return "it has no skip, and so no sum that could keep gradients alive"
    return reason(results, cell=name)


def _said(known: list[_Setting], names: Sequence[str], T: int) -> list[str]:
    """A sentence for each verdict that there is."""
    alive = f"more than {100 * LEFT:g} % of the gradient is left at lag {T}"
    endings = {
        YES: f"{alive} (a log-norm above {ALIVE:.1f} nats), and the skip alone would lose less, or "
        f"the others make up less than {100 * HALF:g} % of what it loses: the sum keeps it alive",
        OTHERS: f"{alive} (a log-norm above {ALIVE:.1f} nats), but the skip alone would lose more, "
        f"and the others make up {100 * HALF:g} % of what it loses or more: it is not the sum that "
        "keeps it alive",
        NO: f"{alive.replace('more', 'no more')} (a log-norm of {ALIVE:.1f} nats): the sum does "
        "not keep it alive",
    }
    said = []
    for kind, ending in endings.items():
        mine = [each for each in known if each.verdict == kind]
        if mine:
            keeps = _range([each.keep for each in mine], ".3g")
            lost = _range([-each.alone for each in mine], ".3g")
            worth = _range([sum(each.worth) for each in mine], ".3g")
            mean = np.mean([each.worth for each in mine], axis=0)
            most = f", most of it by {names[int(np.argmax(np.abs(mean)))]}" if names else ""
            said.append(
                f"in {len(mine)} of {len(known)} settings, where the skip keeps {keeps} of a state "
                f"in a step, {ending}. The skip alone loses {lost} nats, and the others are worth "
                f"{worth} nats (Shapley values{most})."
            )
    return said


def _range(values: Sequence[float], form: str) -> str:
    low, high = (format(each, form) for each in (min(values), max(values)))
    return low if low == high else f"{low} to {high}"


def _panel(ax: Axes, known: list[_Setting], names: Sequence[str]) -> None:
    """The gradient, the skip's part, and the worth of the other families, over what is lost."""
    known = sorted((each for each in known if each.keep < 1), key=lambda each: each.keep)
    lost = [1 - each.keep for each in known]
    with context(float(ax.xaxis.label.get_fontsize())):
        looks = family_looks(["skip", *names])
        ax.set_xscale("log")
        ax.set_yscale("symlog", linthresh=1.0)  # some nats decide, and some hundred are lost
        ax.plot(lost, [each.whole for each in known], color="black", marker="o", markersize=3,
                label="all paths")  # fmt: skip
        ax.plot(lost, [each.alone for each in known], color="black", linestyle=":", marker="s",
                markersize=3, label="skip alone")  # fmt: skip
        for k, family in enumerate(names):
            look = looks[family]
            ax.plot(lost, [each.worth[k] for each in known], color=look.colour,
                    linestyle=look.dashes, label=f"worth of {family}")  # fmt: skip
        ax.axhline(ALIVE, color=FAINT, linewidth=0.6)
        ax.annotate(f"{100 * LEFT:g} % is left", (0, ALIVE), (2, -2),
                    xycoords=("axes fraction", "data"), textcoords="offset points", va="top",
                    fontsize="small", color=FAINT)  # fmt: skip
        plain_log(ax.xaxis)
        ax.set_xlabel("what the skip loses in a step, 1 \N{MINUS SIGN} skip")
        ax.set_ylabel("nats, of the log-norm\nrelative to lag 0")
        minus = "\N{MINUS SIGN}"
        ax.yaxis.set_major_formatter(lambda value, _: f"{value:g}".replace("-", minus))
        legend_above(ax, ax.get_legend_handles_labels()[0], length=2.6)
