"""The chain rule backwards, the δ-form, the gradients of the parameters."""

import pytest

from gru_sym import cells, document
from gru_sym.cells import Cell
from gru_sym.documents.backward import arguments_of
from gru_sym.latex.notation import Notation
from tests.latex_tools import section_of

CHAIN, DELTA, PARAMETERS = "The chain rule", "The δ-form", "The gradients of the parameters"


def test_each_line_is_applied_and_then_written_out() -> None:
    shown, said = section_of(document(cells.rnn), CHAIN)
    assert shown[0] == (
        r"\bar{a}_{h,t} &= \Bigl(\frac{\partial h_{t}}{\partial a_{h,t}}\Bigr)^{\top}\,\bar{h}_{t}"
        r" {} &= \bar{h}_{t} \odot (1 - h_{t}^{2})"
    )
    assert said[1] == "Chain rule: a_{h,t} is used in (2), whose derivative is in (4)."
    assert shown[-1].startswith(r"\bar{h}_{t-1}^{\mathrm{later}} &=")
    assert (
        "is used in (1), (3), (5) and (7), with the derivatives in"
        in (section_of(document(cells.gru), CHAIN)[1][-1])
    )


def test_rows_have_the_cotangent_in_front() -> None:
    shown, _ = section_of(document(cells.rnn, notation=Notation("r", vectors="row")), CHAIN)
    assert shown[0].startswith(r"\bar{a}_{h,t} &= \bar{h}_{t}\,\Bigl(\frac{\partial h_{t}}")


def test_an_output_collects_what_is_given_too() -> None:
    """The peephole's c_next is a state, and what h_next is made of."""
    shown, said = section_of(document(cells.lstm_peephole), CHAIN)
    total = next(line for line in shown if line.startswith(r"\bar{c}_{t} "))
    assert total.split("&=")[1].startswith(r" \bar{c}_{t}^{\mathrm{given}} + ")
    assert any("it is an output, too" in words for words in said)


def test_what_the_loss_does_not_see() -> None:
    cell = Cell.parse("h_next = tanh(h) + 0 * x")
    shown, said = section_of(document(cell), CHAIN)
    assert shown[0] == r"\bar{x}_{t} &= 0"
    assert "Nothing that the loss sees depends on it." in said


def test_partial_needs_no_word_for_cotangents() -> None:
    _, said = section_of(document(cells.rnn, notation="concat"), CHAIN)
    assert "Let L be the loss. Given are" in said[0]
    assert "the cotangent" in section_of(document(cells.rnn), CHAIN)[1][0]


def test_arguments_of_activations() -> None:
    assert [v.name for v in arguments_of(cells.gru.program)] == ["a_z", "a_r", "a_h_tilde"]
    assert arguments_of(Cell.parse("h_next = h * x").program) == []


def test_the_delta_form() -> None:
    (shown,), said = section_of(document(cells.gru), DELTA)
    assert r"\bar{a}_{z,t} &= \bar{h}_{t} \odot (\tilde{h}_{t} - h_{t-1}) \odot z_{t}" in shown
    assert r"\bar{z}" not in shown
    assert "called δ" in said[0] or "call δ" in said[0]


def test_an_argument_that_is_given_is_no_delta() -> None:
    for text in ("h_next = tanh(h)", "# params: s()\ng = sigmoid(s)\nh_next = g * h + x"):
        assert DELTA not in [section.title for section in document(Cell.parse(text)).sections]


def test_activations_within_a_line_have_their_deltas() -> None:
    text = "m_next = tanh(W @ x + U @ h) * m\nh_next = relu(R @ m_next) + h"
    (shown,), (opening, *_) = section_of(document(Cell.parse(text)), DELTA)
    assert [row.split("&=")[0].strip() for row in shown.split(r"\\")][:3] != []
    assert opening.startswith("What textbooks call δ are the cotangents of the arguments of")
    for line in (
        r"\bar{a}_{h,t} &= \bar{h}_{t} \odot \operatorname{step}(a_{h,t})",
        r"\bar{m}_{t} &= \bar{m}_{t}^{\mathrm{given}} + R^{\top}\,\bar{a}_{h,t}",
        r"\bar{a}_{m,t} &= \bar{m}_{t} \odot m_{t-1} \odot (1 - \tanh(a_{m,t})^{2})",
    ):
        assert line in shown


def test_one_delta_is_told_of_as_one() -> None:
    _, (opening, *_) = section_of(document(cells.rnn), DELTA)
    assert opening.startswith("What textbooks call δ is the cotangent of the argument of an")


def test_a_cell_without_activations_has_no_delta_form() -> None:
    titles = [s.title for s in document(Cell.parse("h_next = U @ h + x")).sections]
    assert DELTA not in titles


def test_a_delta_form_that_is_wider_than_a_page_is_left_out() -> None:
    shown, said = section_of(document(cells.gru_layernorm, "vjp", "concat"), DELTA)
    assert shown == []
    assert "too long to be read" in said[0]


def test_parameters() -> None:
    shown, said = section_of(document(cells.gru), PARAMETERS)
    assert shown[0] == r"\bar{W}_{z,t} &= \bar{a}_{z,t}\,x_{t}^{\top}"
    assert said[1] == "It multiplies x_{t} in (1): the gradient of a matrix is an outer product."
    assert len(shown) == len(cells.gru.params)


def test_a_matrix_that_is_used_twice() -> None:
    cell = Cell.parse("z = sigmoid(U @ h)\nh_next = z * tanh(U @ (h * x))")
    shown, said = section_of(document(cell), PARAMETERS)
    assert shown[0].count(r"^{\top}") == 2
    assert "It multiplies h_{t-1} in (1) and" in said[1]


@pytest.mark.parametrize("text", ["h_next = tanh(h + x)", "h_next = h"])
def test_a_cell_without_parameters_has_no_such_part(text: str) -> None:
    assert PARAMETERS not in [s.title for s in document(Cell.parse(text)).sections]
