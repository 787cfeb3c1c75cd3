"""reuse: which array holds which value of a step, so that the loop allocates nothing.

A value of the step is written in place: into its row of an array for all t, if somebody reads it
after the loop; into its part of a stack; over a value that was computed ahead and is only added to
it; or else into one array that every turn uses again.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import sympy as sp

from gru_sym.algebra.expr import Var, variables_of
from gru_sym.algebra.nodes import Concat, Slice
from gru_sym.algebra.program import Definition, Scan

__all__ = ["Places", "reuse"]


@dataclass(frozen=True)
class Places:
    """Where the values of a step live.

    Attributes:
        stored: variables with an array of their own for all t.
        scratch: variables with an array of their own for one step.
        parts: variable → (the stack that it is a part of, first block, block after the last).
        over: variable → the value of ``before`` that it is written over: a term of the sum, or a
            factor of the product, that the variable is. Where the variable is a part of a stack,
            the value is computed in that part.
        rolled: the states whose next value is written into the next row of the same array.
        kept_in: what the loop leaves as → the variable that enters, where it is written over it.
    """

    stored: tuple[Var, ...]
    scratch: tuple[Var, ...]
    parts: Mapping[Var, tuple[Var, int, int]]
    over: Mapping[Var, Var]
    rolled: Mapping[Var, Var]
    kept_in: Mapping[Var, Var]

    def root(self, var: Var) -> Var:
        """The variable whose array holds ``var``."""
        while var in self.parts:
            var = self.parts[var][0]
        return var


def reuse(scan: Scan, kept: frozenset[Var]) -> Places:
    """Find a place for each value of the step.

    Args:
        scan: whose step it is.
        kept: what is wanted for all t beside what ``scan.after`` reads.
    """
    own = {d.var: d for d in scan.step}
    leaves = {leave: enter for enter, leave in scan.carry}
    parts = _parts(scan, own, frozenset(leaves))
    over = {v: w for v, w in _over(scan, own, kept).items() if v not in leaves}
    slices = {d.var for d in scan.before if isinstance(d.expr, Slice)}
    over = {v: w for v, w in over.items() if v not in parts or w not in slices}
    wanted = kept | set(scan.after.inputs)

    def root(var: Var) -> Var:
        while var in parts:
            var = parts[var][0]
        return var

    for_all = {root(v) for v in (*own, *leaves.values()) if v in wanted}
    rolled = {
        enter: leave
        for leave, enter in leaves.items()
        if leave in own
        and leave not in parts
        and leave in scan.sequences
        and for_all & {enter, leave}
    }
    kept_in = {
        leave: enter
        for leave, enter in leaves.items()
        if leave in own
        and leave not in parts
        and leave not in for_all
        and enter not in rolled
        and leave in scan.sequences
        and _entered_before(scan.step.definitions, enter, leave)
    }
    for_all |= {root(v) for v in over if v in parts}  # computed ahead, hence for all t
    roots = [v for v in own if v not in parts and v not in over]
    held = {*rolled.values(), *kept_in}
    return Places(
        stored=tuple(v for v in roots if v in for_all and v not in held),
        scratch=tuple(v for v in roots if v not in for_all and v not in held),
        parts=parts,
        over=over,
        rolled=rolled,
        kept_in=kept_in,
    )


def _parts(
    scan: Scan, own: Mapping[Var, Definition], leaves: frozenset[Var]
) -> dict[Var, tuple[Var, int, int]]:
    """Slices of what the step computes, and what it concatenates."""
    parts: dict[Var, tuple[Var, int, int]] = {}
    for d in scan.step:
        match d.expr:
            case Slice(args=(Var() as whole, *_)) if whole in own and d.var not in leaves:
                parts[d.var] = whole, *d.expr.bounds
            case Concat():
                items = d.expr.operands
                free = all(
                    isinstance(v, Var)
                    and v in own
                    and v in scan.sequences
                    and v not in parts
                    and v not in leaves
                    and v.shape == (dim,)
                    and not isinstance(own[v].expr, Slice | Concat)
                    for v, dim in zip(items, d.expr.blocks, strict=True)
                )
                if free and len(set(items)) == len(items) and d.var not in leaves:
                    at = 0
                    for v in items:
                        parts[v] = d.var, at, at + len(v.shape[0])
                        at += len(v.shape[0])
    return parts


def _over(scan: Scan, own: Mapping[Var, Definition], kept: frozenset[Var]) -> dict[Var, Var]:
    """Values of ``before`` that one sum or product alone reads: it is written over them."""
    ahead = {d.var: d for d in scan.before if d.var in scan.sequences}
    readers: dict[Var, list[Var]] = {}
    for d in (*scan.before, *scan.step, *scan.after):
        for v in variables_of(d.expr):
            readers.setdefault(v, []).append(d.var)
    found: dict[Var, Var] = {}
    for d in scan.step:
        terms = d.expr.args if isinstance(d.expr, sp.Add | sp.Mul) else ()
        if d.var not in scan.sequences:
            continue
        for w in terms:
            if w not in ahead or w in kept or w.shape != d.var.shape or readers[w] != [d.var]:
                continue
            once = w not in variables_of(d.expr.func(*(t for t in terms if t != w)))
            if once and w not in found.values() and _alone(ahead[w], readers, ahead, kept):
                found[d.var] = w
                break
    return found


def _alone(
    d: Definition,
    readers: Mapping[Var, list[Var]],
    ahead: Mapping[Var, Definition],
    kept: frozenset[Var],
) -> bool:
    """Whether no other value shares the memory of this one."""
    if isinstance(d.expr, Var):
        return False
    if not isinstance(d.expr, Slice):
        return True
    whole, (start, stop) = d.expr.args[0], d.expr.bounds
    if whole in kept or whole not in ahead or not _alone(ahead[whole], readers, ahead, kept):
        return False
    for v in readers[whole]:
        if v == d.var:
            continue
        if v not in ahead or not isinstance(ahead[v].expr, Slice):
            return False
        first, last = ahead[v].expr.bounds
        if first < stop and start < last:
            return False
    return True


def _entered_before(lines: tuple[Definition, ...], enter: Var, leave: Var) -> bool:
    """Whether what enters has been read for the last time when what leaves is written."""
    at = next(k for k, d in enumerate(lines) if d.var == leave)
    return not any(enter in variables_of(d.expr) for d in lines[at:])
