"""All per-step Jacobians of a sequence, beside PyTorch's and JAX's, side by side in one run.

    python tests/benchmarks/jacobians.py [CELL ...]

What is timed is ∂next/∂state at each of T = 1000 steps, (T, S, S), float64, B = 1, one thread, from
the states that a forward pass has left. PyTorch and JAX differentiate the cell's equations as they
stand. Before that, all have to give the same matrices. The exit status is 1 where a ratio misses
its target, which --no-targets leaves out.

The times are medians of processor time, in rounds in which each has a turn. A turn begins with a
call that is not timed: the results are large, and the first to touch memory that was not in use for
a while waits for the system, for seconds in a virtual machine, whoever it is.
"""

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import numpy as np

from gru_sym import cells
from gru_sym.bench.competitor import held, load, one_thread_xla
from gru_sym.bench.machine import this_machine
from gru_sym.bench.measure import limited
from gru_sym.bench.problem import Array, Problem, Size, memory, problem
from gru_sym.cells import Cell
from gru_sym.codegen import compile, module_source

CELLS = ("gru", "gru_reset_after", "lstm")
SIZES = (128, 256)
T = 1000
OURS = "generated, NumPy"
TORCH, TORCH_CHUNKS = "torch.func.vmap(jacrev)", "the same, 20 steps at a time"
JAX, JAX_REVERSE = "jitted jax.vmap(jacfwd)", "jitted jax.vmap(jacrev)"
TARGETS: Mapping[str, float] = {TORCH: 10, JAX: 1.2}
"""How many times as fast as these ours is to be."""

CHUNK = 20
"""Steps that vmap takes at a time where it is told to: about the fastest of 10, 20, 50, 100."""

COPIES = 7
"""How many arrays of the result's size vmap(jacrev) holds at once, as measured."""

ROUNDS = 3
TURN = 0.3
"""Seconds of calls in one turn, at least; a call that takes longer is a turn."""

AGREED = 1e-10

Call = Callable[[], Any]


def ours(task: Problem, _folder: Path) -> dict[str, Call]:
    """The generated module, from what a forward pass computed."""
    run = compile(task.cell)
    trajectory = run.forward(task.params, task.inputs or T, task.states)
    return {OURS: lambda: run.jacobians(trajectory)}


def given(task: Problem) -> tuple[Array, list[Array]]:
    """The states as they enter each step, joined (T, S), and the inputs (T, n)."""
    trajectory = compile(task.cell).forward(task.params, task.inputs or T, task.states)
    before = [trajectory.stored[v.name][:, 0] for v in task.cell.states]
    return np.concatenate(before, axis=-1), [xs[:, 0] for xs in task.inputs.values()]


def widths(task: Problem) -> list[int]:
    return [state.shape[-1] for state in task.states.values()]


def by_torch(task: Problem, folder: Path) -> dict[str, Call]:
    """PyTorch: the equations for one step, under torch.func."""
    import torch

    form = held("torch", task.dtype)
    plain = load(module_source(task.cell, "torch"), folder).plain
    params = {name: form.array(value) for name, value in task.params.items()}
    states, inputs = given(task)
    arrays = [form.array(a) for a in (states, *inputs)]
    parts = widths(task)

    def step(state: Any, *inputs: Any) -> Any:
        # One step of one sequence, (1, 1, n).
        steps = [x[None, None] for x in inputs] or [1]
        found = plain(params, *steps, *(part[None] for part in state.split(parts)))
        nexts = found[: len(parts)] if isinstance(found, tuple) else (found,)
        return torch.cat([value[0, 0] for value in nexts]) if len(parts) > 1 else nexts[0][0, 0]

    whole, chunks = (
        torch.func.vmap(torch.func.jacrev(step), chunk_size=size) for size in (None, CHUNK)
    )
    return {TORCH: lambda: whole(*arrays), TORCH_CHUNKS: lambda: chunks(*arrays)}


