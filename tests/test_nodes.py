"""One contract for every node: its tangent, its adjoint, its shape, in exact numbers."""

import pickle
import random
from collections.abc import Callable
from fractions import Fraction
from typing import Any

import numpy as np
import pytest
import sympy as sp

from gru_sym.algebra import nodes
from gru_sym.algebra.expr import Dims, Expr, Node, Shape, Size, Var, shape_of, variables_of
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
from gru_sym.algebra.normal import NormalForm, positions
from gru_sym.algebra.rules import apply
from gru_sym.derive.differential import pull_back, tangent
from gru_sym.prove.evaluate import Floats, Fractions, evaluate

H, N = ("H",), ("I",)
SIZES = {"H": 2, "I": 3}
u, v, x, s = Var("u", (H,)), Var("v", (H,)), Var("x", (N,)), Var("s")
W, U, A = Var("W", (H, N)), Var("U", (H, H)), Var("A", (N, N))
hx = Concat(v, x, Dims((H, N)))

LINEAR = {
    "transpose": Transpose(W),
    "transpose of a sum": Transpose(W + s * W),
    "transpose of a product": Transpose(U * Transpose(U)),
    "matvec": MatVec(W, x),
    "matvec, transposed": MatVec(Transpose(W), v),
    "matvec of a sum": MatVec(2 * U + s * U, v - u),
    "matvec of a scalar": MatVec(W, s),
    "matvec twice": MatVec(U, MatVec(W, x)),
    "outer": Outer(v, x, (H, N)),
    "outer with a scalar": Outer(s, x, (H, N)),
    "outer of a square": Outer(v**2, v * u, (H, H)),
    "total": Total(v * u, (H,)),
    "total of a matrix": Total(W * Outer(v, x, (H, N)), (H, N)),
    "mean": Total(x, (N,)) / Size("I"),
    "concat": hx,
    "concat with a scalar": Concat(s, x, Dims((H, N))),
    "concat of matrices": Concat(U, W, Dims((H, N))),
    "slice, first": Slice(hx**2, Dims((("H", "I"),)), 0, 1),
    "slice, last": Slice(hx * s, Dims((("H", "I"),)), 1, 2),
    "slice of a matrix": Slice(Concat(U, W, Dims((H, N))) * s, Dims((H, ("H", "I"))), 1, 2),
    "slice, in the middle": Slice(
        Concat(v, x, u, Dims((H, N, H))) ** 2, Dims((("H", "I", "H"),)), 1, 3
    ),
}
CURVED = {
    "softmax": Softmax(x, (N,)),
    "softmax of a product": Softmax(s * MatVec(Transpose(W), v), (N,)),
    "logsumexp": LogSumExp(v, (H,)),
    "logsumexp of a sum": LogSumExp(v + s * u, (H,)),
}
ALL = LINEAR | CURVED


def point(expr: Expr, seed: int = 0, *, floats: bool = False) -> dict[Var, Any]:
    source = random.Random(seed)
    values = {}
    for var in sorted(variables_of(expr), key=lambda v: str(v.name)):
        array = np.empty(tuple(sum(SIZES[n] for n in dim) for dim in var.shape), dtype=object)
        for place in np.ndindex(array.shape):
            number = Fraction(source.randint(-9, 9), source.randint(1, 7))
            array[place] = float(number) if floats else number
        values[var] = array
    return values


def dotted(var: Var, end: str = "_dot") -> Var:
    return Var(var.name + end, var.shape)


def dot(a: Any, b: Any) -> Any:
    return np.sum(np.asarray(a * b, dtype=object))


def moved(values: dict[Var, Any], t: Fraction) -> dict[Var, Any]:
    return {var: values[var] + t * values[dotted(var)] for var in values if dotted(var) in values}


SCALARS_IN_PLACE = {"matvec of a scalar", "outer with a scalar", "concat with a scalar"}
"""A scalar is an operand where a vector belongs: no cell of the language comes to that."""


