"""recognise: whether a cell is another one, whatever it and its parts are called.

Two ways lead there. The equations are the same but for names, for the order of terms and factors,
and for which parts have a name of their own; or the names are the same, and the cells are proved
to be equal.
"""

import pkgutil
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from types import ModuleType
from typing import TypeAlias

import sympy as sp

from gru_sym import hand
from gru_sym.algebra.expr import Dims, Expr, Shape, Size, Var
from gru_sym.cells import builtin
from gru_sym.cells.equations import Cell
from gru_sym.errors import TextError
from gru_sym.prove.equivalent import prove_equivalent

__all__ = ["Handwritten", "counterparts", "handwritten", "with_backprop_by_hand"]


@dataclass(frozen=True)
class Handwritten:
    """Backprop by hand for a cell.

    Attributes:
        module: its functions take and give the known cell's names, and states in its order.
        known: the built-in cell that the cell equals.
        names: name in ``known`` → name in the cell, of parameters, inputs and states.
    """

    module: ModuleType
    known: Cell
    names: Mapping[str, str]


def with_backprop_by_hand() -> list[str]:
    """The built-in cells for which somebody has written it."""
    return [module.name for module in pkgutil.iter_modules(hand.__path__)]


def handwritten(cell: Cell) -> Handwritten | None:
    """Backprop by hand for a cell, whatever its names; None where nobody has written it.

    >>> from gru_sym import cells
    >>> mine = cells.Cell.parse("s_next = tanh(b + R @ s + V @ u)")
    >>> handwritten(mine).module.__name__
    'gru_sym.hand.rnn'
    """
    for name in with_backprop_by_hand():
        known = builtin.cell(name)
        names = counterparts(cell, known)
        if names is not None:
            return Handwritten(import_module(f"{hand.__name__}.{name}"), known, names)
    return None


Matched: TypeAlias = Mapping[tuple[str, str], str]
"""(kind, name in the known cell) → name in the other; the kind is a role, or ``dim``."""

_ROLES = ("params", "inputs", "states")


def counterparts(cell: Cell, known: Cell) -> dict[str, str] | None:
    """What a cell calls the parameters, inputs and states of a known one that it equals.

    Args:
        cell: any cell.
        known: the cell that it may be.

    Returns:
        Name in ``known`` → name in ``cell``; None where the cell is another one, or was not
        recognised.

    >>> from gru_sym import cells
    >>> mine = cells.Cell.parse("s_next = tanh(b + R @ s + V @ u)")
    >>> counterparts(mine, cells.rnn)
    {'W_h': 'V', 'U_h': 'R', 'b_h': 'b', 'x': 'u', 'h': 's'}
    """
    if cell.extra or known.extra or any(_count(cell, r) != _count(known, r) for r in _ROLES):
        return None
    names = _names(known)
    for found in _Matcher(cell, known).every():
        return {name: found[role, name] for role, name in names}
    same = set(names) == set(_names(cell))
    return {name: name for _, name in names} if same and _proved(cell, known) else None


def _count(cell: Cell, role: str) -> int:
    return len(getattr(cell, role))


def _names(cell: Cell) -> list[tuple[str, str]]:
    """(role, name) of each parameter, input and state."""
    return [(role, str(v.name)) for role in _ROLES for v in getattr(cell, role)]


def _proved(cell: Cell, known: Cell) -> bool:
    try:
        return prove_equivalent(cell, known).verdict == "proved"
    except TextError:  # not even the states and the shapes correspond
        return False


class _Matcher:
    """Goes down the equations of both cells at once; those of the known one say how far."""

    def __init__(self, cell: Cell, known: Cell) -> None:
        self.cell, self.known = cell, known
        self.lines = cell.program.as_mapping
        self.role_in_cell = {name: role for role, name in _names(cell)}
        self.role_in_known = {name: role for role, name in _names(known)}

    def every(self) -> Iterator[Matched]:
        """Every way to match the next states, in their order."""
        inlined: dict[sp.Basic, sp.Basic] = {}
        for d in self.known.program:
            inlined[d.var] = d.expr.xreplace(inlined)
        known = [inlined.get(v, v) for v in self.known.nexts]
        yield from self._each(
            (*self.known.states, *known), (*self.cell.states, *self.cell.nexts), {}
        )

    def _each(self, known: Sequence[Expr], own: Sequence[Expr], at: Matched) -> Iterator[Matched]:
        if not known:
            yield at
            return
        for after in self._match(known[0], own[0], at):
            yield from self._each(known[1:], own[1:], after)

    def _match(self, known: Expr, own: Expr, at: Matched) -> Iterator[Matched]:
        own = self._opened(own)
        if type(known) is not type(own):
            return
        match known:
            case Var():
                names = str(known.name), str(own.name)
                role = self.role_in_known[names[0]]
                if role == self.role_in_cell[names[1]]:
                    for after in _bound(at, role, *names):
                        yield from _same_shape(after, known.shape, own.shape)
            case Size():
                yield from _bound(at, "dim", str(known.name), str(own.name))
            case Dims():
                yield from _same_shape(at, known.shape, own.shape)
            case sp.Add() | sp.Mul():
                parts = self._flat(own, len(known.args))
                if len(parts) == len(known.args):
                    yield from self._in_some_order(known.args, parts, at)
            case _ if known.args:
                if known.func is own.func and len(known.args) == len(own.args):
                    yield from self._each(known.args, own.args, at)
            case _ if known == own:
                yield at

    def _in_some_order(
        self, known: Sequence[Expr], own: Sequence[Expr], at: Matched
    ) -> Iterator[Matched]:
        if not known:
            yield at
            return
        for k, candidate in enumerate(own):
            for after in self._match(known[0], candidate, at):
                yield from self._in_some_order(known[1:], (*own[:k], *own[k + 1 :]), after)

    def _opened(self, expr: Expr) -> Expr:
        """What a name stands for."""
        while expr in self.lines:
            expr = self.lines[expr]
        return expr

    def _flat(self, expr: Expr, most: int) -> list[Expr]:
        """The terms of a sum, or the factors of a product, out of names too; cut after ``most``."""
        found: list[Expr] = []
        stack = list(expr.args)[::-1]
        while stack and len(found) <= most:
            part = stack.pop()
            opened = self._opened(part)
            if type(opened) is type(expr):
                stack.extend(opened.args[::-1])
            else:
                found.append(part)
        return found


def _bound(at: Matched, kind: str, known: str, own: str) -> Iterator[Matched]:
    """With one more pair of names, unless another pair has one of them."""
    if at.get((kind, known)) == own:
        yield at
    elif (kind, known) not in at and own not in (o for (k, _), o in at.items() if k == kind):
        yield {**at, (kind, known): own}


def _same_shape(at: Matched, known: Shape, own: Shape) -> Iterator[Matched]:
    names = [[name for dim in shape for name in dim] for shape in (known, own)]
    if [len(dim) for dim in known] != [len(dim) for dim in own]:
        return
    for one, other in zip(*names, strict=True):
        after = next(_bound(at, "dim", one, other), None)
        if after is None:
            return
        at = after
    yield at
