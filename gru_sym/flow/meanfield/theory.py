"""Mean-field theory of any cell: infinitely many units, weights drawn anew at each step.

In that limit every product of a matrix with a vector is Gaussian, and the squared Frobenius norm of
a Jacobian is a sum over its paths: the product of the matrices' σ² and of the mean squares of the
diagonals between them; paths through the same matrices add before they are squared. It is computed
from the cell's own equations and paths, by moments and quadrature where these determine it
(:mod:`~gru_sym.flow.meanfield.moments`), else by a population
(:mod:`~gru_sym.flow.meanfield.population`).

It is a theory of untied weights. A network keeps its weights from step to step, and may differ: at
the zero state of a GRU with zero biases and σ² = 1, ½ log χ is −0.58, and the measured rate, log of
the spectral radius of J, −0.287 (:mod:`~gru_sym.flow.meanfield.edge`). Biases are drawn anew, too.

Source: Chen, Pennington & Schoenholz 2018, arXiv:1806.05394; Can, Krishnamurthy & Schwab 2020,
arXiv:2002.00025.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import combinations_with_replacement

import numpy as np
import sympy as sp

from gru_sym.algebra.expr import Expr, Var
from gru_sym.algebra.rules import apply
from gru_sym.cells.equations import Cell
from gru_sym.codegen.functions import Array
from gru_sym.errors import DataError, UnsupportedError
from gru_sym.flow.meanfield.gaussian import NotClosed
from gru_sym.flow.meanfield.moments import stationary
from gru_sym.flow.meanfield.population import sampled
from gru_sym.flow.meanfield.setting import Laws, Setting, setting_of
from gru_sym.flow.meanfield.unit import MatrixKey, Route, Unit, unit_of

__all__ = ["MeanField", "SkipRate", "at_setting", "check_nodes", "mean_field", "skip_rate"]


@dataclass(frozen=True)
class MeanField:
    """What the theory says of a cell in a setting.

    Attributes:
        second_moments: state → E s², the mean over the units.
        gains: (next state, state) → ‖∂next/∂state‖_F² / N, by which mean squares of a gradient
            are multiplied in a step.
        chi: the largest eigenvalue of these gains: with one state, E ‖J‖_F² / N.
        rate: ½ log χ, nats per step; -inf where nothing gets through.
        contributions: family of paths (:func:`~gru_sym.derive.families.families`) → its share of
            χ. They sum to 1, and may be negative for paths by the same matrix; none where two
            layers share one χ.
        method: ``moments`` (quadrature, exact) or ``population`` (samples).
        stderr: the standard error of χ; 0 by moments.
    """

    second_moments: Mapping[str, float]
    gains: Mapping[tuple[str, str], float]
    chi: float
    rate: float
    contributions: Mapping[str, float]
    method: str
    stderr: float


@dataclass(frozen=True)
class SkipRate:
    """E log|skip factor|.

    Attributes:
        rate: nats per step.
        method: ``moments`` or ``population``.
        stderr: its standard error; 0 by moments.
    """

    rate: float
    method: str
    stderr: float


def mean_field(
    cell: Cell,
    *,
    weights: float | Mapping[str, float] = 1.0,
    inputs: float = 0.0,
    biases: Laws | None = None,
    nodes: int = 121,
) -> MeanField:
    """How the mean square of a gradient grows or shrinks in a step, in an infinitely wide network.

    The states start with variance 1, and settle. Matrices and biases are drawn anew at each step
    (see the module: it is a theory of untied weights, and tied ones may differ). Gains are those of
    one step, of gradients that are independent of the states, as they stay where gates see the
    states of other units alone. A gate that sees its own unit (a peephole) makes them dependent: in
    an LSTM with peepholes p_f = 0.7, p_i = −0.5 mean squares of gradients grow by 4 % more a step
    than χ, over many steps.

    Args:
        cell: any cell.
        weights: σ² of the recurrent matrices, whose entries are N(0, σ²/N), N the number of
            columns; or σ² by name, 1 where none is given. In ``W @ [h, x]`` it is that of the
            columns of h.
        inputs: the variance v of the inputs, white and Gaussian. An input matrix has σ² = 1 unless
            ``weights`` names it, so that each ``W @ x`` is N(0, v), independently.
        biases: vector or number among the parameters → its value, or (mean, variance) over the
            units. What is not named is 0, and 1 where it multiplies (a gain); a peephole is 0.
        nodes: of the quadrature over a Gaussian of a standard deviation up to 2; more, in
            proportion, where it is larger.

    Raises:
        DataError: a name is unknown, or a variance negative or not finite.
        UnsupportedError: the cell has no limit of infinite width (a softmax over its units, say);
            or no stationary law, its second moments grow without bound.

    >>> from gru_sym import cells
    >>> theory = mean_field(cells.gru, weights=1 / 3, inputs=1 / 3)
    >>> round(theory.chi, 10), theory.method
    (0.2906101186, 'moments')
    """
    check_nodes(nodes)
    return at_setting(unit_of(cell), setting_of(cell, weights, inputs, biases), nodes)


def check_nodes(nodes: int) -> None:
    """Refuse a number of nodes that is none.

    Raises:
        DataError: it is not from 2 to 10,000.
    """
    if not 2 <= nodes <= 10_000:
        raise DataError(f"nodes is {nodes}", mend="give a number from 2 to 10,000, such as 121")


def at_setting(unit: Unit, setting: Setting, nodes: int) -> MeanField:
    """What :func:`mean_field` gives, of a cell that was taken apart before.

    Args:
        unit: the cell at one unit.
        setting: the laws of weights, inputs and biases.
        nodes: of the quadrature over a Gaussian.

    Raises:
        UnsupportedError: there is no stationary law, or a mean square is not finite.
    """
    pairs = list(_pairs(unit))
    wanted = list(dict.fromkeys(e for pair in pairs for e in pair.squares))
    found = _expectations(unit, setting, wanted, nodes)
    at = {expr: k for k, expr in enumerate(wanted)}
    states = [str(s.name) for s in unit.cell.states]
    position = {v: k for vs in (unit.cell.states, unit.nexts) for k, v in enumerate(vs)}

    def weighed(means: Array) -> Array:
        """What each pair of paths contributes to its block."""
        return np.array(
            [
                pair.times
                * math.prod(map(setting.variance, pair.matrices))
                * math.prod(float(means[at[e]]) for e in pair.squares)
                for pair in pairs
            ]
        )

    def gains(values: Array) -> Array:
        whole = np.zeros((len(states), len(states)))
        for pair, value in zip(pairs, values, strict=True):
            whole[position[pair.block[0]], position[pair.block[1]]] += value
        return whole

    values = weighed(found.means)
    if not np.isfinite(values).all():
        raise UnsupportedError(
            f"a mean square in the Jacobian of `{unit.cell.name}` is not finite",
            mend="give smaller weights, or a cell whose derivatives have second moments",
        )
    whole = gains(values)
    chi = _root(whole)
    left, right = _vectors(whole.T), _vectors(whole)
    overlap = float(left @ right) * chi
    shares: dict[str, float] = {}
    if overlap > 1e-9 * chi:
        for pair, value in zip(pairs, values, strict=True):
            row, column = (position[v] for v in pair.block)
            share = float(left[row] * value * right[column]) / overlap
            for name in pair.names:
                shares[name] = shares.get(name, 0.0) + share / 2
    by_batch = [_root(gains(weighed(row))) for row in found.batches]
    return MeanField(
        second_moments=found.second_moments,
        gains={
            (str(a.name), str(s.name)): float(whole[position[a], position[s]])
            for a, s in unit.routes
        },
        chi=chi,
        rate=math.log(chi) / 2 if chi > 0 else -math.inf,
        contributions=shares,
        method=found.method,
        stderr=_stderr(by_batch),
    )


@dataclass(frozen=True)
class _Pair:
    """Two paths of a block by the same matrices, or one with itself.

    Attributes:
        block: next state and state.
        names: of the two paths.
        matrices: what both pass.
        squares: products of their diagonals, place by place.
        times: 2 for two different paths, whose product stands twice in the square of the sum.
    """

    block: tuple[Var, Var]
    names: tuple[str, str]
    matrices: tuple[MatrixKey, ...]
    squares: tuple[Expr, ...]
    times: int


def _pairs(unit: Unit) -> Iterator[_Pair]:
    """The pairs of paths whose products have a mean: paths by other matrices have none."""
    for block, routes in unit.routes.items():
        families: dict[tuple[MatrixKey, ...], list[Route]] = {}
        for route in routes:
            families.setdefault(route.matrices, []).append(route)
        for matrices, family in families.items():
            for one, two in combinations_with_replacement(family, 2):
                both = zip(one.diagonals, two.diagonals, strict=True)
                squares = tuple(a * b for a, b in both if a * b != 1)
                names = (one.name, two.name)
                yield _Pair(block, names, matrices, squares, 1 if one is two else 2)


@dataclass(frozen=True, eq=False)
class _Means:
    """Means of expressions over the stationary law, and by batches where they were sampled."""

    means: Array = field(repr=False)
    batches: Array = field(repr=False)
    second_moments: Mapping[str, float]
    method: str


def _expectations(unit: Unit, setting: Setting, wanted: Sequence[Expr], nodes: int) -> _Means:
    """By moments if these determine the law and all that is wanted, else by a population."""
    try:
        law = stationary(unit, setting, nodes)
        means = np.array([law.expectation(expr) for expr in wanted])
    except NotClosed:
        pass
    else:
        return _Means(means, np.empty((0, len(wanted))), law.second_moments, "moments")
    found = sampled(unit, setting, wanted)
    means = found.batches.mean(axis=0)
    return _Means(means, found.batches, found.second_moments, "population")


def _root(gains: Array) -> float:
    return float(np.abs(np.linalg.eigvals(gains)).max(initial=0.0))


def _vectors(gains: Array) -> Array:
    """The eigenvector of the largest eigenvalue, which has no negative entries."""
    values, vectors = np.linalg.eig(gains)
    return np.abs(vectors[:, np.argmax(np.abs(values))])


def _stderr(batches: Sequence[float]) -> float:
    return float(np.std(batches, ddof=1)) / math.sqrt(len(batches)) if len(batches) > 1 else 0.0


def skip_rate(
    cell: Cell,
    *,
    state: str | None = None,
    weights: float | Mapping[str, float] = 1.0,
    inputs: float = 0.0,
    biases: Laws | None = None,
    nodes: int = 121,
) -> SkipRate:
    """E log|s| of the skip factor s: what the skip alone multiplies a gradient by, in a step.

    With no recurrent weights it is all there is: the log-norm of a lag is a sum of log(1 − z_t),
    which is −Σ softplus(a_t) for z = σ(a).

    Args:
        cell: any cell with a skip: paths from a state to its next value that meet no matrix.
        state: which state, where several have one.
        weights: as in :func:`mean_field`.
        inputs: as in :func:`mean_field`.
        biases: as in :func:`mean_field`.
        nodes: as in :func:`mean_field`.

    Raises:
        DataError: as in :func:`mean_field`.
        UnsupportedError: the cell has no skip, or ``state`` has to be given; or as in
            :func:`mean_field`.

    >>> from gru_sym import cells
    >>> skip_rate(cells.gru, weights=0.0, inputs=1.0).rate.__round__(10)
    -0.8060591833
    """
    check_nodes(nodes)
    unit = unit_of(cell)
    skips = {
        str(s.name): sp.Add(*(r.diagonals[0] for r in unit.routes[after, s] if not r.matrices))
        for s, after in zip(cell.states, cell.nexts, strict=True)
    }
    skips = {name: skip for name, skip in skips.items() if skip != 0}
    if state not in skips and (state is not None or len(skips) != 1):
        which = f"of `{state}`" if state is not None else "without a state that it is of"
        raise UnsupportedError(
            f"`{cell.name}` has no skip {which}",
            mend=f"give as state one of {', '.join(skips)}" if skips else "give a cell with one",
        )
    skip = skips[state] if state is not None else next(iter(skips.values()))
    gates = {v: e for v, e in unit.inlined.items() if not e.atoms(Var) & set(cell.states)}
    log = apply("log", apply("abs", skip.xreplace(gates)))
    setting = setting_of(cell, weights, inputs, biases)
    found = _expectations(unit, setting, [log], nodes)
    return SkipRate(float(found.means[0]), found.method, _stderr(found.batches[:, 0].tolist()))
