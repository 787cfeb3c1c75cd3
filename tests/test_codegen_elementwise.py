"""Elementwise lines as functions: readable, with shared parts, and with constants that are weak."""

import inspect
import re

import numpy as np
import pytest
import sympy as sp

from gru_sym.algebra.rules import RULES, apply
from gru_sym.codegen.elementwise import CALLS, HELPERS, function_source, value_source
from gru_sym.errors import UnsupportedError

x, y, z = sp.symbols("x y z")


def test_lines_keep_names_and_order() -> None:
    source, args = function_source("f", {"u": x + y, "v": apply("tanh", sp.Symbol("u")) * z})
    assert args == ["x", "y", "z"]
    assert source == (
        "def f(x, y, z):\n    u = x + y\n    v = z*np.tanh(u)\n    return (u, v,)"
    )  # fmt: skip


def test_one_line_gives_one_array() -> None:
    assert function_source("f", {"u": x * y})[0].endswith("return u")


def test_common_subexpressions_are_shared() -> None:
    slope = apply("sigmoid", x) * (1 - apply("sigmoid", x))
    source, _ = function_source("f", {"u": slope * y, "v": slope * z})
    assert source.count("sigmoid(x)") == 1
    # What is shared comes before the first line that needs it, and after those it needs itself.
    source, _ = function_source("f", {"u": x + y, "v": z / (1 + sp.Symbol("u")) ** 2,
                                      "w": x / (1 + sp.Symbol("u")) ** 2})  # fmt: skip
    order = [line.split(" = ")[0].strip() for line in source.splitlines()[1:-1]]
    assert order == ["u", "s1_", "v", "w"]


def test_every_function_has_a_call() -> None:
    assert CALLS.keys() == RULES.keys()
    for call in CALLS.values():
        assert call in HELPERS or hasattr(np, call.removeprefix("np."))


@pytest.mark.parametrize(
    ("expr", "text"),
    [
        (sp.Integer(3), "3"),
        (sp.Rational(1, 3), "1/3"),
        (sp.Integer(10) ** 20, "1e+20"),
        (sp.Rational(1, 10**20), "1e-20"),
        (sp.sqrt(2), "1.4142135623730951"),
        (apply("sigmoid", sp.S.Zero), "0.5"),
        (apply("exp", sp.S.One), "2.718281828459045"),
        (sp.sqrt(x), "np.sqrt(x)"),
        (1 / sp.sqrt(x), "1/np.sqrt(x)"),
        (x**-2, "x**(-2.0)"),
        (x / (2 * y), "(1/2)*x/y"),
    ],
)
def test_constants_are_numbers_of_python(expr: sp.Expr, text: str) -> None:
    assert value_source(expr) == text


def test_a_constant_beyond_double_precision() -> None:
    with pytest.raises(UnsupportedError, match="double precision"):
        value_source(sp.Integer(10) ** 400 * x)


def test_names_are_all_that_is_taken_over() -> None:
    """No text but names, numbers, operators and our calls is in a function."""
    source, _ = function_source("f", {"u": sum(apply(n, x) for n in RULES) + sp.Rational(1, 7)})
    assert re.fullmatch(r"[\w\s.,:()*/+=-]+", source)
    assert inspect.isfunction(HELPERS["sigmoid"])
