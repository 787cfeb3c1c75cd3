"""The elementwise functions of the language: one table, and nothing else knows them one by one.

A rule is written *in the output*: ``derivative(y, a)`` of ``y = f(a)`` mentions ``y`` where it can,
so that a gate stays a symbol and gradients are polynomials in the gates. ``definition`` says what
the function is in SymPy's own functions; it shares nothing with ``derivative``, and the proofs
compare the two.

Conventions at the kinks are PyTorch's: relu'(0) = step(0) = 0 and abs'(0) = 0.
"""

from collections.abc import Callable
from dataclasses import dataclass

import sympy as sp
from sympy.core.function import ArgumentIndexError

from gru_sym.algebra.expr import Expr

__all__ = ["RULES", "Elementwise", "Rule", "apply", "half_power"]


class Elementwise(sp.Function):
    """An elementwise function that SymPy leaves as it was written, but for its derivative."""

    is_commutative = True
    nargs = 1

    def __reduce_ex__(self, _protocol: object) -> tuple[Callable[..., Expr], tuple[str, Expr]]:
        # The classes stand in FUNCTIONS, where pickle does not look.
        return apply, (self.func.__name__, self.args[0])

    @property
    def rule(self) -> "Rule":
        """The row of the table that describes this function."""
        return RULES[self.func.__name__]

    def fdiff(self, argindex: int = 1) -> Expr:
        """The derivative, by the rule of the table."""
        if argindex != 1:
            raise ArgumentIndexError(self, argindex)
        return self.rule.derivative(self, self.args[0])


@dataclass(frozen=True)
class Rule:
    """An elementwise function ``y = f(a)``.

    Attributes:
        name: as it is written in the language.
        derivative: dy/da as an expression in y and a.
        definition: f in SymPy's own functions.
        kink: whether the derivative jumps at a = 0.
    """

    name: str
    derivative: Callable[[Expr, Expr], Expr]
    definition: Callable[[Expr], Expr]
    kink: bool = False


def apply(name: str, arg: Expr) -> Expr:
    """``name(arg)``; ``sqrt`` is the power one half, ``hard_sigmoid`` two relus."""
    match name:
        case "sqrt":
            return half_power(arg)
        case "hard_sigmoid":  # as in PyTorch and Keras 3: relu6(a + 3) / 6
            middle = arg / 6 + sp.S.Half
            return FUNCTIONS["relu"](middle) - FUNCTIONS["relu"](middle - 1)
    return FUNCTIONS[name](arg)


def half_power(arg: Expr) -> Expr:
    """The square root."""
    return sp.Pow(arg, sp.Rational(1, 2))


def _softplus(a: Expr) -> Expr:
    return sp.log(1 + sp.exp(a))


_TABLE = (
    Rule("sigmoid", lambda y, _: y * (1 - y), lambda a: 1 / (1 + sp.exp(-a))),
    Rule(
        "tanh",
        lambda y, _: 1 - y**2,
        lambda a: (sp.exp(a) - sp.exp(-a)) / (sp.exp(a) + sp.exp(-a)),
    ),
    Rule("exp", lambda y, _: y, sp.exp),
    Rule("log", lambda _, a: 1 / a, sp.log),
    Rule("softplus", lambda _, a: apply("sigmoid", a), _softplus),
    Rule("sin", lambda _, a: apply("cos", a), sp.sin),
    Rule("cos", lambda _, a: -apply("sin", a), sp.cos),
    Rule("relu", lambda _, a: apply("step", a), lambda a: a * sp.Heaviside(a, 0), kink=True),
    Rule("step", lambda _y, _a: sp.S.Zero, lambda a: sp.Heaviside(a, 0), kink=True),
    Rule(
        "abs",
        lambda _, a: apply("step", a) - apply("step", -a),
        lambda a: a * (2 * sp.Heaviside(a, 0) - 1),
        kink=True,
    ),
)

RULES = {rule.name: rule for rule in _TABLE}
FUNCTIONS = {name: type(name, (Elementwise,), {"__slots__": ()}) for name in RULES}
