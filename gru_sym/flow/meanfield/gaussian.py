"""Expectations of polynomials in functions of jointly Gaussian numbers, by quadrature.

An expression is expanded over its *atoms*, the functions in it that are no polynomials. The atoms
of one term that depend on common Gaussians are integrated together, over as many dimensions as
these Gaussians have; those that do not are independent, and their expectations multiply.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, reduce
from typing import Any

import numpy as np
import sympy as sp

from gru_sym.algebra.expr import Expr, Var
from gru_sym.algebra.rules import FUNCTIONS, Elementwise
from gru_sym.codegen.functions import Array
from gru_sym.flow.meanfield.quadrature import normal, normal_split
from gru_sym.flow.meanfield.values import evaluate

__all__ = ["Alphabet", "Group", "NotClosed", "Numbers", "Plan", "expectation", "plan"]

_MOST_POINTS = 4_000_000
_DETERMINED = 1e-12
_STEEP = 2.0


class NotClosed(Exception):
    """No finite number of moments determines this expectation, or too many Gaussians are in it."""


Powers = tuple[tuple[Expr, int], ...]


@dataclass(frozen=True)
class Group:
    """Atoms that depend on common Gaussians, and are integrated together.

    Attributes:
        atoms: (atom, power), over ``forms`` and constants.
        forms: symbol → the sum of Gaussians that it stands for: their coefficients, and a constant.
    """

    atoms: Powers
    forms: tuple[tuple[Var, tuple[tuple[Var, Expr], ...], Expr], ...]

    @property
    def kinked(self) -> bool:
        """Whether a function in it has a kink; a logarithm of |·| has none where it is finite."""
        return any(_kinks(atom) for atom, _ in self.atoms)


@dataclass(frozen=True)
class Term:
    """A coefficient times powers of states times independent groups."""

    coefficient: Expr
    states: tuple[tuple[Var, int], ...]
    groups: tuple[Group, ...]


@dataclass(frozen=True)
class Plan:
    """How to take the expectation of an expression."""

    terms: tuple[Term, ...]


# -- planning --------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Alphabet:
    """What the symbols of an expression are; the others are numbers.

    Attributes:
        gaussians: the Gaussian symbols, each with what it may depend on: symbols of one family may
            be correlated, those of different families are independent.
        states: symbols of which nothing but moments is known.
        past: the Gaussians on which the states may depend.
    """

    gaussians: Mapping[Var, object]
    states: frozenset[Var]
    past: frozenset[Var]

    @cached_property
    def random(self) -> frozenset[Var]:
        """All that is no number."""
        return frozenset(self.gaussians) | self.states


def plan(expr: Expr, alphabet: Alphabet) -> Plan:
    """Expand an expression over independent groups.

    Args:
        expr: an expression over the symbols of the alphabet, and numbers.
        alphabet: what the symbols are.

    Raises:
        NotClosed: a function, or a power above the second, is taken of a state of which only the
            moments are known.
    """
    atoms: dict[Expr, sp.Dummy] = {}
    numbers: dict[Expr, sp.Dummy] = {}
    plain = _opened(expr, alphabet, atoms, numbers)
    back = {dummy: atom for atom, dummy in atoms.items()}
    constants: dict[sp.Basic, Expr] = {dummy: number for number, dummy in numbers.items()}
    generators = sorted(plain.free_symbols, key=str)
    if not generators:
        return Plan((Term(plain, (), ()),) if plain != 0 else ())
    terms = []
    for exponents, coefficient in sp.Poly(plain, *generators).terms():
        powers = [(g, e) for g, e in zip(generators, exponents, strict=True) if e]
        factor = sp.Mul(
            coefficient,
            *(
                constants.get(g, g) ** e
                for g, e in powers
                if g not in back and g not in alphabet.states
            ),
        )
        states = tuple((g, e) for g, e in powers if g in alphabet.states)
        inside = [(back[g], e) for g, e in powers if g in back]
        past = any(not a.free_symbols.isdisjoint(alphabet.past) for a, _ in inside)
        if sum(e for _, e in states) > 2 or (states and past):
            raise NotClosed
        groups = tuple(_groups(inside, alphabet))
        terms.append(Term(factor, states, groups))
    return Plan(tuple(terms))


def _opened(
    expr: Expr, alphabet: Alphabet, atoms: dict[Expr, sp.Dummy], numbers: dict[Expr, sp.Dummy]
) -> Expr:
    """The expression as a polynomial in states and dummies for its atoms and numbers."""
    if expr in alphabet.states or expr.is_Rational:
        return expr
    if not expr.has(*alphabet.random):
        return numbers.setdefault(expr, sp.Dummy(f"number{len(numbers)}"))
    whole_power = isinstance(expr, sp.Pow) and expr.exp.is_Integer and expr.exp > 0
    if isinstance(expr, sp.Add | sp.Mul):
        return expr.func(*(_opened(arg, alphabet, atoms, numbers) for arg in expr.args))
    if whole_power:
        return _opened(expr.base, alphabet, atoms, numbers) ** expr.exp
    if alphabet.states and expr.has(*alphabet.states):
        raise NotClosed
    return atoms.setdefault(expr, sp.Dummy(f"atom{len(atoms)}"))


def _groups(atoms: list[tuple[Expr, int]], alphabet: Alphabet) -> Iterable[Group]:
    """The atoms of a term, those together that may depend on each other."""
    families = [
        {alphabet.gaussians[g] for g in atom.free_symbols if g in alphabet.gaussians}
        for atom, _ in atoms
    ]
    left = list(range(len(atoms)))
    while left:
        members = [left.pop(0)]
        reached = set(families[members[0]])
        while more := [k for k in left if families[k] & reached]:
            for k in more:
                left.remove(k)
                members.append(k)
                reached |= families[k]
        forms: dict[Expr, Var] = {}
        found = []
        for atom, power in sorted((atoms[k] for k in members), key=lambda a: str(a[0])):
            found.append((_with_forms(atom, alphabet, forms), power))
        yield Group(
            tuple(found),
            tuple((symbol, *_linear(form, alphabet)) for form, symbol in forms.items()),
        )


def _with_forms(expr: Expr, alphabet: Alphabet, forms: dict[Expr, Var]) -> Expr:
    """The expression, with a symbol for each largest sum of Gaussians in it."""
    if not expr.has(*alphabet.gaussians):
        return expr
    if _is_linear(expr, alphabet):
        return forms.setdefault(expr, Var(f"form {len(forms)}"))
    if isinstance(expr, sp.Add):
        linear = [a for a in expr.args if _is_linear(a, alphabet)]
        if any(a.has(*alphabet.gaussians) for a in linear):
            rest = [a for a in expr.args if a not in linear]
            form = forms.setdefault(sp.Add(*linear), Var(f"form {len(forms)}"))
            return sp.Add(form, *(_with_forms(a, alphabet, forms) for a in rest))
    return expr.func(*(_with_forms(a, alphabet, forms) for a in expr.args))


def _is_linear(expr: Expr, alphabet: Alphabet) -> bool:
    if not expr.has(*alphabet.gaussians) or expr in alphabet.gaussians:
        return True
    if isinstance(expr, sp.Add):
        return all(_is_linear(a, alphabet) for a in expr.args)
    if isinstance(expr, sp.Mul):
        random = [a for a in expr.args if a.has(*alphabet.gaussians)]
        return len(random) == 1 and _is_linear(random[0], alphabet)
    return False


def _linear(expr: Expr, alphabet: Alphabet) -> tuple[tuple[tuple[Var, Expr], ...], Expr]:
    """The coefficients of the Gaussians in a sum of them, and the constant."""
    used = sorted((g for g in expr.free_symbols if g in alphabet.gaussians), key=str)
    nothing = dict.fromkeys(used, sp.S.Zero)
    ones = {g: expr.xreplace({**nothing, g: sp.S.One}) for g in used}
    constant = expr.xreplace(nothing)
    return tuple((g, ones[g] - constant) for g in used), constant


# -- evaluating ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Numbers:
    """What an expectation is taken at.

    Attributes:
        values: the numbers among the symbols.
        covariance: (Gaussian, Gaussian) → covariance, 0 where none is given; all means are 0.
        moments: product of states, as a sorted tuple → its mean.
    """

    values: Mapping[Var, float]
    covariance: Mapping[tuple[Var, Var], float]
    moments: Mapping[tuple[Var, ...], float]


def expectation(
    plan: Plan, numbers: Numbers, nodes: int, known: dict[Group, float] | None = None
) -> float:
    """The expectation of what was planned.

    Args:
        plan: the expansion.
        numbers: the law of its symbols.
        nodes: how many for one Gaussian.
        known: expectations of groups at these numbers, to which those found are added.

    Raises:
        NotClosed: more Gaussians than can be integrated over, or a kink among several.
    """
    known = {} if known is None else known
    total = 0.0
    with np.errstate(all="ignore"):  # what is not finite the caller sees
        for term in plan.terms:
            value = float(evaluate(term.coefficient, numbers.values))
            if term.states:
                value *= numbers.moments[tuple(s for s, e in term.states for _ in range(e))]
            for group in term.groups:
                if group not in known:
                    known[group] = _integral(group, numbers, nodes)
                value *= known[group]
            total += value
    return total


def _integral(group: Group, numbers: Numbers, nodes: int) -> float:
    """E of a product of atoms: over the independent directions of their Gaussians."""
    coefficients = [
        {g: float(evaluate(c, numbers.values)) for g, c in linear} for _, linear, _ in group.forms
    ]
    joint = np.array(
        [
            [
                sum(
                    a * b * numbers.covariance.get((g, h), 0.0)
                    for g, a in left.items()
                    for h, b in right.items()
                )
                for right in coefficients
            ]
            for left in coefficients
        ]
    )
    sizes, directions = np.linalg.eigh(joint)
    kept = sizes > _DETERMINED * sizes.max(initial=0.0)
    along = directions[:, kept] * np.sqrt(sizes[kept])  # form = constant + along @ (N(0, 1), …)
    at = {s: float(evaluate(c, numbers.values)) for s, _, c in group.forms}

    def symbols(axes: Sequence[Array]) -> dict[sp.Basic, Any]:
        values: dict[sp.Basic, Any] = dict(numbers.values)
        for (symbol, _, _), row in zip(group.forms, along, strict=True):
            values[symbol] = at[symbol] + sum(c * x for c, x in zip(row, axes, strict=True))
        return values

    def value(axes: Sequence[Array]) -> Array:
        values = symbols(axes)
        memo: dict[Expr, Array] = {}
        parts = (evaluate(atom, values, memo) ** power for atom, power in group.atoms)
        return reduce(np.multiply, parts)

    d = along.shape[1]
    if group.kinked and d > 1:
        raise NotClosed
    if d == 1 and group.kinked:
        x, weights = normal_split(_breaks(group, symbols))
        return float(np.sum(weights * value([x])))
    steep = np.maximum(np.abs(along).max(axis=0, initial=0.0), _STEEP / max(d, 1))
    counts = np.ceil(nodes * steep / _STEEP).astype(int)
    if math.prod(counts.tolist()) > _MOST_POINTS:
        raise NotClosed
    rules = [normal(int(count)) for count in counts]
    axes = np.meshgrid(*(x for x, _ in rules), indexing="ij", sparse=True)
    whole = value(axes)
    for _, weights in reversed(rules):
        whole = np.broadcast_to(whole, (*whole.shape[: whole.ndim - 1], len(weights))) @ weights
    return float(whole)


def _kinks(expr: Expr) -> list[Expr]:
    """The arguments, in an expression, of functions with a kink at 0."""
    if expr.func is FUNCTIONS["log"] and expr.args[0].func is FUNCTIONS["abs"]:
        return _kinks(expr.args[0].args[0])
    inner = [kink for arg in expr.args for kink in _kinks(arg)]
    return [*inner, expr.args[0]] if isinstance(expr, Elementwise) and expr.rule.kink else inner


def _breaks(group: Group, symbols: Callable[[Sequence[Array]], dict[sp.Basic, Any]]) -> Array:
    """Where, along the one direction, the argument of a function with a kink changes its sign."""
    found = []
    grid = np.linspace(-9.0, 9.0, 901)
    for argument in {kink for atom, _ in group.atoms for kink in _kinks(atom)}:

        def at(x: Array, argument: Expr = argument) -> Array:
            return np.broadcast_to(evaluate(argument, symbols([x])), x.shape)

        values = at(grid)
        changes = np.flatnonzero((values[1:] > 0) != (values[:-1] > 0))
        low, high = grid[changes], grid[changes + 1]
        below, above = values[changes], values[changes + 1]
        middle = low - below * (high - low) / (above - below)  # exact where it is linear
        if np.any(np.abs(at(middle)) > 1e-14 * (np.abs(below) + np.abs(above))):
            for _ in range(50):
                same = (at(middle) > 0) == (below > 0)
                low, high = np.where(same, middle, low), np.where(same, high, middle)
                middle = (low + high) / 2
        found.append(middle)
    return np.concatenate(found) if found else np.empty(0)
