"""Which matrices recur and what vectors do, read off the equations."""

import pytest

from gru_sym import cells
from gru_sym.algebra.nodes import MatVec
from gru_sym.cells import Cell, readout, stack
from gru_sym.errors import UnsupportedError
from gru_sym.flow.initial.roles import Columns, kinds, matrices, products

WHOLE = (0, 1)


def recurrent(cell: Cell) -> set[str]:
    return {name for name, columns in matrices(cell).items() if any(c.recurrent for c in columns)}


@pytest.mark.parametrize("name", cells.names())
def test_of_the_library_the_u_recur_and_the_w_do_not(name: str) -> None:
    """By the convention for names, which the code does not read; [h, x] has one matrix for both."""
    cell = cells.cell(name)
    joined = any(len(dim) > 1 for v in cell.params for dim in v.shape)
    wanted = "W" if joined else "U"
    assert recurrent(cell) == {n for n in matrices(cell) if n.startswith(wanted)}


def test_joined_vectors_have_columns_of_both_kinds() -> None:
    assert matrices(cells.gru_concat)["W_h"] == (Columns(WHOLE, True), Columns((1, 2), False))
    cell = Cell.parse("v = [h, x]\nq = tanh(v)\nh_next = tanh(W @ q)")
    assert matrices(cell)["W"] == (Columns(WHOLE, True), Columns((1, 2), False))


def test_what_comes_from_the_layer_below_does_not_recur() -> None:
    found = recurrent(readout(stack(cells.gru, cells.lstm), loss="mse"))
    assert found == {f"U_{g}_1" for g in "zrh"} | {f"U_{g}_2" for g in "ifgo"}


def test_sums_transposes_and_masks() -> None:
    text = "# params: M(H, H), A(H, H)\nD = A + C\nh_next = tanh((2 * D + V.T) @ h + (M * W) @ h)"
    cell = Cell.parse(text)
    assert recurrent(cell) == {"A", "C", "V", "M", "W"}
    lines, expr = cell.program.as_mapping, cell.program["a_h_next"].expr
    (masked,) = (n for n in expr.atoms(MatVec) if "M" in str(n.args[0]))
    with pytest.raises(UnsupportedError, match="no parameter, and no sum"):
        list(products(masked, lines))
    found = [p for n in expr.atoms(MatVec) if n != masked for p in products(n, lines)]
    terms = {(p.matrix.name, str(p.coefficient), p.transposed) for p in found}
    assert terms == {("A", "2", False), ("C", "2", False), ("V", "1", True)}


@pytest.mark.parametrize(
    ("name", "wanted"),
    [
        ("fastgrnn", {"b_z": "bias", "b_h": "bias", "zeta": "gain", "nu": "bias"}),
        ("gru3", {"b_z": "bias", "b_r": "bias", "b_h": "bias"}),
        ("lstm_peephole", dict.fromkeys(["p_i", "p_f", "p_o"], "diagonal")),
        ("gru_layernorm", dict.fromkeys(["g_z", "g_r", "g_h"], "gain")),
        ("gru_reset_after", {"b_hn": "bias"}),
    ],
)
def test_kinds(name: str, wanted: dict[str, str]) -> None:
    found = kinds(cells.cell(name))
    assert {k: v for k, v in found.items() if k in wanted} == wanted
    assert {v for k, v in found.items() if k not in wanted} <= {"bias"}


def test_a_diagonal_on_the_state_and_a_gain_in_a_sum() -> None:
    cell = Cell.parse("# params: g(H)\nq = tanh(U @ h)\nh_next = b_l * h + g * q")
    assert kinds(cell) == {"b_l": "diagonal", "g": "gain"}
