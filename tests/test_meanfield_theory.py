"""Mean-field theory: rows 1, 6, 7 and 13 of the reference results, every cell, and simulations."""

import math
from typing import Any

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell, stack
from gru_sym.codegen import compile
from gru_sym.codegen.functions import Array
from gru_sym.errors import DataError, UnsupportedError
from gru_sym.flow.meanfield.setting import setting_of
from gru_sym.flow.meanfield.theory import mean_field, skip_rate

TANH = Cell.parse("x_next = U @ tanh(x)")


def simulated(cell: Cell, N: int, steps: int, **given: Any) -> tuple[Array, dict[str, float]]:
    """‖J‖_F² / N by block, and E s², averaged over steps with fresh weights and biases."""
    rng = np.random.default_rng(0)
    inputs = given.get("inputs", 0.0)
    setting = setting_of(cell, given.get("weights", 1.0), inputs, given.get("biases"))
    run, count = compile(cell), len(cell.states)
    state = {str(v.name): rng.standard_normal(N) for v in cell.states}
    gains, squares = [], []
    for t in range(15 + steps):
        params: dict[str, Array] = {}
        for var in cell.params:
            name = str(var.name)
            if len(var.shape) == 2:
                deviations = [
                    np.full(N, math.sqrt(setting.variance((name, (k, k + 1))) / N))
                    for k in range(len(var.shape[1]))
                ]
                drawn = rng.standard_normal((N, N * len(deviations)))
                params[name] = drawn * np.concatenate(deviations)
            else:
                mean, variance = setting.vectors[name]
                params[name] = mean + math.sqrt(variance) * rng.standard_normal(
                    [N] * len(var.shape)
                )
        xs = {str(v.name): math.sqrt(inputs) * rng.standard_normal((1, N)) for v in cell.inputs}
        trajectory = run.forward(params, xs or 1, state)
        state = {name: value[0] for name, value in trajectory.states.items()}
        if t >= 15:
            jacobian = run.jacobians(trajectory)[0].reshape(count, N, count, N)
            gains.append((jacobian**2).sum(axis=(1, 3)) / N)
            squares.append([float(np.mean(s**2)) for s in state.values()])
    return np.mean(gains, axis=0), dict(zip(state, np.mean(squares, axis=0), strict=True))


# -- the reference results -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bias", "variance", "rate"),
    [
        (0.0, 0.0, -0.6931471806),
        (0.0, 1.0, -0.8060591833),
        (0.0, 4.0, -1.0677143881),
        (-3.0, 1.0, -0.0750259810),
    ],
)
def test_row_1_the_skip_s_rate(bias: float, variance: float, rate: float) -> None:
    for cell, weights in ((cells.gru, 0.0), (cells.mingru, 1.0)):
        found = skip_rate(cell, weights=weights, inputs=variance, biases={"b_z": bias})
        assert found.rate == pytest.approx(rate, abs=1e-10)
        assert found.method == "moments"
    keeping = skip_rate(cells.gru_keep, weights=0.0, inputs=variance, biases={"b_z": -bias})
    assert keeping.rate == pytest.approx(rate, abs=1e-10)
    of_units = skip_rate(cells.gru, weights=0.0, biases={"b_z": (bias, variance)})
    assert of_units.rate == pytest.approx(rate, abs=1e-10)


def test_row_1_the_log_norm_of_a_lag_is_a_sum_of_softplus() -> None:
    rng = np.random.default_rng(0)
    run = compile(cells.mingru)
    params = {"W_z": rng.standard_normal((1, 1)), "b_z": np.array([-1.0])}
    params |= {"W_h": np.ones((1, 1)), "b_h": np.zeros(1)}
    trajectory = run.forward(params, rng.standard_normal((50, 1)))
    logs = np.log(run.jacobians(trajectory)[:, 0, 0])
    assert logs == pytest.approx(-np.logaddexp(0, trajectory.stored["a_z"][:, 0, 0]), rel=1e-12)


ROW_6 = {
    "all 1/3": ({"weights": 1 / 3, "inputs": 1 / 3}, 0.0791622603, 0.2906101186),
    "U_h 4": ({"weights": {"U_h": 4.0}, "inputs": 0.5}, None, 0.4775188055),
    # The value in circulation, 1.2030627511, is of Gauss-Hermite with 121 nodes, which is off by
    # 1.4e-8 here; mpmath has 1.20306273753905.
    "U_z 25, U_h 9": ({"weights": {"U_z": 25.0, "U_h": 9.0}, "inputs": 0.5}, None, 1.2030627375),
}


@pytest.mark.parametrize(("given", "q", "chi"), ROW_6.values(), ids=ROW_6)
def test_row_6_theory(given: dict[str, Any], q: float | None, chi: float) -> None:
    found = mean_field(cells.gru, **given)
    assert found.method == "moments"
    assert found.stderr == 0
    assert found.chi == pytest.approx(chi, abs=1e-9)
    assert found.rate == pytest.approx(math.log(chi) / 2, abs=1e-9)
    assert sum(found.contributions.values()) == pytest.approx(1, rel=1e-12)
    if q is not None:
        assert found.second_moments["h"] == pytest.approx(q, abs=1e-9)


