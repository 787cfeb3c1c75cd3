"""One equation differentiated: partial derivatives, its tangent, and its pull-back.

SymPy differentiates the elementwise part; each linear-map node brings its own rules.
"""

from collections.abc import Callable, Iterator, Mapping

import sympy as sp

from gru_sym.algebra.expr import Node, Shape, Var, nodes_of, shape_of
from gru_sym.algebra.nodes import Softmax, Total
from gru_sym.algebra.program import Program
from gru_sym.algebra.rules import Elementwise

__all__ = ["named_values", "partials", "pull_back", "tangent"]

Leaf = Var | Node


def named_values(program: Program) -> dict[sp.Expr, Var]:
    """Which function values have a name: ``sigmoid(a_z)`` → ``z`` where z is defined as that."""
    return {d.expr: d.var for d in program if isinstance(d.expr, Elementwise | Softmax)}


def partials(expr: sp.Expr, named: Mapping[sp.Expr, Var]) -> Iterator[tuple[Leaf, sp.Expr]]:
    """Pairs (leaf, ∂expr/∂leaf): leaves are variables and outermost nodes.

    The derivative is elementwise: the diagonal of the Jacobian. A function value that has a name
    is written by its name, so that σ' is z (1 − z) and not σ(a) (1 − σ(a)).
    """
    if isinstance(expr, Var | Node):
        yield expr, sp.S.One
        return
    dummies = {node: Var(f"node {i}", node.shape) for i, node in enumerate(nodes_of(expr))}
    plain = expr.xreplace(dummies)
    # Dummies go back in after differentiation: a coefficient may hold other nodes.
    back: dict[sp.Expr, sp.Expr] = {dummy: node for node, dummy in dummies.items()}
    leaves = sorted(
        (a for a in plain.free_symbols if isinstance(a, Var)), key=lambda a: str(a.name)
    )
    for leaf in leaves:
        slope = plain.diff(leaf).xreplace(back).xreplace(named)
        if slope != 0:
            yield back.get(leaf, leaf), slope


def tangent(expr: sp.Expr, dot: Callable[[Var], sp.Expr], named: Mapping[sp.Expr, Var]) -> sp.Expr:
    """The tangent of an expression, given that of each variable."""
    terms = []
    for leaf, slope in partials(expr, named):
        if isinstance(leaf, Var):
            inner = dot(leaf)
        else:
            value = leaf.jvp(lambda operand: tangent(operand, dot, named))
            inner = value.xreplace(named)
        terms.append(slope * inner)
    return sp.Add(*terms)


def pull_back(
    expr: sp.Expr, cotangent: sp.Expr, shape: Shape, named: Mapping[sp.Expr, Var]
) -> Iterator[tuple[Var, sp.Expr]]:
    """Pairs (variable, its share of the cotangent) for a cotangent of an expression.

    ``shape`` is the shape in which the expression stands; where a scalar was broadcast to it, the
    scalar's cotangent is the total.
    """
    for leaf, slope in partials(expr, named):
        share = cotangent * slope
        if shape and not shape_of(leaf):
            share = Total(share, shape)
        if isinstance(leaf, Var):
            yield leaf, share
            continue
        for operand, inner in leaf.vjp(share):
            standing = shape_of(operand) or shape_of(inner)  # a scalar may stand for a vector
            yield from pull_back(operand, inner.xreplace(named), standing, named)
