"""Relative errors that nothing slips through."""

from typing import Any

import numpy as np
import pytest

from gru_sym.errors import DataError
from gru_sym.verification.relative import compare, relative_error


@pytest.mark.parametrize(
    ("found", "reference", "error"),
    [
        ([3.0, 4.0], [3.0, 4.0], 0.0),
        ([3.0, 4.5], [3.0, 4.0], 0.1),
        ([0.0, 0.0], [0.0, 0.0], 0.0),
        ([], [], 0.0),
        ([0.0, 1e-300], [0.0, 0.0], np.inf),
        ([0.0, 0.0], [0.0, 1e-300], 1.0),
        ([1.0, np.nan], [1.0, 1.0], np.inf),
        ([np.nan], [np.nan], np.inf),
        ([np.inf], [np.inf], np.inf),
        ([1e300, -1e300], [-1e300, 1e300], 2.0),
        ([1.1e-200], [1e-200], 0.1),
        ([2e-320], [1e-320], 1.0),
        ([1 + 1j], [1.0], 1.0),
        (2, 1, 1.0),
    ],
)
def test_relative_error(found: Any, reference: Any, error: float) -> None:
    assert relative_error(found, reference) == pytest.approx(error, rel=1e-3)


def test_small_gradients_are_not_forgiven() -> None:
    """What every absolute tolerance lets pass: |∂L/∂h0| = 5e-9, and 88 % off."""
    assert relative_error(np.full(4, 9.4e-9), np.full(4, 5e-9)) == pytest.approx(0.88)


def test_single_precision_is_compared_in_double() -> None:
    exact = np.array([1.0, 1 / 3])
    assert 1e-9 < relative_error(exact.astype(np.float32), exact) < 1e-7


def test_shapes_must_agree() -> None:
    with pytest.raises(DataError, match=r"\(2, 1\).*\(2,\)"):
        relative_error(np.ones((2, 1)), np.ones(2))


def test_compare_gives_one_row_for_each() -> None:
    rows = compare({"b_bar": [3.0, 4.0], "W_bar": [[0.0]]}, {"W_bar": [[0.0]], "b_bar": [3.0, 4.5]})
    assert [(row.name, row.shape, row.norm) for row in rows] == [
        ("b_bar", (2,), 5.0),
        ("W_bar", (1, 1), 0.0),
    ]
    assert rows[0].error == pytest.approx(0.5 / np.hypot(3, 4.5))
    assert rows[1].error == 0


@pytest.mark.parametrize(
    ("gradients", "reference", "message"),
    [
        ({}, {}, "no gradients"),
        ({"a": 1.0}, {}, "reference for a is missing"),
        ({}, {"a": 1.0}, "gradient a is missing"),
        ({"a": 1.0, "b": 1.0}, {"a": 1.0, "c": 1.0}, "gradient c is missing"),
        ({"a": [1.0]}, {"a": 1.0}, r"a: an array of shape \(1,\)"),
    ],
)
def test_compare_refuses_what_it_cannot_know(
    gradients: dict[str, Any], reference: dict[str, Any], message: str
) -> None:
    with pytest.raises(DataError, match=message) as caught:
        compare(gradients, reference)
    assert caught.value.mend
