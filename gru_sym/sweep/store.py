"""store: where the outcomes of a study are kept: one SQLite file, one transaction for each trial.

A transaction is on the disk when it ends (WAL, ``synchronous=FULL``: what a commit costs, about a
millisecond, is little beside a trial), so that neither ``kill -9`` nor a power cut loses a trial
that was recorded. Others may read while one writes.
"""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from hashlib import sha256
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from gru_sym.atomic import writing
from gru_sym.codegen.functions import Array
from gru_sym.errors import DataError
from gru_sym.sweep.axes import Value
from gru_sym.sweep.opening import (
    ELSEWHERE,
    check_whose,
    connected,
    damaged,
    empty,
    explaining,
    locked,
)
from gru_sym.sweep.trial import Outcome, Trial, canonical, key_of
from gru_sym.sweep.version import differences

__all__ = ["Counts", "Failure", "Record", "Store", "reading_from", "writing_to"]

DONE, FAILED = "done", "failed"
MOST_ERRORS = 100
"""Different errors that are told of."""

_AGAIN = (
    "gru-sym sweep STUDY --store FILE --resume runs it again, and leaves the others as they are"
)


class Counts(NamedTuple):
    """How far the study is: its trials, those that are done, those that failed."""

    total: int
    done: int
    failed: int

    @property
    def missing(self) -> int:
        """Those that were not run yet."""
        return self.total - self.done - self.failed


@dataclass(frozen=True)
class Failure:
    """Trials that failed alike.

    Attributes:
        error: what went wrong.
        trials: how many there are.
        first: of the first of them, axis → value.
    """

    error: str
    trials: int
    first: Mapping[str, Value]

    def to_json(self) -> dict[str, Any]:
        """In plain types."""
        return {"error": self.error, "trials": self.trials, "first": dict(self.first)}


@dataclass(frozen=True, eq=False)
class Record:
    """A trial of the study as the store has it.

    Attributes:
        point: axis → value.
        status: ``done``, ``failed``, or empty where it was not run yet.
        error: what went wrong.
        values: quantity → its values.
    """

    point: Mapping[str, Value]
    status: str
    error: str
    values: Mapping[str, Array]


@contextmanager
def writing_to(path: Path) -> Iterator["Store"]:
    """The store, made where it is not there yet; nobody else may sweep into it meanwhile.

    Raises:
        DataError: it cannot be made, read or written; it is locked, damaged, of another version or
            another kind of file. Nothing in it is changed then.
    """
    if not path.exists() and not path.is_symlink():
        with writing(path, new=True) as file:  # whole or not at all
            file.write(empty())
    check_whose(path)
    with locked(path), connected(path) as connection:
        with explaining(path):
            (mode,) = connection.execute("PRAGMA journal_mode = WAL").fetchone()
        if mode != "wal":
            raise DataError(
                f"{path}: this file system cannot have SQLite's write-ahead log",
                mend="put the store on a local disk",
            )
        yield Store(path, connection)


@contextmanager
def reading_from(path: Path) -> Iterator["Store"]:
    """The store, to be read, also while a sweep writes to it.

    Raises:
        DataError: it cannot be read, is damaged, of another version or another kind of file.
    """
    if not path.exists():
        raise DataError(f"there is no store {path}", mend="gru-sym sweep STUDY --store FILE")
    check_whose(path)
    with connected(path, read_only=True) as connection:
        yield Store(path, connection)


