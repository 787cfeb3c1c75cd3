"""Trajectory: everything that a forward pass computed."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from gru_sym.algebra.expr import Var
from gru_sym.cells.equations import Cell
from gru_sym.codegen.functions import Array

__all__ = ["Trajectory"]


@dataclass(frozen=True, eq=False, repr=False)
class Trajectory:
    """The values of a cell along a sequence.

    What follows is for a batch, ``xs`` (T, B, I); an unbatched run, ``xs`` (T, I), has no axis B.

    Attributes:
        cell: the cell that ran.
        T: the number of steps.
        B: the number of sequences.
        sizes: the size of each dimension, ``{"H": 16, "I": 1}``.
        batched: whether the arrays that a reader sees have the axis B.
        stored: name → array, as the generated code keeps it: parameters as they are, what varies
            (T, B, n), a scalar that varies (T, B, 1); a state as it enters each step.
    """

    cell: Cell
    T: int
    B: int
    sizes: Mapping[str, int]
    batched: bool
    stored: Mapping[str, Array] = field(repr=False)

    @property
    def dtype(self) -> np.dtype[np.inexact]:
        """The type of all arrays."""
        return self.stored[self.cell.states[0].name].dtype

    @property
    def hs(self) -> Array:
        """The output state after each step (T, B, H)."""
        return self.read(self.cell.output)

    @cached_property
    def states(self) -> dict[str, Array]:
        """State → its value after each step (T, B, n)."""
        cell = self.cell
        return {
            str(state.name): self.read(after)
            for state, after in zip(cell.states, cell.nexts, strict=True)
        }

    @cached_property
    def extra(self) -> dict[str, Array]:
        """Output beside the states, such as a loss → its value at each step (T, B) or (T, B, n)."""
        return {str(var.name): self.read(var) for var in self.cell.extra}

    @cached_property
    def values(self) -> dict[str, Array]:
        """Every variable and definition by name, at each step: (T, B, n), a scalar (T, B).

        A state's name holds its value before the step. Parameters, and matrices made from them,
        are as they are. What does not vary is repeated as a read-only view.
        """
        given = set(self.cell.params)
        return {
            str(var.name): self.stored[var.name]
            if var in given or len(var.shape) == 2
            else self.read(var)
            for var in self.cell.program.variables
        }

    def read(self, var: Var) -> Array:
        """A variable at each step, as a reader sees it.

        Args:
            var: a variable of the cell's program.
        """
        array = self.stored[var.name]
        if var not in self.cell.varying:
            array = np.broadcast_to(array, (self.T, self.B, *array.shape))
        elif not var.shape:
            array = array[..., 0]
        return array if self.batched else array[:, 0]

    def __repr__(self) -> str:
        sizes = ", ".join(f"{name}={size}" for name, size in self.sizes.items())
        batch = f", B={self.B}" if self.batched else ""
        return f"Trajectory({self.cell.name}, T={self.T}{batch}, {sizes}, {self.dtype})"
