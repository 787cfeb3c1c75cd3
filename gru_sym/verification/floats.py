"""Oracles in double precision: the complex step, PyTorch, JAX, and backprop by hand.

Each reads the cell's own equations, or was written by hand; none reads what is verified. Where
gates saturate they lose digits that the generated code keeps: ``1 - z`` is a difference to them.
"""

import importlib
from collections.abc import Iterable, Iterator
from functools import lru_cache
from types import ModuleType
from typing import Any

import numpy as np

from gru_sym.algebra.expr import Var
from gru_sym.cells.equations import Cell
from gru_sym.derive.vjp import BAR
from gru_sym.prove.recognise import handwritten, with_backprop_by_hand
from gru_sym.verification.libraries import complex_numpy, jax_library, torch_library
from gru_sym.verification.meaning import Library, Meaning, Ranked
from gru_sym.verification.point import Array, Point
from gru_sym.verification.truth import NotRunError, Truth, stacked, within

__all__ = ["STEP", "by_hand", "complex_step", "jax_reverse", "torch_autograd"]

STEP = 1e-30
"""ε of the complex step: its square is nothing beside 1, and in float64 it does not underflow."""

_AT_ONCE = 1 << 19
"""Complex numbers in one perturbed array; it bounds the memory."""


# -- the complex step ------------------------------------------------------------------------------


def complex_step(point: Point) -> Truth:
    """Im f(x + iε) / ε, for every entry of every array (Squire & Trapp 1998).

    f(x + iε) = f(x) + iε f'(x) + O(ε²): no difference is taken, hence nothing cancels, and ε can be
    so small that the error term vanishes (doi:10.1137/S003614459631241X). Perturbed copies go
    through the equations side by side.

    Raises:
        NotRunError: that would be too much work.
    """
    within(_passes(point), "complex step")
    meaning, library = Meaning.of_cell(point.cell, point.sizes), complex_numpy()
    values = stacked(point, meaning.unroll(library, point.cell, point.moving, point.T))
    if not all(np.isfinite(value).all() for value in values.values()):
        raise NotRunError("the equations, as they are written, are not finite in float64 here")
    gradients = {}
    for name, array in point.moving.items():
        slopes = [
            _slopes(point, meaning, library, name, entries)
            for entries in _parts(array, point.T * point.B if name in point.inputs else point.B)
        ]
        gradients[name + BAR] = np.concatenate(slopes).reshape(array.shape)
    return Truth(gradients, values)


def _passes(point: Point) -> float:
    """About how many multiplications there are."""
    weights = sum(array.size for array in point.moving.values())
    each = sum(array.size for array in point.params.values())
    return 1.0 * weights * point.T * point.B * (each + 50)


