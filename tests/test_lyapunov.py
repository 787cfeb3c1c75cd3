"""Lyapunov exponents: maps whose exponents are known, sum rules, ranks, periodic forcing."""

import math
import sys
from typing import Any

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.errors import DataError
from gru_sym.flow import linearised, lyapunov, singular_values
from tests.flow_cases import CELLS, Array, arrays, every_cell

ONE = np.ones(1)


@every_cell
def test_the_sum_is_the_mean_of_log_det(name: str) -> None:
    made = CELLS[name]
    params, xs, states = arrays(made, 60, batch=None)
    found = lyapunov(made, params, xs, states, perturb=False)
    steps = linearised(made, params, xs, states)
    rows = np.eye(steps.S)[:, None]
    dets = [np.linalg.slogdet(steps.left_total(t, rows)[:, 0]) for t in range(60)]
    assert (np.diff(found.exponents[np.isfinite(found.exponents)]) <= 0).all()
    if np.isfinite(found.exponents).all() and not found.unresolved.any():
        assert found.sum == pytest.approx(float(np.mean([log for _, log in dets])), rel=1e-6)
    else:
        assert min(log for _, log in dets) < -25  # some step is singular, or nearly so


def test_one_step_in_the_right_order() -> None:
    """J and not its transpose, forward in time: two steps that do not commute."""
    made = Cell.parse("# params: A\nh_next = A @ h + W @ x")
    first = {"A": np.array([[1.0, 3.0], [0.0, 0.5]]), "W": np.zeros((2, 1))}
    found = lyapunov(made, first, np.zeros((400, 1)), burn=100, perturb=False)
    assert found.exponents == pytest.approx([0, math.log(0.5)], abs=1e-12)


@pytest.mark.slow
def test_henon() -> None:
    """λ₁ = 0.4192 (Sprott 2003); λ₁ + λ₂ = ln 0.3; the dimension is 1 + λ₁/|λ₂|."""
    made = Cell.parse("# params: a, b\nx_next = 1 - a * x**2 + y\ny_next = b * x")
    params, start = {"a": 1.4 * ONE, "b": 0.3 * ONE}, {"x": 0.1 * ONE, "y": 0.1 * ONE}
    found = lyapunov(made, params, None, start, steps=20_000, burn=100)
    assert found.sum == pytest.approx(math.log(0.3), rel=1e-12)
    assert abs(found.exponents[0] - 0.4192) < 4 * found.stderr[0] < 0.02
    assert found.dimension == pytest.approx(1 + 0.4192 / 1.6232, abs=0.02)
    assert found.entropy == found.exponents[0]
    assert found.perturbation == pytest.approx(found.exponents[0], abs=0.05)


def test_a_rank_that_is_not_there() -> None:
    """An LSTM at the zero state: of 2 H exponents H are -inf (and not log of a rounding)."""
    rng = np.random.default_rng(0)
    params = {str(v.name): np.zeros((3,) * len(v.shape)) for v in cells.lstm.params}
    params["U_g"] = rng.normal(size=(3, 3))
    found = lyapunov(cells.lstm, params, steps=200, burn=200)
    wanted = np.log(np.abs(0.5 + 0.25 * np.linalg.eigvals(params["U_g"])))
    assert found.exponents[:3].sum() == pytest.approx(wanted.sum(), rel=1e-9)
    assert found.exponents[3:].tolist() == [-math.inf] * 3
    assert found.unresolved.tolist() == [0, 0, 0, 200, 200, 200]
    assert found.to_json()["exponents"][3:] == [None] * 3


def test_what_relu_has_lost_does_not_come_back() -> None:
    """Units that are off at one step alone: the product of the Jacobians has lost this rank."""
    made = Cell.parse("h_next = relu(U_h @ h + W_h @ x)")
    rng = np.random.default_rng(0)
    params = {"U_h": rng.normal(size=(3, 3)) ** 2, "W_h": -np.eye(3)}
    xs = np.zeros((100, 3))
    start, off = np.ones(3), np.full(3, 1e200)
    for units, wanted in (([], 3), ([1], 2), ([0, 2], 1), ([0, 1, 2], 0)):
        xs[60] = 0
        xs[60, units] = off[units]
        if len(units) == 3:
            xs[61:] = -1  # the state is not zero again
        found = lyapunov(made, params, xs, start, perturb=False)
        assert np.isfinite(found.exponents).tolist() == [k < wanted for k in range(3)]
        assert np.isnan(found.stderr[wanted:]).all()
        scales = singular_values(linearised(made, params, xs, start), [100])
        assert np.isfinite(scales.log[-1]).sum() == wanted


def test_a_direction_of_its_own_is_lost_alone() -> None:
    made = Cell.parse("# params: a\nh_next = relu(a * h + W_h @ x)")
    params = {"a": np.array([0.5, 0.25, 0.125]), "W_h": -np.eye(3)}
    xs = -np.ones((50, 3))
    xs[20, 0] = 1e3
    found = lyapunov(made, params, xs, np.ones(3), perturb=False)
    assert found.exponents == pytest.approx([math.log(0.25), math.log(0.125), -math.inf])


