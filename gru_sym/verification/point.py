"""Point: where gradients are compared, all arrays of a cell over a sequence."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike, NDArray

from gru_sym.algebra.expr import Var
from gru_sym.cells.equations import Cell
from gru_sym.codegen.arrays import Named, check_forward
from gru_sym.derive.vjp import BAR
from gru_sym.errors import DataError

__all__ = ["Array", "Arrays", "Point", "point_of", "shape_in"]

Array = NDArray[np.floating[Any]]
Arrays = Mapping[str, Array]


@dataclass(frozen=True, eq=False)
class Point:
    """The arrays of a cell over T steps of B sequences, and a cotangent of each of its outputs.

    The loss whose gradients are compared is L = Σ ⟨cotangent, output⟩ over steps and sequences.

    Attributes:
        cell: the cell.
        params: parameter → its array.
        inputs: input → (T, B, n).
        states: state → its value before the first step (B, n).
        bars: state, or further output → the cotangent of its value after each step, (T, B, n); of
            a number (T, B).
        sizes: dimension → number.
        T: steps.
        B: sequences.
    """

    cell: Cell
    params: Arrays
    inputs: Arrays
    states: Arrays
    bars: Arrays
    sizes: Mapping[str, int]
    T: int
    B: int

    @property
    def moving(self) -> dict[str, Array]:
        """All that has a gradient, by name: parameters, inputs, initial states."""
        return {**self.params, **self.inputs, **self.states}

    @property
    def outputs(self) -> dict[str, str]:
        """The names of :attr:`bars` → the variable that each is the cotangent of."""
        cell = self.cell
        nexts = {str(s.name): str(v.name) for s, v in zip(cell.states, cell.nexts, strict=True)}
        return nexts | {str(v.name): str(v.name) for v in cell.extra}

    @property
    def gradients(self) -> list[str]:
        """The names of the gradients."""
        return [name + BAR for name in self.moving]

    def scaled(self, factor: float) -> "Point":
        """The same with all parameters multiplied."""
        return replace(self, params={name: a * factor for name, a in self.params.items()})

    def sequence(self, b: int) -> "Point":
        """One of the sequences alone."""
        one = slice(b, b + 1)
        return replace(
            self,
            inputs={name: a[:, one] for name, a in self.inputs.items()},
            states={name: a[one] for name, a in self.states.items()},
            bars={name: a[:, one] for name, a in self.bars.items()},
            B=1,
        )


def point_of(
    cell: Cell,
    params: Mapping[str, ArrayLike],
    xs: Named = None,
    h0: Named = None,
    hs_bar: Named = None,
    *,
    seed: int = 0,
) -> Point:
    """The point of given arrays, in double precision.

    Args:
        cell: the cell.
        params: as for :meth:`~gru_sym.codegen.compile.Compiled.forward`; real, as all arrays here.
        xs: likewise.
        h0: likewise; but what is absent is drawn at random: at 0, a path through the state may be
            invisible.
        hs_bar: a mapping from states and further outputs to their cotangents at each step, or the
            array of the output state. What is absent is drawn at random.
        seed: of the random numbers.

    Raises:
        DataError: an array is missing, unknown, of a wrong shape or type, or not finite.
    """
    given = check_forward(cell, params, xs, h0)
    if given.dtype.kind == "c":
        raise DataError("gradients are verified for real arrays", mend="give real arrays")
    rng = np.random.default_rng(seed)
    absent = {str(v.name) for v in cell.states}
    if h0 is not None:
        absent = {k for k, v in h0.items() if v is None} if isinstance(h0, Mapping) else set()
    double = {name: a.astype(np.float64) for name, a in given.values.items()}
    states = {
        name: rng.normal(size=a.shape) / 2 if name in absent else a.astype(np.float64)
        for name, a in given.initial.items()
    }
    point = Point(
        cell,
        params={str(v.name): double[v.name] for v in cell.params},
        inputs={str(v.name): double[v.name] for v in cell.inputs},
        states=states,
        bars={},
        sizes=MappingProxyType(dict(given.sizes)),
        T=given.T,
        B=given.B,
    )
    return replace(point, bars=_bars(point, hs_bar, rng, batched=given.batched))


def _bars(point: Point, hs_bar: Named, rng: np.random.Generator, *, batched: bool) -> Arrays:
    outputs = {str(v.name): v for v in (*point.cell.states, *point.cell.extra)}
    first = next(iter(outputs))
    given: Mapping[str, Any] = {} if hs_bar is None else {first: hs_bar}
    if isinstance(hs_bar, Mapping):
        given = hs_bar
    for name in given:
        if name not in outputs:
            raise DataError(
                f"the cell has no output {name}", mend=f"the outputs are {', '.join(outputs)}"
            )
    found = {}
    for name, var in outputs.items():
        shape = (point.T, point.B, *shape_in(var, point.sizes))
        bar: Array = rng.normal(size=shape)
        if given.get(name) is not None:
            bar = _cotangent(name, given[name], shape, batched=batched)
        found[name] = bar
    return MappingProxyType(found)


def _cotangent(name: str, given: ArrayLike, shape: tuple[int, ...], *, batched: bool) -> Array:
    array = np.asarray(given)
    if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
        raise DataError(
            f"the cotangent of {name} holds what is no finite, real number",
            mend="give finite, real numbers",
        )
    seen = shape if batched else (shape[0], *shape[2:])
    if array.shape not in ((), seen):
        raise DataError(
            f"the cotangent of {name} must have the shape {seen}, got {array.shape}",
            mend="give the cotangent of the output at every step",
        )
    whole: Array = np.broadcast_to(array, seen).astype(np.float64).reshape(shape)
    return whole


def shape_in(var: Var, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """A variable's shape in numbers."""
    return tuple(sum(sizes[name] for name in dim) for dim in var.shape)
