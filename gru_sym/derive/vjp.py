"""vjp: the pull-back of a program, one line for each cotangent, in reverse order."""

from collections.abc import Mapping

import sympy as sp

from gru_sym.algebra.expr import Var
from gru_sym.algebra.program import Definition, Program
from gru_sym.cells.equations import Cell
from gru_sym.derive.differential import named_values, pull_back

__all__ = ["BAR", "TOTAL", "cotangent_lines", "cotangent_of", "total_of", "upstream_of", "vjp"]

BAR = "_bar"
TOTAL = "_total"


def cotangent_of(var: Var) -> Var:
    """The cotangent of a variable: ``z`` → ``z_bar``, of the same shape."""
    return Var(var.name + BAR, var.shape)


def total_of(var: Var) -> Var:
    """Where an output is used in its own cell, all of its cotangent: ``c_next_bar_total``."""
    return Var(var.name + BAR + TOTAL, var.shape)


def upstream_of(cell: Cell) -> dict[Var, Var]:
    """For each output of a cell, the cotangent that is given: ``h_next`` → ``h_next_bar``."""
    return {var: cotangent_of(var) for var in cell.program.outputs}


def vjp(cell: Cell) -> Program:
    """The vector-Jacobian product of one step: backprop in the δ-form of a textbook.

    The result is a program: the cell's own inputs and definitions, the cotangents of its outputs
    as further inputs, then one line for each cotangent. ``a_z`` is the argument of the activation
    in the definition of ``z``, so ``a_z_bar`` is what textbooks call δ_z. Where an output is also
    used inside the cell (the LSTM's ``c_next``), ``c_next_bar`` is what is given and
    ``c_next_bar_total`` adds what comes through the cell.

    Its outputs are the cotangents of the parameters, inputs and states, in the cell's order. Each
    has the shape of what it belongs to.

    Source: Rumelhart, Hinton & Williams 1986, Nature 323, for δ; the rest is the chain rule.

    Args:
        cell: any cell.
    """
    lines = cotangent_lines(cell.program, upstream_of(cell))
    program = cell.program.extend(upstream_of(cell).values(), lines)
    wanted = tuple(cotangent_of(v) for v in (*cell.params, *cell.inputs, *cell.states))
    return program.computing(wanted)


def cotangent_lines(program: Program, upstream: Mapping[Var, Var]) -> tuple[Definition, ...]:
    """The lines of the pull-back, last definition first, then the inputs.

    Args:
        program: what is differentiated.
        upstream: for each output, the variable that holds its given cotangent.
    """
    named = named_values(program)
    shares: dict[Var, list[sp.Expr]] = {}
    lines: list[Definition] = []

    def close(var: Var) -> Var | None:
        """Write the line of ``var`` from all shares that reached it."""
        terms = shares.get(var, [])
        given = upstream.get(var)
        if not terms:
            return given
        bar = cotangent_of(var)
        if given is not None:
            terms = [given, *terms]
            bar = total_of(var)
        lines.append(Definition(bar, sp.Add(*terms)))
        return bar

    for d in reversed(program.definitions):
        bar = close(d.var)
        if bar is None:
            continue
        for leaf, share in pull_back(d.expr, bar, d.var.shape, named):
            if share != 0:
                shares.setdefault(leaf, []).append(share)
    for var in program.inputs:
        if var in shares:
            close(var)
        else:
            lines.append(Definition(cotangent_of(var), sp.S.Zero))
    return tuple(lines)
