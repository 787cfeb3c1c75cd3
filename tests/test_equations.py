"""Cell: what a user holds in the hand."""

from pathlib import Path

import pytest

from gru_sym.cells.equations import Cell
from gru_sym.errors import CellSyntaxError, DataError, StructureError, TextError

TEXT = """\
# title: A leaky unit
# cite: nobody 2020
# convention: z keeps
# roles: z = leak
# params: k()
# outputs: e
z = sigmoid(W @ x + b) * tanh(k * h + 1)
c_next = c + z
h_next = z * h + (1 - z) * tanh(c_next)
e = mean(z)
"""


@pytest.fixture(scope="module")
def cell() -> Cell:
    return Cell.parse(TEXT, name="leaky")


def test_parts(cell: Cell) -> None:
    assert [v.name for v in cell.states] == ["h", "c"]
    assert [v.name for v in cell.nexts] == ["h_next", "c_next"]
    assert [v.name for v in cell.inputs] == ["x"]
    assert [v.name for v in cell.params] == ["W", "b", "k"]
    assert [v.name for v in cell.extra] == ["e"]
    assert cell.output.name == "h_next"
    assert [d.name for d in cell.program] == ["a_z_1", "a_z_2", "z", "c_next", "h_next", "e"]
    fixed = {v for v in cell.program.variables if v not in cell.varying}
    assert fixed == set(cell.params)
    assert (cell.name, cell.title, cell.roles) == ("leaky", "A leaky unit", {"z": "leak"})


def test_an_atomic_argument_stays_where_it_is(cell: Cell) -> None:
    assert "tanh(c_next)" in str(cell.program["h_next"].expr)


def test_prints_as_its_equations(cell: Cell) -> None:
    assert str(cell) == repr(cell) == cell.equations
    assert cell.equations.splitlines()[0].startswith("z      = sigmoid(W @ x + b)")
    assert "#" not in cell.equations
    assert Cell.parse(cell.text) == cell
    assert Cell.parse(cell.text).text == cell.text


def test_equality_is_that_of_equations(cell: Cell) -> None:
    spaced = TEXT.replace(" * ", "*").replace("z = sig", "z  =   sig")
    assert Cell.parse(spaced, name="other") == cell
    assert hash(Cell.parse(spaced)) == hash(cell)
    assert Cell.parse(TEXT.replace("1 - z", "1 + z")) != cell


def test_latex_is_at_step_t(cell: Cell) -> None:
    latex = cell._repr_latex_()
    assert latex.startswith("$$")
    assert latex.endswith("$$")
    assert "h_{t-1}" in latex
    assert r"\tanh" in latex


def test_load(tmp_path: Path, cell: Cell) -> None:
    path = tmp_path / "leaky.cell"
    path.write_text(TEXT, encoding="utf-8")
    assert Cell.load(path) == Cell.load(str(path)) == cell
    assert Cell.load(path).name == "leaky"
    path.write_bytes(b"\xef\xbb\xbf" + TEXT.replace("\n", "\r\n").encode())
    assert Cell.load(path) == cell


@pytest.mark.parametrize("content", [b"", b"  \n\n", b"\xff\xfe", b"h_next = h\0", b"# only\n"])
def test_load_what_is_no_cell(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.cell"
    path.write_bytes(content)
    with pytest.raises(CellSyntaxError) as caught:
        Cell.load(path)
    assert caught.value.mend


def test_load_what_cannot_be_read(tmp_path: Path) -> None:
    for path in (tmp_path / "absent.cell", tmp_path):
        with pytest.raises(DataError, match=path.name) as caught:
            Cell.load(path)
        assert caught.value.mend


def test_of_a_document(cell: Cell) -> None:
    assert Cell.of(cell.document, name="again") == cell


def test_wrong_texts_are_text_errors() -> None:
    with pytest.raises(StructureError):
        Cell.parse("z = x")
    with pytest.raises(TextError):
        Cell.parse(b"\0")
