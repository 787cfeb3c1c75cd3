"""stabilise: the same values in forms that stay accurate where gates are nearly 0 or nearly 1."""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import pytest

from gru_sym import cells
from gru_sym.algebra.expr import Var
from gru_sym.algebra.nodes import SumT
from gru_sym.algebra.program import Definition, Program, Scan
from gru_sym.algebra.rules import FUNCTIONS
from gru_sym.cells import Cell
from gru_sym.codegen.passes.name import name, split
from gru_sym.codegen.passes.stabilise import stable_gates, stable_slopes, tanh_slope
from gru_sym.derive.bptt import bptt, later_of, unrolled, up_of
from gru_sym.derive.vjp import cotangent_of
from gru_sym.prove.evaluate import Enclosures, Field, Floats, evaluate
from tests.scans import (
    changed,
    every_cell,
    is_refuted,
    lines_of,
    same_meaning,
    well_formed,
)

Arrays = dict[Var, Any]


def prepared(cell: Cell) -> Program:
    """A cell's program as the passes meet it."""
    return split(name(cell.program), frozenset(cell.states))


def unstable(cell: Cell) -> tuple[Scan, Scan]:
    named = replace(cell, program=name(cell.program))
    return unrolled(named), bptt(named)


def stable(text: str) -> tuple[Scan, Scan]:
    return stable_slopes(*unstable(Cell.parse(text)))


def text_of(lines: Iterable[Definition]) -> str:
    return "; ".join(f"{d.name} = {d.expr}" for d in lines)


# -- what it does ------------------------------------------------------------------------------


def test_complements_of_gates() -> None:
    forward, _ = stable("z = sigmoid(W @ x + U @ h)\nh_next = (1 - z) * h + z * x2")
    assert text_of(list(forward.step)[1:]) == (
        "z = sigmoid(a_z); one_minus_z = sigmoid(-a_z); h_next = h*one_minus_z + x2*z"
    )


def test_a_complement_that_is_there_is_used() -> None:
    """The two shares of minLSTM, f / (f + i) and i / (f + i), are each other's complement."""
    named = replace(cells.minlstm, program=name(stable_gates(prepared(cells.minlstm))))
    forward, backward = stable_slopes(unrolled(named), bptt(named))
    assert not [d.name for d in forward.step if d.name.startswith("one_minus")]
    (share,) = (d for d in backward.after if d.name == "h_tilde_bar")
    assert "i_hat" in str(share.expr)
    assert "f_hat*i_hat" in text_of(backward.after)


def test_names_that_the_cell_has_are_avoided() -> None:
    forward, _ = stable("one_minus_z = W @ x\nz = sigmoid(h)\nh_next = (1 - z) * one_minus_z")
    assert text_of(forward.step).endswith(
        "z = sigmoid(h); one_minus_z_2 = sigmoid(-h); h_next = one_minus_z*one_minus_z_2"
    )


def test_slopes_of_tanh_stand_before_the_backward_loop() -> None:
    _, backward = stable("h_next = tanh(W @ x + U @ h)")
    assert text_of(backward.before) == "h_next_slope = tanh_slope(a_h_next)"
    assert backward.step["a_h_next_bar"].expr == backward.step.variable("h_next_bar") * Var(
        "h_next_slope", (("H",),)
    )


def test_a_slope_that_the_forward_pass_needs_stands_there() -> None:
    forward, backward = stable("g = tanh(W @ x + U @ h)\nh_next = (1 - g**2) * h")
    assert [d.name for d in forward.step][-2:] == ["g_slope", "h_next"]
    assert not backward.before.definitions
    assert Var("g_slope", (("H",),)) in backward.step.inputs


LOGS = {
    "of a gate": ("z = sigmoid(h)\nh_next = log(z)", "-softplus(-h)"),
    "of a complement": ("z = sigmoid(h)\nh_next = log(1 - z)", "-softplus(h)"),
    "of an exponential": ("z = exp(h)\nh_next = log(z)", "h"),
    "of something else": ("z = tanh(h)\nh_next = log(z)", "log(z)"),
    "a ratio": (
        "f = sigmoid(h)\ni = exp(x)\nh_next = f / (f + i) * x2",
        "x2*sigmoid(-x - softplus(-h))",
    ),
    "a ratio of something else": (
        "f = sigmoid(h)\ni = tanh(x)\nh_next = f / (f + i)",
        "f/(f + i)",
    ),
}


@pytest.mark.parametrize(("text", "value"), LOGS.values(), ids=LOGS)
def test_logarithms_of_gates(text: str, value: str) -> None:
    program = Cell.parse(text).program
    assert str(stable_gates(program)["h_next"].expr) == value


# -- contract ----------------------------------------------------------------------------------


@every_cell
def test_nothing_changes_its_value(cell: Cell) -> None:
    old = prepared(cell)
    new = stable_gates(old)
    same_meaning(old, new)
    assert [d.var for d in new] == [d.var for d in old]
    before, after = unstable(cell), stable_slopes(*unstable(cell))
    same_meaning(before[0], after[0])
    same_meaning(before[1], after[1], context=lines_of(after[0]))
    for old_scan, new_scan in zip(before, after, strict=True):
        well_formed(new_scan)
        assert new_scan.carry == old_scan.carry
        assert new_scan.step.outputs == old_scan.step.outputs
        assert new_scan.after.outputs == old_scan.after.outputs


