"""The functions of the language that NumPy does not have as such.

Their source is copied into the code that we generate, so that it needs NumPy alone. None overflows,
each keeps the type of its argument, and each takes complex arrays (for verification by complex
step), where the real part decides between branches. With ``out`` the activations allocate nothing.
Reductions run over the last axis.
"""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = [
    "Array",
    "absolute",
    "flush",
    "logsumexp",
    "memory",
    "relu",
    "rows",
    "sigmoid",
    "sigmoid_pair",
    "softmax",
    "softplus",
    "step",
    "steps",
    "tanh_slope",
]

Array: TypeAlias = NDArray[Any]

# By dtype.char, else 708: exp is finite there, and its reciprocal a normal number.
EXP_LIMIT = {"f": 87.0, "F": 87.0}


def memory(dtype: Any, count: int) -> Callable[..., Array]:
    """A function that makes arrays: parts of one block, faster to get than many."""
    if count > 1 << 22:  # so much would be got from the system anew each time
        return lambda *shape: np.empty(shape, dtype)
    block = np.empty(count, dtype)
    used = 0

    def new(*shape: int) -> Array:
        nonlocal used
        start, size = used, math.prod(shape)
        used += size + -size % 16
        return block[start : start + size].reshape(shape)

    return new


def flush(a: Array, work: Array) -> None:
    """0 for subnormal numbers: what vanishes would stay one, and slow some CPUs."""
    np.abs(a, out=work)
    np.greater_equal(work, np.finfo(a.real.dtype).tiny, out=work)
    np.multiply(a, work, out=a)


def rows(a: Array) -> Array:
    """(T, B, n) as T * B rows."""
    return a.reshape(-1, a.shape[-1])


def steps(a: Array, T: int, B: int) -> Array:
    """T * B rows as (T, B, n)."""
    return a.reshape(T, B, a.shape[-1])


def sigmoid(a: Array, out: Array | None = None) -> Array:
    """1 / (1 + exp(-a)), accurate relative to its size down to 3e-308."""
    out = np.empty_like(a) if out is None else out
    np.negative(a, out=out)
    np.minimum(out, EXP_LIMIT.get(out.dtype.char, 708.0), out=out)
    np.exp(out, out=out)
    out += 1
    return np.reciprocal(out, out=out)


def sigmoid_pair(
    a: Array, out: Array | None = None, rest: Array | None = None
) -> tuple[Array, Array]:
    """sigmoid(a) and 1 - sigmoid(a) = sigmoid(-a), without cancellation, by one exp."""
    out = np.empty_like(a) if out is None else out
    rest = np.empty_like(a) if rest is None else rest
    np.negative(a, out=rest)
    np.minimum(rest, EXP_LIMIT.get(rest.dtype.char, 708.0), out=rest)
    np.exp(rest, out=rest)
    np.add(rest, 1, out=out)
    np.reciprocal(out, out=out)
    np.multiply(rest, out, out=rest)
    return out, rest


def tanh_slope(a: Array, out: Array | None = None, work: Array | None = None) -> Array:
    """1 - tanh(a)**2 as 4 e / (1 + e)**2 with e = exp(-2 |a|), without cancellation."""
    out = np.empty_like(a) if out is None else out
    absolute(a, out=out)
    out *= -2
    np.exp(out, out=out)
    below = np.add(out, 1, out=work)
    np.divide(out, below, out=out)
    np.divide(out, below, out=out)
    out *= 4
    return out


def softplus(a: Array, out: Array | None = None) -> Array:
    """log(1 + exp(a)), as max(a, 0) + log(1 + exp(-|a|))."""
    if a.dtype.kind != "c":
        return np.logaddexp(a, 0, out=out)
    value = relu(a) + np.log1p(np.exp(-absolute(a)))
    return np.positive(value, out=out)


def relu(a: Array, out: Array | None = None) -> Array:
    """max(a, 0); complex numbers are ordered by their real part first."""
    return np.maximum(a, 0, out=out)


def step(a: Array, out: Array | None = None) -> Array:
    """1 where a > 0, else 0."""
    if a.dtype.kind != "c":
        return np.heaviside(a, 0, out=out)
    return np.positive((a.real > 0).astype(a.dtype), out=out)


def absolute(a: Array, out: Array | None = None) -> Array:
    """|a|; of a complex a the branch that is analytic there."""
    if a.dtype.kind != "c":
        return np.abs(a, out=out)
    return np.multiply(a, np.where(a.real > 0, 1, -1).astype(a.dtype), out=out)


def softmax(a: Array, out: Array | None = None) -> Array:
    """exp(a) / sum(exp(a)), after the largest entry was subtracted."""
    out = np.subtract(a, a.real.max(axis=-1, keepdims=True), out=out)
    np.exp(out, out=out)
    out /= out.sum(axis=-1, keepdims=True)
    return out


def logsumexp(a: Array, out: Array | None = None, work: Array | None = None) -> Array:
    """log(sum(exp(a))), with the largest entry taken out of the sum."""
    top = a.real.max(axis=-1, keepdims=True)
    parts = np.subtract(a, top, out=work)
    np.exp(parts, out=parts)
    value = np.log(parts.sum(axis=-1, keepdims=True))
    return np.add(value, top, out=out)
