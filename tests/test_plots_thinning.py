"""Of a long series, what can be seen."""

import numpy as np

from gru_sym.plots.thinning import averaged, blocks, extremes


def test_a_short_series_is_kept() -> None:
    x = np.arange(5.0)
    np.testing.assert_array_equal(extremes(x, x), np.arange(5))
    values = np.arange(10.0).reshape(5, 2)
    for found, whole in zip(averaged(x, values), (x, values), strict=True):
        np.testing.assert_array_equal(found, whole)
    edges = np.arange(6.0)
    np.testing.assert_array_equal(blocks(edges, values)[1], values)


def test_peaks_gaps_and_ends_stay() -> None:
    n = 100_000
    x = np.arange(float(n))
    row = np.sin(x / 900)
    row[[1234, 70_001]] = 9, -9
    row[5000] = np.nan
    row[80_000:81_000] = -np.inf
    kept = extremes(x, row, most=500)
    assert {0, n - 1, 1234, 70_001, 5000} <= set(kept)
    assert len(kept) <= 1002
    inside = kept[(kept > 80_200) & (kept < 80_800)]
    assert not np.isfinite(row[inside]).any()
    assert (np.diff(kept) > 0).all()


def test_all_rows_keep_theirs() -> None:
    x = np.arange(10_000.0)
    one, other = np.zeros((2, 10_000))
    one[77], other[88] = 1, -1
    assert {77, 88} <= set(extremes(x, one, other))


def test_strips_follow_the_axis() -> None:
    """On a logarithmic axis the first lags are far apart, and all of them stay."""
    lag = np.arange(1.0, 50_001)
    kept = extremes(np.log(lag), np.cos(lag))
    assert set(range(20)) <= set(kept)


def test_means_add_up() -> None:
    rng = np.random.default_rng(0)
    shares = rng.random((9999, 3))
    shares /= shares.sum(axis=1, keepdims=True)
    places, means = averaged(np.arange(9999.0), shares, most=100)
    assert means.shape == (100, 3)
    np.testing.assert_allclose(means.sum(axis=1), 1)
    np.testing.assert_allclose(means[0], shares[:100].mean(axis=0))
    assert places[0] == 49.5
    assert averaged(np.arange(9999.0), shares[:, 0], most=100)[1].shape == (100,)


def test_blocks_have_the_largest_value() -> None:
    values = np.full((5000, 2), np.nan)
    values[123, 0], values[4999, 1] = 3, 7
    edges, cells = blocks(np.arange(5001.0), values, most=50)
    assert cells.shape == (50, 2)
    assert (edges[0], edges[-1], len(edges)) == (0, 5000, 51)
    assert np.flatnonzero(cells[:, 0] == 3) == [1]
    assert cells[-1, 1] == 7
    assert np.isnan(cells).sum() == 98
