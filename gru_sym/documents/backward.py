"""The chain rule, line by line: cotangents, the δ-form, the gradients of the parameters."""

from collections.abc import Iterator, Mapping, Sequence

import sympy as sp

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Var, variables_of
from gru_sym.algebra.lines import Row, width
from gru_sym.algebra.nodes import MatVec
from gru_sym.algebra.program import Definition, Program
from gru_sym.algebra.rules import Elementwise
from gru_sym.algebra.typeset import parenthesised
from gru_sym.derive.local import Local
from gru_sym.derive.vjp import cotangent_of, total_of
from gru_sym.documents.context import WIDE, Context, joined, prose
from gru_sym.documents.words import why_local, why_outer, why_transposed
from gru_sym.latex.blocks import Block, Items, Math, Paragraph, Section, Spans

__all__ = ["arguments_of", "chain_section", "delta_section", "parameter_section"]


def chain_section(
    context: Context, pulled: Program, found: Mapping[Var, Sequence[Local]]
) -> Section:
    """A line for each cotangent of a definition, an input or a state, last definition first."""
    cell, lines = context.cell, pulled.as_mapping
    bars = {v: _bar(v, lines) for v in cell.program.variables}
    blocks: list[Block] = [Paragraph(_opening(context, bars))]
    if context.full:
        blocks.append(Paragraph(why_transposed(context)))
    order = [*reversed(cell.program.definitions)]
    for var in (*(d.var for d in order), *cell.inputs, *cell.states):
        if bars[var] in lines:
            blocks += _step(context, pulled[str(bars[var].name)], var, bars, found)
    return Section("The chain rule, backwards through one step", tuple(blocks))


def _bar(var: Var, lines: Mapping[Var, sp.Expr]) -> Var:
    total = total_of(var)
    return total if total in lines else cotangent_of(var)


def _opening(context: Context, bars: Mapping[Var, Var]) -> Spans:
    cell, name_of = context.cell, context.printer.style.name_of
    given = joined(Math(name_of(f"{v.name}_bar")) for v in cell.program.outputs)
    some = cell.program.definitions[0].var
    means: Spans = prose("Let $L$ be the loss.")
    if context.notation.cotangent != "partial":
        means = prose(
            "Let $L$ be the loss, and {} its derivative with respect to {}, of the size of {}: the "
            "cotangent.",
            Math(name_of(f"{some.name}_bar")),
            context.symbol(some),
            context.symbol(some),
        )
    totals = joined(Math(name_of(str(bar.name))) for v, bar in bars.items() if bar == total_of(v))
    both: Spans = ()
    if totals:
        text = " Where an output is used by an equation, too, what is given is a part of {}."
        both = prose(text, totals)
    return prose(
        "{} Given are the cotangents of the outputs, {}, by the loss and by later steps.{} The "
        "equations are taken in reverse order, and each variable collects from all equations that "
        "use it: the local derivative, "
        "transposed, and the cotangent of what is defined there, multiplied. What comes to the old "
        "state in this way, {}, is what this step and those after it give, which is called later; "
        "what the loss sees of the old state itself is not in it.",
        means,
        given,
        (*both, *_loss(context)),
        joined(Math(name_of(str(cotangent_of(v).name))) for v in cell.states),
    )


def _loss(context: Context) -> Spans:
    """What the cotangent of a loss is, where the cell has one of its own."""
    numbers = [v for v in context.cell.extra if not v.shape]
    if len(numbers) != 1:
        return ()
    bar = Math(context.printer.style.name_of(str(cotangent_of(numbers[0]).name)))
    return prose(
        " Where $L$ is the sum of {} over all steps, {} is 1.", context.symbol(numbers[0]), bar
    )


def _step(
    context: Context,
    line: Definition,
    var: Var,
    bars: Mapping[Var, Var],
    found: Mapping[Var, Sequence[Local]],
) -> Iterator[Block]:
    users = [each for group in found.values() for each in group if each.by == var and each.products]
    # In the order of the line itself, which follows reverse accumulation.
    users = [each for each in reversed(users) if _reached(bars[each.of], line, context)]
    row = context.printer.row(line)
    rows = [row]
    given = var in context.cell.program.outputs and line.var == total_of(var)
    shown = " + ".join([*_given(context, var, given), *(_pulled(context, u, bars) for u in users)])
    if shown != row.right and users:
        rows = [Row(row.left, shown), Row("{}", row.right)]
    if not users and not given:
        yield context.formula(("bar", var), rows, "Nothing that the loss sees depends on it.")
        return
    yield context.formula(("bar", var), rows, _reason(context, var, users, given=given))
    if context.full:
        whys = tuple(dict.fromkeys(spans for user in users for spans in why_local(context, user)))
        if whys:
            yield Items(whys)


def _reason(context: Context, var: Var, users: Sequence[Local], *, given: bool) -> Spans:
    uses = joined(context.ref(("definition", u.of)) for u in reversed(users))
    slopes = joined(context.ref(("local", u.of)) for u in reversed(users))
    if not users:
        return ("It is an output, and nothing else uses it.",)
    known = "whose derivative is in" if len(users) == 1 else "with the derivatives in"
    found = prose(
        f"Chain rule: {{}} is used in {{}}, {known} {{}}", context.symbol(var), uses, slopes
    )
    return (*found, "; it is an output, too." if given else ".")


def _reached(bar: Var, line: Definition, context: Context) -> bool:
    """Whether a cotangent is one that the loss reaches at all."""
    return bar in variables_of(line.expr) or bar in context.reached


