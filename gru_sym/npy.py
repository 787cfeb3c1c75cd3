"""Read NumPy's files: one array, or arrays by name; what they pickle is never loaded."""

import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from gru_sym.errors import DataError

__all__ = ["read"]

Array = NDArray[Any]


def read(path: str | Path, what: str) -> Array | dict[str, Array]:
    """One array of a ``.npy`` file, or those of an ``.npz`` by name; never a pickle.

    Args:
        path: the file.
        what: what it holds, for the message.

    Raises:
        DataError: it cannot be read, or is no such file.
    """
    mend = "write the file with np.save (one array) or np.savez (arrays by name)"
    try:
        # Opened here, so that it is closed also where NumPy gives up on what is in it.
        with Path(path).open("rb") as file:
            return _load(file)
    except OSError as error:
        raise DataError(
            f"cannot read the {what}, {path}: {error.strerror or error}",
            mend="give the path of a .npy or .npz file",
        ) from error
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile, NotImplementedError) as error:
        if "pickle" in str(error).lower():
            raise DataError(
                f"the {what}, {path}, hold pickled data or objects, which are never loaded",
                mend=mend,
            ) from error
        raise DataError(f"the {what}, {path}: not a NumPy file ({error})", mend=mend) from error


def _load(file: BinaryIO) -> Array | dict[str, Array]:
    loaded = np.load(file, allow_pickle=False)
    if not isinstance(loaded, np.lib.npyio.NpzFile):
        return loaded
    with loaded:
        return {name: loaded[name] for name in loaded.files}
