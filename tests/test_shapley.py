"""Shapley values: the definition, by orders of joining; their sum; what has none."""

from itertools import permutations

import numpy as np
import pytest

from gru_sym.cells import Cell
from gru_sym.errors import UnsupportedError
from gru_sym.flow import lag_curve, linearised, shapley
from tests.flow_cases import arrays, case, dense, every_cell


@every_cell
def test_they_add_up(name: str) -> None:
    steps = case(name)
    found, curve = shapley(steps), lag_curve(steps)
    assert found.families == tuple(n for n in steps.names if n != "skip")
    with np.errstate(invalid="ignore"):
        wanted = curve.log_norm - curve.skip_log_norm
    bounded = np.isfinite(wanted)  # where the skip carries nothing, the worth of all is not
    assert bounded[1:].all() or steps.skip is None or name == "two sizes"
    total = found.values.sum(axis=1)
    assert np.abs(total - wanted)[bounded].max() < 1e-12
    assert np.isnan(total[~bounded]).all()


@pytest.mark.parametrize("name", ["gru", "lstm", "mgu"])
def test_by_all_orders_of_joining(name: str) -> None:
    steps, matrices = case(name), dense(name)
    players = [f for f in range(len(steps.names)) if f != steps.skip]

    def worth(members: set[int]) -> float:
        row = steps.cotangent()[0]
        for t in range(steps.T - 1, -1, -1):
            row = row @ sum(matrices[f, t, 0] for f in (steps.skip, *members))
        return float(np.log(np.linalg.norm(row)))

    value = dict.fromkeys(players, 0.0)
    every = list(permutations(players))
    for order in every:
        for k, player in enumerate(order):
            gain = worth({*order[: k + 1]}) - worth({*order[:k]})
            value[player] += gain / len(every)
    found = shapley(steps)
    for column, player in enumerate(players):
        assert found.values[-1, column, 0] == pytest.approx(value[player], abs=1e-11)


def test_coalitions() -> None:
    found = shapley(case("gru"))
    assert found.coalitions.shape == (8, 3)
    assert np.allclose(
        found.log_norms[:, 0], lag_curve(case("gru")).skip_log_norm, rtol=0, atol=1e-12
    )
    assert np.allclose(found.log_norms[:, -1], lag_curve(case("gru")).log_norm, rtol=0, atol=1e-12)


def test_nothing_but_a_skip() -> None:
    assert shapley(case("mingru")).values.shape == (9, 0, 2)


def test_too_many_families() -> None:
    lines = [f"u{k} = tanh(U{k} @ h)" for k in range(8)]
    made = Cell.parse("\n".join([*lines, "h_next = h + " + " + ".join(f"u{k}" for k in range(8))]))
    steps = linearised(made, *arrays(made, 2))
    assert shapley(steps).values.shape == (3, 8, 2)
    names = ", ".join(f"u{k} = r{k}" for k in range(12))
    lines = [f"u{k} = tanh(U{k} @ h)" for k in range(12)]
    text = [f"# roles: {names}", *lines, "h_next = h + " + " + ".join(f"u{k}" for k in range(12))]
    made = Cell.parse("\n".join(text))
    with pytest.raises(UnsupportedError, match="12 families"):
        shapley(linearised(made, *arrays(made, 2)))
