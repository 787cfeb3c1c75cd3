"""Checkpoints of PyTorch: what is read, under which names, and what is refused."""

import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from gru_sym import cells, weights
from gru_sym.errors import DataError, StructureError, UnsupportedError, WeightsError

Arrays = dict[str, np.ndarray]

HERE = Path(__file__).parent / "data"
SUNSPOTS = Path(weights.__file__).parent.parent / "data" / "sunspots_gru.safetensors"
TOLERANCE = 1e-12


def relative_error(found: Any, truth: Any) -> float:
    found, truth = np.asarray(found), np.asarray(truth)
    assert found.shape == truth.shape
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


def sigmoid(a: np.ndarray) -> np.ndarray:
    return 0.5 * (1 + np.tanh(a / 2))


# The plain recurrences. Each takes the parameters of one pass and returns (state, …) after a step.


def gru_step(p: Arrays, x: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, ...]:
    z = sigmoid(x @ p["W_z"].T + h @ p["U_z"].T + p["b_z"])
    r = sigmoid(x @ p["W_r"].T + h @ p["U_r"].T + p["b_r"])
    h_tilde = np.tanh(x @ p["W_h"].T + p["b_h"] + r * (h @ p["U_h"].T + p["b_hn"]))
    return ((1 - z) * h_tilde + z * h,)


def lstm_step(p: Arrays, x: np.ndarray, h: np.ndarray, c: np.ndarray) -> tuple[np.ndarray, ...]:
    a = {k: x @ p[f"W_{k}"].T + h @ p[f"U_{k}"].T + p[f"b_{k}"] for k in "ifgo"}
    c_next = sigmoid(a["f"]) * c + sigmoid(a["i"]) * np.tanh(a["g"])
    return sigmoid(a["o"]) * np.tanh(c_next), c_next


def rnn_step(p: Arrays, x: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, ...]:
    return (np.tanh(x @ p["W_h"].T + h @ p["U_h"].T + p["b_h"]),)


def rnn_relu_step(p: Arrays, x: np.ndarray, h: np.ndarray) -> tuple[np.ndarray, ...]:
    return (np.maximum(x @ p["W_h"].T + h @ p["U_h"].T + p["b_h"], 0),)


STEPS: dict[str, Callable[..., tuple[np.ndarray, ...]]] = {
    "gru_reset_after": gru_step,
    "lstm": lstm_step,
    "rnn": rnn_step,
    "rnn_relu": rnn_relu_step,
}


def run(checkpoint: weights.Checkpoint, xs: np.ndarray, *initial: np.ndarray) -> np.ndarray:
    """The top layer's outputs (T, B, H·directions); the initial states are ordered as in PyTorch.

    The parameters come from the flat dictionary, so that its names and suffixes are tested too.
    """
    flat = checkpoint.params()
    many = len(checkpoint.layers) > 1
    rows = itertools.count()
    for k, layer in enumerate(checkpoint.layers):
        outputs = []
        for direction in ("", "_rev")[: 1 + checkpoint.bidirectional]:
            suffix = direction + (f"_{k + 1}" if many else "")
            own = {name: flat[name + suffix] for name in layer.forward}
            row = next(rows)
            state = tuple(values[row] for values in initial)
            hs = np.empty((*xs.shape[:2], checkpoint.hidden_size), dtype=xs.dtype)
            order = range(len(xs))
            for t in reversed(order) if direction else order:
                state = STEPS[layer.cell](own, xs[t], *state)
                hs[t] = state[0]
            outputs.append(hs)
        xs = np.concatenate(outputs, axis=-1)
    return xs


# The shipped network, without torch.


@pytest.fixture(scope="module")
def sunspots() -> weights.Checkpoint:
    return weights.load(SUNSPOTS)


@pytest.fixture(scope="module")
def truth() -> Arrays:
    with np.load(HERE / "sunspots_gru_torch.npz") as file:
        return dict(file)


