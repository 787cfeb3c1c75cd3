"""findings: what the measurements say, in sentences that each have their numbers.

Nothing is guessed: a sentence is written where a measured number calls for it, and names it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from gru_sym.diagnose.gates import GateUse
from gru_sym.diagnose.measures import Measured, told_lag
from gru_sym.flow.scaled import plain

__all__ = ["Finding", "findings", "power", "signed", "units"]

WEAK = -4.6
"""ln 0.01: below, a gradient is called weak."""

_MOST_UNITS = 12

ROUNDING = 1e-12
"""Nats per step, below which an exponent may be rounding."""

_OFTEN = 0.1
"""The part of its values at an end from which on a gate's saturation is told."""


@dataclass(frozen=True)
class Finding:
    """A sentence, and the numbers that it rests on.

    Attributes:
        where: the pass that it is about; empty for the whole.
        kind: ``assumed``, ``memory``, ``path``, ``gate``, ``float``, ``stability`` or ``remedy``.
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


def findings(
    every: Sequence[Measured],
    *,
    places: Mapping[str, str] | None = None,
    biased: bool = True,
    notes: Iterable[str] = (),
) -> tuple[Finding, ...]:
    """The findings of all passes, in their order.

    Args:
        every: what was measured.
        places: bias → where it is in the file.
        biased: whether the network has biases.
        notes: what was assumed of the network.
    """
    assumed = tuple(Finding("", "assumed", note, {}) for note in notes)
    known = places or {}
    return assumed + tuple(f for one in every for f in _of(one, known, biased=biased))


def _of(one: Measured, places: Mapping[str, str], *, biased: bool) -> Iterator[Finding]:
    yield from _memory(one)
    yield from _path(one)
    yield from _remedies(one, places, biased=biased)
    yield from _float(one)
    yield from _stability(one)
    for gate in one.gates:
        yield from _gate(one, gate)


def _memory(one: Measured) -> Iterator[Finding]:
    curve, T = one.relative, one.flow.T
    lag = told_lag(T)
    memory = one.typical_memory
    if one.context == "network":
        size = f"{power(curve[lag])} of its largest"
        text = f"In the network, the gradient with respect to its states at lag {lag} is {size}."
    else:
        text = f"The gradient at lag {lag} is {power(curve[lag])} of that at lag 0."
    if one.context == "pass":
        text = f"By itself, with its own last output as the loss: {text[0].lower()}{text[1:]}"
    if one.reverse:
        text += " (This pass ends at the first input: a lag counts from there.)"
    if memory is not None:
        text += f" From lag {memory} on less than 1 % of its largest is left."
    else:
        text += (
            f" At lag {T}, the longest there is here, more than 1 % of its largest is left: the "
            "memory is longer than the inputs."
        )
    yield Finding(
        one.label,
        "memory",
        text,
        {"lag": lag, "log_gradient": plain(curve[lag]), "memory": memory},
    )
    for state, times in one.flow.times.forgetting.items():
        each = np.median(times.reshape(-1, times.shape[-1]), axis=0)
        middle = np.median(each)
        long = np.flatnonzero(each >= max(middle * 3, 10))
        if len(long) and np.isfinite(middle):
            top = each.max()
            most = f"up to {_steps(top)}" if np.isfinite(top) else "some without end"
            yield Finding(
                one.label,
                "memory",
                f"By their own skip, the units of {state} forget in {_steps(middle)} (median); "
                f"{units(long, len(each))} keep{'s' * (len(long) == 1)} three times as long and "
                f"more, {most}.",
                {"forgetting_time": plain(each), "units": long.tolist()},
            )


def _path(one: Measured) -> Iterator[Finding]:
    """What the families are worth; signed shares would mislead, for they may cancel."""
    flow, worth = one.flow, one.flow.shapley
    lag = told_lag(flow.T)
    if worth is None or not worth.families:
        return
    values = worth.values[lag].reshape(len(worth.families), -1).mean(axis=1)
    skip = flow.curve.skip_log_norm.reshape(flow.T + 1, -1)[lag].mean()
    whole = flow.curve.log_norm.reshape(flow.T + 1, -1)[lag].mean()
    mean = float(flow.length.mean.reshape(flow.T + 1, -1)[lag].mean())
    shares = flow.departures.shares[lag].reshape(len(flow.departures.families), -1).mean(axis=1)
    share = float(dict(zip(flow.departures.families, shares, strict=True)).get("skip", 0.0))
    if not np.isfinite([*values, skip, whole]).all():
        return
    order = np.argsort(-np.abs(values), kind="stable")
    named = {worth.families[k]: float(values[k]) for k in order}
    parts = ", ".join(f"{name} {signed(value)}" for name, value in named.items())
    times = f"{power(skip - whole)} times the gradient"
    if skip - whole < -1:
        head = f"the skip alone would bring {times}"
    elif skip - whole > 1:
        head = f"the skip alone would bring {times}, most of which the other paths cancel"
    elif 0.5 <= share <= 1.5:
        head = f"the skip alone brings about all of the gradient ({power(skip - whole)} times)"
    else:  # norms alone do not tell: two vectors of one length may have nothing in common
        head = f"the skip alone would bring {times}, but another one: its share is {share:.1f}"
    where = (
        f"Along its own recurrence, at lag {lag}" if one.context == "network" else f"At lag {lag}"
    )
    text = f"{where}, {head}; what the other paths are worth, in nats: {parts}."
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
            "skip_share": plain(np.float64(share)),
            "path_length": plain(np.float64(mean)),
        },
    )


def _remedies(one: Measured, places: Mapping[str, str], *, biased: bool) -> Iterator[Finding]:
    for remedy in one.remedies[-1:]:
        if remedy.log_before > WEAK or remedy.log_after <= remedy.log_before + 1:
            continue
        shifts = _shifts(remedy.shifts, places)
        if not biased:
            shifts += " from 0, for the network has none"
        whose = "along its own recurrence" if one.context == "network" else ""
        yield Finding(
            one.label,
            "remedy",
            f"The gradient {whose + ' ' if whose else ''}at lag {remedy.lag} is "
            f"{power(remedy.log_before)}; with {shifts}, so that the skip keeps "
            f"{remedy.after:.2f} on average (now {remedy.before:.2f}), it is "
            f"{power(remedy.log_after)}, measured on these inputs.",
            {
                "lag": remedy.lag,
                "log_gradient": remedy.log_before,
                "shifts": dict(remedy.shifts),
                "mean_skip": remedy.before,
                "mean_skip_then": remedy.after,
                "log_gradient_then": remedy.log_after,
            },
        )


def _shifts(shifts: Mapping[str, float], places: Mapping[str, str]) -> str:
    """Biases, where they are in the file, and what is added to them; alike ones together."""
    alike: dict[str, list[str]] = {}
    for name, shift in shifts.items():
        place = f" ({places[name]})" if name in places else ""
        alike.setdefault(f"{shift:+.2f}", []).append(name + place)
    return " and ".join(
        f"{', '.join(names)}{' each' * (len(names) > 1)} shifted by {shift}"
        for shift, names in alike.items()
    )


def _float(one: Measured) -> Iterator[Finding]:
    """Where floating point ends; of a layer that is for the network to say."""
    if one.context == "network":
        return
    curve = one.flow.curve
    for name, lag in (("float32", curve.float32_zero_lag), ("float64", curve.float64_zero_lag)):
        lags = [k for k in (lag if isinstance(lag, tuple) else (lag,)) if k is not None]
        if lags:
            yield Finding(
                one.label,
                "float",
                f"From lag {min(lags)} on the gradient is smaller than the smallest {name}: what "
                "backprop has there is 0 or rounding, and nothing earlier can be learned from it.",
                {"type": name, "zero_lag": min(lags)},
            )


def _stability(one: Measured) -> Iterator[Finding]:
    found = one.lyapunov
    first, error = float(found.exponents[0]), float(found.stderr[0])
    if not np.isfinite(first):
        return
    margin = 2 * error if np.isfinite(error) else 0.0
    shown = f"{first:.3g}" + (f" ± {error:.1g}" if np.isfinite(error) else "")
    head = f"The largest Lyapunov exponent is {shown} nats per step"
    evidence = {"exponent": first, "stderr": plain(np.float64(error)), "steps": found.steps}
    if abs(first) <= margin or abs(first) < ROUNDING:
        text = f"{head}, which cannot be told from 0 over these {found.steps} steps."
    elif abs(first) * found.steps < 1:
        way = "grow" if first > 0 else "fade"
        text = f"{head}: small changes {way} by {power(first * found.steps)} over these "
        text += f"{found.steps} steps, which is little."
    elif first > 0:
        text = f"{head}: the dynamics are chaotic on these inputs, and gradients grow."
    else:
        text = f"{head}: what is written into the state is down to 1/e after {_steps(-1 / first)}."
    yield Finding(one.label, "stability", text, evidence)


_FLAT = {
    "sigmoid": "where its slope is below 4 % of its largest",
    "tanh": "where its slope is below 2 % of its largest",
    "relu": "where its slope is 0",
}


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
                f"{called}: {units(found, len(gate.mean))} "
                f"{'is' if len(found) == 1 else 'are'} {how} at 99 % of the steps and more, "
                f"{_FLAT[gate.activation]}.",
                {"gate": gate.name, "end": how, "units": found},
            )
    if gate.activation != "relu" and gate.saturated >= _OFTEN and not (gate.shut or gate.open):
        part = gate.low + gate.high
        worst = [k for k in np.argsort(-part, kind="stable")[:3].tolist() if part[k] > 0]
        yield Finding(
            one.label,
            "gate",
            f"{called}: {100 * gate.saturated:.0f} % of its values, over units and steps, are "
            f"within 0.01 of an end, {_FLAT[gate.activation]}; most often those of "
            f"{units(worst, len(gate.mean))}.",
            {"gate": gate.name, "end": "saturated", "part": gate.saturated, "units": worst},
        )
    if gate.still:
        yield Finding(
            one.label,
            "gate",
            f"{called}: {units(gate.still, len(gate.mean))} "
            f"{'does' if len(gate.still) == 1 else 'do'} not react to the inputs (the standard "
            "deviation over time is below 0.001).",
            {"gate": gate.name, "end": "still", "units": gate.still},
        )


def power(nats: Any) -> str:
    """What is left, as a power of e; 0 where nothing is.

    >>> power(-5.81), power(-np.inf)
    ('e^-5.8', '0')
    """
    return "0" if np.isneginf(nats) else f"e^{nats:z.1f}"


def signed(nats: Any) -> str:
    """With its sign.

    >>> signed(0.44), signed(-0.01), signed(-3.0)
    ('+0.4', '+0.0', '-3.0')
    """
    return f"{nats:+z.1f}"


def _steps(number: Any) -> str:
    """A number of steps, in words.

    >>> _steps(0.96), _steps(1.0), _steps(583.2)
    ('1.0 steps', '1.0 steps', '583 steps')
    """
    return f"{number:.1f} steps" if number < 10 else f"{number:.0f} steps"


def units(numbers: Any, of: int) -> str:
    """Unit numbers, in words.

    Args:
        numbers: those of the units that are meant.
        of: how many there are.

    >>> units([3], 8), units([1, 2, 5], 8), units([0, 1], 2)
    ('unit 3 of 8', 'units 1, 2, 5 of 8', 'all 2 units')
    """
    found = [str(int(n)) for n in numbers]
    if len(found) == of:
        return f"all {of} units" if of > 1 else "the only unit"
    shown = ", ".join(found[:_MOST_UNITS])
    more = f" and {len(found) - _MOST_UNITS} more" if len(found) > _MOST_UNITS else ""
    return f"unit{'s' * (len(found) > 1)} {shown}{more} of {of}"
