"""Equality for all sizes: by normal form, refuted by an exact counterexample.

Definitions are not inlined: two sides are compared as they stand, and the definition that was made
last is unfolded only where a difference is left, again and again, until nothing is left of it.
"""

import random
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from fractions import Fraction
from typing import Any

import mpmath
import numpy as np
import sympy as sp

from gru_sym.algebra.expr import Dims, Shape, Size, Var, shape_of, variables_of
from gru_sym.algebra.functions import UndefinedError
from gru_sym.algebra.monomials import Poly
from gru_sym.algebra.normal import At, NormalForm, positions
from gru_sym.algebra.poly import TooLargeError
from gru_sym.algebra.program import Definition
from gru_sym.algebra.rules import RULES, Elementwise
from gru_sym.cells.equations import Cell
from gru_sym.prove.evaluate import (
    PRECISION,
    Enclosures,
    Field,
    Fractions,
    OutsideError,
    evaluate,
    evaluate_entries,
    extent,
)
from gru_sym.prove.reading import read_pair
from gru_sym.prove.result import Answer, Counterexample, Proved, Refuted, Unproved

__all__ = ["Equality", "assumptions", "prove_equal"]

Values = Mapping[Var, Any]

TRIALS = (0, 1, 2, 8, 3, 4, 5, 6, 7)
"""Random points at which a counterexample is looked for, ..."""
ENOUGH = 4
"""... until there were so many at which both sides have a value."""
FAR = {7: 30, 8: 1000}
"""The last points have inputs that much larger: some functions are only defined there."""
MAX_WORK = 80_000
"""How much work a claim is worth: a few seconds."""
MAX_WORK_PER_NAME = 40_000
"""How much work one definition is worth; what needs more is left folded."""


def prove_equal(
    p: sp.Expr | str, q: sp.Expr | str, given: Cell | Iterable[Definition] = ()
) -> Answer:
    """Whether two expressions are equal for all sizes and all values.

    Args:
        p: one expression, as a text in the language of cells or over shaped symbols.
        q: another, of the same kind.
        given: what the names stand for: a cell (its variables and their cotangents), or
            definitions. Without it they are arbitrary: in a text a name left of ``@`` is a matrix
            and any other is a vector.

    Returns:
        :class:`~.result.Proved`; :class:`~.result.Refuted` with a counterexample in exact numbers
        at small unequal sizes; or :class:`~.result.Unproved`.

    Raises:
        TextError: one of its kinds: a text cannot be read.

    >>> prove_equal("tanh(a)", "2 * sigmoid(2 * a) - 1").verdict
    'proved'
    >>> print(prove_equal("U @ (r * h)", "r * (U @ h)"))
    refuted: U @ (r * h) = r * (U @ h)
    at ...
    >>> from gru_sym.cells import gru
    >>> prove_equal("a_z_bar", "z_bar * sigmoid(a_z) * sigmoid(-a_z)", gru).verdict
    'proved'
    """
    if isinstance(p, str) and isinstance(q, str):
        if not (given == () or isinstance(given, Cell)):
            raise TypeError("beside texts, give a cell or nothing")
        cell = given if isinstance(given, Cell) else None
        left, right, shape, definitions = read_pair(p, q, cell)
        return Equality(definitions).prove(left, right, claim=f"{p} = {q}", shape=shape)
    if isinstance(p, str) or isinstance(q, str):
        raise TypeError("give two texts or two expressions")
    if isinstance(given, Cell):
        given = given.program.definitions
    return Equality(given).prove(p, q, claim=f"{p} = {q}")