def _parts(array: Array, rows: int) -> Iterator[range]:
    """All entries, so many at a time that they take little memory."""
    size = max(1, _AT_ONCE // max(array.size, rows))
    for start in range(0, array.size, size):
        yield range(start, min(start + size, array.size))


def _slopes(point: Point, meaning: Meaning, library: Library, name: str, entries: range) -> Array:
    """∂L/∂entry for some entries of one array, each moved in a copy of its own."""
    base = point.moving[name]
    moved = np.broadcast_to(base.astype(complex), (len(entries), *base.shape)).copy()
    moved.reshape(len(entries), -1)[range(len(entries)), list(entries)] += STEP * 1j
    if name in point.params:  # (copies, 1, …): an axis for the sequences
        moved = moved[:, None]
    elif name in point.inputs:  # (T, copies, B, n): time stays in front
        moved = moved.swapaxes(0, 1)
    total = np.zeros(len(entries))
    steps = meaning.unroll(library, point.cell, {**point.moving, name: moved}, point.T)
    for t, values in enumerate(steps):
        for output, after in point.outputs.items():
            slope = np.imag(values[after].array) / STEP
            weighted = np.atleast_1d(slope * point.bars[output][t])
            if weighted.ndim > point.bars[output][t].ndim:
                total += weighted.reshape(len(entries), -1).sum(-1)
    return total


# -- PyTorch and JAX -------------------------------------------------------------------------------


def torch_autograd(point: Point) -> Truth:
    """PyTorch's autograd through the equations."""
    torch = _library("torch")
    leaves = {name: torch.tensor(array, requires_grad=True) for name, array in point.moving.items()}
    meaning = Meaning.of_cell(point.cell, point.sizes)
    steps = list(meaning.unroll(torch_library(), point.cell, leaves, point.T))
    loss = sum(
        (torch.as_tensor(values[after].array) * torch.tensor(bar[t])).sum()
        for t, values in enumerate(steps)
        for (after, bar) in _pairs(point)
    )
    loss = loss + 0 * sum(leaf.sum() for leaf in leaves.values())  # each leaf takes part
    found = torch.autograd.grad(loss, list(leaves.values()))
    gradients = {n + BAR: g.numpy() for n, g in zip(leaves, found, strict=True)}
    plain = ({n: Ranked(_detached(v.array), v.rank) for n, v in s.items()} for s in steps)
    return Truth(gradients, stacked(point, plain))


def jax_reverse(point: Point) -> Truth:
    """``jax.grad`` of a scan of the equations."""
    jax = _library("jax")
    with jax.enable_x64(True):
        function = _jax_gradients(point.cell, tuple(point.sizes.items()))
        found, values = function(point.moving, dict(point.bars))
        gradients = {n + BAR: np.asarray(g) for n, g in found.items()}
        ranks = {str(v.name): len(v.shape) for v in point.cell.program.variables}
        whole = {n: np.asarray(a) for n, a in values.items()}
        each = ({n: Ranked(a[t], ranks[n]) for n, a in whole.items()} for t in range(point.T))
        return Truth(gradients, stacked(point, each))


@lru_cache(maxsize=8)
def _jax_gradients(cell: Cell, sizes: tuple[tuple[str, int], ...]) -> Any:
    """A compiled function of (all arrays, cotangents) → gradients, values."""
    jax = _library("jax")
    meaning, library = Meaning.of_cell(cell, dict(sizes)), jax_library()
    nexts = list(zip(_names(cell.states), _names(cell.nexts), strict=True))
    outputs = dict(nexts) | {name: name for name in _names(cell.extra)}

    def loss(moving: Any, bars: Any) -> tuple[Any, dict[str, Any]]:
        def step(carried: Any, now: Any) -> Any:
            inputs, bars = now
            here = {n: a[None] for n, a in inputs.items()}
            values = next(meaning.unroll(library, cell, moving | here | carried, 1))
            total = sum((values[after].array * bars[out]).sum() for out, after in outputs.items())
            after = {n: library.broadcast(values[v].array, carried[n].shape) for n, v in nexts}
            return after, (total, {line.name: values[line.name].array for line in meaning.lines})

        start = {name: moving[name] for name in _names(cell.states)}
        inputs = {name: moving[name] for name in _names(cell.inputs)}
        _, (totals, values) = jax.lax.scan(step, start, (inputs, bars))
        return totals.sum(), values

    return jax.jit(jax.grad(loss, has_aux=True))


def _names(variables: Iterable[Var]) -> list[str]:
    return [str(v.name) for v in variables]


def _pairs(point: Point) -> list[tuple[str, Array]]:
    return [(after, point.bars[output]) for output, after in point.outputs.items()]


def _detached(array: Any) -> Any:
    return array.detach().numpy() if hasattr(array, "detach") else array


def _library(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError:
        raise NotRunError(f"{name} is not installed (pip install {name})") from None


# -- by hand ---------------------------------------------------------------------------------------


def by_hand(point: Point) -> Truth:
    """Backprop derived and written by hand, where the cell is one that has it.

    Raises:
        NotRunError: nobody has written it for this cell.
    """
    found = handwritten(point.cell)
    if found is None:
        written = ", ".join(with_backprop_by_hand())
        raise NotRunError(f"nobody has written it by hand: there are {written}")
    module, known, own = found.module, found.known, found.names
    params = {str(v.name): point.params[own[str(v.name)]] for v in known.params}
    xs = [point.inputs[own[str(v.name)]] for v in known.inputs]
    states = [own[str(v.name)] for v in known.states]
    given = (params, *xs, *(point.states[name] for name in states))
    trajectory = module.forward(*given)
    bars = module.backward(*given, trajectory, *(point.bars[name] for name in states))
    gradients = {own[name.removesuffix(BAR)] + BAR: bar for name, bar in bars.items()}
    after = dict(point.outputs)
    values = {after[own[str(v.name)]]: trajectory[f"{v.name}s"] for v in known.states}
    return Truth(gradients, values)
