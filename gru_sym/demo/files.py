"""The files that the demonstration writes, and where."""

from collections.abc import Mapping
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike

from gru_sym.algebra.symbols import escape_text
from gru_sym.cells.equations import Cell
from gru_sym.derive.describe import Derivation
from gru_sym.errors import DataError
from gru_sym.latex.printer import latex_cell, latex_of

__all__ = [
    "DEFAULT_DIRECTORY",
    "FILES",
    "TITLES",
    "claim_directory",
    "derivation_latex",
    "derivation_text",
    "write_files",
]

DEFAULT_DIRECTORY = Path("gru_sym_demo")
"""Where the files go when nothing else is said."""

FILES: Mapping[str, str] = {
    "derivation.txt": "the equations and their derivatives",
    "derivation.tex": "the same in LaTeX",
    "proof.json": "what is assumed, and each claim with its answer",
    "gru_reset_after_numpy.py": "the generated code",
    "gradients.npz": "states, losses and gradients on the series",
    "trained_gru.safetensors": "the GRU trained here, for gru_sym.weights.load",
}
"""What is written, and what each file holds."""

TITLES: Mapping[str, str] = {
    "vjp": "The pull-back of one step",
    "jacobian": "The Jacobian of one step, as a sum of paths",
    "bptt": "Backprop through time",
}
"""The derivatives that are shown, and how they are called."""


def claim_directory(directory: Path) -> None:
    """Make the directory, and raise where nothing must be written: no file of others is lost.

    Raises:
        DataError: the path cannot be a directory, or holds more than :data:`FILES`.
    """
    mend = "name another directory, new or empty: -o DIR"
    try:
        if not directory.exists():
            directory.mkdir(parents=True)  # now, and not when all the work is done
            return
        if not directory.is_dir():
            raise DataError(f"{directory} is not a directory", mend=mend)
        entries = sorted(directory.iterdir())
    except OSError as error:
        raise DataError(f"cannot use {directory}: {error.strerror}", mend=mend) from error
    for path in entries:
        if path.name not in FILES or path.is_symlink() or not path.is_file():
            raise DataError(
                f"{directory} holds {path.name}, which is not a file of this demonstration",
                mend=mend,
            )


def write_files(
    directory: Path, contents: Mapping[str, str | bytes], arrays: Mapping[str, ArrayLike]
) -> None:
    """Write the contents under their names, and the arrays as ``gradients.npz``.

    Raises:
        DataError: the directory cannot be made, or not written.
    """
    try:
        directory.mkdir(parents=True, exist_ok=True)
        for name, content in contents.items():
            data = content.encode() if isinstance(content, str) else content
            (directory / name).write_bytes(data)
        np.savez(directory / "gradients.npz", **dict(arrays))  # type: ignore[arg-type]
    except OSError as error:
        raise DataError(
            f"cannot write to {directory}: {error.strerror or error}",
            mend="name a directory that can be written: -o DIR",
        ) from error


def derivation_text(cell: Cell, shown: Mapping[str, Derivation]) -> str:
    """The cell and its derivations in the language of cells."""
    parts = [cell.text]
    for of, derivation in shown.items():
        parts += [f"{TITLES[of]}\n{'-' * len(TITLES[of])}\n{derivation}\n"]
    return "\n".join(parts)


def derivation_latex(cell: Cell, shown: Mapping[str, Derivation]) -> str:
    """The derivations as a LaTeX document, which needs amsmath alone."""
    parts = [
        r"\documentclass{article}",
        r"\usepackage{amsmath}",
        r"\allowdisplaybreaks",
        r"\setlength{\textwidth}{17cm}\setlength{\oddsidemargin}{-0.5cm}",
        r"\setlength{\textheight}{24cm}\setlength{\topmargin}{-2cm}",
        rf"\title{{{escape_text(cell.title)}}}",
        r"\author{}\date{}",
        r"\begin{document}",
        r"\maketitle",
        rf"\section*{{The cell}}{_displayed(latex_cell(cell))}",
    ]
    for of, derivation in shown.items():
        parts.append(rf"\section*{{{TITLES[of]}}}{_displayed(latex_of(derivation))}")
    return "\n".join([*parts, r"\end{document}", ""])


def _displayed(formula: str) -> str:
    """A formula on lines of its own, which may go on overleaf unless it is set in columns."""
    if "&&" in formula:
        return f"\n\\[\n{formula}\n\\]"
    return "\n" + formula.replace("{aligned}", "{align*}")
