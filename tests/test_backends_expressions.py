"""Expressions on whole arrays: what is written for each node, and in which shape."""

import pytest
import sympy as sp

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Dims, Expr, Size, Var
from gru_sym.algebra.nodes import (
    Concat,
    LogSumExp,
    MatVec,
    Outer,
    Slice,
    Softmax,
    SumT,
    Total,
    Transpose,
)
from gru_sym.algebra.present import Presenter
from gru_sym.algebra.program import Definition
from gru_sym.algebra.rules import apply
from gru_sym.codegen.backends.expressions import Expressions, Library
from gru_sym.codegen.backends.naming import Namer
from gru_sym.codegen.passes.blocks import Rows, RowSlice
from gru_sym.errors import UnsupportedError

H, X = ("H",), ("X",)
h, g, x = Var("h", (H,)), Var("g", (H,)), Var("x", (X,))
s = Var("s")  # a scalar that varies
b, c = Var("b", (H,)), Var("c")  # parameters
U, W = Var("U", (H, H)), Var("W", (H, X))
hx = Var("hx", (H + X,))
hg = Var("hg", (H + H,))
VARYING = frozenset({h, g, x, s, hx, hg})

LIBRARY = Library(
    name="lib",
    functions={"tanh": "lib.tanh", "sqrt": "lib.sqrt", "exp": "lib.exp"},
    axis="dim",
    keep="keepdim",
    concatenate="lib.cat",
    softmax="lib.softmax",
    logsumexp="lib.logsumexp",
    summed=lambda u, v: tree.Binary("@", tree.Name(f"{u}.T"), tree.Name(v)),
    filled=lambda shape, number, like: f"{like}.full({shape}, {number})",
    parted=lambda array, blocks, size, axis: f"parts({array}, {[*map(size, blocks)]}, {axis!r})",
)


def written(lead: tuple[str, ...] = ("T", "B")) -> Expressions:
    variables = (W, x, U, h, b, g, s, c, hx, hg)
    presenter, namer = Presenter(variables), Namer(variables, ())
    return Expressions(LIBRARY, presenter, namer, lambda v: str(v.name), VARYING, lead, "like", 1)


def dims(*shape: tuple[str, ...]) -> Dims:
    return Dims(shape)


@pytest.mark.parametrize(
    ("expr", "expected"),
    [
        (MatVec(W, x) + MatVec(U, h) + b, "x @ W.T + h @ U.T + b"),
        (MatVec(Transpose(U), h), "h @ U"),
        (MatVec(U, b), "U @ b"),
        (MatVec(Transpose(U), b) * h, "h * (U.T @ b)"),
        (g * MatVec(U, g * h), "g * ((h * g) @ U.T)"),
        (MatVec(c * U, h), "h @ (c * U).T"),
        (Total(h * g, (H,)), "(h * g).sum(dim=-1, keepdim=True)"),
        (h - Total(h, (H,)) / Size("H"), "h - h.mean(dim=-1, keepdim=True)"),
        (Total(b, (H,)) * h, "h * b.sum()"),
        (Total(U**2, (H, H)), "(U**2).sum()"),
        (SumT(Outer(h, x, (H, X))), "h.T @ x"),
        (SumT(Outer(h, b, (H, H))), "lib.outer(h.sum(dim=(0, 1)), b)"),
        (U * SumT(Outer(h, g, (H, H))) + U, "U + U * (h.T @ g)"),
        (SumT(h * g), "(h * g).sum(dim=(0, 1))"),
        (SumT(s), "s.sum()"),
        (SumT(Total(h, (H,))), "h.sum()"),
        (Outer(b, b, (H, H)), "lib.outer(b, b)"),
        (Concat(h, x, dims(H, X)), "lib.cat((h, x), dim=-1)"),
        (Rows(U, U, dims(H, H)), "lib.cat((U, U))"),
        (RowSlice(U, dims(H + H, H), 1, 2), "U[H:]"),
        (Slice(hx, dims(H + X), 0, 1), "hx[..., :H]"),
        (Slice(Var("u", (H * 3,)), dims(H * 3), 1, 2), "u[..., H : 2 * H]"),
        (Softmax(h, (H,)), "lib.softmax(h, dim=-1)"),
        (LogSumExp(h, (H,)), "lib.logsumexp(h, dim=-1, keepdim=True)"),
        (LogSumExp(b, (H,)), "lib.logsumexp(b, dim=-1)"),
        (apply("tanh", h) * apply("sqrt", sp.Integer(2)), "1.4142135623730951 * lib.tanh(h)"),
        (h / sp.Integer(10) ** 20, "h / 1e20"),
        ((1 + h) ** sp.Rational(-3, 2), "1 / (h + 1) ** 1.5"),
        (apply("exp", h) ** sp.Rational(1, 3), "lib.exp(h) ** (1 / 3)"),
    ],
)
def test_expressions(expr: Expr, expected: str) -> None:
    assert written().text(expr) == expected


