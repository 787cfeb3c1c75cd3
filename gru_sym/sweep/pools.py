"""pools: who runs the trials: this process, processes beside it, or the workers of a Dask cluster.

Each is a function from trials to their outcomes, as they come. It changes none of the numbers.
"""

import importlib
import logging
import re
import signal
import threading
import warnings
from asyncio import CancelledError
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, TypeAlias

from gru_sym.errors import DataError, GruSymError, MissingLibraryError
from gru_sym.sweep.perform import perform
from gru_sym.sweep.trial import Outcome, Trial
from gru_sym.sweep.version import versions

__all__ = ["Pool", "library", "pool"]

Pool: TypeAlias = Callable[[Iterable[Trial]], Iterator[Outcome]]

MOST_JOBS = 1024
ANSWER = 10
"""Seconds that a scheduler may take to answer, and its first worker to be there."""
WAITING = 256
"""Trials that a scheduler has at a time, at least: enough for its workers to be busy."""

IDLE = 20
"""Seconds after which a process without a trial ends: also where nobody is left to end it."""

_ADDRESS = re.compile(r"(tcp|tls|wss?)://\S+:\d{1,5}")

_KILLED = "the process that ran it was killed: perhaps there is not enough memory for it"

GOES_ON = "what was recorded is in the store: go on with --resume"


@contextmanager
def pool(jobs: int | None = None, cluster: str | None = None) -> Iterator[Pool]:
    """A pool that is ready.

    Args:
        jobs: how many processes; None for one on each core. One is this process itself.
        cluster: the address of a Dask scheduler, instead of processes here.

    Raises:
        DataError: both are given, there are no such numbers of jobs, or no scheduler answers.
        MissingLibraryError: a library is not installed.
    """
    if cluster is not None:
        if jobs is not None:
            raise DataError("a cluster has workers of its own", mend="give --cluster or --jobs")
        with _client(cluster) as client:
            yield lambda trials: _on_cluster(client, trials)
        return
    if jobs is not None and not 1 <= jobs <= MOST_JOBS:
        raise DataError(
            f"{jobs} processes cannot run", mend=f"give --jobs a number from 1 to {MOST_JOBS}"
        )
    library("threadpoolctl", "sweep", "a sweep")
    if jobs is None:
        jobs = library("joblib", "sweep", "a sweep on several cores").cpu_count()
    if jobs == 1:
        yield lambda trials: map(perform, trials)
    else:
        joblib = library("joblib", "sweep", "a sweep on several cores")
        yield lambda trials: _on_processes(joblib, jobs, trials)


def library(name: str, extra: str, user: str) -> Any:
    """An optional library.

    Args:
        name: the library's.
        extra: what brings it.
        user: what needs it, for the message.

    Raises:
        MissingLibraryError: it is not installed; with the line that installs it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingLibraryError(
            f"{user} needs {name.partition('.')[0]}, which is not installed",
            mend=f"pip install 'gru_sym[{extra}]'",
        ) from error


def _on_processes(
    joblib: Any, jobs: int, trials: Iterable[Trial], run: Callable[[Trial], Outcome] = perform
) -> Iterator[Outcome]:
    """Joblib's loky. Where a process is killed, the trials that were under way run one by one.

    So what needs too much memory beside others gets all of it; and a trial that has its process
    killed even so has failed, while the others go on.

    Raises:
        GruSymError: all processes are killed, whatever they run.
    """
    broken = importlib.import_module("joblib.externals.loky.process_executor").BrokenProcessPool
    left, any_ended = iter(trials), False
    while True:
        under_way: dict[str, Trial] = {}
        try:
            for outcome in _parallel(joblib, jobs, _noting(left, under_way), run):
                any_ended = True
                yield outcome
                del under_way[outcome.trial.configuration]
            return
        except broken:
            pass
        outcomes: list[Outcome] = []
        for trial in under_way.values():
            try:
                outcomes += _parallel(joblib, 2, [trial], run)  # 1 would be this process itself
            except broken:
                outcomes.append(Outcome(trial, {}, _KILLED, 0.0, versions()))
        any_ended = any_ended or any(outcome.error != _KILLED for outcome in outcomes)
        if not any_ended:
            raise GruSymError(
                "all processes that were to run trials were killed",
                mend="see whether there is enough memory for one of them, or try --jobs 1",
            )
        yield from outcomes


def _noting(trials: Iterator[Trial], under_way: dict[str, Trial]) -> Iterator[Trial]:
    for trial in trials:
        under_way[trial.configuration] = trial
        yield trial


def _parallel(
    joblib: Any, jobs: int, trials: Iterable[Trial], run: Callable[[Trial], Outcome]
) -> Iterator[Outcome]:
    """Outcomes as they come; a trial at a time, so that none waits for others to be recorded."""
    with joblib.parallel_config(
        "loky", inner_max_num_threads=1, idle_worker_timeout=IDLE, initializer=_leave_interrupts
    ):
        parallel = joblib.Parallel(jobs, return_as="generator_unordered", batch_size=1)
    with _uninterrupted():  # it starts the processes
        started = parallel(joblib.delayed(run)(trial) for trial in trials)
    try:
        for outcome in started:  # noqa: UP028  (`yield from` would close it before we do)
            yield outcome
    finally:
        with warnings.catch_warnings():  # of what is cancelled because nobody wants it any more
            told = r"\d+ tasks (have been successfully|which were still)"
            warnings.filterwarnings("ignore", told, UserWarning)
            started.close()


def _leave_interrupts() -> None:
    """Ctrl-C goes to all processes of a terminal: it is for the first of them to end the others."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)


