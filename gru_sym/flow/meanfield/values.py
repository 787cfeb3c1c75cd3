"""Numbers for the symbols of an elementwise expression: its value, entry by entry, in NumPy."""

from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import sympy as sp

from gru_sym.algebra.expr import Expr
from gru_sym.algebra.rules import FUNCTIONS, Elementwise
from gru_sym.codegen import functions
from gru_sym.codegen.functions import Array

__all__ = ["evaluate"]

_NUMPY: Mapping[str, Callable[..., Array]] = {
    "sigmoid": functions.sigmoid,
    "tanh": np.tanh,
    "exp": np.exp,
    "log": np.log,
    "softplus": functions.softplus,
    "sin": np.sin,
    "cos": np.cos,
    "relu": functions.relu,
    "step": functions.step,
    "abs": np.abs,
}

Values = Mapping[sp.Basic, Any]


def evaluate(expr: Expr, values: Values, memo: dict[Expr, Array] | None = None) -> Array:
    """The value of an expression without nodes; ``1 - sigmoid(a)`` is taken as ``sigmoid(-a)``.

    Args:
        expr: numbers, symbols, sums, products, powers, and the functions of the language.
        values: the number or array of each symbol; arrays that broadcast against each other.
        memo: values that are known, to which those found are added.
    """
    memo = {} if memo is None else memo
    if expr in memo:
        return memo[expr]
    found: Any
    if expr in values:
        found = values[expr]
    elif expr.is_Rational:
        found = int(expr.p) / int(expr.q)
    elif (turned := _rest_of_gate(expr)) is not None:
        found = evaluate(turned, values, memo)
    elif isinstance(expr, sp.Add):
        found = sum(evaluate(arg, values, memo) for arg in expr.args)
    elif isinstance(expr, sp.Mul):
        found = 1.0
        for arg in expr.args:
            found = found * evaluate(arg, values, memo)
    elif isinstance(expr, sp.Pow):
        found = np.power(evaluate(expr.base, values, memo), _exponent(expr.exp))
    elif isinstance(expr, Elementwise):
        argument = np.asarray(evaluate(expr.args[0], values, memo), float)
        found = _NUMPY[expr.func.__name__](argument)
    else:
        raise AssertionError(f"no value of {expr}")
    memo[expr] = np.asarray(found, float)
    return memo[expr]


def _exponent(exponent: Expr) -> float | int:
    return int(exponent) if exponent.is_Integer else int(exponent.p) / int(exponent.q)


def _rest_of_gate(expr: Expr) -> Expr | None:
    """``sigmoid(-a)`` for ``1 - sigmoid(a)``."""
    if isinstance(expr, sp.Add) and len(expr.args) == 2 and expr.args[0] == 1:
        gate = -expr.args[1]
        if gate.func is FUNCTIONS["sigmoid"]:
            return FUNCTIONS["sigmoid"](-gate.args[0])
    return None
