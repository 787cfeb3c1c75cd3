"""loop: a cell learns a task with Adam, with all of its gradient or with some of its paths."""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field, replace

import numpy as np

from gru_sym.cells.compose import readout
from gru_sym.cells.equations import Cell
from gru_sym.codegen.compile import Compiled, compile
from gru_sym.codegen.functions import Array
from gru_sym.codegen.trajectory import Trajectory
from gru_sym.derive.vjp import cotangent_of
from gru_sym.errors import DataError
from gru_sym.flow.initial.draw import draw
from gru_sym.flow.lags import lag_curve
from gru_sym.flow.linearised import Linearised, along
from gru_sym.flow.paths import departures
from gru_sym.learning.tasks import TASKS, Batch, Task
from gru_sym.training.adam import Adam, Moments, clipped, norm

__all__ = ["Learned", "Snapshot", "cut_gradients", "learn"]

_PROBES = 16
"""Sequences, the same at each snapshot, on which gradient flow is measured."""


@dataclass(frozen=True, eq=False)
class Snapshot:
    """Gradient flow at one moment of training, the mean over some sequences.

    Attributes:
        update: how many updates there were before.
        log_norm: log ‖∂L/∂h_{T-k}‖ with L the sum of the last output state, (T + 1,), in nats.
        skip_log_norm: what the skip alone would carry.
        families: the names of the families, the skip among them.
        shares: of each family, by which the gradient first leaves the skip, (T + 1, F).
    """

    update: int
    log_norm: Array = field(repr=False)
    skip_log_norm: Array = field(repr=False)
    families: tuple[str, ...]
    shares: Array = field(repr=False)


@dataclass(frozen=True, eq=False)
class Learned:
    """A cell that has learned, or has not.

    Attributes:
        loss: of each update, before it, (updates,).
        test: the loss at the end on sequences that were never learned from: drawn anew, or, of a
            series, from its years that are held out.
        baseline: the loss, on the same sequences, of what the task calls naive.
        params: the parameters at the end.
        snapshots: gradient flow on the way.
    """

    loss: Array = field(repr=False)
    test: float
    baseline: float
    params: Mapping[str, Array] = field(repr=False)
    snapshots: tuple[Snapshot, ...] = field(repr=False)


def learn(
    cell: Cell,
    task: str,
    *,
    hidden: int,
    T: int,
    updates: int,
    batch: int = 32,
    learning_rate: float = 0.005,
    clip: float | None = 1.0,
    initialisation: str = "torch",
    gain: float = 1.0,
    bias: float = 0.0,
    seed: int = 0,
    without: Collection[str] = (),
    snapshots: int = 0,
    progress: Callable[[int, float], None] | None = None,
) -> Learned:
    """Teach a cell a task: its generated gradients, clipped, and Adam.

    Args:
        cell: a cell with one input.
        task: one of :data:`~gru_sym.learning.tasks.TASKS`.
        hidden: H.
        T: steps of a sequence.
        updates: how many; each sees sequences that are drawn anew.
        batch: sequences in each.
        learning_rate: Adam's.
        clip: the largest global norm of a gradient; None for no clipping.
        initialisation: a scheme of :func:`gru_sym.flow.initial.draw.draw`.
        gain: on the recurrent matrices.
        bias: added to the gate of the skip, in the direction of keeping.
        seed: of parameters and data.
        without: families of paths that the gradient may not take from step to step; the cell
            itself stays as it is.
        snapshots: how often gradient flow is measured, the start and the end among them.
        progress: called with the number of updates done, and the loss.

    Raises:
        DataError: there is no such task or family, the task has no sequence so long, or the
            training diverged.
    """
    if task not in TASKS:
        raise DataError(f"there is no task {task}", mend=f"the tasks are {', '.join(TASKS)}")
    row = TASKS[task]
    test = row.held(np.random.default_rng([seed, 2]), T, 256)
    model = readout(cell, row.loss)
    run = compile(model)
    params = _start(cell, model, row, hidden, T, initialisation, gain, bias, seed)
    adam, moments = Adam(learning_rate), Moments.zero(params)
    moments_at = _moments_of(updates, snapshots)
    taken = [_snapshot(run, row, params, T, seed, 0)] if 0 in moments_at else []
    losses = []
    for update in range(updates):
        data = row.draw(np.random.default_rng([seed, 1, update]), T, batch)
        loss, grads = _gradients(run, params, data, without)
        size = norm(grads)
        if not (np.isfinite(loss) and np.isfinite(size)):
            raise DataError(
                f"training diverged at update {update + 1}",
                mend="take a smaller learning rate, or clip the gradient",
            )
        losses.append(loss)
        new, moments = adam.update(params, clipped(grads, size, clip), moments)
        params = new
        if update + 1 in moments_at:
            taken.append(_snapshot(run, row, params, T, seed, update + 1))
        if progress is not None:
            progress(update + 1, loss)
    final = _loss(run, params, test)
    return Learned(np.array(losses), final, row.baseline(test), params, tuple(taken))


def _moments_of(updates: int, snapshots: int) -> set[int]:
    """At which numbers of updates gradient flow is measured."""
    if snapshots < 1:
        return set()
    if snapshots == 1:
        return {updates}
    return {round(updates * k / (snapshots - 1)) for k in range(snapshots)}


