"""The contract: every cell in every notation is a document that is proved, typesets and fits."""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from xml.etree import ElementTree as ET

import pytest

from gru_sym import cells
from gru_sym.algebra.symbols import COTANGENTS
from gru_sym.derive.describe import KINDS
from gru_sym.documents import document
from gru_sym.errors import UnsupportedError
from gru_sym.latex import html, mathsvg
from gru_sym.latex.blocks import (
    Block,
    Document,
    Formula,
    Items,
    Paragraph,
    Ref,
    Spans,
    Status,
    Table,
)
from gru_sym.latex.html import html_of
from gru_sym.latex.markdown import markdown_of
from gru_sym.latex.mathsvg import MathSvg, typeset
from gru_sym.latex.notation import NOTATIONS, Notation
from gru_sym.latex.pdf import compile_pdf, overfull
from gru_sym.latex.tex import PREAMBLE, SHRUNK, TIKZ, body_of, tex_of
from tests.latex_tools import formulas_of, katex_errors, node, tex, ziamath

CheckLatex = Callable[[str], None]


def blocks_of(document: Document) -> Iterator[Block]:
    yield from document.opening
    for section in document.sections:
        yield from section.blocks


def spans_of(block: Block) -> Iterator[Spans]:
    match block:
        case Paragraph() | Status():
            yield block.spans
        case Formula():
            yield block.reason
        case Items():
            yield from block.items
        case Table():
            for row in (block.head, *block.rows):
                yield from row


def check(document: Document, check_latex: CheckLatex) -> None:
    """Proved, numbered from 1 without a gap, and citing only what stands above."""
    assert document.verdict == "proved"
    above = 0
    for block in blocks_of(document):
        cited = [s.number for spans in spans_of(block) for s in spans if isinstance(s, Ref)]
        assert all(1 <= number <= above for number in cited)
        if isinstance(block, Formula) and block.number is not None:
            above += 1
            assert block.number == above
    assert above
    for section in document.sections[1:]:  # the first has the equations, which follow from nothing
        assert all(block.reason for block in section.blocks if isinstance(block, Formula))
    for formula in dict.fromkeys(formulas_of(document)):
        check_latex(formula.partition(r" \tag{")[0])


# -- pages --------------------------------------------------------------------------------------

SEEN: set[tuple[str | None, ...]] = set()
"""What ziamath has been seen to set: elements beside one another, and what is in them."""


def looks(latex: str, *, display: bool) -> set[tuple[str | None, ...]]:
    """All that a formula's layout can depend on: each element with what stands beside or in it."""
    tree = ET.fromstring(mathsvg._ziamath().tex.tex2mml(latex, inline=not display))
    mathsvg._adapt(tree)
    found: set[tuple[str | None, ...]] = set()
    for element in tree.iter():
        tag, parts = element.tag, [part.tag for part in element]
        if tag in {"mtr", "mtable"}:
            found.add((tag, str(len(parts) if tag == "mtr" else len(parts) > 1)))
        elif tag in {"mrow", "math", "mtd", "mstyle"}:
            found |= {(tag, *pair) for pair in zip(["", *parts], [*parts, ""], strict=True)}
        else:
            found.add((tag, *parts))
        found |= {(tag, "text", element.text), *((tag, "key", key) for key in element.attrib)}
    return found


def settled(latex: str, *, display: bool = False) -> MathSvg:
    """The formula, set by ziamath where anything in it is new, and only read by it elsewhere.

    Setting one takes 70 ms; reading it 1 ms, and there are some 40,000 of them.
    """
    new = looks(latex, display=display) - SEEN
    if not new:
        return MathSvg(latex, 1, 1, 0, (0, 0, 1, 1), "<g/>", ())
    SEEN.update(new)
    return typeset(latex, display=display)


KNOWN = cache(settled)


def numbered(document: Document) -> int:
    return sum(isinstance(b, Formula) and b.number is not None for b in blocks_of(document))


