r"""A document as one HTML page that needs nothing else: no script, no font, no request.

Formulas are inline SVG in the colour and the size of the text; their LaTeX is what a screen reader
reads, and can be opened and copied below each displayed formula. The letters' outlines are in the
page once. A Content-Security-Policy forbids the browser everything else.
"""

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
    Section,
    Span,
    Spans,
    Status,
    Table,
)
from gru_sym.latex.mathsvg import MathSvg, glyph_sheet, typeset
from gru_sym.latex.page import page_of
from gru_sym.latex.page import text as _text
from gru_sym.latex.svg import TYPE, svg_of

__all__ = ["html_of", "plain"]

_SECTIONS_TO_LIST = 4


def html_of(document: Document) -> str:
    """A complete page.

    Raises:
        MissingLibraryError: ziamath, which sets the formulas, is not installed.
    """
    page = _Page()
    opening = "".join(map(page.block, document.opening))
    sections = [page.section(number, each) for number, each in enumerate(document.sections, 1)]
    subtitle = f'<p class="subtitle">{_text(document.subtitle)}</p>' if document.subtitle else ""
    title = _text(document.title)
    return page_of(
        document.title,
        f"{glyph_sheet(page.formulas)}\n<main>\n"
        f"<header>\n<h1>{title}</h1>\n{subtitle}\n</header>\n{opening}"
        f"{_contents(document)}{''.join(sections)}</main>\n",
    )


def _contents(document: Document) -> str:
    if len(document.sections) < _SECTIONS_TO_LIST:
        return ""
    items = "".join(
        f'<li><a href="#section-{k}">{_text(section.title)}</a></li>\n'
        for k, section in enumerate(document.sections, 1)
    )
    return f'<nav aria-label="Contents">\n<ol>\n{items}</ol>\n</nav>\n'


class _Page:
    """Writes blocks, and remembers the formulas whose letters the page has to have."""

    def __init__(self) -> None:
        self.formulas: list[MathSvg] = []

    def section(self, number: int, section: Section) -> str:
        heading = f'<h2><span class="n">{number}</span>{_text(section.title)}</h2>'
        blocks = "".join(map(self.block, section.blocks))
        return f'<section id="section-{number}">\n{heading}\n{blocks}</section>\n'

    def block(self, block: Block) -> str:
        match block:
            case Paragraph():
                return f"<p>{self._spans(block.spans)}</p>\n"
            case Formula():
                return self._formula(block)
            case Items():
                items = "".join(f"<li>{self._spans(item)}</li>\n" for item in block.items)
                return f"<ul>\n{items}</ul>\n"
            case Table():
                return self._table(block)
            case Figure():
                drawing = svg_of(block.drawing, self._label, plain(block.caption))
                return (
                    f'<figure>\n<div class="scroll">{drawing}</div>\n'
                    f"<figcaption>{self._spans(block.caption)}</figcaption>\n</figure>\n"
                )
            case Listing():
                return f"<pre><code>{_text(block.text)}</code></pre>\n"
            case Status():
                known = {"proved", "refuted", "unproved"}
                kind = f" {block.verdict}" if block.verdict in known else ""
                word = _text(block.verdict[:1].upper() + block.verdict[1:])
                return (
                    f'<p class="status{kind}"><strong>{word}.</strong> '
                    f"{self._spans(block.spans)}</p>\n"
                )

    def _formula(self, formula: Formula) -> str:
        anchor = number = reason = ""
        if formula.number is not None:
            anchor = f' id="eq-{formula.number}"'
            number = f'<a class="number" href="#eq-{formula.number}">({formula.number})</a>\n'
        if formula.reason:
            reason = f'<p class="reason">{self._spans(formula.reason)}</p>\n'
        return (
            f'<div class="formula"{anchor}>\n'
            f'<div class="scroll">{self._typeset(formula.latex, display=True).inline()}</div>\n'
            f"{number}{reason}"
            '<details class="source"><summary>LaTeX</summary>'
            f"<pre><code>{_text(formula.latex)}</code></pre></details>\n</div>\n"
        )

    def _table(self, table: Table) -> str:
        head = "".join(f'<th scope="col">{self._spans(cell)}</th>' for cell in table.head)
        rows = "".join(f"<tr>{self._row(row)}</tr>\n" for row in table.rows)
        return (
            f'<div class="scroll table"><table>\n<thead><tr>{head}</tr></thead>\n'
            f"<tbody>\n{rows}</tbody>\n</table></div>\n"
        )

    def _row(self, row: tuple[Spans, ...]) -> str:
        first, *others = map(self._spans, row or ((),))
        return f'<th scope="row">{first}</th>' + "".join(f"<td>{each}</td>" for each in others)

    def _spans(self, spans: Spans) -> str:
        """Spans in a row; a mark that follows a formula stays on its line."""
        shown = ""
        before = ""
        for span in spans:
            text = self._span(span)
            if before and isinstance(span, str) and span[:1] in tuple(".,;:)"):
                shown += f'<span class="keep">{before}{_text(span[0])}</span>'
                before, text = "", _text(span[1:])
            shown += before
            before = text if isinstance(span, Math) else ""
            shown += "" if before else text
        return shown + before

    def _span(self, span: Span) -> str:
        match span:
            case Math():
                return self._typeset(span.latex).inline()
            case Ref():
                return f'<a href="#eq-{span.number}">({span.number})</a>'
            case Code():
                return f"<code>{_text(span.text)}</code>"
            case str():
                return _text(span)

    def _typeset(self, latex: str, *, display: bool = False) -> MathSvg:
        formula = typeset(latex, display=display)
        self.formulas.append(formula)
        return formula

    def _label(self, latex: str) -> str:
        return self._typeset(latex).part(TYPE)


def plain(spans: Spans) -> str:
    """Spans as words, for a title."""
    parts = []
    for span in spans:
        match span:
            case Math():
                parts.append(span.latex)
            case Ref():
                parts.append(f"({span.number})")
            case Code():
                parts.append(span.text)
            case str():
                parts.append(span)
    return "".join(parts)