class Equality:
    """Proves equalities over one list of definitions.

    Args:
        definitions: in order; each may use those before it.
        seed: of the random points at which counterexamples are looked for.
    """

    def __init__(self, definitions: Iterable[Definition] = (), *, seed: int = 0) -> None:
        self.definitions = {d.var: d.expr for d in definitions}
        self.order = {str(v.name): k for k, v in enumerate(self.definitions)}
        self.seed = seed
        self._points: dict[tuple[Any, ...], dict[Var, Any]] = {}

    def prove(self, p: sp.Expr, q: sp.Expr, *, claim: str, shape: Shape | None = None) -> Answer:
        """Look for a counterexample; where there is none, for a proof."""
        shape = shape or shape_of(p) or shape_of(q)
        assumed = assumptions([p, q, *self.definitions.values()])
        if p == q:
            return Proved(claim, ("the two sides are one expression",), assumed)
        found = self.counterexample(p, q, shape)
        if found is not None:
            return Refuted(claim, found)

        def pairs(form: NormalForm) -> list[tuple[Poly, Poly]]:
            return [(form.of(p, at), form.of(q, at)) for at in positions(shape)]

        return self.settle(claim, pairs, assumed)

    def prove_polynomials(
        self, expected: Callable[[NormalForm, At], Poly], value: sp.Expr, shape: Shape, claim: str
    ) -> Answer:
        """Prove that an expression is, at each position, what a polynomial says."""
        form = NormalForm(self.definitions)
        try:
            left = {at: expected(form, at) for at in positions(shape)}
        except (TooLargeError, RecursionError):
            return Unproved(claim, "the normal form grows too large")
        variables = variables_of(value)
        for poly in left.values():
            variables |= form.variables(poly)

        def sides(values: Values, sizes: Mapping[str, int], field: Field) -> tuple[Any, Any]:
            entries = evaluate_entries(form.ring, left, shape, values, sizes, field)
            return entries, evaluate(value, shape, values, sizes, field)

        found = self._search(variables, shape, sides)
        if found is not None:
            return Refuted(claim, found)
        return self.settle(
            claim,
            lambda form: [(p, form.of(value, at)) for at, p in left.items()],
            form=form,
        )

    def settle(
        self,
        claim: str,
        sides: Callable[[NormalForm], list[tuple[Poly, Poly]]],
        assumed: tuple[str, ...] = (),
        form: NormalForm | None = None,
    ) -> Answer:
        """Prove that pairs of polynomials are equal, unfolding definitions where needed.

        Args:
            claim: what is to be shown.
            sides: from a NormalForm, the pairs of polynomials that are to be equal.
            assumed: what the proof takes for granted.
            form: the NormalForm to use, if one is at hand.
        """
        unfolded: list[str] = []
        form = form or NormalForm(self.definitions)
        try:
            for left, right in sides(form):
                unfolded += self._meet(form, left, right)
        except _LeftOverError as left:
            return Unproved(claim, f"the normal forms differ{left}")
        except (TooLargeError, RecursionError):
            return Unproved(claim, "the normal form grows too large")
        except UndefinedError as error:
            return Unproved(claim, f"the normal form meets {error}")
        names = sorted(set(unfolded), key=self.order.__getitem__)
        how = "equal normal forms" + (f", with {', '.join(names)} unfolded" if names else "")
        return Proved(claim, (how,), assumed)

    def _meet(self, form: NormalForm, left: Poly, right: Poly) -> list[str]:
        """Unfold until the two sides are equal; which names that took.

        A name that only one side has is what keeps them apart: the last defined of those is
        unfolded first. Where both sides have the same names, that one is unfolded which brings in
        the fewest new ones. Inlining everything would grow without bound.
        """
        unfolded: list[str] = []
        budget = MAX_WORK
        form.ring.allow(budget)
        if _seen_zero(form, form.ring.subtract(left, right)):
            return unfolded
        while True:
            here = form.names(form.ring.subtract(left, right))
            alone = (form.names(left) ^ form.names(right)) & here
            names = sorted(here & self.order.keys(), key=self.order.__getitem__, reverse=True)
            if not names:
                raise _LeftOverError
            tried: list[tuple[tuple[int, int], str, Poly, Poly]] = []
            for k, name in enumerate(sorted(names, key=lambda n: n not in alone)):
                form.ring.allow(min(MAX_WORK_PER_NAME, budget))
                granted = form.ring.allowance
                try:
                    new = form.unfold(left, name), form.unfold(right, name)
                    if _seen_zero(form, form.ring.subtract(*new)):
                        return [*unfolded, name]
                except (TooLargeError, RecursionError):
                    continue
                finally:
                    budget -= granted - max(form.ring.allowance, 0)
                fresh = len((form.names(new[0]) | form.names(new[1])) - here)
                tried.append(((fresh, k), name, *new))
                if name in alone:
                    break
            if not tried or budget <= 0:
                raise TooLargeError
            _, name, left, right = min(tried, key=lambda item: item[0])
            unfolded.append(name)

    # -- counterexamples -----------------------------------------------------------------------

    def counterexample(self, p: sp.Expr, q: sp.Expr, shape: Shape) -> Counterexample | None:
        """A point in exact numbers where the two sides differ for certain, if one is found."""

        def sides(values: Values, sizes: Mapping[str, int], field: Field) -> tuple[Any, Any]:
            left, right = (evaluate(side, shape, values, sizes, field) for side in (p, q))
            return left, right

        return self._search(variables_of([p, q]), shape, sides, _dims([p, q]))

    def _search(
        self,
        variables: set[Var],
        shape: Shape,
        sides: Callable[[Values, Mapping[str, int], Field], tuple[Any, Any]],
        dims: Iterable[str] = (),
    ) -> Counterexample | None:
        needed = self._needed(variables)
        free = sorted((v for v in needed if v not in self.definitions), key=lambda v: v.name)
        shapes = (shape, *(v.shape for v in (*needed, *self.definitions)))
        names = sorted({*dims, *(n for s in shapes for dim in s for n in dim)})
        compared = 0
        for trial in TRIALS:
            sizes = {name: 2 + trial // 3 + k for k, name in enumerate(names)}
            inputs = {v: self._random(v, sizes, trial) for v in free}
            for field in (Fractions(), Enclosures()):
                try:
                    with _precision():
                        values = self._values(trial, inputs, sizes, field, needed)
                        left, right = sides(values, sizes, field)
                except (OutsideError, ZeroDivisionError):
                    continue
                entry = _differing(left, right)
                if entry is not None:
                    shown = {str(v.name): _plain(inputs[v]) for v in free}
                    a, b = _text(left[entry]), _text(right[entry])
                    return Counterexample(sizes, shown, entry, a, b)
                compared += 1
                break
            if compared == ENOUGH:
                break
        return None

    def _random(self, var: Var, sizes: Mapping[str, int], trial: int) -> Any:
        """Random fractions; the same for one name in all claims over these definitions."""
        source = random.Random(f"{self.seed} {trial} {var.name}")
        array = np.empty(tuple(extent(dim, sizes) for dim in var.shape), dtype=object)
        for place in np.ndindex(array.shape):
            number = Fraction(source.randint(1, 5), source.choice((2, 3, 4, 5, 7)))
            # All positive now and then, for roots and logarithms of inputs; some far from 0.
            number *= FAR.get(trial, 1)
            array[place] = number if trial % 3 == 2 or source.random() < 0.5 else -number
        return array

    def _needed(self, wanted: set[Var]) -> set[Var]:
        needed = set(wanted)
        for var in reversed(self.definitions):
            if var in needed:
                needed |= variables_of(self.definitions[var])
        return needed

    def _values(
        self,
        trial: int,
        inputs: Values,
        sizes: Mapping[str, int],
        field: Field,
        needed: set[Var],
    ) -> Values:
        """The values of all needed variables, the definitions' from the inputs'.

        One point serves all claims over these definitions, and is kept for them.
        """
        values = self._points.setdefault((trial, type(field), *sorted(sizes.items())), {})
        for var, array in inputs.items():
            if var not in values:
                values[var] = _converted(array, field)
        for var, expr in self.definitions.items():
            if var in needed and var not in values:
                values[var] = evaluate(expr, var.shape, values, sizes, field)
        return values


def _seen_zero(form: NormalForm, poly: Poly) -> bool:
    """Whether the polynomial is zero and that is seen with reasonable work."""
    try:
        return form.is_zero(poly)
    except (TooLargeError, RecursionError):
        return False


def _dims(exprs: Iterable[sp.Expr]) -> set[str]:
    """The dimensions that stand inside of expressions: in sizes and in the shapes of nodes."""
    found = {str(size.name) for e in exprs for size in e.atoms(Size)}
    return found | {n for e in exprs for d in e.atoms(Dims) for dim in d.shape for n in dim}


class _LeftOverError(Exception):
    """A difference is left when everything is unfolded."""

    def __str__(self) -> str:
        return " when every definition is unfolded"


def assumptions(exprs: Iterable[sp.Expr]) -> tuple[str, ...]:
    """What must be assumed of expressions: where they are defined, and where they have slopes."""
    exprs = tuple(exprs)
    # What is a size, such as the H of a mean, is not 0.
    powers = {x.exp for e in exprs for x in e.atoms(sp.Pow) if variables_of(x.base)}
    functions = {f.func.__name__ for e in exprs for f in e.atoms(Elementwise)}
    functions -= {"step"} if "relu" in functions else set()
    found = []
    if any(x < 0 for x in powers):
        found.append("no denominator is 0")
    if "log" in functions or any(x.q != 1 for x in powers):
        found.append("roots and logarithms are taken of positive numbers")
    found += [f"no argument of {name} is 0" for name in sorted(functions) if RULES[name].kink]
    return tuple(found)


@contextmanager
def _precision() -> Iterator[None]:
    before = mpmath.iv.prec
    mpmath.iv.prec = PRECISION
    try:
        yield
    finally:
        mpmath.iv.prec = before


def _converted(array: Any, field: Field) -> Any:
    out = np.empty(array.shape, dtype=object)
    for place, entry in np.ndenumerate(array):
        out[place] = field.number(entry)
    return out


def _differing(left: Any, right: Any) -> tuple[int, ...] | None:
    for place in np.ndindex(left.shape):
        a, b = left[place], right[place]
        if isinstance(a, Fraction):
            if a != b:
                return place
        elif a.b < b.a or b.b < a.a:
            return place
    return None


def _plain(array: Any) -> Any:
    return np.vectorize(str, otypes=[object])(array).tolist() if array.size else []


def _text(value: Any) -> str:
    if isinstance(value, Fraction):
        return str(value)
    low, high = (mpmath.nstr(mpmath.mpf(end), 15) for end in (value.a, value.b))
    return f"{low}…" if low == high else f"[{low}, {high}]"
