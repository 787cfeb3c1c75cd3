r"""Cells and derivations as LaTeX, with time indices: ``z`` is z_t, ``h`` is h_{t-1}.

What is returned is one ``aligned`` environment, for use within ``\[ … \]`` or ``$$ … $$``. It needs
amsmath and nothing else, and renders in KaTeX and MathJax. Every function takes a notation: the
name of a profile, or a :class:`~gru_sym.latex.notation.Notation`.

>>> from gru_sym.cells import cell
>>> print(latex_cell(cell("rnn")))
\begin{aligned}
h_{t} &= \tanh(W_{h}\,x_{t} + U_{h}\,h_{t-1} + b_{h})
\end{aligned}
>>> print(latex_cell(cell("rnn"), "xh"))
\begin{aligned}
h_{t} &= \tanh(W_{xh}\,x_{t} + W_{hh}\,h_{t-1} + b_{h})
\end{aligned}
"""

from collections.abc import Sequence

from gru_sym.algebra.expr import Var
from gru_sym.algebra.expressions import Printer
from gru_sym.algebra.lines import Row, aligned
from gru_sym.algebra.present import Presenter
from gru_sym.algebra.program import Definition, Scan
from gru_sym.algebra.symbols import partial
from gru_sym.cells.equations import Cell
from gru_sym.cells.parse import parse
from gru_sym.derive.bptt import later_of
from gru_sym.derive.describe import Derivation, arguments, presenter_of, sections, select
from gru_sym.derive.jacobian import Jacobian
from gru_sym.derive.products import block_rows
from gru_sym.derive.vjp import cotangent_of
from gru_sym.latex.notation import Notation, notation_of
from gru_sym.latex.style import style_of

__all__ = [
    "gradient_names",
    "latex_cell",
    "latex_derivation",
    "latex_lines",
    "latex_of",
    "printer_of",
]

_HEADINGS = {
    "step": r"\text{for } t = T, \ldots, 1\colon",
    "each": r"\text{then, for every } t\colon",
    "after": r"\text{then:}",
}


def latex_cell(cell: Cell, notation: str | Notation = "chung") -> str:
    """The equations of a cell as they were written, at step t.

    Args:
        cell: the cell.
        notation: a notation, or the name of its profile.

    Raises:
        DataError: there is no such notation.
    """
    printer = printer_of(cell, notation)
    return aligned(printer.row(d) for d in _written(cell))


def latex_derivation(
    cell: Cell, of: str = "vjp", wrt: Sequence[str] = (), notation: str | Notation = "chung"
) -> str:
    r"""A derivation of a cell as LaTeX.

    Args:
        cell: the cell.
        of: ``vjp``, ``jvp``, ``jacobian``, ``bptt`` or ``hvp``.
        wrt: see :func:`~gru_sym.derive.describe.select`.
        notation: a notation, or the name of its profile.

    In a bptt, what reaches a state at step t is \bar{h}_t; it is the sum of what the loss gives it
    there and of what comes from step t + 1, which have the superscripts "loss" and "later".

    Raises:
        DataError: there is no such kind, no such variable, or no such notation.
    """
    return latex_of(select(cell, of, wrt), notation)


def latex_lines(cell: Cell, text: str, notation: str | Notation = "chung") -> str:
    r"""Lines of the language as LaTeX, with the symbols of a cell at step t.

    Args:
        cell: the cell whose variables the lines speak of.
        text: equations or a derivation by hand, one definition a line.
        notation: a notation, or the name of its profile.

    Raises:
        TextError: the text is not in the language.
        DataError: there is no such notation.

    >>> from gru_sym.cells import cell
    >>> print(latex_lines(cell("gru"), "z_bar = h_next_bar * (h_tilde - h)"))
    \begin{aligned}
    \bar{z}_{t} &= \bar{h}_{t} \odot (\tilde{h}_{t} - h_{t-1})
    \end{aligned}
    """
    printer = printer_of(cell, notation)
    matrices = {cotangent_of(v).name for v in cell.params if len(v.shape) == 2}
    return aligned(
        Row(printer.style.name_of(d.name), printer.node(d.value, matrix=d.name in matrices))
        for d in parse(text, derivation=True).definitions
    )


def latex_of(derivation: Derivation, notation: str | Notation = "chung") -> str:
    """A derivation as LaTeX."""
    printer, result = printer_of(derivation, notation), derivation.result
    rows = [printer.row(d) for d in arguments(derivation)]
    if isinstance(result, Jacobian):
        blocks = (
            row for key in result.blocks for row in block_rows(key, result.blocks[key], printer)
        )
        return aligned([*blocks, *rows])
    if isinstance(result, Scan):
        return aligned(_bptt(derivation, result, printer, rows))
    return aligned([*rows, *(printer.row(d) for s in sections(derivation) for d in s.definitions)])


def printer_of(
    what: Cell | Derivation, notation: str | Notation = "chung", *, in_sequence: bool = False
) -> Printer:
    """The printer of the expressions of a cell, or of what was derived from it.

    For ``in_sequence`` see :func:`~gru_sym.latex.style.style_of`.
    """
    notation = notation_of(notation)
    if isinstance(what, Derivation):
        style = style_of(what.cell, notation, what.result, in_sequence=in_sequence)
        return Printer(presenter_of(what), style, in_rows=notation.in_rows)
    presenter = Presenter.of(what.program)
    return Printer(presenter, style_of(what, notation), in_rows=notation.in_rows)


def _written(cell: Cell) -> Sequence[Definition]:
    """The equations of a cell as they stand in its text, with their shapes."""
    return [
        Definition(cell.program.variable(d.name), cell.program[d.name].expr, d)
        for d in cell.document.definitions
    ]


def gradient_names(cell: Cell, printer: Printer) -> dict[Var, str]:
    """In a bptt the cotangents of parameters and inputs are all there is: they are ∂L/∂W."""
    variables = (*cell.params, *cell.inputs)
    return {cotangent_of(v): partial("L", printer.style.name_of(str(v.name))) for v in variables}


def _bptt(derivation: Derivation, scan: Scan, printer: Printer, named: list[Row]) -> list[Row]:
    cell, naming = derivation.cell, printer.style.name_of
    gradients = gradient_names(cell, printer)
    rows = [Row(naming.indexed(str(enters.name), "T"), "0") for enters, _ in scan.carry]
    if named:
        rows += [Row(r"\text{at each } t\colon"), *named]
    for section in sections(derivation):
        rows.append(Row(_HEADINGS[section.key]))
        rows += [printer.row(d, gradients.get(d.var, "")) for d in section.definitions]
    for state in cell.states:
        if not derivation.wrt or state in derivation.wrt:
            start = naming.indexed(str(later_of(state).name), "0")
            rows.append(Row(partial("L", naming.indexed(str(state.name), "0")), start))
    return rows
