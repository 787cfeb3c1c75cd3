"""The experiments, on small studies: figures, tables and sentences from the numbers."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from gru_sym.errors import DataError, StudyError
from gru_sym.experiments import EXPERIMENTS, Outcome, experiment
from gru_sym.experiments.findings import cell_of, curve, listed, stacked
from gru_sym.experiments.phase import crossing
from gru_sym.experiments.training import smooth
from gru_sym.sweep import Results, Study

SMALL = {
    "size": "[3]",
    "T": "[12]",
    "seed": "[0, 1]",
    "gain": "[0.5, 8.0]",
    "bias": "[-2.0, 4.0]",
    "cell": '["rnn", "gru"]',
    "task": '["adding"]',
    "updates": "6",
    "batch": "4",
    "snapshots": "2",
}


def small(name: str, folder: Path) -> Path:
    """The study of an experiment with fewer and smaller trials."""
    text = EXPERIMENTS[name].study
    for key, value in SMALL.items():
        if key == "cell" and name in {"cut", "sums", "phase"}:
            continue
        text = re.sub(rf"^{key} = .*$", f"{key} = {value}", text, count=1, flags=re.MULTILINE)
    path = folder / f"{name}.toml"
    path.write_text(text, encoding="utf-8")
    return path


@pytest.fixture(scope="module", params=EXPERIMENTS)
def found(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Outcome:
    folder = tmp_path_factory.mktemp(request.param)
    return experiment(request.param, folder, study=small(request.param, folder), jobs=1)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_its_own_study_is_right(name: str) -> None:
    study = Study.parse(EXPERIMENTS[name].study)
    assert 20 < len(study) < 1000
    assert study.title
    assert EXPERIMENTS[name].about


def test_figures_a_table_and_sentences(found: Outcome) -> None:
    assert found.findings.figures
    assert found.findings.sentences
    assert all(len(row) == len(found.findings.columns) for row in found.findings.rows)
    store, table, *figures = found.files
    assert store.suffix == ".db"
    lines = table.read_text(encoding="utf-8").splitlines()
    assert len(lines) == 1 + len(found.findings.rows)
    assert len(figures) == len(found.findings.figures)
    assert all(path.read_bytes().startswith(b"<?xml") for path in figures)
    json.dumps(found.to_json(), allow_nan=False)
    assert str(found) == "\n".join(found.findings.sentences)


def test_again_runs_nothing_and_is_the_same(found: Outcome) -> None:
    folder = found.files[0].parent
    before = {path: path.read_bytes() for path in found.files[1:]}
    again = experiment(found.name, folder, study=folder / f"{found.name}.toml", jobs=1)
    assert again.summary.ran == 0
    assert {path: path.read_bytes() for path in again.files[1:]} == before


def test_what_the_table_of_initialisations_says(tmp_path: Path) -> None:
    study = small("initialisation", tmp_path)
    found = experiment("initialisation", tmp_path, study=study, jobs=1)
    results = Results.load(tmp_path / "initialisation.db")
    for cell, scheme, left, alone, *_ in found.findings.rows:
        curves = stacked(results, "log_norm", cell=cell, initialisation=scheme)
        if left is None:
            assert curves is None
            assert f"{cell} has no gate of a skip that {scheme} could set." in str(found)
        else:
            assert curves is not None
            assert left == np.median(curves[:, -1])
            assert (alone is None) == (cell == "rnn")


def test_reading_results(found: Outcome) -> None:
    results = Results.load(found.files[0])
    assert "gru" in listed(results, "cell")
    assert cell_of(results, "gru").name == "gru"
    assert stacked(results, "no such quantity") is None


def test_where_a_quantity_rises_through_zero() -> None:
    assert crossing([1.0, 2.0, 3.0], np.array([-1.0, -0.5, 0.5])) == 2.5
    assert crossing([1.0, 2.0], np.array([1.0, 2.0])) is None
    assert crossing([1.0, 2.0], np.array([np.nan, 2.0])) is None


def test_smoothing_and_curves() -> None:
    assert np.allclose(smooth(np.ones((2, 50))), 1)
    assert smooth(np.arange(30.0)[None])[0, -1] == np.mean(np.arange(10, 30))
    assert (curve(np.zeros(3)).skip_log_norm == -np.inf).all()


def test_wrong_names(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no experiment cutt") as error:
        experiment("cutt", tmp_path)
    assert "did you mean `cut`" in error.value.mend
    with pytest.raises(DataError, match="figures as gif"):
        experiment("cut", tmp_path, form="gif")
    (tmp_path / "bad.toml").write_text("[axes]\ncells = 1\n")
    with pytest.raises(StudyError, match="no key `cells`"):
        experiment("cut", tmp_path, study=tmp_path / "bad.toml")
