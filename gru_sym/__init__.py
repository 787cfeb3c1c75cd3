"""Equations of a recurrent cell in; its gradients, proven for every size and length, out.

>>> import gru_sym
>>> cell = gru_sym.cell("gru")
>>> gru_sym.prove_vjp(cell).verdict
'proved'
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

# Where each public name lives. Imports are lazy: `gru-sym --help` must answer without SymPy.
_HOME = {
    "Cell": "cells.equations",
    "Network": "cells.network",
    "RELATIONS": "prove.shipped",
    "bidirectional": "cells.compose",
    "bptt": "derive.bptt",
    "brute_force": "prove.brute",
    "cell": "cells.builtin",
    "check": "prove.check",
    "compile": "codegen",
    "document": "documents.making",
    "hvp": "derive.jvp",
    "jacobian": "derive.jacobian",
    "jvp": "derive.jvp",
    "prove_equal": "prove.equal",
    "prove_equivalent": "prove.equivalent",
    "prove_vjp": "prove.vjp",
    "readout": "cells.compose",
    "stack": "cells.compose",
    "train": "training.loop",
    "verify": "verification.verify",
    "vjp": "derive.vjp",
    "write_document": "documents.write",
}
_MODULES = frozenset(
    {
        *("cells", "diagnose", "documents", "errors", "experiments", "flow", "hand", "latex"),
        *("learning", "plots", "sweep", "training", "weights"),
    }
)

__all__ = ["__version__", *_HOME]


def __getattr__(name: str) -> Any:
    if name in _MODULES:
        return import_module(f"gru_sym.{name}")
    if name in _HOME:
        return getattr(import_module(f"gru_sym.{_HOME[name]}"), name)
    raise AttributeError(f"gru_sym has no {name}; it has {', '.join(sorted(_HOME))}")


def __dir__() -> list[str]:
    return sorted({*globals(), *_HOME, *_MODULES})
