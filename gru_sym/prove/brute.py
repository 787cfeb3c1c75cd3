"""An independent confirmation of the derived gradients: plain ``sympy.diff`` on scalar entries.

The cell is written out entry by entry, at tiny sizes, over a few steps of one sequence. Its loss
``L = Σ_t ⟨h_bar_up_t, h_t⟩`` is then one closed expression in plain symbols, which SymPy
differentiates with respect to each entry of each parameter, input and initial state. The derived
backpropagation is unrolled on the same entries, and the difference of the two is brought to a
normal form in exact arithmetic. Nothing is shared with the derive rules: activations are written
out by their definitions, linear maps as sums over entries, and SymPy's own calculus does the rest.

*Confirmed*: every difference vanishes identically. *Refuted*: at a point of rational numbers the
two values lie in disjoint intervals, each a rigorous enclosure. Anything else is *unfinished*, and
never counts as confirmed. The derivative of a step function is 0: what is compared is what holds
away from the kinks.
"""

import random
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from functools import reduce
from operator import add, mul
from typing import Any

import numpy as np
import sympy as sp
from mpmath.ctx_iv import MPIntervalContext

from gru_sym.algebra.program import Scan
from gru_sym.cells.equations import Cell
from gru_sym.derive.bptt import bptt
from gru_sym.derive.vjp import cotangent_of
from gru_sym.errors import DataError
from gru_sym.notebook import ShownAsText
from gru_sym.prove.entries import Entry, Unrolled, parts
from gru_sym.prove.exact import Exact, UndecidedError
from gru_sym.prove.result import Counterexample

__all__ = ["BruteForce", "Run", "brute_force", "default_sizes"]

_LARGEST = 200_000  # parts of a loss that SymPy is asked to differentiate
_TRIES = 4  # points at which a difference that is not seen to vanish is evaluated