def pages_are_set(documents: Sequence[Document], patch: pytest.MonkeyPatch) -> None:
    ziamath()
    patch.setattr(html, "typeset", KNOWN)
    for each in documents:
        page = html_of(each)
        drawn = page.count('<svg class="math" ') + page.count('aria-hidden="true"') - 1
        assert drawn >= len(formulas_of(each))
        assert page.count('<div class="formula" id="eq-') == numbered(each)


def katex_renders(documents: Sequence[Document]) -> None:
    node()
    formulas = dict.fromkeys(formula for each in documents for formula in formulas_of(each))
    assert katex_errors([*formulas]) == []


def pdf_fits(documents: Sequence[Document]) -> None:
    """All in one file, which without an .aux is run through TeX once."""
    tex()
    bodies = "\n\\clearpage\n".join(map(body_of, documents))
    source = rf"{PREAMBLE}{TIKZ}\nofiles\begin{{document}}{bodies}\end{{document}}"
    log = compile_pdf(source).log
    assert overfull(log) == []
    assert [line for line in log.splitlines() if SHRUNK in line] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", cells.names())
def test_every_notation(
    name: str, check_latex: CheckLatex, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One test a cell, because what is proved of a form serves all notations that have it."""
    documents = [document(cells.cell(name), "all", each, "full") for each in NOTATIONS]
    for each in documents:
        check(each, check_latex)
    absent = []
    for typesets in (lambda d: pages_are_set(d, monkeypatch), katex_renders, pdf_fits):
        try:
            typesets(documents)
        except pytest.skip.Exception as skipped:
            absent.append(str(skipped))
    if absent:
        pytest.skip("; ".join(absent))


@pytest.mark.slow
@pytest.mark.parametrize("name", cells.names())
def test_every_kind_and_row_vectors(name: str, check_latex: CheckLatex) -> None:
    cell = cells.cell(name)
    for of in KINDS:
        check(document(cell, of), check_latex)
    for cotangent in COTANGENTS:
        notation = Notation("rows", vectors="row", cotangent=cotangent, product="circ")
        each = document(cell, "all", notation, "full")
        check(each, check_latex)
        assert "Vectors are rows" in body_of(each)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "notation"), [("rnn", "chung"), ("mgu", "cho"), ("mingru", "lecture")]
)
def test_a_page_that_is_set_in_full(name: str, notation: str) -> None:
    """Nothing of it is taken on trust."""
    ziamath()
    each = document(cells.cell(name), "all", notation)
    assert html_of(each).count('<svg class="math" ') >= numbered(each)


def test_a_formula_that_cannot_be_set_is_seen() -> None:
    """The short way itself: what ziamath does not know, and what it knows in another place."""
    ziamath()
    before = set(SEEN)
    settled(r"\frac{a}{b}", display=True)
    with pytest.raises(UnsupportedError, match="nosuch"):
        settled(r"\nosuch{a}")
    SEEN.clear()
    assert settled("a + b").glyphs
    assert not settled("a + b").glyphs
    assert settled("a + b^{2}").glyphs
    assert settled(r"a \odot b").glyphs
    SEEN.update(before)


def test_the_same_input_gives_the_same_document() -> None:
    """In another process, too: an order that depends on hashes would show."""
    script = (
        "from gru_sym import cells, document\n"
        "from gru_sym.latex.tex import tex_of\n"
        "print(tex_of(document(cells.mgu, 'all', 'concat', 'full')), end='')"
    )
    runs = [
        subprocess.run(
            [sys.executable, "-c", script],
            env={**os.environ, "PYTHONHASHSEED": seed},
            capture_output=True,
            encoding="utf-8",
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert runs[0] == runs[1] == tex_of(document(cells.mgu, "all", "concat", "full"))


def test_golden(golden: Callable[[str, str], None]) -> None:
    ziamath()
    text, figures = markdown_of(document(cells.gru, steps="full"), "gru-figure")
    assert list(figures) == ["gru-figure.svg"]
    golden("documents/gru.md", text)
