"""Gates that are shut, open, still or off, with the numbers of their units."""

from pathlib import Path

import numpy as np

from gru_sym.cells import Cell
from gru_sym.codegen import compile
from gru_sym.diagnose.gates import gate_uses
from gru_sym.diagnose.network import Pass, trained
from tests.torch_files import saved


def _pass(text: str, params: dict[str, np.ndarray], steps: int = 40) -> Pass:
    made = Cell.parse(text)
    xs = np.random.default_rng(0).normal(size=(steps, 1))
    return Pass("the cell", made, params, compile(made).forward(params, xs))


GATED = "# roles: z = update\nz = sigmoid(b_z + W_z @ x)\nh_next = z * h + tanh(W_h @ x)"


def test_shut_open_and_still() -> None:
    params = {
        "b_z": np.array([-20.0, 20.0, 0.0, 0.0]),
        "W_z": np.array([[1.0], [1.0], [0.0], [1.0]]),
        "W_h": np.ones((4, 1)),
    }
    (z,) = gate_uses(_pass(GATED, params))
    assert (z.name, z.role, z.activation) == ("z", "update", "sigmoid")
    assert (z.shut, z.open, z.still) == ([0], [1], [2])
    assert z.saturated == 0.5
    assert np.allclose(z.mean[2:], 0.5, atol=0.1)


def test_candidates_and_relu() -> None:
    text = "c = tanh(W_c @ x + b_c)\nu = relu(W_u @ x + b_u)\nh_next = 0.5 * h + c * u"
    params = {"W_c": np.ones((3, 1)), "b_c": np.array([9.0, -9.0, 0.0])}
    params |= {"W_u": np.ones((3, 1)), "b_u": np.array([-9.0, 9.0, 0.0])}
    c, u = gate_uses(_pass(text, params))
    assert (c.shut, c.open) == ([1], [0])
    assert (u.shut, u.open) == ([0], [])
    assert u.low[1] == 0


def test_all_activations_of_a_checkpoint(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.safetensors", "LSTM")
    (only,) = trained(path, np.random.default_rng(0).normal(size=(20, 2, 3))).passes
    assert [gate.name for gate in gate_uses(only)] == ["i", "f", "g", "o"]
    assert all(gate.mean.shape == (5,) for gate in gate_uses(only))
