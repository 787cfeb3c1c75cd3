"""What equations mean, straight from their syntax tree, over any library of arrays.

This is the ground on which the oracles stand: a second reading of the language, which shares the
parser with the rest of the package and nothing else. It knows no derivative, no pass and no
generated code; whatever a :class:`Library` differentiates, it differentiates by its own means.

A value is an array and its rank: 0 for a number, 1 for a vector, 2 for a matrix. In front of these
axes an array may have others (sequences, perturbations), which broadcast.
"""

import math
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from fractions import Fraction
from typing import Any, NamedTuple

import numpy as np

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Shape
from gru_sym.algebra.present import Presenter
from gru_sym.algebra.program import Program
from gru_sym.cells.build import lower
from gru_sym.cells.equations import Cell

__all__ = ["Library", "Meaning", "Ranked", "Values", "constant"]


class Ranked(NamedTuple):
    """An array, and how many of its last axes are those of the value."""

    array: Any
    rank: int


Values = dict[str, Ranked]
"""Name → value."""


@dataclass(frozen=True)
class Library:
    """The operations of a library of arrays that Python's operators do not name.

    Attributes:
        number: an exact number as this library's.
        functions: the elementwise functions of the language, by name.
        power: an array to a rational power.
        matvec: a matrix (…, n, m) times a vector (…, m).
        concatenate: arrays joined along the last axis.
        broadcast: an array in a larger shape.
        softmax: over the last axis.
        logsumexp: over the last axis.
    """

    number: Callable[[Fraction], Any]
    functions: Mapping[str, Callable[[Any], Any]]
    power: Callable[[Any, Fraction], Any]
    matvec: Callable[[Any, Any], Any]
    concatenate: Callable[[Sequence[Any]], Any]
    broadcast: Callable[[Any, tuple[int, ...]], Any]
    softmax: Callable[[Any], Any]
    logsumexp: Callable[[Any], Any]


@dataclass(frozen=True, eq=False)
class Meaning:
    """The lines of one time step, to be evaluated in order.

    Attributes:
        lines: the definitions.
        sizes: dimension → number, for slices and for what divides by a size.
        shapes: definition → its shape, where it may be written as a number: ``h_next = 0`` is none.
    """

    lines: tuple[tree.Definition, ...]
    sizes: Mapping[str, int]
    shapes: Mapping[str, tuple[int, ...]] = field(default_factory=dict)

    @classmethod
    def of_cell(cls, cell: Cell, sizes: Mapping[str, int]) -> "Meaning":
        """The equations as they were written; arguments of activations get their names."""
        lines = tuple(d for line in cell.document.definitions for d in lower(line))
        return cls(lines, sizes, {str(v.name): _numbers(v.shape, sizes) for v in cell.nexts})

    @classmethod
    def of_program(cls, program: Program, sizes: Mapping[str, int]) -> "Meaning":
        """The lines of a derivation, as a reader sees them."""
        presenter = Presenter.of(program)
        lines = (tree.Definition(str(d.name), presenter.expression(d.expr)) for d in program)
        shapes = {str(d.name): _numbers(d.var.shape, sizes) for d in program}
        return cls(tuple(lines), sizes, shapes)

    def step(self, library: Library, given: Mapping[str, Ranked]) -> Values:
        """All values of one step, from those of its inputs, states and parameters."""
        values = dict(given)
        for line in self.lines:
            value = self.value(library, line.value, values)
            values[line.name] = _shaped(library, value, self.shapes.get(line.name, ()))
        return values

    def unroll(
        self,
        library: Library,
        cell: Cell,
        arrays: Mapping[str, Any],
        steps: int,
    ) -> Iterator[Values]:
        """The values of each step in turn.

        Args:
            library: of the arrays.
            cell: whose lines these are; it says what the states are.
            arrays: parameters; inputs, with time as the first axis; states before the first step.
            steps: T.
        """
        known = {str(v.name): Ranked(arrays[str(v.name)], len(v.shape)) for v in cell.params}
        carried = {str(v.name): Ranked(arrays[str(v.name)], 1) for v in cell.states}
        for t in range(steps):
            here = {str(v.name): Ranked(arrays[str(v.name)][t], 1) for v in cell.inputs}
            values = self.step(library, known | here | carried)
            yield values
            carried = {
                str(state.name): values[str(after.name)]
                for state, after in zip(cell.states, cell.nexts, strict=True)
            }

    # -- one expression ------------------------------------------------------------------------

    def value(self, library: Library, node: tree.Node, values: Mapping[str, Ranked]) -> Ranked:
        """The value of a tree."""
        found: dict[int, Ranked] = {}
        for part in tree.postorder(node):
            found[id(part)] = self._value(library, part, values, found)
        return found[id(node)]

    def _value(
        self,
        library: Library,
        node: tree.Node,
        values: Mapping[str, Ranked],
        found: Mapping[int, Ranked],
    ) -> Ranked:
        def of(part: tree.Node) -> Ranked:
            return found[id(part)]

        match node:
            case tree.Number(value=number):
                return Ranked(library.number(number), 0)
            case tree.Name(name=name) if name in values:
                return values[name]
            case tree.Name(name=name):
                return Ranked(library.number(Fraction(self.sizes[name])), 0)
            case tree.Neg(arg=arg):
                return Ranked(-of(arg).array, of(arg).rank)
            case tree.Transpose(arg=arg):
                return Ranked(_turned(of(arg).array), 2)
            case tree.Slice(arg=arg, start=start, stop=stop):
                first, last = self._size(start), self._size(stop)
                return Ranked(of(arg).array[..., first:last], of(arg).rank)
            case tree.Concat(items=items):
                rank = max(of(item).rank for item in items)
                return Ranked(_joined(library, [_lifted(of(i), rank) for i in items], rank), rank)
            case tree.Binary(op="@", left=left, right=right):
                return Ranked(_product(library, of(left).array, of(right)), 1)
            case tree.Binary(op="**", left=left, right=right):
                return Ranked(library.power(of(left).array, constant(right)), of(left).rank)
            case tree.Binary(op=op, left=left, right=right):
                rank = max(of(left).rank, of(right).rank)
                return Ranked(
                    _OPERATORS[op](_lifted(of(left), rank), _lifted(of(right), rank)), rank
                )
            case tree.Call(func=func, args=args):
                return _called(library, func, [of(arg) for arg in args])

    def _size(self, names: Iterable[str] | None) -> int | None:
        return None if names is None else sum(self.sizes[name] for name in names)


