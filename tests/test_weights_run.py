"""Training runs as files: read back as they were, and never trusted."""

import contextlib
import dataclasses
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.numpy

from gru_sym import cells, compile, stack, train, weights
from gru_sym.cells import Cell
from gru_sym.errors import StructureError, WeightsError
from gru_sym.training import Result
from gru_sym.weights.run import KEY, digest

VALUES = np.sin(np.arange(30) / 2)


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> tuple[Result, Path]:
    path = tmp_path_factory.mktemp("run") / "run.safetensors"
    return train(cells.gru, VALUES, hidden=4, epochs=3, out=path), path


def test_what_is_read_is_what_was_written(made: tuple[Result, Path]) -> None:
    result, path = made
    found = weights.load(path)
    assert isinstance(found, weights.TrainingRun)
    for name in ("text", "name", "loss", "settings", "sizes", "mean", "std", "data", "step"):
        assert getattr(found, name) == getattr(result.run, name), name
    assert found.settings["epochs"] == found.epoch == found.step == 3
    for name in ("parameters", "m", "v"):
        ours, theirs = getattr(found, name), getattr(result.run, name)
        assert list(ours) == list(theirs)
        assert all(np.array_equal(ours[n], theirs[n]) for n in ours)
    assert np.array_equal(found.history, result.history)
    assert found.to_bytes() == path.read_bytes() == found.to_bytes()


def test_as_a_checkpoint(made: tuple[Result, Path]) -> None:
    result, path = made
    found = weights.load(path)
    assert (found.hidden_size, found.input_size, found.dtype) == (4, 1, np.float64)
    assert found.cell() == cells.gru
    assert found.cell().name == "gru"
    assert found.cell(loss="mse") == result.model
    assert set(found.params()) == {str(v.name) for v in result.model.params}
    assert set(found.params(cells.gru)) == set(found.params()) - {"W_y", "b_y"}
    assert str(found) == found.convention
    for words in ("cell gru", "H = 4", "float64", "After 3 epochs", "standardised", "seed 0"):
        assert words in found.convention
    with pytest.raises(StructureError, match="'l1'"):
        found.cell(loss="l1")  # type: ignore[arg-type]
    hs = compile(found.cell()).forward(found.params(found.cell()), np.ones((5, 1))).hs
    assert hs.shape == (5, 4)


@pytest.mark.parametrize(
    "make",
    [
        lambda: train(stack(cells.gru, cells.lstm), VALUES, hidden=3, epochs=1, dtype="float32"),
        lambda: train(cells.fastgrnn, np.arange(30) % 4, loss="cross_entropy", epochs=1),
        lambda: train(cells.mut1, np.stack([VALUES] * 5, axis=1), epochs=1),
        lambda: train(
            Cell.parse("s_next = tanh(V @ v + s)", name="\x1b[31m\ud800"), VALUES, epochs=1
        ),
    ],
)
def test_any_cell(make: Callable[[], Result], tmp_path: Path) -> None:
    result = make()
    path = tmp_path / "run.safetensors"
    path.write_bytes(result.run.to_bytes())
    found = weights.load(path)
    assert found.cell() == result.cell
    assert found.dtype == result.run.dtype
    assert found.cell().name == result.cell.name
    assert all(c.isprintable() for c in found.convention.replace("\n", ""))
    assert (found.input_size, found.hidden_size) == result.params["W_y"].shape


def test_what_cannot_be_chosen(made: tuple[Result, Path]) -> None:
    for option in ({"prefix": "gru."}, {"nonlinearity": "relu"}):
        with pytest.raises(WeightsError, match="with neither prefixes nor a nonlinearity"):
            weights.load(made[1], **option)  # type: ignore[arg-type]


def test_other_metadata_is_passed_over(tmp_path: Path) -> None:
    arrays = {"weight_ih_l0": np.ones((4, 2)), "weight_hh_l0": np.ones((4, 4))}
    safetensors.numpy.save_file(arrays, tmp_path / "a.safetensors", {"format": "pt"})
    assert weights.load(tmp_path / "a.safetensors").hidden_size == 4


# -- damage ----------------------------------------------------------------------------------------


def refused(path: Path) -> str:
    """The message, of a bounded length, with which a file is refused."""
    with pytest.raises(WeightsError) as caught:
        weights.load(path)
    assert str(path) in caught.value.message
    assert len(caught.value.message) < len(str(path)) + 400
    assert caught.value.mend
    return caught.value.message


def damaged(path: Path, metadata: str, arrays: dict[str, np.ndarray]) -> str:
    """The message with which a file is refused that somebody has changed, its SHA-256 included."""
    with contextlib.suppress(ValueError, AttributeError, RecursionError):
        record = json.loads(metadata)
        metadata = json.dumps(record | {"sha256": digest(record, arrays)})
    path.write_bytes(safetensors.numpy.save(arrays, {KEY: metadata}))
    message = refused(path)
    assert "SHA-256" not in message
    return message


def parts(path: Path) -> tuple[dict[str, Any], dict[str, np.ndarray]]:
    with safetensors.safe_open(path, "numpy") as file:
        record = json.loads(file.metadata()[KEY])
    return record, safetensors.numpy.load_file(path)


DEEP = "[" * 100_000


@pytest.mark.parametrize(
    "metadata", ["", "{", "null", "3", '"gru"', "[]", "{}", "NaN", DEEP, '{"format": []}']
)
def test_metadata_that_is_none(made: tuple[Result, Path], tmp_path: Path, metadata: str) -> None:
    _, arrays = parts(made[1])
    message = damaged(tmp_path / "a.safetensors", metadata, arrays)
    assert "is no whole training run" in message or "is not JSON" in message


