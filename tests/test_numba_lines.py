"""From definitions to statements: what is a block, what is a product, what is copied."""

import pytest

from gru_sym import cells
from gru_sym.algebra.expr import Node, Var
from gru_sym.cells import Cell
from gru_sym.codegen.backends.numba_lines import Lines
from gru_sym.codegen.backends.numba_order import plain_carry
from gru_sym.codegen.backends.numba_statements import Block, Copy, OuterSum, Product, Statement
from gru_sym.codegen.passes.coefficients import coefficients
from gru_sym.codegen.passes.defer import defer
from gru_sym.codegen.passes.fuse import fuse
from gru_sym.codegen.passes.hoist import compose, hoist
from gru_sym.codegen.passes.join import join
from gru_sym.codegen.plan import plan
from tests.scans import every_cell


def both(cell: Cell) -> tuple[Lines, Lines]:
    made = coefficients(plan(cell, (compose, defer, hoist)))
    forward, backward = (Lines(plain_carry(join(fuse(s)))) for s in (made.forward, made.backward))
    return forward, backward


def of_text(text: str) -> tuple[Lines, Lines]:
    return both(Cell.parse(text))


def kinds(statements: list[Statement]) -> list[str]:
    return [type(s).__name__ for s in statements]


def reads(statement: Statement) -> set[Var]:
    match statement:
        case Block(lines=lines):
            return {v for d in lines for v in d.expr.free_symbols if isinstance(v, Var)}
        case Product(vector=vector, matrix=matrix):
            return {vector, matrix}
        case OuterSum(left=left, right=right):
            return {left, right}
        case Copy(source=source):
            return {source}


@every_cell
def test_nothing_is_read_before_it_is_made(cell: Cell) -> None:
    for lines in both(cell):
        made: set[Var] = set()
        for statement in (s for part in lines.parts.values() for s in part):
            targets = (
                {line.target for line in statement.lines}
                if isinstance(statement, Block)
                else {statement.target}
            )
            for v in (v for v in reads(statement) if len(v.shape) < 2):
                assert lines.producers(v) & lines.made.keys() <= made | targets, v.name
            made |= targets


@every_cell
def test_lines_are_elementwise(cell: Cell) -> None:
    for lines in both(cell):
        for statement in (s for part in lines.parts.values() for s in part):
            if isinstance(statement, Block):
                assert not any(line.expr.atoms(Node) for line in statement.lines)
                assert all(isinstance(line.expr, Var) for line in statement.lines if line.calls)


@every_cell
def test_what_varies_is_computed_for_each_row(cell: Cell) -> None:
    for lines in both(cell):
        for part, statements in lines.parts.items():
            for statement in statements:
                if isinstance(statement, Copy):
                    assert part != "step"
                elif not isinstance(statement, OuterSum):
                    assert (statement.rows == "step") == (part == "step"), statement


def test_a_gru_step() -> None:
    forward, backward = both(cells.gru)
    assert kinds(forward.parts["step"]) == ["Product", "Block", "Product", "Block"]
    assert kinds(backward.parts["step"]) == ["Block", "Product", "Block", "Product"]
    last = backward.parts["step"][-1]
    assert isinstance(last, Product)
    assert last.adds  # to what the block has put there
    assert last.target.name == "h_bar"


def test_sums_over_rows_are_added_up_in_the_loop() -> None:
    _, backward = both(cells.lstm)
    added = [
        line.target.name
        for s in backward.parts["step"]
        if isinstance(s, Block)
        for line in s.lines
        if line.kind == "add"
    ]
    assert sorted(added) == ["b_f_bar", "b_g_bar", "b_i_bar", "b_o_bar"]
    assert {str(v.name) for v in backward.sums} == set(added)
    assert "Block" not in kinds(backward.parts["after"])


def test_a_sum_that_waits_for_a_product_is_added_up_after_it() -> None:
    text = "# outputs: loss\n# inputs: x, y\nh_next = tanh(W @ x + U @ h)\n"
    forward, _ = of_text(text + "loss = mean((V @ h_next + b - y)**2)")
    assert "Block" in kinds(forward.parts["after"])


def test_matrices_are_turned_or_stacked_once() -> None:
    forward, backward = both(cells.gru_reset_after)
    assert [s.turned for s in forward.parts["before"] if isinstance(s, Copy)] == [True] * 6
    copies = [s for part in backward.parts.values() for s in part if isinstance(s, Copy)]
    assert [s.turned for s in copies] == [False] * 6


@pytest.mark.parametrize("part", ["before", "step", "after"])
def test_the_first_product_of_a_sum_needs_no_zeros(part: str) -> None:
    text = "h_next = tanh(W @ x + V @ u + U @ h + A @ c)\nc_next = tanh(P @ h)"
    for lines in of_text(f"# inputs: x, u\n{text}"):
        seen: set[Var] = set()
        for s in lines.parts[part]:
            if isinstance(s, Block):
                seen |= {line.target for line in s.lines}
            elif isinstance(s, Product):
                assert s.adds == (s.target in seen), s
                seen.add(s.target)


def test_concatenated_deltas_are_computed_in_place() -> None:
    _, backward = both(cells.lstm)
    whole = {v.whole.name for k, v in backward.views.items() if k.name.endswith("_bar")}
    assert "deltas" in whole
    assert not [
        line
        for s in backward.parts["step"]
        if isinstance(s, Block)
        for line in s.lines
        if line.target.name.startswith("deltas")
    ]
