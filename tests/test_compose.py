"""Stacks, readouts and two directions: cells and networks from cells."""

from collections.abc import Mapping
from fractions import Fraction

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.algebra import tree
from gru_sym.cells.compose import LOSSES, Loss, bidirectional, readout, stack
from gru_sym.cells.equations import Cell
from gru_sym.cells.network import Network
from gru_sym.derive.bptt import bptt
from gru_sym.derive.jacobian import jacobian
from gru_sym.derive.jvp import hvp, jvp
from gru_sym.derive.vjp import vjp
from gru_sym.errors import StructureError

Arrays = dict[str, np.ndarray]
EXACT = 1e-12

FUNCTIONS = {
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0),
    "softplus": lambda a: np.log1p(np.exp(a)),
    "exp": np.exp,
    "log": np.log,
    "sqrt": np.sqrt,
    "softmax": lambda a: np.exp(a) / np.exp(a).sum(),
    "logsumexp": lambda a: np.log(np.exp(a).sum()),
    "sum": np.sum,
    "mean": np.mean,
}


def value(node: tree.Node, env: Mapping[str, np.ndarray]) -> np.ndarray:
    """The equations' own meaning, straight from the syntax tree: no algebra, no generated code."""
    match node:
        case tree.Number(number):
            return np.float64(Fraction(number))
        case tree.Name(name):
            return env[name]
        case tree.Neg(arg):
            return -value(arg, env)
        case tree.Transpose(arg):
            return value(arg, env).T
        case tree.Concat(items):
            return np.concatenate([value(item, env) for item in items], axis=-1)
        case tree.Call(func, args):
            return FUNCTIONS[func](*(value(arg, env) for arg in args))
        case tree.Binary(op, left, right):
            a, b = value(left, env), value(right, env)
            return {
                "+": lambda: a + b,
                "-": lambda: a - b,
                "*": lambda: a * b,
                "/": lambda: a / b,
                "@": lambda: a @ b,
                "**": lambda: a**b,
            }[op]()
    raise AssertionError(node)


def step(cell: Cell, env: Arrays) -> Arrays:
    env = dict(env)
    for d in cell.document.definitions:
        env[d.name] = value(d.value, env)
    return env


def sizes_of(cell: Cell) -> dict[str, int]:
    names = sorted({n for v in cell.program.variables for dim in v.shape for n in dim})
    return {name: k for k, name in enumerate(names, 2)}


def random_values(cell: Cell, rng: np.random.Generator) -> Arrays:
    sizes = sizes_of(cell)
    return {
        v.name: rng.normal(scale=0.7, size=[sum(sizes[n] for n in dim) for dim in v.shape])
        for v in (*cell.params, *cell.inputs, *cell.states)
    }


def names(variables: object) -> list[str]:
    return [str(v) for v in variables]  # type: ignore[attr-defined]


def shapes(cell: Cell) -> dict[str, str]:
    return {
        v.name: "×".join("+".join(dim) for dim in v.shape)
        for v in (*cell.inputs, *cell.params, *cell.states)
    }


def relative_error(found: np.ndarray, truth: np.ndarray) -> float:
    found, truth = np.asarray(found), np.asarray(truth)
    assert found.shape == truth.shape
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


# A stack.


def test_a_stack_has_names_and_sizes_by_layer() -> None:
    deep = stack(cells.gru, cells.lstm)
    assert names(deep.inputs) == ["x"]
    assert names(deep.states) == ["h_2", "h_1", "c_2"]
    assert str(deep.output) == "h_2_next"
    assert [d.name for d in deep.document.definitions] == [
        *("z_1", "r_1", "h_tilde_1", "h_1_next"),
        *("i_2", "f_2", "g_2", "o_2", "c_2_next", "h_2_next"),
    ]
    found = shapes(deep)
    assert (found["W_z_1"], found["U_z_1"], found["b_z_1"]) == ("H_1×I", "H_1×H_1", "H_1")
    assert (found["W_i_2"], found["U_i_2"], found["b_i_2"]) == ("H_2×H_1", "H_2×H_2", "H_2")
    assert (found["h_1"], found["h_2"], found["c_2"], found["x"]) == ("H_1", "H_2", "H_2", "I")
    assert deep.roles["r_1"] == "reset"
    assert deep.roles["c_2_next"] == "cell"


