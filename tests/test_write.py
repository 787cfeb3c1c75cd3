"""Documents as files."""

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from gru_sym import cells, write_document
from gru_sym.cells import Cell
from gru_sym.documents import document
from gru_sym.documents.write import ENDINGS, check_ending, label_of, write
from gru_sym.errors import DataError, GruSymError, MissingLibraryError
from gru_sym.latex import mathsvg
from gru_sym.latex.html import html_of
from gru_sym.latex.markdown import markdown_of
from gru_sym.latex.notation import NOTATIONS
from gru_sym.latex.pdf import INSTALL, overfull
from gru_sym.latex.tex import SHRUNK, fragment_of, tex_of
from tests.latex_tools import HOSTILE, SAMPLE, pdf_text, tex, ziamath
from tests.test_latex_tex import paper

MADE = document(cells.rnn_relu)
NEED: dict[str, Callable[[], object]] = {
    ".tex": lambda: None,
    ".pdf": tex,
    ".html": ziamath,
    ".md": ziamath,
}


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_format(tmp_path: Path, ending: str) -> None:
    NEED[ending]()
    out = tmp_path / f"rnn{ending}"
    written = write_document(cells.rnn_relu, out)
    assert written[0] == out
    assert sorted(tmp_path.iterdir()) == sorted(written)
    text = out.read_bytes()
    match ending:
        case ".tex":
            assert text.decode() == tex_of(MADE)
        case ".html":
            assert text.decode() == html_of(MADE)
        case ".md":
            shown, figures = markdown_of(MADE, "rnn-figure")
            assert text.decode() == shown
            assert [path.name for path in written[1:]] == list(figures) == ["rnn-figure.svg"]
            assert "rnn-figure.svg" in shown
        case ".pdf":
            assert text.startswith(b"%PDF")
            assert "Backpropagation through time" in pdf_text(text, tmp_path) or not pdf_text(
                text, tmp_path
            )


def test_what_is_asked_for_is_written(tmp_path: Path) -> None:
    out = tmp_path / "x.TEX"
    write_document(cells.gru, out, "jacobian", "pytorch", "full")
    assert out.read_text(encoding="utf-8") == tex_of(
        document(cells.gru, "jacobian", "pytorch", "full")
    )


@pytest.mark.parametrize(
    ("name", "said"), [("x.doc", "ends in `.doc`"), ("x", "has no ending"), (".tex", "has no")]
)
def test_another_ending(tmp_path: Path, name: str, said: str) -> None:
    with pytest.raises(DataError, match=said) as caught:
        write_document(cells.rnn, tmp_path / name)
    assert ".tex, .pdf, .html or .md" in caught.value.mend
    assert list(tmp_path.iterdir()) == []
    check_ending("a.PDF")


def test_a_place_that_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="cannot write"):
        write(MADE, tmp_path / "no" / "x.tex")


def test_without_latex_the_source_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Beside what is there already, which somebody may have worked on."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    out, mine = tmp_path / "x.pdf", tmp_path / "x.tex"
    for name in ("x.tex", "x-2.tex", "x-3.tex"):
        with pytest.raises(MissingLibraryError, match="cannot be found") as caught:
            write(MADE, out)
        assert f"wrote {tmp_path / name} instead" in str(caught.value)
        assert caught.value.mend == INSTALL
        assert (tmp_path / name).read_text(encoding="utf-8") == tex_of(MADE)
    assert not out.exists()
    mine.write_text("worked on", encoding="utf-8")
    with pytest.raises(MissingLibraryError, match=r"x-4\.tex"):
        write(MADE, out)
    assert mine.read_text(encoding="utf-8") == "worked on"


def test_without_ziamath_nothing_is_written(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def absent() -> object:
        raise MissingLibraryError("ziamath is not installed", mend="pip install it")

    monkeypatch.setattr(mathsvg, "_ziamath", absent)
    mathsvg.typeset.cache_clear()
    for name in ("x.html", "x.md"):
        with pytest.raises(MissingLibraryError):
            write(MADE, tmp_path / name)
    assert list(tmp_path.iterdir()) == []


def test_an_error_of_latex_leaves_what_was_there(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    tex()
    out = tmp_path / "x.pdf"
    out.write_bytes(b"mine")
    monkeypatch.setattr("gru_sym.documents.write.tex_of", lambda _: r"\undefined")
    with pytest.raises(GruSymError, match="!"):
        write(MADE, out)
    assert out.read_bytes() == b"mine"
    assert [path.name for path in tmp_path.iterdir()] == ["x.pdf"]


def test_a_name_that_does_harm_does_nothing(tmp_path: Path) -> None:
    """In the header of a cell, and in its name; the whole of it is shown."""
    tex()
    ziamath()
    text = (
        f"# title: {HOSTILE}\n# cite: {HOSTILE}\n# convention: {HOSTILE}\n"
        "# roles: z = an_update\n"
        "z = sigmoid(W @ x + U @ h)\nh_next = z * h"
    )
    made = document(Cell.parse(text, name=HOSTILE), steps="full")
    for name in ("x.tex", "x.pdf", "x.html", "x.md"):
        write(made, tmp_path / name)
    page = (tmp_path / "x.html").read_text(encoding="utf-8")
    assert "<script" not in page
    assert "</script" not in page
    assert "<img" not in page
    assert "&lt;/script&gt;" in page
    assert r"\write18{" not in (tmp_path / "x.tex").read_text(encoding="utf-8")
    assert not any(path.name == "owned" for path in (*tmp_path.iterdir(), *Path().iterdir()))
    shown = pdf_text((tmp_path / "x.pdf").read_bytes(), tmp_path)
    assert not shown or r"\write18{touch owned}" in " ".join(shown.split())


def test_every_block_in_every_format(tmp_path: Path) -> None:
    tex()
    ziamath()
    for ending in ENDINGS:
        assert write(SAMPLE, tmp_path / f"sample{ending}")[0].stat().st_size > 1000


def test_fragments_of_two_cells_in_a_paper(tmp_path: Path) -> None:
    tex()
    texts = []
    for cell in (cells.gru, cells.lstm):
        out = tmp_path / f"{cell.name}.tex"
        assert write_document(cell, out, steps="full", fragment=True) == (out,)
        texts.append(out.read_text(encoding="utf-8"))
    assert texts[0] == fragment_of(document(cells.gru, steps="full"), "gru")
    log = paper(texts, "sec:gru", "eq:gru:1", "sec:lstm")
    assert "numbers: A, 2, B, 1" in log
    for wrong in ("left behind", "undefined", "multiply", "Missing character", SHRUNK):
        assert wrong not in log
    assert overfull(log) == []


@pytest.mark.parametrize("name", ["x.html", "x.pdf", "x.md"])
def test_a_fragment_is_latex(tmp_path: Path, name: str) -> None:
    with pytest.raises(DataError, match="a fragment is LaTeX") as caught:
        write_document(cells.rnn, tmp_path / name, fragment=True)
    assert "ends in .tex" in caught.value.mend
    assert list(tmp_path.iterdir()) == []


def test_labels_differ() -> None:
    named = [
        Cell.parse("h_next = tanh(U @ h)", name=name) for name in ("a b", "a-b", HOSTILE, "中")
    ]
    labels = [label_of(each, "all", "chung") for each in (cells.gru, cells.gru_concat, *named)]
    labels += [label_of(cells.gru, "vjp", each) for each in NOTATIONS]
    assert len(set(labels)) == len(labels)
    assert all(re.fullmatch("[A-Za-z0-9-]+", label) for label in labels)
