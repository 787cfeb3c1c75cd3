"""A cell → a document: which parts it has, and what is proved of it."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import lru_cache

from gru_sym import __version__
from gru_sym.algebra.expressions import Printer
from gru_sym.algebra.lines import Row, aligned
from gru_sym.algebra.present import Presenter
from gru_sym.algebra.symbols import Naming
from gru_sym.cells.builtin import cell as builtin
from gru_sym.cells.builtin import names
from gru_sym.cells.equations import UNNAMED, Cell
from gru_sym.cells.parse import parse
from gru_sym.derive.bundles import bundled
from gru_sym.derive.describe import KINDS, Derivation, select
from gru_sym.derive.jacobian import Jacobian
from gru_sym.derive.jvp import hvp, jvp
from gru_sym.derive.paths import Path
from gru_sym.derive.vjp import vjp
from gru_sym.documents.backward import chain_section, delta_section, parameter_section
from gru_sym.documents.bounds import product_section
from gru_sym.documents.context import WIDE, Context, prose
from gru_sym.documents.directions import hvp_section, jvp_section
from gru_sym.documents.evidence import (
    Ends,
    prove_locals,
    prove_paths,
    prove_tangents,
    without_nothing,
)
from gru_sym.documents.forward import cell_section, local_section, locals_of, sizes_section
from gru_sym.documents.paths import jacobian_section
from gru_sym.documents.time import bptt_section
from gru_sym.errors import DataError, UnsupportedError
from gru_sym.latex.blocks import (
    Block,
    Code,
    Document,
    Formula,
    Listing,
    Paragraph,
    Section,
    Span,
    Status,
)
from gru_sym.latex.forms import Form, in_form
from gru_sym.latex.graph import drawing_of
from gru_sym.latex.notation import NOTATIONS, Notation, notation_of
from gru_sym.latex.printer import printer_of
from gru_sym.prove.equivalent import prove_equivalent
from gru_sym.prove.result import Proof, Proved
from gru_sym.prove.vjp import prove_vjp

__all__ = ["ALL", "STEPS", "document"]

ALL = "all"
DEFAULT = "chung"
STEPS = ("brief", "full")

Told = tuple[Jacobian, dict[Ends, tuple[Path, ...]]]


def document(
    cell: Cell, of: str = ALL, notation: str | Notation = DEFAULT, steps: str = STEPS[0]
) -> Document:
    """The derivation of a cell's gradients as a numbered document, with its proof's verdict.

    Args:
        cell: the cell.
        of: ``all``, or what alone is wanted: ``vjp``, ``jvp``, ``jacobian``, ``bptt``, ``hvp``.
        notation: a notation, or the name of its profile. Where it asks for another form of the
            equations, that form is shown once it is proved to be the same cell.
        steps: ``brief``, or ``full``: with the why of each transpose and each diag.

    Raises:
        DataError: there is no such kind, no such notation, no such steps.
    """
    if of not in (ALL, *KINDS):
        raise DataError(f"there is no derivative `{of}`", mend=f"{ALL}, {', '.join(KINDS)}")
    if steps not in STEPS:
        raise DataError(f"steps cannot be `{steps}`", mend=" or ".join(STEPS))
    notation = notation_of(notation)
    shown, said = _in_its_form(cell, notation)
    pulled = vjp(shown)
    context = Context(
        shown,
        notation,
        printer_of(Derivation(shown, "vjp", pulled), notation, in_sequence=True),
        full=steps == "full",
        reached=frozenset(pulled.variables),
    )
    told = _told(shown) if of in {ALL, "jacobian"} else None
    if told is not None:
        context.blocks = frozenset({**told[0].bundles, **told[0].blocks})
    proofs = list(_proofs(shown, of, told))
    sections = tuple(_sections(context, of, told))
    opening: list[Block] = [_status(proofs), *said]
    title = shown.title or ("A recurrent cell" if cell.name == UNNAMED else cell.name)
    subtitle = shown.document.header.cite
    closing = _closing(cell, of, notation, steps, proofs)
    return Document(title, subtitle, tuple(opening), (*sections, closing))


def _sections(context: Context, of: str, told: Told | None) -> Iterator[Section]:
    cell = context.cell
    pulled = vjp(cell)
    found = locals_of(context)
    yield cell_section(context, drawing_of(cell, context.printer.style.name_of))
    yield sizes_section(context)
    pulled_back = of not in {"jvp", "jacobian"}
    yield local_section(context, found, pulled_back=pulled_back)
    if of == "jvp":
        yield jvp_section(context, found)
    if of in {ALL, "vjp", "bptt", "hvp"}:
        yield chain_section(context, pulled, found)
        delta = delta_section(context, pulled)
        if delta is not None:
            yield delta
        parameters = parameter_section(context, pulled, found)
        if parameters is not None:
            yield parameters
    if of in {ALL, "jacobian"}:
        yield _too_many() if told is None else jacobian_section(context, *told)
    if of in {ALL, "bptt"}:
        yield bptt_section(context, select(cell, "bptt"))
    if told is not None:
        yield product_section(context, told[0])
    if of == "hvp":
        yield hvp_section(context)


@lru_cache(maxsize=64)
def _told(cell: Cell) -> Told | None:
    """The paths that a document tells of, and those that are zero always."""
    try:
        return without_nothing(bundled(cell))
    except UnsupportedError:
        return None


def _too_many() -> Section:
    text = "This cell has more paths than can be written one by one: take its layers alone."
    return Section("The Jacobian, by path", (Paragraph((text,)),))


# -- what is proved ------------------------------------------------------------------------------


def _in_its_form(cell: Cell, notation: Notation) -> tuple[Cell, list[Block]]:
    """The cell in the form that a notation asks for, and what is to be said of it."""
    said: list[Span] = [f"Written in {notation.title}" if notation.title else ""]
    said += [f" ({notation.source})"] if notation.source else []
    said += [". ", notation.remark] if notation.remark else ["."]
    form = in_form(cell, notation.form)
    if not form.mapping:
        return cell, [Paragraph(tuple(said))]
    proof = prove_equivalent(form.cell, cell, form.mapping)
    if proof.verdict != "proved":
        said.append(
            " That its form of the equations is the same cell could not be proved, so the cell is "
            "as it was given."
        )
        return cell, [Paragraph(tuple(said))]
    said.append(
        " The equations below are in this notation's form. It is proved, for all sizes, to be the "
        "cell that was given, with"
    )
    after = (
        "where those marked as given are the parameters of that cell, under its own names. All "
        "others are the same."
    )
    shown = Formula(aligned(_mapped(cell, form, notation), WIDE), None)
    return form.cell, [Paragraph(tuple(said)), shown, Paragraph((after,))]


def _mapped(cell: Cell, form: Form, notation: Notation) -> Iterator[Row]:
    """The parameters of a form in those of the cell that was given."""
    printer = printer_of(form.cell, notation)
    plain = Naming()
    marked = {str(v.name): rf"{plain(str(v.name))}^{{\mathrm{{given}}}}" for v in cell.params}
    style = replace(printer.style, name_of=Naming(symbols=marked))
    given = Printer(Presenter.of(cell.program), style, in_rows=notation.in_rows)
    for line in parse(form.mapping, derivation=True).definitions:
        matrix = len(form.cell.program.variable(line.name).shape) == 2
        yield Row(printer.style.name_of(line.name), given.node(line.value, matrix=matrix))


def _proofs(cell: Cell, of: str, told: Told | None) -> Iterator[tuple[str, Proof]]:
    """What a document says, and its proof; the words follow "that" and "whether"."""
    if of != "jvp":
        words = "the gradients are right for all sizes and every sequence length"
        yield words, _gradients_proof(cell)
    slopes = _locals_proof(cell)
    if list(slopes):
        yield "the local derivatives are right for all sizes", slopes
    if told is not None:
        yield "the paths of the Jacobian add up to the gradient", _paths_proof(cell)
    if of == "jvp":
        yield (
            "the tangents are right for all sizes",
            prove_tangents(cell.name, cell.program, jvp(cell)),
        )
    if of == "hvp":
        proof = prove_tangents(cell.name, vjp(cell), hvp(cell))
        yield "the second-order lines are the derivatives of the gradients, for all sizes", proof


# What takes longest, and is the same in every notation.


@lru_cache(maxsize=64)
def _gradients_proof(cell: Cell) -> Proof:
    return prove_vjp(cell)


@lru_cache(maxsize=64)
def _locals_proof(cell: Cell) -> Proof:
    return prove_locals(cell)


@lru_cache(maxsize=64)
def _paths_proof(cell: Cell) -> Proof:
    # With those that are zero: to see that they are, the definitions have to be put in.
    return prove_paths(bundled(cell))


def _status(proofs: Sequence[tuple[str, Proof]]) -> Status:
    """The worst verdict, and a sentence for each."""
    verdicts = [proof.verdict for _, proof in proofs]
    worst = next(v for v in ("refuted", "unproved", "proved") if v in verdicts)
    spans: list[Span] = []
    for verdict, words in (
        ("proved", "It is proved that {}."),
        ("unproved", "Whether {} could not be proved: do not take it for granted."),
        ("refuted", "It is false that {}: do not use it."),
    ):
        claims = [claim for claim, proof in proofs if proof.verdict == verdict]
        if claims:
            conjunction = " whether " if verdict == "unproved" else " that "
            *others, last = claims
            listed = f",{conjunction}".join(others) + f", and{conjunction}" * bool(others) + last
            spans.append(words.replace("{}", listed) + " ")
    assumed = dict.fromkeys(words.rstrip(".") for _, proof in proofs for words in _assumed(proof))
    if assumed:
        spans.append(f"Assumed: {'; '.join(assumed)}. ")
    spans.append("What else is shown follows by the rule that stands with it.")
    return Status(worst, tuple(spans))


def _assumed(proof: Proof) -> Iterator[str]:
    yield from proof.assumed
    for answer in proof:
        if isinstance(answer, Proved):
            yield from answer.assumed


def _said_of(notation: Notation) -> str:
    """A notation on the command line."""
    profile = NOTATIONS.get(notation.name)
    if profile is None:
        return f" --notation {notation.name}.toml"
    command = f" --notation {profile.name}" if profile.name != DEFAULT else ""
    for key in ("cotangent", "product", "vectors"):
        if getattr(notation, key) != getattr(profile, key):
            command += f" --{key} {getattr(notation, key)}"
    return command


def _closing(
    cell: Cell, of: str, notation: Notation, steps: str, proofs: Sequence[tuple[str, Proof]]
) -> Section:
    name = cell.name
    if name not in names() or cell != builtin(name):
        name = f"{name}.cell" if re.fullmatch(r"[A-Za-z0-9_.-]+", name) else f"{UNNAMED}.cell"
    command = f"gru-sym latex {name}"
    command += f" --of {of}" if of != ALL else ""
    command += _said_of(notation)
    command += f" --steps {steps}" if steps != STEPS[0] else ""
    claims = sum(1 for _, proof in proofs for _ in proof)
    made = prose(
        f"Derived by gru_sym {__version__}, from the text below, with {{}}. Its proofs have "
        f"{claims} claims.",
        Code(command),
    )
    if of != "jvp":
        made += prose(" {} lists those about the gradients.", Code(f"gru-sym prove {name}"))
    shown = cell.document.source.strip() or cell.text.strip()
    return Section("To make it again", (Paragraph(made), Listing(shown)))
