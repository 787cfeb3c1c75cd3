"""measures: what is measured of each pass of a trained network."""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np

from gru_sym.codegen.compile import compile
from gru_sym.codegen.functions import Array
from gru_sym.diagnose.gates import GateUse, gate_uses
from gru_sym.diagnose.network import Pass
from gru_sym.flow.initial.gates import SkipGate, skip_gates
from gru_sym.flow.lags import adjoint, lag_curve
from gru_sym.flow.linearised import Linearised, along
from gru_sym.flow.lyapunov import Lyapunov, lyapunov
from gru_sym.flow.summary import GradientFlow, along_steps

__all__ = ["Measured", "Remedy", "measured", "memory_of", "milestones"]

LEFT = 0.01
"""A gradient counts as forgotten when less than this part of its largest is left."""

MOST_EXPONENTS = 64
"""Up to this size of the state the whole Lyapunov spectrum is measured, else the first 16."""

TARGETS = (0.9, 0.98)
"""Mean skip factors that are tried in the place of what was learned."""

_BISECTIONS = 24
_WIDEST = 40.0


@dataclass(frozen=True)
class Remedy:
    """What another bias would do to the gradient: measured by running the cell again with it.

    Attributes:
        biases: the biases that are shifted, all by the same amount in the direction of keeping.
        shift: by how much.
        before: the mean skip factor as it is.
        after: with the shift.
        lag: where the gradient is compared.
        log_before: the log of the gradient's norm there, relative to lag 0, in nats.
        log_after: with the shift.
    """

    biases: tuple[str, ...]
    shift: float
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
        units: the number of units of its output.
        flow: where the gradient goes.
        memory: the lag from which on less than 1 % of the gradient is left, for each sequence;
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
    memory: tuple[int | None, ...]
    unit_memory: Array = field(repr=False)
    gates: tuple[GateUse, ...]
    lyapunov: Lyapunov
    remedies: tuple[Remedy, ...]

    @property
    def typical_memory(self) -> int | None:
        """The median of ``memory``; None where some sequence has none."""
        known = sorted(lag for lag in self.memory if lag is not None)
        return known[len(known) // 2] if known and len(known) == len(self.memory) else None


def measured(one: Pass, *, progress: Callable[[str], None] | None = None) -> Measured:
    """Measure a pass.

    Args:
        one: the pass.
        progress: called with what is being measured.
    """
    say = progress or (lambda _: None)
    say(f"{one.label}: gradients")
    steps = along(one.cell, one.trajectory)
    flow = along_steps(steps)
    back = adjoint(steps)
    block = steps.blocks[str(one.cell.states[0].name)]
    with np.errstate(divide="ignore"):
        entries = np.log(np.abs(back.rows[..., block])) + np.log(2) * back.exponent[..., None]
    say(f"{one.label}: Lyapunov exponents")
    found = _exponents(one, steps)
    say(f"{one.label}: other biases")
    curve = flow.curve.log_norm.reshape(steps.T + 1, -1)
    return Measured(
        one.label,
        one.cell.name,
        block.stop - block.start,
        flow,
        tuple(memory_of(curve[:, b]) for b in range(steps.B)),
        np.median(_memories(entries), axis=0),
        gate_uses(one),
        found,
        _remedies(one, steps),
    )


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
    lag = max((k * 10**e for e in range(9) for k in (1, 2, 5) if k * 10**e <= steps.T), default=1)
    base = _relative(steps, lag)
    now = _mean_skip(steps, gates)
    found = []
    for target in TARGETS:
        if now < target:
            shift, other = _shifted(one, gates, target)
            names = tuple(name for gate in gates for name, _ in gate.biases)
            after = _mean_skip(other, gates)
            found.append(Remedy(names, shift, now, after, lag, base, _relative(other, lag)))
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


def _shifted(one: Pass, gates: tuple[SkipGate, ...], target: float) -> tuple[float, Linearised]:
    """The shift of the biases with which the mean skip factor is the target, by bisection.

    The cell runs anew each time, for its gates read what they have made of the state.
    """
    run = compile(one.cell)

    def steps_with(shift: float) -> Linearised:
        params = dict(one.params)
        for gate in gates:
            for name, sign in gate.biases:
                params[name] = params[name] + sign * shift
        return along(one.cell, run.forward(params, one.inputs, one.start))

    low, high = 0.0, 1.0
    while _mean_skip(steps_with(high), gates) < target and high < _WIDEST:
        low, high = high, 2 * high
    for _ in range(_BISECTIONS):
        middle = (low + high) / 2
        if _mean_skip(steps_with(middle), gates) < target:
            low = middle
        else:
            high = middle
    return high, steps_with(high)
