"""All Jacobians of a sequence, a chunk of steps at a time, against the sum of their paths."""

import ast
import builtins
import inspect
from random import Random
from typing import Any

import numpy as np
import pytest

from gru_sym import cells, readout, stack
from gru_sym.algebra.expr import Var
from gru_sym.cells import Cell
from gru_sym.codegen import Compiled, Trajectory, compile
from gru_sym.codegen import jacobian_dense as module
from gru_sym.codegen.jacobian_dense import dense_jacobian_source
from gru_sym.errors import DataError, ShapeError, UnsupportedError
from tests.random_cells import random_text

T, B = 7, 3

ODD = {
    "three states": "h_next = tanh(U @ c + k)\nc_next = c * h\nk_next = h - k + x",
    "sizes that differ": "h_next = tanh(W @ x + V @ c)\nc_next = sigmoid(R @ c + S @ h)",
    "softmax": "p = softmax(U @ h)\nh_next = p * x + h",
    "logsumexp": "h_next = tanh(logsumexp(U @ h) * h + sum(h))",
    "reductions": "h_next = (h - mean(h)) / sqrt(mean(h ** 2) + 1) + sum(x) * b",
    "a mean of a product": "q = tanh(U @ (V @ h * h) + x)\nh_next = q - mean(q) * (V @ q)",
    "a column from matrices": "# params: U(H, N), V(N, H)\nq = tanh(V @ h)\n"
    "r = tanh(U @ (q - mean(q)))\nh_next = (U @ (V @ r)) * mean(r) + x",
    "a concatenation": "# params: r(H)\nq = [h, x, r * h]\nh_next = tanh(W @ q) + V @ [x, h]",
    "parts joined and mapped": "q = tanh([h, x, h])\nh_next = tanh(U @ h + sum(q) * h)",
    "joined twice": "q = [h, tanh(U @ h)]\np = [x, q]\nh_next = W @ tanh(W_p @ p) + b",
    "joined into a product": "# params: V(H, N), W(N, H)\nq = [tanh(W @ h), h]\n"
    "h_next = V @ tanh(R @ tanh(q)) + x",
    "matrices": "h_next = tanh((U + V.T) @ h - 2 * U.T @ (U @ h))",
    "low rank": "# params: L(H, N), R(N, H)\nh_next = tanh(L @ (R @ h) + W @ x)",
    "a product twice": "v = tanh(U @ h) + V @ h\nw = tanh(U @ v) + V @ v\n"
    "h_next = tanh(U @ w) + V @ w\nc_next = V @ w + c",
    "a state that stays": "h_next = h\nc_next = W @ x",
    "a state that is a constant": "# params: b(H)\nc_next = b\nh_next = tanh(U @ (c_next * h))",
    "a slope of nothing": "c_next = sigmoid(step(c))\nh_next = tanh(U @ h + V @ c_next)",
    "an output inside": "# outputs: q\nc_next = c * tanh(h) + x\nq = sum(c_next)\n"
    "h_next = tanh(q * c_next)",
    "no inputs": "h_next = tanh(U @ h + b)",
    "sizes that the code uses": "# params: V(H, S), R(S, B), Q(B, H)\n"
    "h_next = tanh(V @ tanh(R @ tanh(Q @ h)) + W @ x)",
    "names that the code uses": "# params: V(H, H), d_1(H)\npart = sigmoid(U @ h + values)\n"
    "whole = tanh(V @ (part * h))\nh_next = part * whole + d_1 * h",
}  # fmt: skip
CELLS = {
    **{name: cells.cell(name) for name in cells.names()},
    **{name: Cell.parse(text, name=name) for name, text in ODD.items()},
    "gru under lstm": stack(cells.gru, cells.lstm),
    "three layers": stack(cells.lstm, cells.gru_layernorm, cells.cell("mut3")),
    "a loss": readout(stack(cells.gru, cells.gru_reset_after), "mse"),
}
WITHOUT_PATHS = {"a slope of nothing"}  # jacobian() cannot follow a next state that is constant
every_cell = pytest.mark.parametrize("name", CELLS)


