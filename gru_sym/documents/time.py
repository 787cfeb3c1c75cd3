"""Backpropagation through time, for any length of the sequence."""

from gru_sym.algebra.lines import Row
from gru_sym.algebra.program import Scan
from gru_sym.algebra.symbols import Naming, partial
from gru_sym.cells.equations import Cell
from gru_sym.derive.bptt import later_of, up_of
from gru_sym.derive.describe import Derivation
from gru_sym.derive.vjp import cotangent_of
from gru_sym.documents.context import Context, joined, prose
from gru_sym.latex.blocks import Block, Math, Paragraph, Section, Spans
from gru_sym.latex.printer import gradient_names, printer_of

__all__ = ["bptt_section"]


def _outputs(cell: Cell, naming: Naming) -> Spans:
    """What the loss sees of other outputs."""
    bars = [Math(naming(str(cotangent_of(v).name))) for v in cell.extra]
    return prose(" and of its output, {}", joined(bars)) if bars else ()


def bptt_section(context: Context, derivation: Derivation) -> Section:
    """The recurrence backwards in time, and the gradients as sums over time."""
    scan, cell = derivation.result, context.cell
    assert isinstance(scan, Scan)
    printer = printer_of(derivation, context.notation)
    naming = printer.style.name_of
    parts = {section.key: section.definitions for section in scan.sections}
    ups = joined(Math(naming(str(up_of(s).name))) for s in cell.states)
    laters = joined(Math(naming(str(later_of(s).name))) for s in cell.states)
    blocks: list[Block] = [
        Paragraph(
            prose(
                "Over a sequence of any length $T$ this comes to step $t$ from outside: what the "
                "loss sees of its state, {}{}, and what comes from the later steps, {}. After the "
                "last step nothing comes:",
                ups,
                _outputs(cell, naming),
                laters,
            )
        ),
        context.formula(
            ("bptt start",),
            [Row(naming.indexed(str(enters.name), "T"), "0") for enters, _ in scan.carry],
            "No step follows the last.",
        ),
        Paragraph(prose(r"Then, for $t = T, \ldots, 1$, one after the other:")),
    ]
    cited = [context.ref(("bar", v)) for v in cell.states if ("bar", v) in context.numbers]
    down = prose(", down to {}", joined(cited)) if cited else ()
    blocks.append(
        context.formula(
            ("bptt step",),
            [printer.row(d) for d in parts.get("step", ())],
            prose(
                "The chain rule of one step{}; what it gives to the old state is what comes from "
                "later at $t - 1$.",
                down,
            ),
        )
    )
    gradients = gradient_names(cell, printer)
    if "each" in parts:
        blocks += [
            Paragraph(
                prose("Nothing else is needed to go on. What remains is the same for every $t$:")
            ),
            context.formula(
                ("bptt each",),
                [printer.row(d, gradients.get(d.var, "")) for d in parts["each"]],
                prose(
                    "The chain rule of one step, with what {} found.", context.ref(("bptt step",))
                ),
            ),
        ]
    if "after" in parts:
        blocks += [
            Paragraph(
                prose(
                    "Each step uses the same parameters, so that their gradients add up over $t$ "
                    "(and over the sequences of a batch):"
                )
            ),
            context.formula(
                ("bptt after",),
                [printer.row(d, gradients.get(d.var, "")) for d in parts["after"]],
                prose("A parameter that is used $T$ times collects $T$ shares."),
            ),
        ]
    rows = [
        Row(
            partial("L", naming.indexed(str(s.name), "0")),
            naming.indexed(str(later_of(s).name), "0"),
        )
        for s in cell.states
        if cotangent_of(s) in {leaves for _, leaves in scan.carry}
    ]
    blocks += [
        Paragraph(("What is left at the beginning is the gradient of the initial state:",)),
        context.formula(
            ("bptt initial",), rows, prose("The last turn of {}.", context.ref(("bptt step",)))
        ),
    ]
    return Section("Backpropagation through time, for any T", tuple(blocks))
