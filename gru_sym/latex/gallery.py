r"""The gallery: what each document of ``derivations/`` has shown, as LaTeX to print or to paste.

A document ends in a :class:`Part`, which is written to the folder that the environment variable
``GRU_SYM_GALLERY`` names, or else to ``gallery/`` here. A part is a fragment that needs amsmath and
nothing else; :func:`write_index` makes one article of all that are in a folder.

>>> part = Part(
...     "00_sum",
...     "The sum",
...     claim="The next state lies between the state and the candidate.",
...     source="Chung et al. 2014",
...     items=(("With s = 1 − z:", r"h_{t} = s_{t} \odot h_{t-1} + z_{t} \odot \tilde{h}_{t}"),),
... )
>>> print(part.tex)
\subsection{The sum}
\noindent\emph{The next state lies between the state and the candidate.}
<BLANKLINE>
\par\smallskip\noindent
With s = 1 \ensuremath{-} z:
\[
h_{t} = s_{t} \odot h_{t-1} + z_{t} \odot \tilde{h}_{t}
\]
\par\smallskip\noindent
{\small Source: Chung et al. 2014. Document: \texttt{00\_sum}.}
<BLANKLINE>
"""

import os
import re
from dataclasses import dataclass
from pathlib import Path

from gru_sym.atomic import writing
from gru_sym.errors import DataError
from gru_sym.latex.blocks import Code, Math, Ref, Spans

__all__ = ["VARIABLE", "Part", "Words", "gallery_folder", "prose", "write_index", "write_page"]

VARIABLE = "GRU_SYM_GALLERY"
"""The environment variable that names the gallery's folder."""

INDEX = "index.tex"

Words = str | Spans
"""Plain text, which is escaped; or such text and formulas (:class:`~.blocks.Math`) in turn."""


@dataclass(frozen=True)
class Part:
    r"""What one document has shown.

    Attributes:
        name: of the document, and of the file that is written; parts are ordered by it.
        title: the heading.
        claim: what is shown, in a sentence.
        source: where the equations are from.
        items: words, and the formula that they lead to: LaTeX for ``\[ … \]``, or nothing.

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
            rf"\subsection{{{prose(self.title)}}}",
            rf"\noindent\emph{{{prose(self.claim)}}}",
            "",
        ]
        for words, latex in self.items:
            lines += [r"\par\smallskip\noindent", prose(words)]
            if latex:
                lines += [r"\[", latex.strip(), r"\]"]
        lines += [
            r"\par\smallskip\noindent",
            rf"{{\small Source: {prose(self.source)}. Document: \texttt{{{prose(self.name)}}}.}}",
        ]
        return "\n".join(lines) + "\n"

    def write(self, folder: Path | None = None) -> Path:
        """Write the part to ``NAME.tex`` of a folder, by default the gallery's.

        Raises:
            DataError: it cannot be written.
        """
        return write_page(f"{self.name}.tex", self.tex, folder)


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
\usepackage{amsmath}
\setlength{\textwidth}{160mm}
\setlength{\textheight}{235mm}
\setlength{\oddsidemargin}{-0.4mm}
\setlength{\topmargin}{-10mm}
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

_MARKS = {"\u0303": "tilde", "\u0304": "bar", "\u0302": "hat", "\u0307": "dot"}
_MARKED = re.compile(f"([A-Za-z])([{''.join(_MARKS)}])")

_LETTERS = {
    **{c: f"\\{c}" for c in "{}$&%#_"},
    **{"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\textasciicircum{}"},
    **{"<": r"\ensuremath{<}", ">": r"\ensuremath{>}", "|": r"\ensuremath{|}"},
    **{"–": "--", "—": "---", "“": "``", "”": "''", "’": "'", "…": r"\ldots{}", "\u00a0": "~"},
}
_MATH = {
    **{"σ": r"\sigma", "δ": r"\delta", "ε": r"\varepsilon", "ρ": r"\rho", "λ": r"\lambda"},
    **{"θ": r"\theta", "φ": r"\varphi", "∂": r"\partial", "Σ": r"\Sigma", "∏": r"\prod"},
    **{"⊙": r"\odot", "∘": r"\circ", "×": r"\times", "·": r"\cdot", "−": "-", "±": r"\pm"},
    **{"≠": r"\ne", "≤": r"\le", "≥": r"\ge", "≈": r"\approx", "≡": r"\equiv", "∈": r"\in"},
    **{"→": r"\to", "∞": r"\infty", "√": r"\surd", "‖": r"\Vert", "⟨": r"\langle"},
    **{"⟩": r"\rangle", "ᵀ": r"{}^{\top}", "′": "{}'", "½": r"\tfrac{1}{2}", "¼": r"\tfrac{1}{4}"},
    **{c: f"{{}}^{{{n}}}" for n, c in enumerate("⁰¹²³⁴⁵⁶⁷⁸⁹")},
    **{"⁻": "{}^{-}", "₀": "{}_{0}", "₁": "{}_{1}", "₂": "{}_{2}"},
}


def prose(words: Words) -> str:
    r"""Words as LaTeX, each letter as it is meant; what is no letter of ours becomes ``?``.

    >>> prose(("100 % of h̃, or ", Math(r"\bar{z}_{t}"), r" \input{x}"))
    '100 \\% of \\ensuremath{\\tilde{h}}, or $\\bar{z}_{t}$ \\textbackslash{}input\\{x\\}'
    """
    if isinstance(words, str):
        return _escaped(words)
    return "".join(_span(span) for span in words)


def _span(span: str | Math | Ref | Code) -> str:
    match span:
        case Math(latex):
            return f"${latex}$"
        case Code(text):
            return rf"\texttt{{{_escaped(text)}}}"
        case Ref(number):
            return f"({number})"
        case _:
            return _escaped(span)


def _escaped(text: str) -> str:
    pieces = _MARKED.split(text)
    found = [_plain(pieces[0])]
    for letter, mark, rest in zip(pieces[1::3], pieces[2::3], pieces[3::3], strict=True):
        found += [rf"\ensuremath{{\{_MARKS[mark]}{{{letter}}}}}", _plain(rest)]
    return "".join(found)


def _plain(text: str) -> str:
    return "".join(_letter(c) for c in " ".join(text.split("\n")))


def _letter(c: str) -> str:
    if c in _LETTERS:
        return _LETTERS[c]
    if c in _MATH:
        return rf"\ensuremath{{{_MATH[c]}}}"
    # Latin-1's letters are in every font that LaTeX starts with; others may be in none.
    return c if c.isprintable() and (c.isascii() or "À" <= c <= "ÿ") else "?"