class Store:
    """An open store; made by :func:`writing_to` and :func:`reading_from`."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self._connection = connection

    def meta(self) -> dict[str, str]:
        """What is known of the study, and of what made the numbers."""
        with explaining(self.path):
            return dict(self._connection.execute("SELECT name, value FROM meta"))

    def counts(self) -> Counts:
        """How far the study is."""
        query = (
            "SELECT count(*), count(*) FILTER (WHERE status = 'done'),"
            " count(*) FILTER (WHERE status = 'failed') FROM plan LEFT JOIN trials USING (key)"
        )
        with explaining(self.path):
            return Counts(*self._connection.execute(query).fetchone())

    def failures(self) -> tuple[Failure, ...]:
        """The study's trials that failed, by their errors, up to ``MOST_ERRORS``."""
        query = (
            "SELECT error, count(*), point, min(position) FROM plan JOIN trials USING (key)"
            " WHERE status = 'failed' GROUP BY error ORDER BY 4 LIMIT ?"
        )
        with explaining(self.path):
            rows = self._connection.execute(query, (MOST_ERRORS,)).fetchall()
        return tuple(Failure(error, trials, json.loads(first)) for error, trials, first, _ in rows)

    def begin(
        self,
        meta: Mapping[str, str],
        trials: Iterator[Trial],
        *,
        resume: bool,
        retry_failed: bool = False,
    ) -> list[int]:
        """Make a study the store's, and say which of its trials are to be run, by their numbers.

        What is not as it was recorded is taken out, and counts as not run yet.

        Args:
            meta: what is to be known of the study; ``versions`` has those of the code.
            trials: all trials of the study.
            resume: whether there may be trials already.
            retry_failed: whether those that failed are to be run again.

        Raises:
            DataError: there are trials and they are not to be resumed, or other code made them.
        """
        with self._transaction() as connection:
            (there,) = connection.execute("SELECT count(*) FROM trials").fetchone()
            if there:
                self._check_going_on(there, meta, resume=resume)
            # What is the same already is not written: to resume where nothing is missing leaves the
            # file as it is.
            if self.meta() != dict(meta):
                connection.execute("DELETE FROM meta")
                connection.executemany("INSERT INTO meta VALUES (?, ?)", meta.items())
            self._plan((n, trial.key, json.dumps(trial.point)) for n, trial in enumerate(trials))
            if there:
                self._drop_damaged(_code_of(meta))
            rows = connection.execute(
                "SELECT position FROM plan LEFT JOIN trials USING (key)"
                " WHERE status IS NULL OR (status = 'failed' AND ?) ORDER BY position",
                (retry_failed,),
            )
            return [position for (position,) in rows]

    def _plan(self, rows: Iterator[tuple[int, str, str]]) -> None:
        """Make these the rows of the plan; those that it begins with already stay."""
        there = self._connection.execute("SELECT position, key, point FROM plan ORDER BY position")
        row = next(rows, None)
        same = 0
        while row is not None and row == there.fetchone():
            row = next(rows, None)
            same += 1
        there.close()
        self._connection.execute("DELETE FROM plan WHERE position >= ?", (same,))
        if row is not None:
            self._connection.executemany("INSERT INTO plan VALUES (?, ?, ?)", chain([row], rows))

    def _drop_damaged(self, code: str) -> None:
        """Take out the study's trials that are not as they were recorded: they are missing then."""
        bad = [(key,) for key, _, whole in self._outcomes(code) if not whole]
        self._connection.executemany("DELETE FROM trials WHERE key = ?", bad)
        self._connection.executemany("DELETE FROM quantities WHERE key = ?", bad)

    def record(self, outcome: Outcome) -> None:
        """Keep what came of a trial, in a transaction of its own.

        Raises:
            DataError: it cannot be written; the store is as it was before.
        """
        key, status = outcome.trial.key, FAILED if outcome.error else DONE
        values = {
            name: np.asarray(array, "<f8", order="C") for name, array in outcome.values.items()
        }
        with self._transaction() as connection:
            connection.execute("DELETE FROM quantities WHERE key = ?", (key,))
            connection.execute(
                "INSERT OR REPLACE INTO trials VALUES (?, ?, ?, ?, ?, ?)",
                (
                    key,
                    outcome.trial.configuration,
                    status,
                    outcome.error,
                    outcome.seconds,
                    _digest(status, outcome.error, values),
                ),
            )
            connection.executemany(
                "INSERT INTO quantities VALUES (?, ?, ?, ?)",
                (
                    (key, name, json.dumps(array.shape), array.tobytes())
                    for name, array in values.items()
                ),
            )

    def contents(self) -> tuple[dict[str, str], tuple[Record, ...]]:
        """What is known of the study, and its trials in order, all of one moment.

        Raises:
            DataError: what is stored is not what was recorded.
        """
        with explaining(self.path):
            self._connection.execute("BEGIN")  # one snapshot, while others go on writing
            try:
                meta = self.meta()
                records = tuple(self._records(_code_of(meta)))
            finally:
                self._connection.execute("COMMIT")
        return meta, records

    def _records(self, code: str) -> Iterator[Record]:
        for _, record, whole in self._outcomes(code):
            if not whole:
                where = ", ".join(f"{name} {value}" for name, value in record.point.items())
                raise damaged(
                    self.path, f"a trial is not as it was recorded ({where})", mend=_AGAIN
                )
            yield record

    def _outcomes(self, code: str) -> Iterator[tuple[str, Record, bool]]:
        """Each trial of the study: its key, what is there, whether that is what was recorded."""
        rows = self._connection.execute(
            "SELECT plan.key, point, configuration, status, error, digest"
            " FROM plan LEFT JOIN trials USING (key) ORDER BY position"
        )
        for key, point, configuration, status, error, digest in rows:
            values: dict[str, Array] = {}
            whole = True
            if status is not None:
                try:
                    values = self._values(key)
                    found = _digest(status, error, values)
                    whole = key_of(configuration, code) == key and found == digest
                except (TypeError, ValueError):  # of rubbish: no shape, no text
                    whole = False
            yield key, Record(json.loads(point), status or "", error or "", values), whole

    def _values(self, key: str) -> dict[str, Array]:
        query = "SELECT name, shape, data FROM quantities WHERE key = ?"
        return {
            name: np.frombuffer(data, "<f8").reshape(json.loads(shape))
            for name, shape, data in self._connection.execute(query, (key,))
        }

    def _check_going_on(self, there: int, meta: Mapping[str, str], *, resume: bool) -> None:
        trials = "1 trial" if there == 1 else f"{there:,} trials"
        if not resume:
            raise DataError(
                f"{self.path} has {trials} already, and nothing is added to it unasked",
                mend="run what is missing with --resume, or " + ELSEWHERE,
            )
        old, new = (json.loads(each.get("versions", "{}")) for each in (self.meta(), meta))
        different = differences(old, new)
        if different:
            raise DataError(
                f"{self.path} has {trials} of other code, with whose numbers new ones would not "
                f"agree: {'; '.join(different)}",
                mend="go on with those versions, or " + ELSEWHERE,
            )

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        with explaining(self.path):
            self._connection.execute("BEGIN IMMEDIATE")
            try:
                yield self._connection
                self._connection.execute("COMMIT")
            except BaseException:
                with suppress(sqlite3.Error):  # after some errors SQLite has done so itself
                    self._connection.execute("ROLLBACK")
                raise


def _code_of(meta: Mapping[str, str]) -> str:
    """The version of the code whose numbers the trials are."""
    return json.loads(meta.get("versions", "{}")).get("gru_sym", "")


def _digest(status: str, error: str, values: Mapping[str, Array]) -> str:
    """By which it is seen later that an outcome is what it was."""
    digest = sha256(canonical([status, error]).encode())
    for name, array in sorted(values.items()):
        digest.update(canonical([name, list(array.shape)]).encode() + array.tobytes())
    return digest.hexdigest()
