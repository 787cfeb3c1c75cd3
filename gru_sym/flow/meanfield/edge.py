"""The edge of the spectrum of J at the zero state of random networks, and when it reaches 1.

At zero every diagonal on a path is a number, so that J is a sum of numbers times products of the
matrices. Of independent entries N(0, σ²/N) each matrix has its eigenvalues in a disc of radius σ
(circular law), and what is made of several is known as well: with λ − J written linearly in the
matrices, as P(λ) − Σ_k B_k ⊗ U_k over the states and the products on the way, λ is outside of the
spectrum where the map X → Σ σ_k² R B_k X B_kᵀ Rᴴ with R = P(λ)⁻¹ has a spectral radius below 1.

For one state and one matrix, J = s + c U, this is the disc of radius c σ around s; the GRU's zero
state so becomes unstable at the gain 1/σ(b_r), the LSTM's at (1 − f) / (o i).

Source: Ginibre 1965; for sums of several, Belinschi, Śniady & Speicher 2018, arXiv:1506.02017.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import numpy as np
import sympy as sp

from gru_sym.cells.equations import Cell
from gru_sym.codegen.functions import Array
from gru_sym.errors import UnsupportedError
from gru_sym.flow.meanfield.setting import Laws, Setting, setting_of
from gru_sym.flow.meanfield.unit import Average, Leaf, Line, MatrixKey, Unit, unit_of
from gru_sym.flow.meanfield.values import evaluate

__all__ = ["critical_gain_at_zero", "spectral_radius_at_zero"]

_ANGLES = 361


@dataclass(frozen=True, eq=False)
class _Pencil:
    """λ − J as P(λ) − Σ B_k ⊗ U_k, over the states and then the products on the way.

    Attributes:
        states: how many states.
        plain: what meets no matrix, (n, n).
        terms: matrix → B_k, (n, n).
    """

    states: int
    plain: Array = field(repr=False)
    terms: Mapping[MatrixKey, Array] = field(repr=False)

    def strengths(self, eigenvalues: Array, setting: Setting) -> Array:
        """The spectral radius of the map at each λ: 1 at the edge of the spectrum, less outside."""
        n = len(self.plain)
        scale = np.ones((len(eigenvalues), n), complex)
        scale[:, : self.states] = eigenvalues[:, None]
        resolvent = np.linalg.inv(scale[:, :, None] * np.eye(n) - self.plain)
        whole = np.zeros((len(eigenvalues), n, n, n, n), complex)
        for key, term in self.terms.items():
            one = resolvent @ term
            whole += setting.variance(key) * np.einsum("aij,akl->aikjl", one, one.conj())
        values = np.linalg.eigvals(whole.reshape(len(eigenvalues), n * n, n * n))
        return np.asarray(np.abs(values).max(axis=1))

    def strongest(self, radius: float, setting: Setting) -> float:
        """The largest strength on the circle of a radius, which is symmetric about the reals."""

        def at(angles: Array) -> Array:
            return self.strengths(radius * np.exp(1j * angles), setting)

        angles = np.linspace(0.0, np.pi, _ANGLES)
        values = at(angles)
        while angles[1] - angles[0] > 1e-7:  # around the best, ever closer
            best = int(np.argmax(values))
            if best in (0, len(angles) - 1):
                break
            angles = np.linspace(angles[best - 1], angles[best + 1], 21)
            values = at(angles)
        return float(values.max())


def critical_gain_at_zero(
    cell: Cell,
    biases: Laws | None = None,
    *,
    weights: float | Mapping[str, float] = 1.0,
) -> float:
    """The gain of the recurrent matrices at which the fixed point 0 becomes unstable, as N → ∞.

    The eigenvalues of J at the zero state and zero input then reach the unit circle. Unlike
    :func:`~gru_sym.flow.meanfield.critical.critical_gain` it is about weights that stay the same
    from step to step.

    Args:
        cell: any cell.
        biases: the values of vectors and numbers among the parameters; what is not named is 0, and
            1 where it multiplies.
        weights: σ² of the recurrent matrices at gain 1, one for all or by name.

    Raises:
        DataError: a name is unknown, or a variance negative or not finite.
        UnsupportedError: 0 is no fixed point, or is unstable at any gain, or at none; a bias has a
            variance; or the cell has no limit of infinite width.

    >>> from gru_sym import cells
    >>> round(critical_gain_at_zero(cells.lstm), 12)
    2.0
    """
    pencil, setting = _at_zero(cell, weights, biases)
    alone = setting.scaled(0.0)
    if _radius(pencil.plain) >= 1 or pencil.strongest(1.0, alone) >= 1:
        raise UnsupportedError(
            f"the fixed point 0 of `{cell.name}` is not stable even without recurrent matrices",
            mend="give biases that keep less",
        )
    strongest = pencil.strongest(1.0, setting)
    if strongest <= 1e-300:
        raise UnsupportedError(
            f"no recurrent matrix acts on `{cell.name}` at 0: no gain makes it unstable",
            mend="give a cell with a recurrent matrix, weights that are not 0, and open gates",
        )
    if pencil.strongest(1.0, alone) == 0:
        return strongest**-0.5
    return _largest(lambda g: pencil.strongest(1.0, setting.scaled(g)) < 1, 0.0, 1.0)


def spectral_radius_at_zero(
    cell: Cell, biases: Laws | None = None, *, weights: float | Mapping[str, float] = 1.0
) -> float:
    """The spectral radius of J at the zero state and zero input, as N → ∞.

    Args:
        cell: any cell.
        biases: as in :func:`critical_gain_at_zero`.
        weights: σ² of the recurrent matrices; 1/3 is U(−1/√H, 1/√H).

    Raises:
        DataError: as in :func:`critical_gain_at_zero`.
        UnsupportedError: 0 is no fixed point, a bias has a variance, or the cell has no limit.

    >>> from gru_sym import cells
    >>> round(spectral_radius_at_zero(cells.gru, weights=1 / 3), 5)
    0.64434
    """
    pencil, setting = _at_zero(cell, weights, biases)
    least = _radius(pencil.plain)
    inside = max(least * (1 + 1e-9), 1e-9)
    if pencil.strongest(inside, setting) < 1:
        return least
    return _largest(lambda r: pencil.strongest(r, setting) >= 1, inside, 2 * inside + 1)


def _radius(matrix: Array) -> float:
    return float(np.abs(np.linalg.eigvals(matrix)).max(initial=0.0))


def _largest(holds: Callable[[float], bool], low: float, high: float) -> float:
    """The largest number for which something holds that holds for all that are smaller."""
    while holds(high):
        low, high = high, 2 * high
    while high - low > 1e-14 * high:
        middle = (low + high) / 2
        low, high = (middle, high) if holds(middle) else (low, middle)
    return (low + high) / 2


def _at_zero(
    cell: Cell, weights: float | Mapping[str, float], biases: Laws | None
) -> tuple[_Pencil, Setting]:
    unit = unit_of(cell)
    setting = setting_of(cell, weights, 0.0, biases)
    for name, (_, variance) in setting.vectors.items():
        if variance:
            raise UnsupportedError(
                f"`{name}` varies over the units, and J at 0 with it",
                mend=f"give {name} one value",
            )
    values = _values(unit, setting)
    for after in unit.nexts:
        if abs(values[after]) > 1e-12:
            raise UnsupportedError(
                f"0 is no fixed point of `{cell.name}`: {after.name} is {values[after]:.3g} there",
                mend="leave out the biases that move the state away from 0",
            )
    return _pencil(unit, values), setting


def _values(unit: Unit, setting: Setting) -> dict[sp.Basic, float]:
    """All symbols of a unit at the zero state and zero input."""
    values: dict[sp.Basic, float] = dict.fromkeys((*unit.cell.states, *unit.cell.inputs), 0.0)
    values |= {v: setting.vectors[str(v.name)][0] for v in unit.cell.params if len(v.shape) < 2}
    for item in unit.items:
        match item:
            case Leaf(symbol):
                # A matrix times a vector of equal numbers that are not 0 is random even here.
                values[symbol] = 0.0
                if float(evaluate(item.argument, values)) and setting.variance(item.matrix):
                    raise UnsupportedError(
                        f"`{item.matrix[0]}` acts on what is not 0 at the zero state",
                        mend="give biases with which 0 is a fixed point for all weights",
                    )
            case Average(symbol, expr) | Line(symbol, expr):
                values[symbol] = float(evaluate(expr, values))
    return values


def _pencil(unit: Unit, values: Mapping[sp.Basic, float]) -> _Pencil:
    place = {v: k for vs in (unit.cell.states, unit.nexts) for k, v in enumerate(vs)}
    count = len(unit.nexts)
    plain: list[tuple[int, int, float]] = []
    terms: list[tuple[MatrixKey, int, int, float]] = []
    for (after, state), routes in unit.routes.items():
        for route in routes:
            numbers = [float(evaluate(d, values)) for d in route.diagonals]
            if not all(numbers):
                continue
            if not route.matrices:
                plain.append((place[after], place[state], numbers[0]))
                continue
            row = place[after]
            numbers[1] *= numbers[0]
            for k, key in enumerate(route.matrices):
                last = k == len(route.matrices) - 1
                column = place[state] if last else count
                count += not last
                terms.append((key, row, column, numbers[k + 1]))
                row = column
    whole = np.zeros((count, count))
    for row, column, number in plain:
        whole[row, column] += number
    by_matrix: dict[MatrixKey, Array] = {}
    for key, row, column, number in terms:
        by_matrix.setdefault(key, np.zeros((count, count)))[row, column] += number
    return _Pencil(len(unit.nexts), whole, by_matrix)
