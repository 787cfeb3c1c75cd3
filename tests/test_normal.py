"""The normal form: true identities are proved, false ones never, whatever is drawn."""

import random
from typing import Any

import numpy as np
import pytest
import sympy as sp
from hypothesis import given
from hypothesis import strategies as st

from gru_sym.algebra.expr import Dims, Expr, Shape, Size, Var, shape_of
from gru_sym.algebra.functions import UndefinedError
from gru_sym.algebra.nodes import (
    Concat,
    LogSumExp,
    MatVec,
    Outer,
    Slice,
    Softmax,
    Total,
    Transpose,
)
from gru_sym.algebra.normal import NormalForm, positions
from gru_sym.algebra.poly import TooLargeError
from gru_sym.algebra.rules import RULES, apply
from gru_sym.derive.differential import tangent
from gru_sym.prove.evaluate import Floats, OutsideError, evaluate, evaluate_entries

H, N = ("H",), ("I",)
HN = H + N
SIZES = {"H": 2, "I": 3}
v, w, x, s, t = Var("v", (H,)), Var("w", (H,)), Var("x", (N,)), Var("s"), Var("t")
W, U, V = Var("W", (H, N)), Var("U", (H, H)), Var("V", (H, H))
VARIABLES = (v, w, x, s, t, W, U, V)
vx = Concat(v, x, Dims((H, N)))


def exp(e: Expr) -> Expr:
    return apply("exp", e)


def mean(e: Expr) -> Expr:
    return Total(e, (H,)) / Size("H")


def tail(e: Expr) -> Expr:
    return Slice(e, Dims((HN,)), 1, 2)


UV = Concat(U, W, Dims((H, N)))
centred = v - mean(v)
variance = mean(centred**2) + sp.Rational(1, 100_000)
normed = centred / variance ** sp.Rational(1, 2)
TRUE = {
    "distributes": MatVec(U + V, v - w) - MatVec(U, v) - MatVec(V, v) + MatVec(U + V, w),
    "scalars come out": MatVec(U, s * v) - s * MatVec(U, v),
    "transpose": Total(v * MatVec(U, w), (H,)) - Total(MatVec(Transpose(U), v) * w, (H,)),
    "transpose of outer": MatVec(Transpose(Outer(v, x, (H, N))), w) - x * Total(v * w, (H,)),
    "outer @": MatVec(Outer(v, w, (H, H)), w) - v * Total(w**2, (H,)),
    "elementwise matrices": MatVec(U * V, v) - MatVec(V * U, v),
    "split": MatVec(UV, vx) - MatVec(U, v) - MatVec(W, x),
    "slice of a product": tail(vx * exp(vx)) - x * exp(x),
    "slice of a transposed product": Slice(MatVec(Transpose(UV), w), Dims((HN,)), 0, 1)
    - MatVec(Transpose(U), w),
    "sum over blocks": Total(vx, (HN,)) - Total(v, (H,)) - Total(x, (N,)),
    "sum of a scalar": Total(s + v, (H,)) - s * Size("H") - Total(v, (H,)),
    "sum of sums": Total(Total(x, (N,)) * v, (H,)) - Total(Outer(v, x, (H, N)), (H, N)),
    "softmax": Softmax(v, (H,)) - exp(v) / Total(exp(v), (H,)),
    "softmax sums to 1": Total(Softmax(v, (H,)), (H,)) - 1,
    "softmax is shift invariant": Softmax(v + s, (H,)) - Softmax(v, (H,)),
    "softmax over blocks sums to 1": Total(Softmax(vx, (HN,)), (HN,)) - 1,
    "logsumexp": exp(LogSumExp(v, (H,))) - Total(exp(v), (H,)),
    "logsumexp of a shift": LogSumExp(v + s, (H,)) - LogSumExp(v, (H,)) - s,
    "cross entropy": apply("log", Softmax(v, (H,))) - v + LogSumExp(v, (H,)),
    "centred": Total(centred, (H,)),
    "variance": mean(centred**2) - mean(v**2) + mean(v) ** 2,
    "layer norm": Total(normed**2, (H,)) * variance - Total(centred**2, (H,)),
    "trace": Total(U * Transpose(V), (H, H)) - Total(V * Transpose(U), (H, H)),
    "a square is a double sum": Total(v, (H,)) ** 2 - Total(Outer(v, v, (H, H)), (H, H)),
    "a longer chain": Total(v * MatVec(U, MatVec(V, w)), (H,))
    - Total(MatVec(Transpose(V), MatVec(Transpose(U), v)) * w, (H,)),
}
FALSE = {
    "transpose": MatVec(U, v) - MatVec(Transpose(U), v),
    "order": MatVec(U, MatVec(V, v)) - MatVec(V, MatVec(U, v)),
    "elementwise in": MatVec(U, v * w) - v * MatVec(U, w),
    "outer": Outer(v, w, (H, H)) - Outer(w, v, (H, H)),
    "sum of squares": Total(v, (H,)) ** 2 - Total(v**2, (H,)),
    "sum of products": Total(v * w, (H,)) - Total(v, (H,)) * Total(w, (H,)),
    "sum": Total(v, (H,)) - v,
    "sizes": Size("H") - Size("I"),
    "trace": Total(U * V, (H, H)) - Total(U * Transpose(V), (H, H)),
    "softmax": Softmax(v, (H,)) - exp(v),
    "softmax is not scale invariant": Softmax(2 * v, (H,)) - Softmax(v, (H,)),
    "softmax of a block": tail(Softmax(vx, (HN,))) - Softmax(x, (N,)),
    "mean": mean(v**2) - mean(v) ** 2,
    "cubes": Total(MatVec(U, v) * v**2, (H,)) - Total(MatVec(U, v**2) * v, (H,)),
    "exp of a sum of logs": exp(Total(apply("log", v), (H,))) - Total(v, (H,)),
    "sigmoid of a sum of logs": apply("sigmoid", Total(apply("softplus", v), (H,)))
    - Total(1 + exp(v), (H,)) / (1 + Total(1 + exp(v), (H,))),
    "log of a sum": apply("log", Total(exp(v), (H,))) - Total(v, (H,)),
    "half a split": MatVec(UV, vx) - MatVec(U, v),
}


