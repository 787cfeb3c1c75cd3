"""gates: which units of a gate are shut, open, or the same at every step."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np

from gru_sym.codegen.functions import Array
from gru_sym.diagnose.network import Pass

__all__ = ["GateUse", "gate_uses"]

EDGE = 0.01
"""A sigmoid below this, or above 1 less this, is saturated; so is |tanh| above 1 less this."""

OFTEN = 0.99
"""The part of all steps from which on a unit counts as shut, open or off."""

STILL = 1e-3
"""The standard deviation over time below which a unit does not react."""


@dataclass(frozen=True, eq=False)
class GateUse:
    """How the units of an activation were used, over all steps and sequences.

    Units are numbered from 0.

    Attributes:
        name: the variable, such as ``z``.
        role: what the cell calls it, such as ``update``; empty where it has no role.
        activation: ``sigmoid``, ``tanh`` or ``relu``.
        mean: of each unit, (n,).
        low: the part of the steps at which it was at its lower end (off, for ``relu``), (n,).
        high: at its upper end, (n,); 0 for ``relu``.
        spread: the standard deviation of each unit over steps and sequences, (n,).
    """

    name: str
    role: str
    activation: str
    mean: Array = field(repr=False)
    low: Array = field(repr=False)
    high: Array = field(repr=False)
    spread: Array = field(repr=False)

    @property
    def shut(self) -> list[int]:
        """Units at the lower end at almost every step; of ``relu``, those that are off."""
        return np.flatnonzero(self.low >= OFTEN).tolist()

    @property
    def open(self) -> list[int]:
        """Units at the upper end at almost every step."""
        return np.flatnonzero(self.high >= OFTEN).tolist()

    @property
    def still(self) -> list[int]:
        """Units that hardly differ from step to step, and are not at an end."""
        ends = (self.low >= OFTEN) | (self.high >= OFTEN)
        return np.flatnonzero((self.spread < STILL) & ~ends).tolist()

    @property
    def saturated(self) -> float:
        """The part of all units and steps at which it was at either end."""
        return float((self.low + self.high).mean())


def gate_uses(one: Pass) -> tuple[GateUse, ...]:
    """The activations of a pass, in the order of its equations.

    Args:
        one: the pass.
    """
    return tuple(_uses(one))


def _uses(one: Pass) -> Iterator[GateUse]:
    written = {d.name for d in one.cell.document.definitions}
    for d in one.cell.program:
        kind = d.expr.func.__name__
        if d.name not in written or kind not in {"sigmoid", "tanh", "relu"} or not d.var.shape:
            continue
        values = np.asarray(one.trajectory.stored[d.name])
        values = values.reshape(-1, values.shape[-1])
        top = 1 - EDGE
        low = values < {"sigmoid": EDGE, "tanh": -top, "relu": 0.0}[kind]
        low = values <= 0 if kind == "relu" else low
        high = values > top if kind != "relu" else np.zeros_like(low)
        role = one.cell.roles.get(d.name, "")
        yield GateUse(
            d.name,
            role,
            kind,
            values.mean(axis=0),
            low.mean(axis=0),
            high.mean(axis=0),
            values.std(axis=0),
        )
