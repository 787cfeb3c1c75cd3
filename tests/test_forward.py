"""The first parts: the equations, their symbols and sizes, the local derivatives."""

from gru_sym import cells, document
from gru_sym.algebra.lines import width
from gru_sym.cells import Cell
from gru_sym.documents.context import WIDE
from gru_sym.latex.blocks import Figure
from gru_sym.latex.notation import Notation
from tests.latex_tools import section_of


def test_the_equations_are_numbered_one_by_one() -> None:
    shown, said = section_of(document(cells.gru), "The cell")
    assert shown[:2] == [
        r"a_{z,t} &= W_{z}\,x_{t} + U_{z}\,h_{t-1} + b_{z}",
        r"z_{t} &= \sigma(a_{z,t})",
    ]
    assert len(shown) == len(cells.gru.program.definitions)
    assert said[0].startswith("On its convention, the cell's text says: update gate z takes")
    assert "takes the state h_{t-1} and the input x_{t} to h_{t}" in said[1]
    assert {"Update gate.", "Reset gate.", "Candidate."} <= set(said)


def test_a_cell_without_inputs_takes_its_state() -> None:
    _, said = section_of(document(Cell.parse("h_next = tanh(U @ h)")), "The cell")
    assert said[0].startswith("One step takes the state h_{t-1} to h_{t}.")


def test_a_convention_without_an_equation() -> None:
    cell = Cell.parse("# convention: the state is last. Nothing else: see there\nh_next = tanh(h)")
    assert section_of(document(cell), "The cell")[1][0] == (
        "On its convention, the cell's text says: the state is last. Nothing else: see there."
    )


def test_the_figure_says_what_its_arrows_are() -> None:
    made = document(cells.gru)
    figures = [b for b in made.sections[0].blocks if isinstance(b, Figure)]
    assert len(figures) == 1
    assert "one colour for each path" in str(figures[0].caption)


def rows(cell: Cell, notation: str | Notation = "chung") -> list[str]:
    return section_of(document(cell, "vjp", notation), "Symbols")[1][1:]


def test_symbols_and_sizes() -> None:
    found = rows(cells.gru)
    assert r"z_{t} | \mathbb{R}^{H} | update gate" in found
    assert r"\tilde{h}_{t} | \mathbb{R}^{H} | candidate" in found
    assert r"W_{z}, W_{r}, W_{h} | \mathbb{R}^{H \times I} | matrices of parameters" in found
    assert rows(cells.gru, "concat")[-3] == (
        r"W_{z}, W_{r}, W_{h} | \mathbb{R}^{H \times (H+I)} | matrices of parameters"
    )


def test_parts_of_vectors_are_explained() -> None:
    said = "takes the first H entries of a vector, [H{:}] those that follow"
    assert said in rows(cells.gru, "concat")[-1]
    assert r"[{:},\,{:}H] takes the first H columns of a matrix" in rows(cells.gru, "concat")[-1]
    turned = rows(cells.gru, Notation("r", vectors="row", form="concat"))[-1]
    assert "side by side" in turned
    assert "[{:}H] takes the first H rows of a matrix" in turned
    assert not any(said in row for row in rows(cells.gru))


def test_numbers_and_single_parameters() -> None:
    text = "# params: s()\n# shapes: n()\nh_next = s * tanh(W @ x + n * h + b)\nn_next = mean(h)"
    found = rows(Cell.parse(text))
    assert r"s | \mathbb{R} | scalar, learned" in found
    assert r"W | \mathbb{R}^{H \times I} | matrix of parameters" in found
    assert r"b | \mathbb{R}^{H} | vector of parameters" in found
    assert any(line.startswith(r"h_{t-1}, n_{t-1} | ") for line in found)


def test_rows_turn_the_sizes() -> None:
    found = rows(cells.gru, Notation("rows", vectors="row"))
    assert any(r"\mathbb{R}^{I \times H}" in line for line in found)
    assert not any(r"H \times I" in line for line in found)


def test_local_derivatives() -> None:
    shown, said = section_of(document(cells.gru), "Local derivatives")
    assert len(shown) == len(cells.gru.program.definitions)
    assert shown[1] == (
        r"& \frac{\partial z_{t}}{\partial a_{z,t}} = \operatorname{diag}(z_{t} \odot (1 - z_{t}))"
    )
    assert (
        r"\frac{\partial h_{t}}{\partial z_{t}} = \operatorname{diag}(\tilde{h}_{t} - h_{t-1})"
        in (shown[-1])
    )
    assert said[1].endswith("from (1).")
    assert said[-1].endswith("from (7).")


def test_signs_and_zeros_of_local_derivatives() -> None:
    cell = Cell.parse("n = 0 * h - x\nh_next = n - h")
    shown, _ = section_of(document(cell), "Local derivatives")
    assert r"\frac{\partial n_{t}}{\partial x_{t}} = -\mathbf{I}" in shown[0]
    assert r"\frac{\partial^{+} h_{t}}{\partial h_{t-1}} = -\mathbf{I}" in shown[1]


def test_long_local_derivatives_have_their_own_lines() -> None:
    made = document(cells.gru_layernorm, "vjp")
    for section in made.sections[2:3]:
        for block in section.blocks:
            for line in getattr(block, "latex", "").splitlines():
                assert width(line) <= WIDE
