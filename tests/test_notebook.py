"""What a notebook shows: formulas, and reports as text, in HTML and in LaTeX."""

from collections.abc import Callable
from typing import Any

import pytest

from gru_sym import bptt, cells, check, jacobian, prove_equivalent, prove_vjp, stack, vjp
from gru_sym.cells.compose import bidirectional
from gru_sym.derive.describe import select
from gru_sym.latex.pdf import compile_pdf
from gru_sym.notebook import formulas_html, text_html, text_latex
from tests.latex_tools import HOSTILE, UNICODE, katex_errors, node, tex

SHOWN: dict[str, Callable[[], Any]] = {
    "cell": lambda: cells.gru,
    "stack": lambda: stack(cells.gru, cells.lstm),
    "network": lambda: bidirectional(cells.rnn),
    "program": lambda: vjp(cells.gru),
    "scan": lambda: bptt(cells.gru),
    "jacobian": lambda: jacobian(cells.lstm),
    "derivation": lambda: select(cells.gru, "bptt"),
    "proof": lambda: prove_vjp(cells.rnn),
    "refutation": lambda: prove_equivalent(cells.gru_keep, cells.gru, ""),
    "report": lambda: check(cells.gru, "z_bar = h_next_bar * (h - h_tilde)"),
}


@pytest.mark.parametrize("name", SHOWN)
def test_it_shows_itself_in_three_ways(name: str) -> None:
    thing = SHOWN[name]()
    assert repr(thing) == str(thing)
    latex, page = thing._repr_latex_(), thing._repr_html_()
    assert latex.startswith("$$")
    assert latex.endswith("$$")
    assert page.startswith(("<div>", "<pre>"))
    assert "<" not in page[5:-6]


def test_latex_and_katex_read_them() -> None:
    shown = [make()._repr_latex_() for make in SHOWN.values()]
    shown += [text_latex(HOSTILE), text_latex(UNICODE)]
    assert all(latex.isascii() for latex in shown)
    node()
    assert katex_errors([latex.removeprefix("$$").removesuffix("$$") for latex in shown]) == []
    tex()
    body = "\n\n".join(f"\\[{latex[2:-2]}\\]" for latex in shown)
    packages = "\\usepackage{amsmath}\\allowdisplaybreaks"
    compile_pdf(f"\\documentclass{{article}}{packages}\\begin{{document}}{body}\\end{{document}}")


def test_text_is_escaped() -> None:
    assert text_html("<b>&") == "<pre>&lt;b&gt;&amp;</pre>"
    assert formulas_html("a &= b < c") == "<div>a &amp;= b &lt; c</div>"
    assert r"\quad\text{W\_z}" in text_latex("  W_z")
