"""inline: a value of all t that is read once, by another such value, needs no array of its own."""

from collections import Counter

from gru_sym.algebra.expr import Expr, Node, Var
from gru_sym.algebra.program import Definition, Scan
from gru_sym.codegen.passes.parts import rebuilt

__all__ = ["inline"]


def inline(scan: Scan) -> Scan:
    """Put each elementwise value of ``before`` that ``before`` alone reads, once, where it is."""
    uses: Counter[Var] = Counter()
    for part in (scan.before, scan.step, scan.after):
        for d in part:
            uses.update(_read(d.expr, weight=2 if part is not scan.before else 1))
    outputs = {*scan.step.outputs, *scan.after.outputs}
    values: dict[Expr, Expr] = {}
    lines = []
    for d in scan.before:
        expr = d.expr.xreplace(values)
        once = uses[d.var] == 1 and d.var not in outputs and d.var in scan.sequences
        if once and not expr.atoms(Node) and not isinstance(expr, Var):
            values[d.var] = expr
        lines.append(Definition(d.var, expr))
    return rebuilt(scan, lines, scan.step, scan.after)


def _read(expr: Expr, weight: int) -> Counter[Var]:
    """How often each variable is read; within a node it counts as twice, for it stays there."""
    found: Counter[Var] = Counter()
    stack = [(expr, weight)]
    while stack:
        item, count = stack.pop()
        if isinstance(item, Var):
            found[item] += count
        stack.extend((arg, 2 if isinstance(item, Node) else count) for arg in item.args)
    return found
