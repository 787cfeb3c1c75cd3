"""What is learned and what is held out: the split, the scaling, the windows, the naive forecast."""

import itertools

import numpy as np
import pytest

from gru_sym.errors import DataError
from gru_sym.training.series import Series
from gru_sym.training.settings import Settings
from gru_sym.training.task import task_of

SYMBOLS = Settings(loss="cross_entropy")


def test_the_split_is_in_time(rng: np.random.Generator) -> None:
    values = rng.normal(3, 2, size=30)
    task = task_of(Series(values), Settings())
    assert (task.learned, task.held) == (19, 10)  # y_t for t = 1 … 19, and 20 … 29
    assert task.xs.shape == task.ys.shape == (29, 1, 1)
    mean, std = values[:20].mean(), values[:20].std()
    assert (task.scaling.mean, task.scaling.std) == ((mean,), (std,))
    scaled = (values - mean) / std
    assert task.xs[:, 0, 0] == pytest.approx(scaled[:-1], rel=1e-13)
    assert np.array_equal(task.ys[:-1], task.xs[1:])
    assert task.scaling.unscaled(task.ys, 1) == pytest.approx(values[1:], rel=1e-13)


def test_what_is_held_out_has_no_say(rng: np.random.Generator) -> None:
    values = rng.normal(size=(30, 2))
    other = np.concatenate([values[:20], 100 * values[20:]])
    one, two = (task_of(Series(v), Settings()) for v in (values, other))
    assert one.scaling == two.scaling
    assert np.array_equal(one.ys[: one.learned], two.ys[: two.learned])
    assert np.array_equal(one.naive[: one.learned], two.naive[: two.learned])


def test_the_naive_forecast_in_the_own_unit(rng: np.random.Generator) -> None:
    values = rng.normal(3, 2, size=30)
    task = task_of(Series(values), Settings())
    assert task.naive[:, 0] * task.unit == pytest.approx(np.diff(values) ** 2, rel=1e-12)


def test_columns_and_sequences(rng: np.random.Generator) -> None:
    values = rng.normal(size=(12, 4, 2)) * [1, 50]
    task = task_of(Series(values), Settings(held_out=0, dtype="float32"))
    assert (task.learned, task.held) == (11, 0)
    assert task.xs.shape == (11, 4, 2)
    assert task.xs.dtype == np.float32
    assert np.array(task.scaling.std) == pytest.approx(values.std(axis=(0, 1)))
    assert task.unit == 1  # in standard deviations: the columns may have several units
    assert task.naive == pytest.approx(
        ((np.diff(values, axis=0) / task.scaling.std) ** 2).mean(axis=-1)
    )
    one = task_of(Series(values[:, 0]), Settings(held_out=0))
    assert one.xs.shape == (11, 1, 2)
    for ndim, of in ((3, values), (2, values[:, 0])):
        series = Series(of)
        task = task_of(series, Settings(held_out=0))
        assert task.scaling.unscaled(task.scaling.scaled(series), ndim) == pytest.approx(of)


