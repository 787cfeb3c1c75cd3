"""What training found: the model, how well it forecasts, and its forecasts."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import inf, isfinite, sqrt
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gru_sym.cells.compose import LOSSES
from gru_sym.cells.equations import Cell
from gru_sym.codegen.compile import Compiled
from gru_sym.codegen.functions import Array
from gru_sym.codegen.trajectory import Trajectory
from gru_sym.errors import DataError
from gru_sym.notebook import ShownAsText
from gru_sym.training.series import Series, series_of
from gru_sym.training.task import Scaling, Task, one_hot
from gru_sym.weights import TrainingRun

__all__ = ["Result", "Score", "result_of", "shown"]

NAIVE: Mapping[str, str] = {
    "mse": "next equals this",
    "cross_entropy": "how often each symbol occurs",
}
"""What the naive forecast is, for each loss."""


@dataclass(frozen=True)
class Score:
    """The mean loss over one part of the series, of the model and of the naive forecast.

    The mean squared error is in the series' own units, squared, where it has one column; over
    several columns each counts in its own standard deviations. The cross-entropy is in nats.

    Attributes:
        steps: the number of forecasts, over which the mean is taken.
        model: the loss of the model.
        naive: the loss of the naive forecast.
    """

    steps: int
    model: float
    naive: float

    @property
    def ratio(self) -> float:
        """The model's loss in those of the naive forecast: below 1 where the model is better."""
        return self.model / self.naive if self.naive else inf

    def root(self) -> "Score":
        """The roots of both: of a mean squared error, the error in the series' own unit."""
        return Score(self.steps, sqrt(self.model), sqrt(self.naive))

    def to_json(self) -> dict[str, Any]:
        """Plain types; what is not finite is None."""
        numbers = {"model": self.model, "naive": self.naive, "ratio": self.ratio}
        return {name: _or_none(number) for name, number in numbers.items()}


