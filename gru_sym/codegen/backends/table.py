"""The backends, one row each: what prints a module, which passes go before, what must be installed.

A backend's library is imported by the generated module alone, and only when it runs.
"""

import importlib.util
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

import numpy as np

from gru_sym.cells.equations import Cell
from gru_sym.cells.naming import did_you_mean
from gru_sym.codegen.backends import jax as jax_backend
from gru_sym.codegen.backends import numba as numba_backend
from gru_sym.codegen.backends import numpy as numpy_backend
from gru_sym.codegen.backends import scalars
from gru_sym.codegen.backends import torch as torch_backend
from gru_sym.codegen.backends.interface import Printed, module_docstring
from gru_sym.codegen.backends.layout import tidy
from gru_sym.codegen.passes.defer import defer
from gru_sym.codegen.passes.hoist import compose, hoist
from gru_sym.codegen.passes.inline import inline
from gru_sym.codegen.passes.stack import stack
from gru_sym.codegen.plan import Pass, Plan, plan
from gru_sym.errors import MissingLibraryError, UnsupportedError

__all__ = ["BACKENDS", "Backend", "backend_of", "module_source", "require"]


@dataclass(frozen=True)
class Backend:
    """One row of the table.

    Attributes:
        name: as it is asked for.
        title: as it is written.
        library: the module that generated code imports.
        package: what installs it, as pip takes it.
        passes: applied to both Scans, in order.
        printed: prints a plan: imports, functions, and the check that the module runs on itself.
        checked: how the module checks itself, a sentence.
        types: the types of NumPy arrays that ``compile`` hands to it, as their characters.
        any_precision: whether it computes number by number, with as many digits as are asked for.
        native: a NumPy array → what the module takes.
        array: what the module gives → a NumPy array.
        precision: the arrays' type → the context in which the module keeps it.
        on_disk: whether what the library compiles is kept beside the module's file.
    """

    name: str
    title: str
    library: str
    package: str
    passes: tuple[Pass, ...]
    printed: Callable[[Plan], Printed]
    checked: str
    types: str = "fd"
    any_precision: bool = False
    native: Callable[[Any], Any] = np.asarray
    array: Callable[[Any], Any] = np.asarray
    precision: Callable[[Any], AbstractContextManager[Any]] = nullcontext
    on_disk: bool = False


_TABLE = (
    Backend(
        "numpy",
        "NumPy",
        "numpy",
        "numpy",
        (compose, defer, hoist, stack, inline),
        numpy_backend.printed,
        "Run this file to hold every gradient against the complex step.",
        types="fdgFDG",
    ),
    Backend(
        "numba",
        "Numba",
        "numba",
        "numba",
        (compose, defer, hoist),
        numba_backend.printed,
        "Run this file to hold every gradient against central differences.",
        on_disk=True,
    ),
    Backend(
        "torch",
        "PyTorch",
        "torch",
        "torch",
        (compose, defer, hoist, stack, inline),
        torch_backend.printed,
        "Run this file to hold every gradient against PyTorch's autograd.",
        native=torch_backend.native,
        array=torch_backend.array,
    ),
    Backend(
        "jax",
        "JAX",
        "jax",
        "jax",
        (compose, defer, hoist, stack, inline),
        jax_backend.printed,
        "Run this file to hold every gradient against jax.grad.",
        native=jax_backend.native,
        array=np.array,  # JAX gives arrays that cannot be written to
        precision=jax_backend.precision,
    ),
    Backend(
        "mpmath",
        "mpmath",
        "mpmath",
        "mpmath",
        (),
        scalars.mpmath,
        "Arrays are nested lists of int, float, str or mpf; mpmath.mp.dps says how many digits "
        "count. Run this file to hold every gradient against differences at 60 digits.",
        native=scalars.native,
        any_precision=True,
    ),
    Backend(
        "arb",
        "Arb (python-flint)",
        "flint",
        "python-flint",
        (),
        scalars.arb,
        "Arrays are nested lists of int, float, str or arb; every result is a ball that holds the "
        "true value, and flint.ctx.dps says how many digits count. Run this file to hold every "
        "gradient against differences at 60 digits.",
        native=scalars.native,
        any_precision=True,
    ),
)

BACKENDS: Mapping[str, Backend] = MappingProxyType({row.name: row for row in _TABLE})
"""The backends by name."""


def backend_of(name: str) -> Backend:
    """The row called ``name``.

    Raises:
        UnsupportedError: there is none.
    """
    if name not in BACKENDS:
        hint = did_you_mean(name, BACKENDS)
        raise UnsupportedError(
            f"there is no backend {name}",
            mend=f"{hint} The backends are {', '.join(BACKENDS)}".strip(),
        )
    return BACKENDS[name]


def require(backend: Backend) -> None:
    """Raise where the library of a backend is not installed.

    Raises:
        MissingLibraryError: with the line that installs it.
    """
    if importlib.util.find_spec(backend.library) is None:
        raise MissingLibraryError(
            f"the backend {backend.name} needs {backend.title}, which is not installed",
            mend=f"pip install {backend.package}",
        )


def module_source(cell: Cell, backend: str = "numpy") -> str:
    """The text of a module that stands alone: forward and backward of a cell, and its own check.

    Args:
        cell: any cell.
        backend: a row of :data:`BACKENDS`; its library need not be installed.

    Raises:
        UnsupportedError: there is no such backend, or it cannot express the cell.
    """
    row = backend_of(backend)
    made = plan(cell, row.passes)
    printed = row.printed(made)
    lines = [
        *module_docstring(made, row.title, row.checked),
        "",
        *printed.imports,
        "",
        "",
        *printed.functions,
        "",
        "",
        *printed.check,
        "",
        "",
        'if __name__ == "__main__":',
        "    check()",
    ]
    return tidy(lines)
