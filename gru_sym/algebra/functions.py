"""Powers and activations of polynomials, everything reduced to exp, log, step, sin and cos.

sigmoid(a) is 1 / (1 + exp(−a)), tanh(a) is 1 − 2 / (1 + exp(2 a)), softplus(a) is
log(1 + exp(a)), |a| is a (2 step(a) − 1): so that σ(−a) = 1 − σ(a), tanh(a) = 2 σ(2 a) − 1 and
their kin hold by arithmetic alone. This shares nothing with the derivative rules of
:mod:`~gru_sym.algebra.rules`.
"""

from collections.abc import Callable
from fractions import Fraction

import sympy as sp

from gru_sym.algebra.monomials import Factor, Number, Poly, accumulate, has_bound, key_of
from gru_sym.algebra.poly import Base, Ring, TooLargeError

__all__ = ["ONE", "Functions", "UndefinedError"]

ONE: Poly = {(): 1}
MAX_POWER = 64
_FACTORED = 10**12


class UndefinedError(Exception):
    """A division by zero, or the logarithm of zero."""


class Functions:
    """Functions of polynomials of one ring."""

    def __init__(self, ring: Ring) -> None:
        self.ring = ring
        self.named: dict[str, Callable[[Poly], Poly]] = {
            "exp": self.exp,
            "log": self.log,
            "sigmoid": lambda a: self.power(
                ring.add(ONE, self.exp(ring.scale(a, -1))), Fraction(-1)
            ),
            "tanh": lambda a: ring.subtract(
                ONE,
                ring.scale(self.power(ring.add(ONE, self.exp(ring.scale(a, 2))), Fraction(-1)), 2),
            ),
            "softplus": lambda a: self.log(ring.add(ONE, self.exp(a))),
            "step": self.step,
            "relu": lambda a: ring.multiply(a, self.step(a)),
            "abs": lambda a: ring.multiply(a, ring.subtract(ring.scale(self.step(a), 2), ONE)),
            "sin": lambda a: self._trigonometric("sin", a),
            "cos": lambda a: self._trigonometric("cos", a),
        }

    # -- exp, step, sin, cos -------------------------------------------------------------------

    def exp(self, a: Poly) -> Poly:
        """The exponential: of a sum it is a product, a factor E(m)^c for each term c·m."""
        result = ONE
        for m, c in a.items():
            single = len(m) == 1 and m[0][2] == 1 and not has_bound(m)  # exp(Σ log p) is no Σ p
            if single and self.ring.bases[m[0][0]].kind == "log":
                inner = self.ring.instantiate(self.ring.bases[m[0][0]], m[0][1])
                factor = self.power(inner, Fraction(c))
            else:
                content, indices, dims = self.ring.abstract({m: 1})
                factor = self.ring.factor(Base("exp", "", dims, content), indices, c)
            result = self.ring.multiply(result, factor)
        return result

    def step(self, a: Poly) -> Poly:
        """The step: 1 where a > 0, else 0. That of −a is 1 minus that of a, but at a = 0.

        What has steps in itself (relu(x), say) may be 0 at more than single points: it keeps
        its sign.
        """
        if not a or set(a) == {()}:
            return ONE if a and a[()] > 0 else {}
        for sign in (1, -1):
            if all(c * sign > 0 and all(self._positive(b) for b, _, _ in m) for m, c in a.items()):
                return ONE if sign > 0 else {}
        factor = self._shared_step(a)
        if factor is not None:  # step(step(q) p) is step(q) step(p): that of relu(a) is that of a
            rest = {tuple(f for f in m if f != factor): c for m, c in a.items()}
            return self.ring.multiply({(factor,): 1}, self.step(rest))
        lead = Fraction(max(key_of(a))[1])
        if lead < 0 and not self._has_step(a):
            return self.ring.subtract(ONE, self.step(self.ring.scale(a, -1)))
        return self._opaque("step", self.ring.scale(a, 1 / abs(lead)))

    def _has_step(self, a: Poly) -> bool:
        bases = {b: self.ring.bases[b] for m in a for b, _, _ in m}
        return any(
            base.kind == "step"
            or (base.kind not in {"var", "size"} and self._has_step(dict(base.content)))
            for base in bases.values()
        )

    def _shared_step(self, a: Poly) -> Factor | None:
        """A step that is a factor of every term."""
        shared = set.intersection(*(set(m) for m in a))
        for factor in sorted(shared):
            base, indices, _ = factor
            if self.ring.bases[base].kind == "step" and all(k < 0 for k in indices):
                return factor
        return None

    def _trigonometric(self, kind: str, a: Poly) -> Poly:
        if not a:
            return {} if kind == "sin" else ONE
        if max(key_of(a))[1] < 0:
            inner = self._opaque(kind, self.ring.scale(a, -1))
            return self.ring.scale(inner, -1) if kind == "sin" else inner
        return self._opaque(kind, a)

    def _opaque(self, kind: str, a: Poly, exponent: Number = 1) -> Poly:
        content, indices, dims = self.ring.abstract(a)
        return self.ring.factor(Base(kind, "", dims, content), indices, exponent)

    # -- powers --------------------------------------------------------------------------------

    def power(self, a: Poly, exponent: Fraction) -> Poly:
        """A polynomial to a rational power.

        Raises:
            UndefinedError: zero to a power that is not positive.
            TooLargeError: a power beyond what is worth expanding.
        """
        if not exponent:
            return ONE
        if not a:
            if exponent < 0:
                raise UndefinedError("a division by zero")
            return {}
        if exponent.denominator == 1 and exponent > 0:
            if len(a) == 1 and not has_bound(next(iter(a))):
                ((m, c),) = a.items()
                return self.ring.normal([(b, i, e * exponent) for b, i, e in m], c ** int(exponent))
            if exponent > MAX_POWER:
                raise TooLargeError
            result = ONE
            for _ in range(int(exponent)):
                result = self.ring.multiply(result, a)
            return result
        numerator, denominators = self.together(a)
        content, common, rest = self._parts(numerator, whole=exponent.denominator == 1)
        result = self._number(content, exponent)
        for base, indices, e in [*common, *denominators]:
            if exponent.denominator != 1 and not self._positive(base):
                raise TooLargeError  # a root of a quotient of unknown sign
            factor = self.ring.normal([(base, indices, e * exponent)], 1)
            result = self.ring.multiply(result, factor)
        if rest != ONE:
            result = self.ring.multiply(result, self._root(rest, exponent))
        return result

    def _root(self, rest: Poly, exponent: Fraction) -> Poly:
        """The power of what has neither content nor common factors."""
        if len(rest) == 1:
            ((m, c),) = rest.items()
            if c == 1 and len(m) == 1 and m[0][2] == 1 and not has_bound(m):
                return self.ring.normal([(m[0][0], m[0][1], exponent)], 1)
        return self._opaque("sum", rest, exponent)

    def _number(self, value: Number, exponent: Fraction) -> Poly:
        """A rational number to a rational power, roots of primes kept as bases."""
        value = Fraction(value)
        if exponent.denominator == 1:
            return {(): value**exponent.numerator}
        result = ONE
        for n, sign in ((value.numerator, 1), (value.denominator, -1)):
            primes = sp.factorint(n) if n < _FACTORED else {n: 1}
            for p, k in primes.items():
                if p != 1:
                    result = self.ring.multiply(
                        result, self._opaque("sum", {(): int(p)}, sign * k * exponent)
                    )
        return result

    def _parts(self, a: Poly, *, whole: bool) -> tuple[Number, list[Factor], Poly]:
        """A = content · common factors · rest; for a root only what is positive is taken out."""
        numerator = 0
        denominator = 1
        for c in a.values():
            c = Fraction(c)
            numerator = sp.igcd(numerator, c.numerator)
            denominator = sp.ilcm(denominator, c.denominator)
        content = Fraction(int(numerator), int(denominator))
        if whole and max(key_of(a))[1] < 0:
            content = -content
        least: dict[tuple[int, tuple[int, ...]], Number] = {}
        for at, m in enumerate(a):
            here = {(b, i): e for b, i, e in m if not any(k >= 0 for k in i)}
            if not whole:
                here = {key: e for key, e in here.items() if self._positive(key[0])}
            keys = set(here) | set(least)
            least = {
                key: min(here.get(key, 0), least.get(key, 0) if at else here.get(key, 0))
                for key in keys
            }
        common = [(b, i, e) for (b, i), e in least.items() if e]
        inverse = [(b, i, -e) for b, i, e in common]
        rest: Poly = {}
        for m, c in a.items():
            accumulate(rest, self.ring.normal([*m, *inverse], Fraction(c) / content))
        if len(rest) == 1 and () in rest:
            content, rest = content * rest[()], ONE
        return content, common, rest

    def together(self, a: Poly) -> tuple[Poly, list[Factor]]:
        """A = numerator · factors, where the factors are negative powers of sums."""
        worst: dict[tuple[int, tuple[int, ...]], Number] = {}
        for m in a:
            for b, i, e in m:
                free = not any(k >= 0 for k in i)
                if e < 0 and free and self.ring.bases[b].kind == "sum":
                    worst[b, i] = min(e, worst.get((b, i), 0))
        for (b, i), e in worst.items():
            total: Poly = {}
            for m, c in a.items():
                accumulate(total, self.ring.normal([*m, (b, i, -e)], c))
            a = total
        return a, [(b, i, e) for (b, i), e in worst.items()]

    def _positive(self, number: int) -> bool:
        base = self.ring.bases[number]
        if base.kind in {"exp", "size"}:
            return True
        return base.kind == "sum" and all(
            c > 0 and all(self._positive(b) for b, _, _ in m) for m, c in base.content
        )

    # -- log -----------------------------------------------------------------------------------

    def log(self, a: Poly) -> Poly:
        """The logarithm; that of a product of positive factors is a sum."""
        if not a:
            raise UndefinedError("the logarithm of zero")
        numerator, denominators = self.together(a)
        content, common, rest = self._parts(numerator, whole=False)
        result: Poly = {}
        for base, indices, e in [*common, *denominators]:
            if not self._positive(base):
                raise TooLargeError  # the logarithm of a quotient of unknown sign
            result = self.ring.add(result, self.ring.scale(self._log_of(base, indices), e))
        if content < 0:
            rest, content = self.ring.scale(rest, -1), -content
        for n, sign in ((Fraction(content).numerator, 1), (Fraction(content).denominator, -1)):
            for p, k in (sp.factorint(n) if n < _FACTORED else {n: 1}).items():
                if p != 1:
                    term = self._opaque("log", {(): int(p)})
                    result = self.ring.add(result, self.ring.scale(term, sign * k))
        if rest == ONE:
            return result
        return self.ring.add(result, self._opaque("log", rest))

    def _log_of(self, number: int, indices: tuple[int, ...]) -> Poly:
        base = self.ring.bases[number]
        if base.kind == "exp":
            return self.ring.instantiate(base, indices)
        if base.kind == "sum":
            return self._opaque("log", self.ring.instantiate(base, indices))
        return self._opaque("log", self.ring.normal([(number, indices, 1)], 1))
