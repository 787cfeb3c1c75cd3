"""Derivations for the eye: which lines, in which order, as text and as JSON.

:func:`select` derives what is asked for, with respect to what is named; :func:`text` and
:func:`to_json` show it. How a path of the Jacobian is written as a product is decided here
(:func:`terms_of`), for text and LaTeX alike.
"""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Any

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Var, shape_of
from gru_sym.algebra.present import Presenter, is_negative, product, reading_order
from gru_sym.algebra.program import Definition, Program, Scan
from gru_sym.algebra.show import show, show_definition
from gru_sym.cells.equations import Cell
from gru_sym.cells.naming import did_you_mean
from gru_sym.derive.bptt import bptt
from gru_sym.derive.jacobian import Factor, Jacobian, Path, jacobian
from gru_sym.derive.jvp import hvp, jvp, tangent_lines, tangent_of
from gru_sym.derive.vjp import cotangent_of, vjp
from gru_sym.errors import DataError

__all__ = [
    "IDENTITY",
    "KINDS",
    "Derivation",
    "Section",
    "ShownFactor",
    "Term",
    "lines",
    "presenter_of",
    "sections",
    "select",
    "show_term",
    "terms_of",
    "text",
    "to_json",
]

KINDS = ("vjp", "jvp", "jacobian", "bptt", "hvp")


@dataclass(frozen=True)
class Derivation:
    """What was derived from a cell: ``result`` is what :mod:`gru_sym.derive` gives for ``of``.

    ``wrt`` holds the variables it was asked for; empty means all.
    """

    cell: Cell
    of: str
    result: Program | Scan | Jacobian
    wrt: tuple[Var, ...] = ()

    def __str__(self) -> str:
        return text(self)


@dataclass(frozen=True)
class Section:
    """Lines that are read together; ``key`` is ``all``, ``step``, ``each`` or ``after``."""

    key: str
    definitions: tuple[Definition, ...]


@dataclass(frozen=True)
class ShownFactor:
    """A factor of a path: its kind (see :class:`~.jacobian.Factor`, or ``scalar``), its content."""

    kind: str
    content: tree.Node


@dataclass(frozen=True)
class Term:
    """A path as it is written: a sign and factors."""

    path: Path
    negative: bool
    factors: tuple[ShownFactor, ...]


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
    program, result = derivation.cell.program, derivation.result
    parts: tuple[Program, ...] = ()
    if isinstance(result, Program):
        parts = (result,)
    elif isinstance(result, Scan):
        parts = (result.step, result.after)
    variables = (*reading_order(program), *(v for part in parts for v in part.variables))
    return Presenter(dict.fromkeys(variables), program.inputs)


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
    each = tuple(d for d in result.after if d.var in result.sequences)
    sums = tuple(d for d in result.after if d.var not in result.sequences)
    found = (
        Section("step", result.step.definitions),
        Section("each", each),
        Section("after", sums),
    )
    return tuple(section for section in found if section.definitions)


IDENTITY = "identity"
"""How the identity matrix is called in a path that is one, or that picks a part of a vector."""

_LONGEST_ALIGNED = 80
"""A path that is longer does not push the names of the others to the right."""

_HEADINGS = {"step": "for t = T ... 1:", "each": "then, for every t:", "after": "then:"}


def lines(derivation: Derivation) -> list[str]:
    """The derivation as lines of text in the language of cells."""
    result, presenter = derivation.result, presenter_of(derivation)
    if isinstance(result, Jacobian):
        return _jacobian_lines(result, presenter)
    found: list[str] = []
    if isinstance(result, Scan):
        found = ["at t = T:", *(f"    {enters.name} = 0" for enters, _ in result.carry)]
    for section in sections(derivation):
        shown = [presenter.definition(d) for d in section.definitions]
        if isinstance(result, Scan):
            found.append(_HEADINGS[section.key])
            if section.key == "step":
                shown += [
                    tree.Definition(str(enters.name), tree.Name(str(leaves.name)))
                    for enters, leaves in result.carry
                ]
        width = max(len(d.name) for d in shown)
        indent = "    " if isinstance(result, Scan) else ""
        found += [indent + show_definition(d, width) for d in shown]
    return found


def text(derivation: Derivation) -> str:
    """The derivation as a text."""
    return "\n".join(lines(derivation))


# -- the Jacobian ------------------------------------------------------------------------------


