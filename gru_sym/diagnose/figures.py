"""figures: what is drawn of an examined network."""

from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from gru_sym.codegen.functions import Array
from gru_sym.diagnose.gates import GateUse
from gru_sym.diagnose.measures import Measured
from gru_sym.diagnose.report import Diagnosis
from gru_sym.flow.lags import LagCurve
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

_RANGE = {"sigmoid": (0.0, 1.0), "tanh": (-1.0, 1.0)}

_MOST_NUMBERS = 32


def overview(found: Diagnosis) -> Figure:
    """The lag curves of all passes in one figure.

    Args:
        found: the examination.
    """
    drawn = figure(columns=2, height=2.7)
    curves = {one.label: _curve(one) for one in found.every}
    lag_curves(curves if len(curves) > 1 else found.every[0].flow.curve, ax=drawn.axes[0])
    return drawn


def _curve(one: Measured) -> LagCurve:
    """Of a layer in its network there is no skip alone, and at lag 0 there may be nothing."""
    curve = one.flow.curve
    if one.context != "network":
        return curve
    there = np.where(
        np.isneginf(one.curve) & (np.arange(one.flow.T + 1) == 0)[:, None], np.nan, one.curve
    )
    return replace(
        curve,
        log_norm=there if one.flow.B is not None else there[:, 0],
        skip_log_norm=np.full_like(curve.skip_log_norm, -np.inf),
        float32_zero_lag=None,
        float64_zero_lag=None,
    )


def details(one: Measured, *, units: bool = True) -> Iterator[tuple[str, Figure]]:
    """The figures of one pass, each with its heading.

    Args:
        one: the pass.
        units: whether to draw what is of single units; of all layers together they have that.
    """
    yield "Where the gradient goes", flow_figure(one.flow)
    if units:
        yield from _of_units(one)
    yield "Lyapunov exponents", lyapunov_figure(one.lyapunov)


def _of_units(one: Measured) -> Iterator[tuple[str, Figure]]:
    drawn = figure(height=2.2)
    unit_memories(one, ax=drawn.axes[0])
    yield "Memory of the units", drawn
    gates = [gate for gate in one.gates if gate.activation in _RANGE]
    if gates:
        drawn = figure(rows=len(gates), height=1.3 * len(gates) + 0.35)
        for gate, ax in zip(gates, drawn.axes, strict=True):
            gate_levels(gate, ax=ax)
            if ax is not drawn.axes[-1]:
                ax.set_xlabel("")
        yield "Gates and candidates", drawn


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
        _numbers(ax, order)
        ax.legend(loc="best")
    return ax


def gate_levels(gate: GateUse, *, ax: Axes | None = None) -> Axes:
    """The mean of each unit of a gate over time, sorted; bars are standard deviations.

    Args:
        gate: how the gate was used, of a sigmoid or a tanh.
        ax: where to draw; None: a figure of one column.
    """
    bottom, top = _RANGE[gate.activation]
    with drawing(ax) as ax:
        order = np.argsort(gate.mean, kind="stable")
        place = np.arange(len(order))
        mean, spread = gate.mean[order], gate.spread[order]
        look = family_looks([gate.role or gate.name])[gate.role or gate.name]
        low, high = (np.clip(mean + sign * spread, bottom, top) for sign in (-1, 1))
        ax.vlines(place, low, high, color=look.colour, linewidth=1.0)
        ax.plot(place, mean, "o", color=look.colour, markersize=2.5)
        for edge in (bottom, top):
            ax.axhline(edge, color=FAINT, linewidth=0.5, zorder=0)
        margin = 0.05 * (top - bottom)
        ax.set_ylim(bottom - margin, top + margin)
        ax.set_yticks([bottom, (bottom + top) / 2, top])
        numbered = _numbers(ax, order)
        called = f"{gate.name}, {gate.role}" if gate.role else gate.name
        size = float(ax.xaxis.label.get_fontsize())
        ax.set_ylabel(called, fontsize=size)
        ends = len(gate.shut) + len(gate.open)
        if ends:
            ax.set_title(
                f"{ends} of {len(place)} units always at an end", fontsize=SMALL * size, loc="right"
            )
        ax.set_xlabel("unit, by its mean over time" if numbered else "units, by their mean")
    return ax


def _numbers(ax: Axes, order: Array) -> bool:
    """The numbers of the units below an axis, where there is room for them."""
    if len(order) > _MOST_NUMBERS:
        ax.set_xticks([])
        return False
    many = len(order) > _MOST_NUMBERS // 2
    size = SMALL * float(ax.xaxis.label.get_fontsize())
    ax.set_xticks(
        range(len(order)), [str(k) for k in order], rotation=90 if many else 0, fontsize=size
    )
    return True
