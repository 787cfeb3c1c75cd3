"""inline: a value for all t that is read once needs no array of its own."""

from collections.abc import Iterable

import pytest

from gru_sym import cells
from gru_sym.algebra.expr import Node, Var, variables_of
from gru_sym.algebra.program import Definition
from gru_sym.cells import Cell
from gru_sym.codegen.passes.defer import defer
from gru_sym.codegen.passes.hoist import compose, hoist
from gru_sym.codegen.passes.inline import inline
from gru_sym.codegen.passes.stack import stack
from tests.scans import (
    changed,
    every_cell,
    holds,
    is_refuted,
    lines_of,
    scans,
    scans_of,
    undetected,
)

PASSES = (compose, defer, hoist, stack)


def text_of(lines: Iterable[Definition]) -> str:
    return "; ".join(f"{d.name} = {d.expr}" for d in lines)


def test_a_value_that_is_read_once() -> None:
    text = "h_next = tanh(W @ x + U @ h) * x2"
    _, before = scans_of(text, *PASSES)
    _, after = scans_of(text, *PASSES, inline)
    assert text_of(before.before) == (
        "tanh_a_h_next_slope = tanh_slope(a_h_next); dh_next_da_h_next = tanh_a_h_next_slope*x2"
    )
    assert text_of(after.before) == "dh_next_da_h_next = x2*tanh_slope(a_h_next)"


KEPT = {
    "the loop reads it": ("h_next = tanh(W @ x + U @ h)", "a_h_next_x"),
    "it is an output": ("k = x * x2\nh_next = tanh(k) * h", "k"),
    "a product is applied to it": ("h_next = h * tanh(W @ sin(x))", "sin_x"),
    "it is the same at each step": ("h_next = sigmoid(b) * x * h * cos(b)", "cos_b"),
}


@pytest.mark.parametrize(("text", "name"), KEPT.values(), ids=KEPT)
def test_what_keeps_its_array(text: str, name: str) -> None:
    before, after = (scans_of(text, *passes)[0].before for passes in (PASSES, (*PASSES, inline)))
    assert before[name] == after[name]


@every_cell
def test_contract(cell: Cell) -> None:
    for passes in ((), (compose, hoist), PASSES):
        for scan in scans(cell, *passes):
            new = inline(scan)
            holds(scan, new)
            assert {*new.step, *new.after} <= {*scan.step, *scan.after}


@pytest.mark.parametrize("cell", ["gru", "lstm", "gru_layernorm"])
def test_each_line_that_is_doubled_is_seen(cell: str) -> None:
    for scan in scans(cells.cell(cell), *PASSES):
        assert not undetected(scan, inline(scan))


@every_cell
def test_nothing_is_left_to_inline(cell: Cell) -> None:
    for scan in scans(cell, *PASSES, inline):
        elsewhere = {v for part in (scan.step, scan.after) for v in (*part.inputs, *part.outputs)}
        for d in scan.before:
            elementwise = not d.expr.atoms(Node) and not isinstance(d.expr, Var)
            if d.var in elsewhere or d.var not in scan.sequences or not elementwise:
                continue
            readers = [e.expr for e in scan.before if d.var in variables_of(e.expr)]
            in_nodes = [n for e in readers for n in e.atoms(Node) if d.var in variables_of(n)]
            once = len(readers) == 1 and readers[0].count(d.var) == 1
            assert in_nodes or not once, d


def test_a_value_put_in_wrongly_is_refuted() -> None:
    _, scan = scans(cells.gru, *PASSES)
    new = inline(scan)
    line = new.before["dh_next_da_h_tilde"]
    z = next(v for v in variables_of(line.expr) if v.name == "z")
    h = next(v for v in variables_of(d.expr for d in lines_of(new)) if v.name == "h")
    assert is_refuted(scan, changed(new, {line.name: line.expr.xreplace({z: h})}))
    assert is_refuted(scan, changed(new, {line.name: line.expr / z}))
