"""Networks of layers in two directions, and stacks, against PyTorch and complex step."""

from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gru_sym import cells, weights
from gru_sym.cells.compose import bidirectional, readout, stack
from gru_sym.cells.equations import Cell
from gru_sym.cells.network import Layer, Network
from gru_sym.codegen.compile import compile
from gru_sym.codegen.network import CompiledNetwork, compile_network
from gru_sym.errors import DataError, UnsupportedError

Arrays = dict[str, np.ndarray]

TOLERANCE = 1e-12
STEP = 1e-200  # complex step: no cancellation, so that the step may be as small as numbers go
T, B, I, H = 4, 3, 2, 5  # noqa: E741
DEEP = stack(bidirectional(cells.gru), cells.lstm, bidirectional(cells.lstm))


def relative_error(found: Any, truth: Any) -> float:
    found, truth = np.asarray(found), np.asarray(truth)
    assert found.shape == truth.shape
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


def width(layer: Layer) -> int:
    return H * len(layer.passes)


def random_arrays(network: Network, rng: np.random.Generator) -> tuple[Arrays, Arrays]:
    """Parameters and initial states; every state has size H."""
    params, h0 = {}, {}
    inputs = I
    for layer in network.named:
        for cell in layer.passes:
            of_input = {name for v in cell.inputs for dim in v.shape for name in dim}
            for var in cell.params:
                shape = [inputs if dim[0] in of_input else H for dim in var.shape]
                params[str(var.name)] = rng.normal(scale=0.6, size=shape)
            h0 |= {str(v.name): rng.normal(size=(B, H)) for v in cell.states}
        inputs = width(layer)
    return params, h0


# Against PyTorch.


@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 2])
@pytest.mark.parametrize("kind", ["GRU", "LSTM", "RNN"])
def test_reproduces_torch(
    torch: ModuleType, rng: np.random.Generator, kind: str, layers: int, bidirectional: bool
) -> None:
    torch.manual_seed(layers)
    net = getattr(torch.nn, kind)(I, H, layers, bidirectional=bidirectional, dtype=torch.float64)
    rows = layers * (1 + bidirectional)
    xs = torch.tensor(rng.normal(size=(T, B, I)), requires_grad=True)
    initial = [
        torch.tensor(rng.normal(size=(rows, B, H)), requires_grad=True)
        for _ in range(1 + (kind == "LSTM"))
    ]
    out = net(xs, tuple(initial) if kind == "LSTM" else initial[0])[0]
    upstream = rng.normal(size=tuple(out.shape))
    out.backward(torch.from_numpy(upstream))

    checkpoint = weights.from_state_dict(net.state_dict())
    network = checkpoint.network()
    run = compile_network(network)
    names = [[str(v.name) for v in c.states] for layer in network.named for c in layer.passes]
    h0 = {
        name: values.detach().numpy()[row]
        for row, states in enumerate(names)
        for name, values in zip(states, initial, strict=True)
    }
    trajectory, grads = run.gradients(checkpoint.params(), xs.detach().numpy(), h0, upstream)
    assert relative_error(trajectory.hs, out.detach().numpy()) < TOLERANCE
    check_gradients(net, xs, initial, names, checkpoint, grads)

    if not bidirectional:  # the same as one cell
        cell = checkpoint.cell()
        whole = compile(cell)
        trajectory = whole.forward(checkpoint.params(), xs.detach().numpy(), h0)
        assert relative_error(trajectory.hs, out.detach().numpy()) < TOLERANCE
        grads = whole.backward(trajectory, upstream)
        check_gradients(net, xs, initial, names, checkpoint, grads)


def check_gradients(
    net: Any,
    xs: Any,
    initial: list[Any],
    names: list[list[str]],
    checkpoint: weights.Checkpoint,
    grads: Arrays,
) -> None:
    assert relative_error(grads["x_bar"], xs.grad.numpy()) < TOLERANCE
    for row, states in enumerate(names):
        for name, values in zip(states, initial, strict=True):
            assert relative_error(grads[f"{name}_bar"], values.grad.numpy()[row]) < TOLERANCE
    found = checkpoint.torch_gradients(grads)
    wanted = {key: value.grad.numpy() for key, value in net.named_parameters()}
    assert set(found) == set(wanted)
    for key, value in found.items():
        assert relative_error(value, wanted[key]) < TOLERANCE, key


