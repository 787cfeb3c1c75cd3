"""A series of numbers, from an array or from a file."""

import csv
import hashlib
import math
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TextIO

import numpy as np
from numpy.typing import ArrayLike

from gru_sym import npy
from gru_sym.cells.naming import did_you_mean
from gru_sym.codegen.functions import Array
from gru_sym.errors import DataError

__all__ = ["Series", "read_series", "series_of"]

_FILL = "fill it in or leave the row out"
_SHOWN = 8


@dataclass(frozen=True, eq=False)
class Series:
    """A series in time, one value after the other.

    Attributes:
        values: (T,) numbers; (T, I) with I numbers at each time; (T, B, I) for B sequences. For
            symbols (whole numbers 0 … K-1) (T,) or (T, B).
        name: what it is called in a table.

    Raises:
        DataError: these are not finite numbers in one to three axes.
    """

    values: Array = field(repr=False)
    name: str = "the series"

    def __post_init__(self) -> None:
        try:
            # A copy, for the caller's may change; in one order, which products round by.
            values = np.array(self.values, order="C")
        except ValueError as error:
            raise DataError(
                f"{self.name} is not an array: {error}", mend="give rows of one length"
            ) from None
        if values.dtype.kind not in "iuf":
            raise DataError(
                f"{self.name} holds {values.dtype}, not real numbers",
                mend="give an array of numbers",
            )
        if not 1 <= values.ndim <= 3 or not values.size:
            raise DataError(
                f"{self.name} has the shape {values.shape}",
                mend="give (T,), (T, I) or (T, B, I), time first, with a number at least",
            )
        if values.dtype.kind == "f":
            finite = np.isfinite(values)
            if not finite.all():
                where = [int(k) for k in np.argwhere(~finite)[0]]
                raise DataError(
                    f"{self.name} is {values[tuple(where)]} at {where}; every number must be "
                    "finite",
                    mend="fill in what is missing, or leave those times out",
                )
        object.__setattr__(self, "values", values.astype(np.float64))

    @property
    def T(self) -> int:
        """The number of values in time."""
        return len(self.values)

    @cached_property
    def fingerprint(self) -> str:
        """A hash of the numbers and their shape: two series with one fingerprint are the same."""
        content = np.ascontiguousarray(self.values, dtype="<f8")
        return hashlib.sha256(f"{content.shape} ".encode() + content.tobytes()).hexdigest()


def series_of(given: "Series | ArrayLike") -> Series:
    """The series that is given, or the one that an array is.

    Raises:
        DataError: these are not finite numbers in one to three axes.
    """
    return given if isinstance(given, Series) else Series(np.asarray(given))


def read_series(path: str | os.PathLike[str], column: str | None = None) -> Series:
    """Read a column of a ``.csv`` file, or the array of an ``.npy`` file.

    Args:
        path: the file. The first line of a CSV names its columns.
        column: which column; None where only one of them holds numbers alone.

    Raises:
        DataError: the file cannot be read, or a cell is missing or no number; with its line.
    """
    file = Path(path)
    readers = {".csv": _read_csv, ".npy": _read_npy}
    if file.suffix.lower() not in readers:
        raise DataError(
            f"a series is read from .csv and .npy, not from {file.suffix or 'this'!r}: {file}",
            mend="save it as one of these",
        )
    try:
        return readers[file.suffix.lower()](file, column)
    except (OSError, ValueError) as error:
        if isinstance(error, UnicodeDecodeError):
            raise DataError(f"{file} is not text in UTF-8", mend="save it as UTF-8") from error
        said = error.strerror if isinstance(error, OSError) else error
        raise DataError(f"cannot read {file}: {said or error}", mend="check the path") from error


def _read_npy(file: Path, column: str | None) -> Series:
    if column is not None:
        raise DataError(f"{file} has no columns to choose from", mend="leave the column out")
    values = npy.read(file, "series")
    if not isinstance(values, np.ndarray):
        raise DataError(f"{file} holds several arrays", mend="write one with np.save(path, array)")
    return Series(values, file.name)


def _read_csv(file: Path, column: str | None) -> Series:
    with file.open(encoding="utf-8-sig", newline="") as stream:
        lines = _lines(stream, file)
        _, names = next(lines, (0, []))
        names = [name.strip() for name in names]
        _check_names(names, file)
        rows = list(lines)
    if not rows:
        raise DataError(f"{file} has no line below its first", mend="give one line for each time")
    for number, row in rows:
        if len(row) != len(names):
            raise DataError(
                f"{file}, line {number} has {len(row)} cells, and the first line {len(names)}",
                mend="give each line as many cells as there are columns",
            )
    k = _column(names, rows, column, file)
    return Series(
        np.array([_number(row[k], names[k], number, file) for number, row in rows]),
        f"{file.name}, {names[k]}",
    )


def _lines(stream: TextIO, file: Path) -> Iterator[tuple[int, list[str]]]:
    """The lines that are not blank, each with its number."""
    reader = csv.reader(stream, strict=True)
    try:
        for row in reader:
            if any(cell.strip() for cell in row):
                yield reader.line_num, row
    except csv.Error as error:
        raise DataError(
            f"{file}, line {reader.line_num}: {error}", mend="save it as plain CSV, with commas"
        ) from error


def _check_names(names: Sequence[str], file: Path) -> None:
    if not names:
        raise DataError(f"{file} is empty", mend="name the columns in the first line")
    if all(map(_finite, names)):
        raise DataError(
            f"{file}, line 1 holds numbers, where the columns should be named",
            mend=f"put a line of names before it, such as {','.join('abc'[: len(names)])}",
        )
    twice = [name for name in names if names.count(name) > 1]
    if twice:
        raise DataError(f"{file} has two columns `{twice[0]}`", mend="give each a name of its own")


def _column(
    names: Sequence[str], rows: Sequence[tuple[int, list[str]]], column: str | None, file: Path
) -> int:
    """The column that is asked for, or the one that it must be."""
    if column is not None:
        if column not in names:
            raise DataError(
                f"{file} has no column `{column}`",
                mend=f"{did_you_mean(column, names)} It has {_listed(names)}".strip(),
            )
        return names.index(column)
    if len(names) == 1:
        return 0
    numeric = [k for k in range(len(names)) if all(_finite(row[k]) for _, row in rows)]
    if len(numeric) == 1:
        return numeric[0]
    found = _listed([names[k] for k in numeric] or names)
    what = f"{len(numeric)} columns hold" if numeric else "no column holds"
    raise DataError(
        f"{file}: {what} numbers alone; which one is meant? There are {found}",
        mend=f"choose one: --column NAME, or column= in Python, such as {names[-1]}",
    )


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def _finite(cell: str) -> bool:
    try:
        return "_" not in cell and math.isfinite(float(cell))
    except ValueError:
        return False


def _number(cell: str, name: str, line: int, file: Path) -> float:
    if not _finite(cell):
        what = f"is `{cell.strip():.40}`, no finite number" if cell.strip() else "is empty"
        raise DataError(f"{file}, line {line}: the cell of {name} {what}", mend=_FILL)
    return float(cell)
