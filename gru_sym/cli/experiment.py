"""`gru-sym experiment`: a study of gradient flow, its figures, its table, and what it says."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from gru_sym.cli import output
from gru_sym.cli.source import reading
from gru_sym.cli.sweep import print_failures, progress_bar

if TYPE_CHECKING:
    from gru_sym.experiments import Outcome

__all__ = ["experiment_command"]


@click.command(
    "experiment",
    epilog="\n".join(
        (
            "\b",
            "Examples:",
            "  gru-sym experiment",
            "  gru-sym experiment cut -o cut",
            "  gru-sym experiment phase --study my_phase.toml --format pdf -o phase",
            "  gru-sym experiment phase --print-study > my_phase.toml",
        )
    ),
)
@click.argument("name", required=False)
@click.option(
    "-o",
    "--out",
    default=".",
    show_default=True,
    metavar="DIR",
    help="Where the store, the table and the figures go.",
)
@click.option("--study", metavar="FILE", help="Another study than the experiment's own.")
@click.option("--print-study", is_flag=True, help="Print the experiment's study, to be changed.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["svg", "pdf", "png"]),
    default="svg",
    show_default=True,
    help="Of the figures.",
)
@click.option(
    "--jobs",
    type=click.IntRange(min=1),
    metavar="N",
    help="How many processes run trials.  [default: one on each core]",
)
@click.option("--cluster", metavar="ADDRESS", help="A Dask scheduler instead, tcp://HOST:PORT.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def experiment_command(
    name: str | None,
    out: str,
    study: str | None,
    print_study: bool,
    form: str,
    jobs: int | None,
    cluster: str | None,
    as_json: bool,
) -> None:
    """Run the experiment NAME, and write its figures and its table; or list them all.

    DIR gets NAME.db, the store of its trials (what is in it is not run again), NAME.csv, the
    table, and the figures. After a kill the same command goes on, and ends with the same numbers.
    """
    if cluster is not None and jobs is not None:
        raise click.UsageError("--cluster and --jobs exclude each other: a cluster has workers")
    if name is None:
        _list(as_json=as_json)
        return
    from gru_sym.experiments import experiment
    from gru_sym.experiments.run import row_of

    if print_study:
        click.echo(row_of(name).study, nl=False)
        return
    with reading(study or f"the study of {name}"), progress_bar() as progress:
        found = experiment(
            name, out, study=study, jobs=jobs, cluster=cluster, form=form, progress=progress
        )
    if as_json:
        output.print_json(found.to_json())
    else:
        _print(found)
    for path in found.files:
        click.echo(f"wrote {Path(path)}", err=True)


def _list(*, as_json: bool) -> None:
    from gru_sym.experiments import EXPERIMENTS

    if as_json:
        output.print_json([{"name": row.name, "about": row.about} for row in EXPERIMENTS.values()])
    else:
        output.print_table(
            ["experiment", "question"], [[row.name, row.about] for row in EXPERIMENTS.values()]
        )


def _print(found: "Outcome") -> None:
    """How many trials there were, the table, and the sentences."""
    click.echo(f"{found.summary}\n")
    rows = [[_shown(value) for value in row] for row in found.findings.rows]
    numbers = [
        all(not isinstance(row[k], str) for row in found.findings.rows)
        for k in range(len(found.findings.columns))
    ]
    columns = [
        f" {title}" if number else title
        for title, number in zip(found.findings.columns, numbers, strict=True)
    ]
    output.print_table(columns, rows)
    click.echo()
    for sentence in found.findings.sentences:
        output.print_answer(f"- {sentence}")
    if found.summary.failures:
        click.echo("\nTrials that failed:")
        print_failures(found.summary.failures)


def _shown(value: str | float | None) -> str:
    if value is None:
        return "–"
    return value if isinstance(value, str) else f"{value:.4g}"
