"""Results: arrays with named dimensions and units, or rows, of all that was found so far."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np
import pytest

from gru_sym.errors import DataError
from gru_sym.sweep import Results, Study, measurements, sweep
from gru_sym.sweep import design as design_module
from gru_sym.sweep import run as run_module
from gru_sym.sweep.perform import perform
from gru_sym.sweep.rows import Dimension, Measurement, Quantity
from gru_sym.sweep.store import Counts, writing_to
from gru_sym.sweep.version import versions
from tests.sweeping import FAILING, SMALL, TWO

LAG = Dimension("lag", "steps", "steps back", 1)


def fake(_cell: Any, _params: Any, _xs: Any, trial: Any) -> dict[str, Any]:
    """As long as the sequence, and another half as long."""
    if trial.seed == 13:
        raise DataError("thirteen", mend="take another")
    curve = trial.size + np.arange(trial.T) / 10
    return {"curve": curve, "parts": np.outer([1, 2], curve[: trial.T // 2]), "whole": trial.size}


ROW = Measurement(
    fake,
    {
        "curve": Quantity("nats", "a curve", (LAG,)),
        "parts": Quantity("1", "its parts", (Dimension("part", "1", "which part"), LAG)),
        "whole": Quantity("1", "the size"),
    },
    "a fake",
)

CURVES = """\
[axes]
cell = ["rnn"]
size = [2, 3]
T = [4, 6]
seed = [5, 13]
measurement = ["fake", "spectral_radius"]
"""


@pytest.fixture
def table(monkeypatch: pytest.MonkeyPatch) -> None:
    """A table with a measurement that gives arrays."""
    rows = MappingProxyType({**measurements.MEASUREMENTS, "fake": ROW})
    for module in (measurements, design_module, run_module):
        monkeypatch.setattr(module, "MEASUREMENTS", rows)


@pytest.fixture
def curves(tmp_path: Path, table: None) -> Results:
    sweep(Study.parse(CURVES), tmp_path / "curves.db", jobs=1)
    return Results.load(tmp_path / "curves.db")


@pytest.fixture
def xarray(peer: Callable[[str], ModuleType]) -> ModuleType:
    return peer("xarray")


def rows_of(results: Results, **wanted: Any) -> Iterator[dict[str, Any]]:
    for row in results.to_table():
        if wanted.items() <= row.items():
            yield row


def test_a_grid(xarray: ModuleType, curves: Results) -> None:
    found = curves.to_xarray()
    point = ("cell", "size", "T", "initialisation", "gain", "bias", "seed")
    assert found["curve"].dims == (*point, "lag")
    assert found["parts"].dims == (*point, "part", "lag")
    assert found["spectral_radius"].dims == point
    assert dict(found.sizes) == {
        "cell": 1, "size": 2, "T": 2, "initialisation": 1, "gain": 1, "bias": 1, "seed": 2,
        "lag": 6, "part": 2,
    }  # fmt: skip
    assert found["lag"].values.tolist() == [1, 2, 3, 4, 5, 6]
    assert found["part"].values.tolist() == [0, 1]
    assert found["cell"].values.tolist() == ["rnn"]
    one = found.sel(cell="rnn", size=3, T=4, initialisation="torch", seed=5).squeeze()
    assert one["curve"].values[:4].tolist() == [3.0, 3.1, 3.2, 3.3]
    assert np.isnan(one["curve"].values[4:]).all()
    assert one["parts"].sel(part=1, lag=2).item() == 6.2
    assert np.isnan(found["curve"].sel(seed=13)).all()
    assert np.isfinite(found["spectral_radius"]).all()


def test_units_and_provenance(xarray: ModuleType, curves: Results) -> None:
    found = curves.to_xarray()
    assert found["curve"].attrs == {"units": "nats", "long_name": "a curve"}
    assert found["lag"].attrs == {"units": "steps", "long_name": "steps back"}
    assert found["T"].attrs == {"units": "steps", "long_name": "length of the sequence"}
    assert "units" not in found["cell"].attrs
    assert all(v.attrs["long_name"] for v in (*found.values(), *found.coords.values()))
    about = found.attrs
    assert (about["title"], about["design"], about["study"]) == ("study", "grid", CURVES)
    assert (about["trials"], about["done"], about["failed"]) == (16, 12, 4)
    assert versions()["gru_sym"] in about["versions"]
    assert "h_next = tanh" in about["cells"]
    assert all(isinstance(value, str | int | float) for value in about.values())


def test_a_table(curves: Results) -> None:
    rows = curves.to_table()
    assert all(tuple(row) == curves.columns for row in rows)
    assert curves.columns[:10] == (
        "cell", "size", "T", "initialisation", "gain", "bias", "task", "paths", "seed",
        "measurement",
    )  # fmt: skip
    assert curves.columns[10:] == ("quantity", "units", "lag", "part", "value", "error")
    (row,) = rows_of(curves, size=3, T=6, quantity="parts", part=1, lag=3)
    assert (row["value"], row["units"], row["seed"], row["error"]) == (6.4, "1", 5, None)
    (row,) = rows_of(curves, size=3, T=6, quantity="whole")
    assert (row["value"], row["lag"], row["part"]) == (3.0, None, None)
    failed = list(rows_of(curves, error="DataError: thirteen"))
    assert len(failed) == 4
    assert {row["seed"] for row in failed} == {13}
    assert {(row["quantity"], row["value"]) for row in failed} == {(None, None)}
    assert len(rows) == 2 * (4 + 6 + 2 * (2 + 3) + 2) + 8 + 4


def test_only_some(curves: Results) -> None:
    some = curves.only(size="3", seed=[5], gain="1", measurement="fake")
    assert {(r.point["size"], r.point["seed"], r.point["measurement"]) for r in some.records} == {
        (3, 5, "fake")
    }
    assert some.counts == Counts(2, 2, 0)
    assert curves.only(size=[2, 3]).counts == curves.only(size=np.array([3, 2])).counts
    assert curves.only(size=np.int64(3), T="4.0").counts == Counts(4, 3, 1)
    for wanted, message, mend in (
        ({"sizes": 3}, "there is no axis `sizes`", "did you mean `size`? The axes are cell, "),
        ({"self": 3}, "there is no axis `self`", "The axes are cell, "),
        ({"size": "4"}, "no trial has the size `4`", "There are 2, 3"),
        ({"cell": "rn"}, "no trial has the cell `rn`", "did you mean `rnn`? There are rnn"),
        ({"size": []}, "no trial has all of these values", "choose fewer"),
    ):
        with pytest.raises(DataError) as caught:
            curves.only(**wanted)
        assert caught.value.message == message
        assert caught.value.mend.startswith(mend)


def test_what_is_not_there_yet(xarray: ModuleType, tmp_path: Path) -> None:
    study = Study.parse(SMALL)
    every = list(study.trials())
    path = tmp_path / "results.db"
    with writing_to(path) as store:
        with pytest.raises(DataError, match="has no study yet"):
            Results.load(path)
        store.begin(run_module._meta(study), study.trials(), resume=False)
        nothing = Results.load(path)
        assert str(nothing) == (
            "a small study: a grid of 16 trials; 0 are done, 0 failed, 16 are missing"
        )
        assert np.isnan(nothing.to_xarray()["gradient_norm"]).all()
        assert nothing.to_table() == []
        store.record(perform(every[4]))
        some = Results.load(path)  # while it is being written
    assert some.counts == Counts(16, 1, 0)
    array = some.to_xarray()["gradient_norm"]
    assert array.shape == (2, 2, 1, 1, 1, 1, 2)
    assert int(np.isfinite(array).sum()) == 1
    assert [point for point, _ in some.values("gradient_norm")] == [every[4].point]


def test_a_random_design(xarray: ModuleType, tmp_path: Path) -> None:
    text = 'design = "random"\ntrials = 6\nseed = 2\n' + SMALL.replace(
        "size = [2, 3]", "gain = { log_uniform = [0.5, 2] }"
    )
    path = tmp_path / "random.db"
    study = Study.parse(text)
    sweep(study, path, jobs=1)
    results = Results.load(path)
    found = results.to_xarray()
    assert dict(found.sizes) == {"trial": 6}
    assert found["gradient_norm"].dims == found["spectral_radius"].dims == ("trial",)
    assert found["gain"].dims == ("trial",)
    assert not found.isnull().any().to_array().any()  # each point has both measurements
    trials = list(study.trials())[::2]
    assert found["gain"].values.tolist() == [trial.gain for trial in trials]
    assert found["cell"].values.tolist() == [trial.cell for trial in trials]
    assert (found.attrs["design"], found.attrs["design_seed"]) == ("random", 2)
    assert str(results).startswith("a small study: a random design of 12 trials; 12 are done")


def test_failures(tmp_path: Path) -> None:
    (tmp_path / "two.cell").write_text(TWO)
    path = tmp_path / "results.db"
    summary = sweep(Study.parse(FAILING, folder=tmp_path), path, jobs=1)
    assert Results.load(path).failures == summary.failures


def test_a_store_of_another_day(
    curves: Results, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It explains itself: the table of measurements is not asked."""
    monkeypatch.setattr(measurements, "MEASUREMENTS", {})
    found = Results.load(tmp_path / "curves.db")
    assert found.quantities == curves.quantities
    assert found.to_table() == curves.to_table()
    assert replace(found, title="x").title == "x"
