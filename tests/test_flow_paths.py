"""The decompositions by path: against the enumeration of all paths, and their sums."""

from itertools import product
from typing import Any

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.errors import DataError
from gru_sym.flow import (
    Linearised,
    departures,
    lag_curve,
    linearised,
    orders,
    path_length,
    step_shares,
    telescoping,
)
from tests.flow_cases import CELLS, Array, arrays, case, dense, every_cell

T = 10


@pytest.fixture(scope="module")
def steps() -> Linearised:
    """A GRU along ten steps, one sequence."""
    return case("gru", T, None)


def _parts(name: str) -> tuple[Array, Array]:
    """S and N of each step, as matrices."""
    found, matrices = case(name, T, None), dense(name, T, None)[:, :, 0]
    skip = np.zeros_like(matrices[0]) if found.skip is None else matrices[found.skip]
    return skip, matrices.sum(axis=0) - skip


@pytest.mark.parametrize("name", ["gru", "lstm", "gru_layernorm", "mgu"])
def test_all_1024_paths(name: str) -> None:
    """The dynamic programme against the product of every choice of S and N."""
    skip, rest = _parts(name)
    found = orders(case(name, T, None))
    wanted = np.zeros((T + 1, skip.shape[-1]))
    start = case(name, T, None).cotangent()[0]
    for choice in product((0, 1), repeat=T):
        row = start
        for t, other in zip(range(T - 1, -1, -1), choice, strict=True):
            row = row @ (rest if other else skip)[t]
        wanted[sum(choice)] += row
    mine = np.ldexp(found.rows[:, 0], int(found.exponent[0]))
    whole = np.linalg.norm(wanted.sum(axis=0))
    assert np.abs(mine - wanted).max() <= 1e-14 * max(whole, np.abs(wanted).max())


@every_cell
def test_orders_add_up(name: str) -> None:
    found, curve = orders(case(name)), lag_curve(case(name))
    alive = np.isfinite(curve.log_norm)
    assert np.abs(found.shares.sum(axis=1)[alive] - 1).max() < 1e-12
    rows = np.ldexp(found.rows, found.exponent[:, None])
    with np.errstate(divide="ignore"):
        whole = np.log(np.linalg.norm(rows.sum(axis=0), axis=-1))
    assert np.allclose(whole, curve.log_norm[-1], rtol=0, atol=1e-12)


@pytest.mark.parametrize("most", [1, 3, T - 1])
def test_the_last_order_holds_the_rest(most: int, steps: Linearised) -> None:
    every, some = orders(steps), orders(steps, most=most)
    assert some.open_ended
    assert not every.open_ended
    assert np.allclose(some.shares[:, :most], every.shares[:, :most], rtol=0, atol=1e-14)
    assert np.allclose(some.shares[:, most], every.shares[:, most:].sum(axis=1), rtol=0, atol=1e-13)


def test_no_order(steps: Linearised) -> None:
    with pytest.raises(DataError, match="orders up to 0"):
        orders(steps, most=0)


@every_cell
def test_the_path_length_is_the_mean_of_the_orders(name: str) -> None:
    found, length = orders(case(name)), path_length(case(name))
    k = found.order[:, None]
    mean = (found.shares * k).sum(axis=1)
    variance = (found.shares * k**2).sum(axis=1) - mean**2
    alive = np.isfinite(mean)
    assert np.abs(length.mean - mean)[alive].max() <= 1e-12 * max(1, np.abs(mean[alive]).max())
    real = alive & (variance > 1e-9)
    assert np.allclose(length.std[real], np.sqrt(variance[real]), rtol=1e-9)
    assert np.isnan(length.std[alive & (variance < -1e-9)]).all()


def test_the_path_length_is_a_derivative(steps: Linearised) -> None:
    """d log ‖g ∏(S + λN)‖ / d log λ at λ = 1, by differences."""
    skip, rest = _parts("gru")

    def log_norm(factor: float) -> float:
        row = steps.cotangent()[0]
        for t in range(T - 1, -1, -1):
            row = row @ (skip[t] + factor * rest[t])
        return float(np.log(np.linalg.norm(row)))

    e = 1e-5
    slope = (log_norm(np.exp(e)) - log_norm(np.exp(-e))) / (2 * e)
    assert path_length(steps).mean[-1] == pytest.approx(slope, rel=1e-8)


