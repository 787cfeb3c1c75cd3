r"""Documents as LaTeX."""

import re
from pathlib import Path

import pytest

from gru_sym.latex.blocks import (
    Block,
    Document,
    Formula,
    Listing,
    Math,
    Paragraph,
    Ref,
    Section,
    Table,
)
from gru_sym.latex.pdf import compile_pdf, overfull
from gru_sym.latex.tex import PREAMBLE, SHRUNK, TIKZ, body_of, fragment_of, tex_of
from tests.latex_tools import HOSTILE, SAMPLE, pdf_text, tex


def document(*blocks: Block) -> Document:
    return Document("A title", "", (), (Section("One", blocks),))


def test_structure() -> None:
    source = tex_of(SAMPLE)
    assert source.startswith(PREAMBLE)
    assert TIKZ in source
    assert body_of(SAMPLE) in source
    assert r"\tag{1}" in source
    assert "by (1)" in source
    assert r"\grusymverdict{proved}{Proved}" in source
    assert r"\grusymverdict{unproved}{Unproved}" in source
    plain = tex_of(document(Paragraph(("a",))))
    assert "tikz" not in plain
    assert "tabular" not in plain
    assert source.count(r"\end{document}") == 1


def test_hostile_text_does_nothing() -> None:
    source = tex_of(SAMPLE)
    body = source.partition(r"\begin{document}")[2]
    assert r"\write" not in body.replace(r"\textbackslash{}write", "")
    assert r"\end{verbatim}" not in body


def test_long_formulas_can_break_over_pages() -> None:
    rows = r" \\ ".join(rf"a_{{{k}}} &= b && \text{{[x]}}" for k in range(17))
    long = body_of(document(Formula(rf"\begin{{aligned}}{rows}\end{{aligned}}", 1)))
    assert r"\begin{alignat*}{2}" in long
    assert r"a_{16} &= b &&\qquad \text{[x]}\tag{1}" in long
    nested = rf"\begin{{aligned}}\begin{{pmatrix}}{rows}\end{{pmatrix}}\end{{aligned}}"
    assert "alignat" not in body_of(document(Formula(nested)))


def test_an_odd_table() -> None:
    assert "longtable" not in body_of(document(Table((), ())))
    assert "{l}" in body_of(document(Table((("a",),), ((("b",),), ()))))


def test_a_long_line_of_a_listing_is_wrapped() -> None:
    shown = body_of(document(Listing("x" * 1000 + "\n\nσ" * 3)))
    longest = max(len(line) for line in shown.splitlines() if line.startswith(r"\noindent x"))
    assert longest < 120
    assert r"\noindent ~\par" in shown


@pytest.fixture(scope="module")
def compiled() -> tuple[bytes, str]:
    tex()
    pdf = compile_pdf(tex_of(SAMPLE))
    return pdf.content, pdf.log


def test_the_sample_compiles(compiled: tuple[bytes, str], tmp_path: Path) -> None:
    content, log = compiled
    assert content.startswith(b"%PDF")
    assert overfull(log) == []
    assert "Missing character" not in log
    shown = " ".join(pdf_text(content, tmp_path).split())
    if shown:  # where there is a pdftotext
        # Words may be broken at a line's end.
        joined = re.sub(r"(\w)- ", r"\1", shown)
        assert HOSTILE.split()[0] in joined
        assert r"\write18{touch owned}" in joined
        assert "sigmoid(W_z @ x)" in joined
        assert r"\end{verbatim}" in joined
        assert "[U+202E]" in joined
        assert "Proved." in joined
        assert "1 The cell" in joined


def test_all_kinds_of_wide_things_fit() -> None:
    tex()
    wide = " + ".join(r"W_{\mathrm{input}}\,x_{t}" for _ in range(30))
    cell = (Math(" + ".join(["z_{t}"] * 8)),)
    words = ("word " * 30,)
    name = ("a_very_long_name_without_any_end_" * 9,)
    blocks = (
        Formula(wide, 1),
        Formula(rf"\begin{{aligned}}a &= {wide}\end{{aligned}}"),
        Table((("a",), ("b",), ("c",), ("d",)), ((cell, words, words, words),) * 60),
        Paragraph(name),
        Paragraph(("x" * 500,)),
        Listing("中" * 200 + "\n" + "𝐖" * 300 + "\n" + "σ" * 300 + "\n" + "é" * 300 + "%" * 300),
    )
    log = compile_pdf(tex_of(document(*blocks))).log
    assert overfull(log) == []
    assert log.count(SHRUNK) == 2


