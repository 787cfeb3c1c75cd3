"""Expressions on whole sequences: the text, run by NumPy, against evaluation step by step."""

from typing import Any

import numpy as np
import pytest
import sympy as sp

from gru_sym.algebra.expr import Dims, Expr, Shape, Size, Var
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
from gru_sym.algebra.program import Definition
from gru_sym.algebra.rules import apply
from gru_sym.codegen import functions
from gru_sym.codegen.backends.inplace import CALLS
from gru_sym.codegen.backends.naming import Namer
from gru_sym.codegen.backends.whole import Whole
from gru_sym.codegen.passes.blocks import Rows, RowSlice
from gru_sym.codegen.text import Writer
from gru_sym.prove.evaluate import Floats, evaluate
from tests.scans import plain

T, B = 3, 2
SIZES = {"H": 4, "I": 5}
H, N, BOTH = (("H",),), (("I",),), (("H", "I"),)

u, v, x, q = Var("u", H), Var("v", H), Var("x", N), Var("q", BOTH)  # these vary,
s, r = Var("s"), Var("r")  # and these numbers,
b, k = Var("b", H), Var("k")  # and these don't
W, V, U = Var("W", (*H, *N)), Var("V", (*H, *N)), Var("U", (*H, *H))
VARYING = frozenset((u, v, x, q, s, r))
GIVEN = (*sorted(VARYING, key=str), b, k, W, V, U)


def size(shape: Shape) -> tuple[int, ...]:
    return tuple(sum(SIZES[n] for n in dim) for dim in shape)


def written(expr: Expr, shape: Shape, *, varies: bool) -> tuple[str, set[str]]:
    """The statement that defines ``out``, and the sizes that it mentions."""
    used: set[str] = set()
    out = Var("out", shape)
    namer = Namer((*GIVEN, out), ("np", *functions.__all__))
    varying = VARYING | {out} if varies else VARYING
    writer = Writer(GIVEN, GIVEN, CALLS)
    line = Whole(writer, namer, varying, used.add).definition(Definition(out, expr))
    return line, {namer.size(name) for name in used}


def computed(expr: Expr, shape: Shape, arrays: dict[Var, Any], *, varies: bool) -> Any:
    line, used = written(expr, shape, varies=varies)
    namer = Namer(GIVEN, ("np",))
    values: dict[str, Any] = {name: getattr(functions, name) for name in functions.__all__}
    values |= {"np": np, "T": T, "B": B, "dtype": float}
    values |= {namer.size(n): SIZES[n] for n in SIZES if namer.size(n) in used}
    values |= {str(w.name): arrays[w] for w in GIVEN}
    exec(line, values)
    return values["out"]


def draw(rng: np.random.Generator) -> dict[Var, Any]:
    """Positive numbers; of a varying scalar (T, B, 1)."""

    def array(w: Var) -> Any:
        lead = (T, B) if w in VARYING else ()
        return np.asarray(
            rng.uniform(0.2, 1.2, size=(*lead, *(size(w.shape) or (1,) * bool(lead))))
        )

    return {w: array(w) for w in GIVEN}


def at(arrays: dict[Var, Any], t: int, batch: int) -> dict[Var, Any]:
    found = {}
    for w, array in arrays.items():
        one = array[t, batch] if w in VARYING else array
        found[w] = one.reshape(size(w.shape)).astype(object)
    return found


def truth(expr: Expr, shape: Shape, arrays: dict[Var, Any], *, varies: bool) -> Any:
    """One step and sequence after the other; a sum over all of them is taken first."""
    steps = [at(arrays, t, batch) for t in range(T) for batch in range(B)]
    sums: dict[Expr, Var] = {}
    for node in expr.atoms(SumT):
        sums[node] = Var(f"sum {len(sums)}", node.shape)
        terms = [evaluate(plain(node.args[0]), node.shape, o, SIZES, Floats()) for o in steps]
        for values in steps:
            values[sums[node]] = np.asarray(np.sum(np.array(terms), axis=0), dtype=object)
    value = plain(expr.xreplace(sums))
    found = [evaluate(value, shape, values, SIZES, Floats()).astype(float) for values in steps]
    if not varies:
        return found[0]
    return np.array(found).reshape(T, B, *(size(shape) or (1,)))