def trajectory_of(
    run: Compiled, rng: np.random.Generator, dtype: Any = float, batch: tuple[int, ...] = (B,)
) -> Trajectory:
    """Along random arrays, at sizes that are all different."""
    cell = run.cell
    dims = sorted({d for v in cell.program.variables for dim in v.shape for d in dim})
    sizes = {name: k for k, name in enumerate(dims, 2)}

    def draw(var: Var, *lead: int) -> np.ndarray:
        shape = (sum(sizes[d] for d in dim) for dim in var.shape)
        return rng.normal(scale=0.7, size=(*lead, *shape)).astype(dtype)

    params = {str(v.name): draw(v) for v in cell.params}
    inputs = {str(v.name): draw(v, T, *batch) for v in cell.inputs}
    return run.forward(params, inputs or T, {str(v.name): draw(v, *batch) for v in cell.states})


def sum_of_paths(run: Compiled, trajectory: Trajectory) -> tuple[np.ndarray, float]:
    """The Jacobians, and the norm of the sum of the paths' absolute values."""
    cell = run.cell
    ends = np.cumsum([trajectory.stored[s.name].shape[-1] for s in cell.states])
    places = [slice(a, b) for a, b in zip([0, *ends[:-1]], ends, strict=True)]
    rows = dict(zip((v.name for v in cell.nexts), places, strict=True))
    columns = dict(zip((v.name for v in cell.states), places, strict=True))
    lead = (T, trajectory.B) if trajectory.batched else (T,)
    found = np.zeros((*lead, ends[-1], ends[-1]), trajectory.dtype)
    size = np.zeros(found.shape)
    for (after, state, _), path in run.jacobian_paths(trajectory).items():
        found[..., rows[after], columns[state]] += path
        size[..., rows[after], columns[state]] += abs(path)
    return found, float(np.linalg.norm(size))


def check(run: Compiled, trajectory: Trajectory, tolerance: float) -> None:
    expected, size = sum_of_paths(run, trajectory)
    found = run.jacobians(trajectory)
    assert found.shape == expected.shape
    assert found.dtype == trajectory.dtype
    assert np.linalg.norm(found - expected) <= tolerance * size


@pytest.fixture
def chunks_of_four(monkeypatch: pytest.MonkeyPatch) -> None:
    """So few rows at a time that T * B is no multiple."""
    monkeypatch.setattr(module, "_ENTRIES", {True: 0, False: 0})
    monkeypatch.setattr(module, "_fewest", lambda *_: 4)


@pytest.mark.parametrize("name", [name for name in CELLS if name not in WITHOUT_PATHS])
@pytest.mark.usefixtures("chunks_of_four")
def test_paths_add_up(name: str, rng: np.random.Generator) -> None:
    run = compile(CELLS[name])
    assert "max(4, 2**0 //" in run.dense_jacobian_source
    check(run, trajectory_of(run, rng), 1e-14)
    check(run, trajectory_of(run, rng, np.float32), 1e-5)
    check(run, trajectory_of(run, rng, complex), 1e-14)
    check(run, trajectory_of(run, rng, batch=()), 1e-14)


@every_cell
@pytest.mark.usefixtures("chunks_of_four")
def test_columns_are_those_of_the_complex_step(name: str, rng: np.random.Generator) -> None:
    run = compile(CELLS[name])
    cell, trajectory = run.cell, trajectory_of(compile(CELLS[name]), rng)
    found, step = run.jacobians(trajectory), 1e-30
    params = {str(v.name): trajectory.stored[v.name] for v in cell.params}
    inputs = {str(v.name): trajectory.stored[v.name] for v in cell.inputs}
    before = [trajectory.stored[v.name] for v in cell.states]
    ends = np.cumsum([state.shape[-1] for state in before])
    joined = np.concatenate(before, axis=-1)
    for t in (0, T - 1):
        for j in range(ends[-1]):
            moved = joined[t].astype(complex)
            moved[:, j] += step * 1j
            states = dict(
                zip((v.name for v in cell.states), np.split(moved, ends[:-1], -1), strict=True)
            )
            given = {key: value[t : t + 1] for key, value in inputs.items()} or 1
            after = run.forward(params, given, states).states
            column = np.concatenate([after[v.name][0] for v in cell.states], axis=-1).imag / step
            size = np.linalg.norm(column) or 1
            assert np.linalg.norm(found[t, :, :, j] - column) <= 1e-12 * size


