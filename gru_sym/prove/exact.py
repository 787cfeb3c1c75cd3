"""Scalar expressions brought to a normal form in exact arithmetic, to see a difference vanish.

The expressions are plain SymPy: sums, products, rational powers, exp, log, sin, cos, steps. Their
normal form is a polynomial over symbols, exponentials and reciprocals, its coefficients rational.
An empty one shows that the expression vanishes. The converse does not hold: laws that join
different arguments, ``exp(a + b) = exp(a) exp(b)`` or ``sqrt(a b) = sqrt(a) sqrt(b)``, stay unused.
"""

import time
from collections.abc import Hashable, Iterable, Iterator
from fractions import Fraction
from functools import reduce
from typing import Any

import sympy as sp

__all__ = ["Exact", "UndecidedError"]

Packed = dict[int, Any]  # a polynomial: packed exponents → int or Fraction


class UndecidedError(Exception):
    """Why a comparison is given up: it is neither confirmed nor refuted."""


_BITS = 24  # of an exponent in a packed monomial
_HALF, _MASK = 1 << _BITS - 1, (1 << _BITS) - 1


class Exact:
    """Scalar expressions as polynomials over symbols, exponentials and reciprocals.

    Each generator has a field of bits; a monomial is the sum of its exponents, each shifted to its
    field, so that a product of monomials is a sum of integers. An exponent may be negative. A
    reciprocal of a polynomial p is a generator d with the rule that rewrites d times the leading
    monomial of p; a root and a step have theirs. Every rule is an identity: when a difference
    reduces to nothing, it is zero.

    Args:
        deadline: when to give up, on the clock of ``time.perf_counter``.
    """

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.fields: dict[Hashable, int] = {}
        self.bias = 0
        self.rules: list[tuple[tuple[tuple[int, int, int], ...], int, Packed]] = []
        self.bases: dict[int, Packed] = {}  # field of a reciprocal → what it is the reciprocal of
        self.roots: dict[Hashable, Packed] = {}  # a polynomial that has a root → its reciprocal
        self.known: dict[sp.Expr, Packed] = {}
        self.reduced: dict[int, Packed] = {}

    def check_time(self) -> None:
        """Go on only before the deadline.

        Raises:
            UndecidedError: it has passed.
        """
        if time.perf_counter() > self.deadline:
            raise UndecidedError("out of time")

    def change_coordinates(self, values: Iterable[sp.Expr]) -> None:
        """Make generators of as many values as can be.

        Where a value is c s + rest, with a symbol s that stands nowhere else so far and a monomial
        c, the value v becomes a coordinate in place of s = (v - rest) / c. The change can be
        undone wherever c is not 0, so that what vanishes after it vanished before; but a
        pre-activation is now one generator, and its powers one monomial each.
        """
        seen: set[sp.Symbol] = set()
        replaced: set[sp.Symbol] = set()
        for k, value in enumerate(values):
            fresh, seen = value.free_symbols - seen, seen | value.free_symbols
            terms = sp.Add.make_args(value)
            free = [term.free_symbols for term in terms]
            found = [
                (not slope.is_Number, str(s), s, slope, term)
                for term, here in zip(terms, free, strict=True)
                for s in fresh & here
                for slope in (term / s,)
                if sum(s in f for f in free) == 1
                and all(f.is_Symbol or f.is_Rational for f in sp.Mul.make_args(slope))
                and not slope.free_symbols & {s, *replaced}
            ]
            if found:
                *_, s, slope, term = min(found, key=lambda item: item[:2])
                rest = _sum([{self.generator(("value", k)): 1}, _scaled(self.of(value - term), -1)])
                self.known[s] = self.times(rest, self.reciprocal(self.of(slope)))
                replaced.add(s)

    def difference(self, left: sp.Expr, right: sp.Expr) -> Packed:
        """The normal form of ``left - right``: empty only where the two are equal.

        Raises:
            UndecidedError: out of time, or a function has no normal form here.
        """
        return _sum([self.of(left), _scaled(self.of(right), -1)])

    def of(self, expr: sp.Expr) -> Packed:
        """The normal form of an expression."""
        if expr not in self.known:
            self.check_time()
            self.known[expr] = self._of(expr)
        return self.known[expr]

    def _of(self, expr: sp.Expr) -> Packed:
        if expr.is_Rational:
            return _constant(Fraction(int(expr.p), int(expr.q)))
        if expr.is_Symbol or expr.is_NumberSymbol:
            return {self.generator(expr): 1}
        if isinstance(expr, sp.DiracDelta):
            return {}
        args = [self.of(arg) for arg in expr.args]
        if isinstance(expr, sp.Add):
            return _sum(args)
        if isinstance(expr, sp.Mul):
            return reduce(self.times, sorted(args, key=len))
        if isinstance(expr, sp.Pow) and expr.exp.is_Rational:
            n, root = int(expr.exp.p), int(expr.exp.q)
            return self.power(args[0] if root == 1 else self.root(args[0], root), n)
        smooth = not expr.args[0].has(sp.Heaviside)
        return self.function(expr.func, args[0], smooth=smooth)

    def function(self, func: Any, arg: Packed, *, smooth: bool = False) -> Packed:
        """A function of one argument, as a generator that knows sign and scale of the argument.

        The step of −a is 1 minus that of a but at a = 0, which a smooth argument meets hardly ever.
        """
        if not arg:
            if func is sp.log:
                raise UndecidedError("the logarithm of zero")
            return _constant(1) if func in (sp.exp, sp.cos) else {}
        lead = Fraction(arg[max(arg)])
        unit = _scaled(arg, 1 / lead)
        if func is sp.exp:
            return {self.generator((func, _key(unit), lead.denominator)) * lead.numerator: 1}
        if func is sp.log:
            return {self.generator((func, _key(arg))): 1}
        if func is sp.Heaviside:
            turned = lead < 0 and smooth
            step = self.generator((func, _key(_scaled(unit, 1 if lead > 0 or turned else -1))))
            self.ruled(step, 2, {step: 1})
            return _sum([_constant(1), {step: -1}]) if turned else {step: 1}
        if func in (sp.sin, sp.cos):
            size = _key(_scaled(arg, 1 if lead > 0 else -1))
            sine, cosine = self.generator((sp.sin, size)), self.generator((sp.cos, size))
            self.ruled(cosine, 2, {0: 1, 2 * sine: -1})
            return {cosine: 1} if func is sp.cos else {sine: 1 if lead > 0 else -1}
        raise UndecidedError(f"{func.__name__} is not handled")

    def generator(self, key: Hashable) -> int:
        """The monomial of a generator, a new one if the key is new."""
        if key not in self.fields:
            self.fields[key] = 1 << _BITS * len(self.fields)
            self.bias += _HALF * self.fields[key]
        return self.fields[key]

    def ruled(self, field: int, exponent: int, value: Packed) -> Packed:
        """The generator, with the rule that this power of it is ``value``."""
        needs = ((field.bit_length() - 1, 1, exponent),)
        if (needs, field * exponent, value) not in self.rules:
            self.rules.append((needs, field * exponent, value))
        return {field: 1}

    def exponents(self, monomial: int) -> Iterator[tuple[int, int]]:
        """Pairs (field, exponent), without those of exponent 0."""
        biased = monomial + self.bias
        for field in self.fields.values():
            exponent = (biased // field & _MASK) - _HALF
            if exponent:
                yield field, exponent

    def times(self, left: Packed, right: Packed) -> Packed:
        """The product in normal form."""
        if len(left) * len(right) > 10_000:
            self.check_time()
        out: Packed = {}
        for m, a in left.items():
            for n, b in right.items():
                out[m + n] = out.get(m + n, 0) + a * b
        return _sum([_scaled(self.normal(m), c) for m, c in out.items() if c])

    def normal(self, monomial: int) -> Packed:
        """The normal form of a monomial."""
        if monomial not in self.reduced:
            self.reduced[monomial] = self._normal(monomial)
        return self.reduced[monomial]

    def _normal(self, monomial: int) -> Packed:
        biased = monomial + self.bias
        for needs, lead, value in self.rules:
            if all(s * ((biased >> at & _MASK) - _HALF) >= least for at, s, least in needs):
                rest = monomial - lead
                return _sum([_scaled(self.normal(rest + m), c) for m, c in value.items()])
        return {monomial: 1}

    def power(self, base: Packed, exponent: int) -> Packed:
        """An integer power."""
        if exponent < 0:
            base = self.reciprocal(base)
        return reduce(self.times, [base] * abs(exponent), _constant(1))

    def root(self, base: Packed, degree: int) -> Packed:
        """The root of a polynomial: a generator whose power is the polynomial."""
        field = self.generator(("root", degree, _key(base)))
        self.roots.setdefault(_key(base), {-degree * field: 1})
        return self.ruled(field, degree, base)

    def reciprocal(self, base: Packed) -> Packed:
        """1 / p: a monomial, or a monomial times a generator."""
        if not base:
            raise UndecidedError("a division by zero")
        if _key(base) in self.roots:
            return self.roots[_key(base)]
        # Take out of p what all its terms share, so that what is left has no negative exponent.
        fields = [dict(self.exponents(m)) for m in base]
        shared = {f: min(e.get(f, 0) for e in fields) for f in {f for e in fields for f in e}}
        low = sum(f * e for f, e in shared.items())
        lead = base[max(base)]
        out = {-low: Fraction(1) / lead}
        for f, e in shared.items():
            if f in self.bases and e > 0:  # the reciprocal of a reciprocal is a polynomial
                out = self.times(
                    {m + f * e: c for m, c in out.items()}, self.power(self.bases[f], e)
                )
        rest = {m - low: Fraction(c) / lead for m, c in base.items()}
        if len(rest) == 1:
            return out
        key = ("reciprocal", _key(rest))
        new = key not in self.fields
        d = self.generator(key)
        if new:
            self.bases[d] = rest
            self.reciprocal_rules(d, rest)
        return self.times(out, {d: 1})

    def reciprocal_rules(self, d: int, base: Packed) -> None:
        """What d · p = 1 says of d times the leading monomial of p (and times a negative power)."""
        top = max(base)
        value = {0: 1, **{d + m: -c for m, c in base.items() if m != top}}
        at = d.bit_length() - 1
        powers = [(f.bit_length() - 1, 1, e) for f, e in self.exponents(top)]
        self.rules.append((((at, 1, 1), *powers), d + top, value))
        (alone, *others) = {f for m in base for f, _ in self.exponents(m)}
        if others:
            return
        # One generator alone: the normal form is that of partial fractions.
        c0 = base[0]
        below = {-alone: 1 / c0, **{d + m - alone: -c / c0 for m, c in base.items() if m}}
        self.rules.append((((at, 1, 1), (alone.bit_length() - 1, -1, 1)), d - alone, below))
        for e, other in self.bases.items():
            if e == d or {f for m in other for f, _ in self.exponents(m)} != {alone}:
                continue
            v = sp.Dummy()
            p, q = (_univariate(poly, alone, v) for poly in (base, other))
            s, t, gcd = sp.gcdex(p, q)  # s p + t q = 1, so that 1 / (p q) = s / q + t / p
            if gcd.is_one:
                parts = [_powers(s, alone, e), _powers(t, alone, d)]
                self.rules.append((((at, 1, 1), (e.bit_length() - 1, 1, 1)), d + e, _sum(parts)))


def _constant(value: Any) -> Packed:
    return {0: value} if value else {}


def _univariate(poly: Packed, field: int, generator: sp.Symbol) -> sp.Poly:
    terms = {(m // field,): sp.Rational(Fraction(c)) for m, c in poly.items()}
    return sp.Poly(terms, generator, domain="QQ")


def _powers(poly: sp.Poly, field: int, factor: int) -> Packed:
    return {factor + n * field: Fraction(int(c.p), int(c.q)) for (n,), c in poly.terms() if c}


def _key(poly: Packed) -> Hashable:
    return frozenset(poly.items())


def _scaled(poly: Packed, factor: Any) -> Packed:
    return poly if factor == 1 else {m: c * factor for m, c in poly.items()}


def _sum(polys: Iterable[Packed]) -> Packed:
    out: Packed = {}
    for poly in polys:
        for m, c in poly.items():
            out[m] = out.get(m, 0) + c
    return {m: c for m, c in out.items() if c}
