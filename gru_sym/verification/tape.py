"""Reverse accumulation over single numbers, of any kind: the plainest way to a gradient.

A tape notes each operation with its partial derivatives and is then read backwards (Wengert 1964,
doi:10.1145/355586.364791; Linnainmaa 1970). The only rules are those of sums, products, quotients,
powers, exp, log, sin and cos of numbers. All functions of the language are written out in these,
and matrices exist as sums of products alone, so that nothing here resembles what is verified.

The numbers may be mpmath's, of as many digits as asked for, or the balls of python-flint, each a
rigorous enclosure.
"""

from collections.abc import Callable, Iterable, Sequence
from fractions import Fraction
from types import MappingProxyType
from typing import Any, Protocol

import numpy as np

from gru_sym.verification.meaning import Library

__all__ = [
    "Balls",
    "Entry",
    "Field",
    "Floats",
    "OutsideError",
    "Tape",
    "UndecidedError",
    "library_of",
    "mapped",
]


class UndecidedError(Exception):
    """A ball holds both sides of a kink: more digits are needed."""


class OutsideError(Exception):
    """A logarithm or a root of what is not positive: the cell has no real value there."""


class Field(Protocol):
    """A kind of number, or of entries on a tape, with its elementary functions."""

    def number(self, value: Fraction) -> Any:
        """An exact number, as near as this kind has it."""

    def exp(self, a: Any) -> Any:
        """The exponential."""

    def log(self, a: Any) -> Any:
        """The natural logarithm of what is positive."""

    def sin(self, a: Any) -> Any:
        """The sine."""

    def cos(self, a: Any) -> Any:
        """The cosine."""

    def power(self, a: Any, exponent: Fraction) -> Any:
        """A rational power; of what is positive, where it is not whole."""

    def positive(self, a: Any) -> bool:
        """Whether a > 0."""

    def dot(self, a: Sequence[Any], b: Sequence[Any]) -> Any:
        """Σ a_j b_j."""


class Floats:
    """mpmath's floating numbers, of a fixed number of decimal digits."""

    def __init__(self, digits: int) -> None:
        import mpmath

        self.context = mpmath.MPContext()
        self.context.dps = digits
        self.exp = self.context.exp
        self.sin, self.cos = self.context.sin, self.context.cos
        self.dot = self.context.fdot

    def number(self, value: Fraction) -> Any:
        return self.context.mpf(value.numerator) / value.denominator

    def log(self, a: Any) -> Any:
        return self.context.log(_positive(a))

    def power(self, a: Any, exponent: Fraction) -> Any:
        if exponent.denominator == 1:
            return a**exponent.numerator
        return _positive(a) ** self.number(exponent)

    def positive(self, a: Any) -> bool:
        return bool(a > 0)


def _positive(a: Any) -> Any:
    if a > 0:
        return a
    raise OutsideError


class Balls:
    """python-flint's balls; the caller holds ``flint.ctx.prec``."""

    def __init__(self) -> None:
        import flint  # in an extra

        self._ball = flint.arb

    def number(self, value: Fraction) -> Any:
        return self._ball(value.numerator) / value.denominator

    def exp(self, a: Any) -> Any:
        return a.exp()

    def log(self, a: Any) -> Any:
        return a.log()

    def sin(self, a: Any) -> Any:
        return a.sin()

    def cos(self, a: Any) -> Any:
        return a.cos()

    def power(self, a: Any, exponent: Fraction) -> Any:
        return a**exponent.numerator if exponent.denominator == 1 else a ** self.number(exponent)

    def positive(self, a: Any) -> bool:
        if a > 0:
            return True
        if a <= 0:
            return False
        raise UndecidedError

    def dot(self, a: Sequence[Any], b: Sequence[Any]) -> Any:
        return sum(x * y for x, y in zip(a, b, strict=True))


