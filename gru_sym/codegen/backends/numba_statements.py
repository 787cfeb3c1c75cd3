"""What a compiled loop consists of: blocks of lines for one row, products, copies.

A row is one sequence at one step. What is the same for all rows is computed ``once``; the rest for
each row: of ``all`` steps, ahead of the loop or after it, or of the ``step`` that the loop is at.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

from gru_sym.algebra.expr import Expr, Var, variables_of

__all__ = [
    "Block",
    "Copy",
    "Line",
    "OuterSum",
    "Producers",
    "Product",
    "Statement",
    "View",
    "read_by",
]


@dataclass(frozen=True, slots=True)
class Line:
    """``target = expr``, elementwise, or what ``kind`` says.

    ``add``: ``target += expr`` for each row. ``total``, ``logsumexp``, ``softmax``: that function
    of the row that ``expr``, a variable, holds.
    """

    target: Var
    expr: Expr
    kind: str = "set"

    @property
    def calls(self) -> bool:
        """Whether it is a function of a whole row."""
        return self.kind not in {"set", "add"}


@dataclass(frozen=True, slots=True)
class Block:
    """Lines for ``once``, or for each row: of ``all`` steps, or of the ``step`` of the loop."""

    lines: tuple[Line, ...]
    rows: str


@dataclass(frozen=True, slots=True)
class Product:
    """``target = vector @ matrix``, each vector a row; ``adds``: ``+=``."""

    target: Var
    vector: Var
    matrix: Var
    rows: str
    adds: bool


@dataclass(frozen=True, slots=True)
class OuterSum:
    """``target = outer(left, right)``, for once or summed over all rows."""

    target: Var
    left: Var
    right: Var
    rows: str


@dataclass(frozen=True, slots=True)
class Copy:
    """``target = source``, for matrices; ``turned``: its transpose."""

    target: Var
    source: Var
    turned: bool = False


@dataclass(frozen=True, slots=True)
class View:
    """Some blocks of an array, along its last axis (-1) or its first (0)."""

    whole: Var
    start: int
    stop: int
    axis: int = -1


Statement: TypeAlias = Block | Product | OuterSum | Copy

Producers: TypeAlias = Callable[[Var], set[Var]]
"""Variable → the targets of the lines that write what is read under its name."""


def read_by(line: Line, producers: Producers) -> set[Var]:
    """The targets of the lines whose values a line reads."""
    return set().union(*map(producers, variables_of(line.expr)))
