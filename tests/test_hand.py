"""The hand-derived gradients, against complex-step differentiation and PyTorch's autograd."""

import ast
import importlib.util
import itertools
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

import gru_sym.hand
from gru_sym.hand import gru, gru_reset_after

Array = NDArray[Any]
Case = tuple[dict[str, Array], Array, Array, Array]

# All sizes differ, h0 is not 0 and T is at least 3: otherwise a wrong reset path can hide.
T, B, H, I = 4, 3, 5, 2  # noqa: E741
TOLERANCE = 1e-12

PARAMS = {
    "W_z": (H, I), "W_r": (H, I), "W_h": (H, I),
    "U_z": (H, H), "U_r": (H, H), "U_h": (H, H),
    "b_z": (H,), "b_r": (H,), "b_h": (H,),
}  # fmt: skip
SHAPES = {gru: PARAMS, gru_reset_after: PARAMS | {"b_hn": (H,)}}

each_cell = pytest.mark.parametrize(
    "cell", [pytest.param(m, id=m.__name__.rpartition(".")[2]) for m in SHAPES]
)


def draw(cell: ModuleType, rng: np.random.Generator, dtype: Any = np.float64) -> Case:
    """Parameters, inputs, initial states and cotangents of the states, at random."""
    params = {name: rng.normal(size=s).astype(dtype) for name, s in SHAPES[cell].items()}
    xs, h0, hs_bar = (rng.normal(size=s).astype(dtype) for s in ((T, B, I), (B, H), (T, B, H)))
    return params, xs, h0, hs_bar