class Entry:
    """A number on a tape; beside an array of them, the array has the say."""

    __slots__ = ("index", "tape", "value")

    def __init__(self, tape: "Tape", value: Any, index: int) -> None:
        self.tape, self.value, self.index = tape, value, index

    def __add__(self, other: Any) -> "Entry":
        if isinstance(other, Entry):
            return self.tape.note(self.value + other.value, ((self.index, 1), (other.index, 1)))
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self.tape.note(self.value + other, ((self.index, 1),))

    def __sub__(self, other: Any) -> "Entry":
        if isinstance(other, Entry):
            return self.tape.note(self.value - other.value, ((self.index, 1), (other.index, -1)))
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self.tape.note(self.value - other, ((self.index, 1),))

    def __rsub__(self, other: Any) -> "Entry":
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self.tape.note(other - self.value, ((self.index, -1),))

    def __neg__(self) -> "Entry":
        return self.tape.note(-self.value, ((self.index, -1),))

    def __mul__(self, other: Any) -> "Entry":
        if isinstance(other, Entry):
            links = ((self.index, other.value), (other.index, self.value))
            return self.tape.note(self.value * other.value, links)
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self.tape.note(self.value * other, ((self.index, other),))

    def __truediv__(self, other: Any) -> "Entry":
        if isinstance(other, Entry):
            value = self.value / other.value
            links = ((self.index, 1 / other.value), (other.index, -value / other.value))
            return self.tape.note(value, links)
        if isinstance(other, np.ndarray):
            return NotImplemented
        return self.tape.note(self.value / other, ((self.index, self.tape.one / other),))

    def __rtruediv__(self, other: Any) -> "Entry":
        if isinstance(other, np.ndarray):
            return NotImplemented
        value = other / self.value
        return self.tape.note(value, ((self.index, -value / self.value),))

    __radd__, __rmul__ = __add__, __mul__


class Tape:
    """What was computed, in order; itself a :class:`Field`, whose numbers are entries on it.

    Args:
        field: the numbers.
    """

    def __init__(self, field: Field) -> None:
        self.field = field
        self.one = field.number(Fraction(1))
        self.links: list[Sequence[tuple[int, Any]]] = []

    def note(self, value: Any, links: Sequence[tuple[int, Any]] = ()) -> Entry:
        """A new entry; ``links`` holds (index, partial derivative) of each one before."""
        self.links.append(links)
        return Entry(self, value, len(self.links) - 1)

    def leaves(self, array: Any) -> Any:
        """An array of floats as an array of new entries, each exactly the float."""
        entries = [self.note(self.number(Fraction(float(a)))) for a in array.flat]
        return _array(entries, array.shape)

    def gradients(self, seeds: Iterable[tuple[Any, Any]]) -> list[Any]:
        """∂L/∂entry for every entry, L = Σ weight · entry; None where L does not depend on it.

        Args:
            seeds: (entry, weight); what is no entry is a constant.
        """
        bars: list[Any] = [None] * len(self.links)
        for entry, weight in seeds:
            if isinstance(entry, Entry):
                _add(bars, entry.index, weight)
        for index in range(len(bars) - 1, -1, -1):
            bar = bars[index]
            if bar is not None:
                for before, slope in self.links[index]:
                    _add(bars, before, bar * slope)
        return bars

    # -- as a field ----------------------------------------------------------------------------

    def number(self, value: Fraction) -> Any:
        """A constant needs no entry."""
        return self.field.number(value)

    def exp(self, a: Any) -> Any:
        if not isinstance(a, Entry):
            return self.field.exp(a)
        value = self.field.exp(a.value)
        return self.note(value, ((a.index, value),))

    def log(self, a: Any) -> Any:
        if not isinstance(a, Entry):
            return self.field.log(a)
        return self.note(self.field.log(a.value), ((a.index, 1 / a.value),))

    def sin(self, a: Any) -> Any:
        if not isinstance(a, Entry):
            return self.field.sin(a)
        return self.note(self.field.sin(a.value), ((a.index, self.field.cos(a.value)),))

    def cos(self, a: Any) -> Any:
        if not isinstance(a, Entry):
            return self.field.cos(a)
        return self.note(self.field.cos(a.value), ((a.index, -self.field.sin(a.value)),))

    def power(self, a: Any, exponent: Fraction) -> Any:
        if not isinstance(a, Entry):
            return self.field.power(a, exponent)
        if not exponent:
            return self.one
        slope = self.number(exponent) * self.field.power(a.value, exponent - 1)
        return self.note(self.field.power(a.value, exponent), ((a.index, slope),))

    def positive(self, a: Any) -> bool:
        return self.field.positive(a.value if isinstance(a, Entry) else a)

    def dot(self, a: Sequence[Any], b: Sequence[Any]) -> Any:
        pairs = list(zip(a, b, strict=True))
        left, right = ([_number(e) for e in side] for side in (a, b))
        links = [(x.index, _number(y)) for x, y in pairs if isinstance(x, Entry)]
        links += [(y.index, _number(x)) for x, y in pairs if isinstance(y, Entry)]
        value = self.field.dot(left, right)
        return self.note(value, links) if links else value


