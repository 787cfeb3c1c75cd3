"""Generated modules as competitors."""

import os
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.bench.competitor import XLA_ONE_THREAD, load, one_thread_xla, ours
from gru_sym.bench.problem import Size, problem
from gru_sym.codegen import compile
from gru_sym.errors import UnsupportedError

SIZE = Size(2, 3, 4, 5)


@pytest.mark.parametrize("name", cells.names())
def test_generated_code(name: str, tmp_path: Path) -> None:
    task = problem(cells.cell(name), SIZE)
    found = ours(task, "numpy", tmp_path)
    gradients = found.gradients(found.call())
    ups = {
        str(s.name): task.cotangents[str(v.name)]
        for s, v in zip(task.cell.states, task.cell.nexts, strict=True)
    }
    _, reference = compile(task.cell).gradients(task.params, task.inputs, task.states, ups)
    assert gradients.keys() == reference.keys()
    for key, value in reference.items():
        assert np.array_equal(gradients[key], value)


def test_no_such_backend(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="there is no backend nunpy"):
        ours(problem(cells.rnn, SIZE), "nunpy", tmp_path)


def test_a_module_is_loaded_from_a_file(tmp_path: Path) -> None:
    module = load("def answer():\n    return 42\n", tmp_path)
    assert module.answer() == 42
    assert Path(module.__file__ or "").parent == tmp_path
    assert module.__name__ not in sys.modules


def test_xla_is_asked_before_jax_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XLA_FLAGS", "--xla_of_the_user=1")
    monkeypatch.delitem(sys.modules, "jax", raising=False)
    (note,) = one_thread_xla()
    assert "so that it has one thread" in note
    assert os.environ["XLA_FLAGS"] == f"--xla_of_the_user=1 {XLA_ONE_THREAD}"
    assert one_thread_xla() == []


def test_xla_does_not_listen_any_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("XLA_FLAGS", raising=False)
    monkeypatch.setitem(sys.modules, "jax", ModuleType("jax"))
    (note,) = one_thread_xla()
    assert "was imported before" in note
    assert "XLA_FLAGS" not in os.environ
