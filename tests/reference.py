"""What a cell means, on its own: complex steps through the lines of a cell as they were parsed.

It shares nothing with code generation or with the passes: all perturbations are computed at once,
by a leading axis of the arrays.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from random import Random
from typing import Any

import numpy as np
import sympy as sp
from hypothesis import assume

from gru_sym.algebra.expr import Dim, Expr, Shape, Size, Var, shape_of
from gru_sym.algebra.nodes import Concat, LogSumExp, MatVec, Softmax, Total, Transpose
from gru_sym.algebra.rules import Elementwise
from gru_sym.cells import Cell
from gru_sym.errors import TextError
from tests.random_cells import random_text

Arrays = dict[str, Any]

STEP = 1e-40
LARGEST = 12
"""Of larger values 1 - sigmoid(a), as the reference computes it, has lost its digits."""
NOISE = 1e-12
"""A gradient that small next to the others is what is left of terms that cancel."""


# -- what a cell means -------------------------------------------------------------------------


def function(name: str, a: Any) -> Any:
    """A function of the language on complex numbers, analytic where it is."""
    positive = a.real > 0
    match name:
        case "sigmoid":
            return 1 / (1 + np.exp(-a))
        case "softplus":
            return np.log(1 + np.exp(a))
        case "relu":
            return np.where(positive, a, 0)
        case "step":
            return np.where(positive, 1.0 + 0j, 0)
        case "abs":
            return np.where(positive, a, -a)
    return getattr(np, name)(a)


@dataclass(frozen=True)
class Values:
    """Evaluates expressions on arrays (perturbations, sequences, …)."""

    sizes: Mapping[str, int]
    known: dict[Expr, Any]

    def size(self, dim: Dim) -> int:
        return sum(self.sizes[name] for name in dim)

    def full(self, expr: Expr, shape: Shape) -> Any:
        """The value of an expression as an array of a shape; a number is broadcast."""
        value = self.of(expr)
        if shape and not shape_of(expr):
            value = value.reshape(*value.shape, *(1,) * len(shape))
        return np.broadcast_to(value, (*value.shape[:2], *map(self.size, shape)))

    def of(self, expr: Expr) -> Any:
        if expr not in self.known:
            self.known[expr] = self._of(expr)
        return self.known[expr]

    def _of(self, expr: Expr) -> Any:
        if isinstance(expr, Size):
            return np.full((1, 1), self.sizes[str(expr.name)], complex)
        if expr.is_Number:
            return np.full((1, 1), complex(expr))
        if isinstance(expr, sp.Add | sp.Mul):
            parts = [self.full(arg, shape_of(expr)) for arg in expr.args]
            total = parts[0]
            for other in parts[1:]:
                total = total + other if isinstance(expr, sp.Add) else total * other
            return total
        if isinstance(expr, sp.Pow):
            exponent = int(expr.exp) if expr.exp.is_Integer else float(expr.exp)
            return self.of(expr.base) ** exponent
        if isinstance(expr, Elementwise):
            return function(expr.func.__name__, self.of(expr.args[0]))
        return self._node(expr)

    def _node(self, node: Expr) -> Any:
        match node:
            case Transpose():
                return np.swapaxes(self.of(node.args[0]), -1, -2)
            case MatVec():
                matrix, vector = node.args
                column = self.full(vector, shape_of(matrix)[1:])[..., np.newaxis]
                return (self.of(matrix) @ column)[..., 0]
            case Total():
                inner = self.full(node.args[0], node.summed)
                return inner.sum(axis=tuple(range(2, inner.ndim)))
            case Concat():
                shapes = [(*node.shape[:-1], dim) for dim in node.blocks]
                parts = list(map(self.full, node.operands, shapes))
                lead = np.broadcast_shapes(*(part.shape[:2] for part in parts))
                parts = [np.broadcast_to(part, (*lead, *part.shape[2:])) for part in parts]
                return np.concatenate(parts, axis=-1)
            case Softmax():
                exps = np.exp(self.full(node.args[0], node.shape))
                return exps / exps.sum(axis=-1, keepdims=True)
            case LogSumExp():
                return np.log(np.exp(self.full(node.args[0], node.summed)).sum(axis=-1))
        raise AssertionError(type(node))


# -- random numbers for a cell -----------------------------------------------------------------


@dataclass(frozen=True)
class Case:
    """A cell with arrays: each argument of a module as it takes it."""

    cell: Cell
    sizes: dict[str, int]
    params: Arrays
    inputs: Arrays
    states: Arrays
    ups: Arrays

    @property
    def lead(self) -> tuple[int, int]:
        return next(iter(self.ups.values())).shape[:2]

    def reference(self) -> tuple[Arrays, Arrays]:
        """The values of the cell's own variables over time, and all gradients."""
        groups = {**self.params, **self.inputs, **self.states}
        count = sum(array.size for array in groups.values()) + 1
        moved, at = {}, 1
        for name, array in groups.items():
            many = np.broadcast_to(array.astype(complex), (count, *array.shape)).copy()
            flat = many.reshape(count, -1)
            flat[np.arange(at, at + array.size), np.arange(array.size)] += STEP * 1j
            moved[name] = many
            at += array.size
        values, total = self._run(moved, count)
        ends = np.cumsum([array.size for array in groups.values()]) + 1
        grads = {
            f"{name}_bar": (total[end - array.size : end].imag / STEP).reshape(array.shape)
            for (name, array), end in zip(groups.items(), ends, strict=True)
        }
        return values, grads

    def _run(self, moved: Arrays, count: int) -> tuple[Arrays, Any]:
        cell, (steps, _) = self.cell, self.lead
        carry = {s: moved[s.name] for s in cell.states}
        values: dict[str, list[Any]] = {str(v.name): [] for v in cell.program.variables}
        total = np.zeros(count, complex)
        for t in range(steps):
            known: dict[Expr, Any] = {v: moved[v.name][:, t] for v in cell.inputs} | carry
            known |= {v: moved[v.name][:, np.newaxis] for v in cell.params}
            now = Values(self.sizes, known)
            for d in cell.program:
                known[d.var] = now.full(d.expr, d.var.shape)
            carry = {s: known[after] for s, after in zip(cell.states, cell.nexts, strict=True)}
            for v in cell.program.variables:
                values[str(v.name)].append(known[v][0].real)
            for v, up in zip(cell.program.outputs, self.ups.values(), strict=True):
                product = known[v] * up[t]
                total = total + product.sum(axis=tuple(range(1, product.ndim)))
        return {name: _stacked(arrays) for name, arrays in values.items()}, total


