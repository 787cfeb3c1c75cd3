"""measure: how long calls take, side by side, under the same number of threads.

In each round every competitor has a turn, so that whatever disturbs the machine for a while
disturbs them alike. A turn is as many calls as take some milliseconds: one quick call alone would
be timed with the caches that the competitor before has filled. The first call of each is measured
apart: it compiles and fills caches.
"""

import gc
import importlib
import math
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from statistics import median
from typing import Any

import numpy as np

from gru_sym.errors import DataError, MissingLibraryError

__all__ = ["Measurement", "Times", "Timing", "library", "limited", "measure"]

FEWEST, MOST = 3, 300
"""Rounds of one measurement."""

TURN = 0.005
"""Seconds of calls in one turn, at least; a call that takes longer is a turn."""

MOST_CALLS = 1000
"""Calls in one turn."""


@dataclass(frozen=True)
class Times:
    """Seconds: of half the rounds no more than ``median``, of the fastest ``min``."""

    median: float
    min: float


@dataclass(frozen=True)
class Timing:
    """How long one competitor took.

    Attributes:
        seconds: by the clock on the wall.
        cpu_seconds: of the processor, all threads together.
        first_call: seconds of the first call, with all that it compiles.
    """

    seconds: Times
    cpu_seconds: Times
    first_call: float

    def to_json(self) -> dict[str, Any]:
        """In plain types."""
        return asdict(self)


@dataclass(frozen=True)
class Measurement:
    """What :func:`measure` found.

    Attributes:
        timings: competitor → its times.
        rounds: how often each had a turn, after two calls to get warm.
        threads: how many threads the libraries were allowed.
    """

    timings: Mapping[str, Timing]
    rounds: int
    threads: int

    def ratio(self, name: str, to: str) -> float:
        """The median time of one competitor, in those of another."""
        return self.timings[name].seconds.median / self.timings[to].seconds.median

    def to_json(self) -> dict[str, Any]:
        """In plain types."""
        timings = {name: timing.to_json() for name, timing in self.timings.items()}
        return {"timings": timings, "rounds": self.rounds, "threads": self.threads}


def measure(
    calls: Mapping[str, Callable[[], object]],
    *,
    threads: int = 1,
    seconds: float = 3.0,
    turn: float = TURN,
) -> Measurement:
    """Time calls in interleaved rounds.

    Args:
        calls: competitor → what is called, without arguments.
        threads: how many threads BLAS, OpenMP and torch may use meanwhile.
        seconds: about how long all rounds together may take; there are 3 at least, 300 at most.
        turn: seconds that a competitor's turn takes at least.

    Raises:
        DataError: there is nothing to measure, or less than one thread.
        MissingLibraryError: threadpoolctl is not installed.
    """
    if not calls:
        raise DataError("there is nothing to measure", mend="give at least one call")
    # What a cell's numbers do is not the subject here: no warning of NumPy's interrupts.
    with np.errstate(all="ignore"):
        with limited(threads):
            first = {name: _timed(call)[0] for name, call in calls.items()}
        with limited(threads):  # anew, for libraries that the first calls have loaded
            warm = {name: max(_timed(call)[0], 1e-9) for name, call in calls.items()}
            often = {name: _calls(turn, each) for name, each in warm.items()}
            whole = sum(often[name] * each for name, each in warm.items())
            rounds = max(FEWEST, min(MOST, int(seconds / whole)))
            found: dict[str, list[tuple[float, float]]] = {name: [] for name in calls}
            with _without_collector():
                for _ in range(rounds):
                    for name, call in calls.items():
                        found[name].append(_timed(call, often[name]))
    timings = {}
    for name, pairs in found.items():
        wall, processor = ([pair[k] for pair in pairs] for k in (0, 1))
        timings[name] = Timing(_times(wall), _times(processor), first[name])
    return Measurement(timings, rounds, threads)


@contextmanager
def limited(threads: int) -> Iterator[None]:
    """No more than so many threads in the BLAS, OpenMP and torch that are loaded by now.

    Raises:
        DataError: less than one thread.
        MissingLibraryError: threadpoolctl is not installed.
    """
    if threads < 1:
        raise DataError(f"{threads} threads are too few", mend="allow at least one")
    control = library("threadpoolctl", "measuring")
    torch = sys.modules.get("torch")
    before = torch.get_num_threads() if torch else None
    with control.threadpool_limits(limits=threads):
        if torch:
            torch.set_num_threads(threads)
        try:
            yield
        finally:
            if torch:
                torch.set_num_threads(before)


def library(name: str, purpose: str) -> Any:
    """An optional library.

    Raises:
        MissingLibraryError: it is not installed; with the line that installs it.
    """
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingLibraryError(
            f"{purpose} needs {name}, which is not installed", mend=f"pip install {name}"
        ) from error


def _calls(turn: float, each: float) -> int:
    """How many calls make a turn."""
    return max(1, min(MOST_CALLS, math.ceil(turn / each)))


def _timed(call: Callable[[], object], times: int = 1) -> tuple[float, float]:
    """Seconds of a call by the wall clock and of the processor, on the mean of some."""
    wall, processor = time.perf_counter(), time.process_time()
    for _ in range(times - 1):
        call()
    returned = call()
    elapsed = time.perf_counter() - wall, time.process_time() - processor
    del returned  # freeing the last result is the caller's business
    return elapsed[0] / times, elapsed[1] / times


def _times(seconds: list[float]) -> Times:
    return Times(median(seconds), min(seconds))


@contextmanager
def _without_collector() -> Iterator[None]:
    """Python's collector of cycles rests: its turns would fall on one competitor by chance."""
    was_on = gc.isenabled()
    gc.collect()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
