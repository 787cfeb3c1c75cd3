"""defer: what the next turn does not need is computed after the loop."""

from dataclasses import replace

import pytest

from gru_sym import cells
from gru_sym.algebra.program import Scan
from gru_sym.algebra.rules import FUNCTIONS
from gru_sym.cells import Cell
from gru_sym.codegen.passes.defer import defer
from gru_sym.codegen.passes.hoist import compose
from gru_sym.codegen.passes.parts import needed, rebuilt
from tests.scans import changed, every_cell, holds, is_refuted, scans, scans_of, undetected

SIGMOID = FUNCTIONS["sigmoid"]


def names(scan: Scan) -> tuple[list[str], list[str]]:
    return [d.name for d in scan.step], [d.name for d in scan.after]


def test_a_readout_leaves_the_loop() -> None:
    forward, _ = scans_of("# outputs: y\nh_next = tanh(W @ x + U @ h)\ny = V @ h_next + b_y", defer)
    assert names(forward) == (["a_h_next", "h_next"], ["y"])
    assert [v.name for v in forward.step.outputs] == ["a_h_next", "h_next"]
    assert [v.name for v in forward.after.outputs] == ["y"]
    assert [v.name for v in forward.after.inputs] == ["V", "b_y", "h_next"]


def test_a_complement_stays_beside_its_gate() -> None:
    """h_next does not need 1 - z here, and the gradient does."""
    forward, _ = scans_of("z = sigmoid(W @ x + U @ h)\nh_next = z * h\nq = z * x2", defer)
    assert names(forward) == (["a_z", "z", "one_minus_z", "h_next"], ["q"])


def test_the_gradients_are_not_in_the_loop() -> None:
    _, backward = scans_of("h_next = tanh(W @ x + U @ h)", defer)
    assert "W_bar" not in names(backward)[0]
    assert {"W_bar", "U_bar", "x_bar"} <= set(names(backward)[1])


@pytest.mark.parametrize("before", [(), (compose,)], ids=["alone", "after compose"])
@every_cell
def test_contract(cell: Cell, before: tuple) -> None:
    for scan in scans(cell, *before):
        new = defer(scan)
        holds(scan, new)
        holds(scan, defer(new))
        wanted = {d.var for d in needed(new.step, (leave for _, leave in new.carry))}
        gates = {d.expr.args[0] for d in new.step if d.expr.func is SIGMOID and d.var in wanted}
        for d in new.step:
            complement = d.expr.func is SIGMOID and -d.expr.args[0] in gates
            assert d.var in wanted or complement


@pytest.mark.parametrize("cell", ["gru", "gru_reset_after", "lstm", "lstm_peephole"])
def test_each_line_that_is_doubled_is_seen(cell: str) -> None:
    for scan in scans(cells.cell(cell), compose):
        assert not undetected(scan, defer(scan))


def test_wrong_ways_are_seen() -> None:
    forward, backward = scans(cells.gru)
    new = defer(backward)
    lines = tuple(d for d in new.after if d.name != "W_z_bar")
    shorter = replace(new.after, definitions=lines, outputs=new.after.outputs[1:])
    with pytest.raises(AssertionError):
        holds(backward, replace(new, after=shorter))
    wrong = changed(new, {"a_r_bar": new.step["a_r_bar"].expr / new.step.variable("r")})
    assert is_refuted(backward, wrong)
    gone = rebuilt(forward, [], [d for d in forward.step if d.name != "r"], [])
    with pytest.raises(AssertionError, match="missing"):
        holds(forward, gone)
