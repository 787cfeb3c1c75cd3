"""`gru-sym train`: a cell learns to forecast a series."""

import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gru_sym.cli import output
from gru_sym.cli.source import BACKENDS

if TYPE_CHECKING:
    from rich.console import Console

    from gru_sym.training import Result

__all__ = ["train_command"]

NOT_FINITE = 1


@click.command(
    "train",
    epilog="\n".join(
        (
            "\b",
            "Examples:",
            "  gru-sym train gru --data sunspots.csv --column sunspots",
            "  gru-sym train my.cell --data x.npy --window 64 --batch 8 --clip 1",
            "  gru-sym train lstm --data x.npy --layers 2 -o run.safetensors --resume",
        )
    ),
)
@click.argument("cell")
@click.option("--data", required=True, metavar="FILE", help="The series: a .csv or an .npy.")
@click.option(
    "--column", metavar="NAME", help="The column of a .csv.  [default: the only one of numbers]"
)
@click.option(
    "--loss",
    type=click.Choice(["mse", "cross_entropy"]),
    default="mse",
    show_default=True,
    help="cross_entropy takes symbols, whole numbers from 0 on.",
)
@click.option("--hidden", type=int, default=16, show_default=True, metavar="H", help="Units.")
@click.option(
    "--layers",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    metavar="N",
    help="Copies of CELL, one above the other.",
)
@click.option(
    "--epochs",
    type=int,
    default=200,
    show_default=True,
    metavar="N",
    help="How often all is gone through.",
)
@click.option(
    "--learning-rate", type=float, default=0.01, show_default=True, metavar="A", help="Adam's."
)
@click.option(
    "--clip", type=float, metavar="NORM", help="Clip gradients to this norm.  [default: none]"
)
@click.option(
    "--window",
    type=int,
    metavar="L",
    help="Cut the series into windows of L steps.  [default: whole]",
)
@click.option(
    "--batch", type=int, metavar="B", help="Windows in a mini-batch, shuffled.  [default: all]"
)
@click.option(
    "--truncate",
    type=int,
    metavar="K",
    help="Backprop through K steps at a time, one update each.  [default: all]",
)
@click.option(
    "--held-out",
    type=float,
    metavar="F",
    help="The part at the end that is not learned from.  [default: a third]",
)
@click.option("--seed", type=int, default=0, show_default=True, help="Of all that is random.")
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float64"]),
    default="float64",
    show_default=True,
    help="The type of all arrays.",
)
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default="numpy",
    show_default=True,
    help="What the gradients are generated for.",
)
@click.option(
    "-o", "--out", metavar="RUN.safetensors", help="Where to write the run.  [default: nowhere]"
)
@click.option(
    "--every",
    type=int,
    default=10,
    show_default=True,
    metavar="N",
    help="Write it after each N epochs.",
)
@click.option("--resume", is_flag=True, help="Go on with the run in RUN.safetensors, if any.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def train_command(
    cell: str,
    data: str,
    column: str | None,
    layers: int,
    held_out: float | None,
    out: str | None,
    resume: bool,
    as_json: bool,
    **settings: Any,
) -> int:
    """Train CELL to forecast the next value of a series.

    CELL gets a linear readout, and learns by backprop through time with its generated gradients.
    The end of the series is held out, and shows how well it forecasts, beside a naive forecast.

    RUN.safetensors is written whole or not at all. After a kill, the same command with --resume
    goes on from it, and ends with the same numbers as a run that nothing disturbed.

    The exit status is 1 where the trained model's forecast is not finite.
    """
    if held_out is not None:
        settings["held_out"] = held_out
    with _resumable(out, resume=resume):
        from gru_sym.cells import stack
        from gru_sym.cli.source import load_cell
        from gru_sym.training import read_series, train

        model = stack(*[load_cell(cell)] * layers)
        series = read_series(data, column)
        console = output.console_of(quiet=as_json)
        start = time.perf_counter()
        with _progress(console, settings["epochs"]) as progress:
            result = train(model, series, out=out, resume=resume, progress=progress, **settings)
        seconds = time.perf_counter() - start
    if as_json:
        output.print_json(result.to_json() | {"out": out, "seconds": round(seconds, 3)})
    else:
        _print(result, out, seconds)
    if result.not_finite:
        parts = " and ".join(result.not_finite)
        click.echo(f"the forecast is not finite: {parts}", err=True)
        return NOT_FINITE
    return 0


