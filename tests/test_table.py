"""What every backend of the table must do: one contract, and files that show the code."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from gru_sym import cells, readout, stack
from gru_sym.cli import BACKENDS as OFFERED
from gru_sym.codegen import compile
from gru_sym.codegen.backends import table
from gru_sym.codegen.backends.table import BACKENDS, backend_of, module_source, require
from gru_sym.errors import MissingLibraryError, UnsupportedError

backends = pytest.mark.parametrize("backend", BACKENDS)
SHOWN = ("gru", "gru_reset_after", "lstm", "minlstm")

# Runs modules as programs, one after the other, so that a library is imported once.
RUN = "import runpy, sys\nfor path in sys.argv[1:]:\n    runpy.run_path(path, run_name='__main__')"


def write_all(backend: str, folder: Path) -> list[Path]:
    paths = []
    for name in cells.names():
        path = folder / f"{name}_{backend}.py"
        path.write_text(module_source(cells.cell(name), backend), encoding="utf-8")
        paths.append(path)
    return paths


def run_program(*args: object, **env: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, *map(str, args)],
        capture_output=True,
        encoding="utf-8",
        check=False,
        env=os.environ | env,
    )


def test_the_command_line_offers_them_all() -> None:
    assert tuple(BACKENDS) == OFFERED


@backends
@pytest.mark.parametrize("name", SHOWN)
def test_modules_as_they_are_shown(
    backend: str, name: str, golden: Callable[[str, str], None]
) -> None:
    golden(f"codegen/{backend}/{name}.py", module_source(cells.cell(name), backend))


@backends
def test_the_same_text_every_time(backend: str) -> None:
    made = {
        run_program(
            "-c",
            "from gru_sym import cells; from gru_sym.codegen import module_source;"
            f"print(module_source(cells.gru_layernorm, {backend!r}))",
            PYTHONHASHSEED=seed,
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert len(made) == 1
    assert "def backward(" in made.pop()


@backends
def test_ruff_finds_nothing(backend: str, tmp_path: Path) -> None:
    write_all(backend, tmp_path)
    for k, cell in enumerate(
        (
            stack(cells.gru_reset_after, cells.gru_reset_after),
            readout(stack(cells.gru, cells.lstm, cells.mgu), loss="mse"),
        )
    ):
        source = module_source(cell, backend)
        (tmp_path / f"composed_{k}.py").write_text(source, encoding="utf-8")
    project = Path(__file__).parents[1] / "pyproject.toml"
    for command in (
        ("check", "--isolated"),
        ("check", "--config", project),
        ("format", "--isolated", "--check"),
    ):
        run = run_program("-m", "ruff", *command, "--no-cache", tmp_path)
        assert run.returncode == 0, run.stdout


@pytest.mark.slow
@backends
def test_every_module_passes_its_own_check(
    backend: str, tmp_path: Path, peer: Callable[[str], object]
) -> None:
    peer(backend_of(backend).library)
    paths = write_all(backend, tmp_path)
    run = run_program("-c", RUN, *paths, NUMBA_CACHE_DIR=str(tmp_path / "cache"))
    assert run.returncode == 0, run.stderr
    assert run.stdout.count("h_bar") >= len(paths)
    # Nothing of ours is needed, and no other library than the backend's.
    for path in paths:
        assert "gru_sym" not in path.read_text(encoding="utf-8").partition('"""\n\n')[2]


def test_unknown_backend() -> None:
    with pytest.raises(UnsupportedError, match="no backend nunpy") as caught:
        module_source(cells.gru, "nunpy")
    assert "did you mean `numpy`?" in caught.value.mend


@backends
def test_a_backend_that_is_not_installed(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    row = backend_of(backend)
    monkeypatch.setattr(table.importlib.util, "find_spec", lambda _name: None)
    with pytest.raises(MissingLibraryError, match="not installed") as caught:
        require(row)
    assert caught.value.mend == f"pip install {row.package}"
    with pytest.raises(MissingLibraryError):
        compile(cells.gru, backend)
    assert "def forward(" in module_source(cells.gru, backend)  # the text needs no library


def test_no_backend_is_imported_before_it_runs() -> None:
    run = run_program(
        "-c",
        "import sys; from gru_sym import cells;"
        "from gru_sym.codegen import BACKENDS, module_source;"
        "[module_source(cells.gru, b) for b in BACKENDS];"
        "print([m for m in ('numba', 'torch', 'jax', 'flint') if m in sys.modules])",
        SYMPY_GROUND_TYPES="python",
    )
    assert run.stdout.strip() == "[]", run.stderr
