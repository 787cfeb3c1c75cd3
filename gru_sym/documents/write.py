"""A derivation to a file: LaTeX, PDF, a page, or Markdown, as the file's name ends."""

from collections.abc import Mapping
from pathlib import Path

from gru_sym.atomic import writing
from gru_sym.cells.equations import Cell
from gru_sym.documents.making import ALL, STEPS, document
from gru_sym.errors import DataError, MissingLibraryError
from gru_sym.latex.blocks import Document
from gru_sym.latex.html import html_of
from gru_sym.latex.markdown import markdown_of
from gru_sym.latex.notation import Notation
from gru_sym.latex.pdf import compile_pdf
from gru_sym.latex.tex import tex_of

__all__ = ["ENDINGS", "check_ending", "write", "write_document"]

ENDINGS = (".tex", ".pdf", ".html", ".md")


def write_document(
    cell: Cell,
    out: str | Path,
    of: str = ALL,
    notation: str | Notation = "chung",
    steps: str = STEPS[0],
) -> tuple[Path, ...]:
    """Write the derivation of a cell's gradients as a document.

    Args:
        cell: the cell.
        out: the file to write, which ends in ``.tex``, ``.pdf``, ``.html`` or ``.md``.
        of: see :func:`~gru_sym.documents.making.document`.
        notation: a notation, or the name of its profile.
        steps: ``brief``, or ``full``: with the why of each transpose and each diag.

    Returns:
        What was written: the file, and a figure beside it where it is Markdown.

    Raises:
        DataError: the name has another ending, or the file cannot be written.
        MissingLibraryError: what the format needs is not installed. Where that is LaTeX, the
            ``.tex`` has been written in the place of the PDF.
    """
    check_ending(out)
    return write(document(cell, of, notation, steps), Path(out))


def check_ending(out: str | Path) -> None:
    """Raise :class:`~gru_sym.errors.DataError` where a name has no ending that is known."""
    ending = Path(out).suffix.lower()
    if ending not in ENDINGS:
        what = f"ends in `{ending}`" if ending else "has no ending"
        raise DataError(
            f"{out} {what}, which says no format",
            mend=f"name a file that ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}",
        )


def write(made: Document, out: Path) -> tuple[Path, ...]:
    """Write a document in the format that the file's name ends in."""
    files: Mapping[Path, bytes]
    match out.suffix.lower():
        case ".tex":
            files = {out: tex_of(made).encode()}
        case ".html":
            files = {out: html_of(made).encode()}
        case ".md":
            text, figures = markdown_of(made, f"{out.stem}-figure")
            files = {out: text.encode()}
            files |= {out.with_name(name): svg.encode() for name, svg in figures.items()}
        case _:
            files = {out: _pdf(made, out)}
    for path, content in files.items():
        with writing(path) as file:
            file.write(content)
    return tuple(files)


def _pdf(made: Document, out: Path) -> bytes:
    tex = tex_of(made)
    try:
        return compile_pdf(tex).content
    except MissingLibraryError as error:
        path = _free(out.with_suffix(".tex"))
        with writing(path, new=True) as file:
            file.write(tex.encode())
        raise MissingLibraryError(
            f"{error.message}; wrote {path} instead", mend=error.mend
        ) from error


def _free(path: Path) -> Path:
    """A path at which nothing is: a person may have worked on an earlier .tex."""
    found, number = path, 1
    while found.exists():
        number += 1
        found = path.with_stem(f"{path.stem}-{number}")
    return found
