"""Few functions of a row, and little handed from one to the next."""

import pytest

from gru_sym import cells
from gru_sym.algebra.expr import Var
from gru_sym.algebra.nodes import MatVec, Slice
from gru_sym.algebra.rules import FUNCTIONS
from gru_sym.cells import Cell
from gru_sym.codegen.backends.numba_order import late, lines_first, plain_carry
from gru_sym.codegen.backends.numba_statements import Block, Line, Product, Statement
from gru_sym.codegen.passes.defer import defer
from gru_sym.codegen.passes.fuse import fuse
from gru_sym.codegen.passes.hoist import compose, hoist
from gru_sym.codegen.passes.join import join
from tests.scans import every_cell, keeps_form, lines_of, same_meaning, scans, scans_of

H = (("H",),)
a, b, c, d = (Var(name, H) for name in "abcd")
U = Var("U", (("H",), ("H",)))
PASSES = (compose, defer, hoist, fuse, join)


def own(var: Var) -> set[Var]:
    return {var}


def block(*lines: Line) -> Block:
    return Block(lines, "step")


@every_cell
def test_lines_first_is_an_order(cell: Cell) -> None:
    for scan in scans(cell, *PASSES):
        found = lines_first(scan.step.definitions)
        assert sorted(found, key=str) == sorted(scan.step.definitions, key=str)
        known = set(scan.step.inputs)
        for line in found:
            assert {v for v in line.expr.free_symbols if isinstance(v, Var)} <= known
            known.add(line.var)


def test_a_product_waits_for_what_does_not_wait_for_it() -> None:
    _, backward = scans(cells.lstm, *PASSES)
    names = [line.name for line in lines_first(backward.step.definitions)]
    assert names.index("c_bar") < names.index("h_bar")
    assert [line.expr.has(MatVec) for line in lines_first(backward.step.definitions)][-1]


def test_what_only_a_later_block_reads_is_computed_there() -> None:
    product = Product(c, b, U, "step", adds=False)
    given: list[Statement] = [block(Line(a, 2 * d), Line(b, d**2)), product, block(Line(d, a + c))]
    assert late(given, own) == [
        block(Line(b, d**2)),
        product,
        block(Line(a, 2 * d), Line(d, a + c)),
    ]


@pytest.mark.parametrize(
    "line",
    [
        Line(a, 2 * b),  # b would have to be handed over instead
        Line(a, d, "add"),  # a sum over time is added to once
    ],
)
def test_what_stays(line: Line) -> None:
    product = Product(c, b, U, "step", adds=False)
    given: list[Statement] = [block(Line(b, d**2), line), product, block(Line(d, a + c))]
    assert late(given, own) == given


def test_what_a_product_reads_or_adds_to_stays() -> None:
    tanh = FUNCTIONS["tanh"]
    for product in (Product(c, a, U, "step", adds=False), Product(a, b, U, "step", adds=True)):
        given: list[Statement] = [block(Line(a, 2 * d)), product, block(Line(d, tanh(a) + c))]
        assert late(given, own) == given


def test_a_block_that_is_left_empty_goes() -> None:
    product = Product(c, d, U, "step", adds=False)
    given: list[Statement] = [block(Line(a, 2 * d)), product, block(Line(b, a + c))]
    assert late(given, own) == [product, block(Line(a, 2 * d), Line(b, a + c))]


@every_cell
def test_what_is_carried_is_computed_in_the_step(cell: Cell) -> None:
    for scan in scans(cell, *PASSES):
        plain = plain_carry(scan)
        values = plain.step.as_mapping
        for enters, leaves in plain.carry:
            assert leaves in values
            assert not isinstance(values[leaves], Slice)
            assert leaves in plain.sequences
            assert enters.shape == leaves.shape
        same_meaning(scan, plain)


def test_what_is_plain_is_left_alone() -> None:
    for scan in scans(cells.gru, *PASSES):
        keeps_form(scan, plain_carry(scan))
        assert lines_of(plain_carry(scan)) == lines_of(scan)
    forward, _ = scans_of("h_next = W @ x", *PASSES)  # computed ahead of the loop
    assert [line.name for line in plain_carry(forward).step] == ["h_next_2"] or len(
        plain_carry(forward).step.definitions
    ) == 1
