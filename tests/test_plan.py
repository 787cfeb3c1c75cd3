"""plan: two Scans that together are the cell and backprop through time, whatever the passes."""

import pytest

from gru_sym import cells
from gru_sym.algebra.program import Scan
from gru_sym.cells import Cell
from gru_sym.codegen.passes.defer import defer
from gru_sym.codegen.passes.hoist import compose, hoist
from gru_sym.codegen.passes.inline import inline
from gru_sym.codegen.passes.stack import stack
from gru_sym.codegen.plan import plan
from gru_sym.derive.bptt import bptt, up_of
from gru_sym.derive.vjp import cotangent_of
from tests.scans import (
    both,
    changed,
    every_cell,
    free,
    is_refuted,
    lines_of,
    same_meaning,
    well_formed,
)

PASSES = (compose, defer, hoist, stack, inline)


@pytest.mark.parametrize("passes", [(), PASSES], ids=["none", "all"])
@every_cell
def test_the_cell_and_its_gradients(cell: Cell, passes: tuple) -> None:
    """Each value of the cell, each cotangent of bptt, is proved to be the same."""
    made, prepared = plan(cell, passes), plan(cell)
    well_formed(made.forward)
    well_formed(made.backward)
    same_meaning(cell.program, made.forward)
    same_meaning(bptt(cell), made.backward, context=lines_of(prepared.forward))


@pytest.mark.parametrize("passes", [(), PASSES], ids=["none", "all"])
@every_cell
def test_what_is_handed_over(cell: Cell, passes: tuple) -> None:
    made = plan(cell, passes)
    assert made.cell is cell
    own = tuple(d.var for d in cell.program)
    first = (*cell.inputs, *cell.states, *own)
    assert made.kept[: len(first)] == first
    beside = made.kept[len(first) :]
    assert len(set(made.kept)) == len(made.kept)
    known = {*made.forward.step.variables, *(d.var for d in lines_of(made.forward))}
    assert set(beside) <= known
    ups = {*map(up_of, cell.states), *map(cotangent_of, cell.extra)}
    reads = free(made.backward)
    assert reads <= {*made.kept, *cell.params, *ups}
    assert set(beside) <= reads


@every_cell
def test_what_runs_where(cell: Cell) -> None:
    forward, backward = both(plan(cell, PASSES))
    assert not forward.reverse
    assert backward.reverse
    assert [enter for enter, _ in forward.carry] == list(cell.states)
    assert [leave for _, leave in forward.carry] == list(cell.nexts)
    assert [leave for _, leave in backward.carry] == [cotangent_of(s) for s in cell.states]
    wanted = {cotangent_of(v) for v in (*cell.params, *cell.inputs)}
    assert set(backward.after.outputs) == wanted
    own = {d.var for d in cell.program}
    assert own <= {*forward.step.outputs, *forward.after.outputs}


def test_passes_are_applied_in_order_to_both() -> None:
    seen: list[tuple[str, bool]] = []

    def noted(name: str) -> object:
        def apply(scan: Scan) -> Scan:
            seen.append((name, scan.reverse))
            return scan

        return apply

    made = plan(cells.gru, (noted("one"), noted("two")))  # type: ignore[arg-type]
    assert seen == [("one", False), ("one", True), ("two", False), ("two", True)]
    assert made == plan(cells.gru)


def test_planning_twice_gives_the_same() -> None:
    assert plan(cells.lstm, PASSES) == plan(Cell.parse(cells.lstm.text), PASSES)


def test_a_wrong_plan_is_refuted() -> None:
    made = plan(cells.gru, PASSES)
    context = lines_of(plan(cells.gru).forward)
    line = made.backward.before["dh_next_da_z"]
    wrong = changed(made.backward, {line.name: -line.expr})
    assert is_refuted(bptt(cells.gru), wrong, context)
    line = made.forward.step["h_next"]
    assert is_refuted(cells.gru.program, changed(made.forward, {line.name: 2 * line.expr}))


@every_cell
def test_all_variables(cell: Cell) -> None:
    made = plan(cell, PASSES)
    found = made.variables
    assert len(set(found)) == len(found)
    own = list(dict.fromkeys(cell.program.variables))
    assert found[: len(own)] == own
    scans = (made.forward, made.backward)
    assert {v for scan in scans for pair in scan.carry for v in pair} <= set(found)
    assert {d.var for scan in scans for d in (*scan.before, *scan.step, *scan.after)} <= set(found)
