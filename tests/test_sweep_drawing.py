"""Any quantity of any study in one figure."""

from pathlib import Path

import numpy as np
import pytest

from gru_sym.errors import DataError
from gru_sym.sweep import Results, Study, sweep
from gru_sym.sweep.drawing import overview

STUDY = """\
[axes]
cell = ["rnn", "gru"]
size = [2, 3, 4]
T = [5]
seed = [0, 1, 2]
measurement = ["gradient_norm", "lag_curve"]
"""


@pytest.fixture(scope="module")
def results(tmp_path_factory: pytest.TempPathFactory) -> Results:
    path = tmp_path_factory.mktemp("sweep") / "r.db"
    sweep(Study.parse(STUDY), path, jobs=1)
    return Results.load(path)


def test_a_number_over_an_axis(results: Results) -> None:
    (ax,) = overview(results).axes
    assert ax.get_ylabel() == "gradient norm (nats)"
    assert ax.get_xlabel() == "size"
    assert [line.get_label() for line in ax.lines] == ["rnn", "gru"]
    data = results.to_xarray()["gradient_norm"].median("seed").squeeze()
    for line in ax.lines:
        assert np.allclose(line.get_ydata(), data.sel(cell=line.get_label()))


def test_a_curve_over_its_lag(results: Results) -> None:
    (ax,) = overview(results, "log_norm").axes
    assert ax.get_xlabel() == "lag (steps)"
    assert all(len(line.get_xdata()) == 6 for line in ax.lines)


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