def is_zero(expr: Expr) -> bool:
    form = NormalForm()
    return all(form.is_zero(form.of(expr, at)) for at in positions(shape_of(expr)))


@pytest.mark.parametrize("expr", TRUE.values(), ids=TRUE.keys())
def test_true(expr: Expr) -> None:
    assert is_zero(expr)


@pytest.mark.parametrize("expr", FALSE.values(), ids=FALSE.keys())
def test_false(expr: Expr) -> None:
    assert not is_zero(expr)


class Drawn:
    """Random expressions of a given shape, and other ways to write an expression."""

    def __init__(self, seed: int, functions: tuple[str, ...]) -> None:
        self.random = random.Random(seed)
        self.functions = functions

    def number(self) -> Expr:
        return sp.Rational(self.random.choice((-2, -1, 1, 2, 3)), self.random.choice((1, 2, 3)))

    def of(self, shape: Shape, depth: int) -> Expr:
        if depth <= 0:
            own = [e for e in (*VARIABLES, vx, *map(Transpose, (W, U))) if shape_of(e) == shape]
            lone = [self.number(), s] if len(shape) < 2 else []
            return self.random.choice([*own, *own, *lone] or [self._outer(shape, 0)])
        a, b = self.of(shape, depth - 1), self.of(shape, self.random.randrange(depth))
        own = [("sum", "logsumexp"), ("matvec", "softmax", "block"), ("outer", "transpose")]
        kind = self.random.choice(("add", "times", "scale", "apply", "power", *own[len(shape)]))
        dim = self.random.choice((H, N))
        match kind:
            case "add":
                return a + b
            case "times":
                return a * b
            case "scale":
                return self.of((), depth - 1) * a
            case "apply":
                return apply(self.random.choice(self.functions), a)
            case "power":
                return a ** self.random.choice((-2, -1, 2, 3)) if a != 0 else a
            case "sum":
                return Total(self.of((dim,), depth - 1), (dim,))
            case "logsumexp":
                return LogSumExp(self.of((dim,), depth - 1), (dim,))
            case "softmax":
                return Softmax(a, shape)
            case "matvec":
                matrix = self.of((shape[0], dim), depth - 1)
                leaf = x if dim == N else v
                return MatVec(matrix, leaf * self.of((dim,), depth - 1))
            case "block" if shape[0] == HN:
                return Concat(self.of((H,), depth - 1), self.of((N,), depth - 1), Dims((H, N)))
            case "block":
                start = 0 if shape[0] == H else 1
                return Slice(self.of((HN,), depth - 1), Dims((HN,)), start, start + 1)
            case "transpose":
                return Transpose(self.of(shape[::-1], depth - 1))
        return self._outer(shape, depth - 1)

    def _outer(self, shape: Shape, depth: int) -> Expr:
        return Outer(self.of(shape[:1], depth), self.of(shape[1:], depth), shape)

    def again(self, e: Expr) -> Expr:
        """An equal expression, written otherwise."""
        if not e.args or isinstance(e, sp.Rational | Dims):
            return e
        e = e.func(*(a if isinstance(a, sp.Rational) else self.again(a) for a in e.args))
        ways = self._ways(e)
        return self.random.choice(ways) if ways and self.random.random() < 0.7 else e

    def _ways(self, e: Expr) -> list[Expr]:
        name, a = type(e).__name__, e.args[0] if e.args else sp.S.Zero
        match name:
            case "sigmoid":
                return [1 - apply(name, -a), (1 + apply("tanh", a / 2)) / 2]
            case "tanh":
                return [2 * apply("sigmoid", 2 * a) - 1, -apply(name, -a)]
            case "exp":
                return [sp.Mul(*map(exp, sp.Add.make_args(a))), 1 / exp(-a)]
            case "softplus":
                return [a + apply(name, -a), apply("log", 1 + exp(a))]
            case "relu":
                return [a * apply("step", a)]
            case "abs":
                return [2 * apply("relu", a) - a]
            case "step":
                return [apply(name, 3 * a)]
            case "sin":
                return [-apply(name, -a)]
            case "cos":
                return [apply(name, -a)]
            case "MatVec":
                return [sp.Add(*(MatVec(a, term) for term in sp.Add.make_args(e.args[1])))]
            case "Total":
                terms = sp.Add.make_args(sp.expand(a, deep=False))
                return [sp.Add(*(Total(term, e.summed) for term in terms))]
            case "Softmax":
                return [exp(a) / Total(exp(a), e.shape), Softmax(a + s, e.shape)]
            case "LogSumExp":
                return [apply("log", Total(exp(a), e.summed)), LogSumExp(a - t, e.summed) + t]
        whole = isinstance(e, sp.Mul) or (isinstance(e, sp.Pow) and e.exp.is_positive)
        return [sp.expand(e, deep=False)] if whole else []


