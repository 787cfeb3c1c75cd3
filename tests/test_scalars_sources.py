"""Imports and helpers: those that code uses, and no others."""

import ast

from gru_sym.codegen.backends.scalars_sources import names_in, provided, sources

MODULES = ("helpers_mpmath", "helpers_scalars")


def test_names() -> None:
    assert names_in("def f(a: X) -> Y:\n    return g(a.b, c=d)") == {"X", "Y", "g", "a", "d"}


def test_only_what_is_used() -> None:
    imports, helpers = sources(MODULES, "z = sigmoid(a)", {})
    assert imports == ["from mpmath import exp, mpf"]
    assert [line for line in helpers if line.startswith("def ")] == ["def sigmoid(a: mpf) -> mpf:"]
    assert sources(MODULES, "z = a", {}) == ([], [])


def test_what_helpers_call_comes_along() -> None:
    imports, helpers = sources(MODULES, "sequences(xs, T, B, n)", {})
    names = [node.name for node in ast.parse("\n".join(helpers)).body]  # type: ignore[attr-defined]
    assert names == ["vector", "rows", "sequences", "number"]
    assert imports == [
        "from collections.abc import Sequence",
        "from typing import Any, TypeAlias",
        "",
        "from mpmath import mpf, mpmathify",
        "",
        "Vector: TypeAlias = list[mpf]",
    ]


def test_imports_are_sorted_and_broken() -> None:
    code = "count, product, random.Random, cos(exp(log(sin(sqrt(tanh(workdps(cosh(log1p(a)))))))))"
    names = ("cos", "exp", "log", "sin", "sqrt", "tanh", "workdps", "cosh", "log1p", "mpmathify")
    more = dict.fromkeys(names, "mpmath") | {"product": "itertools", "random": "random"}
    imports, _ = sources(MODULES, code + ", mpmathify, fdot, fsum, mpf", more)
    assert imports[:4] == [
        "import random",
        "from itertools import count, product",
        "",
        "from mpmath import (",
    ]
    assert imports[4] == "    cos,"
    assert imports[-1] == ")"


def test_the_first_module_has_a_name() -> None:
    _, helpers = sources(("helpers_arb", "helpers_scalars"), "vector(values, n)", {})
    assert "    return arb(value)" in helpers


def test_what_is_provided() -> None:
    assert {"sigmoid", "vector", "fdot", "Vector", "random"} <= provided(MODULES)


def test_a_library_that_is_not_installed_does_no_harm() -> None:
    """Only the text is read: nothing of a helper's module runs."""
    imports, _ = sources(("helpers_arb", "helpers_scalars"), "matvec(W, x)", {})
    assert "from flint import arb, arb_mat" in imports
