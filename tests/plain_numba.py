"""Generated Numba modules as plain Python: the same text, without Numba and in no time.

Numba itself is replaced: its decorators leave a function as it is, and what is built from machine
instructions is done with NumPy. Beyond what the compiled code does, this holds what it relies on:
NumPy refuses an index that is out of bounds, and ``noalias`` refuses arguments that share memory.
"""

import inspect
import itertools
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import wraps
from types import ModuleType
from typing import Any

import numpy as np

LANES = 8  # of float64, as where vectors have 512 bits


def noalias() -> None:
    """Refuse to run a function whose arguments share memory."""
    values = sys._getframe(1).f_locals.values()
    arrays = [v for v in values if isinstance(v, np.ndarray)]
    for a, b in itertools.combinations(arrays, 2):
        assert not np.may_share_memory(a, b)


def kernel(tall: int, wide: int, masked: bool) -> Callable[..., None]:
    """What a kernel of :mod:`gru_sym.codegen.backends.helpers_numba_products` does."""

    def run(a: Any, i: int, b: Any, j: int, out: Any, k0: int, k1: int, adds: bool) -> None:
        lanes = LANES * 8 // a.itemsize
        assert out.shape == (a.shape[0], b.shape[1])
        assert a.shape[1] == b.shape[0] >= k1 > k0 >= 0
        assert 0 <= i <= a.shape[0] - tall
        assert 0 <= j < b.shape[1]
        assert masked or j + wide * lanes <= b.shape[1]
        for matrix in (b, out):
            assert matrix.shape[1] == 1 or matrix.strides[1] == matrix.itemsize
        rows, columns = slice(i, i + tall), slice(j, j + wide * lanes)
        before = out[rows, columns] if adds else 0
        out[rows, columns] = before + a[rows, k0:k1] @ b[k0:k1, columns]

    return run


INTRINSICS: Mapping[str, Callable[..., Any]] = {
    "flat": lambda a: a.reshape(-1),
    "noalias": noalias,
    "placed": lambda block, start, shape: block[start : start + int(np.prod(shape))].reshape(shape),
    "power_of_two": lambda shifted: 2.0 ** (shifted - 6755399441055744.0),
    "rows": lambda a: a.reshape(a.shape[0] * a.shape[1], a.shape[2]),
    "strided": lambda a: a,
}


def intrinsic(function: Callable[..., Any]) -> Callable[..., Any]:
    if function.__name__ in INTRINSICS:
        return INTRINSICS[function.__name__]
    build = inspect.getclosurevars(function).nonlocals["build"]
    held = inspect.getclosurevars(build).nonlocals
    return kernel(held["tall"], held["wide"], held["masked"])


def njit(**_options: Any) -> Callable[[Any], Any]:
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        @wraps(function)
        def call(*args: Any) -> Any:  # Numba computes with a float32 and a constant in float64
            return function(*(float(a) if isinstance(a, np.floating) else a for a in args))

        return call

    return decorate


@contextmanager
def without_numba() -> Iterator[None]:
    """Numba's modules are ours for a while."""
    names = {
        "numba": {"njit": njit, "types": None},
        "numba.core": {"cgutils": None},
        "numba.core.codegen": {"get_host_cpu_features": lambda: "+avx512f"},
        "numba.extending": {"intrinsic": intrinsic},
        "numba.np.arrayobj": {"populate_array": None},
        "llvmlite": {"ir": None},
    }
    before = {name: sys.modules.get(name) for name in names}
    for name, values in names.items():
        sys.modules[name] = ModuleType(name)
        vars(sys.modules[name]).update(values)
    try:
        yield
    finally:
        for name, module in before.items():
            if module is None:
                del sys.modules[name]
            else:
                sys.modules[name] = module


def interpreted(source: str) -> dict[str, Any]:
    """The names of a generated module."""
    namespace: dict[str, Any] = {"__name__": "generated"}
    with without_numba():
        exec(compile(source, "<generated>", "exec"), namespace)
    return namespace
