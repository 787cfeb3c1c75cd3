"""report: the whole examination, as data."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gru_sym.diagnose.findings import Finding, findings
from gru_sym.diagnose.gates import GateUse
from gru_sym.diagnose.measures import Context, Measured, gradient_along, measured, milestones
from gru_sym.diagnose.network import trained
from gru_sym.flow.scaled import plain
from gru_sym.flow.summary import GradientFlow
from gru_sym.notebook import ShownAsText
from gru_sym.weights.layout import Nonlinearity

__all__ = ["Diagnosis", "diagnose"]


@dataclass(frozen=True, eq=False, repr=False)
class Diagnosis(ShownAsText):
    """What was found out about a trained network; made by :func:`diagnose`.

    Attributes:
        source: the file's name.
        convention: in words, what the file holds.
        passes: what was measured of each direction of each layer, from the input up.
        whole: where the gradient of all layers together goes, the loss at the last output; None
            with one layer, and with two directions.
        findings: what it says, in sentences: of all layers together first.
    """

    source: str
    convention: str
    passes: tuple[Measured, ...]
    whole: Measured | None = field(repr=False)
    findings: tuple[Finding, ...]

    def to_json(self) -> dict[str, Any]:
        """In plain types; a number that is not finite is None. Units are numbered from 0."""
        return {
            "checkpoint": self.source,
            "convention": self.convention,
            "findings": [found.to_json() for found in self.findings],
            "passes": [_pass(one) for one in self.passes],
            "whole": None if self.whole is None else _pass(self.whole),
        }

    @property
    def every(self) -> tuple[Measured, ...]:
        """All layers together where they are known together, then the passes."""
        return self.passes if self.whole is None else (self.whole, *self.passes)

    def __str__(self) -> str:
        """The findings, a line each."""
        lines = [self.convention.splitlines()[0], ""]
        for found in self.findings:
            lines.append(f"{found.where}: {found.text}" if found.where else found.text)
        return "\n".join(lines)


def diagnose(
    path: str | Path,
    xs: ArrayLike,
    *,
    prefix: str | None = None,
    nonlinearity: Nonlinearity | None = None,
    progress: Callable[[str], None] | None = None,
) -> Diagnosis:
    """Examine a trained network along a sequence, or several.

    Args:
        path: a checkpoint, ``.safetensors`` or ``.pt``, of PyTorch or of ``gru-sym train``.
        xs: the input as the network reads it, (T, I) or (T, B, I).
        prefix: of the network's keys, where the file has several networks.
        nonlinearity: of PyTorch's ``RNN``, which its file does not tell; None: tanh, which a
            finding then says.
        progress: called with what is being measured.

    Raises:
        WeightsError: the file is no checkpoint.
        DataError: the inputs are not of this network.

    >>> from importlib.resources import files
    >>> found = diagnose(files("gru_sym") / "data" / "sunspots_gru.safetensors", np.ones((60, 1)))
    >>> found.passes[0].units
    16
    """
    network = trained(path, xs, prefix=prefix, nonlinearity=nonlinearity)
    if network.whole is None:
        gradient, whole = None, None
        context: Context = "pass" if len(network.passes) > 1 else ""
    else:
        gradient, context = gradient_along(network.whole), "network"
        whole = measured(network.whole, own=gradient, progress=progress)
    passes = tuple(
        measured(one, network=gradient, context=context, progress=progress)
        for one in network.passes
    )
    if whole is not None:
        whole = replace(whole, units=sum(one.units for one in passes))
    every = passes if whole is None else (whole, *passes)
    said = findings(every, places=network.places, biased=network.biased, notes=network.notes)
    return Diagnosis(network.source, network.convention, passes, whole, said)


def _pass(one: Measured) -> dict[str, Any]:
    flow = one.flow.to_json()
    return {
        "label": one.label,
        "cell": one.cell,
        "units": one.units,
        "T": one.flow.T,
        "gradient_of": one.context or "network",
        "reverse": one.reverse,
        "log_gradient": plain(one.relative),
        "memory": list(one.memory),
        "unit_memory": plain(one.unit_memory),
        "forgetting_time": flow["forgetting_time"],
        "lag_curve": {
            name: flow[name]
            for name in (
                "lag",
                "log_norm",
                "skip_log_norm",
                "float64_zero_lag",
                "float32_zero_lag",
            )
        },
        "path_length": flow["path_length"],
        "paths": {str(lag): _paths(one.flow, lag) for lag in milestones(one.flow.T)},
        "families": flow["families"],
        "gates": [_gate(gate) for gate in one.gates],
        "lyapunov": one.lyapunov.to_json(),
        "remedies": [
            {
                "shifts": dict(remedy.shifts),
                "mean_skip": remedy.before,
                "mean_skip_then": remedy.after,
                "lag": remedy.lag,
                "log_gradient": plain(np.float64(remedy.log_before)),
                "log_gradient_then": plain(np.float64(remedy.log_after)),
            }
            for remedy in one.remedies
        ],
    }


def _paths(flow: GradientFlow, lag: int) -> dict[str, Any]:
    """Shares of the families, and their worth, at one lag; the mean over sequences."""
    shares = flow.departures
    each = shares.shares[lag].reshape(len(shares.families), -1).mean(axis=1)
    worth = None
    if flow.shapley is not None:
        values = flow.shapley.values[lag].reshape(len(flow.shapley.families), -1).mean(axis=1)
        worth = dict(zip(flow.shapley.families, plain(values), strict=True))
    return {"shares": dict(zip(shares.families, plain(each), strict=True)), "shapley": worth}


def _gate(gate: GateUse) -> dict[str, Any]:
    return {
        "name": gate.name,
        "role": gate.role,
        "activation": gate.activation,
        "mean": plain(gate.mean),
        "spread": plain(gate.spread),
        "saturated": gate.saturated,
        "shut": gate.shut,
        "open": gate.open,
        "still": gate.still,
    }
