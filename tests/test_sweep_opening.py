"""The file of a store: what is none of ours is refused, and stays as it is."""

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from gru_sym.errors import DataError
from gru_sym.sweep import Results, Study, opening, sweep
from gru_sym.sweep.opening import check_whose, connected, locked
from gru_sym.sweep.store import reading_from, writing_to
from tests.sweeping import SMALL, stored


@pytest.fixture
def store(tmp_path: Path) -> Path:
    """A store with the outcomes of a small study."""
    path = tmp_path / "results ä#?%20.db"
    sweep(Study.parse(SMALL), path, jobs=1)
    return path


def refused(path: Path) -> set[str]:
    """The messages with which a file is refused; nothing changes, in it and beside it."""
    before = path.read_bytes() if path.is_file() else None
    beside = sorted(path.parent.iterdir())
    messages = set()
    study = Study.parse(SMALL)
    for use in (
        lambda: sweep(study, path, jobs=1, resume=True),
        lambda: sweep(study, path, jobs=1),
        lambda: Results.load(path),
    ):
        with pytest.raises(DataError) as caught:
            use()
        assert caught.value.mend
        messages.add(caught.value.message)
        assert sorted(path.parent.iterdir()) == beside
        assert (path.read_bytes() if path.is_file() else None) == before
    return messages


def foreign(path: Path) -> None:
    """Somebody else's database, with a log beside it."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("CREATE TABLE t (a)")


def newer(path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA application_id = {opening.APPLICATION}")
        connection.execute("PRAGMA user_version = 7")


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda path: path.write_text("my notes\n" * 1000), "is no store of gru-sym's"),
        (lambda path: path.write_bytes(b"SQLite format 3\0" + b"x" * 4000), "is "),
        (lambda path: path.touch(), "is no store of gru-sym's"),
        (lambda path: path.mkdir(), "is no file"),
        (foreign, "is no store of gru-sym's"),
        (newer, "is a store of version 7, and this gru-sym knows version 1"),
    ],
)
def test_what_is_not_ours(make: Callable[[Path], None], message: str, tmp_path: Path) -> None:
    path = tmp_path / "file.db"
    make(path)
    assert all(message in said for said in refused(path))


def test_what_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no store"):
        Results.load(tmp_path / "absent.db")
    (tmp_path / "link.db").symlink_to(tmp_path / "absent.db")
    with pytest.raises(DataError, match="is no file"):
        sweep(Study.parse(SMALL), tmp_path / "link.db", jobs=1)
    with pytest.raises(DataError, match="cannot write"):
        sweep(Study.parse(SMALL), tmp_path / "absent" / "results.db", jobs=1)


def test_nothing_is_left_beside_a_store(store: Path) -> None:
    assert list(store.parent.iterdir()) == [store]
    with closing(sqlite3.connect(store)) as connection:
        assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    Results.load(store)
    assert list(store.parent.iterdir()) == [store]


@pytest.fixture
def cut_short(store: Path) -> Path:
    """The store as a full disk, or ``kill -9``, leaves it in the middle of a checkpoint.

    Its first page says how many there are, but the last ones are in the log alone.
    """
    store.unlink()
    with writing_to(store):
        pass
    size, log = store.stat().st_size, Path(f"{store}-wal")
    with closing(sqlite3.connect(store)) as other:
        other.execute("SELECT * FROM meta").fetchall()
        sweep(Study.parse(SMALL), store, jobs=1)  # with another connection there is no checkpoint
        logged = log.read_bytes()
    assert not log.exists()
    assert store.stat().st_size > size
    store.write_bytes(store.read_bytes()[:size])
    log.write_bytes(logged)
    return store


def test_a_checkpoint_that_was_cut_short(cut_short: Path, tmp_path: Path) -> None:
    again = tmp_path / "again.db"
    sweep(Study.parse(SMALL), again, jobs=1)
    copy = tmp_path / "copy.db"
    copy.write_bytes(cut_short.read_bytes())
    Path(f"{copy}-wal").write_bytes(Path(f"{cut_short}-wal").read_bytes())
    assert Results.load(copy).to_table() == Results.load(again).to_table()
    assert sweep(Study.parse(SMALL), cut_short, jobs=1, resume=True).ran == 0
    assert stored(cut_short) == stored(copy) == stored(again)
    assert not list(tmp_path.glob("*-wal"))


def test_a_checkpoint_that_was_cut_short_and_no_log(cut_short: Path) -> None:
    Path(f"{cut_short}-wal").unlink()
    assert all("is damaged" in message for message in refused(cut_short))


def test_a_checkpoint_that_was_cut_short_and_half_a_log(cut_short: Path) -> None:
    """What is damaged stays as it is, its log too."""
    log = Path(f"{cut_short}-wal")
    log.write_bytes(log.read_bytes()[:20_000])
    before = cut_short.read_bytes(), log.read_bytes()
    for use in (
        lambda: sweep(Study.parse(SMALL), cut_short, jobs=1, resume=True),
        lambda: Results.load(cut_short),
    ):
        with pytest.raises(DataError, match="is damaged"):
            use()
        assert (cut_short.read_bytes(), log.read_bytes()) == before


def test_a_file_that_cannot_be_read(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)
    with pytest.raises(DataError, match="cannot be read: Permission denied"):
        check_whose(store)


@pytest.mark.parametrize("part", [0.3, 0.6, 0.9])
def test_a_truncated_store(part: float, store: Path) -> None:
    store.write_bytes(store.read_bytes()[: int(part * store.stat().st_size)])
    assert all("is damaged" in message for message in refused(store))


def test_pages_of_rubbish(store: Path) -> None:
    content = bytearray(store.read_bytes())
    content[4096 : 4096 + 2048] = os.urandom(2048)
    store.write_bytes(content)
    assert all("is damaged" in message for message in refused(store))


@pytest.mark.parametrize("column", ["data", "shape", "error", "configuration"])
def test_a_value_that_was_changed(column: str, store: Path) -> None:
    """Which SQLite cannot see: it is not read; to resume runs that trial again, and no other."""
    before, results = stored(store), Results.load(store)
    changes = {
        "data": "UPDATE quantities SET data = zeroblob(8) WHERE rowid = 3",
        "shape": "UPDATE quantities SET shape = '[2]' WHERE rowid = 3",
        "error": "UPDATE trials SET error = 'x' WHERE rowid = 3",
        "configuration": "UPDATE trials SET configuration = '{}' WHERE rowid = 3",
    }
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute(changes[column])
    with pytest.raises(DataError, match="is damaged") as caught:
        Results.load(store)
    assert "--resume runs it again" in caught.value.mend
    assert sweep(Study.parse(SMALL), store, jobs=1, resume=True).ran == 1
    assert stored(store) == before
    assert Results.load(store).to_table() == results.to_table()


def test_other_tables(store: Path) -> None:
    with closing(sqlite3.connect(store)) as connection, connection:
        connection.execute("CREATE TRIGGER t AFTER INSERT ON trials BEGIN DELETE FROM plan; END")
    assert all("its tables are not those of a store" in message for message in refused(store))


def test_a_second_sweep(store: Path) -> None:
    with locked(store):
        with pytest.raises(DataError, match="is locked: another sweep is writing to it"):
            sweep(Study.parse(SMALL), store, jobs=1, resume=True)
        assert Results.load(store).counts.done == 16
    sweep(Study.parse(SMALL), store, jobs=1, resume=True)
    assert list(store.parent.iterdir()) == [store]


def test_the_lock_of_a_sweep_that_was_killed(store: Path) -> None:
    Path(f"{store}-lock").touch()
    sweep(Study.parse(SMALL), store, jobs=1, resume=True)
    assert list(store.parent.iterdir()) == [store]


def test_another_programs_transaction(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "TIMEOUT", 0.1)
    before = stored(store)
    with closing(sqlite3.connect(store, isolation_level=None)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        with pytest.raises(DataError, match="is locked: another program is writing to it"):
            sweep(Study.parse(SMALL), store, jobs=1, resume=True)
        connection.execute("ROLLBACK")
    assert stored(store) == before


READ_ONLY = """
import os, sys
from pathlib import Path
from gru_sym.errors import DataError
from gru_sym.sweep import Results, Study, sweep
from tests.sweeping import SMALL
store, study = Path(sys.argv[1]), Study.parse(SMALL)
Results.load(store)
sweep(study, store, jobs=1, resume=True)  # which runs nothing, and imports all that is needed
for path in (store, store.parent):
    path.chmod(0o555)