@every_cell
def test_no_difference_cancels(cell: Cell) -> None:
    """Nowhere is u - u * z left, of a gate z, or u - u * y**2 of a tanh."""
    forward, backward = stable_slopes(*unstable(cell))
    lost = [d.var for d in forward.step if d.expr.func is FUNCTIONS["sigmoid"]]
    lost += [d.var**2 for d in forward.step if d.expr.func is FUNCTIONS["tanh"]]
    for d in (*lines_of(forward), *lines_of(backward)):
        for terms in ({*e.args} for e in d.expr.atoms(type(Var("a") + 1))):
            assert not [(t, v) for t in terms for v in lost if -t * v in terms], d


WRONG = {
    "the sign of a complement": ("one_minus_z", lambda e: e.func(-e.args[0])),
    "a gate that is no gate": ("one_minus_z", lambda e: FUNCTIONS["tanh"](e.args[0])),
    "the slope of another argument": ("h_tilde_slope", lambda e: tanh_slope(2 * e.args[0])),
    "tanh for its slope": ("h_tilde_slope", lambda e: FUNCTIONS["tanh"](e.args[0])),
}


@pytest.mark.parametrize("what", WRONG)
def test_wrong_forms_are_refuted(what: str) -> None:
    line, change = WRONG[what]
    before = unstable(cells.gru)
    after = stable_slopes(*before)
    found = []
    for old, new in zip(before, after, strict=True):
        values = {d.name: change(d.expr) for d in lines_of(new) if d.name == line}
        wrong = changed(new, values)
        context = lines_of(wrong) if not new.reverse else lines_of(after[0])
        found.append(is_refuted(old, wrong, () if not new.reverse else context))
    assert any(found)


# -- accuracy ----------------------------------------------------------------------------------


@dataclass(frozen=True)
class AsGenerated(Floats):
    """Double precision, with functions that generated code has."""

    def apply(self, name: str, value: float) -> float:
        match name:
            case "sigmoid":
                return 1 / (1 + math.exp(min(-value, 700)))
            case "softplus":
                return max(value, 0.0) + math.log1p(math.exp(-abs(value)))
            case "tanh_slope":
                e = math.exp(-2 * abs(value))
                return 4 * e / (1 + e) ** 2
        return super().apply(name, value)


@pytest.fixture
def digits() -> Iterator[None]:
    before = mpmath.iv.prec
    mpmath.iv.prec = 400
    yield
    mpmath.iv.prec = before


def values_of(lines: Iterable[Definition], given: Arrays, sizes: dict, field: Field) -> Arrays:
    values = {v: np.vectorize(field.number, otypes=[object])(a) for v, a in given.items()}
    for d in lines:
        expr = d.expr.replace(SumT, lambda term: term)  # at one t
        values[d.var] = evaluate(expr, d.var.shape, values, sizes, field)
    return values


def relative_error(found: np.ndarray, truth: np.ndarray) -> float:
    right = [mpmath.mpf(e.mid) for e in truth.ravel()]
    apart = sum(abs(mpmath.mpf(a) - b) ** 2 for a, b in zip(found.ravel(), right, strict=True))
    return float(mpmath.sqrt(apart / sum(b**2 for b in right)))


@pytest.mark.parametrize(
    ("cell_name", "level"),
    [("gru", 40), ("gru", -40), ("lstm_coupled", 40), ("minlstm", 40)],
)
def test_accuracy_of_saturated_gates(
    cell_name: str, level: int, rng: np.random.Generator, digits: None
) -> None:
    """All gates and candidates far out: the gradients live on what is left of 1 - z."""
    cell = cells.cell(cell_name)
    forms = {
        "exact": unstable(cell),
        "careless": unstable(cell),
        "stable": stable_slopes(*unstable(replace(cell, program=stable_gates(prepared(cell))))),
    }
    sizes = {"H": 2, "I": 3}
    given = {}
    for v in (*cell.program.inputs, *(later_of(s) for s in cell.states), *map(up_of, cell.states)):
        drawn = rng.normal(size=[sizes[d] for (d,) in v.shape])
        given[v] = np.vectorize(Fraction, otypes=[object])(drawn + level * (v.name[0] == "b"))
    found = {}
    for form, scans in forms.items():
        field = Enclosures() if form == "exact" else AsGenerated()
        lines = [d for scan in scans for d in lines_of(scan)]
        found[form] = values_of(lines, given, sizes, field)
    errors = {
        form: [
            relative_error(found[form][cotangent_of(v)], found["exact"][cotangent_of(v)])
            for v in (*cell.params, *cell.inputs, *cell.states)
        ]
        for form in ("stable", "careless")
    }
    assert max(errors["stable"]) < 1e-12
    assert max(errors["careless"]) > 1e-3, "the test does not see what is lost"