def point(seed: int) -> dict[Var, Any]:
    rng = np.random.default_rng(seed)
    values = {}
    for var in VARIABLES:
        lengths = tuple(sum(SIZES[n] for n in dim) for dim in var.shape)
        numbers = rng.uniform(0.1, 1.5, lengths) * (1 if seed % 2 else rng.choice((-1, 1), lengths))
        values[var] = np.asarray(numbers, dtype=object)
    return values


def close(a: Any, b: Any, *, relative: float = 1e-6) -> bool:
    a, b = np.asarray(a, dtype=float), np.asarray(b, dtype=float)
    if not (np.isfinite(a) & np.isfinite(b)).all() or np.abs(a).max() > 1e6:
        return True  # overflow says nothing
    return bool(np.linalg.norm(a - b) <= relative * (np.linalg.norm(a) + np.linalg.norm(b) + 1e-6))


SMOOTH = ("sigmoid", "tanh", "exp", "softplus", "sin", "cos")
SHAPES: list[Shape] = [(), (H,), (H, N)]
seeds = st.integers(0, 10**6)
OUTSIDE = (OutsideError, OverflowError, ZeroDivisionError)


@given(seeds, st.sampled_from(SHAPES), st.integers(1, 4))
def test_sound(seed: int, shape: Shape, depth: int) -> None:
    """The normal form has the value of the expression; it is zero only where that is."""
    drawn = Drawn(seed, (*RULES, "sqrt"))
    p = drawn.of(shape, depth)
    q = drawn.again(p) + (drawn.of(shape, 1) if seed % 2 else 0)
    if p.has(sp.zoo, sp.nan, sp.I) or q.has(sp.zoo, sp.nan, sp.I):
        return
    form = NormalForm()
    try:
        entries = {at: form.of(p, at) for at in positions(shape)}
        zero = all(
            form.is_zero(form.ring.subtract(poly, form.of(q, at))) for at, poly in entries.items()
        )
    except (TooLargeError, UndefinedError):
        return
    for trial in range(2):
        values = point(2 * seed + trial)
        try:
            left = evaluate(p, shape, values, SIZES, Floats())
            right = evaluate(q, shape, values, SIZES, Floats())
            made = evaluate_entries(form.ring, entries, shape, values, SIZES, Floats())
        except OUTSIDE:
            continue
        assert close(left, made), p
        assert not zero or close(left, right), (p, q)


