"""How long each derivation of each built-in cell takes: ``python tests/benchmarks/derive.py``.

The least of several runs, in milliseconds, SymPy's cache cleared before each. The aim for any cell
is well under 200 ms. No size occurs in a derivation, so that there is none to vary.
"""

import time
from collections.abc import Callable

from sympy.core.cache import clear_cache

from gru_sym.cells import Cell, cell, names
from gru_sym.derive.bptt import bptt
from gru_sym.derive.jacobian import jacobian
from gru_sym.derive.jvp import hvp, jvp
from gru_sym.derive.vjp import vjp

RUNS = 3
AIM_MS = 200.0
KINDS: dict[str, Callable[[Cell], object]] = {
    "vjp": vjp,
    "jvp": jvp,
    "jacobian": jacobian,
    "bptt": bptt,
    "hvp": hvp,
}


def milliseconds(derive: Callable[[Cell], object], made: Cell) -> float:
    """The least time of several runs."""
    times = []
    for _ in range(RUNS):
        clear_cache()
        start = time.perf_counter()
        derive(made)
        times.append(time.perf_counter() - start)
    return 1000 * min(times)


def main() -> None:
    """Print a table, one row for each cell."""
    print(f"{'ms':16}" + "".join(f"{kind:>10}" for kind in KINDS))
    slowest = 0.0
    for name in names():
        row = [milliseconds(derive, cell(name)) for derive in KINDS.values()]
        slowest = max(slowest, *row)
        print(f"{name:16}" + "".join(f"{ms:10.1f}" for ms in row))
    print(f"slowest: {slowest:.0f} ms; the aim is well under {AIM_MS:.0f} ms")


if __name__ == "__main__":
    main()
