"""What every part of a document needs: the cell, its printer, and the numbers of the formulas."""

from collections.abc import Iterable
from dataclasses import dataclass, field

from gru_sym.algebra.expr import Var
from gru_sym.algebra.expressions import Printer
from gru_sym.algebra.lines import Row, aligned
from gru_sym.cells.equations import Cell
from gru_sym.latex.blocks import Formula, Math, Ref, Span, Spans, prose
from gru_sym.latex.notation import Notation

__all__ = ["WIDE", "Context", "joined", "prose", "refs"]

WIDE = 73.0
"""What fits beside a number on a page, in letters."""


@dataclass
class Context:
    """A document that is being made; the formulas are numbered in the order they are asked for.

    Attributes:
        cell: the cell, in the form that its notation asks for.
        notation: the notation.
        printer: writes the cell's expressions and those of its vjp.
        full: whether each transpose and each diag is explained.
        reached: the cotangents that the loss reaches.
        blocks: (variable, variable) where the document tells of the derivative by all ways.
        numbers: what a formula is about → its number, to be cited.
    """

    cell: Cell
    notation: Notation
    printer: Printer
    full: bool = False
    reached: frozenset[Var] = frozenset()
    blocks: frozenset[tuple[Var, Var]] = frozenset()
    numbers: dict[tuple[object, ...], int] = field(default_factory=dict)

    def formula(
        self, about: tuple[object, ...], rows: Iterable[Row], reason: Spans | str
    ) -> Formula:
        """A numbered formula, which can be cited by what it is about."""
        number = len(self.numbers) + 1
        self.numbers[about] = number
        return Formula(
            aligned(rows, WIDE), number, (reason,) if isinstance(reason, str) else reason
        )

    def ref(self, about: tuple[object, ...]) -> Ref:
        """The number of the formula about that."""
        return Ref(self.numbers[about])

    def symbol(self, var: Var) -> Math:
        """The symbol of a variable."""
        return Math(self.printer.style.name_of(str(var.name)))

    def slope(self, of: Var, by: Var) -> str:
        r"""The symbol of a local derivative, \partial z_t / \partial a_t.

        That of a next state by a state is written \partial^{+}, the immediate derivative, where the
        document has all ways from the one to the other, too (Pascanu et al. 2013). So is that
        between the ends of a bundle.
        """
        name_of = self.printer.style.name_of
        immediate = (of, by) in self.blocks
        above = name_of(str(of.name))
        below = name_of(str(by.name))
        sign = "^{+}" if immediate else ""
        return rf"\frac{{\partial{sign} {above}}}{{\partial {below}}}"

    @property
    def product(self) -> str:
        """The sign of the elementwise product."""
        return self.printer.style.product


def refs(numbers: Iterable[int]) -> Spans:
    """Numbers of formulas, in order; three and more in a row as a range: ``(3)–(5) and (9)``."""
    runs: list[list[int]] = []
    for number in sorted(set(numbers)):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    shown: list[Spans] = []
    for run in runs:
        if len(run) > 2:
            shown.append((Ref(run[0]), "–", Ref(run[-1])))
        else:
            shown += [(Ref(number),) for number in run]
    return joined(shown)


def joined(items: Iterable[Spans | Span], last: str = " and ") -> Spans:
    """Items of text in a row: ``a, b and c``."""
    found = [item if isinstance(item, tuple) else (item,) for item in items]
    spans: list[Span] = []
    for k, item in enumerate(found):
        if k:
            spans.append(last if k == len(found) - 1 else ", ")
        spans += item
    return tuple(spans)
