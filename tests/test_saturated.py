"""Saturated gates: float64 against 60 digits, where naive code loses everything.

With |a| around 40 a gate is 1 to the last bit. What passes through ``1 - z``, or through a slope,
is then as small as e^-40, and must be right relative to that.
"""

from typing import Any

import mpmath
import numpy as np
import pytest

from gru_sym import cells
from gru_sym.codegen import compile
from gru_sym.hand import gru as hand

T, B = 3, 2
SIZES = {"H": 3, "I": 2}  # a layer normalization of two entries is ±1, and its gradient noise


def drawn(
    name: str, rng: np.random.Generator, bias: float
) -> tuple[dict[str, np.ndarray], np.ndarray, dict[str, np.ndarray]]:
    cell = cells.cell(name)

    def draw(shape: Any, *lead: int) -> np.ndarray:
        return rng.normal(size=(*lead, *(sum(SIZES[d] for d in dim) for dim in shape)))

    params = {v.name: draw(v.shape) for v in cell.params}
    for var in cell.params:
        if len(var.shape) == 1 and var.name.startswith("b"):
            signs = np.where(rng.random(params[var.name].shape) < 0.5, -1, 1)
            params[var.name] += bias * signs
    (x,) = (draw(v.shape, T, B) for v in cell.inputs)
    return params, x, {v.name: draw(v.shape, B) for v in cell.states}


def relative_error(found: np.ndarray, truth: np.ndarray) -> float:
    truth_list = [mpmath.mpf(v) for v in truth.ravel().tolist()]
    errors = [mpmath.mpf(float(v)) - w for v, w in zip(found.ravel(), truth_list, strict=True)]
    size = mpmath.norm(truth_list)
    return float(mpmath.norm(errors) / size) if size else float(mpmath.norm(errors))


@pytest.mark.parametrize("bias", [0.0, 10.0, 25.0, 40.0])
@pytest.mark.parametrize("name", cells.names())
def test_gradients_hold_where_gates_saturate(name: str, bias: float) -> None:
    cell = cells.cell(name)
    rng = np.random.default_rng(7)
    params, x, states = drawn(name, rng, bias)
    # Of one sign: in a sum that cancels by chance no form of the terms keeps the digits.
    up = {s.name: rng.uniform(0.5, 1.5, (T, B, SIZES["H"])) for s in cell.states}
    trajectory, grads = compile(cell).gradients(params, x, states, up)
    with mpmath.workdps(60):
        exact, truth = compile(cell, "mpmath").gradients(params, x, states, up)
        assert relative_error(trajectory.hs, exact.hs) < 1e-12
        errors = {key: relative_error(grads[key], truth[key]) for key in grads}
    assert all(error < 1e-12 for error in errors.values()), errors


def test_code_that_is_not_stable_fails_this_test() -> None:
    """Backprop by hand computes slopes from the values of the gates, and loses them here."""
    params, x, states = drawn("gru", np.random.default_rng(7), 40.0)
    up = np.ones((T, B, SIZES["H"]))
    with mpmath.workdps(60):
        _, truth = compile(cells.gru, "mpmath").gradients(params, x, states, up)
        found = hand.backward(params, x, states["h"], hand.forward(params, x, states["h"]), up)
        assert max(relative_error(found[key], truth[key]) for key in found) > 0.1
