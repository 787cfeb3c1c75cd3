"""Checkpoints: where they may be written, and whether a run may go on from one."""

from pathlib import Path
from typing import Any

from gru_sym.atomic import writing
from gru_sym.errors import DataError
from gru_sym.training.settings import FREE
from gru_sym.weights import TrainingRun, load

__all__ = ["SUFFIX", "resumed", "save"]

SUFFIX = ".safetensors"


def save(path: Path, run: TrainingRun) -> None:
    """Write a run, whole or not at all.

    Raises:
        DataError: it cannot be written.
    """
    with writing(path) as file:
        file.write(run.to_bytes())


def resumed(path: Path, start: TrainingRun, *, resume: bool) -> TrainingRun:
    """The run to go on from: that of the file, where there is one; else ``start``.

    Args:
        path: the checkpoint.
        start: the run as it begins, with the settings and data that are asked for.
        resume: whether there may be a file.

    Raises:
        DataError: a file is there and is not to be resumed, or it is of another run.
        WeightsError: the file is no training run, or is damaged.
    """
    if path.suffix.lower() != SUFFIX:
        raise DataError(
            f"a run is written as {SUFFIX}, not as {path.name:.80}",
            mend=f"call it {path.stem or 'run'}{SUFFIX}",
        )
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
        raise DataError(
            f"{path} is of another run: {'; '.join(different)}",
            mend="give what that run was given, or write to another file",
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
    if found.text != start.text:
        different.append(f"its cell is not this {start.name} ({_first_difference(found, start)})")
    names = [name for name in {**start.settings, **found.settings} if name not in FREE]
    for name in names:
        there, here = (_shown(run.settings.get(name)) for run in (found, start))
        if there != here:
            different.append(f"{name} is {there} there, and {here} here")
    if found.data != start.data:
        different.append("its series is another")
    return different


def _first_difference(found: TrainingRun, start: TrainingRun) -> str:
    theirs, ours = (run.text.splitlines() for run in (found, start))
    new = sorted((line for line in theirs if line not in ours), key=lambda s: s.startswith("#"))
    return f"it has `{new[0]:.80}`" if new else "its lines are fewer, or in another order"


def _shown(value: Any) -> str:
    return f"{value!r:.60}"
