"""What is wrong with a wrong line: the term that is missing, extra, or of the wrong sign or factor.

Candidates are compared as numbers at one random point, in double precision: a diagnosis is help
beside the verdict, never the verdict.
"""

import math
import random
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from itertools import cycle

import numpy as np
import sympy as sp

from gru_sym.algebra.expr import Shape, Var, shape_of, variables_of
from gru_sym.algebra.nodes import MatVec, Outer, Transpose
from gru_sym.algebra.program import Definition
from gru_sym.algebra.rules import RULES, Elementwise
from gru_sym.prove.evaluate import Floats, OutsideError, evaluate, extent

__all__ = ["Point", "diagnose"]

CLOSE = 1e-9
MAX_TERMS = 500
"""Terms into which an expression is expanded; the diagnosis of what has more does without."""
DRAWS = 12
PRIMES = (5, 7, 11, 13)


class Point:
    """One random point at which expressions over a list of definitions have values.

    Its inputs are positive, for roots and logarithms of inputs; but where there are functions with
    a kink, a point is looked for at which they are on both sides of it.
    """

    def __init__(self, inputs: Sequence[Var], definitions: Sequence[Definition]) -> None:
        bent = [
            f.args[0]
            for d in definitions
            for f in d.expr.atoms(Elementwise)
            if RULES[f.func.__name__].kink
        ]
        for draw in range(DRAWS if bent else 0):
            self._draw(inputs, definitions, random.Random(draw), signs=(-1, 1))
            if all(self._on_both_sides(arg) for arg in bent):
                return
        self._draw(inputs, definitions, random.Random(1), signs=(1,))

    def _on_both_sides(self, expr: sp.Expr) -> bool:
        array = self.value(expr, shape_of(expr))
        return bool(array.size == 1 or array.min() < 0 < array.max())

    def _draw(
        self,
        inputs: Sequence[Var],
        definitions: Sequence[Definition],
        source: random.Random,
        signs: tuple[int, ...],
    ) -> None:
        names = {
            n for v in (*inputs, *(d.var for d in definitions)) for dim in v.shape for n in dim
        }
        # Primes, so that a factor that is a size is known as one.
        self.sizes = dict(zip(sorted(names), cycle(PRIMES), strict=False))
        self.values = {}
        for var in inputs:
            shape = tuple(extent(dim, self.sizes) for dim in var.shape)
            array = np.empty(shape, dtype=object)
            for place in np.ndindex(shape):
                array[place] = source.uniform(0.2, 1.2) * source.choice(signs)
            self.values[var] = array
        for d in definitions:
            self.values[d.var] = self.value(d.expr, d.var.shape)

    def value(self, expr: sp.Expr, shape: Shape) -> np.ndarray:
        """The value of an expression in a shape; not a number where it has none."""
        try:
            with np.errstate(all="ignore"):
                array = evaluate(expr, shape, self.values, self.sizes, Floats())
        except (OutsideError, OverflowError, ZeroDivisionError):
            return np.full(tuple(extent(dim, self.sizes) for dim in shape), math.nan)
        array = np.asarray(array, dtype=float)
        return np.where(np.isfinite(array), array, math.nan)

    def in_sizes(self, ratio: Fraction) -> str:
        """A number, or the size that it is here: ``H`` or ``1/H``."""
        for name, size in self.sizes.items():
            if abs(ratio) in (size, Fraction(1, size)):
                return f"{'-' if ratio < 0 else ''}{name if abs(ratio) == size else f'1/{name}'}"
        return str(ratio)

    def same(self, p: sp.Expr, q: sp.Expr, shape: Shape) -> bool:
        """Whether two expressions have the same value here, to nine digits."""
        try:
            a, b = self.value(p, shape), self.value(q, shape)
        except ValueError:  # shapes that do not broadcast
            return False
        largest = max(np.max(np.abs(side), initial=0) for side in (a, b))
        if not np.all(np.isfinite([*a.flat, *b.flat])):
            return False
        if largest > np.finfo(float).tiny:  # of numbers such as 1e200 no square can be taken
            a, b = a / largest, b / largest
        return bool(np.linalg.norm(a - b) <= CLOSE * (np.linalg.norm(a) + np.linalg.norm(b)))


