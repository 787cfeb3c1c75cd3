"""What generated Numba code calls; what it calls is copied into it.

Numba compiles what is called, with all that it calls, and keeps it on disk. Elementwise functions
are polynomials, so that the loop that they stand in is turned into vector instructions. They
compute in double precision, whatever the arrays hold: float64 or float32.
"""

import math
from collections.abc import Callable
from typing import Any, TypeAlias

import numpy as np
from llvmlite import ir
from numba import njit, types
from numba.core import cgutils
from numba.extending import intrinsic
from numba.np.arrayobj import populate_array
from numpy.typing import ArrayLike, NDArray

Array: TypeAlias = NDArray[np.floating[Any]]
Decorator: TypeAlias = Callable[[Any], Any]

# Operations are done as written, but a product and a sum may be rounded as one.
OPTIONS: Any = {
    "error_model": "numpy",
    "fastmath": {"contract", "nsz"},
    "no_cfunc_wrapper": True,
}
jit: Decorator = njit(**OPTIONS)
# What is called from Python is compiled once, and kept on disk with all that it calls.
cached: Decorator = njit(**OPTIONS, cache=True)
inlined: Decorator = njit(**OPTIONS, forceinline=True)
# Its text takes the place of the call: it is not compiled for each kind of arrays.
macro: Decorator = njit(inline="always")
# Sums of a row may be taken in any order, several at once.
reordered: Decorator = njit(**{**OPTIONS, "fastmath": {"contract", "nsz", "reassoc"}})
intrinsics: Decorator = intrinsic


# -- arguments ----------------------------------------------------------------------------


def float_type(*arrays: ArrayLike) -> Any:
    """The common type of arrays: float64 or float32; integers become float64.

    Raises:
        TypeError: it is another, such as complex.
    """
    dtype = np.result_type(*arrays, 0.0)
    if dtype.char not in "fd":
        raise TypeError(f"arrays must be float64 or float32, not {dtype}")
    return dtype


def array(values: ArrayLike, shape: tuple[int, ...], dtype: Any) -> Array:
    """The values as an array without gaps.

    Raises:
        ValueError: they have another shape: compiled code does not look.
    """
    found = np.asarray(values, dtype, order="C")
    if found.shape != shape:
        raise ValueError(f"an array has the shape {found.shape}, not {shape}")
    # All would be compiled again for an array that is read-only, or at an odd address.
    return found if found.flags.carray else found.copy()


# -- memory -------------------------------------------------------------------------------


