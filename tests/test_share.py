"""share: what occurs twice is computed once, forward and backward."""

import pytest

from gru_sym.algebra.nodes import MatVec, Outer
from gru_sym.algebra.program import Program
from gru_sym.cells import Cell
from gru_sym.codegen.passes.name import name
from gru_sym.codegen.passes.parts import Names
from gru_sym.codegen.passes.share import share
from gru_sym.codegen.plan import plan
from tests.scans import every_cell, same_meaning

SHARED = {
    "in two sums": (
        "a = tanh(U @ h + W @ x)\nh_next = a + U @ h",
        "U_h = U @ h; a_a = U_h + W @ x; a = tanh(a_a); h_next = U_h + a",
    ),
    "what has a name": (
        "a = U @ h\nh_next = tanh(a + x) + U @ h",
        "U_h = U @ h; a = U_h; a_h_next = a + x; tanh_a_h_next = tanh(a_h_next); "
        "h_next = U_h + tanh_a_h_next",
    ),
    "what gets one later": (
        "a = tanh(U @ h + x)\nb = U @ h\nh_next = a + b",
        "U_h = U @ h; a_a = U_h + x; a = tanh(a_a); b = U_h; h_next = a + b",
    ),
    "other vectors": (
        "a = tanh(U @ x + h)\nh_next = a + U @ h",
        "a_a = U @ x + h; a = tanh(a_a); h_next = U @ h + a",
    ),
}


def shared(program: Program) -> Program:
    return share(program, Names(str(v.name) for v in program.variables))


@pytest.mark.parametrize(("text", "lines"), SHARED.values(), ids=SHARED)
def test_products_that_occur_twice(text: str, lines: str) -> None:
    found = str(shared(name(Cell.parse(text).program)))
    assert "; ".join(" ".join(line.split()) for line in found.splitlines()) == lines


@every_cell
def test_nothing_changes_its_value(cell: Cell) -> None:
    named = name(cell.program)
    once = shared(named)
    same_meaning(named, once)
    assert (once.inputs, once.outputs) == (named.inputs, named.outputs)
    assert shared(once) == once
    products = [node for d in once for node in d.expr.atoms(MatVec)]
    assert len(set(products)) == len(products)


def test_its_cotangent_is_one_and_the_gradient_one_product() -> None:
    made = plan(Cell.parse("a = tanh(U @ h + b)\nh_next = sigmoid(U @ h) * a"))
    outers = [node for d in made.backward.after for node in d.expr.atoms(Outer)]
    assert [str(node.args[0]) for node in outers] == ["U_h_bar"]


def test_backward_too() -> None:
    step = plan(Cell.parse("h_next = tanh(R @ h + R @ (h * x))")).backward.step
    assert len([node for d in step for node in d.expr.atoms(MatVec)]) == 1
