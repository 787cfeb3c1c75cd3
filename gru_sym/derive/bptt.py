"""bptt: backpropagation through time at symbolic T, as a Scan that runs backwards in time.

The cotangent of a state at step t is what the loss gives it there (``h_bar_up``) plus what comes
from step t + 1 (``h_bar_later``). The step holds only what that recurrence needs; the gradients of
the parameters are sums over t after it, ``W_z_bar = sum_t(outer(a_z_bar, x))``.
"""

from collections.abc import Iterable

import sympy as sp

from gru_sym.algebra.expr import Var, variables_of
from gru_sym.algebra.nodes import SumT
from gru_sym.algebra.program import Definition, Program, Scan
from gru_sym.cells.equations import Cell
from gru_sym.derive.vjp import cotangent_lines, cotangent_of, total_of

__all__ = ["LATER", "UP", "bptt", "later_of", "unrolled", "up_of"]

UP = "_bar_up"
LATER = "_bar_later"


def up_of(var: Var) -> Var:
    """The cotangent that the loss gives a state at each step: ``h`` → ``h_bar_up``."""
    return Var(var.name + UP, var.shape)


def later_of(var: Var) -> Var:
    """The cotangent of a state that comes from the next step: ``h`` → ``h_bar_later``."""
    return Var(var.name + LATER, var.shape)


def unrolled(cell: Cell) -> Scan:
    """The cell over a sequence of symbolic length T, forward in time: ``h`` becomes ``h_next``."""
    return Scan(
        before=Program((), (), ()),
        step=cell.program,
        carry=tuple(zip(cell.states, cell.nexts, strict=True)),
        after=Program((), (), ()),
        reverse=False,
        sequences=cell.varying,
        origin=cell.program,
    )


def bptt(cell: Cell) -> Scan:
    """Backprop through time of a cell, for any T.

    Read ``step`` at each t from T down to 1. Its inputs are the values of the forward pass at t,
    the parameters, ``h_bar_up`` at t (for each state; and the cotangent of each extra output) and
    ``h_bar_later``, which is the ``h_bar`` of step t + 1 and zero at T. What ``h_bar`` is at t = 1
    is the gradient with respect to the initial state.

    ``after`` gives the cotangent of each input at each t, and that of each parameter as a sum over
    t (and over the batch).

    Source: Werbos 1990, Backpropagation through time, Proceedings of the IEEE 78(10).

    Args:
        cell: any cell.
    """
    program = cell.program
    given = {var: cotangent_of(var) for var in program.outputs}
    lines = (*_arriving(cell), *cotangent_lines(program, given))
    carried = tuple(cotangent_of(s) for s in cell.states)
    known = {d.var for d in lines} | {*map(up_of, cell.states), *map(later_of, cell.states)}
    known |= {given[v] for v in cell.extra}

    step = _needed(lines, carried)
    in_step = {d.var for d in step}
    varying = cell.varying | {cotangent_of(v) for v in cell.varying} | in_step | known
    # What is the same at each step has one cotangent, the sum over t: also an output, beyond what
    # is given for it at each t.
    fixed = set(program.variables) - cell.varying
    varying -= {cotangent_of(v) for v in fixed - set(program.outputs)}
    varying -= {total_of(v) for v in fixed & set(program.outputs)}
    after = []
    for d in lines:
        if d.var in in_step:
            continue
        expr = d.expr if d.var in varying else _summed(d.expr, frozenset(varying))
        after.append(Definition(d.var, expr))
    wanted = tuple(cotangent_of(v) for v in (*cell.params, *cell.inputs))
    after = list(_needed(after, wanted))
    return Scan(
        before=Program((), (), ()),
        step=_closed(cell, step, carried),
        carry=tuple((later_of(s), cotangent_of(s)) for s in cell.states),
        after=_closed(cell, after, wanted),
        reverse=True,
        sequences=frozenset(varying),
        origin=cell.program,
    )


def _arriving(cell: Cell) -> Iterable[Definition]:
    for state, after in zip(cell.states, cell.nexts, strict=True):
        yield Definition(cotangent_of(after), up_of(state) + later_of(state))


def _needed(lines: Iterable[Definition], wanted: Iterable[Var]) -> tuple[Definition, ...]:
    needed = set(wanted)
    kept = []
    for d in reversed(tuple(lines)):
        if d.var in needed:
            kept.append(d)
            needed |= variables_of(d.expr)
    return tuple(reversed(kept))


def _closed(cell: Cell, lines: Iterable[Definition], outputs: tuple[Var, ...]) -> Program:
    """A program of these lines; whatever they use and do not define is an input."""
    lines = tuple(lines)
    defined = {d.var for d in lines}
    used = variables_of(d.expr for d in lines) - defined
    order = {v: k for k, v in enumerate((*cell.program.variables, *map(up_of, cell.states)))}
    inputs = sorted(used, key=lambda v: (order.get(v, len(order)), v.name))
    return Program(tuple(inputs), lines, outputs)


def _summed(expr: sp.Expr, varying: frozenset[Var]) -> sp.Expr:
    """Sum the varying terms over t; what does not vary is pulled out in front."""
    terms = []
    for term in sp.Add.make_args(expr):
        factors = sp.Mul.make_args(term)
        moving = [f for f in factors if variables_of(f) & varying]
        if not moving:
            terms.append(term)
            continue
        fixed = sp.Mul(*(f for f in factors if f not in moving))
        terms.append(fixed * SumT(sp.Mul(*moving)))
    return sp.Add(*terms)
