"""coefficients: what backprop multiplies a cotangent by is computed by the forward loop.

There its factors are at hand, and the backward loop is left with multiplications. ``compose`` and
``hoist`` come before: the coefficients then stand ahead of the backward loop.
"""

from collections.abc import Collection
from dataclasses import replace

import sympy as sp

from gru_sym.algebra.expr import Expr, Node, Var, shape_of, variables_of
from gru_sym.algebra.nodes import MatVec
from gru_sym.algebra.program import Definition, Program
from gru_sym.algebra.rules import Elementwise
from gru_sym.codegen.passes.parts import Names, closed, rebuilt, taken
from gru_sym.codegen.plan import Plan

__all__ = ["coefficients"]

_FEW = 2  # to read so many arrays costs no more than to write one and to read it


def coefficients(plan: Plan) -> Plan:
    """Move what ``backward.before`` computes from values of a step into the forward step.

    What is quickly computed from a few values that are kept anyway is written where it is read.
    """
    forward, backward = plan.forward, plan.backward
    moved, quick = _parted(plan)
    gone = {d.var for d in moved}
    names = Names(taken(forward) | (taken(backward) - {str(v.name) for v in gone}))
    to: dict[Var, Expr] = {
        d.var: Var(names.exact(str(d.var.name)), d.var.shape) for d in moved if d.var not in quick
    }
    for d in moved:
        if d.var in quick:
            to[d.var] = d.expr.xreplace(to)

    def lines(part: Program) -> list[Definition]:
        return [Definition(d.var, d.expr.xreplace(to)) for d in part if d.var not in gone]

    ahead = [Definition(to[d.var], d.expr.xreplace(to)) for d in moved if d.var not in quick]
    varying = {d.var for d in ahead}
    backward = replace(backward, sequences=backward.sequences - gone | varying)
    parts = (backward.before, backward.step, backward.after)
    backward = rebuilt(backward, *(lines(part) for part in parts))
    parts = (backward.before, backward.step, backward.after)
    read = {v for part in parts for v in part.inputs}
    own = {*plan.cell.program.variables}
    kept = [v for v in plan.kept if v in own or v in read]
    kept += [d.var for d in ahead if d.var in read]
    step = closed([*forward.step, *ahead], [v for v in forward.step.outputs if v in kept])
    step = replace(step, outputs=(*step.outputs, *(v for v in kept if v in varying)))
    forward = replace(forward, step=step, sequences=forward.sequences | varying)
    forward = rebuilt(forward, forward.before, step, forward.after)
    return Plan(plan.cell, forward, backward, tuple(kept))


def _parted(plan: Plan) -> tuple[list[Definition], set[Var]]:
    """The lines that leave ``backward.before``; those among them that are quickly computed."""
    forward, backward = plan.forward, plan.backward
    known = {*forward.step.variables, *forward.origin.inputs}
    ahead = {d.var for d in backward.before}
    direct = {v for part in (backward.step, backward.after) for v in part.inputs}
    kept = {*plan.cell.program.variables, *direct}
    stays = {*backward.step.outputs, *backward.after.outputs, *(v for _, v in backward.carry)}
    moved: dict[Var, Definition] = {}
    quick: dict[Var, Expr] = {}
    for d in backward.before:
        read = variables_of(d.expr)
        row_wise = d.var in backward.sequences - stays and not d.expr.atoms(MatVec)
        if not row_wise or not all(v in moved if v in ahead else v in known for v in read):
            continue
        moved[d.var] = d
        expr = d.expr.xreplace(quick)
        if _is_quick(expr, kept, backward.sequences):
            quick[d.var] = expr
    return list(moved.values()), set(quick)


def _is_quick(expr: Expr, kept: Collection[Var], varying: Collection[Var]) -> bool:
    vectors = {v for v in variables_of(expr) if v.shape and v in varying}
    slow = {
        item
        for item in expr.atoms(Elementwise, Node, sp.Pow)
        if isinstance(item, Node) or (shape_of(item) and not _is_square(item))
    }
    return not slow and len(vectors) <= _FEW and vectors <= set(kept)


def _is_square(expr: Expr) -> bool:
    return isinstance(expr, sp.Pow) and expr.exp == 2
