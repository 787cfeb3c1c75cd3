"""The laws of weights, inputs and biases that a mean-field theory is about."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from gru_sym.cells.equations import Cell
from gru_sym.cells.naming import did_you_mean
from gru_sym.errors import DataError, UnsupportedError
from gru_sym.flow.initial.roles import kinds, matrices
from gru_sym.flow.meanfield.unit import MatrixKey

__all__ = ["Laws", "Setting", "setting_of"]

Laws = Mapping[str, float | tuple[float, float]]
"""Parameter → its value, or the mean and the variance of a Gaussian over the units."""


@dataclass(frozen=True)
class Setting:
    """Laws of all that is random.

    Attributes:
        recurrent: σ² of the recurrent matrices, or of the columns that recur; their entries are
            N(0, σ²/N), N the number of columns.
        other: σ² of the others.
        inputs: the variance of the entries of the inputs.
        vectors: vector or number → its mean and variance.
    """

    recurrent: Mapping[MatrixKey, float]
    other: Mapping[MatrixKey, float]
    inputs: float
    vectors: Mapping[str, tuple[float, float]]

    def variance(self, key: MatrixKey) -> float:
        """σ² of a matrix, or of the columns that act on one thing."""
        for known in (self.recurrent, self.other):
            for (name, (start, stop)), value in known.items():
                if name == key[0] and start <= key[1][0] and key[1][1] <= stop:
                    return value
        return max(v for k, v in (*self.recurrent.items(), *self.other.items()) if k[0] == key[0])

    def scaled(self, gain: float) -> "Setting":
        """The same with all recurrent matrices multiplied by a gain."""
        return replace(self, recurrent={k: v * gain**2 for k, v in self.recurrent.items()})


def setting_of(
    cell: Cell, weights: float | Mapping[str, float], inputs: float, biases: Laws | None
) -> Setting:
    """The setting that a caller describes, with a word to what is missing or impossible.

    Args:
        cell: the cell.
        weights: σ² of the recurrent matrices; or by name, of any matrices, 1 where none is given.
        inputs: the variance of the inputs.
        biases: the value, or mean and variance, of vectors and numbers among the parameters. Where
            none is given, what is added is 0, and what multiplies 1; a peephole is 0.

    Raises:
        DataError: a name is unknown, or a variance is negative or not finite.
        UnsupportedError: σ² is given by name for a cell without that matrix, or a number has a
            variance.
    """
    found = matrices(cell)
    given = dict(weights) if isinstance(weights, Mapping) else {}
    standard = 1.0 if isinstance(weights, Mapping) else float(weights)
    _check_names(cell, given, found, "matrix")
    kind = kinds(cell)
    _check_names(cell, biases or {}, kind, "vector or number among its parameters")
    recurrent: dict[MatrixKey, float] = {}
    other: dict[MatrixKey, float] = {}
    for name, columns in found.items():
        mixed = any(each.recurrent for each in columns)
        for each in columns:
            into = recurrent if each.recurrent else other
            fixed = 1.0 if mixed and not each.recurrent else given.get(name)
            into[name, each.bounds] = (
                float(fixed) if fixed is not None else standard if each.recurrent else 1.0
            )
    vectors = {name: (1.0 if k == "gain" else 0.0, 0.0) for name, k in kind.items()}
    numbers = {str(v.name) for v in cell.params if not v.shape}
    for name, law in (biases or {}).items():
        mean, variance = law if isinstance(law, tuple) else (law, 0.0)
        if name in numbers and variance:
            raise UnsupportedError(
                f"`{name}` is a number, which has no variance over the units",
                mend=f"give its value alone, {name!r}: {mean}",
            )
        vectors[name] = float(mean), float(variance)
    _check_variances(inputs, recurrent, other, vectors)
    return Setting(recurrent, other, float(inputs), vectors)


def _check_names(
    cell: Cell, given: Mapping[str, object], known: Mapping[str, object], what: str
) -> None:
    for name in given:
        if name not in known:
            hint = did_you_mean(name, known)
            raise DataError(
                f"`{cell.name}` has no {what} `{name}`",
                mend=f"{hint}{' ' if hint else ''}It has {', '.join(known) or 'none'}",
            )


def _check_variances(
    inputs: float,
    recurrent: Mapping[MatrixKey, float],
    other: Mapping[MatrixKey, float],
    vectors: Mapping[str, tuple[float, float]],
) -> None:
    named = {"the inputs": inputs}
    named |= {f"`{name}`": value for (name, _), value in (*recurrent.items(), *other.items())}
    named |= {f"`{name}`": variance for name, (_, variance) in vectors.items()}
    for name, value in named.items():
        if not 0 <= value < np.inf:
            raise DataError(
                f"the variance of {name} is {value}", mend="give a finite number, 0 or larger"
            )
    for name, (mean, _) in vectors.items():
        if not np.isfinite(mean):
            raise DataError(f"the mean of `{name}` is {mean}", mend="give a finite number")