def test_sunspots_is_a_gru_with_its_head(sunspots: weights.Checkpoint) -> None:
    assert (sunspots.kind, sunspots.input_size, sunspots.hidden_size) == ("GRU", 1, 16)
    assert [layer.cell for layer in sunspots.layers] == ["gru_reset_after"]
    assert (sunspots.prefix, sunspots.head_prefix, sunspots.rest) == ("gru.", "head.", {})
    assert sunspots.bias
    assert not sunspots.bidirectional
    assert sunspots.dtype == np.float64
    assert list(sunspots.params()) == [
        *("W_r", "W_z", "W_h", "U_r", "U_z", "U_h", "b_r", "b_z", "b_h", "b_hn", "W_y", "b_y")
    ]


def test_sunspots_says_its_convention(sunspots: weights.Checkpoint) -> None:
    for words in (
        "prefix 'gru.'",
        "cell gru_reset_after",
        "in the order r, z, n",
        "b_r = b_ir + b_hr, b_z = b_iz + b_hz",
        "b_h = b_in and b_hn = b_hn stay apart",
        "h_next = (1 - z) * h_tilde + z * h",
        "'head.weight'",
    ):
        assert words in sunspots.convention
    assert str(sunspots) == sunspots.convention


def test_sunspots_reproduces_hidden_states_and_loss(
    sunspots: weights.Checkpoint, truth: Arrays
) -> None:
    hs = run(sunspots, truth["x"], truth["h0"])
    assert relative_error(hs, truth["hs"]) < TOLERANCE
    p = sunspots.params()
    loss = np.mean((hs @ p["W_y"].T + p["b_y"] - truth["y"]) ** 2)
    assert relative_error(loss, truth["loss"]) < TOLERANCE


def sunspots_gradients(p: Arrays, data: Arrays) -> Arrays:
    """Backpropagation through time by hand, for one reset-after layer with a mean-squared loss."""
    xs, y = data["x"], data["y"]
    hs = [data["h0"][0]]
    kept = []
    for x in xs:
        h = hs[-1]
        z = sigmoid(x @ p["W_z"].T + h @ p["U_z"].T + p["b_z"])
        r = sigmoid(x @ p["W_r"].T + h @ p["U_r"].T + p["b_r"])
        u = h @ p["U_h"].T + p["b_hn"]
        n = np.tanh(x @ p["W_h"].T + p["b_h"] + r * u)
        kept.append((z, r, u, n))
        hs.append((1 - z) * n + z * h)
    y_bar = 2 * (np.stack(hs[1:]) @ p["W_y"].T + p["b_y"] - y) / y.size
    bar = {f"{name}_bar": np.zeros_like(value) for name, value in p.items()}
    bar["x_bar"] = np.empty_like(xs)
    h_bar = np.zeros_like(hs[0])
    for t in reversed(range(len(xs))):
        (z, r, u, n), x, h = kept[t], xs[t], hs[t]
        bar["W_y_bar"] += y_bar[t].T @ hs[t + 1]
        bar["b_y_bar"] += y_bar[t].sum(0)
        h_bar = h_bar + y_bar[t] @ p["W_y"]
        a_n = h_bar * (1 - z) * (1 - n**2)
        delta = {
            "z": h_bar * (h - n) * z * (1 - z),
            "r": a_n * u * r * (1 - r),
            "h": a_n * r,  # on the state's side, inside of the reset gate
        }
        for k, d in delta.items():
            on_input = a_n if k == "h" else d
            bar[f"W_{k}_bar"] += on_input.T @ x
            bar[f"b_{k}_bar"] += on_input.sum(0)
            bar[f"U_{k}_bar"] += d.T @ h
        bar["b_hn_bar"] += delta["h"].sum(0)
        bar["x_bar"][t] = delta["z"] @ p["W_z"] + delta["r"] @ p["W_r"] + a_n @ p["W_h"]
        h_bar = h_bar * z + sum(d @ p[f"U_{k}"] for k, d in delta.items())
    return bar | {"h_bar": h_bar}


