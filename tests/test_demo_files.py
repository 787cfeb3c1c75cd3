"""Where the demonstration writes: over its own files only."""

from pathlib import Path

import numpy as np
import pytest

from gru_sym.demo.files import FILES, claim_directory, write_files
from gru_sym.errors import DataError

TEXTS = {name: f"{name}\n" for name in FILES if name != "gradients.npz"}
ARRAYS = {"b_bar": np.arange(3.0)}


def test_a_new_directory_and_then_again(tmp_path: Path) -> None:
    directory = tmp_path / "a" / "b"
    for _ in range(2):
        claim_directory(directory)
        write_files(directory, TEXTS, ARRAYS)
        assert {path.name for path in directory.iterdir()} == set(FILES)
    assert (directory / "proof.json").read_text(encoding="utf-8") == "proof.json\n"
    with np.load(directory / "gradients.npz") as file:
        assert file["b_bar"].tolist() == [0, 1, 2]


def test_an_empty_directory(tmp_path: Path) -> None:
    claim_directory(tmp_path)


@pytest.mark.parametrize("name", ["thesis.txt", ".hidden", "Derivation.TXT"])
def test_someone_elses_file(tmp_path: Path, name: str) -> None:
    (tmp_path / "proof.json").write_text("{}", encoding="utf-8")
    (tmp_path / name).write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="which is not a file of this demonstration") as caught:
        claim_directory(tmp_path)
    assert name in caught.value.message
    assert "-o DIR" in caught.value.mend


def test_a_directory_or_a_link_of_our_name(tmp_path: Path) -> None:
    (tmp_path / "proof.json").mkdir()
    with pytest.raises(DataError, match="holds proof"):
        claim_directory(tmp_path)
    (tmp_path / "proof.json").rmdir()
    (tmp_path / "proof.json").symlink_to(Path(__file__))
    with pytest.raises(DataError, match="holds proof"):
        claim_directory(tmp_path)


def test_a_file_in_place_of_the_directory(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_text("mine", encoding="utf-8")
    with pytest.raises(DataError, match="is not a directory"):
        claim_directory(path)
    with pytest.raises(DataError, match="cannot write to"):
        write_files(path / "below", TEXTS, ARRAYS)
    assert path.read_text(encoding="utf-8") == "mine"
