r"""A document as one HTML page that needs nothing else: no script, no font, no request.

Formulas are inline SVG in the colour and the size of the text; their LaTeX is what a screen reader
reads, and can be opened and copied below each displayed formula. The letters' outlines are in the
page once. A Content-Security-Policy forbids the browser everything else.
"""

import unicodedata
from html import escape

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
from gru_sym.latex.svg import TYPE, svg_of

__all__ = ["html_of", "plain", "visible"]

_POLICY = "default-src 'none'; style-src 'unsafe-inline'; img-src data:"
_SECTIONS_TO_LIST = 4

# At an edge beyond which a box can be scrolled there is a shade. It keeps its place; what covers it
# at the content's own ends moves with the content.
_STYLE = """
:root{color-scheme:light dark;--text:#1c1e21;--aside:#5c626b;--line:#d5d9de;--back:#fff;
--panel:#f5f6f8;--shade:#0003;--link:#1a56b0;--proved:#1a7f4b;--refuted:#b42318;--unproved:#8a5d00}
@media (prefers-color-scheme:dark){:root{--text:#e4e6e9;--aside:#a3aab4;--line:#3a3f47;
--back:#16181c;--panel:#1f2227;--shade:#fff3;--link:#86b4f5;--proved:#5cc48d;--refuted:#f58a80;
--unproved:#e0b152}}
*{box-sizing:border-box}
html{-webkit-text-size-adjust:100%;text-size-adjust:100%}
body{margin:0;background:var(--back);color:var(--text);overflow-wrap:break-word;
font:17px/1.6 Charter,"Bitstream Charter","Sitka Text",Cambria,Georgia,serif}
main{max-width:46rem;margin:0 auto;padding:2.5rem 1.25rem 4rem}
h1{font-size:1.9rem;line-height:1.2;margin:0 0 .4rem}
h2{font-size:1.3rem;line-height:1.3;margin:2.8rem 0 .8rem}
h2 .n{color:var(--aside);font-weight:normal;margin-right:.7em}
.subtitle{color:var(--aside);margin:0 0 1.8rem}
a{color:var(--link);text-decoration:none}
a:hover,a:focus-visible{text-decoration:underline}
code,pre{font-family:ui-monospace,SFMono-Regular,Menlo,Consolas,"DejaVu Sans Mono",monospace}
code{font-size:.86em}
pre code{font-size:1em}
pre{border-radius:6px;padding:.8rem 1rem;overflow-x:auto;
font-size:.8rem;line-height:1.5;tab-size:4}
nav{border:1px solid var(--line);border-radius:6px;padding:.8rem 1.2rem;margin:1.8rem 0}
nav ol{margin:0;padding-left:1.6rem}
.math{fill:currentColor;overflow:visible;max-width:100%}
.scroll{overflow-x:auto;overflow-y:hidden}
.scroll .math{max-width:none}
.scroll{--under:var(--back)}pre{--under:var(--panel)}
.scroll,pre{background:linear-gradient(to right,var(--under) 30%,transparent) left local,
linear-gradient(to left,var(--under) 30%,transparent) right local,
linear-gradient(to right,var(--shade),transparent) left,
linear-gradient(to left,var(--shade),transparent) right var(--under);
background-size:2.4rem 100%,2.4rem 100%,.7rem 100%,.7rem 100%;background-repeat:no-repeat}
.formula{display:grid;grid-template-columns:minmax(0,1fr) auto;column-gap:1rem;
align-items:center;margin:1.1rem 0;scroll-margin-top:1rem}
.formula>.scroll{text-align:center;padding:.3rem 0}
.formula>.number{color:var(--aside)}
.formula:target>.number{color:var(--link);font-weight:bold}
.reason{grid-column:1;margin:0;text-align:center;font-size:.84rem;line-height:1.5;
color:var(--aside)}
.source{grid-column:2;align-self:start;font-size:.72rem;color:var(--aside);text-align:right}
.source[open]{grid-column:1/-1}
.source summary{cursor:pointer;list-style:none}
.source summary::-webkit-details-marker{display:none}
.source summary:hover{color:var(--link)}
.source pre{text-align:left;margin:.3rem 0 0;color:var(--text);user-select:all;
white-space:pre-wrap}
.status{border-left:4px solid var(--aside);background:var(--panel);border-radius:0 6px 6px 0;
padding:.7rem 1rem;margin:1.2rem 0}
.proved{border-color:var(--proved)}.proved strong{color:var(--proved)}
.refuted{border-color:var(--refuted)}.refuted strong{color:var(--refuted)}
.unproved{border-color:var(--unproved)}.unproved strong{color:var(--unproved)}
table{border-collapse:collapse;font-size:.94rem;line-height:1.5}
th,td{text-align:left;vertical-align:top;padding:.35rem 1.1rem .35rem 0;font-weight:normal}
thead th{border-bottom:1px solid var(--text);font-weight:bold}
tbody tr+tr>*{border-top:1px solid var(--line)}
.keep{white-space:nowrap}
.table{margin:1.1rem 0}
.table .math{max-width:none}
figure{margin:1.6rem 0;text-align:center}
figcaption{color:var(--aside);font-size:.9rem;margin-top:.6rem}
@media (max-width:34rem){body{font-size:16px}main{padding:1.5rem 1rem 3rem}
h1{font-size:1.55rem}.formula{column-gap:.6rem}.formula>.scroll{text-align:left}
.reason{text-align:left}.scroll>.math{font-size:.95em}}
@media print{:root{color-scheme:light;--text:#000;--aside:#444;--line:#bbb;--back:#fff;
--panel:#fff;--link:#000;--proved:#1a7f4b;--refuted:#b42318;--unproved:#8a5d00}
body{font-size:10.5pt}main{max-width:none;padding:0}nav,.source{display:none}
.scroll{overflow:visible}.scroll .math{max-width:100%;height:auto!important}
.scroll,pre{background:none}pre{white-space:pre-wrap;border:1px solid var(--line)}
.formula,figure,.status,tr{break-inside:avoid}h2{break-after:avoid}}
"""


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
    return (
        '<!DOCTYPE html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{_POLICY}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="color-scheme" content="light dark">\n'
        f"<title>{title}</title>\n<style>{_STYLE}</style>\n</head>\n<body>\n"
        f"{glyph_sheet(page.formulas)}\n<main>\n"
        f"<header>\n<h1>{title}</h1>\n{subtitle}\n</header>\n{opening}"
        f"{_contents(document)}{''.join(sections)}</main>\n</body>\n</html>\n"
    )


def visible(text: str) -> str:
    """Text without what is not seen: each such character (a change of direction) as its number."""
    return "".join(
        character
        if character in "\n\t" or unicodedata.category(character) not in {"Cc", "Cf", "Cs", "Co"}
        else f"[U+{ord(character):04X}]"
        for character in text
    )


def _text(text: str) -> str:
    return escape(visible(text))


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
