"""join: products that share an operand are parts of one; elementwise lines stay as they are."""

import itertools

import pytest

from gru_sym import cells
from gru_sym.algebra.expr import Var
from gru_sym.algebra.nodes import MatVec, Outer, Slice, SumT, Transpose
from gru_sym.algebra.program import Scan
from gru_sym.algebra.rules import Elementwise
from gru_sym.cells import Cell, stack
from gru_sym.codegen.passes.defer import defer
from gru_sym.codegen.passes.fuse import fuse
from gru_sym.codegen.passes.hoist import compose, hoist
from gru_sym.codegen.passes.join import join, neighbours
from tests.scans import every_cell, holds, lines_of, scans, scans_of, undetected

PASSES = (compose, defer, hoist, fuse)


def vectors(*names: str) -> list[Var]:
    return [Var(name, (("H",),)) for name in names]


@every_cell
def test_the_same_is_computed(cell: Cell) -> None:
    for scan in scans(cell, *PASSES):
        holds(scan, join(scan))


@every_cell
def test_functions_are_left_alone(cell: Cell) -> None:
    for scan in scans(cell, *PASSES):
        before = [d for d in lines_of(scan) if isinstance(d.expr, Elementwise)]
        assert [d for d in lines_of(join(scan)) if isinstance(d.expr, Elementwise)] == before


@pytest.mark.parametrize("index", [0, 1])
def test_a_mistake_would_be_seen(index: int) -> None:
    scan = scans(cells.lstm, *PASSES)[index]
    assert undetected(scan, join(scan)) == []


def products(scan: Scan, part: str) -> list[str]:
    lines = getattr(scan, part)
    return sorted(str(node) for d in lines for node in d.expr.atoms(MatVec, SumT))


def test_an_lstm_has_one_product_in_each_place() -> None:
    forward, backward = map(join, scans(cells.lstm, *PASSES))
    assert products(forward, "before") == ["MatVec(W_i_f_g_o, x)"]
    assert products(forward, "step") == ["MatVec(U_i_f_g_o, h)"]
    assert products(backward, "step") == ["MatVec(Transpose(U_i_f_g_o), deltas)"]
    outers = [d for d in backward.after if d.expr.atoms(Outer)]
    assert [str(d.expr.args[0].args[0]) for d in outers] == ["deltas", "deltas"]


def test_a_reset_after_the_product_shares_what_can_be_shared() -> None:
    """Two sums share two of their three vectors, which stand in the middle of the stack."""
    _, backward = map(join, scans(cells.gru_reset_after, *PASSES))
    (stacked,) = (d for d in backward.step if d.name == "deltas")
    order = [str(v) for v in stacked.expr.operands]
    assert set(order[1:3]) == {"a_z_bar", "a_r_bar"}
    slices = [d for d in backward.step if isinstance(d.expr, Slice)]
    assert sorted(d.expr.bounds for d in slices) == [(0, 3), (1, 4)]
    outers = [d for d in backward.after if d.expr.atoms(Outer)]
    assert len(outers) == 2


def test_what_waits_for_a_product_stands_in_no_stack_that_it_needs() -> None:
    """Deltas of a lower layer come from a product with those of the upper one."""
    for scan in scans(stack(cells.lstm, cells.lstm), *PASSES):
        holds(scan, join(scan))
    text = "u = tanh(W @ x + U @ h)\nv = tanh(V @ u + A @ h)\nh_next = tanh(P @ u + Q @ v)"
    for scan in scans_of(text, *PASSES):
        holds(scan, join(scan))


def test_neighbours() -> None:
    a, b, c, d, e = vectors("a", "b", "c", "d", "e")
    assert neighbours([[a]]) == []
    assert neighbours([[a, b], [a]]) == [a, b]
    assert neighbours([[a, b], [c, d]]) == [a, b, c, d]
    for sums in ([[a, b, c], [b, c, d]], [[a, b, c], [a, c, d]], [[a, b], [b, c], [a, d]]):
        order = neighbours(sums)
        assert len(order) == len({*order})
        for s in sums:
            at = sorted(order.index(v) for v in s)
            assert all(q - p == 1 for p, q in itertools.pairwise(at)), (s, order)
    assert len(neighbours([[a, b], [b, c], [b, d], [b, e]])) == 5  # not all can be


def test_nothing_to_join() -> None:
    for scan in scans_of("h_next = tanh(W @ x + U @ h)", *PASSES):
        assert lines_of(join(scan)) == lines_of(scan)
    assert not any(
        d.expr.has(Transpose) and d.name == "deltas"
        for scan in scans_of("h_next = h * x", *PASSES)
        for d in lines_of(join(scan))
    )
