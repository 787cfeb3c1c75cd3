"""What a command reads: a cell by its name, a file, or standard input."""

import errno
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING

import click

from gru_sym.errors import DataError, TextError

if TYPE_CHECKING:
    from gru_sym.cells.equations import Cell

__all__ = ["BACKENDS", "LONGEST_TEXT", "check_apart", "load_cell", "once", "read", "reading"]

BACKENDS = ("numpy", "numba", "torch", "jax", "mpmath", "arb")
"""As :data:`gru_sym.codegen.backends.table.BACKENDS`, which would load SymPy."""

LONGEST_TEXT = 4 * 100_000
"""Bytes that are read of a text: one more than this is refused by the parser in any encoding."""


def load_cell(source: str) -> "Cell":
    """The cell that an argument names: built in, in a file, or on standard input."""
    from gru_sym.cells import Cell, names
    from gru_sym.cells import cell as builtin
    from gru_sym.cells.equations import UNNAMED
    from gru_sym.cells.naming import did_you_mean

    if source in names():
        return builtin(source)
    try:
        text = read(source)
    except OSError as error:
        if error.errno not in {errno.ENOENT, errno.ENOTDIR, errno.ENAMETOOLONG}:
            raise
        hint = did_you_mean(source, names())
        if "=" in source:
            hint = "Equations are read from a file, or from standard input as the cell `-`."
        raise DataError(
            f"there is no built-in cell and no file `{source}`",
            mend=f"{hint} The built-in cells are {', '.join(names())}".lstrip(),
        ) from None
    with reading(source):
        return Cell.parse(text, name=UNNAMED if source == "-" else Path(source).stem)


def read(source: str) -> bytes:
    """The bytes of a file, or of standard input for ``-``; no more than the parser takes."""
    if "\0" in source:
        raise DataError("a path cannot hold a NUL character", mend="give the path of a file")
    if source != "-":
        with Path(source).open("rb") as file:
            return file.read(LONGEST_TEXT + 1)
    if sys.stdin is None:
        raise DataError("standard input is closed", mend="pipe the text to it")
    return sys.stdin.buffer.read(LONGEST_TEXT + 1)


@contextmanager
def reading(source: str) -> Iterator[None]:
    """Errors at a place of a text say in which text."""
    try:
        yield
    except TextError as error:
        if error.place is not None:
            error.add_note("standard input" if source == "-" else source)
        raise


def check_apart(source: str, out: str) -> None:
    """Raise where what is written would take the place of the cell that it is made from."""
    from gru_sym.cells import names

    same = False
    if source != "-" and source not in names():
        with suppress(OSError, RuntimeError):  # what cannot be found is not the same
            same = Path(out).is_file() and Path(source).samefile(out)
    if same:
        raise DataError(f"{out} is the file of the cell itself", mend="write to another file")


def once(*sources: str | None) -> None:
    """Raise where standard input is asked for twice."""
    if sources.count("-") > 1:
        raise click.UsageError("standard input can be read once: give one `-`, and paths else")