def part(whole: Expr, shape: Shape, start: int, stop: int) -> Expr:
    return Slice(whole, Dims(shape), start, stop)


MATRIX = (*H, *N)
ROWS = Rows(W, V, Dims((("H",), ("H",))))
TWO = (("H", "H"),)
MOVING: dict[str, tuple[Expr, Shape]] = {
    "a sum": (u + v - 2 * b + s, H),
    "a product": (u * v / (1 + b) * k * r, H),
    "functions": (apply("tanh", u) * apply("sigmoid", -v) + apply("softplus", s), H),
    "powers": (u**2 + 1 / v + sp.sqrt(s), H),
    "a scalar as a vector": (s, H),
    "a fixed vector at each step": (b, H),
    "a fixed number at each step": (k, ()),
    "a constant at each step": (sp.Rational(1, 2), H),
    "an irrational constant": (sp.sqrt(2), ()),
    "zero": (sp.S.Zero, H),
    "a scalar": (s * r + k, ()),
    "a product of matrix and vector": (MatVec(W, x), H),
    "its transpose": (MatVec(Transpose(W), u), N),
    "rows only": (MatVec(W, x) + MatVec(U, u) + b, H),
    "rows and more": (MatVec(W, x) * u + MatVec(U, b), H),
    "a scaled product": (s * MatVec(W, x) - 3 * MatVec(U, v), H),
    "a matrix times an expression": (MatVec(W, x + 1) + MatVec(U, u * v), H),
    "a matrix times a scalar": (MatVec(W, s), H),
    "a scaled matrix": (MatVec(k * W, x), H),
    "a sum of matrices": (MatVec(W + 2 * V, x), H),
    "a matrix of matrices": (MatVec(ROWS, x), TWO),
    "one above the other": (Concat(u, x, Dims((("H",), ("I",)))), BOTH),
    "with a fixed part": (Concat(b, x * s, Dims((("H",), ("I",)))), BOTH),
    "with a scalar part": (Concat(s, x, Dims((("H",), ("I",)))), BOTH),
    "with a part that is zero": (Concat(sp.S.Zero, x, Dims((("H",), ("I",)))), BOTH),
    "the first part": (part(q, BOTH, 0, 1), H),
    "the last part": (part(q, BOTH, 1, 2) * s, N),
    "a total": (Total(u * v, H), ()),
    "a mean": (u - Total(u, H) / Size("H"), H),
    "a total of what is fixed": (u * Total(b, H), H),
    "a total of a matrix": (u * Total(W**2, MATRIX), H),
    "a softmax": (Softmax(u, H) * v, H),
    "a softmax of a scalar": (Softmax(s, H), H),
    "a fixed softmax": (Softmax(b, H) * v, H),
    "a logsumexp": (LogSumExp(u, H), ()),
    "a logsumexp of what is fixed": (LogSumExp(b, H) * s, ()),
}
FIXED: dict[str, tuple[Expr, Shape]] = {
    "a vector": (b * k + 1, H),
    "a scalar": (k**2, ()),
    "an integer": (sp.Integer(2), ()),
    "an irrational constant": (sp.sqrt(2), ()),
    "a constant function": (apply("sigmoid", sp.Integer(2)), ()),
    "a size": (Size("H"), ()),
    "twice a size": (2 * Size("H") + 1, ()),
    "zeros": (sp.S.Zero, MATRIX),
    "ones": (sp.S.One, H),
    "a scalar as a vector": (k, H),
    "a product": (MatVec(U, b), H),
    "an adjoint": (MatVec(Transpose(W), b), N),
    "a product with a scalar": (MatVec(U, k), H),
    "an outer product": (Outer(b, 2 * b, (*H, *H)), (*H, *H)),
    "an outer product with a scalar": (Outer(b, k, MATRIX), MATRIX),
    "a transpose": (Transpose(W), (*N, *H)),
    "a sum of transposes": (Transpose(W) + 2 * Transpose(V), (*N, *H)),
    "a function of a matrix": (apply("exp", W) * V, MATRIX),
    "matrices side by side": (Concat(U, W, Dims((("H",), ("I",)))), (H[0], BOTH[0])),
    "matrices one above the other": (ROWS, (TWO[0], N[0])),
    "rows of a matrix": (RowSlice(ROWS, Dims(ROWS.shape), sp.Integer(1), sp.Integer(2)), MATRIX),
    "columns": (part(Concat(U, W, Dims((("H",), ("I",)))), (H[0], BOTH[0]), 1, 2), MATRIX),
    "a part": (part(Concat(b, b, Dims((("H",), ("H",)))), TWO, 0, 1), H),
    "a total": (Total(b**2, H), ()),
    "a total of a matrix": (Total(W * V, MATRIX), ()),
    "a softmax": (Softmax(b, H), H),
    "a logsumexp": (LogSumExp(b, H), ()),
    "a sum over t": (SumT(u), H),
    "a sum over t of a scalar": (SumT(s), ()),
    "a sum over t of a scalar, as a vector": (SumT(s), H),
    "of an expression": (SumT(u * v - s), H),
    "of a product": (SumT(MatVec(W, x)), H),
    "of outer products": (SumT(Outer(u, x, MATRIX)), MATRIX),
    "of outer products of expressions": (SumT(Outer(u * v, x + s, MATRIX)), MATRIX),
    "of outer products with a scalar": (SumT(Outer(s, x, MATRIX)), MATRIX),
    "of outer products with what is fixed": (SumT(Outer(u, b, (*H, *H))), (*H, *H)),
    "several sums": (SumT(u) * b + 2 * SumT(v) - k, H),
    "a sum of what stands still": (SumT(b), H),
    "a transposed sum": (Transpose(SumT(Outer(x, u, (*N, *H)))) + W, MATRIX),
    "an adjoint of a sum": (MatVec(Transpose(W), SumT(u)), N),
}
MOVING_CASES = [pytest.param(*case, True, id=name) for name, case in MOVING.items()]
FIXED_CASES = [pytest.param(*case, False, id=name) for name, case in FIXED.items()]


@pytest.mark.parametrize(("expr", "shape", "varies"), [*MOVING_CASES, *FIXED_CASES])
def test_the_text_has_the_value(
    expr: Expr, shape: Shape, varies: bool, rng: np.random.Generator
) -> None:
    arrays = draw(rng)
    found = computed(expr, shape, arrays, varies=varies)
    right = truth(expr, shape, arrays, varies=varies)
    assert isinstance(found, np.ndarray | np.float64), "no array: a float has no dtype"
    assert found.shape == right.shape
    assert found.dtype == float
    assert np.linalg.norm(found - right) <= 1e-14 * np.linalg.norm(right)


def test_products_of_all_steps_are_one_product() -> None:
    line, _ = written(MatVec(W, x), H, varies=True)
    assert line == "out = steps(rows(x) @ W.T, T, B)"
    line, _ = written(SumT(Outer(u, x, MATRIX)), MATRIX, varies=False)
    assert line == "out = rows(u).T @ rows(x)"


def test_only_the_sizes_that_are_mentioned() -> None:
    assert written(u + v, H, varies=True)[1] == set()
    assert written(sp.S.Zero, MATRIX, varies=False)[1] == {"H", "I_"}
    assert written(u / Size("H"), H, varies=True)[1] == {"H"}
