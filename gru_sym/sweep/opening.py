"""opening: a store's file, and what it may be: ours and whole; locked, foreign, damaged, full."""

import os
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from pathlib import Path

from gru_sym.errors import DataError

__all__ = ["ELSEWHERE", "check_whose", "connected", "damaged", "empty", "explaining", "locked"]

APPLICATION = int.from_bytes(b"grus", "big")
"""By which SQLite's header says whose file this is."""
VERSION = 1
TIMEOUT = 5.0
"""Seconds to wait for the end of somebody else's transaction."""

# Of the database header, https://www.sqlite.org/fileformat.html#the_database_header
_SQLITE, _HEADER = b"SQLite format 3\0", 100
_WHOSE, _VERSION = 68, 60
"""Where ``application_id`` and ``user_version`` stand, each of four bytes, the highest first."""

_SCHEMA = (
    "CREATE TABLE meta (name TEXT PRIMARY KEY, value TEXT NOT NULL)",
    # The trials of the study that was swept last, in order, with the values of their axes.
    "CREATE TABLE plan (position INTEGER PRIMARY KEY, key TEXT NOT NULL UNIQUE,"
    " point TEXT NOT NULL)",
    # All that were run. One that the study no longer has is kept, should it have it again.
    "CREATE TABLE trials (key TEXT PRIMARY KEY, configuration TEXT NOT NULL, status TEXT NOT NULL,"
    " error TEXT NOT NULL, seconds REAL NOT NULL, digest TEXT NOT NULL)",
    # What they found: float64, little endian.
    "CREATE TABLE quantities (key TEXT NOT NULL, name TEXT NOT NULL, shape TEXT NOT NULL,"
    " data BLOB NOT NULL, PRIMARY KEY (key, name))",
)

ELSEWHERE = "name another file with --store"


def empty() -> bytes:
    """A store without anything, as a file."""
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as connection:
        connection.execute(f"PRAGMA application_id = {APPLICATION}")
        connection.execute(f"PRAGMA user_version = {VERSION}")
        for statement in _SCHEMA:
            connection.execute(statement)
        return connection.serialize()


def check_whose(path: Path) -> None:
    """Raise where a file is none of ours, and leave no trace beside it.

    Raises:
        DataError: it is of another kind or version, or cannot be read.
    """
    if not path.is_file():
        raise DataError(f"{path} is no file", mend=ELSEWHERE)
    # From the file, and not through SQLite: that would leave a lock and a log beside it, or, where
    # it is told to do without, take a file for damaged whose last pages are in the log alone, as a
    # checkpoint leaves it that a full disk cut short. The header is there from the start.
    try:
        with path.open("rb") as file:
            header = file.read(_HEADER)
    except OSError as error:
        raise DataError(
            f"{path} cannot be read: {error.strerror}", mend="see whose file it is, or " + ELSEWHERE
        ) from error
    whose, version = (int.from_bytes(header[at : at + 4], "big") for at in (_WHOSE, _VERSION))
    if not header.startswith(_SQLITE) or whose != APPLICATION:
        raise DataError(f"{path} is no store of gru-sym's", mend=ELSEWHERE)
    if version != VERSION:
        raise DataError(
            f"{path} is a store of version {version}, and this gru-sym knows version {VERSION}",
            mend="use the gru-sym that made it, or " + ELSEWHERE,
        )


@contextmanager
def connected(path: Path, *, read_only: bool = False) -> Iterator[sqlite3.Connection]:
    """A connection to a store that was found to be whole."""
    with explaining(path):
        if Path(f"{path}-wal").exists():
            # To close the last connection writes the log into the file, whatever was found in that:
            # one that may not write looks first, and leaves a damaged store as it is.
            _opened(path, "mode=ro", query_only=True).close()
        try:
            connection = _opened(path, "mode=rw", query_only=read_only)
        except sqlite3.OperationalError:
            # Where nothing can be written there is no log either, as a rule.
            if not read_only or Path(f"{path}-wal").exists():
                raise
            connection = _opened(path, "mode=ro&immutable=1", query_only=True)
        with closing(connection):
            yield connection