@pytest.mark.parametrize(
    ("var", "expr", "expected"),
    [
        (h, sp.Integer(0), "like.full((T, B, H), 0.0)"),
        (h, sp.Rational(1, 2), "like.full((T, B, H), 0.5)"),
        (h, b, "lib.broadcast_to(b, (T, B, H))"),
        (h, s, "lib.broadcast_to(s, (T, B, H))"),
        (s, c, "lib.broadcast_to(c, (T, B, 1))"),
        (b, c, "lib.broadcast_to(c, (H,))"),
        (c, sp.Integer(2), "like.full((), 2.0)"),
        (h, s * h, "s * h"),
        (h, MatVec(U, sp.Integer(1)), "lib.broadcast_to(U @ like.full((H,), 1.0), (T, B, H))"),
    ],
)
def test_values_have_the_shape_of_their_variable(var: Var, expr: Expr, expected: str) -> None:
    own = Var("v", var.shape)
    made = Expressions(
        LIBRARY,
        Presenter((h, s, b, c)),
        Namer((), ()),
        lambda v: str(v.name),
        VARYING | ({own} if var in VARYING else set()),
        ("T", "B"),
        "like",
        1,
    )
    assert made.lines([Definition(own, expr)]) == [f"v = {expected}"]


def test_sizes_are_noted_where_they_are_written() -> None:
    made = written()
    made.text(h - Total(h, (H,)) / Size("H"))
    assert not made.sizes
    made.text(h / Size("H") + Slice(hx, dims(H + X), 0, 1))
    assert list(made.sizes) == ["H"]


def test_parts_of_one_array_are_unpacked_together() -> None:
    parts = [Definition(Var(n, (H,)), Slice(hg, dims(H + H), k, k + 1)) for k, n in enumerate("uv")]
    assert written().lines(parts) == ["u, v = parts(hg, ['H', 'H'], '-1')"]
    wide = Var("wide", (H * 4,))
    some = [
        Definition(Var("u", (H,)), Slice(wide, dims(H * 4), 1, 2)),
        Definition(Var("v", (H,)), Slice(wide, dims(H * 4), 2, 3)),
    ]
    assert written().lines(some) == ["_, u, v, _ = parts(wide, ['H', 'H', 'H', 'H'], '-1')"]
    assert written().lines(some[:1]) == ["u = wide[..., H : 2 * H]"]


def test_parts_that_overlap_are_cut_one_by_one() -> None:
    wide = Var("wide", (H * 3,))
    some = [
        Definition(Var("u", (H + H,)), Slice(wide, dims(H * 3), 0, 2)),
        Definition(Var("v", (H,)), Slice(wide, dims(H * 3), 1, 2)),
    ]
    assert written().lines(some) == ["u = wide[..., : 2 * H]", "v = wide[..., H : 2 * H]"]


def test_sums_get_names_where_a_line_is_too_long() -> None:
    factors = [Var(f"a_rather_long_name_{k}", (H,)) for k in range(3)]
    made = Expressions(
        LIBRARY, Presenter(factors), Namer(factors, ()), lambda v: str(v.name),
        frozenset((*factors, h)), ("B",), "like", 2,
    )  # fmt: skip
    expr = factors[0] * (factors[1] - Total(factors[1] * factors[2], (H,)))
    first, second = made.lines([Definition(h, expr)])
    assert first.startswith("h_sum = (a_rather_long_name_1 * a_rather_long_name_2).sum(")
    assert second == "h = a_rather_long_name_0 * (a_rather_long_name_1 - h_sum)"


def test_a_matrix_that_varies_is_refused() -> None:
    matrix = Var("M", (H, H))
    made = Expressions(
        LIBRARY, Presenter((s, U)), Namer((), ()), lambda v: str(v.name),
        VARYING | {matrix}, ("B",), "like", 1,
    )  # fmt: skip
    with pytest.raises(UnsupportedError, match="M: a matrix that varies"):
        made.lines([Definition(matrix, s * U)])