def test_sunspots_reproduces_every_gradient(sunspots: weights.Checkpoint, truth: Arrays) -> None:
    bar = sunspots_gradients(sunspots.params(), truth)
    assert relative_error(bar["x_bar"], truth["grad_x"]) < TOLERANCE
    assert relative_error(bar["h_bar"], truth["grad_h0"][0]) < TOLERANCE
    found = sunspots.torch_gradients(bar)
    assert set(found) == {key.removeprefix("grad.") for key in truth if key.startswith("grad.")}
    for key, value in found.items():
        assert relative_error(value, truth[f"grad.{key}"]) < TOLERANCE, key


def test_pt_and_safetensors_hold_the_same(sunspots: weights.Checkpoint, torch: ModuleType) -> None:
    other = weights.load(HERE / "sunspots_gru.pt")
    assert other.convention == sunspots.convention
    for name, value in sunspots.params().items():
        assert np.array_equal(other.params()[name], value)


def test_gradients_with_and_without_the_head(sunspots: weights.Checkpoint) -> None:
    bar = {f"{name}_bar": value for name, value in sunspots.params().items()}
    back = sunspots.torch_gradients(bar | {"x_bar": np.zeros(3)})
    assert np.array_equal(back["gru.bias_ih_l0"][:32], back["gru.bias_hh_l0"][:32])
    assert not np.array_equal(back["gru.bias_ih_l0"][32:], back["gru.bias_hh_l0"][32:])
    no_head = {key: value for key, value in bar.items() if "_y_" not in key}
    assert set(sunspots.torch_gradients(no_head)) == {k for k in back if k.startswith("gru.")}
    with pytest.raises(DataError, match="b_y_bar is missing"):
        sunspots.torch_gradients(no_head | {"W_y_bar": bar["W_y_bar"]})
    with pytest.raises(DataError, match="b_hn_bar is missing"):
        sunspots.torch_gradients({k: v for k, v in bar.items() if k != "b_hn_bar"})
    with pytest.raises(DataError, match=r"b_z_bar has shape \(5, 16\), but b_z has \(16,\)"):
        sunspots.torch_gradients(bar | {"b_z_bar": np.ones((5, 16))})


# Every kind of network, made by torch.


@pytest.mark.parametrize("suffix", [".pt", ".safetensors"])
@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2, 3])
@pytest.mark.parametrize("kind", ["GRU", "LSTM", "RNN", "RNN_relu"])
def test_every_network_of_torch(
    torch: ModuleType,
    rng: np.random.Generator,
    tmp_path: Path,
    kind: str,
    layers: int,
    bidirectional: bool,
    bias: bool,
    suffix: str,
) -> None:
    name, _, nonlinearity = kind.partition("_")
    options: dict[str, Any] = {"nonlinearity": nonlinearity} if nonlinearity else {}
    torch.manual_seed(layers)
    net = getattr(torch.nn, name)(
        2, 3, layers, bias=bias, bidirectional=bidirectional, dtype=torch.float64, **options
    )
    directions = 1 + bidirectional
    xs = rng.normal(size=(5, 4, 2))
    states = rng.normal(size=(1 + (name == "LSTM"), layers * directions, 4, 3))
    initial = [torch.from_numpy(state) for state in states]
    with torch.no_grad():
        wanted = net(torch.from_numpy(xs), tuple(initial) if name == "LSTM" else initial[0])[0]

    path = tmp_path / f"net{suffix}"
    state_dict = {f"a.b.{key}": value for key, value in net.state_dict().items()}
    if suffix == ".pt":
        torch.save(state_dict, path)
    else:
        arrays = {key: value.numpy() for key, value in state_dict.items()}
        safetensors.numpy.save_file(arrays, path)
    found = weights.load(path, **options)

    assert (found.kind, len(found.layers), found.prefix) == (name, layers, "a.b.")
    assert (found.input_size, found.hidden_size) == (2, 3)
    assert (found.bias, found.bidirectional) == (bias, bidirectional)
    assert found.head is None
    assert found.rest == {}
    assert ("they are zero" in found.convention) == (not bias)
    assert ("do not tell tanh from relu" in found.convention) == (name == "RNN")
    assert relative_error(run(found, xs, *states), wanted.numpy()) < TOLERANCE

    # The parameters are linear in PyTorch's arrays, and torch_gradients is that map's transpose:
    # ⟨g, params(θ)⟩ = ⟨torch_gradients(g), θ⟩.
    grads = {f"{n}_bar": rng.normal(size=value.shape) for n, value in found.params().items()}
    back = found.torch_gradients(grads)
    assert {key: value.shape for key, value in back.items()} == {
        key: tuple(value.shape) for key, value in state_dict.items()
    }
    left = sum(np.vdot(grads[f"{n}_bar"], value) for n, value in found.params().items())
    right = sum(np.vdot(back[key], value.numpy()) for key, value in state_dict.items())
    assert relative_error(left, right) < TOLERANCE


