"""Cells and derivations as LaTeX."""

from collections.abc import Callable

import pytest

from gru_sym.algebra.lines import width
from gru_sym.cells import Cell, cell, names
from gru_sym.derive.describe import KINDS
from gru_sym.derive.vjp import vjp
from gru_sym.errors import DataError
from gru_sym.latex.printer import latex_cell, latex_derivation

GOLDEN = ["gru", "lstm", "gru_concat"]


@pytest.mark.parametrize("name", names())
def test_is_well_formed(check_latex: Callable[[str], None], name: str) -> None:
    for formula in (latex_cell(cell(name)), *(latex_derivation(cell(name), of) for of in KINDS)):
        check_latex(formula)
        assert formula.startswith("\\begin{aligned}\n")
        assert formula.endswith("\n\\end{aligned}")
        assert len({line.count("&=") for line in formula.splitlines()} - {0, 1}) == 0


@pytest.mark.parametrize("of", ["cell", *KINDS])
@pytest.mark.parametrize("name", GOLDEN)
def test_golden(golden: Callable[[str, str], None], name: str, of: str) -> None:
    made = latex_cell(cell(name)) if of == "cell" else latex_derivation(cell(name), of)
    golden(f"latex/{name}_{of}.tex", made + "\n")


def test_lines_are_short() -> None:
    """Where a line can break, it does; a product alone cannot."""
    for name in ("gru", "lstm", "mut2"):
        for of in ("vjp", "jvp", "bptt", "hvp"):
            for line in latex_derivation(cell(name), of).splitlines():
                assert width(line) < 130


def test_bptt_says_what_arrives_and_what_is_summed() -> None:
    lines = latex_derivation(cell("gru"), "bptt").splitlines()
    arriving = r"\bar{h}_{t} &= \bar{h}_{t}^{\mathrm{loss}} + \bar{h}_{t}^{\mathrm{later}} \\"
    assert arriving in lines
    assert any(line.startswith(r"\bar{h}_{t-1}^{\mathrm{later}} &= \bar{h}_{t}") for line in lines)
    gradient = r"\frac{\partial L}{\partial W_{z}} &= \sum_{t=1}^{T} \bar{a}_{z,t}\,x_{t}^{\top} \\"
    assert gradient in lines
    assert r"\frac{\partial L}{\partial h_{0}} &= \bar{h}_{0}^{\mathrm{later}}" in lines


def test_what_is_constant_in_time_has_no_index() -> None:
    shown = latex_derivation(cell("gru3"), "bptt")
    assert r"\bar{z} &= \sum_{t=1}^{T} \bar{h}_{t} \odot (\tilde{h}_{t} - h_{t-1})" in shown


def test_wrt() -> None:
    shown = latex_derivation(cell("gru"), "bptt", ["W_r"])
    assert r"\partial W_{r}" in shown
    assert r"\partial W_{z}" not in shown
    assert r"\partial h_{0}" not in shown
    with pytest.raises(DataError, match="no parameter, input or state `W_q`"):
        latex_derivation(cell("gru"), "bptt", ["W_q"])


def test_jacobian_has_a_line_for_each_path() -> None:
    lines = latex_derivation(cell("gru"), "jacobian").splitlines()[1:-1]
    assert lines[0].startswith(r"\frac{\partial h_{t}}{\partial h_{t-1}} &= \operatorname{diag}")
    assert [line.split("&&")[1].split()[0] for line in lines] == [
        r"\text{(skip)}",
        r"\text{(update)}",
        r"\text{(candidate)}",
        r"\text{(reset)}",
    ]


def test_jacobian_zeros_and_identities() -> None:
    made = Cell.parse("h_next = W @ x + c\nc_next = c + sum(h) * c - h")
    assert latex_derivation(made, "jacobian").splitlines()[1:-1] == [
        r"\frac{\partial h_{t}}{\partial h_{t-1}} &= 0 \\",
        r"\frac{\partial h_{t}}{\partial c_{t-1}} &= \mathbf{I} && \text{(skip)} \\",
        r"\frac{\partial c_{t}}{\partial h_{t-1}} "
        r"&= c_{t-1}\,\mathbf{1}^{\top} && \text{(direct)} \\",
        r"&\quad - \mathbf{I} && \text{(skip)} \\",
        r"\frac{\partial c_{t}}{\partial c_{t-1}} "
        r"&= (\operatorname{sum}(h_{t-1}) + 1)\,\mathbf{I} && \text{(skip)}",
    ]


def test_hostile_role_is_text(check_latex: Callable[[str], None]) -> None:
    """A role is text whatever is in it, as far as the header lets it through."""
    text = "# roles: z = a_b\nz = sigmoid(U @ h)\nh_next = z * h + W @ x"
    shown = latex_derivation(Cell.parse(text), "jacobian")
    check_latex(shown)
    assert r"\text{(a\_b)}" in shown


def test_notebook() -> None:
    assert cell("rnn")._repr_latex_() == f"$${latex_cell(cell('rnn'))}$$"
    program = vjp(cell("rnn"))
    assert r"\bar{a}_{h'} &= \bar{h}' \odot (1 - (h')^{2})" in program._repr_latex_()
    assert "a_h_next_bar = h_next_bar * (1 - h_next**2)" in str(program).splitlines()
