"""train: the loop over epochs, mini-batches and stretches of time."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from gru_sym.cells.equations import Cell
from gru_sym.codegen.compile import Compiled, compile
from gru_sym.codegen.functions import Array
from gru_sym.derive.vjp import cotangent_of
from gru_sym.errors import DataError
from gru_sym.training.adam import Adam, Moments, clipped, norm
from gru_sym.training.model import initial, model_of, sizes_of
from gru_sym.training.result import Result, result_of
from gru_sym.training.saved import checked, resumed, save
from gru_sym.training.series import Series, series_of
from gru_sym.training.settings import Settings
from gru_sym.training.task import Task, task_of
from gru_sym.weights import TrainingRun

__all__ = ["Progress", "train"]

Progress: TypeAlias = Callable[[int, float], None]
"""Called with the number of epochs done and the loss of the last, NaN before there is one."""


def train(
    cell: Cell,
    series: Series | ArrayLike,
    *,
    out: str | os.PathLike[str] | None = None,
    resume: bool = False,
    progress: Progress | None = None,
    **settings: Any,
) -> Result:
    """Train a cell to forecast the next value of a series, with the gradients that we generate.

    The cell gets a linear readout and a loss (:func:`~gru_sym.cells.compose.readout`). Gradients go
    through :func:`gru_sym.compile`, are clipped by their global norm where that is asked for, and
    Adam (Kingma & Ba 2015, arXiv:1412.6980) follows them. The end of the series is held out;
    afterwards the model runs through the whole series, and is measured there beside a naive
    forecast.

    The same cell, series and settings give the same numbers to the last bit, on one machine with
    the same versions and threads of its libraries, whether or not the run was stopped and resumed.

    Args:
        cell: any cell with one input; layers as one cell, by ``stack``.
        series: (T,) or (T, I) numbers, or (T, B, I) for B sequences; with the loss
            ``cross_entropy`` symbols 0 … K-1, (T,) or (T, B). Or what
            :func:`~gru_sym.training.series.read_series` gives.
        out: the ``.safetensors`` to write the run to, at its start, after every ``every`` epochs,
            and at its end; :func:`gru_sym.weights.load` reads it. None: nothing is written.
        resume: go on from ``out`` where that file is there.
        progress: called after each epoch, and once before the first.
        **settings: those of :class:`~gru_sym.training.settings.Settings`, by name: ``hidden``,
            ``epochs``, ``learning_rate``, ``loss``, ``clip``, ``window``, ``batch``, ``truncate``,
            ``held_out``, ``seed``, ….

    Raises:
        DataError: a setting or the series is not what it can be, ``out`` is there already or is of
            another run, the loss is not finite at the start, or the training diverged (the last
            checkpoint stays).
        StructureError: this is no cell that can read a series.
        WeightsError: the file to resume from is damaged.
        MissingLibraryError: the backend's library is not installed.

    >>> from gru_sym import cells
    >>> result = train(cells.rnn, np.sin(np.arange(60.0)), hidden=4, epochs=5)
    >>> len(result.history), result.params["U_h"].shape
    (5, (4, 4))
    """
    chosen = Settings.of(settings)
    if resume and out is None:
        raise DataError("there is no file to resume from", mend="name it: out=…, or -o FILE")
    path = None if out is None else checked(out)
    model = model_of(cell, chosen.loss)
    task = task_of(series_of(series), chosen)
    updates = task.updates(chosen)  # which refuses windows that are too long
    start = _start(cell, model, task, chosen)
    run = start
    if path is not None:
        run = resumed(path, start, resume=resume, updates=updates)
    # Compiled when all is known to be right, for that can take long.
    trainer = _Trainer(model, compile(model, chosen.backend), task, chosen)
    if path is not None and run is start:
        save(path, start, new=True)  # where nothing can be written, this is the time to say so
    run = replace(run, settings=chosen.to_json())
    run = trainer.trained(run, path, progress or _silent)
    return result_of(cell, trainer.compiled, run, task)


def _silent(epoch: int, loss: float) -> None:
    """Report nothing."""


def _start(cell: Cell, model: Cell, task: Task, settings: Settings) -> TrainingRun:
    """The run before its first epoch."""
    sizes = sizes_of(model, task.scaling.entries, settings.hidden)
    params = initial(model, sizes, settings.seed, settings.dtype)
    moments = Moments.zero(params)
    return TrainingRun(
        text=cell.text,
        name=cell.name,
        loss=settings.loss,
        settings=settings.to_json(),
        sizes=sizes,
        mean=task.scaling.mean,
        std=task.scaling.std,
        data=task.series.fingerprint,
        step=0,
        history=np.zeros(0),
        parameters=params,
        m=moments.m,
        v=moments.v,
    )


@dataclass(frozen=True)
class _Trainer:
    """What does not change in the course of a run."""

    model: Cell
    compiled: Compiled
    task: Task
    settings: Settings

    def trained(self, run: TrainingRun, path: Path | None, progress: Progress) -> TrainingRun:
        """The run after all epochs that it still lacks, with checkpoints on the way."""
        settings = self.settings
        adam = Adam(settings.learning_rate, settings.betas, settings.epsilon)
        windows = self.task.windows(settings.window)
        params, moments = run.parameters, Moments(run.step, run.m, run.v)
        history = list(run.history)
        progress(len(history), history[-1] if history else float("nan"))
        for epoch in range(len(history) + 1, settings.epochs + 1):
            params, moments, loss = self._epoch(epoch, windows, adam, params, moments)
            history.append(loss)
            if epoch == settings.epochs or (path is not None and epoch % settings.every == 0):
                run = replace(
                    run,
                    step=moments.step,
                    history=np.array(history),
                    parameters=params,
                    m=moments.m,
                    v=moments.v,
                )
                if path is not None:
                    save(path, run)
            progress(epoch, loss)
        return run

    def _epoch(
        self,
        epoch: int,
        windows: Array,
        adam: Adam,
        params: Mapping[str, Array],
        moments: Moments,
    ) -> tuple[Mapping[str, Array], Moments, float]:
        """Each window once: parameters, moments, and the mean loss as it was on the way."""
        settings = self.settings
        length = settings.window or self.task.learned
        size = min(settings.batch or len(windows), len(windows))
        if size < len(windows):
            # A generator for each epoch: there is no state of it to be saved.
            windows = np.random.default_rng([settings.seed, epoch]).permutation(windows)
        total = 0.0
        for first in range(0, len(windows), size):
            xs, ys = self.task.take(windows[first : first + size], length)
            state: dict[str, Array] | None = None
            for start in range(0, length, settings.truncate or length):
                part = slice(start, start + (settings.truncate or length))
                grads, losses, state = self._gradients(params, xs[part], ys[part], state)
                total += float(losses.sum(dtype=np.float64))
                size_of_all = norm(grads)
                if not (np.isfinite(total) and np.isfinite(size_of_all)):
                    raise self._diverged(epoch) if moments.step else self._outside(losses)
                with np.errstate(all="ignore"):
                    params, moments = adam.update(
                        params, clipped(grads, size_of_all, settings.clip), moments
                    )
                # The squares in the moments overflow long before the parameters do.
                if not all(map(_finite, (params, moments.m, moments.v, state))):
                    raise self._diverged(epoch)
        return params, moments, total / (len(windows) * length)

    def _gradients(
        self,
        params: Mapping[str, Array],
        xs: Array,
        ys: Array,
        state: Mapping[str, Array] | None,
    ) -> tuple[dict[str, Array], Array, dict[str, Array]]:
        """The gradient of the mean loss over steps and windows; the losses; the last states."""
        x, y = self.model.inputs
        with np.errstate(all="ignore"):  # what overflows is seen as a number that is not finite
            trajectory, bars = self.compiled.gradients(
                params, {str(x.name): xs, str(y.name): ys}, state, {"loss": 1 / xs[..., 0].size}
            )
        grads = {str(p.name): bars[str(cotangent_of(p).name)] for p in self.model.params}
        last = {name: values[-1] for name, values in trajectory.states.items()}
        return grads, trajectory.extra["loss"], last

    def _diverged(self, epoch: int) -> DataError:
        settings = self.settings
        less = f"a smaller learning rate than {settings.learning_rate:g}"
        clip = "clip the gradient, such as clip=1 (--clip 1)"
        if settings.clip is not None:
            clip = f"a smaller clip than {settings.clip:g}"
        return DataError(
            f"training diverged at epoch {epoch}: the loss, a gradient (or its square, which Adam "
            "keeps), a parameter or a state is no longer finite",
            mend=f"take {less}, or {clip}",
        )

    def _outside(self, losses: Array) -> DataError:
        """Before the first update no learning rate can be to blame."""
        what = "gradient" if np.isfinite(losses).all() else "loss"
        return DataError(
            f"the {what} is not finite at the initial parameters",
            mend="make the cell finite for all numbers, such as log(1 + a**2) for log(a); where it "
            "grows too large over time, take a shorter window (window, --window)",
        )


def _finite(arrays: Mapping[str, Array]) -> bool:
    return all(np.isfinite(array).all() for array in arrays.values())