def test_a_stack_reads_like_this() -> None:
    cell = Cell.parse("# roles: z = gate\nz = sigmoid(W @ x + U @ h)\nh_next = z * h", name="own")
    assert stack(cell, cell).text == (
        "# roles: z_1 = gate, z_2 = gate\n"
        "# output: h_2\n"
        "z_1      = sigmoid(W_1 @ x + U_1 @ h_1)\n"
        "h_1_next = z_1 * h_1\n"
        "z_2      = sigmoid(W_2 @ h_1_next + U_2 @ h_2)\n"
        "h_2_next = z_2 * h_2\n"
    )


def test_a_header_of_a_stack_tells_what_is_in_it() -> None:
    header = stack(cells.gru, cells.gru).document.header
    assert header.title == f"Stack of 2 layers: {cells.gru.title}"
    assert header.cite == cells.gru.document.header.cite
    assert header.convention.startswith("layers 1, 2: update gate")
    header = stack(cells.gru, cells.lstm).document.header
    assert header.title == f"Stack of 2 layers: {cells.gru.title}; {cells.lstm.title}"
    assert "layer 2: f keeps the cell" in header.convention


ALL = cells.names()
NETWORKS = [stack(cells.cell(name), cells.gru, cells.cell(name)) for name in ALL]


@pytest.mark.parametrize("deep", NETWORKS, ids=ALL)
def test_a_stack_and_its_readouts_re_parse_to_the_same(deep: Cell) -> None:
    for cell in (deep, *(readout(deep, loss) for loss in ("mse", "cross_entropy"))):
        text = cell.text
        again = Cell.parse(text)
        assert again == cell
        assert again.text == text


@pytest.mark.parametrize("name", ALL)
def test_each_layer_has_a_size_of_its_own(name: str) -> None:
    cell = cells.cell(name)
    as_long = cell.inputs[0].shape == cell.states[0].shape  # mut1 and mut2 add x to the state
    wanted = {"I", "H_3"} if as_long else {"I", "H_1", "H_2", "H_3"}
    assert set(sizes_of(stack(cell, cells.gru, cell))) == wanted


@pytest.mark.parametrize("name", ALL)
def test_a_stack_computes_layer_by_layer(name: str, rng: np.random.Generator) -> None:
    parts = (cells.gru_layernorm, cells.cell(name), cells.lstm)
    deep = stack(*parts)
    env = random_values(deep, rng)
    found = step(deep, env)
    output = env["x"]
    for k, part in enumerate(parts, 1):
        own = {v.name: env[f"{v.name}_{k}"] for v in (*part.params, *part.states)}
        wanted = step(part, own | {part.inputs[0].name: output})
        output = wanted[part.output.name]
        for state in part.states:
            assert np.array_equal(found[f"{state}_{k}_next"], wanted[f"{state}_next"])
    assert np.array_equal(found[deep.output.name], output)


def test_one_cell_is_a_stack_of_itself() -> None:
    assert stack(cells.gru) is cells.gru


# A readout.


@pytest.mark.parametrize("loss", LOSSES)
@pytest.mark.parametrize(
    "cell", [cells.gru, cells.lstm, stack(cells.gru, cells.lstm)], ids=lambda c: c.name
)
def test_a_readout_is_a_cell_with_a_loss(cell: Cell, loss: Loss) -> None:
    read = readout(cell, loss)
    assert names(read.extra) == ["loss"]
    assert read.extra[0].shape == ()
    assert names(read.inputs) == ["x", "y"]
    assert read.states == cell.states
    assert names(read.params) == [*names(cell.params), "W_y", "b_y"]
    found = shapes(read)
    size = found[cell.states[0].name]
    assert (found["W_y"], found["b_y"], found["y"]) == (f"O×{size}", "O", "O")
    assert read.title.startswith(cell.title)
    assert Cell.parse(read.text) == read


def test_mean_squared_error(rng: np.random.Generator) -> None:
    cell = readout(cells.gru)
    env = random_values(cell, rng)
    found = step(cell, env)
    y_hat = env["W_y"] @ found["h_next"] + env["b_y"]
    assert relative_error(found["y_hat"], y_hat) < EXACT
    assert relative_error(found["loss"], np.mean((y_hat - env["y"]) ** 2)) < EXACT


@pytest.mark.parametrize("kind", ["one-hot", "distribution"])
def test_cross_entropy(kind: str, rng: np.random.Generator) -> None:
    cell = readout(cells.gru, "cross_entropy")
    env = random_values(cell, rng)
    classes = len(env["y"])
    env["y"] = np.eye(classes)[1] if kind == "one-hot" else rng.dirichlet(np.ones(classes))
    found = step(cell, env)
    p = np.exp(found["logits"]) / np.exp(found["logits"]).sum()
    assert relative_error(found["loss"], -np.sum(env["y"] * np.log(p))) < EXACT


