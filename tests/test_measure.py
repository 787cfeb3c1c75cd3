"""Measuring: how often what is called, under how many threads. No time is judged."""

import gc
import json
import sys
import time
from collections.abc import Callable
from types import ModuleType

import pytest
import threadpoolctl

from gru_sym.bench.measure import FEWEST, MOST, Measurement, Times, Timing, limited, measure
from gru_sym.errors import DataError, MissingLibraryError


def noted(calls: list[str], name: str) -> Callable[[], None]:
    return lambda: calls.append(name)


def test_rounds_are_interleaved() -> None:
    calls: list[str] = []
    found = measure({name: noted(calls, name) for name in "abc"}, seconds=0.0, turn=0.0)
    assert found.rounds == FEWEST
    assert "".join(calls) == "abc" * (FEWEST + 2)  # the first of each, one to get warm, the rounds
    assert list(found.timings) == ["a", "b", "c"]


def test_a_quick_call_is_called_often_in_its_turn() -> None:
    calls: list[str] = []
    slow = lambda: (calls.append("s"), time.sleep(0.002))  # noqa: E731
    found = measure({"slow": slow, "quick": noted(calls, "q")}, seconds=0.0, turn=0.001)
    turns = "".join(calls)[4:].split("s")  # after two calls of each
    assert turns[0] == ""
    assert len(turns) == found.rounds + 1
    assert all(len(turn) > 1 for turn in turns[1:])


def test_quick_calls_end_somewhere() -> None:
    assert measure({"quick": lambda: None}, seconds=3600).rounds == MOST


def test_times_are_of_the_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    wall, processor = iter([0, 9, 0, 1, *(0, 2, 0, 4, 0, 3)]), iter([0, 5] * 2 + [0, 1, 0, 1, 0, 7])
    monkeypatch.setattr("time.perf_counter", lambda: float(next(wall)))
    monkeypatch.setattr("time.process_time", lambda: float(next(processor)))
    found = measure({"one": lambda: None}, seconds=3.0, turn=0.0)
    monkeypatch.undo()
    assert found.rounds == 3
    assert found.timings["one"] == Timing(Times(3.0, 2.0), Times(1.0, 1.0), 9.0)


def test_results_are_freed_before_the_next_call() -> None:
    class Result:
        alive = 0

        def __init__(self) -> None:
            assert Result.alive == 0
            Result.alive += 1

        def __del__(self) -> None:
            Result.alive -= 1

    measure({"a": Result, "b": Result}, seconds=0.0, turn=0.0)


def test_ratio_and_json() -> None:
    slow, fast = (Timing(Times(m, m / 2), Times(m, m), 10.0) for m in (6.0, 2.0))
    found = Measurement({"slow": slow, "fast": fast}, 5, 1)
    assert found.ratio("slow", "fast") == 3.0
    document = json.loads(json.dumps(found.to_json()))
    assert document == {
        "rounds": 5,
        "threads": 1,
        "timings": {
            "slow": {
                "seconds": {"median": 6.0, "min": 3.0},
                "cpu_seconds": {"median": 6.0, "min": 6.0},
                "first_call": 10.0,
            },
            "fast": {
                "seconds": {"median": 2.0, "min": 1.0},
                "cpu_seconds": {"median": 2.0, "min": 2.0},
                "first_call": 10.0,
            },
        },
    }


def blas_threads() -> set[int]:
    pools = threadpoolctl.threadpool_info()
    return {pool["num_threads"] for pool in pools if pool["user_api"] == "blas"}


def test_threads_are_limited_for_the_calls_alone() -> None:
    before, seen = blas_threads(), []
    with threadpoolctl.threadpool_limits(2):
        two = blas_threads()
        measure({"blas": lambda: seen.append(blas_threads())}, threads=1, seconds=0.0)
        assert blas_threads() == two
    assert blas_threads() == before
    assert all(threads == {1} for threads in seen)


def test_threads_of_torch(torch: ModuleType) -> None:
    before = torch.get_num_threads()
    with limited(2):
        assert torch.get_num_threads() == 2
        with limited(1):
            assert torch.get_num_threads() == 1
        assert torch.get_num_threads() == 2
    assert torch.get_num_threads() == before


def test_a_failing_call_leaves_things_as_they_were() -> None:
    before = blas_threads()

    def fail() -> None:
        assert blas_threads() == {1}
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        measure({"fails": fail})
    assert blas_threads() == before
    assert gc.isenabled()


def test_the_collector_rests_in_the_rounds() -> None:
    seen: list[bool] = []
    measure({"one": lambda: seen.append(gc.isenabled())}, seconds=0.0, turn=0.0)
    assert seen == [True, True, *[False] * FEWEST]
    assert gc.isenabled()


def test_bad_requests() -> None:
    with pytest.raises(DataError, match="nothing to measure"):
        measure({})
    with pytest.raises(DataError, match="0 threads are too few"):
        measure({"one": lambda: None}, threads=0)


def test_without_threadpoolctl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with pytest.raises(MissingLibraryError, match="measuring needs threadpoolctl") as caught:
        measure({"one": lambda: None})
    assert caught.value.mend == "pip install threadpoolctl"
