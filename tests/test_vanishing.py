"""Cotangents that vanish: they get to 0, and do not stay among the subnormal numbers.

The least of these, times 0.9, rounds to itself: such a gradient would never be 0, and each step
would compute with numbers for which some processors need a hundred times as long.
"""

from typing import Any

import numpy as np
import pytest

from gru_sym.cells import Cell
from gru_sym.codegen import module_source
from gru_sym.derive.vjp import cotangent_of
from tests.plain_numba import interpreted

T, B, H = 1500, 2, 3
LONG = 1100  # steps after which 0.9 to that power is no number of single precision
CELLS = {
    "one state": "h_next = 0.9 * h + 0.01 * tanh(W @ x + U @ h)",
    "two states": "c_next = 0.9 * c + 0.1 * W @ x\nh_next = 0.8 * h + 0.1 * tanh(c_next)",
    "no product": "h_next = 0.9 * h + b * x",
}


def module(cell: Cell, backend: str) -> dict[str, Any]:
    source = module_source(cell, backend)
    if backend == "numba":
        return interpreted(source)
    namespace: dict[str, Any] = {"__name__": "generated"}
    exec(compile(source, "<generated>", "exec"), namespace)
    return namespace


def subnormal(a: np.ndarray) -> np.ndarray:
    return (a != 0) & (np.abs(a) < np.finfo(a.dtype).tiny)


@pytest.mark.parametrize("backend", ["numpy", "numba"])
@pytest.mark.parametrize("text", CELLS.values(), ids=CELLS)
def test_what_vanishes_gets_to_0(text: str, backend: str, rng: np.random.Generator) -> None:
    cell = Cell.parse(text)

    def draw(shape: Any, *lead: int) -> np.ndarray:
        return rng.normal(size=(*lead, *(H for _ in shape))).astype("f")

    params = {v.name: draw(v.shape) for v in cell.params}
    inputs = [draw(v.shape, T, B) for v in cell.inputs]
    states = [draw(v.shape, B) for v in cell.states]
    ups = [np.zeros((T, B, *(H for _ in v.shape)), "f") for v in cell.states]
    for up in ups:
        up[-1] = 1
    made = module(cell, backend)
    trajectory = made["forward"](params, *inputs, *states)
    gradients = made["backward"](params, trajectory, *ups)
    for state in cell.states:
        assert not gradients[cotangent_of(state).name].any()
    (x,) = cell.inputs
    x_bar = gradients[cotangent_of(x).name]
    assert x_bar[-1].any()
    assert not subnormal(x_bar[:-LONG]).any()


def test_it_would_stay_there() -> None:
    """The numbers that this is about: without it, the first of these tests would fail."""
    bar = np.float32(1)
    for _ in range(T):
        bar = np.float32(0.9) * bar
    assert subnormal(bar)
