r"""Formulas as SVG."""

import re
import subprocess
import sys
from contextlib import nullcontext
from importlib import import_module
from xml.etree import ElementTree as ET

import pytest

from gru_sym.cells import cell, names
from gru_sym.documents import document
from gru_sym.errors import MissingLibraryError, UnsupportedError
from gru_sym.latex import latex_cell, latex_derivation, mathsvg
from gru_sym.latex.mathsvg import INSTALL, MathSvg, glyph_defs, glyph_sheet, typeset
from tests.latex_tools import SAMPLE, formulas_of, katex_errors, mathjax_errors, ziamath


@pytest.fixture(autouse=True)
def _typesetter() -> None:
    ziamath()


def uses(formula: MathSvg) -> list[str]:
    return re.findall(r'href="#(\w+)"', formula.drawn)


def test_a_formula() -> None:
    formula = typeset(r"z_{t} \odot (1 - z_{t})")
    root = ET.fromstring(formula.svg(16))
    assert root.get("aria-label") == r"z_{t} \odot (1 - z_{t})"
    assert root.get("fill") == "currentColor"
    assert float(root.get("width", "0")) == pytest.approx(formula.width * 16, abs=0.01)
    assert 4 < formula.width < 6.5
    assert 0.1 < formula.depth < 0.5 < formula.height < 1.6
    assert set(uses(formula)) == {name for name, _ in formula.glyphs}
    assert uses(formula).count(uses(typeset("z"))[0]) == 2
    assert "black" not in formula.svg()


def test_depth_puts_the_baseline_right() -> None:
    assert typeset("x").depth < typeset("p").depth < typeset(r"\frac{a}{b}").depth
    assert typeset("x").depth == pytest.approx(0.07, abs=0.03)


