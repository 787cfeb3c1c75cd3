"""`gru-sym bench`: is it fast for my cell, here?"""

from typing import TYPE_CHECKING

import click

from gru_sym.cli import output
from gru_sym.cli.source import BACKENDS

if TYPE_CHECKING:
    from gru_sym.bench import Benchmark, Timing

__all__ = ["bench_command"]

NOTHING = "none"


@click.command(
    "bench",
    epilog="\n".join(
        (
            "\b",
            "Examples:",
            "  gru-sym bench gru",
            "  gru-sym bench my.cell --backend numba --size 64,128,32,100 --against torch,jax",
        )
    ),
)
@click.argument("cell")
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default="numpy",
    show_default=True,
    help="What the code is made for.",
)
@click.option(
    "--size",
    metavar="I,H,B,T",
    help="Entries of the input and of the state, sequences, steps.  "
    "[default: 32,32,16,100; 4,4,2,10 for mpmath and arb]",
)
@click.option(
    "--dtype",
    type=click.Choice(["float32", "float64"]),
    default="float64",
    show_default=True,
    help="The type of all arrays.",
)
@click.option(
    "--threads",
    type=click.IntRange(min=1),
    default=1,
    show_default=True,
    metavar="N",
    help="How many threads the libraries may use.",
)
@click.option(
    "--against",
    metavar="PEERS",
    help="Some of torch,jax,hand; or none.  [default: what is installed and can run CELL]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def bench_command(
    cell: str,
    backend: str,
    size: str | None,
    dtype: str,
    threads: int,
    against: str | None,
    as_json: bool,
) -> None:
    """Time the gradients of CELL, beside its peers.

    What is timed is a forward pass over T steps of B sequences, and backprop through time to all
    parameters, inputs and initial states. Dimensions that inputs alone have are I, all others H.
    A peer is torch (the fused torch.nn network where CELL is one, else autograd), jax (a jitted
    scan), or hand (backprop written by hand, where there is one).
    """
    from gru_sym.bench import Size, bench
    from gru_sym.cli.source import load_cell

    sizes = None if size is None else Size.parse(size)
    peers = None if against is None else [name.strip() for name in against.split(",")]
    found = bench(
        load_cell(cell),
        sizes,
        backend=backend,
        dtype=dtype,
        threads=threads,
        against=[] if peers in ([NOTHING], [""]) else peers,
    )
    if as_json:
        output.print_json(found.to_json())
    else:
        _print(found)


def _print(found: "Benchmark") -> None:
    """A header, a table with a row for each competitor, and notes."""
    from rich.table import Table

    console = output.console_of()
    if not console.is_terminal:
        console.width = output.UNWRAPPED
    threads = "1 thread" if found.threads == 1 else f"{found.threads} threads"
    lines = [
        f"{found.cell}: forward and backprop through time, all gradients",
        f"{found.size}; {found.dtype}, {threads}, {found.rounds} rounds",
        *found.machine.lines,
    ]
    for line in lines:
        console.print(line)
    if found.machine.hint:
        console.print(f"hint: {found.machine.hint}", style="yellow")

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    table.add_column("", style="cyan", no_wrap=True)
    for column in ("median", "min", "processor", "first call", "ratio"):
        table.add_column(column, justify="right", no_wrap=True)
    table.add_column("what")
    made = f"the {found.backend} code of {found.cell}"
    table.add_row("generated", *_cells(found.timing), "1", made)
    for name, each in found.against.items():
        table.add_row(name, *_cells(each.timing), f"{each.ratio:.3g}", each.what)
    console.print()
    if console.is_terminal:
        console.print(table)
    else:
        with console.capture() as captured:
            console.print(table)
        for line in captured.get().splitlines():
            click.echo(line.rstrip())
    console.print()
    console.print("ratio: the median in those of the generated code", style="dim")
    for note in found.notes:
        console.print(f"note: {note}", style="dim")


def _cells(timing: "Timing") -> list[str]:
    seconds = timing.seconds.median, timing.seconds.min, timing.cpu_seconds.median
    return [_in_words(value) for value in (*seconds, timing.first_call)]


def _in_words(seconds: float) -> str:
    """Three digits and a unit.

    >>> _in_words(0.0001234), _in_words(0.5), _in_words(12.3456)
    ('0.123 ms', '500 ms', '12.3 s')
    """
    return f"{seconds:.3g} s" if seconds >= 1 else f"{1000 * seconds:.3g} ms"