def _stacked(arrays: list[Any]) -> Any:
    shape = np.broadcast_shapes(*(array.shape for array in arrays))
    return np.stack([np.broadcast_to(array, shape) for array in arrays])


def cell_of(seed: int) -> Cell:
    """A random cell."""
    return parsed(random_text(Random(seed)))


def parsed(text: str) -> Cell:
    """The cell of a text; one that has shapes which contradict each other is passed over."""
    try:
        return Cell.parse(text)
    except TextError:
        return assume(False)  # type: ignore[return-value]


def case_of(cell: Cell, seed: int, lengths: tuple[int, ...], lead: tuple[int, int]) -> Case:
    names = dict.fromkeys(n for v in cell.program.variables for dim in v.shape for n in dim)
    sizes = {name: lengths[k % len(lengths)] for k, name in enumerate(names)}
    rng = np.random.default_rng(seed)

    def draw(var: Var, *lead: int) -> Any:
        shape = (sum(sizes[n] for n in dim) for dim in var.shape)
        return rng.normal(scale=0.6, size=(*lead, *shape))

    return Case(
        cell,
        sizes,
        {str(v.name): draw(v) for v in cell.params},
        {str(v.name): draw(v, *lead) for v in cell.inputs},
        {str(v.name): draw(v, lead[1]) for v in cell.states},
        {str(v.name): draw(v, *lead) for v in (*cell.states, *cell.extra)},
    )


def reasonable(case: Case) -> bool:
    """Whether the reference is one: it has no overflow, and 1 - z has digits."""
    with np.errstate(all="ignore"):
        values, grads = case.reference()
    finite = all(np.isfinite(array).all() for array in (*values.values(), *grads.values()))
    return finite and all(np.abs(array).max() < LARGEST for array in values.values())


def assert_close(name: str, found: Any, right: Any, bound: float, largest: float) -> None:
    assert found.shape == right.shape, name
    apart, size = np.linalg.norm(found - right), np.linalg.norm(right)
    noise = NOISE * bound / 1e-9
    assert apart <= bound * size or (size < noise * largest and apart < noise * largest), name
