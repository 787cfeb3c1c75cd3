"""Checks of the derived tangents: wrong ones are seen, and right ones pass."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import sympy as sp

from gru_sym import cells
from gru_sym.algebra.expr import Var, variables_of
from gru_sym.algebra.program import Definition, Program
from gru_sym.cells import Cell
from gru_sym.codegen.compile import compile
from gru_sym.derive.jvp import hvp, jvp
from gru_sym.derive.vjp import vjp
from gru_sym.verification.point import Point
from gru_sym.verification.regimes import REGIMES, drawn
from gru_sym.verification.tangents import dot_product, taylor
from gru_sym.verification.truth import NotRunError
from tests.test_compile import text_cells

TOLERANCE, ORDER = 1e-10, 1e-3
MORE = 1 + sp.Rational(1, 10**6)
ROOM = "gru_sym.verification.tangents"

# A vector may be a number in each entry: what is derived then has no axis either.
NUMBERS = {
    "a number under outer": "h_next = tanh(W @ (x * 0 + 1) + sum(W @ x) * h)",
    "a vector from a mean": "s = mean(h)\nv = s + 0 * h\nh_next = tanh(U @ v + W @ x)",
    "its sum": "# outputs: q\ns = mean(h)\nv = s + 0 * h\nq = sum(v)\nh_next = tanh(q * b + h)",
    "its softmax": "s = mean(h)\nv = s + 0 * h\nh_next = softmax(v) * b + tanh(h)",
    "one above the other": "s = mean(h)\nv = s + 0 * h\nh_next = tanh(U @ [v, h] + x)",
    "a constant gate": "z = sigmoid(b * 0 + 2)\nh_next = z * h + (1 - z) * tanh(x + sum(z))",
    "a state that is a mean": "# inputs: x(H)\nh_next = mean(h) + sum(x)",
    "a state that is a scalar": "# params: d()\n# states: h(H)\nh_next = d",
    "a state that is 2": "# states: h(H), c(H)\nh_next = tanh(c)\nc_next = 2",
}
CELLS = [
    *map(cells.cell, cells.names()),
    *text_cells(),
    *(Cell.parse(text, name=name) for name, text in NUMBERS.items()),
]
FAST = {"gru", "fastgrnn", "rnn_relu", "gru3", "all functions", "powers", "softmax", *NUMBERS}
FAST |= {"a constant under a matrix", "a scalar under a matrix", "a mean under a matrix"}
FAST |= {"states of two sizes", "an output that is a matrix", "a loss that goes on"}

every_cell = pytest.mark.parametrize(
    "cell",
    [
        pytest.param(cell, marks=() if cell.name in FAST else pytest.mark.slow, id=cell.name)
        for cell in CELLS
    ],
)


def gradients(point: Point) -> Any:
    run = compile(point.cell)
    return run.gradients(point.params, point.inputs or point.T, point.states, point.bars)[1]


def altered(program: Program, name: str, change: Callable[[sp.Expr], sp.Expr]) -> Program:
    """A program with another right-hand side for one line."""
    lines = [
        Definition(d.var, change(d.expr)) if d.name == name else d for d in program.definitions
    ]
    changed = replace(program, definitions=tuple(lines))
    assert changed != program
    return changed


def var(program: Program, name: str) -> Var:
    return program.variable(name)


def swapped(name: str, other: str) -> Callable[[Program], Callable[[sp.Expr], sp.Expr]]:
    return lambda p: lambda e: e.xreplace({var(p, name): var(p, other)})


Change = Callable[[Program], Callable[[sp.Expr], sp.Expr]]
JVP: list[tuple[str, str, str, Change]] = [
    ("gru", "h_next_dot", "a term dropped", lambda _: lambda e: e - e.args[0]),
    ("gru", "z_dot", "a sign flipped", lambda _: lambda e: -e),
    ("gru", "r_dot", "a millionth more", lambda _: lambda e: e * MORE),
    ("gru", "a_h_tilde_dot", "another gate", swapped("r", "z")),
    ("gru", "h_tilde_dot", "a factor dropped", lambda p: lambda _: var(p, "a_h_tilde_dot")),
    ("lstm", "c_next_dot", "another gate", swapped("i", "f")),
    ("lstm", "f_dot", "nothing", lambda _: lambda _e: sp.S.Zero),
    ("lstm_peephole", "a_o_dot", "the state before", swapped("c_next_dot", "c_dot")),
    ("rnn", "h_next_dot", "the slope of another function", lambda p: lambda _: (
        var(p, "a_h_next_dot") * var(p, "h_next") * (1 - var(p, "h_next"))
    )),
]  # fmt: skip
HVP: list[tuple[str, str, str, Change]] = [
    ("gru", "h_bar_dot", "a term dropped", lambda _: lambda e: e - e.args[0]),
    ("gru", "a_z_bar_dot", "a sign flipped", lambda _: lambda e: -e),
    ("gru", "U_h_bar_dot", "a term dropped", lambda _: lambda e: e - e.args[-1]),
    ("rnn", "a_h_next_bar_dot", "a factor of 2 lost", lambda _: lambda e: e / 2),
    ("lstm", "b_f_bar_dot", "a millionth more", lambda _: lambda e: e * MORE),
]  # fmt: skip


def ids(changes: list[tuple[str, str, str, Change]]) -> list[str]:
    return [f"{cell} {line}: {words}" for cell, line, words, _ in changes]


# -- what is wrong is seen -------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["gru", "fastgrnn"])
def test_wrong_gradients_are_seen(name: str) -> None:
    """Each of those that are wrong, also by 1e-9 alone, and no other."""
    point = drawn(cells.cell(name))
    right = gradients(point)
    for change in (lambda a: a * (1 + 1e-9), np.negative, np.zeros_like, lambda a: a[::-1]):
        for odd in (0, 1):
            wrong = {k: a for n, (k, a) in enumerate(right.items()) if n % 2 == odd and a.ndim}
            found = dot_product(point, right | {key: change(a) for key, a in wrong.items()})
            for key, error in found.items():
                assert error > TOLERANCE if key in wrong else error < 1e-13, key


def test_one_wrong_entry_is_seen() -> None:
    point = drawn(cells.gru)
    right = gradients(point)
    for index in (0, -1):
        wrong = {key: gradient.copy() for key, gradient in right.items()}
        for gradient in wrong.values():
            gradient.flat[index] += 1e-7 * np.abs(gradient).max()
        assert min(dot_product(point, wrong).values()) > TOLERANCE


@pytest.mark.parametrize(("name", "line", "words", "change"), JVP, ids=ids(JVP))
def test_a_wrong_jvp_is_seen(
    name: str, line: str, words: str, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = drawn(cells.cell(name), sizes={"H": 2, "I": 3}, steps=2)
    right = jvp(point.cell)
    wrong = altered(right, line, change(right))
    monkeypatch.setattr(f"{ROOM}.jvp", lambda _: wrong)
    assert max(dot_product(point, gradients(point)).values()) > TOLERANCE, words
    assert max(taylor(point).values()) > ORDER, words


@pytest.mark.parametrize(("name", "line", "words", "change"), HVP, ids=ids(HVP))
def test_a_wrong_hvp_is_seen(
    name: str, line: str, words: str, change: Change, monkeypatch: pytest.MonkeyPatch
) -> None:
    point = drawn(cells.cell(name), sizes={"H": 2, "I": 3}, steps=2)
    right = hvp(point.cell)
    wrong = altered(right, line, change(right))
    monkeypatch.setattr(f"{ROOM}.hvp", lambda _: wrong)
    assert max(taylor(point).values()) > ORDER, words


def test_an_hvp_that_is_not_that_of_the_vjp_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    point = drawn(cells.gru, steps=2)
    right = vjp(point.cell)
    wrong = altered(right, "a_z_bar", lambda e: 2 * e)
    monkeypatch.setattr(f"{ROOM}.vjp", lambda _: wrong)
    found = taylor(point)
    assert found["W_z_bar"] > ORDER
    assert found["W_h_bar"] < ORDER


# -- what is right passes --------------------------------------------------------------------------


@every_cell
def test_the_dot_product_of_right_gradients(cell: Cell) -> None:
    point = drawn(cell)
    found = dot_product(point, gradients(point))
    assert set(found) == set(point.gradients)
    assert max(found.values()) < 1e-13


@every_cell
def test_taylor_remainders_of_right_tangents(cell: Cell) -> None:
    point = drawn(cell, steps=2)
    found = taylor(point)
    assert set(found) == set(point.gradients)
    assert max(found.values()) < 1e-25


@pytest.mark.parametrize("regime", ["saturated", "huge", "tiny"])
def test_other_regimes(regime: str) -> None:
    """In the huge one the identity, in double precision, has not the digits."""
    point = REGIMES[regime].point(cells.gru, 0)
    assert max(taylor(point).values()) < 1e-20
    if regime != "huge":
        assert max(dot_product(point, gradients(point)).values()) < 1e-12


def test_what_is_linear_has_no_remainder() -> None:
    point = drawn(Cell.parse("h_next = W @ x + h / 2"))
    assert max(taylor(point).values()) < 1e-200


@pytest.mark.parametrize("value", ["log(-1 - b ** 2)", "sqrt(-1 - b ** 2)", "1 / (b + 1)"])
def test_where_the_cell_has_no_value(value: str) -> None:
    point = drawn(Cell.parse(f"h_next = h * {value} + W @ x"))
    with pytest.raises(NotRunError):
        taylor(replace(point, params={**point.params, "b": -np.ones(3)}))


def test_too_much_work() -> None:
    with pytest.raises(NotRunError, match="Taylor's remainders would take about"):
        taylor(drawn(cells.gru, steps=1000))


def test_programs_have_the_lines_that_are_altered_here() -> None:
    """And nothing beside what the cell gives."""
    for name in ("gru", "lstm"):
        cell = cells.cell(name)
        known = {*cell.program.variables}
        for d in jvp(cell):
            assert all(v in known or v.name.endswith("_dot") for v in variables_of(d.expr))
            known.add(d.var)
