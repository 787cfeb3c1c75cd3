"""What the fuzz suites share: how many inputs, the limits of one, and the record of them."""

import os
import resource
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import SearchStrategy

__all__ = ["FUZZED", "bounded", "examples", "fuzz", "peak", "report"]

FUZZED = "fuzzed"
"""The property of a test that the summary shows, one line a suite."""
FRAMES = 920
"""What a user's call has of Python's 1000 frames; Hypothesis would allow thousands."""


def examples(default: int) -> int:
    """How many inputs to try: ``GRU_SYM_FUZZ`` where it is set."""
    return int(os.environ.get("GRU_SYM_FUZZ") or default)


def report(record: Any, name: str, **counts: object) -> None:
    """Note what a suite has tried, for the terminal's summary, by ``record_property``."""
    record(FUZZED, f"{name}: {', '.join(f'{count} {what}' for what, count in counts.items())}")


def fuzz(
    inputs: SearchStrategy[Any], body: Callable[[Any], str], number: int, name: str, record: Any
) -> Counter[str]:
    """Call ``body`` on so many inputs, and record how many there were of each outcome it names."""
    outcomes: Counter[str] = Counter()
    slowest = 0.0

    @settings(max_examples=number, suppress_health_check=[*HealthCheck], deadline=None)
    @given(inputs)
    def each(drawn: Any) -> None:
        nonlocal slowest
        start = time.process_time()
        outcomes[body(drawn)] += 1
        slowest = max(slowest, time.process_time() - start)

    each()
    record("inputs", outcomes.total())
    for outcome, count in outcomes.items():
        record(outcome.replace(" ", "_"), count)
    counts = {outcome: outcomes[outcome] for outcome in sorted(outcomes)}
    report(record, f"{name}, {outcomes.total()} inputs, the slowest {slowest:.1f} s", **counts)
    return outcomes


class TooSlow(AssertionError):
    """An input took more processor time than is allowed."""


@contextmanager
def bounded(seconds: float) -> Iterator[None]:
    """Stop what takes more processor time than this, or more of Python's stack than a user has."""

    def stop(*_: object) -> None:
        raise TooSlow(f"more than {seconds} s")

    frame, depth = sys._getframe(), 0
    while frame is not None:
        frame, depth = frame.f_back, depth + 1
    limit, before = sys.getrecursionlimit(), signal.signal(signal.SIGPROF, stop)
    sys.setrecursionlimit(depth + FRAMES)
    signal.setitimer(signal.ITIMER_PROF, seconds)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_PROF, 0)
        signal.signal(signal.SIGPROF, before)
        sys.setrecursionlimit(limit)


def peak() -> int:
    """The most memory that this process has had so far, in MiB."""
    scale = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // scale
