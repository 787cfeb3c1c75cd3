"""compose and hoist: what does not depend on the carry is computed for all t ahead of the loop."""

from collections.abc import Iterable, Iterator

import pytest
import sympy as sp

from gru_sym import cells
from gru_sym.algebra.expr import Expr, Node, Var, variables_of
from gru_sym.algebra.nodes import Slice, Transpose
from gru_sym.algebra.program import Definition
from gru_sym.cells import Cell
from gru_sym.codegen.passes.defer import defer
from gru_sym.codegen.passes.hoist import compose, hoist
from gru_sym.codegen.passes.parts import rebuilt
from tests.scans import changed, every_cell, holds, is_refuted, scans, scans_of, undetected


def text_of(lines: Iterable[Definition]) -> str:
    return "; ".join(f"{d.name} = {d.expr}" for d in lines)


# -- what they do ------------------------------------------------------------------------------


def test_products_with_the_inputs_leave_the_loop() -> None:
    forward, _ = scans_of("h_next = tanh(W @ x + U @ h + b)", hoist)
    assert text_of(forward.before) == "a_h_next_x = b + MatVec(W, x)"
    assert text_of(forward.step) == "a_h_next = a_h_next_x + MatVec(U, h); h_next = tanh(a_h_next)"


def test_whole_lines_leave_the_loop() -> None:
    forward, _ = scans_of("z = sigmoid(W @ x)\nh_next = z * h", hoist)
    assert [d.name for d in forward.before] == ["a_z", "z", "one_minus_z"]
    assert text_of(forward.step) == "h_next = h*z"


def test_what_is_known_ahead_of_a_product_of_factors() -> None:
    forward, _ = scans_of("h_next = 3 * x * x2 * h", hoist)
    assert text_of(forward.before) == "x_x2 = x*x2"
    assert text_of(forward.step) == "h_next = 3*h*x_x2"


def test_it_is_computed_once() -> None:
    forward, _ = scans_of("c_next = x * x2 * c\nh_next = x * x2 * h", hoist)
    assert len(forward.before.definitions) == 1


def test_matrices_stay() -> None:
    forward, _ = scans_of("h_next = 0.5 * (U.T @ h) + 1 + b", hoist)
    assert text_of(forward.before) == "h_next_ahead = b + 1"
    assert text_of(forward.step) == "h_next = h_next_ahead + MatVec(Transpose(U), h)/2"


def test_a_state_that_nothing_carries() -> None:
    forward, _ = scans_of("h_next = b * x", hoist)
    assert text_of(forward.before) == "h_next = b*x"
    assert not forward.step.definitions


def test_cotangents_become_multiples_of_one() -> None:
    """Of z_bar = h_next_bar * h and a_z_bar = z_bar * z * (1 - z), two coefficients are one."""
    _, backward = scans_of("z = sigmoid(W @ x + U @ h)\nh_next = z * h", compose)
    assert text_of(backward.step) == (
        "h_next_bar = h_bar_later + h_bar_up; dh_next_da_z = h*one_minus_z*z; "
        "a_z_bar = dh_next_da_z*h_next_bar; h_bar = h_next_bar*z + MatVec(Transpose(U), a_z_bar)"
    )
    after = hoist(backward)
    assert text_of(after.before) == "dh_next_da_z = h*one_minus_z*z"
    assert "dh_next_da_z" not in [d.name for d in after.step]


# -- contract ----------------------------------------------------------------------------------


@every_cell
def test_contract(cell: Cell) -> None:
    for scan in scans(cell):
        composed = compose(scan)
        holds(scan, composed)
        for old in (scan, composed, defer(composed)):
            new = hoist(old)
            holds(old, new)
            assert hoist(new) == new


@pytest.mark.parametrize("cell", ["gru", "gru_reset_after", "lstm", "gru_layernorm"])
def test_each_line_that_is_doubled_is_seen(cell: str) -> None:
    for scan in scans(cells.cell(cell)):
        composed = compose(scan)
        assert not undetected(scan, composed)
        assert not undetected(composed, hoist(composed))


def fixed_parts(expr: Expr, moving: frozenset[Var]) -> Iterator[Expr]:
    """The largest parts that do not depend on what moves; of a sum or a product, all together."""
    if not variables_of(expr) & moving:
        yield expr
        return
    still = [arg for arg in expr.args if not variables_of(arg) & moving]
    if isinstance(expr, sp.Add | sp.Mul):
        yield expr.func(*still)
    elif not isinstance(expr, Node):
        yield from still
    for arg in expr.args:
        if arg not in still:
            yield from fixed_parts(arg, moving)


@every_cell
def test_nothing_is_left_that_could_be_computed_ahead(cell: Cell) -> None:
    """In the step stand variables, numbers and views, and what depends on the carry."""
    for scan in scans(cell, compose, defer, hoist):
        moving = scan.step.depending_on(enter for enter, _ in scan.carry)
        assert {d.var for d in scan.step} <= moving
        for d in scan.step:
            for part in fixed_parts(d.expr, moving):
                value = part.as_coeff_Mul()[1]
                trivial = isinstance(value, Var | Slice | Transpose) or not variables_of(value)
                assert trivial, (d, part)


# -- what is wrong is seen ---------------------------------------------------------------------


def test_what_depends_on_the_carry_must_not_leave() -> None:
    forward, backward = scans(cells.gru, compose)
    for scan, name in ((forward, "a_z"), (forward, "h_r"), (backward, "h_next_bar")):
        line = scan.step[name]
        wrong = rebuilt(scan, [*scan.before, line], [d for d in scan.step if d != line], scan.after)
        with pytest.raises(AssertionError, match="computed ahead reads the loop"):
            holds(scan, wrong)


WRONG = {
    "a bias ahead and in the step": ("a_z", lambda e: e + Var("b_z", (("H",),))),
    "a coefficient without its gate": ("dh_next_da_z", lambda e: e / Var("z", (("H",),))),
    "a coefficient of another sign": ("dh_next_da_h_tilde", lambda e: -e),
    "another gate's coefficient": (
        "a_r_bar",
        lambda e: e.subs(Var("dh_r_da_r", (("H",),)), Var("dh_next_da_z", (("H",),))),
    ),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_values_are_refuted(what: str) -> None:
    name, change = WRONG[what]
    found = []
    for scan in scans(cells.gru, compose):
        new = hoist(scan)
        values = {d.name: change(d.expr) for d in (*new.before, *new.step) if d.name == name}
        found += [is_refuted(scan, changed(new, values)) for _ in values]
    assert found == [True]