def test_row_6_formula() -> None:
    """χ term by term, as it is written in the references, at the moments that the theory found."""
    given = {"weights": {"U_z": 2.0, "U_r": 3.0, "U_h": 4.0}, "inputs": 0.5}
    found = mean_field(cells.gru, **given)
    q = found.second_moments["h"]
    nodes, weights = np.polynomial.hermite_e.hermegauss(121)
    weights /= weights.sum()

    def mean(of: Any, variance: float) -> float:
        return float(weights @ of(math.sqrt(variance) * nodes))

    def gate(a: Array) -> Array:
        return 1 / (1 + np.exp(-a))

    z, r = 2 * q + 0.5, 3 * q + 0.5
    r2, z2 = (mean(lambda a: gate(a) ** 2, v) for v in (r, z))
    h = 4 * q * r2 + 0.5
    wanted = {
        "skip": mean(lambda a: (1 - gate(a)) ** 2, z),
        "candidate": 4 * z2 * mean(lambda a: (1 - np.tanh(a) ** 2) ** 2, h) * r2,
        "update": 2
        * mean(lambda a: (gate(a) * (1 - gate(a))) ** 2, z)
        * (mean(lambda a: np.tanh(a) ** 2, h) + q),
    }
    inner = 3 * q * mean(lambda a: (gate(a) * (1 - gate(a))) ** 2, r)
    wanted["reset"] = wanted["candidate"] / r2 * inner
    for name, value in wanted.items():
        assert found.contributions[name] * found.chi == pytest.approx(value, rel=1e-8)


@pytest.mark.parametrize(("given", "q", "chi"), ROW_6.values(), ids=ROW_6)
def test_row_6_simulation(given: dict[str, Any], q: float | None, chi: float) -> None:
    gains, _ = simulated(cells.gru, 400, 50, **given)
    assert gains[0, 0] == pytest.approx(chi, rel=0.01)


@pytest.mark.parametrize(
    ("gain", "rate"), [(1.5, 0.0652172), (2.0, 0.1547242), (3.0, 0.3102493), (5.0, 0.5324279)]
)
def test_row_7_theory(gain: float, rate: float) -> None:
    found = mean_field(TANH, weights=gain**2)
    assert found.rate == pytest.approx(rate, abs=1e-6)
    if gain == 2:
        assert found.second_moments["x"] == pytest.approx(2.1214736, abs=1e-6)


@pytest.mark.slow
def test_row_7_simulation() -> None:
    """The largest exponent of x' = W tanh(x) with one W, N = 1000, g = 2: by 8 vectors and QR."""
    rng = np.random.default_rng(1)
    N, gain, steps = 1000, 2.0, 1200
    weights = gain * rng.standard_normal((N, N)) / math.sqrt(N)
    x, basis = rng.standard_normal(N), rng.standard_normal((N, 8))
    logs = []
    for t in range(steps + 200):
        basis = weights @ ((1 - np.tanh(x) ** 2)[:, None] * basis)
        x = weights @ np.tanh(x)
        basis, scale = np.linalg.qr(basis)
        if t >= 200:
            logs.append(math.log(abs(scale[0, 0])))
    assert np.mean(logs) == pytest.approx(mean_field(TANH, weights=gain**2).rate, rel=0.03)


@pytest.mark.parametrize(("decay", "lags"), [(0.9, 500), (0.99, 2000)])
def test_row_13_sensitivity_to_the_decay(decay: float, lags: int) -> None:
    """E(∂h/∂λ)² for white input: the sum of the squared responses to one input at each lag.

    Unit j gets its one input at lag j, so that the gradient by the vector λ has all responses.
    Source: Zucchet & Orvieto 2024, arXiv:2405.21064.
    """
    plain = (1 + decay**2) / (1 - decay**2) ** 3
    assert plain == pytest.approx(263.886864 if decay == 0.9 else 251262.626, rel=1e-8)
    wanted = {"x": plain, "(1 - b_decay) * x": 2 / ((1 - decay) * (1 + decay) ** 3)}
    for entering, value in wanted.items():
        run = compile(Cell.parse(f"# inputs: x(H)\nh_next = b_decay * h + {entering}"))
        total = 0.0
        for first in range(0, lags, 500):
            unit = np.arange(500)
            xs = np.zeros((first + 500, 500))
            xs[499 - unit, unit] = 1.0
            gradients = run.gradients({"b_decay": np.full(500, decay)}, xs)[1]
            total += float(np.sum(gradients["b_decay_bar"] ** 2))
        assert total == pytest.approx(value, rel=1e-9)


# -- every cell ------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", cells.names())
def test_every_cell(name: str) -> None:
    found = mean_field(cells.cell(name), inputs=0.5)
    assert 0 < found.chi < 1
    assert all(q > 0 for q in found.second_moments.values())
    assert sum(found.contributions.values()) == pytest.approx(1, rel=1e-9)
    assert found.stderr < 1e-3 * found.chi
    assert found.method == ("moments" if found.stderr == 0 else "population")


