"""The function ``check()`` of modules with many digits: what it draws, what it sums."""

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.codegen.backends.interface import interface
from gru_sym.codegen.backends.naming import Namer
from gru_sym.codegen.backends.scalars import ARB, MPMATH
from gru_sym.codegen.backends.scalars_check import Differences, difference_check
from gru_sym.codegen.plan import plan


def check(cell: Cell, ways: Differences = MPMATH.differences) -> list[str]:
    made = plan(cell)
    lines = difference_check(made, interface(cell, Namer(cell.program.variables, ())), ways)
    return [line.strip() for line in lines]


def test_all_sizes_differ() -> None:
    lines = check(cells.gru)
    assert '"W_z": drawn(rng, 3, 5),' in lines
    assert "xs = drawn(rng, 4, 2, 5)" in lines
    assert "h0 = drawn(rng, 2, 3)" in lines
    assert "with workdps(60):" in lines
    assert "with ctx.workdps(60):" in check(cells.gru, ARB.differences)


def test_the_loss_is_a_sum_over_all_outputs() -> None:
    assert 'return fdot(flat(hs_bar), flat(trajectory["h_next"]))' in check(cells.gru)
    lines = check(cells.lstm)
    assert 'total = fdot(flat(hs_bar), flat(trajectory["h_next"]))' in lines
    assert 'total += fdot(flat(cs_bar), flat(trajectory["c_next"]))' in lines


def test_an_output_that_is_the_same_at_each_step_counts_at_each() -> None:
    lines = check(Cell.parse("# outputs: z\nz = sigmoid(b)\nh_next = z * h + x"))
    assert 'total += fdot(flat(zs_bar), flat(trajectory["z"]) * 8)' in lines


def test_a_cell_without_inputs_or_parameters() -> None:
    lines = check(Cell.parse("h_next = h * (1 - h)"))
    assert "params = {}" in lines
    assert "T = 4" in lines
    assert 'trajectory = forward(own, T, given["h_bar"])' in lines
