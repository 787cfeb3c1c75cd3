"""What is learned: at each time, the next value of a series; and what is held out.

The series is split in time. What is learned from knows nothing of what is held out: not its mean,
not its spread. Of symbols it knows how many there are: the alphabet, 0 … K-1, is that of the whole
series and assumed to be known.
"""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import DTypeLike

from gru_sym.codegen.functions import Array
from gru_sym.errors import DataError
from gru_sym.training.series import Series
from gru_sym.training.settings import Settings

__all__ = ["Scaling", "Task", "one_hot", "task_of"]

_FEWEST = 3
"""Values to learn from: two steps, of which the second has a state."""

_LARGEST = 1e100
"""The largest standard deviation, and 1 / the smallest: their squares are numbers still."""

_LEAST_SPREAD = 1e-12
"""Of a column's values, the least standard deviation that is more than rounding."""

_MOST_ENTRIES = 2**27
"""Numbers that symbols may become, one-hot: 1 GiB in float64."""


@dataclass(frozen=True)
class Scaling:
    """How values become what a cell reads, and back.

    Attributes:
        mean: of each of the I columns over the training part; empty for symbols.
        std: the standard deviation of each (of the population, as NumPy's); empty for symbols.
        classes: K, the number of symbols; 0 for numbers.
    """

    mean: tuple[float, ...] = ()
    std: tuple[float, ...] = ()
    classes: int = 0

    @property
    def entries(self) -> int:
        """The length of what a cell reads at each step, I or K."""
        return self.classes or len(self.mean)

    def scaled(self, series: Series, dtype: DTypeLike = np.float64) -> Array:
        """(T, B, I): numbers standardised, symbols one-hot, a series of one sequence with B = 1.

        Raises:
            DataError: the series has other columns than were learned, or other symbols, or numbers
                that are too large.
        """
        if self.classes:
            symbols = _symbols(series)
            if symbols.max() >= self.classes:
                raise DataError(
                    f"{series.name} has the symbol {symbols.max()}, and {self.classes} symbols "
                    "were learned",
                    mend=f"give symbols from 0 to {self.classes - 1}",
                )
            if symbols.size * self.classes > _MOST_ENTRIES:
                raise DataError(
                    f"{series.name} has {symbols.size} symbols, the largest {self.classes - 1}: "
                    f"one-hot these are {symbols.size * self.classes:.2g} numbers, too many",
                    mend="number the symbols 0 … K-1 without gaps, or give fewer",
                )
            return one_hot(symbols, self.classes, dtype)
        values = _columns(series)
        if values.shape[-1] != len(self.mean):
            raise DataError(
                f"{series.name} has {values.shape[-1]} columns, and {len(self.mean)} were learned",
                mend="give a series of the same columns",
            )
        with np.errstate(all="ignore"):
            found = ((values - self.mean) / self.std).astype(dtype)
        if not np.isfinite(found).all():
            raise DataError(
                f"{series.name} holds numbers that are too large beside those of the training part"
                f": standardised, they overflow {found.dtype}",
                mend="look for outliers, or learn from a part that has such numbers too",
            )
        return found

    def unscaled(self, values: Array, ndim: int) -> Array:
        """Numbers (T, B, I) in the series' own units, with as many axes as the series has."""
        with np.errstate(all="ignore"):
            found = values.astype(np.float64) * self.std + self.mean
        return found if ndim == 3 else found[:, 0] if ndim == 2 else found[:, 0, 0]