@every_cell
def test_telescoping(name: str) -> None:
    """Each term against the product it stands for; and they add up."""
    found, matrices = case(name), dense(name)
    lag = 6
    terms = telescoping(found, lag=lag)
    whole = matrices.sum(axis=0)
    for b in range(2):
        v = found.cotangent()[b]
        for j in range(lag):
            v = v @ whole[found.T - 1 - j, b]
        if not v.any():
            continue
        row = found.cotangent()[b]
        for j in range(lag):
            for column, family in enumerate(terms.families):
                left = row @ matrices[found.names.index(family), found.T - 1 - j, b]
                for i in range(j + 1, lag):
                    left = left @ whole[found.T - 1 - i, b]
                assert terms.shares[j, column, b] == pytest.approx(left @ v / (v @ v), abs=1e-11)
            skip = matrices[found.skip] if found.skip is not None else 0 * whole
            row = row @ skip[found.T - 1 - j, b]
        total = terms.shares[..., b].sum() + terms.skip_share[b]
        assert total == pytest.approx(1, abs=1e-12 * max(1, np.abs(terms.shares[..., b]).sum()))


@every_cell
def test_departures_are_telescoping_summed(name: str) -> None:
    found = departures(case(name))
    alive = np.isfinite(lag_curve(case(name)).log_norm)
    assert np.abs(found.shares.sum(axis=1)[alive] - 1).max() < 1e-12
    terms = telescoping(case(name), lag=8)
    for column, family in enumerate(terms.families):
        mine = found.shares[-1, found.families.index(family)]
        assert np.allclose(
            mine, terms.shares[:, column].sum(axis=0), rtol=0, atol=1e-11, equal_nan=True
        )


@every_cell
def test_shares_of_a_step(name: str) -> None:
    found, steps = step_shares(case(name)), case(name)
    alive = np.isfinite(lag_curve(steps).log_norm)[1:]
    assert found.families == steps.names
    assert np.abs(found.shares.sum(axis=1)[alive] - 1).max() < 1e-12
    v = steps.cotangent()[0]
    parts = np.array([v @ matrix for matrix in dense(name)[:, steps.T - 1, 0]])
    after = parts.sum(axis=0)
    if after.any():
        assert np.allclose(
            found.shares[0, :, 0], parts @ after / (after @ after), rtol=0, atol=1e-12
        )


@pytest.mark.parametrize("lag", [0, T + 1])
def test_no_such_lag(lag: int, steps: Linearised) -> None:
    with pytest.raises(DataError, match=f"no lag {lag}"):
        telescoping(steps, lag=lag)


def test_no_underflow() -> None:
    """Beyond e^-745 shares are shares still."""
    made = CELLS["gru"]
    params, xs, states = arrays(made, 1500, batch=None, scale=0.05)
    found = linearised(made, params | {"b_z": np.full(3, 0.3)}, xs, states)
    assert lag_curve(found).log_norm[-1] < -800
    mean = path_length(found).mean
    assert np.isfinite(mean).all()
    few = orders(found, most=40)
    assert np.allclose(few.shares.sum(axis=1), 1, rtol=0, atol=1e-12)
    terms: Any = telescoping(found, lag=1500)
    assert terms.shares.sum() + terms.skip_share == pytest.approx(1, abs=1e-12)


def test_the_skip_is_half_the_story() -> None:
    """A default GRU: at lag 1000 the gradient is e^100 and more times what the skip carries."""
    rng = np.random.default_rng(0)
    H = 16
    bound = H**-0.5
    made = cells.gru_reset_after
    params = {str(v.name): rng.uniform(-bound, bound, (H,) * len(v.shape)) for v in made.params}
    params |= {name: params[name][:, :1] for name in params if name.startswith("W")}
    curve = lag_curve(linearised(made, params, rng.normal(size=(1000, 1))))
    assert curve.log_norm[-1] - curve.skip_log_norm[-1] > 100


def test_no_spread_is_none() -> None:
    """With one family every step is not the skip: rounding is not a spread."""
    found = path_length(case("rnn", steps=60))
    assert found.mean[:, 0] == pytest.approx(np.arange(61), rel=1e-12)
    assert not found.std.any()
