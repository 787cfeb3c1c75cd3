"""A file is written whole or not at all."""

import errno
import os
import resource
import stat
import threading
from concurrent.futures import ThreadPoolExecutor
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


def test_a_link_stays_one(tmp_path: Path) -> None:
    real, link = tmp_path / "real.txt", tmp_path / "link.txt"
    real.write_bytes(b"old")
    link.symlink_to(real.name)
    with writing(link) as file:
        file.write(b"new")
    assert link.is_symlink()
    assert real.read_bytes() == b"new"


def test_permissions_stay(tmp_path: Path) -> None:
    out = tmp_path / "a.sh"
    out.write_bytes(b"old")
    out.chmod(0o750)
    with writing(out) as file:
        file.write(b"new")
    assert stat.S_IMODE(out.stat().st_mode) == 0o750


def test_what_may_not_be_written_is_left(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = tmp_path / "a.txt"
    out.write_bytes(b"old")
    monkeypatch.setattr(os, "access", lambda *_: False)  # the superuser may write to all
    with pytest.raises(DataError, match="denied"), writing(out):
        pass
    assert out.read_bytes() == b"old"


def test_a_pipe_is_written_to(tmp_path: Path) -> None:
    out = tmp_path / "pipe"
    os.mkfifo(out)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(out.read_bytes)
        with writing(out) as file:
            file.write(b"new")
        assert read.result() == b"new"
    assert out.is_fifo()


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot write"), writing(tmp_path / "no" / "a.txt"):
        pass


def test_of_several_that_make_a_new_file_one_succeeds(tmp_path: Path) -> None:
    out = tmp_path / "a.txt"
    together = threading.Barrier(8)

    def make(k: int) -> None:
        with writing(out, new=True) as file:
            file.write(bytes([k]))
            together.wait()

    with ThreadPoolExecutor(8) as pool:
        errors = [each.exception() for each in [pool.submit(make, k) for k in range(8)]]
    assert errors.count(None) == 1
    assert out.read_bytes() == bytes([errors.index(None)])
    for error in filter(None, errors):
        assert isinstance(error, DataError)
        assert "File exists" in error.message
        assert error.mend == "something else has just written it: name another file"
    assert list(tmp_path.iterdir()) == [out]


def test_where_there_are_no_hard_links(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def none(*_: object) -> None:
        raise PermissionError(errno.EPERM, os.strerror(errno.EPERM))

    monkeypatch.setattr(Path, "hardlink_to", none)
    with writing(tmp_path / "a.txt", new=True) as file:
        file.write(b"new")
    assert (tmp_path / "a.txt").read_bytes() == b"new"
    assert len(list(tmp_path.iterdir())) == 1


def test_a_limit_on_the_size_of_files(tmp_path: Path) -> None:
    out = tmp_path / "a.txt"
    out.write_bytes(b"old")
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 16, before[1]))
    try:
        with pytest.raises(DataError, match="too large") as caught, writing(out) as file:
            file.write(bytes(1 << 20))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert "ulimit -f" in caught.value.mend
    assert out.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [out]
