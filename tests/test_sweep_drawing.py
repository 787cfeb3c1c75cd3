"""Any quantity of any study in one figure."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from gru_sym.errors import DataError
from gru_sym.sweep import Results, Study, sweep
from gru_sym.sweep.drawing import overview
from gru_sym.sweep.store import Record

STUDY = """\
[axes]
cell = ["rnn", "gru"]
size = [2, 3, 4]
T = [5]
seed = [0, 1, 2]
measurement = ["gradient_norm", "lag_curve", "departures", "lyapunov"]
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    path = tmp_path_factory.mktemp("sweep") / "r.db"
    sweep(Study.parse(STUDY), path, jobs=1)
    return Results.load(path)


def test_a_number_over_an_axis(results: Results) -> None:
    (ax,) = overview(results, "gradient_norm").axes
    assert ax.get_ylabel() == "gradient norm (nats)"
    assert ax.get_xlabel() == "size"
    assert [line.get_label() for line in ax.lines] == ["rnn", "gru"]
    assert ax.get_title("left") == ""
    data = results.to_xarray()["gradient_norm"].median("seed").squeeze()
    for line in ax.lines:
        assert np.allclose(line.get_ydata(), data.sel(cell=line.get_label()))


def test_a_curve_over_its_lag(results: Results) -> None:
    """A line for each cell and size: seeds alone are put together."""
    (ax,) = overview(results, "log_norm").axes
    assert ax.get_xlabel() == "lag (steps)"
    assert [line.get_label() for line in ax.lines][2:4] == ["rnn, size 4", "gru, size 2"]
    data = results.to_xarray()["log_norm"].sel(cell="gru", size=2).median("seed").squeeze()
    assert np.allclose(ax.lines[3].get_ydata(), data)
    assert np.allclose(ax.lines[3].get_xdata(), range(6))


def test_the_coordinates_are_those_of_the_dimension(results: Results) -> None:
    (ax,) = overview(results.only(size=4), "exponents").axes
    assert ax.get_xlabel() == "exponent"
    assert ax.lines[0].get_xdata().tolist() == [1, 2, 3, 4]


def test_of_several_dimensions_the_first(results: Results) -> None:
    (ax,) = overview(results.only(size=4), "shares").axes
    assert ax.get_ylabel() == "shares, family 0"


def test_too_many_lines(tmp_path: Path) -> None:
    more = 'T = [5]\ngain = [1, 2, 3]\ninitialisation = ["torch", "keras"]'
    text = STUDY.replace("T = [5]", more).replace("[0, 1, 2]", "[0]")
    text = text.replace(', "departures", "lyapunov"', "")
    sweep(Study.parse(text), tmp_path / "r.db", jobs=1)
    results = Results.load(tmp_path / "r.db")
    with pytest.raises(DataError) as caught:
        overview(results, "gradient_norm")
    assert caught.value.message == (
        "gradient_norm would be 12 lines, over cell (2 values), initialisation (2 values), "
        "gain (3 values), and 6 are the most"
    )
    assert "such as --where gain=1.0; " in caught.value.mend
    assert len(overview(results.only(gain=1), "gradient_norm").axes[0].lines) == 4
    with pytest.raises(DataError, match="36 lines") as caught:
        overview(results, "log_norm")
    assert "such as --where size=2 --where gain=1.0; " in caught.value.mend


def test_trials_that_failed(results: Results) -> None:
    """They are left out where they were, and the figure says how many there are."""
    bad = {("rnn", 2, 0), ("gru", 3, 0), ("gru", 3, 1)}
    records = tuple(
        replace(record, status="failed", error="x", values={})
        if (record.point["cell"], record.point["size"], record.point["seed"]) in bad
        else replace(record, status="", values={})
        if (record.point["cell"], record.point["size"]) == ("gru", 4)
        else record
        for record in results.records
    )
    (ax,) = overview(replace(results, records=records), "gradient_norm").axes
    assert ax.get_title("left") == "12 of 18 trials: 3 failed, 3 are missing"
    (left,) = (r for r in records if r.values.keys() == {"gradient_norm"} and _is(r, "gru", 3))
    rnn, gru = ax.lines
    assert gru.get_xdata().tolist() == [2, 3]
    assert gru.get_ydata()[1] == left.values["gradient_norm"]
    assert rnn.get_xdata().tolist() == [2, 3, 4]


def _is(record: Record, cell: str, size: int) -> bool:
    return (record.point["cell"], record.point["size"]) == (cell, size)


def test_what_is_infinite_is_a_gap(results: Results) -> None:
    (ax,) = overview(results, "skip_log_norm").axes
    assert np.isnan(np.asarray(ax.lines[0].get_ydata(), float)[1:]).all()  # rnn has no skip


def test_no_such_quantity(results: Results) -> None:
    with pytest.raises(DataError, match="no quantity `log_nor`") as error:
        overview(results, "log_nor")
    assert "did you mean `log_norm`" in error.value.mend


def test_one_point(tmp_path: Path) -> None:
    text = STUDY.replace('["rnn", "gru"]', '["gru"]').replace("[2, 3, 4]", "[2]")
    sweep(Study.parse(text), tmp_path / "r.db", jobs=1)
    (ax,) = overview(Results.load(tmp_path / "r.db")).axes
    assert len(ax.lines) == 1
