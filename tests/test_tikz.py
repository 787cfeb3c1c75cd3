"""The figure in TikZ: it compiles, and no name gets through."""

import re
import subprocess
from pathlib import Path

import pytest

from gru_sym import cells, stack
from gru_sym.algebra.symbols import Naming
from gru_sym.cells import Cell
from gru_sym.latex.graph import Drawing, Label, drawing_of
from gru_sym.latex.tikz import tikz_of
from tests.latex_tools import tex

HOSTILE = r"</svg><script>\write18{rm} & % $ # _ ^ ~ { } \end{document} é"
DOCUMENT = r"""\documentclass{article}
\usepackage[T1]{fontenc}
\usepackage{lmodern}
\usepackage[margin=2.5cm]{geometry}
\usepackage{tikz}
\usetikzlibrary{arrows.meta}
\begin{document}
%s
\end{document}
"""


def drawing(cell: Cell) -> Drawing:
    states = frozenset(s.name for s in cell.states)
    return drawing_of(cell, Naming(frozenset(v.name for v in cell.varying), states))


def hostile() -> Drawing:
    label = Label(0, HOSTILE, r"\partial h_{t}/\partial h_{t-1}")
    return Drawing((), (), (label,), (1.0, 1.0), 1.0, HOSTILE)


@pytest.mark.parametrize("name", cells.names())
def test_each_arrow_and_node_is_there_once(name: str) -> None:
    figure = drawing(cells.cell(name))
    text = tikz_of(figure)
    assert text == tikz_of(figure)
    assert text.startswith(r"\begin{tikzpicture}")
    assert text.endswith(r"\end{tikzpicture}")
    arrows = len(figure.curves) + len(figure.legend) + bool(figure.legend)
    assert text.count("Stealth") == arrows
    for node in figure.nodes:
        assert f"{{${node.latex}$}}" in text
    assert text.isascii()
    assert text.count("{") == text.count("}")


def test_names_are_escaped() -> None:
    text = tikz_of(hostile())
    assert not re.search(r"\\(write|end\{document)", text)
    assert r"\textbackslash{}write18\{rm\}" in text
    assert text.count(r"\end{") == 1
    arrows = tikz_of(Drawing((), (), (Label(0, "forget → cell"),), (1.0, 1.0)))
    assert r"forget $\to$ cell" in arrows


def test_a_scale_is_that_of_type_and_lines() -> None:
    figure = drawing(cells.gru_layernorm)
    assert figure.scale < 1
    assert f"scale={figure.scale:.3g}]" in tikz_of(figure)


@pytest.mark.slow
def test_it_compiles(tmp_path: Path) -> None:
    tex()
    figures = [drawing(cells.cell(name)) for name in cells.names()]
    figures += [drawing(stack(cells.gru, cells.lstm)), hostile()]
    body = "\n\n".join(rf"\noindent {tikz_of(figure)}" for figure in figures)
    (tmp_path / "figures.tex").write_text(DOCUMENT % body, encoding="utf-8")
    run = subprocess.run(
        ["pdflatex", "-halt-on-error", "-no-shell-escape", "-interaction=nonstopmode", "figures"],
        cwd=tmp_path,
        capture_output=True,
        encoding="utf-8",
        errors="replace",
        check=False,
    )
    assert run.returncode == 0, [line for line in run.stdout.splitlines() if line.startswith("!")]
    too_wide = re.findall(r"Overfull \\hbox \(([0-9.]+)pt", run.stdout)
    assert all(float(points) < 10 for points in too_wide)
