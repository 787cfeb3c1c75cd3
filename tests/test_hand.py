"""The hand-derived gradients, against complex-step differentiation and PyTorch's autograd."""

import ast
import importlib.util
import itertools
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple

import numpy as np
import pytest
from numpy.typing import NDArray

import gru_sym.hand
from gru_sym.hand import gru, gru_keep, gru_reset_after, lstm, rnn

Array = NDArray[Any]


class Case(NamedTuple):
    """One problem: what `forward` takes, and a cotangent of each state at every step."""

    params: dict[str, Array]
    xs: Array
    starts: tuple[Array, ...]
    ups: tuple[Array, ...]

    def astype(self, dtype: Any) -> "Case":
        params = {name: value.astype(dtype) for name, value in self.params.items()}
        starts, ups = (tuple(a.astype(dtype) for a in each) for each in (self.starts, self.ups))
        return Case(params, self.xs.astype(dtype), starts, ups)


# All sizes differ, h0 is not 0 and T is at least 3: otherwise a wrong reset path can hide.
T, B, H, I = 4, 3, 5, 2  # noqa: E741
TOLERANCE = 1e-12


def gates(names: str) -> dict[str, tuple[int, ...]]:
    """The parameters of gates that are each a function of W x + U h + b."""
    kinds = {"W": (H, I), "U": (H, H), "b": (H,)}
    return {f"{kind}_{name}": shape for kind, shape in kinds.items() for name in names}


SHAPES = {
    rnn: gates("h"),
    lstm: gates("ifgo"),
    gru: gates("zrh"),
    gru_keep: gates("zrh"),
    gru_reset_after: gates("zrh") | {"b_hn": (H,)},
}
STATES = dict.fromkeys(SHAPES, "h") | {lstm: "hc"}
# What is to have saturated at both ends.
EXTREMES = dict.fromkeys(SHAPES, ("z", {0, 1})) | {rnn: ("hs", {-1, 1}), lstm: ("f", {0, 1})}

each_cell = pytest.mark.parametrize(
    "cell", [pytest.param(m, id=m.__name__.rpartition(".")[2]) for m in SHAPES]
)


def draw(cell: ModuleType, rng: np.random.Generator, dtype: Any = np.float64) -> Case:
    """Parameters, inputs, initial states and cotangents of the states, at random."""
    params = {name: rng.normal(size=shape) for name, shape in SHAPES[cell].items()}
    xs = rng.normal(size=(T, B, I))
    starts = tuple(rng.normal(size=(B, H)) for _ in STATES[cell])
    ups = tuple(rng.normal(size=(T, B, H)) for _ in STATES[cell])
    return Case(params, xs, starts, ups).astype(dtype)


def source_of(module: ModuleType) -> str:
    return Path(str(module.__file__)).read_text(encoding="utf-8")


def by_hand(cell: ModuleType, case: Case) -> dict[str, Array]:
    given = (case.params, case.xs, *case.starts)
    bars: dict[str, Array] = cell.backward(*given, cell.forward(*given), *case.ups)
    return bars


def by_complex_step(cell: ModuleType, case: Case, step: float = 1e-200) -> dict[str, Array]:
    """∂L/∂v of L = Σ hs_bar ⊙ hs, summed over the states, as Im L(v + i step) / step by entry."""
    states = STATES[cell]
    point = {**case.params, "x": case.xs, **dict(zip(states, case.starts, strict=True))}

    def derivative(name: str, index: tuple[int, ...]) -> float:
        moved = point | {name: point[name].astype(np.complex128)}
        moved[name][index] += 1j * step
        params = {p: moved[p] for p in case.params}
        found = cell.forward(params, moved["x"], *(moved[s] for s in states))
        pairs = zip(states, case.ups, strict=True)
        return float(sum(np.sum(up * (found[f"{s}s"].imag / step)) for s, up in pairs))

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
    (rnn, "h_bar * (1 - h**2)", "h_bar * (1 - h)"),
    (rnn, "h_bar = hs_bar[t] + h_prev_bar", "h_bar = hs_bar[t]"),
    (rnn, "h_prev_bar = a_bar @ U_h", "h_prev_bar = a_bar @ U_h.T"),
    (rnn, "h_prev_bar = a_bar @ U_h", "h_prev_bar = h_bar @ U_h"),
    (rnn, "a_bar.T @ h_prev", "a_bar.T @ h"),
    (rnn, "a_bar.T @ x", "h_bar.T @ x"),
    (lstm, "c_bar = from_h + cs_bar[t] + c_prev_bar", "c_bar = from_h + c_prev_bar"),
    (lstm, "c_bar = from_h + cs_bar[t] + c_prev_bar", "c_bar = cs_bar[t] + c_prev_bar"),
    (lstm, "c_bar = from_h + cs_bar[t] + c_prev_bar", "c_bar = from_h + cs_bar[t]"),
    (lstm, "from_h = h_bar * o * (1 - tanh_c**2)", "from_h = h_bar * o"),
    (lstm, "from_h = h_bar * o *", "from_h = hs_bar[t] * o *"),
    (lstm, "o_bar = h_bar * tanh_c", "o_bar = h_bar * trajectory['cs'][t]"),
    (lstm, "f_bar = c_bar * c_prev", "f_bar = c_bar * trajectory['cs'][t]"),
    (lstm, "i_bar = c_bar * g", "i_bar = c_bar * i"),
    (lstm, "c_prev_bar = c_bar * f", "c_prev_bar = c_bar"),
    (lstm, "a_f_bar @ U_f +", "a_f_bar @ U_g +"),
    (gru_keep, "h_tilde_bar = h_bar * (1 - z)", "h_tilde_bar = h_bar * z"),
    (gru_keep, "(h_prev - h_tilde)", "(h_tilde - h_prev)"),
    (gru_keep, "h_prev_bar = h_bar * z +", "h_prev_bar = h_bar * (1 - z) +"),
    (gru_keep, "+ r * m_bar", "+ m_bar"),
    (gru_keep, "a_h_bar.T @ (r * h_prev)", "a_h_bar.T @ h_prev"),
    (gru_keep, "r_bar = m_bar * h_prev", "r_bar = m_bar"),
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


