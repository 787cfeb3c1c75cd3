"""Derivations for the eye: which lines, in which order, as text and as JSON.

:func:`select` derives what is asked for, with respect to what is named; :func:`text` and
:func:`to_json` show it. How a path of the Jacobian is written as a product is decided here
(:func:`terms_of`), for text and LaTeX alike.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

from gru_sym.algebra.expr import Var, variables_of
from gru_sym.algebra.present import Presenter
from gru_sym.algebra.program import Definition, Program, Scan, Section, presenter_for
from gru_sym.algebra.show import aligned_lines, show
from gru_sym.cells.equations import Cell
from gru_sym.cells.naming import did_you_mean
from gru_sym.derive.bptt import bptt, later_of, up_of
from gru_sym.derive.jacobian import Jacobian, jacobian
from gru_sym.derive.jvp import hvp, jvp, tangent_lines, tangent_of
from gru_sym.derive.paths import jacobian_lines, show_term, terms_of
from gru_sym.derive.vjp import cotangent_of, vjp
from gru_sym.errors import DataError
from gru_sym.notebook import ShownAsText

__all__ = [
    "KINDS",
    "Derivation",
    "Section",
    "arguments",
    "lines",
    "presenter_of",
    "sections",
    "select",
    "text",
    "to_json",
]

KINDS = ("vjp", "jvp", "jacobian", "bptt", "hvp")


@dataclass(frozen=True, repr=False)
class Derivation(ShownAsText):
    """What was derived from a cell: ``result`` is what ``gru_sym.derive`` gives for ``of``.

    ``wrt`` holds the variables it was asked for; empty means all.
    """

    cell: Cell
    of: str
    result: Program | Scan | Jacobian
    wrt: tuple[Var, ...] = ()

    def __str__(self) -> str:
        return text(self)


def select(cell: Cell, of: str = "vjp", wrt: Sequence[str] = ()) -> Derivation:
    """Derive one kind of derivative, with only the lines that ``wrt`` needs.

    Args:
        cell: the cell.
        of: ``vjp``, ``jvp``, ``jacobian``, ``bptt`` or ``hvp``.
        wrt: names of parameters, inputs or states (of states alone for the Jacobian); none means
            all. For a jvp they are what moves; else they are whose cotangents are wanted.

    Raises:
        DataError: there is no such kind, or no such variable.
    """
    if of not in KINDS:
        hint = did_you_mean(of, KINDS)
        raise DataError(
            f"there is no derivative `{of}`", mend=f"{hint} They are {', '.join(KINDS)}".lstrip()
        )
    known = cell.states if of == "jacobian" else (*cell.params, *cell.inputs, *cell.states)
    named = tuple(_variable(name, known, cell, of) for name in dict.fromkeys(wrt))
    return Derivation(cell, of, _derive(cell, of, named), named)


def _variable(name: str, known: Sequence[Var], cell: Cell, of: str) -> Var:
    for var in known:
        if var.name == name:
            return var
    names = [str(v.name) for v in known]
    what = "state" if of == "jacobian" else "parameter, input or state"
    raise DataError(
        f"{cell.name} has no {what} `{name}`",
        mend=f"{did_you_mean(name, names)} There are {', '.join(names)}".lstrip(),
    )


def _derive(cell: Cell, of: str, named: tuple[Var, ...]) -> Program | Scan | Jacobian:
    match of:
        case "jacobian":
            whole = jacobian(cell)
            kept = {k: v for k, v in whole.blocks.items() if not named or k[1] in named}
            return Jacobian(cell, kept)
        case "bptt":
            scan = bptt(cell)
            wanted = [v for v in scan.after.outputs if not named or v in map(cotangent_of, named)]
            return replace(scan, after=scan.after.computing(wanted))
        case "jvp" if named:
            moving = [tangent_of(v) for v in named]
            program = cell.program.extend(moving, tangent_lines(cell.program, named))
            return program.computing(map(tangent_of, cell.program.outputs))
        case "jvp":
            return jvp(cell)
        case "hvp":
            wanted = [tangent_of(cotangent_of(v)) for v in named]
            return hvp(cell).computing(wanted) if named else hvp(cell)
        case _:
            return vjp(cell).computing(map(cotangent_of, named)) if named else vjp(cell)


# -- lines -------------------------------------------------------------------------------------


def presenter_of(derivation: Derivation) -> Presenter:
    """A presenter that follows the order of the cell, then of what was derived."""
    result = derivation.result
    parts: tuple[Program, ...] = ()
    if isinstance(result, Program):
        parts = (result,)
    elif isinstance(result, Scan):
        parts = (result.step, result.after)
    return presenter_for(derivation.cell.program, *parts)


def sections(derivation: Derivation) -> tuple[Section, ...]:
    """The derived definitions, without the cell's own; none for a Jacobian.

    A bptt has the lines of its step, then what follows for each t, then what sums over all t.
    """
    result = derivation.result
    if isinstance(result, Jacobian):
        return ()
    if isinstance(result, Program):
        own = {d.name for d in derivation.cell.program}
        return (Section("all", tuple(d for d in result if d.name not in own)),)
    return result.sections


def lines(derivation: Derivation) -> list[str]:
    """The derivation as lines of text in the language of cells."""
    result, presenter = derivation.result, presenter_of(derivation)
    named = [presenter.definition(d) for d in arguments(derivation)]
    if isinstance(result, Jacobian):
        where = [f"where {line}" for line in aligned_lines(named)]
        return [*jacobian_lines(result.blocks, presenter), *where]
    if isinstance(result, Scan):
        where = ["at each t:", *(f"    {line}" for line in aligned_lines(named))] if named else []
        return [*_legend(derivation), *where, *result.lines(presenter)]
    (section,) = sections(derivation)
    return aligned_lines([*named, *(presenter.definition(d) for d in section.definitions)])


def arguments(derivation: Derivation) -> tuple[Definition, ...]:
    """The arguments of activations that a derivation speaks of and the cell's text does not name.

    ``a_h_next``, where ``h_next = relu(W @ x + U @ h + b)`` and its derivative is
    ``step(a_h_next)``.
    """
    program, result = derivation.cell.program, derivation.result
    written = {d.name for d in derivation.cell.document.definitions}
    used: set[Var] = set()
    if isinstance(result, Jacobian):
        parts = [f.parts for path in result.paths for f in path.factors]
        used = variables_of(part for group in parts for part in group)
    else:
        for section in sections(derivation):
            used |= variables_of(d.expr for d in section.definitions)
    return tuple(d for d in program if d.var in used and d.name not in written)


def _legend(derivation: Derivation) -> list[str]:
    """What the names of a bptt that are not in the cell stand for, as comments."""
    found = []
    for state, after in zip(derivation.cell.states, derivation.cell.nexts, strict=True):
        found += [
            f"# {up_of(state).name}: the cotangent that the loss gives {after.name} at t",
            f"# {later_of(state).name}: what comes from t + 1; "
            f"{cotangent_of(state).name} at t = 1 is the gradient of the initial {state.name}",
        ]
    return found


def text(derivation: Derivation) -> str:
    """The derivation as a text."""
    return "\n".join(lines(derivation))


# -- JSON --------------------------------------------------------------------------------------


def to_json(derivation: Derivation) -> dict[str, Any]:
    """The derivation in plain types: its lines, or the blocks and paths of a Jacobian.

    A line has its name, its expression in the language of cells and its shape; in a bptt also its
    part: ``step`` (at each t, backwards), ``each`` (then, at each t) or ``after`` (summed over t).
    """
    result, presenter = derivation.result, presenter_of(derivation)
    found: dict[str, Any] = {"cell": derivation.cell.name, "of": derivation.of}
    named = arguments(derivation)
    if named:
        found["arguments"] = [_line(d, presenter) for d in named]
    if isinstance(result, Jacobian):
        return found | {
            "blocks": [
                {
                    "next": str(after.name),
                    "state": str(state.name),
                    "paths": [
                        {
                            "name": term.path.name,
                            "through": list(term.path.through),
                            "expr": ("-" if term.negative else "")
                            + show_term(term, bool(state.shape)),
                        }
                        for term in terms_of(paths, presenter)
                    ],
                }
                for (after, state), paths in result.blocks.items()
            ]
        }
    found["lines"] = [
        _line(d, presenter) | ({"part": section.key} if isinstance(result, Scan) else {})
        for section in sections(derivation)
        for d in section.definitions
    ]
    if isinstance(result, Scan):
        found["carry"] = [
            {"name": str(enters.name), "start": "0", "next": str(leaves.name)}
            for enters, leaves in result.carry
        ]
    return found


def _line(d: Definition, presenter: Presenter) -> dict[str, Any]:
    return {
        "name": d.name,
        "expr": show(presenter.definition(d).value),
        "shape": ["+".join(dim) for dim in d.var.shape],
    }
