"""One equation differentiated: slopes, tangents and pull-backs of single expressions."""

import pytest
import sympy as sp

from gru_sym.algebra.expr import Dims, Var, shape_of
from gru_sym.algebra.nodes import Concat, LogSumExp, MatVec, Outer, Softmax, Total, Transpose
from gru_sym.algebra.program import Definition, Program
from gru_sym.algebra.rules import RULES, apply
from gru_sym.derive.differential import named_values, partials, pull_back, tangent

H, N = (("H",),), (("N",),)
a, b, z, y_bar = (Var(n, H) for n in ("a", "b", "z", "y_bar"))
x, s, s_bar = Var("x", N), Var("s"), Var("s_bar")
U, W = Var("U", (*H, *H)), Var("W", (*H, *N))


def dot(var: Var) -> Var:
    return Var(f"{var.name}_dot", var.shape)


def pulled(expr: sp.Expr, bar: sp.Expr, named: dict[sp.Expr, Var] | None = None) -> dict:
    found: dict[Var, sp.Expr] = {}
    for var, share in pull_back(expr, bar, shape_of(bar), named or {}):
        found[var] = found.get(var, 0) + share
    return found


@pytest.mark.parametrize(
    ("name", "slope"),
    [
        ("sigmoid", apply("sigmoid", a) * (1 - apply("sigmoid", a))),
        ("tanh", 1 - apply("tanh", a) ** 2),
        ("exp", apply("exp", a)),
        ("log", 1 / a),
        ("sqrt", 1 / (2 * sp.sqrt(a))),
        ("softplus", apply("sigmoid", a)),
        ("sin", apply("cos", a)),
        ("cos", -apply("sin", a)),
        ("relu", apply("step", a)),
        ("abs", apply("step", a) - apply("step", -a)),
    ],
)
def test_slope_of_each_function(name: str, slope: sp.Expr) -> None:
    assert list(partials(apply(name, a), {})) == [(a, slope)]


def test_every_function_of_the_table_is_tried_above() -> None:
    assert list(partials(apply("step", a), {})) == []  # flat: no slope at all
    assert {r.name for r in RULES.values()} == {
        "sigmoid", "tanh", "exp", "log", "softplus", "sin", "cos", "relu", "abs", "step",
    }  # fmt: skip


def test_a_value_with_a_name_is_written_by_its_name() -> None:
    gate, soft = apply("sigmoid", a), Softmax(b, H)
    p = Var("p", H)
    program = Program((a, b), (Definition(z, gate), Definition(p, soft)), (z, p))
    named = named_values(program)
    assert named == {gate: z, soft: p}
    assert list(partials(gate, named)) == [(a, z * (1 - z))]
    assert pulled(soft, y_bar, named) == {b: p * (y_bar - Total(y_bar * p, H))}
    assert tangent(soft, dot, named) == p * (dot(b) - Total(p * dot(b), H))


def test_nodes_come_back_after_differentiation() -> None:
    """A coefficient may hold other nodes: a product of two, as in the reset-after GRU."""
    one, two = MatVec(U, a), MatVec(W, x)
    found = dict(partials(one * two, {}))
    assert found == {one: two, two: one}
    assert tangent(z * one, dot, {}) == dot(z) * one + z * (MatVec(dot(U), a) + MatVec(U, dot(a)))


def test_pull_back_through_maps() -> None:
    assert pulled(MatVec(W, x), y_bar) == {
        W: Outer(y_bar, x, W.shape),
        x: MatVec(Transpose(W), y_bar),
    }
    assert pulled(MatVec(Transpose(W), a), Var("q_bar", N)) == {
        W: Transpose(Outer(Var("q_bar", N), a, (*N, *H))),
        a: MatVec(W, Var("q_bar", N)),
    }
    assert pulled(MatVec(U, z * a), y_bar)[a] == z * MatVec(Transpose(U), y_bar)
    assert pulled(LogSumExp(a, H), s_bar) == {a: s_bar * Softmax(a, H)}


def test_broadcasting_has_an_adjoint() -> None:
    assert pulled(s * a, y_bar) == {s: Total(y_bar * a, H), a: y_bar * s}
    assert pulled(s, y_bar) == {s: Total(y_bar, H)}
    assert pulled(Total(a**2, H), s_bar) == {a: 2 * s_bar * a}
    # The mean as a scalar in an equation of vectors: out by the total, back in by the constant.
    assert pulled(a - Total(a, H), y_bar) == {a: y_bar - Total(y_bar, H)}


def test_parts_of_a_vector() -> None:
    joined = Concat(a, x, Dims((H[0], N[0])))
    bar = Var("q_bar", (("H", "N"),))
    shapes = {var: shape_of(share) for var, share in pulled(joined, bar).items()}
    assert shapes == {a: H, x: N}


def test_what_does_not_occur_has_no_share() -> None:
    assert pulled(sp.Integer(3), y_bar) == {}
    assert pulled(a - a + b, y_bar) == {b: y_bar}
    assert tangent(sp.Integer(2), dot, {}) == 0
