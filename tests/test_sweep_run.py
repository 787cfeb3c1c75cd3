"""Sweeps: what is missing is run, once; killed at any moment, they end with the same numbers."""

import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import pytest

from gru_sym.errors import DataError, GruSymError
from gru_sym.sweep import Results, Study, run, sweep
from gru_sym.sweep.store import Counts
from gru_sym.sweep.trial import Outcome, Trial
from tests.sweeping import FAILING, SMALL, TWO, finished, kill_all, start, stored

# Trials of a few milliseconds, enough of them to be in the middle of for a while.
LONGER = """\
[axes]
cell = ["two.cell", "gru", "lstm"]
size = [16, 24]
T = [150]
seed = { from = 0, count = 40 }
measurement = ["gradient_norm", "spectral_radius"]
"""


@pytest.fixture
def store(tmp_path: Path) -> Path:
    return tmp_path / "results.db"


@pytest.fixture
def failing(tmp_path: Path) -> Study:
    (tmp_path / "two.cell").write_text(TWO)
    return Study.parse(FAILING, folder=tmp_path, title="failing")


def test_a_sweep(store: Path) -> None:
    told: list[Counts] = []
    found = sweep(Study.parse(SMALL), store, jobs=1, progress=told.append)
    assert told == [Counts(16, n, 0) for n in range(17)]
    assert (found.title, found.store, found.ran) == ("a small study", store, 16)
    assert (found.counts, found.failures) == (Counts(16, 16, 0), ())
    assert str(found) == ("a small study: 16 trials, 16 of them run now; 16 are done, 0 failed")
    assert found.to_json() | {"seconds": 0, "store": ""} == {
        "title": "a small study", "store": "", "trials": 16, "ran": 16, "done": 16, "failed": 0,
        "failures": [], "seconds": 0,
    }  # fmt: skip


def test_running_twice_adds_nothing(store: Path) -> None:
    study = Study.parse(SMALL)
    sweep(study, store, jobs=1)
    once, content = stored(store), store.read_bytes()
    with pytest.raises(DataError, match="has 16 trials already"):
        sweep(study, store, jobs=1)
    assert stored(store) == once
    told: list[Counts] = []
    assert sweep(study, store, jobs=1, resume=True, progress=told.append).ran == 0
    assert told == [Counts(16, 16, 0)]
    assert store.read_bytes() == content
    assert stored(store) == once


def test_only_what_is_missing_is_run(store: Path) -> None:
    """After an interrupt, and after the study got more to do."""

    def interrupt(counts: Counts) -> None:
        if counts.done == 5:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sweep(Study.parse(SMALL), store, jobs=1, progress=interrupt)
    assert sweep(Study.parse(SMALL), store, jobs=1, resume=True).ran == 11
    more = Study.parse(SMALL.replace("[2, 3]", "[3, 4]"))
    found = sweep(more, store, jobs=1, resume=True)
    assert (found.ran, found.counts) == (8, Counts(16, 16, 0))
    assert finished(store) == 24  # what the study no longer has is kept
    whole = store.with_name("whole.db")
    sweep(more, whole, jobs=1)
    kept = stored(store)
    assert kept["plan"] == stored(whole)["plan"]
    assert kept["meta"] == stored(whole)["meta"]
    for table in ("trials", "quantities"):
        assert set(kept[table]) >= set(stored(whole)[table])


def test_failures_are_recorded_and_others_go_on(store: Path, failing: Study) -> None:
    told: list[Counts] = []
    found = sweep(failing, store, jobs=1, progress=told.append)
    assert told[-1] == found.counts == Counts(4, 2, 2)
    (failure,) = found.failures
    assert failure.error.startswith("DataError: the cell has the outputs p, q")
    assert (failure.trials, failure.first["cell"], failure.first["seed"]) == (2, "two.cell", 0)
    assert found.to_json()["failures"] == [failure.to_json()]
    assert sweep(failing, store, jobs=1, resume=True).ran == 0
    again = sweep(failing, store, jobs=1, resume=True, retry_failed=True, progress=told.append)
    assert (again.ran, again.counts, told[-3:]) == (
        2,
        Counts(4, 2, 2),
        [Counts(4, 2, 0), Counts(4, 2, 1), Counts(4, 2, 2)],
    )


def test_a_failure_that_is_mended(
    store: Path, failing: Study, monkeypatch: pytest.MonkeyPatch
) -> None:
    from gru_sym.sweep import perform as module

    with monkeypatch.context() as patch:
        patch.setattr(module, "measured", lambda *_: 1 / 0)
        found = sweep(failing, store, jobs=1)
    assert [failure.error for failure in found.failures] == ["ZeroDivisionError: division by zero"]
    mended = sweep(failing, store, jobs=1, resume=True, retry_failed=True)
    assert mended.counts == Counts(4, 2, 2)


