"""Products of diagonals, matrices, columns and rows in normal form, and their sums."""

import numpy as np
import pytest
import sympy as sp

from gru_sym.algebra.expr import Dims, Shape, Size, Var, shape_of
from gru_sym.algebra.nodes import MatVec, Slice, Total, Transpose
from gru_sym.codegen.jacobian_chains import Chain, chain, is_full, products, total
from gru_sym.derive.paths import Factor
from gru_sym.prove.evaluate import Floats, evaluate

H, N, HN = ("H",), ("N",), ("H", "N")
SIZES = {"H": 3, "N": 2}
u, v, w, s = Var("u", (H,)), Var("v", (H,)), Var("w", (HN,)), Var("s")
U, V, W = Var("U", (H, H)), Var("V", (H, H)), Var("W", (H, HN))
M, P = Var("M", (H, H)), Var("P", (H, HN))


def diag(*parts: sp.Expr) -> Factor:
    return Factor("diag", parts)


def matrix(expr: sp.Expr) -> Factor:
    return Factor("matrix", (expr,))


def value(expr: sp.Expr) -> Factor:
    return Factor("value", (expr,))


def column(expr: sp.Expr) -> Factor:
    return Factor("column", (expr,), whole=() if shape_of(expr) else H)


def row(expr: sp.Expr) -> Factor:
    return Factor("row", (expr,), whole=() if shape_of(expr) else H)


def embed(start: int, stop: int, whole: tuple[str, ...] = HN) -> Factor:
    return Factor("embed", (), (start, stop), whole)


JOINED = {
    "nothing": ((), ()),
    "an identity": ((diag(sp.S.One),), ()),
    "diagonals": ((diag(u), diag(v, s), matrix(U)), (diag(u, v, s), matrix(U))),
    "a number after a matrix": ((matrix(U), diag(s), matrix(V)), (diag(s), matrix(U), matrix(V))),
    "a diagonal after a matrix": ((matrix(U), diag(u)), (matrix(U), diag(u))),
    "a column": ((diag(u), column(sp.S.One), diag(s)), (Factor("column", (s, u), whole=H),)),
    "a matrix and a column": ((matrix(U), column(u)), (column(MatVec(U, u)),)),
    "a row and a matrix": ((row(u), diag(v), matrix(U)), (row(MatVec(Transpose(U), u * v)),)),
    "a number and a row": ((diag(s), row(u)), (row(s * u),)),
    "a row and a column": ((row(u), column(v)), (diag(Total(u * v, (H,))),)),
    "a row and a column of ones": ((row(sp.S.One), column(sp.S.One)), (diag(Size("H")),)),
    "a matrix of the step and a column": ((value(M), column(u)), (value(M), column(u))),
    "a block": ((diag(w), embed(0, 1)), (embed(0, 1), diag(Slice(w, Dims((HN,)), 0, 1)))),
    "a block under a matrix": (
        (matrix(W), diag(w), embed(1, 2)),
        (matrix(Slice(W, Dims((H, HN)), 1, 2)), diag(Slice(w, Dims((HN,)), 1, 2))),
    ),
    "a block under a matrix of the step": (
        (value(P), embed(0, 1), diag(u)),
        (value(Slice(P, Dims((H, HN)), 0, 1)), diag(u)),
    ),
    "a block in a block": (
        (embed(1, 3, ("K", "H", "N")), embed(1, 2)),
        (embed(2, 3, ("K", "H", "N")),),
    ),
    "a row and a block": (
        (row(w), embed(0, 1)),
        (Factor("row", (Slice(w, Dims((HN,)), 0, 1),), whole=H),),
    ),
}


@pytest.mark.parametrize("name", JOINED)
def test_neighbours_are_joined(name: str) -> None:
    given, expected = JOINED[name]
    found = chain(*given)
    assert [(f.kind, f.expr, f.bounds, f.whole) for f in found] == [
        (f.kind, f.expr, f.bounds, f.whole or found[k].whole) for k, f in enumerate(expected)
    ]


