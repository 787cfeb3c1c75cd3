"""The rules by name, and why there is a transpose or a diag."""

import pytest

from gru_sym import cells, document
from gru_sym.cells import Cell
from gru_sym.latex.notation import Notation
from tests.latex_tools import section_of

RULES = {
    "h_next = tanh(W @ x + U @ h)": r"\tanh' = 1 - \tanh^{2}",
    "h_next = sigmoid(U @ h)": r"\sigma' = \sigma\,(1 - \sigma)",
    "h_next = relu(U @ h)": r"\operatorname{relu}' = \operatorname{step}",
    "h_next = softplus(U @ h)": r"\operatorname{softplus}' = \sigma",
    "h_next = sin(U @ h)": r"\sin' = \cos",
    "h_next = log(1 + h * h)": "derivative of the activation",
    "h_next = softmax(U @ h)": "derivative of a sum of exponentials",
    "h_next = h * x": "product rule",
    "h_next = h + x": "sum rule",
    "h_next = h**3": "power rule",
    "h_next = U @ h": "a matrix times a vector is linear in the vector",
    "h_next = sum(h) * x": "a sum over entries is linear",
    "h_next = h": "the derivative of a variable by itself is the identity",
    "h_next = h / sqrt(1 + h * h)": "power rule",
    "h_next = sum(tanh(2 * h)) * h": "a sum over entries is linear",
    "h_next = W @ [h, x]": "each part of a vector for itself",
}


@pytest.mark.parametrize("text", RULES)
def test_each_rule_has_its_name(text: str) -> None:
    _, said = section_of(document(Cell.parse(text)), "Local derivatives")
    assert RULES[text].lower() in " ".join(said[1:]).lower()


WHY = {
    "h_next = tanh(U @ h)": ["Why U^{\\top}: entry j", "(U)_{ij}", "Why \\operatorname{diag}"],
    "h_next = sum(h) * x": ["Why one number for all entries"],
    "n = mean(h)\nh_next = n * x": ["Why a sum: one number enters every entry"],
    "h_next = W @ [h, x]": ["Why W_{[{:},\\,{:}H]}^{\\top}", "(W_{[{:},\\,{:}H]})_{ij}"],
}


@pytest.mark.parametrize("text", WHY)
def test_why(text: str) -> None:
    cell = Cell.parse(text)
    _, said = section_of(document(cell, "vjp", steps="full"), "The chain rule")
    brief = section_of(document(cell, "vjp"), "The chain rule")[1]
    for words in WHY[text]:
        assert words in " ".join(said)
    assert "Why" not in " ".join(brief)


def test_why_in_rows() -> None:
    """The indices of a matrix are turned, and so is the order of a product."""
    rows = Notation("rows", vectors="row")
    document_ = document(cells.rnn, "vjp", rows, "full")
    said = " ".join(section_of(document_, "The chain rule")[1])
    assert r"\mathrm{d}y = \mathrm{d}x\,J" in said
    assert r"that times U_{h}^{\top}" in said
    assert "(U_{h})_{ji}" in said
    assert "(W_{h})_{ji} multiplies entry j of x_{t}" in " ".join(
        section_of(document_, "The gradients of the parameters")[1]
    )


def test_a_why_is_said_once_in_a_line() -> None:
    cell = Cell.parse("h_next = tanh(U @ h) + sigmoid(U @ h)")
    _, said = section_of(document(cell, "vjp", steps="full"), "The chain rule")
    lines = [each for each in said if each.startswith("Why U")]
    assert len(lines) == 1  # of two arguments
