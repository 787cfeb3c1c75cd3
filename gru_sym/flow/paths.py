"""paths: by which way the gradient travels.

Each step's Jacobian is J = S + N: the skip S and, in N, all families that pass a matrix. The
product of T such sums has (1 + F)^T terms, and each function here adds them up in another order,
exactly: by how many steps are not the skip (:func:`orders`), its mean alone (:func:`path_length`),
by the step and family at which the gradient leaves the skip (:func:`telescoping`,
:func:`departures`), by what each step adds to its own result (:func:`step_shares`).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import ArrayLike

from gru_sym.codegen.arrays import Named
from gru_sym.codegen.functions import Array
from gru_sym.derive.families import SKIP
from gru_sym.errors import DataError
from gru_sym.flow.lags import Adjoint, adjoint
from gru_sym.flow.linearised import Linearised
from gru_sym.flow.scaled import log_norm, rescaled

__all__ = [
    "Departures",
    "Orders",
    "PathLength",
    "StepShares",
    "Telescoping",
    "departing",
    "departures",
    "ordered",
    "orders",
    "path_length",
    "step_shares",
    "telescoping",
]

MOST_ORDERS = 1000
"""Orders that are told apart where no number is asked for; the last holds all that are higher."""


@dataclass(frozen=True, eq=False)
class Orders:
    """The gradient by the number of steps that are not the skip.

    With a batch the arrays have an axis B at their end.

    Attributes:
        order: 0 … K.
        open_ended: whether the last of them stands for K or more.
        shares: ⟨V_k, v⟩ / ‖v‖², the share of order k in the gradient v at each lag, (T + 1, K + 1).
            They add up to 1, and may be negative.
        log_norm: log ‖V_k‖, (T + 1, K + 1), in nats; -inf of what is 0.
        rows: V_k at the last lag, (K + 1, B, S), as mantissas.
        exponent: the power of two that ``rows`` are to be multiplied by, (B,).
    """

    order: Array = field(repr=False)
    open_ended: bool
    shares: Array = field(repr=False)
    log_norm: Array = field(repr=False)
    rows: Array = field(repr=False)
    exponent: Array = field(repr=False)


@dataclass(frozen=True, eq=False)
class PathLength:
    """The number of steps that are not the skip, on the way of the gradient to each lag.

    With a batch the arrays have an axis B at their end.

    Attributes:
        mean: the effective path length, Σ k · share of order k, (T + 1,), in steps.
        std: its spread, the standard deviation of k under the shares, (T + 1,); NaN where shares
            are negative, and with them the variance.
    """

    mean: Array = field(repr=False)
    std: Array = field(repr=False)


@dataclass(frozen=True, eq=False)
class Telescoping:
    """The gradient at one lag by where, and by which family, it leaves the skip.

    ∏J = ∏S + Σ_s (∏S) N_s (∏J): seen from the loss, the first step that is not the skip is step s.
    With a batch the arrays have an axis B at their end.

    Attributes:
        lag: the lag.
        families: the names of the families but the skip.
        shares: the share of the terms that leave at step j, counted back from the last one (from
            lag j to lag j + 1), by each family, (lag, F); they may be negative.
        skip_share: that of the term that never leaves. All shares add up to 1.
    """

    lag: int
    families: tuple[str, ...]
    shares: Array = field(repr=False)
    skip_share: Array = field(repr=False)


@dataclass(frozen=True, eq=False)
class Departures:
    """The gradient at every lag by the family by which it first leaves the skip.

    It is :class:`Telescoping`, its terms summed over the steps. With a batch the array has an axis
    B at its end.

    Attributes:
        families: the names of the families, the skip for what never leaves it.
        shares: (T + 1, F) in the order of ``families``; they add up to 1 and may be negative.
    """

    families: tuple[str, ...]
    shares: Array = field(repr=False)


@dataclass(frozen=True, eq=False)
class StepShares:
    """What each family adds to the gradient in each step.

    With a batch the array has an axis B at its end.

    Attributes:
        families: the names of the families.
        shares: ⟨v̂', v M_f⟩ / ‖v'‖ with v' = v J the gradient after the step, (T, F): row k is the
            step from lag k to lag k + 1. They add up to 1 and may be negative.
    """

    families: tuple[str, ...]
    shares: Array = field(repr=False)


def orders(
    steps: Linearised, cotangent: Named | ArrayLike = None, *, most: int | None = None
) -> Orders:
    """The gradient by the number of steps that are not the skip: V_k ← V_k S + V_{k-1} N.

    Exact, at O(T·K·H²). Where there are more orders than are told apart, the last one holds the
    rest, V_K ← V_K J + V_{K-1} N, so that the sum is whole always.

    Args:
        steps: the linearised steps.
        cotangent: that of the state after the last step; None: ones on the output state.
        most: K, the last order; None: T, at most 1,000.

    Raises:
        DataError: the cotangent is not of this cell's state, or ``most`` is no number of steps.
    """
    K = min(steps.T, MOST_ORDERS if most is None else most)
    shape = (steps.T + 1, K + 1, steps.B)
    shares, norms = np.zeros(shape), np.full(shape, -np.inf)
    for k, (rows, exponent) in enumerate(ordered(steps, steps.cotangent(cotangent), K)):
        shares[k, : len(rows)] = _shares(rows)
        norms[k, : len(rows)] = log_norm(rows, exponent)
    shown = steps.shown
    return Orders(np.arange(K + 1), K < steps.T, shown(shares), shown(norms), rows, exponent)


def ordered(steps: Linearised, start: Array, most: int) -> Iterator[tuple[Array, Array]]:
    """V_0 … V_min(k, K) for k = 0, 1, … T: (·, B, S) as mantissas; their exponents of two (B,).

    Args:
        steps: the linearised steps.
        start: the cotangent of the last state, (B, S).
        most: K; the last order holds all that are higher.
    """
    if most < 1 <= steps.T:
        raise DataError(f"orders up to {most}", mend="give a whole number from 1 on")
    K = min(most, steps.T)
    rows, exponent = rescaled(start[None], np.zeros(steps.B, np.int64), (0, 2))
    yield rows, exponent
    for k in range(1, steps.T + 1):
        kept, moved = steps.left_skip(steps.T - k, rows), steps.left_rest(steps.T - k, rows)
        rows = np.zeros((min(k, K) + 1, *start.shape))
        rows[: len(kept)] = kept
        rows[1 : len(moved) + 1] += moved[:K]
        if len(moved) > K:
            rows[K] += moved[K]
        rows, exponent = rescaled(rows, exponent, (0, 2))
        yield rows, exponent


def path_length(steps: Linearised, cotangent: Named | ArrayLike = None) -> PathLength:
    """The mean of the orders and their spread, by two tangents: O(T·H²).

    k̄ = d log ‖g ∏(S + λN)‖ / d log λ at λ = 1, and the second derivative for the spread.

    Args:
        steps: the linearised steps.
        cotangent: that of the state after the last step; None: ones on the output state.

    Raises:
        DataError: the cotangent is not of this cell's state.
    """
    mean, std = (np.zeros((steps.T + 1, steps.B)) for _ in range(2))
    rows = np.zeros((3, steps.B, steps.S))  # V, dV/dλ, d²V/dλ²
    rows[0] = steps.cotangent(cotangent)
    exponent = np.zeros(steps.B, np.int64)
    for k in range(1, steps.T + 1):
        moved = steps.left_rest(steps.T - k, rows)
        rows = steps.left_skip(steps.T - k, rows) + moved
        rows[1] += moved[0]
        rows[2] += 2 * moved[1]
        rows, exponent = rescaled(rows, exponent, (0, 2))
        with np.errstate(invalid="ignore"):
            first, second = (rows[1:] * rows[0]).sum(axis=-1) / (rows[0] ** 2).sum(axis=-1)
            mean[k] = first
            variance = second + first - first**2
            variance[np.abs(variance) <= _SPREAD * first**2] = 0
            std[k] = np.sqrt(variance)  # NaN of a negative one
    return PathLength(steps.shown(mean), steps.shown(std))


_SPREAD = 1e-12
"""Of the mean's square: a variance below it is the rounding of what it is the difference of."""
"""Of the squared mean: a variance that is no more below 0 than this is rounding."""