@contextmanager
def _uninterrupted() -> Iterator[None]:
    """What is started in here is born deaf to Ctrl-C, before any line of ours could tell it."""
    if threading.current_thread() is not threading.main_thread():  # signals are the main one's
        yield
        return
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


@contextmanager
def _client(address: str) -> Iterator[Any]:
    """A connection to a scheduler that has workers."""
    distributed = library("distributed", "cluster", "a sweep on a cluster")
    if not _ADDRESS.fullmatch(address):
        raise DataError(
            f"`{address:.80}` is no address of a Dask scheduler",
            mend="give the one that it prints when it starts, such as tcp://10.0.0.1:8786",
        )
    try:
        client = distributed.Client(address, timeout=ANSWER, set_as_default=False)
    except (OSError, ValueError) as error:
        raise DataError(
            f"no Dask scheduler answers at {address}",
            mend="start one with `dask scheduler`, and give the address that it prints",
        ) from error
    with _quiet("distributed", "distributed.client"), client:
        try:
            client.wait_for_workers(1, timeout=ANSWER)
        except TimeoutError as error:
            raise DataError(
                f"the Dask scheduler at {address} has no workers",
                mend=f"start some with `dask worker {address} --nthreads 1`",
            ) from error
        yield client


@contextmanager
def _quiet(*names: str) -> Iterator[None]:
    """What is lost we say ourselves, in a line; the library's log would show tracebacks."""
    levels = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in levels.items():
            logging.getLogger(name).setLevel(level)


def _on_cluster(client: Any, trials: Iterable[Trial]) -> Iterator[Outcome]:
    """What a lost worker was doing, others do; a trial that kills one after another has failed."""
    distributed = library("distributed", "cluster", "a sweep on a cluster")
    left = iter(trials)
    waiting = {}
    done = distributed.as_completed(loop=client.loop)

    def submit(number: int) -> None:
        for trial in islice(left, number):
            future = client.submit(perform, trial, pure=False)
            waiting[future.key] = trial
            done.add(future)

    submit(max(WAITING, 2 * sum(client.ncores().values())))
    for future in done:
        if future.status in {"pending", "lost"}:  # it was on a worker that is gone since
            done.add(future)
            continue
        yield _outcome(future, waiting.pop(future.key), distributed.KilledWorker)
        submit(1)


def _outcome(future: Any, trial: Trial, killed: type[Exception]) -> Outcome:
    """What a future that is over holds."""
    error = None
    try:
        if future.status == "finished":
            return future.result()
        if future.status == "error":
            error = future.exception()
    except (OSError, CancelledError):  # the connection broke just now
        pass
    if error is None:
        raise GruSymError("the cluster's scheduler was lost", mend=GOES_ON)
    if isinstance(error, killed):
        return Outcome(trial, {}, "KilledWorker: each worker that ran it died", 0.0, versions())
    raise GruSymError(
        f"a worker of the cluster cannot run trials: {type(error).__name__}: {error}",
        mend=f"install this gru_sym there, with its libraries; {GOES_ON}",
    )
