"""The complex step: gradients from forward passes alone.

The complex step (Squire & Trapp 1998, doi:10.1137/S003614459631241X) needs nothing but the forward
pass: f(x + iε) = f(x) + iε f'(x) + O(ε²), so that Im f(x + iε) / ε is the derivative. No difference
is taken, hence nothing cancels, and ε can be so small that the error term vanishes.
"""

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gru_sym.codegen.arrays import Named
from gru_sym.codegen.compile import Compiled
from gru_sym.codegen.functions import Array
from gru_sym.codegen.trajectory import Trajectory
from gru_sym.derive.vjp import BAR
from gru_sym.errors import DataError

__all__ = ["STEP", "complex_step"]

STEP = 1e-30
"""ε of the complex step: its square is nothing beside 1, and in float64 it does not underflow."""

_ROWS_AT_ONCE = 1 << 14
"""Steps times sequences of one perturbed forward pass; it bounds the memory."""


def complex_step(
    run: Compiled,
    params: Mapping[str, ArrayLike],
    xs: Named = None,
    h0: Named = None,
    hs_bar: Named = None,
) -> dict[str, Array]:
    """The gradients that :meth:`~.Compiled.backward` computes, from forward passes alone.

    They are those of L = Σ ⟨cotangent, output⟩ over steps and sequences. Every entry of every
    parameter takes one forward pass; those of inputs and initial states go through it side by
    side, as sequences of one batch. All is computed in double precision.

    Args:
        run: the compiled cell.
        params: as for :meth:`~.Compiled.forward`; real, as all arrays here.
        xs: the inputs, likewise.
        h0: the initial states, likewise.
        hs_bar: the cotangents, as for :meth:`~.Compiled.backward`.

    Returns:
        ``<name>_bar`` for each parameter, input and initial state, float64, in its shape.

    Raises:
        DataError: an array is missing, unknown, of a wrong shape or type, complex or not finite.
    """
    at = run.forward(params, xs, h0)
    if at.dtype.kind == "c":
        raise DataError(
            "the complex step needs real arrays, and one of these is complex",
            mend="give real parameters, inputs and states",
        )
    cell = run.cell
    upstream = _upstream(at, hs_bar)
    weights: dict[str, Array] = {
        str(v.name): at.stored[v.name].astype(np.float64) for v in cell.params
    }
    inputs: dict[str, Array] = {
        str(v.name): at.stored[v.name].astype(np.float64) for v in cell.inputs
    }
    starts: dict[str, Array] = {
        str(v.name): at.stored[v.name][0].astype(np.float64) for v in cell.states
    }

    def outcome(
        weights: Mapping[str, Array], inputs: Mapping[str, Array], starts: Mapping[str, Array]
    ) -> dict[str, Array]:
        found = run.forward(weights, inputs or at.T, starts)
        return {**found.states, **found.extra}

    grads: dict[str, Array] = {}
    for name, value in weights.items():
        grad = np.zeros(value.shape)
        for index in np.ndindex(value.shape):
            moved = value.astype(np.complex128)
            moved[index] += STEP * 1j
            outputs = outcome({**weights, name: moved}, inputs, starts)
            grad[index] = _slopes(outputs, upstream).sum()
        grads[name + BAR] = grad

    for name, value in {**inputs, **starts}.items():
        # Each entry belongs to one sequence: a copy of it, with this entry moved, is one row.
        grad = np.zeros(value.shape)
        for entries in _chunks(value.shape, max(1, _ROWS_AT_ONCE // at.T)):
            copies = np.array([entry[-2] for entry in entries])  # of (B, n) or (T, B, n)
            x_rows = {key: array[:, copies] for key, array in inputs.items()}
            h_rows = {key: array[copies] for key, array in starts.items()}
            rows = x_rows if name in inputs else h_rows
            moved = rows[name].astype(np.complex128)
            for row, entry in enumerate(entries):
                moved[*entry[:-2], row, entry[-1]] += STEP * 1j
            rows[name] = moved
            bars = {key: bar[:, copies] for key, bar in upstream.items()}
            slopes = _slopes(outcome(weights, x_rows, h_rows), bars)
            grad[tuple(np.transpose(entries))] = slopes
        grads[name + BAR] = grad if at.batched else grad[..., 0, :]
    return grads


def _slopes(outputs: Mapping[str, Array], upstream: Mapping[str, Array]) -> Array:
    """dL/dε of each sequence (B,): the imaginary part of Σ ⟨cotangent, output⟩, over ε."""
    parts = []
    for name, bar in upstream.items():
        weighted = bar * (outputs[name].imag / STEP)
        parts.append(weighted.sum(axis=(0, *range(2, weighted.ndim))))
    total: Array = np.sum(parts, axis=0)
    return total


def _upstream(at: Trajectory, hs_bar: Named) -> dict[str, Array]:
    """The cotangent of each output, (T, B, …); read here anew, for a slip must not be shared."""
    outputs = {**at.states, **at.extra}
    first = str(at.cell.states[0].name)
    if hs_bar is None:
        hs_bar = np.zeros(outputs[first].shape)
        hs_bar[-1] = 1
    given: Mapping[str, Any] = hs_bar if isinstance(hs_bar, Mapping) else {first: hs_bar}
    found: dict[str, Array] = {}
    for name, bar in given.items():
        if name not in outputs:
            raise DataError(
                f"the cell has no output {name}", mend=f"the outputs are {', '.join(outputs)}"
            )
        if bar is None:
            continue
        array = np.asarray(bar)
        shape = outputs[name].shape
        if array.dtype.kind not in "biuf" or not np.isfinite(array).all():
            raise DataError(
                f"the cotangent of {name} holds what is no finite, real number",
                mend="give finite, real numbers",
            )
        if array.shape not in ((), shape):
            raise DataError(
                f"the cotangent of {name} must have the shape {shape}, got {array.shape}",
                mend="give the cotangent of the output at every step",
            )
        whole = np.broadcast_to(array.astype(np.float64), shape)
        found[name] = whole if at.batched else whole[:, None]
    if not found:
        first_bar = np.zeros(outputs[first].shape)
        found[first] = first_bar if at.batched else first_bar[:, None]
    return found


def _chunks(shape: tuple[int, ...], size: int) -> Iterator[list[tuple[int, ...]]]:
    """All indices of an array, at most ``size`` at a time."""
    entries = list(np.ndindex(shape))
    for start in range(0, len(entries), size):
        yield entries[start : start + size]