@pytest.mark.parametrize("length", [1, 3, 7, 19, None])
def test_windows_are_whole_and_leave_nothing_out(length: int | None) -> None:
    task = task_of(Series(np.random.default_rng(0).normal(size=(30, 2, 1))), Settings())
    windows = task.windows(length)
    whole = length or 19
    assert len(windows) == 2 * -(-19 // whole)
    seen = {(start + k, b) for start, b in windows for k in range(whole)}
    assert seen == set(itertools.product(range(19), range(2)))
    xs, ys = task.take(windows, whole)
    assert xs.shape == ys.shape == (whole, len(windows), 1)
    for k, (start, b) in enumerate(windows):
        assert np.array_equal(xs[:, k], task.xs[start : start + whole, b])
        assert np.array_equal(ys[:, k], task.ys[start : start + whole, b])


def test_a_window_that_is_too_long() -> None:
    task = task_of(Series(np.arange(30)), Settings())
    with pytest.raises(
        DataError, match="a window of 20 steps is longer than the training part, 19"
    ):
        task.windows(20)


@pytest.mark.parametrize("sequences", [None, 3])
def test_symbols(rng: np.random.Generator, sequences: int | None) -> None:
    symbols = rng.integers(4, size=(30, sequences) if sequences else 30)
    symbols.flat[0] = 3
    task = task_of(Series(symbols), SYMBOLS)
    assert (task.scaling.classes, task.scaling.entries, task.unit) == (4, 4, 1)
    assert task.xs.shape == (29, sequences or 1, 4)
    assert np.array_equal(task.ys.argmax(axis=-1), symbols[1:].reshape(29, -1))
    assert np.array_equal(task.xs.sum(axis=-1), np.ones((29, sequences or 1)))
    counts = [(symbols[:20] == k).sum() + 1 for k in range(4)]
    wanted = -np.log(np.array(counts) / sum(counts))[symbols[1:].reshape(29, -1)]
    assert task.naive == pytest.approx(wanted, rel=1e-13)


@pytest.mark.parametrize(
    ("values", "settings", "message"),
    [
        (np.arange(3), Settings(), "has 3 values in time: 2 to learn from and 1 held out"),
        (np.arange(9), Settings(held_out=0.9), "1 to learn from"),
        (np.arange(9), Settings(held_out=0.01), "9 to learn from and 0 held out"),
        (np.arange(2), Settings(held_out=0), "2 to learn from"),
        (np.full(30, 0.1), Settings(), "is constant over its training part, 20 values"),
        ([[k, 7.0] for k in range(30)], Settings(), "is constant in column 1"),
        ([5.0] * 20 + [6.0] * 10, Settings(), "is constant over its training part"),
        ([0.1 + 1e-15, *[0.1] * 29], Settings(), "hardly varies over its training part: by"),
        ([[k, 7.0 + 1e-15 * (k % 2)] for k in range(30)], Settings(), "hardly varies in column 1"),
        (1e-200 * np.arange(30), Settings(), "hardly varies"),
        ([*range(29), 1e60], Settings(dtype="float32"), "standardised, they overflow float32"),
        ([*range(29), 1e60], Settings(held_out=0.5, dtype="float32"), "too large beside those"),
        ([*(1e-99 * np.arange(29)), 1e300], Settings(), "they overflow float64"),
        (1e200 * np.arange(30), Settings(), "holds numbers that are too large"),
        ([0.5] * 30, SYMBOLS, "holds 0.5 at time 0: cross_entropy needs symbols"),
        ([0] * 29 + [-1], SYMBOLS, "holds -1 at time 29"),
        ([0] * 29 + [1e300], SYMBOLS, r"holds 1e\+300 at time 29"),
        (np.zeros(30), SYMBOLS, "holds the symbol 0 alone"),
        (np.zeros((30, 2, 1)), SYMBOLS, r"symbols are \(T,\) or \(T, B\)"),
        ([0] * 29 + [2**30], SYMBOLS, "too many"),
        ([0] * 29 + [2**31 - 1], SYMBOLS, "the largest 2147483647: one-hot these are 6.4e"),
    ],
)
def test_what_cannot_be_learned(values: object, settings: Settings, message: str) -> None:
    with pytest.raises(DataError, match=message) as caught:
        task_of(Series(values), settings)  # type: ignore[arg-type]
    assert caught.value.mend


def test_another_series_under_the_same_scaling() -> None:
    scaling = task_of(Series(np.arange(30)), Settings()).scaling
    with pytest.raises(DataError, match="has 2 columns, and 1 were learned"):
        scaling.scaled(Series(np.zeros((5, 2))))
    scaling = task_of(Series(np.arange(30) % 3), SYMBOLS).scaling
    with pytest.raises(DataError, match="has the symbol 3, and 3 symbols were learned"):
        scaling.scaled(Series([0, 3]))  # type: ignore[arg-type]


def test_many_symbols_take_no_square() -> None:
    """2·10⁵ of them one-hot at six steps are 10 MB; a matrix of them all would be 320 GB."""
    classes = 200_000
    task = task_of(Series([0, 5, classes - 1, 7, 5, 0]), SYMBOLS)  # type: ignore[arg-type]
    assert task.scaling.classes == classes
    assert task.ys[:, 0].argmax(axis=-1).tolist() == [5, classes - 1, 7, 5, 0]
    assert task.ys.sum() == 5
    with pytest.raises(DataError, match="too many"):
        task.scaling.scaled(Series(np.zeros(1000)))


def test_the_alphabet_is_that_of_the_whole_series() -> None:
    """And nothing else of what is held out is used."""
    seen = np.arange(20) % 3
    one, two = (task_of(Series(np.append(seen, [k] * 9 + [4])), SYMBOLS) for k in (0, 2))
    assert one.scaling == two.scaling
    assert one.scaling.classes == 5
    assert np.array_equal(one.naive[: one.learned], two.naive[: two.learned])
    assert np.array_equal(one.ys[: one.learned], two.ys[: two.learned])


def test_an_outlier_that_is_held_out_warns_of_nothing() -> None:
    task = task_of(Series([*range(29), 1e200]), Settings())  # type: ignore[arg-type]
    assert task.naive[-1, 0] == np.inf


@pytest.mark.parametrize(
    ("options", "count"),
    [
        ({}, 1),
        ({"truncate": 4}, 5),
        ({"window": 7}, 1),
        ({"window": 7, "batch": 2}, 3),
        ({"window": 7, "batch": 99, "truncate": 3}, 3),
    ],
)
def test_updates(options: dict[str, int], count: int) -> None:
    settings = Settings(**options)  # type: ignore[arg-type]
    task = task_of(Series(np.random.default_rng(0).normal(size=(30, 2, 1))), settings)
    assert task.updates(settings) == count
