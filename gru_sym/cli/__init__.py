"""The command line: parse arguments, call one function, print.

What a command needs is imported within it, so that ``gru-sym --help`` answers at once.
"""

from pathlib import Path

import click

from gru_sym import __version__
from gru_sym.cli import output
from gru_sym.cli.bench import bench_command
from gru_sym.cli.diagnose import diagnose_command
from gru_sym.cli.ending import Commands
from gru_sym.cli.experiment import experiment_command
from gru_sym.cli.flow import flow_command, lyapunov_command
from gru_sym.cli.latex import latex_command
from gru_sym.cli.source import BACKENDS, check_apart, load_cell, once, read, reading
from gru_sym.cli.sweep import results_command, sweep_command
from gru_sym.cli.train import train_command
from gru_sym.cli.verify import verify_command

__all__ = ["KINDS", "main"]

KINDS = ("vjp", "jvp", "jacobian", "bptt", "hvp")
"""As :data:`gru_sym.derive.describe.KINDS`, which would load SymPy."""

FALSE = 1
"""The exit status where a claim is false, or could not be proved."""


@click.group(
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="CELL is the name of a built-in cell, the path of a file of equations, or - for "
    "standard input. Exit status: 0 fine, 1 a claim is false (or could not be proved), "
    "2 bad input.",
)
@click.version_option(__version__, message="%(prog)s %(version)s")
def main() -> None:
    """Equations of a recurrent cell in; its gradients, proven for every size and length, out."""


def _examples(*lines: str) -> str:
    """Below the options, each on a line of its own."""
    return "\n".join(["\b", "Examples:", *(f"  {line}" for line in lines)])


_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")


@main.command("cells", epilog=_examples("gru-sym cells", "gru-sym cells lstm > my.cell"))
@click.argument("cell", required=False)
@_json
def _cells(cell: str | None, as_json: bool) -> None:
    """List the built-in cells, or print the equations of one."""
    from gru_sym.cells import names

    if cell is not None:
        found = load_cell(cell)
        if as_json:
            output.print_json(output.about_cell(found))
        else:
            click.echo(found.document.source, nl=not found.document.source.endswith("\n"))
        return
    every = [load_cell(name) for name in names()]
    if as_json:
        output.print_json([output.about_cell(found) for found in every])
    else:
        output.print_cells(every)


@main.command(
    "derive",
    epilog=_examples(
        "gru-sym derive gru",
        "gru-sym derive gru --wrt W_z --wrt h",
        "gru-sym derive lstm --of bptt --format latex",
    ),
)
@click.argument("cell")
@click.option(
    "--of", type=click.Choice(KINDS), default="vjp", show_default=True, help="What to derive."
)
@click.option("--wrt", multiple=True, metavar="NAME", help="With respect to this; repeatable.")
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "latex", "json"]),
    help="How to write it.  [default: text]",
)
@_json
def _derive(cell: str, of: str, wrt: tuple[str, ...], form: str | None, as_json: bool) -> None:
    """Derive the gradients of CELL, with symbolic sizes."""
    if as_json and form not in {None, "json"}:
        raise click.UsageError(f"--json and --format {form} exclude each other")
    from gru_sym.derive.describe import select, text, to_json

    found = load_cell(cell)
    if form == "latex":
        from gru_sym.latex.printer import latex_derivation

        click.echo(latex_derivation(found, of, wrt))
    elif as_json or form == "json":
        output.print_json(to_json(select(found, of, wrt)))
    else:
        output.print_formulas(text(select(found, of, wrt)))


@main.command(
    "prove",
    epilog=_examples("gru-sym prove gru", "gru-sym prove gru_keep --equals gru --map signs.map"),
)
@click.argument("cell")
@click.option("--equals", metavar="CELL2", help="Prove CELL equivalent to this cell instead.")
@click.option(
    "--map", "map_file", metavar="FILE", help="Lines b_z = -b_z: CELL's names in those of CELL2."
)
@_json
def _prove(cell: str, equals: str | None, map_file: str | None, as_json: bool) -> int:
    """Prove the gradients of CELL, or that it equals another.

    The gradients are proved for all sizes and every sequence length.

    With --equals: prove that two cells are the same function, after renaming and changing the
    parameters as the lines of --map say. Exit status 0 only for a proof.
    """
    if map_file is not None and equals is None:
        raise click.UsageError("--map says how two cells correspond: it needs --equals CELL2")
    once(cell, equals, map_file)
    found = load_cell(cell)
    if equals is None:
        from gru_sym.prove.vjp import prove_vjp

        proof = prove_vjp(found)
    else:
        from gru_sym.prove.equivalent import prove_equivalent

        other = load_cell(equals)
        mapping = read(map_file) if map_file else b""
        with reading(map_file or ""):
            proof = prove_equivalent(found, other, mapping)
    if as_json:
        output.print_json(proof.to_json())
    else:
        output.print_answer(str(proof))
    return 0 if proof.verdict == "proved" else FALSE


