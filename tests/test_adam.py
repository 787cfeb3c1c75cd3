"""Adam and the clipping of gradients, beside PyTorch's, step by step."""

from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gru_sym.training.adam import Adam, Moments, clipped, norm

Arrays = dict[str, np.ndarray]
SHAPES = {"W": (3, 2), "b": (4,), "zeta": ()}


def draw(rng: np.random.Generator, dtype: Any = np.float64) -> Arrays:
    return {name: np.asarray(rng.normal(size=s)).astype(dtype) for name, s in SHAPES.items()}


def relative_error(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


@pytest.mark.parametrize("limit", [None, 0.5, 2.0, 1e6])
@pytest.mark.parametrize(
    ("rate", "betas", "epsilon"), [(0.01, (0.9, 0.999), 1e-8), (1.5, (0.0, 0.5), 0.1)]
)
def test_as_torch(
    torch: ModuleType,
    rng: np.random.Generator,
    limit: float | None,
    rate: float,
    betas: tuple[float, float],
    epsilon: float,
) -> None:
    params = draw(rng)
    theirs = {n: torch.tensor(p.copy(), requires_grad=True) for n, p in params.items()}
    optimiser = torch.optim.Adam(theirs.values(), lr=rate, betas=betas, eps=epsilon)
    adam, moments = Adam(rate, betas, epsilon), Moments.zero(params)
    for k in range(300):
        # From tiny to large gradients, so that clipping meets both.
        grads = {name: grad * 10.0 ** (k % 7 - 3) for name, grad in draw(rng).items()}
        for name, p in theirs.items():
            p.grad = torch.tensor(grads[name].copy())
        length = norm(grads)
        if limit is not None:
            total = torch.nn.utils.clip_grad_norm_(theirs.values(), limit)
            assert length == pytest.approx(float(total), rel=1e-13)
        optimiser.step()
        params, moments = adam.update(params, clipped(grads, length, limit), moments)
        for name, p in theirs.items():
            assert relative_error(params[name], p.detach().numpy()) < 1e-12
            state = optimiser.state[p]
            assert relative_error(moments.m[name], state["exp_avg"].numpy()) < 1e-12
            assert relative_error(moments.v[name], state["exp_avg_sq"].numpy()) < 1e-12
    assert moments.step == 300


def test_what_is_given_stays(rng: np.random.Generator) -> None:
    params, grads = draw(rng), draw(rng)
    moments = Moments.zero(params)
    before = [{n: a.copy() for n, a in part.items()} for part in (params, grads, moments.m)]
    Adam().update(params, grads, moments)
    for part, old in zip((params, grads, moments.m), before, strict=True):
        assert all(np.array_equal(part[name], old[name]) for name in old)


def test_the_first_step_is_the_learning_rate(rng: np.random.Generator) -> None:
    params, grads = draw(rng), draw(rng)
    new, _ = Adam(0.25, epsilon=1e-30).update(params, grads, Moments.zero(params))
    for name, p in params.items():
        assert new[name] - p == pytest.approx(-0.25 * np.sign(grads[name]), rel=1e-9)


def test_the_type_is_kept(rng: np.random.Generator) -> None:
    params, grads = draw(rng, np.float32), draw(rng, np.float32)
    new, moments = Adam().update(params, clipped(grads, norm(grads), 0.1), Moments.zero(params))
    for part in (new, moments.m, moments.v):
        assert {array.dtype for array in part.values()} == {np.dtype(np.float32)}
        assert all(isinstance(array, np.ndarray) for array in part.values())


def test_the_order_in_memory_is_one(rng: np.random.Generator) -> None:
    """A run that goes on from a file has its arrays in C order, and has to round as before."""
    grads = draw(rng)
    transposed = {name: np.asarray(grad, order="F") for name, grad in grads.items()}
    new, moments = Adam().update(transposed, transposed, Moments.zero(transposed))
    for part in (new, moments.m, moments.v):
        assert all(array.flags.c_contiguous for array in part.values())


def test_norm() -> None:
    assert norm({"W": np.array([[3.0, 0.0]]), "b": np.array([-4.0])}) == 5
    assert norm({"W": np.zeros((2, 2))}) == 0
    assert norm({}) == 0
    assert norm({"b": np.array([3e-200, 4e-200])}) == pytest.approx(5e-200)
    assert norm({"b": np.array([3e38, 3e38], np.float32)}) == pytest.approx(3e38 * 2**0.5)
    for wrong in (np.nan, np.inf):
        assert np.isnan(norm({"W": np.ones(2), "b": np.array([1.0, wrong])}))


def test_clipping() -> None:
    grads = {"W": np.array([3.0]), "b": np.array([4.0])}
    assert clipped(grads, 5.0, None) is grads
    assert clipped(grads, 5.0, 7.0) is grads
    assert norm(clipped(grads, 5.0, 1.0)) == pytest.approx(1, rel=1e-6)
    huge = {"W": np.array([3e200]), "b": np.array([4e200])}
    short = clipped(huge, norm(huge), 1.0)
    assert short["W"][0] / short["b"][0] == pytest.approx(0.75)
    assert norm(short) == pytest.approx(1)
