"""Which paths are drawn as one line: all of them somewhere, in colours that can be told apart."""

import pytest

from gru_sym import cells, jacobian, stack
from gru_sym.algebra.symbols import Naming
from gru_sym.cells import Cell
from gru_sym.latex.families import Family, groupings
from gru_sym.latex.legend import COLOURS, DASHES
from gru_sym.latex.views import ways_in, whole


def all_groupings(cell: Cell) -> list[tuple[tuple[Family, ...], str]]:
    ways = ways_in(whole(cell), jacobian(cell))
    naming = Naming(frozenset(v.name for v in cell.varying), frozenset(s.name for s in cell.states))
    found = list(groupings(cell, naming, ways))
    for families, said in found[:-1]:
        drawn = [way for family in families for way in family.ways]
        assert sorted(map(repr, drawn)) == sorted(map(repr, ways))
        assert len(families) <= len(DASHES)
        assert all(0 <= family.colour < len(COLOURS) for family in families)
        assert said or len(families) == len(ways)
    return found


@pytest.mark.parametrize("name", cells.names())
def test_each_path_is_in_one_family(name: str) -> None:
    all_groupings(cells.cell(name))


def test_few_paths_have_a_line_each() -> None:
    families, said = all_groupings(cells.gru)[0]
    assert [family.text for family in families] == ["skip", "update", "candidate", "reset"]
    assert [family.colour for family in families] == [0, 1, 2, 3]
    assert {family.block for family in families} == {""}
    assert said == ""


def test_in_a_cell_with_two_states_the_block_tells_equal_names_apart() -> None:
    families, _ = all_groupings(cells.lstm)[0]
    assert len({(family.block, family.text) for family in families}) == len(families) == 9
    assert families[0].block == r"\partial h_{t}/\partial h_{t-1}"
    by_name = {
        text: {family.colour for family in families if family.text == text}
        for text in ("input", "forget", "candidate")
    }
    assert [len(colours) for colours in by_name.values()] == [1, 1, 1]
    assert len(set.union(*by_name.values())) == 3


def test_many_paths_go_by_their_first_gate() -> None:
    families, said = all_groupings(cells.gru_layernorm)[0]
    assert [family.text for family in families] == [
        "skip (1 path)",
        "update (4 paths)",
        "candidate (4 paths)",
        "reset (16 paths)",
    ]
    assert "25 paths" in said
    assert "4 families" in said


def test_a_stack_goes_by_block_and_then_by_state() -> None:
    found = all_groupings(stack(cells.gru, cells.lstm))
    assert [len(families) for families, _ in found] == [3, 1, 0]
    assert found[0][0][0].block == r"\partial{\cdot}/\partial h_{2,t-1}"
    assert "left out" in found[-1][1]


def test_two_gates_with_one_role_are_told_apart() -> None:
    text = "# roles: a = gate, b = gate\n" + "\n".join(
        f"{gate} = sigmoid({' + '.join([f'U_{gate} @ h', *before])})"
        for gate, before in [("a", []), ("b", ["a"]), ("c", ["a", "b"]), ("d", ["a", "b", "c"])]
    )
    families, _ = all_groupings(Cell.parse(text + "\nh_next = a + b + c + d"))[0]
    assert len({family.text for family in families}) == len(families)
    assert any(family.text.startswith("gate a") for family in families)


def test_a_long_name_is_cut_visibly() -> None:
    cell = Cell.parse(f"# roles: z = {'very ' * 30}long\nz = sigmoid(U @ h)\nh_next = z * h")
    names = [family.text for family in all_groupings(cell)[0][0]]
    assert all(len(name) < 80 for name in names)
    assert any("…" in name for name in names)


def test_no_path() -> None:
    assert list(groupings(cells.gru, str, ())) == [((), "")]
