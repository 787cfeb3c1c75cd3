"""`gru-sym latex`: a derivation that people read, as LaTeX, PDF, a page or Markdown."""

from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gru_sym.cli import output
from gru_sym.cli.source import check_apart, load_cell

if TYPE_CHECKING:
    from gru_sym.latex.notation import Notation

__all__ = ["latex_command"]

OF = ("all", "vjp", "jvp", "jacobian", "bptt", "hvp")
"""As in :mod:`gru_sym.documents.making`, which would load SymPy."""
NOTATIONS = ("chung", "cho", "pytorch", "concat", "lecture", "xh")
"""As :data:`gru_sym.latex.notation.NOTATIONS`."""
CHOICES = {
    "cotangent": ("bar", "delta", "partial"),
    "product": ("odot", "circ"),
    "vectors": ("column", "row"),
}


@click.command(
    "latex",
    epilog="\n".join(
        (
            "\b",
            "Examples:",
            "  gru-sym latex gru -o gru.pdf",
            "  gru-sym latex my.cell --of jacobian --notation pytorch -o jacobian.html",
            "  gru-sym latex lstm --steps full --notation mine.toml -o lstm.md",
            "  gru-sym latex gru --fragment -o gru.tex    # \\input{gru} in a paper",
        )
    ),
)
@click.argument("cell")
@click.option(
    "--of", type=click.Choice(OF), default="all", show_default=True, help="What to derive."
)
@click.option(
    "--notation",
    default="chung",
    show_default=True,
    metavar="P",
    help=f"How symbols are written: {', '.join(NOTATIONS)}, or the path of a .toml file.",
)
@click.option(
    "--cotangent", type=click.Choice(CHOICES["cotangent"]), help="Instead of the notation's own."
)
@click.option(
    "--product", type=click.Choice(CHOICES["product"]), help="Instead of the notation's own."
)
@click.option(
    "--vectors", type=click.Choice(CHOICES["vectors"]), help="Instead of the notation's own."
)
@click.option(
    "--steps",
    type=click.Choice(["brief", "full"]),
    default="brief",
    show_default=True,
    help="With full, the why of each transpose and each diag.",
)
@click.option(
    "--fragment",
    is_flag=True,
    help="Write a .tex for \\input in a paper: one section, its formulas numbered as the paper's.",
)
@click.option(
    "-o",
    "--out",
    metavar="FILE",
    help="The file to write: .tex, .pdf, .html or .md; - is LaTeX on standard output.  "
    "[default: -]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def latex_command(
    cell: str,
    of: str,
    notation: str,
    steps: str,
    fragment: bool,
    out: str | None,
    as_json: bool,
    **choices: str | None,
) -> None:
    """Write the derivation of CELL's gradients as a document.

    It is numbered: the cell, local derivatives, the chain rule line by line, the gradients of the
    parameters, the Jacobian by path, backpropagation through time, and what bounds the product of
    Jacobians. It says what of it is proved. The PDF needs LaTeX; the page and the figure beside
    Markdown need ziamath.
    """
    out = None if out == "-" else out
    if out is not None:
        from gru_sym.documents.write import check_ending

        check_ending(out, fragment=fragment)
        check_apart(cell, out)
    found = load_cell(cell)
    from gru_sym.documents.making import document
    from gru_sym.documents.write import label_of, write
    from gru_sym.latex.style import note_of_unused
    from gru_sym.latex.tex import fragment_of, tex_of

    chosen = _notation(notation, choices)
    note = note_of_unused(found, chosen)
    if note:
        click.echo(f"note: {note}", err=True)
    made = document(found, of, chosen, steps)
    label = label_of(found, of, chosen) if fragment else ""
    written = write(made, Path(out), label) if out is not None else ()
    source = fragment_of(made, label) if label else tex_of(made)
    if as_json:
        about: dict[str, Any] = {"cell": found.name, "of": of, "notation": notation, "steps": steps}
        about["verdict"] = made.verdict
        about["out"] = [str(path) for path in written]
        output.print_json(about if written else about | {"source": source})
    elif out is None:
        click.echo(source, nl=False)
    else:
        for path in written:
            click.echo(f"wrote {path}", err=True)


def _notation(name: str, choices: dict[str, str | None]) -> "Notation":
    """A profile or a file, with what was chosen beside it."""
    from dataclasses import replace

    from gru_sym.latex.notation import load_notation, notation_of

    is_file = name not in NOTATIONS and (name.endswith(".toml") or Path(name).exists())
    found = load_notation(name) if is_file else notation_of(name)
    chosen: dict[str, Any] = {key: value for key, value in choices.items() if value is not None}
    return replace(found, **chosen)
