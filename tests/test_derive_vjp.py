"""Backprop of one step: the formulas of the textbook, and the adjoint of the jvp, exactly."""

import random
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from gru_sym.algebra.expr import Var
from gru_sym.algebra.program import Program
from gru_sym.cells import Cell, cell, names
from gru_sym.cells.compose import readout, stack
from gru_sym.derive.describe import select, text
from gru_sym.derive.jvp import jvp, tangent_of
from gru_sym.derive.vjp import cotangent_of, upstream_of, vjp
from gru_sym.prove.equal import prove_equal
from gru_sym.prove.evaluate import Fractions, evaluate, extent

ODD = {
    "no inputs": "h_next = tanh(U @ h + b)",
    "several inputs": "h_next = tanh(W @ x + V @ u + U @ h) * sigmoid(x_2)",
    "several states": "h_next = tanh(U @ c + k)\nc_next = c * h\nk_next = h - k + x",
    "sizes that differ": "h_next = tanh(W @ x + V @ c)\nc_next = sigmoid(R @ c + S @ h)",
    "scalars": "# params: w(), u()\ns = w * sum(h) + u\nh_next = tanh(s * h + u + x)",
    "scalars alone": "# params: w(), u()\nh_next = tanh(w * h + u)",
    "softmax": "p = softmax(U @ h)\nh_next = p * x",
    "logsumexp": "h_next = logsumexp(U @ h) * x",
    "reductions": "h_next = (h - mean(h)) / sqrt(mean(h ** 2) + 1) + sum(x) * b",
    "a concatenation": "q = [h, x, b * h]\nh_next = tanh(W @ q)",
    "parameters alone": "k = sigmoid(V @ b) * b\nh_next = k * h + x",
    "sum of matrices": "h_next = tanh((U + V.T) @ h - 2 * U @ x)",
    "transposed": "h_next = tanh(U.T @ (U @ h) + x)",
    "an output inside": "# outputs: q\nc_next = c * h + x\nq = sum(c_next)\nh_next = q * c_next",
    "a constant output": "c_next = tanh(b)\nk = c_next * b\nh_next = k * h + c",
    "activations twice": "h_next = sigmoid(x + h) * sigmoid(x + h) + tanh(tanh(h)) + relu(h)",
    "division and powers": "h_next = x / (1 + h ** 2) + h ** 3 / x + log(1 + exp(h))",
    "nothing at all": "h_next = x",
}


def odd(name: str) -> Cell:
    return Cell.parse(ODD[name], name=name)


CELLS = {
    **{name: cell(name) for name in names()},
    **{name: odd(name) for name in ODD},
    "a stack": stack(cell("gru"), cell("lstm")),
    "a readout": readout(cell("gru_concat"), "cross_entropy"),
}


@dataclass(frozen=True)
class StandIns(Fractions):
    """Rational numbers with a rational function in place of each that is irrational.

    That the vjp is the adjoint of the jvp doesn't depend on what the functions are.
    """

    def power(self, value: Fraction, exponent: Fraction) -> Fraction:
        if exponent.denominator == 1:
            return super().power(value, exponent)
        return (3 + value**2) / (5 * exponent)

    def apply(self, name: str, value: Fraction) -> Fraction:
        if name in {"step", "relu", "abs"}:
            return super().apply(name, value)
        return (value**2 + len(name)) / (value**2 + 7)


def run(program: Program, values: Mapping[Var, np.ndarray], sizes: Mapping[str, int]) -> dict:
    env = dict(values)
    for d in program:
        env[d.var] = evaluate(d.expr, d.var.shape, env, sizes, StandIns())
    return env


def fractions_like(var: Var, sizes: Mapping[str, int], source: random.Random) -> np.ndarray:
    array = np.empty(tuple(extent(dim, sizes) for dim in var.shape), dtype=object)
    for place in np.ndindex(array.shape):
        array[place] = Fraction(
            source.choice((-1, 1)) * source.randint(1, 9), source.choice((1, 2, 3, 5))
        )
    return array


