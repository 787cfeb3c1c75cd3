"""Cell: a recurrent cell, made from a short text of equations."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Var
from gru_sym.algebra.lines import Row, aligned
from gru_sym.algebra.program import Program
from gru_sym.algebra.symbols import Naming
from gru_sym.algebra.typeset import Style, typeset
from gru_sym.cells.elaborate import elaborate
from gru_sym.cells.parse import parse
from gru_sym.cells.show import show_document, show_equations
from gru_sym.errors import CellSyntaxError, DataError
from gru_sym.notebook import formulas_html

__all__ = ["UNNAMED", "Cell"]

UNNAMED = "cell"
"""What a cell is called that nobody gave a name."""


@dataclass(frozen=True)
class Cell:
    """A recurrent cell: its equations, and the Program that they are.

    Make one with :meth:`parse` or :meth:`load`; it is equal to another with the same equations.

    Attributes:
        document: the equations as they were written, with the header.
        program: the same as definitions in order, each activation's argument named (``a_z``). Its
            outputs are the next states, then what the header declares as ``outputs``.
        states: the states, the output state first.
        inputs: the inputs, in the order in which they are met.
        params: the parameters, in the order in which they are met.
        extra: outputs beside the next states, such as a loss.
        name: how the cell is called, for titles and messages.
    """

    document: tree.Document
    program: Program
    states: tuple[Var, ...]
    inputs: tuple[Var, ...]
    params: tuple[Var, ...]
    extra: tuple[Var, ...]
    name: str = field(default=UNNAMED, compare=False)

    @classmethod
    def parse(cls, text: str | bytes, *, name: str = UNNAMED) -> "Cell":
        """Make a cell from a text of equations.

        Args:
            text: the equations, one a line, in the language that ``docs/language.md`` describes.
            name: how the cell is called in titles and messages.

        Raises:
            TextError: one of its kinds, with the line, the column and the mend.

        >>> cell = Cell.parse("h_next = tanh(W @ x + U @ h + b)")
        >>> cell
        h_next = tanh(W @ x + U @ h + b)
        >>> [(p.name, p.shape) for p in cell.params]
        [('W', (('H',), ('I',))), ('U', (('H',), ('H',))), ('b', (('H',),))]
        """
        return cls.of(parse(text), name=name)

    @classmethod
    def of(cls, document: tree.Document, *, name: str = UNNAMED) -> "Cell":
        """Make a cell from a parsed text.

        Args:
            document: the equations and their header.
            name: how the cell is called in titles and messages.

        Raises:
            TextError: one of its kinds: the text is not a cell.
        """
        parts = elaborate(document)
        return cls(
            document, parts.program, parts.states, parts.inputs, parts.params, parts.extra, name
        )

    @classmethod
    def load(cls, path: str | Path) -> "Cell":
        """Make a cell from a file of equations; it is called as the file.

        Args:
            path: the file, in UTF-8.

        Raises:
            DataError: the file cannot be read.
            TextError: one of its kinds: the text is not a cell.
        """
        path = Path(path)
        try:
            text = path.read_bytes()
        except OSError as error:
            raise DataError(
                f"cannot read {path}: {error.strerror}", mend="give the path of a file of equations"
            ) from error
        if not text.strip():
            raise CellSyntaxError(f"{path} is empty", mend="write a line `h_next = …`")
        return cls.parse(text, name=path.stem)

    # -- its parts -----------------------------------------------------------------------------

    @property
    def nexts(self) -> tuple[Var, ...]:
        """The next value of each state, in the order of the states."""
        return self.program.outputs[: len(self.states)]

    @property
    def output(self) -> Var:
        """The next value of the output state, ``h_next`` as a rule."""
        return self.nexts[0]

    @cached_property
    def varying(self) -> frozenset[Var]:
        """What differs from step to step and from sequence to sequence: all but parameters."""
        return self.program.depending_on((*self.inputs, *self.states))

    @cached_property
    def style(self) -> Style:
        """How its expressions are typeset, with time indices: the default notation."""
        return Style(
            Naming(frozenset(v.name for v in self.varying), frozenset(s.name for s in self.states)),
            frozenset(v.name for v in self.program.variables if not v.shape),
        )

    @property
    def roles(self) -> dict[str, str]:
        """The role of a gate or candidate, as the header gives it: ``{"z": "update", …}``."""
        return dict(self.document.header.roles)

    @property
    def title(self) -> str:
        """The title in the header."""
        return self.document.header.title

    @property
    def equations(self) -> str:
        """The equations, one a line, without the header."""
        return show_equations(self.document)

    @property
    def text(self) -> str:
        """The header and the equations: :meth:`parse` makes the same cell of it."""
        return show_document(self.document)

    def __str__(self) -> str:
        return self.equations

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        """The equations as they were written, at step t: how a notebook shows the cell."""
        rows = (
            Row(self.style.name_of(d.name), typeset(d.value, self.style))
            for d in self.document.definitions
        )
        return f"$${aligned(rows)}$$"

    def _repr_html_(self) -> str:
        """The same for a notebook that prefers HTML."""
        return formulas_html(self._repr_latex_())