@inlined
def aligned(block: Array) -> int:
    """The first place in a block from which vectors are loaded at full speed."""
    return -(block.ctypes.data // block.itemsize) % 16


def view(context: Any, builder: Any, kind: Any, of: Any, data: Any, shape: Any) -> Any:
    """An array without gaps in the memory of another, which outlives it."""
    strides = [of.itemsize]
    for size in shape[:0:-1]:
        strides.insert(0, builder.mul(size, strides[0]))
    made = context.make_array(kind)(context, builder)
    populate_array(
        made,
        data=builder.bitcast(data, made.data.type),
        shape=cgutils.pack_array(builder, shape),
        strides=cgutils.pack_array(builder, strides),
        itemsize=of.itemsize,
        meminfo=None,
    )
    return made


@intrinsics
def placed(typing: Any, block: Any, start: Any, shape: Any) -> Any:
    """An array of this shape in a block."""
    kind = types.Array(block.dtype, len(shape), "C")

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        of = context.make_array(block)(context, builder, args[0])
        offset = builder.mul(args[1], of.itemsize)
        data = cgutils.pointer_add(builder, of.data, offset)
        sizes = cgutils.unpack_tuple(builder, args[2])
        made = view(context, builder, kind, of, data, sizes)
        made.meminfo = of.meminfo
        context.nrt.incref(builder, block, args[0])
        return made._getvalue()

    return kind(block, types.intp, shape), build


@inlined
def piece(block: Array, start: int, shape: Any) -> Any:
    """An array of this shape in a block, and where the next one begins."""
    size = 1
    for n in shape:
        size *= n
    return placed(block, start, shape), start + size + -size % 16


@intrinsics
def rows(typing: Any, a: Any) -> Any:
    """(T, B, n) as T * B rows."""
    kind = types.Array(a.dtype, 2, "C")

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        of = context.make_array(a)(context, builder, args[0])
        T, B, n = cgutils.unpack_tuple(builder, of.shape)
        sizes = [builder.mul(T, B), n]
        return view(context, builder, kind, of, of.data, sizes)._getvalue()

    return kind(a), build


@intrinsics
def flat(typing: Any, a: Any) -> Any:
    """All entries in one row."""
    kind = types.Array(a.dtype, 1, "C")

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        of = context.make_array(a)(context, builder, args[0])
        return view(context, builder, kind, of, of.data, [of.nitems])._getvalue()

    return kind(a), build


@intrinsics
def strided(typing: Any, a: Any) -> Any:
    """The same array, as one of any strides: code for such serves all layouts."""
    kind = types.Array(a.dtype, a.ndim, "A")

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        of = context.make_array(a)(context, builder, args[0])
        made = context.make_array(kind)(context, builder)
        populate_array(made, of.data, of.shape, of.strides, of.itemsize, None)
        return made._getvalue()

    return kind(a), build


@jit
def copy_strided(a: Array, out: Array) -> None:
    """A loop: Numba needs seconds to compile ``out[:] = a``."""
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            out[i, j] = a[i, j]


@macro
def copy(a: Array, out: Array) -> None:
    """Copy a matrix."""
    copy_strided(strided(a), strided(out))


@jit
def flush(a: Array) -> None:
    """0 for subnormal numbers: what vanishes would stay one, and slow some CPUs."""
    tiny = 1.1754943508222875e-38 if a.itemsize == 4 else 2.2250738585072014e-308
    for i in range(a.shape[0]):
        for j in range(a.shape[1]):
            if abs(a[i, j]) < tiny:
                a[i, j] = 0.0


@jit
def clear(out: Array) -> None:
    """Fill one row with zeros."""
    for j in range(out.shape[0]):
        out[j] = 0.0


@intrinsics
def noalias(typing: Any) -> Any:
    """Says that no two array arguments of this function overlap; they must not."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        for arg in builder.function.args:
            if isinstance(arg.type, ir.PointerType) and arg.name.startswith("arg."):
                arg.add_attribute("noalias")
        return context.get_dummy_value()

    return types.none(), build


# -- elementwise functions ----------------------------------------------------------------


@intrinsics
def power_of_two(typing: Any, shifted: Any) -> Any:
    """2**k, where k + 1.5 * 2**52 is given: k stands in the lowest bits."""

    def build(context: Any, builder: Any, signature: Any, args: Any) -> Any:
        i64 = ir.IntType(64)
        biased = builder.add(builder.bitcast(args[0], i64), i64(1023))
        return builder.bitcast(builder.shl(biased, i64(52)), ir.DoubleType())

    return types.float64(types.float64), build


@inlined
def exp_parts(x: float) -> tuple[float, float]:
    """A power of two s, and p, with exp(x) = s + s * p; for -708 <= x <= 709."""
    shifted = x * 1.4426950408889634 + 6755399441055744.0  # rounds x / log(2)
    k = shifted - 6755399441055744.0
    r = (x - k * 0.6931471803691238) - k * 1.9082149292705877e-10  # |r| <= log(2) / 2
    r2 = r * r
    q0 = 0.5000000000000001 + r * 0.16666666666666669
    q1 = 0.04166666666662413 + r * 0.008333333333330062
    q2 = 0.0013888888917213717 + r * 0.00019841269863053618
    q3 = 2.4801521295954376e-05 + r * 2.7557268459997064e-06
    q4 = 2.7620088445409746e-07 + r * 2.510038549551032e-08
    q = (q0 + r2 * q1) + (r2 * r2) * ((q2 + r2 * q3) + (r2 * r2) * q4)
    return power_of_two(shifted), r + r2 * q


@inlined
def exp(x: float) -> float:
    """The exponential; infinite above 709, 0 below -708."""
    s, p = exp_parts(min(max(x, -708.0), 709.0))
    return 0.0 if x < -708.0 else np.inf if x > 709.0 else s + s * p


@inlined
def sigmoid_pair(a: float) -> tuple[float, float]:
    """The sigmoid of a and of -a, its complement, by one exponential."""
    x = -abs(a)
    s, p = exp_parts(max(x, -708.0))
    e = s + s * p
    large = 1.0 / (1.0 + e)
    small = e * large
    return (large if a >= 0.0 else small), (small if a >= 0.0 else large)


@inlined
def sigmoid(a: float) -> float:
    """1 / (1 + exp(-a)), which keeps its relative accuracy where it is tiny."""
    return sigmoid_pair(a)[0]


@inlined
def tanh_pair(a: float) -> tuple[float, float]:
    """The tanh of a and its slope 1 - tanh(a)**2, by one exponential."""
    x = -2.0 * abs(a)
    s, p = exp_parts(max(x, -708.0))
    less = s * p
    e = s + less
    d = 1.0 / (1.0 + e)
    minus = (less + (s - 1.0)) * d  # -tanh(|a|), exact where x is tiny
    slope = 0.0 if x < -708.0 else 4.0 * e * (d * d)
    return (-minus if a > 0.0 else minus), slope


@inlined
def tanh(a: float) -> float:
    """The hyperbolic tangent."""
    return tanh_pair(a)[0]


@inlined
def tanh_slope(a: float) -> float:
    """1 - tanh(a)**2 as 4 e / (1 + e)**2 with e = exp(-2 |a|), without cancellation."""
    return tanh_pair(a)[1]


@inlined
def softplus(a: float) -> float:
    """log(1 + exp(a)), as max(a, 0) + log(1 + e) with e = exp(-|a|)."""
    e = exp(-abs(a))
    s = e / (2.0 + e)  # log(1 + e) = 2 artanh(s), and s <= 1/3
    w = s * s
    q = 1.0 / 33.0
    for k in range(31, 1, -2):
        q = 1.0 / k + w * q
    return max(a, 0.0) + 2.0 * (s + s * w * q)


@inlined
def relu(a: float) -> float:
    """max(a, 0)."""
    return max(a, 0.0)


@inlined
def step(a: float) -> float:
    """1 where a > 0, else 0."""
    return 1.0 if a > 0.0 else 0.0


# -- reductions of a row ------------------------------------------------------------------


@reordered
def total(a: Array) -> float:
    """The sum of all entries."""
    found = 0.0
    for j in range(a.shape[0]):
        found += a[j]
    return found


@jit
def largest(a: Array) -> float:
    """The largest entry."""
    found = a[0]
    for j in range(1, a.shape[0]):
        found = max(found, a[j])
    return found


@reordered
def logsumexp(a: Array) -> float:
    """log(sum(exp(a))), with the largest entry taken out of the sum."""
    top = largest(a)
    found = 0.0
    for j in range(a.shape[0]):
        found += exp(a[j] - top)
    return top + math.log(found)


@reordered
def softmax(a: Array, out: Array) -> None:
    """Put exp(a) / sum(exp(a)) into out, after the largest entry was subtracted."""
    top = largest(a)
    found = 0.0
    for j in range(a.shape[0]):
        e = exp(a[j] - top)
        out[j] = e
        found += e
    for j in range(a.shape[0]):
        out[j] /= found
