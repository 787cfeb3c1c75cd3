"""Mean field by moments: the second moments of the states as a fixed point, by quadrature.

It is exact where the next state is a polynomial of degree 1 in the states, with coefficients that
are functions of Gaussians: ``(1 - z) * h + z * h_tilde``. A state whose next value depends on no
state of its own unit, as in ``tanh(U @ h)``, is itself a function of Gaussians.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from itertools import combinations_with_replacement

import numpy as np
import sympy as sp

from gru_sym.algebra.expr import Expr, Var
from gru_sym.flow.meanfield.fixed import fixed_point
from gru_sym.flow.meanfield.gaussian import Alphabet, Group, Numbers, Plan, expectation, plan
from gru_sym.flow.meanfield.setting import Setting
from gru_sym.flow.meanfield.unit import Average, Leaf, Line, Unit

__all__ = ["Stationary", "stationary"]

_PAST = "past "


@dataclass(frozen=True, eq=False)
class Stationary:
    """The stationary law of a unit, and expectations in it.

    Attributes:
        equations: what the law is of.
        numbers: its numbers.
        second_moments: state → E s².
    """

    equations: "Equations"
    numbers: Numbers
    second_moments: Mapping[str, float]

    def expectation(self, expr: Expr) -> float:
        """E of an expression over the unit's lines.

        Raises:
            NotClosed: moments do not determine it.
        """
        eq = self.equations
        return expectation(eq.plan(expr), self.numbers, eq.nodes)


@dataclass(frozen=True, eq=False)
class Equations:
    """The unit with all lines inlined, and what its symbols are.

    Attributes:
        unit: the unit.
        setting: the laws of weights, inputs and biases.
        nodes: of the quadrature.
        inlined: line, state or parameter → expression over the alphabet.
        alphabet: what the symbols are.
        items: the leaves and averages, of inlined expressions.
        values: the numbers that are known.
        variances: the variances that are known: of the inputs and the biases.
        plans: expression → its plan, as they are made.
    """

    unit: Unit
    setting: Setting
    nodes: int
    inlined: Mapping[Var, Expr]
    alphabet: Alphabet
    items: tuple[Leaf | Average, ...]
    values: Mapping[Var, float]
    variances: Mapping[Var, float]
    plans: dict[Expr, Plan] = field(default_factory=dict)

    def plan(self, expr: Expr) -> Plan:
        """The plan of an expression over lines."""
        if expr not in self.plans:
            self.plans[expr] = plan(expr.xreplace(self.inlined), self.alphabet)
        return self.plans[expr]

    @property
    def kept(self) -> tuple[Var, ...]:
        """The states of which moments are kept, in the cell's order."""
        return tuple(s for s in self.unit.cell.states if s in self.alphabet.states)


def stationary(unit: Unit, setting: Setting, nodes: int) -> Stationary:
    """The law of the states that a step leaves as it is, reached from states of variance 1.

    Args:
        unit: the unit.
        setting: the laws of weights, inputs and biases.
        nodes: of the quadrature over one Gaussian.

    Raises:
        NotClosed: moments do not determine the law.
        UnboundedError: the second moment of a state grows without bound.
    """
    equations = _equations(unit, setting, nodes)
    start = {u: float(u.first == u.second) for u in _unknowns(equations)}
    found = fixed_point(
        lambda x: np.array(list(_step(equations, dict(zip(start, x, strict=True)))[0].values())),
        np.array(list(start.values())),
    )
    numbers = _step(equations, dict(zip(start, found.tolist(), strict=True)))[1]
    law = Stationary(equations, numbers, {})
    states = zip(unit.cell.states, unit.nexts, strict=True)
    return replace(
        law,
        second_moments={str(s.name): law.expectation(after * after) for s, after in states},
    )


def _equations(unit: Unit, setting: Setting, nodes: int) -> Equations:
    """Inline the lines, and find the states that are functions of Gaussians."""
    given, values, variances = _given(unit, setting)
    states = frozenset(unit.cell.states)
    inlined, items = _inlined(unit, setting, given)
    pairs = list(zip(unit.cell.states, unit.nexts, strict=True))
    forgetful = {s: inlined[after] for s, after in pairs if not inlined[after].has(*states)}
    families: dict[Var, object] = dict.fromkeys(variances)
    families = {g: g for g in families}
    families |= {item.symbol: item.matrix for item in items if isinstance(item, Leaf)}
    earlier = {g: Var(f"{_PAST}{g.name}") for g in families}
    past = {s: expr.xreplace(earlier) for s, expr in forgetful.items()}
    if past:
        inlined, items = _inlined(unit, setting, given | past)
        variances |= {earlier[g]: v for g, v in variances.items()}
        families |= {earlier[g]: (_PAST, family) for g, family in families.items()}
    alphabet = Alphabet(families, states - past.keys(), frozenset(earlier.values()))
    return Equations(unit, setting, nodes, inlined, alphabet, items, values, variances)


