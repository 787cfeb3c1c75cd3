"""Checkpoints: where they may be written, and whether a run may go on from one."""

import os
from dataclasses import replace
from itertools import zip_longest
from pathlib import Path
from typing import Any

from gru_sym.algebra.tree import Document
from gru_sym.atomic import writing
from gru_sym.cells.show import show_document
from gru_sym.errors import DataError, WeightsError
from gru_sym.training.settings import FREE
from gru_sym.weights import TrainingRun, load

__all__ = ["SUFFIX", "checked", "resumed", "save"]

SUFFIX = ".safetensors"

_SHOWN = 4
_SAME = 1e-9
"""Of a standard deviation, how much another version of NumPy may round a mean otherwise."""


def checked(out: str | os.PathLike[str]) -> Path:
    """The path of a checkpoint.

    Raises:
        DataError: it is no path, or is named as another kind of file.
    """
    try:
        path = Path(out)
    except TypeError:
        raise DataError(
            f"out is {out!r:.60}, and has to be a path", mend=f"give one, such as run{SUFFIX}"
        ) from None
    if path.suffix.lower() != SUFFIX:
        raise DataError(
            f"a run is written as {SUFFIX}, not as {path.name:.80}",
            mend=f"call it {path.stem or 'run'}{SUFFIX}",
        )
    return path


def save(path: Path, run: TrainingRun, *, new: bool = False) -> None:
    """Write a run, whole or not at all.

    Args:
        path: where to.
        run: the run.
        new: whether the file may not be there, so that of two runs that start at once one fails.

    Raises:
        DataError: it cannot be written.
    """
    with writing(path, new=new) as file:
        file.write(run.to_bytes())


def resumed(path: Path, start: TrainingRun, *, resume: bool, updates: int) -> TrainingRun:
    """The run to go on from: that of the file, where there is one; else ``start``.

    Args:
        path: the checkpoint.
        start: the run as it begins, with the settings and data that are asked for.
        resume: whether there may be a file.
        updates: how many there are in an epoch.

    Raises:
        DataError: a file is there and is not to be resumed, or it is of another run.
        WeightsError: the file is no training run, or is damaged.
    """
    if not path.exists() and not path.is_symlink():
        return start
    if not resume:
        raise DataError(
            f"{path} is there already, and is not overwritten",
            mend="go on with it (--resume, or resume=True), or name another file",
        )
    found = load(path)
    if not isinstance(found, TrainingRun):
        raise DataError(
            f"{path} is a network of PyTorch, not a training run of gru_sym",
            mend="name another file",
        )
    different = _differences(found, start)
    if different:
        more = ["…"] if len(different) > _SHOWN else []
        raise DataError(
            f"{path} is of another run: {'; '.join(different[:_SHOWN] + more)}",
            mend="give what that run was given, or write to another file",
        )
    if found.step != found.epoch * updates:
        raise WeightsError(
            f"{path} has {found.step} updates in {found.epoch} epochs, which have {updates} each",
            mend="the file was changed: write to another",
        )
    epochs = start.settings["epochs"]
    if found.epoch > epochs:
        raise DataError(
            f"{path} has {found.epoch} epochs already, and {epochs} are asked for",
            mend=f"ask for {found.epoch} epochs or more",
        )
    return found


def _differences(found: TrainingRun, start: TrainingRun) -> list[str]:
    different = []
    theirs, ours = (_without_words(run.cell().document) for run in (found, start))
    if theirs != ours:
        different.append(
            f"its cell is not this {start.name:.60} ({_first_difference(theirs, ours)})"
        )
    names = [name for name in {**start.settings, **found.settings} if name not in FREE]
    for name in names:
        there, here = (_shown(run.settings.get(name)) for run in (found, start))
        if there != here:
            different.append(f"{name:.60} is {there} there, and {here} here")
    if found.data != start.data:
        different.append("its series is another")
    # What follows from all these is another only where somebody has changed the file.
    elif not different:
        if dict(found.sizes) != dict(start.sizes):
            different.append(f"its sizes are {_shown(found.sizes)} there")
        if found.dtype != start.dtype:
            different.append(f"its arrays are {found.dtype}")
        if not _same_scaling(found, start):
            different.append("its mean and standard deviation are not those of the series")
    return different


def _same_scaling(found: TrainingRun, start: TrainingRun) -> bool:
    return len(found.mean) == len(start.mean) and all(
        abs(mean - our_mean) <= _SAME * our_std and abs(std - our_std) <= _SAME * our_std
        for mean, std, our_mean, our_std in zip(
            found.mean, found.std, start.mean, start.std, strict=True
        )
    )


def _without_words(document: Document) -> Document:
    """The equations, and of the header what they depend on."""
    header = replace(document.header, title="", cite="", convention="", roles=())
    return replace(document, header=header)


def _first_difference(theirs: Document, ours: Document) -> str:
    # Alike but for the spaces that set one `=` below the other.
    lines = [
        [" ".join(line.split()) for line in show_document(d).splitlines()] for d in (theirs, ours)
    ]
    for number, (there, here) in enumerate(zip_longest(*lines), start=1):
        if there != here:
            shown = ("nothing" if line is None else f"`{line:.80}`" for line in (there, here))
            return f"line {number} is {' there, and '.join(shown)} here"
    return "in what its text does not show"


def _shown(value: Any) -> str:
    return f"{value!r:.60}"
