r"""A document in GitHub's Markdown, with its figures as SVG files beside it.

Displayed formulas stand in fences of the language ``math``, inline ones in code spans between
dollars: within these GitHub reads no Markdown, so that a backslash, an underscore or ``<`` stays
what it is. GitHub forbids ``\operatorname`` (github/markup, issue 1688) and does not place a
``\tag`` well: neither is used.
"""

import re
from collections.abc import Iterable

from gru_sym.latex.blocks import (
    Block,
    Code,
    Document,
    Figure,
    Formula,
    Items,
    Listing,
    Math,
    Paragraph,
    Ref,
    Span,
    Spans,
    Status,
    Table,
)
from gru_sym.latex.html import plain
from gru_sym.latex.mathsvg import MathSvg, glyph_defs, typeset
from gru_sym.latex.page import visible
from gru_sym.latex.svg import TYPE, svg_of

__all__ = ["markdown_of"]

_MARKS = {"proved": "✅", "refuted": "❌"}
# What begins something wherever it stands; what does at the start of a line is dealt with there.
_SIGNS = re.compile(r"([\\`*_{}\[\]<>#|~$&!])")
_AT_START = re.compile(r"^(\s*)([-+=]|\d+(?=[.)]))")
_LINK = re.compile(r"(?i)\b(https?|ftp|www|mailto)(?=[:.])|@")


def markdown_of(document: Document, figure_name: str) -> tuple[str, dict[str, str]]:
    """The text, and its figures: name of the file and SVG.

    Args:
        document: the document.
        figure_name: of the files of figures, without an ending; the second and later ones get a
            number behind it.

    Raises:
        MissingLibraryError: ziamath, which sets the labels of figures, is not installed.
    """
    writer = _Writer(figure_name)
    parts = [f"# {_text(document.title)}"]
    parts += [_text(document.subtitle)] * bool(document.subtitle)
    parts += map(writer.block, document.opening)
    for number, section in enumerate(document.sections, 1):
        parts.append(f"## {number}. {_text(section.title)}")
        parts += map(writer.block, section.blocks)
    return "\n\n".join(filter(None, parts)) + "\n", writer.files


class _Writer:
    def __init__(self, figure_name: str) -> None:
        self._figure_name = figure_name
        self.files: dict[str, str] = {}

    def block(self, block: Block) -> str:
        match block:
            case Paragraph():
                return _line(block.spans)
            case Formula():
                return _formula(block)
            case Items():
                return "\n".join(f"- {_line(item)}" for item in block.items)
            case Table():
                return _table(block)
            case Figure():
                return self._figure(block)
            case Listing():
                return _fenced(visible(block.text).rstrip("\n"), "text")
            case Status():
                word = _text(block.verdict[:1].upper() + block.verdict[1:])
                mark = _MARKS.get(block.verdict, "⚠️")
                return f"> {mark} **{word}.** {_line(block.spans)}"

    def _figure(self, figure: Figure) -> str:
        count = len(self.files)
        name = f"{self._figure_name}{f'-{count + 1}' if count else ''}.svg"
        self.files[name] = _svg(figure)
        words = _text(plain(figure.caption)).replace("\n", " ")
        address = re.sub(r"[^A-Za-z0-9._~/-]", _percent, name)
        return f"![{words}]({address})\n\n{_line(figure.caption)}"


def _svg(figure: Figure) -> str:
    """The figure as a file of its own, with the outlines of its letters."""
    formulas: list[MathSvg] = []

    def label(latex: str) -> str:
        formulas.append(typeset(latex))
        return formulas[-1].part(TYPE)

    drawn = svg_of(figure.drawing, label, plain(figure.caption), alone=True)
    return drawn.removesuffix("</svg>") + f"{glyph_defs(formulas)}\n</svg>\n"


def _formula(formula: Formula) -> str:
    latex = _allowed(formula.latex.strip())
    if formula.number is not None:
        latex += rf" \qquad ({formula.number})"
    # A fence ends at a line of its own sign, which no formula has.
    shown = _fenced(latex, "math")
    return f"{shown}\n\n<sub>{_line(formula.reason)}</sub>" if formula.reason else shown


def _allowed(latex: str) -> str:
    """A formula without what GitHub forbids."""
    return re.sub(r"\\operatorname\{([^{}]*)\}", r"\\mathop{\\mathrm{\1}}", latex)


def _fenced(text: str, language: str) -> str:
    longest = max((len(found) for found in re.findall("`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    return f"{fence}{language}\n{text}\n{fence}"


def _table(table: Table) -> str:
    count = max([len(table.head), *map(len, table.rows)])
    head, *rows = (_row(row, count) for row in (table.head, *table.rows))
    return "\n".join([head, "|" + " --- |" * count, *rows])


def _row(row: Iterable[Spans], count: int) -> str:
    cells = [_line(cell).replace("\n", " ") for cell in row]
    return "| " + " | ".join([*cells, *[""] * (count - len(cells))]) + " |"


def _line(spans: Spans) -> str:
    """Spans of one paragraph; what would begin a list or a heading at its start does not."""
    shown = "".join(map(_span, spans))
    return _AT_START.sub(lambda found: found[1] + _kept(found[2]), shown)


def _kept(sign: str) -> str:
    """A sign that begins a list; of a number the dot behind it does."""
    return f"\\{sign}" if not sign.isdigit() else f"{sign}\u2060"


def _span(span: Span) -> str:
    match span:
        case Math():
            # In a table's cell a bar would end the cell, in code as well.
            latex = (
                " ".join(_allowed(span.latex).split())
                .replace(r"\|", r"\Vert ")
                .replace("|", r"\vert ")
            )
            return f"$`{latex}`$"
        case Ref():
            return f"({span.number})"
        case Code():
            return _code(span.text)
        case str():
            return _text(span)


def _code(text: str) -> str:
    """A code span; where Markdown's own cannot hold the text, as HTML's."""
    shown = " ".join(visible(text).split())
    if "`" in shown or "|" in shown or not shown:
        return f"<code>{_entities(shown)}</code>"
    return f"`{shown}`"


def _entities(text: str) -> str:
    """Every sign by its number, so that neither HTML nor Markdown reads it."""
    return "".join(c if c.isalnum() or c == " " else f"&#{ord(c)};" for c in text)


def _text(text: str) -> str:
    """Plain text: neither Markdown, nor HTML, nor an address that would become a link."""
    shown = _SIGNS.sub(r"\\\1", " ".join(visible(text).split(" ")).replace("\n", " "))
    shown = shown.replace(r"\<", "&lt;").replace(r"\>", "&gt;").replace(r"\&", "&amp;")
    return _LINK.sub(_unlinked, shown)


def _unlinked(found: re.Match[str]) -> str:
    return "&#64;" if found[0] == "@" else f"<!-- -->{found[0]}<!-- -->"


def _percent(found: re.Match[str]) -> str:
    return "".join(f"%{byte:02X}" for byte in found[0].encode("utf-8", "replace"))
