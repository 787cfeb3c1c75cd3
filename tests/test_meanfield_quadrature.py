"""Rules of quadrature, against mpmath and moments that are known."""

import mpmath as mp
import numpy as np
import pytest

from gru_sym.flow.meanfield.quadrature import legendre, normal, normal_split


def test_moments_of_the_normal_law() -> None:
    x, weights = normal(121)
    for power, moment in ((0, 1), (1, 0), (2, 1), (4, 3), (6, 15), (8, 105)):
        assert weights @ x**power == pytest.approx(moment, rel=1e-11, abs=1e-15)


@pytest.mark.parametrize(("scale", "error"), [(1, 1e-15), (2, 1e-15), (4, 1e-13)])
def test_gates_are_integrated_better_than_by_hermite(scale: int, error: float) -> None:
    x, weights = normal(121)
    with mp.workdps(25):
        points = [-14, -6, -3, -1, 0, 1, 3, 6, 14]
        whole = mp.quad(
            lambda t: mp.exp(-t * t / 2) / (1 + mp.exp(-scale * t)) ** 2, points
        ) / mp.sqrt(2 * mp.pi)
    found = weights @ (1 / (1 + np.exp(-scale * x))) ** 2
    assert abs(found - float(whole)) <= error
    hermite, by_hermite = np.polynomial.hermite_e.hermegauss(121)
    other = (by_hermite / by_hermite.sum()) @ (1 / (1 + np.exp(-scale * hermite))) ** 2
    assert abs(found - float(whole)) <= abs(other - float(whole)) + 1e-16


def test_kinks_and_jumps() -> None:
    at = np.array([0.3, 40.0])
    x, weights = normal_split(at)
    with mp.workdps(20):
        tail = float(mp.quad(mp.npdf, [0.3, 3, 15]))
        ramp = float(mp.quad(lambda t: (t - 0.3) * mp.npdf(t), [0.3, 3, 15]))
    assert weights @ (x > 0.3) == pytest.approx(tail, abs=1e-14)
    assert weights @ np.maximum(x - 0.3, 0) == pytest.approx(ramp, abs=1e-14)


def test_legendre_over_panels() -> None:
    x, weights = legendre(np.array([0.0, 0.5, 2.0]))
    assert weights @ x**7 == pytest.approx(2**8 / 8, rel=1e-14)
    assert len(x) == 64
