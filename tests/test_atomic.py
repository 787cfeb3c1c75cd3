"""A file is written whole or not at all."""

import stat
from pathlib import Path

import pytest

from gru_sym.atomic import writing
from gru_sym.errors import DataError


def test_the_file_is_there_after_the_block(tmp_path: Path) -> None:
    out = tmp_path / "a.txt"
    with writing(out) as file:
        file.write(b"new")
        assert not out.exists()
    assert out.read_bytes() == b"new"
    assert stat.S_IMODE(out.stat().st_mode) & 0o400
    assert list(tmp_path.iterdir()) == [out]


def test_what_was_there_stays_when_the_block_fails(tmp_path: Path) -> None:
    out = tmp_path / "a.txt"
    out.write_bytes(b"old")
    with pytest.raises(ValueError, match="closed"), writing(out) as file:
        file.close() or file.write(b"half")
    assert out.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [out]


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot write"), writing(tmp_path / "no" / "a.txt"):
        pass
