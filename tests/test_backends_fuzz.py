"""Random cells: the generated code of all backends against the meaning of their equations."""

import re
import subprocess
import sys
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from random import Random
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, assume, given, settings
from hypothesis import strategies as st

from gru_sym.cells import Cell
from gru_sym.codegen import compile as compiled
from gru_sym.codegen.backends.table import BACKENDS, module_source
from gru_sym.codegen.plan import plan
from gru_sym.errors import TextError
from tests.plain_numba import interpreted
from tests.random_cells import random_text
from tests.reference import Arrays, Case, assert_close, case_of, cell_of, parsed, reasonable
from tests.scans import both, holds

seeds = st.integers(0, 2**40)


def from_module(case: Case, backend: str, dtype: Any) -> tuple[Arrays, Arrays]:
    """Values and gradients, by the functions of a generated module."""

    def typed(arrays: Arrays) -> Arrays:
        return {name: array.astype(dtype) for name, array in arrays.items()}

    source = module_source(case.cell, backend)
    module: dict[str, Any] = {"__name__": "generated"}
    if backend == "numba":
        module = interpreted(source)
    else:
        exec(compile(source, "<generated>", "exec"), module)
    params, ups = typed(case.params), typed(case.ups).values()
    inputs = typed(case.inputs).values() if case.inputs else case.lead[:1]
    forward = module["forward"](params, *inputs, *typed(case.states).values())
    kept = {name: np.array(array) for name, array in forward.items()}
    found = module["backward"](params, forward, *ups)
    for name, array in forward.items():
        assert np.array_equal(array, kept[name]), f"backward has written to {name}"
    for name, array in (*forward.items(), *found.items()):
        assert array.dtype == dtype, name
    return forward, found


def from_compile(case: Case, backend: str) -> tuple[Arrays, Arrays]:
    """Values and gradients, by ``compile``, in double precision."""
    run = compiled(case.cell, backend)
    inputs = case.inputs or case.lead[0]
    trajectory, found = run.gradients(case.params, inputs, case.states, case.ups)

    def floats(arrays: Mapping[str, Any]) -> Arrays:
        lists = {name: array.tolist() for name, array in arrays.items()}
        return {n: np.array(v, float).reshape(arrays[n].shape) for n, v in lists.items()}

    return floats(trajectory.values), floats(found)


def compare(case: Case, bound: float, backend: str = "numpy", dtype: Any = float) -> None:
    """Run the generated code; raise where a value or a gradient is wrong."""
    values, grads = case.reference()
    if backend in ("numpy", "numba"):
        forward, found = from_module(case, backend, dtype)
    else:
        forward, found = from_compile(case, backend)
    for v in case.cell.program.variables:
        if v not in case.cell.params:
            value, right = forward[v.name], values[v.name]
            if v not in case.cell.varying:
                right = right[0, 0]
            elif not v.shape and value.ndim == 3:
                right = right[..., np.newaxis]
            right = np.broadcast_to(right, value.shape)
            assert_close(str(v.name), value, right, bound, np.sqrt(right.size))
    assert found.keys() == grads.keys()
    largest = max(np.linalg.norm(array) for array in grads.values())
    for name, array in grads.items():
        assert_close(name, found[name], array, bound, largest)


# -- tests -------------------------------------------------------------------------------------

LONG = "_with_a_name_as_long_as_no_name_should_be"
DIFFERENT = (3, 4, 5, 6, 7, 1, 8)
PACKAGES = {"torch": "torch", "jax": "jax", "arb": "flint"}
"""What a backend needs here; of Numba, the modules are run as plain Python."""


def fuzz(examples: int) -> settings:
    return settings(max_examples=examples, suppress_health_check=list(HealthCheck))


@fuzz(100)
@given(seeds)
def test_gradients(seed: int) -> None:
    """Sizes that are all different."""
    case = case_of(cell_of(seed), seed, DIFFERENT, (3, 2))
    assume(reasonable(case))
    compare(case, 1e-9)


@pytest.mark.parametrize("backend", ["numba", "torch", "mpmath", "arb"])
@fuzz(60)
@given(seeds)
def test_other_backends(backend: str, peer: Callable[[str], ModuleType], seed: int) -> None:
    if backend in PACKAGES:
        peer(PACKAGES[backend])
    case = case_of(cell_of(seed), seed, DIFFERENT, (3, 2))
    assume(reasonable(case))
    compare(case, 1e-9, backend)


@pytest.mark.parametrize("backend", ["numpy", "numba", "torch", "mpmath", "arb"])
@fuzz(20)
@given(seeds)
def test_long_names(backend: str, peer: Callable[[str], ModuleType], seed: int) -> None:
    """Lines that are broken, and names that are cut, where they must not meet."""
    if backend in PACKAGES:
        peer(PACKAGES[backend])
    cell = cell_of(seed)
    names = {str(v.name) for v in cell.program.variables} - {"h", "h_next", "x"}

    def longer(m: re.Match[str]) -> str:
        if m[0] not in names:
            return m[0]
        name = m[0].removesuffix("_next")
        return f"{name}{LONG}{m[0].removeprefix(name)}"

    case = case_of(parsed(re.sub(r"\w+", longer, cell.text)), seed, DIFFERENT, (3, 2))
    assume(reasonable(case))
    compare(case, 1e-9, backend)


