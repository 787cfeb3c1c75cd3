"""Paths in bundles: what runs between two variables, and meets no gate, is taken together.

A layer norm, say, has many ways from its argument to its result: by the mean, by the variance, by
both. None of them is a way of its own through the cell: their sum is one derivative, which is one
factor of each path that comes by.
"""

from collections.abc import Collection, Iterator
from itertools import chain, product

import sympy as sp

from gru_sym.algebra.expr import Var, variables_of
from gru_sym.algebra.nodes import MatVec
from gru_sym.algebra.program import Program
from gru_sym.algebra.rules import Elementwise
from gru_sym.cells.equations import Cell
from gru_sym.derive.jacobian import Jacobian, Routes, blocks_of, named_paths
from gru_sym.derive.paths import Path

__all__ = ["bundled", "diagonals"]


def bundled(cell: Cell) -> Jacobian:
    """The Jacobian of one step by path, where what lies between two variables is one factor.

    Two variables are the ends of a bundle where all ways to the one come by the other, all ways
    from there lead to it, several do, and none of them passes an activation, a matrix, or what has
    a role.
    Its own paths are in the ``bundles`` of what is returned; the sum is that of
    :func:`~gru_sym.derive.jacobian.jacobian`.

    Args:
        cell: any cell.

    Raises:
        UnsupportedError: the cell has more than 5,000 paths.
    """
    together: dict[Var, Var] = {}
    bundles = {}
    for end, start in _ends(cell):
        inner = _from(cell.program, start).computing([end])
        routes = Routes(inner, start, together).of(end)
        if len(routes) > 1:
            bundles[end, start] = tuple(named_paths(cell, routes, "direct"))
            together[end] = start
    return Jacobian(cell, blocks_of(cell, together), bundles)


def diagonals(jacobian: Jacobian, path: Path) -> Iterator[tuple[sp.Expr, ...]]:
    """What a path carries from each entry to the same entry alone, by each way within bundles.

    It is the product of what is returned.
    """
    ways: list[list[tuple[sp.Expr, ...]]] = []
    for factor in path.factors:
        if factor.kind == "diag":
            ways.append([factor.parts])
        elif factor.kind == "bundle":
            of, by = (part for part in factor.parts if isinstance(part, Var))
            inner = jacobian.bundles[of, by]
            ways.append([each for one in inner for each in diagonals(jacobian, one)])
        else:
            return
    yield from (tuple(chain.from_iterable(way)) for way in product(*ways))


def _from(program: Program, start: Var) -> Program:
    """The program as if a variable that it defines were given."""
    if start in program.inputs:
        return program
    rest = tuple(d for d in program if d.var != start)
    return Program((*program.inputs, start), rest, program.outputs)


def _mixes(expr: sp.Expr, moving: Collection[Var]) -> bool:
    """Whether a matrix acts on what moves."""
    return any(not variables_of(p.args[1]).isdisjoint(moving) for p in expr.atoms(MatVec))


def _ends(cell: Cell) -> Iterator[tuple[Var, Var]]:
    """Pairs of variables between which nothing enters, nothing leaves, and no gate stands."""
    program = cell.program
    moving = program.depending_on(cell.states)
    place = {v: k for k, v in enumerate(program.variables)}
    uses = {d.var: variables_of(d.expr) & moving for d in program if d.var in moving}
    users: dict[Var, set[Var]] = {v: set() for v in moving}
    for var, used in uses.items():
        for each in used:
            users[each].add(var)
    stays = {*cell.states, *program.outputs}
    gates = {d.var for d in program if d.expr.has(Elementwise) or _mixes(d.expr, moving)}
    stays |= gates | {d.var for d in program if d.name in cell.roles}
    for end in (var for var in uses if var not in gates):
        inside: set[Var] = set()
        waiting = set(uses[end])
        while waiting:
            last = max(waiting, key=place.__getitem__)
            if waiting == {last}:
                closed = all(users[v] <= inside | {end} for v in inside)
                # What one line does with a state by itself is a path: W @ h + V @ (r * h).
                told = bool(inside) or last not in cell.states
                if closed and told and not (last in cell.states and end in cell.nexts):
                    yield end, last
                break
            if last in stays:
                break
            inside.add(last)
            waiting = (waiting - {last}) | uses[last]