def _start(
    cell: Cell,
    model: Cell,
    task: Task,
    hidden: int,
    T: int,
    scheme: str,
    gain: float,
    bias: float,
    seed: int,
) -> dict[str, Array]:
    """The parameters before the first update; the readout begins as PyTorch's linear layer."""
    entries, outputs = task.entries
    (dim,) = cell.inputs[0].shape
    every = {name for v in model.program.variables for d in v.shape for name in d}
    sizes = dict.fromkeys(every, hidden) | {dim[0]: entries, "O": outputs}
    found = draw(cell, sizes, scheme, seed=seed, gain=gain, bias=bias, horizon=T)
    rng = np.random.default_rng([seed, 3])
    bound = hidden**-0.5
    found["W_y"] = rng.uniform(-bound, bound, (outputs, hidden))
    found["b_y"] = rng.uniform(-bound, bound, outputs)
    return found


def _gradients(
    run: Compiled, params: Mapping[str, Array], data: Batch, without: Collection[str]
) -> tuple[float, dict[str, Array]]:
    """The weighted loss, and its gradients."""
    with np.errstate(all="ignore"):  # what overflows is seen as a number that is not finite
        trajectory = run.forward(params, _named(run.cell, data))
        loss = float((trajectory.extra["loss"] * data.weights).sum())
        if without:
            return loss, cut_gradients(run, trajectory, data.weights, without)
        bars = run.backward(trajectory, {"loss": data.weights})
    return loss, {str(v.name): bars[str(cotangent_of(v).name)] for v in run.cell.params}


def _loss(run: Compiled, params: Mapping[str, Array], data: Batch) -> float:
    trajectory = run.forward(params, _named(run.cell, data))
    return float((trajectory.extra["loss"] * data.weights).sum())


def _named(model: Cell, data: Batch) -> dict[str, Array]:
    return {str(v.name): array for v, array in zip(model.inputs, (data.xs, data.ys), strict=True)}


def cut_gradients(
    run: Compiled, trajectory: Trajectory, weights: Array, without: Collection[str]
) -> dict[str, Array]:
    """The gradients of the parameters where the cotangent may not take some paths between steps.

    Args:
        run: a compiled cell with a readout and a loss.
        trajectory: its values, with a batch.
        weights: the cotangent of the loss at each step, (T, B).
        without: the names of the families that are cut.

    Raises:
        DataError: there is no such family.
    """
    steps = along(run.cell, trajectory)
    unknown = sorted(set(without) - set(steps.names))
    if unknown:
        raise DataError(
            f"`{run.cell.name}` has no path {unknown[0]}",
            mend=f"its families are {', '.join(steps.names)}",
        )
    direct = _direct(run, trajectory, weights, steps)
    later = np.zeros((steps.T, steps.B, steps.S))
    kept = steps.left_of([name for name in steps.names if name not in without])
    for t in range(steps.T - 1, 0, -1):
        later[t - 1] = kept(t, (later[t] + direct[t])[None])[0]
    # Each step is a sequence of its own, and all are gone through at once.
    flat = {
        name: a.reshape(1, -1, a.shape[-1]) if a.ndim == 3 else a
        for name, a in trajectory.stored.items()
    }
    rows = steps.T * steps.B
    each = replace(trajectory, T=1, B=rows, batched=True, stored=flat)
    ups = {name: later[..., block].reshape(1, rows, -1) for name, block in steps.blocks.items()}
    bars = run.backward(each, ups | {"loss": weights.reshape(1, rows)})
    return {str(v.name): bars[str(cotangent_of(v).name)] for v in run.cell.params}


def _direct(run: Compiled, trajectory: Trajectory, weights: Array, steps: Linearised) -> Array:
    """∂L/∂state of each step by its own loss alone, (T, B, S): through the linear readout.

    Of the mean squared error 2 (ŷ - y) / O, of the cross-entropy softmax(logits) - y.
    """
    values, cell = trajectory.values, run.cell
    target = np.asarray(values[str(cell.inputs[-1].name)])
    if "y_hat" in values:
        slope = 2 * (values["y_hat"] - target) / target.shape[-1]
    else:
        logits = values["logits"]
        rest = np.exp(logits - logits.max(axis=-1, keepdims=True))
        share = rest / rest.sum(axis=-1, keepdims=True)
        slope = target.sum(axis=-1, keepdims=True) * share - target
    found = np.zeros((steps.T, steps.B, steps.S))
    block = steps.blocks[str(cell.states[0].name)]
    found[..., block] = (slope * weights[..., None]) @ values["W_y"]
    return found


def _snapshot(
    run: Compiled, task: Task, params: Mapping[str, Array], T: int, seed: int, update: int
) -> Snapshot:
    data = task.draw(np.random.default_rng([seed, 4]), T, _PROBES)
    steps = along(run.cell, run.forward(params, _named(run.cell, data)))
    curve, shares = lag_curve(steps), departures(steps)
    return Snapshot(
        update,
        curve.log_norm.mean(axis=-1),
        curve.skip_log_norm.mean(axis=-1),
        shares.families,
        shares.shares.mean(axis=-1),
    )
