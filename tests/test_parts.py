"""What the passes share: names that are free, programs that are closed, names for expressions."""

import pytest
import sympy as sp

from gru_sym import cells
from gru_sym.algebra.expr import Dims, Expr, Var
from gru_sym.algebra.nodes import Concat, MatVec, Slice, SumT, Total, Transpose
from gru_sym.algebra.program import Definition
from gru_sym.algebra.rules import apply
from gru_sym.codegen.passes.parts import (
    Names,
    closed,
    hint,
    in_order,
    is_varying,
    joined,
    names_of,
    needed,
    offsets,
    read_from_outside,
    rebuilt,
)
from tests.scans import changed, every_cell, holds, lines_of, scans, scans_of, well_formed

H, N = ("H",), ("I",)
x, h, b, s = Var("x", (N,)), Var("h", (H,)), Var("b", (H,)), Var("s")
W, U = Var("W", (H, N)), Var("U", (H, H))
u, v, w = (Var(name, (H,)) for name in "uvw")


def test_names_are_fresh() -> None:
    names = Names(["z", "r_2"])
    assert [names.fresh(n) for n in ("z", "z", "r", "r", "q")] == ["z_2", "z_3", "r", "r_3", "q"]
    assert names.fresh("") == "v"
    assert names.fresh("_part_") == "part"


def test_long_names_are_shortened_and_still_differ() -> None:
    names = Names([])
    long = [names.fresh("a" * 50 + end) for end in "bcd"]
    assert long == ["a" * 40, "a" * 40 + "_2", "a" * 40 + "_3"]
    assert names.exact("a" * 50) == "a" * 50


def test_all_names_of_a_scan_are_taken() -> None:
    forward, backward = scans(cells.gru)
    names = names_of(forward, backward)
    for taken in ("x", "W_z", "h", "h_next", "one_minus_z", "h_bar_later", "U_z_bar"):
        assert names.fresh(taken) == f"{taken}_2"


def test_needed_lines_in_order() -> None:
    lines = [Definition(u, 2 * h), Definition(v, u + b), Definition(w, u * v), Definition(s, s + 1)]
    assert needed(lines, [v]) == lines[:2]
    assert needed(lines, [w]) == lines[:3]
    assert needed(lines, []) == []


def test_lines_in_order() -> None:
    lines = [Definition(u, 2 * v), Definition(w, u + v), Definition(v, h)]
    assert [d.name for d in in_order(lines)] == ["v", "u", "w"]


def test_a_closed_program_is_given_what_it_does_not_define() -> None:
    program = closed([Definition(u, MatVec(W, x) + b), Definition(v, u * h)], [v, v, s])
    assert [i.name for i in program.inputs] == ["W", "b", "x", "h", "s"]
    assert program.outputs == (v, s)


def test_rebuilt_drops_what_nobody_reads() -> None:
    forward, _ = scans_of("z = sigmoid(W @ x)\nh_next = z * h")
    line = Definition(Var("unused", (H,)), 2 * h)
    again = rebuilt(forward, [line], [line, *forward.step], [line, *forward.after])
    assert lines_of(again) == lines_of(forward)


def test_rebuilt_knows_what_varies() -> None:
    forward, _ = scans_of("h_next = tanh(W @ x + U @ h + b)")
    more = {name: Var(name, (H,)) for name in ("moves", "stays")}
    before = [Definition(more["moves"], MatVec(W, x)), Definition(more["stays"], b**2)]
    (line,) = (d for d in forward.step if d.name == "h_next")
    step = [d for d in forward.step if d is not line]
    step.append(Definition(line.var, line.expr + more["moves"] + more["stays"]))
    again = rebuilt(forward, before, step, [])
    assert more["moves"] in again.sequences
    assert more["stays"] not in again.sequences


def test_what_a_scan_reads_from_outside() -> None:
    forward, backward = scans_of("h_next = tanh(W @ x + U @ h + b)")
    assert sorted(v.name for v in read_from_outside(forward)) == ["U", "W", "b", "x"]
    read = [v.name for v in read_from_outside(backward)]
    assert len(set(read)) == len(read)
    assert {"x", "h", "U", "h_bar_up"} <= set(read)
    assert not {"h_bar", "h_bar_later", "h_next_bar"} & set(read)


