"""coefficients: the forward step computes them, backward reads them, the values are the same."""

from dataclasses import replace

import pytest

from gru_sym import cells
from gru_sym.algebra.expr import Var
from gru_sym.algebra.nodes import MatVec
from gru_sym.algebra.program import Definition, Scan
from gru_sym.algebra.rules import Elementwise
from gru_sym.cells import Cell
from gru_sym.codegen.passes.coefficients import coefficients
from gru_sym.codegen.passes.defer import defer
from gru_sym.codegen.passes.hoist import compose, hoist
from gru_sym.codegen.passes.parts import closed
from gru_sym.codegen.plan import Plan, plan
from tests import scans
from tests.scans import every_cell, is_refuted, lines_of, same_meaning, well_formed

PASSES = (compose, defer, hoist)


def both(cell: Cell) -> tuple[Plan, Plan]:
    before = plan(cell, PASSES)
    return before, coefficients(before)


def moved(before: Plan, after: Plan) -> list[Definition]:
    """What the forward pass computes now."""
    old = {d.var for d in lines_of(before.forward)}
    return [d for d in lines_of(after.forward) if d.var not in old]


def together(backward: Scan, lines: list[Definition]) -> Scan:
    """The backward pass, with lines of the forward pass put back ahead of it."""
    before = [*lines, *backward.before]
    return replace(backward, before=closed(before, [d.var for d in before]))


def read_by(backward: Scan) -> set[Var]:
    parts = (backward.before, backward.step, backward.after)
    return {v for part in parts for v in part.inputs}


@every_cell
def test_the_same_is_computed(cell: Cell) -> None:
    before, after = both(cell)
    for old, new in zip(scans.both(before), scans.both(after), strict=True):
        well_formed(new)
        assert new.carry == old.carry
    same_meaning(before.forward, after.forward)
    same_meaning(before.backward, together(after.backward, moved(before, after)))


@every_cell
def test_what_backward_reads_is_kept(cell: Cell) -> None:
    _, after = both(cell)
    forward = {d.var for d in lines_of(after.forward)}
    read = read_by(after.backward)
    assert read & forward <= set(after.kept)
    own = {d.var for d in cell.program} | {*cell.inputs, *cell.states}
    assert own <= set(after.kept) <= own | read
    steps = {*after.forward.step.outputs, *after.forward.after.outputs}
    assert {v for v in after.kept if v in {d.var for d in after.forward.step}} <= steps


@every_cell
def test_the_backward_loop_is_left_with_arithmetic(cell: Cell) -> None:
    """No function of a vector that depends on the forward pass alone is computed there."""
    _, after = both(cell)
    known = {*after.forward.step.variables, *cell.params}
    for d in after.backward.before:
        if d.var in after.backward.sequences and d.expr.free_symbols <= known:
            assert d.expr.has(MatVec) or not d.expr.atoms(Elementwise), d.name


@pytest.mark.parametrize("name", ["gru", "gru_reset_after", "lstm", "ugrnn"])
def test_a_wrong_coefficient_would_be_seen(name: str) -> None:
    before, after = both(cells.cell(name))
    lines = moved(before, after)
    assert lines
    for k, d in enumerate(lines):
        wrong = [*lines[:k], Definition(d.var, 2 * d.expr), *lines[k + 1 :]]
        assert is_refuted(before.backward, together(after.backward, wrong)), d.name


def test_what_is_handed_over() -> None:
    """By hand: three slopes of h_next, and the gates that the recurrence is multiplied by."""
    _, after = both(cells.gru_reset_after)
    read = {str(v.name) for v in read_by(after.backward)}
    made = {d.name for d in lines_of(after.forward)}
    assert read & made == {"z", "r", "dh_next_da_h_tilde", "dh_next_da_r", "dh_next_da_z"}


def test_what_is_quickly_computed_is_written_where_it_is_read() -> None:
    """U_h_h_bar = r * a_h_tilde_bar: two arrays are read, and no third one is written."""
    before, after = both(cells.gru_reset_after)
    assert "dh_next_dU_h_h" in {d.name for d in before.backward.before}
    assert "dh_next_dU_h_h" not in {d.name for d in lines_of(after.forward)}
    line = after.backward.step["U_h_h_bar"]
    assert {str(v) for v in line.expr.free_symbols} == {"dh_next_da_h_tilde", "h_next_bar", "r"}


def test_what_depends_on_the_loss_stays() -> None:
    text = "# outputs: loss\nh_next = tanh(W @ x + U @ h)\nloss = sum(h_next * x)"
    _, after = both(Cell.parse(text))
    names = {d.name for d in lines_of(after.forward)}
    assert not any("loss_bar" in name for name in names)


def test_names_do_not_clash() -> None:
    """Both scans have names of their own making, and may have made the same."""
    for name in cells.names():
        _, after = both(cells.cell(name))
        names = [d.name for d in lines_of(after.forward)]
        assert len(names) == len(set(names))
