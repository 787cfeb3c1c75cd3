"""Oracles of more digits than float64 has: mpmath's numbers, and enclosures by python-flint.

Both run the equations on a tape of single numbers, sequence by sequence. Digits are doubled until
what they say is settled: for mpmath, until more digits change nothing; for balls, until the radius
is small. Sums over sequences are made of the sequences' own numbers, before anything is rounded.
"""

import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Any

import numpy as np

from gru_sym.derive.vjp import BAR
from gru_sym.verification.meaning import Meaning, Ranked
from gru_sym.verification.point import Point
from gru_sym.verification.tape import (
    Balls,
    Entry,
    Field,
    Floats,
    Tape,
    UndecidedError,
    library_of,
    mapped,
)
from gru_sym.verification.truth import NotRunError, Truth, stacked, where_real, within

__all__ = ["DIGITS", "SETTLED", "arb_enclosures", "mpmath_digits", "products"]

DIGITS = 50
"""Decimal digits of the first attempt."""

SETTLED = 1e-20
"""The relative distance, of each tensor, at which digits are enough: far below float64's."""

VANISHED = 700
"""Decimal digits after which nothing is left of what is 0; float64 goes down to 1e-308."""

_BITS = 200
"""Of balls at the first attempt, and a quarter for each step: a contracting cell loses few."""
_ATTEMPTS = 6
_MOST = 3e5
"""Products of single numbers, some seconds of mpmath; four times as many where nobody else can."""


@dataclass(frozen=True, eq=False)
class _Found:
    """Gradients as arrays of numbers, and values as floats."""

    gradients: Mapping[str, Any]
    values: Mapping[str, Any]


def mpmath_digits(point: Point) -> Truth:
    """mpmath, at 50 digits, or as many as it takes: twice as many must say the same.

    Raises:
        NotRunError: that would be too much work, or no number of digits is enough.
    """
    within(products(point), "mpmath", _MOST if importlib.util.find_spec("flint") else 4 * _MOST)

    def at(digits: int) -> _Found:
        with where_real():
            return _reversed(point, Floats(digits))

    found = at(DIGITS)
    for attempt in range(1, _ATTEMPTS):
        more = at(DIGITS << attempt)
        zero = DIGITS << attempt >= VANISHED
        settled = {n: _settled(found.gradients[n], bar, zero) for n, bar in more.gradients.items()}
        if all(bar is not None for bar in settled.values()):
            return Truth(settled, more.values)
        found = more
    raise NotRunError(f"{DIGITS << (_ATTEMPTS - 1)} digits do not settle the gradients")


def arb_enclosures(point: Point) -> Truth:
    """Balls that hold the true gradient of the numbers given, rigorously.

    Raises:
        NotRunError: python-flint is not installed, that would be too much work, or no number of
            digits is enough.
    """
    if importlib.util.find_spec("flint") is None:
        raise NotRunError("python-flint is not installed (pip install python-flint)")
    within(products(point), "python-flint", 20 * _MOST)
    import flint  # in an extra

    before, why = flint.ctx.prec, ""
    try:
        for attempt in range(_ATTEMPTS):
            flint.ctx.prec = _BITS + point.T // 4 << attempt
            try:
                found = _reversed(point, Balls())
                narrow = _narrow(found.gradients)
            except UndecidedError:
                why = "hold both sides of a kink"
                continue
            why = "are too wide"
            if narrow:
                return Truth(
                    {n: _middles(balls) for n, balls in found.gradients.items()},
                    found.values,
                    found.gradients,
                )
    finally:
        flint.ctx.prec = before
    raise NotRunError(f"balls of {_BITS + point.T // 4 << _ATTEMPTS - 1} bits {why} still")


def products(point: Point) -> float:
    """About how many products of single numbers one pass over the sequence takes."""
    weights = sum(array.size for array in point.params.values())
    values = sum(
        np.prod([sum(point.sizes[n] for n in dim) for dim in v.shape], initial=1.0)
        for v in point.cell.program.variables
        if len(v.shape) < 2
    )
    return point.T * point.B * (weights + 10 * float(values))


