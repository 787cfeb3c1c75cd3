"""How a run is trained: one frozen record, checked when it is made."""

import math
import operator
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any

from gru_sym.cells.compose import LOSSES, Loss
from gru_sym.cells.naming import did_you_mean
from gru_sym.codegen.backends.table import BACKENDS, backend_of
from gru_sym.errors import DataError

__all__ = ["DTYPES", "FREE", "Settings"]

DTYPES = ("float32", "float64")

FREE = frozenset({"epochs", "every"})
"""What may differ when a run goes on: it changes how long, and not which numbers."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """How a run is trained. None of them changes in the course of a run, but for those in ``FREE``.

    Attributes:
        loss: ``mse``; or ``cross_entropy``, for a series of whole numbers 0 … K-1.
        hidden: the size of every dimension that is not the data's, H as a rule.
        epochs: how often the training part is gone through.
        learning_rate: Adam's α.
        betas: Adam's β₁ and β₂.
        epsilon: Adam's ε.
        clip: the largest global norm of a gradient; None for no clipping.
        window: the training part is cut into windows of so many steps, each of which begins in the
            initial state; None leaves it whole.
        batch: how many windows a mini-batch has, drawn anew in each epoch; None for all.
        truncate: backprop through time reaches back over at most so many steps: there is an update
            after each stretch of this length, and the state is handed on without its gradient.
            None for no cut.
        held_out: the part of the series, at its end, that is not learned from.
        seed: of the initial parameters and of the order of the windows.
        dtype: ``float64`` or ``float32``.
        backend: what the gradients are generated for.
        every: a checkpoint is written after so many epochs.

    Raises:
        DataError: a setting is not what it can be.
    """

    loss: Loss = "mse"
    hidden: int = 16
    epochs: int = 200
    learning_rate: float = 0.01
    betas: tuple[float, float] = (0.9, 0.999)
    epsilon: float = 1e-8
    clip: float | None = None
    window: int | None = None
    batch: int | None = None
    truncate: int | None = None
    held_out: float = 1 / 3
    seed: int = 0
    dtype: str = "float64"
    backend: str = "numpy"
    every: int = 10

    def __post_init__(self) -> None:
        checked: dict[str, Any] = {
            name: _whole(name, getattr(self, name), least)
            for name, least in (("hidden", 1), ("epochs", 1), ("seed", 0), ("every", 1))
        }
        for name in ("window", "batch", "truncate"):
            if getattr(self, name) is not None:
                checked[name] = _whole(name, getattr(self, name), 1)
        for name in ("learning_rate", "epsilon", *(("clip",) if self.clip is not None else ())):
            checked[name] = _number(name, getattr(self, name))
            if checked[name] <= 0:
                raise DataError(
                    f"{name} is {checked[name]:g}, and has to be above 0", mend=_usual(name)
                )
        for name, values in (("loss", LOSSES), ("dtype", DTYPES), ("backend", BACKENDS)):
            _one_of(name, getattr(self, name), values)
        if backend_of(self.backend).any_precision:
            raise DataError(
                f"the backend {self.backend} computes number by number, too slowly to train",
                mend="train with the backend numpy; numba is the fastest",
            )
        checked["betas"] = self._betas()
        checked["held_out"] = _number("held_out", self.held_out)
        if not 0 <= checked["held_out"] < 1:
            raise DataError(
                f"held_out is {checked['held_out']:g}, and has to be from 0 up to, but not, 1",
                mend="hold out a third, 1/3, or nothing, 0",
            )
        for name, value in checked.items():  # NumPy's numbers become Python's, which JSON takes
            object.__setattr__(self, name, value)

    @classmethod
    def of(cls, given: Mapping[str, Any]) -> "Settings":
        """The settings that are given by name, and the usual ones for the rest.

        Args:
            given: name → value.

        Raises:
            DataError: there is no such setting, or it is not what it can be.
        """
        names = [each.name for each in fields(cls)]
        for name in given:
            if name not in names:
                hint = did_you_mean(name, names)
                raise DataError(
                    f"there is no setting {name}",
                    mend=f"{hint} The settings are {', '.join(names)}".strip(),
                )
        return cls(**given)

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        return asdict(self) | {"betas": list(self.betas)}

    def _betas(self) -> tuple[float, float]:
        try:
            first, second = (_number("betas", beta) for beta in self.betas)
        except (TypeError, ValueError):
            first = second = math.nan
        if not (0 <= first < 1 and 0 <= second < 1):
            raise DataError(
                f"betas is {self.betas!r:.60}, and has to be two numbers from 0 up to, but not, 1",
                mend=_usual("betas"),
            )
        return first, second


def _usual(name: str) -> str:
    return f"the usual {name} is {getattr(Settings, name, None) or 1.0}"


def _whole(name: str, value: Any, least: int) -> int:
    try:
        number = operator.index(value)
    except TypeError:
        number = least - 1
    if number.bit_length() > 63:  # Python may refuse to write it in digits
        raise DataError(
            f"{name} is a number of {number.bit_length()} bits, and has to be of 63 at most",
            mend=f"give one, such as {name}={max(least, getattr(Settings, name, None) or 32)}",
        )
    if isinstance(value, bool) or number < least:
        raise DataError(
            f"{name} is {value!r:.60}, and has to be a whole number from {least} on",
            mend=f"give one, such as {name}={max(least, getattr(Settings, name, None) or 32)}",
        )
    return number


def _number(name: str, value: Any) -> float:
    try:
        number = float(value)
    except (TypeError, ValueError, OverflowError):
        number = math.nan
    if isinstance(value, str | bool) or not math.isfinite(number):
        raise DataError(
            f"{name} is {value!r:.60}, and has to be a finite number", mend=_usual(name)
        )
    return number


def _one_of(name: str, value: Any, values: Any) -> None:
    if value not in tuple(values):
        hint = did_you_mean(str(value), values)
        raise DataError(
            f"there is no {name} {value!r:.60}",
            mend=f"{hint} There are {', '.join(values)}".strip(),
        )
