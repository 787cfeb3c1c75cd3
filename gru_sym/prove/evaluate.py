"""Expressions evaluated in exact numbers: fractions where they stay rational, else enclosures.

Arrays are NumPy arrays of objects, so that one evaluator serves both kinds of number.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from dataclasses import field as dataclass_field
from fractions import Fraction
from typing import Any, Protocol

import mpmath
import numpy as np
import sympy as sp

from gru_sym.algebra.expr import Dim, Shape, Size, Var, shape_of
from gru_sym.algebra.monomials import Poly
from gru_sym.algebra.nodes import (
    Concat,
    LogSumExp,
    MatVec,
    Outer,
    Slice,
    Softmax,
    Total,
    Transpose,
)
from gru_sym.algebra.normal import At
from gru_sym.algebra.poly import Base, Ring
from gru_sym.algebra.rules import Elementwise

__all__ = [
    "Enclosures",
    "Field",
    "Floats",
    "Fractions",
    "OutsideError",
    "evaluate",
    "evaluate_entries",
    "extent",
]

Array = Any
PRECISION = 200
"""Bits of the enclosures."""
MAX_BITS = 20_000
"""Bits of a fraction: what is larger is outside."""
MAX_ARGUMENT = 2_000
"""Bits before the point of an enclosed argument: exp, sin and cos compute with as many more."""
MAX_EXPONENT_BITS = 10_000
"""Bits of an enclosure's binary exponent, before it is raised to a power."""


class OutsideError(Exception):
    """The value is not in this kind of number, or not defined, at this point."""


class Field(Protocol):
    """A kind of number."""

    def number(self, value: Fraction) -> Any:
        """The number itself."""
        ...

    def power(self, value: Any, exponent: Fraction) -> Any:
        """A rational power."""
        ...

    def apply(self, name: str, value: Any) -> Any:
        """An activation of the language."""
        ...


@dataclass(frozen=True)
class Fractions:
    """Exact rational numbers; an irrational value is outside."""

    def number(self, value: Fraction) -> Fraction:
        """The number itself."""
        return value

    def power(self, value: Fraction, exponent: Fraction) -> Fraction:
        """An integer power."""
        if exponent.denominator != 1 or (value == 0 and exponent < 0):
            raise OutsideError
        if _bits(value) * abs(exponent.numerator) > MAX_BITS:
            raise OutsideError
        return value**exponent.numerator

    def apply(self, name: str, value: Fraction) -> Fraction:
        """The functions step, relu and abs, but at 0; all others are irrational."""
        if value == 0:  # a kink: what is claimed of these functions is claimed elsewhere
            raise OutsideError
        match name:
            case "step":
                return Fraction(value > 0)
            case "relu":
                return max(value, Fraction(0))
            case "abs":
                return abs(value)
        raise OutsideError


@dataclass(frozen=True)
class Enclosures:
    """Intervals that hold the true value for certain (mpmath's ``iv``)."""

    def number(self, value: Fraction) -> Any:
        """The tightest enclosure of the number."""
        return mpmath.iv.mpf(value.numerator) / value.denominator

    def power(self, value: Any, exponent: Fraction) -> Any:
        """A rational power; a root of what may be negative is outside."""
        if exponent < 0 and 0 in value:
            raise OutsideError
        if _magnitude(value).bit_length() > MAX_EXPONENT_BITS:
            raise OutsideError
        if exponent.denominator == 1:
            return value**exponent.numerator
        if not value.a > 0:
            raise OutsideError
        return mpmath.iv.exp(mpmath.iv.log(value) * self.number(exponent))

    def apply(self, name: str, value: Any) -> Any:
        """Any activation of the language."""
        iv = mpmath.iv
        if name not in {"log", "relu", "abs", "step"} and _magnitude(value) > MAX_ARGUMENT:
            raise OutsideError
        match name:
            case "sigmoid":
                return 1 / (1 + iv.exp(-value))
            case "tanh":
                return 1 - 2 / (1 + iv.exp(2 * value))
            case "softplus":
                return iv.log(1 + iv.exp(value))
            case "exp" | "sin" | "cos":
                return getattr(iv, name)(value)
            case "log":
                if not value.a > 0:
                    raise OutsideError
                return iv.log(value)
        if value.a <= 0 <= value.b:
            raise OutsideError
        positive = bool(value.a > 0)
        if name == "step":
            return iv.mpf(positive)
        if name == "relu":
            return value if positive else iv.mpf(0)
        return value if positive else -value


