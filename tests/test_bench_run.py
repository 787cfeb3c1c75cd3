"""One cell and its peers: what is put together of a measurement."""

import json
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.bench import Benchmark, Size, bench
from gru_sym.bench.competitor import Competitor
from gru_sym.bench.run import disagreement
from gru_sym.cells import Cell
from gru_sym.errors import DataError, MissingLibraryError, UnsupportedError

SIZE = Size(2, 3, 4, 5)
run = sys.modules[Benchmark.__module__]


def quick(cell: Cell, **more: Any) -> Benchmark:
    return bench(cell, SIZE, seconds=0.0, **{"against": ["hand"], **more})


def test_a_cell_against_backprop_by_hand() -> None:
    found = quick(cells.gru)
    assert (found.cell, found.backend, found.dtype, found.threads) == ("gru", "numpy", "float64", 1)
    assert found.size == SIZE
    assert found.dims == {"H": 3, "I": 2}
    assert found.notes == ()
    (name,) = found.against
    assert name == "hand"
    hand = found.against["hand"]
    assert hand.error < 1e-12
    assert hand.ratio == hand.timing.seconds.median / found.timing.seconds.median
    for timing in (found.timing, hand.timing):
        assert 0 < timing.seconds.min <= timing.seconds.median
        assert timing.first_call > 0
    json.dumps(found.to_json(), allow_nan=False)


def test_single_precision() -> None:
    found = quick(cells.gru_reset_after, dtype="float32")
    assert found.dtype == "float32"
    assert 1e-12 < found.against["hand"].error < 1e-4


def test_all_that_can_run_here(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "jax", None)
    found = quick(cells.mgu, against=None)
    assert dict(found.against) == {}
    absent = [note for note in found.notes if note.startswith("not compared with")]
    assert [note.split()[3] for note in absent] == ["torch:", "jax:", "hand:"]


def test_dimensions_that_are_not_h_and_i() -> None:
    assert quick(cells.mut1, against=[]).notes == (
        "the dimensions of mut1: H = 3; I = 2 is not used",
    )
    text = "# inputs: x, u\nh_next = tanh(W @ x + V @ u) + h"
    (note,) = quick(Cell.parse(text), against=[]).notes
    assert note.startswith("the dimensions of cell: H = 3, I = 2, ")
    assert note.endswith(" = 2")


def test_other_gradients_are_noted(monkeypatch: pytest.MonkeyPatch) -> None:
    right = run.peer

    def wrong(*arguments: Any) -> Competitor:
        found = right(*arguments)

        def gradients(returned: Any) -> Any:
            return {name: 1.5 * value for name, value in found.gradients(returned).items()}

        return Competitor(found.name, found.what, found.call, gradients)

    monkeypatch.setattr(run, "peer", wrong)
    found = quick(cells.gru)
    assert found.against["hand"].error == pytest.approx(0.5)
    assert found.notes == ("the gradients of hand differ from ours by 5.0e-01",)


def test_numbers_that_are_not_finite_are_noted() -> None:
    found = bench(Cell.parse("h_next = exp(exp(h * 9)) * x"), SIZE, seconds=0.0, against=[])
    assert any("not all gradients are finite" in note for note in found.notes)


def test_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(UnsupportedError, match="no peer keras"):
        quick(cells.gru, against=["keras"])
    with pytest.raises(UnsupportedError, match="no backend fortran"):
        quick(cells.gru, backend="fortran")
    with pytest.raises(UnsupportedError, match="by hand for mgu"):
        quick(cells.mgu)
    with pytest.raises(DataError, match="0 threads"):
        quick(cells.gru, threads=0)
    with pytest.raises(DataError, match="memory"):
        bench(cells.gru, Size(1, 1, 10**17, 1))
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    with pytest.raises(MissingLibraryError, match="threadpoolctl"):
        quick(cells.gru)


def test_nothing_is_left_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    quick(cells.gru)
    assert list(tmp_path.iterdir()) == []


def test_disagreement() -> None:
    a = {"x": np.array([3.0, 4.0]), "y": np.zeros(2)}
    assert disagreement(a, a) == 0
    assert disagreement({**a, "x": np.array([3.0, 4.5])}, a) == pytest.approx(0.1)
    assert disagreement({**a, "y": np.array([1e-9, 0])}, a) == 1e-9
    assert np.isnan(disagreement({**a, "y": np.array([np.nan, 0])}, a))
    with pytest.raises(ValueError, match="gradients"):
        disagreement({"x": a["x"]}, a)
    with pytest.raises(ValueError, match="y: shape"):
        disagreement({**a, "y": np.zeros(3)}, a)
