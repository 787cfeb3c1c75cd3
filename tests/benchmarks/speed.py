"""The GRU's gradients by PyTorch, JAX, NumPy by hand and generated code, side by side.

    python tests/benchmarks/speed.py

What is timed is a forward pass and full backprop through time, float64, one thread: gradients of
all parameters, of the inputs at each step and of the initial state, for a cotangent of the output
at every step. Before that, all competitors have to give the same gradients. Two tables in
Markdown are printed, times and ratios to torch.nn.GRU; the exit status is 1 where a ratio misses
its target, which --no-targets leaves out.

The times are medians of processor time. With one thread that is the time by the clock where nothing
else runs, and it hardly changes where something does.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import numpy as np

from gru_sym import cells
from gru_sym.bench.competitor import Competitor, one_thread_xla, ours
from gru_sym.bench.machine import this_machine
from gru_sym.bench.measure import Measurement, limited, measure
from gru_sym.bench.peers import peer
from gru_sym.bench.problem import Array, Problem, Size, problem
from gru_sym.bench.run import disagreement
from gru_sym.errors import GruSymError

CELL = cells.gru_reset_after
SIZES = (
    Size(8, 8, 1, 100),
    Size(32, 32, 16, 100),
    Size(64, 128, 32, 100),
    Size(128, 256, 32, 100),
    Size(256, 512, 64, 50),
    Size(32, 64, 1, 5000),
)
TORCH = "torch.nn.GRU"
TARGETS: Mapping[str, tuple[float, ...]] = {
    "generated, NumPy": (5, 2.5, 1.2, 1.0, 1.1, 6),
    "generated, numba": (100, 5, 1.5, 1.2, 1.2, 20),
}
"""By size, how many times as fast as torch.nn.GRU."""

SECONDS = 25.0
"""About how long the rounds of each size may take."""

AGREED = 1e-10


# -- an optimised GRU, by hand ---------------------------------------------------------------------


def optimised(params: Mapping[str, Array], xs: Array, h0: Array, hs_bar: Array) -> dict[str, Array]:
    """All gradients, as fast as plain NumPy was made to go by hand.

    One product for all gates; those of the inputs ahead of the loop, for all steps at once; every
    array is made once; sigmoid is 1 / (1 + exp(-a)), the minus in the weights; backward, all slopes
    are computed ahead of the loop, and the parameters' gradients after it.
    """
    T, B, _ = xs.shape
    H = h0.shape[1]
    W, U, b = (np.concatenate([params[f"{name}_{gate}"] for gate in "zrh"]) for name in "WUb")
    b_hn = params["b_hn"]
    turned = np.repeat((-1.0, 1.0), (2 * H, H))  # the gates by their negative arguments

    x = xs.reshape(T * B, -1)
    a = (x @ (W * turned[:, None]).T).reshape(T, B, 3 * H)
    a += b * turned
    by_U = np.ascontiguousarray((U * turned[:, None]).T)
    hs, gates = np.empty((T + 1, B, H)), np.empty((T, B, 2 * H))
    candidates, ns = np.empty((2, T, B, H))
    z, r = gates[:, :, :H], gates[:, :, H:]
    product, scratch = np.empty((B, 3 * H)), np.empty((B, H))
    product_gates, product_n = product[:, : 2 * H], product[:, 2 * H :]
    hs[0] = h = h0
    a_gates, a_h = a[:, :, : 2 * H], a[:, :, 2 * H :]
    turns = zip(a_gates, a_h, gates, z, r, ns, candidates, hs[1:], strict=True)
    for a_t, a_h_t, gates_t, z_t, r_t, n_t, candidate_t, next_t in turns:
        np.dot(h, by_U, product)
        np.add(product_n, b_hn, n_t)
        np.add(a_t, product_gates, a_t)
        np.exp(a_t, gates_t)
        np.add(gates_t, 1.0, gates_t)
        np.reciprocal(gates_t, gates_t)
        np.multiply(r_t, n_t, scratch)
        np.add(a_h_t, scratch, a_h_t)
        np.tanh(a_h_t, candidate_t)
        np.subtract(h, candidate_t, next_t)  # h_next = h_tilde + z (h - h_tilde)
        np.multiply(next_t, z_t, next_t)
        np.add(next_t, candidate_t, next_t)
        h = next_t

    before = hs[:-1]
    keep = 1 - z
    slope = candidates * candidates  # of a_h by h_next_bar: (1 - z) (1 - h_tilde²)
    np.subtract(1, slope, slope)
    slope *= keep
    deltas = np.empty((T, B, 3, H))  # of a_z, a_r and n: first their slopes by h_next_bar
    of_z, of_r, of_n = (deltas[:, :, k] for k in range(3))
    np.subtract(before, candidates, of_z)
    of_z *= z
    of_z *= keep
    np.subtract(1, r, of_r)
    of_r *= r
    of_r *= ns
    of_r *= slope
    np.multiply(slope, r, of_n)
    rows, next_bars, later = deltas.reshape(T, B, 3 * H), np.empty((T, B, H)), np.zeros((B, H))
    arrays = (hs_bar, next_bars, next_bars[:, :, None], deltas, rows, z)
    for up_t, bar_t, by_three_t, deltas_t, rows_t, z_t in zip(
        *(array[::-1] for array in arrays), strict=True
    ):
        np.add(up_t, later, bar_t)
        np.multiply(deltas_t, by_three_t, deltas_t)
        np.dot(rows_t, U, later)
        np.multiply(bar_t, z_t, scratch)
        np.add(later, scratch, later)

    rows = rows.reshape(T * B, 3 * H)
    a_h_bar = (next_bars * slope).reshape(T * B, H)
    on_x = np.concatenate((rows[:, : 2 * H], a_h_bar), axis=1)
    W_bar, U_bar = on_x.T @ x, rows.T @ before.reshape(T * B, H)
    b_bar, b_hn_bar = on_x.sum(axis=0), rows[:, 2 * H :].sum(axis=0)
    found = {"b_hn_bar": b_hn_bar, "x_bar": (on_x @ W).reshape(xs.shape), "h_bar": later}
    for name, bar in (("W", W_bar), ("U", U_bar), ("b", b_bar)):
        found |= {f"{name}_{g}_bar": part for g, part in zip("zrh", np.split(bar, 3), strict=True)}
    return found


def _optimised(task: Problem, _folder: Path) -> Competitor:
    (xs,), (h0,) = task.inputs.values(), task.states.values()
    (hs_bar,) = task.cotangents.values()
    params = task.params
    return Competitor(
        "optimised", "by hand", lambda: optimised(params, xs, h0, hs_bar), lambda found: found
    )


# -- side by side ----------------------------------------------------------------------------------

COMPETITORS: Mapping[str, Callable[[Problem, Path], Competitor]] = {
    TORCH: lambda task, folder: peer(task, "torch", folder),
    "JAX, jitted scan": lambda task, folder: peer(task, "jax", folder),
    "NumPy by hand, clear": lambda task, folder: peer(task, "hand", folder),
    "NumPy by hand, optimised": _optimised,
    "generated, NumPy": lambda task, folder: ours(task, "numpy", folder),
    "generated, numba": lambda task, folder: ours(task, "numba", folder),
}


def competitors(task: Problem, folder: Path) -> tuple[dict[str, Competitor], list[str]]:
    """Those that can run here, and why the others cannot."""
    found, absent = {}, []
    for name, make in COMPETITORS.items():
        try:
            found[name] = make(task, folder)
        except GruSymError as error:
            absent.append(f"{name}: {error.message}")
    return found, absent


def check(found: Mapping[str, Competitor], size: Size) -> None:
    """Stop where two competitors give different gradients."""
    gradients = {name: each.gradients(each.call()) for name, each in found.items()}
    reference = gradients["NumPy by hand, clear"]
    for name, value in gradients.items():
        error = disagreement(value, reference)
        if not error <= AGREED:
            sys.exit(f"{name} gives other gradients at {size}: relative error {error:.1e}")


def measured(size: Size, seconds: float, folder: Path) -> tuple[Measurement, list[str]]:
    """All competitors at one size, and why some are not among them."""
    found, absent = competitors(problem(CELL, size), folder)
    with ExitStack() as stack:
        for each in found.values():
            stack.enter_context(each.within())
        with limited(1), np.errstate(all="ignore"):
            check(found, size)
        return measure({name: e.call for name, e in found.items()}, seconds=seconds), absent


def table(head: list[str], rows: list[list[str]]) -> str:
    """In Markdown, the columns aligned for whoever reads its source."""
    lines = [head, ["---", *["---:"] * (len(head) - 1)], *rows]
    widths = [max(len(line[k]) for line in lines) for k in range(len(head))]
    padded = [[text.ljust(n) for text, n in zip(line, widths, strict=True)] for line in lines]
    return "\n".join(f"| {' | '.join(line)} |" for line in padded)


def median(m: Measurement, name: str) -> float | None:
    """Seconds; None where the competitor could not run."""
    return m.timings[name].cpu_seconds.median if name in m.timings else None


def times(found: Mapping[Size, Measurement]) -> str:
    """Median times in milliseconds."""
    rows = []
    for name in COMPETITORS:
        medians = [median(m, name) for m in found.values()]
        rows.append([name, *("–" if s is None else f"{1000 * s:.3g}" for s in medians)])
    return table(["ms", *headings(found)], rows)


def ratios(found: Mapping[Size, Measurement]) -> tuple[str, list[str]]:
    """How many times as fast as torch.nn.GRU, targets in brackets; and what was missed."""
    rows, missed = [], []
    for name in COMPETITORS:
        row = [name]
        for size, m in found.items():
            torch, own = median(m, TORCH), median(m, name)
            ratio = torch / own if torch and own else None
            shown = "–" if ratio is None else f"{ratio:.3g}"
            if name in TARGETS:
                target = TARGETS[name][SIZES.index(size)]
                shown = f"{shown} ({target:g})"
                if ratio is None or ratio < target:
                    missed.append(f"{name} at {size}: {shown}")
            row.append(shown)
        rows.append(row)
    return table([f"times as fast as {TORCH} (target)", *headings(found)], rows), missed


def headings(found: Mapping[Size, Measurement]) -> list[str]:
    return [", ".join(map(str, size)) for size in found]


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--no-targets", action="store_true", help="exit with 0 whatever was missed")
    parser.add_argument(
        "--seconds", type=float, default=SECONDS, help="about how long each size may take"
    )
    options = parser.parse_args()
    one_thread_xla()
    found, absent = {}, list[str]()
    # One folder for all sizes: what is compiled for one of them is there for the next.
    with tempfile.TemporaryDirectory() as folder:
        for size in SIZES:
            found[size], absent = measured(size, options.seconds, Path(folder))
            print(f"{size}: {found[size].rounds} rounds", file=sys.stderr)
    machine = this_machine()
    compared, missed = ratios(found)
    print(*(f"{line}  " for line in machine.lines), sep="\n")
    print("float64, one thread, medians of processor time; sizes are I, H, B, T")
    print("", times(found), "", compared, sep="\n")
    if machine.hint:
        print(f"hint: {machine.hint}", file=sys.stderr)
    for line in absent:
        print(f"not measured: {line}", file=sys.stderr)
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if missed and not options.no_targets else 0


if __name__ == "__main__":
    sys.exit(main())
