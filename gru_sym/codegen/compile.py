"""compile: a cell becomes functions that run, forward, backward and to its Jacobians.

This is the only module that executes generated source. The source is ours from end to end: of a
cell's text only names go into it, which the grammar keeps to identifiers.
"""

import builtins
import linecache
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from types import MappingProxyType, ModuleType
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from gru_sym.cells.equations import Cell
from gru_sym.codegen.arrays import Named, check_forward, check_upstream
from gru_sym.codegen.backends.cached import imported, shown
from gru_sym.codegen.backends.table import Backend, backend_of, module_source, require
from gru_sym.codegen.functions import Array
from gru_sym.codegen.jacobian import jacobian_source
from gru_sym.codegen.jacobian_dense import dense_jacobian_source
from gru_sym.codegen.trajectory import Trajectory
from gru_sym.derive.bptt import up_of
from gru_sym.derive.vjp import cotangent_of
from gru_sym.errors import DataError, UnsupportedError

__all__ = ["Compiled", "PathKey", "compile", "loaded"]

PathKey: TypeAlias = tuple[str, str, str]
"""Next state, state, the path's name: ``("h_next", "h", "update")``."""


@dataclass(frozen=True, eq=False, repr=False)
class Compiled:
    """A cell as running code; made by :func:`compile`.

    Arrays are time-first: ``xs`` (T, B, I), ``hs`` (T, B, H). Without a batch, ``xs`` (T, I), no
    result has the axis B. The arrays' common type is kept (float32, float64; with NumPy complex
    too); integers become float64.

    Attributes:
        cell: the cell.
        backend: the backend's name.
        source: the generated module, with the functions ``forward`` and ``backward``: the text that
            ``gru-sym codegen`` writes.
        functions: its functions by name, which check nothing; ``inspect.getsource`` shows them.
    """

    cell: Cell
    backend: str
    source: str
    functions: Mapping[str, Any] = field(repr=False)

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
        row = self._row
        if given.dtype.char not in row.types:
            raise DataError(
                f"the backend {row.name} takes float32 and float64, the arrays are {given.dtype}",
                mend="give such arrays, or use the backend numpy",
            )
        with row.precision(given.dtype):
            inputs = [row.native(given.values[str(v.name)]) for v in self.cell.inputs] or [given.T]
            states = [row.native(given.initial[str(v.name)]) for v in self.cell.states]
            params = {str(v.name): row.native(given.values[str(v.name)]) for v in self.cell.params}
            found = self.functions["forward"](params, *inputs, *states)
            values = {name: row.array(value) for name, value in found.items()}
        stored = MappingProxyType(given.values | values)
        return Trajectory(self.cell, given.T, given.B, given.sizes, given.batched, stored)

    def backward(self, trajectory: Trajectory, hs_bar: Named = None) -> dict[str, Array]:
        """Backprop through time along a trajectory.

        Args:
            trajectory: what :meth:`forward` gave.
            hs_bar: the cotangent of the output state at every step (T, B, H); or a mapping from
                states (T, B, n) and further outputs, such as ``loss`` (T, B), to their cotangents,
                where a number stands for all steps and what is absent is zero. None: the loss of
                the cell, if its one output beside the states is a number at each step, summed over
                steps and sequences, ``{"loss": 1.0}``; for a cell with no such output, ones at the
                last step of the output state and zeros before.

        Returns:
            ``<name>_bar`` for each parameter (summed over steps and sequences), each input
            (T, B, I) and each initial state (B, H).

        Raises:
            DataError: a cotangent is unknown, of a wrong shape or type, or not finite; or none is
                given for a cell whose further outputs are not one number.
        """
        cell, row = self.cell, self._row
        upstream = check_upstream(trajectory, hs_bar)
        ups = [upstream[up_of(v)] for v in cell.states]
        ups += [upstream[cotangent_of(v)] for v in cell.extra]
        with row.precision(trajectory.dtype):
            values = {name: row.native(value) for name, value in trajectory.stored.items()}
            found = self.functions["backward"](values, values, *map(row.native, ups))
            grads = {name: row.array(value) for name, value in found.items()}
        if trajectory.batched:
            return grads
        for v in cell.inputs:
            grads[str(cotangent_of(v).name)] = grads[str(cotangent_of(v).name)][:, 0]
        for v in cell.states:
            grads[str(cotangent_of(v).name)] = grads[str(cotangent_of(v).name)][0]
        return grads

    @property
    def _row(self) -> Backend:
        return backend_of(self.backend)

    def gradients(
        self,
        params: Mapping[str, ArrayLike],
        xs: Named = None,
        h0: Named = None,
        hs_bar: Named = None,
    ) -> tuple[Trajectory, dict[str, Array]]:
        """:meth:`forward`, then :meth:`backward`.

        Args:
            params: the array of each parameter.
            xs: the input (T, B, I) or (T, I), or several by name.
            h0: the initial state (B, H), or several by name; None for zeros.
            hs_bar: the cotangent of the output state (T, B, H), or of several outputs by name.
                None: the gradients are those of the cell's loss, where it has one; else of the sum
                of the last output state's entries.

        Raises:
            DataError: as in these two.
        """
        trajectory = self.forward(params, xs, h0)
        return trajectory, self.backward(trajectory, hs_bar)

    def jacobians(
        self,
        trajectory: Trajectory,
        start: int = 0,
        stop: int | None = None,
        *,
        out: Array | None = None,
    ) -> Array:
        """∂next/∂state at each step, (T, B, S, S), with the states in the cell's order.

        Args:
            trajectory: what :meth:`forward` gave.
            start: the first step, as in a slice; only what lies in between is computed.
            stop: the step after the last one; None for the end.
            out: an array to write to, of the result's shape and type, its entries in one piece.

        Returns:
            ``out``, or a new array: (stop - start, B, S, S), without B where there is no batch.

        Raises:
            DataError: ``out`` is no such array.
            UnsupportedError: the trajectory is of a backend with numbers of its own.
        """
        self._check_arrays(trajectory)
        steps = range(trajectory.T)[start:stop]
        size = sum(trajectory.stored[s.name].shape[-1] for s in self.cell.states)
        shape = (len(steps), trajectory.B, size, size)
        seen = shape if trajectory.batched else (len(steps), size, size)
        if out is None:
            out = np.empty(seen, trajectory.dtype)
        elif out.shape != seen or out.dtype != trajectory.dtype or not out.flags.c_contiguous:
            raise DataError(
                f"`out` is {out.shape} of {out.dtype}; the Jacobians are {seen} of "
                f"{trajectory.dtype}, all entries in one piece",
                mend=f"give np.empty({seen}, {str(trajectory.dtype)!r}), or leave it out",
            )
        varying = {v.name for v in self.cell.varying}
        part = slice(steps.start, steps.stop)
        values = {
            name: array[part] if name in varying else array
            for name, array in trajectory.stored.items()
        }
        self._dense_functions["jacobians"](values, out.reshape(shape))
        return out

    def jacobian_paths(self, trajectory: Trajectory) -> dict[PathKey, Array]:
        """The Jacobian at each step, by path: (next state, state, path) → (T, B, n, m).

        Args:
            trajectory: what :meth:`forward` gave.

        Raises:
            UnsupportedError: the cell has too many paths.
        """
        paths = self._paths(trajectory)
        return {key: path if trajectory.batched else path[:, 0] for key, path in paths.items()}

    @cached_property
    def jacobian_source(self) -> str:
        """The generated NumPy module with the function ``jacobian_paths``."""
        return jacobian_source(self.cell)

    @cached_property
    def dense_jacobian_source(self) -> str:
        """The generated NumPy module with the function ``jacobians``, all paths in one."""
        return dense_jacobian_source(self.cell)

    @cached_property
    def _jacobian_functions(self) -> Mapping[str, Any]:
        return loaded(self.jacobian_source, f"{self.cell.name} jacobian")

    @cached_property
    def _dense_functions(self) -> Mapping[str, Any]:
        return loaded(self.dense_jacobian_source, f"{self.cell.name} jacobians")

    def _check_arrays(self, trajectory: Trajectory) -> None:
        if trajectory.dtype.kind not in "fc":
            raise UnsupportedError(
                f"Jacobians of numbers of the backend {self.backend}", mend="use the backend numpy"
            )

    def _paths(self, trajectory: Trajectory) -> dict[PathKey, Array]:
        self._check_arrays(trajectory)
        function = self._jacobian_functions["jacobian_paths"]
        return function(
            trajectory.stored, trajectory.T, trajectory.B, trajectory.sizes, trajectory.dtype
        )

    def __repr__(self) -> str:
        return f"Compiled({self.cell.name}, backend={self.backend!r})"


