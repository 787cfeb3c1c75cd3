"""Libraries of floating arrays, for :class:`~gru_sym.verification.meaning.Meaning`.

Each function of the language is the library's own, where it has one.
"""

from collections.abc import Callable
from fractions import Fraction
from types import MappingProxyType
from typing import Any

import numpy as np

from gru_sym.verification.meaning import Library

__all__ = ["complex_numpy", "jax_library", "torch_library"]


# -- NumPy -----------------------------------------------------------------------------------------


def complex_numpy() -> Library:
    """NumPy, for real and complex arrays.

    Of a complex array each function is the one that is analytic where its real part lies.
    """
    return Library(
        number=float,
        functions=MappingProxyType(
            {
                "sigmoid": _branches(lambda a: 1 / (1 + np.exp(-a)), _sigmoid_below),
                "tanh": np.tanh,
                "exp": np.exp,
                "log": np.log,
                "sqrt": np.sqrt,
                "softplus": _branches(lambda a: a + _log1p(np.exp(-a)), _softplus_below),
                "sin": np.sin,
                "cos": np.cos,
                "relu": _relu,
                "step": lambda a: np.where(np.real(a) > 0, 1.0, 0.0),
                "abs": lambda a: _relu(a) + _relu(-a),
                "hard_sigmoid": lambda a: _relu(a / 6 + 0.5) - _relu(a / 6 - 0.5),
            }
        ),
        power=_power,
        matvec=_matvec,
        concatenate=lambda arrays: np.concatenate(arrays, axis=-1),
        broadcast=np.broadcast_to,
        softmax=lambda a: _exps(a) / _exps(a).sum(-1, keepdims=True),
        logsumexp=lambda a: np.log(_exps(a).sum(-1)) + np.real(a).max(-1),
    )


def _branches(above: Callable[[Any], Any], below: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """A function by one formula where Re a > 0, by another where not: neither overflows."""

    def of(a: Any) -> Any:
        right = np.real(a) > 0
        return np.where(right, above(np.where(right, a, 0)), below(np.where(right, 0, a)))

    return of


def _sigmoid_below(a: Any) -> Any:
    return np.exp(a) / (1 + np.exp(a))


def _softplus_below(a: Any) -> Any:
    return _log1p(np.exp(a))


def _log1p(e: Any) -> Any:
    """log(1 + e); NumPy's own, of a complex number that is small, is 0."""
    return 2 * np.arctanh(e / (2 + e))


def _relu(a: Any) -> Any:
    return np.where(np.real(a) > 0, a, 0)


def _exps(a: Any) -> Any:
    return np.exp(a - np.real(a).max(-1, keepdims=True))


# -- PyTorch and JAX -------------------------------------------------------------------------------


def torch_library() -> Library:
    """PyTorch, for its autograd."""
    import torch  # in an extra

    here = torch.nn.functional

    def tensor(a: Any) -> Any:
        return torch.as_tensor(a, dtype=torch.float64)

    def on_tensors(function: Callable[[Any], Any]) -> Callable[[Any], Any]:
        return lambda a: function(tensor(a))

    functions = {
        **{name: getattr(torch, name) for name in _COMMON},
        "sigmoid": torch.sigmoid,
        "softplus": lambda a: here.softplus(a, threshold=60.0),  # 20 would cost digits
        "relu": torch.relu,
        "step": lambda a: (a > 0).to(a.dtype),
        "hard_sigmoid": lambda a: here.relu6(a + 3) / 6,  # whose own slope is of float32
    }
    return Library(
        number=float,
        functions=MappingProxyType(
            {name: on_tensors(function) for name, function in functions.items()}
        ),
        power=_power,
        matvec=_matvec,
        concatenate=lambda arrays: torch.cat(list(arrays), dim=-1),
        broadcast=lambda a, shape: torch.broadcast_to(tensor(a), shape),
        softmax=lambda a: torch.softmax(a, dim=-1),
        logsumexp=lambda a: torch.logsumexp(a, dim=-1),
    )


def jax_library() -> Library:
    """JAX, for its reverse mode."""
    import jax  # in an extra

    numpy = jax.numpy
    return Library(
        number=float,
        functions=MappingProxyType(
            {
                **{name: getattr(numpy, name) for name in _COMMON},
                "sigmoid": jax.nn.sigmoid,
                "softplus": jax.nn.softplus,
                "relu": jax.nn.relu,
                "step": lambda a: numpy.where(a > 0, 1.0, 0.0),
                "hard_sigmoid": jax.nn.hard_sigmoid,
            }
        ),
        power=_power,
        matvec=_matvec,
        concatenate=lambda arrays: numpy.concatenate(arrays, axis=-1),
        broadcast=numpy.broadcast_to,
        softmax=lambda a: jax.nn.softmax(a, axis=-1),
        logsumexp=lambda a: jax.scipy.special.logsumexp(a, axis=-1),
    )


_COMMON = ("tanh", "exp", "log", "sqrt", "sin", "cos", "abs")


def _power(a: Any, exponent: Fraction) -> Any:
    return a ** (exponent.numerator if exponent.denominator == 1 else float(exponent))


def _matvec(matrix: Any, vector: Any) -> Any:
    return (matrix @ vector[..., None])[..., 0]
