"""Whether a gradient that vanishes makes backprop slow: ``python tests/benchmarks/vanishing.py``.

Subnormal numbers take some processors a hundred times as long. The generated code turns them into 0
every 64 steps; what is printed is the time of a long backward pass whose cotangents vanish, as a
multiple of that of one whose do not. It should be 1.
"""

import statistics
import time
from collections.abc import Callable

import numpy as np

from gru_sym.cells import Cell, cell
from gru_sym.codegen import compile
from gru_sym.errors import MissingLibraryError

SIZES = {"I": 32, "H": 64}
T = 5000
KEEP = 2.0
"""The bias of the gate that keeps the state, so that gradients shrink by about 0.9 a step."""
CELLS = {"gru_reset_after": "b_z", "lstm": "b_f", "minlstm": "b_f"}
ROUNDS = 7


def backward(made: Cell, gate: str, backend: str, dtype: str) -> list[Callable[[], object]]:
    """Backprop of a loss that reads the last output, and of one that reads all."""
    rng = np.random.default_rng(0)
    size = SIZES["H"]

    def draw(*shape: int) -> np.ndarray:
        return rng.normal(scale=0.3 / size**0.5, size=shape).astype(dtype)

    params = {str(v.name): draw(*(SIZES[n] for (n,) in v.shape)) for v in made.params}
    params[gate] += KEEP
    run = compile(made, backend)
    states = {str(v.name): np.zeros((1, size), dtype) for v in made.states}
    trajectory = run.forward(params, draw(T, 1, SIZES["I"]), states)
    every = {name: np.ones((T, 1, size), dtype) for name in states}
    end = np.arange(T)[:, None, None] == T - 1
    last = {name: np.where(end, up, 0) for name, up in every.items()}
    return [lambda up=up: run.backward(trajectory, up) for up in (last, every)]


def main() -> None:
    """Print a row for each backend and type."""
    print(f"{'vanishing / not':20}" + "".join(f"{name:>17}" for name in CELLS))
    for backend in ("numpy", "numba"):
        for dtype in ("float32", "float64"):
            row = []
            for name, gate in CELLS.items():
                try:
                    calls = backward(cell(name), gate, backend, dtype)
                except MissingLibraryError as error:
                    print(f"{backend}: not measured, {error.message}")
                    return
                times: list[list[float]] = [[], []]
                for _ in range(ROUNDS):
                    for call, own in zip(calls, times, strict=True):
                        start = time.process_time()
                        call()
                        own.append(time.process_time() - start)
                last, every = (statistics.median(own[1:]) for own in times)  # not the first call
                row.append(last / every)
            print(f"{backend:10}{dtype:10}" + "".join(f"{ratio:17.2f}" for ratio in row))


if __name__ == "__main__":
    main()
