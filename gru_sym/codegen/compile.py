"""compile: a cell becomes functions that run, forward, backward and to its Jacobians.

This is the only module that executes generated source. The source is ours from end to end: of a
cell's text only names go into it, which the grammar keeps to identifiers.
"""

import builtins
import hashlib
import linecache
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from gru_sym.algebra.program import Scan
from gru_sym.cells.equations import Cell
from gru_sym.cells.naming import did_you_mean
from gru_sym.codegen.arrays import Named, check_forward, check_upstream
from gru_sym.codegen.functions import Array
from gru_sym.codegen.printer import NumpyPrinter
from gru_sym.codegen.trajectory import Trajectory
from gru_sym.derive.bptt import bptt, unrolled
from gru_sym.derive.jacobian import jacobian
from gru_sym.derive.paths import Jacobian
from gru_sym.derive.vjp import cotangent_of
from gru_sym.errors import UnsupportedError

__all__ = ["BACKENDS", "Compiled", "PathKey", "compile"]

PathKey: TypeAlias = tuple[str, str, str]
"""Next state, state, the path's name: ``("h_next", "h", "update")``."""

BACKENDS: Mapping[str, Callable[[], NumpyPrinter]] = MappingProxyType({"numpy": NumpyPrinter})
"""Backend → what prints a module for it."""


@dataclass(frozen=True, eq=False, repr=False)
class Compiled:
    """A cell as running code; made by :func:`compile`.

    Arrays are time-first: ``xs`` (T, B, I), ``hs`` (T, B, H). Without a batch, ``xs`` (T, I), no
    result has the axis B. The arrays' common type is kept (float32, float64, complex); integers
    become float64.

    Attributes:
        cell: the cell.
        backend: the backend's name.
        source: the generated module, with the functions ``forward`` and ``backward``.
    """

    cell: Cell
    backend: str
    source: str
    _backward_scan: Scan
    _functions: Mapping[str, Any] = field(repr=False)

    def forward(
        self, params: Mapping[str, ArrayLike], xs: Named = None, h0: Named = None
    ) -> Trajectory:
        """Run the cell over a sequence, or a batch of them.

        Args:
            params: the array of each parameter.
            xs: the input (T, B, I) or (T, I); a mapping from names to arrays for a cell with
                several inputs; the number of steps for a cell without inputs.
            h0: the initial state (B, H), or (H,) for all sequences; a number for all entries; None
                for zeros; a mapping from names to these for a cell with several states.

        Raises:
            DataError: an array is missing, unknown, of a wrong shape or type, empty or not finite.
        """
        given = check_forward(self.cell, params, xs, h0)
        found, _ = self._functions["forward"](
            given.values, given.initial, given.T, given.B, given.sizes, given.dtype
        )
        stored = MappingProxyType(given.values | found)
        return Trajectory(self.cell, given.T, given.B, given.sizes, given.batched, stored)

    def backward(self, trajectory: Trajectory, hs_bar: Named = None) -> dict[str, Array]:
        """Backprop through time along a trajectory.

        Args:
            trajectory: what :meth:`forward` gave.
            hs_bar: the cotangent of the output state at every step (T, B, H); or a mapping from
                states (T, B, n) and further outputs, such as ``loss`` (T, B), to their cotangents,
                where a number stands for all steps and what is absent is zero. None: ones at the
                last step of the output state, zeros before.

        Returns:
            ``<name>_bar`` for each parameter (summed over steps and sequences), each input
            (T, B, I) and each initial state (B, H).

        Raises:
            DataError: a cotangent is unknown, of a wrong shape or type, or not finite.
        """
        scan, dtype = self._backward_scan, trajectory.dtype
        values = dict(trajectory.stored)
        for var, array in check_upstream(trajectory, hs_bar).items():
            if var in scan.sequences:
                values[var.name] = array
            else:  # of an output that is the same at each step: the cotangents add up
                total = array.sum(axis=(0, 1))
                values[var.name] = total if var.shape else total[0]
        initial = {
            later.name: np.zeros(trajectory.stored[state.name].shape[1:], dtype)
            for (later, _), state in zip(scan.carry, self.cell.states, strict=True)
        }
        found, last = self._functions["backward"](
            values, initial, trajectory.T, trajectory.B, trajectory.sizes, dtype
        )
        names = [cotangent_of(p).name for p in self.cell.params]
        grads = {name: np.asarray(found[name], dtype) for name in names}
        varying = {cotangent_of(v).name: found[cotangent_of(v).name] for v in self.cell.inputs}
        if trajectory.batched:
            return grads | varying | last
        varying = {name: array[:, 0] for name, array in varying.items()}
        return grads | varying | {name: array[0] for name, array in last.items()}

    def gradients(
        self,
        params: Mapping[str, ArrayLike],
        xs: Named = None,
        h0: Named = None,
        hs_bar: Named = None,
    ) -> tuple[Trajectory, dict[str, Array]]:
        """:meth:`forward`, then :meth:`backward`."""
        trajectory = self.forward(params, xs, h0)
        return trajectory, self.backward(trajectory, hs_bar)

    def jacobians(self, trajectory: Trajectory) -> Array:
        """∂next/∂state at each step, (T, B, S, S), with the states in the cell's order.

        Raises:
            UnsupportedError: the cell has too many paths.
        """
        sizes = [trajectory.stored[s.name].shape[-1] for s in self.cell.states]
        ends = np.cumsum(sizes)
        whole = np.zeros((trajectory.T, trajectory.B, ends[-1], ends[-1]), trajectory.dtype)
        starts = dict(zip((s.name for s in self.cell.states), ends - sizes, strict=True))
        rows = dict(zip((v.name for v in self.cell.nexts), starts.values(), strict=True))
        for (after, state, _), path in self._paths(trajectory).items():
            n, m = path.shape[-2:]
            i, j = rows[after], starts[state]
            whole[..., i : i + n, j : j + m] += path
        return whole if trajectory.batched else whole[:, 0]

    def jacobian_paths(self, trajectory: Trajectory) -> dict[PathKey, Array]:
        """The Jacobian at each step, by path: (next state, state, path) → (T, B, n, m).

        Raises:
            UnsupportedError: the cell has too many paths.
        """
        paths = self._paths(trajectory)
        return {key: path if trajectory.batched else path[:, 0] for key, path in paths.items()}

    @cached_property
    def jacobian_source(self) -> str:
        """The generated module with the function ``jacobian_paths``."""
        return self._jacobian_code[0]

    @cached_property
    def _jacobian_code(self) -> tuple[str, Mapping[str, Any]]:
        cell = self.cell
        printer = BACKENDS[self.backend]()
        blocks: Jacobian = jacobian(cell)
        printer.jacobian(blocks, cell.program, cell.varying)
        source = printer.module(f"{_title(cell)}: the Jacobian, by path", cell.equations)
        return source, _run(source, f"{cell.name} jacobian {self.backend}")

    def _paths(self, trajectory: Trajectory) -> dict[PathKey, Array]:
        function = self._jacobian_code[1]["jacobian_paths"]
        return function(
            trajectory.stored, trajectory.T, trajectory.B, trajectory.sizes, trajectory.dtype
        )

    def __repr__(self) -> str:
        return f"Compiled({self.cell.name}, backend={self.backend!r})"


