r"""A document as data: sections of blocks, which each format writes in its own way.

Text is plain text: whoever writes a format escapes it. Formulas are LaTeX that was made by
:mod:`~gru_sym.latex.printer`, and is put into a format as it is.
"""

from collections.abc import Iterator
from dataclasses import dataclass

from gru_sym.latex.graph import Drawing

__all__ = [
    "Block",
    "Code",
    "Document",
    "Figure",
    "Formula",
    "Items",
    "Listing",
    "Math",
    "Paragraph",
    "Ref",
    "Section",
    "Span",
    "Spans",
    "Status",
    "Table",
    "prose",
]


@dataclass(frozen=True, slots=True)
class Math:
    r"""A formula within a line of text, without ``$``: ``z_{t} \odot (1 - z_{t})``."""

    latex: str


@dataclass(frozen=True, slots=True)
class Ref:
    """The number of a formula of this document, shown as (3)."""

    number: int


@dataclass(frozen=True, slots=True)
class Code:
    """A name or a command, in typewriter type."""

    text: str


Span = str | Math | Ref | Code
Spans = tuple[Span, ...]


def prose(text: str, *spans: Span | Spans) -> Spans:
    r"""A text with letters ``$t$`` as formulas, and spans in the places of its ``{}``, in order.

    Args:
        text: plain text; LaTeX between two ``$``. In LaTeX an empty pair of braces is ``{ }``.
        spans: for each ``{}`` a span, or several.

    Raises:
        ValueError: there are more places than spans, or fewer.

    >>> prose("Entry $i$ of {} is a gate.", Math("z"))
    ('Entry ', Math(latex='i'), ' of ', Math(latex='z'), ' is a gate.')
    """
    first, *pieces = text.split("{}")
    found = [*_lettered(first)]
    for span, piece in zip(spans, pieces, strict=True):
        found += span if isinstance(span, tuple) else (span,)
        found += _lettered(piece)
    return tuple(each for each in found if each != "")


def _lettered(text: str) -> Iterator[Span]:
    for k, piece in enumerate(text.split("$")):
        yield Math(piece) if k % 2 else piece


@dataclass(frozen=True, slots=True)
class Paragraph:
    """Lines of prose."""

    spans: Spans


@dataclass(frozen=True, slots=True)
class Formula:
    r"""A displayed formula.

    Attributes:
        latex: one ``aligned`` environment, broken into lines that fit a page.
        number: its number in the document, or None.
        reason: the rule by which it follows and the formulas that it comes from; below it, smaller.
    """

    latex: str
    number: int | None = None
    reason: Spans = ()


@dataclass(frozen=True, slots=True)
class Items:
    """A list, one bullet for each item."""

    items: tuple[Spans, ...]


@dataclass(frozen=True, slots=True)
class Table:
    """A table with a heading row."""

    head: tuple[Spans, ...]
    rows: tuple[tuple[Spans, ...], ...]


@dataclass(frozen=True, slots=True)
class Figure:
    """A drawing with its caption."""

    drawing: Drawing
    caption: Spans


@dataclass(frozen=True, slots=True)
class Listing:
    """Lines in typewriter type, as they are."""

    text: str


@dataclass(frozen=True, slots=True)
class Status:
    """A verdict, set apart (``proved``, ``refuted``, ``unproved``), and what is said of it."""

    verdict: str
    spans: Spans


Block = Paragraph | Formula | Items | Table | Figure | Listing | Status


@dataclass(frozen=True, slots=True)
class Section:
    """A heading and what stands below it; the sections of a document are numbered from 1."""

    title: str
    blocks: tuple[Block, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """A document.

    Attributes:
        title: plain text, as every text here.
        subtitle: a line below the title: where the cell is from.
        opening: what stands above the first section.
        sections: the rest.
    """

    title: str
    subtitle: str
    opening: tuple[Block, ...]
    sections: tuple[Section, ...]

    @property
    def verdict(self) -> str:
        """What its status says, ``unproved`` where it has none."""
        found = (block.verdict for block in self.opening if isinstance(block, Status))
        return next(found, "unproved")
