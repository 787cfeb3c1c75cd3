"""tasks: what is learned, drawn anew for each update; one table."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from types import MappingProxyType

import numpy as np

from gru_sym.cells.compose import Loss
from gru_sym.codegen.functions import Array
from gru_sym.errors import DataError

__all__ = ["TASKS", "Batch", "Task"]

SYMBOLS, COPIED = 4, 3
"""Of the copy task: how many symbols there are, and how many of them are to be remembered."""


@dataclass(frozen=True, eq=False)
class Batch:
    """Sequences, what is to be said at each step, and how much each step counts.

    Attributes:
        xs: (T, B, I).
        ys: (T, B, O).
        weights: (T, B), whose sum is 1: the loss is the weighted sum over steps and sequences.
    """

    xs: Array = field(repr=False)
    ys: Array = field(repr=False)
    weights: Array = field(repr=False)


@dataclass(frozen=True)
class Task:
    """A row of the table.

    Attributes:
        about: one line about it.
        loss: of the readout.
        entries: I and O.
        draw: (generator, T, B) → a batch to learn from.
        held: the same, of what is never learned from.
        naive: what the baseline does, as in "the loss of what …".
        baseline: a batch → the loss on it of what does that.
        unit: of the loss.
    """

    about: str
    loss: Loss
    entries: tuple[int, int]
    draw: Callable[[np.random.Generator, int, int], Batch]
    held: Callable[[np.random.Generator, int, int], Batch]
    naive: str
    baseline: Callable[[Batch], float]
    unit: str


def adding(rng: np.random.Generator, T: int, B: int) -> Batch:
    """Two of T numbers are marked; at the end their sum is to be said.

    Hochreiter & Schmidhuber 1997, experiment 4, as Le, Jaitly & Hinton 2015 (arXiv:1504.00941)
    pose it: numbers from U(0, 1), one mark in either half. To say 1 has a mean squared error of
    1/6.
    """
    numbers = rng.uniform(size=(T, B))
    marks = np.zeros((T, B))
    half = T // 2
    each = np.arange(B)
    first, second = rng.integers(0, half, B), rng.integers(half, T, B)
    marks[first, each] = marks[second, each] = 1
    ys = np.zeros((T, B, 1))
    ys[-1, :, 0] = numbers[first, each] + numbers[second, each]
    weights = np.zeros((T, B))
    weights[-1] = 1 / B
    return Batch(np.stack([numbers, marks], axis=-1), ys, weights)


def copy_memory(rng: np.random.Generator, T: int, B: int) -> Batch:
    """Three symbols, a delay, a sign; then the symbols are to be said again, in order.

    Hochreiter & Schmidhuber 1997; Arjovsky, Shah & Bengio 2016, arXiv:1511.06464, section 4.1, with
    fewer symbols. What counts are the last steps, where a guess costs ln 4 nats.
    """
    shown = rng.integers(0, SYMBOLS, (COPIED, B))
    xs = np.zeros((T, B, SYMBOLS + 2))
    ys = np.zeros((T, B, SYMBOLS))
    each = np.arange(B)
    xs[:, :, SYMBOLS] = 1  # blank
    for k in range(COPIED):
        xs[k, :, SYMBOLS] = 0
        xs[k, each, shown[k]] = 1
        ys[T - COPIED + k, each, shown[k]] = 1
    xs[T - COPIED, :, SYMBOLS : SYMBOLS + 2] = (0, 1)  # from here on
    weights = np.zeros((T, B))
    weights[T - COPIED :] = 1 / (COPIED * B)
    return Batch(xs, ys, weights)


def sunspots(rng: np.random.Generator, T: int, B: int) -> Batch:
    """The yearly sunspot numbers 1700 to 2008, standardised: at each year, the next one.

    Windows of T years and the one after them, drawn at random from the first two thirds.

    Raises:
        DataError: there are fewer years.
    """
    return _windows(_sunspots()[0], rng, T, B)


def sunspots_held(rng: np.random.Generator, T: int, B: int) -> Batch:
    """The same from the last third of the years, of which :func:`sunspots` has none.

    Raises:
        DataError: there are fewer years.
    """
    return _windows(_sunspots()[1], rng, T, B)


def _windows(series: Array, rng: np.random.Generator, T: int, B: int) -> Batch:
    if len(series) <= T:
        raise DataError(
            f"{T} steps are more than the {len(series)} years of sunspots",
            mend=f"give T = {len(_sunspots()[1]) - 1} at most",
        )
    starts = rng.integers(0, len(series) - T, B)
    window = series[starts + np.arange(T + 1)[:, None]]
    weights = np.full((T, B), 1 / (T * B))
    return Batch(window[:-1, :, None], window[1:, :, None], weights)


@cache
def _sunspots() -> tuple[Array, Array]:
    """The years that are learned from and those that are not, by mean and spread of the first."""
    text = (files("gru_sym") / "data" / "sunspots.csv").read_text(encoding="utf-8")
    values = np.array([float(line.split(",")[1]) for line in text.splitlines()[1:]])
    learned, held = np.split(values, [len(values) - len(values) // 3])
    mean, std = learned.mean(), learned.std()
    return (learned - mean) / std, (held - mean) / std


def _same_again(batch: Batch) -> float:
    """The squared error of the forecast that the next value equals this one."""
    return float((((batch.xs - batch.ys) ** 2).mean(axis=-1) * batch.weights).sum())


TASKS: Mapping[str, Task] = MappingProxyType(
    {
        "adding": Task(
            "the sum of two marked numbers, at the end",
            "mse",
            (2, 1),
            adding,
            adding,
            "always says 1",
            lambda batch: 1 / 6,
            "squared error",
        ),
        "copy": Task(
            "three symbols, to be repeated after a delay",
            "cross_entropy",
            (SYMBOLS + 2, SYMBOLS),
            copy_memory,
            copy_memory,
            "guesses",
            lambda batch: float(np.log(SYMBOLS)),
            "nats per symbol",
        ),
        "sunspots": Task(
            "the next year's number of sunspots",
            "mse",
            (1, 1),
            sunspots,
            sunspots_held,
            "says the same again",
            _same_again,
            "squared error, standardised",
        ),
    }
)
"""Name → task. To add one is to add a row."""
