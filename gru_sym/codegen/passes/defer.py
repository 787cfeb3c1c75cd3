"""defer: what the next turn does not need leaves the loop, and is computed for all t after it.

A readout's products become one product of T·B rows; the gradients of the weights (which ``bptt``
already sums after its loop) one product each.
"""

from dataclasses import replace

from gru_sym.algebra.program import Scan
from gru_sym.algebra.rules import FUNCTIONS
from gru_sym.codegen.passes.parts import closed, needed, rebuilt

__all__ = ["defer"]

_SIGMOID = FUNCTIONS["sigmoid"]


def defer(scan: Scan) -> Scan:
    """Move the definitions that the carry does not depend on from ``step`` to ``after``.

    The complement of a gate stays beside it: one exponential gives both.
    """
    kept = {d.var for d in needed(scan.step, (leaves for _, leaves in scan.carry))}
    gates = {d.expr.args[0] for d in scan.step if d.var in kept and d.expr.func is _SIGMOID}
    kept |= {d.var for d in scan.step if d.expr.func is _SIGMOID and -d.expr.args[0] in gates}
    stay = [d for d in scan.step if d.var in kept]
    moved = [d for d in scan.step if d.var not in kept]
    later = [v for v in scan.step.outputs if v not in kept and v in {d.var for d in moved}]
    after = [*moved, *scan.after]
    scan = replace(
        scan,
        step=closed(stay, (v for v in scan.step.outputs if v in kept)),
        after=closed(after, (*later, *scan.after.outputs)),
    )
    return rebuilt(scan, scan.before, stay, after)