@contextmanager
def _resumable(out: str | None, *, resume: bool) -> Iterator[None]:
    """Say what is left of a run that is interrupted."""
    others = out is not None and not resume and Path(out).is_file()
    try:
        yield
    except KeyboardInterrupt:
        left = "nothing was written"
        if out is not None and not others and Path(out).is_file():
            left = f"{out} has the run so far: go on with --resume"
        click.echo(f"stopped; {left}", err=True)
        raise


@contextmanager
def _progress(console: "Console", epochs: int) -> Iterator[Callable[[int, float], None] | None]:
    """A bar that is gone when all is done; on a terminal alone."""
    if not console.is_terminal or console.quiet:
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeRemainingColumn

    columns = (
        TextColumn("epoch {task.completed:.0f}/{task.total:.0f}"),
        BarColumn(bar_width=None),
        TextColumn("loss {task.fields[loss]}", style="cyan"),
        TextColumn("{task.fields[rate]}", style="dim"),
        TimeRemainingColumn(elapsed_when_finished=True),
    )
    with Progress(*columns, console=console, transient=True, expand=True) as bar:
        task = bar.add_task("", total=epochs, loss="…", rate="")
        first: list[tuple[int, float]] = []

        def report(epoch: int, loss: float) -> None:
            if not first:
                first.append((epoch, time.perf_counter()))
            done, since = first[0]
            seconds = time.perf_counter() - since
            rate = f"{(epoch - done) / seconds:.3g} epochs/s" if epoch > done else ""
            shown = "…" if math.isnan(loss) else f"{loss:.4g}"
            bar.update(task, completed=epoch, loss=shown, rate=rate)

        yield report


def _print(result: "Result", out: str | None, seconds: float) -> None:
    """Two lines, a table with a row for each measure, and what it means."""
    console = output.console_of()
    run, settings = result.run, result.run.settings
    sizes = ", ".join(f"{name} = {size}" for name, size in run.sizes.items())
    count = sum(array.size for array in run.parameters.values())
    lines = [
        f"{result.cell.name} on {result.series.name}: {sizes}; {count} parameters",
        f"{run.epoch} epochs, {run.step} updates of Adam in {seconds:.1f} s; "
        f"{settings['dtype']}, {settings['backend']}, seed {settings['seed']}",
        f"training loss {result.history[-1]:.6g}",
    ]
    for line in lines:
        console.print(line, soft_wrap=not console.is_terminal)
    console.print()
    measures = result.measures()
    columns = [
        _aligned([getattr(score, name) for _, _, score in measures])
        for name in ("model", "naive", "ratio")
    ]
    part, rows = "", []
    for (name, measure, score), *numbers in zip(measures, *columns, strict=True):
        about = ["", measure, ""] if name == part else [name, measure, str(score.steps)]
        rows.append([*about, *numbers])
        part = name
    output.print_table(["", "", " steps", " model", " naive", " ratio"], rows)
    console.print()
    note = f"in {result.unit}; the naive forecast: {result.naive}"
    console.print(note, style="dim", soft_wrap=not console.is_terminal)
    if out is not None:
        click.echo(f"wrote {out}", err=True)


def _aligned(numbers: Sequence[float]) -> list[str]:
    """Numbers with as many decimals each, and four digits at least, where that is not too long.

    >>> _aligned([68.0012, 8.24627, 434.0]), _aligned([1e-9, 1e9])
    (['68.001', '8.246', '434.000'], ['1e-09', '1e+09'])
    >>> _aligned([2.5, math.inf])
    ['2.500', 'not finite']
    """
    from gru_sym.training.result import shown

    sizes = [abs(number) for number in numbers if number and math.isfinite(number)]
    low, high = min(sizes, default=1.0), max(sizes, default=1.0)
    if low < 1e-3 or high >= 1e7:
        return [shown(number, ".4g") for number in numbers]
    decimals = max(0, 3 - math.floor(math.log10(low)))
    return [shown(number, f".{decimals}f") for number in numbers]
