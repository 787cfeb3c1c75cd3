"""What generated code for mpmath calls, against mpmath itself at more digits."""

from collections.abc import Iterator

import mpmath
import pytest
from mpmath import mpf

from gru_sym.codegen.backends import helpers_mpmath as helpers

NUMBERS = [mpf(k) / 7 for k in (-900, -40, -3, -1, 0, 1, 3, 40, 900)]


@pytest.fixture(autouse=True)
def digits() -> Iterator[None]:
    with mpmath.workdps(40):
        yield


def close(found: mpf, truth: mpf) -> bool:
    return abs(found - truth) <= mpf(10) ** -37 * abs(truth)


@pytest.mark.parametrize("a", NUMBERS)
def test_functions_keep_their_relative_accuracy(a: mpf) -> None:
    found = [
        helpers.sigmoid(a),
        helpers.softplus(a),
        helpers.tanh_slope(a),
        helpers.relu(a),
        helpers.step(a),
    ]
    with mpmath.workdps(1000):
        truth = [
            1 / (1 + mpmath.exp(-a)),
            mpmath.log(1 + mpmath.exp(a)),
            1 - mpmath.tanh(a) ** 2,
            (a + abs(a)) / 2,
            mpf(1 if a > 0 else 0),
        ]
    assert all(isinstance(value, mpf) for value in found)
    assert all(close(p, q) for p, q in zip(found, truth, strict=True))


def test_softmax_and_logsumexp() -> None:
    values = helpers.softmax(NUMBERS)
    with mpmath.workdps(1000):
        total = mpmath.fsum(map(mpmath.exp, NUMBERS))
        truth = [mpmath.exp(a) / total for a in NUMBERS]
        expected = mpmath.log(total)
    assert all(close(p, q) for p, q in zip(values, truth, strict=True))
    assert close(helpers.logsumexp(NUMBERS), expected)
    assert helpers.logsumexp([mpf("1e-30")]) == mpf("1e-30")


def test_numbers_are_converted_as_they_are() -> None:
    with mpmath.workdps(5):
        assert helpers.number(0.1) == mpmath.mpmathify(0.1)
        assert helpers.number(10**30 + 1) == 10**30 + 1
    assert helpers.number("0.1") == mpf(1) / 10
    assert helpers.number(0.1) != helpers.number("0.1")


def test_products() -> None:
    A = [[mpf(1), mpf(2), mpf(3)], [mpf(4), mpf(5), mpf(6)]]
    u, v = [mpf(1), mpf(-1)], [mpf(1), mpf(0), mpf(2)]
    assert helpers.matvec(A, v) == [7, 16]
    assert helpers.transposed(A) == [[1, 4], [2, 5], [3, 6]]
    assert helpers.outer(u, v) == [[1, 0, 2], [-1, 0, -2]]
    assert helpers.outers((u, [mpf(0), mpf(3)]), (v, v)) == [[1, 0, 2], [2, 0, 4]]
    assert helpers.add(u, u, [mpf(1), mpf(1)]) == [3, -1]
    assert helpers.add_matrices(A, A) == [[2, 4, 6], [8, 10, 12]]
    assert helpers.columns(A, 1, 3) == [[2, 3], [5, 6]]
    assert helpers.beside(A, [[mpf(9)], [mpf(8)]]) == [[1, 2, 3, 9], [4, 5, 6, 8]]


def test_vectors_of_two_lengths_have_no_sum() -> None:
    with pytest.raises(ValueError, match="shorter"):
        helpers.add([mpf(1)], [mpf(1), mpf(2)][:0])


def test_all_that_is_named_is_there() -> None:
    assert all(hasattr(helpers, name) for name in helpers.__all__)
