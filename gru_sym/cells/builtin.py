"""The built-in cells: one text file each, beside this module in ``library/``."""

import difflib
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING

from gru_sym.errors import DataError

if TYPE_CHECKING:
    from gru_sym.cells.equations import Cell

__all__ = ["builtin_text", "cell", "names"]

_LIBRARY = files("gru_sym.cells") / "library"


@cache
def names() -> tuple[str, ...]:
    """The names of all built-in cells."""
    found = (item.name for item in _LIBRARY.iterdir())
    return tuple(sorted(n.removesuffix(".cell") for n in found if n.endswith(".cell")))


def builtin_text(name: str) -> str:
    """The text of a built-in cell.

    Raises:
        DataError: there is no cell of that name.
    """
    if name not in names():
        close = difflib.get_close_matches(name, names(), n=1)
        hint = f"did you mean `{close[0]}`? " if close else ""
        raise DataError(
            f"there is no built-in cell `{name}`", mend=f"{hint}there are {', '.join(names())}"
        )
    return (_LIBRARY / f"{name}.cell").read_text(encoding="utf-8")


@cache
def cell(name: str) -> "Cell":
    """The built-in cell of that name; its header cites the paper that it is from.

    Args:
        name: one of :func:`gru_sym.cells.names`.

    Raises:
        DataError: there is no cell of that name.

    >>> cell("mgu")
    f       = sigmoid(W_f @ x + U_f @ h + b_f)
    h_tilde = tanh(W_h @ x + U_h @ (f * h) + b_h)
    h_next  = (1 - f) * h + f * h_tilde
    """
    from gru_sym.cells.equations import Cell  # heavy: it loads SymPy, and listing names need not

    return Cell.parse(builtin_text(name), name=name)
