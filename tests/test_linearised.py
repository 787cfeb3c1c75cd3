"""Linearised steps: what they are made from, and cotangents in all forms."""

from typing import Any

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.codegen import compile
from gru_sym.errors import DataError, UnsupportedError
from gru_sym.flow import along, linearised
from tests.flow_cases import CELLS, arrays, case, every_cell


@every_cell
def test_sizes(name: str) -> None:
    steps = case(name)
    assert steps.T == 8
    assert steps.B == 2
    assert sum(block.stop - block.start for block in steps.blocks.values()) == steps.S
    assert steps.names == tuple(family.name for family in steps.families)


def test_float32_is_computed_in_float64() -> None:
    params, xs, states = arrays(CELLS["gru"], 4)
    narrow = {name: a.astype(np.float32) for name, a in params.items()}
    steps = linearised(CELLS["gru"], narrow, {n: a.astype(np.float32) for n, a in xs.items()})
    assert steps.trajectory.dtype == np.float64
    assert steps.left_total(0, np.ones((1, steps.B, steps.S))).dtype == np.float64
    del states


def test_complex_arrays_are_refused() -> None:
    made = CELLS["gru"]
    params, xs, states = arrays(made, 4)
    run = compile(made)
    trajectory = run.forward(params, {n: a + 0j for n, a in xs.items()}, states)
    with pytest.raises(UnsupportedError, match="complex128"):
        along(made, trajectory)


COTANGENTS: dict[str, tuple[Any, list[float]]] = {
    "none": (None, [1, 1, 1, 0, 0, 0]),
    "the output": (np.array([1.0, 2, 3]), [1, 2, 3, 0, 0, 0]),
    "all": (np.arange(6.0), [0, 1, 2, 3, 4, 5]),
    "by name": ({"c": np.array([4.0, 5, 6])}, [0, 0, 0, 4, 5, 6]),
    "a batch": (np.array([[1.0, 2, 3], [1, 2, 3]]), [1, 2, 3, 0, 0, 0]),
    "integers": (np.array([1, 2, 3]), [1, 2, 3, 0, 0, 0]),
}


@pytest.mark.parametrize("given", COTANGENTS)
def test_cotangents(given: str) -> None:
    value, wanted = COTANGENTS[given]
    assert (case("lstm").cotangent(value) == np.array(wanted)).all()


WRONG: dict[str, tuple[Any, str]] = {
    "a shape": (np.ones(4), r"shape \(4,\), and must be \(3,\) or \(2, 3\)"),
    "a name": ({"z": np.ones(3)}, "no state z"),
    "zero": (np.zeros(3), "zero"),
    "one of a batch": (np.array([[1.0, 1, 1], [0, 0, 0]]), "zero"),
    "not finite": (np.array([1.0, np.nan, 0]), "not finite"),
    "no numbers": (np.array(["a", "b", "c"]), "not real numbers"),
    "complex": (np.ones(3) * 1j, "not real numbers"),
}


@pytest.mark.parametrize("given", WRONG)
def test_wrong_cotangents(given: str) -> None:
    value, message = WRONG[given]
    with pytest.raises(DataError, match=message):
        case("lstm").cotangent(value)


def test_it_says_what_it_is() -> None:
    steps = linearised(cells.gru, *arrays(cells.gru, 3, batch=None))
    assert "gru, T=3" in repr(steps)
    assert "skip, update, candidate, reset" in repr(steps)