@given(seeds, st.sampled_from(SHAPES), st.integers(1, 3))
def test_harmless_rewriting_has_the_same_normal_form(seed: int, shape: Shape, depth: int) -> None:
    drawn = Drawn(seed, SMOOTH)
    p = drawn.of(shape, depth)
    q = drawn.again(p)
    if p.has(sp.zoo, sp.nan) or q.has(sp.zoo, sp.nan):
        return
    form = NormalForm()
    try:
        assert all(
            form.is_zero(form.ring.subtract(form.of(p, at), form.of(q, at)))
            for at in positions(shape)
        ), (p, q)
    except (TooLargeError, UndefinedError):
        return


@given(seeds, st.sampled_from([v, s, W, U]), st.integers(1, 3))
def test_derivative_is_the_tangent(seed: int, var: Var, depth: int) -> None:
    """Entry by entry: ⟨∂p/∂v, v̇⟩ is the tangent of p in the direction v̇."""
    p = Drawn(seed, SMOOTH).of((), depth)
    if p.has(sp.zoo, sp.nan):
        return
    form = NormalForm()
    at_all = [
        tuple((-8 - axis, block) for axis, (_, block) in enumerate(at))
        for at in positions(var.shape)
    ]
    try:
        entries = {at: form.derivative(form.of(p), var, at) for at in at_all}
    except (TooLargeError, UndefinedError):
        return
    values = point(2 * seed + 1)
    dot = Var("dot", var.shape)
    moving = tangent(p, lambda u: dot if u == var else sp.S.Zero, {})
    direction = np.random.default_rng(seed).normal(size=values[var].shape)
    try:
        slopes = evaluate_entries(form.ring, entries, var.shape, values, SIZES, Floats())
        values[dot] = np.asarray(direction, dtype=object)
        expected = evaluate(moving, (), values, SIZES, Floats())
    except OUTSIDE:
        return
    assert close(expected, np.sum(np.asarray(slopes * direction, dtype=object))), p


def test_unfolding() -> None:
    """A definition is put in wherever it occurs: bare, in a power, inside of functions."""
    a = Var("a", (H,))
    form = NormalForm({a: MatVec(W, x)})
    expr = a**2 * exp(a) + Softmax(a * v, (H,)) / (1 + a**2) + Total(a, (H,))
    for at in positions((H,)):
        poly = form.of(expr, at)
        assert form.names(poly) == {"a", "v"}
        assert form.variables(poly) == {a, v}
        unfolded = form.unfold(poly, "a")
        assert form.names(unfolded) == {"W", "x", "v"}
        expected = form.of(expr.xreplace({a: MatVec(W, x)}), at)
        assert form.is_zero(form.ring.subtract(unfolded, expected))


def test_one_name_of_two_shapes_is_two_variables() -> None:
    form = NormalForm()
    difference = form.ring.subtract(
        form.of(Total(Var("q", (H,)), (H,))), form.of(Total(Var("q", (N,)), (N,)))
    )
    assert not form.is_zero(difference)


def test_a_size_is_not_a_variable() -> None:
    form = NormalForm()
    assert form.names(form.of(mean(v))) == {"v"}
