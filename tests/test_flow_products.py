"""Vectors through a step, by family, against the dense matrices of the paths' own code."""

import numpy as np
import pytest

from gru_sym.flow import Linearised
from tests.flow_cases import Array, case, dense, every_cell


def _rows(steps: Linearised, count: int = 3) -> Array:
    return np.random.default_rng(1).normal(size=(count, steps.B, steps.S))


def _near(found: Array, wanted: Array) -> None:
    assert np.abs(found - wanted).max() <= 1e-14 * np.abs(wanted).max()


@every_cell
def test_from_the_left(name: str) -> None:
    steps, matrices = case(name), dense(name)
    rows = _rows(steps)
    for t in (0, steps.T - 1):
        wanted = np.einsum("rbi,fbij->frbj", rows, matrices[:, t])
        _near(steps.left(t, rows), wanted)
        _near(steps.left_total(t, rows), wanted.sum(axis=0))
        skip = wanted[steps.skip] if steps.skip is not None else np.zeros_like(rows)
        assert np.allclose(steps.left_skip(t, rows), skip, rtol=1e-14)
        assert np.allclose(steps.left_rest(t, rows), wanted.sum(axis=0) - skip, rtol=0, atol=1e-13)


@every_cell
def test_from_the_right(name: str) -> None:
    steps, matrices = case(name), dense(name)
    rows = _rows(steps)
    for t in (0, steps.T - 1):
        wanted = np.einsum("fbij,rbj->frbi", matrices[:, t], rows)
        _near(steps.right(t, rows), wanted)
        _near(steps.right_total(t, rows), wanted.sum(axis=0))


@pytest.mark.parametrize("name", ["gru", "lstm", "gru_layernorm"])
def test_no_row_is_changed(name: str) -> None:
    steps = case(name)
    rows = _rows(steps)
    before = rows.copy()
    for product in (steps.left, steps.left_total, steps.left_skip, steps.right_total):
        product(0, rows)
    assert (rows == before).all()