@dataclass(frozen=True, repr=False)
class Run(ShownAsText):
    """The comparison at one choice of sizes.

    Attributes:
        sizes: dimension → number of entries.
        steps: T.
        confirmed: the gradients all of whose entries are confirmed.
        unfinished: the gradients that are not, but are not refuted either, and why.
        refuted: the gradient that is wrong, if one is, and where: ``left`` encloses the derivative,
            ``right`` what was derived. Inputs, given cotangents and gradients of inputs have T as
            their first axis, and a state is the initial one. Nothing is compared after it.
        seconds: how long it took.
    """

    sizes: dict[str, int]
    steps: int
    confirmed: tuple[str, ...]
    unfinished: dict[str, str]
    refuted: dict[str, Counterexample]
    seconds: float

    @property
    def verdict(self) -> str:
        """``confirmed``, ``refuted`` or ``unfinished``."""
        if self.refuted:
            return "refuted"
        return "unfinished" if self.unfinished else "confirmed"

    def to_json(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        refuted = {name: example.to_json() for name, example in self.refuted.items()}
        plain = {"confirmed": list(self.confirmed), "refuted": refuted}
        return {"verdict": self.verdict, **vars(self), **plain}

    def __str__(self) -> str:
        where = ", ".join(f"{k}={n}" for k, n in {**self.sizes, "T": self.steps}.items())
        found = [f"{k}, {c.difference('expected', 'derived')}" for k, c in self.refuted.items()]
        if not found:
            found = [", ".join(self.confirmed)] if self.confirmed else []
            found += [f"{name} ({why})" for name, why in self.unfinished.items()]
        return f"{where}: {self.verdict} in {self.seconds:.1f} s: {'; '.join(found)}"


@dataclass(frozen=True, repr=False)
class BruteForce(ShownAsText):
    """What brute force says of a cell's gradients.

    Attributes:
        cell: the cell's name.
        runs: what it says at each choice of sizes.
    """

    cell: str
    runs: tuple[Run, ...]

    @property
    def verdict(self) -> str:
        """``refuted`` if a run is; ``confirmed`` if every run is; else ``unfinished``."""
        verdicts = {run.verdict for run in self.runs}
        return next((v for v in ("refuted", "unfinished") if v in verdicts), "confirmed")

    def to_json(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        runs = [run.to_json() for run in self.runs]
        return {"cell": self.cell, "verdict": self.verdict, "runs": runs}

    def __str__(self) -> str:
        return "\n".join(f"{self.cell} at {run}" for run in self.runs)


def default_sizes(cell: Cell) -> tuple[dict[str, int], ...]:
    """H=2, I=1 and H=1, I=2; other dimensions 1 and 2 in turn, and the other way round."""
    names = {n: None for v in cell.program.variables for dim in v.shape for n in dim}
    ordered = [*(n for n in "HI" if n in names), *(n for n in names if n not in "HI")]
    first = {n: 2 if n == "H" else 1 if n == "I" else 1 + k % 2 for k, n in enumerate(ordered)}
    return first, {n: 3 - size for n, size in first.items()}


def brute_force(
    cell: Cell,
    *,
    scan: Scan | None = None,
    sizes: Mapping[str, int] | None = None,
    steps: int = 1,
    budget_s: float = 60.0,
) -> BruteForce:
    """Confirm or refute derived gradients by differentiating scalar entries.

    Args:
        cell: the cell.
        scan: what is tested: its backpropagation through time, by default as :func:`bptt` has it.
        sizes: dimension → number of entries; those of ``default_sizes(cell)`` where it is absent.
        steps: T. One is quick; two takes seconds to minutes.
        budget_s: seconds for each choice of sizes. SymPy is not interrupted while it differentiates
            one entry, so that a run may take that much longer. A loss of more than 200,000 parts
            is not begun.

    Raises:
        DataError: a size is missing or not positive, ``steps`` is not, or ``scan`` does not
            compute one of the gradients.

    >>> from gru_sym.cells import cell
    >>> brute_force(cell("rnn")).verdict
    'confirmed'
    """
    scan = bptt(cell) if scan is None else scan
    choices = default_sizes(cell) if sizes is None else (dict(sizes),)
    for choice in choices:
        for name in default_sizes(cell)[0]:
            if choice.get(name, 0) < 1:
                raise DataError(f"dimension {name} has no size", mend=f"give {name} as 1 or 2")
    if steps < 1:
        raise DataError(f"{steps} steps are none", mend="take one step, or two")
    runs = tuple(_run(cell, scan, choice, steps, budget_s) for choice in choices)
    return BruteForce(cell.name, runs)


def _run(cell: Cell, scan: Scan, sizes: dict[str, int], steps: int, budget_s: float) -> Run:
    start = time.perf_counter()
    unrolled = Unrolled(cell, scan, sizes, steps)
    size = parts(unrolled.loss)
    if size > _LARGEST:
        every = [cotangent_of(v).name for v in (*cell.states, *cell.inputs, *cell.params)]
        why = f"written out, the loss has {size:,} parts"
        return Run(sizes, steps, (), dict.fromkeys(every, why), {}, time.perf_counter() - start)
    gradients = unrolled.gradients()
    exact = Exact(start + budget_s)
    confirmed: list[str] = []
    unfinished: dict[str, str] = {}
    refuted: dict[str, Counterexample] = {}
    with suppress(UndecidedError):
        exact.change_coordinates(unrolled.values())
    for name, entries in gradients.items():
        try:
            found = _first_wrong(unrolled, entries, exact)
        except UndecidedError as reason:
            unfinished[name] = str(reason)
            continue
        if found is not None:
            refuted[name] = found
            break
        confirmed.append(name)
    seconds = time.perf_counter() - start
    return Run(sizes, steps, tuple(confirmed), unfinished, refuted, seconds)


def _first_wrong(unrolled: Unrolled, entries: list[Entry], exact: Exact) -> Counterexample | None:
    """None if the differences of all entries vanish; else where one does not."""
    for entry in entries:
        exact.check_time()
        expected = unrolled.loss.diff(entry.symbol)
        if exact.difference(expected, entry.derived):
            found = _counterexample(unrolled, entry, expected)
            if found is None:
                raise UndecidedError("a difference is not seen to vanish")
            return found
    return None


# -- a rigorous counterexample ---------------------------------------------------------------------


def _counterexample(unrolled: Unrolled, entry: Entry, expected: sp.Expr) -> Counterexample | None:
    """A rational point where enclosures of the two values are disjoint, if one is soon found."""
    draw = random.Random(str(entry.symbol))
    for _ in range(_TRIES):
        at = {
            s: sp.Rational(draw.choice((-1, 1)) * draw.randint(1, 15), 8)
            for symbols in unrolled.given.values()
            for s in symbols.flat
        }
        try:
            enclosed = _Enclosure(at)
            left, right = enclosed.of(expected), enclosed.of(entry.derived)
        except (UndecidedError, ValueError, ZeroDivisionError):
            continue
        if left.b < right.a or right.b < left.a:
            text = np.vectorize(lambda s, at=at: str(at[s]), otypes=[object])
            values = {name: text(symbols).tolist() for name, symbols in unrolled.given.items()}
            sizes = {**unrolled.sizes, "T": len(unrolled.at)}
            return Counterexample(sizes, values, entry.place, str(left), str(right))
    return None


class _Enclosure:
    """Interval values of scalar expressions at a rational point."""

    def __init__(self, at: Mapping[sp.Symbol, sp.Rational]) -> None:
        self.iv = MPIntervalContext()
        self.iv.prec = 200
        self.known = {s: self.of_rational(v) for s, v in at.items()}

    def of_rational(self, value: sp.Rational) -> Any:
        return self.iv.mpf(int(value.p)) / int(value.q)

    def of(self, expr: sp.Expr) -> Any:
        if expr not in self.known:
            self.known[expr] = self._of(expr)
        return self.known[expr]

    def _of(self, expr: sp.Expr) -> Any:
        if expr.is_Rational:
            return self.of_rational(expr)
        if expr is sp.E:
            return self.iv.exp(1)
        if isinstance(expr, sp.DiracDelta):
            return self.iv.mpf(0)
        args = [self.of(a) for a in expr.args]
        if isinstance(expr, sp.Add | sp.Mul):
            return reduce(add if isinstance(expr, sp.Add) else mul, args)
        if isinstance(expr, sp.Pow) and expr.exp.is_Integer:
            return args[0] ** int(expr.exp)
        if isinstance(expr, sp.Pow) and args[0].a > 0:
            return self.iv.exp(self.iv.log(args[0]) * args[1])
        if isinstance(expr, sp.Heaviside) and (args[0].a > 0 or args[0].b < 0):
            return self.iv.mpf(int(args[0].a > 0))
        if isinstance(expr, sp.exp | sp.log | sp.sin | sp.cos):
            return getattr(self.iv, expr.func.__name__)(args[0])
        raise UndecidedError(f"{expr.func.__name__} has no enclosure here")
