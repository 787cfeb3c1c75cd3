"""The scalar brute force as an oracle: SymPy's own calculus on entries, at sizes of 1 and 2.

The cell is written out entry by entry, the loss becomes one expression in plain symbols, and
``sympy.diff`` differentiates it. Here the derivatives are evaluated in many digits and held against
numbers; :func:`~gru_sym.prove.brute.brute_force` brings both to a normal form instead.
"""

import operator
from collections.abc import Mapping
from fractions import Fraction
from functools import reduce
from typing import Any

import numpy as np
import sympy as sp

from gru_sym.cells.equations import Cell
from gru_sym.derive.bptt import bptt, up_of
from gru_sym.derive.vjp import BAR, cotangent_of
from gru_sym.prove.brute import default_sizes
from gru_sym.prove.entries import Unrolled, parts
from gru_sym.verification.point import Point
from gru_sym.verification.regimes import drawn
from gru_sym.verification.tape import Floats
from gru_sym.verification.truth import NotRunError, Truth, where_real

__all__ = ["scalar_point", "sympy_entries"]

_DIGITS = 60
_NOTHING = 1e-45
_LARGEST = 200
"""Parts of the loss of one step up to which a second one is taken: it squares them."""
_MOST = 50_000
"""Parts of the loss of one step that SymPy is asked to differentiate."""


def scalar_point(cell: Cell, seed: int = 0) -> Point:
    """A point of one sequence at the smallest sizes: two steps where the loss stays small, or one.

    Raises:
        NotRunError: written out, the loss is too large.
    """
    sizes = default_sizes(cell)[0]
    found = parts(Unrolled(cell, bptt(cell), sizes, 1).loss)
    if found > _MOST:
        raise NotRunError(f"written out, the loss of one step has {found:,} parts")
    steps = 2 if found <= _LARGEST else 1
    return drawn(cell, seed, sizes=sizes, steps=steps, sequences=1)


def sympy_entries(point: Point) -> Truth:
    """``sympy.diff`` by every entry, evaluated in 60 digits at a :func:`scalar_point`."""
    cell = point.cell
    unrolled = Unrolled(cell, bptt(cell), point.sizes, point.T)
    evaluation = _Evaluation(_known(point, unrolled), Floats(_DIGITS))
    gradients = {}
    for name, array in point.moving.items():
        symbols = unrolled.given[name]
        with where_real():
            slopes = [float(evaluation.of(unrolled.loss.diff(symbol))) for symbol in symbols.flat]
        gradients[name + BAR] = np.array(slopes).reshape(array.shape)
    every = max((np.abs(bar).max(initial=0) for bar in gradients.values()), default=0.0)
    for bar in gradients.values():
        if np.abs(bar).max(initial=0) < _NOTHING * every:
            bar[...] = 0.0  # what cancels leaves the last of the digits
    return Truth(gradients)


def _known(point: Point, unrolled: Unrolled) -> dict[sp.Expr, float]:
    """The number of each symbol."""
    arrays = dict(point.moving)
    arrays |= {str(up_of(v).name): point.bars[str(v.name)] for v in point.cell.states}
    arrays |= {str(cotangent_of(v).name): point.bars[str(v.name)] for v in point.cell.extra}
    return {
        symbol: float(value)
        for name, symbols in unrolled.given.items()
        for symbol, value in zip(symbols.flat, arrays[str(name)].flat, strict=True)
    }


class _Evaluation:
    """Values of scalar expressions; what they share is computed once."""

    def __init__(self, known: Mapping[sp.Expr, float], field: Floats) -> None:
        self.field = field
        self.known = {s: field.number(Fraction(value)) for s, value in known.items()}

    def of(self, expr: sp.Expr) -> Any:
        if expr not in self.known:
            self.known[expr] = self._of(expr)
        return self.known[expr]

    def _of(self, expr: sp.Expr) -> Any:
        if expr.is_Rational:
            return self.field.number(Fraction(int(expr.p), int(expr.q)))
        if expr is sp.E:
            return self.field.exp(self.field.number(Fraction(1)))
        if isinstance(expr, sp.DiracDelta):  # away from the kinks
            return self.field.number(Fraction(0))
        args = [self.of(arg) for arg in expr.args]
        if isinstance(expr, sp.Add | sp.Mul):
            return reduce(operator.add if isinstance(expr, sp.Add) else operator.mul, args)
        if isinstance(expr, sp.Heaviside):
            return self.field.number(Fraction(int(self.field.positive(args[0]))))
        if isinstance(expr, sp.Pow) and expr.exp.is_Rational:
            return self.field.power(args[0], Fraction(int(expr.exp.p), int(expr.exp.q)))
        return getattr(self.field, expr.func.__name__)(args[0])