def _reversed(point: Point, field: Field) -> _Found:
    """One pass forward and one back, for each sequence, added up."""
    meaning = Meaning.of_cell(point.cell, point.sizes)
    shared: dict[str, Any] = {}
    apart: dict[str, list[Any]] = {}
    values = []
    for b in range(point.B):
        one = point.sequence(b)
        gradients, seen = _sequence(one, meaning, field)
        values.append(seen)
        for name, bar in gradients.items():
            if name.removesuffix(BAR) in point.params:
                shared[name] = bar + shared[name] if name in shared else bar
            else:
                apart.setdefault(name, []).append(bar)
    shared = {n: np.asarray(bar, object) for n, bar in shared.items()}  # a sum of single numbers
    whole = {n: np.concatenate(bars, axis=-2) for n, bars in apart.items()}
    found = {name: (shared | whole)[name] for name in point.gradients}
    return _Found(found, {n: np.concatenate([v[n] for v in values], axis=1) for n in values[0]})


def _sequence(one: Point, meaning: Meaning, field: Field) -> tuple[dict[str, Any], dict[str, Any]]:
    """The gradients of one sequence, as arrays of numbers, and its values."""
    tape = Tape(field)
    leaves = {name: tape.leaves(array) for name, array in one.moving.items()}
    arrays = dict(leaves)
    arrays |= {name: leaves[name][:, 0] for name in one.inputs}
    arrays |= {name: leaves[name][0] for name in one.states}
    steps = list(meaning.unroll(library_of(tape), one.cell, arrays, one.T))
    seeds: list[tuple[Any, Any]] = []
    for t, values in enumerate(steps):
        for output, after in one.outputs.items():
            bar = one.bars[output][t, 0]
            entries = np.broadcast_to(values[after].array, bar.shape)
            seeds += zip(
                entries.flat, (field.number(Fraction(float(w))) for w in bar.flat), strict=True
            )
    bars = tape.gradients(seeds)
    zero = field.number(Fraction(0))

    def gradient(entries: Any) -> Any:
        found = np.empty(entries.shape, object)
        for k, entry in np.ndenumerate(entries):
            bar = bars[entry.index]
            found[k] = zero if bar is None else bar
        return found

    def seen(value: Ranked) -> Ranked:
        return Ranked(_floats(mapped(value.array, _number)), value.rank)

    plain = ({n: seen(v) for n, v in values.items() if v.rank < 2} for values in steps)
    return {n + BAR: gradient(e) for n, e in leaves.items()}, stacked(one, plain)


def _number(entry: Any) -> Any:
    return entry.value if isinstance(entry, Entry) else entry


def _floats(array: Any) -> Any:
    """The nearest floats; of a ball, of its middle."""
    found = mapped(array, lambda a: float(a.mid()) if hasattr(a, "mid") else float(a))
    return np.asarray(found, dtype=np.float64)


def _settled(found: Any, more: Any, zero: bool) -> Any:
    """The nearest floats where more digits have changed nothing; None where they have.

    What vanishes the more digits there are is 0, but for that there have to be many: ``1 - z`` of a
    saturated gate is 0 to fifty digits, and is not 0.
    """
    size, before = (max((abs(a) for a in array.flat), default=0) for array in (more, found))
    if size <= SETTLED * before:
        return np.zeros(more.shape) if zero else None
    moved = max(abs(a - b) for a, b in zip(found.flat, more.flat, strict=True))
    return _floats(more) if moved < SETTLED * size else None


def _middles(balls: Any) -> Any:
    """The nearest floats to the middles; 0 where all of a gradient is around 0."""
    if all(a.contains(0) for a in balls.flat):
        return np.zeros(balls.shape)
    return _floats(balls)


def _narrow(balls: Mapping[str, Any]) -> bool:
    """Whether all balls are small beside the largest entry of their gradient.

    Those of a gradient that is 0 are never, but they are small beside all others.
    """
    widest = {name: max((a.rad() for a in b.flat), default=0) for name, b in balls.items()}
    largest = {name: max((abs(a.mid()) for a in b.flat), default=0) for name, b in balls.items()}
    every = max(largest.values(), default=0)
    for name, radius in widest.items():
        if not radius <= SETTLED * largest[name]:
            around_zero = all(a.contains(0) for a in balls[name].flat)
            if not (around_zero and radius * 10**VANISHED <= every):
                return False
    return True
