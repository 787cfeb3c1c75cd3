"""What initialisations of a skip gate promise: the mean of f^t, with no recurrent weights.

With U = 0 a unit carries f^t over t steps, f its skip factor, and the mean over units is what a lag
curve begins with. These are the expectations over the schemes ``chrono`` and ``uniform_gate`` of
:mod:`~gru_sym.flow.initial.draw`.
"""

import math

import numpy as np

from gru_sym.errors import DataError
from gru_sym.flow.meanfield.quadrature import legendre

__all__ = ["chrono_memory", "uniform_memory"]


def chrono_memory(horizon: int, steps: int) -> float:
    """E f^t for f = 1 − 1/T with T ~ U(2, T_max): how much is left after t steps.

    The mean of (u / (1 + u))^t over u ~ U(1, T_max − 1), by Gauss-Legendre quadrature in log T, on
    panels that shrink towards T_max, where the mass is when t is large. Its relative error is below
    1e-12. Source: Tallec & Ollivier 2018, arXiv:1804.11188, sec. 2.

    Args:
        horizon: T_max, at least 3.
        steps: t, 0 or larger.

    Raises:
        DataError: the horizon is below 3, the steps are negative, or so many that the mean is below
            the smallest normal number of float64.

    >>> round(chrono_memory(100, 10), 12)
    0.732589367216
    """
    if horizon < 3:
        raise DataError(f"the horizon is {horizon}", mend="give a number of steps, at least 3")
    _check(steps)
    low, high = math.log(2), math.log(horizon)
    shrinking = high - (high - low) * 0.5 ** np.arange(60)
    edges = np.union1d(np.linspace(low, high, 2 + math.ceil(4 * (high - low))), shrinking)
    log_t, weights = legendre(np.append(edges, high))
    # (1 - 1/T)^t dT = exp(t log(1 - 1/T) + log T) d(log T)
    exponent = steps * np.log1p(-np.exp(-log_t)) + log_t
    top = float(exponent.max())
    log_mean = top + math.log(weights @ np.exp(exponent - top)) - math.log(horizon - 2)
    if log_mean < math.log(np.finfo(float).tiny):
        raise DataError(
            f"after {steps} steps the mean is exp({log_mean:.6g}), which float64 does not hold",
            mend="ask for fewer steps",
        )
    return math.exp(log_mean)


def uniform_memory(steps: int) -> float:
    """E f^t = 1 / (t + 1) for f ~ U(0, 1): how much is left after t steps.

    Source: Gu et al. 2020, arXiv:1910.09890, whose gates begin so.

    Args:
        steps: t, 0 or larger.

    Raises:
        DataError: the steps are negative.
    """
    _check(steps)
    return 1 / (steps + 1)


def _check(steps: int) -> None:
    if steps < 0:
        raise DataError(f"the steps are {steps}", mend="give a number of steps, 0 or larger")
