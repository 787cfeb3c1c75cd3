r"""A document as LaTeX, for pdflatex and the packages of any TeX installation.

It is complete (:func:`tex_of`), or for ``\input`` in a paper (:func:`fragment_of`).

Texts are escaped by :mod:`~gru_sym.latex.escape`. Nothing runs off the page: tables get columns
that fit, listings are wrapped, and a formula that is too wide is made smaller as the last resort,
which the log says (:data:`SHRUNK`).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from gru_sym.algebra.lines import width
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
from gru_sym.latex.escape import code_of, columns, escaped, typewriter
from gru_sym.latex.tikz import tikz_of

__all__ = ["PREAMBLE", "SHRUNK", "TIKZ", "body_of", "fragment_of", "tex_of"]

SHRUNK = "gru_sym: made smaller to fit the page"
"""The log has a line with these words for each formula and drawing that was too wide."""

_PACKAGES = r"""\usepackage[T1]{fontenc}
\usepackage[utf8]{inputenc}
\usepackage{amsmath,amssymb}
\usepackage{xcolor,graphicx,array,booktabs,longtable}
"""

# Written with \def and TeX's scratch registers: in a group they are gone when it ends.
_MACROS = r"""\definecolor{grusymaside}{gray}{0.36}
\definecolor{grusymproved}{HTML}{1A7F4B}
\definecolor{grusymrefuted}{HTML}{B42318}
\definecolor{grusymunproved}{HTML}{9A6700}
% A formula or a drawing, made smaller where it is wider than the room that there is.
\def\grusymfit#1#2{\begingroup\sbox0{#2}%
  \ifdim\wd0>\dimexpr#1\relax
    \typeout{gru_sym: made smaller to fit the page: \the\wd0}%
    \resizebox{\dimexpr#1\relax}{!}{\usebox0}%
  \else\usebox0\fi\endgroup}
