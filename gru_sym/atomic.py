"""Write a file whole or not at all: beside its place first, then moved there."""

import contextlib
import errno
import os
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

from gru_sym.errors import DataError

__all__ = ["writing"]

_MENDS: dict[int | None, str] = {
    errno.ENOSPC: "free some space, or write elsewhere",
    errno.EDQUOT: "your quota is used up: free some space, or write elsewhere",
    errno.EFBIG: "files may not be that large here: raise the limit (ulimit -f)",
    errno.EEXIST: "something else has just written it: name another file",
    errno.EISDIR: "give the path of a file",
}

_NO_LINKS = {errno.EPERM, errno.EACCES, errno.EOPNOTSUPP, errno.ENOSYS, errno.EMLINK}
"""How file systems say that they have no hard links."""


@contextmanager
def writing(out: Path, *, new: bool = False) -> Iterator[BinaryIO]:
    """A file that takes the place of ``out`` when the block ends, and is gone when it fails.

    A link leads to the file that is written; a file that was there hands on its permissions. What
    is no file, such as a pipe, is written to as it is.

    Args:
        out: the path.
        new: whether it may not be there; of several that make it at once, one succeeds. (A file
            system without hard links cannot tell, and the last one succeeds.)

    Raises:
        DataError: it cannot be written, or ``new`` is there already.
    """
    try:
        if not new and out.exists() and not out.is_file():
            with out.open("wb") as stream:
                yield stream
            return
        target = _followed(out)
        mode = _mode(target)
        descriptor, temporary = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(descriptor, "wb") as file:
                yield file
                file.flush()
                os.fsync(file.fileno())  # before it takes the place of what was there
            Path(temporary).chmod(mode)
            _move(Path(temporary), target, new=new)
        except BaseException:
            with contextlib.suppress(OSError):
                Path(temporary).unlink()
            raise
    except OSError as error:
        raise DataError(
            f"cannot write {out}: {error.strerror or error}",
            mend=_MENDS.get(
                error.errno, "give a path in a directory that exists and can be written"
            ),
        ) from error


def _move(temporary: Path, target: Path, *, new: bool) -> None:
    if new:
        try:
            target.hardlink_to(temporary)  # which, unlike a move, never takes the place of a file
        except OSError as error:
            if error.errno not in _NO_LINKS:
                raise
        else:
            temporary.unlink()
            return
    temporary.replace(target)


def _followed(path: Path) -> Path:
    """The file that a link leads to."""
    try:
        return path.resolve() if path.is_symlink() else path
    except RuntimeError as error:  # in a circle: an OSError from Python 3.13 on
        raise OSError(errno.ELOOP, os.strerror(errno.ELOOP)) from error


def _mode(path: Path) -> int:
    """The permissions of a file that may be written, or those that a new one gets."""
    if not path.exists():
        return 0o666 & ~_umask()
    if not os.access(path, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
    return stat.S_IMODE(path.stat().st_mode)


def _umask() -> int:
    """The permissions that new files do not get; a temporary file is more private than that."""
    mask = os.umask(0)
    os.umask(mask)
    return mask
