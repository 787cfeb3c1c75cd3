"""Gradients held against references: relative errors, per tensor."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike

from gru_sym.errors import DataError

__all__ = ["Row", "compare", "relative_error"]


@dataclass(frozen=True)
class Row:
    """One gradient against its reference.

    Attributes:
        name: the gradient's name, such as ``W_z_bar``.
        shape: its shape.
        norm: ‖gradient‖, the root of the sum of squares.
        error: ‖gradient − reference‖ / ‖reference‖; see :func:`relative_error`.
    """

    name: str
    shape: tuple[int, ...]
    norm: float
    error: float


def relative_error(found: ArrayLike, reference: ArrayLike) -> float:
    """‖found − reference‖ / ‖reference‖ over all entries.

    0 where both are zero; infinite where only the reference is, or where a number is not finite.

    Raises:
        DataError: the shapes differ.

    >>> relative_error([3.0, 4.0], [3.0, 4.5]) < 0.1
    True
    >>> relative_error([0.0], [0.0]), relative_error([1e-300], [0.0])
    (0.0, inf)
    """
    a, b = (np.asarray(x, np.result_type(np.asarray(x), np.float64)) for x in (found, reference))
    if a.shape != b.shape:
        raise DataError(
            f"an array of shape {a.shape} against a reference of shape {b.shape}",
            mend="compare arrays of one shape",
        )
    if not (np.isfinite(a).all() and np.isfinite(b).all()):
        return float("inf")
    # Scaled, so that neither squares nor differences overflow, or vanish.
    scale = max(np.abs(a).max(initial=0), np.abs(b).max(initial=0))
    if scale == 0:
        return 0.0
    size = np.linalg.norm((b / scale).ravel())
    return float(np.linalg.norm((a / scale - b / scale).ravel()) / size) if size else float("inf")


def compare(gradients: Mapping[str, ArrayLike], reference: Mapping[str, ArrayLike]) -> list[Row]:
    """Hold gradients against reference values, one row for each, in the order of the gradients.

    Raises:
        DataError: there is nothing to compare, a gradient has no reference or a reference no
            gradient, or the shapes of the two differ.
    """
    if not gradients and not reference:
        raise DataError("there are no gradients to compare", mend="give at least one by name")
    for here, there, what in (
        (reference, gradients, "the gradient"),
        (gradients, reference, "a reference for"),
    ):
        absent = [name for name in here if name not in there]
        if absent:
            raise DataError(
                f"{what} {', '.join(absent)} is missing",
                mend="give gradients and references under the same names",
            )
    rows = []
    for name, value in gradients.items():
        array = np.asarray(value)
        try:
            error = relative_error(array, reference[name])
        except DataError as clash:
            raise DataError(f"{name}: {clash.message}", mend=clash.mend) from None
        rows.append(Row(name, array.shape, float(np.linalg.norm(array.ravel())), error))
    return rows
