r"""Cells and derivations as LaTeX, with time indices: ``z`` is z_t, ``h`` is h_{t-1}.

What is returned is one ``aligned`` environment, for use within ``\[ … \]`` or ``$$ … $$``. It needs
amsmath and nothing else, and renders in KaTeX and MathJax.

>>> from gru_sym.cells import cell
>>> print(latex_cell(cell("rnn")))
\begin{aligned}
h_{t} &= \tanh(W_{h}\,x_{t} + U_{h}\,h_{t-1} + b_{h})
\end{aligned}
"""

from collections.abc import Callable, Sequence
from fractions import Fraction

from gru_sym.algebra.expr import Var
from gru_sym.algebra.program import Definition, Program, Scan
from gru_sym.algebra.symbols import escape_text, indexed_name, timed_name
from gru_sym.algebra.tree import Binary, Call, Name, Number, Transpose
from gru_sym.algebra.typeset import Row, aligned, parenthesised, summands, typeset
from gru_sym.cells.equations import Cell
from gru_sym.cells.parse import parse
from gru_sym.derive.bptt import later_of
from gru_sym.derive.describe import Derivation, arguments, presenter_of, sections, select
from gru_sym.derive.paths import IDENTITY, Jacobian, ShownFactor, Term, terms_of
from gru_sym.derive.vjp import cotangent_of

__all__ = ["latex_cell", "latex_derivation", "latex_lines", "latex_of"]

Naming = Callable[[str], str]

_HEADINGS = {
    "step": r"\text{for } t = T, \ldots, 1\colon",
    "each": r"\text{then, for every } t\colon",
    "after": r"\text{then:}",
}


def latex_cell(cell: Cell) -> str:
    """The equations of a cell as they were written, at step t."""
    return cell._repr_latex_().removeprefix("$$").removesuffix("$$")


def latex_derivation(cell: Cell, of: str = "vjp", wrt: Sequence[str] = ()) -> str:
    r"""A derivation of a cell as LaTeX.

    Args:
        cell: the cell.
        of: ``vjp``, ``jvp``, ``jacobian``, ``bptt`` or ``hvp``.
        wrt: see :func:`~gru_sym.derive.describe.select`.

    In a bptt, what reaches a state at step t is \bar{h}_t; it is the sum of what the loss gives it
    there and of what comes from step t + 1, which have the superscripts "loss" and "later".

    Raises:
        DataError: there is no such kind, or no such variable.
    """
    return latex_of(select(cell, of, wrt))


def latex_lines(cell: Cell, text: str) -> str:
    r"""Lines of the language as LaTeX, with the symbols of a cell at step t.

    Args:
        cell: the cell whose variables the lines speak of.
        text: equations or a derivation by hand, one definition a line.

    Raises:
        TextError: the text is not in the language.

    >>> from gru_sym.cells import cell
    >>> print(latex_lines(cell("gru"), "z_bar = h_next_bar * (h_tilde - h)"))
    \begin{aligned}
    \bar{z}_{t} &= \bar{h}_{t} \odot (\tilde{h}_{t} - h_{t-1})
    \end{aligned}
    """
    name_of = timed_name({v.name for v in cell.varying}, {s.name for s in cell.states})
    scalars = {v.name for v in cell.program.variables if not v.shape}
    definitions = parse(text, derivation=True).definitions
    return aligned(Row(name_of(d.name), summands(d.value, name_of, scalars)) for d in definitions)


def latex_of(derivation: Derivation) -> str:
    """A derivation as LaTeX."""
    result = derivation.result
    if isinstance(result, Jacobian):
        return aligned(_jacobian(derivation, result))
    if isinstance(result, Scan):
        return aligned(_bptt(derivation, result))
    return aligned(
        [
            *_rows(derivation, arguments(derivation)),
            *(r for s in sections(derivation) for r in _rows(derivation, s.definitions)),
        ]
    )


def _rows(derivation: Derivation, definitions: Sequence[Definition]) -> list[Row]:
    """One row for each definition."""
    presenter, name_of = presenter_of(derivation), _naming(derivation)
    scalars = _scalars(derivation)
    gradients = _gradients(derivation)
    return [
        Row(
            gradients.get(d.var) or name_of(d.name),
            summands(presenter.definition(d).value, name_of, scalars),
        )
        for d in definitions
    ]


