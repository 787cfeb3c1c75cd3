"""Lag curves: against plain backprop, PyTorch's autograd, and far beyond what float64 holds."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.codegen import compile
from gru_sym.errors import DataError
from gru_sym.flow import adjoint, lag_curve, linearised, matrix_norms
from tests.flow_cases import CELLS, Array, arrays, case, dense, every_cell


def _products(name: str, *, batch: int | None = 2) -> Array:
    """∂state_T/∂state_{T-k} of each lag, (T + 1, B, S, S)."""
    matrices = dense(name, 8, batch).sum(axis=0)
    found = [np.broadcast_to(np.eye(matrices.shape[-1]), matrices.shape[1:])]
    for matrix in matrices[::-1]:
        found.append(found[-1] @ matrix)
    return np.array(found)


@every_cell
def test_norms_of_the_gradient(name: str) -> None:
    steps = case(name)
    start = steps.cotangent()
    wanted = np.einsum("bi,kbij->kbj", start, _products(name))
    curve = lag_curve(steps)
    with np.errstate(divide="ignore"):
        assert np.allclose(
            curve.log_norm, np.log(np.linalg.norm(wanted, axis=-1)), rtol=0, atol=1e-12
        )
        for state, block in steps.blocks.items():
            own = np.log(np.linalg.norm(wanted[..., block], axis=-1))
            assert np.allclose(curve.by_state[state], own, rtol=0, atol=1e-12)


@every_cell
def test_what_the_skip_carries(name: str) -> None:
    steps = case(name)
    found = lag_curve(steps).skip_log_norm
    now = steps.cotangent()
    for k in range(steps.T + 1):
        with np.errstate(divide="ignore"):
            assert np.allclose(found[k], np.log(np.linalg.norm(now, axis=-1)), rtol=0, atol=1e-12)
        if k < steps.T:
            t = steps.T - 1 - k
            kept = np.zeros_like(dense(name)[0, t]) if steps.skip is None else dense(name)[0, t]
            now = np.einsum("bi,bij->bj", now, kept)


@every_cell
def test_norms_of_the_matrices(name: str) -> None:
    found = matrix_norms(case(name))
    products = _products(name)
    with np.errstate(divide="ignore"):
        spectral = np.log(np.linalg.norm(products, 2, axis=(-2, -1)))
        frobenius = np.log(np.linalg.norm(products, axis=(-2, -1)))
    assert np.allclose(found.spectral, spectral, rtol=0, atol=1e-11)
    assert np.allclose(found.frobenius, frobenius, rtol=0, atol=1e-12)


def test_some_lags() -> None:
    steps = case("gru", batch=None)
    every, some = matrix_norms(steps), matrix_norms(steps, [3, 0, 8])
    assert some.lag.tolist() == [0, 3, 8]
    assert (some.spectral == every.spectral[[0, 3, 8]]).all()
    for wrong in ([], [9], [-1]):
        with pytest.raises(DataError, match="lags are 0 … 8"):
            matrix_norms(steps, wrong)


@every_cell
def test_autograd_agrees_at_every_lag(name: str, peer: Callable[[str], Any]) -> None:
    """PyTorch's own gradients of the plain equations, step by step."""
    torch = peer("torch")
    made = CELLS[name]
    params, xs, states = arrays(made, 8)
    plain = compile(made, "torch").functions["plain"]
    given = {n: torch.tensor(a) for n, a in params.items()}
    now = [torch.tensor(states[str(s.name)], requires_grad=True) for s in made.states]
    seen = [now]
    for t in range(8):
        inputs = [torch.tensor(xs[str(v.name)][t : t + 1]) for v in made.inputs]
        after = plain(given, *inputs, *now)
        after = after if isinstance(after, tuple) else (after,)
        now = [value[0] for value in after[: len(made.states)]]  # and no loss
        for value in now:
            value.retain_grad()
        seen.append(now)
    now[0].sum().backward()
    curve = lag_curve(case(name))
    for k in range(9):
        for state, value in zip(made.states, seen[8 - k], strict=True):
            norm = value.grad.norm(dim=-1).numpy() if value.grad is not None else np.zeros(2)
            with np.errstate(divide="ignore"):
                wanted = np.log(norm)
            assert np.allclose(curve.by_state[str(state.name)][k], wanted, rtol=0, atol=1e-11)