@dataclass(frozen=True)
class Floats:
    """Plain double precision, to find out quickly what is surely not equal."""

    def number(self, value: Fraction) -> float:
        """The nearest double."""
        return float(value)

    def power(self, value: float, exponent: Fraction) -> float:
        """A rational power."""
        if (value < 0 and exponent.denominator != 1) or (value == 0 and exponent < 0):
            raise OutsideError
        return float(value ** float(exponent))

    def apply(self, name: str, value: float) -> float:
        """Any activation of the language."""
        match name:
            case "sigmoid":
                return 1 / (1 + math.exp(-value))
            case "softplus":
                return math.log1p(math.exp(value))
            case "step":
                return float(value > 0)
            case "relu":
                return max(value, 0.0)
            case "abs":
                return abs(value)
        if name == "log" and value <= 0:
            raise OutsideError
        return float(getattr(math, name)(value))


def extent(dim: Dim, sizes: Mapping[str, int]) -> int:
    """The number of entries along a dimension."""
    return sum(sizes[name] for name in dim)


def evaluate(
    expr: sp.Expr, shape: Shape, values: Mapping[Var, Array], sizes: Mapping[str, int], field: Field
) -> Array:
    """The value of an expression as an array of objects of this shape.

    Args:
        expr: the expression.
        shape: the shape in which it stands; a scalar is broadcast to it.
        values: the value of each variable that occurs.
        sizes: the number of entries along each dimension.
        field: the kind of number.

    Raises:
        OutsideError: the value is not in this field, or not defined here.
    """
    memo: dict[sp.Expr, Array] = {}

    def lift(function: Callable[[Any], Any], array: Array) -> Array:
        out = np.empty(array.shape, dtype=object)
        for place, entry in np.ndenumerate(array):
            out[place] = function(entry)
        return out

    def full(expr: sp.Expr, shape: Shape) -> Array:
        lengths = tuple(extent(dim, sizes) for dim in shape)
        return np.broadcast_to(value(expr), lengths)

    def value(expr: sp.Expr) -> Array:
        if expr not in memo:
            memo[expr] = compute(expr)
        return memo[expr]

    def compute(expr: sp.Expr) -> Array:
        if isinstance(expr, Var):
            return values[expr]
        if isinstance(expr, Size):
            return _scalar(field.number(Fraction(sizes[str(expr.name)])))
        if isinstance(expr, sp.Rational):
            return _scalar(field.number(Fraction(int(expr.p), int(expr.q))))
        if isinstance(expr, sp.Add | sp.Mul):
            total = value(expr.args[0])
            for arg in expr.args[1:]:
                other = value(arg)
                both = total + other if isinstance(expr, sp.Add) else total * other
                total = _held(_array(both))
            return total
        if isinstance(expr, sp.Pow):
            exponent = Fraction(int(expr.exp.p), int(expr.exp.q))
            return lift(lambda v: field.power(v, exponent), value(expr.base))
        if isinstance(expr, Elementwise):
            return lift(lambda v: field.apply(expr.func.__name__, v), value(expr.args[0]))
        return node(expr)

    def node(expr: sp.Expr) -> Array:
        match expr:
            case Transpose():
                return value(expr.args[0]).T
            case MatVec():
                matrix, vector = expr.args
                columns = shape_of(matrix)[1:]
                return _held(_array(value(matrix).dot(full(vector, columns))))
            case Outer():
                left, right, dims = expr.args
                rows, columns = full(left, dims.shape[:1]), full(right, dims.shape[1:])
                return _held(_array(np.multiply.outer(rows, columns)))
            case Total():
                return _held(_scalar(full(expr.args[0], expr.summed).sum()))
            case Concat():
                return np.concatenate(
                    [
                        full(item, (*expr.shape[:-1], dim))
                        for item, dim in zip(expr.operands, expr.blocks, strict=True)
                    ],
                    axis=-1,
                )
            case Slice():
                start, stop = (extent(expr.whole[-1][:k], sizes) for k in expr.bounds)
                return full(expr.args[0], expr.whole)[..., start:stop]
            case Softmax():
                exps = lift(lambda v: field.apply("exp", v), full(expr.args[0], expr.shape))
                return _array(exps * field.power(exps.sum(), Fraction(-1)))
            case LogSumExp():
                exps = lift(lambda v: field.apply("exp", v), full(expr.args[0], expr.summed))
                return _scalar(field.apply("log", exps.sum()))
        raise AssertionError(f"no value for {type(expr).__name__}")

    return full(expr, shape)


