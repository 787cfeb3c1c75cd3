"""Names and sizes of composed cells: every layer keeps its own."""

from collections.abc import Callable, Iterable

import pytest

from gru_sym import cells
from gru_sym.cells.compose import bidirectional, stack
from gru_sym.cells.equations import Cell
from gru_sym.cells.rename import suffixed
from gru_sym.errors import LimitError, ShapeError, StructureError


def names(variables: Iterable[object]) -> list[str]:
    return [str(v) for v in variables]


def sizes(cell: Cell) -> set[str]:
    return {name for v in cell.program.variables for dim in v.shape for name in dim}


def shapes(cell: Cell) -> dict[str, str]:
    return {
        str(v.name): "×".join("+".join(dim) for dim in v.shape)
        for v in (*cell.inputs, *cell.params, *cell.states)
    }


@pytest.mark.parametrize("name", cells.names())
def test_a_suffix_stands_on_every_name_but_the_input(name: str) -> None:
    cell = cells.cell(name)
    found = suffixed(cell, "_7")
    assert names(found.params) == [f"{v}_7" for v in cell.params]
    assert names(found.states) == [f"{v}_7" for v in cell.states]
    assert names(found.nexts) == [f"{v}_7_next" for v in cell.states]
    assert found.inputs[0].name == cell.inputs[0].name
    assert list(found.roles.values()) == list(cell.roles.values())
    assert len(sizes(found)) == len(sizes(cell))
    assert suffixed(cell, "") is cell


def test_a_stack_of_stacks() -> None:
    inner = stack(cells.gru, cells.gru_layernorm)
    deep = stack(inner, cells.rnn, inner)
    assert names(deep.states) == ["h_2_3", "h_1_1", "h_2_1", "h_2", "h_1_3"]
    found = shapes(deep)
    assert found["W_z_2_1"] == "H_2_1×H_1_1"
    assert found["W_h_2"] == "H_2×H_2_1"
    assert found["W_z_1_3"] == "H_1_3×H_2"
    assert found["g_z_2_1"] == "H_2_1"
    assert found["g_z_2_3"] == "H_2_3"
    assert Cell.parse(deep.text) == deep


def test_declared_sizes_follow_their_layer() -> None:
    cell = Cell.parse(
        "# params: g(H), V(H, I), s(), K(J, I)\n"
        "# states: m(J)\n# output: h\n"
        "m_next = m + K @ x\nh_next = s * g * h + V @ x + W @ m"
    )
    deep = stack(cell, cell)
    found = shapes(deep)
    assert (found["g_1"], found["V_1"], found["K_1"], found["s_1"]) == ("H_1", "H_1×I", "J_1×I", "")
    assert (found["g_2"], found["V_2"], found["K_2"]) == ("H_2", "H_2×H_1", "J_2×H_1")
    assert (found["m_1"], found["m_2"], found["W_2"]) == ("J_1", "J_2", "H_2×J_2")


def test_an_output_that_is_not_h_keeps_its_size() -> None:
    cell = Cell.parse(
        "# params: g(H)\n# output: s\nh_next = tanh(W @ x + U @ h)\ns_next = g * s + V @ h_next"
    )
    deep = stack(cell, cell)
    assert str(deep.output) == "s_2_next"
    found = shapes(deep)
    assert (found["g_1"], found["s_1"]) == ("H_1", "H_1")
    assert found["W_2"].endswith("×H_1")
    assert found["h_1"] != "H_1"


def test_an_input_that_is_as_long_as_the_state() -> None:
    cell = Cell.parse("f = sigmoid(U @ h)\nh_next = f * h + (1 - f) * x")
    deep = stack(cell, cell)
    assert sizes(deep) == {"H_2"}
    declared = Cell.parse("# params: g(H)\nh_next = g * h + x")
    assert sizes(stack(declared, declared)) == {"H_1"}
    assert sizes(stack(cells.gru, declared, cells.gru)) == {"I", "H_1", "H_3"}


def test_the_first_layer_may_have_several_inputs() -> None:
    cell = Cell.parse("# inputs: b_ext, x\nh_next = tanh(W @ x + V @ b_ext + U @ h)")
    deep = stack(cell, cells.rnn)
    assert names(deep.inputs) == ["x", "b_ext"]
    assert Cell.parse(deep.text) == deep


def test_a_name_that_becomes_too_long() -> None:
    name = "v" * 63
    cell = Cell.parse(f"{name} = tanh(W @ x)\nh_next = U @ h + {name}")
    with pytest.raises(LimitError, match="name"):
        stack(cell, cell)


def test_layers_whose_sizes_do_not_fit() -> None:
    below = Cell.parse("h_next = [U @ h, V @ x]")
    above = Cell.parse("# params: g(H)\nh_next = g * h + x")
    with pytest.raises(ShapeError):
        stack(below, above)


def test_two_arguments_of_activations_with_one_name() -> None:
    text = "z = sigmoid(W @ x) * tanh(V @ x)\nz_1 = tanh(U @ h)\nh_next = z * z_1"
    with pytest.raises(StructureError, match="a_z_1") as caught:
        Cell.parse(text)
    assert caught.value.line == 2


def test_a_declared_size_of_a_layer_is_not_taken_for_another() -> None:
    cell = Cell.parse(
        "# params: g_1(H_1)\n# output: h_2\n"
        "h_1_next = h_1 + W @ x\nh_2_next = h_2 * sum(g_1) + V @ h_1_next"
    )
    found = shapes(cell)
    assert found["g_1"] == "H_1"
    assert found["h_1"] != "H_1"


@pytest.mark.parametrize(
    ("make", "name"),
    [
        (lambda: stack(Cell.parse("h_next = U @ h + W @ x + h_2"), cells.gru), "h_2"),
        (lambda: stack(Cell.parse("v = W @ x\nh_next = U @ h + V @ v_1 + v"), cells.gru), "v_1"),
        (lambda: bidirectional(Cell.parse("h_next = U @ h + W @ x + W_rev @ h")), "W_rev"),
    ],
)
def test_names_that_a_suffix_makes_alike(make: Callable[[], object], name: str) -> None:
    with pytest.raises(StructureError, match=f"`{name}` would be the name of two") as caught:
        make()
    assert "rename" in caught.value.mend
