"""The first parts of a document: the cell, its symbols and sizes, its local derivatives."""

from collections.abc import Iterator, Sequence

from gru_sym.algebra.expr import Var
from gru_sym.algebra.lines import Row, width
from gru_sym.algebra.nodes import Concat
from gru_sym.algebra.program import Definition
from gru_sym.algebra.typeset import dimension
from gru_sym.derive.local import Local, local_derivatives
from gru_sym.derive.paths import Path, terms_of
from gru_sym.derive.products import product
from gru_sym.documents.context import WIDE, Context, joined, prose
from gru_sym.documents.words import rules_of
from gru_sym.latex.blocks import Block, Code, Figure, Math, Paragraph, Section, Spans, Table
from gru_sym.latex.graph import Drawing

__all__ = ["cell_section", "local_section", "locals_of", "sizes_section"]


def cell_section(context: Context, drawing: Drawing | None) -> Section:
    """The equations, numbered, and the figure."""
    cell = context.cell
    blocks: list[Block] = []
    convention = cell.document.header.convention
    if convention:
        blocks.append(Paragraph(_convention(convention)))
    olds, nexts, given = (
        joined(context.symbol(v) for v in group) for group in (cell.states, cell.nexts, cell.inputs)
    )
    takes = prose(f"the {_counted('state', cell.states)} {{}}", olds)
    if given:
        takes += prose(f" and the {_counted('input', cell.inputs)} {{}}", given)
    blocks.append(
        Paragraph(
            prose(
                "One step takes {} to {}. Here {} multiplies entry by entry, and an activation is "
                "applied to each entry. Where a line is an activation of something, that is a "
                "variable of its own, called $a$ with the line's name.",
                takes,
                nexts,
                Math(context.product),
            )
        )
    )
    for d in cell.program:
        role = cell.roles.get(d.name, "")
        named = _role(context, d.var, role)
        reason = (f"{named[0].upper()}{named[1:]}.",) if role else ()
        blocks.append(context.formula(("definition", d.var), [context.printer.row(d)], reason))
    if drawing is not None:
        blocks.append(Figure(drawing, _caption(drawing)))
    return Section("The cell", tuple(blocks))


def _counted(word: str, group: Sequence[Var]) -> str:
    return word if len(group) == 1 else f"{word}s"


def _convention(text: str) -> Spans:
    """What the header says of the convention, in its own words; equations are code."""
    spans: Spans = ("On its convention, the cell's text says: ",)
    for k, clause in enumerate(text.rstrip(".").split("; ")):
        words, colon, last = clause.rpartition(": ")
        between = "; " if k else ""
        if colon and "=" in last:
            spans += (f"{between}{words}, ", Code(last))
        else:
            spans += (f"{between}{clause}",)
    return (*spans, ".")


def _caption(drawing: Drawing) -> Spans:
    shown = "The computational graph of one step."
    if any(curve.path is not None for curve in drawing.curves):
        shown += (
            " Grey arrows are the forward pass; coloured arrows are the ways of the gradient, "
            "from the next state back to the state"
        )
        colours = [label.colour for label in drawing.legend]
        alone = len({*colours}) == len(colours) and not drawing.note
        shown += ", one colour for each path." if alone else "."
    return (shown,)


# -- symbols -------------------------------------------------------------------------------------


def sizes_section(context: Context) -> Section:
    """What each symbol stands for, and its size."""
    cell = context.cell
    kinds: list[tuple[str, Sequence[Var]]] = [
        ("input", cell.inputs),
        ("state", cell.states),
        ("next state", cell.nexts),
        ("output", cell.extra),
    ]
    known = {v for _, group in kinds for v in group}
    inner = [d.var for d in cell.program if d.var not in known]
    rows = [
        *(row for kind, group in kinds for row in _symbol_rows(context, group, kind)),
        *_inner_rows(context, inner),
        *_parameter_rows(context),
    ]
    text = "Each size may be any number."
    if context.notation.in_rows:
        text += (
            " Vectors are rows: a vector stands to the left of its matrix, each matrix is the "
            "transpose of that in the cell's text, and a Jacobian the transpose of the one for "
            "columns."
        )
    table = Table((("Symbol",), ("Size",), ("What it is",)), tuple(rows))
    blocks = (Paragraph((text,)), table, *_parts(context))
    return Section("Symbols and sizes", blocks)


def _parts(context: Context) -> Iterator[Block]:
    """How vectors are put together, and taken apart again, where a cell does."""
    joints = [node for d in context.cell.program for node in d.expr.atoms(Concat)]
    if joints:
        first = "+".join(map(dimension, sorted(joints, key=str)[0].blocks[0]))
        rows = context.notation.in_rows
        yield Paragraph(
            prose(
                f"Vectors in brackets are one vector, {'side by side' if rows else 'stacked'}. The "
                "index {} takes the first {} entries of a vector, {} those that follow; {} takes "
                f"the first {{}} {'rows' if rows else 'columns'} of a matrix.",
                Math(f"[{{:}}{first}]"),
                Math(first),
                Math(f"[{first}{{:}}]"),
                Math(f"[{{:}}{first}]" if rows else rf"[{{:}},\,{{:}}{first}]"),
                Math(first),
            )
        )


