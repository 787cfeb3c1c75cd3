"""How the sum that is a matrix is written, term by term."""

import pytest
import sympy as sp

from gru_sym.algebra.expr import Dims, Var
from gru_sym.algebra.nodes import Slice
from gru_sym.cells import Cell
from gru_sym.codegen.backends.naming import Namer
from gru_sym.codegen.jacobian_chains import Chain
from gru_sym.codegen.jacobian_elimination import Matrix
from gru_sym.codegen.jacobian_matrices import Buffer, MatrixLines
from gru_sym.codegen.jacobian_values import Values
from gru_sym.derive.paths import Factor

CELL = Cell.parse("# params: u(H), U(H, H), V(H, H)\nz = h * h\nh_next = z * (U @ h) + u * (V @ z)")
H, HH = ("H",), ("H", "H")
z, h, u = (Var(name, (H,)) for name in "zhu")
U, V, M, P = (Var(name, (H, H)) for name in "UVMP")
J, LONG = Var("J", (H, H)), Var("J", (HH, H))


def diag(expr: sp.Expr) -> Factor:
    return Factor("diag", (expr,))


def matrix(expr: sp.Expr) -> Factor:
    return Factor("matrix", (expr,))


def value(expr: sp.Expr) -> Factor:
    return Factor("value", (expr,))


def column(expr: sp.Expr) -> Factor:
    return Factor("column", (expr,))


def row(expr: sp.Expr) -> Factor:
    return Factor("row", (expr,))


DIAGONAL = 'np.einsum("tii->ti", J)[...] += '
FORMS: dict[str, tuple[list[Chain], list[str]]] = {
    "zero": ([], ["J[...] = 0"]),
    "identity": ([()], ["J[...] = 0", f"{DIAGONAL}1"]),
    "a diagonal": ([(diag(z),)], ["J[...] = 0", f"{DIAGONAL}z[part]"]),
    "a diagonal of parameters": ([(diag(u),)], ["J[...] = 0", f"{DIAGONAL}u"]),
    "a matrix": ([(matrix(U),)], ["J[...] = U"]),
    "scaled rows": ([(diag(z), matrix(U))], ["np.multiply(z[part, :, None], U, out=J)"]),
    "scaled columns": ([(matrix(U), diag(z))], ["np.multiply(U, z[part, None, :], out=J)"]),
    "both": (
        [(diag(z), value(M), diag(u))],
        ["np.multiply(z[part, :, None], M, out=J)", "np.multiply(J, u, out=J)"],
    ),
    "a sum of scaled rows": (
        [(diag(z), matrix(U)), (diag(h), matrix(V)), (diag(z),)],
        [
            "np.matmul(scales_1[part].swapaxes(0, 1), matrices_2, out=J.swapaxes(0, 1))",
            f"{DIAGONAL}z[part]",
        ],
    ),
    "a product": (
        [(diag(z), matrix(U), value(M), diag(h)), (diag(h), matrix(V))],
        [
            "np.matmul(U, M, out=J)",
            "J *= z[part, :, None]",
            "J *= h[part, None, :]",
            "np.multiply(h[part, :, None], V, out=work)",
            "J += work",
        ],
    ),
    "a product beside scaled rows": (
        [(diag(h), matrix(V)), (diag(z), matrix(U), value(M)), (matrix(U),)],
        [
            "np.matmul(U, M, out=terms[:, :, 0])",
            "np.matmul(scales_1[part, :, None], terms, out=J[:, :, None])",
        ],
    ),
    "a product with a diagonal between": (
        [(matrix(U), diag(z), matrix(V)), (value(M), matrix(U))],
        [
            "np.multiply(z[part, :, None], V, out=work)",
            "np.matmul(U, work, out=J)",
            "np.matmul(M, U, out=work_2)",
            "J += work_2",
        ],
    ),
    "parameters alone": (
        [(matrix(U), matrix(V), diag(z), value(M))],
        ["np.multiply(z[part, :, None], M, out=work)", "np.matmul(matrix_1, work, out=J)"],
    ),
    "a part of a matrix": (
        [(value(Slice(Var("Q", (H, HH)), Dims((H, HH)), 1, 2)), matrix(U))],
        ["np.matmul(Q[..., H:], U, out=J)"],
    ),
    "an outer product": (
        [(column(z), row(h))],
        ["np.multiply(z[part, :, None], h[part, None, :], out=J)"],
    ),
    "outer products": (
        [(column(z), row(h)), (column(h), row(z))],
        ["np.matmul(columns_1[part], rows_2[part], out=J)"],
    ),
    "an outer product of what is multiplied": (
        [(value(M), diag(h), column(z), row(h), value(P), diag(z))],
        [
            "np.multiply((M @ (h[part, :, None] * z[part, :, None])), "
            "((h[part, None, :] @ P) * z[part, None, :]), out=J)"
        ],
    ),
}


@pytest.mark.parametrize("name", FORMS)
def test_terms(name: str) -> None:
    terms, expected = FORMS[name]
    said, *lines = written(Matrix(J, tuple(terms)))
    assert said.startswith("# J = ")
    assert lines == expected


def written(matrix: Matrix) -> list[str]:
    namer = Namer(CELL.program.variables, ("np", "rows"))
    return MatrixLines(Values(CELL, namer), namer).of(matrix)


def test_a_block_of_a_longer_vector_is_added_in_its_place() -> None:
    terms = (
        (Factor("embed", (), (0, 1), HH), diag(z)),
        (Factor("embed", (), (1, 2), HH), diag(z), matrix(U)),
    )
    said, *lines = written(Matrix(LONG, terms))
    assert said == "# J = identity[:, :H] @ diag(z) + identity[:, H:] @ diag(z) @ U"
    assert lines == [
        "J[...] = 0",
        'np.einsum("tii->ti", J[:, :H])[...] += z[part]',
        "np.multiply(z[part, :, None], U, out=work)",
        "np.add(J[:, H:], work, out=J[:, H:])",
    ]


def test_what_a_matrix_is_stands_above_it() -> None:
    terms = ((), (diag(z), matrix(U), value(M)), (column(z * h), row(h)))
    said = written(Matrix(J, terms))[0]
    assert said == "# J = identity + diag(z) @ U @ M + column(column_1) @ row(h)"
    assert written(Matrix(J, ()))[0] == "# J = 0"


def test_arrays_for_one_term_are_asked_for_once() -> None:
    namer = Namer(CELL.program.variables, ("np", "rows"))
    lines = MatrixLines(Values(CELL, namer), namer)
    for _ in range(2):
        lines.of(Matrix(J, ((matrix(U), value(M)), (value(M), matrix(U)))))
    assert lines.buffers == {"work": Buffer((H, H))}


def test_what_lies_beside_a_product() -> None:
    namer = Namer(CELL.program.variables, ("np", "rows"))
    lines = MatrixLines(Values(CELL, namer), namer)
    for _ in range(2):
        lines.of(Matrix(J, ((matrix(U), value(M)), (diag(z), matrix(V)))))
    assert lines.buffers == {"both": Buffer((H, H), ("V",)), "both_2": Buffer((H, H), ("V",))}
    assert not lines.sums_rows
    lines.of(Matrix(J, ((diag(z), matrix(U)), (diag(h), matrix(V)))))
    assert lines.sums_rows
