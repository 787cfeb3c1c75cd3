"""The contract of the passes: the Scan that comes out is well formed and computes the same.

The meaning of a Scan is its lines at one t, with what the carry brings as given; as a pass leaves
the carry alone, equal lines make equal values at every t, by induction. Each variable that both
Scans define is proved to have one value: what the pass has named is written out, and the rest is a
claim about the lines of the Scan that went in, for all sizes. Sums over t are linear, so that equal
terms make equal sums; a factor marks what stands under one, so that nothing leaves it or enters it.
"""

from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

import pytest
import sympy as sp

from gru_sym import cells
from gru_sym.algebra.expr import Dims, Expr, Var, variables_of
from gru_sym.algebra.nodes import Concat, MatVec, Outer, Slice, SumT, Total, Transpose
from gru_sym.algebra.program import Definition, Program, Scan
from gru_sym.algebra.rules import FUNCTIONS
from gru_sym.cells import Cell
from gru_sym.codegen.passes.blocks import Rows, RowSlice
from gru_sym.codegen.passes.parts import closed
from gru_sym.codegen.passes.stabilise import tanh_slope
from gru_sym.codegen.plan import Plan, plan
from gru_sym.prove.equal import Equality
from gru_sym.prove.result import Answer, Proved, Refuted
from tests.test_compile import text_cells

Whole = Scan | Program

CELLS: tuple[Cell, ...] = (*map(cells.cell, cells.names()), *text_cells())

every_cell = pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)

LINEAR = (sp.Add, Transpose, Total, Concat, Slice, Rows, RowSlice)
OVER_TIME = Var("over time")
"""The factor that marks what stands under a sum over t; no cell has such a name."""


# -- making and reading Scans ------------------------------------------------------------------


def both(made: Plan) -> tuple[Scan, Scan]:
    return made.forward, made.backward


def scans(cell: Cell, *passes: Callable[[Scan], Scan]) -> tuple[Scan, Scan]:
    """The two Scans of a cell, after some passes."""
    return both(plan(cell, passes))


def scans_of(text: str, *passes: Callable[[Scan], Scan]) -> tuple[Scan, Scan]:
    """The same of a text."""
    return scans(Cell.parse(text), *passes)


def lines_of(whole: Whole) -> list[Definition]:
    parts = (whole,) if isinstance(whole, Program) else (whole.before, whole.step, whole.after)
    return [d for part in parts for d in part]


def changed(scan: Scan, values: Mapping[str, Expr]) -> Scan:
    """The Scan with other values for some variables."""

    def part(old: Program) -> Program:
        lines = [Definition(d.var, values.get(d.name, d.expr)) for d in old]
        return closed(lines, old.outputs)

    return Scan(
        part(scan.before),
        part(scan.step),
        scan.carry,
        part(scan.after),
        scan.reverse,
        scan.sequences,
        scan.origin,
    )


# -- form --------------------------------------------------------------------------------------


def free(scan: Scan) -> set[Var]:
    """What a Scan is given: inputs, parameters, values of the forward pass."""
    used = {v for part in (scan.before, scan.step, scan.after) for v in part.inputs}
    return used - {d.var for d in lines_of(scan)} - {enter for enter, _ in scan.carry}


def moves(expr: Expr, varying: Collection[Var]) -> bool:
    """Whether a value differs from step to step; a sum over t does not."""
    return bool(variables_of(expr.replace(SumT, lambda _: sp.S.Zero)) & set(varying))


def degree(expr: Expr, known: Mapping[Var, int]) -> int:
    """How many sums over t are multiplied with each other at most; 2 where they are bent."""
    if isinstance(expr, Var):
        return known.get(expr, 0)
    found = [degree(arg, known) for arg in expr.args if isinstance(arg, sp.Expr)]
    if isinstance(expr, SumT):
        return 1 + max(found)
    if isinstance(expr, sp.Mul | MatVec | Outer):
        return sum(found)
    most = max(found, default=0)
    return most if isinstance(expr, LINEAR) else 2 * bool(most)


