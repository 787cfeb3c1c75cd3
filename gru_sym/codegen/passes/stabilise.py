"""stabilise: forms that keep their relative accuracy where a gate is nearly 0 or nearly 1.

In floating point ``1 - z`` is 0 as soon as z has rounded to 1, though σ(−a) is 1e-20 there and the
gradient lives on it. Three rewritings, each an identity:

- ``1 - sigmoid(a)`` is ``sigmoid(-a)``, a definition of its own, wherever ``u - u * z`` stands;
- ``1 - tanh(a)**2`` is ``tanh_slope(a)``, that is 4 σ(2 a) σ(−2 a);
- of gates, ``log`` is taken before the exponential: ``log(sigmoid(a))`` is ``-softplus(-a)``, and
  ``f / (f + i)`` is ``sigmoid(log f - log i)``, where f and i may both be too small to exist.
"""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import sympy as sp

from gru_sym.algebra.expr import Expr, Var, variables_of
from gru_sym.algebra.program import Definition, Program, Scan
from gru_sym.algebra.rules import FUNCTIONS, Elementwise
from gru_sym.codegen.passes.parts import closed, names_of, rebuilt

__all__ = ["stable_gates", "stable_slopes", "tanh_slope"]


tanh_slope: Any = type("tanh_slope", (Elementwise,), {"__slots__": ()})
"""The derivative of tanh, 1 − tanh(a)² = 4 σ(2 a) σ(−2 a): generated code alone knows it."""


def stable_gates(program: Program) -> Program:
    """Logarithms and ratios of gates, from the arguments of the gates."""
    logs: dict[Expr, Expr] = {}
    values = program.as_mapping
    lines = []
    for d in program:
        changes = {}
        for node in d.expr.atoms(FUNCTIONS["log"]):
            arg = node.args[0]
            if arg in logs:
                changes[node] = logs[arg]
            elif (opposite := 1 - values.get(arg, arg)) in logs and _is_gate(program, opposite):
                changes[node] = -FUNCTIONS["softplus"](_argument(program, opposite))
        for node in d.expr.atoms(sp.Mul):
            changes |= _ratio(node, logs)
        lines.append(Definition(d.var, d.expr.xreplace(changes)))
        match d.expr:
            case sp.Function(args=(Var() as a,)) if d.expr.func is FUNCTIONS["sigmoid"]:
                logs[d.var] = -FUNCTIONS["softplus"](-a)
            case sp.Function(args=(Var() as a,)) if d.expr.func is FUNCTIONS["exp"]:
                logs[d.var] = a
    return Program(program.inputs, tuple(lines), program.outputs)


def _is_gate(program: Program, expr: Expr) -> bool:
    value = program.as_mapping.get(expr)
    return value is not None and value.func is FUNCTIONS["sigmoid"]


def _argument(program: Program, gate: Expr) -> Expr:
    return program.as_mapping[gate].args[0]


def _ratio(product: Expr, logs: Mapping[Expr, Expr]) -> dict[Expr, Expr]:
    """``f / (f + i)`` of two positive values whose logarithms are known."""
    for factor in product.args:
        base, exponent = factor.as_base_exp()
        if exponent != -1 or not isinstance(base, sp.Add) or len(base.args) != 2:
            continue
        for one, other in (base.args, base.args[::-1]):
            if one in logs and other in logs and one in product.args:
                share = FUNCTIONS["sigmoid"](logs[one] - logs[other])
                rest = [f for f in product.args if f not in (factor, one)]
                return {product: sp.Mul(share, *rest)}
    return {}


def stable_slopes(forward: Scan, backward: Scan) -> tuple[Scan, Scan]:
    """Complements of gates and slopes of tanh, from their arguments.

    A complement stands beside its gate in the forward pass, for both cost one exponential; a slope
    is computed before the backward loop, unless the forward pass needs it.
    """
    names = names_of(forward, backward)
    gates: dict[Var, tuple[Var, Expr]] = {}
    tanhs: dict[Var, tuple[Var, Expr]] = {}
    written = {d.expr: d.var for d in forward.step}
    for d in forward.step:
        if d.expr.func is FUNCTIONS["sigmoid"]:
            opposite = FUNCTIONS["sigmoid"](-d.expr.args[0])
            complement = written.get(opposite)
            if complement is None:
                complement = Var(names.fresh(f"one_minus_{d.name}"), d.var.shape)
            gates[d.var] = complement, opposite
        if d.expr.func is FUNCTIONS["tanh"]:
            slope = Var(names.fresh(f"{d.name}_slope"), d.var.shape)
            tanhs[d.var] = slope, tanh_slope(d.expr.args[0])
    changed = _Changed(gates, tanhs)
    ahead = [changed.line(d) for d in forward.step]
    ahead_used = set(changed.used)
    parts = (backward.before, backward.step, backward.after)
    before, turn, after = ([changed.line(d) for d in part] for part in parts)

    step: list[Definition] = []
    for d in ahead:
        step.append(d)
        for beside, wanted in ((gates, changed.used), (tanhs, ahead_used)):
            var, value = beside.get(d.var, (d.var, d.expr))
            if var in wanted and value not in written:
                step.append(Definition(var, value))
    slopes = [
        Definition(slope, value)
        for slope, value in tanhs.values()
        if slope in changed.used and slope not in ahead_used
    ]
    rest = (*gates.values(), *tanhs.values())
    varying = {v for v, value in rest if variables_of(value) & forward.sequences}
    forward = replace(
        forward,
        step=closed(step, forward.step.outputs),
        sequences=forward.sequences | varying,
    )
    backward = replace(backward, sequences=backward.sequences | varying)
    return forward, rebuilt(backward, [*slopes, *before], turn, after)


class _Changed:
    """Rewrites lines, and remembers which complements and slopes they now use."""

    def __init__(
        self, gates: Mapping[Var, tuple[Var, Expr]], tanhs: Mapping[Var, tuple[Var, Expr]]
    ) -> None:
        self.used: set[Var] = set()
        self._rules = [(y, y, c) for y, (c, _) in gates.items()]
        self._rules += [(y, y**2, s) for y, (s, _) in tanhs.items()]

    def line(self, d: Definition) -> Definition:
        return Definition(d.var, self._expr(d.expr))

    def _expr(self, expr: Expr) -> Expr:
        if not expr.args:
            return expr
        expr = expr.func(*(self._expr(arg) for arg in expr.args))
        if isinstance(expr, sp.Add):
            present = variables_of(expr)
            for y, value, stable in self._rules:
                if y in present:
                    expr = self._paired(expr, value, stable)
        return expr

    def _paired(self, expr: Expr, value: Expr, stable: Var) -> Expr:
        """Each ``u - u * value`` in a sum, as ``u * stable``."""
        terms = list(sp.Add.make_args(expr))
        for term in tuple(terms):
            first = -term / value
            if term in terms and first in terms and first != term:
                terms.remove(term)
                terms.remove(first)
                terms.append(first * stable)
                self.used.add(stable)
        return sp.Add(*terms)
