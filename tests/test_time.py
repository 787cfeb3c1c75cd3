"""Backpropagation through time, as a part of a document."""

import pytest

from gru_sym import cells, document
from gru_sym.cells import Cell
from tests.latex_tools import section_of

TITLE = "Backpropagation through time"


def parts(cell: Cell, notation: str = "chung") -> tuple[list[str], list[str]]:
    return section_of(document(cell, "bptt", notation), TITLE)


def test_start_step_each_sums_and_the_initial_state() -> None:
    shown, said = parts(cells.rnn)
    start, step, each, sums, initial = shown
    assert start == r"\bar{h}_{T}^{\mathrm{later}} &= 0"
    assert step.startswith(
        r"\bar{h}_{t} &= \bar{h}_{t}^{\mathrm{loss}} + \bar{h}_{t}^{\mathrm{later}} "
    )
    assert step.endswith(r"\bar{h}_{t-1}^{\mathrm{later}} &= U_{h}^{\top}\,\bar{a}_{h,t}")
    assert each == r"\frac{\partial L}{\partial x_{t}} &= W_{h}^{\top}\,\bar{a}_{h,t}"
    assert (
        r"\frac{\partial L}{\partial U_{h}} &= \sum_{t=1}^{T} \bar{a}_{h,t}\,h_{t-1}^{\top}" in sums
    )
    assert initial == r"\frac{\partial L}{\partial h_{0}} &= \bar{h}_{0}^{\mathrm{later}}"
    assert "down to (7)" in " ".join(said)
    assert said[-1] == "The last turn of (13)."


def test_without_inputs_and_parameters() -> None:
    shown, said = parts(Cell.parse("h_next = tanh(h)"))
    assert len(shown) == 3
    assert not any("parameter" in words for words in said)


@pytest.mark.parametrize("name", cells.names())
def test_each_state_starts_and_ends(name: str) -> None:
    cell = cells.cell(name)
    shown, _ = parts(cell)
    assert shown[0].count("&= 0") == len(cell.states)
    assert shown[-1].count(r"\frac{\partial L}{\partial ") == len(cell.states)


def test_other_cotangents() -> None:
    assert parts(cells.rnn, "xh")[0][0] == r"\delta_{h,T}^{\mathrm{later}} &= 0"
    assert (
        r"\frac{\partial L^{\mathrm{later}}}{\partial h_{T}} &= 0" in parts(cells.rnn, "concat")[0]
    )
