"""Products against NumPy's: every remainder of a block, every layout, and nothing beside it."""

import itertools
from collections.abc import Callable
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gru_sym.codegen.backends.numba_helpers import helper_parts
from tests.plain_numba import interpreted

SIZES = (0, 1, 2, 3, 7, 8, 9, 24, 25, 33)
LARGE = ((100, 300, 50), (97, 257, 25), (1, 300, 200), (200, 3, 8))


def products() -> dict[str, Any]:
    head, body = helper_parts("product(a, b, c); add_product(a, b, c)")
    return interpreted("\n".join([*head, *body]))


def agree(own: Any, sizes: tuple[int, int, int], dtype: Any) -> None:
    """Raise where a product, or what surrounds it, is not as it must be."""
    rows, inner, columns = sizes
    rng = np.random.default_rng(rows + 100 * inner + columns)
    bound = 1e-13 if dtype is np.float64 else 1e-5
    for turned in (False, True):
        a = rng.normal(size=(inner, rows) if turned else (rows, inner)).astype(dtype)
        a = a.T if turned else a
        b = rng.normal(size=(inner, columns + 3)).astype(dtype)[:, 1 : 1 + columns]
        for adds in (False, True):
            around = np.full((rows + 2, columns + 5), 7, dtype)
            out = around[1:-1, 2:-3]
            out[...] = start = rng.normal(size=(rows, columns))
            own["add_product" if adds else "product"](a, b, out)
            truth = a.astype(float) @ b.astype(float) + (start if adds else 0)
            assert np.allclose(out, truth, rtol=0, atol=bound * (inner + 1)), (sizes, turned, adds)
            out[...] = 7
            assert (around == 7).all(), sizes


def test_the_blocks_cover_everything_once() -> None:
    own = products()
    for sizes in (*itertools.product(SIZES, (0, 1, 5), SIZES), *LARGE):
        agree(own, sizes, np.float64)
    agree(own, (9, 5, 40), np.float32)


@pytest.mark.slow
@pytest.mark.parametrize("dtype", [np.float64, np.float32])
def test_compiled(dtype: Any, peer: Callable[[str], ModuleType]) -> None:
    numba = peer("numba")
    module = __import__("gru_sym.codegen.backends.helpers_numba_products", fromlist=["product"])
    product, add_product = module.product, module.add_product

    @numba.njit
    def put(a: Any, b: Any, out: Any) -> None:
        product(a, b, out)

    @numba.njit
    def add(a: Any, b: Any, out: Any) -> None:
        add_product(a, b, out)

    for sizes in (*itertools.product(SIZES, (0, 1, 5), SIZES), *LARGE):
        agree({"product": put, "add_product": add}, sizes, dtype)
