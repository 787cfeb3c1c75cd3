"""export: results as a file that other programs read."""

import csv
import io
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import BinaryIO

from gru_sym.atomic import writing
from gru_sym.sweep.axes import AXES
from gru_sym.sweep.pools import library
from gru_sym.sweep.results import Results

__all__ = ["FORMATS", "Format", "export", "write_csv"]


@dataclass(frozen=True)
class Format:
    """A kind of file.

    Attributes:
        suffix: how its name ends.
        write: writes the results to an open file.
    """

    suffix: str
    write: Callable[[Results, BinaryIO], None]


def write_csv(results: Results, file: BinaryIO) -> None:
    """A line for each number, which has all its digits; empty where a column does not apply."""
    text = io.TextIOWrapper(file, encoding="utf-8", newline="")
    try:
        writer = csv.DictWriter(text, results.columns, lineterminator="\n")
        writer.writeheader()
        writer.writerows(results.rows())
        text.flush()
    finally:
        text.detach()  # the file is not ours to close


def write_parquet(results: Results, file: BinaryIO) -> None:
    """The same table, with the provenance in the schema's metadata.

    Raises:
        MissingLibraryError: pyarrow is not installed.
    """
    arrow = library("pyarrow", "data", "a .parquet file")
    parquet = library("pyarrow.parquet", "data", "a .parquet file")
    kinds = {"name": arrow.string(), "whole": arrow.int64(), "real": arrow.float64()}
    types = {name: kinds[axis.kind] for name, axis in AXES.items()}
    types |= {"quantity": arrow.string(), "units": arrow.string()}
    types |= {"value": arrow.float64(), "error": arrow.string()}
    about = {"title": results.title, "design": results.design, **results.provenance}
    schema = arrow.schema(
        [(name, types.get(name, arrow.int64())) for name in results.columns],
        metadata={"gru_sym": json.dumps(about)},
    )
    parquet.write_table(arrow.Table.from_pylist(results.to_table(), schema=schema), file)


def write_netcdf(results: Results, file: BinaryIO) -> None:
    """The dataset of :meth:`~gru_sym.sweep.results.Results.to_xarray`.

    Raises:
        MissingLibraryError: xarray, h5netcdf or h5py is not installed.
    """
    for name in ("h5netcdf", "h5py"):
        library(name, "data", "a .nc file")
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "results.nc"
        results.to_xarray().to_netcdf(path, engine="h5netcdf")
        file.write(path.read_bytes())


FORMATS: Mapping[str, Format] = MappingProxyType(
    {
        "csv": Format(".csv", write_csv),
        "parquet": Format(".parquet", write_parquet),
        "netcdf": Format(".nc", write_netcdf),
    }
)
"""Name → format."""


def export(results: Results, path: Path, form: str) -> None:
    """Write results to a file, whole or not at all.

    Args:
        results: the results.
        path: the file; what was there is replaced.
        form: one of :data:`FORMATS`.

    Raises:
        DataError: it cannot be written.
        MissingLibraryError: the format's library is not installed.
    """
    with writing(path) as file:
        FORMATS[form].write(results, file)
