"""measurements: what can be measured of a cell at given parameters and inputs, one table."""

from collections.abc import Mapping
from functools import lru_cache
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gru_sym.cells.equations import Cell
from gru_sym.codegen.arrays import Named
from gru_sym.codegen.compile import compile
from gru_sym.codegen.functions import Array
from gru_sym.derive.vjp import cotangent_of
from gru_sym.errors import DataError
from gru_sym.sweep.flows import FLOWS
from gru_sym.sweep.rows import Measurement, Quantity
from gru_sym.sweep.trial import Trial

__all__ = ["MEASUREMENTS", "measured"]


def gradient_norm(
    cell: Cell, params: Mapping[str, Array], xs: Named, trial: Trial
) -> dict[str, ArrayLike]:
    """The log of ‖∂L/∂s₀‖ over all states s; L is the cell's loss, or the sum of its last output.

    Raises:
        DataError: it is beyond the range of float64.
    """
    _, grads = _compiled(cell).gradients(params, xs)
    whole = np.concatenate([grads[str(cotangent_of(state).name)] for state in cell.states])
    largest = float(np.abs(whole).max())
    # Below, it would be made of numbers that have lost their digits.
    if not np.finfo(np.float64).tiny / np.finfo(np.float64).eps < largest < np.inf:
        how = "is 0, or underflows" if largest < 1 else "overflows"
        raise DataError(f"after {trial.T} steps the gradient {how}", mend="take fewer steps")
    return {"gradient_norm": np.log(largest) + np.log(np.linalg.norm(whole / largest))}


def spectral_radius(
    cell: Cell, params: Mapping[str, Array], xs: Named, trial: Trial
) -> dict[str, ArrayLike]:
    """The largest |eigenvalue| of ∂s₁/∂s₀ over all states s; the rest of the sequence is not run.

    Raises:
        DataError: the Jacobian is not finite.
        UnsupportedError: the cell has too many paths.
    """
    compiled = _compiled(cell)
    first = compiled.forward(params, _first_step(xs))
    (jacobian,) = compiled.jacobians(first)
    if not np.isfinite(jacobian).all():
        raise DataError("the Jacobian of the first step is not finite", mend="take a smaller gain")
    return {"spectral_radius": np.abs(np.linalg.eigvals(jacobian)).max()}


MEASUREMENTS: Mapping[str, Measurement] = MappingProxyType(
    {
        "gradient_norm": Measurement(
            gradient_norm,
            {"gradient_norm": Quantity("nats", "log of the norm of the loss's gradient by s_0")},
            "how much of the gradient arrives at the first state",
        ),
        "spectral_radius": Measurement(
            spectral_radius,
            {"spectral_radius": Quantity("1", "largest |eigenvalue| of the first Jacobian")},
            "the spectral radius of one step's Jacobian",
        ),
        **FLOWS,
    }
)
"""Name → measurement. To add one is to add a row."""


def measured(cell: Cell, params: Mapping[str, Array], xs: Named, trial: Trial) -> dict[str, Array]:
    """What a trial's measurement finds, float64, as its row says.

    Raises:
        GruSymError: it cannot be measured.
        ValueError: it is not what the row says: another name, another number of axes, or NaN.
    """
    row = MEASUREMENTS[trial.measurement]
    found = row.function(cell, params, xs, trial)
    values = {name: np.asarray(found[name], np.float64) for name in found}
    if values.keys() != row.quantities.keys():
        raise ValueError(f"{trial.measurement} gave {sorted(values)}")
    for name, quantity in row.quantities.items():
        if values[name].ndim != len(quantity.dimensions):
            raise ValueError(f"{name} has the shape {values[name].shape}")
        if np.isnan(values[name]).any():  # which in the results says that nothing was measured
            raise ValueError(f"{name} is not a number")
    return values


@lru_cache(maxsize=8)
def _compiled(cell: Cell) -> Any:
    return compile(cell)


def _first_step(xs: Any) -> Any:
    if isinstance(xs, Mapping):
        return {name: array[:1] for name, array in xs.items()}
    return 1 if isinstance(xs, int) else xs[:1]
