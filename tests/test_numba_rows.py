"""Lines as loops over a row: what shares a loop, what is handed over, what the text says."""

from typing import Any

import numpy as np
import pytest

from gru_sym.algebra.expr import Size, Var
from gru_sym.algebra.rules import FUNCTIONS
from gru_sym.codegen.backends.naming import Namer
from gru_sym.codegen.backends.numba_rows import CALLS, Place, RowFunction, in_memory, phases
from gru_sym.codegen.backends.numba_statements import Line
from gru_sym.codegen.passes.stabilise import tanh_slope
from gru_sym.codegen.text import Writer
from tests.plain_numba import noalias

H = (("H",),)
x, y, z, u, v, w = (Var(name, H) for name in "xyzuvw")
m, s, t = (Var(name) for name in "mst")
sigmoid, tanh = FUNCTIONS["sigmoid"], FUNCTIONS["tanh"]


def own(var: Var) -> set[Var]:
    return {var}


def shape_of(lines: list[Line]) -> list[tuple[list[str], list[list[str]]]]:
    """Per phase: the names of what comes ahead, and of what each loop computes."""
    return [
        ([d.target.name for d in p.ahead], [[d.target.name for d in q] for q in p.loops.values()])
        for p in phases(lines, own)
    ]


def test_lines_of_one_length_share_a_loop() -> None:
    lines = [Line(y, 2 * x), Line(z, y + x), Line(Var("p", (("I",),)), Var("q", (("I",),)))]
    assert shape_of(lines) == [([], [["y", "z"], ["p"]])]
    assert in_memory(phases(lines, own), own) == set()


def test_a_loop_begins_where_a_total_is_needed() -> None:
    lines = [Line(y, 2 * x), Line(s, y, "total"), Line(m, s / 3), Line(z, y - m)]
    assert shape_of(lines) == [([], [["y"]]), (["s", "m"], [["z"]])]
    assert in_memory(phases(lines, own), own) == {y}


def test_independent_totals_wait_together() -> None:
    lines = [
        Line(y, 2 * x), Line(s, y, "total"), Line(u, y - s),
        Line(z, 3 * x), Line(t, z, "total"), Line(v, z - t),
    ]  # fmt: skip
    assert shape_of(lines) == [([], [["y", "z"]]), (["s", "t"], [["u", "v"]])]


def test_what_a_later_loop_alone_reads_is_computed_there() -> None:
    lines = [Line(y, 2 * x), Line(z, x**2), Line(s, z, "total"), Line(u, y - s)]
    assert shape_of(lines) == [([], [["z"]]), (["s"], [["y", "u"]])]
    assert in_memory(phases(lines, own), own) == {z}


def test_a_softmax_is_an_array() -> None:
    lines = [Line(y, 2 * x), Line(z, y, "softmax"), Line(u, z * x)]
    assert shape_of(lines) == [([], [["y"]]), (["z"], [["u"]])]
    assert in_memory(phases(lines, own), own) == {y, z}


def test_a_view_of_what_a_loop_writes_is_read_by_the_next() -> None:
    whole, part = Var("whole", (("H", "H"),)), Var("part", H)

    def producers(var: Var) -> set[Var]:
        return {whole: {y, z}, part: {y, z}}.get(var, {var})

    lines = [Line(y, 2 * x), Line(z, 3 * x), Line(u, part * x), Line(v, y + x)]
    found = phases(lines, producers)
    assert [[d.target for d in p.loops[H]] for p in found] == [[y, z, v], [u]]
    assert in_memory(found, producers) == {y, z}


def function(lines: list[Line], stored: dict[Var, Place], fixed: set[Var]) -> RowFunction:
    variables = dict.fromkeys([x, y, z, u, v, w, m, s, t, *stored])
    namer = Namer(variables, ("j", "noalias"))
    writer = Writer(variables, (), CALLS)
    return RowFunction("f", lines, own, stored.get, fixed.__contains__, writer, namer)


def places(*variables: Var) -> dict[Var, Place]:
    return {var: Place(var, 0, len(var.shape)) for var in variables}


