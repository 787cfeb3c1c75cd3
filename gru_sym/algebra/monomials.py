"""Monomials: factors with indices, and what can be done with them without a ring.

A factor is (base, indices, exponent). A free index is a negative number; a bound index, 0, 1, …, is
summed over.
"""

from collections.abc import Iterable
from fractions import Fraction
from typing import Any

__all__ = [
    "Factor",
    "Monomial",
    "Number",
    "Poly",
    "PolyKey",
    "accumulate",
    "bound_count",
    "has_bound",
    "key_of",
    "placed",
    "plain",
    "refined",
    "shifted",
    "without",
]

Number = int | Fraction
Factor = tuple[int, tuple[int, ...], Number]
Monomial = tuple[Factor, ...]
Poly = dict[Monomial, Number]
PolyKey = tuple[tuple[Monomial, Number], ...]


def key_of(poly: Poly) -> PolyKey:
    """The polynomial as a sorted tuple."""
    return tuple(sorted(poly.items()))


def bound_count(factors: Iterable[Factor]) -> int:
    """One more than the largest bound index."""
    return 1 + max((k for _, i, _ in factors for k in i if k >= 0), default=-1)


def has_bound(monomial: Iterable[Factor]) -> bool:
    """Whether an index is summed over."""
    return any(k >= 0 for _, i, _ in monomial for k in i)


def plain(value: Number) -> Number:
    """An integer as one."""
    return value.numerator if isinstance(value, Fraction) and value.denominator == 1 else value


def accumulate(total: Poly, poly: Poly) -> None:
    """Add a polynomial to a total, in place."""
    for m, c in poly.items():
        value = total.get(m, 0) + c
        if value:
            total[m] = plain(value)
        else:
            total.pop(m, None)


def shifted(indices: tuple[int, ...], shift: int) -> tuple[int, ...]:
    """The indices, the bound ones called by higher numbers."""
    return tuple(k + shift if k >= 0 else k for k in indices)


_INNER = 1_000_000


def placed(
    monomial: Monomial, indices: tuple[int, ...], shift: int, *, inner: bool = False
) -> list[Factor]:
    """A monomial of a content at these indices; its own bound ones shifted (or marked inner)."""
    offset = _INNER if inner else shift
    return [
        (b, tuple(k + offset if k >= 0 else indices[-1 - k] for k in i), e) for b, i, e in monomial
    ]


def without(
    factors: list[Factor], pattern: list[Factor], busy: frozenset[int]
) -> list[Factor] | None:
    """The factors without those of a pattern, or None where the pattern does not divide them.

    An inner index of the pattern stands for a bound index of the factors that occurs nowhere else,
    and is not one of the ``busy`` ones.
    """
    if not pattern:
        return factors
    (b, want, e), rest = pattern[0], pattern[1:]
    for at, (base, have, exponent) in enumerate(factors):
        # x divides x² and 1/x divides 1/x²; that 1/x divides x, too, would lead on for ever
        if base != b or not (0 < e <= exponent or exponent <= e < 0):
            continue
        to: dict[int, int] = {}
        if not all(
            w == h or (w >= _INNER and h >= 0 and to.setdefault(w, h) == h)
            for w, h in zip(want, have, strict=True)
        ):
            continue
        left = factors[:at] + factors[at + 1 :]
        if exponent != e:
            left.append((base, have, plain(exponent - e)))
        # What an inner index stands for is taken: no other one may stand for it too.
        further = [(c, tuple(to.get(k, k) for k in i), x) for c, i, x in rest]
        result = without(left, further, busy | set(to.values()))
        taken = set(to.values())
        if result is None or len(taken) < len(to) or taken & busy:
            continue
        if not any(k in taken for _, i, _ in result for k in i):
            return result
    return None


def refined(factors: list[Factor], bound: list[int]) -> dict[int, Any]:
    """A colour for each bound index that does not depend on how it is called."""
    colours: dict[int, Any] = dict.fromkeys(bound, 0)
    for _ in range(len(bound)):
        signatures = {
            k: (
                colours[k],
                sorted(
                    (
                        b,
                        e,
                        tuple(
                            (1, 0) if j == k else (2, colours[j]) if j >= 0 else (0, j) for j in i
                        ),
                    )
                    for b, i, e in factors
                    if k in i
                ),
            )
            for k in bound
        }
        distinct = sorted({_frozen(s) for s in signatures.values()})
        new = {k: distinct.index(_frozen(s)) for k, s in signatures.items()}
        if len(set(new.values())) == len(set(colours.values())) and any(colours.values()):
            return new
        colours = new
        if len(distinct) == len(bound):
            return colours
    return colours


def _frozen(signature: tuple[Any, list[Any]]) -> tuple[Any, ...]:
    return (signature[0], tuple(signature[1]))
