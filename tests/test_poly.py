"""The arithmetic of the normal form: polynomials with sums over indices."""

import random
import time
from fractions import Fraction

import pytest

from gru_sym.algebra.monomials import Poly, bound_count, key_of
from gru_sym.algebra.poly import Base, Ring, TooLargeError

N, J, K, L = -1, -2, -3, -4


@pytest.fixture
def ring() -> Ring:
    return Ring()


def var(ring: Ring, name: str, *indices: int, exponent: int = 1) -> Poly:
    return ring.factor(
        Base("var", name, ("H",) * len(indices), (0,) * len(indices)), indices, exponent
    )


def product(ring: Ring, *polys: Poly) -> Poly:
    result = ring.constant(1)
    for poly in polys:
        result = ring.multiply(result, poly)
    return result


def total(ring: Ring, poly: Poly, *indices: int) -> Poly:
    return ring.close(poly, [(k, "H") for k in indices])


def drawn(ring: Ring, source: random.Random) -> Poly:
    """A random polynomial in entries, with a sum or two."""
    terms = []
    for _ in range(source.randint(1, 3)):
        factors = [
            var(ring, name, *(source.choice((N, J, K)) for _ in range(rank)))
            for name, rank in source.choices([("s", 0), ("v", 1), ("w", 1), ("U", 2)], k=2)
        ]
        term = product(ring, *factors)
        if source.random() < 0.5:
            term = total(ring, term, K)
        terms.append(ring.scale(term, Fraction(source.randint(-3, 3), source.randint(1, 3))))
    return ring.add(*terms)


@pytest.mark.parametrize("seed", range(60))
def test_laws_of_a_ring(ring: Ring, seed: int) -> None:
    source = random.Random(seed)
    p, q, r = (drawn(ring, source) for _ in range(3))
    add, times = ring.add, ring.multiply
    assert add(p, q) == add(q, p)
    assert times(p, q) == times(q, p)
    assert times(times(p, q), r) == times(p, times(q, r))
    assert times(p, add(q, r)) == add(times(p, q), times(p, r))
    assert ring.subtract(p, p) == {}
    assert times(p, ring.constant(1)) == p
    assert total(ring, add(p, q), N) == add(total(ring, p, N), total(ring, q, N))
    assert total(ring, p, N, J) == total(ring, p, J, N)
    assert key_of(add(p, q)) == key_of(add(q, p))
    assert ring.rename(ring.rename(p, {N: L}), {L: N}) == p
    assert all(isinstance(c, int) or c.denominator > 1 for c in p.values())


def test_bound_indices_have_no_names(ring: Ring) -> None:
    """Σ_ij U_ij v_i w_j is one polynomial, whatever the indices are called, but i is not j."""

    def form(a: int, b: int) -> Poly:
        factors = var(ring, "U", a, b), var(ring, "v", a), var(ring, "w", b)
        return total(ring, product(ring, *factors), a, b)

    assert form(N, J) == form(J, N) == form(K, L)
    swapped = product(ring, var(ring, "U", J, N), var(ring, "v", N), var(ring, "w", J))
    assert total(ring, swapped, N, J) != form(N, J)


def test_a_square_of_a_sum_is_not_a_sum_of_squares(ring: Ring) -> None:
    once = total(ring, var(ring, "v", N), N)
    squares = total(ring, var(ring, "v", N, exponent=2), N)
    assert ring.multiply(once, once) != squares
    assert bound_count(next(iter(ring.multiply(once, once)))) == 2


def test_cycles_are_told_apart(ring: Ring) -> None:
    """tr(U)², tr(U²) and Σ U_ij U_ij: the same factors, bound together otherwise."""

    def of(*pairs: tuple[int, int]) -> Poly:
        entries = product(ring, *(var(ring, "U", a, b) for a, b in pairs))
        return total(ring, entries, *{k for pair in pairs for k in pair})

    forms = [of((N, N), (J, J)), of((N, J), (J, N)), of((N, J), (N, J))]
    assert len({key_of(p) for p in forms}) == 3
    six = [of((N, J), (J, N), (K, L), (L, K)), of((N, J), (J, K), (K, L), (L, N))]
    assert six[0] != six[1]
    assert six[1] == of((K, L), (L, J), (J, N), (N, K))


def test_a_sum_over_nothing_is_the_size(ring: Ring) -> None:
    assert total(ring, var(ring, "s"), N) == product(
        ring, var(ring, "s"), ring.factor(Base("size", "H"))
    )
    assert total(ring, {}, N) == {}


def test_step_and_cos_are_reduced(ring: Ring) -> None:
    content, _, _ = ring.abstract(var(ring, "v", N))
    step, sin, cos = (Base(kind, "", ("H",), content) for kind in ("step", "sin", "cos"))
    assert ring.factor(step, (N,), 5) == ring.factor(step, (N,))
    squares = ring.add(ring.factor(cos, (N,), 2), ring.factor(sin, (N,), 2))
    assert squares == ring.constant(1)


def test_a_sum_as_a_base(ring: Ring) -> None:
    """P · P⁻¹ = 1, also when P is not written as a base; x / (x + s) = 1 − s / (x + s)."""
    x, s = var(ring, "x"), var(ring, "s")
    content, _, _ = ring.abstract(ring.add(x, s))
    base = Base("sum", "", (), content)
    inverse = ring.factor(base, (), -1)
    assert ring.factor(base) == ring.add(x, s)
    assert ring.multiply(ring.add(x, s), inverse) == ring.constant(1)
    left = ring.add(ring.multiply(x, inverse), ring.multiply(s, inverse))
    assert left == ring.constant(1)
    assert ring.multiply(product(ring, x, x, x), inverse) != {}


def test_abstraction_does_not_depend_on_names(ring: Ring) -> None:
    p = product(ring, var(ring, "U", N, J), var(ring, "v", J))
    q = ring.rename(p, {N: L, J: K})
    (key, order, dims), (other, renamed, _) = ring.abstract(p), ring.abstract(q)
    assert key == other
    assert [{N: L, J: K}[k] for k in order] == list(renamed)
    assert dims == ("H", "H")
    base = Base("exp", "", dims, key)
    assert ring.instantiate(base, order) == p


def test_opened_and_closed(ring: Ring) -> None:
    p = total(ring, product(ring, var(ring, "U", N, K), var(ring, "v", K)), K)
    ((monomial, c),) = p.items()
    factors, bound = ring.opened(monomial)
    assert all(k < 0 for _, i, _ in factors for k in i)
    assert ring.close(ring.normal(factors, c), bound) == p


@pytest.mark.parametrize("pairs", [3, 40])
def test_growth_has_an_end(ring: Ring, pairs: int) -> None:
    """What grows without bound is refused, and quickly."""
    start = time.process_time()
    poly = ring.add(*(var(ring, f"x{k}") for k in range(pairs)))
    with pytest.raises(TooLargeError):
        product(ring, *[poly] * 5_000)
    assert time.process_time() - start < 10


def test_too_many_relabellings(ring: Ring) -> None:
    once = total(ring, var(ring, "v", N), N)
    with pytest.raises(TooLargeError):
        product(ring, *[once] * 9)
