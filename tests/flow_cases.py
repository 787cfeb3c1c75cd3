"""Cells with arrays, for the tests of gradient flow: the library, and composed ones."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import numpy as np
import pytest

from gru_sym.algebra.expr import Var
from gru_sym.cells import Cell, cell, names
from gru_sym.cells.compose import readout, stack
from gru_sym.codegen import compile
from gru_sym.derive.families import families
from gru_sym.derive.jacobian import jacobian
from gru_sym.flow import Linearised, linearised

Array = np.ndarray[Any, Any]


def _composed() -> dict[str, Cell]:
    return {
        "stack": stack(cell("lstm"), cell("gru")),
        "readout": readout(cell("gru"), "mse"),
        "softmax": Cell.parse(
            "p = softmax(A @ h + W @ x)\nh_next = 0.5 * h + p * tanh(U @ h) + logsumexp(h) / 9"
        ),
        "two sizes": Cell.parse(
            "u_next = tanh(M @ u + N @ v + W @ x)\nv_next = 0.9 * v + tanh(P @ u + Q @ v)"
        ),
    }


CELLS: dict[str, Cell] = {name: cell(name) for name in names()} | _composed()

every_cell = pytest.mark.parametrize("name", CELLS)


def sizes_of(made: Cell) -> dict[str, int]:
    """Sizes that are all different."""
    found: dict[str, int] = {}
    for v in made.program.variables:
        for dim in v.shape:
            for d in dim:
                found.setdefault(d, 3 + len(found))
    return found


def shape(var: Var, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sum(sizes[d] for d in dim) for dim in var.shape)


def arrays(
    made: Cell, steps: int, *, batch: int | None = 2, seed: int = 0, scale: float = 1.0
) -> tuple[dict[str, Array], Any, dict[str, Array]]:
    """Parameters, inputs and initial states."""
    rng = np.random.default_rng(seed)
    sizes = sizes_of(made)
    lead = () if batch is None else (batch,)
    params = {str(v.name): scale * rng.normal(size=shape(v, sizes)) for v in made.params}
    xs = {str(v.name): rng.normal(size=(steps, *lead, *shape(v, sizes))) for v in made.inputs}
    states = {str(v.name): rng.normal(size=(*lead, *shape(v, sizes))) for v in made.states}
    return params, xs or steps, states


@cache
def case(name: str, steps: int = 8, batch: int | None = 2, seed: int = 0) -> Linearised:
    """The linearised steps of a cell at random arrays."""
    return linearised(CELLS[name], *arrays(CELLS[name], steps, batch=batch, seed=seed))


@cache
def dense(name: str, steps: int = 8, batch: int | None = 2, seed: int = 0) -> Array:
    """The matrix of each family at each step, (F, T, B, S, S), from the paths' own code."""
    found = case(name, steps, batch, seed)
    run = compile(found.cell)
    paths = run.jacobian_paths(run.forward(*arrays(found.cell, steps, batch=batch, seed=seed)))
    paths = {key: a if a.ndim == 4 else a[:, None] for key, a in paths.items()}
    whole = np.zeros((len(found.families), found.T, found.B, found.S, found.S))
    rows = dict(zip((str(v.name) for v in found.cell.nexts), found.blocks.values(), strict=True))
    plain = {family.name: family for family in families(found.cell, jacobian(found.cell))}
    for k, family in enumerate(found.families):  # whose paths may be in bundles
        for after, state, path in plain[family.name].members:
            key = (str(after.name), str(state.name), path.name)
            whole[k, ..., rows[str(after.name)], found.blocks[str(state.name)]] += paths[key]
    return whole