@pytest.mark.parametrize("name", sorted(ALL.keys() - SCALARS_IN_PLACE))
@pytest.mark.parametrize("seed", range(3))
def test_adjoint(name: str, seed: int) -> None:
    """⟨J ẋ, ȳ⟩ = ⟨ẋ, Jᵀ ȳ⟩: exactly in fractions, and for all sizes by the normal form."""
    expr = ALL[name]
    shape = shape_of(expr)
    bar = Var("bar", shape)
    forward = tangent(expr, dotted, {})
    backward: dict[Var, Expr] = {}
    for var, share in pull_back(expr, bar, shape, {}):
        backward[var] = backward.get(var, sp.S.Zero) + share
    assert set(backward) == variables_of(expr)
    everything = sp.Add(*(Total(e, e.shape) for e in (*backward, *map(dotted, backward), bar)))
    exact = not any(isinstance(node, Softmax | LogSumExp) for node in sp.preorder_traversal(expr))
    values = point(everything, seed, floats=not exact)
    field = Fractions() if exact else Floats()
    left = dot(evaluate(forward, shape, values, SIZES, field), values[bar])
    right = sum(
        dot(values[dotted(var)], evaluate(share, var.shape, values, SIZES, field))
        for var, share in backward.items()
    )
    assert left == right if exact else left == pytest.approx(right, rel=1e-12)

    form = NormalForm()
    pairs = [Total(share * dotted(var), var.shape) for var, share in backward.items()]
    difference = Total(forward * bar, shape) - sp.Add(*pairs)
    assert form.is_zero(form.of(difference))


@pytest.mark.parametrize("expr", LINEAR.values(), ids=LINEAR.keys())
def test_tangent_exactly(expr: Expr) -> None:
    """The coefficient of t in p(x + t ẋ), a polynomial of degree five at most, by interpolation."""
    shape = shape_of(expr)
    forward = tangent(expr, dotted, {})
    values = point(sp.Add(*(Total(e * dotted(e), e.shape) for e in variables_of(expr))), 7)
    times = [Fraction(k) for k in range(-3, 4)]
    samples = [evaluate(expr, shape, moved(values, t), SIZES, Fractions()) for t in times]
    slope = sum(
        sample * weight for sample, weight in zip(samples, _derivative_at_zero(times), strict=True)
    )
    found = evaluate(forward, shape, values, SIZES, Fractions())
    assert np.all(slope == found)


def _derivative_at_zero(times: list[Fraction]) -> list[Fraction]:
    """Weights with which samples of a polynomial give its derivative at 0."""
    t = sp.Symbol("t")
    weights = []
    for k, here in enumerate(times):
        others = [u for j, u in enumerate(times) if j != k]
        basis = sp.prod((t - sp.Rational(u)) / sp.Rational(here - u) for u in others)
        slope = sp.expand(basis).coeff(t, 1)
        weights.append(Fraction(int(slope.p), int(slope.q)))
    return weights


@pytest.mark.parametrize("expr", CURVED.values(), ids=CURVED.keys())
def test_tangent_of_what_is_not_polynomial(expr: Expr) -> None:
    shape = shape_of(expr)
    forward = tangent(expr, dotted, {})
    moving = sp.Add(*(Total(e * dotted(e), e.shape) for e in variables_of(expr)))
    values = point(moving, 5, floats=True)
    step = 1e-5
    ahead, behind = (
        evaluate(expr, shape, moved(values, t), SIZES, Floats()) for t in (step, -step)
    )
    found = evaluate(forward, shape, values, SIZES, Floats())
    slope = np.asarray((ahead - behind) / (2 * step), dtype=float)
    error = np.linalg.norm(slope - np.asarray(found, dtype=float)) / np.linalg.norm(slope)
    assert error < 1e-7


@pytest.mark.parametrize("expr", ALL.values(), ids=ALL.keys())
def test_pickles_and_rebuilds(expr: Expr) -> None:
    again = pickle.loads(pickle.dumps(expr))
    assert again == expr
    assert shape_of(again) == shape_of(expr)
    swap = {var: Var(f"{var.name}2", var.shape) for var in variables_of(expr)}
    there = expr.xreplace(swap)
    assert shape_of(there) == shape_of(expr)
    assert there.xreplace({new: old for old, new in swap.items()}) == expr


