"""The functions that generated code carries along."""

import inspect
import math

import mpmath
import numpy as np
import pytest

from gru_sym.codegen import functions
from gru_sym.codegen.backends.layout import WIDTH

EXACT = {
    "sigmoid": lambda a: 1 / (1 + mpmath.exp(-a)),
    "softplus": lambda a: mpmath.log(1 + mpmath.exp(a)),
    "relu": lambda a: max(a, 0),
    "step": lambda a: 1 if a > 0 else 0,
    "absolute": abs,
}
DERIVATIVES = {
    "sigmoid": lambda y, _: y * (1 - y),
    "softplus": lambda _, a: 1 / (1 + np.exp(-a)),
    "relu": lambda _, a: (a > 0) * 1.0,
    "step": lambda _, a: 0 * a,
    "absolute": lambda _, a: np.sign(a),
}
POINTS = np.array([-800.0, -745.0, -40.0, -1.5, -1e-9, 1e-9, 0.3, 2.0, 40.0, 800.0])

every_function = pytest.mark.parametrize("name", EXACT)


@every_function
def test_exact_to_the_last_bits(name: str) -> None:
    with mpmath.workdps(400):
        truth = np.array([float(EXACT[name](mpmath.mpf(a))) for a in POINTS])
    found = getattr(functions, name)(POINTS)
    tiny = np.finfo(float).tiny
    normal = np.abs(truth) >= tiny
    assert np.allclose(found[normal], truth[normal], rtol=1e-14, atol=0)
    # What is no normal number may be 0, or what stands for all such numbers; 0 itself is exact.
    least = np.where(truth == 0, 0, tiny) if name != "sigmoid" else np.full_like(truth, 4e-308)
    assert np.all(np.abs(found[~normal]) <= least[~normal])


def test_a_pair_is_a_gate_and_its_complement() -> None:
    points = POINTS[(POINTS > -700) & (POINTS < 700)]
    gate, rest = functions.sigmoid_pair(points)
    with mpmath.workdps(400):
        for a, z, c in zip(points, gate, rest, strict=True):
            assert math.isclose(z, 1 / (1 + mpmath.exp(-a)), rel_tol=1e-15)
            assert math.isclose(c, 1 / (1 + mpmath.exp(mpmath.mpf(a))), rel_tol=1e-15)
    for extreme in (-1e4, 1e4):
        assert np.all(np.isfinite(functions.sigmoid_pair(np.array([extreme]))))


def test_the_slope_of_tanh_does_not_cancel() -> None:
    points = np.array([-300.0, -40.0, -19.0, -1e-9, 0.0, 0.5, 20.0, 354.0])
    with mpmath.workdps(400):
        for a, slope in zip(points, functions.tanh_slope(points), strict=True):
            assert math.isclose(slope, 1 / mpmath.cosh(mpmath.mpf(a)) ** 2, rel_tol=4e-15)


@every_function
def test_the_result_goes_where_it_is_asked_for(name: str) -> None:
    out = np.empty_like(POINTS)
    found = getattr(functions, name)(POINTS, out=out)
    assert found is out
    assert np.array_equal(out, getattr(functions, name)(POINTS))


def test_the_source_fits_into_generated_code() -> None:
    for name in functions.__all__[1:]:
        source = inspect.getsource(getattr(functions, name))
        assert max(map(len, source.splitlines())) <= WIDTH, name


def test_memory_gives_arrays_that_do_not_overlap() -> None:
    new = functions.memory(np.dtype(float), 2 * 3 * 5 + 7 + 32)
    first, second = new(2, 3, 5), new(7)
    first[...] = 1
    second[...] = 2
    assert first.shape == (2, 3, 5)
    assert np.all(first == 1)
    assert np.shares_memory(first.base, second.base)


def test_a_huge_block_is_given_back_in_parts() -> None:
    new = functions.memory(np.dtype("f"), 2**22 + 1)
    first, second = new(2, 3), new(7)
    assert (first.shape, first.dtype) == ((2, 3), np.float32)
    assert not np.shares_memory(first, second)
    assert first.base is None


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_subnormal_numbers_become_0(dtype: type) -> None:
    tiny = np.finfo(dtype).tiny
    last = [] if np.iscomplexobj(dtype()) else [-np.inf, np.nan]
    a = np.array([tiny, -tiny, tiny / 2, -tiny / 2, 0, 1, *last], dtype)
    expected = a.copy()
    expected[2:4] = 0
    rows = a[:, np.newaxis]
    functions.flush(rows, np.empty_like(rows))
    assert np.array_equal(a, expected, equal_nan=True)


@every_function
@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex64, np.complex128])
def test_type_is_kept(name: str, dtype: type) -> None:
    for a in (POINTS[2:-2].astype(dtype), dtype(0.5)):
        assert getattr(functions, name)(a).dtype == dtype


@every_function
def test_complex_step(name: str) -> None:
    a = POINTS[3:8]
    y = getattr(functions, name)(a)
    slope = getattr(functions, name)(a + 1e-30j).imag / 1e-30
    assert np.allclose(slope, DERIVATIVES[name](y, a), rtol=1e-13)


@pytest.mark.parametrize("name", ["softmax", "logsumexp"])
def test_reductions(name: str) -> None:
    function = getattr(functions, name)
    a = np.array([[1.0, 2.0, -1.0], [800.0, -800.0, 799.0]])
    with mpmath.workdps(50):
        rows = [[mpmath.exp(mpmath.mpf(v)) for v in row] for row in a]
        totals = [mpmath.fsum(row) for row in rows]
        truth = {
            "softmax": [[float(v / t) for v in r] for r, t in zip(rows, totals, strict=True)],
            "logsumexp": [[float(mpmath.log(t))] for t in totals],
        }[name]
    assert np.allclose(function(a), truth, rtol=1e-14)
    assert function(a.astype(np.float32)).dtype == np.float32
    assert function(a.astype(complex)).dtype == complex
    assert function(a[0]).ndim == 1
