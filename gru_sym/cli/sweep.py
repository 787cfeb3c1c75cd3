"""`gru-sym sweep` and `gru-sym results`: a study is run, and read back."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import TYPE_CHECKING, Any, BinaryIO, cast

import click

from gru_sym.cli import output
from gru_sym.cli.source import reading
from gru_sym.errors import DataError, GruSymError

if TYPE_CHECKING:
    from gru_sym.sweep import Results, Summary
    from gru_sym.sweep.store import Counts, Failure

__all__ = ["print_failures", "progress_bar", "results_command", "sweep_command"]

TRIALS_FAILED = 1

FORMATS = ("csv", "parquet", "netcdf")
"""As :data:`gru_sym.sweep.export.FORMATS`, which would load NumPy."""

NARROW = 60
"""Columns of a terminal, below which there is no room for all that a bar tells."""

SHOWN = 5
"""Errors that are told of."""

_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@click.command(
    "sweep",
    epilog="\n".join(
        (
            "\b",
            "Examples:",
            "  gru-sym sweep study.toml --store results.db",
            "  gru-sym sweep study.toml --store results.db --jobs 8 --resume",
            "  gru-sym sweep study.toml --store results.db --cluster tcp://10.0.0.1:8786",
        )
    ),
)
@click.argument("study")
@click.option("--store", required=True, metavar="FILE", help="Where the outcomes are kept.")
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many processes run trials.  [default: one on each core]",
)
@click.option(
    "--cluster",
    metavar="ADDRESS",
    help="The Dask scheduler whose workers run them instead, tcp://HOST:PORT.",
)
@click.option("--resume", is_flag=True, help="Run what FILE lacks; begin where it has nothing.")
@click.option(
    "--retry-failed", is_flag=True, help="With --resume: run those again, too, that failed."
)
@_json
def sweep_command(
    study: str,
    store: str,
    jobs: int | None,
    cluster: str | None,
    resume: bool,
    retry_failed: bool,
    as_json: bool,
) -> int:
    """Run all trials of STUDY, a TOML file, and keep their outcomes in FILE.

    A study is a grid, or a random sample, over cells, sizes, lengths, initialisations, gains,
    biases, seeds and measurements. It is checked as a whole before it starts.

    FILE is an SQLite database. Each trial is in it as soon as it ends, also when the sweep is
    killed then; with --resume the same command runs the rest, and ends with the same numbers as a
    sweep that nothing disturbed. A FILE that has trials is refused without --resume. With it, a
    study that was changed runs what is new in it.

    A trial that fails is kept with its error, and the others go on; it is not run again but with
    --retry-failed. The exit status is 1 where trials of the study have failed.
    """
    if cluster is not None and jobs is not None:
        raise click.UsageError("--cluster and --jobs exclude each other: a cluster has workers")
    if retry_failed and not resume:
        raise click.UsageError("--retry-failed goes with --resume")
    from gru_sym.sweep import Study, sweep

    with reading(study):
        design = Study.load(study)
    with _resumable(store), progress_bar() as progress:
        found = sweep(
            design,
            store,
            jobs=jobs,
            cluster=cluster,
            resume=resume,
            retry_failed=retry_failed,
            progress=progress,
        )
    if as_json:
        output.print_json(found.to_json())
    else:
        _print_summary(found)
    return TRIALS_FAILED if found.counts.failed else 0


@click.command(
    "results",
    epilog="\n".join(
        (
            "\b",
            "Examples:",
            "  gru-sym results results.db",
            "  gru-sym results results.db --to csv -o - | head",
            "  gru-sym results results.db --to netcdf",
            "  gru-sym results results.db --plot sizes.svg --where cell=gru --where gain=1.0",
        )
    ),
)
@click.argument("store")
@click.option(
    "--to",
    "form",
    type=click.Choice(FORMATS),
    help="Write a table (csv, parquet), or arrays with named dimensions (netcdf).",
)
@click.option(
    "-o",
    "--out",
    metavar="FILE",
    help="The file to write; - is standard output, for csv.  [default: STORE with another ending]",
)
@click.option(
    "--plot",
    metavar="FILE",
    help="Draw the first quantity, its median over seeds: .svg, .pdf or .png.",
)
@click.option("--quantity", metavar="NAME", help="What --plot draws.  [default: the first]")
@click.option(
    "--where",
    metavar="AXIS=VALUE",
    multiple=True,
    help="Of these trials alone: once for each axis, or more often for either of its values.",
)
@_json
def results_command(
    store: str,
    form: str | None,
    out: str | None,
    plot: str | None,
    quantity: str | None,
    where: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show, or write to a file, what a sweep has found so far.

    STORE is what `gru-sym sweep` writes, and may do so at the moment. A table has a line for each
    number; netcdf is read by xarray, with units, and the provenance in its attributes.
    """
    if out is not None and form is None:
        raise click.UsageError("-o says where to, and --to has to say what is written")
    if out == "-" and (form != "csv" or as_json):
        raise click.UsageError("standard output is for --to csv, without --json")
    from gru_sym.sweep import Results

    chosen = _chosen(where)
    results = Results.load(store).only(**chosen)
    written = _export(results, store, form, out) if form is not None else None
    if quantity is not None and plot is None:
        raise click.UsageError("--quantity says what --plot draws")
    if plot is not None:
        from gru_sym.plots import save
        from gru_sym.sweep.drawing import overview

        save(overview(results, quantity), plot)
        click.echo(f"wrote {plot}", err=True)
    if out == "-":
        return
    if as_json:
        output.print_json(_about(results) | {"out": written})
    elif written is not None:
        click.echo(f"wrote {written}", err=True)
    else:
        _print_results(results)


