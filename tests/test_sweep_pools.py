"""Who runs the trials changes nothing: this process, others, a Dask cluster; whoever is killed."""

import importlib.util
import os
import signal
import socket
import subprocess
import sys
import time
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from gru_sym.errors import DataError, GruSymError, MissingLibraryError
from gru_sym.sweep import Study, pools, sweep
from gru_sym.sweep.perform import perform
from gru_sym.sweep.pools import library, pool
from gru_sym.sweep.trial import Outcome, Trial
from tests.sweeping import SMALL, TWO, finished, kill_all, start, stored

TRIALS = tuple(Study.parse(SMALL).trials())


@pytest.fixture
def joblib(peer: Callable[[str], ModuleType]) -> ModuleType:
    return peer("joblib")


def values_of(outcomes: Any) -> dict[str, dict[str, bytes]]:
    return {o.trial.key: {n: a.tobytes() for n, a in o.values.items()} for o in outcomes}


@pytest.mark.slow
def test_processes_find_what_this_process_finds(joblib: ModuleType) -> None:
    with pool(jobs=1) as run:
        alone = values_of(run(TRIALS))
    with pool(jobs=2) as run:
        assert values_of(run(TRIALS)) == alone
    assert len(alone) == len(TRIALS)


def test_as_many_processes_as_cores(joblib: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(joblib, "cpu_count", lambda: 1)
    with pool() as run:
        assert isinstance(run(TRIALS), map)  # one: this process


@pytest.mark.slow
def test_a_process_that_is_killed(joblib: ModuleType) -> None:
    """By a trial: that one has failed, and all others are as they are."""
    poison = TRIALS[5].seed, TRIALS[5].point

    def run(trial: Trial) -> Outcome:
        if (trial.seed, trial.point) == poison:
            os.kill(os.getpid(), signal.SIGKILL)
        return perform(trial)

    outcomes = list(pools._on_processes(joblib, 2, TRIALS, run))
    (failed,) = [outcome for outcome in outcomes if outcome.error]
    assert failed.trial == TRIALS[5]
    assert "was killed" in failed.error
    assert len({outcome.trial.key for outcome in outcomes}) == len(TRIALS)


@pytest.mark.slow
def test_processes_that_are_no_longer_wanted(joblib: ModuleType) -> None:
    """After an error, say: joblib does not warn of what we have cancelled."""
    with pool(jobs=2) as run:
        outcomes = run(TRIALS)
        next(outcomes)
        with warnings.catch_warnings(record=True) as told:
            warnings.simplefilter("always")
            outcomes.close()  # type: ignore[attr-defined]
    assert [str(each.message) for each in told] == []


@pytest.fixture
def hearing() -> Iterator[None]:
    """Interrupts are heard, also where a shell has started the tests deaf, in its background."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.slow
def test_processes_are_deaf_to_an_interrupt(joblib: ModuleType, hearing: None) -> None:
    """Ctrl-C reaches all that run in a terminal: no process prints the place where it was."""

    def run(trial: Trial) -> Outcome:
        os.kill(os.getpid(), signal.SIGINT)
        return perform(trial)

    outcomes = list(pools._on_processes(joblib, 2, TRIALS, run))
    assert len(outcomes) == len(TRIALS)
    assert not any(outcome.error for outcome in outcomes)
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


def test_processes_are_started_deaf(hearing: None) -> None:
    """Before they could say that they want to be; and what started them is not."""
    script = "import signal; print(signal.getsignal(signal.SIGINT) is signal.SIG_IGN)"
    with pools._uninterrupted():
        born = subprocess.run([sys.executable, "-c", script], capture_output=True, check=True)
    assert born.stdout.strip() == b"True"
    assert signal.getsignal(signal.SIGINT) is signal.default_int_handler


@pytest.mark.slow
def test_processes_that_are_all_killed(joblib: ModuleType) -> None:
    def run(trial: Trial) -> Outcome:
        os.kill(os.getpid(), signal.SIGKILL)
        raise AssertionError

    with pytest.raises(GruSymError, match="all processes that were to run trials were killed"):
        list(pools._on_processes(joblib, 2, TRIALS, run))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"jobs": 0}, "0 processes cannot run"),
        ({"jobs": 10**6}, "1000000 processes cannot run"),
        ({"jobs": 2, "cluster": "tcp://127.0.0.1:1"}, "a cluster has workers of its own"),
    ],
)
def test_impossible_pools(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError, match=message), pool(**arguments):
        pass


def test_a_library_that_is_absent() -> None:
    with pytest.raises(MissingLibraryError) as caught:
        library("no_such_library.part", "sweep", "a sweep")
    assert caught.value.message == "a sweep needs no_such_library, which is not installed"
    assert caught.value.mend == "pip install 'gru_sym[sweep]'"


# -- a cluster -------------------------------------------------------------------------------------

STUDY = """\
[axes]
cell = ["two.cell", "gru", "lstm"]
size = [16]
T = [100]
seed = { from = 0, count = 60 }
measurement = ["gradient_norm"]
"""


IMPATIENT = "from gru_sym.sweep import pools\npools.ANSWER = 3\n"


class Cluster:
    """A Dask scheduler and its workers, each a process of its own on 127.0.0.1."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[subprocess.Popen[str]] = []
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.address = f"tcp://127.0.0.1:{port}"
        self.scheduler = self._start("scheduler", "--port", str(port))

    def worker(self) -> subprocess.Popen[str]:
        return self._start(
            "worker", self.address, "--nthreads", "1", "--no-nanny",
            "--local-directory", str(self.folder),
        )  # fmt: skip

    def _start(self, kind: str, *arguments: str) -> subprocess.Popen[str]:
        with (self.folder / f"{kind}.log").open("a") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.dask_{kind}", *arguments,
                 "--host", "127.0.0.1", "--no-dashboard"],
                stdout=log, stderr=log, start_new_session=True, encoding="utf-8",
            )  # fmt: skip
        self.processes.append(process)
        return process


