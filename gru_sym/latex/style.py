"""The style in which a cell and its derivatives are written: a notation, met with a cell's names.

Which matrix acts on the input and which on the state is found from the equations, not from a name.
"""

from collections.abc import Iterable, Iterator

from gru_sym.algebra.expr import Var, variables_of
from gru_sym.algebra.nodes import MatVec
from gru_sym.algebra.program import Program, Scan
from gru_sym.algebra.symbols import Naming
from gru_sym.algebra.typeset import Style
from gru_sym.cells.equations import Cell
from gru_sym.derive.bptt import later_of
from gru_sym.derive.jacobian import Jacobian
from gru_sym.derive.jvp import DOT
from gru_sym.derive.vjp import cotangent_of, total_of
from gru_sym.errors import DataError
from gru_sym.latex.notation import GATE, Notation

__all__ = ["style_of", "symbols_of"]

_MARKS = ("", "_tilde", "_hat")


def style_of(
    cell: Cell,
    notation: Notation,
    result: Program | Scan | Jacobian | None = None,
    *,
    in_sequence: bool = False,
) -> Style:
    """The style for a cell, or for what was derived from it.

    ``in_sequence`` is for a step that is told as one of many: what it gives to its old state is
    what comes "later" there, to be added to what the loss sees of it. In a Scan it always is.
    """
    varying = result.sequences if isinstance(result, Scan) else cell.varying
    naming = Naming(
        frozenset(str(v.name) for v in varying),
        frozenset(str(s.name) for s in cell.states),
        symbols_of(cell, notation),
        notation.cotangent,
        dict(_standing(cell, in_sequence=in_sequence or isinstance(result, Scan))),
    )
    return Style(naming, frozenset(_scalars(cell, result)), f"\\{notation.product}")


def _standing(cell: Cell, *, in_sequence: bool) -> Iterator[tuple[str, tuple[str, str]]]:
    """The cotangents that are a part of the derivative by their variable, called as such.

    Of an output that its own cell uses, too, what is "given" is a part, and the total is all.
    """
    for state in cell.states if in_sequence else ():
        bar, later = cotangent_of(state), later_of(state)
        yield str(bar.name), (str(later.name), "t-1")
        yield f"{bar.name}{DOT}", (f"{later.name}{DOT}", "t-1")
    used = {v for d in cell.program for v in variables_of(d.expr)}
    for var in used.intersection(cell.program.outputs):
        whole = str(cotangent_of(var).name)
        index = "t" if var in cell.varying else ""
        for name, stands_for in ((total_of(var).name, whole), (whole, f"{whole}_given")):
            yield str(name), (stands_for, index)
            yield f"{name}{DOT}", (f"{stands_for}{DOT}", index)


def _scalars(cell: Cell, result: Program | Scan | Jacobian | None) -> Iterable[str]:
    programs = [cell.program]
    if isinstance(result, Program):
        programs.append(result)
    elif isinstance(result, Scan):
        programs += [result.step, result.after]
    return (str(v.name) for program in programs for v in program.variables if not v.shape)


def symbols_of(cell: Cell, notation: Notation) -> dict[str, str]:
    """The names of a cell that have a symbol of their own in a notation, with it.

    A symbol that would stand for two things is given to the first of them only.
    """
    known = {str(v.name) for v in cell.program.variables}
    found: dict[str, str] = {}
    plain = {name: Naming()(name) for name in known}
    for name, symbol in notation.symbols:
        if name in known and symbol not in {s for n, s in plain.items() if n != name}:
            found[name] = symbol
    twice = [name for name in found if [*found.values()].count(found[name]) > 1]
    if twice:
        raise DataError(
            f"the notation gives {' and '.join(twice)} one symbol, {found[twice[0]]}",
            mend="give each a symbol of its own",
        )
    taken = {*found.values()} | {symbol for name, symbol in plain.items() if name not in found}
    for var, template in _templates(cell, notation):
        name = str(var.name)
        gate = _gate(name, known, dict(notation.symbols))
        if not template or gate is None or name in found:
            continue
        symbol = template.replace(GATE, gate).replace(",}", "}")
        if symbol not in taken - {plain[name]}:
            taken.add(symbol)
            found[name] = symbol
    return found


def _templates(cell: Cell, notation: Notation) -> Iterable[tuple[Var, str]]:
    """Each parameter that a notation has a template for."""
    moving = cell.program.depending_on(cell.states)
    on_state: dict[Var, set[bool]] = {}
    for d in cell.program:
        for product in d.expr.atoms(MatVec):
            matrix, vector = product.args
            for var in variables_of(matrix):
                on_state.setdefault(var, set()).add(not moving.isdisjoint(variables_of(vector)))
    for var in cell.params:
        if len(var.shape) == 1 and var.name.partition("_")[0] == "b":
            yield var, notation.bias
        elif on_state.get(var) == {False}:
            yield var, notation.input_matrix
        elif on_state.get(var) == {True}:
            yield var, notation.state_matrix


def _gate(name: str, known: set[str], symbols: dict[str, str]) -> str | None:
    """The symbol of the gate that a parameter's name speaks of; None where it is no gate's."""
    _, _, gate = name.partition("_")
    if not gate:
        return ""
    for mark in _MARKS:
        if gate + mark in symbols:
            return symbols[gate + mark]
    if not any(gate + mark in known for mark in _MARKS):
        return None
    core, *rest = str(Naming()(f"v_{gate}")).removeprefix("v_{").removesuffix("}").split(",")
    return ",".join((core, *rest))
