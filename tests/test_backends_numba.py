"""The Numba module: it computes what NumPy's computes, in one loop, and refuses what it must."""

import ast
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gru_sym import cells, readout, stack
from gru_sym.cells import Cell
from gru_sym.codegen import compile
from gru_sym.codegen.backends.interface import interface
from gru_sym.codegen.backends.naming import Namer
from gru_sym.codegen.backends.table import module_source
from tests.plain_numba import interpreted
from tests.test_compile import Drawn, T, every_cell, relative_error

Run = tuple[dict[str, np.ndarray], dict[str, np.ndarray]]
SATURATED = ("gru", "gru_reset_after", "lstm", "minlstm")


def arguments(cell: Cell, drawn: Drawn) -> tuple[list[Any], list[Any]]:
    """Those of ``forward`` after ``params``, and of ``backward`` after ``trajectory``."""
    face = interface(cell, Namer(cell.program.variables, ()))
    inputs = [drawn.inputs[str(v.name)] for v, _ in face.inputs] or [T]
    states = [drawn.states[str(v.name)] for v, _ in face.states]
    return [*inputs, *states], [drawn.up[str(v.name)] for v in (*cell.states, *cell.extra)]


def run(module: dict[str, Any], cell: Cell, drawn: Drawn) -> Run:
    forward, backward = arguments(cell, drawn)
    trajectory = module["forward"](drawn.params, *forward)
    return trajectory, module["backward"](drawn.params, trajectory, *backward)


def agrees(cell: Cell, found: Run, drawn: Drawn, bound: float) -> None:
    """Raise where a value or a gradient is not that of the NumPy backend."""
    reference = compile(cell)
    trajectory = reference.forward(*drawn.args)
    grads = reference.backward(trajectory, drawn.up)
    values, gradients = found
    assert gradients.keys() == grads.keys()
    for name, value in grads.items():
        assert relative_error(gradients[name], value) < bound, name
    for v in cell.program.variables:
        if v not in cell.params:
            assert relative_error(values[str(v.name)], trajectory.stored[v.name]) < bound, v.name


@every_cell
def test_values_and_gradients(cell: Cell, rng: np.random.Generator) -> None:
    drawn = Drawn(cell, rng)
    found = run(interpreted(module_source(cell, "numba")), cell, drawn)
    agrees(cell, found, drawn, 1e-12)


@every_cell
def test_float32_stays_float32(cell: Cell, rng: np.random.Generator) -> None:
    drawn, module = Drawn(cell, rng, np.float32), interpreted(module_source(cell, "numba"))
    found = run(module, cell, drawn)
    for values in found:
        assert all(value.dtype == np.float32 for value in values.values())
    for name in ("params", "inputs", "states", "up"):
        setattr(drawn, name, {k: v.astype(float) for k, v in getattr(drawn, name).items()})
    _, truth = run(module, cell, drawn)
    for name, value in truth.items():
        assert relative_error(found[1][name], value) < 1e-4, name


@pytest.mark.parametrize(
    "cell",
    [
        stack(cells.lstm, cells.gru),
        stack(cells.gru_reset_after, cells.gru_reset_after, cells.rnn),
        readout(stack(cells.gru, cells.lstm), loss="mse"),
        readout(cells.gru_layernorm, loss="cross_entropy"),
    ],
    ids=["two layers", "three layers", "two layers and a loss", "a softmax"],
)
def test_networks(cell: Cell, rng: np.random.Generator) -> None:
    drawn = Drawn(cell, rng)
    agrees(cell, run(interpreted(module_source(cell, "numba")), cell, drawn), drawn, 1e-12)


NAMES = """
# params: c(), at(), results(H), work(H), b(H)
# outputs: values
rows = tanh(W @ x + product @ h + results)
flat = sigmoid(rows) * work + names * at
array = softmax(copy @ flat + b)
view = exp(b) + c * total
values = sum(view * room)
h_next = array * j + flat * count + logsumexp_a * found
"""


def test_names_that_the_code_uses_itself(rng: np.random.Generator) -> None:
    cell = Cell.parse(NAMES)
    drawn = Drawn(cell, rng)
    agrees(cell, run(interpreted(module_source(cell, "numba")), cell, drawn), drawn, 1e-12)


