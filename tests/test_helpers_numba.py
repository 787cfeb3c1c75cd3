"""What generated Numba code calls: accurate to the last bits, and never overflowing."""

import math
from collections.abc import Callable
from types import ModuleType
from typing import Any

import mpmath
import numpy as np
import pytest

from gru_sym.codegen.backends.numba_helpers import helper_parts
from tests.plain_numba import interpreted

CALLED = (
    "float_type(a); array(a, b, c); aligned(a); copy(a, b); clear(a); exp(a); sigmoid(a); tanh(a);"
    "tanh_slope(a); sigmoid_pair(a); tanh_pair(a); softplus(a); relu(a); step(a); total(a);"
    "logsumexp(a); softmax(a, b); piece(a, b, c); rows(a); flat(a); strided(a); noalias()"
)
TRUTH: dict[str, Callable[[Any], Any]] = {
    "exp": mpmath.exp,
    "sigmoid": lambda a: 1 / (1 + mpmath.exp(-a)),
    "tanh": mpmath.tanh,
    "tanh_slope": lambda a: mpmath.sech(a) ** 2,
    "softplus": lambda a: mpmath.log1p(mpmath.exp(a)),
}
LIMIT = 700.0


@pytest.fixture(scope="module")
def helpers() -> dict[str, Any]:
    """The functions as Python runs them: the arithmetic is the same, but for fused operations."""
    head, body = helper_parts(CALLED)
    return interpreted("\n".join([*head, *body]))


def points() -> list[float]:
    rng = np.random.default_rng(0)
    drawn = [rng.uniform(-size, size, 300) for size in (1, 40, LIMIT)]
    tiny = 10.0 ** rng.uniform(-300, 0, 200)
    return [*np.concatenate([*drawn, tiny, -tiny]).tolist(), 0.0, -40.0, 40.0, 1e-320]


@pytest.mark.parametrize("name", TRUTH)
def test_relative_accuracy(name: str, helpers: dict[str, Any]) -> None:
    with mpmath.workdps(40):
        for a in points():
            truth = TRUTH[name](mpmath.mpf(a))
            if abs(truth) > 1e-300:
                error = abs(mpmath.mpf(helpers[name](a)) - truth) / abs(truth)
                assert error < 1e-15, (name, a)


def test_complements_and_slopes(helpers: dict[str, Any]) -> None:
    with mpmath.workdps(40):
        for a in points():
            gate, rest = helpers["sigmoid_pair"](a)
            assert gate == helpers["sigmoid"](a)
            assert rest == helpers["sigmoid"](-a)
            value, slope = helpers["tanh_pair"](a)
            assert (value, slope) == (helpers["tanh"](a), helpers["tanh_slope"](a))
            assert value == -helpers["tanh"](-a)


@pytest.mark.parametrize("name", [*TRUTH, "relu", "step"])
def test_far_out(name: str, helpers: dict[str, Any]) -> None:
    ends = {
        "exp": (0, math.inf), "sigmoid": (0, 1), "tanh": (-1, 1), "tanh_slope": (0, 0),
        "softplus": (0, math.inf), "relu": (0, math.inf), "step": (0, 1),
    }  # fmt: skip
    for a, end in zip((-math.inf, math.inf), ends[name], strict=True):
        for at in (a, math.copysign(1000, a), math.copysign(1e300, a)):
            value = helpers[name](at)
            assert math.isinf(end) or math.isclose(value, end, rel_tol=0, abs_tol=1e-300)
            assert not math.isinf(end) or value >= 1000
    if name != "step":
        assert math.isnan(helpers[name](math.nan))


def test_a_slope_that_no_number_can_hold_is_0(helpers: dict[str, Any]) -> None:
    for a in (353.9, 354.1, 400.0, -1e4):
        assert abs(helpers["tanh_slope"](a) - float(mpmath.sech(a) ** 2)) < 2e-307
    assert helpers["tanh_slope"](400.0) == 0


def test_rows_are_summed_up(helpers: dict[str, Any]) -> None:
    a = np.array([1000.0, 1001.0, -5.0])
    out = np.empty(3)
    helpers["softmax"](a, out)
    weights = np.exp(a - 1001)
    assert np.allclose(out, weights / weights.sum(), rtol=1e-15, atol=0)
    assert math.isclose(helpers["logsumexp"](a), 1001 + math.log(weights.sum()), rel_tol=1e-15)
    assert helpers["total"](np.arange(10.0)) == 45


def test_arrays_are_checked(helpers: dict[str, Any]) -> None:
    array, dtype = helpers["array"], np.dtype(float)
    a = np.zeros((3, 4))
    assert array(a, (3, 4), dtype) is a
    with pytest.raises(ValueError, match=r"the shape \(3, 4\), not \(4, 3\)"):
        array(a, (4, 3), dtype)
    for other in (a.astype(np.float32), np.asfortranarray(a), np.zeros((3, 8))[:, ::2], a.tolist()):
        found = array(other, (3, 4), dtype)
        assert found.flags.carray
        assert found.dtype == dtype
    a.flags.writeable = False  # compiled code is for arrays that may be written to
    assert array(a, (3, 4), dtype).flags.writeable


@pytest.mark.parametrize(
    ("arrays", "expected"),
    [
        ([np.zeros(2), np.zeros(2, np.float32)], "f8"),
        ([np.zeros(2, np.float32), np.zeros(3, np.float32)], "f4"),
        ([np.zeros(2, int)], "f8"),
    ],
)
def test_the_type_of_all(arrays: list[Any], expected: str, helpers: dict[str, Any]) -> None:
    assert helpers["float_type"](*arrays) == np.dtype(expected)


@pytest.mark.parametrize("dtype", [np.complex128, np.complex64, np.float16])
def test_other_types_are_refused(dtype: Any, helpers: dict[str, Any]) -> None:
    with pytest.raises(TypeError, match=f"must be float64 or float32, not {np.dtype(dtype)}"):
        helpers["float_type"](np.zeros(2, dtype))


def test_pieces_of_a_block(helpers: dict[str, Any]) -> None:
    block = np.arange(200.0)[1:]
    at = helpers["aligned"](block)
    assert (block.ctypes.data + 8 * at) % 64 == 0
    first, at_second = helpers["piece"](block, at, (2, 3))
    second, end = helpers["piece"](block, at_second, (17,))
    assert first.shape == (2, 3)
    assert (at_second - at, end - at_second) == (16, 32)
    assert not np.may_share_memory(first, second)
    assert first[0, 0] == block[at]


@pytest.mark.slow
def test_compiled(peer: Callable[[str], ModuleType], helpers: dict[str, Any]) -> None:
    """The machine's instructions give the same, but for what is rounded once instead of twice."""
    numba = peer("numba")
    module = __import__("gru_sym.codegen.backends.helpers_numba", fromlist=["exp"])
    a = np.array([p for p in points() if abs(p) > 1e-300])
    names = [*TRUTH, "relu", "step"]

    for name in names:
        function = getattr(module, name)

        @numba.njit
        def run(a: Any, out: Any, function: Any = function) -> None:
            for j in range(a.shape[0]):
                out[j] = function(a[j])

        out = np.empty_like(a)
        run(a, out)
        assert np.allclose(out, [helpers[name](p) for p in a], rtol=1e-15, atol=0), name
