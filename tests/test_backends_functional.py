"""PyTorch and JAX against NumPy: every value and every gradient, for cells of every kind."""

import ast
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.codegen import compile, module_source
from gru_sym.codegen.backends.functional import camel

T, B = 3, 2

# Each in another way: what the built-in cells do not have.
TEXTS = {
    "no parameters": "h_next = tanh(x + 0.5 * h)",
    "no inputs": "h_next = tanh(U @ h + b)",
    "nothing but a state": "h_next = h * (1 - h)",
    "a constant state": "h_next = 0.5",
    "a state from parameters alone": "h_next = b",
    "a scalar parameter": "# params: c()\nh_next = tanh(c * (W @ x) + h)",
    "matrices from matrices": "M = V.T + 2 * W\nh_next = tanh(M @ h + M.T @ x)",
    "a matrix by blocks": "h_next = tanh([U, W] @ [h, x])",
    "parts of a vector": "v = sigmoid(A @ [h, x])\nh_next = tanh([U, W] @ v) * h",
    "the norm of a matrix": "h_next = tanh(W @ x / sqrt(sum(W * W)) + h)",
    "a mean under a matrix": "h_next = tanh(U @ (h - mean(h)) + W @ (x * mean(h)))",
    "a constant under a matrix": "h_next = tanh(W @ (x * 0 + 1) + sum(W @ x) * h)",
    "a scalar under a matrix": "s = mean(h)\nv = s + 0 * h\nh_next = tanh(U @ v + W @ x)",
    "constants": "h_next = tanh(W @ x) * sigmoid(2) * sqrt(2) + h / 3 + exp(1) / 10**20",
    "softmax": "h_next = softmax(W @ x + U @ h) * softmax(b)",
    "logsumexp": "h_next = tanh(W @ x) * logsumexp(U @ h) + logsumexp(b) * h",
    "all functions": (
        "u = softplus(W @ x) + sin(h) * cos(U @ h) + abs(W @ x) * relu(U @ h)\n"
        "h_next = tanh(u) + log(1 + exp(h)) * step(h) / sqrt(1 + h**2)"
    ),
    "powers": "h_next = (2 + tanh(W @ x)) ** (-3/2) + (1 + h**2) ** (-1) + h ** 3 / 9",
    "two states": "h_next = tanh(W @ x + U @ c)\nc_next = c * sigmoid(h) + V @ h_next",
    "states that change places": "h_next = c\nc_next = h",
    "a state of the step before": "h_next = tanh(W @ x + c)\nc_next = d\nd_next = h * h",
    "a state that is an input": "h_next = x",
    "a fixed state in use": "c_next = b\nh_next = tanh(W @ x + c_next * h + c)",
    "an unused state": "h_next = tanh(W @ x)\nc_next = c * h_next",
    "an unused input": "# inputs: x, y\nh_next = tanh(W @ x + h) + 0 * y",
    "two inputs and a loss": "# inputs: x, y\n# outputs: loss\nh_next = tanh(W @ x + U @ h)\n"
    "loss = mean((V @ h_next - y) ** 2)",
    "an output that is a vector": "# outputs: p, loss\n# inputs: x, y\nh_next = tanh(W @ x + h)\n"
    "p = softmax(V @ h_next + b_y)\nloss = -sum(y * log(p))",
    "outputs of parameters": "# outputs: z, loss\nz = sigmoid(b)\nloss = sum(z * z)\n"
    "h_next = z * h + x",
    "an output that is a matrix": "# params: W(H, I)\n# outputs: M\nM = exp(W)\n"
    "h_next = tanh(M @ x + h)",
    "names of Python and of the code": "torch = tanh(W @ jnp + U @ turn + part)\n"
    "steps = sigmoid(torch) * turn\nturn_next = steps + values * torch",
    "long lines": f"h_next = tanh(W @ x) / ({' + '.join(f'exp(b_{k} * h)' for k in range(9))})",
}  # fmt: skip

libraries = pytest.mark.parametrize("library", ["torch", "jax"])
built_in = pytest.mark.parametrize("name", cells.names())
Peer = Callable[[str], Any]


