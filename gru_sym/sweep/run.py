"""run: all trials of a study that the store lacks, each recorded as it ends."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from gru_sym.errors import DataError, GruSymError
from gru_sym.notebook import ShownAsText
from gru_sym.sweep.design import Study
from gru_sym.sweep.measurements import MEASUREMENTS
from gru_sym.sweep.pools import GOES_ON, Pool, pool
from gru_sym.sweep.store import Counts, Failure, writing_to
from gru_sym.sweep.trial import Outcome, Trial, canonical
from gru_sym.sweep.version import differences, versions

__all__ = ["Progress", "Summary", "sweep"]

Progress: TypeAlias = Callable[[Counts], None]
"""Called once before the first trial, and after each."""


@dataclass(frozen=True)
class Summary(ShownAsText):
    """What a sweep did.

    Attributes:
        title: the study's.
        store: where its outcomes are.
        ran: how many trials were run now.
        counts: how many trials the study has, are done, and failed; earlier ones included.
        failures: of all trials that failed, each error with its first trial.
        seconds: how long it took.
    """

    title: str
    store: Path
    ran: int
    counts: Counts
    failures: tuple[Failure, ...]
    seconds: float

    def to_json(self) -> dict[str, Any]:
        """In plain types."""
        return {
            "title": self.title,
            "store": str(self.store),
            "trials": self.counts.total,
            "ran": self.ran,
            "done": self.counts.done,
            "failed": self.counts.failed,
            "failures": [failure.to_json() for failure in self.failures],
            "seconds": round(self.seconds, 3),
        }

    def __str__(self) -> str:
        total, done, failed = self.counts
        return (
            f"{self.title}: {total:,} trials, {self.ran:,} of them run now; "
            f"{done:,} are done, {failed:,} failed"
        )


def sweep(
    study: Study,
    store: str | os.PathLike[str],
    *,
    jobs: int | None = None,
    cluster: str | None = None,
    resume: bool = False,
    retry_failed: bool = False,
    progress: Progress | None = None,
) -> Summary:
    """Run the trials of a study, and keep what comes of them.

    Each trial is recorded in a transaction of its own, under the hash of its configuration and of
    the code. One that fails is recorded with its error, and the others go on. The numbers are the
    same to the last bit whatever runs the trials, in whichever order, and however often they were
    stopped (on processors and libraries of one kind).

    Args:
        study: the study.
        store: the file that they are kept in; made where it is not there yet.
        jobs: how many processes; None for one on each core.
        cluster: the address of a Dask scheduler, whose workers run the trials instead.
        resume: whether the store may have trials already; those it has are not run again.
        retry_failed: with ``resume``, run those again that failed.
        progress: called with how far the study is.

    Raises:
        DataError: the store has trials and is not to be resumed, or cannot be used; or nothing can
            run the trials as asked. The store is as it was then.
        GruSymError: what ran the trials was lost. What was recorded stays.
        MissingLibraryError: joblib, threadpoolctl or distributed is not installed.
    """
    if retry_failed and not resume:
        raise DataError("to run failed trials again is to resume", mend="add --resume")
    path, start = Path(store), time.perf_counter()
    report = progress or _silent
    ran = 0
    with pool(jobs, cluster) as run, writing_to(path) as kept:
        numbers = kept.begin(_meta(study), study.trials(), resume=resume, retry_failed=retry_failed)
        total, done, failed = kept.counts()
        failed = 0 if retry_failed else failed
        report(Counts(total, done, failed))
        outcomes = _checked(run, _chosen(study, numbers)) if numbers else iter(())
        for outcome in outcomes:
            kept.record(outcome)
            ran += 1
            done, failed = done + (not outcome.error), failed + bool(outcome.error)
            report(Counts(total, done, failed))
        counts, failures = kept.counts(), kept.failures()
    return Summary(study.title, path, ran, counts, failures, time.perf_counter() - start)


def _silent(counts: Counts) -> None:
    """Report nothing."""


def _chosen(study: Study, numbers: list[int]) -> Iterator[Trial]:
    """The trials of these numbers, which ascend."""
    left = iter(numbers)
    wanted = next(left, None)
    for number, trial in enumerate(study.trials()):
        if wanted is None:
            return
        if number == wanted:
            yield trial
            wanted = next(left, None)


def _checked(run: Pool, trials: Iterator[Trial]) -> Iterator[Outcome]:
    """The outcomes, all of one code.

    Raises:
        GruSymError: a worker has other code, or libraries with which its numbers may differ.
    """
    here = versions()
    outcomes = run(trials)
    try:
        for outcome in outcomes:
            different = differences(outcome.versions, here)
            if different:
                raise GruSymError(
                    f"a worker has other code, whose numbers may differ: {'; '.join(different)}",
                    mend=f"install the same versions there; {GOES_ON}",
                )
            yield outcome
    finally:
        close = getattr(outcomes, "close", None)
        if close is not None:  # of a generator, which then stops what still runs
            close()


def _meta(study: Study) -> dict[str, str]:
    """What a store tells of its study, for results that explain themselves."""
    listed = study.axes["measurement"]
    rows = [MEASUREMENTS[str(name)] for name in listed] if isinstance(listed, tuple) else []
    quantities = {name: each.to_json() for row in rows for name, each in row.quantities.items()}
    axes = {
        name: list(values) if isinstance(values, tuple) else values.to_json()
        for name, values in study.axes.items()
    }
    return {
        "title": study.title,
        "design": study.design,
        "seed": str(study.seed),
        "study": study.text,
        "axes": canonical(axes),
        "cells": canonical(dict(study.equations)),
        "inputs": canonical({"variance": study.variance, "size": study.inputs}),
        "quantities": canonical(quantities),
        "versions": canonical(dict(versions())),
    }
