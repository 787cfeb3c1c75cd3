"""From a cell to code: plan, passes, backends (one table), compile.

>>> from gru_sym import cells
>>> import numpy as np
>>> from gru_sym.codegen import compile
>>> run = compile(cells.rnn)
>>> params = {"W_h": np.ones((2, 1)), "U_h": np.eye(2), "b_h": np.zeros(2)}
>>> trajectory, grads = run.gradients(params, np.ones((3, 1)), h0=np.zeros(2))
>>> trajectory.hs.shape, grads["U_h_bar"].shape
((3, 2), (2, 2))
"""

from typing import overload

from gru_sym.cells.equations import Cell
from gru_sym.cells.network import Network
from gru_sym.codegen.backends.table import BACKENDS, module_source
from gru_sym.codegen.compile import Compiled
from gru_sym.codegen.compile import compile as _compile_cell
from gru_sym.codegen.network import CompiledNetwork, NetworkTrajectory, compile_network
from gru_sym.codegen.trajectory import Trajectory

__all__ = [
    "BACKENDS",
    "Compiled",
    "CompiledNetwork",
    "NetworkTrajectory",
    "Trajectory",
    "compile",
    "module_source",
]


@overload
def compile(cell: Cell, backend: str = "numpy") -> Compiled: ...
@overload
def compile(cell: Network, backend: str = "numpy") -> CompiledNetwork: ...
def compile(cell: Cell | Network, backend: str = "numpy") -> Compiled | CompiledNetwork:
    """Generate code for a cell, or for each layer of a network, and load it.

    Args:
        cell: a cell, or a network of layers in one or two directions.
        backend: a row of :data:`BACKENDS`, such as ``numpy``.

    Raises:
        UnsupportedError: there is no such backend.
        MissingLibraryError: its library is not installed.
    """
    if isinstance(cell, Network):
        return compile_network(cell, backend)
    return _compile_cell(cell, backend)
