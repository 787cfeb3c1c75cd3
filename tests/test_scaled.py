"""Scaling by powers of two: exact, and without an end."""

import numpy as np
import pytest

from gru_sym.flow.scaled import LN2, log_norm, plain, rescaled


def test_no_digit_is_changed() -> None:
    rows = np.random.default_rng(0).normal(size=(3, 4)) * 1e-200
    scaled, exponent = rescaled(rows, np.zeros(3, np.int64))
    assert (np.ldexp(scaled, exponent[:, None]) == rows).all()
    assert (np.abs(scaled).max(axis=-1) < 1).all()
    assert (np.abs(scaled).max(axis=-1) >= 0.5).all()


def test_one_scale_for_several_axes() -> None:
    rows = np.array([[[1.0, 8.0]], [[0.5, 1.0]]])
    scaled, exponent = rescaled(rows, np.zeros(1, np.int64), (0, 2))
    assert exponent.tolist() == [4]
    assert (scaled * 16 == rows).all()


def test_zeros_and_what_has_lost_its_digits() -> None:
    scaled, exponent = rescaled(np.array([[0.0, 0.0], [1.0, 5e-324]]), np.zeros(2, np.int64))
    assert (scaled[0] == 0).all()
    assert scaled[1].tolist() == [0.5, 0.0]
    assert log_norm(scaled, exponent)[0] == -np.inf


def test_norms_far_out() -> None:
    rows, exponent = np.array([[0.6, 0.8]]), np.array([-60_000])
    assert log_norm(rows, exponent) == pytest.approx([-60_000 * LN2], rel=1e-15)


def test_plain_numbers() -> None:
    assert plain(np.array([[1.0, np.nan], [-np.inf, 2.0]])) == [[1.0, None], [None, 2.0]]
    assert plain(np.float64("inf")) is None
    assert plain(2) == 2.0