@every_cell
def test_a_part_of_the_steps(name: str, rng: np.random.Generator) -> None:
    run = compile(CELLS[name])
    trajectory = trajectory_of(run, rng)
    whole = run.jacobians(trajectory)
    for start, stop in ((0, 3), (3, 6), (6, None), (-2, None), (4, 4), (5, 2), (0, 100)):
        part = run.jacobians(trajectory, start, stop)
        assert part.shape == whole[start:stop].shape
        np.testing.assert_allclose(part, whole[start:stop], rtol=1e-11, atol=1e-12)


def test_what_is_computed_is_of_that_part_alone(rng: np.random.Generator) -> None:
    run = compile(cells.gru)
    trajectory = trajectory_of(run, rng)
    lengths = set()

    def jacobians(values: dict[str, np.ndarray], out: np.ndarray) -> None:
        lengths.update(values[str(v.name)].shape[0] for v in run.cell.varying)
        out[...] = 0

    run.__dict__["_dense_functions"] = {"jacobians": jacobians}
    run.jacobians(trajectory, 2, 4)
    assert lengths == {2}


@pytest.mark.parametrize("batch", [(B,), ()])
def test_an_array_that_is_given_is_written_to(
    batch: tuple[int, ...], rng: np.random.Generator
) -> None:
    run = compile(cells.lstm)
    trajectory = trajectory_of(run, rng, batch=batch)
    whole = run.jacobians(trajectory)
    out = np.full(whole.shape, np.nan)  # zeros are written, too
    assert run.jacobians(trajectory, out=out) is out
    assert np.array_equal(out, whole)
    wrong = (
        np.empty(whole.shape, np.float32),
        np.empty(whole.shape[1:]),
        np.empty(whole.shape[::-1]).T,
        np.empty((*whole.shape[:-1], 2 * whole.shape[-1]))[..., ::2],
    )
    for array in wrong:
        with pytest.raises(DataError, match="the Jacobians are"):
            run.jacobians(trajectory, out=array)
    assert run.jacobians(trajectory, 1, 3, out=out[1:3]).base is out


def test_saturated_gates_keep_their_slopes(rng: np.random.Generator) -> None:
    """Where z is 1 to the last bit, what passes through 1 - z is 3e-17 and not 0."""
    text = "z = sigmoid(b)\nh_next = (1 - z) * h + z * x + z * tanh(a * h)"
    run = compile(Cell.parse(f"# params: a(H)\n{text}"))
    params = {"b": np.full(2, 38.0), "a": np.full(2, 50.0)}
    found = run.jacobians(run.forward(params, np.zeros((1, 2)), np.ones(2)))
    slope = 50 * 4 * np.exp(-100)
    expected = np.exp(-38.0) + slope
    np.testing.assert_allclose(np.diag(found[0]), expected, rtol=1e-12)


def test_a_cell_with_more_paths_than_can_be_listed(rng: np.random.Generator) -> None:
    lines = ["v_1 = tanh(U @ h) + V @ h"]
    lines += [f"v_{k} = tanh(U @ v_{k - 1}) + V @ v_{k - 1}" for k in range(2, 15)]
    run = compile(Cell.parse("\n".join([*lines, "h_next = tanh(v_14) + x"])))
    trajectory = trajectory_of(run, rng)
    with pytest.raises(UnsupportedError, match="more than 5000 paths"):
        run.jacobian_paths(trajectory)
    values, h = trajectory.stored, trajectory.stored["h"]
    expected = np.broadcast_to(np.eye(h.shape[-1]), (T, B, h.shape[-1], h.shape[-1]))
    for k in range(1, 15):
        slope = 1 - np.tanh(values[f"a_v_{k}"]) ** 2
        expected = (slope[..., None] * values["U"] + values["V"]) @ expected
    expected = (1 - np.tanh(values["v_14"]) ** 2)[..., None] * expected
    found = run.jacobians(trajectory)
    assert np.linalg.norm(found - expected) <= 1e-12 * np.linalg.norm(expected)