def source_of(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text(encoding="utf-8")


def by_hand(cell: ModuleType, case: Case) -> dict[str, Array]:
    params, xs, h0, hs_bar = case
    bars: dict[str, Array] = cell.backward(params, xs, h0, cell.forward(params, xs, h0), hs_bar)
    return bars


def by_complex_step(cell: ModuleType, case: Case, step: float = 1e-200) -> dict[str, Array]:
    """∂L/∂v of L = Σ hs_bar ⊙ hs, one entry at a time, as Im L(v + i step) / step."""
    params, xs, h0, hs_bar = case
    point = {**params, "x": xs, "h": h0}

    def derivative(name: str, index: tuple[int, ...]) -> float:
        moved = point | {name: point[name].astype(np.complex128)}
        moved[name][index] += 1j * step
        hs = cell.forward({p: moved[p] for p in params}, moved["x"], moved["h"])["hs"]
        return float(np.sum(hs_bar * (hs.imag / step)))

    return {
        f"{name}_bar": np.array(
            [derivative(name, index) for index in np.ndindex(value.shape)]
        ).reshape(value.shape)
        for name, value in point.items()
    }


def assert_same(found: dict[str, Array], wanted: dict[str, Array], tolerance: float) -> None:
    """Compare tensor by tensor, by the relative error ‖found - wanted‖ / ‖wanted‖."""
    assert found.keys() == wanted.keys()
    for name, want in wanted.items():
        assert found[name].shape == want.shape, name
        scale = np.linalg.norm(want)
        assert scale > 0, name
        error = np.linalg.norm(found[name] - want) / scale
        assert error < tolerance, f"{name}: relative error {error:.1e}"


@each_cell
def test_gradients_agree_with_complex_step(cell: ModuleType, rng: np.random.Generator) -> None:
    case = draw(cell, rng)
    assert_same(by_hand(cell, case), by_complex_step(cell, case), TOLERANCE)


@each_cell
def test_a_gradient_off_by_a_thousandth_is_caught(
    cell: ModuleType, rng: np.random.Generator
) -> None:
    case = draw(cell, rng)
    wanted = by_complex_step(cell, case)
    right = by_hand(cell, case)
    for name in right:
        with pytest.raises(AssertionError, match=f"{name}: relative error 1.0e-03"):
            assert_same(right | {name: right[name] * 1.001}, wanted, TOLERANCE)


SLIPS = [
    (gru, "+ r * m_bar", "+ m_bar"),
    (gru, "h_bar * (1 - z) +", "h_bar * z +"),
    (gru, "(1 - h_tilde**2)", "(1 - h_tilde)"),
    (gru, "a_h_bar.T @ (r * h_prev)", "a_h_bar.T @ h_prev"),
    (gru, "a_z_bar @ U_z", "a_z_bar @ U_z.T"),
    (gru, "r_bar = m_bar * h_prev", "r_bar = m_bar"),
    (gru, "h_bar = hs_bar[t] + h_prev_bar", "h_bar = hs_bar[t]"),
    (gru_reset_after, "n_bar = a_h_bar * r", "n_bar = a_h_bar"),
    (gru_reset_after, "(h_prev - h_tilde)", "(h_tilde - h_prev)"),
    (gru_reset_after, "+= n_bar.sum", "+= a_h_bar.sum"),
    (gru_reset_after, "r_bar = a_h_bar * n", "r_bar = a_h_bar * h_prev"),
    (gru_reset_after, "a_r_bar @ U_r + a_z_bar @ U_z", "a_z_bar @ U_z"),
]


@pytest.mark.parametrize(("cell", "right", "wrong"), SLIPS)
def test_a_slip_in_the_derivation_is_caught(
    cell: ModuleType, right: str, wrong: str, rng: np.random.Generator, tmp_path: Path
) -> None:
    code = [line.partition("  #")[0] for line in source_of(cell).splitlines()]
    assert sum(right in line for line in code) == 1, right
    path = tmp_path / "slipped.py"
    path.write_text("\n".join(line.replace(right, wrong) for line in code), encoding="utf-8")
    spec = importlib.util.spec_from_file_location("slipped", path)
    assert spec is not None
    assert spec.loader is not None
    slipped = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(slipped)

    case = draw(cell, rng)
    with pytest.raises(AssertionError, match="relative error"):
        assert_same(by_hand(slipped, case), by_complex_step(cell, case), TOLERANCE)


def test_gru_agrees_with_torch_autograd(torch: Any, rng: np.random.Generator) -> None:
    case = draw(gru, rng)
    params, xs, h0, hs_bar = case
    leaves = {
        name: torch.tensor(value, requires_grad=True)
        for name, value in {**params, "x": xs, "h": h0}.items()
    }
    affine = torch.nn.functional.linear
    h, loss = leaves["h"], torch.tensor(0.0)
    for x, direct in zip(leaves["x"], torch.tensor(hs_bar), strict=True):
        a_z, a_r = (
            affine(x, leaves[f"W_{g}"], leaves[f"b_{g}"]) + affine(h, leaves[f"U_{g}"])
            for g in ("z", "r")
        )
        z, r = torch.sigmoid(a_z), torch.sigmoid(a_r)
        a_h = affine(x, leaves["W_h"], leaves["b_h"]) + affine(r * h, leaves["U_h"])
        h = (1 - z) * h + z * torch.tanh(a_h)
        loss = loss + (direct * h).sum()
    loss.backward()
    wanted = {f"{name}_bar": leaf.grad.numpy() for name, leaf in leaves.items()}
    assert_same(by_hand(gru, case), wanted, TOLERANCE)


def test_gru_reset_after_agrees_with_torch_nn_gru(torch: Any, rng: np.random.Generator) -> None:
    case = draw(gru_reset_after, rng)
    params, xs, h0, hs_bar = case
    # PyTorch stacks the gates r, z, n and has two biases each; for r and z only their sum counts.
    zero = np.zeros(H)
    layer = torch.nn.GRU(I, H, dtype=torch.float64)
    layer.load_state_dict(
        {
            "weight_ih_l0": torch.tensor(np.concatenate([params[f"W_{g}"] for g in "rzh"])),
            "weight_hh_l0": torch.tensor(np.concatenate([params[f"U_{g}"] for g in "rzh"])),
            "bias_ih_l0": torch.tensor(np.concatenate([params[f"b_{g}"] for g in "rzh"])),
            "bias_hh_l0": torch.tensor(np.concatenate([zero, zero, params["b_hn"]])),
        }
    )
    x, h = torch.tensor(xs, requires_grad=True), torch.tensor(h0[None], requires_grad=True)
    hs, _ = layer(x, h)
    hs.backward(torch.tensor(hs_bar))

    trajectory = gru_reset_after.forward(params, xs, h0)
    assert_same({"hs": trajectory["hs"]}, {"hs": hs.detach().numpy()}, TOLERANCE)

    stacked = {name: value.grad.numpy() for name, value in layer.named_parameters()}
    wanted = {"x_bar": x.grad.numpy(), "h_bar": h.grad.numpy()[0]}
    for kind, name in (("W", "weight_ih_l0"), ("U", "weight_hh_l0"), ("b", "bias_ih_l0")):
        for gate, block in zip("rzh", np.split(stacked[name], 3), strict=True):
            wanted[f"{kind}_{gate}_bar"] = block
    wanted["b_hn_bar"] = np.split(stacked["bias_hh_l0"], 3)[2]
    assert_same(by_hand(gru_reset_after, case), wanted, TOLERANCE)


@each_cell
def test_float32_stays_float32(cell: ModuleType, rng: np.random.Generator) -> None:
    case = draw(cell, rng, np.float32)
    params, xs, h0, hs_bar = case
    trajectory = cell.forward(params, xs, h0)
    found = by_hand(cell, case)
    assert {a.dtype for a in (*trajectory.values(), *found.values())} == {np.dtype(np.float32)}

    double = {name: value.astype(np.float64) for name, value in params.items()}
    xs, h0, hs_bar = (a.astype(np.float64) for a in (xs, h0, hs_bar))
    wanted = by_hand(cell, (double, xs, h0, hs_bar))
    assert_same(found, wanted, 1e-5)


@each_cell
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_saturated_gates_give_finite_numbers_without_a_warning(
    cell: ModuleType, dtype: Any, rng: np.random.Generator
) -> None:
    params, xs, h0, hs_bar = draw(cell, rng, dtype)
    far = {name: value * 1e4 for name, value in params.items()}
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        trajectory = cell.forward(far, xs, h0)
        bars = cell.backward(far, xs, h0, trajectory, hs_bar)
    assert {0, 1} <= set(np.unique(trajectory["z"].real))
    assert all(np.isfinite(a).all() for a in (*trajectory.values(), *bars.values()))


@pytest.mark.parametrize("module", [gru_sym.hand, *SHAPES])
def test_hand_imports_nothing_of_ours(module: ModuleType) -> None:
    allowed = {"collections", "typing", "numpy"}
    for node in ast.walk(ast.parse(source_of(module))):
        if isinstance(node, ast.Import):
            assert {alias.name.partition(".")[0] for alias in node.names} <= allowed
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0
            assert node.module is not None
            assert node.module.partition(".")[0] in allowed


LIBRARY = Path(str(gru_sym.hand.__file__)).parents[1] / "cells" / "library"
BUILT_IN = {
    "rnn", "rnn_relu", "lstm", "lstm_peephole", "lstm_coupled", "gru", "gru_concat", "gru_nobias",
    "gru_keep", "gru_reset_after", "gru1", "gru2", "gru3", "mgu", "mut1", "mut2", "mut3", "ligru",
    "ugrnn", "janet", "mingru", "minlstm", "fastgrnn", "gru_layernorm",
}  # fmt: skip


def test_the_library_holds_the_built_in_cells() -> None:
    assert {path.stem for path in LIBRARY.glob("*.cell")} == BUILT_IN


@pytest.mark.parametrize("path", sorted(LIBRARY.glob("*.cell")), ids=lambda path: path.stem)
def test_each_cell_file_says_its_title_source_and_convention(path: Path) -> None:
    lines = path.read_text(encoding="utf-8").splitlines()
    header = list(itertools.takewhile(lambda line: line.startswith("#"), lines))
    for key in ("title", "cite", "convention"):
        (value,) = (line.partition(":")[2] for line in header if line.startswith(f"# {key}:"))
        assert value.strip(), key
    assert any(line.partition("=")[0].strip() == "h_next" for line in lines[len(header) :])