@pytest.mark.parametrize("steps", [0, 1])
def test_few_steps(steps: int, rng: np.random.Generator) -> None:
    cell = cells.gru
    drawn, module = Drawn(cell, rng), interpreted(module_source(cell, "numba"))
    xs, up = drawn.inputs["x"][:steps], drawn.up["h"][:steps]
    trajectory = module["forward"](drawn.params, xs, drawn.states["h"])
    gradients = module["backward"](drawn.params, trajectory, up)
    assert gradients["x_bar"].shape == xs.shape
    if not steps:
        assert not any(value.any() for value in gradients.values())


@pytest.mark.parametrize("name", SATURATED)
@pytest.mark.parametrize("bias", [-1000.0, -40.0, 40.0, 1000.0])
def test_saturated_gates(name: str, bias: float, rng: np.random.Generator) -> None:
    """No overflow, no cancellation: what is tiny is right relative to itself."""
    cell = cells.cell(name)
    drawn = Drawn(cell, rng)
    for b in [n for n in drawn.params if n.startswith("b_")]:
        drawn.params[b] += bias
    values, gradients = run(interpreted(module_source(cell, "numba")), cell, drawn)
    assert all(np.isfinite(a).all() for a in (*values.values(), *gradients.values()))
    if abs(bias) < 100:
        agrees(cell, (values, gradients), drawn, 1e-11)


def test_what_is_refused(rng: np.random.Generator) -> None:
    drawn, module = Drawn(cells.gru, rng), interpreted(module_source(cells.gru, "numba"))
    x, h = drawn.inputs["x"], drawn.states["h"]
    with pytest.raises(TypeError, match="float64 or float32, not complex128"):
        module["forward"](drawn.params, x + 0j, h)
    with pytest.raises(ValueError, match=r"has the shape \(2, 3\), not \(3, 3\)"):
        module["forward"](drawn.params | {"U_z": drawn.params["U_z"][:2]}, x, h)
    trajectory = module["forward"](drawn.params, x, h)
    with pytest.raises(ValueError, match="has the shape"):
        module["backward"](drawn.params, trajectory, drawn.up["h"][:, :1])


def test_arrays_of_every_layout(rng: np.random.Generator) -> None:
    drawn, module = Drawn(cells.gru, rng), interpreted(module_source(cells.gru, "numba"))
    plain = run(module, cells.gru, drawn)
    for name, value in drawn.params.items():
        drawn.params[name] = np.asfortranarray(value)
    drawn.inputs["x"] = np.repeat(drawn.inputs["x"], 2, axis=1)[:, ::2]
    drawn.states["h"].flags.writeable = False
    drawn.up["h"] = np.ascontiguousarray(drawn.up["h"].T).T
    for found, value in zip(run(module, cells.gru, drawn), plain, strict=True):
        assert all(np.array_equal(found[name], value[name]) for name in value)


def functions(source: str) -> dict[str, str]:
    return {
        n.name: ast.unparse(n) for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)
    }


@pytest.mark.parametrize("name", ["gru_reset_after", "lstm", "rnn", "ugrnn"])
def test_a_step_is_a_product_and_a_function_of_each_row(name: str) -> None:
    own = functions(module_source(cells.cell(name), "numba"))
    assert {n for n in own if re.match("(for|back)ward_(row|all|once)", n)} == {
        "forward_row",
        "backward_row",
    }
    for loop in (own["forward_loop"], own["backward_loop"]):
        step = loop.partition("for t in")[2].partition("\n    product")[0]
        assert len(re.findall(r"\b(?:add_)?product\(", step)) == 1


def test_backward_only_multiplies_and_adds() -> None:
    for name in ("gru", "gru_reset_after", "lstm"):
        own = functions(module_source(cells.cell(name), "numba"))
        rows = [ast.parse(text) for n, text in own.items() if n.startswith("backward_row")]
        calls = [n.func for tree in rows for n in ast.walk(tree) if isinstance(n, ast.Call)]
        assert {f.id for f in calls if isinstance(f, ast.Name)} == {"noalias", "range"}


def test_each_exponential_is_computed_once() -> None:
    own = functions(module_source(cells.gru_reset_after, "numba"))
    row = own["forward_row"]
    assert [row.count(f"{f}(") for f in ("sigmoid_pair", "tanh_pair", "exp")] == [2, 1, 0]