def test_as_far_as_float64_reaches(peer: Callable[[str], Any]) -> None:
    """A GRU's gradient by autograd, down to e^-660; and what the scaled one says of the rest."""
    torch = peer("torch")
    torch.manual_seed(0)
    T, H = 2000, 16
    net = torch.nn.GRUCell(1, H).double()
    xs = torch.randn(T, 1, 1, dtype=torch.float64)
    h = torch.zeros(1, H, dtype=torch.float64, requires_grad=True)
    states = [h]
    for x in xs:
        states.append(net(x, states[-1]))
        states[-1].retain_grad()
    states[-1].sum().backward()
    theirs = np.array([float(_norm(state.grad.numpy())) for state in reversed(states)])

    names = {n: p.detach().numpy() for n, p in net.named_parameters()}
    r, z, n = (slice(k * H, (k + 1) * H) for k in range(3))
    params = {"W_z": names["weight_ih"][z], "U_z": names["weight_hh"][z]}
    params |= {"W_r": names["weight_ih"][r], "U_r": names["weight_hh"][r]}
    params |= {"W_h": names["weight_ih"][n], "U_h": names["weight_hh"][n]}
    both = names["bias_ih"] + names["bias_hh"]
    params |= {"b_z": both[z], "b_r": both[r]}
    params |= {"b_h": names["bias_ih"][n], "b_hn": names["bias_hh"][n]}
    curve = lag_curve(linearised(cells.gru_reset_after, params, xs[:, 0].numpy()))

    held = theirs > 1e-290
    assert held.sum() > 500
    assert np.abs(np.log(theirs[held]) - curve.log_norm[held]).max() < 1e-9
    # Beyond, we still know the number; what they read is 0, or what rounding keeps alive.
    zero, single = curve.float64_zero_lag, curve.float32_zero_lag
    assert isinstance(zero, int)
    assert theirs[zero:].max() < 1e-321
    assert theirs[zero - 20] > 0
    assert np.isfinite(curve.log_norm).all()
    assert isinstance(single, int)
    assert single < 0.25 * zero


def _norm(a: Array) -> Array:
    """The norm of what may be too small to be squared."""
    largest = np.abs(a).max()
    return largest * np.linalg.norm(a / largest) if largest else largest


def _halving(T: int) -> Any:
    return linearised(Cell.parse("h_next = 0.5 * h"), {}, T, np.ones(1))


def test_where_plain_numbers_end() -> None:
    """0.5^k is subnormal from 2^-1023 on, and 0 from 2^-1075; in float32 2^-127 and 2^-150."""
    curve = lag_curve(_halving(1200))
    assert curve.float64_zero_lag == 1075
    assert curve.float64_floor_lag == 1023
    assert curve.float32_zero_lag == 150
    assert curve.float32_floor_lag == 127
    assert np.allclose(curve.log_norm, -math.log(2) * np.arange(1201), rtol=1e-15)
    short = lag_curve(_halving(1074))
    assert short.float64_zero_lag is None


def test_a_gradient_that_rounding_keeps_alive() -> None:
    """0.9 times the smallest number rounds to itself: plain float64 never reads 0, but should."""
    steps = linearised(Cell.parse("h_next = 0.9 * h"), {}, 9000, np.ones(1))
    curve = lag_curve(steps)
    assert curve.float64_zero_lag == math.ceil(1075 * math.log(2) / -math.log(0.9))
    assert curve.float64_floor_lag == math.ceil(1022 * math.log(2) / -math.log(0.9))
    assert 0.9**9000 == 0
    read = 1.0
    for _ in range(9000):
        read *= 0.9
    assert read > 0
    assert curve.log_norm[-1] == pytest.approx(9000 * math.log(0.9), rel=1e-14)


@pytest.mark.slow
def test_lag_100_000() -> None:
    """e^-40,000 and beyond: the skip of minGRU, of which the truth is a sum of softplus."""
    T = 100_000
    rng = np.random.default_rng(0)
    xs = rng.normal(size=(T, 1))
    params = {"W_z": np.ones((1, 1)), "b_z": np.array([-0.7])}
    params |= {"W_h": np.ones((1, 1)), "b_h": np.zeros(1)}
    curve = lag_curve(linearised(cells.mingru, params, xs))
    truth = -np.cumsum(np.logaddexp(0, xs[::-1, 0] - 0.7))
    assert curve.log_norm[-1] < -40_000
    assert np.abs(curve.log_norm[1:] - truth).max() < 1e-8


def test_a_relu_that_is_off() -> None:
    """A gradient of exactly 0 is -inf, not an error."""
    params = {"W_h": np.zeros((2, 1)), "U_h": np.eye(2), "b_h": -np.ones(2)}
    curve = lag_curve(linearised(cells.rnn_relu, params, np.zeros((3, 1))))
    assert curve.log_norm[1:].tolist() == [-np.inf] * 3
    assert curve.float64_zero_lag == 1


def test_adjoint_is_the_gradient_itself() -> None:
    name = "lstm"
    steps, back = case(name), adjoint(case(name))
    made = CELLS[name]
    run = compile(made)
    ups = {"h": np.zeros((8, 2, 3))}
    ups["h"][-1] = 1
    bars = run.backward(steps.trajectory, ups)
    for state, block in steps.blocks.items():
        mine = np.ldexp(back.rows[-1][:, block], back.exponent[-1][:, None])
        assert np.abs(mine - bars[f"{state}_bar"]).max() <= 1e-14 * np.abs(mine).max()
