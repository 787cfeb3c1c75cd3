"""`gru-sym latex`: a derivation as a document."""

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from gru_sym import cells
from gru_sym.algebra.symbols import COTANGENTS
from gru_sym.cells import Cell
from gru_sym.cli import main
from gru_sym.cli.latex import CHOICES, OF
from gru_sym.cli.latex import NOTATIONS as OFFERED
from gru_sym.derive.describe import KINDS
from gru_sym.documents import document
from gru_sym.documents.write import ENDINGS
from gru_sym.latex.notation import NOTATIONS, Notation
from gru_sym.latex.tex import fragment_of, tex_of
from tests.latex_tools import HOSTILE, tex, ziamath


def gru_sym(*arguments: str | Path, stdin: str | None = None) -> Result:
    return CliRunner().invoke(main, ["latex", *map(str, arguments)], input=stdin)


def test_the_choices_are_those_of_the_library() -> None:
    assert ("all", *KINDS) == OF
    assert tuple(NOTATIONS) == OFFERED
    assert CHOICES["cotangent"] == COTANGENTS
    for key, values in CHOICES.items():
        assert getattr(Notation("x"), key) in values


def test_latex_goes_to_standard_output() -> None:
    result = gru_sym("rnn")
    assert result.exit_code == 0, result.output
    assert result.stdout == gru_sym("rnn", "-o", "-").stdout == tex_of(document(cells.rnn))


@pytest.mark.parametrize("ending", ENDINGS)
def test_each_format(tmp_path: Path, ending: str) -> None:
    if ending == ".pdf":
        tex()
    elif ending != ".tex":
        ziamath()
    out = tmp_path / f"rnn{ending}"
    result = gru_sym("rnn_relu", "-o", out)
    assert result.exit_code == 0, result.output
    assert result.stdout == ""
    assert out.exists()
    written = [out, tmp_path / "rnn-figure.svg"] if ending == ".md" else [out]
    assert result.stderr == "".join(f"wrote {path}\n" for path in written)
    assert sorted(tmp_path.iterdir()) == sorted(written)


def test_what_is_asked_for() -> None:
    found = gru_sym("gru", "--of", "jacobian", "--notation", "cho", "--steps", "full").stdout
    assert found == tex_of(document(cells.gru, "jacobian", "cho", "full"))


def test_a_fragment(tmp_path: Path) -> None:
    text = fragment_of(document(cells.rnn, "vjp", "xh"), "rnn-vjp-xh")
    asked = ("rnn", "--of", "vjp", "--notation", "xh", "--fragment")
    assert gru_sym(*asked).stdout == text
    assert json.loads(gru_sym(*asked, "--json").stdout)["source"] == text
    assert gru_sym(*asked, "-o", tmp_path / "x.tex").exit_code == 0
    assert (tmp_path / "x.tex").read_text(encoding="utf-8") == text


def test_choices_change_a_notation() -> None:
    shown = gru_sym(
        *("rnn", "--of", "vjp", "--cotangent", "partial", "--product", "circ", "--vectors", "row")
    ).stdout
    assert (
        r"\frac{\partial L}{\partial a_{h,t}} &= \frac{\partial L}{\partial h_{t}} \circ" in shown
    )
    assert "x_{t}^{\\top}\\,\\frac{\\partial L}{\\partial a_{h,t}}" in shown


def test_a_notation_in_a_file(tmp_path: Path) -> None:
    path = tmp_path / "mine.toml"
    path.write_text('base = "xh"\n[symbols]\nh = "s"\n', encoding="utf-8")
    shown = gru_sym("rnn", "--notation", path).stdout
    assert r"s_{t} &= \tanh(" in shown
    assert r"W_{xs}\,x_{t} + W_{hs}\,s_{t-1}" in shown
    path.write_text("symbols = 3", encoding="utf-8")
    result = gru_sym("rnn", "--notation", path)
    assert result.exit_code == 2
    assert "`symbols` has to be a table" in result.stderr
    assert "cannot read" in gru_sym("rnn", "--notation", tmp_path / "no.toml").stderr


def test_json(tmp_path: Path) -> None:
    shown = json.loads(gru_sym("rnn", "--json").stdout)
    assert shown.keys() == {"cell", "of", "notation", "steps", "verdict", "out", "source"}
    assert shown["verdict"] == "proved"
    assert shown["out"] == []
    assert shown["source"] == tex_of(document(cells.rnn))
    out = tmp_path / "x.tex"
    shown = json.loads(gru_sym("rnn", "--json", "-o", out).stdout)
    assert shown["out"] == [str(out)]
    assert "source" not in shown


WRONG = {
    ("rnn", "-o", "x.doc"): ".tex, .pdf, .html or .md",
    ("rnn", "-o", "x"): "has no ending",
    ("rnn", "--fragment", "-o", "x.html"): "name a file that ends in .tex",
    ("rnn", "--notation", "chong"): "did you mean `chung`",
    ("rnn", "--of", "gradient"): "'jacobian'",
    ("rnn", "--steps", "long"): "'brief', 'full'",
    ("rnm",): "did you mean `rnn`",
    ("rnn", "-o", "no/such/x.tex"): "cannot write",
}


@pytest.mark.parametrize("arguments", WRONG, ids=" ".join)
def test_what_is_wrong(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, arguments: tuple[str, ...]
) -> None:
    monkeypatch.chdir(tmp_path)
    result = gru_sym(*arguments)
    assert result.exit_code == 2
    assert WRONG[arguments].lower() in result.stderr.lower()
    assert "Traceback" not in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_the_equations_are_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "my.tex"
    path.write_text(text := "h_next = tanh(W @ x + U @ h)\n", encoding="utf-8")
    result = gru_sym(path, "-o", path)
    assert result.exit_code == 2
    assert "is the file of the cell itself" in result.stderr
    assert path.read_text(encoding="utf-8") == text


def test_without_latex(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The source is written, the line that installs LaTeX is printed, and the status is 2."""
    monkeypatch.setenv("PATH", str(tmp_path / "empty"))
    mine = tmp_path / "x.tex"
    for name in ("x.tex", "x-2.tex"):
        result = gru_sym("rnn_relu", "-o", tmp_path / "x.pdf")
        assert result.exit_code == 2
        assert f"wrote {tmp_path / name} instead" in " ".join(result.stderr.split())
        assert "sudo apt install texlive-latex-recommended" in result.stderr
        assert (tmp_path / name).read_text(encoding="utf-8") == tex_of(document(cells.rnn_relu))
        mine.write_text("worked on", encoding="utf-8")
    assert mine.read_text(encoding="utf-8") == "worked on"
    assert not (tmp_path / "x.pdf").exists()


def test_a_cell_of_ones_own(tmp_path: Path) -> None:
    text = f"# title: {HOSTILE}\nh_next = tanh(W @ x + U @ h)\n"
    shown = gru_sym("-", stdin=text).stdout
    assert r"\write18{" not in shown
    path = tmp_path / "$x.cell"
    path.write_text(text, encoding="utf-8")
    assert gru_sym(path).stdout == tex_of(document(Cell.load(path)))


def test_help_says_what_there_is() -> None:
    shown = " ".join(gru_sym("--help").stdout.split())
    for words in (*OFFERED, *OF, *(ending.lstrip(".") for ending in ENDINGS), "ziamath"):
        assert words in shown
