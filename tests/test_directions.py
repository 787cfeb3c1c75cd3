"""Derivatives along a direction, as parts of a document."""

import pytest

from gru_sym import cells, document
from tests.latex_tools import section_of


def test_a_tangent_for_each_equation() -> None:
    shown, said = section_of(document(cells.gru, "jvp"), "Tangents")
    assert len(shown) == len(cells.gru.program.definitions)
    assert shown[0].startswith(r"\dot{a}_{z,t} &= \dot{W}_{z}\,x_{t} + W_{z}\,\dot{x}_{t}")
    assert shown[-1].startswith(r"\dot{h}_{t} &= ")
    assert said[0].startswith("Let all inputs, states and parameters move.")
    assert [words.split("in ")[-1] for words in said[1:]] == [f"({k})." for k in range(8, 15)]


@pytest.mark.parametrize("name", ["rnn", "gru", "lstm"])
def test_second_order_lines_follow_those_of_first_order(name: str) -> None:
    cell = cells.cell(name)
    shown, said = section_of(document(cell, "hvp"), "Second order")
    tangents, seconds = shown
    # An output has no tangent here where no line of the chain rule uses it.
    assert tangents.count("&=") >= len(cell.program.definitions) - len(cell.states)
    assert r"\dot{\bar{" not in tangents
    assert seconds.count(r"\dot{\bar{") >= len(cell.params)
    assert "zero, where that is held fixed" in " ".join(said)


def test_what_is_given_is_named() -> None:
    _, said = section_of(document(cells.lstm, "hvp"), "Second order")
    assert (
        r"\dot{\bar{h}}_{t} and \dot{\bar{c}}_{t}^{\mathrm{given}} tell how what is given moves"
        in " ".join(said)
    )
    _, said = section_of(document(cells.rnn, "hvp", "xh"), "Second order")
    assert r"\dot{\delta}_{h,t} tells how what is given moves" in " ".join(said)
