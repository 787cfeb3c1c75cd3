"""measures: what is measured of each pass of a trained network."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import numpy as np

from gru_sym.codegen.compile import compile
from gru_sym.codegen.functions import Array
from gru_sym.diagnose.gates import GateUse, gate_uses
from gru_sym.diagnose.network import Pass
from gru_sym.flow.initial.gates import SkipGate, skip_gates
from gru_sym.flow.lags import Adjoint, adjoint, lag_curve
from gru_sym.flow.linearised import Linearised, along
from gru_sym.flow.lyapunov import Lyapunov, lyapunov
from gru_sym.flow.scaled import LN2, log_norm, rescaled
from gru_sym.flow.summary import GradientFlow, along_steps

__all__ = [
    "Gradient",
    "Measured",
    "Remedy",
    "gradient_along",
    "measured",
    "memory_of",
    "milestones",
    "told_lag",
]

Context: TypeAlias = Literal["", "network", "pass"]

LEFT = 0.01
"""A gradient counts as forgotten when less than this part of its largest is left."""

MOST_EXPONENTS = 64
"""Up to this size of the state the whole Lyapunov spectrum is measured, else the first 16."""

TARGETS = (0.9, 0.98)
"""Mean skip factors that are tried in the place of what was learned."""

_WIDEST = 40.0
"""The largest shift that is tried."""

_RUNS, _CLOSE = 30, 1e-4
"""How often at most, and how near to its target a mean skip factor is brought."""


@dataclass(frozen=True)
class Remedy:
    """What another bias would do to the gradient: measured by running the cell again with it.

    Attributes:
        shifts: bias → what is added to it, all as much in the direction of keeping.
        before: the mean skip factor as it is.
        after: with the shift.
        lag: where the gradient is compared.
        log_before: the log of the gradient's norm there, relative to lag 0, in nats.
        log_after: with the shift.
    """

    shifts: Mapping[str, float]
    before: float
    after: float
    lag: int
    log_before: float
    log_after: float


@dataclass(frozen=True, eq=False)
class Measured:
    """What is known of a pass.

    Attributes:
        label: the pass.
        cell: the name of its cell.
        units: the number of units of its output; of all layers together, those of all of them.
        flow: where the gradient goes along the pass by itself.
        context: whose gradient ``curve`` and the memories are: ``network`` for that of all layers
            together, with the loss at the last output of the last of them; ``pass`` for that of
            this pass alone, with the loss at its own last output, which is what can be said of a
            network of two directions; empty where the pass is all there is.
        reverse: whether it ran from the last input to the first.
        curve: log-norm of the gradient with respect to the pass's states, (T + 1, B); in a network
            it may be 0 at lag 0, where only the last layer is read.
        memory: the lag from which on less than 1 % of the largest is left, for each sequence;
            None where that is not so at any lag.
        unit_memory: the same of each unit of the output state, as the median over the sequences,
            in steps, (n,); NaN where it is not so at any lag.
        gates: how the activations were used.
        lyapunov: the exponents along the first sequence.
        remedies: what other biases would do.
    """

    label: str
    cell: str
    units: int
    flow: GradientFlow
    context: Context
    reverse: bool
    curve: Array = field(repr=False)
    memory: tuple[int | None, ...]
    unit_memory: Array = field(repr=False)
    gates: tuple[GateUse, ...]
    lyapunov: Lyapunov
    remedies: tuple[Remedy, ...]

    @property
    def relative(self) -> Array:
        """``curve`` relative to lag 0, of a layer to its largest; mean of sequences, (T + 1,)."""
        base = self.curve.max(axis=0) if self.context == "network" else self.curve[0]
        found: Array = (self.curve - base).mean(axis=1)
        return found

    @property
    def typical_memory(self) -> int | None:
        """The median of ``memory``; None where some sequence has none."""
        known = sorted(lag for lag in self.memory if lag is not None)
        return known[len(known) // 2] if known and len(known) == len(self.memory) else None


@dataclass(frozen=True, eq=False)
class Gradient:
    """The gradient of the sum of the last output, along a pass or a network it is a part of."""

    steps: Linearised = field(repr=False)
    back: Adjoint = field(repr=False)


def gradient_along(one: Pass) -> Gradient:
    """The gradient of the sum of a pass's last output.

    Args:
        one: the pass.
    """
    steps = along(one.cell, one.trajectory)
    return Gradient(steps, adjoint(steps))


def measured(
    one: Pass,
    *,
    own: Gradient | None = None,
    network: Gradient | None = None,
    context: Context = "",
    progress: Callable[[str], None] | None = None,
) -> Measured:
    """Measure a pass.

    Args:
        one: the pass.
        own: its own gradient, where that is at hand.
        network: that of the network that it is a layer of.
        context: as in :class:`Measured`.
        progress: called with what is being measured.
    """
    say = progress or (lambda _: None)
    say(f"{one.label}: gradients")
    own = own or gradient_along(one)
    steps = own.steps
    flow = along_steps(steps)
    curve, units = _seen(network or own, [str(state.name) for state in one.cell.states])
    say(f"{one.label}: Lyapunov exponents")
    found = _exponents(one, steps)
    say(f"{one.label}: other biases")
    return Measured(
        one.label,
        one.cell.name,
        units.shape[-1],
        flow,
        context,
        one.reverse,
        curve,
        tuple(memory_of(curve[:, b]) for b in range(steps.B)),
        np.median(_memories(units), axis=0),
        gate_uses(one),
        found,
        _remedies(one, steps),
    )


def told_lag(T: int) -> int:
    """The lag that sentences tell: 100, or the largest below it that the sequence has.

    >>> told_lag(308), told_lag(60)
    (100, 50)
    """
    return next((lag for lag in (100, 50, 20, 10, 5, 2) if lag <= T), 1)


def _seen(gradient: Gradient, states: Sequence[str]) -> tuple[Array, Array]:
    """Logs of the norm over some states, (T + 1, B), and of the first's entries, (T + 1, B, n)."""
    rows, exponent = gradient.back.rows, gradient.back.exponent
    blocks = [rows[..., gradient.steps.blocks[name]] for name in states]
    with np.errstate(divide="ignore"):
        units = np.log(np.abs(blocks[0])) + LN2 * exponent[..., None]
    return log_norm(*rescaled(np.concatenate(blocks, axis=-1), exponent)), units


