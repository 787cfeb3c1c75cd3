"""What generated code calls beside mpmath itself; what it calls is copied into it.

A vector is a list of numbers, a matrix a list of rows. Numbers are converted without loss: a float
has its exact value, a string is the decimal that it shows. A sum, of products too, is rounded once.
"""

from collections.abc import Sequence
from typing import Any, TypeAlias

from mpmath import cosh, exp, fdot, fsum, log, log1p, mpf, mpmathify

__all__ = [
    "Matrix",
    "Vector",
    "add",
    "add_matrices",
    "beside",
    "columns",
    "logsumexp",
    "matvec",
    "number",
    "outer",
    "outers",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "step",
    "tanh_slope",
    "transposed",
]

Vector: TypeAlias = list[mpf]
Matrix: TypeAlias = list[list[mpf]]


def number(value: Any) -> mpf:
    """An int, a float, a string or an mpf, as it is."""
    return mpmathify(value)


def add(*vectors: Sequence[mpf]) -> Vector:
    """The sum of vectors."""
    return [fsum(entries) for entries in zip(*vectors, strict=True)]


def add_matrices(*matrices: Matrix) -> Matrix:
    """The sum of matrices."""
    return [add(*rows) for rows in zip(*matrices, strict=True)]


def matvec(matrix: Matrix, vector: Vector) -> Vector:
    """A matrix times a vector."""
    return [fdot(row, vector) for row in matrix]


def transposed(matrix: Matrix) -> Matrix:
    """The transpose of a matrix."""
    return [list(column) for column in zip(*matrix, strict=True)]


def outer(left: Vector, right: Vector) -> Matrix:
    """The matrix of all products of an entry of left and one of right."""
    return [[p * q for q in right] for p in left]


def outers(lefts: Sequence[Vector], rights: Sequence[Vector]) -> Matrix:
    """The sum of the outer products of pairs of vectors, as one product of matrices."""
    left, right = transposed([*lefts]), transposed([*rights])
    return [[fdot(row, column) for column in right] for row in left]


def columns(matrix: Matrix, start: int, stop: int) -> Matrix:
    """Some neighbouring columns of a matrix."""
    return [row[start:stop] for row in matrix]


def beside(*matrices: Matrix) -> Matrix:
    """Matrices side by side."""
    return [[p for row in rows for p in row] for rows in zip(*matrices, strict=True)]


def sigmoid(a: mpf) -> mpf:
    """1 / (1 + exp(-a)); exponents have no bound, so that nothing overflows."""
    return 1 / (1 + exp(-a))


def tanh_slope(a: mpf) -> mpf:
    """1 - tanh(a)**2, without cancellation."""
    return 1 / cosh(a) ** 2


def softplus(a: mpf) -> mpf:
    """log(1 + exp(a)), without loss where exp(a) is small or large."""
    return max(a, mpf(0)) + log1p(exp(-abs(a)))


def relu(a: mpf) -> mpf:
    """The larger of a and 0."""
    return max(a, mpf(0))


def step(a: mpf) -> mpf:
    """1 where a > 0, else 0."""
    return mpf(a > 0)


def softmax(v: Vector) -> Vector:
    """exp(v) / sum(exp(v))."""
    values = [exp(a) for a in v]
    total = fsum(values)
    return [value / total for value in values]


def logsumexp(v: Vector) -> mpf:
    """log(sum(exp(v))), with the largest entry taken out of the sum."""
    top = max(v)
    return top + log(fsum(exp(a - top) for a in v))
