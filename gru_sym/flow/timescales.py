"""timescales: how long each unit remembers, by its skip alone.

The skip leads from each unit to the same unit. Along a sequence it multiplies by s_t at each step,
so that what is left after k steps is about e^(-k/τ) with 1/τ = -mean log |s_t|.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from gru_sym.codegen.functions import Array
from gru_sym.flow.linearised import Linearised

__all__ = ["TimeScales", "time_scales"]


@dataclass(frozen=True, eq=False)
class TimeScales:
    """The memory of each unit by its skip; only of states that have one.

    With a batch the arrays have an axis B before that of the units.

    Attributes:
        log_keep: state → log abs(s_t) at each step, (T, n), in nats; -inf where all is forgotten.
        forgetting: state → τ in steps, (n,): inf where nothing is forgotten on average, 0 where
            all is forgotten in one step.
    """

    log_keep: Mapping[str, Array] = field(repr=False)
    forgetting: Mapping[str, Array] = field(repr=False)


def time_scales(steps: Linearised) -> TimeScales:
    """The forgetting time of each unit, from the gates of its skip as they were: O(T·H).

    Args:
        steps: the linearised steps.

    >>> from gru_sym import cells
    >>> from gru_sym.flow import linearised
    >>> params = {"W_z": np.zeros((2, 1)), "W_h": np.zeros((2, 1)), "b_h": np.zeros(2)}
    >>> params["b_z"] = -np.log([1.0, 9.0])  # 1 - z is 1/2, and 9/10
    >>> time_scales(linearised(cells.mingru, params, np.zeros((5, 1)))).forgetting["h"].round(3)
    array([1.443, 9.491])
    """
    keep: dict[str, Array] = {}
    for name in _with_skip(steps):
        block = steps.blocks[name]
        ones = np.zeros((1, steps.B, steps.S))
        ones[..., block] = 1
        each = [steps.left_skip(t, ones)[0][:, block] for t in range(steps.T)]
        with np.errstate(divide="ignore"):
            keep[name] = steps.shown(np.log(np.abs(np.array(each))), axis=1)
    times = {}
    for name, logs in keep.items():
        rate = -logs.mean(axis=0)
        with np.errstate(divide="ignore"):
            times[name] = np.where(rate > 0, 1 / np.where(rate > 0, rate, 1), np.inf)
    return TimeScales(keep, times)


def _with_skip(steps: Linearised) -> list[str]:
    """The states whose next value has a skip from the state itself."""
    pairs = dict(zip(steps.cell.nexts, steps.cell.states, strict=True))
    found = [
        str(state.name)
        for family in steps.families
        if family.is_skip
        for after, state, _ in family.members
        if pairs[after] == state
    ]
    return list(dict.fromkeys(found))
