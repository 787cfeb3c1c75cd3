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
from collections.abc import Hashable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import reduce
from operator import add, mul
from typing import Any

import numpy as np
import numpy.typing as npt
import sympy as sp
from mpmath.ctx_iv import MPIntervalContext

from gru_sym.algebra.expr import Node, Shape, Size, Var
from gru_sym.algebra.nodes import (
    Concat,
    LogSumExp,
    MatVec,
    Outer,
    Slice,
    Softmax,
    SumT,
    Total,
    Transpose,
)
from gru_sym.algebra.program import Program, Scan
from gru_sym.algebra.rules import Elementwise
from gru_sym.cells.equations import Cell
from gru_sym.derive.bptt import bptt, up_of
from gru_sym.derive.vjp import cotangent_of
from gru_sym.errors import DataError

__all__ = ["BruteForce", "Counterexample", "Run", "brute_force", "default_sizes"]

Entries = npt.NDArray[Any]  # scalar SymPy expressions
Poly = dict[int, Any]  # packed exponents → int or Fraction

_LARGEST = 200_000  # parts of a loss that SymPy is asked to differentiate
_TRIES = 4  # points at which a difference that is not seen to vanish is evaluated


@dataclass(frozen=True)
class Counterexample:
    """One entry of one gradient, and a point at which its derived value is wrong.

    Attributes:
        entry: the entry, such as ``U_z_bar[1,2]``.
        at: each symbol's value there, as a rational number.
        expected: an interval that holds the derivative.
        derived: an interval that holds what was derived; it does not meet the other.
    """

    entry: str
    at: dict[str, str]
    expected: str
    derived: str

    def __str__(self) -> str:
        return f"{self.entry} is in {self.expected}, derived as {self.derived}"


@dataclass(frozen=True)
class Run:
    """The comparison at one choice of sizes.

    Attributes:
        sizes: dimension → number of entries.
        steps: T.
        confirmed: the gradients all of whose entries are confirmed.
        unfinished: the gradients that are not, but are not refuted either, and why.
        counterexample: where a gradient is wrong, if one is; nothing is compared after it.
        seconds: how long it took.
    """

    sizes: dict[str, int]
    steps: int
    confirmed: tuple[str, ...]
    unfinished: dict[str, str]
    counterexample: Counterexample | None
    seconds: float

    @property
    def verdict(self) -> str:
        """``confirmed``, ``refuted`` or ``unfinished``."""
        if self.counterexample is not None:
            return "refuted"
        return "unfinished" if self.unfinished else "confirmed"

    def __str__(self) -> str:
        where = ", ".join(f"{k}={n}" for k, n in {**self.sizes, "T": self.steps}.items())
        head = f"{where}: {self.verdict} in {self.seconds:.1f} s"
        if self.counterexample is not None:
            return f"{head}: {self.counterexample}"
        parts = [", ".join(self.confirmed)] if self.confirmed else []
        parts += [f"{name} ({why})" for name, why in self.unfinished.items()]
        return f"{head}: {'; '.join(parts)}"


@dataclass(frozen=True)
class BruteForce:
    """What brute force says of a cell's gradients, at each choice of sizes."""

    cell: str
    runs: tuple[Run, ...]

    @property
    def verdict(self) -> str:
        """``refuted`` if a run is; ``confirmed`` if every run is; else ``unfinished``."""
        verdicts = {run.verdict for run in self.runs}
        return next((v for v in ("refuted", "unfinished") if v in verdicts), "confirmed")

    def to_json(self) -> dict[str, Any]:
        """Plain types, for JSON."""
        runs = [{"verdict": r.verdict, **vars(r)} for r in self.runs]
        for run in runs:
            found = run["counterexample"]
            run["counterexample"] = found and dict(vars(found))
            run["confirmed"] = list(run["confirmed"])
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
        sizes: dimension → number of entries; both of :func:`default_sizes` where it is absent.
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
    unrolled = _Unrolled(cell, scan, sizes, steps)
    try:
        loss, gradients = unrolled.both_sides()
    except _UndecidedError as reason:
        every = [cotangent_of(v).name for v in (*cell.states, *cell.inputs, *cell.params)]
        seconds = time.perf_counter() - start
        return Run(sizes, steps, (), dict.fromkeys(every, str(reason)), None, seconds)
    exact = _Exact(start + budget_s)
    confirmed: list[str] = []
    unfinished: dict[str, str] = {}
    found = None
    with suppress(_UndecidedError):
        exact.change_coordinates(unrolled.values())
    for name, pairs in gradients.items():
        try:
            for entry, symbol, derived in pairs:
                exact.check_time()
                expected = loss.diff(symbol)
                if exact.difference(expected, derived):
                    found = _counterexample(entry, expected, derived, loss.free_symbols)
                    if found is None:
                        raise _UndecidedError("a difference is not seen to vanish")
                    break
        except _UndecidedError as reason:
            unfinished[name] = str(reason)
            continue
        if found is not None:
            break
        confirmed.append(name)
    seconds = time.perf_counter() - start
    return Run(sizes, steps, tuple(confirmed), unfinished, found, seconds)


