"""A derivation to a file: LaTeX, PDF, a page, or Markdown, as the file's name ends."""

import re
from collections.abc import Mapping
from pathlib import Path
from zlib import crc32

from gru_sym.atomic import writing
from gru_sym.cells.equations import Cell
from gru_sym.documents.making import ALL, STEPS, document
from gru_sym.errors import DataError, MissingLibraryError
from gru_sym.latex.blocks import Document
from gru_sym.latex.html import html_of
from gru_sym.latex.markdown import markdown_of
from gru_sym.latex.notation import Notation, notation_of
from gru_sym.latex.pdf import compile_pdf
from gru_sym.latex.tex import fragment_of, tex_of

__all__ = ["ENDINGS", "check_ending", "label_of", "write", "write_document"]

ENDINGS = (".tex", ".pdf", ".html", ".md")
_USUAL = "chung"


def write_document(
    cell: Cell,
    out: str | Path,
    of: str = ALL,
    notation: str | Notation = _USUAL,
    steps: str = STEPS[0],
    *,
    fragment: bool = False,
) -> tuple[Path, ...]:
    r"""Write the derivation of a cell's gradients as a document.

    Args:
        cell: the cell.
        out: the file to write, which ends in ``.tex``, ``.pdf``, ``.html`` or ``.md``.
        of: see :func:`~gru_sym.documents.making.document`.
        notation: a notation, or the name of its profile.
        steps: ``brief``, or ``full``: with the why of each transpose and each diag.
        fragment: whether a ``.tex`` is for ``\input`` in a paper: one section, whose formulas are
            numbered as the paper's own, and the packages it needs in a comment.

    Returns:
        What was written: the file, and a figure beside it where it is Markdown.

    Raises:
        DataError: the name has another ending, a fragment's is not ``.tex``, or the file cannot be
            written.
        MissingLibraryError: what the format needs is not installed. Where that is LaTeX, the
            ``.tex`` has been written in the place of the PDF.
    """
    check_ending(out, fragment=fragment)
    label = label_of(cell, of, notation) if fragment else ""
    return write(document(cell, of, notation, steps), Path(out), label)


def label_of(cell: Cell, of: str, notation: str | Notation) -> str:
    """What the labels of a fragment begin with: another cell, kind or notation has another.

    >>> from gru_sym import cells
    >>> label_of(cells.gru_concat, "all", "chung"), label_of(cells.gru, "jacobian", "cho")
    ('gru-concat', 'gru-jacobian-cho')
    """
    parts = [cell.name] + [of] * (of != ALL)
    parts += [name for name in [notation_of(notation).name] if name != _USUAL]
    plain = "-".join(re.sub(r"[^A-Za-z0-9]+", "-", part).strip("-") for part in parts)
    if re.fullmatch(r"[A-Za-z0-9_]+", "".join(parts)):
        return plain
    # What was taken out may have been all the difference.
    return f"{plain}-{crc32('/'.join(parts).encode('utf-8', 'replace')):08x}"


def check_ending(out: str | Path, *, fragment: bool = False) -> None:
    """Raise :class:`~gru_sym.errors.DataError` where a name has no ending that serves."""
    ending = Path(out).suffix.lower()
    if ending not in ENDINGS:
        what = f"ends in `{ending}`" if ending else "has no ending"
        raise DataError(
            f"{out} {what}, which says no format",
            mend=f"name a file that ends in {', '.join(ENDINGS[:-1])} or {ENDINGS[-1]}",
        )
    if fragment and ending != ".tex":
        raise DataError(
            f"{out} ends in `{ending}`, but a fragment is LaTeX for the \\input of a paper",
            mend="name a file that ends in .tex, or leave out `fragment` for a whole document",
        )


def write(made: Document, out: Path, label: str = "") -> tuple[Path, ...]:
    """Write a document in the format that the file's name ends in.

    Args:
        made: the document.
        out: the file.
        label: what a fragment's labels begin with (:func:`label_of`); without it a ``.tex`` is a
            whole document.
    """
    files: Mapping[Path, bytes]
    match out.suffix.lower():
        case ".tex":
            files = {out: (fragment_of(made, label) if label else tex_of(made)).encode()}
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
