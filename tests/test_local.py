"""The derivative of each definition: together they are its tangent."""

import sympy as sp

from gru_sym.algebra.expr import Var
from gru_sym.cells import Cell, cell
from gru_sym.derive.local import local_derivatives

H = (("H",),)


def of(name: str) -> dict[tuple[str, str], list[list[tuple[str, object]]]]:
    return {
        (each.of.name, each.by.name): [
            [(factor.kind, factor.expr) for factor in product] for product in each.products
        ]
        for each in local_derivatives(cell(name).program)
    }


def test_gru() -> None:
    found = of("gru")
    z, h, h_tilde, r = (Var(name, H) for name in ("z", "h", "h_tilde", "r"))
    U = Var("U_h", (("H",), ("H",)))
    assert found["a_z", "b_z"] == [[]]
    assert found["z", "a_z"] == [[("diag", z * (1 - z))]]
    assert found["h_next", "z"] == [[("diag", h_tilde - h)]]
    assert found["h_next", "h"] == [[("diag", 1 - z)]]
    assert found["a_h_tilde", "h"] == [[("matrix", U), ("diag", r)]]
    assert not any(by.startswith(("W", "U")) for _, by in found)


def test_numbers_are_columns_and_rows() -> None:
    found = of("gru_layernorm")
    assert [kind for kind, _ in found["mu_z", "q_z"][0]] == ["diag", "row"]
    assert [kind for kind, _ in found["a_z", "mu_z"][0]] == ["column"]


def test_a_variable_may_stand_in_several_terms() -> None:
    made = Cell.parse("h_next = U @ h + h * h - sum(h) * v")
    (terms,) = (each.products for each in local_derivatives(made.program) if each.by.name == "h")
    assert sorted(factor.kind for product in terms for factor in product) == [
        "column",
        "diag",
        "matrix",
        "row",
    ]


def test_what_does_not_move_has_no_terms() -> None:
    made = Cell.parse("s = step(h)\nh_next = s * x + U @ h")
    (steps,) = (each for each in local_derivatives(made.program) if each.of.name == "s")
    assert steps.products == ()
    assert isinstance(steps.by, sp.Symbol)
