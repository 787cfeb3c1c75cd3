"""One trial: its numbers depend on nothing else, and what goes wrong in it is its outcome."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import numpy as np
import pytest
import threadpoolctl

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.flow.initial.draw import draw
from gru_sym.sweep import Study
from gru_sym.sweep import perform as module
from gru_sym.sweep.perform import LONGEST_ERROR, inputs_of, parameters_of, perform, sizes_of
from gru_sym.sweep.trial import Trial
from gru_sym.sweep.version import versions
from tests.sweeping import SMALL, TWO


@pytest.fixture
def trial() -> Trial:
    return list(Study.parse(SMALL).trials())[-2]


def test_an_outcome(trial: Trial) -> None:
    outcome = perform(trial)
    assert (outcome.error, outcome.trial) == ("", trial)
    assert outcome.values.keys() == {"gradient_norm"}
    assert outcome.seconds > 0
    assert outcome.versions == dict(versions())


def test_the_same_in_any_order_and_beside_others(trial: Trial) -> None:
    trials = list(Study.parse(SMALL).trials())
    alone = {t.key: perform(t).values for t in trials}
    with ThreadPoolExecutor(4) as threads:
        beside = {o.trial.key: o.values for o in threads.map(perform, reversed(trials))}
    for key, values in alone.items():
        for name, array in values.items():
            assert array.tobytes() == beside[key][name].tobytes()


def test_one_thread(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    seen = []

    def measured(*_: object) -> dict[str, object]:
        seen.extend(each["num_threads"] for each in threadpoolctl.threadpool_info())
        return {}

    monkeypatch.setattr(module, "measured", measured)
    perform(trial)
    assert seen
    assert set(seen) == {1}


def test_what_goes_wrong_is_the_outcome(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    outcome = perform(replace(trial, equations=TWO))
    assert outcome.error.startswith("DataError: the cell has the outputs p, q")
    assert "mend" not in outcome.error
    assert outcome.values == {}

    def failing(*_: object) -> None:
        raise MemoryError("x" * 10_000)

    monkeypatch.setattr(module, "measured", failing)
    assert perform(trial).error == ("MemoryError: " + "x" * 10_000)[:LONGEST_ERROR]


def test_an_interrupt_is_no_outcome(trial: Trial, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(module, "measured", interrupted)
    with pytest.raises(KeyboardInterrupt):
        perform(trial)
    monkeypatch.undo()
    assert not perform(trial).error  # nothing is locked


def test_sizes(trial: Trial) -> None:
    trial = replace(trial, size=3)
    assert sizes_of(cells.gru, trial) == {"H": 3, "I": 3}
    assert sizes_of(cells.gru, replace(trial, inputs=2)) == {"H": 3, "I": 2}
    assert sizes_of(cells.mut1, replace(trial, inputs=2)) == {"H": 3}  # x is added to the state


def test_inputs(trial: Trial) -> None:
    trial = replace(trial, T=2000, size=3, variance=4.0)
    sizes = {"H": 3, "I": 3}
    xs = inputs_of(cells.gru, sizes, trial)
    assert isinstance(xs, np.ndarray)
    assert xs.shape == (2000, 3)
    assert (abs(xs.mean()), xs.var()) == (pytest.approx(0, abs=0.1), pytest.approx(4, rel=0.1))
    assert np.array_equal(xs, 2 * inputs_of(cells.rnn, sizes, replace(trial, variance=1.0)))  # type: ignore[operator]
    assert not np.array_equal(xs, inputs_of(cells.gru, sizes, replace(trial, seed=7)))  # type: ignore[arg-type]
    two = Cell.parse("h_next = tanh(x + V @ y + U @ h)")
    several = inputs_of(two, sizes_of(two, replace(trial, inputs=2)), trial)
    assert isinstance(several, dict)
    assert {name: array.shape for name, array in several.items()} == {
        "x": (2000, 3),
        "y": (2000, 2),
    }
    assert not np.isin(several["y"], several["x"]).any()
    assert inputs_of(Cell.parse("h_next = U @ h"), sizes, trial) == 2000


def test_parameters(trial: Trial) -> None:
    trial = replace(trial, initialisation="chrono", gain=1.5, bias=0.5, seed=4, T=50)
    sizes = {"H": 3, "I": 3}
    found = parameters_of(cells.gru, sizes, trial)
    wanted = draw(cells.gru, sizes, "chrono", seed=4, gain=1.5, bias=0.5, horizon=50)
    assert {n: a.tobytes() for n, a in found.items()} == {n: a.tobytes() for n, a in wanted.items()}
