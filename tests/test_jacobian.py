"""The Jacobian as a sum of paths: what they add up to, and how they are called."""

from collections.abc import Mapping

import numpy as np
import pytest

from gru_sym.algebra.expr import Var, shape_of
from gru_sym.algebra.program import Program
from gru_sym.cells import Cell, cell, names
from gru_sym.cells.compose import stack
from gru_sym.derive import jacobian as module
from gru_sym.derive.jacobian import jacobian
from gru_sym.derive.jvp import jvp, tangent_of
from gru_sym.derive.paths import Factor, Path
from gru_sym.errors import StructureError, UnsupportedError
from gru_sym.prove.evaluate import Floats, evaluate, extent

GRU = ["skip", "update", "candidate", "reset"]
PATHS = {
    "rnn": ["direct"],
    "rnn_relu": ["direct"],
    "gru": GRU,
    "gru1": GRU,
    "gru2": GRU,
    "gru3": ["skip", "candidate"],
    "gru_concat": GRU,
    "gru_keep": GRU,
    "gru_nobias": GRU,
    "gru_reset_after": GRU,
    "mgu": ["skip", "forget", "candidate", "forget → candidate"],
    "mut1": ["skip", "candidate", "reset"],
    "mut2": GRU,
    "mut3": GRU,
    "ligru": ["skip", "update", "candidate"],
    "ugrnn": ["skip", "update", "candidate"],
    "fastgrnn": ["skip", "update", "candidate"],
    "janet": ["skip", "candidate", "forget", "input"],
    "mingru": ["skip"],
    "minlstm": ["skip"],
}
BLOCKS = {
    "lstm": {
        ("h_next", "h"): ["output", "input", "forget", "candidate"],
        ("h_next", "c"): ["cell"],
        ("c_next", "h"): ["input", "forget", "candidate"],
        ("c_next", "c"): ["skip"],
    },
    "lstm_coupled": {
        ("h_next", "h"): ["output", "forget", "candidate"],
        ("h_next", "c"): ["cell"],
        ("c_next", "h"): ["forget", "candidate"],
        ("c_next", "c"): ["skip"],
    },
    "lstm_peephole": {
        ("h_next", "h"): [
            "output",
            *(f"{gate} → cell" for gate in ("input", "forget", "candidate")),
            *(f"{gate} → cell → output" for gate in ("input", "forget", "candidate")),
        ],
        ("h_next", "c"): [
            *("cell", "input → cell", "forget → cell"),
            *("cell → output", "input → cell → output", "forget → cell → output"),
        ],
        ("c_next", "h"): ["input", "forget", "candidate"],
        ("c_next", "c"): ["skip", "input", "forget"],
    },
}
ODD = {
    "three states": "h_next = tanh(U @ c + k)\nc_next = c * h\nk_next = h - k + x",
    "sizes that differ": "h_next = tanh(W @ x + V @ c)\nc_next = sigmoid(R @ c + S @ h)",
    "softmax": "p = softmax(U @ h)\nh_next = p * x + h",
    "reductions": "h_next = (h - mean(h)) / sqrt(mean(h ** 2) + 1) + sum(x) * b",
    "logsumexp": "h_next = logsumexp(U @ h) * h + sum(h)",
    "a concatenation": "# params: r(H)\nq = [h, x, r * h]\nh_next = tanh(W @ q) + V @ [x, h]",
    "parts joined and mapped": "q = tanh([h, x])\nh_next = U @ h + sum(q) * h",
    "matrices": "h_next = tanh((U + V.T) @ h - 2 * U.T @ (U @ h))",
    "a state that stays": "h_next = h\nc_next = W @ x",
    "an output inside": "# outputs: q\nc_next = c * h + x\nq = sum(c_next)\nh_next = q * c_next",
}
CELLS = {
    **{name: cell(name) for name in names()},
    **{name: Cell.parse(equations) for name, equations in ODD.items()},
    "a stack": stack(cell("mgu"), cell("lstm")),
}

Values = dict[Var, np.ndarray]


def run(program: Program, values: Values, sizes: Mapping[str, int]) -> Values:
    env = dict(values)
    for d in program:
        env[d.var] = np.asarray(evaluate(d.expr, d.var.shape, env, sizes, Floats()), float)
    return env


def matrix_of(
    path: Path, shape: tuple[int, int], env: Values, sizes: Mapping[str, int]
) -> np.ndarray:
    """The product of the factors; ``shape`` is that of the block."""

    def numbers(factor: Factor, rank: int) -> np.ndarray:
        found = next((v for v in _shapes(factor) if len(v) == rank), ())
        return np.asarray(evaluate(factor.expr, found, env, sizes, Floats()), float)

    product = None
    for factor in reversed(path.factors):  # from the state on
        size = shape[1] if product is None else product.shape[0]
        match factor.kind:
            case "matrix":
                made = numbers(factor, 2)
            case "diag":
                made = np.diag(np.broadcast_to(numbers(factor, 1), size))
            case "row":
                made = np.broadcast_to(numbers(factor, 1), size)[None, :]
            case "column":
                values = numbers(factor, 1)
                made = np.broadcast_to(values, shape[0] if not values.ndim else values.size)[
                    :, None
                ]
            case _:
                places = [sum(sizes[n] for n in factor.whole[:k]) for k in factor.bounds]
                whole = np.eye(sum(sizes[n] for n in factor.whole))
                made = whole[:, slice(*places)]
                made = made if factor.kind == "embed" else made.T
        product = made if product is None else made @ product
    return np.eye(shape[1]) if product is None else product


def _shapes(factor: Factor) -> list[tuple[tuple[str, ...], ...]]:
    return [shape_of(factor.expr)]


