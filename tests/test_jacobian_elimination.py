"""In which order variables are eliminated, and what that saves."""

import pytest

from gru_sym import cells, stack
from gru_sym.algebra.expr import Var
from gru_sym.cells import Cell
from gru_sym.codegen.jacobian_elimination import Elimination, eliminated
from gru_sym.codegen.passes.parts import Names
from gru_sym.derive.jacobian import jacobian

RESET_FIRST = ("gru", "gru1", "gru2", "gru_concat", "gru_keep", "gru_nobias", "mgu", "mut1")
WITH_ONE = {*RESET_FIRST, "mut2", "mut3", "gru_layernorm"}


def made(cell: Cell) -> Elimination:
    return eliminated(cell, Names(str(v.name) for v in cell.program.variables).fresh)


def shown(found: Elimination) -> dict[str, list[str]]:
    """Each matrix as the kinds of factors, and the names of matrices, in its terms."""
    return {
        str(matrix.var.name): [
            " ".join(
                str(f.parts[0]) if f.kind in {"matrix", "value"} else f.kind for f in term
            )
            or "1"
            for term in matrix.terms
        ]
        for matrix in found.matrices
    }  # fmt: skip


@pytest.mark.parametrize("name", cells.names())
def test_a_reset_before_the_product_costs_one_product_and_all_else_none(name: str) -> None:
    assert made(cells.cell(name)).products == (name in WITH_ONE)


def test_the_gru() -> None:
    assert shown(made(cells.gru)) == {
        "dh_r_dh": ["diag", "diag U_r"],
        "dh_next_dh": ["diag", "diag U_z", "diag U_h dh_r_dh"],
    }


def test_the_lstm_has_its_blocks_in_the_order_of_computing() -> None:
    found = made(cells.lstm)
    assert shown(found) == {
        "dc_next_dh": ["diag U_i", "diag U_f", "diag U_g"],
        "dc_next_dc": ["diag"],
        "dh_next_dh": ["diag U_o", "diag U_i", "diag U_f", "diag U_g"],
        "dh_next_dc": ["diag"],
    }
    pairs = [(after.name, state.name) for after, state in found.blocks]
    assert pairs == [("h_next", "h"), ("h_next", "c"), ("c_next", "h"), ("c_next", "c")]
    assert all(f"d{a.name}_d{s.name}" == var.name for (a, s), var in found.blocks.items())


def test_layers_are_multiplied_as_wholes() -> None:
    """16 paths from h_1 to h_2_next are one product of two matrices, each made once."""
    cell = stack(cells.gru, cells.gru)
    found = made(cell)
    assert len(jacobian(cell)["h_2_next", "h_1"]) == 12
    assert shown(found)["dh_2_next_dh_1"] == ["dh_2_next_dh_1_next dh_1_next_dh_1"]
    assert shown(found)["dh_1_next_dh_2"] == []
    assert found.products == 4


def test_a_matrix_is_defined_before_it_is_used_and_once() -> None:
    for cell in (
        stack(cells.lstm, cells.gru_layernorm, cells.gru),
        Cell.parse("v = tanh(U @ h) + V @ h\nw = tanh(U @ v) + V @ v\nh_next = V @ w * v"),
    ):
        known: set[Var] = set()
        for matrix in made(cell).matrices:
            used = {f.parts[0] for t in matrix.terms for f in t if f.kind == "value"}
            assert used <= known
            assert matrix.var not in known
            known.add(matrix.var)


def test_no_term_has_more_than_two_matrices() -> None:
    lines = ["v_1 = tanh(U @ h) + V @ h"]
    lines += [f"v_{k} = tanh(U @ v_{k - 1}) + V @ v_{k - 1}" for k in range(2, 15)]
    found = made(Cell.parse("\n".join([*lines, "h_next = v_14 + x"])))
    assert found.products == 13
    for matrix in found.matrices:
        for term in matrix.terms:
            assert sum(factor.kind in {"matrix", "value"} for factor in term) <= 2


def test_products_of_parameters_are_no_products_of_a_step() -> None:
    found = made(Cell.parse("# params: L(H, N), R(N, H)\nh_next = tanh(L @ (R @ h) + x)"))
    assert shown(found) == {"dh_next_dh": ["diag L R"]}
    assert found.products == 0


def test_numbers_between_are_outer_products() -> None:
    found = made(Cell.parse("h_next = tanh(U @ h) * mean(h ** 2) + x"))
    assert shown(found) == {"dh_next_dh": ["diag U", "column row"]}


def test_what_is_named_on_the_way_is_spelled_out() -> None:
    """``r * h`` has a name while it is eliminated; what is returned knows the cell's own alone."""
    cell = Cell.parse("r = sigmoid(W @ h)\nh_next = tanh(U @ (r * h) * (V @ (r * h)))")
    own = set(cell.program.variables)
    found = made(cell)
    matrices = {matrix.var for matrix in found.matrices}
    factors = [f for matrix in found.matrices for term in matrix.terms for f in term]
    assert {v for f in factors for p in f.parts for v in p.atoms(Var)} <= own | matrices
