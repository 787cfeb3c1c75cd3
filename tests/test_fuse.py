"""fuse: what is computed row by row stands in the loop, products alone outside of it."""

import pytest

from gru_sym.algebra.expr import variables_of
from gru_sym.algebra.nodes import MatVec, Slice, SumT
from gru_sym.cells import Cell
from gru_sym.codegen.passes.defer import defer
from gru_sym.codegen.passes.fuse import fuse
from gru_sym.codegen.passes.hoist import compose, hoist
from gru_sym.codegen.passes.parts import needed
from tests.scans import every_cell, holds, lines_of, scans, scans_of, undetected

PASSES = (compose, defer, hoist)


@every_cell
def test_the_same_is_computed(cell: Cell) -> None:
    for scan in scans(cell, *PASSES):
        holds(scan, fuse(scan))


@every_cell
def test_outside_of_the_loop_are_products_and_what_they_need(cell: Cell) -> None:
    for scan in map(fuse, scans(cell, *PASSES)):
        products = [d.var for d in scan.before if d.expr.has(MatVec)]
        held = {d.var for d in needed(scan.before, products)}
        for d in scan.before:
            free = d.var not in scan.sequences or d.var in held or isinstance(d.expr, Slice)
            assert free, d.name
        later = {d.var for d in scan.after}
        for d in scan.after:
            waits = d.expr.has(MatVec, SumT) or variables_of(d.expr) & later
            assert d.var not in scan.sequences or waits, d.name


@pytest.mark.parametrize("index", [0, 1])
def test_a_mistake_would_be_seen(index: int) -> None:
    scan = scans_of("z = sigmoid(W @ x + U @ h + b)\nh_next = z * h + b", *PASSES)[index]
    assert undetected(scan, fuse(scan)) == []


def test_a_bias_is_added_in_the_loop() -> None:
    forward, _ = scans_of("h_next = tanh(W @ x + U @ h + b)", *PASSES)
    assert [d.name for d in forward.before] == ["a_h_next_x"]
    fused = fuse(forward)
    assert [str(d.expr) for d in fused.before] == ["MatVec(W, x)"]
    assert next(d.name for d in fused.step) == "a_h_next_x"


def test_a_gate_of_inputs_alone_is_computed_in_the_loop() -> None:
    forward, _ = map(fuse, scans_of("z = sigmoid(W @ x)\nh_next = z * h", *PASSES))
    assert [d.name for d in forward.before] == ["a_z"]
    assert next(d.name for d in forward.step) == "z"


def test_what_a_product_ahead_needs_stays() -> None:
    forward, _ = map(fuse, scans_of("h_next = tanh(V @ sigmoid(W @ x) + h)", *PASSES))
    names = [d.name for d in forward.before]
    assert len(names) == 3
    assert not any(d.expr.has(MatVec) for d in forward.step)


def test_what_follows_the_loop_row_by_row_is_computed_in_it() -> None:
    text = "# outputs: loss\n# inputs: x, y\nh_next = tanh(W @ x + U @ h)\n"
    before, _ = scans_of(text + "loss = sum((h_next - y)**2)", *PASSES)
    assert [d.name for d in before.after] == ["loss"]
    after = fuse(before)
    assert [d.name for d in after.after] == []
    assert "loss" in [v.name for v in after.step.outputs]
    read_out = fuse(scans_of(text + "loss = sum((V @ h_next - y)**2)", *PASSES)[0])
    assert "loss" in [d.name for d in read_out.after]  # it waits for a product


def test_sums_over_time_stay_after_the_loop() -> None:
    _, backward = map(fuse, scans_of("h_next = tanh(W @ x + U @ h + b)", *PASSES))
    assert all(d.expr.has(SumT) for d in lines_of(backward) if d.name in {"W_bar", "b_bar"})
    assert {d.name for d in backward.after} == {"W_bar", "U_bar", "b_bar", "x_bar"}