@pytest.mark.parametrize("name", CELLS)
def test_paths_add_up_to_the_columns_of_the_jvp(name: str, rng: np.random.Generator) -> None:
    c = CELLS[name]
    dims = sorted({n for v in c.program.variables for dim in v.shape for n in dim})
    sizes = {n: k for k, n in enumerate(dims, 3)}

    def shape_of(var: Var) -> tuple[int, ...]:
        return tuple(extent(dim, sizes) for dim in var.shape)

    at = {v: rng.normal(size=shape_of(v)) for v in c.program.inputs}
    env, forward, found = run(c.program, at, sizes), jvp(c), jacobian(c)
    assert set(found.blocks) == {(a, s) for a in c.nexts for s in c.states}
    still = {tangent_of(v): np.zeros(shape_of(v)) for v in c.program.inputs}
    for state in c.states:
        (columns,) = shape_of(state)
        units = [{tangent_of(state): np.eye(columns)[k]} for k in range(columns)]
        moved = [run(forward, at | still | unit, sizes) for unit in units]
        for after in c.nexts:
            shape = (*shape_of(after), columns)
            expected = np.stack([m[tangent_of(after)] for m in moved], axis=1)
            parts = [matrix_of(p, shape, env, sizes) for p in found.blocks[after, state]]
            got = sum(parts, np.zeros(shape))
            assert np.linalg.norm(got - expected) <= 1e-12 * np.linalg.norm(expected)
            assert all(np.count_nonzero(m - np.diag(np.diag(m))) == 0
                       for m, p in zip(parts, found.blocks[after, state], strict=True)
                       if p.is_diagonal and m.shape[0] == m.shape[1])  # fmt: skip


def test_every_builtin_cell_is_in_the_table() -> None:
    assert {*PATHS, *BLOCKS, "gru_layernorm"} == set(names())


@pytest.mark.parametrize("name", PATHS)
def test_names_of_the_paths(name: str) -> None:
    assert [p.name for p in jacobian(cell(name)).paths] == PATHS[name]


@pytest.mark.parametrize("name", BLOCKS)
def test_names_of_the_paths_of_each_block(name: str) -> None:
    found = jacobian(cell(name))
    blocks = {(a.name, s.name): [p.name for p in ps] for (a, s), ps in found.blocks.items()}
    assert blocks == BLOCKS[name]
    assert list(blocks) == list(BLOCKS[name])


def test_names_tell_all_paths_of_a_block_apart() -> None:
    for c in CELLS.values():
        for paths in jacobian(c).blocks.values():
            assert len({p.name for p in paths}) == len(paths)
    assert len(jacobian(cell("gru_layernorm")).paths) == 25


def test_gru_as_wanted() -> None:
    skip, update, candidate, reset = jacobian(cell("gru"))["h_next", "h"]
    v = {x.name: x for x in cell("gru").program.variables}
    z, r, h, h_tilde = v["z"], v["r"], v["h"], v["h_tilde"]

    def kinds(path: Path) -> list[str]:
        return [f.kind for f in path.factors]

    assert skip.is_diagonal
    assert not update.is_diagonal
    assert (kinds(skip), skip.factors[0].expr) == (["diag"], 1 - z)
    assert kinds(update) == ["diag", "matrix"]
    assert (update.factors[0].expr - (h_tilde - h) * z * (1 - z)).expand() == 0
    assert kinds(candidate) == ["diag", "matrix", "diag"]
    assert [f.expr for f in candidate.factors] == [z * (1 - h_tilde**2), v["U_h"], r]
    assert kinds(reset) == ["diag", "matrix", "diag", "matrix"]
    assert [f.expr for f in reset.factors[1:]] == [v["U_h"], h * r * (1 - r), v["U_r"]]
    assert (reset.through, update.through) == (("r", "h_tilde"), ("z",))


def test_zero_block_is_empty_and_unknown_block_is_a_key_error() -> None:
    found = jacobian(CELLS["a state that stays"])
    assert found["c_next", "h"] == ()
    assert found["c_next", "c"] == ()
    (stays,) = found["h_next", "h"]
    assert (stays.name, stays.factors) == ("skip", ())
    with pytest.raises(KeyError):
        found["h_next", "q"]


def test_too_many_paths_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    lines = ["v_1 = tanh(U @ h) + V @ h"]
    lines += [f"v_{k} = tanh(U @ v_{k - 1}) + V @ v_{k - 1}" for k in range(2, 15)]
    many = Cell.parse("\n".join([*lines, "h_next = v_14 + x"]))
    with pytest.raises(UnsupportedError, match="more than 5000 paths"):
        jacobian(many)
    monkeypatch.setattr(module, "MAX_PATHS", 24)
    with pytest.raises(UnsupportedError, match="h_next has more than 24"):
        jacobian(cell("gru_layernorm"))


def test_a_matrix_holds_parameters_alone() -> None:
    """A path has matrices of parameters; one that depends on the state is no cell."""
    with pytest.raises(StructureError, match="a matrix that is not a parameter"):
        Cell.parse("h_next = (sum(h) * U) @ h + x")
    (path,) = jacobian(Cell.parse("# params: w()\nh_next = (w * U + V.T) @ h + x")).paths
    assert [f.kind for f in path.factors] == ["matrix"]


def test_a_next_state_that_does_not_move_and_is_used() -> None:
    """The slope of step is 0 almost everywhere: there is no way by c_next, and no error."""
    text = "c_next = sigmoid(step(c))\nh_next = tanh(U @ h + V @ c_next)"
    found = jacobian(Cell.parse(text))
    assert found["c_next", "c"] == ()
    assert found["h_next", "c"] == ()
    assert len(found["h_next", "h"]) == 1