def well_formed(scan: Scan) -> None:
    """Raise where a part reads what does not exist yet, or varies where it must not.

    That no part uses a name twice, or before it is defined, the Program itself has checked.
    """
    names = [d.name for d in lines_of(scan)] + [str(v.name) for v in free(scan)]
    names += [str(enter.name) for enter, _ in scan.carry]
    assert len(set(names)) == len(names), "a name has two meanings"
    given = free(scan)
    ahead, turn = (given | {d.var for d in part} for part in (scan.before, scan.step))
    enters = {enter for enter, _ in scan.carry}
    assert set(scan.before.inputs) <= given, "what is computed ahead reads the loop"
    assert set(scan.step.inputs) <= ahead | enters, "a step reads what follows the loop"
    assert {leave for _, leave in scan.carry} <= ahead | turn | enters
    assert not any(d.expr.has(SumT) for d in (*scan.before, *scan.step))
    degrees: dict[Var, int] = {}
    for d in lines_of(scan):
        assert d.var in scan.sequences or not moves(d.expr, scan.sequences), f"{d.name} varies"
        degrees[d.var] = degree(d.expr, degrees)
        assert degrees[d.var] <= 1, f"{d.name} is not linear in sums over t"


def keeps_form(old: Scan, new: Scan) -> None:
    """Raise where a pass has changed more than the lines, or has not made a Scan."""
    well_formed(new)
    assert new.carry == old.carry
    assert new.reverse == old.reverse
    assert new.origin == old.origin
    assert free(new) <= free(old), "something is missing"
    outputs = [{*scan.step.outputs, *scan.after.outputs} for scan in (old, new)]
    assert outputs[0] == outputs[1]
    for v in {d.var for d in lines_of(new)} & {d.var for d in lines_of(old)}:
        assert (v in old.sequences) == (v in new.sequences)


# -- meaning -----------------------------------------------------------------------------------


def plain(expr: Expr) -> Expr:
    """The expression in the language of cells, with sums over t marked by their factor."""
    if not expr.args:
        return expr
    args = [plain(arg) if isinstance(arg, sp.Expr) else arg for arg in expr.args]
    match expr:
        case SumT():
            return OVER_TIME * args[0]
        case Rows():  # the columns of a transposed matrix
            return Transpose(Concat(*(Transpose(m) for m in args[:-1]), args[-1]))
        case RowSlice():
            turned = Transpose(args[0])
            return Transpose(Slice(turned, Dims(expr.whole[::-1]), *expr.bounds))
    if expr.func is tanh_slope:
        return 1 - FUNCTIONS["tanh"](args[0]) ** 2
    return expr.func(*args)


def meaning(old: Whole, new: Whole, context: Iterable[Definition] = ()) -> Iterator[Answer]:
    """Whether each variable that both define has one value, where a context is known to hold."""
    known = Equality(Definition(d.var, plain(d.expr)) for d in (*context, *lines_of(old)))
    values = known.definitions
    written_out: dict[Expr, Expr] = {}
    for d in lines_of(new):
        expr = plain(d.expr).xreplace(written_out)
        if d.var not in values:
            written_out[d.var] = expr
        elif expr != values[d.var]:
            yield known.prove(values[d.var], expr, claim=d.name, shape=d.var.shape)


def same_meaning(old: Whole, new: Whole, context: Iterable[Definition] = ()) -> None:
    """Raise unless it is proved that all values are the same."""
    for answer in meaning(old, new, context):
        assert isinstance(answer, Proved), str(answer)


def holds(old: Scan, new: Scan, context: Iterable[Definition] = ()) -> None:
    """The contract of a pass. Raises AssertionError, with the evidence."""
    keeps_form(old, new)
    same_meaning(old, new, context)


def is_refuted(old: Whole, new: Whole, context: Iterable[Definition] = ()) -> bool:
    """Whether numbers show that something else is computed."""
    return any(isinstance(answer, Refuted) for answer in meaning(old, new, context))


def undetected(old: Scan, new: Scan) -> list[str]:
    """The lines of ``new`` that can be doubled and nothing is refuted; not those that are 0."""
    return [
        d.name
        for d in lines_of(new)
        if d.expr != 0 and not is_refuted(old, changed(new, {d.name: 2 * d.expr}))
    ]
