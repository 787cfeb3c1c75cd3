"""jvp: the tangent of a program, one line for each definition; hvp: forward over reverse."""

from collections.abc import Iterable

import sympy as sp

from gru_sym.algebra.expr import Var
from gru_sym.algebra.program import Definition, Program
from gru_sym.cells.equations import Cell
from gru_sym.derive.differential import named_values, tangent
from gru_sym.derive.vjp import vjp

__all__ = ["DOT", "hvp", "jvp", "tangent_lines", "tangent_of"]

DOT = "_dot"


def tangent_of(var: Var) -> Var:
    """The tangent of a variable: ``z`` → ``z_dot``, of the same shape."""
    return Var(var.name + DOT, var.shape)


def jvp(cell: Cell) -> Program:
    """The Jacobian-vector product of one step, in all inputs, states and parameters at once.

    The result is a program: the cell's own, the tangents of its inputs as further inputs, then
    one line for each tangent. Its outputs are the tangents of the cell's outputs. Each has the
    shape of what it belongs to.

    Args:
        cell: any cell.
    """
    return _differentiated(cell.program, cell.program.outputs)


def hvp(cell: Cell) -> Program:
    """The second-order product of one step: the tangent of the vjp (forward over reverse).

    With a tangent (``W_z_dot``, ``x_dot``, ``h_dot``, and ``h_next_bar_dot`` of the given
    cotangent) its outputs are the tangents of all cotangents, ``W_z_bar_dot`` among them: the
    Hessian of ⟨h̄', h_next⟩ times the tangent, for a tangent of the given cotangent that is zero.

    Source: Pearlmutter 1994, Fast exact multiplication by the Hessian, Neural Computation 6(1).

    Args:
        cell: any cell.
    """
    first = vjp(cell)
    return _differentiated(first, first.outputs)


def _differentiated(program: Program, outputs: Iterable[Var]) -> Program:
    lines = tangent_lines(program, program.inputs)
    tangents = [tangent_of(v) for v in program.inputs]
    return program.extend(tangents, lines).computing(tangent_of(v) for v in outputs)


def tangent_lines(program: Program, moving: Iterable[Var]) -> tuple[Definition, ...]:
    """The tangent of each definition when the inputs ``moving`` have tangents.

    A definition that does not depend on them has the tangent 0, which gets no line unless it is
    an output.
    """
    named = named_values(program)
    reached = set(program.depending_on(moving))

    def dot(var: Var) -> sp.Expr:
        return tangent_of(var) if var in reached else sp.S.Zero

    lines = []
    for d in program:
        value = tangent(d.expr, dot, named) if d.var in reached else sp.S.Zero
        if value == 0 and d.var not in program.outputs:
            reached.discard(d.var)
        else:
            lines.append(Definition(tangent_of(d.var), value))
    return tuple(lines)
