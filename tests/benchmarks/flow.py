"""What gradient flow costs, beside backprop: ``python tests/benchmarks/flow.py``.

Each row is the processor time of one analysis as a multiple of that of forward and backward, in one
run, float64, one thread, H = 128, T = 1000, B = 1. Memory is the peak of what NumPy allocates, as a
multiple of the trajectory's own; where vectors alone are asked for, nothing of size T·H² may be
made. The exit status is 1 where a lag curve takes a second or more.
"""

import os

os.environ.update(OMP_NUM_THREADS="1", OPENBLAS_NUM_THREADS="1")

import statistics
import sys
import time
import tracemalloc
from collections.abc import Callable

import numpy as np

from gru_sym.cells import Cell, cell
from gru_sym.codegen import compile
from gru_sym.flow import (
    adjoint,
    departures,
    lag_curve,
    linearised,
    lyapunov,
    matrix_norms,
    orders,
    path_length,
    shapley,
    singular_values,
    step_shares,
)

H, T, ROUNDS = 128, 1000, 3
CELLS = ("gru", "gru_reset_after", "lstm")
SECONDS = 1.0


def drawn(made: Cell) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """Parameters as PyTorch draws them, and white inputs."""
    rng = np.random.default_rng(0)
    bound = H**-0.5
    params = {
        str(v.name): rng.uniform(-bound, bound, tuple(H * len(dim) for dim in v.shape))
        for v in made.params
    }
    return params, rng.normal(size=(T, H))


def timed(call: Callable[[], object]) -> float:
    """The median of processor times."""
    times = []
    for _ in range(ROUNDS):
        start = time.process_time()
        call()
        times.append(time.process_time() - start)
    return statistics.median(times)


def peak(call: Callable[[], object]) -> int:
    """The most that was allocated at a time, in bytes."""
    tracemalloc.start()
    call()
    found = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return found


def main() -> int:
    """Print the table."""
    status = 0
    for name in CELLS:
        made = cell(name)
        params, xs = drawn(made)
        run = compile(made)
        run.gradients(params, xs)
        steps = linearised(made, params, xs)
        base = timed(lambda run=run, params=params, xs=xs: run.gradients(params, xs))
        own = sum(a.nbytes for a in steps.trajectory.stored.values() if a.ndim == 3)
        calls: dict[str, Callable[[], object]] = {
            "linearise": lambda made=made, params=params, xs=xs: linearised(made, params, xs),
            "adjoint": lambda steps=steps: adjoint(steps),
            "lag curve": lambda steps=steps: lag_curve(steps),
            "path length": lambda steps=steps: path_length(steps),
            "departures": lambda steps=steps: departures(steps),
            "shares of steps": lambda steps=steps: step_shares(steps),
            "Shapley values": lambda steps=steps: shapley(steps),
            "orders to 50": lambda steps=steps: orders(steps, most=50),
            "matrix norms at 6 lags": lambda steps=steps: matrix_norms(steps, range(0, T + 1, 200)),
            "singular values": lambda steps=steps: singular_values(steps),
            "Lyapunov, all": lambda made=made, params=params, xs=xs: lyapunov(
                made, params, xs, perturb=False
            ),
            "Lyapunov, 8": lambda made=made, params=params, xs=xs: lyapunov(
                made, params, xs, count=8, perturb=False
            ),
        }
        print(f"{name}, H = {H}, T = {T}: forward and backward {1000 * base:.0f} ms")
        for title, call in calls.items():
            seconds = timed(call)
            memory = peak(call) / own
            print(f"  {title:26}{seconds / base:8.1f} x{1000 * seconds:9.0f} ms{memory:8.1f} x")
            if title == "lag curve" and seconds >= SECONDS:
                status = 1
    return status


if __name__ == "__main__":
    sys.exit(main())
