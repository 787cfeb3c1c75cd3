"""The gain at which gradients neither vanish nor grow, in mean-field theory."""

import math
from collections.abc import Callable, Mapping

from gru_sym.cells.equations import Cell
from gru_sym.errors import UnsupportedError
from gru_sym.flow.meanfield.fixed import UnboundedError
from gru_sym.flow.meanfield.setting import Laws, setting_of
from gru_sym.flow.meanfield.theory import at_setting, check_nodes
from gru_sym.flow.meanfield.unit import unit_of

__all__ = ["critical_gain"]

_LARGEST_GAIN = 1e3
_CRITICAL = 1 - 1e-9
"""A tanh network without inputs leaves χ = 1 tangentially: χ − 1 ~ (g − 1)² above g = 1."""


def critical_gain(
    cell: Cell,
    *,
    weights: float | Mapping[str, float] = 1.0,
    inputs: float = 0.0,
    biases: Laws | None = None,
    nodes: int = 121,
) -> float:
    """The smallest gain g of the recurrent matrices at which χ is 1; their σ² is g² ``weights``.

    Below it gradients vanish in the theory of
    :func:`~gru_sym.flow.meanfield.theory.mean_field`, above it they grow. It may be a jump over 1:
    where the states leave 0 at once, as those of a GRU without inputs do. By moments its relative
    error is about 1e-9, without inputs 1e-5, where χ may touch 1 alone; by a population 1e-2.

    Args:
        cell: any cell with a recurrent matrix.
        weights: as in :func:`~gru_sym.flow.meanfield.theory.mean_field`, at gain 1.
        inputs: as in :func:`~gru_sym.flow.meanfield.theory.mean_field`.
        biases: as in :func:`~gru_sym.flow.meanfield.theory.mean_field`.
        nodes: as in :func:`~gru_sym.flow.meanfield.theory.mean_field`.

    Raises:
        DataError: as in :func:`~gru_sym.flow.meanfield.theory.mean_field`.
        UnsupportedError: no matrix of the cell is recurrent; or χ is 1 at no gain up to 1000.
    """
    check_nodes(nodes)
    unit = unit_of(cell)
    setting = setting_of(cell, weights, inputs, biases)
    if not any(setting.recurrent.values()):
        raise UnsupportedError(
            f"`{cell.name}` has no recurrent matrix, whose gain could be critical",
            mend="give a cell with one, and weights that are not 0",
        )
    exact = True

    def above(gain: float) -> float:
        nonlocal exact
        try:
            found = at_setting(unit, setting.scaled(gain), nodes)
        except UnboundedError:
            return math.inf
        exact = exact and found.method == "moments"
        return found.chi - _CRITICAL

    low, high = 0.0, 0.25
    under, over = -1.0, above(high)
    while over < 0:
        low, under, high = high, over, 1.5 * high
        if high > _LARGEST_GAIN:
            raise UnsupportedError(
                f"χ of `{cell.name}` is below 1 at every gain up to {_LARGEST_GAIN:g}",
                mend="give biases that keep more, or none that shut the gates",
            )
        over = above(high)
    return _crossing(above, (low, under), (high, over), 1e-11 if exact else 3e-3)


def _crossing(
    above: Callable[[float], float],
    low: tuple[float, float],
    high: tuple[float, float],
    width: float,
) -> float:
    """Where a function changes from negative to positive, to a relative width.

    Bisection and the secant's guess take turns, so that a jump is found, too. ``low`` and ``high``
    are pairs of a place and the value there.
    """
    turn = 0
    while high[0] - low[0] > width * high[0]:
        place = (low[0] + high[0]) / 2
        if turn % 3 and math.isfinite(high[1]) and high[1] > low[1]:
            secant = low[0] - low[1] * (high[0] - low[0]) / (high[1] - low[1])
            # A little to the side of the guess where the longer piece is, to cut that off.
            nudge = math.copysign(width * high[0] / 3, place - secant)
            place = secant + nudge if low[0] < secant + nudge < high[0] else place
        value = above(place)
        low, high = ((place, value), high) if value < 0 else (low, (place, value))
        turn += 1
    return (low[0] + high[0]) / 2
