"""What is measured: random arrays for a cell at given sizes."""

import math
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from gru_sym.algebra.expr import Var
from gru_sym.cells.equations import Cell
from gru_sym.errors import DataError

__all__ = [
    "DTYPES",
    "SMALL",
    "USUAL",
    "Array",
    "Problem",
    "Size",
    "dimensions",
    "input_dimensions",
    "memory",
    "needed",
    "problem",
]

Array = NDArray[np.floating[Any]]

DTYPES = ("float32", "float64")

COPIES = 3
"""Forward keeps each value, backward has about as many again, and a competitor's own."""


class Size(NamedTuple):
    """I, H, B and T: entries of the input and of the state, sequences, steps."""

    entries: int
    state: int
    batch: int
    steps: int

    @classmethod
    def parse(cls, text: str) -> "Size":
        """Read ``8,8,1,100``.

        Raises:
            DataError: these are not four positive integers.
        """
        parts = [part.strip() for part in text.split(",")]
        # More digits than 18 are no size of anything (and Python limits what int() reads).
        right = all(part.isascii() and part.isdigit() and len(part) <= 18 for part in parts)
        if len(parts) != len(cls._fields) or not right or not all(map(int, parts)):
            raise DataError(
                f"the size `{text}` is not four positive integers",
                mend="give I,H,B,T (entries of the input and of the state, sequences, steps), "
                "such as 32,64,16,100",
            )
        return cls(*map(int, parts))

    def __str__(self) -> str:
        return ", ".join(f"{name} = {n}" for name, n in zip("IHBT", self, strict=True))


USUAL = Size(32, 32, 16, 100)
"""What is measured where nobody says."""

SMALL = Size(4, 4, 2, 10)
"""The same, of a backend that computes number by number."""


@dataclass(frozen=True, eq=False)
class Problem:
    """A cell and the arrays that it runs on.

    Attributes:
        cell: the cell.
        size: I, H, B and T.
        dims: the size of each of the cell's own dimensions.
        dtype: ``float32`` or ``float64``, the type of all arrays.
        params: parameter → its array.
        inputs: input → (T, B, n).
        states: state → its initial value (B, n).
        cotangents: output → (T, B, n); of a scalar (T, B, 1). The first state's output and outputs
            such as a loss have one at every step. Other states (an LSTM's ``c``) have one at the
            last step alone, and zeros before, as nothing but the cell itself reads them there.
    """

    cell: Cell
    size: Size
    dims: Mapping[str, int]
    dtype: str
    params: Mapping[str, Array]
    inputs: Mapping[str, Array]
    states: Mapping[str, Array]
    cotangents: Mapping[str, Array]

    @property
    def outputs(self) -> tuple[Var, ...]:
        """The variables that have a cotangent: the next states, then further outputs."""
        return (*self.cell.nexts, *self.cell.extra)


def problem(cell: Cell, size: Size, dtype: str = "float64", seed: int = 0) -> Problem:
    """Draw the arrays for a cell: parameters as PyTorch does, all else from a normal distribution.

    Args:
        cell: any cell.
        size: see :func:`dimensions` for the dimensions that it stands for.
        dtype: one of :data:`DTYPES`.
        seed: of the random numbers.

    Raises:
        DataError: there is no such type, or more than half of the memory would be needed.
    """
    if dtype not in DTYPES:
        raise DataError(f"there is no type {dtype}", mend=f"take {' or '.join(DTYPES)}")
    dims = dimensions(cell, size)
    _check_memory(cell, size, dims, dtype)
    rng = np.random.default_rng(seed)
    bound = size.state**-0.5

    def normal(var: Var, *lead: int) -> Array:
        shape = _shape(var, dims) if var.shape or var in cell.params else (1,)
        return rng.normal(size=(*lead, *shape)).astype(dtype)

    params = {
        str(v.name): rng.uniform(-bound, bound, _shape(v, dims)).astype(dtype) for v in cell.params
    }
    inputs = {str(v.name): normal(v, size.steps, size.batch) for v in cell.inputs}
    states = {str(v.name): normal(v, size.batch) for v in cell.states}
    cotangents = {
        str(v.name): normal(v, size.steps, size.batch) for v in (*cell.nexts, *cell.extra)
    }
    for var in cell.nexts[1:]:
        cotangents[str(var.name)][:-1] = 0
    return Problem(cell, size, dims, dtype, params, inputs, states, cotangents)


def dimensions(cell: Cell, size: Size) -> dict[str, int]:
    """The size of each dimension of a cell.

    A dimension of inputs alone is I. All others are H: those of states, and what is between.

    >>> from gru_sym import cells
    >>> dimensions(cells.gru, Size(2, 3, 1, 5))
    {'H': 3, 'I': 2}
    """
    of_inputs = input_dimensions(cell)
    every = _names_in(cell.program.variables)
    return {name: size.entries if name in of_inputs else size.state for name in every}


def input_dimensions(cell: Cell) -> set[str]:
    """The dimensions that inputs have and states have not."""
    return _names_in(cell.inputs).keys() - _names_in(cell.states).keys()


def _names_in(variables: Iterable[Var]) -> dict[str, None]:
    return dict.fromkeys(name for v in variables for dim in v.shape for name in dim)


def needed(cell: Cell, size: Size, dims: Mapping[str, int], dtype: str) -> int:
    """About how many bytes a forward and a backward pass take."""
    params = sum(_count(v, dims) for v in cell.params)
    each_step = sum(_count(v, dims) for v in cell.varying)
    entries = params + size.steps * size.batch * each_step
    return COPIES * entries * np.dtype(dtype).itemsize


def memory() -> int | None:
    """Bytes of memory that this process may have; None where the system does not say."""
    found = []
    with suppress(AttributeError, ValueError, OSError):
        found.append(os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"))
    with suppress(ValueError, OSError):  # "max" where a container has no limit
        found.append(int(Path("/sys/fs/cgroup/memory.max").read_text(encoding="ascii")))
    return min(found, default=None)


def _check_memory(cell: Cell, size: Size, dims: Mapping[str, int], dtype: str) -> None:
    there, wanted = memory(), needed(cell, size, dims, dtype)
    if there is not None and wanted > there / 2:
        raise DataError(
            f"{size} takes about {_gib(wanted)}, more than half of the memory, {_gib(there)}",
            mend="take fewer sequences or steps, or smaller states",
        )


def _gib(size: int) -> str:
    return f"{size / 2**30:.3g} GiB"


def _shape(var: Var, dims: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sum(dims[name] for name in dim) for dim in var.shape)


def _count(var: Var, dims: Mapping[str, int]) -> int:
    return math.prod(_shape(var, dims))