@contextmanager
def _resumable(store: str) -> Iterator[None]:
    """Say what is there of a sweep that is interrupted."""
    try:
        yield
    except KeyboardInterrupt:
        said = "stopped; nothing was run"
        with suppress(GruSymError):
            from gru_sym.sweep.store import reading_from

            with reading_from(Path(store)) as kept:
                counts = kept.counts()
            there = counts.total - counts.missing
            said = f"stopped; {store} has {there:,} of {counts.total:,} trials: go on with --resume"
        click.echo(said, err=True)
        raise


@contextmanager
def progress_bar() -> Iterator["Callable[[Counts], None] | None"]:
    """A bar on standard error that is gone when all is done; on a terminal alone."""
    from rich.console import Console

    console = Console(stderr=True, highlight=False, markup=False)
    if not console.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

    columns = [
        TextColumn("trial {task.completed:.0f}/{task.total:.0f}"),
        BarColumn(bar_width=None),
        TextColumn("{task.fields[failed]}", style="red"),
        TextColumn("{task.fields[rate]}", style="dim"),
        TimeRemainingColumn(elapsed_when_finished=True),
    ]
    if console.width < NARROW:  # the time left is worth more than the rate
        del columns[3]
    with Progress(*columns, console=console, transient=True, expand=True) as bar:
        first: list[tuple[TaskID, int, float]] = []

        def report(counts: "Counts") -> None:
            over = counts.done + counts.failed
            if not first:  # what was there before is no work of now, and tells nothing of the rate
                task = bar.add_task("", total=counts.total, completed=over, failed="", rate="")
                first.append((task, over, time.perf_counter()))
            task, before, since = first[0]
            seconds = time.perf_counter() - since
            rate = f"{(over - before) / seconds:.3g} trials/s" if over > before else ""
            failed = f"{counts.failed:,} failed" if counts.failed else ""
            bar.update(task, completed=over, failed=failed, rate=rate)

        yield report


def _print_summary(found: "Summary") -> None:
    """A line, the first failures, and where everything is."""
    console = output.console_of()
    console.print(str(found), soft_wrap=not console.is_terminal)
    print_failures(found.failures)
    click.echo(f"{found.seconds:.1f} s; the outcomes are in {found.store}", err=True)


def _chosen(where: tuple[str, ...]) -> dict[str, list[str]]:
    """Axis → the values that it may have."""
    chosen: dict[str, list[str]] = {}
    for each in where:
        axis, sign, value = each.partition("=")
        if not sign:
            raise click.UsageError(f"--where is AXIS=VALUE, such as cell=gru, and not {each:.60}")
        chosen.setdefault(axis.strip(), []).append(value.strip())
    return chosen


def _export(results: "Results", store: str, form: str, out: str | None) -> str:
    """Write the results; where to."""
    from gru_sym.sweep.export import FORMATS, export, write_csv

    if out == "-":
        with click.open_file("-", "wb") as file:
            write_csv(results, cast(BinaryIO, file))
        return out
    path = Path(store).with_suffix(FORMATS[form].suffix) if out is None else Path(out)
    with suppress(OSError, RuntimeError):  # what cannot be found is not the same
        if path.samefile(store):
            raise DataError(f"{path} is the store itself", mend="write to another file: -o FILE")
    export(results, path, form)
    return str(path)


def _print_results(results: "Results") -> None:
    """A line, a table of what was measured, and the first failures."""
    from rich.text import Text

    console = output.console_of()
    console.print(str(results), soft_wrap=not console.is_terminal)
    console.print()
    rows = []
    for found in _about(results)["quantities"]:
        numbers = ["" if found[name] is None else f"{found[name]:.5g}" for name in _RANGE]
        dimensions = Text(", ".join(found["dimensions"]))
        rows.append([found["name"], found["units"], dimensions, f"{found['trials']:,}", *numbers])
    output.print_table(["quantity", "units", "by", " trials", *(f" {n}" for n in _RANGE)], rows)
    if failed := results.failures:
        console.print()
        print_failures(failed)


_RANGE = ("min", "median", "max")


def _about(results: "Results") -> dict[str, Any]:
    """In plain types: how far it is, what was measured, and what failed."""
    import numpy as np

    total, done, failed = results.counts
    quantities = []
    for name, quantity in results.quantities.items():
        arrays = [array.ravel() for _, array in results.values(name)]
        numbers = np.concatenate(arrays) if arrays else np.zeros(0)
        numbers = numbers[np.isfinite(numbers)]
        found: Sequence[float | None] = [None] * 3
        if numbers.size:
            found = np.quantile(numbers, [0, 0.5, 1]).tolist()
        quantities.append(
            {
                "name": name,
                "units": quantity.units,
                "about": quantity.about,
                "dimensions": [dimension.name for dimension in quantity.dimensions],
                "trials": len(arrays),
                **dict(zip(_RANGE, found, strict=True)),
            }
        )
    return {
        "title": results.title,
        "design": results.design,
        "trials": total,
        "done": done,
        "failed": failed,
        "quantities": quantities,
        "failures": [failure.to_json() for failure in results.failures],
        "versions": results.provenance["versions"],
    }


def print_failures(failures: Sequence["Failure"]) -> None:
    """The first errors, how often each occurred, and where."""
    for failure in failures[:SHOWN]:
        where = ", ".join(f"{name} {value}" for name, value in failure.first.items())
        count = (
            "1 trial" if failure.trials == 1 else f"{failure.trials:,} trials, the first of them"
        )
        output.print_answer(f"✗ {failure.error}\n    {count}: {where}")
    if len(failures) > SHOWN:
        click.echo(f"… and {len(failures) - SHOWN:,} other errors")