@pytest.fixture
def cluster(tmp_path: Path, peer: Callable[[str], ModuleType]) -> Iterator[Cluster]:
    if importlib.util.find_spec("distributed") is None:  # not imported: its warnings are not ours
        peer("distributed")
    (tmp_path / "two.cell").write_text(TWO)
    (tmp_path / "study.toml").write_text(STUDY)
    cluster = Cluster(tmp_path)
    try:
        yield cluster
    finally:
        for process in cluster.processes:
            kill_all(process)


def wait_until(true: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    end = time.monotonic() + 60
    while not true():
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.mark.slow
def test_a_cluster_of_which_a_worker_is_killed(cluster: Cluster) -> None:
    """The same outcomes to the last bit, failures included, as without a cluster."""
    first, _ = cluster.worker(), cluster.worker()
    study, store = cluster.folder / "study.toml", cluster.folder / "cluster.db"
    sweeping = start("sweep", study, "--store", store, "--cluster", cluster.address)
    try:
        wait_until(lambda: finished(store) >= 20, sweeping)
        first.send_signal(signal.SIGKILL)
        assert sweeping.poll() is None
        assert finished(store) < 150  # in the middle
        said, errors = sweeping.communicate(timeout=120)
    finally:
        kill_all(sweeping)
    assert sweeping.returncode == 1, (said, errors)
    assert "180 trials, 180 of them run now; 120 are done, 60 failed" in said
    sweep(Study.load(study), cluster.folder / "here.db", jobs=1)
    assert stored(store) == stored(cluster.folder / "here.db")


@pytest.mark.slow
def test_a_scheduler_that_is_killed(cluster: Cluster) -> None:
    cluster.worker()
    study, store = cluster.folder / "study.toml", cluster.folder / "cluster.db"
    sweeping = start("sweep", study, "--store", store, "--cluster", cluster.address)
    try:
        wait_until(lambda: finished(store) >= 5, sweeping)
        cluster.scheduler.send_signal(signal.SIGKILL)
        _, errors = sweeping.communicate(timeout=60)
    finally:
        kill_all(sweeping)
    assert sweeping.returncode == 2
    assert "the cluster's scheduler was lost" in errors
    assert "go on with --resume" in errors
    assert "Traceback" not in errors
    assert finished(store) >= 5


@pytest.mark.slow
def test_a_cluster_without_workers(cluster: Cluster) -> None:
    sweeping = start(
        "sweep", cluster.folder / "study.toml", "--store", cluster.folder / "no.db",
        "--cluster", cluster.address, prelude=IMPATIENT,
    )  # fmt: skip
    _, errors = sweeping.communicate(timeout=60)
    assert sweeping.returncode == 2
    assert "has no workers" in errors
    assert not (cluster.folder / "no.db").exists()


@pytest.mark.slow
def test_no_cluster(tmp_path: Path, peer: Callable[[str], ModuleType]) -> None:
    if importlib.util.find_spec("distributed") is None:
        peer("distributed")
    (tmp_path / "study.toml").write_text(SMALL)
    for address, message in (
        ("127.0.0.1:8786", "is no address of a Dask scheduler"),
        ("tcp://127.0.0.1:1", "no Dask scheduler answers at tcp://127.0.0.1:1"),
    ):
        sweeping = start(
            "sweep", tmp_path / "study.toml", "--store", tmp_path / "no.db", "--cluster", address,
            prelude=IMPATIENT,
        )  # fmt: skip
        _, errors = sweeping.communicate(timeout=60)
        assert sweeping.returncode == 2, errors
        assert message in errors
        assert "Traceback" not in errors
    assert not (tmp_path / "no.db").exists()
