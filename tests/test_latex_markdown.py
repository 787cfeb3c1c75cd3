r"""Documents as Markdown."""

import re
from xml.etree import ElementTree as ET

import pytest

from gru_sym import cells, document
from gru_sym.latex.blocks import (
    Code,
    Document,
    Figure,
    Formula,
    Items,
    Listing,
    Math,
    Paragraph,
    Section,
    Table,
)
from gru_sym.latex.markdown import markdown_of
from tests.latex_tools import DRAWING, HOSTILE, SAMPLE, ziamath


@pytest.fixture(autouse=True)
def _typesetter() -> None:
    ziamath()


def lines_of(*blocks: object) -> str:
    document = Document("T", "", (), (Section("S", blocks),))  # type: ignore[arg-type]
    return markdown_of(document, "figure")[0].removeprefix("# T\n\n## 1. S\n\n").rstrip("\n")


def test_formulas() -> None:
    assert lines_of(Formula("a_{t} < b", 3)) == "```math\na_{t} < b \\qquad (3)\n```"
    assert lines_of(Formula("a", None, ("why ", Math("b_{t}")))) == (
        "```math\na\n```\n\n<sub>why $`b_{t}`$</sub>"
    )
    assert (
        lines_of(Paragraph((Math(r"\operatorname{diag}(v)"),))) == r"$`\mathop{\mathrm{diag}}(v)`$"
    )
    assert lines_of(Paragraph((Math(r"\left|x\right| + \|J\|"),))) == (
        r"$`\left\vert x\right\vert  + \Vert J\Vert `$"
    )


def test_text_is_text() -> None:
    assert lines_of(Paragraph(("*a* _b_ `c` [d](e) <f> # | ~ $x$ &amp;",))) == (
        r"\*a\* \_b\_ \`c\` \[d\](e) &lt;f&gt; \# \| \~ \$x\$ &amp;amp;"
    )
    assert lines_of(Paragraph(("- a",))) == r"\- a"
    assert lines_of(Paragraph(("# a",))) == r"\# a"
    assert lines_of(Paragraph(("+ a\n\n- b",))) == r"\+ a  - b"
    assert lines_of(Paragraph(("1. a",))) == "1\u2060. a"
    assert "https:" not in lines_of(Paragraph(("https://a.b and c@d.e",)))
    assert lines_of(Paragraph(("a\u202eb",))) == r"a\[U+202E\]b"


def test_code() -> None:
    assert lines_of(Paragraph((Code("a_b <c>"),))) == "`a_b <c>`"
    assert lines_of(Paragraph((Code("a`|b"),))) == "<code>a&#96;&#124;b</code>"
    assert lines_of(Listing("a\n```\nb\n")) == "````text\na\n```\nb\n````"


def test_lists_and_tables() -> None:
    assert lines_of(Items((("a",), (Math("b"),)))) == "- a\n- $`b`$"
    assert lines_of(Table((("a",), ("b|c",)), ((("x",),),))) == (
        "| a | b\\|c |\n| --- | --- |\n| x |  |"
    )


def test_the_sample() -> None:
    text, files = markdown_of(SAMPLE, "a figure")
    assert text.startswith("# A cell &lt;/script&gt;\\\\write18\\{touch owned\\}&lt;img ")
    assert "](a%20figure.svg)" in text
    assert "## 4. The text" in text
    assert "> ✅ **Proved.**" in text
    assert "> ❌ **Refuted.** no" in text
    outside = re.sub(r"(`{3,})\w*\n.*?\n\1", "", text, flags=re.DOTALL)
    outside = re.sub(r"`[^`\n]*`", "", outside)
    assert not re.findall(r"<(?!/?sub>|/?code>|!-- -->)", outside)
    assert list(files) == ["a figure.svg"]


def test_figures_are_complete_files() -> None:
    figure = Figure(DRAWING, (HOSTILE,))
    document = Document("T", "", (figure, figure), ())
    text, files = markdown_of(document, "figure")
    assert list(files) == ["figure.svg", "figure-2.svg"]
    assert "](figure.svg)" in text
    assert "](figure-2.svg)" in text
    for drawn in files.values():
        root = ET.fromstring(drawn)
        name = "{http://www.w3.org/2000/svg}"
        known = {path.get("id") for path in root.iter(f"{name}path")}
        used = {use.get("href", "")[1:] for use in root.iter(f"{name}use")}
        assert used
        assert used <= known
        assert not list(root.iter(f"{name}script"))
        assert HOSTILE in "".join(root.itertext())


def test_nothing_that_github_forbids_or_misplaces() -> None:
    text, _ = markdown_of(document(cells.lstm, steps="full"), "figure")
    assert r"\mathop{\mathrm{diag}}" in text
    for macro in (r"\operatorname", r"\tag", r"\mbox", r"\phantom"):
        assert macro not in text
