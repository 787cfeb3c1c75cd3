"""What passes and backends share: fresh names, the order of lines, names for expressions."""

from collections.abc import Collection, Iterable, Sequence

import sympy as sp

from gru_sym.algebra.expr import Expr, Var, shape_of, variables_of
from gru_sym.algebra.nodes import Concat, MatVec, Slice, SumT, Total, Transpose
from gru_sym.algebra.program import Definition, Program, Scan
from gru_sym.algebra.rules import Elementwise

__all__ = [
    "Names",
    "closed",
    "hint",
    "in_order",
    "is_varying",
    "joined",
    "names_of",
    "needed",
    "offsets",
    "present",
    "read_from_outside",
    "rebuilt",
    "taken",
]

_LONGEST = 40


class Names:
    """Gives names that are not taken yet."""

    def __init__(self, taken: Iterable[str]) -> None:
        self._taken = set(taken)

    def fresh(self, wanted: str) -> str:
        """``wanted``, shortened where it is long, or ``wanted_2`` and so on."""
        return self.exact(wanted[:_LONGEST].strip("_") or "v")

    def exact(self, wanted: str) -> str:
        """``wanted``, or ``wanted_2`` and so on."""
        found, number = wanted, 1
        while found in self._taken:
            number += 1
            found = f"{wanted}_{number}"
        self._taken.add(found)
        return found


def present(scan: Scan) -> set[Var]:
    """The variables of a scan that occur in it; a sequence may be left that does not."""
    parts = (scan.before, scan.step, scan.after, scan.origin)
    return {v for pair in scan.carry for v in pair} | {v for part in parts for v in part.variables}


def taken(scan: Scan) -> set[str]:
    """All names of a scan."""
    return {str(v.name) for v in present(scan)}


def names_of(*scans: Scan) -> Names:
    """All names of some scans are taken."""
    return Names(name for scan in scans for name in taken(scan))


def needed(lines: Iterable[Definition], wanted: Iterable[Var]) -> list[Definition]:
    """The lines that the wanted variables are computed from, in order."""
    wanted = set(wanted)
    kept = []
    for d in reversed(list(lines)):
        if d.var in wanted:
            kept.append(d)
            wanted |= variables_of(d.expr)
    return kept[::-1]


def in_order(lines: Iterable[Definition]) -> list[Definition]:
    """The lines, each as early as it was, but after what it uses."""
    waiting = {d.var: d for d in lines}
    done: list[Definition] = []

    def place(d: Definition) -> None:
        del waiting[d.var]
        for v in sorted(variables_of(d.expr), key=lambda v: str(v.name)):
            if v in waiting:
                place(waiting[v])
        done.append(d)

    for d in list(waiting.values()):
        if d.var in waiting:
            place(d)
    return done


def closed(lines: Iterable[Definition], outputs: Iterable[Var]) -> Program:
    """A program of these lines; whatever they use and do not define is an input."""
    lines, outputs = tuple(lines), tuple(dict.fromkeys(outputs))
    defined = {d.var for d in lines}
    used = dict.fromkeys(
        v for d in lines for v in sorted(variables_of(d.expr), key=lambda v: str(v.name))
    )
    given = (v for v in (*used, *outputs) if v not in defined)
    return Program(tuple(dict.fromkeys(given)), lines, outputs)


def rebuilt(
    scan: Scan,
    before: Iterable[Definition],
    step: Iterable[Definition],
    after: Iterable[Definition],
) -> Scan:
    """The scan with other lines in its parts, each without what nobody needs.

    ``before`` may be read by the step and after it; so may what the step computes at each t.
    """
    step, after = list(step), needed(after, scan.after.outputs)
    wanted = {leaves for _, leaves in scan.carry} | variables_of(d.expr for d in after)
    wanted |= set(scan.after.outputs) | set(scan.step.outputs)
    step = needed(step, wanted)
    wanted |= variables_of(d.expr for d in step)
    before = needed(before, wanted)
    lines = [*before, *step, *after]
    # A name that was free may have been given to what does not vary.
    varying = set(scan.sequences) - ({d.var for d in lines} - present(scan))
    for d in lines:
        if d.var not in varying and is_varying(d.expr, varying):
            varying.add(d.var)
    return Scan(
        closed(before, [d.var for d in before]),
        closed(step, scan.step.outputs),
        scan.carry,
        closed(after, scan.after.outputs),
        scan.reverse,
        frozenset(varying),
        scan.origin,
    )


def read_from_outside(scan: Scan) -> list[Var]:
    """What the parts of a scan read and none of them computes."""
    parts = (scan.before, scan.step, scan.after)
    own = {d.var for part in parts for d in part} | {v for pair in scan.carry for v in pair}
    return list(dict.fromkeys(v for part in parts for v in part.inputs if v not in own))


def is_varying(expr: Expr, varying: Collection[Var]) -> bool:
    """Whether an expression has a value for each t; a sum over t has not.

    Args:
        expr: any expression.
        varying: the variables that have one.
    """
    if isinstance(expr, SumT):
        return False
    if isinstance(expr, Var):
        return expr in varying
    return any(is_varying(arg, varying) for arg in expr.args)


def offsets(vectors: Iterable[Expr]) -> list[tuple[int, int]]:
    """Where each vector stands in a stack of them: its first block, the block after its last."""
    found, at = [], 0
    for v in vectors:
        found.append((at, at + len(shape_of(v)[0])))
        at = found[-1][1]
    return found


def hint(expr: Expr) -> str:
    """A name for a value, from what it is made of; empty where it is made of too much."""
    match expr:
        case Var():
            return str(expr.name)
        case MatVec():
            matrix, vector = (hint(arg) for arg in expr.args)
            return f"{matrix}_{vector}" if matrix and vector else ""
        case Transpose():
            inner = hint(expr.args[0])
            return f"{inner}_T" if inner else ""
        case Slice():
            inner = hint(expr.args[0])
            return f"{inner}_part" if inner else ""
        case Concat():
            return "_".join(map(hint, expr.operands)) if all(map(hint, expr.operands)) else ""
        case Total():
            inner = hint(expr.args[0])
            return f"sum_{inner}" if inner else ""
        case Elementwise():
            inner = hint(expr.args[0])
            return f"{expr.func.__name__}_{inner}" if inner else ""
        case sp.Mul() if all(isinstance(f, Var) for f in expr.args):
            return "_".join(sorted(str(f.name) for f in expr.args))
        case sp.Add():
            products = [hint(t) for t in expr.args if isinstance(t, MatVec)]
            return products[0] if len(products) == 1 else ""
    return ""


def joined(names: Sequence[str]) -> str:
    """One name for several: ``W_z``, ``W_r``, ``W_h`` → ``W_z_r_h``.

    >>> joined(["a_z_x", "a_r_x"])
    'a_z_r_x'
    """
    pieces = [name.split("_") for name in names]
    start = _shared(pieces)
    shortest = min(len(p) for p in pieces)
    end = min(_shared([p[::-1] for p in pieces]), shortest - start)
    if end == shortest - start and end and any(len(p) == start + end for p in pieces):
        end -= 1
    middle = [part for p in pieces for part in p[start : len(p) - end]]
    return "_".join(
        [*pieces[0][:start], *middle, *(pieces[0][len(pieces[0]) - end :] if end else [])]
    )


def _shared(pieces: Sequence[Sequence[str]]) -> int:
    """How many pieces all begin with."""
    count = 0
    for group in zip(*pieces, strict=False):
        if len(set(group)) > 1:
            break
        count += 1
    return count