@pytest.mark.parametrize(
    ("field", "values"),
    [
        ("format", [None, 3, "pt"]),
        ("version", [None, "1", 1.0, True, -1, 2, 10**30, 10**400, -(10**400)]),
        ("cell", [None, 3, "", "h_next = ", "__import__('os')", "h_next = x @", "x" * 500_000]),
        ("cell", ["h_next = tanh(U @ h)", "h_next = tanh(W @ x + V @ u + h)", cells.lstm.text]),
        ("cell", ["h_next = tanh(W @ x + " + "_" * 90_000 + ")"]),
        ("name", [None, 3, []]),
        ("loss", [None, "mae", "cross_entropy", []]),
        ("settings", [None, [], "x", {"seed": {}}, {"betas": [[0.9], 0.9]}]),
        ("sizes", [None, [], {}, {"H": 4}, {"H": 4, "I": 1, "O": -1}, {"H": 1e9, "I": 1, "O": 1}]),
        ("sizes", [{"H": 10**30, "I": 1, "O": 1}, {"H": True, "I": 1, "O": 1}]),
        ("sizes", [{"H": 10**400, "I": 1, "O": 1}, {"H": 4, "I": 1, "O": 1, "Q" * 9999: 1}]),
        ("scaling", [{"mean": [10**400], "std": [1.0]}, {"mean": [0.0], "std": [10**400]}]),
        ("scaling", [None, {}, {"mean": [0.0], "std": [0.0]}, {"mean": [], "std": []}]),
        ("scaling", [{"mean": ["0"], "std": [1.0]}, {"mean": [0.0, 1.0], "std": [1.0]}]),
        ("scaling", [{"mean": [float("nan")], "std": [1.0]}, {"mean": [0.0], "std": [-1.0]}]),
        ("data", [None, 3]),
        ("epoch", [None, -1, 4, 10**30, 10**400, "3"]),
        ("step", [None, -1, 0.5, 10**400]),
    ],
)
def test_damaged_metadata(
    made: tuple[Result, Path], tmp_path: Path, field: str, values: list[Any]
) -> None:
    record, arrays = parts(made[1])
    path = tmp_path / "a.safetensors"
    for value in values:
        damaged(path, json.dumps(record | {field: value}), arrays)
    del record[field]
    damaged(path, json.dumps(record), arrays)


def test_a_newer_version(made: tuple[Result, Path], tmp_path: Path) -> None:
    record, arrays = parts(made[1])
    message = damaged(tmp_path / "a.safetensors", json.dumps(record | {"version": 2}), arrays)
    assert "is of version 2, and this gru_sym reads 1" in message


CHANGES: dict[str, Callable[[np.ndarray], np.ndarray]] = {
    "has shape": lambda a: np.zeros((*a.shape, 2)),
    "are not finite": lambda a: np.full_like(a, np.nan),
    "is of type int64": lambda a: a.astype(np.int64),
    "type": lambda a: a.astype(np.float32),
}


@pytest.mark.parametrize("name", ["W_z", "b_y", "adam.m.U_h", "adam.v.W_y", "training.history"])
@pytest.mark.parametrize("words", CHANGES)
def test_damaged_arrays(made: tuple[Result, Path], tmp_path: Path, name: str, words: str) -> None:
    record, arrays = parts(made[1])
    path, text = tmp_path / "a.safetensors", json.dumps(record)
    assert words in damaged(path, text, arrays | {name: CHANGES[words](arrays[name])})
    without = {n: a for n, a in arrays.items() if n != name}
    assert f"{name!r} is missing" in damaged(path, text, without)


def test_other_damage(made: tuple[Result, Path], tmp_path: Path) -> None:
    record, arrays = parts(made[1])
    path, text = tmp_path / "a.safetensors", json.dumps(record)
    assert "its cell has no 'W_q'" in damaged(path, text, arrays | {"W_q": np.ones(2)})
    below = {"adam.v.b_y": np.array([-1.0])}
    assert "holds a square below 0" in damaged(path, text, arrays | below)


def test_a_changed_byte(made: tuple[Result, Path], tmp_path: Path) -> None:
    """Wherever it is, the file is refused, or it says the same."""
    whole = made[1].read_bytes()
    path = tmp_path / "a.safetensors"
    rng = np.random.default_rng(0)
    header = 8 + int.from_bytes(whole[:8], "little")
    for at in (*rng.integers(0, header, 150), *rng.integers(header, len(whole), 150)):
        changed = bytearray(whole)
        changed[at] ^= 1 << int(rng.integers(8))
        path.write_bytes(changed)
        with contextlib.suppress(WeightsError):
            found = weights.load(path)
            assert at < header  # such as white space
            assert isinstance(found, weights.TrainingRun)
            assert found.to_bytes() == whole
    path.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    assert "is damaged: its content is not that of its SHA-256" in refused(path)


def test_without_its_digest(made: tuple[Result, Path], tmp_path: Path) -> None:
    record, arrays = parts(made[1])
    path = tmp_path / "a.safetensors"
    assert record.pop("sha256") == digest(record, arrays)
    path.write_bytes(safetensors.numpy.save(arrays, {KEY: json.dumps(record)}))
    assert "its sha256 is None" in refused(path)


def test_a_long_name_is_cut(made: tuple[Result, Path]) -> None:
    assert len(dataclasses.replace(made[0].run, name="x" * 9999).convention) < 500


def test_reading_metadata_needs_no_numpy_module_of_safetensors(made: tuple[Result, Path]) -> None:
    """Loading stays light: nothing of SymPy but for the cell, and nothing of torch."""
    code = (
        "import sys\nfrom gru_sym import weights\n"
        "assert not {'torch', 'sympy', 'safetensors'} & set(sys.modules)\n"
        f"weights.load({str(made[1])!r})\nassert 'torch' not in sys.modules\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)
