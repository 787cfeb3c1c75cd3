"""The JAX module: its custom_vjp has our gradients, can be jitted, and keeps its precision."""

import ast
from collections.abc import Callable, Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.codegen import compile, module_source
from gru_sym.codegen.backends.jax import native, precision

LOSS = Cell.parse(
    "# inputs: x, y\n# outputs: loss\nh_next = tanh(W @ x + U @ h)\n"
    "c_next = h * c\nloss = mean((V @ h_next - y) ** 2)",
    name="a loss",
)


@pytest.fixture
def jax(peer: Callable[[str], ModuleType]) -> Iterator[Any]:
    """JAX, whose precision is afterwards what it was before."""
    library = peer("jax")
    before = library.config.jax_enable_x64
    yield library
    library.config.update("jax_enable_x64", before)


def drawn(rng: np.random.Generator, dtype: Any) -> tuple[Any, ...]:
    shapes = {"W": (3, 2), "U": (3, 3), "b": (3,)}
    params = {v.name: rng.normal(size=shapes[v.name[0]]).astype(dtype) for v in cells.gru.params}
    arrays = (rng.normal(size=size).astype(dtype) for size in ((4, 2, 2), (2, 3), (4, 2, 3)))
    return params, *arrays


def test_the_module_checks_itself(jax: Any, capsys: pytest.CaptureFixture[str]) -> None:
    cell = cells.gru_nobias
    compile(cell, "jax").functions["check"]()
    count = len(cell.params) + len(cell.inputs) + len(cell.states)
    assert capsys.readouterr().out.count("relative error") == count


@pytest.mark.parametrize(
    ("old", "new"),
    [
        pytest.param("a_z_r_bar, h)", "a_z_r_bar, h) * 1.0001", marks=pytest.mark.slow),
        ('gradients["h_bar"],', 'gradients["h_bar"] * (1 + 1e-10),'),  # of custom_vjp alone
    ],
)
def test_wrong_gradients_are_found(old: str, new: str, jax: Any) -> None:
    source = module_source(cells.gru, "jax")
    assert old in source
    namespace: dict[str, Any] = {"__name__": "generated"}
    exec(source.replace(old, new), namespace)
    with pytest.raises(AssertionError, match="is wrong"):
        namespace["check"]()


def test_importing_the_module_changes_nothing(jax: Any) -> None:
    jax.config.update("jax_enable_x64", False)
    compile(cells.gru, "jax")
    assert not jax.config.jax_enable_x64


def test_run_is_jitted_and_differentiated(jax: Any, rng: np.random.Generator) -> None:
    params, xs, h0, target = drawn(rng, np.float32)
    made = compile(cells.gru, "jax").functions

    def loss_of(function: Any) -> Any:
        return lambda params, xs, h0: ((function(params, xs, h0) - target) ** 2).mean()

    found, truth = (
        jax.jit(jax.value_and_grad(loss_of(made[name]), argnums=(0, 1, 2)))(params, xs, h0)
        for name in ("run", "plain")
    )
    leaves, expected = jax.tree.leaves(found), jax.tree.leaves(truth)
    assert len(leaves) == len(expected) == 1 + len(params) + 2
    for leaf, value in zip(leaves, expected, strict=True):
        assert leaf.dtype == np.float32
        assert np.linalg.norm(leaf - value) < 1e-5 * np.linalg.norm(value)


@pytest.mark.slow
def test_a_batch_of_cells(jax: Any, rng: np.random.Generator) -> None:
    """``vmap`` over parameters, through our gradients."""
    params, xs, h0, _ = drawn(rng, np.float32)
    several = {name: np.stack([value, 2 * value]) for name, value in params.items()}
    run = compile(cells.gru, "jax").functions["run"]
    gradient = jax.grad(lambda params: run(params, xs, h0).sum())
    both, first = jax.vmap(gradient)(several), gradient(params)
    for name, value in first.items():
        assert np.linalg.norm(both[name][0] - value) < 1e-5 * np.linalg.norm(value), name


def test_several_outputs(jax: Any, rng: np.random.Generator) -> None:
    made = compile(LOSS, "jax").functions
    shapes = {"W": (3, 2), "U": (3, 3), "V": (5, 3)}
    params = {n: rng.normal(size=s).astype(np.float32) for n, s in shapes.items()}
    xs, ys = (rng.normal(size=(4, 2, n)).astype(np.float32) for n in (2, 5))
    ones = np.ones((2, 3), np.float32)
    hs, cs, losses = made["run"](params, xs, ys, ones, ones)
    assert hs.shape == cs.shape == (4, 2, 3)
    assert losses.shape == (4, 2)
    grads = jax.grad(lambda p: made["run"](p, xs, ys, ones, ones)[2].mean())(params)
    assert grads["V"].shape == (5, 3)
    assert all(grad.dtype == np.float32 for grad in grads.values())


def test_a_number_of_steps(jax: Any) -> None:
    made = compile(Cell.parse("h_next = tanh(U @ h)"), "jax").functions
    params, h0 = {"U": np.eye(3, dtype=np.float32)}, np.ones((2, 3), np.float32)
    assert made["run"](params, 5, h0).shape == (5, 2, 3)
    grads = jax.grad(lambda h: made["run"](params, 5, h).sum())(h0)
    assert grads.shape == (2, 3)


def test_double_precision_is_asked_for(jax: Any) -> None:
    jax.config.update("jax_enable_x64", False)
    for dtype in (np.float32, np.float64):
        with precision(np.dtype(dtype)):
            assert native(np.ones(3, dtype)).dtype == dtype
    assert not jax.config.jax_enable_x64


def test_the_text_needs_no_jax() -> None:
    body = ast.parse(module_source(LOSS, "jax")).body
    names = [n.name for n in body if isinstance(n, ast.FunctionDef)]
    assert names == [
        "tanh_slope", "forward", "backward", "run", "_run_forward", "_run_backward", "plain",
        "check",
    ]  # fmt: skip
