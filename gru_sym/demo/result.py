"""What the demonstration found, and whether all of it is well."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from gru_sym.demo.files import FILES
from gru_sym.training.result import Score

__all__ = ["TOLERANCE", "WINDOW", "Check", "DemoResult"]

TOLERANCE = 1e-10
"""The relative error, of each tensor, below which gradients agree."""

WINDOW = 30
"""Steps for the complex step, which takes one forward pass for each entry of each parameter."""


@dataclass(frozen=True)
class Check:
    """One gradient and its relative errors; infinite where a number is not finite.

    Attributes:
        name: the gradient, such as ``W_z_bar``.
        shape: its shape.
        norm: ‖gradient‖ over the whole series.
        hand: the error against backprop derived by hand, over the whole series.
        complex_step: the error against the complex step, over the first :data:`WINDOW` steps.
    """

    name: str
    shape: tuple[int, ...]
    norm: float
    hand: float
    complex_step: float

    @property
    def ok(self) -> bool:
        """Both errors are below :data:`TOLERANCE`."""
        return self.hand < TOLERANCE and self.complex_step < TOLERANCE


@dataclass(frozen=True)
class DemoResult:
    """What the demonstration found.

    Attributes:
        cell: the cell's name.
        verdict: that of the proof: ``proved``, ``refuted`` or ``unproved``.
        claims: the number of claims in each part of the proof: (heading, number).
        steps: T, the number of steps of the series.
        loss: the mean squared error over the series.
        outputs: the relative errors of the states, ``hs``, and of the losses at each step,
            ``loss``, against those computed by hand.
        checks: one for each gradient.
        forecast: over the years that were held out, the mean squared errors of the GRU that was
            trained here and of the naive forecast; None where nothing was trained.
        directory: where the files are.
        seconds: how long all of it took.
    """

    cell: str
    verdict: str
    claims: tuple[tuple[str, int], ...]
    steps: int
    loss: float
    outputs: tuple[tuple[str, float], ...]
    checks: tuple[Check, ...]
    forecast: Score | None
    directory: Path
    seconds: float

    @property
    def ok(self) -> bool:
        """The gradients are proved, agree with both references, and have trained a forecaster."""
        outputs = bool(self.outputs) and all(error < TOLERANCE for _, error in self.outputs)
        gradients = bool(self.checks) and all(check.ok for check in self.checks)
        return self.verdict == "proved" and outputs and gradients and self.forecasts

    @property
    def forecasts(self) -> bool:
        """The trained GRU is better than the naive forecast."""
        return self.forecast is not None and self.forecast.model < self.forecast.naive

    def to_json(self) -> dict[str, Any]:
        """Plain types; a number that is not finite is None, and then ``ok`` is false."""
        return {
            "ok": self.ok,
            "cell": self.cell,
            "verdict": self.verdict,
            "claims": dict(self.claims),
            "steps": self.steps,
            "loss": _finite(self.loss),
            "tolerance": TOLERANCE,
            "outputs": {name: {"hand": _finite(error)} for name, error in self.outputs},
            "gradients": {
                check.name: {
                    "shape": list(check.shape),
                    "norm": _finite(check.norm),
                    "hand": _finite(check.hand),
                    "complex_step": _finite(check.complex_step),
                }
                for check in self.checks
            },
            "forecast": None
            if self.forecast is None
            else {
                "steps": self.forecast.steps,
                "mse": self.forecast.to_json(),
                "rmse": self.forecast.root().to_json(),
            },
            "directory": str(self.directory),
            "files": list(FILES),
            "seconds": round(self.seconds, 3),
        }


def _finite(number: float) -> float | None:
    return number if math.isfinite(number) else None