def _opened(path: Path, how: str, *, query_only: bool) -> sqlite3.Connection:
    connection = _open(path, how)
    try:
        connection.execute("PRAGMA trusted_schema = OFF")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute(f"PRAGMA query_only = {int(query_only)}")
        (said,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        if said != "ok":
            raise damaged(path, said)
        tables = [sql for (sql,) in connection.execute("SELECT sql FROM sqlite_schema") if sql]
        if sorted(tables) != sorted(_SCHEMA):
            raise damaged(path, "its tables are not those of a store")
    except BaseException:
        connection.close()
        raise
    return connection


@contextmanager
def locked(path: Path) -> Iterator[None]:
    """Nobody else sweeps into this store; the lock ends with the process, however that ends.

    SQLite's own locks last for a transaction. This one is that of a file beside the store, which is
    gone when the sweep ends. (It is not the store itself: to close that would end SQLite's locks.)
    Where the system has no such lock, two sweeps do some trials twice, and no harm.

    Raises:
        DataError: another sweep holds it, or it cannot be had.
    """
    try:
        import fcntl
    except ImportError:
        yield
        return
    beside = Path(f"{path}-lock")
    while True:
        try:
            descriptor = os.open(beside, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise DataError(
                f"cannot write {beside}: {error.strerror}",
                mend="give a store in a directory that can be written",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            os.close(descriptor)
            raise DataError(
                f"{path} is locked: another sweep is writing to it",
                mend="wait until that is done, or " + ELSEWHERE,
            ) from error
        if _is_at(descriptor, beside):
            break
        os.close(descriptor)  # that of a sweep which has just ended
    try:
        yield
    finally:
        with suppress(OSError):
            beside.unlink()
        os.close(descriptor)


def _is_at(descriptor: int, path: Path) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), path.stat())
    except FileNotFoundError:
        return False


def _open(path: Path, how: str) -> sqlite3.Connection:
    uri = f"{path.absolute().as_uri()}?{how}"
    return sqlite3.connect(uri, uri=True, timeout=TIMEOUT, isolation_level=None)


@contextmanager
def explaining(path: Path) -> Iterator[None]:
    """Errors of SQLite's become errors that say which file, and what to do.

    Raises:
        DataError: the disk is full, the file locked, damaged, or not to be opened or written.
    """
    try:
        yield
    except sqlite3.Error as error:
        raise _explained(path, error) from error


def _code(error: sqlite3.Error) -> int:
    return (getattr(error, "sqlite_errorcode", None) or 0) & 0xFF


def damaged(
    path: Path, said: object, *, mend: str = "bring it back from a copy, or " + ELSEWHERE
) -> DataError:
    """The error of a store that is not as it was written."""
    return DataError(f"{path} is damaged: {said}", mend=mend)


def _explained(path: Path, error: sqlite3.Error) -> DataError:
    """What SQLite says, in words that help."""
    later = "then go on with --resume: what was recorded is there"
    match _code(error):
        case sqlite3.SQLITE_FULL:
            return DataError(f"{path}: the disk is full", mend=f"free some space, {later}")
        case sqlite3.SQLITE_IOERR:
            return DataError(
                f"{path} cannot be read or written ({error})",
                mend=f"see whether the disk is full or broken, {later}",
            )
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return DataError(
                f"{path} is locked: another program is writing to it",
                mend=f"wait until that is done, {later}",
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return damaged(path, error)
        case sqlite3.SQLITE_READONLY | sqlite3.SQLITE_CANTOPEN | sqlite3.SQLITE_PERM:
            return DataError(
                f"{path} cannot be opened or written ({error})",
                mend="give a file in a directory that can be written",
            )
        case _:
            return DataError(f"{path}: {error}", mend=ELSEWHERE)