# -- writing out by entries ------------------------------------------------------------------------


class _Unrolled:
    """A cell and its backpropagation over T steps, entry by entry."""

    def __init__(self, cell: Cell, scan: Scan, sizes: Mapping[str, int], steps: int) -> None:
        self.cell, self.scan, self.sizes, self.steps = cell, scan, sizes, steps
        self.shared: dict[Var, Entries] = {p: self.symbols(p) for p in cell.params}
        self.at: list[dict[Var, Entries]] = []  # for each t, all that is known there

    def both_sides(self) -> tuple[sp.Expr, dict[str, list[tuple[str, sp.Symbol, sp.Expr]]]]:
        """The loss; and for each gradient its entries: (name, symbol, what was derived)."""
        cell, scan = self.cell, self.scan
        state = {s: self.symbols(s, 0) for s in cell.states}
        start, loss = dict(state), []
        for t in range(1, self.steps + 1):
            here = {**self.shared, **state, **{x: self.symbols(x, t) for x in cell.inputs}}
            self.define(cell.program, here)
            state = {s: here[n] for s, n in zip(cell.states, cell.nexts, strict=True)}
            given = {up_of(s): n for s, n in zip(cell.states, cell.nexts, strict=True)}
            given |= {cotangent_of(v): v for v in cell.extra}
            for bar, value in given.items():
                here[bar] = self.symbols(bar, t)
                loss += [u * v for u, v in zip(here[bar].flat, here[value].flat, strict=True)]
            self.at.append(here)
            # A gate that depends on parameters alone has one value for all t.
            self.shared |= {d.var: here[d.var] for d in cell.program if d.var not in cell.varying}
        parts = _parts(sp.Add(*loss))
        if parts > _LARGEST:
            raise _UndecidedError(f"written out, the loss has {parts:,} parts")
        self.define_all(scan.before)
        carry = {enters: self.zeros(enters.shape) for enters, _ in scan.carry}
        for here in self.at[::-1] if scan.reverse else self.at:
            here |= carry
            self.define(scan.step, here)
            carry = {enters: here[leaves] for enters, leaves in scan.carry}
        self.define_all(scan.after)
        last = self.at[0] if scan.reverse else self.at[-1]
        gradients = {}
        for var in (*cell.states, *cell.inputs, *cell.params):
            bar = cotangent_of(var)
            if var in cell.inputs:
                sources = [(here[var], here) for here in self.at]
            else:
                sources = [(start[var], last) if var in start else (self.shared[var], self.shared)]
            if any(bar not in env for _, env in sources):
                raise DataError(f"the scan does not compute {bar.name}", mend="define it there")
            gradients[bar.name] = [
                (bar.name + str(symbol).removeprefix(var.name), symbol, derived)
                for known, env in sources
                for symbol, derived in zip(known.flat, env[bar].flat, strict=True)
            ]
        return sp.Add(*loss), gradients

    def values(self) -> Iterator[sp.Expr]:
        """Each entry of what the cell computes, step by step."""
        for here in self.at:
            for d in self.cell.program:
                yield from here[d.var].flat

    def define(self, program: Program, env: dict[Var, Entries]) -> None:
        for d in program:
            env[d.var] = self.spread(self.value(d.expr, env), d.var.shape)

    def define_all(self, program: Program) -> None:
        """Definitions outside of the loop: at each t, or once, as the variable says."""
        for d in program:
            moves = d.var in self.scan.sequences
            for env in self.at if moves else [self.shared]:
                env[d.var] = self.spread(self.value(d.expr, env), d.var.shape)
            if not moves:
                for here in self.at:
                    here[d.var] = self.shared[d.var]

    def symbols(self, var: Var, t: int | None = None) -> Entries:
        when = "" if t is None else f"@{t}"
        out = self.zeros(var.shape)
        for index in np.ndindex(out.shape):
            where = f"[{','.join(str(i + 1) for i in index)}]" if index else ""
            out[index] = sp.Symbol(f"{var.name}{when}{where}", real=True)
        return out

    def zeros(self, shape: Shape) -> Entries:
        return np.full(self.extent(shape), sp.S.Zero, dtype=object)

    def extent(self, shape: Shape) -> tuple[int, ...]:
        return tuple(sum(self.sizes[name] for name in dim) for dim in shape)

    def spread(self, value: Entries, shape: Shape) -> Entries:
        return np.broadcast_to(value, self.extent(shape))

    def value(self, expr: sp.Expr, env: Mapping[Var, Entries]) -> Entries:
        """The entries of an expression. A scalar is an array without axes."""
        if isinstance(expr, Var):
            return env[expr]
        if isinstance(expr, Size):
            return np.array(sp.Integer(self.sizes[expr.name]), dtype=object)
        if expr.is_Number:
            return np.array(expr, dtype=object)
        if isinstance(expr, SumT):
            return np.asarray(reduce(add, (self.value(expr.args[0], e) for e in self.at)))
        if isinstance(expr, Node):
            return self.linear(expr, [self.value(a, env) for a in expr.operands])
        args = [self.value(a, env) for a in expr.args]
        if isinstance(expr, sp.Add | sp.Mul):
            return np.asarray(reduce(add if isinstance(expr, sp.Add) else mul, args), dtype=object)
        if isinstance(expr, sp.Pow):
            return _each(lambda v: v**expr.exp, args[0])
        if isinstance(expr, Elementwise):
            return _each(expr.rule.definition, args[0])
        raise AssertionError(f"{type(expr).__name__} is no part of the language")

    def linear(self, node: Node, args: list[Entries]) -> Entries:
        """A node as sums and products over its entries."""
        if isinstance(node, Transpose):
            return args[0].T
        if isinstance(node, MatVec):
            matrix, vector = args[0], np.broadcast_to(args[1], args[0].shape[1:])
            rows = [reduce(add, (a * v for a, v in zip(r, vector, strict=True))) for r in matrix]
            return _array(rows, (len(rows),))
        if isinstance(node, Outer):
            n, m = self.extent(node.shape)
            left, right = np.broadcast_to(args[0], (n,)), np.broadcast_to(args[1], (m,))
            return _array([u * v for u in left for v in right], (n, m))
        if isinstance(node, Concat):
            *rows, _ = self.extent(node.shape)
            parts = zip(args, self.extent(node.blocks), strict=True)
            return np.concatenate([np.broadcast_to(a, (*rows, n)) for a, n in parts], axis=-1)
        if isinstance(node, Slice):
            (a, b), whole = node.bounds, node.whole[-1]
            first, last = self.extent((whole[:a], whole[:b]))
            return self.spread(args[0], node.whole)[..., first:last]
        assert isinstance(node, Total | Softmax | LogSumExp)
        shape = node.shape if isinstance(node, Softmax) else node.summed
        entries = list(self.spread(args[0], shape).flat)
        if isinstance(node, Total):
            return np.array(sp.Add(*entries), dtype=object)
        exps = [sp.exp(v) for v in entries]
        if isinstance(node, LogSumExp):
            return np.array(sp.log(sp.Add(*exps)), dtype=object)
        return _array([e / sp.Add(*exps) for e in exps], self.extent(shape))


