"""The oracles, one row each: what gradients are held against."""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gru_sym.cells.naming import did_you_mean
from gru_sym.errors import UnsupportedError
from gru_sym.verification.floats import by_hand, complex_step, jax_reverse, torch_autograd
from gru_sym.verification.point import Arrays, Point
from gru_sym.verification.precise import arb_enclosures, mpmath_digits
from gru_sym.verification.scalars import sympy_entries
from gru_sym.verification.tangents import dot_product, taylor
from gru_sym.verification.truth import Truth

__all__ = ["ORACLES", "Oracle", "oracles_of"]


@dataclass(frozen=True)
class Oracle:
    """One row of the table. Exactly one of the three functions is there.

    Attributes:
        name: as it is asked for.
        words: what it is.
        truth: computes gradients by other means.
        identity: the relative error of each of the gradients given, by an identity they fulfil.
        derived: a check of what is derived, whatever gradients are given; its own measure.
        exact: whether it has more digits than float64.
        scalar: whether it has to have a point of its own, with sizes of 1 and 2.
        independent: whether it rests on none of our rules of derivatives; what does has to hold,
            too, but judges no gradient alone.
        tolerance: what its measure may be, where that is no relative error.
    """

    name: str
    words: str
    truth: Callable[[Point], Truth] | None = None
    identity: Callable[[Point, Arrays], dict[str, float]] | None = None
    derived: Callable[[Point], dict[str, float]] | None = None
    exact: bool = False
    scalar: bool = False
    independent: bool = True
    tolerance: float | None = None


_TABLE = (
    Oracle("hand", "backprop derived and written by hand", by_hand),
    Oracle("complex_step", "the complex step of every entry", complex_step),
    Oracle("torch", "PyTorch's autograd through the equations", torch_autograd),
    Oracle("jax", "jax.grad of a scan of the equations", jax_reverse),
    Oracle("mpmath", "reverse accumulation in 50 digits", mpmath_digits, exact=True),
    Oracle("arb", "enclosures by python-flint, certified", arb_enclosures, exact=True),
    Oracle(
        "brute_force",
        "sympy.diff of single entries, at sizes of 1 and 2",
        sympy_entries,
        exact=True,
        scalar=True,
    ),
    Oracle(
        "dot_product",
        "⟨J v, w⟩ = ⟨v, Jᵀ w⟩ with the derived jvp",
        identity=dot_product,
        independent=False,
    ),
    Oracle(
        "taylor",
        "order of Taylor's remainders with the derived jvp and hvp: what is missing of it",
        derived=taylor,
        independent=False,
        tolerance=1e-3,
    ),
)

ORACLES: Mapping[str, Oracle] = MappingProxyType({row.name: row for row in _TABLE})
"""The oracles by name."""


def oracles_of(names: Iterable[str] | None) -> list[Oracle]:
    """The rows called so, all for None.

    Raises:
        UnsupportedError: there is no such oracle.
    """
    if names is None:
        return list(ORACLES.values())
    rows = []
    for name in dict.fromkeys(names):
        if name not in ORACLES:
            hint = did_you_mean(name, ORACLES)
            raise UnsupportedError(
                f"there is no oracle {name}",
                mend=f"{hint} The oracles are {', '.join(ORACLES)}".strip(),
            )
        rows.append(ORACLES[name])
    return rows
