"""The derivative of one definition by what it is made of, as products of diag(·) and matrices.

The tangent of a definition is linear in the tangents of its variables; each of its terms is a
product of factors, read from the left: diagonals, matrices, columns, rows, and blocks.
"""

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass, replace

import sympy as sp

from gru_sym.algebra.expr import Dims, Node, Shape, Var, shape_of, size_of, variables_of
from gru_sym.algebra.nodes import Concat, MatVec, Slice, Total
from gru_sym.algebra.program import Program
from gru_sym.derive.differential import named_values, tangent
from gru_sym.derive.jvp import tangent_of
from gru_sym.derive.paths import Factor

__all__ = ["Local", "linear_terms", "local_derivatives", "merged"]


@dataclass(frozen=True)
class Local:
    """∂of/∂by, the derivative of a definition by a variable that stands in it.

    Attributes:
        of: the variable that is defined.
        by: a vector or a number that its definition names.
        products: the terms of the derivative, each a product of factors.
    """

    of: Var
    by: Var
    products: tuple[tuple[Factor, ...], ...]


def local_derivatives(program: Program) -> Iterator[Local]:
    """The derivative of each definition by each vector and number in it, in reading order.

    Of a matrix there is none here: in ``W @ x`` it is linear, and its gradient is an outer product.
    """
    named = named_values(program)
    given = {v: k for k, v in enumerate(program.variables)}
    for d in program:
        used = sorted((v for v in variables_of(d.expr) if len(v.shape) < 2), key=given.__getitem__)
        for by in used:
            dot = tangent_of(by)
            moved = tangent(d.expr, _only(by), named)
            terms = linear_terms(moved, d.var.shape, (dot,)) if moved != 0 else ()
            yield Local(d.var, by, tuple(merged(factors) for factors, _ in terms))


def _only(moving: Var) -> Callable[[Var], sp.Expr]:
    """The tangents when one variable alone moves."""
    return lambda var: tangent_of(var) if var == moving else sp.S.Zero


def linear_terms(
    expr: sp.Expr, shape: Shape, dots: Collection[Var]
) -> Iterator[tuple[tuple[Factor, ...], Var]]:
    """The terms of an expression that is linear in the tangents: (factors, tangent).

    Args:
        expr: the expression.
        shape: the shape in which it stands.
        dots: the tangents.
    """
    if isinstance(expr, sp.Add):
        for term in expr.args:
            yield from linear_terms(term, shape, dots)
    elif shape and not shape_of(expr):  # a number that is broadcast
        for factors, dot in linear_terms(expr, (), dots):
            yield (Factor("column", (sp.S.One,), whole=shape[0]), *factors), dot
    elif isinstance(expr, Var):
        yield (), expr
    elif isinstance(expr, sp.Mul):
        inner = next(a for a in expr.args if _moves(a, dots))
        slope = sp.Mul(*(a for a in expr.args if a is not inner))
        lifted = shape_of(slope) and not shape_of(inner)
        first = Factor("column" if lifted else "diag", (slope,))
        for factors, dot in linear_terms(inner, shape_of(inner), dots):
            yield (first, *factors), dot
    elif isinstance(expr, Node):
        yield from _through_node(expr, dots)
    else:
        raise AssertionError(f"{expr} is not linear in the tangents")


def _through_node(node: Node, dots: Collection[Var]) -> Iterator[tuple[tuple[Factor, ...], Var]]:
    if isinstance(node, Concat):
        at = 0
        (whole,) = node.shape
        for item, dim in zip(node.operands, node.blocks, strict=True):
            factor = Factor("embed", (), (at, at + len(dim)), whole)
            at += len(dim)
            if _moves(item, dots):
                for factors, dot in linear_terms(item, (dim,), dots):
                    yield (factor, *factors), dot
        return
    if isinstance(node, MatVec):
        first, inner = Factor("matrix", (node.args[0],)), node.args[1]
    elif isinstance(node, Total):
        first, inner = Factor("row", (sp.S.One,), whole=node.summed[0]), node.args[0]
    elif isinstance(node, Slice):
        first = Factor("restrict", (), node.bounds, node.whole[-1])
        inner = node.args[0]
    else:
        raise AssertionError(f"{type(node).__name__} is not linear")
    for factors, dot in linear_terms(inner, shape_of(inner), dots):
        yield (first, *factors), dot


def _moves(expr: sp.Expr, dots: Collection[Var]) -> bool:
    return any(v in dots for v in variables_of(expr))


def merged(factors: tuple[Factor, ...]) -> tuple[Factor, ...]:
    """Join neighbours: diagonals into one, a matrix and the block it acts on into its columns."""
    merged: list[Factor] = []
    for factor in factors:
        last = merged[-1] if merged else None
        if last is None:
            merged.append(factor)
        elif {last.kind, factor.kind} == {"diag"} or (last.kind, factor.kind) in {
            ("diag", "column"),
            ("row", "diag"),
        }:
            kept = last if factor.kind == "diag" else factor
            parts = tuple(p for p in (*last.parts, *factor.parts) if p != 1)
            merged[-1] = replace(kept, parts=parts or (sp.S.One,))
        elif (last.kind, factor.kind) == ("row", "column") and not (
            shape_of(last.expr) or shape_of(factor.expr)
        ):
            number = last.expr * factor.expr * size_of((last.whole,))
            merged[-1:] = [Factor("diag", (number,))] if number != 1 else []
        elif last.kind == "matrix" and factor.kind == "embed":
            (matrix,) = last.parts
            columns = Slice(matrix, Dims(shape_of(matrix)), *factor.bounds)
            merged[-1] = Factor("matrix", (columns,))
        else:
            merged.append(factor)
    return tuple(merged)
