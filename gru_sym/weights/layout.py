"""How PyTorch lays out a recurrent layer, one row of a table for each kind of network.

PyTorch stacks the weights of all gates into one matrix, block under block, and keeps two bias
vectors, one on the input and one on the state (documentation of ``torch.nn.GRU``, ``LSTM`` and
``RNN``). Where both biases of a block meet in one sum, only the sum matters: the cell has one bias.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

__all__ = ["LAYOUTS", "Array", "Kind", "Layout", "Nonlinearity"]

Array = NDArray[Any]
Kind = Literal["GRU", "LSTM", "RNN"]
Nonlinearity = Literal["tanh", "relu"]


@dataclass(frozen=True, slots=True)
class Layout:
    """The blocks of one kind of network, in PyTorch's order.

    Attributes:
        kind: PyTorch's name of the network.
        cells: the cell for each nonlinearity that the network can have.
        blocks: the subscript of each block in the cell's names (``z`` in ``W_z``, ``U_z``).
        torch_blocks: the same blocks under PyTorch's letters.
        apart: block -> the name of its state bias, where that cannot be added to the input bias.
        equations: what the names mean, in the language of cells.
    """

    kind: Kind
    cells: Mapping[str, str]
    blocks: tuple[str, ...]
    torch_blocks: tuple[str, ...]
    equations: str
    apart: Mapping[str, str] = field(default_factory=dict)

    @property
    def names(self) -> tuple[str, ...]:
        """The parameters' names in the cell."""
        weights = [f"{letter}_{block}" for letter in "WUb" for block in self.blocks]
        return (*weights, *self.apart.values())

    def to_cell(
        self, weight_ih: Array, weight_hh: Array, bias_ih: Array | None, bias_hh: Array | None
    ) -> dict[str, Array]:
        """Cut PyTorch's stacked arrays (G·H, ·) into the cell's parameters; absent biases are 0."""
        count = len(self.blocks)
        rows = weight_ih.shape[0]
        no_bias = np.zeros(rows, dtype=weight_ih.dtype)
        on_input = np.split(no_bias if bias_ih is None else bias_ih, count)
        on_state = np.split(no_bias if bias_hh is None else bias_hh, count)
        weights = np.split(weight_ih, count), np.split(weight_hh, count)
        found: dict[str, Array] = {}
        for i, block in enumerate(self.blocks):
            found[f"W_{block}"] = weights[0][i].copy()
            found[f"U_{block}"] = weights[1][i].copy()
            if block in self.apart:
                found[f"b_{block}"] = on_input[i].copy()
                found[self.apart[block]] = on_state[i].copy()
            else:
                found[f"b_{block}"] = on_input[i] + on_state[i]
        return {name: found[name] for name in self.names}

    def to_torch(self, gradients: Mapping[str, Array]) -> dict[str, Array]:
        """Stack gradients of the cell's parameters into those of PyTorch's arrays.

        A bias that is the sum of two passes its gradient to both, unchanged.
        """
        state_bias = [self.apart.get(block, f"b_{block}") for block in self.blocks]
        return {
            "weight_ih": np.concatenate([gradients[f"W_{block}"] for block in self.blocks]),
            "weight_hh": np.concatenate([gradients[f"U_{block}"] for block in self.blocks]),
            "bias_ih": np.concatenate([gradients[f"b_{block}"] for block in self.blocks]),
            "bias_hh": np.concatenate([gradients[name] for name in state_bias]),
        }

    def biases_in_words(self) -> str:
        """Which of PyTorch's biases were added together, and which stay apart, and why."""
        pairs = zip(self.blocks, self.torch_blocks, strict=True)
        summed = [
            f"b_{ours} = b_i{theirs} + b_h{theirs}"
            for ours, theirs in pairs
            if ours not in self.apart
        ]
        text = f"{', '.join(summed)}: both biases enter one sum, so only the sum matters."
        for ours, name in self.apart.items():
            theirs = self.torch_blocks[self.blocks.index(ours)]
            text += (
                f" b_{ours} = b_i{theirs} and {name} = b_h{theirs} stay apart, because the reset"
                f" gate multiplies {name} and not b_{ours}."
            )
        return text


# Keyed by the number of blocks: rows of weight_hh over its columns.
LAYOUTS: Mapping[int, Layout] = {
    3: Layout(
        kind="GRU",
        cells={"tanh": "gru_reset_after"},
        blocks=("r", "z", "h"),
        torch_blocks=("r", "z", "n"),
        apart={"h": "b_hn"},
        equations=(
            "The reset gate multiplies after the product,"
            " h_tilde = tanh(W_h @ x + b_h + r * (U_h @ h + b_hn)), and z keeps the state,"
            " h_next = (1 - z) * h_tilde + z * h."
        ),
    ),
    4: Layout(
        kind="LSTM",
        cells={"tanh": "lstm"},
        blocks=("i", "f", "g", "o"),
        torch_blocks=("i", "f", "g", "o"),
        equations="g is the candidate: c_next = f * c + i * g, h_next = o * tanh(c_next).",
    ),
    1: Layout(
        kind="RNN",
        cells={"tanh": "rnn", "relu": "rnn_relu"},
        blocks=("h",),
        torch_blocks=("h",),
        equations="",
    ),
}
