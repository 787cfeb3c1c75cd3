"""Networks as descriptions: names, equations, and how they stack."""

from collections.abc import Iterable

from gru_sym import cells
from gru_sym.cells.compose import bidirectional, stack
from gru_sym.cells.equations import Cell
from gru_sym.cells.network import Layer, Network


def names(variables: Iterable[object]) -> list[str]:
    return [str(v) for v in variables]


def sizes(cell: Cell) -> set[str]:
    return {name for v in cell.program.variables for dim in v.shape for name in dim}


def test_two_directions_have_names_of_their_own() -> None:
    network = bidirectional(cells.rnn)
    assert names(network.params) == ["W_h", "U_h", "b_h", "W_h_rev", "U_h_rev", "b_h_rev"]
    assert names(network.states) == ["h", "h_rev"]
    assert network.input == "x"


def test_a_stack_of_networks_is_one() -> None:
    deep = stack(bidirectional(cells.rnn), cells.lstm, stack(bidirectional(cells.rnn)))
    assert isinstance(deep, Network)
    assert deep.layers == (
        *(Layer(cells.rnn, cells.rnn), Layer(cells.lstm), Layer(cells.rnn, cells.rnn)),
    )
    assert names(deep.states) == ["h_1", "h_rev_1", "h_2", "c_2", "h_3", "h_rev_3"]
    assert names(deep.params)[:6] == [
        "W_h_1",
        "U_h_1",
        "b_h_1",
        "W_h_rev_1",
        "U_h_rev_1",
        "b_h_rev_1",
    ]
    assert stack(deep, deep) == stack(*(Network((layer,)) for layer in deep.layers * 2))
    text = str(deep)
    assert text.count("in time\n") == 5
    assert "# layer 3, reverse in time\n" in text
    assert "h_rev_3_next = tanh(W_h_rev_3 @ x + U_h_rev_3 @ h_rev_3 + b_h_rev_3)" in text


def test_a_pass_keeps_what_its_cell_declares() -> None:
    back = bidirectional(cells.gru_layernorm).named[0].reverse
    assert back is not None
    assert len(sizes(back) - {"I"}) == 1
    assert back.roles["z_rev"] == "update"
