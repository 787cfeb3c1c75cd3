"""What a checkpoint holds, under this package's names, and the way back for gradients."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from gru_sym.errors import DataError, UnsupportedError, WeightsError
from gru_sym.notebook import ShownAsText
from gru_sym.weights.layout import LAYOUTS, Array, Kind, Layout

if TYPE_CHECKING:
    from gru_sym.cells.compose import Loss
    from gru_sym.cells.equations import Cell
    from gru_sym.cells.network import Network

__all__ = ["Checkpoint", "Layer"]


@dataclass(frozen=True, eq=False)
class Layer:
    """One layer: its cell, and the cell's parameters for one or both directions.

    Attributes:
        cell: the built-in cell's name: ``gru_reset_after``, ``lstm``, ``rnn`` or ``rnn_relu``.
        forward: parameters of the pass from the first step to the last.
        reverse: parameters of the pass from the last step to the first; None with one direction.
    """

    cell: str
    forward: dict[str, Array] = field(repr=False)
    reverse: dict[str, Array] | None = field(default=None, repr=False)


@dataclass(frozen=True, eq=False, repr=False)
class Checkpoint(ShownAsText):
    """A trained recurrent network under this package's names.

    Attributes:
        kind: PyTorch's name of the network: ``GRU``, ``LSTM`` or ``RNN``.
        layers: the layers, from the input up.
        input_size: I, the length of x at each step.
        hidden_size: H, the length of the state.
        bias: False where the file has no biases (the parameters then hold zeros).
        bidirectional: whether each layer also runs backwards in time.
        prefix: what stands before ``weight_ih_l0`` in the file's keys.
        head: ``W_y`` (O, H · directions) and ``b_y`` (O,) of a linear readout; None without one.
        head_prefix: what stands before ``weight`` in the head's keys.
        rest: the file's other arrays, under their keys.
        convention: in plain words, what was found and what was made of it.
    """

    kind: Kind
    layers: tuple[Layer, ...]
    input_size: int
    hidden_size: int
    bias: bool
    bidirectional: bool
    prefix: str
    head: dict[str, Array] | None = field(repr=False)
    head_prefix: str
    rest: dict[str, Array] = field(repr=False)
    convention: str = field(repr=False)

    def __str__(self) -> str:
        """The convention, in words."""
        return self.convention

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """The one floating type of all parameters."""
        return next(iter(self.layers[0].forward.values())).dtype

    def params(self, of: "Cell | Network | None" = None) -> dict[str, Array]:
        """All parameters in one flat dictionary; with ``of``, those that this cell has.

        With one layer and one direction, the names are those of the cell (``W_z``). The reverse
        direction adds ``_rev``, and with several layers the layer's number, counted from 1, comes
        last: ``W_z_2``, ``W_z_rev_2``. The head adds ``W_y`` and ``b_y``, which a cell without a
        readout does not take: ``params(cell)`` leaves them out. ``W_*`` is (H, the layer's input),
        ``U_*`` (H, H), ``b_*`` (H,).

        Args:
            of: the cell, or the network, whose parameters are wanted; None for all.
        """
        flat: dict[str, Array] = {}
        for _, suffix, parameters in self._passes():
            flat |= {name + suffix: value for name, value in parameters.items()}
        flat |= self.head or {}
        if of is None:
            return flat
        wanted = {str(var.name) for var in of.params}
        return {name: value for name, value in flat.items() if name in wanted}

    def cell(self, loss: "Loss | None" = None) -> "Cell":
        """The network as one cell, its layers stacked; its parameters are those of :meth:`params`.

        Args:
            loss: ``mse`` or ``cross_entropy``: with the head as a readout, and this loss at each
                step. Without it the head is left out.

        Raises:
            UnsupportedError: the network has two directions, which no single step has.
            WeightsError: a loss is asked for, and the file has no head.
            StructureError: there is no such loss.
        """
        # Lazy: these load SymPy, and reading a file needs none.
        from gru_sym.cells import builtin
        from gru_sym.cells.compose import readout, stack

        if self.bidirectional:
            raise UnsupportedError(
                "a network of two directions is not one cell: its reverse direction begins at the "
                "last step",
                mend="take checkpoint.network(), which runs over whole sequences",
            )
        cell = stack(*(builtin.cell(layer.cell) for layer in self.layers))
        if loss is None:
            return cell
        if self.head is None:
            raise WeightsError(
                f"the loss {loss!r} needs a head, and none was found beside the network",
                mend="save a linear layer on the state with the network, or use readout(cell, …) "
                "with W_y and b_y of your own",
            )
        return readout(cell, loss)

    def network(self) -> "Network":
        """The layers as passes over whole sequences, in one direction or in two.

        Its parameters are those of :meth:`params`; the head is left out.
        """
        # Lazy: these load SymPy, and reading a file needs none.
        from gru_sym.cells import builtin
        from gru_sym.cells.network import Layer as Passes
        from gru_sym.cells.network import Network

        cells = [(builtin.cell(layer.cell), layer.reverse is not None) for layer in self.layers]
        passes = tuple(Passes(cell, cell if both else None) for cell, both in cells)
        return Network(passes, name=self.kind.lower())

    def torch_gradients(self, grads: Mapping[str, Array]) -> dict[str, Array]:
        """Bring gradients back to PyTorch's keys, to compare them with ``.grad`` there.

        Args:
            grads: ``<name>_bar`` for each name of :meth:`params`, of the parameter's shape. Other
                entries (``x_bar``, ``hs`` …) are passed over; the head's may be absent together.

        Returns:
            PyTorch's key (``gru.weight_ih_l0``, …) -> gradient. A bias that is the sum of two of
            PyTorch's passes its gradient to both. A network without biases has no bias keys.

        Raises:
            DataError: a gradient is missing or has another shape than its parameter.
        """
        layout = self._layout
        out: dict[str, Array] = {}
        for key_suffix, suffix, parameters in self._passes():
            own = {n: _gradient(grads, n + suffix, value) for n, value in parameters.items()}
            for role, value in layout.to_torch(own).items():
                if self.bias or not role.startswith("bias"):
                    out[f"{self.prefix}{role}{key_suffix}"] = value
        if self.head is not None and any(f"{name}_bar" in grads for name in self.head):
            for name, role in (("W_y", "weight"), ("b_y", "bias")):
                value = _gradient(grads, name, self.head[name])
                out[f"{self.head_prefix}{role}"] = value.copy()
        return out

    def torch_biases(self) -> dict[str, str]:
        """The cell's biases -> where they are in PyTorch's: ``b_z`` -> ``gru.bias_ih_l0[16:32]``.

        Where it is the sum of two of PyTorch's biases, that on the input is named; empty for a
        network without biases.
        """
        H = self.hidden_size
        return {
            f"b_{block}{suffix}": f"{self.prefix}bias_ih{key_suffix}[{i * H}:{(i + 1) * H}]"
            for key_suffix, suffix, _ in self._passes()
            for i, block in enumerate(self._layout.blocks if self.bias else ())
        }

    @property
    def _layout(self) -> Layout:
        return next(layout for layout in LAYOUTS.values() if layout.kind == self.kind)

    def _passes(self) -> Iterator[tuple[str, str, dict[str, Array]]]:
        """Each pass over time: the suffix of PyTorch's keys, of our names, and the parameters."""
        for k, layer in enumerate(self.layers):
            number = f"_{k + 1}" if len(self.layers) > 1 else ""
            yield f"_l{k}", number, layer.forward
            if layer.reverse is not None:
                yield f"_l{k}_reverse", f"_rev{number}", layer.reverse


def _gradient(grads: Mapping[str, Array], name: str, parameter: Array) -> Array:
    if f"{name}_bar" not in grads:
        raise DataError(
            f"the gradient {name}_bar is missing",
            mend=f"give one array for each parameter; {name} has shape {parameter.shape}",
        )
    value = np.asarray(grads[f"{name}_bar"])
    if value.shape != parameter.shape:
        raise DataError(
            f"the gradient {name}_bar has shape {value.shape}, but {name} has {parameter.shape}",
            mend="sum the gradient over the steps and the batch",
        )
    return value
