"""Which array holds which value, and the texts that name it."""

import re
from collections.abc import Callable

import pytest

from gru_sym import cells
from gru_sym.algebra.expr import Var
from gru_sym.algebra.program import Scan
from gru_sym.cells import Cell
from gru_sym.codegen.backends.naming import Namer
from gru_sym.codegen.backends.numba_lines import Lines
from gru_sym.codegen.backends.numba_memory import Memory
from gru_sym.codegen.backends.numba_order import plain_carry
from gru_sym.codegen.backends.numba_statements import Block
from gru_sym.codegen.passes.coefficients import coefficients
from gru_sym.codegen.passes.defer import defer
from gru_sym.codegen.passes.fuse import fuse
from gru_sym.codegen.passes.hoist import compose, hoist
from gru_sym.codegen.passes.join import join
from gru_sym.codegen.plan import plan
from gru_sym.derive.vjp import cotangent_of
from tests.scans import every_cell

Made = tuple[Scan, Lines, Memory]


def made(cell: Cell) -> tuple[Made, Made]:
    """Forward and backward."""
    whole = coefficients(plan(cell, (compose, defer, hoist)))
    grads = [cotangent_of(v) for v in (*cell.params, *cell.inputs)]
    found = []
    for scan, kept in ((whole.forward, whole.kept), (whole.backward, grads)):
        scan = plain_carry(join(fuse(scan)))
        lines = Lines(scan)
        parts = (scan.before, scan.step, scan.after)
        own = {d.var for p in parts for d in p} | {v for pair in scan.carry for v in pair}
        read = [v for p in parts for v in p.inputs if v not in own]
        namer = Namer([*read, *own, *lines.made, *lines.views], ())
        given = {v: str(v.name) for v in read}
        found.append((scan, lines, Memory(scan, lines, [*kept], given, namer)))
    return found[0], found[1]


def variable(found: Made, name: str) -> Var:
    _, lines, _ = found
    return next(v for v in (*lines.made, *lines.views, *lines.varying) if v.name == name)


def shapes(found: Made) -> dict[str, tuple[str, ...]]:
    return {a.name: (*a.lead, *("+".join(d) for d in a.shape)) for a in found[2].arrays()}


def test_a_gate_takes_the_place_of_the_product_that_it_is_made_from() -> None:
    forward, _ = made(cells.gru_reset_after)
    memory = forward[2]
    assert memory.place(variable(forward, "a_z")) == memory.place(variable(forward, "W_z_x"))
    assert shapes(forward)["W_z_r_h_x"] == ("T", "B", "H+H+H")
    assert "a_z" not in shapes(forward)
    assert memory.row(variable(forward, "a_r")) == "W_z_r_h_x[t, b, H : 2 * H]"
    assert memory.result(variable(forward, "a_z")) == "W_z_r_h_x[:, :, :H]"


def test_a_state_has_one_array_for_all_steps() -> None:
    forward, _ = made(cells.lstm)
    memory = forward[2]
    h, h_next = variable(forward, "h"), variable(forward, "h_next")
    assert shapes(forward)["h_all"] == ("T + 1", "B", "H")
    assert [memory.row(v) for v in (h, h_next)] == ["h_all[t, b]", "h_all[t + 1, b]"]
    assert [memory.result(v) for v in (h, h_next)] == ["h_all[:-1]", "h_all[1:]"]
    assert memory.rows(h, "step") == "h_all[t]"
    assert memory.first(h) == "h_all[0]"


def test_what_backprop_carries_is_written_over() -> None:
    _, backward = made(cells.gru_reset_after)
    memory = backward[2]
    later, now = variable(backward, "h_bar_later"), variable(backward, "h_bar")
    assert memory.place(later) == memory.place(now)
    assert shapes(backward)["h_bar_later"] == ("B", "H")
    assert memory.row(now) == "h_bar_later[b]"
    assert memory.first(later) == memory.last(later) == "h_bar_later"


def test_what_is_read_again_is_not_written_over() -> None:
    """``c_bar_later`` is still read when ``c_bar`` is there: each has a row of its own."""
    cell = Cell.parse("h_next = tanh(U @ c)\nc_next = tanh(V @ h) * c")
    for found in made(cell):
        scan, lines, memory = found
        for enters, leaves in scan.carry:
            if memory.place(enters) != memory.place(leaves):
                continue
            order = [
                (n, line.target, line.expr.free_symbols)
                for n, s in enumerate(lines.parts["step"])
                if isinstance(s, Block)
                for line in s.lines
            ]
            written = min((n for n, target, _ in order if target == leaves), default=99)
            assert all(n <= written for n, _, read in order if enters in read)


def test_deltas_stand_side_by_side() -> None:
    _, backward = made(cells.lstm)
    memory = backward[2]
    assert shapes(backward)["deltas"] == ("T", "B", "H+H+H+H")
    assert memory.row(variable(backward, "a_i_bar")) == "deltas[t, b, :H]"
    assert memory.row(variable(backward, "a_o_bar")) == "deltas[t, b, 3 * H :]"
    assert memory.rows(variable(backward, "deltas"), "all") == "rows(deltas)"
    assert memory.matrix(variable(backward, "U_f_bar")) == "U_i_f_g_o_bar[H : 2 * H]"


def test_what_only_its_loop_reads_has_no_array() -> None:
    forward, backward = made(cells.gru_reset_after)
    for found, names in ((forward, ["one_minus_r", "h_tilde_slope"]), (backward, ["h_next_bar"])):
        for name in names:
            assert found[2].place(variable(found, name)) is None
            assert name not in shapes(found)


def test_what_one_loop_hands_to_the_next_has_one_row() -> None:
    forward, _ = made(cells.gru_layernorm)
    assert ("H",) in shapes(forward).values()


@every_cell
def test_no_two_arrays_have_one_name(cell: Cell) -> None:
    for _, _, memory in made(cell):
        names = [a.name for a in memory.arrays()]
        assert len(names) == len(set(names))


@every_cell
@pytest.mark.parametrize("text", [Memory.row, Memory.result], ids=["row", "result"])
def test_texts_name_arrays_that_exist(cell: Cell, text: Callable[[Memory, Var], str]) -> None:
    for _, lines, memory in made(cell):
        arrays = {a.name for a in memory.arrays()} | set(memory._given.values())
        for v in (*lines.made, *lines.views):
            if memory.place(v) is not None:
                name = re.sub(r"^flat\(", "", text(memory, v))
                assert re.match(r"\w+", name)[0] in arrays  # type: ignore[index]
