"""What is said about the machine, and when a hint is given."""

import json
import sys

import numpy as np
import pytest

from gru_sym.bench.machine import Blas, hint_for, this_machine
from gru_sym.errors import MissingLibraryError

OLD, NEW = Blas("openblas", "0.3", "Haswell"), Blas("openblas", "0.3", "SkylakeX")
WIDE, NARROW = ["fpu", "avx2", "avx512f"], ["fpu", "avx2"]


def test_this_machine() -> None:
    machine = this_machine()
    assert machine.processor
    assert machine.cores >= 1
    assert machine.libraries["numpy"] == np.__version__
    document = json.loads(json.dumps(machine.to_json()))
    assert set(document) == {
        "processor", "cores", "system", "python", "libraries", "blas", "hint"
    }  # fmt: skip
    assert f"numpy {np.__version__}" in machine.lines[1]
    for each in machine.blas:
        assert str(each) in machine.lines[2]


def test_a_hint_where_kernels_are_narrower_than_the_processor() -> None:
    hint = hint_for((NEW, OLD), WIDE, None)
    assert "kernels for Haswell" in hint
    assert "OPENBLAS_CORETYPE=SkylakeX" in hint
    assert "OPENBLAS_CORETYPE=Haswell is set" in hint_for((OLD,), WIDE, "Haswell")


@pytest.mark.parametrize(
    ("blas", "flags"),
    [
        ((NEW,), WIDE),
        ((OLD,), NARROW),
        ((OLD,), []),
        ((), WIDE),
        ((Blas("mkl", "2024", "intel"),), WIDE),
        ((Blas("openblas", "0.3", ""),), WIDE),
    ],
)
def test_no_hint(blas: tuple[Blas, ...], flags: list[str]) -> None:
    assert hint_for(blas, flags, None) == ""


def test_blas_in_words() -> None:
    assert str(OLD) == "openblas 0.3 with kernels for Haswell"
    assert str(Blas("blis", "1.0", "")) == "blis 1.0"


def test_without_threadpoolctl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with pytest.raises(MissingLibraryError, match="threadpoolctl"):
        this_machine()
