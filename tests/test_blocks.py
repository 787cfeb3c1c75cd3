"""Matrices one above the other, and their parts."""

import numpy as np
import pytest

from gru_sym.algebra.expr import Dims, Var, variables_of
from gru_sym.algebra.nodes import Concat, MatVec, Slice, Transpose
from gru_sym.codegen.passes.blocks import Rows, RowSlice
from gru_sym.prove.equal import prove_equal
from gru_sym.prove.evaluate import Floats, evaluate
from tests.scans import plain

H, N, C = ("H",), ("I",), ("C",)
A, B = Var("A", (H, N)), Var("B", (C, N))
x, u, v = Var("x", (N,)), Var("u", (H,)), Var("v", (C,))
BOTH = Rows(A, B, Dims((H, C)))
WHOLE = Var("M", (("H", "C"), N))
SIZES = {"H": 2, "I": 3, "C": 4}


def part(start: int, stop: int) -> RowSlice:
    return RowSlice(WHOLE, Dims(WHOLE.shape), start, stop)


def test_shapes() -> None:
    assert BOTH.shape == (("H", "C"), N)
    assert BOTH.blocks == (H, C)
    assert part(0, 1).shape == (H, N)
    assert part(1, 2).shape == (C, N)
    assert part(0, 2).shape == WHOLE.shape
    assert part(1, 2).bounds == (1, 2)
    assert part(1, 2).whole == WHOLE.shape


def test_operands() -> None:
    assert BOTH.operands == (A, B)
    assert part(0, 1).operands == (WHOLE,)
    assert variables_of(BOTH) == {A, B}
    renamed = part(0, 1).xreplace({WHOLE: BOTH})
    assert renamed.args[0] == BOTH
    assert renamed.shape == (H, N)


def test_what_the_tests_take_them_for(rng: np.random.Generator) -> None:
    values = {
        w: np.vectorize(float, otypes=[object])(rng.normal(size=[SIZES[d] for (d,) in w.shape]))
        for w in (A, B)
    }
    found = evaluate(plain(BOTH), BOTH.shape, values, SIZES, Floats())
    assert np.array_equal(found, np.concatenate((values[A], values[B])))
    for start, stop, matrix in ((0, 1, A), (1, 2, B)):
        block = plain(part(start, stop)).xreplace({WHOLE: plain(BOTH)})
        assert np.array_equal(
            evaluate(block, matrix.shape, values, SIZES, Floats()), values[matrix]
        )


@pytest.mark.parametrize(
    ("left", "right"),
    [
        (MatVec(BOTH, x), Concat(MatVec(A, x), MatVec(B, x), Dims((H, C)))),
        (Slice(MatVec(BOTH, x), Dims((("H", "C"),)), 1, 2), MatVec(B, x)),
        (
            MatVec(Transpose(BOTH), Concat(u, v, Dims((H, C)))),
            MatVec(Transpose(A), u) + MatVec(Transpose(B), v),
        ),
        (RowSlice(BOTH, Dims(BOTH.shape), 0, 1), A),
    ],
    ids=["product", "part of a product", "adjoint", "part"],
)
def test_products_for_all_sizes(left: object, right: object) -> None:
    assert prove_equal(plain(left), right).verdict == "proved"
    assert prove_equal(plain(left), 2 * right).verdict == "refuted"
