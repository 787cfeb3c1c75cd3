"""Every function of the language, in every library, against 400 digits."""

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from fractions import Fraction
from types import ModuleType
from typing import Any

import mpmath
import numpy as np
import pytest

from gru_sym.verification.libraries import complex_numpy, jax_library, torch_library
from gru_sym.verification.meaning import Library
from gru_sym.verification.relative import relative_error

STEP = 1e-30
TINY = np.finfo(float).tiny


def relu(a: Any) -> Any:
    return a if a > 0 else mpmath.mpf(0)


EXACT: dict[str, Callable[[Any], Any]] = {
    "sigmoid": lambda a: 1 / (1 + mpmath.exp(-a)),
    "tanh": mpmath.tanh,
    "exp": mpmath.exp,
    "log": mpmath.log,
    "sqrt": mpmath.sqrt,
    "softplus": lambda a: mpmath.log(1 + mpmath.exp(a)),
    "sin": mpmath.sin,
    "cos": mpmath.cos,
    "relu": relu,
    "step": lambda a: mpmath.mpf(1 if a > 0 else 0),
    "abs": abs,
    "hard_sigmoid": lambda a: min(max(a / 6 + mpmath.mpf(1) / 2, mpmath.mpf(0)), mpmath.mpf(1)),
}
POINTS = (-745.0, -700.0, -40.0, -2.5, -1.0, -1e-9, 1e-9, 0.3, 1.0, 2.5, 40.0, 700.0)
GENTLE = tuple(a for a in POINTS if abs(a) <= 40)
LARGE = np.array([1000.0, 998.5, -1000.0, 999.0])
EXPONENTS = tuple(map(Fraction, ("-3/2", "-1", "1/2", "2", "3", "0")))

every_function = pytest.mark.parametrize("name", EXACT)


def within(name: str, points: Iterable[float]) -> list[float]:
    """Those at which the function has a real value."""
    return [a for a in points if a > 0 or name not in {"log", "sqrt"}]


def exact(name: str, points: list[float]) -> np.ndarray:
    with mpmath.workdps(400):
        return np.array([float(EXACT[name](mpmath.mpf(a))) for a in points])


def slopes(function: Callable[[Any], Any], points: list[float]) -> np.ndarray:
    with mpmath.workdps(100):
        return np.array([float(mpmath.diff(function, mpmath.mpf(a))) for a in points])


def assert_close(found: Any, right: np.ndarray, most: float = 1e-14) -> None:
    """Each entry, relatively; what is no normal number may be 0."""
    found = np.asarray(found)
    assert found.shape == right.shape
    normal = np.abs(right) >= TINY
    for one, other in zip(found[normal], right[normal], strict=True):
        assert relative_error(one, other) < most, (one, other)
    assert (np.abs(found[~normal]) <= np.where(right[~normal] == 0, 0, TINY)).all()


@contextmanager
def library(name: str, peer: Callable[[str], ModuleType]) -> Iterator[tuple[Library, Any]]:
    """A library, and what makes an array of its own."""
    if name == "numpy":
        yield complex_numpy(), np.asarray
    elif name == "torch":
        torch = peer("torch")
        yield torch_library(), lambda a: torch.tensor(np.asarray(a))
    else:
        jax = peer("jax")
        with jax.enable_x64(True):
            yield jax_library(), jax.numpy.asarray


every_library = pytest.mark.parametrize("which", ["numpy", "torch", "jax"])


# -- values ----------------------------------------------------------------------------------------


@every_function
def test_another_function_is_seen(name: str) -> None:
    """No function is another at these points, as far as both are real there."""
    for other in EXACT:
        points = within(other, within(name, GENTLE))
        found = complex_numpy().functions[other](np.array(points))
        if other == name:
            continue
        with pytest.raises(AssertionError):
            assert_close(found, exact(name, points))


def test_every_library_has_every_function(peer: Callable[[str], ModuleType]) -> None:
    for which in ("numpy", "torch", "jax"):
        with library(which, peer) as (known, _):
            assert known.functions.keys() == EXACT.keys()


@every_function
@every_library
def test_values(name: str, which: str, peer: Callable[[str], ModuleType]) -> None:
    points = within(name, POINTS)
    with library(which, peer) as (known, array):
        assert_close(known.functions[name](array(points)), exact(name, points))


@every_function
def test_complex_arrays_have_the_same_values(name: str) -> None:
    points = within(name, POINTS)
    found = complex_numpy().functions[name](np.array(points, complex))
    assert_close(found.real, exact(name, points))
    assert not found.imag.any()