def evaluate_entries(
    ring: Ring,
    polys: Mapping[At, Poly],
    shape: Shape,
    values: Mapping[Var, Array],
    sizes: Mapping[str, int],
    field: Field,
) -> Array:
    """The array whose entries are given, for each combination of blocks, by a polynomial."""
    arrays = {str(v.name): (v.shape, array) for v, array in values.items()}
    out = np.empty(tuple(extent(dim, sizes) for dim in shape), dtype=object)
    entries = _Entries(ring, arrays, sizes, field)
    for at, poly in polys.items():
        starts = [extent(dim[:block], sizes) for dim, (_, block) in zip(shape, at, strict=True)]
        lengths = [sizes[dim[block]] for dim, (_, block) in zip(shape, at, strict=True)]
        for place in np.ndindex(*lengths):
            free = {index: k for (index, _), k in zip(at, place, strict=True)}
            where = tuple(s + k for s, k in zip(starts, place, strict=True))
            out[where] = entries.value(poly, free)
    return out


@dataclass(frozen=True)
class _Entries:
    """Evaluates polynomials in entries, sums over indices written out."""

    ring: Ring
    arrays: Mapping[str, tuple[Shape, Array]]
    sizes: Mapping[str, int]
    field: Field
    # The same sum stands in many terms: each is taken once at each place.
    known: dict[tuple[int, tuple[int, ...]], Any] = dataclass_field(default_factory=dict)

    def value(self, poly: Poly, free: Mapping[int, int]) -> Any:
        total = self.field.number(Fraction(0))
        for monomial, coefficient in poly.items():
            bound = {
                k: self.sizes[dim]
                for b, i, _ in monomial
                for k, dim in zip(i, self.ring.bases[b].dims, strict=True)
                if k >= 0
            }
            for place in np.ndindex(*bound.values()):
                at = {**free, **dict(zip(bound, place, strict=True))}
                term = self.field.number(Fraction(coefficient))
                for b, i, e in monomial:
                    entry = self._entry(b, tuple(at[k] for k in i))
                    term = term * self.field.power(entry, Fraction(e))
                total = total + term
        return total

    def _entry(self, number: int, place: tuple[int, ...]) -> Any:
        if (number, place) not in self.known:
            self.known[number, place] = self._base(self.ring.bases[number], place)
        return self.known[number, place]

    def _base(self, base: Base, place: tuple[int, ...]) -> Any:
        if base.kind == "size":
            return self.field.number(Fraction(self.sizes[base.name]))
        if base.kind == "var":
            shape, array = self.arrays[base.name]
            starts = (
                extent(dim[:block], self.sizes)
                for dim, block in zip(shape, base.content, strict=True)
            )
            return array[tuple(s + k for s, k in zip(starts, place, strict=True))]
        inner = self.value(dict(base.content), {-1 - n: k for n, k in enumerate(place)})
        return inner if base.kind == "sum" else self.field.apply(base.kind, inner)


def _held(array: Array) -> Array:
    """The array itself, if its fractions are not too large to go on with."""
    # Over n lines, each the product of two before it, the digits grow by 2**n.
    if any(isinstance(entry, Fraction) and _bits(entry) > MAX_BITS for entry in array.flat):
        raise OutsideError
    return array


def _bits(value: Fraction) -> int:
    return max(value.numerator.bit_length(), value.denominator.bit_length())


def _magnitude(interval: Any) -> int:
    """The binary exponent of the end that is farther from 0; that of 0 is 0."""
    ends = [mpmath.mag(end) for end in (interval.a, interval.b) if end != 0]
    if not all(isinstance(end, int) for end in ends):  # infinite
        raise OutsideError
    return max(ends, default=0)


def _scalar(number: Any) -> Array:
    array = np.empty((), dtype=object)
    array[()] = number
    return array


def _array(value: Any) -> Array:
    """NumPy turns an operation on 0-dimensional arrays into its entry: wrap it again."""
    return value if isinstance(value, np.ndarray) else _scalar(value)
