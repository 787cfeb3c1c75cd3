"""The functions of the language that NumPy does not have as such.

Their source is copied into the code that we generate, so that it needs NumPy alone. None overflows,
each keeps the type of its argument, and each takes complex arrays (for verification by complex
step), where the real part decides between branches. Reductions run over the last axis.
"""

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Array",
    "absolute",
    "logsumexp",
    "relu",
    "sigmoid",
    "softmax",
    "softplus",
    "step",
]

Array: TypeAlias = NDArray[np.inexact[Any]]


def sigmoid(a: Array) -> Array:
    """1 / (1 + exp(-a)), by way of exp(-|a|)."""
    positive = a.real >= 0
    e = np.exp(np.where(positive, -a, a))
    return np.where(positive, 1, e) / (1 + e)


def softplus(a: Array) -> Array:
    """log(1 + exp(a)), as max(a, 0) + log(1 + exp(-|a|))."""
    positive = a.real > 0
    return np.where(positive, a, 0) + np.log1p(np.exp(np.where(positive, -a, a)))


def relu(a: Array) -> Array:
    """max(a, 0)."""
    return np.where(a.real > 0, a, 0)


def step(a: Array) -> Array:
    """1 where a > 0, else 0."""
    return (a.real > 0).astype(a.dtype)


def absolute(a: Array) -> Array:
    """|a|; of a complex a the branch that is analytic there."""
    return np.where(a.real > 0, a, -a)


def softmax(a: Array) -> Array:
    """exp(a) / sum(exp(a)), after the largest entry was subtracted."""
    e = np.exp(a - a.real.max(axis=-1, keepdims=True))
    return e / e.sum(axis=-1, keepdims=True)


def logsumexp(a: Array) -> Array:
    """log(sum(exp(a))), with the largest entry taken out of the sum."""
    top = a.real.max(axis=-1, keepdims=True)
    return top + np.log(np.exp(a - top).sum(axis=-1, keepdims=True))