def compile(cell: Cell, backend: str = "numpy") -> Compiled:
    """Generate the code of a cell and its gradients, and make it run.

    Args:
        cell: any cell.
        backend: a row of :data:`~gru_sym.codegen.backends.table.BACKENDS`.

    Raises:
        UnsupportedError: there is no such backend.
        MissingLibraryError: its library is not installed.
    """
    row = backend_of(backend)
    require(row)
    source, title = module_source(cell, backend), f"{cell.name} {backend}"
    functions = vars(imported(source, title)) if row.on_disk else loaded(source, title)
    return Compiled(cell, backend, source, MappingProxyType(functions))


def loaded(source: str, title: str) -> Mapping[str, Any]:
    """Execute a generated module; tracebacks and ``inspect.getsource`` find its text.

    Args:
        source: the module, which we have written.
        title: what it is called.
    """
    filename = shown(source, title)
    name = f"gru_sym.generated.{Path(filename).stem.strip('<>')}"
    if name in sys.modules:  # the name is made from the text
        return vars(sys.modules[name])
    linecache.cache[filename] = (len(source), None, source.splitlines(keepends=True), filename)
    module = ModuleType(name)
    module.__file__ = filename
    exec(builtins.compile(source, filename, "exec"), vars(module))
    sys.modules[module.__name__] = module  # where inspect looks for the source of a class
    return vars(module)
