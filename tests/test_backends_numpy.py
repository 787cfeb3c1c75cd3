"""The NumPy module: what stands where, which names it uses, and that it checks itself."""

import ast
import builtins
import subprocess
import sys
from pathlib import Path

import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.codegen import compile, module_source

built_in = pytest.mark.parametrize("name", cells.names())


def functions(source: str) -> dict[str, ast.FunctionDef]:
    return {n.name: n for n in ast.parse(source).body if isinstance(n, ast.FunctionDef)}


def loop_of(function: ast.FunctionDef) -> str:
    (loop,) = (n for n in ast.walk(function) if isinstance(n, ast.For))
    return ast.unparse(loop)


def names_at_the_top(source: str) -> set[str]:
    found = set(functions(source))
    for node in ast.parse(source).body:
        if isinstance(node, ast.Import | ast.ImportFrom):
            found |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign | ast.AnnAssign):
            targets = node.targets if isinstance(node, ast.Assign) else [node.target]
            found |= {t.id for t in targets if isinstance(t, ast.Name)}
    return found


@built_in
def test_every_name_is_bound(name: str) -> None:
    run = compile(cells.cell(name))
    for source in (run.source, run.jacobian_source):
        known = {*names_at_the_top(source), *dir(builtins)}
        for function in functions(source).values():
            inner = [n for n in ast.walk(function) if isinstance(n, ast.FunctionDef)]
            bound = {arg.arg for f in inner for arg in (*f.args.args, f.args.vararg) if arg}
            bound |= {f.name for f in inner}
            names = [n for n in ast.walk(function) if isinstance(n, ast.Name)]
            bound |= {n.id for n in names if isinstance(n.ctx, ast.Store)}
            assert {n.id for n in names if isinstance(n.ctx, ast.Load)} <= bound | known


@built_in
def test_nothing_is_imported_or_defined_in_vain(name: str) -> None:
    source = module_source(cells.cell(name))
    used = {n.id for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Name)}
    assert names_at_the_top(source) <= used


@built_in
def test_the_loop_allocates_nothing(name: str) -> None:
    """Every call of the loop writes to an array that is there already."""
    found = functions(module_source(cells.cell(name)))
    for function in (found["forward"], found["backward"]):
        loops = [n for n in ast.walk(function) if isinstance(n, ast.For)]
        for statement in (s for loop in loops for s in loop.body):
            calls = [n for n in ast.walk(statement) if isinstance(n, ast.Call)]
            if isinstance(statement, ast.If):  # seldom: every 64 steps
                assert ast.unparse(statement.test) == "t % 64 == 0"
            elif isinstance(statement, ast.Expr):
                (call,) = calls
                assert {"out"} <= {k.arg for k in call.keywords}, ast.unparse(statement)
            elif isinstance(statement, ast.AugAssign):
                assert not calls
            else:
                assert isinstance(statement, ast.Assign)
                assert isinstance(statement.value, ast.Subscript | ast.Name | ast.Constant)


def test_forward_and_backward_of_the_gru() -> None:
    found = functions(module_source(cells.gru))
    forward, backward = loop_of(found["forward"]), loop_of(found["backward"])
    assert forward.startswith("for t in range(T):")
    assert "np.dot(h_t, U_z_r.T, out=" in forward
    assert "W_" not in forward
    assert backward.startswith("for t in reversed(range(T)):")
    # Gradients of weights and inputs are products over all steps, after the loop.
    assert "W_z_bar" not in backward
    assert "x_bar" not in backward
    assert "U_z_r_bar = rows(a_z_r_bar).T @ rows(h)" in ast.unparse(found["backward"])


def test_what_does_not_vary_is_before_the_loop() -> None:
    forward = functions(module_source(cells.gru3))["forward"]
    assert "b_z" not in loop_of(forward)
    assert "b_z" in ast.unparse(forward)


def test_names_of_python_and_of_the_code() -> None:
    cell = Cell.parse("np = tanh(W @ x + U @ t + rows)\nlen = sigmoid(np) * t\nt_next = len + np")
    source = module_source(cell)
    for name in ("np_", "len_", "rows_"):
        assert name in source


def test_a_title_cannot_leave_the_docstring() -> None:
    cell = Cell.parse('# title: """; raise SystemExit\\\nh_next = h + x', name='a"""b\nc')
    source = module_source(cell)
    module = ast.parse(source)
    assert "raise SystemExit" in (ast.get_docstring(module) or "")
    assert not any(
        isinstance(node, ast.Raise) and "SystemExit" in ast.unparse(node)
        for node in ast.walk(module)
    )


def test_a_concatenation_is_split_so_that_the_inputs_leave_the_loop() -> None:
    source = module_source(cells.gru_concat)
    assert "W_z_x = W_z[..., H:]" in source
    assert "x_t" not in source


@built_in
def test_the_file_checks_itself(name: str, tmp_path: Path) -> None:
    path = tmp_path / f"{name}.py"
    path.write_text(module_source(cells.cell(name)), encoding="utf-8")
    run = subprocess.run(
        [sys.executable, path], capture_output=True, encoding="utf-8", check=False, cwd=tmp_path
    )
    assert run.returncode == 0, run.stderr
    assert "h_bar  relative error" in run.stdout


def test_a_wrong_gradient_fails_the_check(tmp_path: Path) -> None:
    source = module_source(cells.gru)
    wrong = source.replace("rows(a_z_r_bar).T @ rows(h)", "rows(a_z_r_bar).T @ rows(h) * 1.0001")
    assert wrong != source
    path = tmp_path / "wrong.py"
    path.write_text(wrong, encoding="utf-8")
    run = subprocess.run([sys.executable, path], capture_output=True, encoding="utf-8", check=False)
    assert run.returncode == 1
    assert "U_z_bar is wrong: 1.0e-04" in run.stderr
