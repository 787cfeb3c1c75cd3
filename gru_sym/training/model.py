"""What is trained: a cell with a readout, its sizes, and the parameters that it starts from."""

from collections.abc import Mapping

import numpy as np

from gru_sym.algebra.expr import Var
from gru_sym.cells.compose import Loss, readout
from gru_sym.cells.equations import Cell
from gru_sym.codegen.functions import Array
from gru_sym.errors import StructureError

__all__ = ["initial", "model_of", "shape_of", "sizes_of"]


def model_of(cell: Cell, loss: Loss) -> Cell:
    """The cell with a linear readout and the loss.

    Raises:
        StructureError: this is no cell with one input, or it has a loss already.
    """
    if not isinstance(cell, Cell):
        raise StructureError(
            f"a cell is trained, not {getattr(cell, 'name', cell)!r:.60}",
            mend="give a cell, or layers as one: stack(cell, cell). Two directions cannot "
            "forecast, for one of them comes from the future",
        )
    if cell.extra:
        raise StructureError(
            f"`{cell.name}` has the output `{cell.extra[0].name}` beside its states",
            mend="give the cell alone: training adds its own readout and loss",
        )
    if len(cell.inputs) != 1:
        names = ", ".join(v.name for v in cell.inputs) or "none"
        raise StructureError(
            f"`{cell.name}` is to read a series, and needs exactly one input; its inputs are: "
            f"{names}",
            mend="join its inputs into one, `[u, v]`, or make those that do not change parameters "
            "with `# params: …`",
        )
    return readout(cell, loss)


def sizes_of(model: Cell, entries: int, hidden: int) -> dict[str, int]:
    """The size of each dimension: the data's for x and y, and ``hidden`` for all others.

    A cell that adds its input to its state has one size for both, that of the data.

    Raises:
        StructureError: the size of the input is a sum of two.

    >>> from gru_sym import cells
    >>> sizes_of(model_of(cells.gru, "mse"), entries=2, hidden=5)
    {'I': 2, 'O': 2, 'H': 5}
    """
    sizes = {}
    for var in model.inputs:
        (dim,) = var.shape
        if len(dim) > 1:
            raise StructureError(
                f"the input `{var.name}` has the size {' + '.join(dim)}, whose parts the data "
                "cannot tell",
                mend="give the cell an input of one size",
            )
        sizes[dim[0]] = entries
    every = (name for v in model.program.variables for dim in v.shape for name in dim)
    return sizes | {name: hidden for name in every if name not in sizes}


def shape_of(var: Var, sizes: Mapping[str, int]) -> tuple[int, ...]:
    """The shape of a variable in numbers."""
    return tuple(sum(sizes[name] for name in dim) for dim in var.shape)


def initial(model: Cell, sizes: Mapping[str, int], seed: int, dtype: str) -> dict[str, Array]:
    """The parameters before the first update: uniform in ±1/√H, with H the size of the output.

    This is how PyTorch's recurrent layers begin, and a linear layer on top of them (documentation
    of ``torch.nn.GRU`` and ``torch.nn.Linear``). No parameter begins as zeros, so that no two
    units are alike.
    """
    (size,) = shape_of(model.output, sizes)
    rng = np.random.default_rng(seed)
    bound = size**-0.5
    return {
        str(v.name): np.asarray(rng.uniform(-bound, bound, shape_of(v, sizes))).astype(dtype)
        for v in model.params
    }
