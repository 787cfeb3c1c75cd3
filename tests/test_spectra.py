"""Singular values of long products, against mpmath at many digits; eigenvalues of a step."""

import mpmath
import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.errors import DataError
from gru_sym.flow import eigenvalues, linearised, singular_values
from tests.flow_cases import CELLS, Array, arrays, case, dense, every_cell


def _truth(matrices: Array, digits: int) -> Array:
    """log of the singular values of a product of matrices, later ones on the left."""
    with mpmath.workdps(digits):
        product = mpmath.eye(matrices.shape[-1])
        for matrix in matrices:
            product = mpmath.matrix(matrix.tolist()) * product
        values = mpmath.svd_r(product, compute_uv=False)
        return np.array([float(mpmath.log(value)) for value in values])


@every_cell
def test_singular_values(name: str) -> None:
    """The large ones of a short product, as NumPy has them."""
    found = singular_values(case(name), [1, 4])
    whole = dense(name).sum(axis=0)[:, 0]
    product = np.eye(whole.shape[-1])
    for k in range(1, 5):
        product = product @ whole[-k]
        if k in (1, 4):
            mine = found.log[(1, 4).index(k), :, 0]
            wanted = np.linalg.svd(product, compute_uv=False)
            large = wanted > 1e-8 * wanted[0]
            assert np.allclose(mine[large], np.log(wanted[large]), rtol=0, atol=1e-7)
            assert (np.diff(mine[np.isfinite(mine)]) <= 0).all()


@pytest.mark.parametrize(("name", "T", "scale"), [("gru", 60, 0.4), ("lstm", 25, 0.4)])
def test_the_whole_spectrum(name: str, T: int, scale: float) -> None:
    """The smallest, e^-150 of the largest and less, have as many digits as the largest."""
    made = CELLS[name]
    given = arrays(made, T, batch=None, scale=scale)
    steps = linearised(made, *given)
    rows = np.eye(steps.S)[:, None]
    matrices = np.array([steps.left_total(t, rows)[:, 0] for t in range(T)])
    truth = _truth(matrices, 600)
    found = singular_values(steps).log[0]
    assert truth[0] - truth[-1] > 50
    assert np.abs(found - truth).max() < 1e-9


def test_a_product_without_an_end() -> None:
    """Diagonal steps: each singular value is a sum of logarithms, to e^-27,000."""
    made = Cell.parse("h_next = d * h", name="powers").parse("# params: d\nh_next = d * h")
    d = np.array([0.5, 0.1, 1e-3, 0.9])
    steps = linearised(made, {"d": d}, 4000, np.ones(4))
    found = singular_values(steps).log[0]
    assert np.allclose(found, 4000 * np.log(np.sort(d)[::-1]), rtol=1e-13)


def test_a_singular_product() -> None:
    params = {"W_h": np.zeros((3, 1)), "U_h": np.diag([1.0, 0.5, 0.0]), "b_h": np.zeros(3)}
    found = singular_values(linearised(cells.rnn, params, np.zeros((5, 1)))).log[0]
    assert found[:2] == pytest.approx([0, 5 * np.log(0.5)])
    assert found[2] == -np.inf


@every_cell
def test_eigenvalues(name: str) -> None:
    found = eigenvalues(case(name), 2)
    matrix = dense(name).sum(axis=0)[2, 1]
    wanted = np.linalg.eigvals(matrix)
    wanted = wanted[np.argsort(-np.abs(wanted), kind="stable")]
    assert np.allclose(np.abs(found[:, 1]), np.abs(wanted), rtol=0, atol=1e-10 * np.abs(wanted[0]))
    assert np.prod(found[:, 1]) == pytest.approx(np.linalg.det(matrix), rel=1e-6, abs=1e-14)


def test_no_such_lag_or_step() -> None:
    with pytest.raises(DataError, match="lags are 1 … 8"):
        singular_values(case("gru"), [0])
    with pytest.raises(DataError, match="no step 8"):
        eigenvalues(case("gru"), 8)
