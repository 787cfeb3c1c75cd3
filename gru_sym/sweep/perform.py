"""perform: one trial, from its configuration to its outcome; what a worker does."""

import time
from functools import lru_cache
from threading import Lock

import numpy as np

from gru_sym.bench.measure import limited
from gru_sym.bench.problem import Size, dimensions
from gru_sym.cells.equations import Cell
from gru_sym.codegen.arrays import Named
from gru_sym.codegen.functions import Array
from gru_sym.errors import GruSymError
from gru_sym.flow.initial.draw import draw
from gru_sym.sweep.measurements import measured
from gru_sym.sweep.trial import Outcome, Trial
from gru_sym.sweep.version import versions

__all__ = ["LONGEST_ERROR", "inputs_of", "parameters_of", "perform", "sizes_of"]

LONGEST_ERROR = 1_000
"""Characters of an error that are kept."""

_INPUTS = 1
"""Beside the seed, what tells the generator of the inputs from that of the parameters."""

_ALONE = Lock()
"""A process does one trial at a time: the limit on threads is the process's, not a thread's."""


def perform(trial: Trial) -> Outcome:
    """Run a trial; whatever goes wrong in it is its outcome.

    The numbers depend on the trial alone: BLAS has one thread, and each random generator is made
    from the trial's seed.

    Raises:
        MissingLibraryError: threadpoolctl is not installed.
    """
    with _ALONE, limited(1), np.errstate(all="ignore"):
        start = time.perf_counter()
        values: dict[str, Array] = {}
        error = ""
        try:
            values = _values(trial)
        except Exception as problem:  # of any class: the other trials go on
            said = problem.message if isinstance(problem, GruSymError) else str(problem)
            error = f"{type(problem).__name__}: {said}"[:LONGEST_ERROR]
        return Outcome(trial, values, error, time.perf_counter() - start, dict(versions()))


def sizes_of(cell: Cell, trial: Trial) -> dict[str, int]:
    """The size of each of the cell's dimensions: H, or I for those that inputs alone have."""
    return dimensions(cell, Size(trial.inputs or trial.size, trial.size, 1, trial.T))


def inputs_of(cell: Cell, sizes: dict[str, int], trial: Trial) -> Named:
    """White Gaussian inputs (T, I), drawn from the trial's seed.

    Of several inputs a mapping; for a cell without any, the number of steps.
    """
    rng = np.random.default_rng([trial.seed, _INPUTS])
    found = {}
    for var in cell.inputs:
        shape = (trial.T, *(sum(sizes[name] for name in dim) for dim in var.shape))
        found[str(var.name)] = np.sqrt(trial.variance) * rng.standard_normal(shape)
    if not found:
        return trial.T
    return found if len(found) > 1 else next(iter(found.values()))


def parameters_of(cell: Cell, sizes: dict[str, int], trial: Trial) -> dict[str, Array]:
    """The parameters, drawn by the trial's scheme; T_max of ``chrono`` is the trial's T.

    Raises:
        DataError: the scheme cannot draw with these numbers.
        UnsupportedError: it cannot draw for this cell.
    """
    return draw(
        cell,
        sizes,
        trial.initialisation,
        seed=trial.seed,
        gain=trial.gain,
        bias=trial.bias,
        horizon=trial.T,
    )


def _values(trial: Trial) -> dict[str, Array]:
    cell = _cell(trial.equations, trial.cell)
    sizes = sizes_of(cell, trial)
    params = parameters_of(cell, sizes, trial)
    return measured(cell, params, inputs_of(cell, sizes, trial), trial)


@lru_cache(maxsize=64)
def _cell(equations: str, name: str) -> Cell:
    return Cell.parse(equations, name=name)