@fuzz(5)
@given(seeds)
def test_jax(peer: Callable[[str], ModuleType], seed: int) -> None:
    """A few: each is compiled, which takes seconds."""
    peer("jax")
    case = case_of(cell_of(seed), seed, DIFFERENT, (3, 2))
    assume(reasonable(case))
    compare(case, 1e-9, "jax")


@pytest.mark.parametrize(
    ("lengths", "lead"),
    [((1,), (3, 2)), ((2,), (1, 3)), ((3, 2, 4, 5), (4, 1)), ((2, 1, 3), (1, 1))],
    ids=["sizes of one", "one step", "one sequence", "one step of one sequence"],
)
@fuzz(20)
@given(seeds)
def test_small_shapes(lengths: tuple[int, ...], lead: tuple[int, int], seed: int) -> None:
    case = case_of(cell_of(seed), seed, lengths, lead)
    assume(reasonable(case))
    compare(case, 1e-9)


@fuzz(30)
@given(seeds)
def test_single_precision(seed: int) -> None:
    case = case_of(cell_of(seed), seed, DIFFERENT, (3, 2))
    rounded = [
        {name: array.astype(np.float32).astype(float) for name, array in arrays.items()}
        for arrays in (case.params, case.inputs, case.states, case.ups)
    ]
    case = Case(case.cell, case.sizes, *rounded)
    assume(reasonable(case))
    compare(case, 1e-3, dtype=np.float32)


@fuzz(25)
@given(seeds)
def test_passes_are_proved_on_random_cells(seed: int) -> None:
    """For all sizes, each pass of the backend after those before it."""
    scans = both(plan(cell_of(seed)))
    for apply in BACKENDS["numpy"].passes:
        after = tuple(map(apply, scans))
        for old, new in zip(scans, after, strict=True):
            holds(old, new)
        scans = after


REAL = {
    "z": "update_gate",
    "r": "reset_gate_of_layer_two",
    "f": "forget_gate_of_layer_two",
    "h": "context_vector",
    "c": "memory_of_the_cell",
    "x": "observation",
}
"""Names as long as people make them."""


@pytest.mark.parametrize("names", [{}, REAL], ids=["short", "long"])
def test_ruff_leaves_the_modules_as_they_are(names: dict[str, str], tmp_path: Path) -> None:
    pattern = re.compile(rf"\b({'|'.join(REAL)})(_next)?\b")
    for seed in range(25):
        text = random_text(Random(seed))
        with suppress(TextError):  # shapes that contradict each other
            cell = Cell.parse(pattern.sub(lambda m: names.get(m[1], m[1]) + (m[2] or ""), text))
            for backend in BACKENDS:
                path = tmp_path / f"cell_{seed}_{backend}.py"
                path.write_text(module_source(cell, backend), encoding="utf-8")
    assert len(list(tmp_path.iterdir())) > 20 * len(BACKENDS)
    for command in (("check", "--quiet"), ("format", "--diff", "--quiet")):
        line = [sys.executable, "-m", "ruff", *command, "--isolated", "--no-cache", str(tmp_path)]
        run = subprocess.run(line, capture_output=True, encoding="utf-8", check=False)
        assert run.returncode == 0, run.stdout


# -- cells that once failed --------------------------------------------------------------------

