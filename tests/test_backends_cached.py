"""Generated modules as files in the user's cache."""

import stat
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from gru_sym.codegen.backends.cached import imported

SOURCE = '"""A module."""\n\nimport sys\n\nanswer = 42\nown = sys.modules[__name__]\n'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    before = set(sys.modules)
    yield tmp_path
    for name in set(sys.modules) - before:
        del sys.modules[name]


def files(home: Path) -> list[Path]:
    return sorted((home / "cache" / "gru_sym" / "generated").glob("*.py"))


def test_the_same_text_is_the_same_module(home: Path) -> None:
    module = imported(SOURCE, "a cell, compiled")
    assert module.answer == 42
    assert module.own is module
    assert imported(SOURCE, "a cell, compiled") is module
    assert imported(SOURCE + "\n", "a cell, compiled") is not module
    assert len(files(home)) == 2
    assert module.__name__.startswith("gru_sym_a_cell_compiled_")
    assert Path(str(module.__file__)).read_text(encoding="utf-8") == SOURCE


def test_no_thread_gets_half_a_module(home: Path) -> None:
    slow = f"import time\n\ntime.sleep(0.1)\n{SOURCE}"
    with ThreadPoolExecutor(4) as pool:
        modules = list(pool.map(lambda _: imported(slow, "slow").answer, range(4)))
    assert modules == [42] * 4


def test_a_file_is_written_once(home: Path) -> None:
    module = imported(SOURCE, "a cell")
    (path,) = files(home)
    before = path.stat().st_mtime_ns, path.stat().st_ino
    del sys.modules[module.__name__]
    assert imported(SOURCE, "a cell") is not module
    assert (path.stat().st_mtime_ns, path.stat().st_ino) == before


def test_a_file_that_says_something_else_is_not_run(home: Path) -> None:
    module = imported(SOURCE, "a cell")
    (path,) = files(home)
    path.write_text("raise SystemExit('somebody else was here')\n", encoding="utf-8")
    del sys.modules[module.__name__]
    assert imported(SOURCE, "a cell").answer == 42
    assert path.read_text(encoding="utf-8") == SOURCE


def test_the_folder_is_the_users_own(home: Path) -> None:
    imported(SOURCE, "a cell")
    (path,) = files(home)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [p.name for p in path.parent.iterdir() if p.suffix == ".py"] == [path.name]


@pytest.mark.parametrize("given", ["", "relative/path"])
def test_the_default_is_in_the_home(
    given: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", given)
    monkeypatch.setenv("HOME", str(home))
    module = imported(SOURCE, "a cell")
    assert Path(str(module.__file__)).is_relative_to(home / ".cache" / "gru_sym")


def test_where_nothing_can_be_written(home: Path) -> None:
    (home / "cache").write_text("a file where a folder should be", encoding="utf-8")
    module = imported(SOURCE, "a cell")
    path = Path(str(module.__file__))
    assert module.answer == 42
    assert not path.is_relative_to(home)
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert path.parent == Path(str(imported(SOURCE, "another").__file__)).parent


def test_what_was_temporary_goes(home: Path) -> None:
    (home / "cache").write_text("", encoding="utf-8")
    script = (
        "from gru_sym.codegen.backends.cached import imported\n"
        f"print(imported({SOURCE!r}, 'a cell').__file__)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True
    )
    path = Path(run.stdout.strip())
    assert path.name.startswith("gru_sym_a_cell_")
    assert not path.parent.exists()


def test_a_module_that_fails_is_forgotten(home: Path) -> None:
    with pytest.raises(ZeroDivisionError):
        imported("1 / 0\n", "a cell")
    assert not any(name.startswith("gru_sym_a_cell_") for name in sys.modules)
