"""Products of diagonals, matrices, columns and rows: what a Jacobian is a sum of, in normal form.

A chain is a product of factors as in :class:`~gru_sym.derive.paths.Factor`, read from the left. It
has one more kind here, ``value``: a matrix that differs from step to step and has a name. In normal
form no two neighbours can be joined before the values of a step are known.
"""

from collections import deque
from collections.abc import Iterable
from dataclasses import replace
from functools import reduce
from itertools import pairwise
from typing import TypeAlias

import sympy as sp

from gru_sym.algebra.expr import Dim, Dims, Expr, Shape, shape_of
from gru_sym.algebra.nodes import MatVec, Slice, Total, Transpose
from gru_sym.derive.paths import Factor

__all__ = ["Chain", "Chains", "chain", "is_full", "products", "total"]

Chain: TypeAlias = tuple[Factor, ...]
"""A product; the empty one is the identity."""

Chains: TypeAlias = tuple[Chain, ...]
"""A sum of products."""

_MATRICES = frozenset({"matrix", "value"})


def chain(*factors: Factor) -> Chain:
    """The product of some factors in normal form.

    Diagonals are joined, rows and columns absorb what they meet, numbers go to the left. A block
    that is put into a longer vector (``embed``) comes first, or is a choice of columns.
    """
    done: list[Factor] = []
    waiting = deque(factors)
    while waiting:
        factor = waiting.popleft()
        if factor.kind == "diag" and factor.expr == 1:
            continue
        joined = _joined(done[-1], factor) if done else None
        if joined is None:
            done.append(factor)
        else:
            done.pop()
            waiting.extendleft(reversed(joined))
    return tuple(done)


def total(chains: Iterable[Chain]) -> Chains:
    """A sum in normal form: what differs in one diagonal, column or row at its end is one term."""
    sums: dict[Chain, Factor] = {}
    for each in chains:
        first, key = _first(each)
        sums[key] = _added(sums[key], first) if key in sums else first
    whole = [_with_first(key, first) for key, first in sums.items()]
    # Of two outer products with one column the rows are added.
    outer: dict[Chain, list[Factor]] = {}
    found: list[Chain] = []
    for each in whole:
        if any(factor.expr == 0 for factor in each):
            continue
        if each and each[-1].kind == "row":
            outer.setdefault(each[:-1], []).append(each[-1])
        else:
            found.append(each)
    for lead, rows in outer.items():
        row = reduce(_added, rows)
        found += [(*lead, row)] if row.expr != 0 else []
    return tuple(found)


def products(each: Chain) -> int:
    """How many products of two matrices a step has to compute for a chain.

    A product of parameters is computed once for all steps; a vector times a matrix is none.
    """
    if any(factor.kind in {"column", "row"} for factor in each):
        return 0
    kinds = [factor.kind for factor in each]
    constant = sum(pair == ("matrix", "matrix") for pair in pairwise(kinds))
    return max(0, sum(kind in _MATRICES for kind in kinds) - constant - 1)


def is_full(each: Chain) -> bool:
    """Whether a matrix stands in it: it is no diagonal, and not of rank one."""
    kinds = {factor.kind for factor in each}
    return bool(kinds & _MATRICES) and not kinds & {"column", "row"}


# -- neighbours ------------------------------------------------------------------------------------


def _joined(left: Factor, right: Factor) -> tuple[Factor, ...] | None:
    """What two neighbours are together; None where they have to stay two."""
    match left.kind, right.kind:
        case ("diag", "diag" | "column"):
            return (_scaled(right, left),)
        case ("row", "diag") | ("column", "diag"):  # right of a column stands a number
            return (_scaled(left, right),)
        case ("diag", "row"):  # and left of a row
            return (_scaled(right, left),)
        case ("matrix" | "value", "diag") if not shape_of(right.expr):
            return right, left
        case ("diag", "embed"):
            return right, Factor("diag", (_part(left.expr, right),))
        case ("embed", "embed"):
            start = left.bounds[0]
            bounds = (start + right.bounds[0], start + right.bounds[1])
            return (Factor("embed", (), bounds, left.whole),)
        case ("matrix" | "value", "embed"):
            (matrix,) = left.parts
            columns = Slice(matrix, Dims(shape_of(matrix)), *right.bounds)
            return (Factor(left.kind, (columns,)),)
        case ("matrix", "column"):
            return (Factor("column", (MatVec(left.expr, right.expr),)),)
        case ("row", "matrix"):
            return (Factor("row", (MatVec(Transpose(right.expr), left.expr),)),)
        case ("row", "embed"):
            part = right.whole[slice(*right.bounds)]
            return (Factor("row", (_part(left.expr, right),), whole=part),)
        case ("row", "column"):
            product = left.expr * right.expr
            summed: Shape = shape_of(product) or ((left.whole or right.whole),)
            return (Factor("diag", (Total(product, summed),)),)
    return None


def _scaled(factor: Factor, diag: Factor) -> Factor:
    """A diagonal, a column or a row with one more diagonal."""
    parts = tuple(part for part in (*diag.parts, *factor.parts) if part != 1)
    return replace(factor, parts=parts or (sp.S.One,))


def _part(expr: Expr, embed: Factor) -> Expr:
    """The entries of a vector at which a block stands; a number is the same everywhere."""
    whole: tuple[Dim, ...] = (embed.whole,)
    return Slice(expr, Dims(whole), *embed.bounds) if shape_of(expr) else expr


# -- sums ------------------------------------------------------------------------------------------


def _first(each: Chain) -> tuple[Factor, Chain]:
    """The first diagonal or column, and the chain with the sign of it in its place."""
    at = next((k for k, factor in enumerate(each) if factor.kind != "embed"), len(each))
    if at < len(each) and each[at].kind in {"diag", "column"}:
        factor = each[at]
        return factor, (*each[:at], Factor(factor.kind), *each[at + 1 :])
    return Factor("diag", (sp.S.One,)), (*each[:at], Factor("diag"), *each[at:])


def _with_first(key: Chain, first: Factor) -> Chain:
    """The chain again."""
    at = next(k for k, factor in enumerate(key) if factor == Factor(first.kind))
    put = () if first.kind == "diag" and first.expr == 1 else (first,)
    return (*key[:at], *put, *key[at + 1 :])


def _added(one: Factor, other: Factor) -> Factor:
    return replace(one, parts=(one.expr + other.expr,))
