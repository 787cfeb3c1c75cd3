"""The store: one transaction for each trial, which nothing takes back."""

import random
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gru_sym.errors import DataError
from gru_sym.sweep import Study
from gru_sym.sweep.store import Counts, Store, reading_from, writing_to
from gru_sym.sweep.trial import Outcome, Trial, canonical
from gru_sym.sweep.version import versions
from tests.sweeping import SMALL, stored

TRIALS = tuple(Study.parse(SMALL).trials())
META = {"versions": canonical(dict(versions())), "title": "a study"}
AWKWARD = {
    "numbers": np.array([[0.1 + 0.2, -0.0, np.inf], [5e-324, -np.inf, 1 / 3]]),
    "number": np.float64(np.pi),
    "none": np.zeros((0, 3)),
    "turned": np.arange(6.0).reshape(2, 3).T,
    "other": np.arange(3, dtype=">f8"),
}


def outcome(trial: Trial, error: str = "", **values: Any) -> Outcome:
    return Outcome(trial, values, error, 0.5, versions())


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "results.db"


@pytest.fixture
def store(path: Path) -> Iterator[Store]:
    with writing_to(path) as store:
        store.begin(META, iter(TRIALS), resume=False)
        yield store


def test_what_is_recorded_comes_back_to_the_last_bit(store: Store) -> None:
    store.record(outcome(TRIALS[1], **AWKWARD))
    meta, records = store.contents()
    assert meta == META
    assert [record.point for record in records] == [trial.point for trial in TRIALS]
    assert list(records[0].point) == list(TRIALS[0].point)
    assert [record.status for record in records[:3]] == ["", "done", ""]
    assert records[1].values.keys() == AWKWARD.keys()
    for name, array in AWKWARD.items():
        found = records[1].values[name]
        assert found.dtype == np.float64
        assert found.shape == np.shape(array)
        assert found.tobytes() == np.asarray(array, np.float64).tobytes()


def test_counts_and_failures(store: Store) -> None:
    assert store.counts() == (16, 0, 0)
    store.record(outcome(TRIALS[0], a=1.0))
    for trial in TRIALS[3:6]:
        store.record(outcome(trial, "DataError: it is too large"))
    store.record(outcome(TRIALS[2], "Exception: else"))
    assert store.counts() == Counts(16, 1, 4)
    assert store.counts().missing == 11
    first, second = store.failures()
    assert (first.error, first.trials, first.first) == ("Exception: else", 1, TRIALS[2].point)
    assert (second.error, second.trials, second.first) == (
        "DataError: it is too large",
        3,
        TRIALS[3].point,
    )
    (record,) = [r for r in store.contents()[1] if r.error == "Exception: else"]
    assert (record.status, record.values) == ("failed", {})


def test_twice_is_once(store: Store, path: Path) -> None:
    store.record(outcome(TRIALS[0], a=1.0, b=2.0))
    once = stored(path)
    store.record(outcome(TRIALS[0], a=1.0, b=2.0))
    assert stored(path) == once
    store.record(outcome(TRIALS[0], c=3.0))
    assert [row[1] for row in stored(path)["quantities"]] == ["c"]


def test_what_is_to_be_run(path: Path) -> None:
    with writing_to(path) as store:
        assert store.begin(META, iter(TRIALS), resume=True) == list(range(16))
        store.record(outcome(TRIALS[1], a=1.0))
        store.record(outcome(TRIALS[2], "failed"))
    with writing_to(path) as store:
        rest = [0, *range(3, 16)]
        assert store.begin(META, iter(TRIALS), resume=True) == rest
        again = store.begin(META, iter(TRIALS), resume=True, retry_failed=True)
        assert again == sorted([2, *rest])
        # A study that was changed: what it shares with the old one is there.
        others = [replace(TRIALS[0], seed=9), TRIALS[1]]
        assert store.begin(META | {"title": "another"}, iter(others), resume=True) == [0]
        assert store.counts() == (2, 1, 0)
        assert store.meta()["title"] == "another"
        assert store.begin(META, iter(TRIALS), resume=True) == rest


