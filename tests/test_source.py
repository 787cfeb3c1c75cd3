"""What a command reads: a cell by its name, a file, standard input."""

from pathlib import Path

import click
import pytest

from gru_sym import cells
from gru_sym.cli.source import LONGEST_TEXT, load_cell, once, read, reading
from gru_sym.errors import DataError, NamingError


def test_a_cell_by_its_name_or_from_a_file(tmp_path: Path) -> None:
    assert load_cell("gru") == cells.gru
    path = tmp_path / "mine.cell"
    path.write_text("h_next = tanh(W @ x + h)\n", encoding="utf-8")
    found = load_cell(str(path))
    assert found.name == "mine"
    assert found.equations == "h_next = tanh(W @ x + h)"


def test_no_such_cell() -> None:
    with pytest.raises(DataError, match="no built-in cell and no file `gruu`") as caught:
        load_cell("gruu")
    assert "did you mean `gru`?" in caught.value.mend


def test_a_file_is_read_no_further_than_the_parser_takes(tmp_path: Path) -> None:
    path = tmp_path / "long"
    path.write_bytes(b"#" * (LONGEST_TEXT + 100))
    assert len(read(str(path))) == LONGEST_TEXT + 1


def test_an_error_says_in_which_text(tmp_path: Path) -> None:
    path = tmp_path / "bad.cell"
    path.write_text("h_next = z * h\nz = x\n", encoding="utf-8")
    with pytest.raises(NamingError) as caught, reading(str(path)):
        load_cell(str(path))
    assert str(path) in "".join(caught.value.__notes__)


def test_standard_input_is_read_once() -> None:
    once("-", "file", None)
    with pytest.raises(click.UsageError, match="standard input can be read once"):
        once("-", "-")