def _gradients(derivation: Derivation) -> dict[Var, str]:
    """In a bptt the cotangents of parameters and inputs are all there is: they are called ∂L/∂W."""
    if not isinstance(derivation.result, Scan):
        return {}
    name_of = _naming(derivation)
    variables = (*derivation.cell.params, *derivation.cell.inputs)
    return {cotangent_of(v): _partial("L", name_of(str(v.name))) for v in variables}


def _bptt(derivation: Derivation, scan: Scan) -> list[Row]:
    states = derivation.cell.states
    rows = [Row(indexed_name(enters.name, "T"), ("0",)) for enters, _ in scan.carry]
    named = arguments(derivation)
    if named:
        rows += [Row(r"\text{at each } t\colon"), *_rows(derivation, named)]
    for section in sections(derivation):
        rows += [Row(_HEADINGS[section.key]), *_rows(derivation, section.definitions)]
    for state in states:
        if not derivation.wrt or state in derivation.wrt:
            start = indexed_name(later_of(state).name, "0")
            rows.append(Row(_partial("L", indexed_name(state.name, "0")), (start,)))
    return rows


def _partial(above: str, below: str) -> str:
    return rf"\frac{{\partial {above}}}{{\partial {below}}}"


def _naming(derivation: Derivation) -> Naming:
    cell, result = derivation.cell, derivation.result
    varying = result.sequences if isinstance(result, Scan) else cell.varying
    name_of = timed_name({v.name for v in varying}, {s.name for s in cell.states})
    if not isinstance(result, Scan):
        return name_of
    # In the loop h_bar is what step t gives to h_{t-1}, and not yet all that reaches it.
    passed = {cotangent_of(s).name: indexed_name(later_of(s).name, "t-1") for s in cell.states}
    return lambda name: passed.get(name) or name_of(name)


def _scalars(derivation: Derivation) -> frozenset[str]:
    result = derivation.result
    programs = [derivation.cell.program]
    if isinstance(result, Program):
        programs.append(result)
    elif isinstance(result, Scan):
        programs += [result.step, result.after]
    variables = (v for program in programs for v in program.variables)
    return frozenset(v.name for v in variables if not v.shape)


# -- the Jacobian ------------------------------------------------------------------------------


def _jacobian(derivation: Derivation, result: Jacobian) -> list[Row]:
    presenter, symbol = presenter_of(derivation), _naming(derivation)
    scalars = _scalars(derivation)

    def name_of(name: str) -> str:
        return r"\mathbf{I}" if name == IDENTITY else symbol(name)

    rows: list[Row] = []
    for (after, state), paths in result.blocks.items():
        head = _partial(name_of(after.name), name_of(state.name))
        if not paths:
            rows.append(Row(head, ("0",)))
        for k, term in enumerate(terms_of(paths, presenter)):
            sign = "-" if term.negative else ""
            if k:
                sign, head = ("- " if term.negative else "+ "), ""
            shown = sign + _product(term, name_of, scalars, is_array=bool(state.shape))
            rows.append(Row(head, (shown,), _label(term.path.name)))
    return [*rows, *_rows(derivation, arguments(derivation))]


def _product(term: Term, name_of: Naming, scalars: frozenset[str], *, is_array: bool) -> str:
    shown = [_factor(factor, name_of, scalars) for factor in term.factors]
    if is_array and all(factor.kind == "scalar" for factor in term.factors):
        shown.append(name_of(IDENTITY))
    return r"\,".join(shown) or "1"


def _factor(factor: ShownFactor, name_of: Naming, scalars: frozenset[str]) -> str:
    content = factor.content
    if content == Number(Fraction(1)) and factor.kind in {"column", "row"}:
        return r"\mathbf{1}" if factor.kind == "column" else r"\mathbf{1}^{\top}"
    match factor.kind:
        case "diag":
            content = Call("diag", (content,))
        case "row":
            content = Transpose(content)
        case "column" if not isinstance(content, Name):
            return parenthesised(typeset(content, name_of, scalars))
        case _ if isinstance(content, Binary) and content.op in {"+", "-"}:
            return parenthesised(typeset(content, name_of, scalars))
    return typeset(content, name_of, scalars)


def _label(name: str) -> str:
    """The name of a path, whose parts are roles and names."""
    words = [rf"\text{{{escape_text(word)}}}" for word in name.split(" → ")]
    if len(words) == 1:
        return rf"\text{{({escape_text(name)})}}"
    return "(" + r" \to ".join(words) + ")"
