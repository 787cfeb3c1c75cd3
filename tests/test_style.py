"""The style of a cell in a notation: which symbol each name has."""

import random
from collections.abc import Callable
from dataclasses import replace

import pytest

from gru_sym import cells, stack
from gru_sym.cells import Cell
from gru_sym.derive.describe import select
from gru_sym.latex.forms import in_form
from gru_sym.latex.notation import NOTATIONS, Notation
from gru_sym.latex.printer import latex_derivation
from gru_sym.latex.style import style_of, symbols_of
from tests.latex_tools import katex_errors

OWN = Notation("own", input_matrix="A_{<gate>}", state_matrix="B_{<gate>}", bias="c_{<gate>}")


@pytest.mark.parametrize("notation", NOTATIONS)
@pytest.mark.parametrize("name", cells.names())
def test_two_names_never_have_one_symbol(name: str, notation: str) -> None:
    cell = in_form(cells.cell(name), NOTATIONS[notation].form).cell
    name_of = style_of(cell, NOTATIONS[notation]).name_of
    symbols = [name_of(str(v.name)) for v in cell.program.variables]
    assert len(set(symbols)) == len(symbols)


def test_matrices_are_told_apart_by_what_they_act_on() -> None:
    cell = Cell.parse("n = tanh(A_n @ x + B_n @ (h * h) + b_n)\nh_next = n + W @ x + U @ h")
    assert symbols_of(cell, OWN) == {
        "A_n": "A_{n}",
        "B_n": "B_{n}",
        "b_n": "c_{n}",
        "W": "A_{}",
        "U": "B_{}",
    }


def test_a_matrix_on_both_keeps_its_symbol() -> None:
    cell = Cell.parse("z = sigmoid(V_z @ x + V_z @ h)\nh_next = z * (U_z @ h)")
    assert symbols_of(cell, OWN) == {"U_z": "B_{z}"}


def test_a_subscript_that_is_no_gate_is_left() -> None:
    cell = Cell.parse("h_next = tanh(W_q @ x + U_q @ h + b_q)")
    assert symbols_of(cell, OWN) == {}


def test_one_symbol_for_two_goes_to_the_first() -> None:
    cell = Cell.parse("z = sigmoid(W_z @ x + V_z @ x)\nh_next = z * h")
    assert symbols_of(cell, OWN) == {"W_z": "A_{z}"}
    name_of = style_of(cell, OWN).name_of
    assert name_of("W_z") != name_of("V_z")


def test_symbols_of_ones_own_go_before_templates() -> None:
    own = replace(OWN, symbols=(("W_z", "Q"), ("z", r"\zeta"), ("no_such", "N")))
    found = symbols_of(cells.gru, own)
    assert found["W_z"] == "Q"
    assert found["U_z"] == r"B_{\zeta}"
    assert "no_such" not in found


def test_a_stack_has_its_layers_in_its_symbols() -> None:
    cell = stack(cells.gru, cells.gru)
    for notation in NOTATIONS.values():
        name_of = style_of(cell, notation).name_of
        symbols = [name_of(str(v.name)) for v in cell.params]
        assert len(set(symbols)) == len(symbols)


def test_in_a_loop_a_states_cotangent_is_what_later_steps_give() -> None:
    derivation = select(cells.rnn, "bptt")
    style = style_of(cells.rnn, NOTATIONS["chung"], derivation.result)
    assert style.name_of("h_bar") == r"\bar{h}_{t-1}^{\mathrm{later}}"
    assert style_of(cells.rnn, NOTATIONS["chung"]).name_of("h_bar") == r"\bar{h}_{t-1}"


def test_scalars_and_the_sign_of_the_product() -> None:
    style = style_of(cells.fastgrnn, NOTATIONS["lecture"])
    assert style.product == r"\circ"
    assert "zeta" in style.scalars
    assert "z" not in style.scalars


def test_any_safe_symbol_gives_formulas_that_katex_renders(
    check_latex: Callable[[str], None],
) -> None:
    """Symbols with subscripts, superscripts and accents, in every place that a symbol has."""
    draw = random.Random(0)
    choices = ("x", r"\zeta", "W_{xz}", "Q^{(1)}", r"\tilde{c}_{a}^{b}", "f'", r"\mathbf{W}'_{1}")
    formulas = []
    for cotangent in ("bar", "delta", "partial"):
        for vectors in ("column", "row"):
            for of in ("vjp", "jvp", "jacobian", "bptt", "hvp"):
                names = ("h", "x", "z", "h_tilde", "W_z", "U_h")
                symbols = tuple(zip(names, draw.sample(choices, len(names)), strict=True))
                own = Notation("own", cotangent=cotangent, vectors=vectors, symbols=symbols)
                formulas.append(latex_derivation(cells.gru, of, (), own))
    for formula in formulas:
        check_latex(formula)
    assert katex_errors(formulas) == []
