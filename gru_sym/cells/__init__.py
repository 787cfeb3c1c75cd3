"""The language of cells: text → equations → Cell; the built-in cells are attributes of this module.

>>> from gru_sym import cells
>>> cells.ugrnn.states[0].name
'h'
"""

from importlib import import_module
from typing import Any

# Lazy, so that parsing alone (and the command line's help) needs no SymPy.
_HOME = {
    "Cell": "equations",
    "Network": "network",
    "bidirectional": "compose",
    "cell": "builtin",
    "names": "builtin",
    "readout": "compose",
    "stack": "compose",
}

__all__ = ["Cell", "Network", "bidirectional", "cell", "names", "readout", "stack"]


def __getattr__(name: str) -> Any:
    if name in _HOME:
        return getattr(import_module(f"gru_sym.cells.{_HOME[name]}"), name)
    builtin = import_module("gru_sym.cells.builtin")
    if name in builtin.names():
        return builtin.cell(name)
    raise AttributeError(f"gru_sym.cells has no {name}; its cells are {', '.join(builtin.names())}")
