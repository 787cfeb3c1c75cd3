"""Nested lists: their shapes, and what ``check()`` does with them."""

import random

import pytest
from mpmath import mpf

from gru_sym.codegen.backends import helpers_scalars as helpers


def test_shapes() -> None:
    assert helpers.vector([1, "2", 0.5], 3) == [1, 2, 0.5]
    assert helpers.rows([[1, 2], (3, 4)], 2, 2) == [[1, 2], [3, 4]]
    assert helpers.sequences([[[1]], [[2]]], 2, 1, 1) == [[[1]], [[2]]]
    assert all(isinstance(a, mpf) for a in helpers.vector([1, "2", 0.5], 3))


@pytest.mark.parametrize("steps", [[[1, 2], [3, 4], [5, 6]], [[[1], [2]], [[3], [4]], [[5], [6]]]])
def test_numbers_of_each_step(steps: list[list[object]]) -> None:
    assert helpers.scalars(steps, 3, 2) == [[[1], [2]], [[3], [4]], [[5], [6]]]


def test_wrong_shapes() -> None:
    with pytest.raises(ValueError, match="2 numbers, not 3"):
        helpers.vector([1, 2], 3)
    with pytest.raises(ValueError, match="1 rows, not 2"):
        helpers.rows([[1, 2]], 2, 2)
    with pytest.raises(ValueError, match="2 steps, not 1"):
        helpers.sequences([[[1]], [[2]]], 1, 1, 1)
    with pytest.raises(ValueError, match="2 rows, not 3"):
        helpers.scalars([[1, 2]], 1, 3)


def test_values_by_name() -> None:
    steps = [{"z": [k], "r": [-k]} for k in range(6)]
    found = helpers.by_name(steps, 3, 2)
    assert found["z"] == [[[0], [1]], [[2], [3]], [[4], [5]]]
    assert found["r"][2] == [[-4], [-5]]


def test_numbers_in_order() -> None:
    nested = [[1, [2, 3]], [4]]
    assert helpers.flat(nested) == [1, 2, 3, 4]
    assert helpers.flat(5) == [5]
    assert helpers.moved(nested, 2, 10) == [[1, [2, 13]], [4]]
    assert nested == [[1, [2, 3]], [4]]


def test_drawn() -> None:
    drawn = helpers.drawn(random.Random(0), 2, 3, 4)
    assert len(drawn) == 2
    assert {len(row) for part in drawn for row in part} == {4}
    assert len(set(helpers.flat(drawn))) == 24
    assert isinstance(helpers.drawn(random.Random(0)), mpf)