def telescoping(steps: Linearised, cotangent: Named | ArrayLike = None, *, lag: int) -> Telescoping:
    """The gradient at a lag by the step and the family at which it leaves the skip: O(lag·H²).

    Args:
        steps: the linearised steps.
        cotangent: that of the state after the last step; None: ones on the output state.
        lag: the lag, from 1 to T.

    Raises:
        DataError: the cotangent is not of this cell's state, or there is no such lag.
    """
    if not 1 <= lag <= steps.T:
        raise DataError(f"there is no lag {lag}", mend=f"give one from 1 to {steps.T}")
    start = steps.cotangent(cotangent)[None]
    none = np.zeros((1, steps.B), np.int64)
    skips = [rescaled(start, none)]
    for k in range(lag):
        skips.append(rescaled(steps.left_skip(steps.T - 1 - k, skips[-1][0]), skips[-1][1]))
    whole, power = rescaled(start, none)
    for k in range(lag):
        whole, power = rescaled(steps.left_total(steps.T - 1 - k, whole), power)
    others = [f for f in range(len(steps.families)) if f != steps.skip]
    square = (whole**2).sum(axis=-1)[0]
    shares = np.zeros((lag, len(others), steps.B))
    ahead, ahead_power = whole, power  # J … J v, from the lag up to the step
    with np.errstate(invalid="ignore"):  # NaN where the gradient is 0
        for j in range(lag - 1, -1, -1):
            t = steps.T - 1 - j
            rows, row_power = skips[j]
            leaving = (steps.left(t, rows)[others, 0] * ahead[0]).sum(axis=-1)
            # Both ends carry the scale of v, once each.
            shift = row_power[0] + ahead_power[0] - 2 * power[0]
            shares[j] = np.ldexp(leaving / square, shift)
            ahead, ahead_power = rescaled(steps.right_total(t, ahead), ahead_power)
        rows, row_power = skips[lag]
        kept = np.ldexp((rows * whole).sum(axis=-1)[0] / square, row_power[0] - power[0])
    shown = steps.shown
    names = tuple(steps.names[f] for f in others)
    return Telescoping(lag, names, shown(shares), shown(kept))


