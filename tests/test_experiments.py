"""The experiments, on small studies: figures, tables and sentences from the numbers."""

import json
import re
from pathlib import Path

import numpy as np
import pytest

from gru_sym.errors import DataError, StudyError
from gru_sym.experiments import EXPERIMENTS, Outcome, experiment
from gru_sym.experiments.findings import (
    Shares,
    cell_of,
    curve,
    graded,
    listed,
    relative,
    shares_figure,
    smooth,
    stacked,
)
from gru_sym.experiments.phase import crossing
from gru_sym.experiments.sums import ALIVE, verdict
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


def small(name: str, folder: Path, **changes: str) -> Path:
    """The study of an experiment with fewer and smaller trials."""
    text = EXPERIMENTS[name].study
    for key, value in (SMALL | changes).items():
        if key == "cell" and name in {"cut", "sums", "phase"} and "cell" not in changes:
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
            assert f"{cell}, {scheme}: `{cell}` has no skip gate that a bias governs" in str(found)
        else:
            assert curves is not None
            # Relative to lag 0, whose norm is that of the loss: of three ones, here.
            assert curves[:, 0] == pytest.approx(np.log(3) / 2)
            assert left == np.median(curves[:, -1] - curves[:, 0])
            assert (alone is None) == (cell == "rnn")
    panels = found.findings.figures["curves"].axes
    colours = [{line.get_label(): line.get_color() for line in ax.lines} for ax in panels]
    assert "rnn" not in colours[2]
    assert colours[2]["gru"] == colours[0]["gru"]
    assert colours[0]["gru"] != colours[0]["rnn"]
    assert "paths-gru" in found.findings.figures
    assert "paths-rnn" not in found.findings.figures
    assert "rnn: one family of paths has all of the gradient" in str(found)


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


def test_a_cell_without_a_skip_has_no_sum(tmp_path: Path) -> None:
    study = small("sums", tmp_path, cell='["rnn", "gru"]', bias="[0.0, 4.0]")
    found = experiment("sums", tmp_path, study=study, jobs=1)
    assert "rnn: it has no skip, and so no sum" in str(found)
    assert list(found.findings.figures) == ["gru"]
    assert {row[0] for row in found.findings.rows} == {"gru"}
    assert f"{ALIVE:.1f} nats" in str(found)
    for _, _, _, keep, whole, alone, worth, *_ in found.findings.rows:
        assert 0 < keep < 1
        assert whole - alone == pytest.approx(worth)


def test_the_verdict_of_the_sum() -> None:
    """By the worth of the others beside what the skip alone loses; a step of it changes nothing."""
    assert verdict(-4.027, [0.7546]) == verdict(-2.762, [1.851, 0.1]) == "yes"  # 4.8 and 4.7 lost
    assert verdict(-3.0, [3.1]) == "alive, by others"  # more than half of 6.1
    assert verdict(-0.2, [4.0]) == "yes"  # the skip alone were alive
    assert verdict(0.5, [5.0]) == "yes"  # just so
    assert verdict(0.5, [5.5]) == "alive, by others"
    assert verdict(-4.7, [0.0]) == "no"


def test_of_several_states_chi_is_not_compared(tmp_path: Path) -> None:
    study = small("phase", tmp_path, cell='["lstm", "gru"]', seed="[0]")
    found = experiment("phase", tmp_path, study=study, jobs=1)
    # Each panel has a bar of colours.
    assert {n: len(f.axes) for n, f in found.findings.figures.items()} == {"lstm": 2, "gru": 4}
    assert all(row[3] is None for row in found.findings.rows if row[0] == "lstm")
    assert "lstm: χ is not compared" in str(found)
    assert "lstm: log χ" not in str(found)
    assert re.search(r"gru: log χ.* at most, at gain [\d.]+ and bias", str(found))


def test_what_is_said_of_learning(tmp_path: Path) -> None:
    study = small("training", tmp_path, task='["sunspots"]', snapshots="3")
    found = experiment("training", tmp_path, study=study, jobs=1)
    for cell in ("rnn", "gru"):
        assert re.search(rf"{cell} .* sunspots: .* of what says the same again", str(found))
    assert "rnn: one family of paths" in str(found)
    assert set(found.findings.figures) == {
        "loss", "curves-sunspots", "paths-sunspots", "updates-sunspots"
    }  # fmt: skip
    short, long = found.findings.figures["updates-sunspots"].axes
    assert (short.get_title(loc="left"), long.get_title(loc="left")) == (
        "gru, lag 3",
        "gru, lag 12",
    )
    results = Results.load(tmp_path / "training.db")
    shares = stacked(results, "snapshot_shares", cell="gru")
    assert shares is not None
    assert long.get_xlim() == (0, 6)
    share = found.findings.rows[1][-1]
    assert share == pytest.approx(np.median(shares[:, -1, -1, 0]))


def test_what_is_said_of_trials_that_failed(tmp_path: Path) -> None:
    study = small("training", tmp_path, task='["sunspots", "adding"]', T="[120]", seed="[0]")
    found = experiment("training", tmp_path, study=study, jobs=1)
    assert "gru, sunspots: 120 steps are more than the 103 years of sunspots." in str(found)
    assert {row[0] for row in found.findings.rows} == {"adding"}


@pytest.mark.parametrize(
    ("name", "changes", "said", "mend"),
    [
        ("sums", {"measurement": '["lag_curve", "keep"]'}, "needs the measurement shapley",
         'measurement = ["lag_curve", "shapley", "keep"]'),
        ("initialisation", {"measurement": '["keep"]'}, "lag_curve and departures", "lag_curve"),
        ("phase", {"gain": "[1.0]"}, "needs 2 values of gain, and the study has 1", "gain"),
        ("sums", {"T": "[10, 20]"}, "does not go over T, of which the study has 2", "T = [10]"),
        ("training", {"task": '["adding"]\npaths = ["all", "no skip"]'}, "go over paths", '"all"'),
        ("cut", {"title": '"x"\ndesign = "random"\ntrials = 2'}, "grids", 'design = "grid"'),
    ],
)  # fmt: skip
def test_a_study_of_another_kind_is_refused_before_it_runs(
    tmp_path: Path, name: str, changes: dict[str, str], said: str, mend: str
) -> None:
    study = small(name, tmp_path, **changes)
    with pytest.raises(DataError, match=said) as error:
        experiment(name, tmp_path / "out", study=study, jobs=1)
    assert mend in error.value.mend
    assert not (tmp_path / "out").exists()


def test_grades() -> None:
    words = [graded(part) for part in (0.0, 0.0999, 0.1, 0.5, 0.9, 1.5)]
    assert words == ["learns"] * 2 + ["learns part of"] * 2 + ["does not learn"] * 2


def test_relative_to_lag_0() -> None:
    assert (relative(np.array([[2.0, 1.0], [3.0, 3.5]])) == [[0, -1], [0, 0.5]]).all()


def test_no_panels_no_figure() -> None:
    assert shares_figure([]) is None
    one = Shares("a", ("skip", "update"), np.full((2, 4, 2), 0.5))
    drawn = shares_figure([one, one])
    assert drawn is not None
    assert [ax.get_ylabel() == "" for ax in drawn.axes] == [False, True]
    assert len(drawn.legends) == 1
