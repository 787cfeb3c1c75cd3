"""Gates that decide how much of a state is kept, and the biases that govern them.

The skip factor of a state is the part of ∂s_next/∂s that meets no matrix, ``1 - z`` in the GRU. A
bias governs it where it moves it up or down throughout, with all weights and states zero. Which
biases these are, and which way they act, is found by trying: nothing knows a cell by its name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import sympy as sp

from gru_sym.algebra.expr import Expr, Node, Var, variables_of
from gru_sym.algebra.rules import FUNCTIONS, Elementwise
from gru_sym.cells.equations import Cell
from gru_sym.codegen.compile import Compiled, compile
from gru_sym.codegen.functions import Array
from gru_sym.derive.jacobian import jacobian
from gru_sym.errors import GruSymError
from gru_sym.flow.initial.roles import kinds

__all__ = ["SkipGate", "skip_gates"]

_TRIED = np.linspace(-4.0, 4.0, 9)
"""The values that a bias is given, one for each unit: with no weights, units do not mix."""

_ROUNDING = 1e-12

Signed = tuple[tuple[str, int], ...]


@dataclass(frozen=True)
class SkipGate:
    """What governs how much of a state is kept.

    Attributes:
        state: the state's name.
        biases: (bias, sign): the vectors that move its skip factor; of sign 1 if a larger one keeps
            more, -1 if it keeps less.
        counterparts: (bias, -1): the biases of gates of their own that let something new into the
            state, as the input gate of an LSTM does; with more kept, less is to be let in.
    """

    state: str
    biases: Signed
    counterparts: Signed


@lru_cache(maxsize=64)  # a sweep asks anew for each seed
def skip_gates(cell: Cell) -> tuple[SkipGate, ...]:
    """The states of which a bias governs how much is kept; none for a cell without such gates.

    Args:
        cell: any cell.

    Raises:
        UnsupportedError: the cell has too many paths.

    >>> from gru_sym import cells
    >>> skip_gates(cells.lstm)
    (SkipGate(state='c', biases=(('b_f', 1),), counterparts=(('b_i', -1),)),)
    """
    blocks = jacobian(cell).blocks
    pairs = zip(cell.states, cell.nexts, strict=True)
    plain = {
        state: tuple(p.name for p in blocks[after, state] if p.is_diagonal and state.shape)
        for state, after in pairs
    }
    if not any(plain.values()):
        return ()
    run = compile(cell)
    moved: dict[Var, list[tuple[str, int]]] = {}
    raised: dict[str, set[str]] = {}  # variable → the biases that raise it
    between: set[tuple[str, str]] = set()  # those of them that keep it within 0 and 1
    added = {name for name, kind in kinds(cell).items() if kind == "bias"}
    for var in cell.params:
        if len(var.shape) != 1:
            continue
        skips, values = _along(run, var, plain)
        for state, skip in skips.items():
            if sign := _direction(skip):
                moved.setdefault(state, []).append((str(var.name), sign))
        for name, value in values.items():
            if var.name in added and _direction(value) == 1:
                raised.setdefault(name, set()).add(str(var.name))
                if value.min() >= 0 and value.max() <= 1:
                    between.add((name, str(var.name)))
    found = []
    for state, biases in moved.items():
        own = {name for name, _ in biases}
        others = set()
        for factor in _letting_in(cell, state):
            inlined = isinstance(factor, FUNCTIONS["sigmoid"])
            name = str(factor.args[0] if inlined else factor)
            others |= {b for b in raised.get(name, ()) if inlined or (name, b) in between}
        order = [str(v.name) for v in cell.params if v.name in others - own]
        found.append(SkipGate(str(state.name), tuple(biases), tuple((b, -1) for b in order)))
    return tuple(found)


def _direction(values: Array) -> int:
    """1 if the values rise (and nowhere fall), -1 if they fall, 0 if neither."""
    steps = np.diff(values)
    if not np.isfinite(values).all() or np.ptp(values) <= 1e3 * _ROUNDING:
        return 0
    return int(np.all(steps >= -_ROUNDING)) - int(np.all(steps <= _ROUNDING))


def _along(
    run: Compiled, bias: Var, plain: dict[Var, tuple[str, ...]]
) -> tuple[dict[Var, Array], dict[str, Array]]:
    """Skip factors of the states, and all vectors, as one bias takes each value and else all is 0.

    Both are empty where the cell cannot be evaluated there.
    """
    cell = run.cell
    count = len(_TRIED)
    params = {str(v.name): np.zeros([count * len(dim) for dim in v.shape]) for v in cell.params}
    params[str(bias.name)] = np.resize(_TRIED, params[str(bias.name)].shape)
    inputs = {
        str(v.name): np.zeros((1, *(count * len(dim) for dim in v.shape))) for v in cell.inputs
    }
    with np.errstate(all="ignore"):
        try:
            trajectory = run.forward(params, inputs or 1)
            paths = run.jacobian_paths(trajectory)
        except (GruSymError, ArithmeticError):
            return {}, {}
    skips = {}
    for state, after in zip(cell.states, cell.nexts, strict=True):
        parts = [paths[str(after.name), str(state.name), name][0] for name in plain[state]]
        if parts:
            skips[state] = np.diagonal(np.sum(parts, axis=0))[:count]
    vectors = (v for v in cell.varying | set(cell.program.as_mapping) if len(v.shape) == 1)
    return skips, {str(v.name): trajectory.values[str(v.name)][0][:count] for v in vectors}


def _letting_in(cell: Cell, state: Var) -> Iterator[Expr]:
    """What multiplies the terms of the state's next value that have not the state itself."""
    lines = {
        d.var: d.expr for d in cell.program if not d.expr.has(Elementwise) and not d.expr.has(Node)
    }
    after = dict(zip(cell.states, cell.nexts, strict=True))[state]
    value = cell.program.as_mapping[after]
    while not variables_of(value).isdisjoint(lines):
        value = value.xreplace(lines)
    for term in sp.Add.make_args(sp.expand(value)):
        if not term.has(state):
            yield from sp.Mul.make_args(term)