def constant(node: tree.Node) -> Fraction:
    """The exact value of a tree of numbers, such as the exponent ``-3/2``."""
    match node:
        case tree.Number(value=value):
            return value
        case tree.Neg(arg=arg):
            return -constant(arg)
        case tree.Binary(op="**", left=left, right=right):
            return constant(left) ** int(constant(right))
        case tree.Binary(op=op, left=left, right=right) if op in _OPERATORS:
            result: Fraction = _OPERATORS[op](constant(left), constant(right))
            return result
    raise AssertionError(f"the parser lets no such exponent through: {node}")


_OPERATORS: Mapping[str, Callable[[Any, Any], Any]] = {
    "+": lambda a, b: a + b,
    "-": lambda a, b: a - b,
    "*": lambda a, b: a * b,
    "/": lambda a, b: a / b,
}


def _lifted(value: Ranked, rank: int) -> Any:
    """The array with the axes of a value of higher rank: a number beside a vector."""
    if value.rank == rank or not np.ndim(value.array):
        return value.array
    return value.array[(..., *(None,) * (rank - value.rank))]


def _numbers(shape: Shape, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sum(sizes[name] for name in dim) for dim in shape)


def _shaped(library: Library, value: Ranked, shape: tuple[int, ...]) -> Ranked:
    """A value in the shape that it stands for: a number becomes a vector of it."""
    rank = len(shape)
    if not rank:
        return value
    array = _lifted(value, rank)
    if np.ndim(array) and tuple(array.shape[-rank:]) == shape:
        return Ranked(array, rank)
    lead = tuple(array.shape[:-rank]) if np.ndim(array) else ()
    return Ranked(library.broadcast(array, (*lead, *shape)), rank)


def _turned(matrix: Any) -> Any:
    return matrix.swapaxes(-1, -2)


def _product(library: Library, matrix: Any, vector: Ranked) -> Any:
    array = _lifted(vector, 1)
    columns = matrix.shape[-1]
    if not np.ndim(array) or array.shape[-1] != columns:  # a number in each entry
        lead = tuple(array.shape[:-1]) if np.ndim(array) else ()
        array = library.broadcast(array, (*lead, columns))
    return library.matvec(matrix, array)


def _joined(library: Library, arrays: list[Any], rank: int) -> Any:
    leads = [tuple(array.shape[:-rank]) for array in arrays]
    lead = np.broadcast_shapes(*leads)
    return library.concatenate(
        [library.broadcast(array, (*lead, *array.shape[-rank:])) for array in arrays]
    )


def _shaped_vector(library: Library, value: Ranked) -> Any:
    """The array of a vector; of a number that of a vector of one entry, which broadcasts."""
    array = _lifted(value, 1)
    return array if np.ndim(array) else library.broadcast(array, (1,))


def _called(library: Library, func: str, args: list[Ranked]) -> Ranked:
    (array, rank), *others = args
    if func == "outer":
        left, right = (_shaped_vector(library, each) for each in (args[0], *others))
        return Ranked(left[..., None] * right[..., None, :], 2)
    if func not in {"sum", "mean", "softmax", "logsumexp"}:
        return Ranked(library.functions[func](array), rank)
    if rank == 0:
        return Ranked(array / array if func == "softmax" else array, 0)
    if func == "softmax":
        return Ranked(library.softmax(array), rank)
    flat = array.reshape((*array.shape[:-rank], math.prod(array.shape[-rank:])))
    if func == "logsumexp":
        return Ranked(library.logsumexp(flat), 0)
    total = flat.sum(-1)
    return Ranked(total if func == "sum" else total / flat.shape[-1], 0)