def _given(
    unit: Unit, setting: Setting
) -> tuple[dict[Var, Expr], dict[Var, float], dict[Var, float]]:
    """What stands for inputs and parameters; the numbers and the variances in it."""
    given: dict[Var, Expr] = {}
    values: dict[Var, float] = {}
    variances: dict[Var, float] = {}
    laws = dict.fromkeys(unit.cell.inputs, (0.0, setting.inputs))
    laws |= {v: setting.vectors[str(v.name)] for v in unit.cell.params if len(v.shape) < 2}
    for var, (mean, variance) in laws.items():
        center, noise = Var(f"{var.name} mean"), Var(f"{var.name} noise")
        exact = sp.Integer(int(mean)) if mean in (0, 1) else center
        values |= {center: mean} if exact == center else {}
        variances |= {noise: variance} if variance else {}
        given[var] = exact + (noise if variance else 0)
    return given, values, variances


def _inlined(
    unit: Unit, setting: Setting, given: Mapping[Var, Expr]
) -> tuple[dict[Var, Expr], tuple[Leaf | Average, ...]]:
    """All lines over leaves, averages and what is given; leaves that are 0 left out."""
    found = dict(given)
    items: list[Leaf | Average] = []
    for item in unit.items:
        match item:
            case Line(symbol, expr):
                found[symbol] = expr.xreplace(found)
            case Average(symbol, expr):
                items.append(Average(symbol, expr.xreplace(found)))
            case Leaf(symbol, matrix, argument):
                inner = argument.xreplace(found)
                if inner == 0 or setting.variance(matrix) == 0:
                    found[symbol] = sp.S.Zero
                else:
                    items.append(Leaf(symbol, matrix, inner))
    return found, tuple(items)


@dataclass(frozen=True)
class Unknown:
    """A number that a step takes to another: E of a product, or a covariance, or an average.

    Attributes:
        first: a state or a Gaussian; or the average.
        second: the other factor; None for the mean of a state, and for an average.
    """

    first: Var
    second: Var | None = None


def _unknowns(equations: Equations) -> tuple[Unknown, ...]:
    """Means and second moments of states that are kept; covariances of the Gaussians of others."""
    kept = equations.kept
    found = [Unknown(s) for s in kept]
    found += [Unknown(s, t) for s, t in combinations_with_replacement(kept, 2)]
    used = {
        g
        for state in equations.unit.cell.states
        if state not in kept
        for g in equations.inlined[state].free_symbols
    }
    past = equations.alphabet.past
    leaves = [i for i in equations.items if isinstance(i, Leaf) and _earlier(i.symbol) in past]
    for a, b in combinations_with_replacement(leaves, 2):
        if a.matrix == b.matrix and {_earlier(a.symbol), _earlier(b.symbol)} <= used:
            found.append(Unknown(a.symbol, b.symbol))
    found += [Unknown(i.symbol) for i in equations.items if i.symbol in used]
    return tuple(found)


def _earlier(symbol: Var) -> Var:
    return Var(f"{_PAST}{symbol.name}")


def _step(
    equations: Equations, now: Mapping[Unknown, float]
) -> tuple[dict[Unknown, float], Numbers]:
    """The unknowns after a step, and all numbers during it."""
    values = dict(equations.values)
    covariance = {(g, g): v for g, v in equations.variances.items()}
    moments: dict[tuple[Var, ...], float] = {}
    kept = set(equations.kept)
    for unknown, value in now.items():
        first, second = unknown.first, unknown.second
        if first in kept:
            for product in ((first, second), (second, first)) if second else ((first,),):
                moments[tuple(v for v in product if v is not None)] = value
        elif second is None:
            values[first] = value
        else:
            a, b = _earlier(first), _earlier(second)
            covariance[a, b] = covariance[b, a] = value
    numbers = Numbers(values, covariance, moments)
    known: dict[Group, float] = {}

    def mean(expr: Expr) -> float:
        return expectation(equations.plan(expr), numbers, equations.nodes, known)

    earlier: list[Leaf] = []
    for item in equations.items:
        if isinstance(item, Average):
            values[item.symbol] = mean(item.expr)
            continue
        for other in (*(e for e in earlier if e.matrix == item.matrix), item):
            sigma2 = equations.setting.variance(item.matrix)
            value = sigma2 * mean(item.argument * other.argument)
            covariance[item.symbol, other.symbol] = value
            covariance[other.symbol, item.symbol] = value
        earlier.append(item)
    after = dict(zip(equations.unit.cell.states, equations.unit.nexts, strict=True))
    found = {}
    for unknown in now:
        first, second = unknown.first, unknown.second
        if first in kept:
            factors = [after[s] for s in (first, second) if s is not None]
            found[unknown] = mean(sp.Mul(*factors))
        else:
            found[unknown] = values[first] if second is None else covariance[first, second]
    return found, numbers
