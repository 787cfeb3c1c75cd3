"""fuse: what is computed row by row is computed in the loop, while the row is in the cache.

For a backend whose loop costs nothing but its arithmetic: only products, and what they need, are
worth computing for all t at once. ``defer`` and ``hoist`` come before.
"""

from dataclasses import replace

from gru_sym.algebra.expr import Expr, Var, variables_of
from gru_sym.algebra.nodes import MatVec, Slice, SumT
from gru_sym.algebra.program import Definition, Scan
from gru_sym.codegen.passes.parts import closed, hint, names_of, needed, rebuilt

__all__ = ["fuse"]


def fuse(scan: Scan) -> Scan:
    """Move what is no product, and is not needed by one ahead of the loop, into ``step``."""
    before = _named_products(scan)
    fixed = [d.var for d in before if d.expr.atoms(MatVec) or d.var not in scan.sequences]
    stay = {d.var for d in needed(before, fixed)}
    stay |= {d.var for d in before if isinstance(d.expr, Slice) and d.expr.args[0] in stay}
    step = [*(d for d in before if d.var not in stay), *scan.step]
    moved, later = set(), {d.var for d in scan.after}
    for d in scan.after:
        row_wise = d.var in scan.sequences and not d.expr.atoms(MatVec, SumT)
        if row_wise and not variables_of(d.expr) & later:
            step.append(d)
            moved.add(d.var)
            later.remove(d.var)
    after = [d for d in scan.after if d.var in later]
    outputs = scan.after.outputs
    scan = replace(
        scan,
        step=closed(step, (*scan.step.outputs, *(v for v in outputs if v in moved))),
        after=closed(after, (v for v in outputs if v not in moved)),
    )
    return rebuilt(scan, (d for d in before if d.var in stay), step, after)


def _named_products(scan: Scan) -> list[Definition]:
    """The lines of ``before``, where each product that varies has a name."""
    names = names_of(scan)
    known: dict[Expr, Var] = {}
    lines = []
    for d in scan.before:
        for node in sorted(d.expr.atoms(MatVec), key=str):
            varies = variables_of(node) & scan.sequences
            if varies and node != d.expr and node not in known:
                known[node] = Var(names.fresh(hint(node) or "product"), node.shape)
                lines.append(Definition(known[node], node))
        lines.append(Definition(d.var, d.expr.xreplace(known)))
    return lines
