"""Network: layers that each run over a whole sequence, in one direction or in both."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from functools import cached_property
from typing import NoReturn

from gru_sym.algebra.expr import Var
from gru_sym.cells.equations import Cell
from gru_sym.cells.rename import composable, distinct, one_input, suffixed
from gru_sym.errors import StructureError, UnsupportedError
from gru_sym.notebook import ShownAsText

__all__ = ["REVERSE", "Layer", "Network"]

REVERSE = "_rev"


@dataclass(frozen=True)
class Layer:
    """One layer of a :class:`Network`, under the cells' own names.

    Attributes:
        forward: the cell that runs from the first step to the last.
        reverse: the cell that runs from the last step to the first, with parameters of its own;
            None where the layer has one direction.
    """

    forward: Cell
    reverse: Cell | None = None

    @property
    def passes(self) -> tuple[Cell, ...]:
        """The layer's cells: forward, then reverse."""
        return (self.forward,) if self.reverse is None else (self.forward, self.reverse)


@dataclass(frozen=True, repr=False)
class Network(ShownAsText):
    """Layers that each run over the whole sequence before the next one does.

    The input of a layer is the output of the one below it: with two directions the outputs of
    both, joined at each step, forward first.

    Attributes:
        layers: from the input up.
        name: how the network is called in titles and messages.

    Raises:
        StructureError: there is no layer, a cell has more or fewer inputs than one or outputs
            beside its states, or two things would get one name.
    """

    layers: tuple[Layer, ...]
    name: str = field(default="network", compare=False)

    def __post_init__(self) -> None:
        if not self.layers:
            raise StructureError("a network without layers", mend="give at least one cell")
        for cell in (cell for layer in self.layers for cell in layer.passes):
            composable(cell, "a network")
            one_input(cell, "runs over a whole sequence")
        own = (v.name for layer in self.named for cell in layer.passes for v in _own(cell))
        distinct((self.input, *own))

    @cached_property
    def named(self) -> tuple[Layer, ...]:
        """The layers under the network's names.

        The reverse direction adds ``_rev``; with several layers the layer's number, counted from
        1, comes last: ``W_z_2``, ``W_z_rev_2``, ``h_rev_2``. Inputs keep their names.
        """
        many = len(self.layers) > 1
        found = []
        for k, layer in enumerate(self.layers, 1):
            number = f"_{k}" if many else ""
            back = layer.reverse
            found.append(
                Layer(
                    suffixed(layer.forward, number),
                    None if back is None else suffixed(back, REVERSE + number),
                )
            )
        return tuple(found)

    @property
    def input(self) -> str:
        """The name of the input: that of the first layer's forward cell."""
        return str(self.layers[0].forward.inputs[0].name)

    @property
    def params(self) -> tuple[Var, ...]:
        """All parameters, layer by layer, forward before reverse."""
        return tuple(v for layer in self.named for cell in layer.passes for v in cell.params)

    @property
    def states(self) -> tuple[Var, ...]:
        """All states, layer by layer, forward before reverse."""
        return tuple(v for layer in self.named for cell in layer.passes for v in cell.states)

    @property
    def program(self) -> NoReturn:
        """A network has none: it is its cells that have a step.

        Raises:
            UnsupportedError: always; it says what to do.
        """
        raise UnsupportedError(
            f"{self.name} has no single step: its layers run over the whole sequence in turn",
            mend="take its cells one by one: "
            "[cell for layer in network.named for cell in layer.passes]",
        )

    def __str__(self) -> str:
        """The equations of every pass."""
        blocks = []
        for k, layer in enumerate(self.named, 1):
            for cell, direction in zip(layer.passes, ("forward", "reverse"), strict=False):
                blocks.append(f"# layer {k}, {direction} in time\n{cell}")
        return "\n\n".join(blocks)


def _own(cell: Cell) -> Iterable[Var]:
    inputs = {v.name for v in cell.inputs}
    return (v for v in cell.program.variables if v.name not in inputs)
