"""trial: one measurement at one point of a study, and what comes of it."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from functools import cached_property
from hashlib import sha256
from typing import Any

from gru_sym.codegen.functions import Array
from gru_sym.sweep.axes import AXES, Value
from gru_sym.sweep.version import code_version

__all__ = ["Outcome", "Trial", "canonical", "key_of"]


@dataclass(frozen=True)
class Trial:
    """All that a trial's numbers depend on, in plain types; the axes come first.

    Attributes:
        cell: how the study calls the cell.
        size: entries of each state, H.
        T: steps.
        initialisation: how the parameters are drawn.
        gain: the factor on the recurrent matrices.
        bias: what is added to the skip's gate, in the direction of keeping.
        seed: of parameters and inputs.
        task: what is learned; ``none`` where nothing is.
        paths: which paths the gradient may take: ``all``, ``skip only``, ``no update``.
        measurement: what is measured.
        equations: the cell's text, with its header.
        variance: of the inputs.
        inputs: entries of each input, I; None where they are H.
        learning: how it is learned, names and values as canonical JSON; empty where nothing is.
    """

    cell: str
    size: int
    T: int
    initialisation: str
    gain: float
    bias: float
    task: str
    paths: str
    seed: int
    measurement: str
    equations: str = field(repr=False)
    variance: float = 1.0
    inputs: int | None = None
    learning: str = ""

    @cached_property
    def configuration(self) -> str:
        """The trial as JSON, in its one canonical form."""
        return canonical({each.name: getattr(self, each.name) for each in fields(self)})

    @property
    def key(self) -> str:
        """The SHA-256 of the configuration and the code's version."""
        return key_of(self.configuration, code_version())

    @property
    def point(self) -> dict[str, Value]:
        """Axis → value."""
        return {name: getattr(self, name) for name in AXES}


@dataclass(frozen=True, eq=False)
class Outcome:
    """What came of a trial: values, or an error.

    Attributes:
        trial: the trial.
        values: quantity → its values, float64; empty where it failed.
        error: the class and the message of what went wrong; empty where nothing did.
        seconds: how long it took.
        versions: of the code and the libraries that ran it.
    """

    trial: Trial
    values: Mapping[str, Array]
    error: str
    seconds: float
    versions: Mapping[str, str]


def canonical(value: Any) -> str:
    """JSON with sorted keys and without spaces; numbers have all their digits.

    >>> canonical({"T": 2, "gain": 0.1})
    '{"T":2,"gain":0.1}'
    """
    return json.dumps(value, sort_keys=True, separators=(",", ":"), allow_nan=False)


def key_of(configuration: str, version: str) -> str:
    """The key of a configuration under a version of the code."""
    return sha256(f"{configuration}\n{version}".encode()).hexdigest()
