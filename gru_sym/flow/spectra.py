"""spectra: all singular values of a product of many Jacobians, and the eigenvalues of one.

The product itself is never made: its small singular values would drown in the rounding of its
large ones. It is kept as a triangular matrix whose rows have scales of their own, and the singular
values of that come from rotations of its columns, each relative to the two scales at hand.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from gru_sym.codegen.functions import Array
from gru_sym.errors import DataError
from gru_sym.flow.linearised import Linearised
from gru_sym.flow.scaled import LN2, rescaled

__all__ = ["SingularValues", "eigenvalues", "log_singular_values", "singular_values"]

_SWEEPS = 60
_CONVERGED = 1e-15


@dataclass(frozen=True, eq=False)
class SingularValues:
    """The singular values of ∂state_T/∂state_{T-k} for some lags k.

    Attributes:
        lag: the lags, (K,).
        log: their logarithms, in descending order, (K, S), or (K, S, B) with a batch; -inf of 0.
    """

    lag: Array = field(repr=False)
    log: Array = field(repr=False)


def singular_values(steps: Linearised, lags: Iterable[int] | None = None) -> SingularValues:
    """All singular values of ∂state_T/∂state_{T-k}, the small ones as accurate as the large.

    The QR decomposition of a product (Stewart 1995, "On graded QR decompositions of products of
    matrices"), then one-sided Jacobi rotations (Demmel & Veselić 1992, "Jacobi's method is more
    accurate than QR") in logarithmic scales. O(T·H³) for the product, O(H³) for each lag.

    Args:
        steps: the linearised steps.
        lags: which, from 1 to T; None: T alone.

    Raises:
        DataError: there is no such lag.
    """
    wanted = sorted({steps.T} if lags is None else set(lags))
    if not wanted or wanted[0] < 1 or wanted[-1] > steps.T:
        raise DataError(
            f"the lags are 1 … {steps.T}, and these are asked for: {wanted}",
            mend="give some of them",
        )
    # The transposed product J_{T-k+1}ᵀ … J_Tᵀ grows at its left end, one step a turn.
    q = np.broadcast_to(np.eye(steps.S), (steps.B, steps.S, steps.S))
    rows = np.broadcast_to(np.eye(steps.S), q.shape).copy()
    exponent = np.zeros((steps.B, steps.S), np.int64)
    found = []
    for k in range(1, wanted[-1] + 1):
        moved = steps.left_total(steps.T - k, np.ascontiguousarray(q.transpose(2, 0, 1)))
        q, r = _decomposed(moved.transpose(1, 2, 0), steps, steps.T - k)
        rows, exponent = _times(r, rows, exponent)
        if k in wanted:
            logs = [log_singular_values(rows[b], exponent[b]) for b in range(steps.B)]
            found.append(np.stack(logs, axis=-1))
    return SingularValues(np.array(wanted), steps.shown(np.array(found)))


def eigenvalues(steps: Linearised, t: int) -> Array:
    """The eigenvalues of one step's Jacobian, by descending modulus: (S,), or (S, B) with a batch.

    Args:
        steps: the linearised steps.
        t: the step, from 0.

    Raises:
        DataError: there is no such step.
    """
    if not 0 <= t < steps.T:
        raise DataError(f"there is no step {t}", mend=f"give one from 0 to {steps.T - 1}")
    rows = np.broadcast_to(np.eye(steps.S)[:, None], (steps.S, steps.B, steps.S))
    values = np.linalg.eigvals(steps.left_total(t, rows).transpose(1, 0, 2))
    order = np.argsort(-np.abs(values), axis=-1, kind="stable")
    return steps.shown(np.take_along_axis(values, order, axis=-1).T)


def _decomposed(moved: Array, steps: Linearised, t: int) -> tuple[Array, Array]:
    """Q and R of J_tᵀ Q, (B, S, S), without rounding where J_t has rows of zeros.

    Each such row, of a unit of ``relu`` that is off, takes a rank away, and QR has some rounding in
    its place. Then the columns that depend on others come last, and what R has below the rank is 0.
    """
    q, r = np.linalg.qr(moved)
    diagonal, lengths = np.abs(np.einsum("bii->bi", r)), np.linalg.norm(r, axis=1)
    lost = diagonal <= 4 * steps.S * np.finfo(float).eps * lengths
    if lost.any():
        q, r = q.copy(), r.copy()
        each = np.broadcast_to(np.eye(steps.S)[:, None], (steps.S, steps.B, steps.S))
        ranks = np.count_nonzero(steps.left_total(t, each).any(axis=-1), axis=0)
        for b in np.flatnonzero(ranks < steps.S):
            order = np.argsort(lost[b], kind="stable")
            q[b], r[b][:, order] = np.linalg.qr(moved[b][:, order])
            r[b, ranks[b] :] = 0
    return q, r


def _times(left: Array, rows: Array, exponent: Array) -> tuple[Array, Array]:
    """A matrix, triangular as a rule, times rows with exponents of two: (B, S, S), (B, S)."""
    # Row i is Σ_j left[i, j] · row j, in the scale of the largest of these.
    with np.errstate(divide="ignore"):
        reach = np.where(left != 0, np.frexp(left)[1] + exponent[:, None, :], -(2**40))
    scale = reach.max(axis=-1)
    weights = np.ldexp(left, np.clip(exponent[:, None, :] - scale[..., None], -4000, 4000))
    return rescaled(weights @ rows, scale)


def log_singular_values(rows: Array, exponent: Array) -> Array:
    """The logarithms of the singular values of a matrix whose rows have scales, descending: (S,).

    Args:
        rows: the mantissas (S, S), each row's largest entry near 1.
        exponent: the power of two of each row, (S,).
    """
    order = np.argsort(-exponent, kind="stable")
    # The transpose has scaled columns; its QR decomposition leaves them in a triangle.
    _, r = np.linalg.qr(rows[order].T)
    columns, scale = _lower(r.T, exponent[order])
    for _ in range(_SWEEPS):
        if _sweep(columns, scale) <= _CONVERGED:
            break
    with np.errstate(divide="ignore"):
        logs = 0.5 * np.log(np.square(columns).sum(axis=0)) + LN2 * scale
    return np.sort(logs)[::-1]


def _lower(rows: Array, exponent: Array) -> tuple[Array, Array]:
    """Diag(2^exponent) · L as columns with scales: the row scales fall, and so L stays in range."""
    scale = exponent.astype(float)
    shifted = np.ldexp(rows, np.clip(exponent[:, None] - exponent[None, :], -4000, 0))
    return np.tril(shifted), scale


def _sweep(columns: Array, scale: Array) -> float:
    """Rotate all pairs of columns once, in rounds of disjoint pairs; the largest cosine seen."""
    size = len(scale)
    ring = np.arange(size + size % 2)
    worst = 0.0
    for _ in range(len(ring) - 1):
        first, second = ring[: len(ring) // 2], ring[len(ring) // 2 :][::-1]
        real = (first < size) & (second < size)
        worst = max(worst, _rotate(columns, scale, first[real], second[real]))
        ring = np.concatenate((ring[:1], ring[-1:], ring[1:-1]))
    return worst


def _rotate(columns: Array, scale: Array, first: Array, second: Array) -> float:
    """Make pairs of columns orthogonal; the larger of a pair comes first."""
    with np.errstate(divide="ignore"):
        size = np.square(columns).sum(axis=0)
        log2 = 0.5 * np.log2(size) + scale
    swap = log2[first] < log2[second]
    first, second = np.where(swap, second, first), np.where(swap, first, second)
    x, y = columns[:, first], columns[:, second]
    a, b = size[first], size[second]
    dot = (x * y).sum(axis=0)
    live = (a > 0) & (b > 0)
    cosine = np.zeros_like(dot)
    np.divide(np.abs(dot), np.sqrt(a * b, where=live, out=np.ones_like(a)), out=cosine, where=live)
    turn = cosine > _CONVERGED
    if not turn.any():
        return 0.0
    first, second, x, y = first[turn], second[turn], x[:, turn], y[:, turn]
    a, b, dot = a[turn], b[turn], dot[turn]
    # With ρ = 2^(scale of y - scale of x): ζ = (a - ρ² b) / (2 ρ dot), tan = ρ τ.
    ratio = np.exp2(np.clip(scale[second] - scale[first], -1022, 1022))
    above = a - ratio**2 * b
    root = np.abs(above) + np.sqrt(above**2 + (2 * ratio * dot) ** 2)
    tau = np.where(above < 0, -1.0, 1.0) * 2 * dot / root  # tan / ρ
    tangent = ratio * tau
    cos = 1 / np.sqrt(1 + tangent**2)
    columns[:, first] = cos * (x + tangent * ratio * y)
    columns[:, second] = cos * (y - tau * x)
    return float(cosine.max())