def _number(entry: Any) -> Any:
    return entry.value if isinstance(entry, Entry) else entry


def _add(bars: list[Any], index: int, more: Any) -> None:
    bars[index] = more if bars[index] is None else bars[index] + more


def library_of(field: Field) -> Library:
    """Arrays of single numbers, each function of the language by its definition.

    The arrays have no axes in front: one sequence at a time.
    """
    one, half, sixth = (field.number(Fraction(1, n)) for n in (1, 2, 6))

    def sigmoid(a: Any) -> Any:
        return one / (one + field.exp(-a))

    def relu(a: Any) -> Any:
        return a if field.positive(a) else a * 0

    functions = {
        "sigmoid": sigmoid,
        "tanh": lambda a: one - (one + one) / (one + field.exp(a + a)),
        "exp": field.exp,
        "log": field.log,
        "sqrt": lambda a: field.power(a, Fraction(1, 2)),
        "softplus": lambda a: field.log(one + field.exp(a)),
        "sin": field.sin,
        "cos": field.cos,
        "relu": relu,
        "step": lambda a: one if field.positive(a) else one - one,
        "abs": lambda a: relu(a) + relu(-a),
        "hard_sigmoid": lambda a: relu(a * sixth + half) - relu(a * sixth - half),
    }

    def exps(a: Any) -> Any:
        return _each(field.exp)(a)

    def matvec(matrix: Any, vector: Any) -> Any:
        column = list(vector)
        return _array([field.dot(list(row), column) for row in matrix], (len(matrix),))

    return Library(
        number=field.number,
        functions=MappingProxyType({name: _each(f) for name, f in functions.items()}),
        power=lambda a, exponent: _each(lambda entry: field.power(entry, exponent))(a),
        matvec=matvec,
        concatenate=lambda arrays: np.concatenate(arrays, axis=-1),
        broadcast=_broadcast,
        softmax=lambda a: exps(a) / exps(a).sum(),
        logsumexp=lambda a: field.log(exps(a).sum()),
    )


def _each(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function of a number, for a number or for each entry of an array."""
    return lambda array: mapped(array, function)


def mapped(array: Any, function: Callable[[Any], Any]) -> Any:
    """An array of what a function makes of each entry, whatever that is; of a number, its value."""
    if not isinstance(array, np.ndarray):
        return function(array)
    return _array([function(entry) for entry in array.flat], array.shape)


def _array(entries: list[Any], shape: tuple[int, ...]) -> Any:
    array = np.empty(len(entries), object)
    array[:] = entries
    return array.reshape(shape)


def _broadcast(array: Any, shape: tuple[int, ...]) -> Any:
    if not isinstance(array, np.ndarray):
        array = _array([array], ())
    return np.broadcast_to(array, shape)