@every_library
def test_powers(which: str, peer: Callable[[str], ModuleType]) -> None:
    with library(which, peer) as (known, array):
        for exponent in EXPONENTS:
            points = [a for a in POINTS if a > 0 or (exponent.denominator == 1 and exponent >= 0)]
            right = np.array([float(mpmath.mpf(a) ** mpmath.mpf(float(exponent))) for a in points])
            assert_close(known.power(array(points), exponent), right)


@every_library
def test_softmax_and_logsumexp_of_large_numbers(
    which: str, peer: Callable[[str], ModuleType]
) -> None:
    """Along the last axis alone, and with no overflow."""
    rows = np.array([LARGE, -LARGE, LARGE / 1000])
    with mpmath.workdps(400):
        exps = [[mpmath.exp(a) for a in row] for row in rows]
        shares = np.array([[float(e / sum(row)) for e in row] for row in exps])
        logs = np.array([float(mpmath.log(sum(row))) for row in exps])
    with library(which, peer) as (known, array):
        assert_close(known.softmax(array(rows)), shares, 1e-13)
        assert_close(known.logsumexp(array(rows)), logs)


@every_library
def test_products_and_joints(
    which: str, peer: Callable[[str], ModuleType], rng: np.random.Generator
) -> None:
    matrices, vectors = rng.normal(size=(4, 1, 3, 2)), rng.normal(size=(5, 2))
    with library(which, peer) as (known, array):
        found = np.asarray(known.matvec(array(matrices), array(vectors)))
        assert relative_error(found, np.einsum("koij,bj->kbi", matrices, vectors)) < 1e-15
        both = np.asarray(known.concatenate([array(vectors), array(vectors[:, :1])]))
        assert np.array_equal(both, np.concatenate([vectors, vectors[:, :1]], axis=1))
        wide = np.asarray(known.broadcast(array(vectors), (3, 5, 2)))
        assert np.array_equal(wide, np.broadcast_to(vectors, (3, 5, 2)))
        assert float(known.number(Fraction(1, 3))) == 1 / 3
        assert np.asarray(known.broadcast(known.number(Fraction(2)), (3,))).tolist() == [2, 2, 2]


# -- derivatives -----------------------------------------------------------------------------------


@every_function
def test_the_complex_step(name: str) -> None:
    """Also where a gate saturates: sigmoid'(40) is 4e-18, and no digit of it may be lost."""
    points = within(name, GENTLE)
    found = complex_numpy().functions[name](np.array(points) + STEP * 1j).imag / STEP
    assert_close(found, slopes(EXACT[name], points), 1e-13)


def test_the_complex_step_of_powers() -> None:
    for exponent in EXPONENTS:
        points = [a for a in GENTLE if a > 0 or (exponent.denominator == 1 and exponent >= 0)]
        found = complex_numpy().power(np.array(points) + STEP * 1j, exponent)
        right = np.array([float(exponent) * a ** float(exponent - 1) for a in points])
        assert_close(found.imag / STEP, right, 1e-13)


def test_the_complex_step_of_softmax_and_logsumexp() -> None:
    moved = LARGE + STEP * 1j * np.eye(4)
    with mpmath.workdps(400):
        exps = [mpmath.exp(a) for a in LARGE]
        p = [e / sum(exps) for e in exps]
        right = [[float(p[j] * ((j == k) - p[k])) for j in range(4)] for k in range(4)]
    library = complex_numpy()
    assert_close(library.softmax(moved).imag / STEP, np.array(right), 1e-13)
    shares = np.array([float(share) for share in p])
    assert_close(library.logsumexp(moved).imag / STEP, shares, 1e-13)


@every_function
def test_reverse_mode(name: str, peer: Callable[[str], ModuleType]) -> None:
    """PyTorch and JAX lose digits where a gate saturates; here none does."""
    points = within(name, tuple(a for a in POINTS if abs(a) < 2))
    right = slopes(EXACT[name], points)
    torch = peer("torch")
    leaf = torch.tensor(points, dtype=torch.float64, requires_grad=True)
    total = torch_library().functions[name](leaf).sum()
    if total.requires_grad:  # a step has no derivative
        assert_close(torch.autograd.grad(total, leaf)[0].numpy(), right, 1e-14)
    jax = peer("jax")
    with jax.enable_x64(True):
        function = jax_library().functions[name]
        found = jax.grad(lambda a: function(a).sum())(jax.numpy.array(points))
        assert_close(found, right, 1e-14)