def _symbol_rows(context: Context, group: Sequence[Var], kind: str) -> Iterator[tuple[Spans, ...]]:
    """A row for each size."""
    sizes: dict[str, list[Var]] = {}
    for var in group:
        sizes.setdefault(_size(context, var).latex, []).append(var)
    for size, alike in sizes.items():
        symbols = joined((context.symbol(v) for v in alike), last=", ")
        yield symbols, (Math(size),), (kind if len(alike) == 1 else f"{kind}s",)


def _inner_rows(context: Context, inner: Sequence[Var]) -> Iterator[tuple[Spans, ...]]:
    """Gates by their roles; everything else in one row for each size."""
    roles = context.cell.roles
    others: dict[str, list[Var]] = {}
    for var in inner:
        if var.name in roles:
            gate = roles[str(var.name)]
            yield (context.symbol(var),), (_size(context, var),), (_role(context, var, gate),)
        else:
            others.setdefault(_size(context, var).latex, []).append(var)
    for size, group in others.items():
        yield (
            joined((context.symbol(v) for v in group), last=", "),
            (Math(size),),
            ("intermediate value" if len(group) == 1 else "intermediate values",),
        )


def _role(context: Context, var: Var, role: str) -> str:
    expr = context.cell.program[str(var.name)].expr
    named = role.endswith("gate") or type(expr).__name__ != "sigmoid"
    return role if named else f"{role} gate"


def _parameter_rows(context: Context) -> Iterator[tuple[Spans, ...]]:
    groups: dict[str, list[Var]] = {}
    for var in context.cell.params:
        groups.setdefault(_size(context, var).latex, []).append(var)
    for size, group in groups.items():
        kind = ("scalar", "vector", "matrix")[len(group[0].shape)]
        text = kind if len(group) == 1 else {"matrix": "matrices"}.get(kind, f"{kind}s")
        yield (
            joined((context.symbol(v) for v in group), last=", "),
            (Math(size),),
            (f"{text} of parameters" if kind != "scalar" else f"{text}, learned",),
        )


def _size(context: Context, var: Var) -> Math:
    dims = ["+".join(dimension(name) for name in dim) for dim in var.shape]
    if len(dims) > 1 and context.notation.in_rows:
        dims.reverse()
    dims = [f"({d})" if "+" in d and len(dims) > 1 else d for d in dims]
    size = r" \times ".join(dims)
    return Math(rf"\mathbb{{R}}^{{{size}}}" if dims else r"\mathbb{R}")


# -- local derivatives ---------------------------------------------------------------------------


def locals_of(context: Context) -> dict[Var, list[Local]]:
    """The local derivatives of each definition, by what is defined."""
    found: dict[Var, list[Local]] = {d.var: [] for d in context.cell.program}
    for local in local_derivatives(context.cell.program):
        found[local.of].append(local)
    return found


def local_section(context: Context, found: dict[Var, list[Local]], *, pulled_back: bool) -> Section:
    """The derivative of each definition with respect to each vector and number in it.

    ``pulled_back`` says whether the gradients of parameters follow.
    """
    opening = prose(
        "Each equation is differentiated by itself, as if every variable on its right were "
        "independent."
    )
    if pulled_back and any(len(v.shape) == 2 for v in context.cell.params):
        text = " Matrices of parameters come later: their gradients are outer products."
        opening += prose(text)
    immediate = [
        prose("{} with respect to {}", context.symbol(each.of), context.symbol(each.by))
        for group in found.values()
        for each in group
        if (each.of, each.by) in context.blocks
    ]
    if immediate:
        opening += prose(
            r" The derivative of {} in the equation itself is written $\partial^{+}$, for "
            r"$\partial$ will stand for all ways from the one to the other.",
            joined(immediate),
        )
    if not any(found.values()):
        opening = ("No equation has a variable on its right.",)
    blocks: list[Block] = [Paragraph(opening)]
    for d in context.cell.program:
        if found[d.var]:
            blocks.append(_local_formula(context, d, found[d.var]))
    return Section("Local derivatives", tuple(blocks))


def _local_formula(context: Context, d: Definition, locals_: Sequence[Local]) -> Block:
    rows: list[Row] = []
    line: list[str] = []
    for local in locals_:
        head = context.slope(local.of, local.by)
        shown = _sum(context, local)
        entry = f"{head} = {shown}"
        if line and width(r", \quad ".join([*line, entry])) > WIDE - 8:
            rows.append(Row(r", \quad ".join(line)))
            line = []
        if width(entry) > WIDE - 8:
            rows.append(Row(head, shown))
        else:
            line.append(entry)
    if line:
        rows.append(Row(r", \quad ".join(line)))
    rules, source = rules_of(context, d.var), context.ref(("definition", d.var))
    return context.formula(("local", d.var), rows, prose("{}, from {}.", rules, source))


def _sum(context: Context, local: Local) -> str:
    """A local derivative as a sum of products."""
    paths = [Path("", (), factors) for factors in local.products]
    text = ""
    terms = list(terms_of(paths, context.printer.presenter))
    if any(not term.negative for term in terms):
        terms.insert(0, terms.pop([term.negative for term in terms].index(False)))
    for term in terms:
        shown = product(term, context.printer, is_array=bool(local.by.shape))
        text += (" - " if text else "-") if term.negative else (" + " if text else "")
        text += shown
    return text or "0"
