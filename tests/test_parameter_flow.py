"""The gradients of parameters by lag and by path: their sums, and what gates they belong to."""

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.codegen import compile
from gru_sym.flow import (
    gates_of,
    lag_curve,
    linearised,
    parameter_flow,
    parameters_by_family,
    parameters_by_order,
)
from tests.flow_cases import CELLS, Array, arrays, case, every_cell


def _gradients(name: str) -> dict[str, Array]:
    """∂(sum of the last output state)/∂parameter, by backprop."""
    made, steps = CELLS[name], case(name)
    output = str(made.states[0].name)
    block = steps.blocks[output]
    up = np.zeros((steps.T, steps.B, block.stop - block.start))
    up[-1] = 1
    return compile(made).backward(steps.trajectory, {output: up})


@every_cell
def test_the_terms_add_up(name: str) -> None:
    found, truth = parameter_flow(case(name)), _gradients(name)
    for parameter, total in found.total.items():
        wanted = truth[f"{parameter}_bar"]
        assert np.abs(total - wanted).max() <= 1e-13 * np.abs(wanted).max()
        shares = found.shares[parameter]
        if wanted.any():
            assert abs(shares.sum() - 1) < 1e-12 * max(1, np.abs(shares).sum())
        else:
            assert np.isnan(shares).all()


@every_cell
def test_paths_add_up_at_every_lag(name: str) -> None:
    found = parameter_flow(case(name))
    for split in (parameters_by_order(case(name), most=3), parameters_by_family(case(name))):
        for parameter, shares in split.shares.items():
            assert shares.shape == (8, len(split.paths))
            whole = found.shares[parameter]
            size = max(1, np.nanmax(np.abs(shares), initial=0))
            assert np.allclose(shares.sum(axis=1), whole, rtol=0, atol=1e-12 * size, equal_nan=True)


def test_one_term_by_hand() -> None:
    """Of U_z: the cotangent of a_z at that step, times the state before it."""
    made = cells.gru
    params, xs, states = arrays(made, 6, batch=None)
    steps = linearised(made, params, xs, states)
    found = parameter_flow(steps)
    values = steps.trajectory.values
    v = np.ones(3)
    for k in range(6):
        t = 5 - k
        z, candidate, h = (values[n][t] for n in ("z", "h_tilde", "h"))
        a_z_bar = v * (candidate - h) * z * (1 - z)
        term = np.outer(a_z_bar, h)
        assert found.log_norm["U_z"][k] == pytest.approx(np.log(np.linalg.norm(term)), abs=1e-12)
        wanted = np.log(np.linalg.norm(term, axis=1))
        assert np.allclose(found.by_unit["U_z"][k], wanted, rtol=0, atol=1e-12)
        assert np.allclose(found.by_unit["b_z"][k], np.log(np.abs(a_z_bar)), rtol=0, atol=1e-12)
        v = steps.left_total(t, v[None, None])[0, 0]


def test_by_gate() -> None:
    found = parameter_flow(case("gru"))
    gates = found.by_gate()
    assert set(gates) == {"z", "r", "h_tilde"}
    squares = sum(np.exp(2 * found.log_norm[name]) for name in ("W_z", "U_z", "b_z"))
    assert np.allclose(gates["z"], 0.5 * np.log(squares), rtol=0, atol=1e-12)


@pytest.mark.parametrize(
    ("name", "parameter", "gates"),
    [
        ("gru", "W_z", ("z",)),
        ("gru_layernorm", "g_r", ("r",)),
        ("lstm", "b_f", ("f",)),
        ("fastgrnn", "U", ("z", "h_tilde")),
        ("fastgrnn", "zeta", ("h_next",)),
        ("rnn", "U_h", ("h_next",)),
        ("stack", "U_i_1", ("i_1",)),
        ("readout", "W_y", ()),
    ],
)
def test_gates(name: str, parameter: str, gates: tuple[str, ...]) -> None:
    assert gates_of(CELLS[name])[parameter] == gates


def test_gates_without_roles() -> None:
    made = Cell.parse("u = sigmoid(W @ x + U @ h)\nh_next = h + u * (V @ h)")
    assert gates_of(made) == {"W": ("u",), "U": ("u",), "V": ("h_next",)}


def test_terms_far_beyond_float64() -> None:
    made = CELLS["gru"]
    params, xs, states = arrays(made, 1200, batch=None, scale=0.05)
    steps = linearised(made, params, xs, states)
    found = parameter_flow(steps)
    assert found.log_norm["U_z"][-1] < -750
    assert np.isfinite(found.log_norm["U_z"]).all()
    assert lag_curve(steps).float64_zero_lag is not None


def test_orders_have_names() -> None:
    assert parameters_by_order(case("gru"), most=3).paths == ("0", "1", "2", "3+")
    assert parameters_by_order(case("gru"), most=8).paths[-1] == "8"
    assert parameters_by_family(case("rnn")).paths == ("direct", "skip")