def compile(cell: Cell, backend: str = "numpy") -> Compiled:
    """Generate the code of a cell and its gradients, and make it run.

    Args:
        cell: any cell.
        backend: one of :data:`BACKENDS`.

    Raises:
        UnsupportedError: there is no such backend.
    """
    if backend not in BACKENDS:
        hint = did_you_mean(backend, BACKENDS)
        raise UnsupportedError(
            f"there is no backend {backend}",
            mend=f"{hint} The backends are {', '.join(BACKENDS)}".strip(),
        )
    forward, backward = unrolled(cell), bptt(cell)
    printer = BACKENDS[backend]()
    printer.scan("forward", forward, (*cell.states, *(d.var for d in cell.program)))
    printer.scan("backward", backward, ())
    source = printer.module(f"{_title(cell)}: forward, and backward through time", cell.equations)
    functions = _run(source, f"{cell.name} {backend}")
    return Compiled(cell, backend, source, backward, functions)


def _title(cell: Cell) -> str:
    return f"{cell.title} ({cell.name})" if cell.title else f"The cell {cell.name}"


def _run(source: str, title: str) -> Mapping[str, Any]:
    """Execute a generated module; tracebacks and ``inspect.getsource`` find its text."""
    digest = hashlib.sha256(source.encode()).hexdigest()[:12]
    filename = f"<gru_sym {title} {digest}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    namespace: dict[str, Any] = {"__name__": f"gru_sym.generated.{digest}"}
    exec(builtins.compile(source, filename, "exec"), namespace)
    return MappingProxyType(namespace)