def test_to_retry_is_to_resume(store: Path) -> None:
    with pytest.raises(DataError, match="to run failed trials again is to resume"):
        sweep(Study.parse(SMALL), store, retry_failed=True)
    assert not store.exists()


def test_a_worker_with_other_code(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def perform(trial: Trial) -> Outcome:
        return Outcome(trial, {}, "", 0.0, {**run.versions(), "gru_sym": "0.0.1+old"})

    monkeypatch.setattr("gru_sym.sweep.pools.perform", perform)
    with pytest.raises(GruSymError, match=r"other code.*gru_sym is 0\.0\.1\+old there"):
        sweep(Study.parse(SMALL), store, jobs=1)
    assert finished(store) == 0


def test_the_store_tells_of_its_study(store: Path) -> None:
    text = SMALL + "[inputs]\nvariance = 0.5\n"
    sweep(Study.parse(text), store, jobs=1)
    about = Results.load(store).provenance
    assert about["study"] == text
    assert about["inputs"] == {"variance": 0.5, "size": None}
    assert "# Gated recurrent unit" in about["cells"]["gru"]
    assert about["versions"]["numpy"]


def test_chosen_trials() -> None:
    study = Study.parse(SMALL)
    every = list(study.trials())
    assert list(run._chosen(study, [0, 3, 15])) == [every[0], every[3], every[15]]
    assert list(run._chosen(study, [])) == []


@pytest.mark.slow
def test_killed_at_random_moments(
    tmp_path: Path, store: Path, peer: Callable[[str], ModuleType]
) -> None:
    """With kill -9: what was recorded stays, and the end is that of an undisturbed sweep."""
    peer("joblib")
    (tmp_path / "two.cell").write_text(TWO)
    (tmp_path / "study.toml").write_text(LONGER)
    study = Study.load(tmp_path / "study.toml")
    moments = random.Random(20240501)
    before = 0
    for _ in range(3):
        process = start(
            "sweep", tmp_path / "study.toml", "--store", store, "--jobs", "2", "--resume"
        )
        try:
            wanted = before + moments.randint(1, len(study) // 8)
            while finished(store) < wanted:
                assert process.poll() is None, process.communicate()
                time.sleep(0.005)
            time.sleep(moments.uniform(0, 0.02))
            process.send_signal(signal.SIGKILL)
            process.wait()
        finally:
            kill_all(process)
        there = Results.load(store).counts  # which checks each outcome by its digest
        assert before < wanted <= there.done + there.failed < len(study)
        before = there.done + there.failed
    last = sweep(study, store, jobs=2, resume=True)
    assert last.ran == len(study) - before
    sweep(study, tmp_path / "undisturbed.db", jobs=1)
    assert stored(store) == stored(tmp_path / "undisturbed.db")
    assert last.counts == Counts(480, 400, 80)


@pytest.mark.slow
def test_a_disk_that_is_full(tmp_path: Path, store: Path) -> None:
    """By a limit on the size of files: an error that helps, and all that was recorded is there."""
    (tmp_path / "study.toml").write_text(SMALL.replace("count = 2", "count = 40"))
    limit = "import resource\nresource.setrlimit(resource.RLIMIT_FSIZE, (150_000, 150_000))\n"
    process = start(
        "sweep", tmp_path / "study.toml", "--store", store, "--jobs", "1", prelude=limit
    )
    _, errors = process.communicate(timeout=60)
    assert process.returncode == 2
    assert "disk" in errors
    assert "--resume" in errors
    assert "Traceback" not in errors
    study = Study.load(tmp_path / "study.toml")
    there = finished(store)
    assert 0 < there < len(study)
    assert sweep(study, store, jobs=1, resume=True).ran == len(study) - there
    sweep(study, tmp_path / "undisturbed.db", jobs=1)
    assert stored(store) == stored(tmp_path / "undisturbed.db")


def test_an_edited_cell_is_another(tmp_path: Path, store: Path) -> None:
    (tmp_path / "my.cell").write_text("h_next = tanh(W @ x + U @ h)")
    (tmp_path / "study.toml").write_text(SMALL.replace('"gru"', '"my.cell"'))
    sweep(Study.load(tmp_path / "study.toml"), store, jobs=1)
    (tmp_path / "my.cell").write_text("h_next = tanh(W @ x - U @ h)")
    study = Study.load(tmp_path / "study.toml")
    assert sweep(study, store, jobs=1, resume=True).ran == 8
    assert next(study.trials()).key in {row[0] for row in stored(store)["trials"]}
