"""Generated code against complex step, against backprop by hand and against PyTorch."""

import importlib
import inspect
import linecache
import math
import subprocess
import sys
import traceback
import warnings
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gru_sym import cells, readout, weights
from gru_sym.algebra.expr import Var
from gru_sym.cells import Cell
from gru_sym.codegen import BACKENDS, Compiled, compile
from gru_sym.errors import DataError, NamingError, UnsupportedError

Arrays = dict[str, np.ndarray]

T, B = 3, 2
SIZES = {"H": 3, "I": 2}
STEP = 1e-30
DATA = Path(__file__).parent / "data"
SUNSPOTS = Path(weights.__file__).parents[1] / "data" / "sunspots_gru.safetensors"

# What no built-in cell has: each text uses the language in another way.
TEXTS = {
    "no parameters": "h_next = tanh(x + 0.5 * h)",
    "no inputs": "h_next = tanh(U @ h + b)",
    "nothing but a state": "h_next = h * (1 - h)",
    "a constant state": "h_next = 0.5",
    "a state from parameters alone": "h_next = b",
    "a scalar parameter": "# params: c()\nh_next = tanh(c * (W @ x) + h)",
    "a scaled matrix": "# params: c()\nh_next = tanh((c * W) @ x + U @ h)",
    "matrices from matrices": "M = V.T + 2 * W\nh_next = tanh(M @ h + M.T @ x)",
    "a matrix by blocks": "h_next = tanh([U, W] @ [h, x])",
    "a function of a matrix": "# params: W(H, I)\nM = exp(W)\nh_next = tanh(M @ x + U.T @ h)",
    "the norm of a matrix": "h_next = tanh(W @ x / sqrt(sum(W * W)) + h)",
    "a mean of the state": "h_next = h - mean(h) + W @ x",
    "a mean under a matrix": "h_next = tanh(U @ (h - mean(h)) + W @ (x * mean(h)))",
    "a constant under a matrix": "h_next = tanh(W @ (x * 0 + 1) + sum(W @ x) * h)",
    "a scalar under a matrix": "s = mean(h)\nv = s + 0 * h\nh_next = tanh(U @ v + W @ x)",
    "constants": "h_next = tanh(W @ x) * sigmoid(2) * sqrt(2) + h / 3 + exp(1) / 10**20",
    "softmax": "h_next = softmax(W @ x + U @ h)",
    "softmax of parameters": "h_next = softmax(b) * h + W @ x",
    "logsumexp": "h_next = tanh(W @ x) * logsumexp(U @ h) + logsumexp(b) * h",
    "all functions": (
        "u = softplus(W @ x) + sin(h) * cos(U @ h) + abs(W @ x) * relu(U @ h)\n"
        "h_next = tanh(u) + log(1 + exp(h)) * step(h) / sqrt(1 + h**2)"
    ),
    "powers": "h_next = (2 + tanh(W @ x)) ** (-3/2) + (1 + h**2) ** (-1) + h**3 / 9",
    "two states": "h_next = tanh(W @ x + U @ c)\nc_next = c * sigmoid(h) + V @ h_next",
    "states of two sizes": "h_next = tanh(W @ x + U @ c)\nc_next = tanh(V @ h)",
    "two inputs": "# inputs: x, u\nh_next = tanh(W @ x + V @ u) + h * mean(u)",
    "a loss": "# inputs: x, y\n# outputs: loss\nh_next = tanh(W @ x + U @ h)\n"
    "loss = mean((V @ h_next - y) ** 2)",
    "a loss that goes on": "# outputs: loss\nloss = sum(x * x)\nh_next = tanh(W @ x + loss * h)",
    "an output that is a vector": "# outputs: p, loss\n# inputs: x, y\nh_next = tanh(W @ x + h)\n"
    "p = softmax(V @ h_next + b_y)\nloss = -sum(y * log(p))",
    "a loss of parameters": "# outputs: loss\nh_next = tanh(W @ x + h)\nloss = sum(W * W)",
    "an output of parameters": "# outputs: z\nz = sigmoid(b)\nh_next = z * h + x",
    "an output that is a matrix": "# params: W(H, I)\n# outputs: M\nM = exp(W)\n"
    "h_next = tanh(M @ x + h)",
    "an unused state": "h_next = tanh(W @ x)\nc_next = c * h_next",
    "a fixed state in use": "c_next = b\nh_next = tanh(W @ x + c_next * h + c)",
    "an unused input": "# inputs: x, y\nh_next = tanh(W @ x + h) + 0 * y",
    "names that Python and the code use": (
        "np = tanh(W @ values + U @ t + b)\nlen = sigmoid(np) * t\nt_next = len + dtype * np"
    ),
}  # fmt: skip


