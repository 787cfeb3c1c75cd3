"""Oracles in double precision, against each other and against generated code."""

import sys
from collections.abc import Callable
from dataclasses import replace
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.codegen.compile import compile
from gru_sym.verification import floats
from gru_sym.verification.floats import by_hand, complex_step, jax_reverse, torch_autograd
from gru_sym.verification.point import Point
from gru_sym.verification.regimes import REGIMES, drawn
from gru_sym.verification.relative import relative_error
from gru_sym.verification.truth import NotRunError, Truth
from tests.test_compile import TEXTS, text_cells

BY_HAND = ("gru", "gru_keep", "gru_reset_after", "lstm", "rnn")
MORE = {
    "no inputs, a loss": "# outputs: q\nh_next = tanh(U @ h + b)\nq = logsumexp(V @ h_next)",
    "one state that is a number": "# outputs: q\n# params: d()\n# states: h(H), c(H)\n"
    "h_next = tanh(d * c + h)\nc_next = mean(h)\nq = sum(c_next) * d",
    "scalars alone": "# params: c(), d()\nh_next = c * tanh(d * h + x)",
    "a kink": "# params: c()\nh_next = hard_sigmoid(W @ x + h) * abs(h) + relu(c) * x_2",
}
CELLS = [
    *map(cells.cell, cells.names()),
    *text_cells(),
    *(Cell.parse(text, name=name) for name, text in MORE.items()),
]
FAST = {"gru", "states of two sizes", "an output that is a vector", "a kink"}
FAST |= {"a state from parameters alone", "one state that is a number"}
"""JAX takes half a second to compile each."""

every_cell = pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)


def differences(one: Truth, other: Truth) -> dict[str, float]:
    """The relative error of each gradient and value."""
    assert one.gradients.keys() == other.gradients.keys()
    found = {n: relative_error(one.gradients[n], a) for n, a in other.gradients.items()}
    shared = one.values.keys() & other.values.keys()
    return found | {n: relative_error(one.values[n], other.values[n]) for n in shared}


def worst(one: Truth, other: Truth) -> float:
    return max(differences(one, other).values())


def generated(point: Point) -> Truth:
    run = compile(point.cell)
    trajectory, gradients = run.gradients(
        point.params, point.inputs or point.T, point.states, point.bars
    )
    return Truth(gradients, trajectory.values)


# -- each against what is generated ----------------------------------------------------------------


@pytest.mark.parametrize("oracle", [by_hand, complex_step, torch_autograd, jax_reverse])
def test_wrong_gradients_are_seen(
    oracle: Callable[[Point], Truth], peer: Callable[[str], ModuleType]
) -> None:
    peer("torch")
    peer("jax")
    point = drawn(cells.gru)
    truth = oracle(point)
    for name, gradient in generated(point).gradients.items():
        for wrong in (gradient * (1 + 1e-9), -gradient, np.zeros_like(gradient)):
            assert relative_error(wrong, truth.gradients[name]) > 1e-10, name


@every_cell
def test_complex_step(cell: Cell) -> None:
    point = drawn(cell)
    truth = complex_step(point)
    assert list(truth.gradients) == point.gradients
    assert worst(truth, generated(point)) < 1e-13


@every_cell
def test_torch(cell: Cell, torch: ModuleType) -> None:
    point = drawn(cell)
    truth = torch_autograd(point)
    assert list(truth.gradients) == point.gradients
    assert worst(truth, complex_step(point)) < 1e-13


@pytest.mark.parametrize("cell", [c for c in CELLS if c.name in FAST], ids=lambda cell: cell.name)
def test_jax(cell: Cell, peer: Callable[[str], ModuleType]) -> None:
    peer("jax")
    point = drawn(cell)
    truth = jax_reverse(point)
    assert set(truth.gradients) == set(point.gradients)
    assert all(array.dtype == np.float64 for array in truth.gradients.values())
    assert worst(truth, complex_step(point)) < 1e-13


@pytest.mark.slow
@pytest.mark.parametrize(
    "cell", [c for c in CELLS if c.name not in FAST], ids=lambda cell: cell.name
)
def test_jax_of_the_other_cells(cell: Cell, peer: Callable[[str], ModuleType]) -> None:
    test_jax(cell, peer)


@pytest.mark.parametrize("name", BY_HAND)
def test_by_hand(name: str) -> None:
    point = drawn(cells.cell(name))
    truth = by_hand(point)
    assert set(truth.gradients) == set(point.gradients)
    assert set(truth.values) == set(point.outputs.values())
    assert worst(truth, complex_step(point)) < 1e-13


