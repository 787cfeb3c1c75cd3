"""scaled: vectors with an exponent of two beside them, so that nothing over- or underflows.

Scaling by a power of two changes no digit: where plain float64 would hold a gradient, the scaled
one is the same to the last bit.
"""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gru_sym.codegen.functions import Array

__all__ = ["LN2", "log_norm", "plain", "rescaled"]

LN2 = float(np.log(2.0))

_TINY = np.finfo(np.float64).tiny


def rescaled(rows: Array, exponent: Array, axes: tuple[int, ...] = (-1,)) -> tuple[Array, Array]:
    """Rows with their largest entry in [1/2, 1), and the exponents that belong to them.

    Args:
        rows: the mantissas, of any shape.
        exponent: the exponents so far, whole numbers, of the shape of ``rows`` less ``axes``.
        axes: the axes that have one scale in common.

    Returns:
        The rows divided by a power of two, and the exponents plus that power. What is smaller
        than the largest entry by more than float64's range becomes 0.
    """
    largest = np.abs(rows).max(axis=axes, keepdims=True)
    power = np.frexp(largest)[1]
    rows = np.ldexp(rows, -power)
    rows[np.abs(rows) < _TINY] = 0.0  # what is left of a number that has lost its digits
    return rows, exponent + np.squeeze(power, axis=axes)


def log_norm(rows: Array, exponent: Array, axis: int | tuple[int, int] = -1) -> Array:
    """The logarithm of a Euclidean norm, in nats; -inf of zeros.

    Args:
        rows: the mantissas, whose largest entries are near 1.
        exponent: the exponents, of the shape of ``rows`` less ``axis``.
        axis: what the norm is over; two axes for the Frobenius norm.
    """
    with np.errstate(divide="ignore"):
        return 0.5 * np.log(np.square(rows).sum(axis=axis)) + LN2 * exponent


def plain(values: ArrayLike) -> Any:
    """An array as nested lists of floats; a number that is not finite is None."""
    array = np.asarray(values, np.float64)
    return np.where(np.isfinite(array), array, None).tolist()  # type: ignore[call-overload]