def test_nothing_is_copied_in_vain() -> None:
    source = module_source(Cell.parse("h_next = h * (1 - h)"), "numba")
    own = {*functions(source)}
    assert not own & {"product", "kernel", "sigmoid_pair", "exp_parts", "softmax", "total"}
    assert "get_host_cpu_features" not in source


# -- compiled ----------------------------------------------------------------------------------


@pytest.fixture
def numba(
    peer: Callable[[str], ModuleType], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> ModuleType:
    monkeypatch.setenv("NUMBA_CACHE_DIR", str(tmp_path / "cache"))
    return peer("numba")


def imported(source: str, path: Path) -> dict[str, Any]:
    path.write_text(source, encoding="utf-8")
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules[path.stem] = module
    spec.loader.exec_module(module)
    return vars(module)


EVERYTHING = """
# outputs: loss
# inputs: x, y
u = softplus(W @ x) + sin(h) * cos(U @ h) + abs(W @ x) * relu(U @ h)
v = softmax(U @ tanh(u)) * logsumexp(h) + log(1 + exp(h)) * step(h) / sqrt(1 + h**2)
m = u - mean(u)
h_next = tanh(m / sqrt(mean(m**2) + 1/100)) + v * sigmoid(b)
loss = mean((V @ [h_next, x] - y) ** 2)
"""


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_compiled(dtype: Any, numba: ModuleType, tmp_path: Path, rng: np.random.Generator) -> None:
    for name, cell in {"gru": cells.gru, "everything": Cell.parse(EVERYTHING)}.items():
        drawn = Drawn(cell, rng, dtype)
        source = module_source(cell, "numba")
        found = run(imported(source, tmp_path / f"compiled_{name}.py"), cell, drawn)
        for values, expected in zip(found, run(interpreted(source), cell, drawn), strict=True):
            assert values.keys() == expected.keys()
            for key, value in expected.items():
                assert values[key].dtype == dtype
                bound = 1e-12 if dtype is np.float64 else 1e-4
                assert relative_error(values[key], value) < bound, (name, key)


@pytest.mark.slow
def test_larger_sizes(numba: ModuleType, tmp_path: Path, rng: np.random.Generator) -> None:
    """Where the blocks of a product are full, and where they are not."""
    cell = cells.gru_reset_after
    source = module_source(cell, "numba")
    module = imported(source, tmp_path / "compiled_larger.py")
    for H, I, B in ((8, 8, 1), (64, 32, 9), (37, 300, 17)):  # noqa: E741
        sizes = {"H": H, "I": I}
        params = {
            str(v.name): rng.normal(size=[sizes[d] for (d,) in v.shape]) / H for v in cell.params
        }
        xs, h0, up = (rng.normal(size=s) for s in ((5, B, I), (B, H), (5, B, H)))
        trajectory = module["forward"](params, xs, h0)
        found = module["backward"](params, trajectory, up)
        expected = compile(cell)
        reference = expected.forward(params, xs, h0)
        for name, value in expected.backward(reference, up).items():
            assert relative_error(found[name], value) < 1e-12, (H, I, B, name)


@pytest.mark.slow
def test_what_was_compiled_is_found_again(numba: ModuleType, tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(module_source(Cell.parse("h_next = tanh(U @ h)"), "numba"), encoding="utf-8")
    script = (
        "import numpy as np, module\n"
        "params, h0 = {'U': np.eye(3)}, np.ones((2, 3))\n"
        "module.backward(params, module.forward(params, 4, h0), np.ones((4, 2, 3)))\n"
        "loops = module.forward_loop, module.backward_loop\n"
        "print([len(loop.stats.cache_hits) for loop in loops])\n"
    )
    env = {name: value for name, value in os.environ.items() if name != "NUMBA_CACHE_DIR"}
    hits = [
        subprocess.run(
            [sys.executable, "-c", script],
            cwd=tmp_path, capture_output=True, encoding="utf-8", check=True, env=env,
        ).stdout.strip()
        for _ in range(2)
    ]  # fmt: skip
    assert hits == ["[0, 0]", "[1, 1]"]
