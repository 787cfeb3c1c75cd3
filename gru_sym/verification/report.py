"""What the verifier found: for each regime, each oracle and each gradient a relative error."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from math import isfinite
from typing import Any

from gru_sym.notebook import ShownAsText

__all__ = ["TOLERANCE", "Judgement", "Report"]

TOLERANCE = 1e-10
"""The relative error, of each tensor, below which gradients agree."""

Errors = Mapping[str, Mapping[str, float]]
"""Oracle → gradient → relative error."""


@dataclass(frozen=True, eq=False)
class Judgement:
    """One regime.

    Attributes:
        regime: its name.
        words: what is particular about it.
        sizes: dimension → number.
        T: steps.
        B: sequences.
        errors: of the oracles that ran, where their own digits are enough.
        forward: oracle → the largest relative error of a value of the forward pass.
        inexact: gradients on which an oracle in float64 differs, though ours is right: more digits
            say so, and that the oracle itself is off by this relative error. Never passed.
        ulps: gradient → how far at most its entries are from the true ones, certified, in units in
            the last place of the largest entry.
        not_run: oracle → why it says nothing.
        fault: what the code that is verified raised; empty if it ran.
    """

    regime: str
    words: str
    sizes: Mapping[str, int]
    T: int
    B: int
    errors: Errors = field(default_factory=dict)
    forward: Mapping[str, float] = field(default_factory=dict)
    inexact: Errors = field(default_factory=dict)
    ulps: Mapping[str, float] = field(default_factory=dict)
    not_run: Mapping[str, str] = field(default_factory=dict)
    fault: str = ""


@dataclass(frozen=True, eq=False, repr=False)
class Report(ShownAsText):
    """What :func:`~gru_sym.verification.verify.verify` found.

    Attributes:
        cell: the cell's name.
        backend: of the generated code.
        gradients: the gradients by name.
        oracles: what was asked for.
        tolerances: oracle → the error that it allows.
        required: whether each oracle has to run, as those do that are asked for by name.
        regimes: the judgements.
        dependent: the oracles that rest on our own rules: they have to agree, but to be judged a
            gradient needs another.
        at: the regime in which every gradient has to be judged; empty where any will do.
    """

    cell: str
    backend: str
    gradients: tuple[str, ...]
    oracles: tuple[str, ...]
    tolerances: Mapping[str, float]
    required: bool
    regimes: tuple[Judgement, ...]
    dependent: frozenset[str] = frozenset()
    at: str = ""

    @property
    def errors(self) -> dict[str, dict[str, float]]:
        """Oracle → gradient → its largest relative error, of those that ran."""
        found: dict[str, dict[str, float]] = {}
        for oracle in self.oracles:
            for judgement in self.regimes:
                for name, error in judgement.errors.get(oracle, {}).items():
                    of = found.setdefault(oracle, {})
                    of[name] = max(error, of.get(name, 0.0))
        return found

    @property
    def not_run(self) -> dict[str, str]:
        """Oracle → why it did not run in any regime."""
        found = {}
        for oracle in self.oracles:
            reasons = [j.not_run[oracle] for j in self.regimes if oracle in j.not_run]
            ran = any(oracle in j.errors or oracle in j.inexact for j in self.regimes)
            if reasons and not ran:
                found[oracle] = reasons[0]
        return found

    @property
    def ulps(self) -> dict[str, float]:
        """Gradient → the largest certified distance, in ulp of its largest entry."""
        found: dict[str, float] = {}
        for judgement in self.regimes:
            for name, ulp in judgement.ulps.items():
                found[name] = max(ulp, found.get(name, 0.0))
        return found

    def failures(self) -> Iterator[str]:
        """Why the gradients are not verified, a sentence each; none where they are."""
        for j in self.regimes:
            if j.fault:
                yield f"{j.regime}: the code raised {j.fault}"
            for oracle, errors in j.errors.items():
                for name, error in errors.items():
                    if not error < self.tolerances[oracle]:
                        yield f"{j.regime}: {name} is off by {error:.1e} against {oracle}"
            for oracle, error in j.forward.items():
                if not error < self.tolerances[oracle]:
                    yield f"{j.regime}: the forward pass is off by {error:.1e} against {oracle}"
        if self.required:
            for oracle, reason in self.not_run.items():
                yield f"{oracle} was asked for and did not run: {reason}"
        where = [j for j in self.regimes if self.at in ("", j.regime)]
        judged = {
            name
            for judgement in where
            for oracle, errors in judgement.errors.items()
            if oracle not in self.dependent
            for name in errors
        }
        for name in self.gradients:
            if name not in judged:
                yield f"no oracle has judged {name}" + (
                    f" at the {self.at} arrays" if self.at else ""
                )

    @property
    def ok(self) -> bool:
        """Every gradient was judged, and none is off: not run is not passed."""
        return next(self.failures(), None) is None

    def to_json(self) -> dict[str, Any]:
        """Plain types; an error that is not finite is None, and then ``ok`` is false."""
        return {
            "ok": self.ok,
            "cell": self.cell,
            "backend": self.backend,
            "oracles": _plain(self.errors),
            "ulp": {name: _finite(ulp) for name, ulp in self.ulps.items()},
            "not_run": self.not_run,
            "tolerances": dict(self.tolerances),
            "failures": list(self.failures()),
            "regimes": {
                j.regime: {
                    "words": j.words,
                    "sizes": dict(j.sizes),
                    "T": j.T,
                    "B": j.B,
                    "oracles": _plain(j.errors),
                    "forward": {name: _finite(error) for name, error in j.forward.items()},
                    "inexact": _plain(j.inexact),
                    "ulp": {name: _finite(ulp) for name, ulp in j.ulps.items()},
                    "not_run": dict(j.not_run),
                    "fault": j.fault or None,
                }
                for j in self.regimes
            },
        }

    def __str__(self) -> str:
        ran = ", ".join(self.errors)
        if self.ok:
            return f"{self.cell}: all {len(self.gradients)} gradients are verified by {ran}"
        return "\n".join([f"{self.cell}: not verified", *(f"  {w}" for w in self.failures())])


def _plain(errors: Errors) -> dict[str, dict[str, float | None]]:
    return {o: {name: _finite(e) for name, e in of.items()} for o, of in errors.items()}


def _finite(number: float) -> float | None:
    return number if isfinite(number) else None