def test_another_backend_has_them_too(torch: Any, rng: np.random.Generator) -> None:
    state = rng.bit_generator.state
    plain, other = compile(cells.gru), compile(cells.gru, "torch")
    expected = plain.jacobians(trajectory_of(plain, rng))
    rng.bit_generator.state = state
    found = other.jacobians(trajectory_of(other, rng))
    np.testing.assert_allclose(found, expected, rtol=1e-10, atol=1e-13)


def test_numbers_of_another_kind_are_refused(rng: np.random.Generator) -> None:
    run = compile(cells.rnn, "mpmath")
    with pytest.raises(UnsupportedError, match="backend mpmath"):
        run.jacobians(trajectory_of(run, rng))


@every_cell
def test_every_name_is_bound(name: str) -> None:
    source = dense_jacobian_source(CELLS[name])
    tree = ast.parse(source)
    known = {n.name for n in ast.walk(tree) if isinstance(n, ast.FunctionDef)} | {*dir(builtins)}
    for node in ast.walk(tree):
        if isinstance(node, ast.alias):
            known.add(node.asname or node.name)
        elif isinstance(node, ast.arg):
            known.add(node.arg)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            known.add(node.id)
    assert {n.id for n in ast.walk(tree) if isinstance(n, ast.Name)} <= known
    assert max(map(len, source.splitlines())) <= 88


def test_the_source_is_the_same_each_time_and_is_found() -> None:
    run = compile(CELLS["three layers"])
    assert run.dense_jacobian_source == dense_jacobian_source(CELLS["three layers"])
    text = inspect.getsource(run._dense_functions["jacobians"])
    assert text in run.dense_jacobian_source


def test_the_source_of_the_gru() -> None:
    (loop,) = (n for n in ast.walk(ast.parse(dense_jacobian_source(cells.gru))) if _is_loop(n))
    assert ast.unparse(loop).splitlines()[4:] == [
        "    np.multiply(d_1[part, :, None], U_r, out=dh_r_dh)",
        "    np.einsum('tii->ti', dh_r_dh)[...] += r[part]",
        "    np.matmul(U_h, dh_r_dh, out=both[:, :, 0])",
        "    np.matmul(scales_1[part, :, None], both, out=dh_next_dh[:, :, None])",
        "    np.einsum('tii->ti', dh_next_dh)[...] += d_4[part]",
    ]


def _is_loop(node: ast.AST) -> bool:
    return isinstance(node, ast.For)


def test_the_loop_allocates_no_matrix() -> None:
    """Of cells without a vector that is multiplied with a matrix of the step."""
    for name in cells.names():
        tree = ast.parse(dense_jacobian_source(cells.cell(name)))
        (loop,) = (n for n in ast.walk(tree) if isinstance(n, ast.For))
        for call in (n for n in ast.walk(loop) if isinstance(n, ast.Call)):
            function = ast.unparse(call.func)
            writes = any(keyword.arg == "out" for keyword in call.keywords)
            assert writes or function in {"len", "range", "slice", "np.einsum"} or (
                function.endswith(".swapaxes")
            ), ast.unparse(call)  # fmt: skip


@pytest.mark.slow
@pytest.mark.usefixtures("chunks_of_four")
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_random_cells() -> None:
    compared = 0
    for seed in range(60):
        try:
            run = compile(Cell.parse(random_text(Random(seed))))
            trajectory = trajectory_of(run, np.random.default_rng(seed))
            sum_of_paths(run, trajectory)
        except (DataError, ShapeError, UnsupportedError, KeyError):
            continue  # no cell, or no finite numbers
        if np.isfinite(run.jacobians(trajectory)).all():
            check(run, trajectory, 1e-13)
            compared += 1
    assert compared > 30