def test_what_is_small_is_not_taken_for_rounding() -> None:
    """A gate that is shut keeps e^-60: diagonal steps are exact, however small."""
    params = {"W_z": np.zeros((3, 1)), "b_z": np.array([-2.0, 3.0, 60.0])}
    params |= {"W_h": np.zeros((3, 1)), "b_h": np.zeros(3)}
    found = lyapunov(cells.mingru, params, steps=50, perturb=False)
    assert found.exponents == pytest.approx(-np.logaddexp(0, [-2.0, 3.0, 60.0]), rel=1e-12)
    assert not found.unresolved.any()


def _default(H: int = 8) -> dict[str, Array]:
    rng = np.random.default_rng(0)
    params = {str(v.name): rng.uniform(-1, 1, (H,) * len(v.shape)) for v in cells.gru.params}
    return {n: a[:, :1] if n.startswith("W") else a for n, a in params.items()}


def test_periodic_forcing() -> None:
    """Inputs that are shorter than the steps are repeated in order."""
    params, xs = _default(), np.random.default_rng(1).normal(size=(7, 1))
    short = lyapunov(cells.gru, params, xs, steps=100, burn=5)
    long = lyapunov(cells.gru, params, np.tile(xs, (15, 1)), steps=100, burn=5)
    assert (short.exponents == long.exponents).all()
    assert short.perturbation == long.perturbation


def test_no_inputs_are_zeros() -> None:
    params = _default()
    mine = lyapunov(cells.gru, params, steps=50)
    zeros = lyapunov(cells.gru, params, np.zeros((1, 1)), steps=50)
    assert (mine.exponents == zeros.exponents).all()


def test_steps_are_what_the_burn_leaves() -> None:
    params, xs = _default(), np.random.default_rng(1).normal(size=(80, 1))
    found = lyapunov(cells.gru, params, xs, burn=20)
    assert (found.steps, found.burn) == (60, 20)
    rest = lyapunov(cells.gru, params, xs[20:], {"h": _state(params, xs[:20])})
    assert np.abs(found.exponents - rest.exponents).max() < 0.2  # other directions to begin with


def _state(params: dict[str, Array], xs: Array) -> Array:
    return linearised(cells.gru, params, xs).trajectory.hs[-1]


def test_chunks_do_not_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    params, xs = _default(), np.random.default_rng(1).normal(size=(50, 1))
    whole = lyapunov(cells.gru, params, xs)
    monkeypatch.setattr(sys.modules["gru_sym.flow.lyapunov"], "CHUNK", 7)
    parts = lyapunov(cells.gru, params, xs)
    assert np.allclose(whole.exponents, parts.exponents, rtol=1e-12)
    assert np.allclose(whole.final["h"], parts.final["h"], rtol=1e-12)


def test_the_largest_alone_and_fewer_decompositions() -> None:
    params, xs = _default(), np.random.default_rng(1).normal(size=(200, 1))
    every = lyapunov(cells.gru, params, xs, burn=50)
    few = lyapunov(cells.gru, params, xs, burn=50, count=2, every=5)
    assert few.exponents == pytest.approx(every.exponents[:2], abs=0.02)
    assert every.perturbation == pytest.approx(every.exponents[0], abs=0.02)


def test_standard_errors() -> None:
    """Of independent steps: the spread of the steps over the root of their number."""
    rng = np.random.default_rng(0)
    params = {"W_z": np.ones((1, 1)), "b_z": np.zeros(1)}
    params |= {"W_h": np.zeros((1, 1)), "b_h": np.zeros(1)}
    xs = rng.normal(size=(4000, 1))
    found = lyapunov(cells.mingru, params, xs, perturb=False)
    each = -np.logaddexp(0, xs[:, 0])
    assert found.exponents[0] == pytest.approx(each.mean(), rel=1e-12)
    assert found.stderr[0] == pytest.approx(each.std() / math.sqrt(4000), rel=0.4)
    assert math.isnan(lyapunov(cells.mingru, params, xs[:39], perturb=False).stderr[0])
    assert found.finite_time.shape == (20, 1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({}, "neither inputs nor a number of steps"),
        ({"steps": 0}, "steps is 0"),
        ({"steps": 5, "burn": -1}, "burn is -1"),
        ({"steps": 5, "every": 0}, "every is 0"),
        ({"steps": 5, "count": 9}, "9 exponents"),
        ({"xs": np.zeros((3, 2, 1))}, "one sequence"),
        ({"xs": np.zeros((3, 1)), "burn": 3}, "steps is 0"),
    ],
)
def test_wrong_numbers(change: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message):
        lyapunov(cells.gru, _default(), **change)


def test_progress() -> None:
    seen: list[int] = []
    lyapunov(cells.gru, _default(), steps=300, progress=seen.append, perturb=False)
    assert seen == [256, 300]
