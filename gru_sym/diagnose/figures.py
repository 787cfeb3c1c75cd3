"""figures: what is drawn of an examined network."""

from collections.abc import Iterator

import numpy as np

from gru_sym.diagnose.gates import GateUse
from gru_sym.diagnose.measures import Measured
from gru_sym.diagnose.report import Diagnosis
from gru_sym.plots import figure, flow_figure, lag_curves, lyapunov_figure
from gru_sym.plots.style import (
    FAINT,
    SMALL,
    Axes,
    Figure,
    drawing,
    family_looks,
    plain_log,
    series_looks,
)

__all__ = ["details", "gate_levels", "overview", "unit_memories"]


def overview(found: Diagnosis) -> Figure:
    """The lag curves of all passes in one figure.

    Args:
        found: the examination.
    """
    drawn = figure(columns=2, height=2.7)
    every = [*found.passes, *([] if found.whole is None else [found.whole])]
    curves = {one.label: one.flow.curve for one in every}
    lag_curves(curves if len(every) > 1 else every[0].flow.curve, ax=drawn.axes[0])
    return drawn


def details(one: Measured) -> Iterator[tuple[str, Figure]]:
    """The figures of one pass, each with its heading.

    Args:
        one: the pass.
    """
    yield "Where the gradient goes", flow_figure(one.flow)
    drawn = figure(height=2.2)
    unit_memories(one, ax=drawn.axes[0])
    yield "Memory of the units", drawn
    gates = [gate for gate in one.gates if gate.activation == "sigmoid"]
    if gates:
        drawn = figure(rows=len(gates), height=1.15 * len(gates) + 0.35)
        for gate, ax in zip(gates, drawn.axes, strict=True):
            gate_levels(gate, ax=ax)
            if ax is not drawn.axes[-1]:
                ax.set_xlabel("")
        yield "Gates", drawn
    yield "Lyapunov exponents", lyapunov_figure(one.lyapunov)


def unit_memories(one: Measured, *, ax: Axes | None = None) -> Axes:
    """The memory of each unit of the output state, in steps: of its gradient, and by its skip.

    Args:
        one: the pass.
        ax: where to draw; None: a figure of one column.
    """
    with drawing(ax) as ax:
        order = np.argsort(-np.nan_to_num(one.unit_memory, nan=np.inf), kind="stable")
        place = np.arange(len(order))
        mine, other = series_looks(2)
        memory = one.unit_memory[order]
        longer = np.isnan(memory)
        ax.plot(place, memory, mine.marker, color=mine.colour, label="gradient below 1 %")
        if longer.any():
            ax.plot(
                place[longer],
                np.full(longer.sum(), one.flow.T),
                "^",
                mfc="white",
                mec=mine.colour,
                label=f"longer than {one.flow.T} steps",
            )
        for state, times in one.flow.times.forgetting.items():
            each = np.median(times.reshape(-1, times.shape[-1]), axis=0)
            if len(each) == len(order):
                shown = np.where(np.isfinite(each), each, np.nan)[order]
                label = f"1/e by the skip of {state}"
                ax.plot(place, shown, other.marker, color=other.colour, label=label)
        ax.set_yscale("log")
        plain_log(ax.yaxis)
        ax.set_xlabel("unit, by its memory")
        ax.set_ylabel("memory (steps)")
        if len(order) <= 32:
            ax.set_xticks(place, [str(k) for k in order], rotation=90 if len(order) > 16 else 0)
        else:
            ax.set_xticks([])
        ax.legend(loc="best")
    return ax


def gate_levels(gate: GateUse, *, ax: Axes | None = None) -> Axes:
    """The mean of each unit of a gate over time, sorted; bars are standard deviations.

    Args:
        gate: how the gate was used.
        ax: where to draw; None: a figure of one column.
    """
    with drawing(ax) as ax:
        order = np.argsort(gate.mean, kind="stable")
        place = np.arange(len(order))
        mean, spread = gate.mean[order], gate.spread[order]
        look = family_looks([gate.role or gate.name])[gate.role or gate.name]
        low, high = (np.clip(mean + sign * spread, 0, 1) for sign in (-1, 1))
        ax.vlines(place, low, high, color=look.colour, linewidth=1.0)
        ax.plot(place, mean, "o", color=look.colour, markersize=2.5)
        for edge in (0.0, 1.0):
            ax.axhline(edge, color=FAINT, linewidth=0.5, zorder=0)
        ax.set_ylim(-0.05, 1.05)
        ax.set_yticks([0, 0.5, 1])
        ax.set_xticks([])
        called = f"{gate.name}, {gate.role}" if gate.role else gate.name
        size = float(ax.xaxis.label.get_fontsize())
        ax.set_ylabel(called, fontsize=size)
        ends = len(gate.shut) + len(gate.open)
        if ends:
            ax.set_title(
                f"{ends} of {len(place)} units always at an end", fontsize=SMALL * size, loc="right"
            )
        ax.set_xlabel("units, sorted by their mean over time")
    return ax
