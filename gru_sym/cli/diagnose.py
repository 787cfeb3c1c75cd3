"""`gru-sym diagnose`: a trained network, examined."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from gru_sym.cli import output
from gru_sym.cli.threads import one_thread

if TYPE_CHECKING:
    from gru_sym.diagnose import Diagnosis, Measured

__all__ = ["diagnose_command"]


@click.command(
    "diagnose",
    epilog="\n".join(
        (
            "\b",
            "Examples:",
            "  gru-sym diagnose net.safetensors --inputs X.npy",
            "  gru-sym diagnose net.pt --inputs X.npy -o report.html",
        )
    ),
)
@click.argument("checkpoint")
@click.option(
    "--inputs",
    required=True,
    metavar="X.npy",
    help="The input as the network reads it, (T, I) or (T, B, I).",
)
@click.option(
    "-o", "--out", metavar="REPORT.html", help="Write a report of one file, figures included."
)
@click.option("--plot", metavar="FILE", help="Draw the lag curves: .svg, .pdf or .png.")
@click.option(
    "--prefix", metavar="TEXT", help="Of the network's keys, where the file has several networks."
)
@click.option(
    "--nonlinearity",
    type=click.Choice(["tanh", "relu"]),
    help="Of PyTorch's RNN, which its file does not tell.  [default: tanh]",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def diagnose_command(
    checkpoint: str,
    inputs: str,
    out: str | None,
    plot: str | None,
    prefix: str | None,
    nonlinearity: Any,
    as_json: bool,
) -> None:
    """Examine a trained network: its memory, its gradient's paths, its gates.

    CHECKPOINT is a .safetensors or .pt of PyTorch's GRU, LSTM or RNN, of any number of layers, in
    one direction or two, or a run of `gru-sym train`. Each finding has the numbers that it rests
    on; what another bias would do is measured by running the network with it.
    """
    if out is not None and Path(out).suffix.lower() not in {".html", ".htm"}:
        raise click.UsageError(f"the report is a page: name it {Path(out).stem}.html")
    one_thread()
    from gru_sym.diagnose import diagnose
    from gru_sym.flow.files import read_given

    console = output.console_of(quiet=as_json)
    with _saying(console) as progress:
        result = diagnose(
            checkpoint,
            _one(read_given(inputs, "inputs")),
            prefix=prefix,
            nonlinearity=nonlinearity,
            progress=progress,
        )
    if out is not None:
        from gru_sym.diagnose.page import write_page

        write_page(result, Path(out))
    if plot is not None:
        from gru_sym.diagnose.figures import overview
        from gru_sym.plots import save

        save(overview(result), plot)
    if as_json:
        output.print_json(result.to_json())
    else:
        _print(result)
    for written in (out, plot):
        if written is not None:
            click.echo(f"wrote {written}", err=True)


def _one(given: Any) -> Any:
    """A file of one array, whatever it is called."""
    if isinstance(given, dict) and len(given) == 1:
        return next(iter(given.values()))
    if isinstance(given, dict):
        raise click.UsageError("a network reads one input: give an .npy")
    return given


@contextmanager
def _saying(console: Any) -> Iterator[Callable[[str], None] | None]:
    """What is being measured; on a terminal alone."""
    if not console.is_terminal or console.quiet:
        yield None
        return
    with console.status("") as status:
        yield status.update


def _print(result: "Diagnosis") -> None:
    output.print_answer(f"{result.source}\n{result.convention}")
    click.echo()
    output.print_table(
        [
            "pass",
            "cell",
            " units",
            " steps",
            " memory",
            " gradient at lag T",
            " exponent",
            " at ends",
        ],
        [_row(one) for one in result.every],
    )
    for where in ("", *(one.label for one in result.every)):
        found = [f for f in result.findings if f.where == where]
        if found:
            click.echo(f"\n{where}:" if where and len(result.every) > 1 else "")
        for finding in found:
            output.print_answer(f"  - {finding.text}")


def _row(one: "Measured") -> list[str]:
    from gru_sym.diagnose.findings import power

    memory = one.typical_memory
    gates = [gate.saturated for gate in one.gates]
    return [
        one.label,
        one.cell,
        str(one.units),
        str(one.flow.T),
        "longer" if memory is None else str(memory),
        power(one.relative[-1]),
        f"{float(one.lyapunov.exponents[0]):.3f}",
        f"{100 * sum(gates) / len(gates):.0f} %" if gates else "–",
    ]