def text_cells() -> list[Cell]:
    return [Cell.parse(text, name=name) for name, text in TEXTS.items()]


every_cell = pytest.mark.parametrize(
    "cell", [*map(cells.cell, cells.names()), *text_cells()], ids=lambda cell: cell.name
)
built_in = pytest.mark.parametrize("name", cells.names())


def relative_error(found: Any, truth: Any) -> float:
    found, truth = np.asarray(found), np.asarray(truth)
    assert found.shape == truth.shape
    size = np.linalg.norm(truth)
    return float(np.linalg.norm(found - truth) / (size or 1))


class Drawn:
    """Random arrays for a cell, at unequal sizes, with an initial state that is not zero."""

    def __init__(self, cell: Cell, rng: np.random.Generator, dtype: Any = float) -> None:
        names = dict.fromkeys(d for v in cell.program.variables for dim in v.shape for d in dim)
        free = (n for n in (3, 2, 4, 5, 6))
        self.sizes = {name: SIZES.get(name) or next(free) for name in names}

        def draw(var: Var, *lead: int) -> np.ndarray:
            shape = (sum(self.sizes[d] for d in dim) for dim in var.shape)
            return rng.normal(size=(*lead, *shape)).astype(dtype)

        self.params = {v.name: draw(v) for v in cell.params}
        self.inputs = {v.name: draw(v, T, B) for v in cell.inputs}
        self.xs: Any = self.inputs if cell.inputs else T
        self.states = {v.name: draw(v, B) for v in cell.states}
        self.up = {v.name: draw(v, T, B) for v in (*cell.states, *cell.extra)}

    @property
    def args(self) -> tuple[Any, ...]:
        return self.params, self.xs, self.states


def objective(run: Compiled, drawn: Drawn, args: tuple[Any, ...]) -> Any:
    """Σ of all outputs at all steps, each times its cotangent."""
    trajectory = run.forward(*args)
    outputs = trajectory.states | trajectory.extra
    return sum(np.sum(up * outputs[name]) for name, up in drawn.up.items())


def complex_step(run: Compiled, drawn: Drawn) -> Arrays:
    """The gradient of the objective in every entry of every array, one by one."""
    truth = {}
    for k, group in enumerate(drawn.args):
        for name, array in group.items() if isinstance(group, dict) else ():
            grad = np.empty(array.shape)
            for index in np.ndindex(array.shape):
                moved = array.astype(complex)
                moved[index] += STEP * 1j
                args = [*drawn.args]
                args[k] = group | {name: moved}
                grad[index] = objective(run, drawn, tuple(args)).imag / STEP
            truth[f"{name}_bar"] = grad
    return truth


@every_cell
def test_gradients_against_complex_step(cell: Cell, rng: np.random.Generator) -> None:
    run, drawn = compile(cell), Drawn(cell, rng)
    _, grads = run.gradients(*drawn.args, drawn.up)
    truth = complex_step(run, drawn)
    assert grads.keys() == truth.keys()
    for name, value in truth.items():
        assert relative_error(grads[name], value) < 1e-11, name


@every_cell
def test_jacobians_against_complex_step(cell: Cell, rng: np.random.Generator) -> None:
    run, drawn = compile(cell), Drawn(cell, rng)
    trajectory = run.forward(*drawn.args)
    found = run.jacobians(trajectory)
    ends = np.cumsum([drawn.states[s.name].shape[1] for s in cell.states])
    assert found.shape == (T, B, ends[-1], ends[-1])
    for t in range(T):
        inputs = {name: array[t : t + 1] for name, array in drawn.inputs.items()} or 1
        before = [trajectory.values[s.name][t] for s in cell.states]
        joined = np.concatenate(before, axis=-1)
        for j in range(ends[-1]):
            moved = joined.astype(complex)
            moved[:, j] += STEP * 1j
            parts = np.split(moved, ends[:-1], axis=-1)
            states = {s.name: part for s, part in zip(cell.states, parts, strict=True)}
            after = run.forward(drawn.params, inputs, states).states
            column = np.concatenate([after[s.name][0] for s in cell.states], axis=-1).imag / STEP
            assert relative_error(found[t, :, :, j], column) < 1e-11


