"""thinning: of a long series, what can be seen at the size of a figure."""

import numpy as np

from gru_sym.codegen.functions import Array

__all__ = ["MOST", "averaged", "blocks", "extremes"]

MOST = 600
"""Places that are told apart along an axis; a column of a page has about a thousand dots."""


def extremes(positions: Array, *rows: Array, most: int = MOST) -> Array:
    """The indices of the points by which a line looks as all of its points do.

    In each of many narrow strips these are the lowest and the highest point of each row. All
    indices, where there are no more points than strips.

    Args:
        positions: along the axis, as it is divided, (n,), ascending.
        rows: what is drawn there, (n,) each; what is not finite leaves a gap, which stays.
        most: the number of strips.
    """
    if len(positions) <= most:
        return np.arange(len(positions))
    strip = _strips(positions, most)
    starts = np.flatnonzero(np.diff(strip, prepend=-1))
    kept = [np.array([0, len(positions) - 1])]
    for row in rows:
        order = np.lexsort((np.where(np.isfinite(row), row, -np.inf), strip))
        kept += [order[starts], order[np.append(starts[1:], len(order)) - 1]]
    return np.unique(np.concatenate(kept))


def averaged(positions: Array, values: Array, *, most: int = MOST // 2) -> tuple[Array, Array]:
    """Means over narrow strips, so that what adds up to one still does.

    Args:
        positions: along the axis, as it is divided, (n,), ascending.
        values: what is drawn there, (n, …).
        most: the number of strips; where there are no more points, all are returned as they are.

    Returns:
        The mean positions (m,) and the mean values (m, …).
    """
    if len(positions) <= most:
        return positions, values
    starts = np.flatnonzero(np.diff(_strips(positions, most), prepend=-1))
    counts = np.diff(starts, append=len(positions))
    places = np.add.reduceat(positions, starts) / counts
    shape = (-1, *[1] * (values.ndim - 1))
    return places, np.add.reduceat(values, starts, axis=0) / counts.reshape(shape)


def blocks(edges: Array, values: Array, *, most: int = MOST) -> tuple[Array, Array]:
    """Cells of a map joined until there are few enough, each with the largest of its values.

    Args:
        edges: of the cells along the first axis, as it is divided, (n + 1,), ascending.
        values: of the cells, (n, …); NaN where there is none.
        most: the number of cells.

    Returns:
        The edges (m + 1,) and the values (m, …).
    """
    if len(values) <= most:
        return edges, values
    starts = np.flatnonzero(np.diff(_strips(edges[:-1], most), prepend=-1))
    return edges[np.append(starts, len(edges) - 1)], np.fmax.reduceat(values, starts, axis=0)


def _strips(positions: Array, most: int) -> Array:
    """In which of equally wide strips each position lies."""
    width = positions[-1] - positions[0]
    share = (positions - positions[0]) / (width or 1.0)
    return np.minimum((share * most).astype(np.int64), most - 1)
