"""Families of paths: each path in one, the skip found by what it is."""

import pytest

from gru_sym.cells import Cell, cell
from gru_sym.cells.compose import stack
from gru_sym.derive.bundles import bundled
from gru_sym.derive.families import MOST_FAMILIES, families
from tests.flow_cases import CELLS, every_cell

NAMES = {
    "rnn": ["direct"],
    "gru": ["skip", "update", "candidate", "reset"],
    "gru_layernorm": ["skip", "update", "candidate", "reset"],
    "lstm": ["skip", "output", "input", "forget", "candidate"],
    "mgu": ["skip", "forget", "candidate", "forget → candidate"],
    "minlstm": ["skip"],
    "stack": ["skip", "update", "candidate", "reset", "output", "input", "forget"],
}


@every_cell
def test_every_path_is_in_one_family(name: str) -> None:
    made = CELLS[name]
    found = families(made)
    members = [member for family in found for member in family.members]
    every = [(a, s, path) for (a, s), paths in bundled(made).blocks.items() for path in paths]
    assert len(members) == len(every)
    assert all(member in members for member in every)
    assert len({family.name for family in found}) == len(found)


@every_cell
def test_the_skip_is_what_has_no_matrix(name: str) -> None:
    for k, family in enumerate(families(CELLS[name])):
        assert (
            family.is_skip
            == (family.name == "skip")
            == all(path.is_diagonal for _, _, path in family.members)
        )
        assert not family.is_skip or k == 0


@pytest.mark.parametrize("name", NAMES)
def test_names(name: str) -> None:
    assert [family.name for family in families(CELLS[name])] == NAMES[name]


def test_a_text_without_roles() -> None:
    made = Cell.parse(
        "kept = 0.5 * h\nu = sigmoid(U @ h)\nw = tanh(V @ h)\nh_next = kept + u * w + W @ x"
    )
    assert [family.name for family in families(made)] == ["skip", "u", "w"]


def test_roles_that_several_variables_have() -> None:
    made = Cell.parse(
        "# roles: u = update, v = update\n"
        "u = sigmoid(U @ h)\nv = sigmoid(V @ h)\nh_next = h + u + v + W @ x"
    )
    assert [family.name for family in families(made)] == ["skip", "update (u)", "update (v)"]


def test_many_layers_are_told_apart_by_role() -> None:
    found = families(stack(*[cell("gru")] * 3))
    assert [family.name for family in found] == ["skip", "update", "candidate", "reset"]
    assert len(found) <= MOST_FAMILIES
