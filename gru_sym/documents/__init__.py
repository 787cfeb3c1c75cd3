"""Derivations as documents: numbered, with reasons, as LaTeX, PDF, a page, or Markdown."""

from importlib import import_module
from typing import Any

# Lazy, so that the command line's help needs no SymPy.
_HOME = {"document": "making", "write_document": "write"}

__all__ = [*_HOME]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"gru_sym.documents.{_HOME[name]}"), name)
    raise AttributeError(f"gru_sym.documents has no {name}; it has {', '.join(sorted(_HOME))}")
