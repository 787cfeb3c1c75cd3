"""The figure in SVG: one element that is complete in itself, and no name gets through."""

import re
from xml.etree import ElementTree as ET

import pytest

from gru_sym import cells, stack
from gru_sym.algebra.symbols import Naming
from gru_sym.cells import Cell
from gru_sym.latex.graph import Drawing, Label, Node, drawing_of
from gru_sym.latex.legend import COLOURS
from gru_sym.latex.svg import svg_of

HOSTILE = '</svg><script>alert("1")</script> & \x00\x1b ]]>'
SVG = "{http://www.w3.org/2000/svg}"


def typeset(latex: str) -> str:
    """A formula as a box, as a typesetter would give it."""
    width = 6 * len(latex)
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" height="20" width="{width}px" '
        f'viewBox="0 0 {width} 20"><rect width="{width}" height="20"/></svg>'
    )


def drawing(cell: Cell) -> Drawing:
    states = frozenset(s.name for s in cell.states)
    return drawing_of(cell, Naming(frozenset(v.name for v in cell.varying), states))


@pytest.mark.parametrize("name", [*cells.names(), None])
def test_each_arrow_and_node_is_there_once(name: str | None) -> None:
    cell = cells.cell(name) if name else stack(cells.gru, cells.lstm)
    figure = drawing(cell)
    text = svg_of(figure, typeset, "A cell")
    assert text == svg_of(figure, typeset, "A cell")
    root = ET.fromstring(text)
    assert root.tag == f"{SVG}svg"
    assert root.get("role") == "img"
    assert root.findtext(f"{SVG}title") == "A cell"
    paths = root.findall(f"{SVG}g/{SVG}path")
    arrows = len(figure.curves) + len(figure.legend) + bool(figure.legend)
    assert len(paths) == 2 * arrows  # a line and a head
    assert len(root.findall(f"{SVG}rect")) == len(figure.nodes)
    formulas = len(figure.nodes) + sum(bool(label.block) for label in figure.legend)
    assert len(root.findall(f"{SVG}g/{SVG}svg")) == formulas
    colours = {path.get("stroke") for path in paths} - {None}
    shown = {f"#{COLOURS[label.colour]}" for label in figure.legend}
    assert colours == shown | {"currentColor"}


def test_all_is_within_the_view() -> None:
    root = ET.fromstring(svg_of(drawing(cells.lstm), typeset, ""))
    _, _, width, height = (float(part) for part in root.get("viewBox", "").split())
    for path in root.iter(f"{SVG}path"):
        numbers = [float(n) for n in re.findall(r"-?[0-9.]+", path.get("d", ""))]
        assert all(0 <= x <= width for x in numbers[::2])
        assert all(0 <= y <= height for y in numbers[1::2])
    for line in root.iter(f"{SVG}text"):
        assert 0 <= float(line.get("x", "")) < width
        assert 0 <= float(line.get("y", "")) < height


def test_it_refers_to_nothing_and_names_nothing() -> None:
    text = svg_of(drawing(cells.gru), typeset, "GRU")
    assert not re.search(r"\bid=|href|url\(|<script|@import|<style|src=", text)
    assert set(re.findall(r"https?://[^\"]+", text)) == {"http://www.w3.org/2000/svg"}


def test_names_are_escaped() -> None:
    figure = Drawing((), (), (Label(0, HOSTILE),), (1.0, 1.0), 1.0, HOSTILE)
    text = svg_of(figure, typeset, HOSTILE)
    assert "<script" not in text
    root = ET.fromstring(text)
    assert {element.tag for element in root.iter()} <= {
        f"{SVG}{tag}" for tag in ("svg", "title", "desc", "g", "path", "text")
    }
    assert '<script>alert("1")' in (root.findtext(f"{SVG}title") or "")


def test_the_arrows_are_told_in_words() -> None:
    root = ET.fromstring(svg_of(drawing(cells.gru), typeset, ""))
    words = root.findtext(f"{SVG}desc") or ""
    assert "skip: h_next to h;" in words
    assert "25 paths" in svg_of(drawing(cells.gru_layernorm), typeset, "")


def test_a_label_that_is_too_wide_is_made_smaller() -> None:
    node = Node("h" * 40, (1.0, 1.0), (1.0, 0.6), "definition", "h")
    root = ET.fromstring(svg_of(Drawing((node,), (), (), (2.0, 2.0)), typeset, ""))
    (group,) = root.findall(f"{SVG}g")
    (scale,) = re.findall(r"scale\(([0-9.]+)\)", group.get("transform", ""))
    assert float(scale) * 6 * 40 < 96 / 2.54


def test_alone_it_brings_its_colours_and_its_ground() -> None:
    """A picture in a page cannot tell whether the page is dark."""
    text = svg_of(drawing(cells.rnn), typeset, "", alone=True)
    root = ET.fromstring(text)
    ground = root.find(f"{SVG}rect")
    assert ground is not None
    assert [ground.get(side) for side in ("width", "height")] == root.get("viewBox", "").split()[2:]
    assert ground.get("fill") == "#ffffff"
    assert root.get("color") == "#1f2328"
    assert "prefers-color-scheme" not in text
    within = svg_of(drawing(cells.rnn), typeset, "")
    assert "#ffffff" not in within
    assert ET.fromstring(within).get("color") is None


def test_a_formula_without_a_size_is_refused() -> None:
    with pytest.raises(ValueError, match="width"):
        svg_of(drawing(cells.rnn), lambda _: "<svg/>", "")
