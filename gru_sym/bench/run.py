"""bench: one cell, the code generated for it, and its peers, on the same arrays."""

import importlib.util
import tempfile
from collections.abc import Iterable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Any

import numpy as np

from gru_sym.bench.competitor import Competitor, one_thread_xla, ours
from gru_sym.bench.machine import Machine, this_machine
from gru_sym.bench.measure import Timing, library, limited, measure
from gru_sym.bench.peers import PEERS, available, check_known, peer
from gru_sym.bench.problem import SMALL, USUAL, Array, Size, input_dimensions, problem
from gru_sym.cells.equations import Cell
from gru_sym.codegen.backends.table import backend_of

__all__ = ["Benchmark", "Opponent", "bench", "disagreement"]

OURS = "gru_sym"
"""What the generated code is called among competitors; a peer may have its backend's name."""

AGREED = {"float32": 1e-3, "float64": 1e-8}
"""A relative error beyond which a peer computes something else, or the cell is ill-conditioned."""


@dataclass(frozen=True)
class Opponent:
    """A peer, measured.

    Attributes:
        what: which computation it is, in words.
        timing: its times.
        ratio: its median time in medians of ours: 2 where ours is twice as fast.
        error: the largest relative difference of a gradient from ours; not a number where numbers
            are not finite.
    """

    what: str
    timing: Timing
    ratio: float
    error: float

    def to_json(self) -> dict[str, Any]:
        """In plain types."""
        error = self.error if isfinite(self.error) else None
        return {**self.timing.to_json(), "ratio": self.ratio, "what": self.what, "error": error}


@dataclass(frozen=True)
class Benchmark:
    """What :func:`bench` measured: forward and backprop through time, all gradients.

    Attributes:
        cell: the cell's name.
        backend: of the generated code.
        size: I, H, B and T.
        dims: the size of each of the cell's own dimensions.
        dtype: the type of all arrays.
        threads: how many the libraries were allowed.
        rounds: how often each was called.
        timing: of the generated code.
        against: peer → what it did.
        machine: where.
        notes: what a reader of the times should know.
    """

    cell: str
    backend: str
    size: Size
    dims: Mapping[str, int]
    dtype: str
    threads: int
    rounds: int
    timing: Timing
    against: Mapping[str, Opponent]
    machine: Machine
    notes: tuple[str, ...]

    def to_json(self) -> dict[str, Any]:
        """In plain types."""
        return {
            "cell": self.cell,
            "backend": self.backend,
            "size": list(self.size),
            "dims": dict(self.dims),
            "dtype": self.dtype,
            "threads": self.threads,
            "rounds": self.rounds,
            **self.timing.to_json(),
            "against": {name: each.to_json() for name, each in self.against.items()},
            "machine": self.machine.to_json(),
            "notes": list(self.notes),
        }


def bench(
    cell: Cell,
    size: Size | None = None,
    *,
    backend: str = "numpy",
    dtype: str = "float64",
    threads: int = 1,
    against: Iterable[str] | None = None,
    seconds: float = 3.0,
) -> Benchmark:
    """Measure a forward pass and full backprop through time, with all gradients.

    Args:
        cell: any cell.
        size: I, H, B and T; None for 32, 32, 16, 100, or 4, 4, 2, 10 of a backend that computes
            number by number.
        backend: of the generated code.
        dtype: ``float32`` or ``float64``.
        threads: how many threads the libraries may use.
        against: names of peers; None for all that are installed and can run the cell.
        seconds: about how long all rounds together may take.

    Raises:
        DataError: the size asks for more than half of the memory, the type is none, or there is
            less than one thread.
        UnsupportedError: there is no such backend or peer, or it cannot run the cell.
        MissingLibraryError: threadpoolctl, or the library of the backend or of a peer that was
            asked for, is not installed.
    """
    wanted = None if against is None else list(dict.fromkeys(against))
    check_known(wanted or ())
    library("threadpoolctl", "measuring")
    if size is None:
        size = SMALL if backend_of(backend).any_precision else USUAL
    task = problem(cell, size, dtype)
    notes = _about_sizes(cell, task.dims, size)
    with tempfile.TemporaryDirectory(prefix="gru_sym_") as place, ExitStack() as stack:
        folder = Path(place)
        stack.enter_context(limited(threads))
        asked = (backend, *(PEERS if wanted is None else wanted))
        if threads == 1 and "jax" in asked and importlib.util.find_spec("jax") is not None:
            notes += one_thread_xla()
        competitors = {OURS: ours(task, backend, folder)}
        if wanted is None:
            peers, absent = available(task, folder)
            notes += absent
        else:
            peers = [peer(task, name, folder) for name in wanted]
        competitors |= {each.name: each for each in peers}
        for each in competitors.values():
            stack.enter_context(each.within())
        calls = {name: each.call for name, each in competitors.items()}
        found = measure(calls, threads=threads, seconds=seconds)
        gradients = {name: _gradients(each) for name, each in competitors.items()}
        machine = this_machine()
    opponents = {}
    for each in peers:
        error = disagreement(gradients[each.name], gradients[OURS])
        ratio = found.ratio(each.name, OURS)
        opponents[each.name] = Opponent(each.what, found.timings[each.name], ratio, error)
        if not error <= AGREED[dtype]:
            notes.append(f"the gradients of {each.name} differ from ours by {error:.1e}")
    if not all(np.isfinite(value).all() for value in gradients[OURS].values()):
        notes.append("not all gradients are finite: the times may be unusual")
    return Benchmark(
        cell.name,
        backend,
        size,
        task.dims,
        dtype,
        threads,
        found.rounds,
        found.timings[OURS],
        opponents,
        machine,
        tuple(notes),
    )


def disagreement(found: Mapping[str, Array], reference: Mapping[str, Array]) -> float:
    """The largest relative difference ‖a − b‖ / ‖b‖ of a gradient; not a number is the largest.

    Raises:
        ValueError: the two have other gradients, or gradients of other shapes.
    """
    if found.keys() != reference.keys():
        raise ValueError(f"gradients {sorted(found)} against {sorted(reference)}")
    errors = [0.0]
    with np.errstate(all="ignore"):
        for name, value in reference.items():
            if found[name].shape != value.shape:
                raise ValueError(f"{name}: shape {found[name].shape} against {value.shape}")
            size = np.linalg.norm(np.ravel(value))
            apart = np.linalg.norm(np.ravel(found[name] - value))
            errors.append(float(apart / size) if size else float(apart))
    return float(np.max(errors))


def _gradients(competitor: Competitor) -> dict[str, Array]:
    with np.errstate(all="ignore"):
        return competitor.gradients(competitor.call())


def _about_sizes(cell: Cell, dims: Mapping[str, int], size: Size) -> list[str]:
    """Which of a cell's dimensions I and H stand for, where its own names leave a doubt."""
    if dims == {"I": size.entries, "H": size.state}:
        return []
    shown = ", ".join(f"{name} = {n}" for name, n in dims.items()) or "none"
    unused = "" if input_dimensions(cell) else f"; I = {size.entries} is not used"
    return [f"the dimensions of {cell.name}: {shown}{unused}"]
