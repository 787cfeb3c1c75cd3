"""`gru-sym verify`: are the gradients right, by everything that shares nothing with them?"""

from collections.abc import Iterable, Iterator, Mapping
from math import ceil, isfinite
from typing import TYPE_CHECKING

import click

from gru_sym.cli import output
from gru_sym.cli.source import BACKENDS

if TYPE_CHECKING:
    from rich.text import Text

    from gru_sym.verification.report import Report

__all__ = ["verify_command"]

FALSE = 1
HEADINGS = {
    "hand": "hand",
    "complex_step": "complex",
    "torch": "torch",
    "jax": "jax",
    "mpmath": "mpmath",
    "arb": "arb",
    "brute_force": "brute",
    "dot_product": "dot",
    "taylor": "Taylor",
}
"""As :data:`gru_sym.verification.oracles.ORACLES`, which would load SymPy."""
REGIMES = ("usual", "saturated", "tiny", "huge", "extreme", "long")
"""As :data:`gru_sym.verification.regimes.REGIMES`."""
NOTHING = "–"


@click.command(
    "verify",
    epilog="\n".join(
        (
            "\b",
            "Examples:",
            "  gru-sym verify gru",
            "  gru-sym verify my.cell --regime saturated --oracle mpmath --oracle arb",
            "  gru-sym verify gru --params P.npz --inputs X.npy --state S.npz --json",
        )
    ),
)
@click.argument("cell")
@click.option("--params", metavar="P.npz", help="The parameters, by name.  [default: drawn]")
@click.option(
    "--inputs",
    metavar="X.npy",
    help="The input, (T, I) or (T, B, I); several inputs by name in an .npz.",
)
@click.option("--state", metavar="S.npz", help="The initial states, by name.  [default: drawn]")
@click.option(
    "--cotangent",
    metavar="G.npy",
    help="The cotangent of the output at every step, (T, B, H).  [default: drawn]",
)
@click.option(
    "--oracle",
    "oracles",
    multiple=True,
    type=click.Choice(list(HEADINGS)),
    metavar="ORACLE",
    help=f"One that has to run; repeatable: {', '.join(HEADINGS)}.  [default: all that can]",
)
@click.option(
    "--regime",
    "regimes",
    multiple=True,
    type=click.Choice(REGIMES),
    metavar="REGIME",
    help=f"Where arrays are drawn; repeatable: {', '.join(REGIMES)}.  [default: all]",
)
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default="numpy",
    show_default=True,
    help="What the code is made for.",
)
@click.option(
    "--seed",
    type=click.IntRange(min=0),
    default=0,
    show_default=True,
    metavar="N",
    help="Of the random numbers.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")
def verify_command(
    cell: str,
    params: str | None,
    inputs: str | None,
    state: str | None,
    cotangent: str | None,
    oracles: tuple[str, ...],
    regimes: tuple[str, ...],
    backend: str,
    seed: int,
    as_json: bool,
) -> int:
    """Hold the gradients of CELL against independent ones.

    The generated code runs at the arrays of --params and --inputs, or at random arrays in several
    regimes. Its gradients are compared, as relative errors per tensor, with backprop by hand, the
    complex step, PyTorch, JAX, 50 digits of mpmath, rigorous enclosures, SymPy's derivatives of
    single entries, the dot-product identity and Taylor's remainders. What cannot run is listed as
    not run. Exit status 1 when a gradient is off, or nothing has judged it.
    """
    from gru_sym.cli.source import load_cell
    from gru_sym.verification.files import verify_files

    console = output.console_of(quiet=as_json)
    with console.status("verifying") as status:
        report = verify_files(
            load_cell(cell),
            params,
            inputs,
            state,
            cotangent,
            oracles=oracles or None,
            regimes=regimes or None,
            backend=backend,
            seed=seed,
            tell=status.update,
        )
    if as_json:
        output.print_json(report.to_json())
    else:
        _print(report)
    return 0 if report.ok else FALSE


def _print(report: "Report") -> None:
    """A row for each gradient, then one for each regime, then what did not run, and the verdict."""
    from rich.table import Table
    from rich.text import Text

    console = output.console_of()
    columns = [oracle for oracle in report.oracles if oracle not in report.not_run]
    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0), header_style="bold")
    table.add_column("gradient", style="cyan", no_wrap=True)
    for oracle in columns:
        table.add_column(HEADINGS[oracle], justify="right", no_wrap=True)
    table.add_column("ulp" if report.ulps else "", justify="right", no_wrap=True)
    errors = report.errors
    for name in report.gradients:
        found = (errors.get(oracle, {}).get(name) for oracle in columns)
        cells = map(_cell, found, (report.tolerances[oracle] for oracle in columns))
        table.add_row(name, *cells, _ulp(report.ulps, [name]))
    table.add_row()
    for each in report.regimes:
        worst = (max(each.errors.get(oracle, {}).values(), default=None) for oracle in columns)
        cells = map(_cell, worst, (report.tolerances[oracle] for oracle in columns))
        table.add_row(Text(each.regime, "magenta"), *cells, _ulp(each.ulps, report.gradients))

    console.print(
        f"{report.cell}, {report.backend}: the largest relative errors, by gradient and regime"
    )
    console.print()
    output.print_whole(table)
    console.print()
    for line in _notes(report):
        output.print_line(console, Text(line, "dim"), whole=False)
    console.print()
    for line in str(report).splitlines():
        style = "bold green" if report.ok else "bold red"
        output.print_line(console, Text(line, style), whole=False)


def _cell(error: float | None, tolerance: float) -> "Text":
    from rich.text import Text

    if error is None:
        return Text(NOTHING, "dim")
    return Text(f"{error:.0e}", "green" if error < tolerance else "bold red")


def _ulp(ulps: Mapping[str, float], names: Iterable[str]) -> str:
    found = [ulps[name] for name in names if name in ulps]
    if not found:
        return ""
    worst = max(found)
    return f"{ceil(worst)}" if isfinite(worst) else "inf"


def _notes(report: "Report") -> Iterator[str]:
    """What the columns are, where the arrays lie, and which oracles said nothing, and why."""
    if "taylor" in report.errors:
        yield "Taylor: no relative error, but what is missing of the order of remainders, 2; of 2"
    if report.ulps:
        yield "ulp: certified; how far entries are at most, in last places of the largest one"
    for each in report.regimes:
        sizes = ", ".join(
            f"{name} = {n}" for name, n in {**each.sizes, "T": each.T, "B": each.B}.items()
        )
        yield f"{each.regime}: {each.words}" + (f"; {sizes}" if each.T else "")
    for oracle, reason in report.not_run.items():
        yield f"not run: {HEADINGS[oracle]}: {reason}"
    for each in report.regimes:
        for oracle, reason in each.not_run.items():
            if oracle not in report.not_run:
                yield f"not run in {each.regime}: {HEADINGS[oracle]}: {reason}"
        for oracle, of in each.inexact.items():
            yield (
                f"not exact enough in {each.regime}: {HEADINGS[oracle]}: off by up to "
                f"{max(of.values()):.0e} itself, of {', '.join(of)}"
            )