@pytest.mark.parametrize("name", JOINED)
def test_the_product_stays_the_same(name: str, rng: np.random.Generator) -> None:
    sizes = SIZES | {"K": 4}
    values = {x: rng.normal(size=_lengths(x.shape, sizes)) for x in (u, v, w, s, U, V, W, M, P)}

    def array(factor: Factor) -> np.ndarray:
        shape = shape_of(factor.expr)
        found = np.asarray(evaluate(factor.expr, shape, values, sizes, Floats()), float)
        match factor.kind:
            case "diag":
                return np.diag(found) if found.ndim else found
            case "column" | "row":
                found = np.broadcast_to(found, _lengths(shape or (factor.whole,), sizes))
                return found[:, None] if factor.kind == "column" else found[None, :]
            case "embed":
                start, stop = (sum(sizes[d] for d in factor.whole[:k]) for k in factor.bounds)
                return np.eye(sum(sizes[d] for d in factor.whole))[:, start:stop]
        return found

    def product(factors: Chain) -> np.ndarray:
        found: np.ndarray = np.ones(())
        for factor in factors:
            right = array(factor)
            found = found @ right if found.ndim and right.ndim else found * right
        return found

    given, _ = JOINED[name]
    expected, found = product(given), product(chain(*given))
    assert found.size == expected.size
    np.testing.assert_allclose(found.reshape(expected.shape), expected, rtol=1e-13)


def _lengths(shape: Shape, sizes: dict[str, int]) -> tuple[int, ...]:
    return tuple(sum(sizes[name] for name in dim) for dim in shape)


def test_a_sum_has_one_term_for_each_matrix() -> None:
    terms = [chain(diag(u), matrix(U)), chain(matrix(V)), chain(diag(v), matrix(U)), (), (diag(u),)]
    first, second, third = total(terms)
    assert first == (diag(u + v), matrix(U))
    assert second == (matrix(V),)
    assert third == (diag(1 + u),)


def test_terms_that_cancel_are_left_out() -> None:
    assert total([(diag(u), matrix(U)), (diag(-u), matrix(U))]) == ()
    assert total([(), (diag(sp.S.NegativeOne),)]) == ()
    assert total([(column(u), row(v)), (column(u), row(-v))]) == ()


def test_outer_products_are_joined_by_row_and_by_column() -> None:
    by_row = total([(column(u), row(w)), (column(v), row(w))])
    assert [[f.expr for f in term] for term in by_row] == [[u + v, w]]
    by_column = total([(column(u), row(v)), (column(u), row(s * v))])
    assert [[f.expr for f in term] for term in by_column] == [[u, v + s * v]]
    assert len(total([(column(u), row(v)), (column(v), row(u))])) == 2
    assert total([(row(u),), (row(v),)]) == ((row(u + v),),)


def test_a_block_is_a_term_of_its_own() -> None:
    terms = [
        chain(embed(0, 1), diag(u)),
        chain(embed(0, 1), diag(v)),
        chain(embed(1, 2), matrix(U)),
    ]
    first, second = total(terms)
    assert first == (embed(0, 1), diag(u + v))
    assert second == terms[2]


@pytest.mark.parametrize(
    ("factors", "count"),
    [
        ((), 0),
        ((diag(u),), 0),
        ((diag(u), matrix(U), diag(v)), 0),
        ((matrix(U), matrix(V)), 0),  # once for all steps
        ((matrix(U), diag(u), matrix(V)), 1),
        ((matrix(U), value(M)), 1),
        ((value(M), matrix(U), matrix(V)), 1),
        ((value(M), value(M), diag(u), matrix(U)), 2),
        ((value(M), column(u), row(v)), 0),
    ],
)
def test_how_many_products_a_step_costs(factors: Chain, count: int) -> None:
    assert products(factors) == count


def test_what_is_full() -> None:
    assert is_full((diag(u), matrix(U)))
    assert is_full((value(M), diag(u)))
    assert not is_full((diag(u),))
    assert not is_full((value(M), column(u), row(v)))