@dataclass(frozen=True, eq=False)
class Task:
    """One step ahead: y_t is the value after x_t.

    Attributes:
        series: the values.
        scaling: from values to x and y.
        xs: x at each step, (T - 1, B, I).
        ys: y at each step, of the same shape.
        learned: the number of steps, from the first, whose y is learned from.
        naive: the loss of the naive forecast at each step (T - 1, B), as the model's is measured.
        unit: what one unit of the reported loss is, as a factor on the loss.
    """

    series: Series
    scaling: Scaling
    xs: Array = field(repr=False)
    ys: Array = field(repr=False)
    learned: int
    naive: Array = field(repr=False)
    unit: float

    @property
    def held(self) -> int:
        """The number of steps whose y is held out."""
        return len(self.xs) - self.learned

    def windows(self, length: int | None) -> Array:
        """The windows of the training part: their first steps and their sequences, (N, 2).

        The last begins earlier where it would be too short, so that all are whole and nothing is
        left out.

        Raises:
            DataError: the training part is shorter than one window.
        """
        length = length or self.learned
        if length > self.learned:
            raise DataError(
                f"a window of {length} steps is longer than the training part, {self.learned}",
                mend=f"give a window of {self.learned} at most, or none",
            )
        starts = np.minimum(np.arange(0, self.learned, length), self.learned - length)
        return np.array([(start, b) for start in starts for b in range(self.xs.shape[1])])

    def updates(self, settings: Settings) -> int:
        """The number of updates in an epoch: one for each stretch of each mini-batch.

        Raises:
            DataError: the training part is shorter than one window.
        """
        length, windows = settings.window or self.learned, len(self.windows(settings.window))
        batches = -(-windows // min(settings.batch or windows, windows))
        return batches * -(-length // (settings.truncate or length))

    def take(self, windows: Array, length: int) -> tuple[Array, Array]:
        """Of some windows of this length, x and y: (length, windows, I) each."""
        times = windows[:, 0] + np.arange(length)[:, None]
        return self.xs[times, windows[:, 1]], self.ys[times, windows[:, 1]]


def one_hot(symbols: Array, classes: int, dtype: DTypeLike) -> Array:
    """Vectors of zeros with a one at the symbol's place.

    >>> one_hot(np.array([2, 0]), 3, "float64")
    array([[0., 0., 1.],
           [1., 0., 0.]])
    """
    found = np.zeros((*symbols.shape, classes), dtype)
    np.put_along_axis(found, symbols[..., None], 1, axis=-1)
    return found


def task_of(series: Series, settings: Settings) -> Task:
    """Split a series, scale it by its training part, and set the naive forecast beside it.

    Raises:
        DataError: the series is too short, a column is constant, or symbols are asked for and
            these are none.
    """
    known = series.T - round(series.T * settings.held_out)  # values that the training part has
    if known < _FEWEST or (settings.held_out > 0 and known == series.T):
        raise DataError(
            f"{series.name} has {series.T} values in time: {known} to learn from and "
            f"{series.T - known} held out",
            mend=f"give a longer series: at least {_FEWEST} to learn from, and one held out",
        )
    make = _task_of_symbols if settings.loss == "cross_entropy" else _task_of_numbers
    return make(series, known, np.dtype(settings.dtype))


def _task_of_numbers(series: Series, known: int, dtype: np.dtype[np.floating]) -> Task:
    """Standardised numbers; the naive forecast is that the next value equals this one."""
    values = _columns(series)
    with np.errstate(all="ignore"):
        mean, std = (f(values[:known], axis=(0, 1)) for f in (np.mean, np.std))
    for k in range(len(std)):
        if not std[k] < _LARGEST:
            raise DataError(
                f"{series.name} holds numbers that are too large: their squares overflow",
                mend="give it in a larger unit",
            )
        which = f" in column {k}" if len(std) > 1 else ""
        part = values[:known, :, k]
        if part.min() == part.max():  # and not std == 0: the mean of equal numbers is rounded
            raise DataError(
                f"{series.name} is constant{which} over its training part, {known} values",
                mend="leave it out, or hold out less",
            )
        largest = np.abs(part).max()
        if not std[k] > max(1 / _LARGEST, _LEAST_SPREAD * largest):
            raise DataError(
                f"{series.name} hardly varies{which} over its training part: by {std[k]:.2g}, "
                f"beside values of {largest:.2g}, which is lost in rounding",
                mend="subtract what is common to all its values, or give it in a smaller unit",
            )
    scaling = Scaling(tuple(map(float, mean)), tuple(map(float, std)))
    exact, scaled = scaling.scaled(series), scaling.scaled(series, dtype)
    with np.errstate(all="ignore"):
        naive = np.mean((exact[1:] - exact[:-1]) ** 2, axis=-1)
    unit = scaling.std[0] ** 2 if len(std) == 1 else 1.0
    return Task(series, scaling, scaled[:-1], scaled[1:], known - 1, naive, unit)


def _task_of_symbols(series: Series, known: int, dtype: np.dtype[np.floating]) -> Task:
    """One-hot symbols; the naive forecast is how often each occurs in the training part.

    K is that of the whole series, the end that is held out included: an alphabet is known
    beforehand, and a model without a place for a symbol could not be measured where it occurs.
    """
    symbols = _symbols(series)
    classes = int(symbols.max()) + 1
    if classes < 2:
        raise DataError(
            f"{series.name} holds the symbol 0 alone", mend="give symbols 0 … K-1 of two or more"
        )
    scaling = Scaling(classes=classes)
    scaled = scaling.scaled(series, dtype)  # first, for it refuses what is too large
    counts = np.bincount(symbols[:known].ravel(), minlength=classes)
    # Laplace's rule: one more of each, so that what was not seen yet has a probability too.
    naive = -np.log((counts + 1) / (counts.sum() + classes))[symbols[1:]]
    return Task(series, scaling, scaled[:-1], scaled[1:], known - 1, naive, 1.0)


def _columns(series: Series) -> Array:
    """The values as (T, B, I)."""
    values = series.values
    return values if values.ndim == 3 else values.reshape(len(values), 1, -1)


def _symbols(series: Series) -> Array:
    """The values as whole numbers (T, B)."""
    values = series.values
    if values.ndim > 2:
        raise DataError(
            f"{series.name} has the shape {values.shape}, and symbols are (T,) or (T, B)",
            mend="give one symbol at each time of each sequence",
        )
    wrong = (values != np.round(values)) | (values < 0) | (values >= 2**31)
    if wrong.any():
        where = np.argwhere(wrong)[0]
        raise DataError(
            f"{series.name} holds {values[tuple(where)]:g} at time {where[0]}: cross_entropy needs "
            "symbols, whole numbers from 0 on",
            mend="number the symbols 0 … K-1, or take the loss mse",
        )
    return values.astype(np.int64).reshape(len(values), -1)
