"""Shaped symbols: identity, shapes, and walks over expressions."""

import pickle

import pytest
import sympy as sp

from gru_sym.algebra.expr import (
    Dims,
    Expr,
    Node,
    Shape,
    Size,
    Var,
    nodes_of,
    shape_of,
    size_of,
    variables_of,
)
from gru_sym.algebra.nodes import Concat, MatVec, Outer, Total, Transpose
from gru_sym.algebra.rules import RULES, apply

H, N = ("H",), ("I",)
v, x, s = Var("v", (H,)), Var("x", (N,)), Var("s")
W = Var("W", (H, N))


def test_a_name_with_another_shape_is_another_variable() -> None:
    assert Var("v", (H,)) == v
    assert hash(Var("v", (H,))) == hash(v)
    others = [Var("v"), Var("v", (N,)), Var("v", (H, H)), sp.Symbol("v"), Size("v")]
    assert len({v, *others}) == 6
    assert sp.Add(v, -Var("v", (N,))) != 0
    assert v - Var("v", (H,)) == 0


@pytest.mark.parametrize(
    "expr",
    [
        v,
        Size("H"),
        Dims((H, N)),
        v**2 + s * v,
        MatVec(W, x),
        Total(v * MatVec(W, x), (H,)),
        Concat(v, x, Dims((H, N))),
        *(apply(name, v) for name in RULES),
    ],
    ids=str,
)
def test_pickling(expr: Expr) -> None:
    again = pickle.loads(pickle.dumps(expr))
    assert again == expr
    assert hash(again) == hash(expr)
    if not isinstance(expr, Dims):
        assert shape_of(again) == shape_of(expr)


@pytest.mark.parametrize(
    ("expr", "shape"),
    [
        (sp.Integer(3), ()),
        (Size("H"), ()),
        (s, ()),
        (v, (H,)),
        (s * v + 1, (H,)),
        (apply("tanh", v) / s, (H,)),
        (W, (H, N)),
        (s * W, (H, N)),
        (Transpose(W), (N, H)),
        (MatVec(W, x), (H,)),
        (MatVec(Transpose(W), v), (N,)),
        (Outer(v, x, (H, N)), (H, N)),
        (Outer(s, x, (H, N)), (H, N)),
        (Total(v, (H,)), ()),
        (Concat(v, x, Dims((H, N))), (("H", "I"),)),
        (Concat(W, W, Dims((N, N))), (H, ("I", "I"))),
    ],
)
def test_shapes(expr: Expr, shape: Shape) -> None:
    assert shape_of(expr) == shape


@pytest.mark.parametrize("expr", [v + x, v * x, v * W, s * (v + apply("exp", x))])
def test_shapes_that_do_not_agree(expr: Expr) -> None:
    with pytest.raises(ValueError, match="do not agree"):
        shape_of(expr)


def test_size_of() -> None:
    assert size_of(()) == 1
    assert size_of((H,)) == Size("H")
    assert size_of((("H", "I"), H)) == (Size("H") + Size("I")) * Size("H")


def test_walks() -> None:
    inner = MatVec(W, apply("tanh", x))
    expr = v * inner + Total(s * inner, (H,))
    assert variables_of(expr) == {v, W, x, s}
    assert variables_of([v, sp.Integer(1), x]) == {v, x}
    assert set(nodes_of(expr)) == {inner, Total(inner, (H,))}
    assert nodes_of(inner) == [inner]
    assert nodes_of(v + 1) == []


def test_sympy_never_differentiates_through_a_node() -> None:
    with pytest.raises(AssertionError, match="own rule"):
        MatVec(W, x).diff(x)


def test_the_base_of_nodes_knows_nothing() -> None:
    bare = sp.Expr.__new__(Node, v)
    for use in (lambda: bare.shape, lambda: bare.jvp(lambda e: e), lambda: bare.vjp(s)):
        with pytest.raises(AssertionError, match="Node"):
            use()