def test_sunspots_with_its_loss() -> None:
    root = Path(weights.__file__).parent.parent / "data"
    checkpoint = weights.load(root / "sunspots_gru.safetensors")
    with np.load(Path(__file__).parent / "data" / "sunspots_gru_torch.npz") as file:
        truth = dict(file)
    run = compile(checkpoint.cell(loss="mse"))
    xs = {"x": truth["x"], "y": truth["y"]}
    trajectory = run.forward(checkpoint.params(), xs, truth["h0"][0])
    steps = trajectory.extra["loss"]
    assert relative_error(trajectory.hs, truth["hs"]) < TOLERANCE
    assert relative_error(steps.mean(), truth["loss"]) < TOLERANCE
    grads = run.backward(trajectory, {"loss": np.full(steps.shape, 1 / steps.size)})
    assert relative_error(grads["x_bar"], truth["grad_x"]) < TOLERANCE
    assert relative_error(grads["h_bar"], truth["grad_h0"][0]) < TOLERANCE
    found = checkpoint.torch_gradients(grads)
    assert set(found) == {key.removeprefix("grad.") for key in truth if key.startswith("grad.")}
    for key, value in found.items():
        assert relative_error(value, truth[f"grad.{key}"]) < TOLERANCE, key


# Against complex step: the derivative of one number along one direction.


def check_by_complex_step(
    run: CompiledNetwork, params: Arrays, xs: np.ndarray, h0: Arrays, hs_bar: Any, total: Any
) -> None:
    rng = np.random.default_rng(3)
    grads = run.backward(run.forward(params, xs, h0), hs_bar)
    given = {**params, "x": xs, **h0}
    assert set(grads) == {f"{name}_bar" for name in given}
    for name, array in given.items():
        direction = rng.normal(size=array.shape)
        moved = {**given, name: array + 1j * STEP * direction}
        trajectory = run.forward(
            {n: moved[n] for n in params}, moved["x"], {n: moved[n] for n in h0}
        )
        truth = np.imag(total(trajectory)) / STEP
        assert relative_error(np.vdot(grads[f"{name}_bar"], direction), truth) < 1e-11, name


def test_a_mixed_network_by_complex_step(rng: np.random.Generator) -> None:
    params, h0 = random_arrays(DEEP, rng)
    xs = rng.normal(size=(T, B, I))
    upstream = rng.normal(size=(T, B, 2 * H))
    check_by_complex_step(
        compile_network(DEEP), params, xs, h0, upstream, lambda t: np.sum(t.hs * upstream)
    )


def test_cotangents_of_states_of_any_layer(rng: np.random.Generator) -> None:
    params, h0 = random_arrays(DEEP, rng)
    xs = rng.normal(size=(T, B, I))
    names = ("h_rev_1", "h_1", "c_2", "c_rev_3", "h_rev_3")
    bars: dict[str, Any] = {n: rng.normal(size=(T, B, H)) for n in names}
    bars["c_3"] = 0.25
    bars["h_3"] = None
    check_by_complex_step(
        compile_network(DEEP),
        params,
        xs,
        h0,
        bars,
        lambda t: sum(np.sum(t.states[n] * bar) for n, bar in bars.items() if bar is not None),
    )


def test_the_default_is_the_last_step(rng: np.random.Generator) -> None:
    params, h0 = random_arrays(DEEP, rng)
    run = compile_network(DEEP)
    trajectory = run.forward(params, rng.normal(size=(T, B, I)), h0)
    last = np.zeros_like(trajectory.hs)
    last[-1] = 1
    found, wanted = run.backward(trajectory), run.backward(trajectory, last)
    for name, value in wanted.items():
        assert np.array_equal(found[name], value)


# What a run gives.


