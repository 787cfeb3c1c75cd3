"""What generated code calls beside python-flint; what it calls is copied into it.

A vector is a list of balls, a matrix an arb_mat. Each result is a ball that encloses every value
that the function takes on the balls given to it. Numbers are converted without loss: a float has
its exact value, a string becomes a ball around the decimal that it shows.
"""

from collections.abc import Sequence
from math import prod
from typing import Any, TypeAlias

from flint import arb, arb_mat

__all__ = [
    "Vector",
    "add",
    "add_matrices",
    "beside",
    "columns",
    "cos",
    "dot",
    "exp",
    "log",
    "logsumexp",
    "matvec",
    "number",
    "outer",
    "outers",
    "power",
    "relu",
    "sigmoid",
    "sin",
    "softmax",
    "softplus",
    "sqrt",
    "step",
    "tanh",
    "tanh_slope",
    "transposed",
]

Vector: TypeAlias = list[arb]


def number(value: Any) -> arb:
    """An int, a float, a string or an arb, as it is."""
    return arb(value)


def add(*vectors: Sequence[arb]) -> Vector:
    """The sum of vectors."""
    return [sum(entries) for entries in zip(*vectors, strict=True)]


def add_matrices(first: arb_mat, *others: arb_mat) -> arb_mat:
    """The sum of matrices."""
    return sum(others, first)


def dot(left: Vector, right: Vector) -> arb:
    """The sum of the products of entries."""
    return sum((p * q for p, q in zip(left, right, strict=True)), arb(0))


def matvec(matrix: arb_mat, vector: Vector) -> Vector:
    """A matrix times a vector."""
    return (matrix * arb_mat(len(vector), 1, vector)).entries()


def transposed(matrix: arb_mat) -> arb_mat:
    """The transpose of a matrix."""
    return matrix.transpose()


def outer(left: Vector, right: Vector) -> arb_mat:
    """The matrix of all products of an entry of left and one of right."""
    return arb_mat([[p * q for q in right] for p in left])


def outers(lefts: Sequence[Vector], rights: Sequence[Vector]) -> arb_mat:
    """The sum of the outer products of pairs of vectors, as one product of matrices."""
    return arb_mat(lefts).transpose() * arb_mat(rights)


def columns(matrix: arb_mat, start: int, stop: int) -> arb_mat:
    """Some neighbouring columns of a matrix."""
    return arb_mat([row[start:stop] for row in matrix.tolist()])


def beside(*matrices: arb_mat) -> arb_mat:
    """Matrices side by side."""
    rows = zip(*(matrix.tolist() for matrix in matrices), strict=True)
    return arb_mat([[p for part in row for p in part] for row in rows])


def power(a: arb, n: int) -> arb:
    """a**n for an n > 0; ``a**n`` itself is nan of a ball around exactly 0."""
    return prod([a] * n, start=arb(1))


def exp(a: arb) -> arb:
    """The exponential."""
    return a.exp()


def log(a: arb) -> arb:
    """The natural logarithm."""
    return a.log()


def sqrt(a: arb) -> arb:
    """The square root."""
    return a.sqrt()


def sin(a: arb) -> arb:
    """The sine."""
    return a.sin()


def cos(a: arb) -> arb:
    """The cosine."""
    return a.cos()


def tanh(a: arb) -> arb:
    """The hyperbolic tangent; of a large ball from its ends, for it grows."""
    if a.rad() > 1e-3:
        return tanh(a.lower()).union(tanh(a.upper()))
    return a.tanh()


def sigmoid(a: arb) -> arb:
    """1 / (1 + exp(-a)); of a large ball from its ends, for it grows."""
    if a.rad() > 1e-3:
        return sigmoid(a.lower()).union(sigmoid(a.upper()))
    return 1 / (1 + (-a).exp())


def tanh_slope(a: arb) -> arb:
    """1 - tanh(a)**2 as 4 e / (1 + e)**2 with e = exp(-2 |a|), without cancellation.

    Of a large ball from its ends: it falls as |a| grows.
    """
    if a.rad() > 1e-3:
        return tanh_slope(a.abs_lower()).union(tanh_slope(a.abs_upper()))
    e = (-2 * abs(a)).exp()
    return 4 * e / power(1 + e, 2)


def softplus(a: arb) -> arb:
    """log(1 + exp(a)), or what equals it, a + log(1 + exp(-a)), where a is positive."""
    if a.rad() > 1e-3:
        return softplus(a.lower()).union(softplus(a.upper()))
    if a.mid() > 0:
        return a + (-a).exp().log1p()
    return a.exp().log1p()


def relu(a: arb) -> arb:
    """The larger of a and 0."""
    return a.max(arb(0))


def step(a: arb) -> arb:
    """1 where a > 0, else 0.

    Raises:
        ValueError: the ball has numbers on both sides of 0.
    """
    if a > 0:
        return arb(1)
    if a <= 0:
        return arb(0)
    raise ValueError(f"the sign of {a} is not known: raise flint.ctx.prec")


def softmax(v: Vector) -> Vector:
    """exp(v) / sum(exp(v))."""
    values = [a.exp() for a in v]
    total = sum(values)
    return [value / total for value in values]


def logsumexp(v: Vector) -> arb:
    """log(sum(exp(v))), with a number near the largest entry taken out of the sum."""
    top = max(a.mid() for a in v)
    return top + sum(((a - top).exp() for a in v), arb(0)).log()
