"""The figure of a cell: every path has its arrows, and a reader can follow them."""

import time
from itertools import pairwise
from random import Random

import pytest

from gru_sym import cells, jacobian, stack
from gru_sym.algebra.symbols import Naming
from gru_sym.cells import Cell
from gru_sym.errors import ShapeError, UnsupportedError
from gru_sym.latex.graph import HEIGHT, WIDTH, Drawing, drawing_of
from gru_sym.latex.legend import DASHES, footer
from tests.random_cells import random_text

STACKS = {
    "gru-lstm": (cells.gru, cells.lstm),
    "gru-gru": (cells.gru, cells.gru),
    "rnn-3": (cells.rnn,) * 3,
    "gru-6": (cells.gru,) * 6,
    "rnn-20": (cells.rnn,) * 20,
}


def naming(cell: Cell) -> Naming:
    return Naming(frozenset(v.name for v in cell.varying), frozenset(s.name for s in cell.states))


def checked(cell: Cell) -> Drawing:
    """The drawing of a cell, after all that holds of every drawing was looked at."""
    drawing = drawing_of(cell, naming(cell))
    assert drawing == drawing_of(cell, naming(cell), jacobian=None)
    assert 0 < drawing.scale <= 1
    below = footer([(label.block, label.text) for label in drawing.legend], drawing.note, WIDTH)
    assert drawing.size[0] <= WIDTH + 1e-3
    assert drawing.size[1] + below.size[1] <= HEIGHT + 1e-3
    nodes = {node.name: node for node in drawing.nodes}
    assert len(nodes) == len(drawing.nodes)
    for k, node in enumerate(drawing.nodes):
        (x, y), (width, height) = node.at, node.size
        assert width / 2 - 2e-3 <= x <= drawing.size[0] - width / 2 + 2e-3
        assert height / 2 - 2e-3 <= y <= drawing.size[1] - height / 2 + 2e-3
        for other in drawing.nodes[:k]:
            apart = [
                abs(node.at[i] - other.at[i]) - (node.size[i] + other.size[i]) / 2 for i in (0, 1)
            ]
            assert max(apart) > 0.05
    for curve in drawing.curves:
        assert len(curve.points) % 3 == 1
        assert all(-2e-3 <= p[i] <= drawing.size[i] + 2e-3 for p in curve.points for i in (0, 1))
        source, target = nodes[curve.source], nodes[curve.target]
        for node, point in ((source, curve.points[0]), (target, curve.points[-1])):
            assert abs(abs(point[0] - node.at[0]) - node.size[0] / 2) < 5e-3
            assert abs(point[1] - node.at[1]) < node.size[1] / 2
        assert (source.at[0] < target.at[0]) == (curve.path is None)
    looks = [(label.colour, DASHES[label.path]) for label in drawing.legend]
    assert len(set(looks)) == len(looks)
    assert [label.path for label in drawing.legend] == list(range(len(drawing.legend)))
    used = {curve.path for curve in drawing.curves} - {None}
    assert used == {label.path for label in drawing.legend}
    return drawing


def steps(drawing: Drawing, path: int | None) -> set[tuple[str, str]]:
    return {(c.source, c.target) for c in drawing.curves if c.path == path}


@pytest.mark.parametrize("name", cells.names())
def test_every_path_has_its_arrows_from_next_state_to_state(name: str) -> None:
    cell = cells.cell(name)
    drawing = checked(cell)
    drawn = [steps(drawing, label.path) for label in drawing.legend]
    expected = []
    for (after, state), paths in jacobian(cell).blocks.items():
        for path in paths:
            stops = [str(after.name), *path.through[::-1], str(state.name)]
            expected.append(set(pairwise(stops)))
    if len(expected) == len(drawn):
        assert drawn == expected
        assert drawing.note == ""
    else:
        assert all(any(way <= line for line in drawn) for way in expected)
        assert set().union(*drawn) == set().union(*expected)
        assert f"{len(expected)} paths" in drawing.note
    forward = steps(drawing, None)
    assert {(b, a) for line in drawn for a, b in line} <= forward


@pytest.mark.parametrize("name", cells.names())
def test_all_that_the_text_defines_is_shown(name: str) -> None:
    cell = cells.cell(name)
    shown = {node.name: node.kind for node in drawing_of(cell, naming(cell)).nodes}
    assert {n for n, kind in shown.items() if kind == "state"} == {v.name for v in cell.states}
    assert {n for n, kind in shown.items() if kind == "input"} == {v.name for v in cell.inputs}
    assert {n for n, kind in shown.items() if kind == "next"} == {v.name for v in cell.nexts}
    assert {d.name for d in cell.document.definitions} <= set(shown)


def test_time_runs_from_left_to_right_and_inputs_are_below() -> None:
    drawing = drawing_of(cells.gru, naming(cells.gru))
    at = {node.name: node.at for node in drawing.nodes}
    assert at["h"][0] == min(x for x, _ in at.values())
    assert at["h_next"][0] == max(x for x, _ in at.values())
    assert at["x"][1] == min(y for _, y in at.values())
    assert {node.name: node.latex for node in drawing.nodes}["h"] == "h_{t-1}"


@pytest.mark.parametrize("layers", STACKS.values(), ids=STACKS)
def test_stacks(layers: tuple[Cell, ...]) -> None:
    cell = stack(*layers)
    drawing = checked(cell)
    if len(drawing.nodes) < len(cell.states) * 2 + len(cell.inputs):
        assert f"of {len(cell.states)} states" in drawing.note
    elif len(drawing.nodes) < len(cell.document.definitions):
        assert "Not shown" in drawing.note


def chain(count: int) -> str:
    lines = ["v0 = tanh(W @ x + U @ h)"]
    lines += [f"v{k} = tanh(U_{k} @ v{k - 1})" for k in range(1, count)]
    return "\n".join([*lines, f"h_next = v{count - 1}"])


def comb(count: int) -> str:
    """Each definition uses all before it: two to the count paths."""
    lines = ["v0 = tanh(W @ x + U @ h)"]
    for k in range(1, count):
        lines.append(f"v{k} = tanh({' + '.join(f'v{j}' for j in range(k))})")
    return "\n".join([*lines, f"h_next = v{count - 1}"])


def fan(count: int) -> str:
    lines = [f"v{k} = tanh(W_{k} @ x + U_{k} @ h)" for k in range(count)]
    return "\n".join([*lines, "h_next = " + " + ".join(f"v{k}" for k in range(count))])


@pytest.mark.parametrize(
    "text", [chain(300), comb(38), comb(9), fan(30), fan(150), chain(12)], ids=range(6)
)
def test_large_cells_are_drawn_fast_and_say_what_is_missing(text: str) -> None:
    cell = Cell.parse(text)
    paths: int | None
    try:
        paths = len(jacobian(cell).paths)
    except UnsupportedError:
        paths = None
    start = time.perf_counter()
    drawing = drawing_of(cell, naming(cell))
    assert time.perf_counter() - start < 10
    checked(cell)
    if len(drawing.nodes) < len(cell.document.definitions):
        assert "definitions" in drawing.note
    if paths is None:
        assert "left out" in drawing.note
    elif paths > len(drawing.legend):
        assert f"{paths} paths" in drawing.note


def test_a_jacobian_that_is_known_is_used() -> None:
    known = jacobian(cells.lstm)
    assert drawing_of(cells.lstm, str, known) == drawing_of(cells.lstm, str)


@pytest.mark.parametrize("seed", range(40))
def test_random_cells(seed: int) -> None:
    try:
        cell = Cell.parse(random_text(Random(seed)))
    except ShapeError:
        return  # not a cell
    checked(cell)
