"""Write a file whole or not at all: beside its place first, then moved there."""

import contextlib
import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gru_sym.errors import DataError

__all__ = ["writing"]


@contextmanager
def writing(out: Path) -> Iterator[BinaryIO]:
    """A file that takes the place of ``out`` when the block ends, and is gone when it fails.

    Raises:
        DataError: it cannot be written.
    """
    try:
        descriptor, temporary = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
            Path(temporary).chmod(0o666 & ~_umask())
            Path(temporary).replace(out)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        raise DataError(
            f"cannot write {out}: {error.strerror or error}",
            mend="give a path in a directory that exists and can be written",
        ) from error


def _umask() -> int:
    """The permissions that new files do not get; a temporary file is more private than that."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
