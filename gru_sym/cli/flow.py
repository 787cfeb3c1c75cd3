"""`gru-sym flow` and `gru-sym lyapunov`: where gradients go, and how fast they grow or shrink."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import click

from gru_sym.cli import output
from gru_sym.cli.source import load_cell
from gru_sym.cli.threads import one_thread

if TYPE_CHECKING:
    from gru_sym.flow.lyapunov import Lyapunov
    from gru_sym.flow.summary import GradientFlow

__all__ = ["flow_command", "lyapunov_command"]

_params = click.option(
    "--params",
    required=True,
    metavar="P.npz",
    help="The parameters, by name; or a checkpoint (.safetensors, .pt) of this cell.",
)
_state = click.option(
    "--state", metavar="S.npz", help="The initial states, by name.  [default: zeros]"
)
_plot = click.option("--plot", metavar="FILE", help="Draw it: .svg, .pdf or .png.")
_json = click.option("--json", "as_json", is_flag=True, help="Print one JSON document.")

NOT_CERTIFIED = 1
"""The exit status where enclosures were asked for and could not be had."""

_LONGEST = 30


@click.command(
    "flow",
    epilog="\n".join(
        (
            "\b",
            "Examples:",
            "  gru-sym flow gru --params P.npz --inputs X.npy",
            "  gru-sym flow lstm --params P.npz --inputs X.npy --certify 12 --json",
            "  gru-sym flow gru_reset_after --params net.safetensors --inputs X.npy --plot f.svg",
        )
    ),
)
@click.argument("cell")
@_params
@click.option(
    "--inputs",
    required=True,
    metavar="X.npy",
    help="The input, (T, I) or (T, B, I); several inputs by name in an .npz.",
)
@_state
@click.option(
    "--cotangent",
    metavar="G.npy",
    help="The cotangent of the last output state, (H,) or (B, H), or of all states together; "
    "by name in an .npz.  [default: ones]",
)
@click.option(
    "--certify",
    type=click.IntRange(1),
    metavar="DIGITS",
    help="Prove this many significant digits of each norm, by interval arithmetic.",
)
@_plot
@_json
def flow_command(
    cell: str,
    params: str,
    inputs: str,
    state: str | None,
    cotangent: str | None,
    certify: int | None,
    plot: str | None,
    as_json: bool,
) -> int:
    """Tell by which paths the gradient of CELL travels, and how much is left at each lag.

    The loss reads the last state. Logarithms are natural; nothing under- or overflows. Exit status
    1 where --certify asks for more than can be proved.
    """
    one_thread()
    found = load_cell(cell)
    from gru_sym.flow.files import read_given, read_params
    from gru_sym.flow.summary import gradient_flow

    result = gradient_flow(
        found,
        read_params(found, params),
        read_given(inputs, "inputs"),
        read_given(state, "initial states"),
        read_given(cotangent, "cotangent"),
        certify=certify,
    )
    if plot is not None:
        from gru_sym.plots import flow_figure, save

        save(flow_figure(result), plot)
        click.echo(f"wrote {plot}", err=True)
    if as_json:
        output.print_json(result.to_json())
    else:
        _print_flow(result)
    failed = result.certified is not None and not result.certified.reached
    return NOT_CERTIFIED if failed else 0


@click.command(
    "lyapunov",
    epilog="\n".join(
        (
            "\b",
            "Examples:",
            "  gru-sym lyapunov gru --params P.npz --inputs X.npy --burn 100",
            "  gru-sym lyapunov rnn --params P.npz --steps 10000 --json",
        )
    ),
)
@click.argument("cell")
@_params
@click.option(
    "--inputs",
    metavar="X.npy",
    help="The input of one sequence, (T, I); repeated in order where it is shorter than the "
    "steps.  [default: zeros]",
)
@click.option(
    "--steps", type=click.IntRange(1), metavar="N", help="Steps to measure.  [default: the input's]"
)
@click.option(
    "--burn",
    type=click.IntRange(0),
    default=0,
    show_default=True,
    metavar="N",
    help="Steps before them, which do not count.",
)
@_state
@click.option(
    "--count", type=click.IntRange(1), metavar="N", help="The N largest exponents.  [default: all]"
)
@_plot
@_json
def lyapunov_command(
    cell: str,
    params: str,
    inputs: str | None,
    steps: int | None,
    burn: int,
    state: str | None,
    count: int | None,
    plot: str | None,
    as_json: bool,
) -> int:
    """Measure the Lyapunov exponents of CELL, in nats per step.

    Jacobians are taken forward in time and decomposed at each step (QR). Standard errors are those
    of the means of 20 blocks of steps.
    """
    one_thread()
    found = load_cell(cell)
    from gru_sym.flow.files import read_given, read_params
    from gru_sym.flow.lyapunov import lyapunov

    console = output.console_of(quiet=as_json)
    with _counting(console) as progress:
        result = lyapunov(
            found,
            read_params(found, params),
            read_given(inputs, "inputs"),
            read_given(state, "initial states"),
            steps=steps,
            burn=burn,
            count=count,
            progress=progress,
        )
    if plot is not None:
        from gru_sym.plots import lyapunov_figure, save

        save(lyapunov_figure(result), plot)
        click.echo(f"wrote {plot}", err=True)
    if as_json:
        output.print_json(result.to_json())
    else:
        _print_lyapunov(result)
    return 0


@contextmanager
def _counting(console: Any) -> Iterator[Any]:
    """The number of steps done; on a terminal alone."""
    if not console.is_terminal or console.quiet:
        yield None
        return
    with console.status("") as status:
        yield lambda done: status.update(f"{done} steps")


def _print_flow(result: "GradientFlow") -> None:
    lags = _chosen(result.T)
    click.echo(f"{result}\n")
    for b in range(result.B or 1):
        if result.B is not None:
            click.echo(f"sequence {b}")
        _print_sequence(result, b, lags)
        click.echo()


def _print_sequence(result: "GradientFlow", b: int, lags: Sequence[int]) -> None:
    def at(array: Any) -> Any:
        return array if result.B is None else array[..., b]

    curve, length = result.curve, result.length
    rows = []
    for k in lags:
        row = [str(k), _nats(at(curve.log_norm)[k]), _nats(at(curve.skip_log_norm)[k])]
        row.append(_spread(float(at(length.mean)[k]), float(at(length.std)[k])))
        if result.certified is not None:
            ball = result.certified.balls[k]
            ball = ball[b] if isinstance(ball, tuple) else ball
            row.append("not proved" if ball is None else f"{ball.mid} ± {ball.rad}")
        rows.append(row)
    columns = ["lag", " log-norm", " skip alone", " steps not the skip"]
    columns += ["proved"] if result.certified is not None else []
    output.print_table(columns, rows)
    means = at(length.mean)
    if any(means[k] < 0 or means[k] > k * (1 + 1e-12) for k in lags):
        click.echo("shares are signed and cancel here: a mean of steps may lie beyond the lag")
    click.echo()
    for name, lag in (("float64", curve.float64_zero_lag), ("float32", curve.float32_zero_lag)):
        one = lag[b] if isinstance(lag, tuple) else lag
        if one is None:
            click.echo(f"in {name} it is not 0 up to lag {result.T}")
        else:
            click.echo(f"in {name} it is 0 from lag {one} on")
    if result.shapley is not None and result.shapley.families:
        click.echo(f"\nworth of each family at lag {result.T}, in nats (Shapley):")
        values = at(result.shapley.values)[-1]
        output.print_table(
            ["family", " nats"],
            [
                [name, _nats(float(value))]
                for name, value in zip(result.shapley.families, values, strict=True)
            ],
        )
    if result.certified is not None and not result.certified.reached:
        click.echo(f"not proved: {result.certified.reason}")


def _print_lyapunov(result: "Lyapunov") -> None:
    shown = list(zip(result.exponents, result.stderr, strict=True))
    rows = [[str(k + 1), _nats(float(e)), _nats(float(s))] for k, (e, s) in enumerate(shown)]
    if len(rows) > _LONGEST:
        half = _LONGEST // 2
        rows = [*rows[:half], ["…", "", ""], *rows[-half:]]
    output.print_table(["", " exponent", " standard error"], rows)
    click.echo(f"\nnats per step, over {result.steps} steps after {result.burn}")
    click.echo(f"sum {_nats(result.sum)}; entropy {_nats(result.entropy)}; ", nl=False)
    click.echo(f"Kaplan–Yorke dimension {result.dimension:.4g}")
    click.echo(f"largest by two close trajectories: {_nats(result.perturbation)}")
    lost = int((result.unresolved > 0).sum())
    if lost:
        click.echo(
            f"{lost} of them are not resolved at some steps: what the Jacobian leaves there is no "
            "more than the rounding of the others"
        )


def _chosen(T: int) -> list[int]:
    """Lags to print: 0, 1, 2, 5, 10, … T."""
    found = [k * 10**e for e in range(9) for k in (1, 2, 5) if k * 10**e < T]
    return [0, *found, T]


def _nats(value: float) -> str:
    return f"{value:.6g}".replace("nan", "–")


def _spread(mean: float, std: float) -> str:
    if mean != mean:  # nothing is left that could have come by any path
        return "–"
    return f"{mean:.4g}" if std != std else f"{mean:.4g} ± {std:.3g}"
