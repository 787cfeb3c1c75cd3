"""Mean field by a population: the law of a unit as many samples, for any cell that has a limit.

At each step the matrices' products are drawn anew, as Gaussians of the variances that the samples
have; after the samples have settled, averages are taken over them and over steps.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
import sympy as sp

from gru_sym.algebra.expr import Expr
from gru_sym.codegen.functions import Array
from gru_sym.flow.meanfield.fixed import UnboundedError
from gru_sym.flow.meanfield.setting import Setting
from gru_sym.flow.meanfield.unit import Average, Leaf, Line, Unit
from gru_sym.flow.meanfield.values import evaluate

__all__ = ["SAMPLES", "Sampled", "sampled"]

SAMPLES = 20_000
"""How many samples stand for the law of a unit."""

_BATCHES = 20
_FIRST_WINDOW = 50
_MOST_STEPS = 20_000
_SETTLED = 0.005
_TOO_LARGE = 1e9


@dataclass(frozen=True, eq=False)
class Sampled:
    """Averages over a population, in batches of consecutive steps.

    Attributes:
        batches: the mean of each expression in each batch, (batches, expressions).
        second_moments: state → E s².
    """

    batches: Array = field(repr=False)
    second_moments: Mapping[str, float]


def sampled(
    unit: Unit, setting: Setting, wanted: Sequence[Expr], *, seed: int = 0, samples: int = SAMPLES
) -> Sampled:
    """The means of expressions over the stationary law of a unit, from a population of samples.

    Args:
        unit: the unit.
        setting: the laws of weights, inputs and biases.
        wanted: expressions over its lines.
        seed: of the draws.
        samples: how many.

    Raises:
        UnboundedError: the second moment of a state grows without bound, or does not settle.
    """
    walk = _Walk(unit, setting, np.random.default_rng(seed), samples)
    with np.errstate(all="ignore"):  # what is not finite the caller sees
        steps = _settled(walk)
        rows, squares = [], []
        for _ in range(_BATCHES):
            sums = []
            for _ in range(max(10, steps // (2 * _BATCHES))):
                values, memo = walk.step()
                sums.append([float(np.mean(evaluate(e, values, memo))) for e in wanted])
                squares.append(walk.squares())
            rows.append(np.mean(sums, axis=0))
    names = (str(s.name) for s in unit.cell.states)
    second = np.mean(squares, axis=0).tolist()
    return Sampled(np.array(rows), dict(zip(names, second, strict=True)))


def _settled(walk: "_Walk") -> int:
    """Go on until the second moments of a window are those of the one before; how many steps."""
    before, length, steps = walk.moments(_FIRST_WINDOW), 2 * _FIRST_WINDOW, 0
    while True:
        now = walk.moments(length)
        steps += length
        if np.all(np.abs(now - before) <= _SETTLED * np.abs(now) + 1e-12):
            return steps
        if steps > _MOST_STEPS:
            raise UnboundedError(f"they do not settle in {steps} steps")
        before, length = now, 2 * length


class _Walk:
    """A population on its way."""

    def __init__(
        self, unit: Unit, setting: Setting, rng: np.random.Generator, samples: int
    ) -> None:
        self.unit, self.setting, self.rng, self.samples = unit, setting, rng, samples
        self.states = {s: self._normal() for s in unit.cell.states}
        laws = dict.fromkeys(unit.cell.inputs, (0.0, setting.inputs))
        laws |= {v: setting.vectors[str(v.name)] for v in unit.cell.params if len(v.shape) < 2}
        self.laws = {v: (mean, math.sqrt(variance)) for v, (mean, variance) in laws.items()}

    def _normal(self) -> Array:
        """Normal samples whose mean is 0 and whose variance is 1, so that averages vary less."""
        drawn = self.rng.standard_normal(self.samples)
        drawn -= drawn.mean()
        return drawn / math.sqrt(np.mean(drawn**2))

    def step(self) -> tuple[dict[sp.Basic, Array], dict[Expr, Array]]:
        """One step: the values of all symbols during it, and of expressions that were met."""
        values: dict[sp.Basic, Array] = dict(self.states)
        memo: dict[Expr, Array] = {}
        for var, (mean, deviation) in self.laws.items():
            values[var] = mean + deviation * self._normal() if deviation else np.asarray(mean)
        drawn: dict[object, list[tuple[Array, Array]]] = {}
        for item in self.unit.items:
            match item:
                case Line(symbol, expr):
                    values[symbol] = evaluate(expr, values, memo)
                case Average(symbol, expr):
                    values[symbol] = np.mean(evaluate(expr, values, memo), keepdims=True)
                case Leaf(symbol, matrix, argument):
                    vector = np.broadcast_to(evaluate(argument, values, memo), (self.samples,))
                    others = drawn.setdefault(matrix, [])
                    values[symbol] = self._leaf(vector, others, self.setting.variance(matrix))
                    others.append((vector, values[symbol]))
        nexts = zip(self.unit.cell.states, self.unit.nexts, strict=True)
        self.states = {s: np.broadcast_to(values[n], (self.samples,)) for s, n in nexts}
        largest = max(float(v) for v in self.squares())
        if not largest <= _TOO_LARGE:
            raise UnboundedError("a second moment grows without bound")
        return values, memo

    def _leaf(self, vector: Array, others: Sequence[tuple[Array, Array]], sigma2: float) -> Array:
        """W @ v, given the products of the same matrix with other vectors."""
        left = float(np.mean(vector**2))
        given = np.zeros(self.samples)
        if others:
            gram = np.array([[np.mean(u * v) for v, _ in others] for u, _ in others])
            overlap = np.array([np.mean(u * vector) for u, _ in others])
            weights = np.linalg.lstsq(gram, overlap, rcond=1e-12)[0]
            given = sum((w * g for w, (_, g) in zip(weights, others, strict=True)), given)
            left -= float(overlap @ weights)
        return given + math.sqrt(max(left, 0.0) * sigma2) * self._normal()

    def squares(self) -> list[float]:
        """E s² of each state."""
        return [float(np.mean(s**2)) for s in self.states.values()]

    def moments(self, steps: int) -> Array:
        """E s² of each state, averaged over the next steps."""
        found = []
        for _ in range(steps):
            self.step()
            found.append(self.squares())
        return np.mean(found, axis=0)
