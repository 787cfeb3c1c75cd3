"""files: what the commands of gradient flow read. Arrays are called as the cell's symbols."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from gru_sym.cells.equations import Cell
from gru_sym.errors import DataError
from gru_sym.npy import read
from gru_sym.weights import load

__all__ = ["read_given", "read_params"]

Array = NDArray[Any]

_CHECKPOINTS = (".safetensors", ".pt", ".pth")


def read_params(cell: Cell, path: str | Path) -> dict[str, Array]:
    """The parameters of a cell: an ``.npz`` by name, or a checkpoint that holds this cell's.

    Args:
        cell: the cell.
        path: ``.npz``, ``.safetensors`` or ``.pt``.

    Raises:
        DataError: the file cannot be read, holds one array, or is of another cell.
        WeightsError: the checkpoint is not one.
    """
    if Path(path).suffix.lower() in _CHECKPOINTS:
        checkpoint = load(path)
        own = checkpoint.cell()
        if own != cell:
            raise DataError(
                f"{path} holds the parameters of {own.name}, not of {cell.name}",
                mend=f"give that cell: {own.name}",
            )
        return checkpoint.params(cell)
    found = read(path, "parameters")
    if isinstance(found, Mapping):
        return found
    names = ", ".join(str(p.name) for p in cell.params)
    raise DataError(
        f"{path} holds one array, not parameters by name",
        mend=f"write them with np.savez: {names}",
    )


def read_given(path: str | Path | None, what: str) -> Any:
    """One array, or arrays by name; a single whole number as such; None for no file.

    Args:
        path: ``.npy`` or ``.npz``.
        what: what it holds, for messages.

    Raises:
        DataError: the file cannot be read.
    """
    if path is None:
        return None
    found = read(path, what)
    if isinstance(found, np.ndarray) and found.ndim == 0 and found.dtype.kind in "iu":
        return int(found)
    return found