FAILED = {
    "a constant that is a number of Python": "q = sqrt(2)\nk = abs(q)\nh_next = q * h + k * x",
    "brackets that group, taken for a tuple": (
        "# params: k_1(), k_2(), b_3(H), W(H, H), U(H, H)\n# states: h(H), c(H)\nh_next = W @ b_3\n"
        "o = ((k_1 * h_next) / (1 + (b_3 + h_next)**2)) * softplus(k_2) / (1 + (b_3 - h_next)**2)\n"
        "c_next = tanh(U @ c + o)"
    ),
    "one over an integer": (
        "# outputs: loss\nz = sigmoid(W @ h)\nh_next = tanh(U @ h)\nloss = sum(z) - mean(z)"
    ),
    "one value added to two products": (
        "# states: h(H), c(H)\nh_next = tanh(W @ x + U @ h)\nc_next = tanh(W @ x + U @ h)"
    ),
    "the logarithm of a complement": "z = sigmoid(W @ x + U @ h)\nh_next = log(1 - z) * h",
    "rows of a matrix, and columns of these": (
        "# params: W_0(H, H), W_2(H, H), W_3(H, H), W_4(H, H), W_6(H, H), W_8(H, H)\n"
        "# states: h(H)\nm_next = h\nz = (0.5 * W_2 + W_6) @ ([W_3, W_8] @ q * (c * m_next))\n"
        "h_next = [W_4, W_3.T] @ q + W_0 @ (W_6 @ z)"
    ),
    "two states with one cotangent": (
        "# params: W(H, H), V(H, H), b(H)\n# states: h(H), c(H)\nh_next = tanh(W @ c + W @ h)\n"
        "c_next = b - V @ h_next"
    ),
    "states that change places": "c_next = h\nh_next = c",
    "a product that two lines define": (
        "# states: h(H)\n# outputs: h0\nh_next = h\nq = W_2 @ h\nh0 = W_4 @ q\n"
        "u = W_5 @ q\ng = W_4 @ q"
    ),
    "gates added to parts of what is known ahead": (
        "q = sin(softplus(W_1 @ x) + U_1 @ h)\np = cos(softplus(W_2 @ x) + U_2 @ h)\n"
        "z = sigmoid(sin(W_3 @ x) + h * p)\nr = sigmoid(cos(W_4 @ x) + h * q)\n"
        "h_next = z * q + p * r"
    ),
    "parts of what is known ahead, in whose place a gate and more is written": (
        "q = abs(W @ x) + h\nr = tanh(h * h + b)\ng = sigmoid(q * h + abs(V @ x))\n"
        "h_next = (1 - g) * r + g * tanh(softplus(U @ x) + q * g)"
    ),
    "a part of a matrix, in a product that the state does not wait for": (
        "# params: W_1(N, H), W_2(N, N), b_3(N), W_7(H, H)\n# states: h(H)\n"
        "q = [W_1, W_2] @ [h, b_3]\nh_next = h\nu = W_7 @ h"
    ),
    "a part of a matrix, read too early": (
        "# params: W_5(I, H), W_8(H, I), W_9(I, I), W_14(H, H), W_15(H, I)\n# inputs: x(I)\n"
        "# states: h(H)\n# outputs: o\nu = W_9 @ s + W_5 @ h\nh_next = h\n"
        "o = sigmoid(W_14 @ r + [W_8, W_15] @ [x, s])"
    ),
    "a size that only an input has": "# inputs: x(I)\ng = x * x\nh_next = tanh(U @ h) * mean(g)",
    "a size that only a parameter has, which cancels": (
        "# params: W(H, H), b(N)\nq = b - b\nh_next = tanh(W @ h)"
    ),
    "the cotangent of an input, also summed": "h_next = tanh(W @ x + W @ b)",
    "long names": (
        "gate_that_decides_how_much_of_the_old_state_is_kept = sigmoid(W @ x +"
        " recurrent_weights_of_the_keep_gate @ h)\n"
        "h_next = gate_that_decides_how_much_of_the_old_state_is_kept * h +"
        " (1 - gate_that_decides_how_much_of_the_old_state_is_kept) * tanh(V @ x)"
    ),
    "a sum too long for an item of a list": (
        "# params: W_3(H, K), W_4(K, H), W_5(K, H), b_6(H), b_2(H)\n# states: h(H), c(H)\n"
        "h_next = h - h * (1 - tanh(h)**2) - b_2 * (1 - sigmoid(h))\n"
        "c_next = W_3 @ ([W_4, W_5] @ [b_6, b_2])"
    ),
}


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("text", FAILED.values(), ids=FAILED)
def test_cells_that_once_failed(text: str, backend: str, peer: Callable[[str], ModuleType]) -> None:
    if backend in PACKAGES:
        peer(PACKAGES[backend])
    compare(case_of(Cell.parse(text), 5, (3, 4, 5, 6), (3, 2)), 1e-10, backend)


NAMES = ("argument", "bar", "difference", "error", "gradient", "key", "los", "value")


@pytest.mark.parametrize("backend", BACKENDS)
def test_inputs_called_as_the_checks_call_theirs(
    backend: str, peer: Callable[[str], ModuleType]
) -> None:
    if backend in PACKAGES:
        peer(PACKAGES[backend])
    inputs = ", ".join(f"{name}(I)" for name in NAMES)
    total = " + ".join(f"W_{k} @ {name}" for k, name in enumerate(NAMES))
    cell = Cell.parse(f"# inputs: {inputs}\n# states: h(H)\nh_next = tanh({total} + U @ h)")
    source = module_source(cell, backend)
    module: dict[str, Any] = {"__name__": "generated"}
    if backend == "numba":
        module = interpreted(source)
    else:
        exec(compile(source, "<generated>", "exec"), module)
    module["check"]()


def test_another_cell_is_seen() -> None:
    """The module of one cell, held against another that differs by a ten millionth."""
    case = case_of(Cell.parse("h_next = tanh(W @ x + U @ h + b)"), 1, (3, 4), (3, 2))
    compare(case, 1e-12)
    other = replace(case, cell=Cell.parse("h_next = tanh(W @ x + U @ h + 1.0000001 * b)"))
    for mine, wrong in zip(case.reference(), other.reference(), strict=True):
        for name in {"h_next", "b_bar", "h_bar"} & mine.keys():
            with pytest.raises(AssertionError, match=name):
                assert_close(name, mine[name], wrong[name], 1e-9, np.linalg.norm(wrong[name]))