def relative_error(found: Any, truth: Any) -> float:
    found, truth = np.asarray(found), np.asarray(truth)
    assert found.shape == truth.shape
    size = np.linalg.norm(truth)
    return float(np.linalg.norm(found - truth) / (size or 1))


def drawn(cell: Cell, rng: np.random.Generator, dtype: Any = float) -> tuple[Any, ...]:
    """Random parameters, inputs, initial states and cotangents, at unequal sizes."""
    names = dict.fromkeys(n for v in cell.program.variables for dim in v.shape for n in dim)
    sizes = {name: 3 + 2 * k for k, name in enumerate(names)}

    def arrays(variables: Any, *lead: int) -> dict[str, np.ndarray]:
        return {
            v.name: rng.normal(
                size=(*lead, *(sum(sizes[n] for n in dim) for dim in v.shape))
            ).astype(dtype)
            for v in variables
        }

    xs: Any = arrays(cell.inputs, T, B) or T
    ups = arrays((*cell.states, *cell.extra), T, B)
    return arrays(cell.params), xs, arrays(cell.states, B), ups


def compare(cell: Cell, library: str, rng: np.random.Generator, dtype: Any, bound: float) -> None:
    *args, ups = drawn(cell, rng, dtype)
    path, grads = compile(cell).gradients(*args, ups)
    found, bars = compile(cell, library).gradients(*args, ups)
    assert bars.keys() == grads.keys()
    assert found.values.keys() == path.values.keys()
    for name, value in (*path.values.items(), *grads.items()):
        own = bars[name] if name in grads else found.values[name]
        assert own.dtype == dtype, name
        assert relative_error(own, value) < bound, name
    for name, value in path.extra.items():
        assert relative_error(found.extra[name], value) < bound, name


@libraries
@built_in
def test_built_in_cells(library: str, name: str, peer: Peer, rng: np.random.Generator) -> None:
    peer(library)
    compare(cells.cell(name), library, rng, np.float64, 1e-12)


@pytest.mark.parametrize("name", TEXTS)
def test_texts_in_torch(name: str, peer: Peer, rng: np.random.Generator) -> None:
    peer("torch")
    compare(Cell.parse(TEXTS[name], name=name), "torch", rng, np.float64, 1e-12)


@pytest.mark.slow
@pytest.mark.parametrize("name", TEXTS)
def test_texts_in_jax(name: str, peer: Peer, rng: np.random.Generator) -> None:
    peer("jax")
    compare(Cell.parse(TEXTS[name], name=name), "jax", rng, np.float64, 1e-12)


@libraries
@pytest.mark.parametrize("name", ["gru_layernorm", "minlstm"])
def test_float32_stays_float32(
    library: str, name: str, peer: Peer, rng: np.random.Generator
) -> None:
    peer(library)
    compare(cells.cell(name), library, rng, np.float32, 1e-4)


@libraries
def test_one_step_of_one_sequence(library: str, peer: Peer, rng: np.random.Generator) -> None:
    peer(library)
    cell = Cell.parse(TEXTS["a fixed state in use"])
    params, xs, states, ups = drawn(cell, rng)
    xs = {name: array[:1, :1] for name, array in xs.items()}
    states = {name: array[:1] for name, array in states.items()}
    ups = {name: array[:1, :1] for name, array in ups.items()}
    _, grads = compile(cell).gradients(params, xs, states, ups)
    _, bars = compile(cell, library).gradients(params, xs, states, ups)
    for name, value in grads.items():
        assert relative_error(bars[name], value) < 1e-12, name


@libraries
def test_saturated_gates_keep_their_gradients(
    library: str, peer: Peer, rng: np.random.Generator
) -> None:
    """Where 1 - z and 1 - h_tilde**2 have rounded to 0 the gradients are small, and not zero."""
    peer(library)
    params, xs, states, ups = drawn(cells.gru, rng)
    params |= {"b_z": params["b_z"] + 60, "b_h": params["b_h"] + 25}
    path, grads = compile(cells.gru).gradients(params, xs, states, ups)
    _, bars = compile(cells.gru, library).gradients(params, xs, states, ups)
    assert np.all(path.values["z"] == 1)
    for name, value in grads.items():
        assert np.any(value), name
        assert relative_error(bars[name], value) < 1e-10, name