\def\grusymformula#1{\grusymfit{\linewidth-3.5em}{$\displaystyle #1$}}
\def\grusymreason#1{\par\nobreak\vspace{-\belowdisplayskip}\vspace{-\parskip}\vspace{3pt}%
  {\centering\footnotesize\leavevmode\color{grusymaside}#1\par}\medskip}
% A formula that no prose leads to has no empty line above it.
\def\grusymunled#1{\par\vspace{-\parskip}\vspace{-\baselineskip}\vspace{#1}}
\def\grusymverdict#1#2#3{\par\medskip\begingroup\setlength{\fboxsep}{0pt}\noindent
  {\color{grusym#1}\vrule width 2.4pt}\colorbox{grusym#1!7}{\hspace{9pt}%
  \parbox{\dimexpr\linewidth-20.4pt\relax}{\vspace{6pt}\raggedright
    {\color{grusym#1}\bfseries #2.} #3\par\vspace{6pt}}\hspace{9pt}}\endgroup\par\medskip}
\def\grusymlines{\par\smallskip\begingroup\footnotesize\ttfamily\raggedright
  \setlength{\parskip}{0pt}\leftskip=1em\relax}
\def\endgrusymlines{\par\endgroup\smallskip}
"""

PREAMBLE = (
    "\\documentclass[11pt,a4paper]{article}\n"
    + _PACKAGES
    + r"""\usepackage{lmodern}
\usepackage[margin=27mm]{geometry}
\IfFileExists{microtype.sty}{\usepackage{microtype}}{}
% Text that is copied from the PDF is the text that was written; the file has no date.
\ifdefined\pdfgentounicode\input{glyphtounicode}\pdfgentounicode=1\fi
\ifdefined\pdfinfoomitdate\pdfinfoomitdate=1\fi
\ifdefined\pdftrailerid\pdftrailerid{}\fi
\ifdefined\pdfsuppressptexinfo\pdfsuppressptexinfo=-1\fi
\setlength{\parindent}{0pt}
\setlength{\parskip}{0.5\baselineskip plus 2pt}
\setlength{\emergencystretch}{4em}
\frenchspacing
\clubpenalty=10000 \widowpenalty=10000 \displaywidowpenalty=10000
\raggedbottom
\allowdisplaybreaks[2]
\AtBeginDocument{\abovedisplayskip=7pt plus 3pt minus 2pt \belowdisplayskip=\abovedisplayskip
  \abovedisplayshortskip=\abovedisplayskip \belowdisplayshortskip=\abovedisplayskip}
"""
    + _MACROS
)

# What a fragment sets for as long as it lasts; all else is as the paper has it.
_WITHIN = r"""\setlength{\emergencystretch}{4em}
\frenchspacing
\allowdisplaybreaks[2]
\abovedisplayshortskip=\abovedisplayskip \belowdisplayshortskip=\belowdisplayskip
"""

TIKZ = r"""\usepackage{tikz}
\usetikzlibrary{arrows.meta}
"""

_LISTING_WIDTH = 92  # letters of a listing's line
_ROOM = 88.0  # letters of a table's line
_GAP = 3.0  # of which so many are between two columns
_LONG_ROWS = 16  # more rows than this may need a page break between them
_TALL = 34.0  # or so many lines, where a fraction makes a row taller


def tex_of(document: Document) -> str:
    """A complete LaTeX document."""
    title = document.title.encode("utf-16-be", "replace").hex().upper()
    return (
        PREAMBLE
        + TIKZ * _has_figure(document)
        + rf"\pdfinfo{{/Title <FEFF{title}>}}"
        + "\n\\begin{document}\n\n"
        + body_of(document)
        + "\n\\end{document}\n"
    )


def body_of(document: Document) -> str:
    r"""What stands between ``\begin{document}`` and ``\end{document}``."""
    blocks = _Writer().blocks
    parts = [
        r"\setcounter{section}{0}",
        "{\\centering\n"
        rf"{{\LARGE\bfseries {escaped(document.title)}\par}}"
        + (
            rf"\medskip{{\color{{grusymaside}}{escaped(document.subtitle)}\par}}"
            * bool(document.subtitle)
        )
        + "}\n\\bigskip",
        blocks(document.opening),
    ]
    for section in document.sections:
        parts += [rf"\section{{{escaped(section.title)}}}", blocks(section.blocks)]
    return "\n\n".join(parts) + "\n"


def fragment_of(document: Document, label: str) -> str:
    r"""A section for ``\input`` in a paper, which numbers its formulas as the paper's own.

    What it defines and sets ends with it. The packages that it needs are listed at its head.

    Args:
        document: the document; its sections become subsections.
        label: ASCII letters, digits and hyphens that no other fragment of the paper has. Formula 3
            gets the label ``eq:LABEL:3``, the section ``sec:LABEL``.
    """
    needed = (_PACKAGES + TIKZ * _has_figure(document)).splitlines()
    blocks = _Writer(label).blocks
    parts = [
        "\n".join(
            [
                r"% For \input in a paper, where the text is in one column. Its preamble needs",
                *(f"%   {line}" for line in needed),
                rf"% The section is \ref{{sec:{label}}}, and formula 1 is \eqref{{eq:{label}:1}}.",
                "% Nothing that is defined here is left at the end.",
                r"\begingroup",
                _MACROS + _WITHIN,
                rf"\section{{{escaped(document.title)}}}\label{{sec:{label}}}",
            ]
        ),
        rf"{{\color{{grusymaside}}{escaped(document.subtitle)}\par}}" * bool(document.subtitle),
        blocks(document.opening),
    ]
    for section in document.sections:
        parts += [rf"\subsection{{{escaped(section.title)}}}", blocks(section.blocks)]
    return "\n\n".join([*filter(None, parts), "\\par\\endgroup\n"])


def _has_figure(document: Document) -> bool:
    blocks = [*document.opening, *(b for s in document.sections for b in s.blocks)]
    return any(isinstance(block, Figure) for block in blocks)


# -- blocks ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Writer:
    """Writes blocks: with the document's own numbers, or with labels that LaTeX numbers."""

    label: str = ""

    def blocks(self, blocks: Sequence[Block]) -> str:
        """Blocks; a formula that follows on prose belongs to its paragraph."""
        shown = ""
        before: Block | None = None
        for block in blocks:
            if isinstance(block, Formula):
                above = 0.6 if before is None else 0
                led = isinstance(before, Paragraph)
                shown += "\n" if led else f"\n\n\\grusymunled{{{above}\\baselineskip}}\n"
            else:
                shown += "\n\n"
            if isinstance(block, Items) and isinstance(before, Formula):
                shown += "\\par\\vspace{-\\parskip}\\vspace{-\\medskipamount}\n"
            shown += self._block(block)
            before = block
        return shown.strip()

    def _block(self, block: Block) -> str:
        match block:
            case Paragraph():
                return self._spans(block.spans)
            case Formula():
                return self._formula(block)
            case Items():
                items = "\n".join(rf"\item {self._spans(item)}" for item in block.items)
                begin = "\\begin{itemize}\\setlength{\\itemsep}{0pt}"
                return f"{begin}\n{items}\n\\end{{itemize}}" if items else ""
            case Table():
                return self._table(block)
            case Figure():
                return (
                    "\\begin{center}\\begin{minipage}{\\linewidth}\\centering\n"
                    f"\\grusymfit{{\\linewidth}}{{{tikz_of(block.drawing)}}}\\par\\medskip\n"
                    f"{{\\small\\color{{grusymaside}}{self._spans(block.caption)}\\par}}\n"
                    "\\end{minipage}\\end{center}"
                )
            case Listing():
                return _listing(block.text)
            case Status():
                word = escaped(block.verdict[:1].upper() + block.verdict[1:])
                colour = block.verdict if block.verdict in {"proved", "refuted"} else "unproved"
                return rf"\grusymverdict{{{colour}}}{{{word}}}{{{self._spans(block.spans)}}}"

    def _formula(self, formula: Formula) -> str:
        r"""A displayed formula; one of many rows can break between them, over two pages."""
        number, star = "", "*"
        if formula.number is not None and self.label:
            number, star = rf"\label{{eq:{self.label}:{formula.number}}}", ""
        elif formula.number is not None:
            number = rf"\tag{{{formula.number}}}"
        rows = _rows(formula.latex)
        # The page of a paper may be a third lower than that of a whole document.
        page = 0.65 if self.label else 1.0
        if len(rows) > _LONG_ROWS * page or sum(map(_lines, rows)) > _TALL * page:
            columns = max(row.count("&") for row in rows) // 2 + 1
            spaced = [re.sub(r"\s*&&\s*", r" &&\\qquad ", row) for row in rows]
            inside = (" \\\\\n" if star else " \\notag\\\\\n").join(spaced)
            shown = (
                f"\\begin{{alignat{star}}}{{{columns}}}\n{inside}{number}\n\\end{{alignat{star}}}"
            )
        else:
            fitted = f"\\grusymformula{{\n{formula.latex}\n}}"
            shown = f"\\begin{{equation{star}}}\n{fitted}{number}\n\\end{{equation{star}}}"
        if not formula.reason:
            return shown
        # No page ends between a formula and its reason.
        kept = f"\\begingroup\\postdisplaypenalty=10000\n{shown}\n\\endgroup"
        return f"{kept}\n\\grusymreason{{{self._spans(formula.reason)}}}"

    def _table(self, table: Table) -> str:
        """As wide as its cells if that fits; otherwise the room is shared, and cells have lines."""
        rows = [table.head, *table.rows]
        count = max(map(len, rows), default=0)
        if not count:
            return ""
        cells = [[row[k] for row in rows if k < len(row)] for k in range(count)]
        natural = [max(map(_letters, column)) + _GAP for column in cells]
        columns = "l" * count
        if sum(natural) > _ROOM:
            least = [max(map(_longest, column)) + _GAP for column in cells]
            columns = "".join(
                rf">{{\raggedright\arraybackslash}}p{{\dimexpr{share:.4f}\linewidth-2\tabcolsep\relax}}"
                for share in _shares(natural, least)
            )
        shown = [
            " & ".join([*map(self._spans, row), *[""] * (count - len(row))]) + r" \\"
            for row in rows
        ]
        head, body = shown[0], "\n".join(shown[1:])
        if self.label and len(rows) <= _LONG_ROWS:
            return (
                f"\\begin{{center}}\\small\\begin{{tabular}}{{{columns}}}\n\\toprule\n{head}\n"
                f"\\midrule\n{body}\n\\bottomrule\n\\end{{tabular}}\\end{{center}}"
            )
        # It counts as a table of the paper's, though it has no caption.
        uncounted = r"\addtocounter{table}{-1}" * bool(self.label)
        return (
            f"\\begingroup\\small\\begin{{longtable}}{{{columns}}}\n\\toprule\n{head}\n"
            f"\\midrule\\endhead\n\\bottomrule\\endfoot\n{body}\n\\end{{longtable}}{uncounted}\\endgroup"
        )

    def _spans(self, spans: Spans) -> str:
        return "".join(map(self._span, spans))

    def _span(self, span: Span) -> str:
        match span:
            case Math():
                return f"${span.latex}$"
            case Ref() if self.label:
                return rf"\eqref{{eq:{self.label}:{span.number}}}"
            case Ref():
                return f"({span.number})"
            case Code():
                return rf"\texttt{{{code_of(span.text)}}}"
            case str():
                return escaped(span)


def _lines(row: str) -> float:
    """About how many lines of text a row is tall."""
    return 1 + 1.2 * (r"\frac" in row) + 1.2 * (r"\frac{\frac" in row)


def _rows(latex: str) -> list[str]:
    """The rows of an ``aligned`` environment that the whole formula is; otherwise none."""
    inside = re.fullmatch(r"\s*\\begin\{aligned\}(.*)\\end\{aligned\}\s*", latex, re.DOTALL)
    if not inside or r"\begin" in inside[1]:
        return []
    return [row.strip() for row in inside[1].split(r"\\")]


def _shares(natural: Sequence[float], least: Sequence[float]) -> list[float]:
    """Fractions of the line for columns of these widths: the widest give way first."""
    cap = max(natural)
    while cap > 0 and sum(max(min(w, cap), m) for w, m in zip(natural, least, strict=True)) > _ROOM:
        cap -= 1
    cut = [max(min(w, cap), m) for w, m in zip(natural, least, strict=True)]
    return [w / sum(cut) for w in cut]


def _longest(spans: Spans) -> float:
    """The widest of the pieces of spans that no line can break."""
    pieces: list[Span] = []
    for span in spans:
        pieces += span.split() if isinstance(span, str) else [span]
    return min(max((_letters((piece,)) for piece in pieces), default=1), _ROOM / 3)


def _letters(spans: Spans) -> float:
    """About how many letters wide spans are."""
    wide = 0.0
    for span in spans:
        match span:
            case Math():
                wide += 1.45 * width(span.latex)
            case Code():
                wide += 1.15 * len(span.text)
            case Ref():
                wide += len(str(span.number)) + 2
            case str():
                wide += len(span)
    return wide


def _listing(text: str) -> str:
    lines = [part for line in text.expandtabs(4).splitlines() for part in _wrapped(line)]
    shown = "\n".join(rf"\noindent {''.join(pieces) or '~'}\par" for pieces in lines)
    return f"\\begin{{grusymlines}}\n{shown}\n\\end{{grusymlines}}"


def _wrapped(line: str) -> Iterable[list[str]]:
    """A listing's line in pieces of typewriter type, broken at a space where one is near."""
    cells = [(character, typewriter(character)) for character in line]
    while True:
        end, wide = 0, 0.0
        while end < len(cells) and (wide := wide + columns(cells[end][0])) <= _LISTING_WIDTH:
            end += 1
        if end == len(cells):
            yield [shown for _, shown in cells]
            return
        spaces = [k for k in range(2 * end // 3, end) if cells[k][0] == " "]
        cut = spaces[-1] + 1 if spaces else end
        yield [shown for _, shown in cells[:cut]]
        cells = [(" ", typewriter(" "))] * 4 + cells[cut:]
