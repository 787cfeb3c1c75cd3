"""The figures of the commands; and results for all tests of plots, made once."""

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from matplotlib.figure import Figure

from gru_sym import Cell, cells
from gru_sym.errors import DataError
from gru_sym.flow import GradientFlow, LagCurve, Linearised, Lyapunov, gradient_flow, linearised
from gru_sym.flow import lyapunov as measured
from gru_sym.flow.initial.draw import draw
from gru_sym.plots import flow_figure, lyapunov_figure

LSTM = cells.lstm
GRU = cells.gru_reset_after
RNN = cells.rnn
PEEPHOLE = cells.lstm_peephole  # seven families and the skip
SKIP_ALONE = cells.mingru


def given(cell: Cell, T: int, B: int | None, seed: int) -> tuple[dict[str, np.ndarray], np.ndarray]:
    params = draw(cell, {"H": 6, "I": 2}, "torch", seed=seed)
    shape = (T, 2) if B is None else (T, B, 2)
    return params, np.random.default_rng(seed).normal(size=shape)


@cache
def steps_of(cell: Cell, T: int = 30, B: int | None = None, seed: int = 0) -> Linearised:
    return linearised(cell, *given(cell, T, B, seed))


@cache
def flow_of(cell: Cell, T: int = 30, B: int | None = None, seed: int = 0) -> GradientFlow:
    return gradient_flow(cell, *given(cell, T, B, seed))


@cache
def exponents() -> Lyapunov:
    return measured(GRU, *given(GRU, 60, None, 0))


def curve_of(log_norm: np.ndarray, **changes: object) -> LagCurve:
    """A curve of given numbers; all else as in some curve."""
    none = np.full_like(log_norm, -np.inf)
    lag = np.arange(len(log_norm))
    of = {"lag": lag, "log_norm": log_norm, "skip_log_norm": none, "float32_zero_lag": None}
    return replace(flow_of(GRU).curve, **{**of, **changes})


def texts(drawn: Figure) -> list[str]:
    """All labels of the axes, titles and legends, once it is laid out."""
    drawn.canvas.draw()
    found = [ax.get_xlabel() for ax in drawn.axes] + [ax.get_ylabel() for ax in drawn.axes]
    for ax in drawn.axes:
        legend = ax.get_legend()
        found += [] if legend is None else [text.get_text() for text in legend.get_texts()]
        found += [text.get_text() for text in ax.texts]
    return found


@pytest.mark.parametrize("cell", [GRU, LSTM, RNN, PEEPHOLE, SKIP_ALONE], ids=lambda c: c.name)
def test_flow(cell: Cell) -> None:
    flow = flow_of(cell)
    drawn = flow_figure(flow)
    curve, shares, *rest = drawn.axes
    np.testing.assert_array_equal(curve.lines[0].get_ydata(), flow.curve.log_norm)
    assert curve.get_xlim() == shares.get_xlim()
    # Without a skip, or with the skip alone, no family has a worth.
    assert len(rest) == (cell in (GRU, LSTM, PEEPHOLE))
    assert drawn.get_suptitle() == f"{cell.name}: I = 2, H = 6, T = 30"
    assert "lag (steps)" in texts(drawn)


@pytest.mark.parametrize("scale", ["linear", "log"])
@pytest.mark.parametrize("flow", [(GRU, 1), (GRU, 20, 3), (RNN, 1, 2)], ids=str)
def test_flow_of_one_step_or_a_batch(flow: tuple, scale: str) -> None:
    drawn = flow_figure(flow_of(*flow), lag_scale=scale)
    drawn.canvas.draw()
    assert drawn.get_suptitle().endswith(f"B = {flow[2]}" if len(flow) == 3 else "T = 1")


def test_nothing_is_cut_off() -> None:
    """All that is drawn lies on the page, of the cell with the longest names."""
    for drawn in (flow_figure(flow_of(PEEPHOLE)), flow_figure(flow_of(GRU, 20, 3))):
        drawn.canvas.draw()
        page = drawn.bbox
        for ax in drawn.axes:
            box = ax.get_tightbbox()
            assert box.x0 >= page.x0
            assert box.x1 <= page.x1
            assert box.y0 >= page.y0
            assert box.y1 <= page.y1


def test_lyapunov() -> None:
    drawn = lyapunov_figure(exponents())
    assert drawn.get_suptitle() == "60 steps; Kaplan–Yorke dimension 0"
    few = replace(exponents(), exponents=np.array([0.2]), stderr=np.array([0.1]))
    assert lyapunov_figure(few).get_suptitle().endswith("dimension unknown")


def test_no_such_scale() -> None:
    with pytest.raises(DataError, match="no scale `cubic`"):
        flow_figure(flow_of(GRU), lag_scale="cubic")
