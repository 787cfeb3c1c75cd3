"""Rows 11 and 12 of the reference results: what initialisations of a skip gate promise."""

import math

import mpmath as mp
import numpy as np
import pytest

from gru_sym import cells
from gru_sym.errors import DataError
from gru_sym.flow.initial.draw import draw
from gru_sym.flow.initial.memory import chrono_memory, uniform_memory
from gru_sym.flow.meanfield.quadrature import legendre

ROW_11 = {
    1000: {1: 0.993772937777, 10: 0.951069174711, 100: 0.723538863103, 1000: 0.148608769289},
    100: {1: 0.960081397904, 10: 0.732589367216, 100: 0.149647550931, 1000: 3.68208e-6},
}


@pytest.mark.parametrize("horizon", ROW_11)
def test_row_11_chrono(horizon: int) -> None:
    for steps, wanted in ROW_11[horizon].items():
        digits = 1e-9 if wanted > 1e-3 else 2e-6  # the last is printed with 6 digits
        assert chrono_memory(horizon, steps) == pytest.approx(wanted, rel=digits)


@pytest.mark.parametrize(
    ("horizon", "steps"), [(100, 10_000), (1000, 100_000), (3, 5), (10**6, 1), (10**6, 10**4)]
)
def test_row_11_against_mpmath(horizon: int, steps: int) -> None:
    with mp.workdps(30):
        edges = {mp.mpf(2), mp.mpf(horizon)}
        edges |= {horizon - (horizon - 2) / mp.mpf(2) ** k for k in range(1, 30)}
        edges |= {mp.mpf(2) ** k for k in range(1, 40) if 2**k < horizon}
        whole = mp.quad(lambda t: mp.exp(steps * mp.log1p(-1 / t)), sorted(edges))
        wanted = float(whole / (horizon - 2))
    assert chrono_memory(horizon, steps) == pytest.approx(wanted, rel=1e-9)


def test_row_11_the_wrong_sign_forgets() -> None:
    """b_z = +log U(1, T_max - 1): the mean skip is E 1 / (1 + u) = .006 for T_max = 1000."""
    wrong = math.log(1000 / 2) / 998
    assert wrong == pytest.approx(0.006, abs=3e-4)
    drawn = draw(cells.mingru, {"H": 20_000, "I": 1}, "chrono", seed=3, horizon=1000)["b_z"]
    skip = 1 / (1 + np.exp(drawn))
    assert skip.mean() == pytest.approx(chrono_memory(1000, 1), rel=1e-3)
    assert (skip**100).mean() == pytest.approx(chrono_memory(1000, 100), rel=2e-2)
    assert (1 - skip).mean() == pytest.approx(wrong, rel=0.1)


def test_row_12_uniform() -> None:
    x, weights = legendre(1 - 0.5 ** np.arange(50.0))
    for steps in (0, 1, 7, 100, 10_000):
        assert weights @ x**steps == pytest.approx(1 / (steps + 1), rel=1e-12)
        assert uniform_memory(steps) == pytest.approx(1 / (steps + 1), rel=1e-15)


def test_row_12_what_is_drawn_is_uniform() -> None:
    drawn = draw(cells.janet, {"H": 2000, "I": 1}, "uniform_gate", seed=3)["b_f"]
    keep = np.sort(1 / (1 + np.exp(-drawn)))
    assert np.abs(keep - np.linspace(0, 1, len(keep))).max() < 1.5 / math.sqrt(len(keep))


def test_refused() -> None:
    with pytest.raises(DataError, match="horizon is 2"):
        chrono_memory(2, 1)
    with pytest.raises(DataError, match="steps are -1"):
        uniform_memory(-1)
    with pytest.raises(DataError, match=r"exp\(-.*float64 does not hold"):
        chrono_memory(100, 10**6)
