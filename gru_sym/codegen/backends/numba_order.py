"""The order of the lines of a step: few functions of a row, little handed from one to the next."""

from collections.abc import Sequence
from dataclasses import replace

from gru_sym.algebra.expr import Var, variables_of
from gru_sym.algebra.nodes import MatVec, Slice
from gru_sym.algebra.program import Definition, Scan
from gru_sym.codegen.backends.numba_statements import (
    Block,
    Line,
    OuterSum,
    Producers,
    Product,
    Statement,
    read_by,
)
from gru_sym.codegen.passes.parts import closed, names_of

__all__ = ["late", "lines_first", "plain_carry"]


def plain_carry(scan: Scan) -> Scan:
    """The scan, where all that it carries on is computed in the step, each in its own array."""
    own = {d.var: d.expr for d in scan.step}
    names = names_of(scan)
    carry, copies = [], []
    for enters, leaves in scan.carry:
        plain = leaves in own and leaves in scan.sequences and not isinstance(own[leaves], Slice)
        if not plain:
            copied = Var(names.fresh(f"{enters.name}_next"), enters.shape)
            copies.append(Definition(copied, leaves))
            leaves = copied
        carry.append((enters, leaves))
    step = closed([*scan.step, *copies], scan.step.outputs)
    varying = scan.sequences | {d.var for d in copies}
    return replace(scan, step=step, carry=tuple(carry), sequences=varying)


def lines_first(lines: Sequence[Definition]) -> list[Definition]:
    """The lines in an order in which a product waits for all that does not wait for it.

    What is elementwise is then in as few blocks as there can be.
    """
    waiting = {d.var: d for d in lines}
    found: list[Definition] = []
    while waiting:
        ready = [d for d in waiting.values() if not variables_of(d.expr) & waiting.keys()]
        plain = [d for d in ready if not d.expr.has(MatVec)]
        for d in plain or ready[:1]:
            found.append(d)
            del waiting[d.var]
    return found


def late(statements: Sequence[Statement], producers: Producers) -> list[Statement]:
    """Lines that only later blocks read, in the first of these.

    Only lines that read nothing of their own block: another value would have to be handed over.
    """
    found = list(statements)
    for k, block in enumerate(statements):
        stay = _lines_of(found[k])
        own = {line.target for line in stay}
        for line in tuple(stay):
            readers = [n for n, s in enumerate(found) if line.target in _read(s, producers)]
            first = min(readers, default=k)
            later = found[first]
            free = line.kind == "set" and not read_by(line, producers) & own
            if free and first > k and isinstance(later, Block):
                found[first] = Block((line, *later.lines), later.rows)
                stay.remove(line)
        if isinstance(block, Block):
            found[k] = Block(tuple(stay), block.rows)
    return [s for s in found if not isinstance(s, Block) or s.lines]


def _lines_of(statement: Statement) -> list[Line]:
    return list(statement.lines) if isinstance(statement, Block) else []


def _read(statement: Statement, producers: Producers) -> set[Var]:
    """The variables whose values a statement reads, or adds to."""
    match statement:
        case Block(lines=lines):
            return set().union(*(read_by(line, producers) for line in lines))
        case Product(target=target, vector=vector):
            return {target, *producers(vector)}
        case OuterSum(left=left, right=right):
            return {*producers(left), *producers(right)}
    return set()
