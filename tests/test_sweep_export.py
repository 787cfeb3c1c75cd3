"""Files that other programs read: each holds what the results hold, to the last digit."""

import csv
import io
import json
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gru_sym.errors import DataError
from gru_sym.sweep import Results, Study, sweep
from gru_sym.sweep.export import FORMATS, export, write_csv
from tests.sweeping import FAILING, TWO


@pytest.fixture
def results(tmp_path: Path) -> Results:
    (tmp_path / "two.cell").write_text(TWO)
    sweep(Study.parse(FAILING, folder=tmp_path), tmp_path / "results.db", jobs=1)
    return Results.load(tmp_path / "results.db")


def test_csv(results: Results, tmp_path: Path) -> None:
    export(results, tmp_path / "r.csv", "csv")
    with (tmp_path / "r.csv").open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file))
    table = results.to_table()
    assert len(rows) == len(table) == 4
    for row, wanted in zip(rows, table, strict=True):
        assert tuple(row) == results.columns
        assert row == {name: "" if v is None else str(v) for name, v in wanted.items()}
        assert wanted["value"] is None or float(row["value"]) == wanted["value"]
    assert rows[0]["error"].startswith("DataError: the cell has the outputs p, q")


def test_csv_leaves_the_file_open(results: Results) -> None:
    file = io.BytesIO()
    write_csv(results, file)
    assert file.getvalue().decode().count("\n") == 5


def test_netcdf(results: Results, tmp_path: Path, peer: Callable[[str], ModuleType]) -> None:
    xarray = peer("xarray")
    peer("h5netcdf")
    peer("h5py")
    export(results, tmp_path / "r.nc", "netcdf")
    with xarray.open_dataset(tmp_path / "r.nc", engine="h5netcdf") as found:
        wanted = results.to_xarray()
        xarray.testing.assert_identical(found.load(), wanted)
        assert np.isnan(found["gradient_norm"].sel(cell="two.cell")).all()
        assert found["gradient_norm"].attrs["units"] == "nats"
        assert json.loads(found.attrs["versions"])["numpy"]


def test_parquet(results: Results, tmp_path: Path, peer: Callable[[str], ModuleType]) -> None:
    peer("pyarrow")
    parquet = peer("pyarrow.parquet")
    export(results, tmp_path / "r.parquet", "parquet")
    found = parquet.read_table(tmp_path / "r.parquet")
    assert found.to_pylist() == results.to_table()
    about = json.loads(found.schema.metadata[b"gru_sym"])
    assert about["versions"] == results.provenance["versions"]
    assert about["study"] == FAILING


def test_long_texts_in_netcdf(tmp_path: Path, peer: Callable[[str], ModuleType]) -> None:
    """HDF5 has a limit of 64 KiB for attributes that are kept the simple way."""
    for name in ("xarray", "h5netcdf", "h5py"):
        peer(name)
    text = FAILING.replace('"two.cell", ', "") + "# " + "long " * 19_000
    sweep(Study.parse(text), tmp_path / "long.db", jobs=1)
    export(Results.load(tmp_path / "long.db"), tmp_path / "long.nc", "netcdf")
    with peer("xarray").open_dataset(tmp_path / "long.nc", engine="h5netcdf") as found:
        assert found.attrs["study"] == text


def test_whole_or_not_at_all(results: Results, tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("older")
    with pytest.raises(KeyError):
        export(results, tmp_path / "r.csv", "xlsx")
    assert (tmp_path / "r.csv").read_text() == "older"
    with pytest.raises(DataError, match="cannot write"):
        export(results, tmp_path / "absent" / "r.csv", "csv")
    assert {form.suffix for form in FORMATS.values()} == {".csv", ".parquet", ".nc"}
