"""run: an experiment from its study to its files."""

import csv
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from gru_sym.atomic import writing
from gru_sym.cells.naming import did_you_mean
from gru_sym.errors import DataError
from gru_sym.experiments.table import EXPERIMENTS, Experiment
from gru_sym.notebook import ShownAsText
from gru_sym.sweep import Results, Study, Summary, sweep
from gru_sym.sweep.axes import shown
from gru_sym.sweep.run import Progress

if TYPE_CHECKING:
    from gru_sym.experiments.findings import Findings

__all__ = ["FORMATS", "Outcome", "experiment", "row_of"]

FORMATS = ("svg", "pdf", "png")


@dataclass(frozen=True, eq=False, repr=False)
class Outcome(ShownAsText):
    """An experiment that was run; made by :func:`experiment`.

    Attributes:
        name: the experiment.
        summary: what the sweep did.
        findings: figures, table and sentences.
        files: what was written, the store first.
    """

    name: str
    summary: Summary
    findings: "Findings"
    files: tuple[Path, ...]

    def to_json(self) -> dict[str, Any]:
        """In plain types."""
        found = self.findings
        return {
            "experiment": self.name,
            "sweep": self.summary.to_json(),
            "sentences": list(found.sentences),
            "table": [dict(zip(found.columns, row, strict=True)) for row in found.rows],
            "files": [str(path) for path in self.files],
        }

    def __str__(self) -> str:
        """The sentences, one a line."""
        return "\n".join(self.findings.sentences)


def experiment(
    name: str,
    folder: str | Path = ".",
    *,
    study: str | Path | None = None,
    jobs: int | None = None,
    cluster: str | None = None,
    form: str = "svg",
    progress: Progress | None = None,
) -> Outcome:
    """Run an experiment, or what is missing of it, and write its figures and its table.

    ``NAME.db`` is the store of its trials; what is in it is not run again. ``NAME.csv`` is the
    table, ``NAME-….svg`` are the figures. The same study gives the same numbers.

    Args:
        name: one of :data:`~gru_sym.experiments.table.EXPERIMENTS`.
        folder: where the files go; made where it is not there.
        study: another study than the experiment's own, a TOML file with the same measurements; a
            grid over the same axes.
        jobs: how many processes; None for one on each core.
        cluster: the address of a Dask scheduler, whose workers run the trials instead.
        form: ``svg``, ``pdf`` or ``png``.
        progress: called with how far the study is.

    Raises:
        DataError: there is no such experiment, the study is not one for it, which is said before
            anything runs, or a file cannot be written.
        StudyError: the study is not what it can be, with the line.
        MissingLibraryError: matplotlib or joblib is not installed.
    """
    from gru_sym.plots import save

    row = row_of(name)
    if form not in FORMATS:
        raise DataError(f"figures as {form}", mend=f"give {', '.join(FORMATS)}")
    design = Study.parse(row.study, title=name) if study is None else Study.load(study)
    _check(row, design)
    out = Path(folder)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise DataError(
            f"cannot make the folder {out}: {error.strerror or error}",
            mend="give a folder that can be written",
        ) from error
    store = out / f"{name}.db"
    summary = sweep(design, store, jobs=jobs, cluster=cluster, resume=True, progress=progress)
    found = row.drawn(Results.load(store))
    written = [store, _table(found, out / f"{name}.csv")]
    written += [
        save(drawn, out / f"{name}-{label}.{form}") for label, drawn in found.figures.items()
    ]
    return Outcome(name, summary, found, tuple(written))


def row_of(name: str) -> Experiment:
    """The experiment of this name.

    Args:
        name: the name.

    Raises:
        DataError: there is none.
    """
    if name not in EXPERIMENTS:
        hint = did_you_mean(name, EXPERIMENTS)
        raise DataError(
            f"there is no experiment {name:.60}",
            mend=f"{hint} The experiments are {', '.join(EXPERIMENTS)}".lstrip(),
        )
    return EXPERIMENTS[name]


def _check(row: Experiment, study: Study) -> None:
    """Raise where a study is not one that an experiment can draw.

    Raises:
        DataError: it lacks a measurement, has too few values of an axis, or several of one that
            the experiment does not go over.
    """
    if study.design != "grid":
        raise DataError(
            f"the experiment {row.name} draws grids, and the study is {study.design}",
            mend='take design = "grid"',
        )
    values = {name: tuple(given) for name, given in study.axes.items()}  # type: ignore[arg-type]
    missing = [name for name in row.needs if name not in values["measurement"]]
    if missing:
        listed = ", ".join(f'"{name}"' for name in row.needs)
        raise DataError(
            f"the experiment {row.name} needs the measurement {' and '.join(missing)}, which "
            "the study does not take",
            mend=f"measurement = [{listed}]",
        )
    for axis, least in row.axes.items():
        if len(values[axis]) < least:
            raise DataError(
                f"the experiment {row.name} needs {least} values of {axis}, and the study has "
                f"{len(values[axis])}",
                mend=f"give {axis} more values",
            )
    for axis, given in values.items():
        if len(given) > 1 and axis not in (*row.axes, "seed", "measurement"):
            raise DataError(
                f"the experiment {row.name} does not go over {axis}, of which the study has "
                f"{len(given)} values",
                mend=f"give one, or one study for each: {axis} = [{shown(given[0])}]",
            )


def _table(found: "Findings", path: Path) -> Path:
    text = io.StringIO(newline="")
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(found.columns)
    writer.writerows(["" if value is None else value for value in row] for row in found.rows)
    with writing(path) as file:
        file.write(text.getvalue().encode())
    return path
