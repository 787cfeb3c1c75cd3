"""rows: what the table of measurements is made of."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias

from numpy.typing import ArrayLike

from gru_sym.cells.equations import Cell
from gru_sym.codegen.arrays import Named
from gru_sym.codegen.functions import Array
from gru_sym.sweep.trial import Trial

__all__ = ["Dimension", "Measure", "Measurement", "Quantity"]

Measure: TypeAlias = Callable[[Cell, Mapping[str, Array], Named, Trial], Mapping[str, ArrayLike]]
"""From a cell, its parameters, its inputs and the trial to quantity → a number or an array."""


@dataclass(frozen=True)
class Dimension:
    """An axis of what is measured.

    Attributes:
        name: the name.
        units: of its numbers.
        about: what it counts, in a few words.
        first: its first number; the others follow, one by one.
    """

    name: str
    units: str
    about: str
    first: int = 0


@dataclass(frozen=True)
class Quantity:
    """One thing that a measurement finds.

    Attributes:
        units: of its values.
        about: what it is, in a few words.
        dimensions: its axes; none for a number.
    """

    units: str
    about: str
    dimensions: tuple[Dimension, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """In plain types."""
        return asdict(self)

    @classmethod
    def of(cls, plain: Mapping[str, Any]) -> "Quantity":
        """Back from plain types."""
        dimensions = tuple(Dimension(**each) for each in plain["dimensions"])
        return cls(plain["units"], plain["about"], dimensions)


@dataclass(frozen=True)
class Measurement:
    """A row of the table.

    Attributes:
        function: what computes it. It gets the inputs as :meth:`~gru_sym.codegen.compile.Compiled.
            forward` takes them, without a batch, and the initial states are zeros.
        quantities: name → what it is; the name is that of a variable in the results, and no two
            measurements have one in common.
        about: one line about it.
    """

    function: Measure
    quantities: Mapping[str, Quantity]
    about: str
