"""Nested lists of numbers, checked and converted, whatever the numbers are; copied like the rest.

A module for other numbers has its own ``number`` and ``Vector`` in the place of mpmath's.
"""

import random
from collections.abc import Sequence
from itertools import count
from typing import Any

from gru_sym.codegen.backends.helpers_mpmath import Vector, number

__all__ = [
    "by_name",
    "drawn",
    "flat",
    "moved",
    "rows",
    "scalars",
    "sequences",
    "vector",
]


def vector(values: Sequence[Any], n: int) -> Vector:
    """A list of n numbers."""
    if len(values) != n:
        raise ValueError(f"{len(values)} numbers, not {n}")
    return [number(value) for value in values]


def rows(vectors: Sequence[Any], m: int, n: int) -> list[Vector]:
    """A list of m lists of n numbers."""
    if len(vectors) != m:
        raise ValueError(f"{len(vectors)} rows, not {m}")
    return [vector(values, n) for values in vectors]


def sequences(steps: Sequence[Any], T: int, B: int, n: int) -> list[list[Vector]]:
    """T lists of B lists of n numbers."""
    if len(steps) != T:
        raise ValueError(f"{len(steps)} steps, not {T}")
    return [rows(vectors, B, n) for vectors in steps]


def scalars(steps: Sequence[Any], T: int, B: int) -> list[list[Vector]]:
    """T lists of B lists of one number each; the innermost brackets may be absent."""
    lists = [[a if isinstance(a, list) else [a] for a in row] for row in steps]
    return sequences(lists, T, B, 1)


def by_name(steps: Sequence[dict[str, Any]], T: int, B: int) -> dict[str, Any]:
    """Name → T lists of B values, from the values of each step and sequence."""
    return {
        name: [[values[name] for values in steps[t * B : t * B + B]] for t in range(T)]
        for name in steps[0]
    }


def drawn(rng: random.Random, *shape: int) -> Any:
    """Random numbers in nested lists of this shape."""
    if not shape:
        return number(rng.gauss(0, 1))
    return [drawn(rng, *shape[1:]) for _ in range(shape[0])]


def flat(value: Any) -> list[Any]:
    """The numbers of nested lists, in order."""
    if not isinstance(value, list):
        return [value]
    return [number for part in value for number in flat(part)]


def moved(value: Any, k: int, by: Any) -> Any:
    """The same nested lists, with the k-th number moved."""
    places = count()

    def copy(part: Any) -> Any:
        if isinstance(part, list):
            return [copy(item) for item in part]
        return part + by if next(places) == k else part

    return copy(value)
