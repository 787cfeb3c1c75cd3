"""SymPy's derivatives of single entries, evaluated, against other oracles."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from gru_sym import cells
from gru_sym.algebra.rules import RULES
from gru_sym.cells import Cell
from gru_sym.codegen.compile import compile
from gru_sym.prove.brute import default_sizes
from gru_sym.verification import scalars
from gru_sym.verification.floats import complex_step
from gru_sym.verification.point import Point
from gru_sym.verification.relative import relative_error
from gru_sym.verification.scalars import scalar_point, sympy_entries
from gru_sym.verification.truth import NotRunError
from tests.test_compile import text_cells


def errors(point: Point) -> dict[str, float]:
    """Of the complex step, against SymPy's derivatives."""
    right = sympy_entries(point).gradients
    found = complex_step(point).gradients
    assert list(right) == list(found) == point.gradients
    return {name: relative_error(found[name], gradient) for name, gradient in right.items()}


def test_wrong_gradients_are_seen() -> None:
    point = scalar_point(cells.gru)
    right = sympy_entries(point).gradients
    _, found = compile(cells.gru).gradients(point.params, point.inputs, point.states, point.bars)
    for name, gradient in found.items():
        assert relative_error(gradient, right[name]) < 1e-13
        for wrong in (gradient * (1 + 1e-9), -gradient, np.zeros_like(gradient)):
            assert relative_error(wrong, right[name]) > 1e-10


def test_another_cell_is_seen() -> None:
    point = scalar_point(cells.gru)
    found = complex_step(scalar_point(cells.gru_keep)).gradients
    for name, gradient in sympy_entries(point).gradients.items():
        assert relative_error(found[name], gradient) > 1e-3, name


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_rules_of_ours_play_no_part(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A wrong derivative in our table changes nothing here."""
    point = scalar_point(Cell.parse(f"h_next = {name}(W @ x + h)"))
    before = sympy_entries(point).gradients

    class Wrong:
        kink = False
        definition = RULES[name].definition

        @staticmethod
        def derivative(_y: sp.Expr, _a: sp.Expr) -> sp.Expr:
            return sp.Integer(7)

    monkeypatch.setitem(RULES, name, Wrong)
    for key, gradient in sympy_entries(point).gradients.items():
        assert np.array_equal(gradient, before[key])


FAST = {"rnn_relu", "fastgrnn", "mingru", "powers", "softmax", "two inputs"}
FAST |= {"an output that is a vector", "a scalar under a matrix", "a mean under a matrix"}


@pytest.mark.parametrize(
    "cell",
    [
        pytest.param(cell, marks=() if cell.name in FAST else pytest.mark.slow, id=cell.name)
        for cell in (*map(cells.cell, cells.names()), *text_cells())
    ],
)
def test_every_cell(cell: Cell) -> None:
    # A layer norm of two entries knows but ±1: nearly all of what it hands back is cancelled.
    most = 1e-10 if cell.name == "gru_layernorm" else 1e-13
    assert max(errors(scalar_point(cell)).values()) < most


def test_the_point_is_small() -> None:
    for name, steps in (("rnn", 2), ("gru", 1)):
        cell = cells.cell(name)
        point = scalar_point(cell, 3)
        assert (point.T, point.B, dict(point.sizes)) == (steps, 1, default_sizes(cell)[0])
        assert not np.array_equal(point.states["h"], scalar_point(cell, 4).states["h"])
        assert max(point.sizes.values()) <= 2


def test_two_steps_see_the_path_through_the_state() -> None:
    point = scalar_point(cells.rnn)
    assert point.T == 2
    one = {**point.bars, "h": point.bars["h"] * np.array([0.0, 1.0])[:, None, None]}
    last = sympy_entries(replace(point, bars=one)).gradients
    assert np.abs(last["x_bar"][0]).min() > 1e-3


def test_a_loss_that_is_too_large(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(scalars, "_MOST", 100)
    with pytest.raises(NotRunError, match=r"the loss of one step has .* parts"):
        scalar_point(cells.gru)


@pytest.mark.parametrize("function", ["relu", "abs", "step", "hard_sigmoid", "softplus", "sqrt"])
def test_functions(function: str) -> None:
    """On both sides of a kink."""
    for sign in "+-":
        argument = "2 + h ** 2" if function == "sqrt" else f"{sign} b ** 2 - W @ x"
        point = scalar_point(Cell.parse(f"h_next = {function}({argument.lstrip('+ ')}) * h + x_2"))
        assert max(errors(point).values()) < 1e-13


@pytest.mark.parametrize("value", ["log(-1 - b ** 2)", "sqrt(-1 - b ** 2)", "1 / (b + 1)"])
def test_where_the_cell_has_no_value(value: str) -> None:
    point = scalar_point(Cell.parse(f"h_next = h * {value} + W @ x"))
    b = -np.ones_like(point.params["b"])
    with pytest.raises(NotRunError):
        sympy_entries(replace(point, params={**point.params, "b": b}))
