"""Equations of a recurrent cell in; its gradients, proven for every size and length, out."""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Where each public name lives. Imports are lazy: `gru-sym --help` must answer without SymPy.
_HOME = {
    "Cell": "cells",
    "cell": "cells",
}
_MODULES = frozenset({"cells", "errors", "weights"})

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"gru_sym.{name}")
    if name in _HOME:
        return getattr(import_module(f"gru_sym.{_HOME[name]}"), name)
    raise AttributeError(f"gru_sym has no {name}; it has {', '.join(sorted(_HOME))}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_MODULES})
