"""Polynomials in entries of arrays, with sums over indices: the arithmetic of the normal form.

A monomial is a product of factors (base, indices, exponent). A base is an entry of a variable
(``U[i, j]``) or of a function of other polynomials (``exp(a[i])``). A free index is a negative
number; a bound index, 0, 1, …, is summed over. Bound indices carry no names: every monomial is
relabelled canonically, so that equal sums are equal dictionaries.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import permutations, product
from math import factorial, prod
from typing import Any

from gru_sym.algebra.monomials import (
    Factor,
    Monomial,
    Number,
    Poly,
    PolyKey,
    accumulate,
    bound_count,
    has_bound,
    key_of,
    placed,
    plain,
    refined,
    shifted,
    without,
)

__all__ = ["Base", "Ring", "TooLargeError"]

MAX_TERMS = 5_000
MAX_PRODUCTS = 200_000
"""Pairs of terms in one multiplication: that many take a few seconds."""
MAX_RELABELLINGS = 5_040
MAX_WORK = 100_000
"""Monomials made, counting each relabelling tried: a proof of a cell needs a few hundred."""


class TooLargeError(Exception):
    """The normal form grows beyond what is worth computing: the answer is "unproved"."""


@dataclass(frozen=True)
class Base:
    """What a factor is a power of.

    Attributes:
        kind: ``var``, ``size``, ``exp``, ``log``, ``sum`` (a polynomial as a whole), ``step``,
            ``sin`` or ``cos``.
        name: of the variable or the size.
        dims: the dimension that each index runs over.
        content: for a variable, which block of a joined dimension each index is in; for a function,
            its argument as a key with indices −1, −2, ….
    """

    kind: str
    name: str = ""
    dims: tuple[str, ...] = ()
    content: Any = ()


class Ring:
    """Arithmetic on polynomials over a growing set of bases."""

    def __init__(self) -> None:
        self.bases: list[Base] = []
        self._number: dict[Base, int] = {}
        self._temp = -1000
        self.allowance = MAX_WORK

    # -- making --------------------------------------------------------------------------------

    def number_of(self, base: Base) -> int:
        """The number that stands for a base."""
        if base not in self._number:
            self._number[base] = len(self.bases)
            self.bases.append(base)
        return self._number[base]

    def factor(self, base: Base, indices: tuple[int, ...] = (), exponent: Number = 1) -> Poly:
        """The polynomial ``base[indices] ** exponent``."""
        return self.normal([(self.number_of(base), indices, exponent)], 1)

    def constant(self, value: Number) -> Poly:
        """A number."""
        return {(): value} if value else {}

    def temporary(self) -> int:
        """A free index that nothing else uses."""
        self._temp -= 1
        return self._temp

    # -- arithmetic ----------------------------------------------------------------------------

    def add(self, *polys: Poly) -> Poly:
        """The sum."""
        total: Poly = {}
        for poly in polys:
            accumulate(total, poly)
        return total

    def scale(self, poly: Poly, number: Number) -> Poly:
        """A multiple."""
        return {m: plain(c * number) for m, c in poly.items()} if number else {}

    def subtract(self, p: Poly, q: Poly) -> Poly:
        """The difference."""
        return self.add(p, self.scale(q, -1))

    def multiply(self, p: Poly, q: Poly) -> Poly:
        """The product."""
        if len(p) * len(q) > MAX_PRODUCTS:
            raise TooLargeError
        total: Poly = {}
        for m, c in p.items():
            shift = bound_count(m)
            for n, d in q.items():
                factors = [*m, *((b, shifted(i, shift), e) for b, i, e in n)]
                accumulate(total, self.normal(factors, plain(c * d)))
            if len(total) > MAX_TERMS:
                raise TooLargeError
        return total

    def bind(self, poly: Poly, index: int, dim: str) -> Poly:
        """Sum over an index; where it does not occur, that is the size of its dimension."""
        total: Poly = {}
        size = (self.number_of(Base("size", dim)), (), 1)
        for m, c in poly.items():
            if any(index in i for _, i, _ in m):
                new = bound_count(m)
                factors = [(b, tuple(new if k == index else k for k in i), e) for b, i, e in m]
            else:
                factors = [*m, size]
            accumulate(total, self.normal(factors, c))
        return total

    def rename(self, poly: Poly, to: Mapping[int, int]) -> Poly:
        """Rename free indices."""
        total: Poly = {}
        for m, c in poly.items():
            factors = [(b, tuple(to.get(k, k) for k in i), e) for b, i, e in m]
            accumulate(total, self.normal(factors, c))
        return total

    def opened(self, monomial: Monomial) -> tuple[list[Factor], list[tuple[int, str]]]:
        """The factors with bound indices made free, and those indices with their dimensions."""
        to: dict[int, int] = {}
        dims = {}
        for b, i, _ in monomial:
            for k, dim in zip(i, self.bases[b].dims, strict=True):
                if k >= 0:
                    if k not in to:
                        to[k] = self.temporary()
                    dims[to[k]] = dim
        factors = [(b, tuple(to.get(k, k) for k in i), e) for b, i, e in monomial]
        return factors, list(dims.items())

    def close(self, poly: Poly, indices: Iterable[tuple[int, str]]) -> Poly:
        """Sum over several indices."""
        for index, dim in indices:
            poly = self.bind(poly, index, dim)
        return poly

    # -- functions of polynomials as bases -----------------------------------------------------

    def abstract(self, poly: Poly) -> tuple[PolyKey, tuple[int, ...], tuple[str, ...]]:
        """A polynomial as the content of a base: key, the free indices in order, their dims."""
        free: dict[int, str] = {}
        for m in poly:
            for b, i, _ in m:
                for k, dim in zip(i, self.bases[b].dims, strict=True):
                    if k < 0:
                        free[k] = dim
        best: tuple[PolyKey, tuple[int, ...]] | None = None
        for order in permutations(sorted(free, reverse=True)):
            key = key_of(self.rename(poly, {k: -1 - n for n, k in enumerate(order)}))
            if best is None or key < best[0]:
                best = (key, order)
        assert best is not None
        return best[0], best[1], tuple(free[k] for k in best[1])

    def instantiate(self, base: Base, indices: tuple[int, ...]) -> Poly:
        """The content of a function's base at these (free) indices."""
        return self.rename(dict(base.content), {-1 - n: k for n, k in enumerate(indices)})

    # -- normal monomials ----------------------------------------------------------------------

    def normal(self, factors: list[Factor], coefficient: Number) -> Poly:
        """A product of factors as a polynomial in normal form."""
        merged: dict[tuple[int, tuple[int, ...]], Number] = {}
        for b, i, e in factors:
            merged[b, i] = merged.get((b, i), 0) + e
        clean = [(b, i, plain(e)) for (b, i), e in merged.items() if e]
        for at, (b, i, e) in enumerate(clean):
            base = self.bases[b]
            rest = clean[:at] + clean[at + 1 :]
            if base.kind == "step" and e > 1:
                return self.normal([*rest, (b, i, 1)], coefficient)
            if base.kind == "cos" and e >= 2:
                sine = self.number_of(Base("sin", "", base.dims, base.content))
                rest.append((b, i, plain(e - 2)))
                return self.add(
                    self.normal(rest, coefficient),
                    self.normal([*rest, (sine, i, 2)], -coefficient),
                )
            if base.kind == "sum":
                if e >= 1:
                    left = [*rest, (b, i, plain(e - 1))]
                    return self._times(left, coefficient, base, i)
                if e < 0:
                    reduced = self._reduced(clean, at, coefficient)
                    reduced = reduced or self._lifted(clean, at, coefficient)
                    if reduced is not None:
                        return reduced
        return {self._relabelled(clean): coefficient}

    def _times(
        self, factors: list[Factor], coefficient: Number, base: Base, indices: tuple[int, ...]
    ) -> Poly:
        """The product with the content of a ``sum`` base at these indices."""
        shift = bound_count(factors)
        total: Poly = {}
        for m, c in base.content:
            more = placed(m, indices, shift)
            accumulate(total, self.normal([*factors, *more], plain(coefficient * c)))
        if len(total) > MAX_TERMS:
            raise TooLargeError
        return total

    def _reduced(self, factors: list[Factor], at: int, coefficient: Number) -> Poly | None:
        """L · P^−k → P^(1−k) − (P − L) · P^−k, where L is the leading term of P."""
        b, indices, e = factors[at]
        content: PolyKey = self.bases[b].content
        lead, lead_coefficient = max(content, key=lambda item: item[0][::-1])
        if not lead:
            return None
        pattern = placed(lead, indices, 0, inner=True)
        rest = without(factors[:at] + factors[at + 1 :], pattern, frozenset(indices))
        if rest is None:
            return None
        scale = plain(Fraction(coefficient) / lead_coefficient)
        total = self.normal([*rest, (b, indices, plain(e + 1))], scale)
        shift = bound_count(factors)
        for m, c in content:
            if m != lead:
                more = [*rest, (b, indices, e), *placed(m, indices, shift)]
                accumulate(total, self.normal(more, plain(-scale * c)))
        return total

    def _lifted(self, factors: list[Factor], at: int, coefficient: Number) -> Poly | None:
        """E^−j · P^−k → (E^−j · P^(1−k) − (P − c) · E^−j · P^−k) / c, partial fractions.

        That is where P is a number c plus powers of E: it lifts every negative power of E.
        """
        b, indices, e = factors[at]
        content = dict(self.bases[b].content)
        constant = content.pop((), None)
        if not constant or any(has_bound(m) for m in content):
            return None
        terms = [(placed(m, indices, 0), c) for m, c in content.items()]
        for base, i, exponent in factors:
            if exponent < 0 and self.bases[base].kind == "exp":
                if not all(any((base, i) == (n, k) and x > 0 for n, k, x in m) for m, _ in terms):
                    continue
                rest = factors[:at] + factors[at + 1 :]
                scale = plain(Fraction(coefficient) / constant)
                total = self.normal([*rest, (b, indices, plain(e + 1))], scale)
                for m, c in terms:
                    accumulate(total, self.normal([*factors, *m], plain(-scale * c)))
                return total
        return None

    def _relabelled(self, factors: list[Factor]) -> Monomial:
        """The factors sorted, with bound indices in canonical order."""
        bound = sorted({k for _, i, _ in factors for k in i if k >= 0})
        self._spend(1)
        if not bound:
            return tuple(sorted(factors))
        colours = refined(factors, bound)
        groups: dict[Any, list[int]] = {}
        for k in bound:
            groups.setdefault(colours[k], []).append(k)
        ordered = [groups[c] for c in sorted(groups)]
        choices = prod(factorial(len(g)) for g in ordered)
        if choices > MAX_RELABELLINGS:
            raise TooLargeError
        self._spend(choices)
        best: Monomial | None = None
        for choice in product(*(permutations(g) for g in ordered)):
            to = {k: n for n, k in enumerate(k for group in choice for k in group)}
            candidate = tuple(sorted((b, tuple(to.get(k, k) for k in i), e) for b, i, e in factors))
            if best is None or candidate < best:
                best = candidate
        assert best is not None
        return best

    def allow(self, steps: int = MAX_WORK) -> None:
        """Let so much work be done from now on before it is too much."""
        self.allowance = steps

    def _spend(self, steps: int) -> None:
        self.allowance -= steps
        if self.allowance < 0:
            raise TooLargeError
