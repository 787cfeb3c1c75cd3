"""Read NumPy's files: one array, or arrays by name; what they pickle is never loaded."""

import re
import zipfile
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
from numpy.typing import NDArray

from gru_sym.errors import DataError

__all__ = ["read"]

Array = NDArray[Any]

_BEGINS = re.compile(rb"\x93NUMPY|PK|\x80[\x02-\x0f]")
"""How a file begins that NumPy wrote, and a pickle: with an opcode and its protocol."""


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
        said = str(error)
        if "pickle" in said.lower():
            if _BEGINS.match(_first_bytes(path)):
                raise DataError(
                    f"the {what}, {path}, hold pickled data or objects, which are never loaded",
                    mend=mend,
                ) from error
            # NumPy takes every file that is none of its own for a pickle.
            said = "it does not begin as one"
        raise DataError(f"the {what}, {path}: not a NumPy file ({said})", mend=mend) from error


def _first_bytes(path: str | Path) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(6)


def _load(file: BinaryIO) -> Array | dict[str, Array]:
    loaded = np.load(file, allow_pickle=False)
    if not isinstance(loaded, np.lib.npyio.NpzFile):
        return loaded
    with loaded:
        return {name: loaded[name] for name in loaded.files}