@every_cell
def test_paths_add_up_to_the_jacobian(cell: Cell, rng: np.random.Generator) -> None:
    run, drawn = compile(cell), Drawn(cell, rng)
    trajectory = run.forward(*drawn.args)
    paths, whole = run.jacobian_paths(trajectory), run.jacobians(trajectory)
    total = sum(np.sum(path) for path in paths.values())
    assert math.isclose(total, whole.sum(), rel_tol=1e-10, abs_tol=1e-12)
    if len(cell.states) == 1 and paths:
        assert relative_error(sum(paths.values()), whole) < 1e-14
    for after, state, _ in paths:
        assert after in {v.name for v in cell.nexts}
        assert state in {v.name for v in cell.states}


def test_paths_are_named() -> None:
    run = compile(cells.gru)
    drawn = Drawn(cells.gru, np.random.default_rng(1))
    paths = run.jacobian_paths(run.forward(*drawn.args))
    assert [key[2] for key in paths] == ["skip", "update", "candidate", "reset"]
    z = run.forward(*drawn.args).values["z"]
    skip = paths["h_next", "h", "skip"]
    assert np.array_equal(skip, (1 - z)[..., None] * np.eye(3))


@every_cell
def test_a_wrong_gradient_is_caught(cell: Cell, rng: np.random.Generator) -> None:
    """One entry that is off by 0.1 % fails the comparison above."""
    run, drawn = compile(cell), Drawn(cell, rng)
    _, grads = run.gradients(*drawn.args, drawn.up)
    for value in grads.values():
        if np.any(value):
            wrong = value.copy()
            wrong.flat[np.argmax(np.abs(value))] *= 1.001
            assert relative_error(wrong, value) > 1e-11


@every_cell
def test_float32_stays_float32(cell: Cell, rng: np.random.Generator) -> None:
    run, drawn = compile(cell), Drawn(cell, rng, np.float32)
    trajectory, grads = run.gradients(*drawn.args, drawn.up)
    double = Drawn(cell, rng)
    for name in ("params", "inputs", "states", "up"):
        setattr(double, name, {k: v.astype(float) for k, v in getattr(drawn, name).items()})
    double.xs = double.inputs if cell.inputs else T
    reference, truth = run.gradients(*double.args, double.up)
    for name, value in trajectory.values.items():
        assert value.dtype == np.float32, name
        assert relative_error(value, reference.values[name]) < 1e-4, name
    for name, value in grads.items():
        assert value.dtype == np.float32, name
        assert truth[name].dtype == np.float64, name
        assert relative_error(value, truth[name]) < 1e-4, name
    assert run.jacobians(trajectory).dtype == np.float32


@every_cell
def test_one_sequence_is_a_batch_of_one(cell: Cell, rng: np.random.Generator) -> None:
    run, drawn = compile(cell), Drawn(cell, rng)
    whole, grads = run.gradients(*drawn.args, drawn.up)
    summed = dict.fromkeys((f"{v.name}_bar" for v in cell.params), 0.0)
    for k in range(B):
        inputs = {name: array[:, k] for name, array in drawn.inputs.items()} or T
        states = {name: array[k] for name, array in drawn.states.items()}
        up = {name: array[:, k] for name, array in drawn.up.items()}
        single, own = run.gradients(drawn.params, inputs, states, up)
        assert single.hs.shape == whole.hs[:, k].shape
        assert relative_error(single.hs, whole.hs[:, k]) < 1e-13
        for name, value in single.states.items():
            assert relative_error(value, whole.states[name][:, k]) < 1e-13
        for name, value in single.extra.items():
            assert relative_error(value, whole.extra[name][:, k]) < 1e-13
        jacobians = run.jacobians(whole)[:, k]
        assert relative_error(run.jacobians(single), jacobians) < 1e-12
        for v in cell.inputs:
            assert relative_error(own[f"{v.name}_bar"], grads[f"{v.name}_bar"][:, k]) < 1e-12
        for v in cell.states:
            assert relative_error(own[f"{v.name}_bar"], grads[f"{v.name}_bar"][k]) < 1e-12
        summed = {name: total + own[name] for name, total in summed.items()}
    for name, total in summed.items():
        assert relative_error(total, grads[name]) < 1e-12


