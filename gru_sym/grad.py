"""Gradients from files to a file: what `gru-sym grad` does.

Arrays are called as the cell's symbols: ``W_z`` in the file of parameters, ``h`` in that of
states, ``W_z_bar`` and ``h_bar`` in the result.
"""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gru_sym.atomic import writing
from gru_sym.cells.equations import Cell
from gru_sym.codegen.compile import compile
from gru_sym.errors import DataError
from gru_sym.notebook import ShownAsText
from gru_sym.npy import read

__all__ = ["GradSummary", "grad_files"]

Array = NDArray[Any]


@dataclass(frozen=True, repr=False)
class GradSummary(ShownAsText):
    """What :func:`grad_files` did.

    Attributes:
        cell: the cell's name.
        out: the file that was written.
        T: the number of steps.
        B: the number of sequences; None where the inputs have no batch.
        sizes: dimension → size.
        dtype: the type of the arrays.
        arrays: name → shape of each array in the file.
    """

    cell: str
    out: Path
    T: int
    B: int | None
    sizes: dict[str, int]
    dtype: str
    arrays: dict[str, tuple[int, ...]]

    def __str__(self) -> str:
        """In one sentence."""
        batch = "" if self.B is None else f", {self.B} sequence{'s' * (self.B > 1)}"
        steps = f"{self.T} step{'s' * (self.T > 1)}"
        return f"{self.cell}: {steps}{batch}, {self.dtype}; {len(self.arrays)} arrays in {self.out}"


def grad_files(
    cell: Cell,
    params_path: str | Path,
    inputs_path: str | Path,
    state_path: str | Path | None,
    cotangent_path: str | Path | None,
    out_path: str | Path,
) -> GradSummary:
    """Run a cell over a sequence from files, backpropagate, and write all gradients.

    Args:
        cell: the cell.
        params_path: ``.npz`` with each parameter under its name.
        inputs_path: ``.npy`` with the input (T, I) or (T, B, I), or ``.npz`` with one array for
            each input, by name; for a cell without inputs the number of steps.
        state_path: ``.npz`` with the initial states by name (or ``.npy`` for a cell with one
            state), (B, H) or (H,); None for zeros.
        cotangent_path: ``.npy`` with the cotangent of the output state at every step, (T, B, H) or
            (T, H) as the inputs; or ``.npz`` by name of state or further output (``loss``). None:
            the cell's loss, summed over steps and sequences, or for a cell without one the entries
            of the last output state, as :meth:`~gru_sym.codegen.Compiled.backward` says.
        out_path: the ``.npz`` to write, whole or not at all. It holds ``hs``, ``<name>_bar`` for
            each parameter and input, and ``<state>_bar`` for each initial state.

    Raises:
        DataError: a file cannot be read or written, or an array is missing, unknown, of a wrong
            shape or type, or not finite; or no cotangent is given for a cell whose further outputs
            are not one number.
    """
    out = Path(out_path)
    if out.name in {"", ".."} or str(out_path).endswith(os.sep) or out.is_dir():
        raise DataError(f"{out_path!s:.200} is no file to write", mend="give the path of an .npz")
    if out.suffix != ".npz":
        out = out.with_name(f"{out.name}.npz")
    params = read(params_path, "parameters")
    if not isinstance(params, Mapping):
        names = ", ".join(str(p.name) for p in cell.params)
        raise DataError(
            f"{params_path} holds one array, not parameters by name",
            mend=f"write them with np.savez: {names}",
        )
    inputs = read(inputs_path, "inputs")
    states = None if state_path is None else read(state_path, "initial states")
    cotangent = None if cotangent_path is None else read(cotangent_path, "cotangent")

    run = compile(cell)
    trajectory, grads = run.gradients(params, inputs, states, cotangent)
    arrays = {"hs": trajectory.hs, **grads}
    with writing(out) as file:
        np.savez(file, **arrays)  # type: ignore[arg-type]
    return GradSummary(
        cell=cell.name,
        out=out,
        T=trajectory.T,
        B=trajectory.B if trajectory.batched else None,
        sizes=dict(trajectory.sizes),
        dtype=str(trajectory.dtype),
        arrays={name: array.shape for name, array in arrays.items()},
    )