def milestones(T: int) -> list[int]:
    """Lags that are told: 1, 10, 100, … and T.

    >>> milestones(308), milestones(10)
    ([1, 10, 100, 308], [1, 10])
    """
    found = [10**e for e in range(9) if 10**e < T]
    return [*found, T]


def memory_of(log_norm: Array) -> int | None:
    """The lag from which on less than 1 % of the largest gradient is left; None if there is none.

    Args:
        log_norm: the curve, (T + 1,), in nats.

    >>> memory_of(np.array([0.0, -1.0, -3.0, -6.0, -2.0, -7.0, -9.0]))
    5
    """
    alive = np.flatnonzero(log_norm >= np.max(log_norm) + np.log(LEFT))
    last = int(alive[-1]) if len(alive) else -1
    return None if last == len(log_norm) - 1 else last + 1


def _memories(entries: Array) -> Array:
    """The same of each entry: (T + 1, B, n) → (B, n), NaN where there is none."""
    _, B, n = entries.shape
    found = np.empty((B, n))
    for b in range(B):
        for i in range(n):
            lag = memory_of(entries[:, b, i])
            found[b, i] = np.nan if lag is None else lag
    return found


def _exponents(one: Pass, steps: Linearised) -> Lyapunov:
    first = {name: array[:, 0] for name, array in one.inputs.items()}
    start = {name: array[0] for name, array in one.start.items()}
    return lyapunov(
        one.cell,
        one.params,
        first or None,
        start,
        steps=steps.T - steps.T // 10,
        burn=steps.T // 10,
        count=None if steps.S <= MOST_EXPONENTS else 16,
    )


# -- what if -----------------------------------------------------------------------------------


def _remedies(one: Pass, steps: Linearised) -> tuple[Remedy, ...]:
    gates = skip_gates(one.cell)
    if not gates:
        return ()
    lag = told_lag(steps.T)
    base = _relative(steps, lag)
    now = _mean_skip(steps, gates)
    found = []
    for target in TARGETS:
        if now < target:
            shift, other = _shifted(one, gates, now, target)
            shifts = {name: sign * shift for gate in gates for name, sign in gate.biases}
            after = _mean_skip(other, gates)
            found.append(Remedy(shifts, now, after, lag, base, _relative(other, lag)))
    return tuple(found)


def _relative(steps: Linearised, lag: int) -> float:
    """Log of the norm at a lag relative to lag 0, the mean over sequences."""
    curve = lag_curve(steps).log_norm.reshape(steps.T + 1, -1)
    return float((curve[lag] - curve[0]).mean())


def _mean_skip(steps: Linearised, gates: tuple[SkipGate, ...]) -> float:
    """The mean skip factor of the states that have such gates, over units and steps."""
    found = []
    for gate in gates:
        block = steps.blocks[gate.state]
        ones = np.zeros((1, steps.B, steps.S))
        ones[..., block] = 1
        found += [steps.left_skip(t, ones)[0][:, block].mean() for t in range(steps.T)]
    return float(np.mean(found))


def _shifted(
    one: Pass, gates: tuple[SkipGate, ...], now: float, target: float
) -> tuple[float, Linearised]:
    """The shift of the biases with which the mean skip factor is the target.

    The cell runs anew each time, for its gates read what they have made of the state. The logit of
    the mean is nearly straight in the shift: the regula falsi needs a few runs.
    """
    run = compile(one.cell)

    def steps_with(shift: float) -> Linearised:
        params = dict(one.params)
        for gate in gates:
            for name, sign in gate.biases:
                params[name] = params[name] + sign * shift
        return along(one.cell, run.forward(params, one.inputs, one.start))

    low, below = 0.0, _logit(now) - _logit(target)
    shift, above = -below, np.nan
    for _ in range(_RUNS):
        steps = steps_with(shift)
        mean = _mean_skip(steps, gates)
        miss = _logit(mean) - _logit(target)
        if abs(mean - target) <= _CLOSE or (miss < 0 and shift >= _WIDEST):
            break
        if miss < 0:
            low, below = shift, miss
        else:
            high, above = shift, miss
        if np.isnan(above):
            shift = min(2 * shift, _WIDEST)
        else:
            # Away from the ends, so that one that never moves does not hold the other up.
            part = min(max(below / (below - above), 0.05), 0.95)
            shift = low + part * (high - low)
    return shift, steps


def _logit(mean: float) -> float:
    inside = min(max(mean, 1e-12), 1 - 1e-12)
    return float(np.log(inside) - np.log1p(-inside))