@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "gru_keep", "gru_reset_after"])
def test_against_backprop_by_hand(name: str, rng: np.random.Generator) -> None:
    hand = importlib.import_module(f"gru_sym.hand.{name}")
    drawn = Drawn(cells.cell(name), rng)
    trajectory, grads = compile(cells.cell(name)).gradients(
        drawn.params, drawn.inputs, drawn.states, drawn.up
    )
    given = (drawn.params, drawn.inputs["x"], *drawn.states.values())
    forward = hand.forward(*given)
    for state, values in trajectory.states.items():
        assert relative_error(values, forward[f"{state}s"]) < 1e-12
    backward = hand.backward(*given, forward, *drawn.up.values())
    assert grads.keys() == backward.keys()
    for key, value in backward.items():
        assert relative_error(grads[key], value) < 1e-12, key


def test_against_a_network_trained_in_pytorch() -> None:
    torch = dict(np.load(DATA / "sunspots_gru_torch.npz"))
    checkpoint = weights.load(SUNSPOTS)
    run = compile(cells.cell(checkpoint.layers[0].cell))
    params = checkpoint.layers[0].forward
    trajectory = run.forward(params, torch["x"], torch["h0"][0])
    assert relative_error(trajectory.hs, torch["hs"]) < 1e-12
    head = checkpoint.head
    assert head is not None
    residual = trajectory.hs @ head["W_y"].T + head["b_y"] - torch["y"]
    assert math.isclose(np.mean(residual**2), torch["loss"], rel_tol=1e-12)
    y_bar = 2 * residual / residual.size
    grads = run.backward(trajectory, y_bar @ head["W_y"])
    rows = y_bar.reshape(-1, 1)
    grads |= {"W_y_bar": rows.T @ trajectory.hs.reshape(len(rows), -1), "b_y_bar": rows.sum(axis=0)}
    for name, value in checkpoint.torch_gradients(grads).items():
        assert relative_error(value, torch[f"grad.{name}"]) < 1e-12, name
    assert relative_error(grads["x_bar"], torch["grad_x"]) < 1e-12
    assert relative_error(grads["h_bar"], torch["grad_h0"][0]) < 1e-12


def test_default_cotangent_is_ones_at_the_last_step(rng: np.random.Generator) -> None:
    run, drawn = compile(cells.lstm), Drawn(cells.lstm, rng)
    trajectory, found = run.gradients(*drawn.args)
    up = np.zeros((T, B, 3))
    up[-1] = 1
    given = run.backward(trajectory, {"h": up, "c": 0})
    plain = run.backward(trajectory, up)
    for name, value in found.items():
        assert np.array_equal(value, given[name])
        assert np.array_equal(value, plain[name])


def test_a_loss_is_an_output_with_its_own_cotangent(rng: np.random.Generator) -> None:
    cell = Cell.parse(TEXTS["a loss"])
    run, drawn = compile(cell), Drawn(cell, rng)
    trajectory = run.forward(*drawn.args)
    assert trajectory.extra["loss"].shape == (T, B)
    number = run.backward(trajectory, {"loss": 0.5})
    array = run.backward(trajectory, {"loss": np.full((T, B), 0.5)})
    for name, value in array.items():
        assert np.array_equal(number[name], value)


def test_the_gradients_of_a_cell_with_a_loss_are_those_of_the_loss(
    rng: np.random.Generator,
) -> None:
    run, drawn = compile(readout(cells.rnn, "mse")), Drawn(readout(cells.rnn, "mse"), rng)
    trajectory, found = run.gradients(*drawn.args)
    for name, value in run.backward(trajectory, {"loss": 1.0}).items():
        assert np.array_equal(found[name], value)
    assert all(np.any(found[name]) for name in ("W_y_bar", "b_y_bar", "y_bar"))
    state = run.backward(trajectory, {"h": 1.0})  # what is given goes before
    assert not np.any(state["W_y_bar"])


