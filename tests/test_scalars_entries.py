"""Definitions as statements: sums, lists, sums of entries, and what is too long for a line."""

import pytest
import sympy as sp

from gru_sym.algebra.expr import Dims, Var
from gru_sym.algebra.nodes import Concat, MatVec, Outer, Slice, SumT, Total, Transpose
from gru_sym.algebra.present import Presenter
from gru_sym.algebra.program import Definition
from gru_sym.algebra.rules import FUNCTIONS
from gru_sym.codegen.backends.naming import Namer
from gru_sym.codegen.backends.scalars import ARB, MPMATH
from gru_sym.codegen.backends.scalars_entries import Entries, Words, bracketed

H, I = (("H",),), (("I",),)  # noqa: E741
HI, HH = (*H, *I), (*H, *H)
u, v, w, q, x = Var("u", H), Var("v", H), Var("w", H), Var("q", H), Var("x", I)
W, V, U = Var("W", HI), Var("V", HI), Var("U", HH)
s, c = Var("s"), Var("c")
long_1, long_2 = Var("a_name_that_is_rather_long", H), Var("another_name_that_is_long", H)
VARIABLES = (W, V, U, x, u, v, w, q, s, c, long_1, long_2)


def lines(var: Var, expr: sp.Expr, words: Words = MPMATH.words, depth: int = 8) -> list[str]:
    names = iter(f"{var.name}_part_{k}" for k in range(1, 9))
    variables = (*VARIABLES, var)
    writer = Entries(
        words, Namer(variables, ()), lambda _: next(names), Presenter(variables), lambda _: None
    )
    return writer.lines(Definition(var, expr), depth)


y = Var("y", H)


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (FUNCTIONS["tanh"](u), "y = [tanh(a) for a in u]"),
        (u * v, "y = [u[i] * v[i] for i in range(H)]"),
        (s * u, "y = [s * a for a in u]"),
        (u, "y = u"),
        (sp.S.Zero, "y = [mpf(0)] * H"),
        (s, "y = [s] * H"),
        (MatVec(W, x), "y = matvec(W, x)"),
        (MatVec(W, x) + MatVec(U, u) + v, "y = add(matvec(W, x), matvec(U, u), v)"),
        (MatVec(W, x) + u * v, "y = add(matvec(W, x), [u[i] * v[i] for i in range(H)])"),
        (MatVec(W, x) + u + s, "y = add([a + s for a in u], matvec(W, x))"),
        (MatVec(W, x) - u, "y = add([-a for a in u], matvec(W, x))"),
        (SumT(u), "y = add(*us)"),
        (Slice(Var("k", (("H", "I"),)), Dims((("H", "I"),)), 0, 1), "y = k[:H]"),
        (Slice(Var("k", (("I", "H"),)), Dims((("I", "H"),)), 1, 2), "y = k[I_:]"),
        (
            Slice(Var("k", (("H", "I", "H", "H"),)), Dims((("H", "I", "H", "H"),)), 2, 3),
            "y = k[H + I_ : 2 * H + I_]",
        ),
    ],
)
def test_vectors(expr: sp.Expr, expected: str) -> None:
    assert lines(y, expr) == [expected]


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (Total(u, H), "n = fsum(u)"),
        (Total(u * v, H) * s, "n = s * fdot(u, v)"),
        (Total(u**2, H), "n = fdot(u, u)"),
        (Total((u - s) ** 2, H), "n = fsum((a - s) ** 2 for a in u)"),
        (Total(W * V, HI), "n = fsum(W[i][j] * V[i][j] for i in range(H) for j in range(I_))"),
        (SumT(s), "n = fsum(ss)"),
        (sp.Rational(1, 2), "n = mpf(1) / 2"),
    ],
)
def test_numbers(expr: sp.Expr, expected: str) -> None:
    assert lines(Var("n"), expr) == [expected]


def test_arb_has_its_own_words() -> None:
    n, M = Var("n"), Var("M", HI)
    assert lines(n, Total(u * v, H) + 1, ARB.words) == ["n = dot(u, v) + 1"]
    assert lines(y, u**2, ARB.words) == ["y = [power(a, 2) for a in u]"]
    assert lines(M, 2 * W, ARB.words) == [
        "M = arb_mat([[2 * W[i, j] for j in range(I_)] for i in range(H)])"
    ]
    assert lines(M, sp.S.Zero, ARB.words) == ["M = arb_mat([[arb(0)] * I_ for _ in range(H)])"]


def test_matrices() -> None:
    M, N = Var("M", HI), Var("N", HH)
    assert lines(M, 2 * W) == ["M = [[2 * W[i][j] for j in range(I_)] for i in range(H)]"]
    assert lines(N, Transpose(U) + 2 * U) == [
        "N = add_matrices(",
        "    [[2 * U[i][j] for j in range(H)] for i in range(H)],",
        "    transposed(U),",
        ")",
    ]
    assert lines(M, SumT(Outer(u, x, HI)) + SumT(Outer(v, x, HI)) + W) == [
        "M = add_matrices(W, outers(us, xs), outers(vs, xs))"
    ]
    k = Var("K", (("H",), ("H", "I")))
    assert lines(k, Concat(U, W, Dims((*H, *I)))) == ["K = beside(U, W)"]
    assert lines(M, Slice(k, Dims(k.shape), 1, 2)) == ["M = columns(K, H, H + I_)"]


def test_long_sums_have_a_line_for_each_term() -> None:
    assert lines(y, long_1 * u + long_2 * w + q) == [
        "y = add(",
        "    [u[i] * a_name_that_is_rather_long[i] for i in range(H)],",
        "    [w[i] * another_name_that_is_long[i] for i in range(H)],",
        "    q,",
        ")",
    ]
    first, *rest = lines(y, long_1 * long_2 + long_1 * u + long_2 * w)
    assert first == "y_part_1 = ["
    assert "    y_part_1," in rest


def test_long_products_have_a_part_of_their_own() -> None:
    found = lines(y, long_1 * long_2 * u * (v + w) / 7)
    assert len(found) == 2
    assert found[0].startswith("y_part_1 = [")
    assert "y_part_1[i]" in found[1]
    assert max(map(len, found)) <= 80


def test_long_sums_of_entries_are_products_of_two_vectors() -> None:
    found = lines(Var("n"), Total(long_1 * long_2 * (u - v), H))
    assert found[0].startswith("n_part_1 = [")
    assert found[1].startswith("n = fdot(")


def test_brackets() -> None:
    assert bracketed("y = ", "f(", ["a", "b"], ")", 8) == ["y = f(a, b)"]
    items = ["a" * 50, "b" * 50]
    assert bracketed("y = ", "f(", items, ")", 8) == [
        "y = f(",
        f"    {items[0]},",
        f"    {items[1]},",
        ")",
    ]