def _given(context: Context, var: Var, given: bool) -> list[str]:
    return [context.printer.style.name_of(str(cotangent_of(var).name))] if given else []


def _pulled(context: Context, local: Local, bars: Mapping[Var, Var]) -> str:
    name_of = context.printer.style.name_of
    slope = context.slope(local.of, local.by)
    bar = name_of(str(bars[local.of].name))
    turned = rf"{parenthesised(slope)}^{{\top}}"
    return rf"{bar}\,{turned}" if context.notation.in_rows else rf"{turned}\,{bar}"


# -- the δ-form ----------------------------------------------------------------------------------


def arguments_of(program: Program) -> list[Var]:
    """The arguments of activations that are defined: what textbooks call pre-activations."""
    given = {*program.inputs, *program.outputs}
    found: dict[Var, None] = {}
    for d in program:
        called = sorted(d.expr.atoms(Elementwise), key=str)
        found |= {c.args[0]: None for c in called if isinstance(c.args[0], Var)}
    return [v for v in found if v not in given]


def delta_section(context: Context, pulled: Program) -> Section | None:
    """The cotangents of the pre-activations alone, and the states in terms of them."""
    lines = pulled.as_mapping
    program = context.cell.program
    deltas = [cotangent_of(v) for v in reversed(arguments_of(program))]
    deltas = [v for v in deltas if v in lines]
    if not deltas:
        return None
    totals = [total_of(v) for v in reversed(program.outputs) if total_of(v) in lines]
    kept = {*deltas, *totals}
    others = [v for v in map(cotangent_of, context.cell.states) if v not in deltas]
    shown = [v for v in lines if v in {*totals, *deltas}] + others
    rows = [_inlined(context, lines, v, kept) for v in shown]
    many = len(deltas) > 1
    opening = prose(
        f"What textbooks call δ {'are' if many else 'is'} the cotangent{'s' if many else ''} of "
        f"the {'arguments of activations' if many else 'argument of an activation'}, {{}}. All "
        "other gradients follow from these, from what is given and from the lines above.",
        joined(Math(context.printer.style.name_of(str(v.name))) for v in deltas),
    )
    if max(width(row.right) for row in rows) > _MOST_LINES * WIDE:
        text = (
            "What textbooks call δ are the cotangents of the arguments of activations. In this "
            "cell so much lies between one activation and the next that the lines above, put into "
            "one another, are too long to be read: they are left as they are.",
        )
        return Section("The δ-form", (Paragraph(text),))
    cited = joined(context.ref(("bar", s)) for s in context.cell.states)
    formula = context.formula(
        ("delta",), rows, prose("The lines above, each put into the next, down to {}.", cited)
    )
    return Section("The δ-form", (Paragraph(opening), formula))


_MOST_LINES = 3


def _inlined(context: Context, lines: Mapping[Var, sp.Expr], var: Var, kept: set[Var]) -> Row:
    """The line of a cotangent with the cotangents between put in, as far as those that stay.

    It is put together from the lines as they are written, so that it keeps their order.
    """
    staying = {str(v.name) for v in kept | {var}}
    known = {str(v.name): expr for v, expr in lines.items() if v.name.endswith("_bar")}

    def put_in(_: tree.Node, new: tree.Node) -> tree.Node:
        if isinstance(new, tree.Name) and new.name in known and new.name not in staying:
            return presenter.expression(known[new.name])
        return new

    presenter = context.printer.presenter
    shown, before = presenter.expression(lines[var]), None
    while shown != before:
        shown, before = tree.transform(shown, put_in), shown
    printer = context.printer
    return Row(printer.style.name_of(str(var.name)), printer.node(shown))


# -- parameters ----------------------------------------------------------------------------------


def parameter_section(
    context: Context, pulled: Program, found: Mapping[Var, Sequence[Local]]
) -> Section | None:
    """The gradient of each parameter in one step."""
    cell, lines = context.cell, pulled.as_mapping
    if not cell.params:
        return None
    bars = {v: _bar(v, lines) for v in cell.program.variables}
    share = Math(context.printer.style.name_of(str(cotangent_of(cell.params[0]).name)))
    blocks: list[Block] = [
        Paragraph(
            prose(
                "What one step gives to the gradients: {} is the derivative with respect to the "
                "copy of {} that step $t$ uses. Over a sequence, and over a batch, the gradient "
                "of a parameter is the sum of these shares.",
                share,
                context.symbol(cell.params[0]),
            )
        )
    ]
    for var in cell.params:
        line = pulled[str(cotangent_of(var).name)]
        uses = list(_products(cell.program, var))
        if len(var.shape) < 2:
            blocks += _step(context, line, var, bars, found)
            continue
        shown = [(of, context.printer.expression(operand)) for of, operand in uses]
        where = joined(
            prose("{} in {}", Math(operand), context.ref(("definition", of)))
            for of, operand in shown
        )
        reason = (
            prose("It multiplies {}: the gradient of a matrix is an outer product.", where)
            if uses
            else ("Chain rule.",)
        )
        blocks.append(context.formula(("bar", var), [context.printer.row(line)], reason))
        if context.full and uses:
            blocks.append(Items(tuple(why_outer(context, var, operand) for _, operand in shown)))
    return Section("The gradients of the parameters", tuple(blocks))


def _products(program: Program, matrix: Var) -> Iterator[tuple[Var, sp.Expr]]:
    """Where a matrix stands by itself before a vector: the definition, and the vector."""
    for d in program:
        for product in sorted(d.expr.atoms(MatVec), key=str):
            if product.args[0] == matrix:
                yield d.var, product.args[1]
