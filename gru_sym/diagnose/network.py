"""network: a checkpoint as passes over time, each a cell that ran along its own inputs."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from gru_sym.cells.equations import Cell
from gru_sym.codegen import compile
from gru_sym.codegen.functions import Array
from gru_sym.codegen.trajectory import Trajectory
from gru_sym.errors import DataError
from gru_sym.weights import Checkpoint, TrainingRun, load
from gru_sym.weights.layout import Nonlinearity

__all__ = ["Pass", "Trained", "trained"]

_TANH = (
    "The file does not tell whether this RNN has tanh or relu; tanh is assumed, and if that is "
    "wrong so is all that follows: nonlinearity='relu' (--nonlinearity relu) is the other."
)


@dataclass(frozen=True, eq=False)
class Pass:
    """One direction of one layer, as it ran.

    Attributes:
        label: ``layer 1``, ``layer 1, reverse``; ``the cell`` where there is only one.
        cell: its cell, under the network's names.
        params: the array of each of its parameters.
        trajectory: its values, in the order in which it ran: a reverse pass begins at the end.
        reverse: whether it ran from the last input to the first.
    """

    label: str
    cell: Cell
    params: Mapping[str, Array] = field(repr=False)
    trajectory: Trajectory = field(repr=False)
    reverse: bool = False

    @property
    def inputs(self) -> dict[str, Array]:
        """What it read at each step, (T, B, I)."""
        return {str(v.name): self.trajectory.stored[str(v.name)] for v in self.cell.inputs}

    @property
    def start(self) -> dict[str, Array]:
        """Its states before the first step, (B, H)."""
        return {str(v.name): self.trajectory.stored[str(v.name)][0] for v in self.cell.states}


@dataclass(frozen=True, eq=False)
class Trained:
    """A trained network along a sequence, or several.

    Attributes:
        source: the file's name.
        convention: in words, what was found in it.
        passes: from the input up, forward before reverse.
        whole: all layers as one cell, where there are several and one direction; else None.
        places: bias → where it is in the file, ``gru.bias_ih_l0[16:32]``; empty where there are
            no biases, and for a run of our own, which has the cell's names.
        biased: whether the network has biases.
        notes: what was assumed, in sentences.
    """

    source: str
    convention: str
    passes: tuple[Pass, ...]
    whole: Pass | None
    places: Mapping[str, str] = field(default_factory=dict)
    biased: bool = True
    notes: tuple[str, ...] = ()


def trained(
    path: str | Path,
    xs: ArrayLike,
    *,
    prefix: str | None = None,
    nonlinearity: Nonlinearity | None = None,
) -> Trained:
    """Read a checkpoint, and run it along its inputs in float64.

    Args:
        path: ``.safetensors`` or ``.pt``.
        xs: the input as the network reads it, (T, I) or (T, B, I), or (T,) where I is 1.
        prefix: of the network's keys, where the file has several networks.
        nonlinearity: of PyTorch's ``RNN``, which its file does not tell; None: tanh, with a note.

    Raises:
        WeightsError: the file is no checkpoint.
        DataError: the inputs are not of this network.
    """
    checkpoint = load(path, prefix=prefix, nonlinearity=nonlinearity or "tanh")
    inputs = _inputs(xs, checkpoint.input_size)
    name = Path(path).name
    if isinstance(checkpoint, TrainingRun):
        cell = checkpoint.cell()
        only = _ran("the cell", cell, checkpoint.params(cell), inputs)
        return Trained(name, checkpoint.convention, (only,), None)
    passes = tuple(_passes(checkpoint, inputs))
    whole = None
    if len(checkpoint.layers) > 1 and not checkpoint.bidirectional:
        cell = checkpoint.cell()
        whole = _ran("all layers", cell, checkpoint.params(cell), inputs)
    notes = (_TANH,) if checkpoint.kind == "RNN" and nonlinearity is None else ()
    places = checkpoint.torch_biases()
    return Trained(name, checkpoint.convention, passes, whole, places, checkpoint.bias, notes)


def _inputs(xs: ArrayLike, size: int) -> Array:
    """(T, B, I)."""
    array = np.asarray(xs)
    if array.dtype.kind not in "biuf":
        raise DataError(f"the inputs hold {array.dtype}, not real numbers", mend="give an array")
    if array.ndim == 1 and size == 1:
        array = array[:, None]
    if array.ndim == 2:
        array = array[:, None]
    if array.ndim != 3 or array.shape[-1] != size:
        raise DataError(
            f"the inputs have the shape {np.shape(xs)}, and the network reads {size} number"
            f"{'s' * (size > 1)} at each step",
            mend=f"give (T, {size}) or (T, B, {size})",
        )
    if len(array) < 2:
        raise DataError("the inputs have no two steps", mend="give a sequence")
    return array.astype(np.float64)


def _ran(label: str, cell: Cell, params: Mapping[str, Array], inputs: Array) -> Pass:
    wide = {name: value.astype(np.float64) for name, value in params.items()}
    trajectory = compile(cell).forward(wide, inputs)
    return Pass(label, cell, wide, trajectory)


def _passes(checkpoint: Checkpoint, inputs: Array) -> Iterator[Pass]:
    network = checkpoint.network()
    params = {n: a.astype(np.float64) for n, a in checkpoint.params(network).items()}
    found = compile(network).forward(params, inputs)
    several = len(network.layers) > 1
    for k, (layer, ran) in enumerate(zip(network.named, found.layers, strict=True), 1):
        for cell, trajectory, way in zip(layer.passes, ran, ("forward", "reverse"), strict=False):
            label = f"layer {k}" if several else ""
            if len(layer.passes) > 1:
                label = f"{label}, {way}" if label else way
            own = {str(v.name): params[str(v.name)] for v in cell.params}
            yield Pass(label or "the cell", cell, own, trajectory, way == "reverse")
