"""The loop of a Scan: what is ahead of it, in it and after it, and that all operands have names."""

import pytest

from gru_sym import cells
from gru_sym.algebra.expr import Node, Var, nodes_of, variables_of
from gru_sym.algebra.nodes import MatVec, Outer, SumT, Total, Transpose
from gru_sym.algebra.program import Definition, Program, Scan
from gru_sym.cells import Cell
from gru_sym.codegen.backends.scalars_operands import Loop, loop_of, part_name
from gru_sym.codegen.passes.parts import names_of
from gru_sym.codegen.plan import plan
from gru_sym.errors import UnsupportedError


def loops(cell: Cell) -> tuple[Loop, Loop]:
    made = plan(cell)
    fresh = names_of(made.forward, made.backward).fresh
    return loop_of(made.forward, fresh), loop_of(made.backward, fresh)


def nodes_within(node: Node) -> list[Node]:
    return [n for arg in node.operands for n in nodes_of(arg)]


@pytest.mark.parametrize("name", cells.names())
def test_operands_are_variables(name: str) -> None:
    for loop in loops(cells.cell(name)):
        defined: set[Var] = set()
        for part in (loop.ahead, loop.body, loop.after):
            for d in part:
                defined.add(d.var)
                for node in nodes_of(d.expr):
                    if isinstance(node, Total):
                        assert not nodes_within(node)
                    elif isinstance(node, SumT) and isinstance(node.args[0], Outer):
                        assert all(isinstance(v, Var) for v in node.args[0].operands[:2])
                    else:
                        assert all(isinstance(v, Var) for v in node.operands), d
        assert all(v in loop.varying for v in loop.summed if v in defined)


def test_transposed_matrices_are_made_ahead() -> None:
    _, backward = loops(cells.gru)
    turned = {d.name for d in backward.ahead if isinstance(d.expr, Transpose)}
    assert {"U_z_T", "U_r_T", "U_h_T", "W_z_T", "W_r_T", "W_h_T"} == turned
    assert not any(d.expr.has(Transpose) for d in backward.body)


def test_gradients_of_weights_are_sums_after_the_loop() -> None:
    _, backward = loops(cells.gru)
    assert all(isinstance(d.expr, SumT) for d in backward.after)
    names = [v.name for v in backward.summed]
    assert {"a_z_bar", "a_r_bar", "a_h_tilde_bar", "x", "h", "h_r"} == set(names)
    assert len(names) == 6


def test_what_is_summed_is_computed_in_the_loop() -> None:
    _, backward = loops(cells.gru_layernorm)
    summed = {d.name: d.expr for d in backward.after}
    assert summed["g_z_bar"] == SumT(Var("g_z_bar_term", (("H",),)))
    assert "g_z_bar_term" in {d.name for d in backward.body}


def test_a_root_of_a_number_is_taken_once() -> None:
    forward, _ = loops(cells.gru_layernorm)
    body = {d.name: d for d in forward.body}
    assert body["a_z_part"].var.shape == ()
    assert body["a_z_part"].var in variables_of(body["a_z"].expr)


def test_what_is_fixed_is_computed_ahead() -> None:
    cell = Cell.parse("h_next = tanh(W @ x / sqrt(sum(W * W)) + h)")
    forward, backward = loops(cell)
    for loop in (forward, backward):
        (part,) = (d for d in loop.ahead if d.expr.has(Total))
        assert part.var.shape == ()
        assert part.var not in loop.varying


def test_only_what_is_wanted() -> None:
    forward, _ = loops(cells.gru_concat)
    wanted = [cells.gru_concat.nexts[0]]
    less = forward.without_the_rest(wanted)
    assert {d.name for d in forward.body} - {d.name for d in less.body} >= {"h_x", "h_r_x"}
    assert less.body[-1].var == wanted[0]


def test_names_of_parts() -> None:
    assert part_name("h_bar") == part_name("h_bar_part") == part_name("h_bar_part_12")


def test_a_matrix_that_varies() -> None:
    W, s, x, h = (
        Var("W", (("H",), ("I",))),
        Var("s"),
        Var("x", (("I",),)),
        Var("h", (("H",),)),
    )
    M = Var("M", W.shape)
    nothing = Program((), (), ())
    for lines in (
        (Definition(M, s * W), Definition(h, MatVec(M, x))),
        (Definition(h, MatVec(s * W, x)),),
    ):
        step = Program((W, s, x), lines, (h,))
        varying = frozenset({s, x, h} | ({M} if len(lines) > 1 else set()))
        scan = Scan(nothing, step, (), nothing, False, varying, step)
        with pytest.raises(UnsupportedError, match="a matrix that varies over time"):
            loop_of(scan, str)
