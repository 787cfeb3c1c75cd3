"""How the variables of a cell are called in Python, and the sizes of their dimensions."""

import builtins
import copy
import keyword
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Sequence

from gru_sym.algebra.expr import Dim, Shape, Var
from gru_sym.codegen.passes.parts import Names
from gru_sym.errors import UnsupportedError

__all__ = ["RESERVED", "Namer", "cut_text", "dim_text", "quotable", "size_lines"]

_OURS = ("params", "trajectory", "dtype", "t", "T", "B")
_OF_CHECKS = ("arguments", "bars", "differences", "errors", "gradients", "keys", "loss", "values")
_AMBIGUOUS = ("I", "O", "l")  # ruff takes them for mistyped digits
RESERVED = frozenset((*dir(builtins), *keyword.kwlist, *_OURS, *_AMBIGUOUS))
"""What no variable is called in any generated module."""


def quotable(text: str) -> str:
    """The text as it may stand in a docstring, whatever is in it."""
    lines = text.replace("\\", "/").replace('"', "'").splitlines()
    return "\n".join("".join(c for c in line if c.isprintable()) for line in lines)


class Namer:
    """Gives each size, and each variable in each of its roles, an identifier of its own.

    Args:
        variables: all of a module: a name is kept where Python and the backend allow it.
        reserved: identifiers that the module uses itself.
    """

    def __init__(self, variables: Iterable[Var], reserved: Iterable[str]) -> None:
        taken = RESERVED | set(reserved)
        variables = list(variables)
        dims = sorted({name for v in variables for dim in v.shape for name in dim})
        self._sizes = {name: self._free_form(name, taken) for name in dims}
        # What we derive may be called as a cell calls a dimension.
        self._taken = taken | set(self._sizes.values())
        self._plain: dict[str, str] = {}
        for name in dict.fromkeys(str(v.name) for v in variables):
            self._plain[name] = self._free_form(name, self._taken)
        # An argument, which is called after a variable, stands beside what the checks use.
        self._names = Names((*self._taken, *self._plain.values(), *_OF_CHECKS))
        self._roles: dict[tuple[str, str], str] = {}

    def plain(self, name: str) -> str:
        """The identifier of a variable."""
        if name not in self._plain:
            self._plain[name] = self._names.exact(self._free_form(name, self._taken))
        return self._plain[name]

    def size(self, name: str) -> str:
        """The identifier of the size of a dimension."""
        if name not in self._sizes:
            self._sizes[name] = self._names.exact(self._free_form(name, self._taken))
        return self._sizes[name]

    @staticmethod
    def _free_form(name: str, taken: Collection[str]) -> str:
        # No name of a cell ends with an underscore: ours may.
        return f"{name}_" if name in taken else name

    def role(self, name: str, form: str) -> str:
        """An identifier made from a name: ``role("h", "{}_t")``."""
        if (name, form) not in self._roles:
            self._roles[name, form] = self._names.fresh(form.format(name))
        return self._roles[name, form]

    def branch(self) -> "Namer":
        """The same names; what is added to one is not in the other, as in two functions."""
        return copy.deepcopy(self)

    def fresh(self, wanted: str) -> str:
        """An identifier that nothing has."""
        return self._names.fresh(wanted)


def dim_text(dim: Dim, namer: Namer) -> str:
    """The size of a dimension: ``2 * H + I``."""
    counts = Counter(dim)
    return " + ".join(
        f"{n} * {namer.size(d)}" if n > 1 else namer.size(d) for d, n in counts.items()
    )


def cut_text(dim: Dim, start: int, stop: int, size: Callable[[Dim], str]) -> str:
    """The slice of some blocks of a dimension, as ruff spaces it: ``H:``, ``H : 2 * H``.

    Args:
        dim: the dimension.
        start: its first block.
        stop: the block after the last.
        size: dimension → the text of its size.
    """
    bounds = ["" if k in (0, len(dim)) else size(dim[:k]) for k in (start, stop)]
    colon = " : " if any(" " in bound for bound in bounds) else ":"
    return colon.join(bounds).strip()


def size_lines(
    needed: Iterable[str], known: Sequence[tuple[str, Shape, int]], namer: Namer
) -> list[str]:
    """Lines that read the needed sizes from the shapes of arrays.

    Args:
        needed: names of dimensions.
        known: (text of an array, shape of its variable, number of axes before those).
        namer: names.

    Raises:
        UnsupportedError: no array tells a size.
    """
    needed = list(dict.fromkeys(needed))
    where: dict[str, str] = {}
    sums: list[tuple[str, Dim]] = []
    for text, shape, lead in known:
        for k, dim in enumerate(shape):
            axis = f"{text}.shape[{k + lead}]"
            if len(dim) == 1:
                where.setdefault(dim[0], axis)
            elif dim:
                sums.append((axis, dim))
    lines: list[str] = []
    done: dict[str, None] = {}

    def find(d: str, seen: frozenset[str]) -> bool:
        if d in done:
            return True
        if d in where:
            lines.append(f"{namer.size(d)} = {where[d]}")
            done[d] = None
            return True
        for axis, dim in sums:
            others = [n for n in dim if n != d]
            if dim.count(d) != 1 or seen & set(others):
                continue
            if all(find(n, seen | {d}) for n in others):
                less = "".join(f" - {namer.size(n)}" for n in others)
                lines.append(f"{namer.size(d)} = {axis}{less}")
                done[d] = None
                return True
        return False

    for d in needed:
        if not find(d, frozenset()):
            raise UnsupportedError(
                f"no array of the cell tells the size {d}", mend="use a variable of that size"
            )
    return lines
