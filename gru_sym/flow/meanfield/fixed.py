"""The fixed point of a map of a few numbers: by iteration, then by Newton's method."""

from collections.abc import Callable

import numpy as np

from gru_sym.codegen.functions import Array
from gru_sym.errors import UnsupportedError

__all__ = ["UnboundedError", "fixed_point"]

_ITERATIONS = 12
_MOST_ROUNDS = 30
_TOO_LARGE = 1e9
_TINY = 1e-9
_ROUNDING = 1e-15
_LONGEST_LEAP = 100.0
_DISTURBED = 1e-6

Map = Callable[[Array], Array]


class UnboundedError(UnsupportedError):
    """There is no stationary law: a second moment grows without bound, or never settles."""

    def __init__(self, why: str) -> None:
        super().__init__(
            f"there is no stationary law of the states: {why}",
            mend="give smaller weights, or biases that keep less",
        )


def fixed_point(step: Map, start: Array, tolerance: float = 1e-13) -> Array:
    """Where a map leads from ``start``, and does not lead away.

    It iterates, and goes on by Newton's method where the map contracts, which many maps here do
    slowly; where it does not, it goes on in the same direction. What is near 0 and is led away from
    there when it is disturbed is not stationary.

    Args:
        step: the map, of n numbers to n; second moments, which keep their sign, means and the like.
        start: where to begin, (n,).
        tolerance: of the last step of Newton's, relative to the largest number, or to 1 where all
            are small.

    Raises:
        UnboundedError: the numbers grow without bound, or do not settle.
    """
    now = np.array(start, float)
    reach = 16.0
    for _ in range(_MOST_ROUNDS):
        for _ in range(_ITERATIONS):
            now, before = _bounded(step(now)), now
            if np.array_equal(now, before):
                break
        slopes = _slopes(step, now)
        if _contracts(slopes):
            now, settled = _newton(step, now, slopes, tolerance)
            # Where the map all but keeps what it is given, rounding hides how to go on.
            left = np.abs(step(now) - now).max(initial=0.0)
            if settled or left <= _ROUNDING * max(1.0, np.abs(now).max(initial=0.0)):
                if not _repels_zero(step, now):
                    return now
                now = _disturbed(now)
        else:
            change = step(now) - now
            largest = np.abs(change).max()
            if largest > 0:
                now = now + change * min(reach, _LONGEST_LEAP * np.abs(now).max() / largest)
                reach *= 4
            now = _bounded(_disturbed(now))
    raise UnboundedError("they do not settle")


def _bounded(now: Array) -> Array:
    if not np.isfinite(now).all() or np.abs(now).max(initial=0.0) > _TOO_LARGE:
        raise UnboundedError("a second moment grows without bound")
    return now


def _contracts(slopes: Array) -> bool:
    return bool(np.abs(np.linalg.eigvals(slopes)).max(initial=0.0) < 1 + 1e-9)


def _newton(step: Map, now: Array, slopes: Array, tolerance: float) -> tuple[Array, bool]:
    """Newton's method while the map contracts: where it leads, and whether it settled there."""
    identity = np.eye(len(now))
    for _ in range(_ITERATIONS):
        move = np.linalg.lstsq(identity - slopes, step(now) - now, rcond=None)[0]
        # Second moments are not negative: what would be is brought close to 0.
        after = np.where((now + move) * now < 0, 1e-3 * now, now + move)
        if not np.isfinite(after).all() or np.abs(after).max(initial=0.0) > _TOO_LARGE:
            return now, False
        size = np.abs(after - now).max(initial=0.0)
        if size <= tolerance * max(1.0, np.abs(now).max(initial=0.0)):
            return after, True
        slopes = _slopes(step, after)
        if not _contracts(slopes):
            onwards = float((step(after) - after) @ (after - now)) > 0
            return after if onwards else now, False
        now = after
    return now, False


def _slopes(step: Map, now: Array) -> Array:
    """The derivative of the map, (n, n), by differences."""
    columns = []
    for k, value in enumerate(now):
        size = 1e-3 * abs(float(value)) if abs(value) > _DISTURBED else _DISTURBED
        up, down = now.copy(), now.copy()
        up[k] += size
        down[k] -= size if abs(value) > _DISTURBED else 0.0  # a variance of 0 goes up alone
        columns.append((step(up) - step(down)) / (up[k] - down[k]))
    return np.array(columns).T.reshape(len(now), len(now))


def _disturbed(found: Array) -> Array:
    return np.where(np.abs(found) < _TINY, _DISTURBED, found)


def _repels_zero(step: Map, found: Array) -> bool:
    """Whether numbers that are all about 0 grow when they are disturbed."""
    if np.abs(found).max(initial=0.0) >= _TINY:
        return False
    return bool(np.abs(step(_disturbed(found))).max(initial=0.0) > _DISTURBED * (1 + 1e-7))
