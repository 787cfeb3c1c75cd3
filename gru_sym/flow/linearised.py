"""linearised: the Jacobians of all steps of a sequence, as sums of families of products.

Nothing of size T·H² is made: a step is applied to vectors, from the left (the adjoint, back in
time) or from the right (the tangent, forward in time), at O(H²) for each vector and matrix.
"""

from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
from numpy.typing import ArrayLike

from gru_sym.cells.equations import Cell
from gru_sym.codegen.arrays import Named
from gru_sym.codegen.compile import Compiled, compile
from gru_sym.codegen.factors import factors_of
from gru_sym.codegen.functions import Array
from gru_sym.codegen.trajectory import Trajectory
from gru_sym.derive.families import Family
from gru_sym.errors import DataError, UnsupportedError
from gru_sym.flow.products import Product, Products, products

__all__ = ["Linearised", "along", "linearised"]


@dataclass(frozen=True, eq=False, repr=False)
class Linearised:
    """The steps of a sequence, each a linear map of small changes of the state.

    The states of the cell stand below each other in one vector of S entries; ``blocks`` has their
    places. Rows of several vectors are (R, B, S): R vectors for each of the B sequences.

    Attributes:
        cell: the cell.
        trajectory: the values of the cell along the sequence.
        families: the families that each step is the sum of, F in number.
        blocks: state → its entries in the vector of all states.
        skip: which family is the skip, the one without a matrix; None where there is none.
    """

    cell: Cell
    trajectory: Trajectory
    families: tuple[Family, ...]
    blocks: Mapping[str, slice]
    skip: int | None
    _products: Products = field(repr=False)

    @property
    def T(self) -> int:
        """The number of steps."""
        return self.trajectory.T

    @property
    def B(self) -> int:
        """The number of sequences."""
        return self.trajectory.B

    @property
    def S(self) -> int:
        """The length of the state, all states together."""
        return max(block.stop for block in self.blocks.values())

    @property
    def names(self) -> tuple[str, ...]:
        """The names of the families."""
        return tuple(family.name for family in self.families)

    def left(self, t: int, rows: Array) -> Array:
        """Rows times the Jacobian of step t, by family: (R, B, S) → (F, R, B, S).

        Args:
            t: the step, from 0.
            rows: cotangents of the state after the step.
        """
        return self._products.left.by_family(t, rows)

    def left_total(self, t: int, rows: Array) -> Array:
        """Rows times the Jacobian of step t: the cotangents before the step, (R, B, S)."""
        return self._products.left.total(t, rows)

    def left_skip(self, t: int, rows: Array) -> Array:
        """Rows times the skip of step t alone, (R, B, S): O(S) each; zeros where there is none."""
        return self._skip.total(t, rows)

    def left_rest(self, t: int, rows: Array) -> Array:
        """Rows times all families of step t but the skip, (R, B, S)."""
        return self._rest.total(t, rows)

    def left_of(self, names: Collection[str]) -> Callable[[int, Array], Array]:
        """A function like :meth:`left_total`, of some families alone.

        Args:
            names: the names of the families.
        """
        wanted = [k for k, name in enumerate(self.names) if name in names]
        return self._products.left.only(wanted).total

    def right(self, t: int, rows: Array) -> Array:
        """The Jacobian of step t times tangents, by family: (R, B, S) → (F, R, B, S)."""
        return self._products.right.by_family(t, rows)

    def right_total(self, t: int, rows: Array) -> Array:
        """The Jacobian of step t times tangents of the state before it, (R, B, S)."""
        return self._products.right.total(t, rows)

    @cached_property
    def _skip(self) -> Product:
        return self._products.left.only([k for k in range(len(self.families)) if k == self.skip])

    @cached_property
    def _rest(self) -> Product:
        return self._products.left.only([k for k in range(len(self.families)) if k != self.skip])

    def cotangent(self, given: Named | ArrayLike = None) -> Array:
        """The cotangent of the state after the last step, (B, S).

        Args:
            given: that of the output state, (H,) for all sequences or (B, H); that of all states
                as one vector (S,) or (B, S); or by name of the state. None: ones on the output
                state.

        Raises:
            DataError: it is unknown, of a wrong shape, not finite, or zero.
        """
        whole = np.zeros((self.B, self.S))
        if given is None:
            whole[:, self.blocks[str(self.cell.states[0].name)]] = 1
            return whole
        if not isinstance(given, Mapping):
            array = _array("the cotangent", given)
            if array.shape[-1:] == (self.S,):
                whole[...] = _placed("the cotangent", array, self.B, self.S)
                return _not_zero(whole)
            given = {str(self.cell.states[0].name): array}
        for name, value in given.items():
            if name not in self.blocks:
                raise DataError(
                    f"`{self.cell.name}` has no state {name}",
                    mend=f"give cotangents of {', '.join(self.blocks)}",
                )
            block = self.blocks[name]
            array = _array(f"the cotangent of {name}", value)
            size = block.stop - block.start
            whole[:, block] = _placed(f"the cotangent of {name}", array, self.B, size)
        return _not_zero(whole)

    def shown(self, values: Array, axis: int = -1) -> Array:
        """Results without the axis B, where the sequence had none."""
        return values if self.trajectory.batched else np.take(values, 0, axis=axis)

    def __repr__(self) -> str:
        return f"Linearised({self.trajectory!r}, families: {', '.join(self.names)})"


