"""shapley: what each family is worth to the norm of the gradient.

A coalition of families has the gradient that is left where each step is the skip and these
families alone. The Shapley value of a family (Shapley 1953, "A value for n-person games") is what
it adds to the logarithm of the norm, averaged over all orders in which the families can join.
"""

from dataclasses import dataclass, field
from math import factorial

import numpy as np
from numpy.typing import ArrayLike

from gru_sym.codegen.arrays import Named
from gru_sym.codegen.functions import Array
from gru_sym.errors import UnsupportedError
from gru_sym.flow.linearised import Linearised
from gru_sym.flow.scaled import log_norm, rescaled

__all__ = ["MOST_PLAYERS", "Shapley", "shapley"]

MOST_PLAYERS = 10
"""Families but the skip: there are two to this power coalitions."""


@dataclass(frozen=True, eq=False)
class Shapley:
    """The worth of each family at every lag, in nats; the skip always takes part.

    With a batch the arrays have an axis B at their end.

    Attributes:
        families: the names of the families but the skip, F in number.
        values: (T + 1, F). They add up to the logarithm of the whole norm less that of the skip
            alone. Not a number where a coalition that is compared has no gradient at all: without
            a skip, or where a unit of ``relu`` is off.
        coalitions: (2^F, F), which families take part.
        log_norms: the logarithm of the norm of each coalition's gradient, (T + 1, 2^F).
    """

    families: tuple[str, ...]
    values: Array = field(repr=False)
    coalitions: Array = field(repr=False)
    log_norms: Array = field(repr=False)


def shapley(steps: Linearised, cotangent: Named | ArrayLike = None) -> Shapley:
    """The Shapley values of the families on the log-norm of the gradient: O(T·2^F·H²), exact.

    Args:
        steps: the linearised steps.
        cotangent: that of the state after the last step; None: ones on the output state.

    Raises:
        DataError: the cotangent is not of this cell's state.
        UnsupportedError: the cell has more than ten families beside the skip.
    """
    others = [f for f in range(len(steps.families)) if f != steps.skip]
    if len(others) > MOST_PLAYERS:
        raise UnsupportedError(
            f"the Shapley values of {len(others)} families have {2 ** len(others)} terms",
            mend=f"give roles to the gates, so that there are {MOST_PLAYERS} families or fewer",
        )
    F = len(others)
    coalitions = np.array(list(np.ndindex(*[2] * F)), bool).reshape(2**F, F)
    rows = np.repeat(steps.cotangent(cotangent)[None], len(coalitions), axis=0)
    exponent = np.zeros(rows.shape[:2], np.int64)
    norms = np.empty((steps.T + 1, *exponent.shape))
    for k in range(steps.T + 1):
        if k:
            parts = steps.left(steps.T - k, rows)
            rows = np.zeros_like(rows) if steps.skip is None else parts[steps.skip]
            for column, f in enumerate(others):
                rows[coalitions[:, column]] += parts[f][coalitions[:, column]]
        rows, exponent = rescaled(rows, exponent)
        norms[k] = log_norm(rows, exponent)
    values = np.empty((steps.T + 1, F, steps.B))
    for column in range(F):
        values[:, column] = _value(norms, coalitions, column)
    names = tuple(steps.names[f] for f in others)
    return Shapley(names, steps.shown(values), coalitions, steps.shown(norms))


def _value(norms: Array, coalitions: Array, player: int) -> Array:
    """Σ over coalitions without the player: weight · (what it adds)."""
    F = coalitions.shape[1]
    index = coalitions @ (1 << np.arange(F)[::-1])
    place = {int(code): k for k, code in enumerate(index)}
    bit = 1 << (F - 1 - player)
    total = np.zeros((norms.shape[0], norms.shape[2]))
    with np.errstate(invalid="ignore"):
        for k, members in enumerate(coalitions):
            if not members[player]:
                size = int(members.sum())
                weight = factorial(size) * factorial(F - 1 - size) / factorial(F)
                gain = norms[:, place[int(index[k]) | bit]] - norms[:, k]
                total += weight * np.where(np.isfinite(gain), gain, np.nan)
    return total