if os.geteuid() == 0:  # who may write everywhere
    os.setuid(65534)
print(Results.load(store).counts.done, os.listdir(store.parent) == [store.name])
for path in (store, store.with_name("new.db")):
    try:
        sweep(study, path, jobs=1, resume=True)
    except (DataError, OSError) as error:
        print(type(error).__name__, error)
"""


def test_a_folder_that_cannot_be_written() -> None:
    with tempfile.TemporaryDirectory() as folder:  # into which others may look
        store = Path(folder) / "results.db"
        sweep(Study.parse(SMALL), store, jobs=1)
        run = subprocess.run(
            [sys.executable, "-c", READ_ONLY, str(store)],
            capture_output=True,
            encoding="utf-8",
            check=False,
        )
        store.parent.chmod(0o755)
    assert run.returncode == 0, run.stderr
    lines = [line for line in run.stdout.splitlines() if "mend" not in line]
    assert lines[0] == "16 True"
    assert lines[1].startswith("DataError")
    assert "results.db" in lines[1]
    assert lines[2].startswith("DataError cannot write")


def test_a_file_is_opened_as_ours_alone(store: Path) -> None:
    check_whose(store)
    with connected(store, read_only=True) as connection:
        assert connection.execute("PRAGMA query_only").fetchone() == (1,)
        assert connection.execute("PRAGMA trusted_schema").fetchone() == (0,)
    with writing_to(store) as one, reading_from(store) as other:
        assert one.counts() == other.counts() == (16, 16, 0)
