"""stack: gates, products and sums over t that are computed as one, part by part the same."""

from collections.abc import Iterable

import pytest

from gru_sym import cells
from gru_sym.algebra.expr import Var, variables_of
from gru_sym.algebra.nodes import Concat, MatVec, Slice, Transpose
from gru_sym.algebra.program import Definition, Scan
from gru_sym.cells import Cell
from gru_sym.codegen.passes.blocks import Rows, RowSlice
from gru_sym.codegen.passes.defer import defer
from gru_sym.codegen.passes.hoist import compose, hoist
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

PASSES = (compose, defer, hoist)


def text_of(lines: Iterable[Definition]) -> str:
    return "; ".join(f"{d.name} = {d.expr}" for d in lines)


# -- what it does ------------------------------------------------------------------------------


def test_gates_are_parts_of_one() -> None:
    text = "z = sigmoid(W @ x + U @ h)\nr = sigmoid(V @ x + M @ h)\nh_next = z * h + r"
    forward, _ = scans_of(text, *PASSES, stack)
    assert text_of(forward.before) == (
        "W_V = Rows(W, V, H×H); a_z_r_x = MatVec(W_V, x); U_M = Rows(U, M, H×H)"
    )
    assert text_of(d for d in forward.step if not isinstance(d.expr, Slice)) == (
        "a_z_r = a_z_r_x + MatVec(U_M, h); z_r = sigmoid(a_z_r); "
        "one_minus_z_r = sigmoid(-a_z_r); h_next = h*z + r"
    )
    assert text_of(d for d in forward.step if d.name in {"z", "r", "a_r"}) == (
        "z = Slice(z_r, H+H, 0, 1); a_r = Slice(a_z_r, H+H, 1, 2); r = Slice(z_r, H+H, 1, 2)"
    )


def test_arguments_without_products_are_put_side_by_side() -> None:
    text = "# inputs: x(H)\nz = sigmoid(x * h)\nr = sigmoid(h * b)\nh_next = z * h + r"
    forward, _ = scans_of(text, *PASSES, stack)
    assert "a_z_r = Concat(a_z, a_r, H×H); z_r = sigmoid(a_z_r)" in text_of(forward.step)


def test_products_with_one_vector() -> None:
    forward, _ = scans_of("h_next = (U @ h) * (V @ h)", *PASSES, stack)
    assert text_of(forward.before) == "U_V = Rows(U, V, H×H)"
    assert text_of(forward.step).startswith("U_V_h = MatVec(U_V, h); U_h")


def test_a_product_that_is_subtracted_is_stacked_too() -> None:
    text = "f = softplus(-(W @ x + U @ h))\nh_next = f * h + tanh(V @ x + M @ h)"
    forward, _ = scans_of(text, *PASSES, stack)
    products = {node for d in forward.step for node in d.expr.atoms(MatVec)}
    assert {str(node) for node in products} == {"MatVec(U_M, h)"}


def test_adjoint_sums_and_sums_over_time() -> None:
    text = "z = sigmoid(W @ x + U @ h)\nr = sigmoid(V @ x + M @ h)\nh_next = z * h + r"
    _, backward = scans_of(text, *PASSES, stack)
    assert text_of(backward.step).endswith(
        "a_z_r_bar = Concat(a_z_bar, a_r_bar, H×H); "
        "h_bar = h_next_bar*z + MatVec(Transpose(U_M), a_z_r_bar)"
    )
    assert text_of(backward.after).startswith(
        "W_V_bar = SumT(Outer(a_z_r_bar, x, H+H×I)); W_bar = RowSlice(W_V_bar, H+H×I, 0, 1)"
    )