def test_every_character_compiles() -> None:
    """The Basic Multilingual Plane's first half, in prose and in typewriter type."""
    tex()
    characters = [chr(k) for k in range(1, 0x2C00)]
    lines = ["".join(characters[k : k + 60]) for k in range(0, len(characters), 60)]
    blocks = [Paragraph((line,)) for line in lines] + [Listing("\n".join(lines[:20]))]
    log = compile_pdf(tex_of(document(*blocks))).log
    assert "Missing character" not in log
    assert overfull(log) == []


def test_a_fragment_is_a_section_with_labels() -> None:
    source = fragment_of(SAMPLE, "my-cell")
    head, _, rest = source.partition(r"\begingroup")
    assert set(re.findall(r"%   (.*)", head)) <= set((PREAMBLE + TIKZ).splitlines())
    assert {r"%   \usepackage{tikz}", r"%   \usepackage{amsmath,amssymb}"} <= {*head.splitlines()}
    assert all(line.startswith("%") for line in head.splitlines())
    assert "tikz" not in fragment_of(document(Paragraph(("a",))), "a")
    for absent in (r"\documentclass", r"\usepackage", r"\newcommand", r"\tag", r"\setcounter"):
        assert absent not in rest
    assert rest.count(r"\section{") == 1
    assert rest.count(r"\subsection{") == len(SAMPLE.sections)
    assert source.endswith("\\par\\endgroup\n")
    labels = re.findall(r"\\label\{(.*?)\}", rest)
    assert labels == ["sec:my-cell", "eq:my-cell:1"]
    assert set(re.findall(r"\\eqref\{(.*?)\}", source)) == {"eq:my-cell:1"}


def test_a_long_formula_of_a_fragment_has_one_number() -> None:
    rows = r" \\ ".join(f"a_{{{k}}} &= b" for k in range(17))
    shown = fragment_of(document(Formula(rf"\begin{{aligned}}{rows}\end{{aligned}}", 1)), "a")
    assert r"\begin{alignat}{1}" in shown
    assert shown.count(r"\notag\\") == 16
    assert "a_{16} &= b\\label{eq:a:1}\n\\end{alignat}" in shown


PAPER = r"""\documentclass{{article}}
\usepackage[margin=1in]{{geometry}}
{packages}
\newcommand{{\fit}}{{mine}}\newcommand{{\reason}}{{mine}}\definecolor{{aside}}{{gray}}{{0}}
\makeatletter
\def\numbered#1{{\ifcsname r@#1\endcsname\expandafter\expandafter\expandafter
  \@firstoftwo\csname r@#1\endcsname\fi}}
\makeatother
\begin{{document}}
\begin{{equation}}\label{{mine}} a = b \end{{equation}}
\typeout{{before: \the\emergencystretch, \the\belowdisplayshortskip}}
\appendix
{fragments}
\begin{{table}}\caption{{Mine.}}\label{{table}}\end{{table}}
\typeout{{after: \the\emergencystretch, \the\belowdisplayshortskip}}
\typeout{{numbers: {numbers}, \numbered{{table}}}}
\ifdefined\grusymfit\typeout{{left behind}}\fi
\end{{document}}
"""


def paper(fragments: list[str], *labels: str) -> str:
    """The log of a paper that has some fragments, with the packages that they say they need."""
    packages = dict.fromkeys(line for each in fragments for line in re.findall("%   (.*)", each))
    numbers = ", ".join(rf"\numbered{{{label}}}" for label in labels)
    shown = "\n".join(fragments)
    source = PAPER.format(packages="\n".join(packages), fragments=shown, numbers=numbers)
    return compile_pdf(source).log


def test_fragments_in_a_paper() -> None:
    tex()
    rows = r" \\ ".join(rf"a_{{{k}}} &= b && \text{{[x]}}" for k in range(60))
    cell = (Math("z_{t}"),)
    long = document(
        Paragraph(("By ", Ref(2), ".")),
        Formula("a = b", 1),
        Formula(rf"\begin{{aligned}}{rows}\end{{aligned}}", 2, ("from ", Ref(1))),
        Table((("a",), ("b",)), ((cell, cell),) * 100),
        Formula(" + ".join(["W_{z}"] * 90), 3),
    )
    fragments = [fragment_of(SAMPLE, "sample"), fragment_of(long, "long")]
    log = paper(fragments, "sec:sample", "eq:sample:1", "sec:long", "eq:long:2", "eq:long:3")
    assert "numbers: A, 2, B, 4, 5, 1" in log
    before, after = re.findall(r"(?:before|after): (.*)", log)[-2:]
    assert before == after
    for wrong in ("left behind", "undefined", "multiply", "Missing character"):
        assert wrong not in log
    # A heading of the sample has a word that cannot be broken.
    assert overfull(log, 15) == []
    assert log.count(SHRUNK) == log.count("made smaller to fit the page") > 0
