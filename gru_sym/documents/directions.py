"""Derivatives along a direction: the jvp, and the second order."""

from collections.abc import Iterator, Mapping, Sequence

from gru_sym.algebra.expr import Var
from gru_sym.algebra.expressions import Printer
from gru_sym.algebra.program import Definition
from gru_sym.derive.describe import sections, select
from gru_sym.derive.jvp import tangent_of
from gru_sym.derive.local import Local
from gru_sym.documents.context import Context, joined, prose
from gru_sym.latex.blocks import Block, Math, Paragraph, Section
from gru_sym.latex.printer import printer_of

__all__ = ["hvp_section", "jvp_section"]


def jvp_section(context: Context, found: Mapping[Var, Sequence[Local]]) -> Section:
    """A line for each tangent, in the order of the equations."""
    derivation = select(context.cell, "jvp")
    printer = printer_of(derivation, context.notation)
    dots = {tangent_of(d.var): d.var for d in context.cell.program}
    some = context.cell.program.definitions[0].var
    blocks: list[Block] = [
        Paragraph(
            prose(
                "Let all inputs, states and parameters move. {} is how {} moves with them: each "
                "local derivative times the tangent of its variable, summed. A matrix that moves "
                "adds its own tangent times the vector.",
                Math(printer.style.name_of(str(tangent_of(some).name))),
                context.symbol(some),
            )
        )
    ]
    for section in sections(derivation):
        for d in section.definitions:
            of = dots[d.var]
            cited = ("local", of) if found[of] else ("definition", of)
            reason = prose("Chain rule, with the derivatives in {}.", context.ref(cited))
            blocks.append(context.formula(("dot", of), [printer.row(d)], reason))
    return Section("Tangents: the Jacobian-vector product", tuple(blocks))


def hvp_section(context: Context) -> Section:
    """The tangent of each line of the chain rule."""
    derivation = select(context.cell, "hvp")
    printer = printer_of(derivation, context.notation, in_sequence=True)
    first = {f"{d.name}_dot" for d in context.cell.program}
    lines = [d for section in sections(derivation) for d in section.definitions]
    tangents = [d for d in lines if d.name in first]
    seconds = [d for d in lines if d.name.endswith("_dot") and d.name not in first]
    given = joined(
        Math(printer.style.name_of(f"{v.name}_bar_dot")) for v in context.cell.program.outputs
    )
    blocks: list[Block] = [
        Paragraph(
            (
                "A Hessian times a vector is the derivative of the gradient along that vector. Let "
                "inputs, states and parameters move.",
            )
        ),
        *_moving(context, tangents, printer),
        Paragraph(
            prose(
                "Every line of the chain rule moves with them. {} {} how what is given moves: "
                "zero, where that is held fixed.",
                given,
                "tells" if len(context.cell.program.outputs) == 1 else "tell",
            )
        ),
        context.formula(
            ("seconds",),
            [printer.row(d) for d in seconds],
            "Sum, product and chain rule on each line of the derivation above.",
        ),
    ]
    return Section("Second order: a Hessian times a vector", tuple(blocks))


def _moving(context: Context, lines: Sequence[Definition], printer: Printer) -> Iterator[Block]:
    """How the equations move, where any of them is needed."""
    if lines:
        yield Paragraph(("The equations then move by",))
        rows = [printer.row(d) for d in lines]
        yield context.formula(("tangents",), rows, "Sum, product and chain rule, line by line.")
