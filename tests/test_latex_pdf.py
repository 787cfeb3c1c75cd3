r"""LaTeX to PDF."""

from pathlib import Path

import pytest

from gru_sym.errors import GruSymError, MissingLibraryError
from gru_sym.latex.pdf import INSTALL, _error, compile_pdf, overfull
from tests.latex_tools import tex

WHOLE = "\\documentclass{article}\n\\begin{document}\n%s\n\\end{document}\n"


def test_compiles_the_same_every_time() -> None:
    tex()
    source = WHOLE.replace("\n", "\n\\pdftrailerid{}\\pdfinfoomitdate=1\n", 1) % "hello"
    first, second = compile_pdf(source), compile_pdf(source)
    assert first.content.startswith(b"%PDF")
    assert first.content == second.content
    assert "pdfTeX" in first.log


def test_an_unknown_command_is_quoted() -> None:
    tex()
    with pytest.raises(GruSymError) as caught:
        compile_pdf(WHOLE % r"\gruu{x}")
    assert "! Undefined control sequence." in str(caught.value)
    assert r"l.3 \gruu" in str(caught.value)
    assert not isinstance(caught.value, MissingLibraryError)


def test_a_missing_package() -> None:
    tex()
    with pytest.raises(MissingLibraryError, match=r"lacks no-such-package\.sty") as caught:
        compile_pdf(WHOLE.replace("\n", "\n\\usepackage{no-such-package}\n", 1) % "x")
    assert caught.value.mend == INSTALL


def test_a_missing_font() -> None:
    error = _error("!pdfTeX error: pdflatex (file lmr10.pfb): cannot open Type 1 font file", "")
    assert isinstance(error, MissingLibraryError)
    assert "lmr10.pfb" in str(error)


def test_a_failure_without_an_error() -> None:
    assert "last words: a | b" in str(_error("This is pdfTeX", "a\nb"))


def test_no_program(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(MissingLibraryError, match="latexmk and pdflatex cannot be found") as caught:
        compile_pdf(WHOLE % "x")
    assert "sudo apt install" in caught.value.mend


def test_nothing_outside_is_run_read_or_written(tmp_path: Path) -> None:
    tex()
    owned, secret = tmp_path / "owned", tmp_path / "secret.tex"
    secret.write_text("THE SECRET", encoding="utf-8")
    compile_pdf(WHOLE % rf"a\immediate\write18{{touch {owned}}}b")
    with pytest.raises(GruSymError, match="!"):
        compile_pdf(WHOLE % rf"\newwrite\w\immediate\openout\w={owned} \immediate\write\w{{x}}")
    assert not owned.exists()
    with pytest.raises(GruSymError, match="!"):
        compile_pdf(WHOLE % rf"\input{{{secret}}}")


def test_settings_of_the_user_are_ignored(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    tex()
    (tmp_path / "article.cls").write_text(r"\undefined", encoding="utf-8")
    (tmp_path / ".latexmkrc").write_text("die 'mine';", encoding="utf-8")
    monkeypatch.setenv("TEXINPUTS", f"{tmp_path}:")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert compile_pdf(WHOLE % "x").content


def test_what_does_not_end_is_stopped() -> None:
    tex()
    with pytest.raises(GruSymError, match="within 3 seconds"):
        compile_pdf(WHOLE % r"\def\x{\x}\x", timeout=3)


LOG = r"""Overfull \hbox (12.34567pt too wide) in paragraph at lines 3--4
 []\OT1/cmr/m/n/10 word
Overfull \hbox (1.0pt too wide) detected at line 9
Overfull \vbox (45.6pt too high) has occurred while \output is active []
Underfull \hbox (badness 10000) in paragraph at lines 3--4
"""


def test_overfull_boxes_of_a_log() -> None:
    assert [line[:24] for line in overfull(LOG)] == [
        r"Overfull \hbox (12.34567",
        r"Overfull \vbox (45.6pt t",
    ]
    assert len(overfull(LOG, more_than=0)) == 3


def test_a_truly_overfull_document() -> None:
    tex()
    log = compile_pdf(WHOLE % r"\noindent\hbox to 2\textwidth{a\hfill b}").log
    assert len(overfull(log)) == 1
    assert overfull(log, more_than=1000) == []
