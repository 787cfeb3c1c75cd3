"""hoist: what does not depend on the carried state leaves the loop: it is computed ahead.

In the forward pass these are the products with the inputs. The backward pass is linear in the
cotangent, so that there it is every coefficient: ``compose`` first follows each cotangent back to
the sums and products that it is a multiple of, ``a_z_bar = h_next_bar * (∂h_next/∂a_z)``, and
``hoist`` then moves ∂h_next/∂a_z ahead of the loop.
"""

import sympy as sp

from gru_sym.algebra.expr import Expr, Node, Shape, Var, shape_of, variables_of
from gru_sym.algebra.nodes import MatVec, Slice, Transpose
from gru_sym.algebra.program import Definition, Scan
from gru_sym.algebra.rules import Elementwise
from gru_sym.codegen.passes.parts import Names, hint, names_of, rebuilt
from gru_sym.derive.vjp import BAR, TOTAL

__all__ = ["compose", "hoist"]


def dependent(scan: Scan) -> frozenset[Var]:
    """The variables of the step that depend on what the loop carries."""
    return scan.step.depending_on(enters for enters, _ in scan.carry)


def compose(scan: Scan) -> Scan:
    """Write a multiple of a multiple as one multiple, whose coefficient has a name.

    ``v = c * u`` and ``w = d * v`` become ``v = c * u`` and ``w = e * u`` with ``e = d * c``.
    """
    moving = dependent(scan)
    names = names_of(scan)
    multiples: dict[Var, tuple[Var, Expr]] = {}
    step = []
    for d in scan.step:
        expr = _followed(d.expr, multiples)
        factor, base = _as_multiple(expr, moving)
        if base is not None and shape_of(base) == d.var.shape:
            number, value = factor.as_coeff_Mul()
            if value.args and variables_of(value):
                var = Var(names.fresh(_slope_name(d.var, base)), shape_of(value))
                step.append(Definition(var, value))
                value = var
            multiples[d.var] = base, number * value
            expr = number * value * base
        step.append(Definition(d.var, expr))
    return rebuilt(scan, scan.before, step, scan.after)


def _followed(expr: Expr, multiples: dict[Var, tuple[Var, Expr]]) -> Expr:
    """The sum with each variable that is a multiple written as that multiple."""
    terms = []
    for term in sp.Add.make_args(expr):
        found = [f for f in sp.Mul.make_args(term) if f in multiples]
        if len(found) == 1 and not (isinstance(term, Var) and expr != term):
            base, factor = multiples[found[0]]
            term = term / found[0] * base * factor
        terms.append(term)
    return sp.Add(*terms)


def _slope_name(var: Var, base: Var) -> str:
    """∂u/∂v, where v's cotangent is a multiple of u's."""
    if BAR in str(var.name) and BAR in str(base.name):
        return f"d{_primal(base)}_d{_primal(var)}"
    return f"d{var.name}_d{base.name}"


def _as_multiple(expr: Expr, moving: frozenset[Var]) -> tuple[Expr, Var | None]:
    """(coefficient, the one variable that moves) of a product; no variable where it is none."""
    factors = sp.Mul.make_args(expr)
    bases = [f for f in factors if variables_of(f) & moving]
    if len(bases) != 1 or not isinstance(bases[0], Var):
        return expr, None
    return sp.Mul(*(f for f in factors if f is not bases[0])), bases[0]


def hoist(scan: Scan) -> Scan:
    """Move what does not depend on the carry from ``step`` to ``before``, whole or in parts."""
    mover = _Mover(scan)
    for d in scan.step:
        mover.define(d)
    return rebuilt(scan, mover.before, mover.step, scan.after)


class _Mover:
    def __init__(self, scan: Scan) -> None:
        self.before = list(scan.before)
        self.step: list[Definition] = []
        self._moving = dependent(scan)
        self._names: Names = names_of(scan)
        self._known: dict[tuple[Expr, Shape], Var] = {
            (d.expr, d.var.shape): d.var for d in scan.before
        }
        self._for: Var

    def define(self, d: Definition) -> None:
        if d.var not in self._moving:
            self.before.append(d)
            self._known.setdefault((d.expr, d.var.shape), d.var)
            return
        self._for = d.var
        self.step.append(Definition(d.var, self._reduced(d.expr)))

    def _reduced(self, expr: Expr) -> Expr:
        """The expression, with what does not move replaced by variables computed ahead."""
        if not variables_of(expr) & self._moving:
            return self._ahead(expr, expr)
        if isinstance(expr, sp.Add | sp.Mul):
            still = [arg for arg in expr.args if not variables_of(arg) & self._moving]
            moving = [self._reduced(arg) for arg in expr.args if variables_of(arg) & self._moving]
            return expr.func(self._ahead(expr.func(*still), expr), *moving)
        if isinstance(expr, Node | Elementwise | sp.Pow):
            return expr.func(*(self._reduced(arg) if arg.args else arg for arg in expr.args))
        return expr

    def _ahead(self, expr: Expr, inside: Expr) -> Expr:
        """A variable for a value that is worth computing ahead; else the value itself."""
        number, value = expr.as_coeff_Mul() if expr.is_Mul else (sp.S.One, expr)
        if not value.args or isinstance(value, Slice | Transpose) or not variables_of(value):
            return expr
        if isinstance(value, sp.Pow) and value.exp.is_Number and not variables_of(value.base):
            return expr
        shape = shape_of(value)
        if (value, shape) not in self._known:
            var = Var(self._names.fresh(self._name(value, inside)), shape)
            self._known[value, shape] = var
            self.before.append(Definition(var, value))
        return number * self._known[value, shape]

    def _name(self, value: Expr, inside: Expr) -> str:
        """The part of a sum that is known ahead, or what the value is made of."""
        target = str(self._for.name)
        if isinstance(inside, sp.Add):
            products = {hint(n.args[1]) for n in value.atoms(MatVec)}
            return f"{target}_{'_'.join(sorted(products)) or 'ahead'}"
        return hint(value) or f"{target}_ahead"


def _primal(cotangent: Var) -> str:
    return str(cotangent.name).removesuffix(TOTAL).removesuffix(BAR)