VALUE_KEPT: dict[str, tuple[Callable[[], Expr], Shape, Callable[[dict[Var, Any]], Any]]] = {
    "W.T.T": (lambda: Transpose(Transpose(W)), (H, N), lambda p: p[W]),
    "(3 W).T": (lambda: Transpose(3 * W), (N, H), lambda p: 3 * p[W].T),
    "(U - 2 U.T).T": (lambda: Transpose(U - 2 * Transpose(U)), (H, H), lambda p: p[U].T - 2 * p[U]),
    "outer.T": (lambda: Transpose(Outer(v, x, (H, N))), (N, H), lambda p: np.outer(p[x], p[v])),
    "(-W/2) @ (4 x)": (lambda: MatVec(-W / 2, 4 * x), (H,), lambda p: -2 * p[W].dot(p[x])),
    "W @ 0": (lambda: MatVec(W, sp.S.Zero), (H,), lambda p: 0 * p[v]),
    "0 @ x": (lambda: MatVec(W - W, x), (H,), lambda p: 0 * p[v]),
    "s @ x": (lambda: MatVec(s, x), (H,), lambda p: 0 * p[v] + p[s] * p[x].sum()),
    "s.T": (lambda: Transpose(s), (N, H), lambda p: 0 * p[W].T + p[s]),
    "outer(2 v, x / 3)": (
        lambda: Outer(2 * v, x / 3, (H, N)),
        (H, N),
        lambda p: np.outer(p[v], p[x]) * 2 / 3,
    ),
    "outer(1, x)": (
        lambda: Outer(sp.S.One, x, (H, N)),
        (H, N),
        lambda p: np.outer(p[v] * 0 + 1, p[x]),
    ),
    "sum(3 s v)": (lambda: Total(3 * s * v, (H,)), (), lambda p: 3 * p[s] * p[v].sum()),
    "sum(s)": (lambda: Total(s, (H, N)), (), lambda p: 6 * p[s]),
    "sum(0)": (lambda: Total(v - v, (H,)), (), lambda p: 0 * p[s]),
    "[0, 0]": (lambda: Concat(v - v, x - x, Dims((H, N))), (("H", "I"),), lambda _: np.zeros(5)),
    "[v, x][:H]": (lambda: Slice(3 * hx, Dims(hx.shape), 0, 1), (H,), lambda p: 3 * p[v]),
    "[v, x][H:]": (lambda: Slice(hx / 2, Dims(hx.shape), 1, 2), (N,), lambda p: p[x] / 2),
    "[v, x][:]": (lambda: Slice(hx, Dims(hx.shape), 0, 2), hx.shape, lambda p: np.r_[p[v], p[x]]),
    "s[:H]": (lambda: Slice(s, Dims(hx.shape), 0, 1), (H,), lambda p: 0 * p[v] + p[s]),
    "sum_t(2 W)": (lambda: SumT(2 * W) - 2 * SumT(W) + W, (H, N), lambda p: p[W]),
}


@pytest.mark.parametrize("name", VALUE_KEPT)
def test_constructors_keep_the_value(name: str) -> None:
    make, shape, expected = VALUE_KEPT[name]
    values = point(sp.Add(*(Total(e, e.shape) for e in (v, x, s, W, U))), 3)
    found = evaluate(make(), shape, values, SIZES, Fractions())
    assert np.all(found == expected(values))
    assert shape_of(make()) in ((), shape)


def test_numbers_come_out_in_front() -> None:
    assert MatVec(2 * W, 3 * x) == 6 * MatVec(W, x)
    assert Transpose(Transpose(W)) == W
    assert Slice(hx, Dims(hx.shape), 0, 1) == v
    assert Total(s * v, (H,)) == s * Total(v, (H,))
    assert Total(s, (H,)) == s * Size("H")
    assert SumT(sp.S.Zero) == 0
    assert SumT(3 * W) == 3 * SumT(W)
    assert shape_of(SumT(W)) == (H, N)


def test_softmax_of_a_constant_has_no_tangent() -> None:
    assert Softmax(x, (N,)).jvp(lambda _: sp.S.Zero) == 0


def test_every_node_is_in_the_contract() -> None:
    kinds = {getattr(nodes, name) for name in nodes.__all__}
    seen = {type(n) for e in ALL.values() for n in sp.preorder_traversal(e) if isinstance(n, Node)}
    assert kinds - seen == {SumT}  # a sum over time has no rule: nothing differentiates it


def test_normal_form_has_each_entry() -> None:
    for expr in ALL.values():
        form = NormalForm()
        for at in positions(shape_of(expr)):
            assert form.of(expr - apply("exp", s) + apply("exp", s), at) == form.of(expr, at)