def test_what_a_trajectory_holds(rng: np.random.Generator) -> None:
    params, h0 = random_arrays(DEEP, rng)
    xs = rng.normal(size=(T, B, I))
    run = compile_network(DEEP)
    trajectory = run.forward(params, xs, h0)
    states = trajectory.states
    assert list(states) == [str(v.name) for v in DEEP.states]
    assert trajectory.hs.shape == (T, B, 2 * H)
    joined = np.concatenate([states["h_3"], states["h_rev_3"]], axis=-1)
    assert np.array_equal(trajectory.hs, joined)
    grads = run.backward(trajectory)
    assert list(grads) == [f"{v}_bar" for v in (*DEEP.params, "x", *DEEP.states)]
    for name, array in {**params, "x": xs, **h0}.items():
        assert grads[f"{name}_bar"].shape == array.shape

    # A reverse pass is the cell on the flipped sequence.
    own = {n: params[f"{n}_rev_1"] for n in map(str, cells.gru.params)}
    back = compile(cells.gru).forward(own, xs[::-1], h0["h_rev_1"])
    assert relative_error(states["h_rev_1"], back.hs[::-1]) < TOLERANCE


def test_without_a_batch(rng: np.random.Generator) -> None:
    params, h0 = random_arrays(DEEP, rng)
    xs = rng.normal(size=(T, B, I))
    upstream = rng.normal(size=(T, B, 2 * H))
    run = compile_network(DEEP)
    whole, whole_grads = run.gradients(params, xs, h0, upstream)
    sums = dict.fromkeys(params, 0.0)
    for b in range(B):
        one = {name: array[b] for name, array in h0.items()}
        trajectory, grads = run.gradients(params, {"x": xs[:, b]}, one, upstream[:, b])
        assert relative_error(trajectory.hs, whole.hs[:, b]) < TOLERANCE
        assert relative_error(grads["x_bar"], whole_grads["x_bar"][:, b]) < TOLERANCE
        assert relative_error(grads["c_rev_3_bar"], whole_grads["c_rev_3_bar"][b]) < TOLERANCE
        sums = {name: value + grads[f"{name}_bar"] for name, value in sums.items()}
    for name, value in sums.items():
        assert relative_error(value, whole_grads[f"{name}_bar"]) < TOLERANCE


def test_float32_stays_float32(rng: np.random.Generator) -> None:
    params, h0 = random_arrays(DEEP, rng)
    xs = rng.normal(size=(T, B, I))
    run = compile_network(DEEP)
    single = {n: a.astype(np.float32) for n, a in params.items()}
    start = {n: a.astype(np.float32) for n, a in h0.items()}
    trajectory, grads = run.gradients(single, xs.astype(np.float32), start)
    assert trajectory.dtype == trajectory.hs.dtype == np.float32
    assert {a.dtype for a in grads.values()} == {np.dtype(np.float32)}
    double = run.forward(params, xs, h0)
    assert relative_error(trajectory.hs, double.hs) < 1e-5
    # One parameter in double makes all of it double, in whichever layer it is.
    mixed = run.forward(single | {"b_i_3": params["b_i_3"]}, xs.astype(np.float32), start)
    assert {p.dtype for passes in mixed.layers for p in passes} == {np.dtype(np.float64)}


@pytest.mark.parametrize("h0", [None, 0, 0.5])
def test_one_number_for_all_initial_states(rng: np.random.Generator, h0: float | None) -> None:
    params, named = random_arrays(DEEP, rng)
    xs = rng.normal(size=(T, B, I))
    run = compile_network(DEEP)
    full = {name: np.full((B, H), h0 or 0.0) for name in named}
    assert np.array_equal(run.forward(params, xs, h0).hs, run.forward(params, xs, full).hs)


def test_one_layer_in_one_direction_is_its_cell(rng: np.random.Generator) -> None:
    network = Network((Layer(cells.gru),))
    params, h0 = random_arrays(network, rng)
    xs = rng.normal(size=(T, B, I))
    found, grads = compile_network(network).gradients(params, xs, h0["h"])
    wanted, truth = compile(cells.gru).gradients(params, xs, h0["h"])
    assert np.array_equal(found.hs, wanted.hs)
    assert set(grads) == set(truth)
    for name, value in truth.items():
        assert np.array_equal(grads[name], value)


