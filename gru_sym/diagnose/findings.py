"""findings: what the measurements say, in sentences that each have their numbers.

Nothing is guessed: a sentence is written where a measured number calls for it, and names it.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gru_sym.diagnose.gates import GateUse
from gru_sym.diagnose.measures import Measured, milestones
from gru_sym.flow.scaled import plain

__all__ = ["Finding", "findings", "units"]

WEAK = -4.6
"""ln 0.01: below, a gradient is called weak."""

_MOST_UNITS = 12


@dataclass(frozen=True)
class Finding:
    """A sentence, and the numbers that it rests on.

    Attributes:
        where: the pass that it is about; empty for the whole.
        kind: ``memory``, ``path``, ``gate``, ``float``, ``stability`` or ``remedy``.
        text: the sentence.
        evidence: its numbers, by name, in plain types.
    """

    where: str
    kind: str
    text: str
    evidence: dict[str, Any]

    def to_json(self) -> dict[str, Any]:
        """In plain types."""
        return {
            "where": self.where,
            "kind": self.kind,
            "text": self.text,
            "evidence": self.evidence,
        }


def findings(every: Sequence[Measured]) -> tuple[Finding, ...]:
    """The findings of all passes, in their order.

    Args:
        every: what was measured.
    """
    return tuple(found for one in every for found in _of(one))


def _of(one: Measured) -> Iterator[Finding]:
    yield from _memory(one)
    yield from _path(one)
    yield from _remedies(one)
    yield from _float(one)
    yield from _stability(one)
    for gate in one.gates:
        yield from _gate(one, gate)


def _curve(one: Measured) -> Any:
    """The mean over sequences of log ‖∂L/∂h_{T-k}‖ relative to lag 0."""
    curve = one.flow.curve.log_norm.reshape(one.flow.T + 1, -1)
    return (curve - curve[0]).mean(axis=1)


def _memory(one: Measured) -> Iterator[Finding]:
    curve, T = _curve(one), one.flow.T
    lag = next((k for k in (100, 50, 20, 10, 5, 2) if k <= T), 1)
    size = f"e^{curve[lag]:.1f}"
    memory = one.typical_memory
    if memory is not None:
        text = (
            f"The gradient at lag {lag} is {size} of that at lag 0. From lag {memory} on less "
            "than 1 % of its largest is left."
        )
    else:
        text = (
            f"The gradient at lag {lag} is {size} of that at lag 0. At lag {T}, the longest there "
            "is here, more than 1 % of its largest is left: the memory is longer than the inputs."
        )
    yield Finding(
        one.label,
        "memory",
        text,
        {"lag": lag, "log_gradient": plain(curve[lag]), "memory": memory},
    )
    times = one.flow.times.forgetting
    for state, each in times.items():
        each = np.median(each.reshape(-1, each.shape[-1]), axis=0)
        long = np.flatnonzero(each >= max(np.median(each) * 3, 10))
        if len(long):
            yield Finding(
                one.label,
                "memory",
                f"By their own skip, the units of {state} forget in {np.median(each):.1f} steps "
                f"(median); {units(long)} keep{'s' * (len(long) == 1)} three times as long and "
                f"more, up to {each.max():.0f} steps.",
                {"forgetting_time": plain(each), "units": long.tolist()},
            )


def _path(one: Measured) -> Iterator[Finding]:
    """What the families are worth; signed shares would mislead, for they may cancel."""
    flow, worth = one.flow, one.flow.shapley
    lags = [lag for lag in milestones(flow.T) if lag > 1] or [flow.T]
    lag = lags[-2] if len(lags) > 1 else lags[-1]
    if worth is None or not worth.families:
        return
    values = worth.values[lag].reshape(len(worth.families), -1).mean(axis=1)
    skip = flow.curve.skip_log_norm.reshape(flow.T + 1, -1)[lag].mean()
    whole = flow.curve.log_norm.reshape(flow.T + 1, -1)[lag].mean()
    mean = float(flow.length.mean.reshape(flow.T + 1, -1)[lag].mean())
    if not np.isfinite([*values, skip, whole]).all():
        return
    order = np.argsort(-np.abs(values), kind="stable")
    named = {worth.families[k]: float(values[k]) for k in order}
    parts = ", ".join(f"{name} {value:+.1f}" for name, value in named.items())
    if skip - whole < -1:
        head = f"the skip alone would bring e^{skip - whole:.1f} times the gradient"
    else:
        head = f"the skip alone brings the gradient (e^{skip - whole:.1f} times all of it)"
    text = f"At lag {lag} {head}; what the other paths are worth, in nats: {parts}."
    if abs(mean) <= lag and mean >= 0:
        text += f" On its way the gradient takes {mean:.1f} steps that are not the skip."
    yield Finding(
        one.label,
        "path",
        text,
        {
            "lag": lag,
            "shapley": named,
            "skip_alone": plain(skip - whole),
            "path_length": plain(np.float64(mean)),
        },
    )


def _remedies(one: Measured) -> Iterator[Finding]:
    for remedy in one.remedies[-1:]:
        if remedy.log_before > WEAK or remedy.log_after <= remedy.log_before + 1:
            continue
        names = " and ".join(remedy.biases)
        yield Finding(
            one.label,
            "remedy",
            f"The gradient at lag {remedy.lag} is e^{remedy.log_before:.1f}; with {names} shifted "
            f"by {remedy.shift:.2f} so that the skip keeps {remedy.after:.2f} on average (now "
            f"{remedy.before:.2f}) it is e^{remedy.log_after:.1f}, measured on these inputs.",
            {
                "lag": remedy.lag,
                "log_gradient": remedy.log_before,
                "biases": list(remedy.biases),
                "shift": remedy.shift,
                "mean_skip": remedy.before,
                "mean_skip_then": remedy.after,
                "log_gradient_then": remedy.log_after,
            },
        )


def _float(one: Measured) -> Iterator[Finding]:
    curve = one.flow.curve
    for name, lag in (("float32", curve.float32_zero_lag), ("float64", curve.float64_zero_lag)):
        lags = [k for k in (lag if isinstance(lag, tuple) else (lag,)) if k is not None]
        if lags:
            yield Finding(
                one.label,
                "float",
                f"In {name} the gradient reads 0 from lag {min(lags)} on: nothing that is earlier "
                "can be learned there.",
                {"type": name, "zero_lag": min(lags)},
            )


def _stability(one: Measured) -> Iterator[Finding]:
    first, error = float(one.lyapunov.exponents[0]), float(one.lyapunov.stderr[0])
    if not np.isfinite(first):
        return
    shown = f"{first:.3f}" + (f" ± {error:.3f}" if np.isfinite(error) else "")
    evidence = {"exponent": first, "stderr": plain(np.float64(error))}
    if first > 2 * (error if np.isfinite(error) else 0) and first > 0:
        text = (
            f"The largest Lyapunov exponent is {shown} nats per step: the dynamics are chaotic on "
            "these inputs, and gradients explode."
        )
    elif first < 0:
        text = (
            f"The largest Lyapunov exponent is {shown} nats per step: what is written into the "
            f"state is down to 1/e after {-1 / first:.0f} steps."
        )
    else:
        text = f"The largest Lyapunov exponent is {shown} nats per step: near the edge of chaos."
    yield Finding(one.label, "stability", text, evidence)


def _gate(one: Measured, gate: GateUse) -> Iterator[Finding]:
    called = f"{gate.name} ({gate.role})" if gate.role else gate.name
    ends = ("off", "") if gate.activation == "relu" else ("shut", "open")
    if gate.activation == "tanh":
        ends = ("at -1", "at 1")
    for found, how in ((gate.shut, ends[0]), (gate.open, ends[1])):
        if found:
            yield Finding(
                one.label,
                "gate",
                f"{called}: {units(found)} of {len(gate.mean)} "
                f"{'is' if len(found) == 1 else 'are'} {how} at 99 % of the steps and more, and "
                "learn" + "s" * (len(found) == 1) + " nothing there.",
                {"gate": gate.name, "end": how, "units": found},
            )
    if gate.still:
        yield Finding(
            one.label,
            "gate",
            f"{called}: {units(gate.still)} of {len(gate.mean)} "
            f"{'does' if len(gate.still) == 1 else 'do'} not react to the inputs (its standard "
            "deviation over time is below 0.001).",
            {"gate": gate.name, "end": "still", "units": gate.still},
        )


def units(numbers: Any) -> str:
    """Unit numbers, in words.

    >>> units([3]), units([1, 2, 5])
    ('unit 3', 'units 1, 2, 5')
    """
    found = [str(int(n)) for n in numbers]
    shown = ", ".join(found[:_MOST_UNITS])
    more = f" and {len(found) - _MOST_UNITS} more" if len(found) > _MOST_UNITS else ""
    return f"unit{'s' * (len(found) > 1)} {shown}{more}"
