"""Which cell is another under other names: never one that is not."""

import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.prove.recognise import counterparts

RENAMED = """
n      = bn + V @ s
keep   = sigmoid(Wk @ u + bk + Uk @ s)
reset  = sigmoid(Ur @ s + Wr @ u + br)
q      = Wc @ u + reset * n
new    = tanh(q + bc)
kept   = s * keep
s_next = kept + new * (1 - keep)
"""


@pytest.mark.parametrize("name", cells.names())
def test_a_built_in_cell_is_itself_and_no_other(name: str) -> None:
    for other in cells.names():
        found = counterparts(cells.cell(name), cells.cell(other))
        if name == other:
            assert found is not None
            assert all(one == another for one, another in found.items())
        else:
            assert found is None, other


def test_other_names_orders_and_divisions() -> None:
    found = counterparts(Cell.parse(RENAMED), cells.gru_reset_after)
    assert found == {
        "W_z": "Wk", "U_z": "Uk", "b_z": "bk",
        "W_r": "Wr", "U_r": "Ur", "b_r": "br",
        "W_h": "Wc", "b_h": "bc", "U_h": "V", "b_hn": "bn",
        "x": "u", "h": "s",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ("kept + new * (1 - keep)", "kept + new * (1 + keep)"),
        ("kept + new * (1 - keep)", "s * (1 - keep) + new * keep"),  # z turned
        ("tanh(q + bc)", "sigmoid(q + bc)"),
        ("q      = Wc @ u + reset * n", "q      = Wc @ u + keep * n"),
        ("n      = bn + V @ s", "n      = bn + Uk @ s + 0 * (V @ s)"),
        ("n      = bn + V @ s", "n      = bn + V @ u"),
        ("bn + V @ s", "2 * bn + V @ s"),
        ("bn + V @ s", "bn + V.T @ s"),
        ("bn + V @ s", "br + V @ s + bn * 0"),
    ],
)
def test_what_differs_is_not_recognised(old: str, new: str) -> None:
    assert old in RENAMED
    assert counterparts(Cell.parse(RENAMED.replace(old, new)), cells.gru_reset_after) is None


def test_another_form_under_the_same_names_is_proved() -> None:
    text = cells.gru_reset_after.equations.replace(
        "(1 - z) * h_tilde + z * h", "h_tilde + z * (h - h_tilde)"
    )
    found = counterparts(Cell.parse(text), cells.gru_reset_after)
    assert found is not None
    assert all(one == another for one, another in found.items())


def test_two_states() -> None:
    text = """
    i      = sigmoid(W_1 @ x + U_1 @ h + b_1)
    f      = sigmoid(W_2 @ x + U_2 @ h + b_2)
    m_next = f * m + i * tanh(W_3 @ x + U_3 @ h + b_3)
    h_next = sigmoid(W_4 @ x + U_4 @ h + b_4) * tanh(m_next)
    """
    found = counterparts(Cell.parse(text.replace("    ", "")), cells.lstm)
    assert found is not None
    assert (found["W_i"], found["U_f"], found["W_g"], found["U_o"]) == ("W_1", "U_2", "W_3", "U_4")
    assert (found["h"], found["c"]) == ("h", "m")


def test_other_outputs_are_another_cell() -> None:
    loss = "# outputs: loss\nh_next = tanh(W_h @ x + U_h @ h + b_h)\nloss = sum(h_next)"
    assert counterparts(Cell.parse(loss), cells.rnn) is None


def test_definitions_that_double_cost_nothing() -> None:
    lines = ["a0 = tanh(W_h @ x + U_h @ h + b_h)", "a1 = tanh(a0)"]
    lines += [f"a{k} = a{k - 1} + a{k - 2}" for k in range(2, 60)]
    cell = Cell.parse("\n".join([*lines, "h_next = a59"]))
    assert counterparts(cell, cells.rnn) is None  # written out, it would have 10¹² terms
