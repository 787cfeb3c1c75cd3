"""NumPy's files, read without ever loading a pickle."""

import gc
import warnings
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gru_sym.errors import DataError
from gru_sym.npy import read


class Touchy:
    """What a pickle would run."""

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return (Path.touch, (Path("touched"),))


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64, np.complex128, bool])
@pytest.mark.parametrize("shape", [(), (3,), (2, 3), (0, 2)])
def test_one_array(dtype: Any, shape: tuple[int, ...], tmp_path: Path) -> None:
    array = np.ones(shape, dtype)
    np.save(tmp_path / "X.npy", array)
    found = read(tmp_path / "X.npy", "inputs")
    assert isinstance(found, np.ndarray)
    assert found.dtype == array.dtype
    assert np.array_equal(found, array)


@pytest.mark.parametrize("save", [np.savez, np.savez_compressed])
def test_arrays_by_name(save: Any, tmp_path: Path, rng: np.random.Generator) -> None:
    arrays = {"W_z": rng.normal(size=(3, 2)), "file": np.zeros(2), "b": np.array(1.5)}
    save(tmp_path / "P.npz", **{name: a for name, a in arrays.items() if name != "file"})
    found = read(str(tmp_path / "P.npz"), "parameters")
    assert isinstance(found, dict)
    assert list(found) == ["W_z", "b"]
    assert all(np.array_equal(found[name], arrays[name]) for name in found)


def test_the_content_decides_and_not_the_name(tmp_path: Path) -> None:
    with (tmp_path / "X.txt").open("wb") as file:
        np.savez(file, x=np.ones(2))
    assert isinstance(read(tmp_path / "X.txt", "inputs"), dict)


def test_an_archive_of_nothing(tmp_path: Path) -> None:
    np.savez(tmp_path / "P.npz")
    assert read(tmp_path / "P.npz", "parameters") == {}


def test_pickles_are_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    touchy = np.array([Touchy()], dtype=object)
    np.save("X.npy", touchy, allow_pickle=True)
    np.savez("P.npz", b=np.ones(2), W=touchy)
    for name in ("X.npy", "P.npz"):
        with pytest.raises(DataError, match=f"the arrays, {name}, hold pickled data") as caught:
            read(name, "arrays")
        assert "np.save" in caught.value.mend
    Path("raw.npy").write_bytes(b"\x80\x04K\x01.")  # a bare pickle
    with pytest.raises(DataError, match="never loaded"):
        read("raw.npy", "arrays")
    assert not Path("touched").exists()


@pytest.mark.parametrize(
    "content", [b"", b"PK\x03\x04", b"PK\x05\x06", b"\x93NUMPY\x01\x00", b"1 2 3\n", b"\x00" * 200]
)
def test_files_that_are_none(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "X.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"the inputs, .*X\.npy") as caught:
        read(tmp_path / "X.npy", "inputs")
    assert "np.save" in caught.value.mend


@pytest.mark.parametrize("content", [b"hello", b"1 2 3\n", b"\x00" * 200, b"\x80", b"\x80\xff"])
def test_junk_is_not_called_a_pickle(content: bytes, tmp_path: Path) -> None:
    (tmp_path / "X.npy").write_bytes(content)
    with pytest.raises(DataError, match=r"not a NumPy file \(it does not begin as one\)"):
        read(tmp_path / "X.npy", "inputs")


@pytest.mark.parametrize("kind", ["npy", "npz"])
def test_files_that_break_off(kind: str, tmp_path: Path) -> None:
    path = tmp_path / f"X.{kind}"
    np.save(path, np.ones((9, 9))) if kind == "npy" else np.savez(path, x=np.ones((9, 9)))
    whole = path.read_bytes()
    for length in (7, 60, 200, len(whole) - 5):
        path.write_bytes(whole[:length])
        with pytest.raises(DataError, match="the inputs"):
            read(path, "inputs")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.npy", tmp_path):
        with pytest.raises(DataError, match="cannot read the inputs") as caught:
            read(path, "inputs")
        assert caught.value.mend == "give the path of a .npy or .npz file"


def test_every_file_is_closed(tmp_path: Path) -> None:
    """Windows could not replace it, else; an open one would warn."""
    np.savez(tmp_path / "P.npz", x=np.ones(2))
    (tmp_path / "bad.npz").write_bytes((tmp_path / "P.npz").read_bytes()[:-9])
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        read(tmp_path / "P.npz", "parameters")
        with pytest.raises(DataError):
            read(tmp_path / "bad.npz", "parameters")
        gc.collect()
    assert not [each for each in caught if issubclass(each.category, ResourceWarning)]
