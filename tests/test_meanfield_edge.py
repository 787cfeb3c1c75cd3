"""The edge of the spectrum at the zero state: rows 2, 3 and 14 of the reference results."""

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.codegen import compile
from gru_sym.codegen.functions import Array
from gru_sym.errors import UnsupportedError
from gru_sym.flow.meanfield.edge import critical_gain_at_zero, spectral_radius_at_zero

N = 40


def sigmoid(a: float) -> float:
    return float(1 / (1 + np.exp(-a)))


def at_zero(cell: Cell, seed: int, biases: dict[str, float]) -> tuple[Array, dict[str, Array]]:
    """The Jacobian at the zero state and zero input, and the parameters: N(0, 1/N) and biases."""
    rng = np.random.default_rng(seed)
    params = {
        str(v.name): rng.standard_normal((N, N)) / np.sqrt(N)
        if len(v.shape) == 2
        else np.full(N, biases.get(str(v.name), 0.0))
        for v in cell.params
    }
    run = compile(cell)
    return run.jacobians(run.forward(params, np.zeros((1, N)) if cell.inputs else 1))[0], params


def spectrum(matrix: Array) -> Array:
    return np.sort_complex(np.linalg.eigvals(matrix))


def test_row_2_the_gru_at_zero() -> None:
    step, params = at_zero(cells.gru, 0, {"b_z": 0.7, "b_r": -0.4})
    z, r = sigmoid(0.7), sigmoid(-0.4)
    assert np.abs(step - ((1 - z) * np.eye(N) + z * r * params["U_h"])).max() < 1e-15
    found = spectrum(step)
    wanted = np.sort_complex((1 - z) + z * r * np.linalg.eigvals(params["U_h"]))
    assert np.abs(found - wanted).max() < 1e-13


@pytest.mark.parametrize("reset", [-2.0, 0.0, 1.5])
@pytest.mark.parametrize("update", [-1.0, 0.0, 3.0])
def test_row_2_critical_gain(reset: float, update: float) -> None:
    for name, sign in (("gru", 1), ("gru_keep", -1), ("gru_concat", 1)):
        found = critical_gain_at_zero(cells.cell(name), {"b_z": sign * update, "b_r": reset})
        assert found == pytest.approx(1 / sigmoid(reset), rel=1e-13)


def test_row_3_the_lstm_at_zero() -> None:
    biases = {"b_f": 1.0, "b_i": 0.3, "b_o": -0.2}
    step, params = at_zero(cells.lstm, 0, biases)
    f, i, o = (sigmoid(biases[f"b_{gate}"]) for gate in "fio")
    found = spectrum(step)
    wanted = f + o * i * np.linalg.eigvals(params["U_g"])
    for value in wanted:
        assert np.abs(found - value).min() < 1e-12
    zeros = np.sort(np.abs(found))[:N]
    assert zeros.max() < 1e-12
    gain = critical_gain_at_zero(cells.lstm, biases)
    assert gain == pytest.approx((1 - f) / (o * i), rel=1e-12)
    assert critical_gain_at_zero(cells.lstm) == pytest.approx(2, rel=1e-12)


def test_row_14_spectral_radius() -> None:
    found = spectral_radius_at_zero(cells.gru, weights=1 / 3)
    assert found == pytest.approx(1 / 2 + 1 / 4 / np.sqrt(3), rel=1e-12)
    assert found == pytest.approx(0.64434, abs=5e-6)


COUPLED = {
    "a product of two": ("h_next = 0.3 * h + U @ tanh(V @ h) + U @ h", 0.60019),
    "two states": ("c_next = 0.3 * c - 0.5 * h + U @ tanh(c)\nh_next = 0.2 * h + V @ h + 0.4 * c",
                   0.64852),
}  # fmt: skip


@pytest.mark.parametrize(("text", "gain"), COUPLED.values(), ids=COUPLED)
def test_several_matrices(text: str, gain: float) -> None:
    """At the critical gain the spectrum of a large network reaches the unit circle."""
    cell = Cell.parse(text)
    found = critical_gain_at_zero(cell)
    assert found == pytest.approx(gain, abs=1e-5)
    assert spectral_radius_at_zero(cell, weights=found**2) == pytest.approx(1, rel=1e-9)
    rng = np.random.default_rng(2)
    count = 400
    U, V = found * rng.standard_normal((2, count, count)) / np.sqrt(count)
    eye = np.eye(count)
    large = (
        0.3 * eye + U @ V + U
        if len(cell.states) == 1
        else np.block([[0.2 * eye + V, 0.4 * eye], [-0.5 * eye, 0.3 * eye + U]])
    )
    assert np.abs(np.linalg.eigvals(large)).max() == pytest.approx(1, abs=0.04)


@pytest.mark.parametrize("name", cells.names())
def test_every_cell(name: str) -> None:
    """At the critical gain the radius is 1; without a matrix that acts at 0 there is none."""
    cell = cells.cell(name)
    if name in ("mingru", "minlstm", "rnn_relu", "ligru"):
        with pytest.raises(UnsupportedError, match="no recurrent matrix acts"):
            critical_gain_at_zero(cell)
        return
    gain = critical_gain_at_zero(cell)
    assert spectral_radius_at_zero(cell, weights=gain**2) == pytest.approx(1, rel=1e-9)
    assert spectral_radius_at_zero(cell, weights=(0.9 * gain) ** 2) < 1


def test_refused() -> None:
    with pytest.raises(UnsupportedError, match="0 is no fixed point of `gru`: h_next is"):
        critical_gain_at_zero(cells.gru, {"b_h": 1.0})
    with pytest.raises(UnsupportedError, match="`b_z` varies over the units"):
        critical_gain_at_zero(cells.gru, {"b_z": (0.0, 1.0)})
    with pytest.raises(UnsupportedError, match="not stable even without"):
        critical_gain_at_zero(Cell.parse("h_next = 2 * h + tanh(U @ h)"))
    with pytest.raises(UnsupportedError, match="acts on what is not 0"):
        critical_gain_at_zero(Cell.parse("h_next = tanh(U @ sigmoid(h))"))