def test_stacks_and_readouts_run_like_any_cell(rng: np.random.Generator) -> None:
    cell = readout(stack(cells.gru_layernorm, cells.lstm, cells.mgu), "cross_entropy")
    sizes = {"I": 2, "H_1": 3, "H_2": 4, "H_3": 5, "O": 6}
    params = {
        str(v.name): rng.normal(scale=0.6, size=[sizes[d[0]] for d in v.shape]) for v in cell.params
    }
    h0 = {str(v.name): rng.normal(size=(B, sizes[v.shape[0][0]])) for v in cell.states}
    xs = {"x": rng.normal(size=(T, B, 2)), "y": rng.dirichlet(np.ones(6), size=(T, B))}
    run = compile(cell)
    trajectory = run.forward(params, xs, h0)
    logits = trajectory.values["logits"]
    log_p = logits - np.log(np.exp(logits).sum(-1, keepdims=True))
    assert relative_error(trajectory.extra["loss"], -(xs["y"] * log_p).sum(-1)) < TOLERANCE
    grads = run.backward(trajectory, {"loss": 1.0})
    p = np.exp(log_p)
    assert relative_error(grads["b_y_bar"], (p - xs["y"]).sum((0, 1))) < TOLERANCE
    for name in ("W_z_1", "g_r_1", "W_f_2", "U_f_3", "b_h_3", "W_y"):
        direction = rng.normal(size=params[name].shape)
        moved = params | {name: params[name] + 1j * STEP * direction}
        truth = np.imag(run.forward(moved, xs, h0).extra["loss"].sum()) / STEP
        assert relative_error(np.vdot(grads[f"{name}_bar"], direction), truth) < 1e-11, name


# What is refused.


@pytest.mark.parametrize(
    ("change", "message", "mend"),
    [
        ({"params": {"W_x": 1.0}}, "no parameter W_x", "The parameters are W_z_1"),
        ({"params": 1.0}, "params is one array", "W_z_1"),
        ({"xs": {"u": 1.0}}, "no input u", "The inputs are x"),
        ({"xs": None}, "xs is missing", "give an array"),
        ({"xs": {}}, "xs is missing", "give an array"),
        ({"xs": "text"}, "holds <U4", "floating"),
        ({"h0": {"h": 0}}, "no state h", "h_1"),
        ({"h0": {"h_1": 0}}, "h_rev_1 is missing", "h_rev_1"),
        ({"h0": np.zeros((B, H))}, "h0 is one array", "h_1"),
        ({"hs_bar": {"h": 0}}, "no state h", "h_1"),
        ({"hs_bar": np.ones((T, B, H))}, "cotangent of the output has shape", "every step"),
        ({"hs_bar": {"h_1": np.ones((1, B, H))}}, "cotangent of h_1 has shape", "every step"),
        ({"hs_bar": np.nan}, "must be finite", "replace"),
    ],
)
def test_arrays_that_do_not_fit(
    rng: np.random.Generator, change: dict[str, Any], message: str, mend: str
) -> None:
    params, h0 = random_arrays(DEEP, rng)
    given = {"params": params, "xs": rng.normal(size=(T, B, I)), "h0": h0, "hs_bar": None}
    with pytest.raises(DataError) as caught:
        compile_network(DEEP).gradients(**(given | change))
    assert message in caught.value.message
    assert mend in caught.value.mend


def test_a_parameter_that_is_missing_or_of_a_wrong_size(rng: np.random.Generator) -> None:
    params, h0 = random_arrays(DEEP, rng)
    xs = rng.normal(size=(T, B, I))
    run = compile_network(DEEP)
    with pytest.raises(DataError, match="W_f_rev_3 is missing"):
        run.forward({n: a for n, a in params.items() if n != "W_f_rev_3"}, xs, h0)
    with pytest.raises(DataError, match="W_f_2"):
        run.forward(params | {"W_f_2": np.ones((H, H))}, xs, h0)


def test_an_unknown_backend() -> None:
    with pytest.raises(UnsupportedError, match="backend"):
        compile_network(bidirectional(Cell.parse("h_next = U @ h + W @ x")), "abacus")