@pytest.mark.parametrize("outputs", ["y", "y, length"])
def test_whose_gradients_are_wanted_must_be_said(rng: np.random.Generator, outputs: str) -> None:
    text = "h_next = tanh(U @ h + x)\ny = W @ h_next\nlength = sum(h_next**2)"
    cell = Cell.parse(f"# outputs: {outputs}\n{text}")
    run, drawn = compile(cell), Drawn(cell, rng)
    with pytest.raises(
        DataError, match=rf"outputs? {outputs}, and nothing says of which"
    ) as caught:
        run.gradients(*drawn.args)
    assert "{'y': …}" in caught.value.mend
    assert run.gradients(*drawn.args, {"y": 1.0})[1]["W_bar"].any()
    assert run.gradients(*drawn.args, 1.0)[1]["U_bar"].any()


@built_in
def test_saturation_gives_no_warning(name: str) -> None:
    """Biases of ±800 and more on all gates; warnings are errors in these tests."""
    cell = cells.cell(name)
    run = compile(cell)
    for sign in (1.0, -1.0):
        drawn = Drawn(cell, np.random.default_rng(3))
        biases = {n for n in drawn.params if n.startswith("b")}
        for n in biases:
            drawn.params[n] += sign * 800
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            trajectory, grads = run.gradients(*drawn.args, drawn.up)
            run.jacobians(trajectory)
        assert all(np.isfinite(value).all() for value in grads.values())


def test_long_sequences_need_no_recursion(rng: np.random.Generator) -> None:
    run, drawn = compile(cells.gru), Drawn(cells.gru, rng)
    xs = rng.normal(size=(5000, 1, 2))
    trajectory, grads = run.gradients(drawn.params, xs, 0.1)
    assert trajectory.hs.shape == (5000, 1, 3)
    assert np.isfinite(grads["U_z_bar"]).all()


def test_initial_states_in_every_form(rng: np.random.Generator) -> None:
    run, drawn = compile(cells.gru), Drawn(cells.gru, rng)
    params, x = drawn.params, drawn.inputs["x"]
    zeros = run.forward(params, x).hs
    for h0 in (None, 0, 0.0, np.zeros(3), np.zeros((B, 3)), {"h": None}, {"h": 0}):
        assert np.array_equal(run.forward(params, x, h0).hs, zeros)
    shared = run.forward(params, x, [0.1, 0.2, 0.3]).hs
    assert np.array_equal(shared, run.forward(params, x, np.tile([0.1, 0.2, 0.3], (B, 1))).hs)
    assert run.forward(params, x, 0.25).hs.shape == (T, B, 3)
    grads = run.gradients(params, x, 0.25)[1]
    assert grads["h_bar"].shape == (B, 3)


def test_values_over_time(rng: np.random.Generator) -> None:
    cell = cells.gru3  # its gates are made from biases alone
    run, drawn = compile(cell), Drawn(cell, rng)
    values = run.forward(*drawn.args).values
    assert values["z"].shape == values["h_next"].shape == (T, B, 3)
    assert np.array_equal(values["h"][1:], values["h_next"][:-1])
    assert np.array_equal(values["h"][0], drawn.states["h"])
    assert values["W_h"].shape == (3, 2)


def test_source_reads_and_is_found(rng: np.random.Generator) -> None:
    run = compile(cells.gru)
    for words in ("h_next  = (1 - z) * h + z * h_tilde", "a_z_bar", "rows(a_z_r_bar).T @ rows(x)"):
        assert words in run.source
    assert "def jacobian_paths" in run.jacobian_source
    text = inspect.getsource(run.functions["backward"])
    assert text.startswith("def backward(")
    assert text in run.source
    linecache.checkcache()
    drawn = Drawn(cells.gru, rng)
    del drawn.params["W_z"]
    with pytest.raises(KeyError) as caught:
        run.functions["forward"](drawn.params, drawn.inputs["x"], drawn.states["h"])
    assert 'np.asarray(params["W_z"], dtype)' in "".join(traceback.format_exception(caught.value))


def test_the_source_of_a_class_is_found(torch: ModuleType) -> None:
    run = compile(cells.gru, "torch")
    assert inspect.getsource(run.functions["Gru"]).startswith("class Gru(torch.autograd.Function):")


