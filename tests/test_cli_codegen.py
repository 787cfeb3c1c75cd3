"""`gru-sym codegen`: a module that stands alone, on standard output or in a file."""

import ast
import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gru_sym import cells
from gru_sym.cli import BACKENDS, main
from gru_sym.codegen import module_source


def gru_sym(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["codegen", *map(str, arguments)], input=stdin)


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_module_goes_to_standard_output(backend: str) -> None:
    result = gru_sym("gru", "--backend", backend)
    assert result.exit_code == 0, result.output
    assert result.stdout == module_source(cells.gru, backend)
    ast.parse(result.stdout)


def test_numpy_is_the_default() -> None:
    assert gru_sym("lstm").stdout == module_source(cells.lstm, "numpy")


def test_a_file_that_runs(tmp_path: Path) -> None:
    out = tmp_path / "gru.py"
    result = gru_sym("gru", "-o", out)
    assert result.exit_code == 0
    assert result.stdout == ""
    assert f"wrote {out}" in result.stderr
    run = subprocess.run(
        [sys.executable, out], capture_output=True, encoding="utf-8", check=False, cwd=tmp_path
    )
    assert run.returncode == 0, run.stderr
    assert "U_z_bar  relative error" in run.stdout


def test_the_equations_are_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "my.cell"
    path.write_text(text := "h_next = tanh(W @ x + U @ h)\n", encoding="utf-8")
    (tmp_path / "link").symlink_to(path)
    for out in (path, tmp_path / "link"):
        result = gru_sym(path, "-o", out)
        assert result.exit_code == 2
        assert "is the file of the cell itself" in result.stderr
    assert path.read_text(encoding="utf-8") == text


def test_json() -> None:
    document = json.loads(gru_sym("gru", "--json").stdout)
    assert document.keys() == {"cell", "backend", "out", "source"}
    assert document["source"] == module_source(cells.gru)


def test_a_cell_of_ones_own_from_standard_input() -> None:
    result = gru_sym("-", stdin="h_next = tanh(W @ x + U @ h) * g\n")
    assert result.exit_code == 0
    assert "h_next = tanh(W @ x + U @ h) * g" in result.stdout


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    result = gru_sym("gru", "-o", tmp_path / "no" / "gru.py")
    assert result.exit_code == 2
    assert "cannot write" in result.stderr


def test_an_unknown_backend() -> None:
    result = gru_sym("gru", "--backend", "tensorflow")
    assert result.exit_code == 2
    assert "'numpy', 'numba', 'torch', 'jax', 'mpmath', 'arb'" in result.stderr