@pytest.mark.parametrize("name", CELLS)
def test_vjp_is_the_adjoint_of_the_jvp_exactly(name: str) -> None:
    c, source = CELLS[name], random.Random(name)
    dims = sorted({n for v in c.program.variables for dim in v.shape for n in dim})
    sizes = {n: k for k, n in enumerate(dims, 2)}
    forward, backward = jvp(c), vjp(c)
    inputs = c.program.inputs
    given = {
        v: fractions_like(v, sizes, source)
        for v in dict.fromkeys((*forward.inputs, *backward.inputs))
    }
    there, back = run(forward, given, sizes), run(backward, given, sizes)
    left = sum(np.sum(there[tangent_of(v)] * given[w]) for v, w in upstream_of(c).items())
    right = sum(np.sum(back[cotangent_of(v)] * given[tangent_of(v)]) for v in inputs)
    assert left == right
    assert isinstance(left, int | Fraction)


def test_gru_in_the_form_of_a_textbook() -> None:
    assert text(select(cell("gru"))).splitlines() == [
        "h_tilde_bar   = h_next_bar * z",
        "a_h_tilde_bar = h_tilde_bar * (1 - h_tilde**2)",
        "r_bar         = h * (U_h.T @ a_h_tilde_bar)",
        "a_r_bar       = r_bar * r * (1 - r)",
        "z_bar         = h_next_bar * (h_tilde - h)",
        "a_z_bar       = z_bar * z * (1 - z)",
        "W_z_bar       = outer(a_z_bar, x)",
        "x_bar         = W_h.T @ a_h_tilde_bar + W_r.T @ a_r_bar + W_z.T @ a_z_bar",
        "U_z_bar       = outer(a_z_bar, h)",
        "h_bar         = h_next_bar * (1 - z) + r * (U_h.T @ a_h_tilde_bar) + U_r.T @ a_r_bar"
        " + U_z.T @ a_z_bar",
        "b_z_bar       = a_z_bar",
        "W_r_bar       = outer(a_r_bar, x)",
        "U_r_bar       = outer(a_r_bar, h)",
        "b_r_bar       = a_r_bar",
        "W_h_bar       = outer(a_h_tilde_bar, x)",
        "U_h_bar       = outer(a_h_tilde_bar, r * h)",
        "b_h_bar       = a_h_tilde_bar",
    ]


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("W_z_bar", "outer(h_next_bar * (h_tilde - h) * z * (1 - z), x)"),
        ("h_bar", "h_next_bar * (1 - z) + r * (U_h.T @ a_h_tilde_bar) + U_r.T @ a_r_bar"
         " + U_z.T @ a_z_bar"),
        ("a_r_bar", "h * (U_h.T @ (h_next_bar * z * (1 - h_tilde ** 2))) * r * (1 - r)"),
        ("U_h_bar", "outer(h_next_bar * z * (1 - h_tilde ** 2), r * h)"),
    ],
)  # fmt: skip
def test_wanted_formulas_of_the_gru_are_proved(left: str, right: str) -> None:
    assert prove_equal(left, right, cell("gru")).verdict == "proved"


def test_output_that_is_used_inside_has_a_total() -> None:
    lines = {d.name: str(d.expr) for d in vjp(cell("lstm"))}
    assert "c_next_bar" not in lines
    assert "c_next_bar" in lines["c_next_bar_total"]
    assert lines["f_bar"] == "c*c_next_bar_total"


def test_outputs_are_the_cotangents_in_the_order_of_the_cell() -> None:
    c = cell("fastgrnn")
    assert [v.name for v in vjp(c).outputs] == [
        f"{v.name}_bar" for v in (*c.params, *c.inputs, *c.states)
    ]
    assert {v.shape for v in vjp(c).outputs} >= {(), (("H",), ("I",))}


def test_what_is_not_reached_has_the_cotangent_zero() -> None:
    lines = {d.name: d.expr for d in vjp(Cell.parse("h_next = W @ x\nc_next = c"))}
    assert lines["h_bar"] == 0


def test_no_size_appears_and_lines_do_not_grow() -> None:
    """The derivation is symbolic: its length is that of the cell's own equations."""
    for name in names():
        program = vjp(cell(name))
        assert len(program.definitions) <= 2 * len(cell(name).program.variables)
        reduced = {s for d in program for s in d.expr.free_symbols if not isinstance(s, Var)}
        assert {s.name for s in reduced} <= ({"H"} if name == "gru_layernorm" else set())
