"""LaTeX: cells and derivations as formulas, in the notation of your choice, and as documents."""

from importlib import import_module
from typing import Any

# Lazy, so that the command line's help needs no SymPy.
_HOME = {
    "NOTATIONS": "latex.notation",
    "Notation": "latex.notation",
    "Printer": "algebra.expressions",
    "in_form": "latex.forms",
    "latex_cell": "latex.printer",
    "latex_derivation": "latex.printer",
    "latex_lines": "latex.printer",
    "load_notation": "latex.notation",
}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"gru_sym.{_HOME[name]}"), name)
    raise AttributeError(f"gru_sym.latex has no {name}; it has {', '.join(sorted(_HOME))}")
