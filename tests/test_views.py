"""What a figure shows of a cell, and where the paths run in it."""

import pytest

from gru_sym import cells, jacobian, stack
from gru_sym.cells import Cell
from gru_sym.latex.views import View, excerpt, outline, ways_in, whole


def edges(view: View) -> set[str]:
    return {f"{a}>{b}" for a, b in view.arrows}


def test_the_whole_of_a_cell_has_no_arguments_and_no_parameters() -> None:
    view = whole(cells.gru)
    assert view.kinds == {
        "h": "state",
        "x": "input",
        "z": "definition",
        "r": "definition",
        "h_tilde": "definition",
        "h_next": "next",
    }
    assert edges(view) == {
        *("h>z", "x>z", "h>r", "x>r", "h>h_tilde", "x>h_tilde", "r>h_tilde"),
        *("h>h_next", "z>h_next", "h_tilde>h_next"),
    }
    assert view.note == ""


def test_an_outline_goes_through_what_it_leaves_out() -> None:
    view = outline(cells.lstm)
    assert edges(view) == {
        "h>c_next",
        "x>c_next",
        "c>c_next",
        "h>h_next",
        "x>h_next",
        "c_next>h_next",
    }
    assert "4 definitions" in view.note


def test_an_excerpt_says_what_it_shows() -> None:
    deep = stack(*[cells.rnn] * 5)
    view = excerpt(deep, 2)
    assert list(view.kinds) == ["h_5", "h_1", "x", "h_1_next", "h_5_next"]
    assert edges(view) == {"x>h_1_next", "h_1>h_1_next", "h_1_next>h_5_next", "h_5>h_5_next"}
    assert "the first 2 of 5 states" in view.note
    shown = ways_in(view, jacobian(deep))
    assert {way.block for way in shown} <= {(a, s) for a in view.kinds for s in view.kinds}


@pytest.mark.parametrize("name", cells.names())
def test_every_path_runs_along_arrows(name: str) -> None:
    cell = cells.cell(name)
    paths = jacobian(cell)
    for view in (whole(cell), outline(cell), excerpt(cell, 1)):
        ways = ways_in(view, paths)
        for way in ways:
            assert (way.stops[-1], way.stops[0]) == way.block
            assert set(way.steps) <= set(view.arrows)
        if view.kinds == whole(cell).kinds:
            assert [way.through for way in ways] == [path.through for path in paths.paths]
            assert all(way.stops[1:-1] == way.through for way in ways)


def test_a_definition_that_the_path_is_silent_about_is_on_the_way() -> None:
    cell = Cell.parse("z = U @ h\na_z_k = W @ x + U @ h\nq = a_z_k * z\nh_next = q + h")
    through = {way.stops for way in ways_in(whole(cell), jacobian(cell))}
    assert ("h", "a_z_k", "q", "h_next") in through