def test_the_same_in_every_process() -> None:
    formula = r"\left\lVert \frac{a}{b} \right\rVert + \left( \frac{a}{\frac{b}{c}} \right)"
    script = f"from gru_sym.latex.mathsvg import typeset; print(typeset({formula!r}).svg())"
    runs = {
        subprocess.run(
            [sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True
        ).stdout.strip()
        for _ in range(2)
    }
    assert runs == {typeset(formula).svg()}


def test_glyphs_stand_once_on_a_page() -> None:
    formulas = [typeset("a + b"), typeset("b + c"), typeset("a + b", display=True)]
    sheet = ET.fromstring(glyph_sheet(formulas))
    ids = [path.get("id") for path in sheet.iter("path")]
    assert len(ids) == len(set(ids)) == 4
    assert glyph_defs(formulas) in glyph_sheet(formulas)
    assert "defs" not in formulas[0].inline()
    assert "defs" not in formulas[0].part()
    assert "defs" in formulas[0].svg()


@pytest.mark.parametrize(
    ("formula", "same"),
    [
        (r"\bigl\lVert J \bigr\rVert", r"\bigl\| J \bigr\|"),
        (r"\lVert J \rVert", r"\| J \|"),
    ],
)
def test_delimiters(formula: str, same: str) -> None:
    assert typeset(formula).width == pytest.approx(typeset(same).width, rel=0.05)
    assert len(uses(typeset(formula))) == 3


def test_what_ziamath_would_set_otherwise() -> None:
    # A bar that is put together of pieces is drawn, and has glyphs.
    assert len(uses(typeset(r"\left. \frac{a}{b} \right|"))) == 3
    # Bold digits are not those of the text.
    assert uses(typeset(r"\mathbf{1}")) != uses(typeset("1"))
    # A name with an underscore is upright, and one word.
    named = typeset(r"\operatorname{hard\_tanh}(v)")
    assert uses(named)[0] == uses(typeset(r"\operatorname{hat}"))[0]
    # A binary operator has room; a lone one, and one in a script, has not.
    assert typeset(r"r \odot h").width > 0.3 + sum(typeset(c).width for c in "rh")
    assert typeset(r"\odot").width < 1
    # Spaces of texts are kept, and two equals signs are not one.
    assert typeset(r"\text{a b}").width > typeset(r"\text{ab}").width + 0.15
    text = typeset(r"\text{a == b-c}")
    assert (len(uses(text)), text.drawn.count("<rect")) == (5, 1)
    # Columns of remarks stand apart, and rows at an even pace.
    remark = typeset(r"\begin{aligned} a &= b && \text{[x]} \end{aligned}")
    assert remark.width > typeset(r"a = b\text{[x]}").width + 1
    one, two, three = (
        typeset(rf"\begin{{aligned}}{rows}\end{{aligned}}").height
        for rows in ("a &= a", r"a &= a \\ b_{t} &= x", r"a &= a \\ b_{t} &= x \\ z &= (z)")
    )
    assert three - two == pytest.approx(two - one, abs=0.05)


def test_what_is_left_out_for_speed_changes_no_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    formulas = [
        r"\left( \frac{a}{\sqrt{b_{t}^{2}}} \right)^{2}",
        r"\left[ \left. \frac{\frac{a}{b}}{c} \right| \right]",
        r"\Bigl( \widehat{x} \Bigr) \, \overline{a + \left\{ \frac{a}{b} \right\}}",
        r"\begin{pmatrix} a & \frac{b}{c} \\ \left( d \right) & e \end{pmatrix} \overset{a}{\to} b",
        latex_derivation(cell("lstm")),
    ]
    quick = [typeset.__wrapped__(each, display=True) for each in formulas]
    row = import_module("ziamath.nodes.mrow").Mrow
    measure = row._get_height_nostretch
    # The version that is installed has what is replaced, and has it again afterwards.
    with mathsvg._quick():
        assert row._get_height_nostretch is not measure
    assert row._get_height_nostretch is measure
    monkeypatch.setattr(mathsvg, "_quick", nullcontext)
    assert [typeset.__wrapped__(each, display=True) for each in formulas] == quick


def test_an_unknown_command_is_an_error() -> None:
    with pytest.raises(UnsupportedError, match="cannot typeset"):
        typeset(r"\frac{a}")


def test_an_absent_library(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "ziamath", None)
    with pytest.raises(MissingLibraryError, match="ziamath") as caught:
        typeset("never set before")
    assert caught.value.mend == INSTALL


def test_katex_renders_the_sample() -> None:
    assert katex_errors([r"\frac{a}", r"\gruu"]) != []
    assert katex_errors(formulas_of(SAMPLE)) == []


def test_mathjax_finds_what_is_wrong() -> None:
    wrong = [r"\frac{a}", r"\gruu", "x_{1}_{2}"]
    assert [each.partition(":")[0] for each in mathjax_errors(["a", *wrong])] == wrong
    assert mathjax_errors(formulas_of(SAMPLE)) == []


@pytest.mark.slow
def test_mathjax_renders_documents() -> None:
    documents = (
        document(cell(name), "all", notation, "full")
        for name in ("gru", "lstm", "gru_layernorm", "minlstm")
        for notation in ("chung", "lecture")
    )
    formulas = dict.fromkeys(formula for each in documents for formula in formulas_of(each))
    assert len(formulas) > 400
    assert mathjax_errors([*formulas]) == []


@pytest.mark.slow
@pytest.mark.parametrize("name", names())
def test_every_cell(name: str) -> None:
    it = cell(name)
    for latex in (latex_cell(it), *(latex_derivation(it, of) for of in ("jacobian", "vjp"))):
        formula = typeset(latex, display=True)
        assert "\\" not in "".join(re.findall(r">([^<]+)<", formula.drawn))
        assert ET.fromstring(formula.svg()) is not None


def test_a_sign_stands_at_its_number() -> None:
    """A minus after a bracket or a relation is narrower than one between two terms."""
    assert typeset("(-a)").width < typeset("(b-a)").width - typeset("b").width - 0.2
    assert typeset("c=-a").width < typeset("c=b-a").width - typeset("b").width - 0.2
    assert typeset("h'-a").width > typeset("h'").width + typeset("-a").width


def test_spelled_names_are_typewriter() -> None:
    assert typeset(r"\mathtt{x\_t}").glyphs != typeset(r"\mathit{x\_t}").glyphs
