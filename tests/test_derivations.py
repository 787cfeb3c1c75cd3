"""Every document in derivations/ runs, is short, and stands on the public API alone."""

import ast
import os
import subprocess
import sys
from pathlib import Path

import pytest

FOLDER = Path(__file__).parents[1] / "derivations"
LONGEST = 150
documents = pytest.mark.parametrize(
    "document", sorted(FOLDER.glob("*.py")), ids=lambda path: path.stem
)


def is_private(path: str) -> bool:
    return any(part.startswith("_") and not part.endswith("__") for part in path.split("."))


def private_names(source: str) -> list[str]:
    """What a document takes from inside a package: an import of `a._b`, an attribute `._c`."""
    found: list[str] = []
    for node in ast.walk(ast.parse(source)):
        match node:
            case ast.Import(names=names):
                found += [each.name for each in names if is_private(each.name)]
            case ast.ImportFrom(module=str(module), names=names):
                paths = [f"{module}.{each.name}" for each in names]
                found += [path for path in paths if is_private(path)]
            case ast.Attribute(attr=name) if is_private(name):
                found.append(name)
    return found


@documents
def test_document_runs(document: Path, tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-W", "error", str(document)],
        cwd=tmp_path,
        env={**os.environ, "PYTHONIOENCODING": "utf-8"},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        encoding="utf-8",
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


@documents
def test_document_is_short_and_public(document: Path) -> None:
    source = document.read_text(encoding="utf-8")
    assert len(source.splitlines()) <= LONGEST
    assert private_names(source) == []


@pytest.mark.parametrize(
    "source",
    ["import gru_sym._a", "from gru_sym.a import _b", "from gru_sym._a import b", "gru_sym.a._b()"],
)
def test_private_names_are_seen(source: str) -> None:
    assert len(private_names(source)) == 1
    assert private_names("from __future__ import annotations\nimport gru_sym\ngru_sym.cell") == []
