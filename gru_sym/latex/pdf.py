"""LaTeX to PDF, by latexmk and pdflatex: in a temporary folder, and with no way out of it."""

import os
import re
import shutil
import signal
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path

from gru_sym.errors import GruSymError, MissingLibraryError

__all__ = ["INSTALL", "Pdf", "compile_pdf", "overfull"]

INSTALL = "sudo apt install texlive-latex-recommended texlive-pictures latexmk lmodern"

_PROGRAMS = ("latexmk", "pdflatex")
_OPTIONS = (
    "-norc",  # nobody's latexmkrc: it is Perl that runs
    "-pdf",
    "-silent",
    "-halt-on-error",
    "-no-shell-escape",
    "-interaction=nonstopmode",
)
_NAME = "document"
_PASSED_ON = ("PATH", "LANG", "SystemRoot", "TEMP", "TMP", "TMPDIR")
# Some date has to be there for the same source to give the same file: 1 January 2000.
_EPOCH = "946684800"
_ABSENT = re.compile(r"! LaTeX Error: File [`'](?P<file>[^']+\.(?:sty|cls|def))' not found")
_FONT_ABSENT = re.compile(
    r"!pdfTeX error: .*?\(file (?P<file>\S+)\): (?:cannot open|Font .* not found)"
)
_OVERFULL = re.compile(
    r"^Overfull \\[hv]box \((?P<points>\d+(?:\.\d+)?)pt too (?:wide|high)\).*$", re.M
)


@dataclass(frozen=True, slots=True)
class Pdf:
    """A compiled document.

    Attributes:
        content: the bytes of the file; the same source gives the same bytes.
        log: what TeX said.
    """

    content: bytes
    log: str


def compile_pdf(tex: str, *, timeout: float = 120) -> Pdf:
    r"""Compile a LaTeX document.

    TeX runs no other program, reads no file by its path and writes none outside of its folder.

    Args:
        tex: the whole document, as :func:`~gru_sym.latex.tex.tex_of` gives it.
        timeout: seconds after which it is stopped.

    Raises:
        MissingLibraryError: latexmk, pdflatex or a package of LaTeX is not installed.
        GruSymError: TeX met an error, whose line is quoted, or took too long.
    """
    absent = [program for program in _PROGRAMS if not shutil.which(program)]
    if absent:
        raise MissingLibraryError(
            f"a PDF is made by latexmk and pdflatex; {' and '.join(absent)} cannot be found",
            mend=INSTALL,
        )
    with tempfile.TemporaryDirectory(prefix="gru_sym_") as name:
        folder = Path(name)
        (folder / f"{_NAME}.tex").write_text(tex, encoding="utf-8")
        status, said = _run(folder, timeout)
        log = _read(folder / f"{_NAME}.log")
        pdf = folder / f"{_NAME}.pdf"
        if status or not pdf.exists():
            raise _error(log, said)
        return Pdf(pdf.read_bytes(), log)


def overfull(log: str, more_than: float = 10.0) -> list[str]:
    r"""The lines of a log about boxes that are too wide or too high.

    Args:
        log: what TeX said.
        more_than: by more than this many points.

    >>> overfull("Overfull \\hbox (12.5pt too wide) in paragraph at lines 3--4")
    ['Overfull \\hbox (12.5pt too wide) in paragraph at lines 3--4']
    """
    return [found[0] for found in _OVERFULL.finditer(log) if float(found["points"]) > more_than]


def _run(folder: Path, timeout: float) -> tuple[int, str]:
    """The exit status, and what was printed."""
    with subprocess.Popen(
        ["latexmk", *_OPTIONS, f"{_NAME}.tex"],
        cwd=folder,
        env=_environment(folder),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        encoding="utf-8",
        errors="replace",
        start_new_session=True,
    ) as process:
        try:
            said, _ = process.communicate(timeout=timeout)
        except subprocess.TimeoutExpired as error:
            # latexmk and the pdflatex that it started.
            os.killpg(process.pid, signal.SIGKILL)
            raise GruSymError(
                f"pdflatex did not end within {timeout:g} seconds",
                mend="write a .tex file and compile it yourself, to see where it stands",
            ) from error
        return process.returncode, said


def _environment(folder: Path) -> dict[str, str]:
    """No settings of the user's, so that a TEXINPUTS of theirs cannot change the document."""
    return {
        **{key: os.environ[key] for key in _PASSED_ON if key in os.environ},
        "HOME": str(folder),
        "openin_any": "p",
        "openout_any": "p",
        "shell_escape": "f",
        "SOURCE_DATE_EPOCH": _EPOCH,
        "FORCE_SOURCE_DATE": "1",
        "TZ": "UTC",
        "max_print_line": "1000",  # a line of the log is one line
    }


def _error(log: str, said: str) -> GruSymError:
    missing = _ABSENT.search(log) or _FONT_ABSENT.search(log)
    if missing:
        return MissingLibraryError(
            f"this installation of LaTeX lacks {missing['file']}", mend=INSTALL
        )
    lines = log.splitlines()
    first = next((k for k, line in enumerate(lines) if line.startswith("!")), None)
    if first is None:
        return GruSymError(
            "latexmk failed, and the log has no error of TeX's; its last words: "
            + " | ".join(said.splitlines()[-3:]),
            mend="write a .tex file and compile it yourself",
        )
    place = next((line for line in lines[first:] if re.match(r"l\.\d+", line)), "")
    return GruSymError(
        "pdflatex stopped: " + "; ".join(part.rstrip() for part in (lines[first], place) if part),
        mend="look there in the .tex; where no symbol of your own notation is the cause, it is a "
        "fault of gru_sym: report the cell",
    )


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8", errors="replace") if path.exists() else ""