def terms_of(paths: Iterable[Path], presenter: Presenter) -> Iterator[Term]:
    """Each path of a block as a sign and a product, its scalars within its vectors."""
    for path in paths:
        negative = False
        kinds: list[str] = []
        contents: list[list[tree.Node]] = []
        for factor in path.factors:
            minus, parts = _parts(factor, presenter)
            negative ^= minus
            scalar = factor.kind == "diag" and not shape_of(factor.expr)
            if scalar and kinds and kinds[-1] in {"diag", "column", "scalar"}:
                contents[-1] += parts
            else:
                kinds.append("scalar" if scalar else factor.kind)
                contents.append(parts)
        if kinds[:1] == ["scalar"] and kinds[1:2] in (["diag"], ["column"]):
            kinds, contents = kinds[1:], [contents[0] + contents[1], *contents[2:]]
        factors = (
            ShownFactor(kind, product(_without_ones(parts)))
            for kind, parts in zip(kinds, contents, strict=True)
        )
        kept = tuple(f for f in factors if not (f.kind == "scalar" and f.content == _ONE))
        yield Term(path, negative, kept)


_ONE = tree.Number(Fraction(1))


def _parts(factor: Factor, presenter: Presenter) -> tuple[bool, list[tree.Node]]:
    """The sign of a factor, and its parts without it."""
    if factor.kind in {"embed", "restrict"}:
        start, stop = factor.bounds
        columns = tree.Slice(
            tree.Name(IDENTITY),
            factor.whole[:start] or None,
            factor.whole[:stop] if stop < len(factor.whole) else None,
        )
        return False, [columns if factor.kind == "embed" else tree.Transpose(columns)]
    negative, parts = False, []
    for part in factor.parts:
        minus = is_negative(part)
        negative ^= minus
        number, rest = (-part if minus else part).primitive()
        if number.q == 1 and number != 1:
            parts.append(presenter.expression(number))
        else:
            rest *= number
        parts.append(presenter.expression(rest))
    return negative, parts


def _without_ones(parts: list[tree.Node]) -> list[tree.Node]:
    return [part for part in parts if part != _ONE] or [_ONE]


def _jacobian_lines(result: Jacobian, presenter: Presenter) -> list[str]:
    found: list[str] = []
    for (after, state), paths in result.blocks.items():
        head = f"d{after.name}/d{state.name}"
        if not paths:
            found.append(f"{head} = 0")
            continue
        terms = list(terms_of(paths, presenter))
        texts = [show_term(term, bool(state.shape)) for term in terms]
        width = max((len(t) for t in texts if len(t) <= _LONGEST_ALIGNED), default=0)
        for k, (term, shown) in enumerate(zip(terms, texts, strict=True)):
            start = f"{head} = " if k == 0 else " " * (len(head) + 1)
            sign = "-" if term.negative else ""
            if k:
                sign = "- " if term.negative else "+ "
            pad = width + 2 - (len(sign) if k == 0 else 0)
            found.append(f"{start}{sign}{shown:<{pad}}  [{term.path.name}]")
    return found


def show_term(term: Term, is_array: bool = True) -> str:
    """The product of a path, without its sign, in the language of cells.

    ``diag(v)`` is the diagonal matrix; a column times a row is ``outer``; ``identity[:H]`` are the
    first columns of the identity.
    """
    chain: list[tree.Node] = []
    scalars: list[tree.Node] = []
    factors = list(term.factors)
    while factors:
        factor = factors.pop(0)
        if factor.kind == "scalar":
            scalars.append(factor.content)
        elif factor.kind == "column" and factors and factors[0].kind == "row":
            chain.append(tree.Call("outer", (factor.content, factors.pop(0).content)))
        elif factor.kind in {"diag", "column", "row"}:
            chain.append(tree.Call(factor.kind, (factor.content,)))
        else:
            chain.append(factor.content)
    if not chain and is_array:
        chain = [tree.Name(IDENTITY)]
    if not chain:
        return show(product(scalars or [_ONE]))
    matrix = chain[0]
    for factor_tree in chain[1:]:
        matrix = tree.Binary("@", matrix, factor_tree)
    return show(tree.Binary("*", product(scalars), matrix) if scalars else matrix)


# -- JSON --------------------------------------------------------------------------------------


def to_json(derivation: Derivation) -> dict[str, Any]:
    """The derivation in plain types: its lines, or the blocks and paths of a Jacobian.

    A line has its name, its expression in the language of cells and its shape; in a bptt also its
    part: ``step`` (at each t, backwards), ``each`` (then, at each t) or ``after`` (summed over t).
    """
    result, presenter = derivation.result, presenter_of(derivation)
    found: dict[str, Any] = {"cell": derivation.cell.name, "of": derivation.of}
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
        {
            "name": d.name,
            "expr": show(presenter.definition(d).value),
            "shape": ["+".join(dim) for dim in d.var.shape],
        }
        | ({"part": section.key} if isinstance(result, Scan) else {})
        for section in sections(derivation)
        for d in section.definitions
    ]
    if isinstance(result, Scan):
        found["carry"] = [
            {"name": str(enters.name), "start": "0", "next": str(leaves.name)}
            for enters, leaves in result.carry
        ]
    return found
