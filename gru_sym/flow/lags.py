"""lags: how the gradient of a loss at the last step shrinks, or grows, with the lag.

Everything is log-scaled: a gradient of e^-40,000 at lag 100,000 is a number like any other.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

import numpy as np
from numpy.typing import ArrayLike, DTypeLike

from gru_sym.codegen.arrays import Named
from gru_sym.codegen.functions import Array
from gru_sym.errors import DataError
from gru_sym.flow.linearised import Linearised
from gru_sym.flow.scaled import LN2, log_norm, rescaled

__all__ = ["Adjoint", "LagCurve", "MatrixNorms", "adjoint", "lag_curve", "matrix_norms"]

Lag: TypeAlias = int | tuple[int | None, ...] | None
"""A lag, or None where there is none; with a batch, one for each sequence."""


@dataclass(frozen=True, eq=False)
class Adjoint:
    """∂L/∂state at every lag.

    Attributes:
        rows: the mantissas, (T + 1, B, S); index k is lag k.
        exponent: the powers of two that they are to be multiplied by, (T + 1, B).
    """

    rows: Array = field(repr=False)
    exponent: Array = field(repr=False)


@dataclass(frozen=True, eq=False)
class LagCurve:
    """‖∂L/∂state_{T-k}‖ for k = 0 … T. Logarithms are natural, a step is the unit of a lag.

    With a batch the arrays have an axis B at their end.

    Attributes:
        lag: 0 … T.
        log_norm: the logarithm of the norm of the gradient with respect to all states, (T + 1,).
        by_state: state → that with respect to this state alone.
        skip_log_norm: what the skip alone would carry; -inf where it carries nothing.
        float64_zero_lag: the first lag at which every entry of the gradient rounds to 0 in
            float64; None: there is none. (Plain backprop may read ±5e-324 there, which is no
            longer the gradient: rounding keeps the smallest of all numbers alive.)
        float32_zero_lag: the same of float32.
        float64_floor_lag: the first lag at which the largest entry is below the smallest normal
            number of float64, so that digits are lost.
        float32_floor_lag: the same of float32.
    """

    lag: Array = field(repr=False)
    log_norm: Array = field(repr=False)
    by_state: Mapping[str, Array] = field(repr=False)
    skip_log_norm: Array = field(repr=False)
    float64_zero_lag: Lag
    float32_zero_lag: Lag
    float64_floor_lag: Lag
    float32_floor_lag: Lag


@dataclass(frozen=True, eq=False)
class MatrixNorms:
    """Norms of ∂state_T/∂state_{T-k}; with a batch the arrays have an axis B at their end.

    Attributes:
        lag: the lags k.
        spectral: the logarithm of the 2-norm, the largest singular value.
        frobenius: the logarithm of the Frobenius norm.
    """

    lag: Array = field(repr=False)
    spectral: Array = field(repr=False)
    frobenius: Array = field(repr=False)


def adjoint(steps: Linearised, cotangent: Named | ArrayLike = None) -> Adjoint:
    """Backprop from the last state to every earlier one: O(T·H²) time, O(T·H) memory.

    Args:
        steps: what :func:`~gru_sym.flow.linearised` gave.
        cotangent: that of the state after the last step, as
            :meth:`~gru_sym.flow.Linearised.cotangent` takes it.

    Raises:
        DataError: the cotangent is not of this cell's state.
    """
    T = steps.T
    rows = np.empty((T + 1, steps.B, steps.S))
    exponent = np.empty((T + 1, steps.B), np.int64)
    start = steps.cotangent(cotangent)
    now, power = rescaled(start[None], np.zeros((1, steps.B), np.int64))
    rows[0], exponent[0] = now[0], power[0]
    for k in range(T):
        now, power = rescaled(steps.left_total(T - 1 - k, now), power)
        rows[k + 1], exponent[k + 1] = now[0], power[0]
    return Adjoint(rows, exponent)


def lag_curve(
    steps: Linearised, cotangent: Named | ArrayLike = None, *, back: Adjoint | None = None
) -> LagCurve:
    """The norm of ∂L/∂state_{T-k} for every lag, and what the skip alone would carry.

    Args:
        steps: the linearised steps.
        cotangent: that of the state after the last step; None: ones on the output state.
        back: the adjoint, where it is at hand.

    Raises:
        DataError: the cotangent is not of this cell's state.

    >>> from gru_sym import cells
    >>> from gru_sym.flow import linearised
    >>> params = {"W_h": np.zeros((2, 1)), "U_h": np.eye(2) / 2, "b_h": np.zeros(2)}
    >>> curve = lag_curve(linearised(cells.rnn, params, np.zeros((3, 1))), np.array([1.0, 0.0]))
    >>> np.exp(curve.log_norm)
    array([1.   , 0.5  , 0.25 , 0.125])
    """
    back = adjoint(steps, cotangent) if back is None else back
    shown = steps.shown
    return LagCurve(
        lag=np.arange(steps.T + 1),
        log_norm=shown(log_norm(back.rows, back.exponent)),
        by_state={
            name: shown(_log_norm_of(back.rows[..., block], back.exponent))
            for name, block in steps.blocks.items()
        },
        skip_log_norm=shown(_skip_curve(steps, cotangent)),
        float64_zero_lag=_horizon(steps, back, np.float64),
        float32_zero_lag=_horizon(steps, back, np.float32),
        float64_floor_lag=_floor(steps, back, np.float64),
        float32_floor_lag=_floor(steps, back, np.float32),
    )


def matrix_norms(steps: Linearised, lags: Iterable[int] | None = None) -> MatrixNorms:
    """The 2-norm and the Frobenius norm of ∂state_T/∂state_{T-k}: O(T·H³).

    Args:
        steps: the linearised steps.
        lags: those that are wanted; None: 0 … T. A 2-norm costs much more than a step.

    Raises:
        DataError: there is no such lag.
    """
    wanted = sorted(set(range(steps.T + 1) if lags is None else lags))
    if not wanted or wanted[0] < 0 or wanted[-1] > steps.T:
        raise DataError(
            f"the lags are 0 … {steps.T}, and these are asked for: {wanted}",
            mend="give some of them",
        )
    rows = np.broadcast_to(np.eye(steps.S)[:, None], (steps.S, steps.B, steps.S)).copy()
    exponent = np.zeros(steps.B, np.int64)
    spectral, frobenius = [], []
    for k in range(wanted[-1] + 1):
        if k:
            rows, exponent = rescaled(steps.left_total(steps.T - k, rows), exponent, (0, 2))
        if k in wanted:
            frobenius.append(log_norm(rows, exponent, (0, 2)))
            spectral.append(_spectral(rows) + LN2 * exponent)
    shown = steps.shown
    return MatrixNorms(np.array(wanted), shown(np.array(spectral)), shown(np.array(frobenius)))


def _spectral(rows: Array) -> Array:
    """Log of the largest singular value of each sequence's (S, S): (R, B, S) → (B,).

    The largest one is accurate from the Gram matrix: its relative error is that of the product.
    """
    matrices = rows.transpose(1, 0, 2)
    with np.errstate(divide="ignore"):
        largest = np.linalg.eigvalsh(matrices @ matrices.transpose(0, 2, 1))[:, -1]
        return 0.5 * np.log(np.maximum(largest, 0.0))


def _log_norm_of(rows: Array, exponent: Array) -> Array:
    """As ``log_norm``, of a part of the rows that may be much smaller than the rest."""
    return log_norm(*rescaled(rows, exponent))


def _skip_curve(steps: Linearised, cotangent: Named | ArrayLike) -> Array:
    found = np.empty((steps.T + 1, steps.B))
    now, power = rescaled(steps.cotangent(cotangent)[None], np.zeros((1, steps.B), np.int64))
    found[0] = log_norm(now, power)[0]
    for k in range(steps.T):
        now, power = rescaled(steps.left_skip(steps.T - 1 - k, now), power)
        found[k + 1] = log_norm(now, power)[0]
    return found


# -- what plain floating point would read ----------------------------------------------------------


def _horizon(steps: Linearised, back: Adjoint, dtype: DTypeLike) -> Lag:
    """The first lag at which all entries round to 0."""
    with np.errstate(under="ignore"):
        read = np.ldexp(back.rows, back.exponent[..., None]).astype(dtype)
    return _first(steps, (read == 0).all(axis=-1, keepdims=True)[..., 0])


def _floor(steps: Linearised, back: Adjoint, dtype: DTypeLike) -> Lag:
    """The first lag at which the largest entry is no normal number."""
    largest = np.abs(back.rows).max(axis=-1)
    power = np.frexp(largest)[1] + back.exponent - 1
    return _first(steps, np.atleast_2d(power < np.finfo(dtype).minexp))


def _first(steps: Linearised, gone: Array) -> Lag:
    found = [int(lags.argmax()) if lags.any() else None for lags in gone.T]
    return tuple(found) if steps.trajectory.batched else found[0]
