"""Elementwise blocks as Python functions: SymPy's lambdify, with common subexpressions shared."""

import inspect
import itertools
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Any

import numpy as np
import sympy as sp
from sympy.printing.numpy import NumPyPrinter

from gru_sym.algebra.expr import Expr
from gru_sym.algebra.rules import Elementwise
from gru_sym.codegen import functions
from gru_sym.codegen.text import in_sympy
from gru_sym.errors import UnsupportedError

__all__ = ["CALLS", "HELPERS", "function_source", "value_source"]

CALLS: Mapping[str, str] = {
    "sigmoid": "sigmoid",
    "tanh": "np.tanh",
    "exp": "np.exp",
    "log": "np.log",
    "softplus": "softplus",
    "sin": "np.sin",
    "cos": "np.cos",
    "relu": "relu",
    "step": "step",
    "abs": "absolute",
}
"""Each function of the language → what the generated code calls."""

HELPERS = {name: getattr(functions, name) for name in functions.__all__ if name != "Array"}
"""What generated code calls beside NumPy: its source is copied into the code."""

_EXACT = 2**53


class _Printer(NumPyPrinter):
    """Prints with ``np.``; constants are Python's own numbers, which leave float32 alone."""

    def _module_format(self, fqn: str, register: bool = True) -> str:
        return fqn.replace("numpy.", "np.")

    def _print(self, expr: Any, **kwargs: Any) -> str:
        if isinstance(expr, sp.Expr) and not expr.is_Rational and not expr.free_symbols:
            return _decimal(expr)
        if isinstance(expr, Elementwise):
            return f"{CALLS[expr.func.__name__]}({self._print(expr.args[0])})"
        return str(super()._print(expr, **kwargs))

    def _print_Integer(self, expr: sp.Integer) -> str:
        return str(expr.p) if abs(expr.p) <= _EXACT else _decimal(expr)

    def _print_Rational(self, expr: sp.Rational) -> str:
        if max(abs(expr.p), expr.q) > _EXACT:
            return _decimal(expr)
        return f"{expr.p}/{expr.q}"


def _decimal(number: Expr) -> str:
    """A constant as the nearest double."""
    try:
        if number.is_Rational:
            value = float(Fraction(number.p, number.q))
        else:
            value = float(in_sympy(number).evalf(30))
    except (OverflowError, TypeError) as error:
        raise UnsupportedError(
            f"the constant {number} is not a real number in double precision",
            mend="make it a parameter",
        ) from error
    return repr(value)


def value_source(expr: Expr) -> str:
    """A name or a number."""
    return str(_Printer().doprint(expr))


def function_source(name: str, lines: Mapping[str, Expr]) -> tuple[str, list[str]]:
    """The source of a function that computes elementwise lines, and its arguments.

    Args:
        name: of the function.
        lines: name → expression over plain symbols: names of lines before it, and arguments. The
            function returns all of them in order, one array or a tuple.
    """
    targets = [sp.Symbol(target) for target in lines]
    free = set().union(*(e.free_symbols for e in lines.values())) - set(targets)
    args = sorted(str(symbol) for symbol in free)
    function = sp.lambdify(
        [sp.Symbol(arg) for arg in args],
        tuple(lines.values()),
        modules=[{"np": np, **HELPERS}],
        printer=_Printer(),
        cse=lambda exprs: _in_order(targets, exprs),
        docstring_limit=0,
    )
    _, _, rest = inspect.getsource(function).partition("(")
    return f"def {name}({rest.rstrip()}", args


def _in_order(
    targets: Sequence[sp.Symbol], exprs: Sequence[Expr]
) -> tuple[list[tuple[sp.Symbol, Expr]], Any]:
    """Assignments: each line under its name, preceded by what it shares with others."""
    # Names of a cell don't end with an underscore: ours do.
    ours = (sp.Symbol(f"s{k}_") for k in itertools.count(1))
    shared, reduced = sp.cse(exprs, symbols=ours, list=False)
    waiting = dict(shared)
    assignments = []

    def release(expr: Expr) -> None:
        for symbol in sorted(expr.free_symbols & waiting.keys(), key=str):
            if symbol in waiting:
                part = waiting.pop(symbol)
                release(part)
                assignments.append((symbol, part))

    for target, expr in zip(targets, reduced, strict=True):
        release(expr)
        assignments.append((target, expr))
    return assignments, targets[0] if len(targets) == 1 else tuple(targets)
