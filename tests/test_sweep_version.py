"""Versions: of the code, by its files; and of the libraries."""

import shutil
from pathlib import Path

import pytest

import gru_sym
from gru_sym.sweep.version import code_version, differences, versions


def test_it_is_that_of_the_source_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = tmp_path / "gru_sym"
    shutil.copytree(Path(gru_sym.__file__).parent, copy)
    monkeypatch.setattr(gru_sym, "__file__", str(copy / "__init__.py"))
    version = code_version.__wrapped__
    before = version()
    assert before.startswith(f"{gru_sym.__version__}+")
    (copy / "notes.txt").write_text("no code")
    (copy / "__pycache__").mkdir(exist_ok=True)
    (copy / "__pycache__" / "grad.cpython-399.pyc").touch()
    assert version() == before
    seen = {before}
    for name in ("grad.py", "cells/grammar.lark", "cells/library/gru.cell"):
        with (copy / name).open("a") as file:
            file.write("\n# a remark\n")
        seen.add(version())
    (copy / "one_more.py").touch()
    seen.add(version())
    (copy / "one_more.py").rename(copy / "other.py")
    seen.add(version())
    assert len(seen) == 6


def test_versions() -> None:
    found = versions()
    assert found["gru_sym"] == code_version()
    assert found.keys() == {"gru_sym", "numpy", "sympy", "python"}


def test_differences() -> None:
    here = dict(versions())
    assert differences(here, here) == ()
    assert differences(here | {"python": "2.7"}, here) == ()
    assert differences({}, here)[0] == f"gru_sym is None there, and {code_version()} here"
    assert len(differences(here | {"numpy": "0", "scipy": "1"}, here)) == 2