def test_gradients_are_apart(rng: np.random.Generator) -> None:
    """No gradient lies in the memory of another, or of a cotangent that was given."""
    for text in (
        "# inputs: x(H), y(H)\n# states: h(H)\nh_next = tanh(U @ h) + x + y",
        "# inputs: x(H), y(H)\n# outputs: o\nh_next = tanh(U @ h) + y\no = x",
    ):
        cell = Cell.parse(text)
        xs = {name: rng.normal(size=(4, 2, 3)) for name in "xy"}
        ups = {name: rng.normal(size=(4, 2, 3)) for name in ("h", "o")[: 1 + len(cell.extra)]}
        _, found = compile(cell).gradients({"U": np.eye(3)}, xs, None, ups)
        arrays = [*found.values(), *ups.values()]
        for k, array in enumerate(arrays):
            assert not any(np.shares_memory(array, other) for other in arrays[:k])


@pytest.mark.parametrize("backend", ["mpmath", "numba"])
def test_types_that_a_backend_does_not_take(backend: str, peer: Callable[[str], Any]) -> None:
    if backend == "numba":
        peer("numba")
    run = compile(cells.rnn, backend)
    params = {"W_h": np.ones((3, 2)), "U_h": np.eye(3), "b_h": np.zeros(3)}
    for dtype in (np.longdouble, np.complex128):
        with pytest.raises(DataError, match=f"{backend} takes float32 and float64"):
            run.forward(params, np.ones((2, 1, 2), dtype))


def test_no_steps_and_no_sequences() -> None:
    """``compile`` refuses them; the module of NumPy gives empty arrays, and 0 for parameters."""
    run = compile(cells.gru)
    shapes = {v.name: [{"H": 3, "I": 2}[d] for (d,) in v.shape] for v in cells.gru.params}
    params = {name: np.ones(shape) for name, shape in shapes.items()}
    for steps, batch in ((0, 2), (3, 0)):
        trajectory = run.functions["forward"](
            params, np.ones((steps, batch, 2)), np.ones((batch, 3))
        )
        found = run.functions["backward"](params, trajectory, np.ones((steps, batch, 3)))
        assert found["x_bar"].shape == (steps, batch, 2)
        assert all(found[f"{name}_bar"].shape == a.shape for name, a in params.items())
        assert not any(found[f"{name}_bar"].any() for name in params)


def test_an_error_that_nobody_catches_shows_the_source() -> None:
    run = subprocess.run(
        [
            sys.executable,
            "-c",
            "from gru_sym import cells; from gru_sym.codegen import compile;"
            "compile(cells.gru).functions['forward']({}, [[[1.0]]], None)",
        ],
        capture_output=True,
        text=True,
    )
    assert "    dtype = np.result_type(xs, h0, *params.values(), 0.0)" in run.stderr


def test_compiling_twice_gives_the_same_code() -> None:
    assert compile(cells.lstm).source == compile(cells.lstm).source


def test_unknown_backend() -> None:
    with pytest.raises(UnsupportedError, match="no backend nunpy") as caught:
        compile(cells.gru, backend="nunpy")
    assert "did you mean `numpy`?" in caught.value.mend
    assert all(name in caught.value.mend for name in BACKENDS)


def test_a_name_that_backprop_needs() -> None:
    """The grammar keeps such names to itself, so that nothing generated can clash with them."""
    with pytest.raises(NamingError, match="h_bar_up"):
        Cell.parse("h_next = tanh(W @ x + h * h_bar_up)")


def test_cost_does_not_depend_on_sizes(rng: np.random.Generator) -> None:
    """The code is the same whatever the sizes: it is generated before they are known."""
    run = compile(cells.gru)
    for H, I in ((1, 1), (1, 3), (5, 1)):  # noqa: E741
        shapes = {v.name: [{"H": H, "I": I}[d] for (d,) in v.shape] for v in cells.gru.params}
        params = {name: rng.normal(size=shape) for name, shape in shapes.items()}
        _, grads = run.gradients(params, rng.normal(size=(1, 1, I)), np.ones((1, H)))
        assert {n: list(grads[f"{n}_bar"].shape) for n in params} == shapes
