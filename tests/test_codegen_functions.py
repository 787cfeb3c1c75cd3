"""The functions that generated code carries along."""

import mpmath
import numpy as np
import pytest

from gru_sym.codegen import functions

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
    assert np.allclose(getattr(functions, name)(POINTS), truth, rtol=1e-14, atol=0)


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
