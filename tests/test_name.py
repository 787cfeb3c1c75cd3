"""name: what a product or a function is applied to is a variable; split: products by parts."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from gru_sym.algebra.expr import Expr, Node, Var, variables_of
from gru_sym.algebra.nodes import Concat, MatVec, Transpose
from gru_sym.algebra.program import Definition, Program
from gru_sym.algebra.rules import FUNCTIONS, Elementwise
from gru_sym.cells import Cell
from gru_sym.codegen.passes.name import name, split
from tests.scans import every_cell, is_refuted, same_meaning

NAMED = {
    "the operand of a product": (
        "h_next = tanh(W @ x + U @ (r * h))",
        "h_r = r * h; a_h_next = U @ h_r + W @ x; h_next = tanh(a_h_next)",
    ),
    "a function among factors": (
        "h_next = h * tanh(W @ x)",
        "a_h_next = W @ x; tanh_a_h_next = tanh(a_h_next); h_next = tanh_a_h_next * h",
    ),
    "a product among factors": (
        "h_next = h * (W @ x)",
        "W_x = W @ x; h_next = W_x * h",
    ),
    "a product that is a term stays": (
        "h_next = h + 2 * (W @ x)",
        "h_next = h + 2 * (W @ x)",
    ),
    "one inside of the other": (
        "h_next = U @ (V @ (W @ h))",
        "W_h = W @ h; V_W_h = V @ W_h; h_next = U @ V_W_h",
    ),
    "once for all uses": (
        "h_next = exp(h) / (exp(h) + exp(x))",
        "exp_h = exp(h); exp_x = exp(x); h_next = exp_h / (exp_h + exp_x)",
    ),
    "what has a name already": (
        "e = exp(h)\nh_next = e / (exp(h) + exp(x))",
        "e = exp(h); exp_x = exp(x); h_next = e / (e + exp_x)",
    ),
    "a number stays outside": (
        "h_next = (2 * W) @ x + W.T @ h",
        "h_next = 2 * (W @ x) + W.T @ h",
    ),
    "a name of the cell is not taken": (
        "h_x = tanh(x)\nh_next = U @ [h, x] + h_x",
        "h_x = tanh(x); h_x_2 = [h, x]; h_next = h_x + U @ h_x_2",
    ),
}


@pytest.mark.parametrize(("text", "lines"), NAMED.values(), ids=NAMED)
def test_values_get_names(text: str, lines: str) -> None:
    found = str(name(Cell.parse(text).program))
    assert "; ".join(" ".join(line.split()) for line in found.splitlines()) == lines


def test_a_gate_and_its_complement_share_their_argument() -> None:
    a = Var("a", (("H",),))
    z, y = Var("z", a.shape), Var("y", a.shape)
    sigmoid = FUNCTIONS["sigmoid"]
    lines = (Definition(z, sigmoid(a - 1)), Definition(y, sigmoid(1 - a)))
    named = name(Program((a,), lines, (z, y)))
    assert named["y"].expr == sigmoid(-named["z"].expr.args[0])


SPLIT = {
    "the parts of a concatenation": (
        "h_next = tanh(V @ [h, x, b])",
        "h_x_b = [h, x, b]; V_h = V[:, :H]; V_x = V[:, H:H+I]; V_b = V[:, H+I:]; "
        "a_h_next = V_h @ h + V_x @ x + V_b @ b; h_next = tanh(a_h_next)",
    ),
    "all of it needs the state": (
        "h_next = tanh(V @ [h, r * h])",
        "h_r = h * r; h_h_r = [h, h_r]; a_h_next = V @ h_h_r; h_next = tanh(a_h_next)",
    ),
    "none of it does": (
        "h_next = h + V @ [x, b]",
        "x_b = [x, b]; V_x = V[:, :I]; V_b = V[:, I:]; h_next = V_x @ x + V_b @ b + h",
    ),
}


@pytest.mark.parametrize(("text", "lines"), SPLIT.values(), ids=SPLIT)
def test_products_are_split(text: str, lines: str) -> None:
    cell = Cell.parse(text)
    found = str(split(name(cell.program), frozenset(cell.states)))
    assert "; ".join(" ".join(line.split()) for line in found.splitlines()) == lines


# -- contract ----------------------------------------------------------------------------------


@every_cell
def test_nothing_changes_its_value(cell: Cell) -> None:
    named = name(cell.program)
    parts = split(named, frozenset(cell.states))
    for old, new in ((cell.program, named), (named, parts), (cell.program, parts)):
        same_meaning(old, new)
        assert (new.inputs, new.outputs) == (old.inputs, old.outputs)
        assert {d.var for d in old} <= {d.var for d in new}


@every_cell
def test_every_operand_is_a_variable(cell: Cell) -> None:
    once = name(cell.program)
    for d in once:
        for item in d.expr.atoms(Elementwise, MatVec, Concat):
            operands = item.operands if isinstance(item, Node) else item.args
            for operand in operands:
                inside = operand.args[0] if isinstance(operand, Transpose) else operand
                inside = inside.as_coeff_Mul()[1] if isinstance(item, Elementwise) else inside
                assert isinstance(inside, Var) or not variables_of(inside), d
    assert str(name(once)) == str(once)


def wrong(program: Program, values: Mapping[str, Expr]) -> Program:
    lines = (Definition(d.var, values.get(d.name, d.expr)) for d in program)
    return replace(program, definitions=tuple(lines))


@pytest.mark.parametrize("text", [text for text, _ in (*NAMED.values(), *SPLIT.values())])
def test_each_line_that_is_doubled_is_seen(text: str) -> None:
    cell = Cell.parse(text)
    new = split(name(cell.program), frozenset(cell.states))
    needed = new.computing(new.outputs)
    for d in needed:
        assert is_refuted(cell.program, wrong(new, {d.name: 2 * d.expr})), d.name


def test_swapped_parts_are_refuted() -> None:
    cell = Cell.parse("# inputs: x(H)\nh_next = tanh(V @ [h, x])")
    new = split(name(cell.program), frozenset(cell.states))
    swapped = wrong(new, {"V_h": new["V_x"].expr, "V_x": new["V_h"].expr})
    assert is_refuted(cell.program, swapped)


def test_another_argument_is_refuted() -> None:
    """As if -(x - h) were taken for x - h, of which the complement is made."""
    cell = Cell.parse("# inputs: x(H)\nz = sigmoid(h - x)\nh_next = z * sigmoid(x - h)")
    new = name(cell.program)
    gate = next(d for d in new if d.expr.func is FUNCTIONS["sigmoid"] and d.name != "z")
    assert is_refuted(cell.program, wrong(new, {gate.name: new["z"].expr}))