@pytest.mark.parametrize(
    "text",
    [
        "z = sigmoid(U @ h)\nr = sigmoid(V @ z)\nh_next = z * h + r",  # r needs z
        "z = sigmoid(U @ h)\nr = tanh(V @ h)\nh_next = z * h + r",  # two functions
        "z = sigmoid(mean(h))\nr = sigmoid(sum(h))\nh_next = z * h + r",  # numbers
    ],
)
def test_what_stays_apart(text: str) -> None:
    forward, _ = scans_of(text, *PASSES, stack)
    functions = [d.var for d in forward.step if d.expr.is_Function]
    assert functions
    assert all(len(dim) == 1 for v in functions for dim in v.shape)


# -- contract ----------------------------------------------------------------------------------


@every_cell
def test_contract(cell: Cell) -> None:
    for passes in ((), (defer,), PASSES):
        for scan in scans(cell, *passes):
            holds(scan, stack(scan))


@pytest.mark.parametrize("cell", ["gru", "gru_reset_after", "lstm"])
def test_each_line_that_is_doubled_is_seen(cell: str) -> None:
    for scan in scans(cells.cell(cell), *PASSES):
        assert not undetected(scan, stack(scan))


@every_cell
def test_no_vector_is_multiplied_twice_in_the_loop(cell: Cell) -> None:
    """By matrices that are the same at each step."""
    for scan in scans(cell, *PASSES, stack):
        fixed = [
            node.args[1]
            for node in {n for d in scan.step for n in d.expr.atoms(MatVec)}
            if isinstance(node.args[0], Var) and not variables_of(node.args[0]) & scan.sequences
        ]
        assert len(fixed) == len(set(fixed))


@every_cell
def test_names_are_one_for_one_value(cell: Cell) -> None:
    for scan in scans(cell, *PASSES, stack):
        values = [d.expr for d in lines_of(scan) if isinstance(d.expr, Rows)]
        assert len(values) == len(set(values))


# -- what is wrong is seen ---------------------------------------------------------------------


def swapped(scan: Scan, kind: type) -> Scan:
    """The Scan with the operands of its first node of a kind in another order."""
    line = next(d for d in lines_of(scan) if isinstance(d.expr, kind))
    *items, dims = line.expr.args
    return changed(scan, {line.name: line.expr.func(*items[::-1], dims)})


def test_swapped_operands_are_refuted() -> None:
    old_forward, old_backward = scans(cells.gru, *PASSES)
    forward, backward = stack(old_forward), stack(old_backward)
    assert is_refuted(old_forward, swapped(forward, Rows))
    assert is_refuted(old_forward, swapped(forward, Concat))
    assert is_refuted(old_backward, swapped(backward, Rows))
    assert is_refuted(old_backward, swapped(backward, Concat))


@pytest.mark.parametrize("kind", [Slice, RowSlice])
def test_swapped_parts_are_refuted(kind: type) -> None:
    for old in scans(cells.gru, *PASSES):
        new = stack(old)
        parts: dict[object, list[Definition]] = {}
        for d in lines_of(new):
            if isinstance(d.expr, kind):
                parts.setdefault(d.expr.args[0], []).append(d)
        for one, other in (group[:2] for group in parts.values() if len(group) > 1):
            if one.var.shape == other.var.shape:
                wrong = changed(new, {one.name: other.expr, other.name: one.expr})
                assert is_refuted(old, wrong), (one, other)


def test_a_forgotten_transpose_is_refuted() -> None:
    _, old = scans(cells.rnn, *PASSES)
    line = next(d for d in old.step if d.expr.has(Transpose))
    wrong = line.expr.replace(Transpose, lambda m: m)
    assert is_refuted(old, changed(old, {line.name: wrong}))


def test_a_product_with_another_vector_is_refuted() -> None:
    old, _ = scans(cells.gru, *PASSES)
    new = stack(old)
    h, h_r = (new.step.variable(name) for name in ("h", "h_r"))
    line = new.step["a_h_tilde"]
    assert is_refuted(old, changed(new, {"a_h_tilde": line.expr.xreplace({h_r: h})}))
