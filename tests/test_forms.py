"""Other forms of a cell: found in its structure, and proved to be the same cell."""

import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.latex.forms import in_form
from gru_sym.latex.notation import FORMS
from gru_sym.prove.equivalent import prove_equivalent

KEPT = {"gru", "gru1", "gru2", "gru3", "gru_concat", "gru_layernorm", "gru_nobias"}
KEPT |= {"mingru", "mut1", "mut2", "mut3"}
NEVER_JOINED = {"gru_concat", "mingru", "minlstm"}


@pytest.mark.parametrize("name", cells.names())
def test_each_form_is_proved_to_be_the_same_cell(name: str) -> None:
    cell = cells.cell(name)
    for form in FORMS:
        made = in_form(cell, form)
        if not made.mapping:
            assert made.cell is cell
            assert made.changed == ()
            continue
        assert made.cell.name == cell.name
        assert set(made.changed) <= {d.name for d in cell.document.definitions}
        assert prove_equivalent(made.cell, cell, made.mapping).verdict == "proved"


def test_which_cells_have_which_form() -> None:
    def having(form: str) -> set[str]:
        return {name for name in cells.names() if in_form(cells.cell(name), form).mapping}

    assert having("as written") == set()
    assert having("keep") == KEPT
    assert having("concat") == {*cells.names()} - NEVER_JOINED


@pytest.mark.parametrize("form", FORMS[1:])
@pytest.mark.parametrize("name", ["gru", "mut1"])
def test_a_form_without_its_mapping_is_not_the_same_cell(name: str, form: str) -> None:
    """The proof sees what a form changes: each line of the mapping is needed."""
    cell = cells.cell(name)
    made = in_form(cell, form)
    if form == "keep":
        lines = made.mapping.splitlines()
        assert prove_equivalent(made.cell, cell).verdict != "proved"
        for k in range(len(lines)):
            short = "\n".join(lines[:k] + lines[k + 1 :])
            assert prove_equivalent(made.cell, cell, short).verdict != "proved"
    else:
        turned = made.mapping.replace("[U", "[-U", 1)
        assert turned != made.mapping
        assert prove_equivalent(made.cell, cell, turned).verdict != "proved"


def test_keep_turns_the_gate_around() -> None:
    made = in_form(cells.gru, "keep")
    assert str(made.cell).splitlines()[-1] == "h_next  = z * h + (1 - z) * h_tilde"
    assert made.mapping.splitlines() == ["W_z = -W_z", "U_z = -U_z", "b_z = -b_z"]
    assert made.changed == ("z", "h_next")
    assert made.cell.roles == cells.gru.roles
    assert made.cell.document.header.convention == ""


def test_concat_joins_the_first_product_on_each() -> None:
    made = in_form(cells.gru, "concat")
    assert [line.split(" = ")[1] for line in str(made.cell).splitlines()[:3]] == [
        "sigmoid(W_z @ [h, x] + b_z)",
        "sigmoid(W_r @ [h, x] + b_r)",
        "tanh(W_h @ [r * h, x] + b_h)",
    ]
    assert made.mapping.splitlines()[0] == "W_z = [U_z, W_z]"


NOT_KEPT = {
    "used elsewhere": "z = sigmoid(U_z @ h)\nh_next = (1 - z) * h + z * tanh(z * x)",
    "no sigmoid": "z = tanh(U_z @ h)\nh_next = (1 - z) * h + z * tanh(W @ x)",
    "a number in the argument": "z = sigmoid(U_z @ h + 1)\nh_next = (1 - z) * h + z * tanh(W @ x)",
    "a parameter used twice": (
        "z = sigmoid(U_z @ h)\nh_next = (1 - z) * h + z * tanh(U_z @ h + W @ x)"
    ),
    "a parameter within a function": (
        "z = sigmoid(tanh(U_z @ h))\nh_next = (1 - z) * h + z * tanh(W @ x)"
    ),
    "another rest": "z = sigmoid(U_z @ h)\nh_next = (2 - z) * h + z * tanh(W @ x)",
    "another state": ("z = sigmoid(U_z @ h)\nh_next = (1 - z) * c + z * tanh(W @ x)\nc_next = h"),
}


@pytest.mark.parametrize("why", NOT_KEPT)
def test_a_gate_that_cannot_be_turned_stays(why: str) -> None:
    cell = Cell.parse(NOT_KEPT[why])
    assert in_form(cell, "keep").cell is cell


NOT_JOINED = {
    "one matrix for two": "h_next = tanh(U @ h + W @ x) + tanh(U @ h)",
    "two products on the state": "h_next = tanh(U @ h + V @ h + W @ x)",
    "no product on the state": "h_next = tanh(W @ x + h)",
    "a difference": "h_next = tanh(U @ h - W @ x)",
}


@pytest.mark.parametrize("why", NOT_JOINED)
def test_what_cannot_be_joined_stays(why: str) -> None:
    cell = Cell.parse(NOT_JOINED[why])
    assert in_form(cell, "concat").cell is cell


def test_declared_parameters_follow_the_form() -> None:
    text = "# params: U, W, b(H)\nh_next = tanh(U @ h + W @ x + b)"
    made = in_form(Cell.parse(text), "concat")
    assert made.cell.document.header.params == ("W", "b")
    assert [str(v.name) for v in made.cell.params] == ["W", "b"]