SIMULATED = {
    "lstm": {"weights": 3.0, "inputs": 0.5},
    "lstm_peephole": {"inputs": 0.5, "biases": {"p_f": (0.5, 0.3), "p_o": 1.0, "b_f": 1.0}},
    "gru_concat": {"weights": 2.0, "inputs": 0.5},
    "gru_reset_after": {"weights": 4.0, "inputs": 0.5, "biases": {"b_hn": 0.7}},
    "gru_layernorm": {"inputs": 0.5, "biases": {"g_h": 2.0}},
    "fastgrnn": {"weights": 3.0, "inputs": 0.5, "biases": {"b_z": (1.0, 0.5)}},
    "mut3": {"weights": 4.0, "inputs": 0.5},
    "rnn_relu": {"inputs": 0.5, "biases": {"b_h": 0.5}},
}


@pytest.mark.parametrize("name", SIMULATED)
def test_against_a_simulation(name: str) -> None:
    cell = cells.cell(name)
    found = mean_field(cell, **SIMULATED[name])
    gains, squares = simulated(cell, 120 if name == "gru_layernorm" else 200, 25, **SIMULATED[name])
    for k, after in enumerate(cell.nexts):
        for j, state in enumerate(cell.states):
            theory = found.gains[str(after.name), str(state.name)]
            assert gains[k, j] == pytest.approx(theory, rel=0.08)
    assert np.abs(np.linalg.eigvals(gains)).max() == pytest.approx(found.chi, rel=0.05)
    assert squares == pytest.approx(dict(found.second_moments), rel=0.15)


def test_paths_by_one_matrix_add_before_they_are_squared() -> None:
    """fastgrnn's two paths are one matrix's: written with two, χ is another."""
    text = cells.fastgrnn.equations
    two = text.replace("tanh(s + b_h)", "tanh(V @ x + R @ h + b_h)")
    given: dict[str, Any] = {"inputs": 0.5, "biases": {"b_h": 1.0, "b_z": -1.0}}
    one = mean_field(cells.fastgrnn, weights=4.0, **given)
    other = mean_field(Cell.parse("# params: zeta(), nu()\n" + two), weights=4.0, **given)
    assert one.method == other.method == "moments"
    assert abs(one.chi / other.chi - 1) > 0.01


def test_the_same_cell_written_otherwise() -> None:
    given: dict[str, Any] = {"weights": 3.0, "inputs": 0.5}
    one = mean_field(cells.gru, biases={"b_z": 0.4}, **given)
    turned = mean_field(cells.gru_keep, biases={"b_z": -0.4}, **given)
    joined = mean_field(cells.gru_concat, biases={"b_z": 0.4}, **given)
    for other in (turned, joined):
        assert other.chi == pytest.approx(one.chi, rel=1e-11)
        assert other.contributions == pytest.approx(dict(one.contributions), rel=1e-9)


def test_layers() -> None:
    """The lower layer is as it is alone; χ is the larger one, of either layer."""
    found = mean_field(stack(cells.gru, cells.rnn), inputs=0.5, weights=2.0)
    lower = mean_field(cells.gru, inputs=0.5, weights=2.0)
    assert found.second_moments["h_1"] == pytest.approx(lower.second_moments["h"], rel=1e-10)
    assert found.gains["h_1_next", "h_1"] == pytest.approx(lower.chi, rel=1e-10)
    assert found.gains["h_1_next", "h_2"] == 0
    assert found.chi == max(found.gains["h_1_next", "h_1"], found.gains["h_2_next", "h_2"])


def test_nothing_gets_through() -> None:
    found = mean_field(Cell.parse("h_next = tanh(W @ x)"), inputs=1.0)
    assert (found.chi, found.rate, found.contributions) == (0, -math.inf, {})


def test_the_skip_of_an_lstm_is_sampled_or_not() -> None:
    found = skip_rate(cells.lstm, inputs=0.5, biases={"b_f": 2.0})
    assert found.method == "population"
    assert found.stderr < 1e-3
    alone = skip_rate(cells.lstm, weights=0.0, inputs=0.5, biases={"b_f": 2.0})
    assert alone.rate == pytest.approx(
        skip_rate(cells.janet, weights=0.0, inputs=0.5, biases={"b_f": 2.0}).rate, abs=1e-3
    )


def test_refused() -> None:
    with pytest.raises(UnsupportedError, match="`softmax` joins units"):
        mean_field(Cell.parse("h_next = softmax(U @ h)"))
    with pytest.raises(UnsupportedError, match="grows without bound"):
        mean_field(cells.rnn_relu, weights=3.0, inputs=1.0)
    with pytest.raises(UnsupportedError, match="has no skip without a state"):
        skip_rate(cells.rnn)
    with pytest.raises(UnsupportedError, match=r"no skip of `h`(.|\n)*one of c"):
        skip_rate(cells.lstm, state="h")
    with pytest.raises(DataError, match="nodes is 1"):
        mean_field(cells.gru, nodes=1)
