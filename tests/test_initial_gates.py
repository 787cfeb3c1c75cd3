"""The biases that govern how much of a state is kept, found by trying."""

import pytest

from gru_sym import cells
from gru_sym.cells import Cell, readout, stack
from gru_sym.flow.initial.gates import SkipGate, skip_gates

KEEPS = {
    "fastgrnn": [("b_z", 1)],
    "gru": [("b_z", -1)],
    "gru1": [("b_z", -1)],
    "gru2": [],
    "gru3": [("b_z", -1)],
    "gru_concat": [("b_z", -1)],
    "gru_keep": [("b_z", 1)],
    "gru_layernorm": [("b_z", -1)],
    "gru_nobias": [],
    "gru_reset_after": [("b_z", 1)],
    "janet": [("b_f", 1)],
    "ligru": [("b_z", 1)],
    "lstm": [("b_f", 1)],
    "lstm_coupled": [("b_f", 1)],
    "lstm_peephole": [("b_f", 1)],
    "mgu": [("b_f", -1)],
    "mingru": [("b_z", -1)],
    "minlstm": [("b_f", 1), ("b_i", -1)],
    "mut1": [("b_z", -1)],
    "mut2": [("b_z", -1)],
    "mut3": [("b_z", -1)],
    "rnn": [],
    "rnn_relu": [],
    "ugrnn": [("b_g", 1)],
}


@pytest.mark.parametrize("name", cells.names())
def test_library(name: str) -> None:
    gates = skip_gates(cells.cell(name))
    assert [pair for gate in gates for pair in gate.biases] == KEEPS[name]
    separate = name in ("lstm", "lstm_peephole")  # gates of their own to let in
    wanted = (("b_i", -1),) if separate else ()
    assert all(gate.counterparts == wanted for gate in gates)
    assert all(gate.state == ("c" if name.startswith("lstm") else "h") for gate in gates)


WRITTEN_OTHERWISE = {
    "in one line": """
c_next = sigmoid(W_f @ x + U_f @ h + b_f) * c + sigmoid(W_i @ x + b_i) * tanh(W_g @ x + b_g)
h_next = tanh(c_next)""",
    "of another function, with names for the terms": """
f = hard_sigmoid(W_f @ x + U_f @ h + b_f)
i = hard_sigmoid(W_i @ x + U_i @ h + b_i)
kept = f * c
c_next = kept + i * tanh(W_g @ x + U_g @ h + b_g)
h_next = tanh(c_next)""",
}


@pytest.mark.parametrize("text", WRITTEN_OTHERWISE.values(), ids=WRITTEN_OTHERWISE)
def test_an_lstm_written_otherwise(text: str) -> None:
    assert skip_gates(Cell.parse(text)) == (SkipGate("c", (("b_f", 1),), (("b_i", -1),)),)


def test_layers_each_have_their_gate() -> None:
    gates = skip_gates(readout(stack(cells.gru, cells.lstm), loss="mse"))
    assert {gate.state: gate.biases for gate in gates} == {
        "h_1": (("b_z_1", -1),),
        "c_2": (("b_f_2", 1),),
    }


def test_a_bias_that_moves_it_both_ways_governs_nothing() -> None:
    bump = "g = sigmoid(W @ x + b) * sigmoid(-b)\nh_next = g * h + tanh(U @ h)"
    assert skip_gates(Cell.parse(bump)) == ()


def test_where_zero_weights_have_no_value_nothing_is_found() -> None:
    cell = Cell.parse("q = U @ h\ng = sigmoid(b / mean(q**2))\nh_next = g * h + q")
    assert skip_gates(cell) == ()