@pytest.mark.parametrize("cell", [gru, gru_keep], ids=["gru", "gru_keep"])
def test_a_gru_agrees_with_torch_autograd(
    cell: ModuleType, torch: Any, rng: np.random.Generator
) -> None:
    case = draw(cell, rng)
    named = {**case.params, "x": case.xs, "h": case.starts[0]}
    leaves = {name: torch.tensor(value, requires_grad=True) for name, value in named.items()}
    affine = torch.nn.functional.linear
    h, loss = leaves["h"], torch.tensor(0.0)
    for x, direct in zip(leaves["x"], torch.tensor(case.ups[0]), strict=True):
        a_z, a_r = (
            affine(x, leaves[f"W_{g}"], leaves[f"b_{g}"]) + affine(h, leaves[f"U_{g}"])
            for g in ("z", "r")
        )
        z, r = torch.sigmoid(a_z), torch.sigmoid(a_r)
        a_h = affine(x, leaves["W_h"], leaves["b_h"]) + affine(r * h, leaves["U_h"])
        old, new = (1 - z, z) if cell is gru else (z, 1 - z)
        h = old * h + new * torch.tanh(a_h)
        loss = loss + (direct * h).sum()
    loss.backward()
    wanted = {f"{name}_bar": leaf.grad.numpy() for name, leaf in leaves.items()}
    assert_same(by_hand(cell, case), wanted, TOLERANCE)


@pytest.mark.parametrize(
    ("cell", "kind", "blocks"),
    [
        pytest.param(rnn, "RNN", "h", id="rnn"),
        pytest.param(lstm, "LSTM", "ifgo", id="lstm"),
        pytest.param(gru_reset_after, "GRU", "rzh", id="gru_reset_after"),
    ],
)
def test_agrees_with_a_network_of_torch(
    cell: ModuleType, kind: str, blocks: str, torch: Any, rng: np.random.Generator
) -> None:
    case = draw(cell, rng)
    params = case.params
    # PyTorch stacks the gates in its own order, and has two biases of each. Only their sum counts,
    # but for the candidate of its GRU, where the second is b_hn.
    second = [params.get(f"b_{g}n", np.zeros(H)) for g in blocks]
    layer = getattr(torch.nn, kind)(I, H, dtype=torch.float64)
    layer.load_state_dict(
        {
            "weight_ih_l0": torch.tensor(np.concatenate([params[f"W_{g}"] for g in blocks])),
            "weight_hh_l0": torch.tensor(np.concatenate([params[f"U_{g}"] for g in blocks])),
            "bias_ih_l0": torch.tensor(np.concatenate([params[f"b_{g}"] for g in blocks])),
            "bias_hh_l0": torch.tensor(np.concatenate(second)),
        }
    )
    x, *starts = (torch.tensor(a, requires_grad=True) for a in (case.xs, *case.starts))
    state, steps = [start[None] for start in starts], []
    for step in x:  # one call a step, as PyTorch shows c only after the last step of a call
        _, last = layer(step[None], tuple(state) if len(state) > 1 else state[0])
        state = [*last] if len(state) > 1 else [last]
        steps.append(torch.cat(state))
    states = torch.stack(steps, dim=1)
    states.backward(torch.tensor(np.stack(case.ups)))

    trajectory = cell.forward(params, case.xs, *case.starts)
    names = [f"{s}s" for s in STATES[cell]]
    shown = dict(zip(names, states.detach().numpy(), strict=True))
    assert_same({name: trajectory[name] for name in names}, shown, TOLERANCE)

    stacked = {name: value.grad.numpy() for name, value in layer.named_parameters()}
    wanted = {"x_bar": x.grad.numpy()}
    wanted |= {f"{s}_bar": a.grad.numpy() for s, a in zip(STATES[cell], starts, strict=True)}
    for name, role in (("W", "weight_ih_l0"), ("U", "weight_hh_l0"), ("b", "bias_ih_l0")):
        for gate, block in zip(blocks, np.split(stacked[role], len(blocks)), strict=True):
            wanted[f"{name}_{gate}_bar"] = block
    if "b_hn" in params:
        wanted["b_hn_bar"] = np.split(stacked["bias_hh_l0"], len(blocks))[blocks.index("h")]
    assert_same(by_hand(cell, case), wanted, TOLERANCE)


@each_cell
def test_float32_stays_float32(cell: ModuleType, rng: np.random.Generator) -> None:
    case = draw(cell, rng, np.float32)
    trajectory = cell.forward(case.params, case.xs, *case.starts)
    found = by_hand(cell, case)
    assert {a.dtype for a in (*trajectory.values(), *found.values())} == {np.dtype(np.float32)}
    assert_same(found, by_hand(cell, case.astype(np.float64)), 1e-5)


@each_cell
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_saturated_gates_give_finite_numbers_without_a_warning(
    cell: ModuleType, dtype: Any, rng: np.random.Generator
) -> None:
    case = draw(cell, rng, dtype)
    far = case._replace(params={name: value * 1e4 for name, value in case.params.items()})
    with np.errstate(over="raise", invalid="raise", divide="raise"):
        trajectory = cell.forward(far.params, far.xs, *far.starts)
        bars = by_hand(cell, far)
    name, extremes = EXTREMES[cell]
    assert extremes <= set(np.unique(trajectory[name].real))
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