def test_the_size_of_the_target_gets_a_free_name() -> None:
    cell = Cell.parse("# params: O_1(H)\n# inputs: x(O)\nh_next = O_1 * h + W @ x")
    assert shapes(readout(cell))["y"] == "O_2"


# All of derive, with no special case.

COMPOSED = {
    "stack": stack(cells.gru, cells.lstm),
    "mse": readout(cells.gru),
    "cross_entropy": readout(stack(cells.gru_layernorm, cells.lstm), "cross_entropy"),
}


@pytest.mark.parametrize("cell", COMPOSED.values(), ids=COMPOSED)
def test_everything_derives(cell: Cell) -> None:
    wanted = [f"{v}_bar" for v in (*cell.params, *cell.inputs, *cell.states)]
    assert names(vjp(cell).outputs) == wanted
    assert names(jvp(cell).outputs) == [f"{v}_dot" for v in cell.program.outputs]
    assert names(hvp(cell).outputs) == [f"{name}_dot" for name in wanted]
    assert set(jacobian(cell).blocks) == {(a, s) for a in cell.nexts for s in cell.states}
    scan = bptt(cell)
    assert names(scan.after.outputs) == [f"{v}_bar" for v in (*cell.params, *cell.inputs)]
    assert len(scan.carry) == len(cell.states)


def test_no_gradient_runs_down_the_stack_in_time() -> None:
    blocks = jacobian(stack(cells.gru, cells.gru))
    assert blocks["h_1_next", "h_2"] == ()
    assert blocks["h_2_next", "h_1"] != ()
    one = jacobian(cells.gru)["h_next", "h"]
    assert [p.name for p in blocks["h_1_next", "h_1"]] == [p.name for p in one]


def test_the_readout_sends_the_error_back() -> None:
    lines = {d.name: str(d.expr) for d in vjp(readout(cells.gru))}
    assert lines["W_y_bar"].startswith("Outer(y_hat_bar, h_next")
    assert "loss_bar" in lines["y_hat_bar"]
    assert lines["b_y_bar"] == "y_hat_bar"


# What is refused, and how.

TWO_INPUTS = Cell.parse("h_next = tanh(W @ x + V @ u + U @ h)", name="two")
NO_INPUT = Cell.parse("h_next = tanh(U @ h)", name="none")


@pytest.mark.parametrize(
    ("make", "message", "mend"),
    [
        (lambda: stack(), "no cells", "at least one"),
        (lambda: stack(cells.gru, "gru"), "'gru'", 'cell("gru")'),  # type: ignore[call-overload]
        (lambda: stack(cells.gru, TWO_INPUTS), "its inputs are: x, u", "join its inputs"),
        (lambda: stack(cells.gru, NO_INPUT), "its inputs are: none", "join its inputs"),
        (lambda: stack(readout(cells.gru), cells.gru), "`loss`", "read out last"),
        (lambda: stack(cells.gru, readout(cells.gru)), "`loss`", "read out last"),
        (lambda: readout(readout(cells.gru)), "`W_y`", "W_y_cell"),
        (lambda: readout(Cell.parse("h_next = y + U @ h")), "`y` already", "y_cell"),
        (lambda: readout(cells.gru, "l1"), "'l1'", "mse, cross_entropy"),  # type: ignore[arg-type]
        (lambda: readout(bidirectional(cells.gru)), "gru", "single step"),  # type: ignore[arg-type]
        (lambda: bidirectional(TWO_INPUTS), "its inputs are: x, u", "join its inputs"),
        (lambda: bidirectional(NO_INPUT), "its inputs are: none", "join its inputs"),
        (lambda: bidirectional(readout(cells.gru)), "`loss`", "read out last"),
        (
            lambda: bidirectional(bidirectional(cells.gru)),  # type: ignore[arg-type]
            "bidirectional_gru",
            "stack(bidirectional(a)",
        ),
        (lambda: Network(()), "without layers", "at least one"),
    ],
)
def test_what_cannot_be_composed(make: object, message: str, mend: str) -> None:
    with pytest.raises(StructureError) as caught:
        make()  # type: ignore[operator]
    assert message in caught.value.message
    assert mend in caught.value.mend