def test_trials_are_not_added_to_unasked(path: Path, store: Store) -> None:
    assert store.begin(META, iter(TRIALS), resume=False) == list(range(16))  # nothing there yet
    store.record(outcome(TRIALS[0], a=1.0))
    before = stored(path)
    with pytest.raises(DataError, match="has 1 trial already") as caught:
        store.begin(META | {"title": "x"}, iter(TRIALS[1:]), resume=False)
    assert "--resume" in caught.value.mend
    old = canonical({**versions(), "numpy": "1.0"})
    with pytest.raises(DataError, match=r"trial of other code.*numpy is .* there, and 1\.0 here"):
        store.begin(META | {"versions": old}, iter(TRIALS), resume=True)
    assert stored(path) == before
    python = canonical({**versions(), "python": "3.99"})
    assert store.begin(META | {"versions": python}, iter(TRIALS), resume=True)


def test_a_plan_that_fails_midway_changes_nothing(path: Path, store: Store) -> None:
    store.record(outcome(TRIALS[0], a=1.0))
    before = stored(path)

    def trials() -> Iterator[Trial]:
        yield from TRIALS[3:]
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        store.begin({"versions": META["versions"]}, trials(), resume=True)
    assert stored(path) == before


def test_a_full_disk(path: Path, store: Store) -> None:
    """By the database's own limit on its size."""
    store.record(outcome(TRIALS[0], a=np.ones(1000)))
    connection = store._connection
    pages = connection.execute("PRAGMA page_count").fetchone()[0]
    connection.execute(f"PRAGMA max_page_count = {pages + 4}")
    before = stored(path)
    with pytest.raises(DataError, match="the disk is full") as caught:
        store.record(outcome(TRIALS[1], a=np.ones(100_000)))
    assert "go on with --resume" in caught.value.mend
    assert stored(path) == before
    connection.execute("PRAGMA max_page_count = 1000000")
    store.record(outcome(TRIALS[1], a=np.ones(100_000)))
    assert store.counts().done == 2


def test_others_read_while_one_writes(path: Path, store: Store) -> None:
    store.record(outcome(TRIALS[0], a=1.0))
    with reading_from(path) as reader:
        assert reader.counts().done == 1
        store.record(outcome(TRIALS[1], a=1.0))
        assert reader.counts().done == 2
        with pytest.raises(DataError, match="cannot be opened or written"):
            reader.record(outcome(TRIALS[2], a=1.0))


RECORDING = """
import sys
from pathlib import Path
import numpy as np
from gru_sym.sweep.store import writing_to
from tests.test_sweep_store import META, TRIALS, outcome
with writing_to(Path(sys.argv[1])) as store:
    print("ready", flush=True)
    for n in store.begin(META, iter(TRIALS), resume=True):
        store.record(outcome(TRIALS[n], a=np.full(2000, n)))
        print(n, flush=True)
    while True:  # go on writing, so that there is always something to be interrupted
        store.record(outcome(TRIALS[0], a=np.full(2000, 0)))
"""


@pytest.mark.slow
def test_a_writer_that_is_killed(path: Path) -> None:
    """What it has said that it recorded is there, whole; and it can go on."""
    moments = random.Random(7)
    seen: set[int] = set()
    for _ in range(6):
        writer = subprocess.Popen(
            [sys.executable, "-c", RECORDING, str(path)], stdout=subprocess.PIPE, encoding="utf-8"
        )
        assert writer.stdout
        assert writer.stdout.readline() == "ready\n"
        time.sleep(moments.uniform(0, 0.03))
        writer.send_signal(signal.SIGKILL)
        said, _ = writer.communicate()
        seen |= {int(line) for line in said.splitlines()}
        with reading_from(path) as store:
            _, records = store.contents()
        there = {n for n, record in enumerate(records) if record.status == "done"}
        assert there >= seen
        assert all(records[n].values["a"].tolist() == [n] * 2000 for n in there)
    assert seen


def test_the_settings_that_make_it_last(store: Store) -> None:
    for pragma, value in (("journal_mode", "wal"), ("synchronous", 2)):
        assert store._connection.execute(f"PRAGMA {pragma}").fetchone() == (value,)


def test_the_schema_is_strict_about_keys(path: Path, store: Store) -> None:
    with closing(sqlite3.connect(path)) as connection:
        names = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    assert {name for (name,) in names} == {"meta", "plan", "trials", "quantities"}
    with pytest.raises(DataError, match="UNIQUE constraint failed"):
        store.begin(META, iter([TRIALS[0], TRIALS[0]]), resume=True)