@main.command(
    "check",
    epilog=_examples("gru-sym check gru mine.txt", "gru-sym derive gru | gru-sym check gru -"),
)
@click.argument("cell")
@click.argument("file")
@_json
def _check(cell: str, file: str, as_json: bool) -> int:
    """Check a derivation of CELL by hand, line by line.

    FILE holds lines such as z_bar = h_next_bar * (h_tilde - h); - is standard input. The argument
    of an activation in the definition of z is called a_z. Exit status
    1 when a line is wrong or could not be proved.
    """
    once(cell, file)
    found = load_cell(cell)
    from gru_sym.prove.check import check

    with reading(file):
        report = check(found, read(file))
    if as_json:
        output.print_json(report.to_json())
    else:
        output.print_answer(str(report))
    return 0 if report.verdict in {"right", "incomplete"} else FALSE


@main.command(
    "codegen",
    epilog=_examples(
        "gru-sym codegen gru -o gru.py && python gru.py",
        "gru-sym codegen my.cell --backend torch -o my_cell.py",
    ),
)
@click.argument("cell")
@click.option(
    "--backend",
    type=click.Choice(BACKENDS),
    default="numpy",
    show_default=True,
    help="What the module is written for; it need not be installed.",
)
@click.option(
    "-o", "--out", metavar="FILE", help="The file to write; - is standard output.  [default: -]"
)
@_json
def _codegen(cell: str, backend: str, out: str | None, as_json: bool) -> None:
    """Write CELL and its gradients as a module that stands alone.

    The module has forward and backward through time, with the passes that make them fast, and needs
    nothing but the backend's library. Run as a program, it checks its own gradients.
    """
    found = load_cell(cell)
    from gru_sym.codegen.backends.table import module_source

    source = module_source(found, backend)
    out = None if out == "-" else out
    if out is not None:
        check_apart(cell, out)
        from gru_sym.atomic import writing

        with writing(Path(out)) as file:
            file.write(source.encode())
    if as_json:
        document = {"cell": found.name, "backend": backend, "out": out, "source": source}
        output.print_json(document)
    elif out is None:
        click.echo(source, nl=False)
    else:
        click.echo(f"wrote {out}", err=True)


@main.command("grad", epilog=_examples("gru-sym grad gru --params P.npz --inputs X.npy -o OUT.npz"))
@click.argument("cell")
@click.option("--params", required=True, metavar="P.npz", help="The parameters, by name.")
@click.option(
    "--inputs",
    required=True,
    metavar="X.npy",
    help="The input, (T, I) or (T, B, I); several inputs by name in an .npz.",
)
@click.option("--state", metavar="S.npz", help="The initial states, by name.  [default: zeros]")
@click.option(
    "--cotangent",
    metavar="G.npy",
    help="The cotangent of the output at every step, (T, B, H); of several outputs by name in an "
    ".npz.  [default: that of the cell's loss, or ones at the last step]",
)
@click.option("-o", "--out", required=True, metavar="OUT.npz", help="The file to write.")
@_json
def _grad(
    cell: str,
    params: str,
    inputs: str,
    state: str | None,
    cotangent: str | None,
    out: str,
    as_json: bool,
) -> None:
    """Run CELL over a sequence, backpropagate, and write all gradients.

    OUT.npz holds hs (the outputs), NAME_bar for each parameter and input, and STATE_bar for each
    initial state.
    """
    found = load_cell(cell)
    from gru_sym.grad import grad_files

    summary = grad_files(found, params, inputs, state, cotangent, out)
    if as_json:
        output.print_json(output.about_arrays(summary))
    else:
        output.print_arrays(summary)


@main.command("demo")
@click.option(
    "-o",
    "--out",
    default="gru_sym_demo",
    show_default=True,
    metavar="DIR",
    help="The directory to write to.",
)
@_json
def _demo(out: str, as_json: bool) -> int:
    """Derive, prove, run and verify a trained GRU's gradients; train another.

    The network and its series (the sunspots) ship with the package; the references are backprop
    derived by hand and the complex step. Then a GRU is trained from scratch to forecast the
    sunspots. Writes formulas, proof, code, gradients and the trained GRU to DIR.
    """
    from gru_sym.demo import run

    result = run(Path(out), output.console_of(quiet=as_json))
    if as_json:
        output.print_json(result.to_json())
    return 0 if result.ok else FALSE


main.add_command(bench_command)
main.add_command(diagnose_command)
main.add_command(experiment_command)
main.add_command(flow_command)
main.add_command(latex_command)
main.add_command(lyapunov_command)
main.add_command(results_command)
main.add_command(sweep_command)
main.add_command(train_command)
main.add_command(verify_command)