def departures(steps: Linearised, cotangent: Named | ArrayLike = None) -> Departures:
    """The gradient at every lag by the family by which it first leaves the skip: O(T·F·H²).

    Args:
        steps: the linearised steps.
        cotangent: that of the state after the last step; None: ones on the output state.

    Raises:
        DataError: the cotangent is not of this cell's state.
    """
    rows = departing(steps, steps.cotangent(cotangent))
    shares = np.array([_shares(parts) for parts, _ in rows])
    names = steps.names if steps.skip is not None else (*steps.names, SKIP)
    return Departures(names, steps.shown(shares))


def departing(steps: Linearised, start: Array) -> Iterator[tuple[Array, Array]]:
    """The parts of the gradient by the family at which they left the skip, for lag 0, 1, … T.

    Args:
        steps: the linearised steps.
        start: the cotangent of the last state, (B, S).

    Yields:
        A row for each family, that of the skip for what has not left it (a last row, where there
        is no such family), (F, B, S) as mantissas, and their exponents of two (B,).
    """
    F = len(steps.families)
    skip = F if steps.skip is None else steps.skip
    rows = np.zeros((max(F, skip + 1), *start.shape))
    rows[skip] = start
    rows, exponent = rescaled(rows, np.zeros(steps.B, np.int64), (0, 2))
    yield rows, exponent
    for k in range(1, steps.T + 1):
        parts = steps.left(steps.T - k, rows)
        rows = parts.sum(axis=0)
        rows[skip] = 0.0
        rows[:F] += parts[:, skip]  # what left just now; and what stayed, in the row of the skip
        rows, exponent = rescaled(rows, exponent, (0, 2))
        yield rows, exponent


def step_shares(
    steps: Linearised, cotangent: Named | ArrayLike = None, *, back: Adjoint | None = None
) -> StepShares:
    """What each family adds to the gradient in each step: O(T·H²).

    Args:
        steps: the linearised steps.
        cotangent: that of the state after the last step; None: ones on the output state.
        back: the adjoint, where it is at hand.

    Raises:
        DataError: the cotangent is not of this cell's state.
    """
    back = adjoint(steps, cotangent) if back is None else back
    shares = np.empty((steps.T, len(steps.families), steps.B))
    for k in range(steps.T):
        shares[k] = _shares(steps.left(steps.T - 1 - k, back.rows[k : k + 1])[:, 0])
    return StepShares(steps.names, steps.shown(shares))


def _shares(parts: Array) -> Array:
    """The share of each part in their sum v, ⟨part, v⟩ / ‖v‖²: (R, B, S) → (R, B); NaN of zeros."""
    whole = parts.sum(axis=0)
    with np.errstate(invalid="ignore"):
        return (parts * whole).sum(axis=-1) / (whole**2).sum(axis=-1)