@pytest.mark.parametrize("name", ["gru", "lstm", "mgu", "fastgrnn"])
def test_the_complex_step_where_gates_saturate(name: str) -> None:
    """Where an argument is 40, sigmoid' is 4e-18."""
    point = REGIMES["saturated"].point(cells.cell(name), 0)
    assert worst(complex_step(point), generated(point)) < 1e-12


# -- the complex step ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["lstm_peephole", "gru_concat"])
def test_in_small_parts(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    point = drawn(cells.cell(name))
    whole = complex_step(point)
    for most in (1, 20, 100):
        monkeypatch.setattr(floats, "_AT_ONCE", most)
        assert worst(complex_step(point), whole) < 1e-15


def test_each_entry_of_a_long_array_is_moved_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floats, "_AT_ONCE", 7 * 12)
    assert [list(part) for part in floats._parts(np.zeros((4, 3)), 5)] == [
        list(range(7)), list(range(7, 12))
    ]  # fmt: skip
    assert [list(part) for part in floats._parts(np.zeros(2), 1000)] == [[0], [1]]


def test_too_much_work() -> None:
    point = drawn(cells.gru, steps=2000)
    with pytest.raises(NotRunError, match="complex step would take about"):
        complex_step(point)


# -- libraries that are absent ---------------------------------------------------------------------


@pytest.mark.parametrize(("name", "oracle"), [("torch", torch_autograd), ("jax", jax_reverse)])
def test_an_absent_library(
    name: str, oracle: Callable[[Point], Truth], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(NotRunError, match=f"{name} is not installed .pip install {name}"):
        oracle(drawn(cells.rnn))


def test_jax_is_left_in_its_own_precision(peer: Callable[[str], ModuleType]) -> None:
    jax = peer("jax")
    before = jax.config.jax_enable_x64
    jax_reverse(drawn(cells.rnn))
    assert jax.config.jax_enable_x64 == before


def test_jax_of_one_cell_at_two_sizes(peer: Callable[[str], ModuleType]) -> None:
    """What is compiled for some sizes is not taken for others."""
    peer("jax")
    for sizes, steps in (({"H": 3, "I": 5}, 4), ({"H": 2, "I": 4}, 4), ({"H": 3, "I": 5}, 2)):
        point = drawn(cells.rnn, sizes=sizes, steps=steps)
        assert worst(jax_reverse(point), complex_step(point)) < 1e-13


# -- by hand ---------------------------------------------------------------------------------------

RENAMED_LSTM = """
# output: s
i = sigmoid(b1 + A1 @ u + C1 @ s)
k = sigmoid(A2 @ u + C2 @ s + b2)
g = tanh(A3 @ u + b3 + C3 @ s)
o = sigmoid(A4 @ u + C4 @ s + b4)
m_next = g * i + k * m
s_next = tanh(m_next) * o
"""


@pytest.mark.parametrize(
    "text", ["s_next = tanh(b + R @ s + V @ u)", RENAMED_LSTM], ids=["rnn", "lstm"]
)
def test_a_renamed_cell_is_recognised(text: str) -> None:
    point = drawn(Cell.parse(text))
    assert worst(by_hand(point), complex_step(point)) < 1e-13


@pytest.mark.parametrize(
    "cell",
    [
        cells.mgu,
        Cell.parse(RENAMED_LSTM.replace("k * m", "k * s")),
        Cell.parse(RENAMED_LSTM.replace("tanh(m_next)", "sigmoid(m_next)")),
        Cell.parse(TEXTS["two states"]),
        Cell.parse("s_next = tanh(b + R.T @ s + V @ u)"),
    ],
)
def test_a_cell_that_nobody_has_written_by_hand(cell: Cell) -> None:
    with pytest.raises(NotRunError, match="nobody has written it by hand: there are gru, gru_keep"):
        by_hand(drawn(cell))


def test_arrays_by_hand_go_where_their_names_say() -> None:
    """Two gates of one shape: swapped, each gradient would be the other's."""
    point = drawn(Cell.parse(RENAMED_LSTM))
    swapped = {"b1": "b2", "b2": "b1"}
    other = replace(point, params={n: point.params[swapped.get(n, n)] for n in point.params})
    one: Any = by_hand(point).gradients
    two: Any = by_hand(other).gradients
    assert relative_error(one["b1_bar"], two["b2_bar"]) > 1e-3
