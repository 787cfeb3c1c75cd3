"""share: a product that occurs twice is computed once.

``U @ h`` in two gates has then one cotangent, too: the gradient of U is one outer product. It has a
name of its own, so that every other name means what it did, and so does its cotangent.
"""

from collections import Counter
from dataclasses import replace

from gru_sym.algebra.expr import Expr, Var
from gru_sym.algebra.nodes import MatVec
from gru_sym.algebra.program import Definition, Program
from gru_sym.codegen.passes.parts import Names, hint

__all__ = ["share"]


def share(program: Program, names: Names) -> Program:
    """Give a product of a matrix and a vector a name where it occurs in two definitions.

    Args:
        program: ``name`` comes before, so that operands are variables.
        names: those that are free.
    """
    counts = Counter(node for d in program for node in _products(d.expr))
    known: dict[Expr, Var] = {}
    found: list[Definition] = []
    for d in program:
        for node in sorted(_products(d.expr), key=str):
            if counts[node] > 1 and node not in known:
                known[node] = Var(names.fresh(hint(node) or f"{d.name}_product"), node.shape)
                found.append(Definition(known[node], node))
        shared = {node: known[node] for node in _products(d.expr) if node in known}
        found.append(Definition(d.var, d.expr.xreplace(shared)) if shared else d)
    return replace(program, definitions=tuple(found))


def _products(expr: Expr) -> set[Expr]:
    return expr.atoms(MatVec)
