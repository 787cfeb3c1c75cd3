"""Checkpoints: what may be resumed, and what is refused and never overwritten."""

import dataclasses
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from gru_sym import cells, stack, train, weights
from gru_sym.cells import Cell
from gru_sym.errors import DataError, WeightsError

VALUES = np.sin(np.arange(30) / 2)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    """The checkpoint of a run."""
    train(cells.gru, VALUES, hidden=3, epochs=2, out=tmp_path / "run.safetensors")
    return tmp_path / "run.safetensors"


def refused(path: Path, cell: Cell = cells.gru, values: Any = VALUES, **options: Any) -> str:
    """The message with which the run is not resumed; the file stays as it was."""
    before = path.read_bytes()
    options = {"hidden": 3, "epochs": 2, "resume": True} | options
    with pytest.raises((DataError, WeightsError)) as caught:
        train(cell, values, out=path, **options)
    assert path.read_bytes() == before
    assert [p.name for p in path.parent.iterdir()] == [path.name]
    assert caught.value.mend
    return caught.value.message


def test_a_file_is_never_overwritten(path: Path) -> None:
    assert "is there already, and is not overwritten" in refused(path, resume=False)
    path.write_text("mine")
    assert "is there already" in refused(path, resume=False)
    assert "is not a whole .safetensors file" in refused(path)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"hidden": 4}, "hidden is 3 there, and 4 here"),
        ({"seed": 7}, "seed is 0 there, and 7 here"),
        ({"clip": 1.0}, "clip is None there, and 1.0 here"),
        ({"betas": (0.8, 0.999)}, "betas is [0.9, 0.999] there, and [0.8, 0.999] here"),
        ({"dtype": "float32"}, "dtype is 'float64' there"),
        ({"backend": "torch"}, "backend is 'numpy' there, and 'torch' here"),
        ({"seed": 1, "window": 4}, "window is None there, and 4 here; seed is 0 there"),
        ({"values": VALUES + 1}, "its series is another"),
        ({"cell": cells.rnn}, "its cell is not this rnn (line 1 is `z = sigmoid("),
        ({"cell": stack(cells.gru, cells.gru)}, "its cell is not this stack_gru_gru"),
        ({"epochs": 1}, "has 2 epochs already, and 1 are asked for"),
    ],
)
def test_another_run(path: Path, options: dict[str, Any], message: str, torch: Any) -> None:
    assert message in refused(path, **options)


def test_what_may_differ(path: Path) -> None:
    named = Cell.parse(cells.gru.text, name="my_own")
    result = train(named, VALUES.tolist(), hidden=3, epochs=3, every=1, out=str(path), resume=True)
    assert len(result.history) == 3


def test_a_network_of_torch(path: Path) -> None:
    arrays = {"weight_ih_l0": np.ones((4, 2)), "weight_hh_l0": np.ones((4, 4))}
    safetensors.numpy.save_file(arrays, path)
    assert "is a network of PyTorch, not a training run" in refused(path)


@pytest.mark.parametrize("name", ["run.npz", "run", "run.safetensors.bak"])
def test_the_suffix(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match=r"a run is written as \.safetensors") as caught:
        train(cells.gru, VALUES, out=tmp_path / name)
    assert caught.value.mend.startswith("call it run")
    assert not list(tmp_path.iterdir())


def test_directories_and_links(tmp_path: Path) -> None:
    (tmp_path / "d.safetensors").mkdir()
    (tmp_path / "link.safetensors").symlink_to(tmp_path / "nothing")
    for name in ("d.safetensors", "link.safetensors"):
        with pytest.raises(DataError, match="is there already"):
            train(cells.gru, VALUES, out=tmp_path / name)
        with pytest.raises(WeightsError):
            train(cells.gru, VALUES, out=tmp_path / name, resume=True)
    assert not (tmp_path / "nothing").exists()


def test_a_cell_in_other_words(path: Path) -> None:
    """Its title and its comments may change: they say nothing of the numbers."""
    words = "# title: mine\n# cite: me\n# roles: r = write\n# a remark\n"
    other = Cell.parse(words + str(cells.gru).replace("  ", " "))
    assert other.text != cells.gru.text
    train(other, VALUES, hidden=3, epochs=3, out=path, resume=True)
    declared = Cell.parse(
        "# params: b_z(H), zeta()\n" + str(cells.gru).replace("+ b_z", "+ b_z * zeta")
    )
    assert "line 1 is `z = sigmoid(" in refused(path, declared, epochs=3)
    changed = Cell.parse(str(cells.gru).replace("(1 - z) * h", "(2 - z) * h"))
    message = refused(path, changed, epochs=3)
    assert "(line 4 is `h_next = (1 - z) * h + z * h_tilde` there, and `h_next = (2 -" in message


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"mean": (0.5,)}, "its mean and standard deviation are not those of the series"),
        ({"std": (0.5,)}, "its mean and standard deviation are not those of the series"),
        ({"step": 3}, "has 3 updates in 2 epochs, which have 1 each"),
        ({"settings": {"a" * 999 + str(k): 1 for k in range(99)}}, "hidden is None there, and 3"),
    ],
)
def test_a_changed_file(path: Path, change: dict[str, Any], message: str) -> None:
    """By somebody who knows how it is written."""
    run = weights.load(path)
    assert isinstance(run, weights.TrainingRun)
    path.write_bytes(dataclasses.replace(run, **change).to_bytes())
    found = refused(path)
    assert message in found
    assert len(found) < len(str(path)) + 800


def test_changed_sizes_and_types(path: Path) -> None:
    run = weights.load(path)
    assert isinstance(run, weights.TrainingRun)
    other = train(cells.gru, VALUES, hidden=4, epochs=2, dtype="float32").run
    path.write_bytes(dataclasses.replace(other, settings=run.settings).to_bytes())
    message = refused(path)
    assert "its sizes are {" in message
    assert "'H': 4" in message
    assert "its arrays are float32" in message


def test_a_mean_that_is_rounded_otherwise(path: Path) -> None:
    """As another version of NumPy may."""
    run = weights.load(path)
    assert isinstance(run, weights.TrainingRun)
    path.write_bytes(dataclasses.replace(run, mean=(run.mean[0] + 1e-15,)).to_bytes())
    train(cells.gru, VALUES, hidden=3, epochs=3, out=path, resume=True)
