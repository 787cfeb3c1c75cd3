r"""The gallery: what each document of ``derivations/`` has shown, as LaTeX to print or to paste.

A document ends in a :class:`Part`, which is written to the folder that the environment variable
``GRU_SYM_GALLERY`` names, or else to ``gallery/`` here. A part is a fragment whose formulas need
amsmath and nothing else (words in other alphabets need what :mod:`~gru_sym.latex.escape` says);
:func:`write_index` makes one article of all that are in a folder.

>>> part = Part(
...     "00_sum",
...     "The sum",
...     claim="The next state lies between the state and the candidate.",
...     source="Chung et al. 2014",
...     items=(
...         (
...             prose("With $s = 1 - z$, 100 % of it:"),
...             r"h_{t} = s_{t} \odot h_{t-1} + z_{t} \odot \tilde{h}_{t}",
...         ),
...     ),
... )
>>> print(part.tex)
\subsection{The sum}
\noindent\emph{The next state lies between the state and the candidate.}
<BLANKLINE>
\par\smallskip\noindent
With $s = 1 - z$, 100 \% of it:
\[
h_{t} = s_{t} \odot h_{t-1} + z_{t} \odot \tilde{h}_{t}
\]
\par\smallskip\noindent
{\small Source: Chung et al. 2014. Document: \texttt{00\_sum}.}
<BLANKLINE>
"""

import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from gru_sym.atomic import writing
from gru_sym.errors import DataError
from gru_sym.latex.blocks import Code, Math, Ref, Span, Spans, prose
from gru_sym.latex.escape import code_of, escaped

__all__ = [
    "VARIABLE",
    "Claim",
    "Part",
    "Words",
    "gallery_folder",
    "prose",
    "table_of",
    "write_claims",
    "write_index",
    "write_page",
]

VARIABLE = "GRU_SYM_GALLERY"
"""The environment variable that names the gallery's folder."""

INDEX = "index.tex"
CLAIMS = "claims.md"

Words = str | Spans
"""Plain text, which is escaped; or, by :func:`~.blocks.prose`, such text and formulas in turn."""


@dataclass(frozen=True)
class Part:
    r"""What one document has shown.

    Attributes:
        name: of the document, and of the file that is written; parts are ordered by it.
        title: the heading.
        claim: what is shown, in a sentence.
        source: where the equations are from.
        items: words, and the formula that they lead to: LaTeX for ``\[ … \]``, or nothing. It
            is put there as it is.

    Raises:
        DataError: the name is no plain file name.
    """

    name: str
    title: str
    claim: Words
    source: Words
    items: tuple[tuple[Words, str], ...]

    def __post_init__(self) -> None:
        if not re.fullmatch(r"[A-Za-z0-9]\w*", self.name, re.ASCII) or self.name == "index":
            raise DataError(
                f"a part cannot be called {self.name!r}",
                mend="take letters, digits and _; `index` is the whole gallery",
            )

    @property
    def tex(self) -> str:
        """The part as LaTeX."""
        lines = [
            rf"\subsection{{{_tex(self.title)}}}",
            rf"\noindent\emph{{{_tex(self.claim)}}}",
            "",
        ]
        for words, latex in self.items:
            lines += [r"\par\smallskip\noindent", _tex(words)]
            if latex:
                lines += [r"\[", latex.strip(), r"\]"]
        lines += [
            r"\par\smallskip\noindent",
            rf"{{\small Source: {_tex(self.source)}. Document: \texttt{{{code_of(self.name)}}}.}}",
        ]
        return "\n".join(lines) + "\n"

    def write(self, folder: Path | None = None) -> Path:
        """Write the part to ``NAME.tex`` of a folder, by default the gallery's.

        Raises:
            DataError: it cannot be written.
        """
        return write_page(f"{self.name}.tex", self.tex, folder)


class Judged(Protocol):
    """An answer or a proof."""

    @property
    def verdict(self) -> str:
        """``proved``, ``refuted`` or ``unproved``."""


@dataclass(frozen=True)
class Claim:
    """A sentence that people say, and what comes of it.

    In its texts letters are formulas between two ``$``, as in :func:`~.blocks.prose`.

    Attributes:
        sentence: what they say.
        said: what the sentence comes to: answers and proofs; or True where it is proved by other
            means, False where there is a counterexample, None where there is neither.
        evidence: what was found.
        condition: which is enough for it: "H and I are the same", what follows "proved under the
            condition that".
        under: what the sentence comes to under that condition.
        measured: of a sentence about what networks do, whether it was found where they were
            measured, as ``evidence`` tells; a measurement proves nothing, and refutes no tendency.

    >>> Claim("A sum of gates is 1.", (False,), "In an LSTM i + f is not.").verdict
    'false'
    >>> Claim("Some units forget.", (), "Not measured yet.").verdict
    'open'
    >>> Claim("Some units forget.", (), "In 3 of 4 networks.", measured=True).verdict
    'found where it was measured'
    """

    sentence: str
    said: tuple["Judged | bool | None", ...]
    evidence: str
    condition: str = ""
    under: tuple["Judged | bool | None", ...] = ()
    measured: bool | None = None

    @property
    def verdict(self) -> str:
        """``proved``, ``false``, ``open``, or ``false in general; proved under the condition …``.

        Of a sentence that was measured alone, ``found where it was measured``, or ``not found …``.

        The condition is enough; it need not be necessary. What is neither proved nor refuted is
        open, and so is a sentence with nothing behind it.
        """
        found = _verdicts(self.said)
        if found == {"proved"}:
            return "proved"
        if "refuted" not in found and self.measured is not None:
            return f"{'' if self.measured else 'not '}found where it was measured"
        if "refuted" not in found:
            return "open"
        if self.condition and _verdicts(self.under) == {"proved"}:
            return f"false in general; proved under the condition that {self.condition}"
        return "false"

    @property
    def item(self) -> tuple[Spans, str]:
        """The claim as an item of a part."""
        verdict = self.verdict[0].upper() + self.verdict[1:]
        return prose(f"“{self.sentence}” {verdict}. {self.evidence}"), ""

    def __str__(self) -> str:
        shown = f"{self.sentence}\n    {self.verdict}\n    {self.evidence}"
        return shown.replace("$", "")


