"""A series of numbers, from an array or from a file."""

import csv
import hashlib
import math
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import TextIO, cast

import numpy as np
from numpy.typing import ArrayLike

from gru_sym import npy
from gru_sym.cells.naming import did_you_mean
from gru_sym.codegen.functions import Array
from gru_sym.errors import DataError

__all__ = ["Series", "read_series", "series_of"]

_FILL = "fill it in or leave the row out"
_SHOWN = 8
_SEPARATORS = {";": "semicolons", "\t": "tabs"}
_COMMAS = re.compile(r"\s*[+-]?\d+(,\d+)+(\.\d*)?\s*")
"""A number written with decimal commas, or commas between thousands."""


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
        with np.errstate(over="ignore"):  # a longer type may hold more than float64 does
            values = values.astype(np.float64)
        finite = np.isfinite(values)
        if not finite.all():
            where = [int(k) for k in np.argwhere(~finite)[0]]
            raise DataError(
                f"{self.name} is {values[tuple(where)]} at {where}; every number must be finite",
                mend="fill in what is missing, or leave those times out",
            )
        object.__setattr__(self, "values", values)

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
    # It makes an array of what it is given, or says why that is none.
    return given if isinstance(given, Series) else Series(cast("Array", given))


def read_series(path: str | os.PathLike[str], column: str | None = None) -> Series:
    """Read a column of a ``.csv`` file, or the array of an ``.npy`` file.

    Args:
        path: the file. The first line of a CSV names its columns.
        column: which column; None where only one of them holds any numbers.

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
    while rows and _blank(rows[-1][1]):
        del rows[-1]
    if not rows:
        raise DataError(f"{file} has no line below its first", mend="give one line for each time")
    _check_rows(names, rows, file)
    k = _column(names, rows, column, file)
    return Series(
        np.array([_number(row[k], names[k], number, file) for number, row in rows]),
        f"{file.name}, {names[k]}",
    )


def _lines(stream: TextIO, file: Path) -> Iterator[tuple[int, list[str]]]:
    """The first line that is not blank and all that follow, each with its number."""
    reader = csv.reader(stream, strict=True)
    started = False
    try:
        for row in reader:
            started = started or not _blank(row)
            if started:
                yield reader.line_num, row
    except csv.Error as error:
        raise DataError(
            f"{file}, line {reader.line_num}: {error}", mend="save it as plain CSV, with commas"
        ) from error


def _blank(row: Sequence[str]) -> bool:
    """Whether a line has nothing on it; one of empty cells lacks their values."""
    return not row or (len(row) == 1 and row[0].isspace())


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


def _check_rows(names: Sequence[str], rows: Sequence[tuple[int, list[str]]], file: Path) -> None:
    """Raise where the lines are not cut into the columns that the first one names."""
    for separator, what in _SEPARATORS.items():
        if len(names) == 1 and all(separator in line for line in (names[0], ",".join(rows[0][1]))):
            raise DataError(
                f"{file} has a single column; it seems to be separated by {what}",
                mend="convert it to plain CSV: commas between the cells, decimal points in them",
            )
    for number, row in rows:
        if _blank(row):
            raise DataError(f"{file}, line {number} is blank: a value is missing", mend=_FILL)
        if len(row) != len(names):
            raise DataError(
                f"{file}, line {number} has {len(row)} cells, and the first line {len(names)}",
                mend="give each line as many cells as there are columns; if these are decimal "
                "commas, convert them to points",
            )


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
    # Any number makes it one that may be meant: with a bad cell in it, it is not passed over.
    numeric = [
        name for k, name in enumerate(names) if any(_meant_as_number(row[k]) for _, row in rows)
    ]
    if not numeric:
        raise DataError(
            f"{file}: no column holds numbers. There are {_listed(names)}",
            mend="give a file with a column of numbers",
        )
    if len(numeric) > 1:
        raise DataError(
            f"{file}: {len(numeric)} columns hold numbers; which one is meant? There are "
            f"{_listed(numeric)}",
            mend=f"choose one: --column NAME, or column= in Python, such as {numeric[-1]}",
        )
    return names.index(numeric[0])


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:_SHOWN]) + (", …" if len(names) > _SHOWN else "")


def _finite(cell: str) -> bool:
    try:
        return "_" not in cell and math.isfinite(float(cell))
    except ValueError:
        return False


def _meant_as_number(cell: str) -> bool:
    return _finite(cell) or _COMMAS.fullmatch(cell) is not None


def _number(cell: str, name: str, line: int, file: Path) -> float:
    if not _finite(cell):
        what = f"is `{cell.strip():.40}`, no finite number" if cell.strip() else "is empty"
        mend = "write decimal points, and no commas" if _COMMAS.fullmatch(cell) else _FILL
        raise DataError(f"{file}, line {line}: the cell of {name} {what}", mend=mend)
    return float(cell)
