"""LaTeX: cells and derivations as formulas, in the notation of your choice, and as documents."""

from importlib import import_module
from typing import Any

# Lazy, so that the command line's help needs no SymPy.
_HOME = {
    "NOTATIONS": "notation",
    "Notation": "notation",
    "Printer": "expressions",
    "in_form": "forms",
    "latex_cell": "printer",
    "latex_derivation": "printer",
    "latex_lines": "printer",
    "load_notation": "notation",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"gru_sym.latex.{_HOME[name]}"), name)
    raise AttributeError(f"gru_sym.latex has no {name}; it has {', '.join(sorted(_HOME))}")
