"""What an oracle says, or why it says nothing."""

from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from gru_sym.verification.meaning import Values
from gru_sym.verification.point import Array, Point, shape_in
from gru_sym.verification.tape import OutsideError

__all__ = ["MOST", "NoValueError", "NotRunError", "Truth", "stacked", "where_real", "within"]

MOST = 4e8
"""Operations in floating point that an oracle may take; more are not begun."""


class NotRunError(Exception):
    """Why an oracle says nothing here."""


class NoValueError(NotRunError):
    """The cell has no real value at a point: nothing can be said of its gradients there."""


@dataclass(frozen=True, eq=False)
class Truth:
    """What an oracle computed.

    Attributes:
        gradients: gradient → its array, the nearest float64; of a ball its middle.
        values: variable of the cell → its value at each step (T, B, n), a number's (T, B). Some
            oracles have none.
        balls: gradient → an enclosure of each entry, as balls of python-flint; rigorous oracles
            alone have them.
    """

    gradients: Mapping[str, Any]
    values: Mapping[str, Any] = field(default_factory=dict)
    balls: Mapping[str, Any] = field(default_factory=dict)


def within(work: float, what: str, most: float = MOST) -> None:
    """Raise where the work is more than what is worth waiting for.

    Raises:
        NotRunError: it says how much it would be.
    """
    if work > most:
        raise NotRunError(
            f"{what} would take about {_short(work)} operations here, more than {_short(most)}: "
            "verify fewer steps, or smaller states"
        )


def _short(number: float) -> str:
    """``4e8``."""
    return f"{number:.0e}".replace("e+0", "e").replace("e+", "e")


@contextmanager
def where_real() -> Iterator[None]:
    """Raise where the cell has no value.

    Raises:
        NoValueError: in the place of the error that numbers of many digits raise there.
    """
    try:
        yield
    except (OutsideError, ZeroDivisionError):
        raise NoValueError(
            "the cell has no real value here: a division by 0, or a logarithm or root of what is "
            "not positive"
        ) from None


def stacked(point: Point, steps: Iterable[Values]) -> dict[str, Array]:
    """The values of all steps, of what varies: (T, B, n), a number's (T, B)."""
    found: dict[str, list[Any]] = {}
    varying = {str(v.name): v for v in point.cell.varying if len(v.shape) < 2}
    for values in steps:
        for name, value in values.items():
            if name in varying:
                found.setdefault(name, []).append(value.array)
    shapes = {name: (point.B, *shape_in(varying[name], point.sizes)) for name in found}
    return {
        name: np.stack([np.broadcast_to(a, shapes[name]) for a in arrays])
        for name, arrays in found.items()
    }