def _array(values: Sequence[sp.Expr], shape: tuple[int, ...]) -> Entries:
    out = np.empty(len(values), dtype=object)
    out[:] = values
    return out.reshape(shape)


def _parts(expr: sp.Expr) -> int:
    """How many parts an expression has as a tree: what SymPy walks through."""
    counts: dict[sp.Expr, int] = {}

    def count(item: sp.Expr) -> int:
        if item not in counts:
            counts[item] = 1 + sum(count(arg) for arg in item.args)
        return counts[item]

    return count(expr)


def _each(function: Any, values: Entries) -> Entries:
    return _array([function(v) for v in values.flat], values.shape)


# -- exact arithmetic ------------------------------------------------------------------------------


class _UndecidedError(Exception):
    """Why a comparison was given up."""


_BITS = 24  # of an exponent in a packed monomial
_HALF, _MASK = 1 << _BITS - 1, (1 << _BITS) - 1


class _Exact:
    """Scalar expressions as polynomials over symbols, exponentials and reciprocals.

    Each generator has a field of bits; a monomial is the sum of its exponents, each shifted to its
    field, so that a product of monomials is a sum of integers. An exponent may be negative. A
    reciprocal of a polynomial p is a generator d with the rule that rewrites d times the leading
    monomial of p; a root and a step have theirs. Every rule is an identity: when a difference
    reduces to nothing, it is zero.
    """

    def __init__(self, deadline: float) -> None:
        self.deadline = deadline
        self.fields: dict[Hashable, int] = {}
        self.bias = 0
        self.rules: list[tuple[tuple[tuple[int, int, int], ...], int, Poly]] = []
        self.bases: dict[int, Poly] = {}  # field of a reciprocal → what it is the reciprocal of
        self.roots: dict[Hashable, Poly] = {}  # a polynomial that has a root → its reciprocal
        self.known: dict[sp.Expr, Poly] = {}
        self.reduced: dict[int, Poly] = {}

    def check_time(self) -> None:
        if time.perf_counter() > self.deadline:
            raise _UndecidedError("out of time")

    def change_coordinates(self, values: Iterable[sp.Expr]) -> None:
        """Make generators of as many values as can be.

        Where a value is c s + rest, with a symbol s that stands nowhere else so far and a monomial
        c, the value v becomes a coordinate in place of s = (v - rest) / c. The change can be
        undone wherever c is not 0, so that what vanishes after it vanished before; but a
        pre-activation is now one generator, and its powers one monomial each.
        """
        seen: set[sp.Symbol] = set()
        replaced: set[sp.Symbol] = set()
        for k, value in enumerate(values):
            fresh, seen = value.free_symbols - seen, seen | value.free_symbols
            terms = sp.Add.make_args(value)
            free = [term.free_symbols for term in terms]
            found = [
                (not slope.is_Number, str(s), s, slope, term)
                for term, here in zip(terms, free, strict=True)
                for s in fresh & here
                for slope in (term / s,)
                if sum(s in f for f in free) == 1
                and all(f.is_Symbol or f.is_Rational for f in sp.Mul.make_args(slope))
                and not slope.free_symbols & {s, *replaced}
            ]
            if found:
                *_, s, slope, term = min(found, key=lambda item: item[:2])
                rest = _sum([{self.generator(("value", k)): 1}, _scaled(self.of(value - term), -1)])
                self.known[s] = self.times(rest, self.reciprocal(self.of(slope)))
                replaced.add(s)

    def difference(self, left: sp.Expr, right: sp.Expr) -> Poly:
        """The normal form of ``left - right``."""
        return _sum([self.of(left), _scaled(self.of(right), -1)])

    def of(self, expr: sp.Expr) -> Poly:
        """The normal form of an expression."""
        if expr not in self.known:
            self.check_time()
            self.known[expr] = self._of(expr)
        return self.known[expr]

    def _of(self, expr: sp.Expr) -> Poly:
        if expr.is_Rational:
            return _constant(Fraction(int(expr.p), int(expr.q)))
        if expr.is_Symbol or expr.is_NumberSymbol:
            return {self.generator(expr): 1}
        if isinstance(expr, sp.DiracDelta):
            return {}
        args = [self.of(arg) for arg in expr.args]
        if isinstance(expr, sp.Add):
            return _sum(args)
        if isinstance(expr, sp.Mul):
            return reduce(self.times, sorted(args, key=len))
        if isinstance(expr, sp.Pow) and expr.exp.is_Rational:
            n, root = int(expr.exp.p), int(expr.exp.q)
            return self.power(args[0] if root == 1 else self.root(args[0], root), n)
        return self.function(expr.func, args[0])

    def function(self, func: Any, arg: Poly) -> Poly:
        """A function of one argument, as a generator that knows sign and scale of the argument."""
        if not arg:
            if func is sp.log:
                raise _UndecidedError("the logarithm of zero")
            return _constant(1) if func in (sp.exp, sp.cos) else {}
        lead = Fraction(arg[max(arg)])
        unit = _scaled(arg, 1 / lead)
        if func is sp.exp:
            return {self.generator((func, _key(unit), lead.denominator)) * lead.numerator: 1}
        if func is sp.log:
            return {self.generator((func, _key(arg))): 1}
        if func is sp.Heaviside:
            step = self.generator((func, _key(_scaled(unit, 1 if lead > 0 else -1))))
            return self.ruled(step, 2, {step: 1})
        if func in (sp.sin, sp.cos):
            size = _key(_scaled(arg, 1 if lead > 0 else -1))
            sine, cosine = self.generator((sp.sin, size)), self.generator((sp.cos, size))
            self.ruled(cosine, 2, {0: 1, 2 * sine: -1})
            return {cosine: 1} if func is sp.cos else {sine: 1 if lead > 0 else -1}
        raise _UndecidedError(f"{func.__name__} is not handled")

    def generator(self, key: Hashable) -> int:
        """The monomial of a generator, a new one if the key is new."""
        if key not in self.fields:
            self.fields[key] = 1 << _BITS * len(self.fields)
            self.bias += _HALF * self.fields[key]
        return self.fields[key]

    def ruled(self, field: int, exponent: int, value: Poly) -> Poly:
        """The generator, with the rule that this power of it is ``value``."""
        needs = ((field.bit_length() - 1, 1, exponent),)
        if (needs, field * exponent, value) not in self.rules:
            self.rules.append((needs, field * exponent, value))
        return {field: 1}

    def exponents(self, monomial: int) -> Iterator[tuple[int, int]]:
        """Pairs (field, exponent), without those of exponent 0."""
        biased = monomial + self.bias
        for field in self.fields.values():
            exponent = (biased // field & _MASK) - _HALF
            if exponent:
                yield field, exponent

    def times(self, left: Poly, right: Poly) -> Poly:
        """The product in normal form."""
        if len(left) * len(right) > 10_000:
            self.check_time()
        out: Poly = {}
        for m, a in left.items():
            for n, b in right.items():
                out[m + n] = out.get(m + n, 0) + a * b
        return _sum([_scaled(self.normal(m), c) for m, c in out.items() if c])

    def normal(self, monomial: int) -> Poly:
        """The normal form of a monomial."""
        if monomial not in self.reduced:
            self.reduced[monomial] = self._normal(monomial)
        return self.reduced[monomial]

    def _normal(self, monomial: int) -> Poly:
        biased = monomial + self.bias
        for needs, lead, value in self.rules:
            if all(s * ((biased >> at & _MASK) - _HALF) >= least for at, s, least in needs):
                rest = monomial - lead
                return _sum([_scaled(self.normal(rest + m), c) for m, c in value.items()])
        return {monomial: 1}

    def power(self, base: Poly, exponent: int) -> Poly:
        if exponent < 0:
            base = self.reciprocal(base)
        return reduce(self.times, [base] * abs(exponent), _constant(1))

    def root(self, base: Poly, degree: int) -> Poly:
        """The root of a polynomial: a generator whose power is the polynomial."""
        field = self.generator(("root", degree, _key(base)))
        self.roots.setdefault(_key(base), {-degree * field: 1})
        return self.ruled(field, degree, base)

    def reciprocal(self, base: Poly) -> Poly:
        """1 / p: a monomial, or a monomial times a generator."""
        if not base:
            raise _UndecidedError("a division by zero")
        if _key(base) in self.roots:
            return self.roots[_key(base)]
        # Take out of p what all its terms share, so that what is left has no negative exponent.
        fields = [dict(self.exponents(m)) for m in base]
        shared = {f: min(e.get(f, 0) for e in fields) for f in {f for e in fields for f in e}}
        low = sum(f * e for f, e in shared.items())
        lead = base[max(base)]
        out = {-low: Fraction(1) / lead}
        for f, e in shared.items():
            if f in self.bases and e > 0:  # the reciprocal of a reciprocal is a polynomial
                out = self.times(
                    {m + f * e: c for m, c in out.items()}, self.power(self.bases[f], e)
                )
        rest = {m - low: Fraction(c) / lead for m, c in base.items()}
        if len(rest) == 1:
            return out
        key = ("reciprocal", _key(rest))
        new = key not in self.fields
        d = self.generator(key)
        if new:
            self.bases[d] = rest
            self.reciprocal_rules(d, rest)
        return self.times(out, {d: 1})

    def reciprocal_rules(self, d: int, base: Poly) -> None:
        """What d · p = 1 says of d times the leading monomial of p (and times a negative power)."""
        top = max(base)
        value = {0: 1, **{d + m: -c for m, c in base.items() if m != top}}
        at = d.bit_length() - 1
        powers = [(f.bit_length() - 1, 1, e) for f, e in self.exponents(top)]
        self.rules.append((((at, 1, 1), *powers), d + top, value))
        (alone, *others) = {f for m in base for f, _ in self.exponents(m)}
        if others:
            return
        # One generator alone: the normal form is that of partial fractions.
        c0 = base[0]
        below = {-alone: 1 / c0, **{d + m - alone: -c / c0 for m, c in base.items() if m}}
        self.rules.append((((at, 1, 1), (alone.bit_length() - 1, -1, 1)), d - alone, below))
        for e, other in self.bases.items():
            if e == d or {f for m in other for f, _ in self.exponents(m)} != {alone}:
                continue
            v = sp.Dummy()
            p, q = (_univariate(poly, alone, v) for poly in (base, other))
            s, t, gcd = sp.gcdex(p, q)  # s p + t q = 1, so that 1 / (p q) = s / q + t / p
            if gcd.is_one:
                parts = [_powers(s, alone, e), _powers(t, alone, d)]
                self.rules.append((((at, 1, 1), (e.bit_length() - 1, 1, 1)), d + e, _sum(parts)))


def _constant(value: Any) -> Poly:
    return {0: value} if value else {}


def _univariate(poly: Poly, field: int, generator: sp.Symbol) -> sp.Poly:
    terms = {(m // field,): sp.Rational(Fraction(c)) for m, c in poly.items()}
    return sp.Poly(terms, generator, domain="QQ")


def _powers(poly: sp.Poly, field: int, factor: int) -> Poly:
    return {factor + n * field: Fraction(int(c.p), int(c.q)) for (n,), c in poly.terms() if c}


def _key(poly: Poly) -> Hashable:
    return frozenset(poly.items())


def _scaled(poly: Poly, factor: Any) -> Poly:
    return poly if factor == 1 else {m: c * factor for m, c in poly.items()}


def _sum(polys: Iterable[Poly]) -> Poly:
    out: Poly = {}
    for poly in polys:
        for m, c in poly.items():
            out[m] = out.get(m, 0) + c
    return {m: c for m, c in out.items() if c}


# -- a rigorous counterexample ---------------------------------------------------------------------


def _counterexample(
    entry: str, expected: sp.Expr, derived: sp.Expr, free: Iterable[sp.Symbol]
) -> Counterexample | None:
    """A rational point where enclosures of the two values are disjoint, if one is soon found."""
    draw = random.Random(entry)
    symbols = sorted(free, key=str)
    for _ in range(_TRIES):
        at = {s: sp.Rational(draw.choice((-1, 1)) * draw.randint(1, 15), 8) for s in symbols}
        try:
            enclosed = _Enclosure(at)
            left, right = enclosed.of(expected), enclosed.of(derived)
        except (_UndecidedError, ValueError, ZeroDivisionError):
            continue
        if left.b < right.a or right.b < left.a:
            point = {str(s): str(v) for s, v in at.items()}
            return Counterexample(entry, point, str(left), str(right))
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
        raise _UndecidedError(f"{expr.func.__name__} has no enclosure here")
