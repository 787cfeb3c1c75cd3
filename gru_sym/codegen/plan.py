"""plan: from a cell to two Scans, forward and backward through time, as a backend wants them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from gru_sym.algebra.expr import Var
from gru_sym.algebra.program import Program, Scan
from gru_sym.cells.equations import Cell
from gru_sym.codegen.passes.name import name, split
from gru_sym.codegen.passes.parts import Names, names_of, rebuilt
from gru_sym.codegen.passes.share import share
from gru_sym.codegen.passes.stabilise import stable_gates, stable_slopes
from gru_sym.derive.bptt import bptt, unrolled

__all__ = ["Pass", "Plan", "plan"]

Pass: TypeAlias = Callable[[Scan], Scan]


@dataclass(frozen=True)
class Plan:
    """What a backend prints.

    Attributes:
        cell: the cell.
        forward: its Scan forward in time. All that a reader or ``backward`` wants is among the
            outputs of its three parts.
        backward: backprop through time, which reads values of ``forward`` by their names.
        kept: the values that ``forward`` hands over: the cell's own variables but parameters, then
            what ``backward`` reads beside them.
    """

    cell: Cell
    forward: Scan
    backward: Scan
    kept: tuple[Var, ...]

    @property
    def variables(self) -> list[Var]:
        """All variables, the cell's own first, as a reader meets them."""
        found = dict.fromkeys(self.cell.program.variables)
        for scan in (self.forward, self.backward):
            for part in _parts(scan):
                found |= dict.fromkeys(part.variables)
            found |= dict.fromkeys(v for pair in scan.carry for v in pair)
        return list(found)


def plan(cell: Cell, passes: Sequence[Pass] = ()) -> Plan:
    """Derive, stabilise, and apply passes in order.

    Args:
        cell: the cell.
        passes: some of ``compose``, ``defer``, ``hoist``, ``stack``, ``inline``.
    """
    program = split(name(cell.program), frozenset(cell.states))
    own = tuple(d.var for d in cell.program)
    program = name(stable_gates(replace(program, outputs=(*program.outputs, *own))))
    program = share(program, Names(str(v.name) for v in program.variables))
    program = replace(program, outputs=program.outputs[: len(cell.program.outputs)])
    named = replace(cell, program=program)
    forward, backward = unrolled(named), bptt(named)
    forward = replace(forward, step=replace(forward.step, outputs=own))
    forward, backward = stable_slopes(forward, backward)
    turn = share(backward.step, names_of(backward))
    backward = rebuilt(backward, backward.before, turn, backward.after)

    reads = {v for part in _parts(backward) for v in part.inputs}
    beside = [d.var for d in forward.step if d.var in reads and d.var not in own]
    forward = replace(forward, step=replace(forward.step, outputs=(*own, *beside)))
    for apply in passes:
        forward, backward = apply(forward), apply(backward)
    reads = {v for part in _parts(backward) for v in part.inputs}
    kept = (*cell.inputs, *cell.states, *own, *(v for v in beside if v in reads))
    return Plan(cell, forward, backward, kept)


def _parts(scan: Scan) -> tuple[Program, Program, Program]:
    return scan.before, scan.step, scan.after