def test_an_expression_varies_with_its_variables() -> None:
    assert is_varying(MatVec(W, x) + b, {x})
    assert not is_varying(MatVec(W, x) + b, {h})
    assert not is_varying(b * SumT(x), {x})


def test_offsets_count_blocks() -> None:
    assert offsets([u, Var("v", (H + N,)), MatVec(W, x)]) == [(0, 1), (1, 3), (3, 4)]
    assert offsets([]) == []


def test_a_sum_over_time_does_not_vary() -> None:
    _, backward = scans_of("h_next = tanh(W @ x + U @ h + b)")
    total, out = Var("total", (H,)), Var("W_bar", (H, N))
    bar = backward.after.variable("a_h_next_bar")
    after = [Definition(total, SumT(bar)), *backward.after]
    after = [Definition(d.var, d.expr * Total(total, (H,))) if d.var == out else d for d in after]
    assert total not in rebuilt(backward, backward.before, backward.step, after).sequences


@every_cell
def test_rebuilt_from_its_own_lines_a_scan_is_the_same(cell: cells.Cell) -> None:
    for scan in scans(cell):
        again = rebuilt(scan, scan.before, scan.step, scan.after)
        well_formed(scan)
        holds(scan, again)
        assert again.sequences >= scan.sequences


HINTS = [
    (u, "u"),
    (MatVec(W, x), "W_x"),
    (MatVec(Transpose(W), u), "W_T_u"),
    (MatVec(W, x) + b, "W_x"),
    (MatVec(W, x) + MatVec(U, h), ""),
    (apply("sigmoid", u), "sigmoid_u"),
    (apply("sigmoid", u + v), ""),
    (u * v * h, "h_u_v"),
    (u * v + h, ""),
    (Total(u, (H,)), "sum_u"),
    (Concat(u, x, Dims((H, N))), "u_x"),
    (Concat(u, x + 1, Dims((H, N))), ""),
    (Slice(Var("q", (("H", "I"),)), Dims((("H", "I"),)), 0, 1), "q_part"),
    (u**2, ""),
    (sp.Integer(2), ""),
]


@pytest.mark.parametrize(("expr", "wanted"), HINTS, ids=[f"{e}" for e, _ in HINTS])
def test_hint(expr: Expr, wanted: str) -> None:
    assert hint(expr) == wanted


@pytest.mark.parametrize(
    ("names", "wanted"),
    [
        (["W_z", "W_r", "W_h"], "W_z_r_h"),
        (["a_z_x", "a_r_x"], "a_z_r_x"),
        (["z", "r"], "z_r"),
        (["one_minus_z", "one_minus_r"], "one_minus_z_r"),
        (["z_bar", "r_bar"], "z_r_bar"),
        (["W", "W_2"], "W_2"),
        (["b", "b"], "b"),
        (["z"], "z"),
        (["a_x", "x"], "a_x_x"),
    ],
)
def test_one_name_for_several(names: list[str], wanted: str) -> None:
    assert joined(names) == wanted


# -- the contract that the passes are held to, fed with Scans that break it --------------------


def test_the_contract_sees_what_is_wrong() -> None:
    forward, backward = scans(cells.gru)
    wrong = {
        "computed ahead": rebuilt(forward, forward.step, [], []),
        "missing": rebuilt(forward, [], list(forward.step)[3:], []),
        "refuted": changed(forward, {"h_next": forward.step["h_next"].expr + h}),
    }
    for why, scan in wrong.items():
        with pytest.raises(AssertionError, match=why):
            holds(forward, scan)
    b_bar = Var("b_z_bar", (H,))
    bar = backward.after.variable("a_z_bar")
    wrong = {
        "varies": changed(backward, {"b_z_bar": bar}),
        "linear": changed(backward, {"b_z_bar": SumT(bar) ** 2}),
        "refuted": changed(backward, {"b_z_bar": 2 * SumT(bar)}),
    }
    for why, scan in wrong.items():
        with pytest.raises(AssertionError, match=why):
            holds(backward, scan)
    assert b_bar not in backward.sequences