def test_a_state_dict_in_memory_is_copied(torch: ModuleType) -> None:
    net = torch.nn.LSTM(2, 3)
    found = weights.from_state_dict(net.state_dict())
    before = {name: value.copy() for name, value in found.params().items()}
    with torch.no_grad():
        for parameter in net.parameters():
            parameter.zero_()
    assert all(np.array_equal(found.params()[name], value) for name, value in before.items())
    assert found.dtype == np.float32


def test_import_is_light() -> None:
    heavy = "{'torch', 'sympy', 'safetensors'}"
    code = f"import sys, gru_sym.weights; print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


# As cells and networks.


def shapes_of(variables: Any, sizes: dict[str, int]) -> dict[str, tuple[int, ...]]:
    return {str(v.name): tuple(sizes[name] for (name,) in v.shape) for v in variables}


@pytest.mark.parametrize("kind", ["GRU", "LSTM", "RNN"])
@pytest.mark.parametrize("layers", [1, 3])
def test_a_checkpoint_as_a_cell(torch: ModuleType, kind: str, layers: int) -> None:
    net = getattr(torch.nn, kind)(2, 3, layers)
    found = weights.from_state_dict(net.state_dict())
    cell = found.cell()
    sizes = dict.fromkeys(("H", "H_1", "H_2", "H_3"), 3) | {"I": 2}
    wanted = {name: value.shape for name, value in found.params().items()}
    assert shapes_of(cell.params, sizes) == wanted
    assert {str(v.name) for v in found.network().params} == set(wanted)
    if layers == 1:
        assert cell is cells.cell(found.layers[0].cell)


def test_a_checkpoint_of_two_directions(torch: ModuleType) -> None:
    found = weights.from_state_dict(torch.nn.GRU(2, 3, 2, bidirectional=True).state_dict())
    network = found.network()
    assert [str(v.name) for v in network.states] == ["h_1", "h_rev_1", "h_2", "h_rev_2"]
    assert {str(v.name) for v in network.params} == set(found.params())
    with pytest.raises(UnsupportedError, match="two directions") as caught:
        found.cell()
    assert "network()" in caught.value.mend


def test_a_checkpoint_with_its_head(sunspots: weights.Checkpoint) -> None:
    cell = sunspots.cell(loss="mse")
    sizes = {"H": 16, "I": 1, "O": 1}
    params = sunspots.params()
    assert shapes_of(cell.params, sizes) == {name: value.shape for name, value in params.items()}
    assert [str(v.name) for v in cell.extra] == ["loss"]
    assert sunspots.cell() is cells.gru_reset_after
    assert set(sunspots.params(cell)) == set(params)
    bare = {name for name in params if name not in ("W_y", "b_y")}
    assert set(sunspots.params(sunspots.cell())) == bare
    assert set(sunspots.params(sunspots.network())) == bare
    assert "logits" in {d.name for d in sunspots.cell(loss="cross_entropy").program}
    with pytest.raises(StructureError, match="'l1'"):
        sunspots.cell(loss="l1")  # type: ignore[arg-type]


def test_a_loss_without_a_head() -> None:
    arrays = {"weight_ih_l0": np.ones((4, 2)), "weight_hh_l0": np.ones((4, 4))}
    with pytest.raises(WeightsError, match="needs a head") as caught:
        weights.from_state_dict(arrays).cell(loss="mse")
    assert "readout(" in caught.value.mend