# -- the text ------------------------------------------------------------------------------------


def function_of(library: str, cell: Cell, name: str) -> ast.FunctionDef:
    body = ast.parse(module_source(cell, library)).body
    (found,) = (n for n in body if isinstance(n, ast.FunctionDef) and n.name == name)
    return found


def turn_of(function: ast.FunctionDef) -> str:
    """The loop, or the function that ``scan`` calls."""
    (found,) = (n for n in function.body if isinstance(n, ast.For | ast.FunctionDef))
    return ast.unparse(found)


@libraries
def test_one_product_for_all_steps_ahead_of_the_loop(library: str) -> None:
    function = function_of(library, cells.gru, "forward")
    assert "a_h_tilde_x = xs @ W_h.T + b_h" in ast.unparse(function)
    assert "W_" not in turn_of(function)
    assert "h_r_t @ U_h.T" in turn_of(function)


@libraries
def test_weight_gradients_are_products_after_the_loop(library: str) -> None:
    function = function_of(library, cells.gru, "backward")
    assert {
        "torch": "U_z_r_bar = rows(a_z_r_bar).T @ rows(h)",
        "jax": "U_z_r_bar = jnp.einsum('tbi,tbj->ij', a_z_r_bar, h)",
    }[library] in ast.unparse(function)
    assert "U_z_r_bar" not in turn_of(function)
    assert "x_bar = a_h_tilde_bar @ W_h + a_z_r_bar @ W_z_r" in ast.unparse(function)


@libraries
@built_in
def test_nothing_is_written_in_place(library: str, name: str) -> None:
    tree = ast.parse(module_source(cells.cell(name), library))
    for function in (n for n in tree.body if isinstance(n, ast.FunctionDef)):
        if function.name in {"forward", "backward", "plain"}:
            for node in ast.walk(function):
                assert not isinstance(node, ast.AugAssign)
                targets = node.targets if isinstance(node, ast.Assign) else []
                assert not any(isinstance(n, ast.Subscript) for t in targets for n in ast.walk(t))


@libraries
def test_plain_is_what_the_user_wrote(library: str) -> None:
    text = ast.unparse(function_of(library, cells.gru, "plain"))
    assert "a_z = x @ W_z.T + h @ U_z.T + b_z" in text
    assert "h_next = (1 - z) * h + z * h_tilde" in text
    assert "_t =" not in text


@libraries
def test_a_loss_is_computed_after_the_loop(library: str) -> None:
    cell = Cell.parse(TEXTS["two inputs and a loss"])
    function = function_of(library, cell, "forward")
    assert "loss" not in turn_of(function)
    assert "V_h_next = h_next @ V.T - ys" in ast.unparse(function)


@libraries
def test_no_loop_where_no_state_is_carried(library: str) -> None:
    for text in ("h_next = 0.5", "h_next = x", "h_next = tanh(W @ x)"):
        function = function_of(library, Cell.parse(text), "forward")
        assert not any(isinstance(n, ast.For | ast.FunctionDef) for n in function.body)


@libraries
@pytest.mark.parametrize("name", TEXTS)
def test_names_are_used_and_lines_are_short(library: str, name: str) -> None:
    source = module_source(Cell.parse(TEXTS[name], name=name), library)
    _, _, code = source.partition('"""\n\n')
    assert max(map(len, code.splitlines())) <= 88
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.FunctionDef):
            names = [n for n in ast.walk(node) if isinstance(n, ast.Name)]
            bound = {n.id for n in names if isinstance(n.ctx, ast.Store)} - {"_"}
            assert bound <= {n.id for n in names if isinstance(n.ctx, ast.Load)}, node.name


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("gru_reset_after", "GruResetAfter"),
        ("my-cell 2", "MyCell2"),
        ("2 states", "Cell2States"),
        ("∂", "Cell"),
        ("any", "AnyCell"),
    ],
)
def test_a_class_is_called_as_the_cell(name: str, expected: str) -> None:
    assert camel(name, ["Any"]) == expected