@dataclass(frozen=True, eq=False, repr=False)
class Result(ShownAsText):
    """A trained cell. Print it to see how well it does.

    Attributes:
        cell: the cell.
        compiled: the cell with its readout, as running code.
        run: all that a checkpoint holds.
        series: what was learned from, and its end held out.
        training: the score over the part that was learned from, after training.
        held_out: the score over the part that was not; None where nothing was held out.
    """

    cell: Cell
    compiled: Compiled = field(repr=False)
    run: TrainingRun
    series: Series
    training: Score
    held_out: Score | None

    @property
    def params(self) -> dict[str, Array]:
        """Parameter → array, the readout's ``W_y`` and ``b_y`` among them."""
        return self.run.params()

    @property
    def history(self) -> Array:
        """The mean loss in each epoch, as the model was on the way, (epochs,).

        It is what was minimised: over standardised values where these are numbers.
        """
        return self.run.history

    @property
    def model(self) -> Cell:
        """The cell with its readout and loss."""
        return self.compiled.cell

    @cached_property
    def scaling(self) -> Scaling:
        """From the series' values to what the cell reads."""
        run = self.run
        return Scaling(run.mean, run.std, 0 if run.mean else run.input_size)

    def predict(self, series: Series | ArrayLike | None = None) -> Array:
        """The forecast at each time for the next: entry t is what the values up to t tell of t + 1.

        Args:
            series: None for the one that was trained on.

        Returns:
            An array of the series' shape; of symbols, the probabilities (T, K) or (T, B, K). Where
            the model overflows it holds what is not finite.

        Raises:
            DataError: the series has other columns or symbols than were learned.
        """
        given = self.series if series is None else series_of(series)
        return self._seen(self._read_out(self._run(self._read(given))), given)

    def forecast(self, steps: int = 1, series: Series | ArrayLike | None = None) -> Array:
        """What follows the end of the series, where each forecast is read as the next value.

        Args:
            steps: how far.
            series: None for the one that was trained on.

        Returns:
            (steps, …) with the axes of the series; of symbols, the likeliest at each step.

        Raises:
            DataError: the series has other columns or symbols than were learned, or a forecast is
                not finite.
        """
        if steps < 1:
            raise DataError(f"a forecast of {steps} steps", mend="ask for one step at least")
        given = self.series if series is None else series_of(series)
        trajectory = self._run(self._read(given))
        found = [self._next(trajectory)]
        for _ in range(steps - 1):
            state = {name: values[-1] for name, values in trajectory.states.items()}
            trajectory = self._run(found[-1], state)
            found.append(self._next(trajectory))
        whole = np.concatenate(found)
        if self.scaling.classes:
            symbols = whole.argmax(axis=-1)
            return symbols if given.values.ndim == 2 else symbols[:, 0]
        return self.scaling.unscaled(whole, given.values.ndim)

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        run = self.run
        return {
            "cell": self.cell.name,
            "series": self.series.name,
            "sizes": dict(run.sizes),
            "settings": dict(run.settings),
            "epochs": run.epoch,
            "updates": run.step,
            "loss": LOSSES[run.loss][2],
            "naive": self.naive,
            "unit": self.unit,
            "training_loss": float(self.history[-1]),
            "training": self._scores(self.training),
            "held_out": None if self.held_out is None else self._scores(self.held_out),
        }

    @property
    def unit(self) -> str:
        """What the forecasts are measured in."""
        if self.scaling.classes:
            return "nats"
        if len(self.scaling.mean) == 1:
            return "the series' own unit"
        return "each column's own standard deviation"

    @property
    def naive(self) -> str:
        """What the naive forecast is."""
        return NAIVE[self.run.loss]

    @property
    def not_finite(self) -> tuple[str, ...]:
        """The parts of the series, as a table calls them, whose forecast is not finite."""
        return tuple({part: 0 for part, _, score in self.measures() if not isfinite(score.model)})

    def measures(self) -> list[tuple[str, str, Score]]:
        """What a table shows: the part of the series, the measure, and its score."""
        parts = [("training", self.training)]
        if self.held_out is not None:
            parts.append(("held out", self.held_out))
        if self.scaling.classes:
            return [(part, "cross-entropy", score) for part, score in parts]
        both = [((part, "MSE", score), (part, "RMSE", score.root())) for part, score in parts]
        return [row for rows in both for row in rows]

    def __str__(self) -> str:
        run = self.run
        sizes = ", ".join(f"{name} = {size}" for name, size in run.sizes.items())
        lines = [
            f"{self.cell.name} on {self.series.name}: {sizes}, {_counted(run.epoch, 'epoch')}",
            f"training loss  {self.history[-1]:.6g} (what is minimised)",
        ]
        for part, measure, score in self.measures():
            what = f"{part} {measure}"
            numbers = (shown(number, ".6g") for number in (score.model, score.naive))
            lines.append(f"{what:<14} {', naive '.join(numbers)}")
        return "\n".join(lines)

    def _scores(self, score: Score) -> dict[str, Any]:
        if self.scaling.classes:
            return {"steps": score.steps, "cross_entropy": score.to_json()}
        return {"steps": score.steps, "mse": score.to_json(), "rmse": score.root().to_json()}

    def _read(self, series: Series) -> Array:
        """What the cell reads of a series, (T, B, I)."""
        return self.scaling.scaled(series, self.run.dtype)

    def _run(self, xs: Array, state: Mapping[str, Array] | None = None) -> Trajectory:
        x, y = self.model.inputs
        # The target has a place in the model, and no say in what is forecast.
        inputs = {str(x.name): xs, str(y.name): np.zeros_like(xs)}
        with np.errstate(all="ignore"):  # what overflows is seen as a number that is not finite
            return self.compiled.forward(self.run.parameters, inputs, state)

    def _read_out(self, trajectory: Trajectory) -> Array:
        """ŷ or the logits at each step, (T, B, O)."""
        return trajectory.values[LOSSES[self.run.loss][0]]

    def _next(self, trajectory: Trajectory) -> Array:
        """What the cell reads after a trajectory, (1, B, I)."""
        last = self._read_out(trajectory)[-1:]
        if not all(np.isfinite(a[-1:]).all() for a in (last, *trajectory.states.values())):
            raise DataError(
                "the forecast is not finite, for the model overflows",
                mend="train with a smaller learning rate, or with clipping; or start from a series "
                "whose values are like those that were learned",
            )
        if not self.scaling.classes:
            return last
        return one_hot(last.argmax(axis=-1), self.scaling.classes, last.dtype)

    def _seen(self, outputs: Array, series: Series) -> Array:
        if not self.scaling.classes:
            return self.scaling.unscaled(outputs, series.values.ndim)
        logits = outputs.astype(np.float64)
        with np.errstate(all="ignore"):
            powers = np.exp(logits - logits.max(axis=-1, keepdims=True))
            probabilities = powers / powers.sum(axis=-1, keepdims=True)
        return probabilities if series.values.ndim == 2 else probabilities[:, 0]


def result_of(cell: Cell, compiled: Compiled, run: TrainingRun, task: Task) -> Result:
    """Measure a run: through the whole series from its start, so that the state is warm.

    A loss that is not finite is no error: the run is there, and the result says so.
    """
    x, y = compiled.cell.inputs
    with np.errstate(all="ignore"):
        trajectory = compiled.forward(run.parameters, {str(x.name): task.xs, str(y.name): task.ys})
    losses = trajectory.extra["loss"].astype(np.float64)

    def score(part: slice) -> Score:
        with np.errstate(all="ignore"):
            model, naive = (float(a[part].mean()) * task.unit for a in (losses, task.naive))
        return Score(len(losses[part]), model, naive)

    held_out = score(slice(task.learned, None)) if task.held else None
    return Result(cell, compiled, run, task.series, score(slice(task.learned)), held_out)


def _counted(number: int, what: str) -> str:
    return f"{number} {what}{'s' * (number != 1)}"


def shown(number: float, form: str) -> str:
    """A number in digits, or that it is none."""
    return format(number, form) if isfinite(number) else "not finite"


def _or_none(number: float) -> float | None:
    return number if isfinite(number) else None
