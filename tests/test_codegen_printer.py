"""The printed module: what stands where, and which names it uses."""

import ast
import builtins

import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.codegen import compile
from gru_sym.codegen.printer import NumpyPrinter, quotable, spell
from gru_sym.derive.bptt import bptt, unrolled

built_in = pytest.mark.parametrize("name", cells.names())


def functions(source: str) -> dict[str, ast.FunctionDef]:
    return {n.name: n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)}


def loop_of(function: ast.FunctionDef) -> str:
    (loop,) = (n for n in ast.walk(function) if isinstance(n, ast.For))
    return ast.unparse(loop)


@built_in
def test_every_name_is_bound(name: str) -> None:
    run = compile(cells.cell(name))
    for source in (run.source, run.jacobian_source):
        known = {"np", *functions(source), *dir(builtins)}
        for function in functions(source).values():
            bound = {arg.arg for arg in function.args.args}
            names = [n for n in ast.walk(function) if isinstance(n, ast.Name)]
            bound |= {n.id for n in names if isinstance(n.ctx, ast.Store)}
            assert {n.id for n in names if isinstance(n.ctx, ast.Load)} <= bound | known


@built_in
def test_helpers_are_there_when_called_and_only_then(name: str) -> None:
    source = compile(cells.cell(name)).source
    called = {n.func.id for n in ast.walk(ast.parse(source))
              if isinstance(n, ast.Call) and isinstance(n.func, ast.Name)}  # fmt: skip
    helpers = {n for n in functions(source) if not n.startswith("_")} - {"forward", "backward"}
    assert helpers == {n for n in called if n in {"sigmoid", "relu", "step", "softplus"}}


def test_forward_and_backward_of_the_gru() -> None:
    found = functions(compile(cells.gru).source)
    forward, backward = loop_of(found["forward"]), loop_of(found["backward"])
    assert forward.startswith("for t in range(T):")
    assert "_U_z_h = h @ U_z.T" in forward
    assert "h_next_all_[t] = h_next" in forward
    assert backward.startswith("for t in reversed(range(T)):")
    assert "_U_h_T_a_h_tilde_bar = a_h_tilde_bar @ U_h" in backward
    # Gradients of weights and inputs are products over all steps, after the loop.
    assert "W_z_bar" not in backward
    assert "x_bar" not in backward
    assert "W_z_bar = a_z_bar.T @ x" in ast.unparse(found["backward"])


def test_what_does_not_vary_is_before_the_loop() -> None:
    forward = functions(compile(cells.gru3).source)["forward"]
    assert "b_z" not in loop_of(forward)
    assert "b_z" in ast.unparse(forward)


def test_parts_can_be_printed_one_by_one() -> None:
    printer = NumpyPrinter()
    printer.scan("run", unrolled(cells.rnn), cells.rnn.nexts)
    source = printer.module("A test", "")
    assert set(functions(source)) == {"_run_1", "run"}
    printer = NumpyPrinter()
    printer.scan("back", bptt(cells.rnn), ())
    assert "def back(" in printer.module("A test", "")


def test_names_of_python_and_of_the_code() -> None:
    assert [spell(n) for n in ("z", "np", "len", "values", "t", "sigmoid", "H")] == [
        "z", "np_", "len_", "values_", "t_", "sigmoid_", "H"
    ]  # fmt: skip


def test_a_title_cannot_leave_the_docstring() -> None:
    text = 'gru """ \\ \x00 \x0c\nsecond'
    assert '"' not in quotable(text)
    assert "\\" not in quotable(text)
    cell = Cell.parse('# title: """; raise SystemExit\\\nh_next = h + x', name='a"""b\nc')
    source = compile(cell).source
    module = ast.parse(source)
    assert "raise SystemExit" in (ast.get_docstring(module) or "")
    assert not any(isinstance(node, ast.Raise) for node in ast.walk(module))


def test_blocks_of_matrices_are_slices() -> None:
    source = compile(cells.gru_concat).source
    assert "np.concatenate((h, x,), axis=-1)" in source
    assert "[..., :H]" in source