def diagnose(
    written: sp.Expr,
    right: sp.Expr,
    shape: Shape,
    point: Point,
    show: Callable[[sp.Expr], str],
) -> str:
    """In words, how a written expression differs from the right one."""
    whole = _relation(written, right, shape, point, show)
    if whole:
        return whole
    exchanged = ""
    for expand in (False, True):
        mine, true = _terms(written, expand), _terms(right, expand)
        mine, true = _unmatched(mine, true, shape, point)
        words = _compared(mine, true, shape, point, show)
        if not expand and not words and len(mine) == len(true) == 1:
            exchanged = _exchanged(mine[0], true[0], show)
        # A term that is missing says more than the factor that it would have been part of.
        if words and (not exchanged or (words.startswith("the term") and ";" not in words)):
            return words
    if exchanged:
        return exchanged
    return _swapped(written, right, shape, point, show) or f"it is not `{show(right)}`"


def _terms(expr: sp.Expr, expand: bool) -> list[sp.Expr]:
    expand = expand and _count_terms(expr) <= MAX_TERMS
    return list(sp.Add.make_args(sp.expand(expr) if expand else expr))


def _count_terms(expr: sp.Expr) -> int:
    """At most how many terms all that is within an expression has, expanded."""
    counts: dict[sp.Basic, int] = {}
    for at in sp.postorder_traversal(expr):
        inner = [counts[arg] for arg in at.args]
        if isinstance(at, sp.Pow):
            n, power = inner[0], at.exp
            most = int(abs(power.p) // power.q) if power.is_Rational else 1
            counts[at] = math.comb(n + most - 1, most) if n > 1 else 1
        else:
            counts[at] = math.prod(inner) if isinstance(at, sp.Mul) else max(1, sum(inner))
        counts[at] = min(counts[at], 2 * MAX_TERMS)
    return counts[expr]


def _unmatched(
    mine: list[sp.Expr], true: list[sp.Expr], shape: Shape, point: Point
) -> tuple[list[sp.Expr], list[sp.Expr]]:
    left = list(true)
    extra = []
    for term in mine:
        found = next((t for t in left if point.same(term, t, shape)), None)
        if found is None:
            extra.append(term)
        else:
            left.remove(found)
    return extra, left


def _compared(
    mine: list[sp.Expr],
    true: list[sp.Expr],
    shape: Shape,
    point: Point,
    show: Callable[[sp.Expr], str],
) -> str:
    """Words for what is left on both sides, or nothing where the terms cannot be paired."""
    words = []
    for term in list(mine):
        for other in true:
            said = _relation(term, other, shape, point, show)
            if said:
                words.append(said)
                mine.remove(term)
                true.remove(other)
                break
    if mine and true:
        return ""
    words += [f"the term `{show(t)}` is missing" for t in true]
    words += [f"the term `{show(t)}` is extra" for t in mine if t != 0]
    return "; ".join(words)


def _relation(
    written: sp.Expr, right: sp.Expr, shape: Shape, point: Point, show: Callable[[sp.Expr], str]
) -> str:
    """How one term is the other but for a sign, a factor, a transpose or a name."""
    if written == 0 or right == 0:
        return ""
    if point.same(-written, right, shape):
        return f"the sign of `{show(written)}` is wrong"
    ratio = _ratio(written, right, shape, point)
    if ratio is not None:
        times = point.in_sizes(ratio)
        return f"`{show(written)}` is {times} times what it should be"
    for factor, rest in _without_one(right):
        if point.same(written, rest, shape):
            return f"the factor `{show(factor)}` is missing in `{show(written)}`"
        if point.same(-written, rest, shape):
            where = f"`{show(written)}`"
            return f"the factor `{show(factor)}` is missing in {where}, and the sign is wrong"
    for factor, rest in _without_one(written):
        if point.same(rest, right, shape):
            return f"the factor `{show(factor)}` in `{show(written)}` is too much"
    for said, changed in _changes(written, right):
        if point.same(changed, right, shape):
            return said.format(show=show(written))
    return ""


def _exchanged(written: sp.Expr, right: sp.Expr, show: Callable[[sp.Expr], str]) -> str:
    """What stands in place of what, where two products have other factors in common."""
    mine, true = (
        {f for f in sp.Mul.make_args(side) if not f.is_Rational} for side in (written, right)
    )
    if not mine & true:
        return ""
    shared = sp.Mul(*(mine & true))
    mine_alone, true_alone = written / shared, right / shared
    if mine_alone == 1:
        return f"the factor `{show(true_alone)}` is missing in `{show(written)}`"
    if true_alone == 1:
        return f"the factor `{show(mine_alone)}` in `{show(written)}` is too much"
    other = {*sp.Add.make_args(true_alone)}
    signs = [t for t in sp.Add.make_args(mine_alone) if t not in other and -t in other]
    if len(signs) == len(other ^ {*sp.Add.make_args(mine_alone)}) / 2 == 1:
        return f"the sign of `{show(signs[0])}` in `{show(mine_alone)}` is wrong"
    return f"the factor `{show(mine_alone)}` should be `{show(true_alone)}` in `{show(written)}`"


def _swapped(
    written: sp.Expr, right: sp.Expr, shape: Shape, point: Point, show: Callable[[sp.Expr], str]
) -> str:
    """Which factor stands in place of another."""
    for mine, rest in _without_one(written):
        for true, other in _without_one(right):
            if rest != 1 and other != 1 and point.same(rest, other, shape):
                return f"the factor `{show(mine)}` should be `{show(true)}` in `{show(written)}`"
    return ""


def _ratio(written: sp.Expr, right: sp.Expr, shape: Shape, point: Point) -> Fraction | None:
    a, b = point.value(written, shape).ravel(), point.value(right, shape).ravel()
    if not (np.all(np.isfinite(a)) and np.all(np.isfinite(b)) and np.all(b != 0)):
        return None
    with np.errstate(over="ignore"):
        first = float(a[0] / b[0])
    if not abs(first) <= 14:
        return None
    ratio = Fraction(first).limit_denominator(13)
    if not ratio or ratio == 1 or abs(ratio) > 13:
        return None
    return ratio if np.allclose(a, float(ratio) * b, rtol=CLOSE, atol=0) else None


def _without_one(expr: sp.Expr) -> Iterator[tuple[sp.Expr, sp.Expr]]:
    """(factor, the expression without it), also for factors inside of products with matrices."""
    factors = [f for f in sp.Mul.make_args(expr) if not f.is_Rational]
    for factor in factors:
        if isinstance(factor, sp.Pow) and factor.exp.is_Integer and abs(factor.exp) > 1:
            yield factor.base, expr / factor.base
        yield factor, expr / factor
        if isinstance(factor, MatVec | Outer):
            for at in range(2):
                inner = factor.args[at]
                if len(shape_of(inner)) != 1:
                    continue
                for part, rest in _without_one(inner) if isinstance(inner, sp.Mul) else ():
                    arguments = [rest if k == at else a for k, a in enumerate(factor.args)]
                    yield part, expr / factor * factor.func(*arguments)


def _changes(written: sp.Expr, right: sp.Expr) -> Iterator[tuple[str, sp.Expr]]:
    """Small changes of what is written, with words for each."""
    for node in written.atoms(MatVec):
        matrix = node.args[0]
        flipped = Transpose(matrix)
        if shape_of(flipped) == shape_of(matrix):
            name = matrix.args[0] if isinstance(matrix, Transpose) else matrix
            yield (
                f"`{name}` should {'not ' if isinstance(matrix, Transpose) else ''}be transposed "
                "in `{show}`",
                written.xreplace({node: MatVec(flipped, node.args[1])}),
            )
    for node in written.atoms(Outer):
        left, other, dims = node.args
        if dims.shape[0] == dims.shape[1]:
            yield (
                "the outer product is transposed in `{show}`",
                written.xreplace({node: Outer(other, left, dims)}),
            )
    mine, true = variables_of(written), variables_of(right)
    for name in sorted(mine - true, key=str):
        for other in sorted(true - mine, key=str):
            if name.shape == other.shape:
                yield (
                    f"`{name}` should be `{other}` in `{{show}}`",
                    written.xreplace({name: other}),
                )