def by_jax(task: Problem, folder: Path) -> dict[str, Call]:
    """JAX: the equations for one step, without a loop around it."""
    import jax
    import jax.numpy as jnp

    form = held("jax", task.dtype)
    module = load(module_source(task.cell, "jax"), folder)

    def once(turn: Callable[..., Any], first: Any, steps: Any, length: int = 1) -> Any:
        return turn(first, steps)

    lax = SimpleNamespace(**{**vars(jax.lax), "scan": once})
    module.jax = SimpleNamespace(**{**vars(jax), "lax": lax})
    states, inputs = given(task)
    params = {name: form.array(value) for name, value in task.params.items()}
    arrays = [form.array(a) for a in (states, *inputs)]
    cuts = np.cumsum(widths(task))[:-1]

    def step(params: Any, state: Any, *inputs: Any) -> Any:
        found = module.plain(params, *(inputs or [1]), *jnp.split(state, cuts))
        nexts = found[: len(cuts) + 1] if isinstance(found, tuple) else (found,)
        return jnp.concatenate(nexts) if len(nexts) > 1 else nexts[0]

    axes = (None, *(0 for _ in arrays))
    forward, reverse = (
        jax.jit(jax.vmap(derive(step, argnums=1), in_axes=axes))
        for derive in (jax.jacfwd, jax.jacrev)
    )
    return {
        JAX: lambda: form.wait(forward(params, *arrays)),
        JAX_REVERSE: lambda: form.wait(reverse(params, *arrays)),
    }


def check(calls: Mapping[str, Call]) -> None:
    """Stop where two give different Jacobians."""
    reference = calls[OURS]()
    size = np.linalg.norm(reference)
    for name, call in calls.items():
        error = np.linalg.norm(np.asarray(call()).reshape(reference.shape) - reference) / size
        if not error <= AGREED:
            sys.exit(f"{name} gives other Jacobians: relative error {error:.1e}")


def timed(call: Call) -> float:
    """Seconds of the processor for a call, on the mean of a turn; the first is left out."""
    call()
    spent, times = 0.0, 0
    while spent < TURN:
        start = time.process_time()
        found = call()
        spent += time.process_time() - start
        del found  # before the next is made
        times += 1
    return spent / times


def measured(
    cell: Cell, size: int, rounds: int, folder: Path
) -> tuple[dict[str, float], list[str]]:
    """The median times of all for one cell at one size; and what was left out."""
    task = problem(cell, Size(size, size, 1, T))
    calls, notes = {}, list[str]()
    for make in (ours, by_torch, by_jax):
        calls |= make(task, folder)
    needed = COPIES * T * sum(widths(task)) ** 2 * np.dtype(task.dtype).itemsize
    if (there := memory()) is not None and needed > there:
        del calls[TORCH]
        notes.append(f"{cell.name}, {size}: {TORCH} needs about {needed / 2**30:.0f} GiB")
    with held("jax", task.dtype).within(), limited(1), np.errstate(all="ignore"):
        check(calls)
        found: dict[str, list[float]] = {name: [] for name in calls}
        for _ in range(rounds):
            for name, call in calls.items():
                found[name].append(timed(call))
    return {name: median(each) for name, each in found.items()}, notes


def row(name: str, times: Mapping[str, float]) -> tuple[list[str], bool]:
    """A line of the table, and whether a target is missed."""
    own = times[OURS]
    shown, missed = [name, f"{own:.3g} s"], False
    for other in (TORCH, TORCH_CHUNKS, JAX, JAX_REVERSE):
        # Where vmap has not the memory for all steps at once, it is measured in chunks.
        ratio = times.get(other, times[TORCH_CHUNKS]) / own
        target = TARGETS.get(other)
        missed |= target is not None and ratio < target
        shown.append(f"{ratio:.3g}" + (f" ({target:g})" if target else ""))
    return shown, missed


def main() -> int:
    """Measure, print, and judge."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("cells", nargs="*", default=CELLS, help="built-in cells")
    parser.add_argument("--no-targets", action="store_true", help="exit with 0 whatever was missed")
    parser.add_argument("--sizes", type=int, nargs="+", default=SIZES, help="H")
    parser.add_argument("--rounds", type=int, default=ROUNDS, help="turns of each")
    options = parser.parse_args()
    one_thread_xla()
    rows, missed, notes = [], [], list[str]()
    with tempfile.TemporaryDirectory() as folder:
        for name in options.cells:
            for size in options.sizes:
                found, absent = measured(cells.cell(name), size, options.rounds, Path(folder))
                line, misses = row(f"{name}, H = {size}", found)
                rows.append(line)
                notes += absent
                missed += [line[0]] if misses else []
                print(*line, sep="  ", file=sys.stderr)
    print(*(f"{line}  " for line in this_machine().lines), sep="\n")
    print(f"float64, one thread, T = {T}, medians of processor time; of the others, how many times")
    print("as long as ours they take (target)\n")
    heads = ["cell", OURS, TORCH, TORCH_CHUNKS, JAX, JAX_REVERSE]
    for line in (heads, ["---", *["---:"] * (len(heads) - 1)], *rows):
        print(f"| {' | '.join(line)} |")
    for line in notes:
        print(f"measured in chunks: {line}", file=sys.stderr)
    for line in missed:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if missed and not options.no_targets else 0


if __name__ == "__main__":
    sys.exit(main())