def _verdicts(answers: Iterable["Judged | bool | None"]) -> set[str]:
    words = {True: "proved", False: "refuted", None: "unproved"}
    return {words[each] if isinstance(each, bool | None) else each.verdict for each in answers}


def table_of(claims: Iterable[Claim]) -> str:
    """Claims as a table in Markdown, a row each."""
    rows = ["| claim | verdict | evidence |", "| --- | --- | --- |"]
    for each in claims:
        sentence, verdict, evidence = map(_markdown, (each.sentence, each.verdict, each.evidence))
        found, *condition = verdict.split(";", 1)
        rows.append(f"| {sentence} | {';'.join((f'**{found}**', *condition))} | {evidence} |")
    return "\n".join(rows) + "\n"


def _markdown(text: str) -> str:
    """A text with formulas, for a cell of a table."""
    spans = prose(" ".join(text.split()))
    return "".join(
        f"${span.latex.replace('|', chr(92) + 'vert ')}$"
        if isinstance(span, Math)
        else "".join(f"\\{c}" if c in "\\`*_{}[]<>#$|" else c for c in str(span))
        for span in spans
    )


def gallery_folder() -> Path:
    """The gallery's folder: what ``GRU_SYM_GALLERY`` says, or ``gallery``."""
    return Path(os.environ.get(VARIABLE) or "gallery")


def write_page(name: str, text: str, folder: Path | None = None) -> Path:
    """Write a file of the gallery.

    Args:
        name: of the file.
        text: what it holds.
        folder: where, by default the gallery's folder; it is made where it is not there.

    Raises:
        DataError: it cannot be written.
    """
    folder = gallery_folder() if folder is None else folder
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot make the folder {folder}: {error.strerror or error}",
            mend=f"name another, in {VARIABLE} or as -o",
        ) from error
    path = folder / name
    with writing(path) as file:
        file.write(text.encode())
    return path


def write_claims(folder: Path | None = None, link: str = "{}.py") -> Path | None:
    """Write ``claims.md``: one page, with one table of the rows in all ``claims_*.md`` of a folder.

    Args:
        folder: of the gallery, by default that of :func:`gallery_folder`.
        link: the address of a document, with its name for ``{}``; each row leads to its own.

    Returns:
        The page, or None where there are no claims: then there is none from an earlier run, either.

    Raises:
        DataError: it cannot be written.
    """
    folder = gallery_folder() if folder is None else folder
    rows: list[str] = []
    for page in sorted(folder.glob("claims_*.md")):
        head, rule, *found = page.read_text(encoding="utf-8").splitlines()
        rows += [*(() if rows else (head, rule))]
        rows += [
            f"{row.removesuffix(' |')} ([computed here]({link.format(page.stem)})) |"
            for row in found
        ]
    if not rows:
        (folder / CLAIMS).unlink(missing_ok=True)
        return None
    return write_page(CLAIMS, "\n".join([_SAID, *rows, ""]), folder)


_SAID = """# What people say about the GRU

Sentences of papers and tutorials, each with a verdict that a program computes. *Proved* is proved
for all sizes and values, and *false* has an exact counterexample. A condition that is named is
enough for the sentence; others may be, too. *Open* is what has not been shown.
"""


def write_index(folder: Path | None = None) -> Path:
    """Write ``index.tex``: an article that holds every part in a folder, to be typeset as it is.

    Raises:
        DataError: there is no part, or it cannot be written.
    """
    folder = gallery_folder() if folder is None else folder
    parts = sorted(path for path in folder.glob("*.tex") if path.name != INDEX)
    if not parts:
        raise DataError(
            f"there is no part of a gallery in {folder}", mend="run `python -m derivations` first"
        )
    bodies = [path.read_text(encoding="utf-8") for path in parts]
    return write_page(INDEX, "\n".join([_OPENING, *bodies, "\\end{document}\n"]), folder)


_OPENING = r"""% Each section was written by the document of derivations/ that it names.
\documentclass[11pt,a4paper]{article}
\usepackage[T1]{fontenc}
\usepackage{lmodern}
\usepackage{amsmath,amssymb}
\usepackage[margin=27mm]{geometry}
\setlength{\emergencystretch}{2em}
\setlength{\parskip}{2pt plus 1pt}
\renewcommand{\thesubsection}{\arabic{subsection}}
\title{The gated recurrent unit, derived}
\author{}
\date{}
\begin{document}
\maketitle
\noindent Each section is what a document of \texttt{derivations/} has shown. A document writes
its section once its proof has gone through, and stops with an error where it does not; all run with
\texttt{python -m derivations}. Vectors are columns, $\odot$ is the elementwise product, $\bar{v}$
is $\partial L/\partial v$, and $a_{z}$ is the argument of the activation that gives $z$.
\tableofcontents
"""


def _tex(words: Words) -> str:
    return "".join(map(_span, (words,) if isinstance(words, str) else words))


def _span(span: Span) -> str:
    match span:
        case Math(latex):
            return f"${latex}$"
        case Code(text):
            return rf"\texttt{{{code_of(text)}}}"
        case Ref(number):
            return f"({number})"
        case str():
            return escaped(span)
