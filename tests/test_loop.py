"""The NumPy loop of a Scan: where its values live, and in which order they are written."""

import ast
import builtins
import re
import tracemalloc
from typing import Any

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.codegen import compile, module_source


def loop_lines(cell: Cell, function: str) -> list[str]:
    tree = ast.parse(module_source(cell))
    (found,) = (n for n in tree.body if isinstance(n, ast.FunctionDef) and n.name == function)
    loops = [n for n in ast.walk(found) if isinstance(n, ast.For)]
    return [ast.unparse(statement) for loop in loops for statement in loop.body]


def test_the_next_state_is_the_next_row() -> None:
    lines = loop_lines(cells.rnn, "forward")
    assert "h_t = h[t]" in lines
    assert "np.tanh(a_h_next_t, out=h_next_t)" in lines
    assert "h, h_next = h_all[:-1], h_all[1:]" in module_source(cells.rnn)


def test_a_sum_is_written_over_what_was_known_ahead() -> None:
    lines = loop_lines(cells.rnn, "forward")
    assert any(line.startswith("a_h_next_t += ") for line in lines)


def test_a_gate_and_its_complement_cost_one_exponential() -> None:
    lines = loop_lines(cells.gru, "forward")
    pairs = [line for line in lines if line.startswith("sigmoid_pair(")]
    assert pairs == ["sigmoid_pair(a_z_r_t, out=z_r_t, rest=one_minus_z_r_t)"]
    assert not any("sigmoid(" in line for line in lines)


def test_parts_of_a_stack_are_multiplied_at_once() -> None:
    lines = loop_lines(cells.gru_reset_after, "backward")
    assert [line for line in lines if "np.newaxis" in line] == [
        "a_z_a_r_U_h_h_bar_parts_t *= h_next_bar_t[:, np.newaxis]"
    ]


def test_the_backward_loop_has_no_activation() -> None:
    for name in cells.names():
        lines = loop_lines(cells.cell(name), "backward")
        assert not any("tanh" in line and "(" in line.partition("tanh")[2] for line in lines), name
        assert not any(line.startswith(("sigmoid", "np.exp")) for line in lines), name


@pytest.mark.parametrize(
    "text",
    [
        "h_next = 0.5",
        "h_next = tanh(W @ x)\nc_next = c * h_next",
        "h_next = c\nc_next = h",  # two states change places
        "h_next = tanh(U @ c)\nc_next = h",
    ],
)
def test_states_that_do_not_roll(text: str, rng: np.random.Generator) -> None:
    cell = Cell.parse(text)
    run = compile(cell)
    shapes = {v.name: (3, 2) if v.name == "W" else (3, 3) for v in cell.params}
    params = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    states = {v.name: rng.normal(size=(2, 3)) for v in cell.states}
    trajectory = run.forward(params, rng.normal(size=(4, 2, 2)) if cell.inputs else 4, states)
    for state, after in zip(cell.states, cell.nexts, strict=True):
        before = trajectory.values[str(state.name)]
        assert np.array_equal(before[0], states[state.name])
        assert np.array_equal(before[1:], trajectory.values[str(after.name)][:-1])


def most_allocated(cell: Cell, T: int, B: int, n: int) -> dict[str, int]:
    """The most bytes that one turn of each function's loop has asked for."""
    marks: list[int] = []
    found: list[int] = []

    def turn() -> None:
        now, peak = tracemalloc.get_traced_memory()
        found.append(peak - marks.pop() if marks else 0)
        tracemalloc.reset_peak()
        marks.append(now)

    source = re.sub(r"(?m)^( +)for t in .*:$", r"\g<0>\n\1    turn()", module_source(cell))
    module: dict[str, Any] = {"__name__": "generated", "turn": turn}
    exec(builtins.compile(source, "<generated>", "exec"), module)

    def zeros(shape: Any, *lead: int) -> np.ndarray:
        return np.zeros((*lead, *([n * len(dim) for dim in shape] or [1] * bool(lead))))

    params = {v.name: zeros(v.shape) for v in cell.params}
    inputs = [zeros(v.shape, T, B) for v in cell.inputs] or [T]
    states = [zeros(v.shape, B) for v in cell.states]
    ups = [zeros(v.shape, T, B) for v in (*cell.nexts, *cell.extra)]
    most = {}
    before = np.setbufsize(16)  # NumPy's own iterator gets no room to copy what is strided
    tracemalloc.start()
    try:
        trajectory = module["forward"](params, *inputs, *states)
        most["forward"] = max(found, default=0)
        found.clear(), marks.clear()
        module["backward"](params, trajectory, *ups)
        most["backward"] = max(found, default=0)
    finally:
        tracemalloc.stop()
        np.setbufsize(before)
    return most


REDUCED = "h_next = softmax(U @ h) * softplus(x) + logsumexp(V @ h) * mean(h) + relu(abs(h))"


@pytest.mark.parametrize("name", [*cells.names(), REDUCED])
def test_a_turn_allocates_no_array(name: str) -> None:
    """T reaches a turn that flushes what has vanished; a turn's views take some kB."""
    T, B, n = 66, 128, 128
    cell = Cell.parse(name) if name == REDUCED else cells.cell(name)
    for function, size in most_allocated(cell, T, B, n).items():
        assert size < B * n, function  # less than a byte for each entry of a row


def test_what_is_returned_does_not_hold_the_block_of_memory(rng: np.random.Generator) -> None:
    run = compile(cells.gru)
    shapes = {v.name: [{"H": 3, "I": 2}[d] for (d,) in v.shape] for v in cells.gru.params}
    params = {name: rng.normal(size=shape) for name, shape in shapes.items()}
    _, grads = run.gradients(params, rng.normal(size=(50, 2, 2)))
    for array in grads.values():
        owner = array if array.base is None else array.base
        assert owner.size <= max(array.size, 2 * 3 * 3)