def gates(a: Any) -> tuple[Any, Any]:
    return 1 / (1 + np.exp(-a)), 1 / (1 + np.exp(a))


def slopes(a: Any) -> tuple[Any, Any]:
    return np.tanh(a), 1 - np.tanh(a) ** 2


def ran(row: RowFunction, given: dict[Var, np.ndarray]) -> None:
    """Run the text; arrays are changed."""
    lines = row.lines("A row.")
    assert lines[0] == "@inlined"
    assert '    """A row."""' in lines
    calls = {"sigmoid": lambda a: gates(a)[0], "tanh": np.tanh, "total": np.sum}
    calls |= {"sigmoid_pair": gates, "tanh_pair": slopes, "noalias": noalias}
    names: dict[str, Any] = {"Array": Any, **calls}
    exec("\n".join(lines[1:]), names)
    names["f"](*(given[var] for _, var in row.arguments), *(4 for _ in row.sizes))


def drawn(*variables: Var) -> dict[Var, np.ndarray]:
    rng = np.random.default_rng(1)
    return {v: rng.normal(size=4 if v.shape else 1) for v in variables}


def test_the_text_computes_the_lines() -> None:
    m_sum = Var("m_sum")
    lines = [
        Line(y, sigmoid(x) - m),
        Line(s, y, "total"),
        Line(t, s / Size("H")),
        Line(z, tanh(y) * t + u),
        Line(v, z, "add"),
        Line(m_sum, t, "add"),
    ]
    given = drawn(x, y, z, u, v, m, t, m_sum)
    before = {var: array.copy() for var, array in given.items()}
    ran(function(lines, places(*given), {u, v, m_sum}), given)
    want = gates(before[x])[0] - before[m]
    mean = want.sum() / 4
    assert np.allclose(given[y], want, rtol=1e-14, atol=0)
    assert np.allclose(given[t], mean, rtol=1e-14, atol=0)
    assert np.allclose(given[z], np.tanh(want) * mean + before[u], rtol=1e-14, atol=0)
    assert np.allclose(given[v], before[v] + given[z], rtol=1e-14, atol=0)
    assert np.allclose(given[m_sum], before[m_sum] + mean, rtol=1e-14, atol=0)


@pytest.mark.parametrize("turn", [1, -1])
def test_one_exponential_for_a_gate_and_its_complement(turn: int) -> None:
    lines = [Line(y, sigmoid(x)), Line(z, sigmoid(-x)), Line(u, tanh(w)), Line(v, tanh_slope(w))]
    given = drawn(x, w, y, z, u, v)
    row = function(lines[::turn], places(*given), set())
    text = "\n".join(row.lines(""))
    assert [text.count(f"{name}(") for name in ("sigmoid_pair", "tanh_pair")] == [1, 1]
    ran(row, given)
    assert np.allclose([given[y], given[z]], gates(given[x]), rtol=1e-14, atol=0)
    assert np.allclose([given[u], given[v]], slopes(given[w]), rtol=1e-14, atol=0)


def test_what_is_written_over_is_read_first() -> None:
    """y stands where x stood: x is read before y is written."""
    place = Place(x, 0, 1)
    row = function([Line(y, 2 * x), Line(z, x + 1)], places(z) | {x: place, y: place}, set())
    row.lines("")
    assert len(row.arguments) == 2
    array = np.arange(3.0)
    given = dict.fromkeys((x, y), array) | {z: np.zeros(3)}
    ran(row, given)
    assert array.tolist() == [0, 2, 4]
    assert given[z].tolist() == [1, 2, 3]


@pytest.mark.parametrize("start", [0, 1, 2])
def test_arguments_that_share_memory_are_not_said_to_be_apart(start: int) -> None:
    big = Var("big", (("H", "H", "H"),))
    stored = {y: Place(big, 0, 2), x: Place(big, start, 3)}
    text = function([Line(y, 2 * x)], stored, set()).lines("")
    assert ("    noalias()" in text) == (start == 2)
