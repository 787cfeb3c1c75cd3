"""The tasks: what is drawn, what counts, and what a guess costs."""

from importlib.resources import files

import numpy as np
import pytest

from gru_sym.errors import DataError
from gru_sym.learning.tasks import COPIED, SYMBOLS, TASKS, adding, copy_memory

T, B = 40, 200


def rng() -> np.random.Generator:
    return np.random.default_rng(0)


@pytest.mark.parametrize("name", TASKS)
def test_shapes_and_weights(name: str) -> None:
    task = TASKS[name]
    found = task.draw(rng(), T, B)
    assert found.xs.shape == (T, B, task.entries[0])
    assert found.ys.shape == (T, B, task.entries[1])
    assert found.weights.shape == (T, B)
    assert found.weights.sum() == pytest.approx(1)
    assert task.held(rng(), T, B).xs.shape == found.xs.shape
    assert task.naive
    again = task.draw(rng(), T, B)
    assert (again.xs == found.xs).all()
    assert (task.draw(np.random.default_rng(1), T, B).xs != found.xs).any()


def test_adding() -> None:
    found = adding(rng(), T, B)
    numbers, marks = found.xs[..., 0], found.xs[..., 1]
    assert (marks.sum(axis=0) == 2).all()
    assert (marks[: T // 2].sum(axis=0) == 1).all()
    assert np.allclose((numbers * marks).sum(axis=0), found.ys[-1, :, 0])
    # To say 1 whatever is read costs 1/6.
    many = adding(rng(), 10, 100_000)
    guess = ((many.ys[-1, :, 0] - 1) ** 2).mean()
    assert guess == pytest.approx(TASKS["adding"].baseline(many), rel=0.02)


def test_copy() -> None:
    found = copy_memory(rng(), T, B)
    assert (found.xs.sum(axis=-1) == 1).all()
    assert (found.xs[:COPIED, :, :SYMBOLS] == found.ys[T - COPIED :]).all()
    assert (found.xs[T - COPIED, :, SYMBOLS + 1] == 1).all()
    assert found.weights[: T - COPIED].sum() == 0
    assert TASKS["copy"].baseline(found) == pytest.approx(np.log(SYMBOLS))


def test_sunspots() -> None:
    found = TASKS["sunspots"].draw(rng(), T, B)
    assert (found.xs[1:] == found.ys[:-1]).all()
    persistence = ((found.xs - found.ys) ** 2).mean()
    assert persistence == pytest.approx(TASKS["sunspots"].baseline(found))


def test_sunspots_that_are_held_out() -> None:
    """No year of a test is learned from, up to the last one; both are standardised alike."""
    text = (files("gru_sym") / "data" / "sunspots.csv").read_text(encoding="utf-8")
    years = np.array([float(line.split(",")[1]) for line in text.splitlines()[1:]])
    first = len(years) - len(years) // 3
    scaled = (years - years[:first].mean()) / years[:first].std()
    task = TASKS["sunspots"]
    for drawn, wanted in ((task.draw, scaled[:first]), (task.held, scaled[first:])):
        found = drawn(rng(), T, 2000)
        starts = {float(x) for x in found.xs[0, :, 0]}
        assert starts == set(wanted[:-T])
        assert set(found.ys[-1, :, 0]) == set(wanted[T:])


def test_too_few_years() -> None:
    assert TASKS["sunspots"].held(rng(), 102, 3).xs.shape == (102, 3, 1)
    with pytest.raises(DataError, match="103 steps are more than the 103 years") as error:
        TASKS["sunspots"].held(rng(), 103, 3)
    assert error.value.mend == "give T = 102 at most"