def linearised(
    cell: Cell | Compiled,
    params: Mapping[str, ArrayLike],
    xs: Named = None,
    h0: Named = None,
) -> Linearised:
    """Run a cell over a sequence in float64, and linearise each of its steps.

    Args:
        cell: any cell; or a compiled one.
        params: the array of each parameter.
        xs: the input (T, I) or (T, B, I); several by name; the number of steps without inputs.
        h0: the initial state (H,) or (B, H); several by name; None for zeros.

    Raises:
        DataError: an array is missing, unknown, of a wrong shape or type, or not finite.
        UnsupportedError: the cell has too many paths, or the arrays are complex.

    >>> from gru_sym import cells
    >>> params = {"W_h": np.ones((2, 1)), "U_h": np.eye(2) / 2, "b_h": np.zeros(2)}
    >>> linearised(cells.rnn, params, np.zeros((5, 1)))
    Linearised(Trajectory(rnn, T=5, I=1, H=2, float64), families: direct)
    """
    run = cell if isinstance(cell, Compiled) else compile(cell)
    return along(run.cell, run.forward(params, _wide(xs), h0))


def along(cell: Cell, trajectory: Trajectory) -> Linearised:
    """The steps of a trajectory that is at hand.

    Args:
        cell: the cell.
        trajectory: what its compiled form gave, of real arrays.

    Raises:
        UnsupportedError: the cell has too many paths, or the arrays are not real.
    """
    if trajectory.dtype.kind != "f":
        raise UnsupportedError(
            f"gradient flow of numbers of the type {trajectory.dtype}",
            mend="give real arrays and use the backend numpy",
        )
    before, start = {}, 0
    for state in cell.states:
        size = trajectory.stored[state.name].shape[-1]
        before[state] = slice(start, start + size)
        start += size
    after = dict(zip(cell.nexts, before.values(), strict=True))
    factors = factors_of(cell)
    values = factors.along(trajectory)
    found = products(factors, values, trajectory.sizes, before, after)
    skip = next((k for k, family in enumerate(factors.families) if family.is_skip), None)
    blocks = {str(state.name): block for state, block in before.items()}
    return Linearised(cell, trajectory, factors.families, blocks, skip, found)


def _wide(xs: Named) -> Named:
    """The inputs in float64, which all arrays of a run then have."""
    if isinstance(xs, Mapping):
        return {name: _wide(value) for name, value in xs.items()}  # type: ignore[misc]
    array = None if xs is None else np.asarray(xs)
    return array.astype(np.float64) if array is not None and array.dtype.kind == "f" else xs


def _array(what: str, given: ArrayLike | None) -> Array:
    array = np.asarray(given)
    if array.dtype.kind not in "biuf":
        raise DataError(f"{what} holds {array.dtype}, not real numbers", mend="give an array")
    if not np.isfinite(array).all():
        raise DataError(f"{what} is not finite", mend="every number must be finite")
    return array


def _placed(what: str, array: Array, B: int, size: int) -> Array:
    if array.shape not in {(size,), (B, size)}:
        wanted = f"({size},)" if B == 1 else f"({size},) or ({B}, {size})"
        raise DataError(
            f"{what} has the shape {array.shape}, and must be {wanted}",
            mend="give one number for each entry of the state after the last step",
        )
    return array


def _not_zero(whole: Array) -> Array:
    if not whole.any(axis=-1).all():
        raise DataError(
            "the cotangent is zero, and so is every gradient", mend="give one that is not"
        )
    return whole
