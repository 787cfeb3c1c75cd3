"""Regimes: where gradients are compared when nobody gives arrays.

In all of them no initial state is 0, all sizes differ (a transposed matrix does not fit), and there
are several steps and sequences: otherwise a wrong gradient can hide.
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from types import MappingProxyType
from typing import Any

import numpy as np

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Var
from gru_sym.cells.equations import Cell
from gru_sym.cells.naming import did_you_mean
from gru_sym.errors import UnsupportedError
from gru_sym.verification.libraries import complex_numpy
from gru_sym.verification.meaning import Meaning
from gru_sym.verification.point import Array, Point, shape_in
from gru_sym.verification.truth import NotRunError

__all__ = [
    "REGIMES",
    "Regime",
    "check_finite",
    "drawn",
    "largest_argument",
    "regime_of",
    "sizes_of",
]

STEPS, SEQUENCES = 4, 2
_KNOWN = {"H": 3, "I": 5}
_SATURATING = frozenset({"sigmoid", "tanh", "softplus", "softmax", "logsumexp", "hard_sigmoid"})
_LARGEST_FACTOR = 1e12


@dataclass(frozen=True)
class Regime:
    """A kind of point.

    Attributes:
        name: as it is asked for.
        words: what is particular about it.
        point: draws one for a cell, from a seed.
        drawn: whether it is drawn: then it has to be one where the equations stay finite.
    """

    name: str
    words: str
    point: Callable[[Cell, int], Point]
    drawn: bool = True


def sizes_of(cell: Cell) -> dict[str, int]:
    """A number for each dimension, all different, and none that of the steps or the sequences.

    >>> from gru_sym import cells
    >>> sizes_of(cells.gru)
    {'H': 3, 'I': 5}
    """
    names = dict.fromkeys(n for v in cell.program.variables for dim in v.shape for n in dim)
    others = (n for n in names if n not in _KNOWN)
    return {n: k for n, k in _KNOWN.items() if n in names} | {n: k for k, n in enumerate(others, 6)}


def _small(cell: Cell) -> dict[str, int]:
    """The same, each smaller by one or two: over many steps the work adds up."""
    return {name: n - 1 - (name == "I") for name, n in sizes_of(cell).items()}


def drawn(
    cell: Cell,
    seed: int = 0,
    *,
    sizes: Mapping[str, int] | None = None,
    steps: int = STEPS,
    sequences: int = SEQUENCES,
    gentle: bool = False,
) -> Point:
    """A point at random: all arrays are normal, the parameters and states of smaller variance.

    Args:
        cell: the cell.
        seed: of the random numbers.
        sizes: dimension → number; see :func:`sizes_of`.
        steps: T.
        sequences: B.
        gentle: draw parameters as PyTorch initialises them, uniform within ±1/√H, so that values
            stay bounded over many steps.
    """
    sizes = sizes_of(cell) if sizes is None else dict(sizes)
    rng = np.random.default_rng(seed)

    def normal(var: Var, scale: float, *lead: int) -> Any:
        return rng.normal(scale=scale, size=(*lead, *shape_in(var, sizes)))

    bound = float(shape_in(cell.states[0], sizes)[0]) ** -0.5
    params = {
        str(v.name): rng.uniform(-bound, bound, shape_in(v, sizes)) if gentle else normal(v, 0.7)
        for v in cell.params
    }
    return Point(
        cell,
        params=params,
        inputs={str(v.name): normal(v, 1.0, steps, sequences) for v in cell.inputs},
        states={str(v.name): normal(v, 0.7, sequences) for v in cell.states},
        bars={str(v.name): normal(v, 1.0, steps, sequences) for v in (*cell.states, *cell.extra)},
        sizes=MappingProxyType(sizes),
        T=steps,
        B=sequences,
    )


def check_finite(point: Point) -> None:
    """Raise where the equations, as they are written, leave the numbers of float64.

    Raises:
        NotRunError: so they do.
    """
    meaning = Meaning.of_cell(point.cell, point.sizes)
    with np.errstate(all="ignore"):
        steps = meaning.unroll(complex_numpy(), point.cell, point.moving, point.T)
        if not all(np.isfinite(v.array).all() for values in steps for v in values.values()):
            raise NotRunError("the equations, as they are written, are not finite in float64 here")


def largest_argument(point: Point) -> float:
    """The largest |a| that a function which saturates is applied to.

    Raises:
        NotRunError: the cell has no such function.
    """
    meaning = Meaning.of_cell(point.cell, point.sizes)
    names = {
        node.args[0].name
        for line in meaning.lines
        for node in tree.postorder(line.value)
        if isinstance(node, tree.Call)
        and node.func in _SATURATING
        and isinstance(node.args[0], tree.Name)
    }
    if not names:
        raise NotRunError("the cell has no gate that could saturate")
    with np.errstate(all="ignore"):
        steps = meaning.unroll(complex_numpy(), point.cell, point.moving, point.T)
        return max(float(np.abs(v[name].array).max()) for v in steps for name in names)


def _with_arguments(cell: Cell, seed: int, largest: float, steps: int, sequences: int) -> Point:
    """A point whose parameters are scaled until arguments of gates come up to ``largest``."""
    point = drawn(cell, seed, steps=steps, sequences=sequences)
    low, high = 0.0, 1.0
    while largest_argument(point.scaled(high)) < largest:
        low, high = high, 2 * high
        if high > _LARGEST_FACTOR:
            raise NotRunError(f"no scale of the parameters brings a gate's argument to {largest:g}")
    for _ in range(30):
        middle = (low + high) / 2
        if largest_argument(point.scaled(middle)) < largest:
            low = middle
        else:
            high = middle
    return point.scaled(low)


def _with_an_extreme_sequence(cell: Cell, seed: int) -> Point:
    """A usual point, but for the last sequence, whose inputs and states are 2000 times larger."""
    point = drawn(cell, seed)

    def scaled(array: Array) -> Array:
        array = array.copy()
        array[..., -1, :] *= 2000.0
        return array

    return replace(
        point,
        inputs={name: scaled(a) for name, a in point.inputs.items()},
        states={name: scaled(a) for name, a in point.states.items()},
    )


_TABLE = (
    Regime("usual", "weights and states of order 1", drawn),
    Regime(
        "saturated",
        "arguments of gates up to ±40",
        lambda cell, seed: _with_arguments(cell, seed, 40.0, 6, 4),
    ),
    Regime(
        "tiny",
        "parameters of 1e-8, one sequence",
        lambda cell, seed: drawn(cell, seed, steps=7, sequences=1).scaled(1e-8),
    ),
    Regime(
        "huge",
        "arguments of gates up to ±100",
        lambda cell, seed: _with_arguments(cell, seed, 100.0, STEPS, SEQUENCES),
    ),
    Regime(
        "extreme",
        "one sequence with inputs and states of order 2000: exp overflows",
        _with_an_extreme_sequence,
    ),
    Regime(
        "long",
        "T = 1000 steps",
        lambda cell, seed: drawn(cell, seed, sizes=_small(cell), steps=1000, gentle=True),
    ),
)

REGIMES: Mapping[str, Regime] = MappingProxyType({row.name: row for row in _TABLE})
"""The regimes by name."""


def regime_of(name: str) -> Regime:
    """The regime called ``name``.

    Raises:
        UnsupportedError: there is none.
    """
    if name not in REGIMES:
        hint = did_you_mean(name, REGIMES)
        raise UnsupportedError(
            f"there is no regime {name}",
            mend=f"{hint} The regimes are {', '.join(REGIMES)}".strip(),
        )
    return REGIMES[name]
