"""lyapunov: the rates at which small changes of the state grow or shrink, step after step.

The Jacobians are taken forward in time: Q R = J_t Q, and the exponents are the means of log |R_ii|
(Benettin et al. 1980, doi:10.1007/BF02128236; Vogt et al. 2022, "On Lyapunov exponents for RNNs",
doi:10.3389/fams.2022.818799). Logarithms are natural: nats per step.
"""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gru_sym.cells.equations import Cell
from gru_sym.codegen.arrays import Named
from gru_sym.codegen.compile import Compiled, compile
from gru_sym.codegen.functions import Array
from gru_sym.codegen.trajectory import Trajectory
from gru_sym.errors import DataError
from gru_sym.flow.linearised import along
from gru_sym.flow.scaled import plain

__all__ = ["Lyapunov", "lyapunov"]

CHUNK = 256
"""Steps that are held in memory at a time."""

_BLOCKS = 20
_DISTANCE = 1e-7
_PERTURBED = 2000


@dataclass(frozen=True, eq=False)
class Lyapunov:
    """The Lyapunov spectrum along one sequence.

    Attributes:
        exponents: in descending order, nats per step, (n,). -inf where the product of the
            Jacobians does not have this rank, as after a step at which units of ``relu`` are off:
            nothing of a change is left in these directions.
        stderr: the standard error of each, from the means of 20 blocks, (n,); NaN below 40 steps,
            and of -inf.
        steps: the number of steps that were measured.
        burn: the number of steps before them.
        finite_time: the mean over each of the blocks, (blocks, n), in the order of ``exponents``.
        unresolved: how many steps had, in this direction, no more than the rounding of the others,
            (n,). They are left out of the mean; where that is every step the exponent is -inf.
        perturbation: the largest exponent over the first 2,000 measured steps, from two
            trajectories close to each other, without any derivative; NaN if not asked for.
        final: state → its value at the end, to go on from.
    """

    exponents: Array = field(repr=False)
    stderr: Array = field(repr=False)
    steps: int
    burn: int
    finite_time: Array = field(repr=False)
    unresolved: Array = field(repr=False)
    perturbation: float
    final: Mapping[str, Array] = field(repr=False)

    @property
    def sum(self) -> float:
        """The sum of all exponents: the mean of log abs(det J), where all were computed."""
        return float(self.exponents.sum())

    @property
    def entropy(self) -> float:
        """The sum of the positive exponents, nats per step: Pesin's bound of the entropy rate."""
        return float(self.exponents[self.exponents > 0].sum())

    @property
    def dimension(self) -> float:
        """The Kaplan–Yorke dimension; NaN where it needs more exponents than were computed."""
        sums = np.cumsum(self.exponents)
        if not len(sums) or sums[0] < 0:
            return 0.0
        j = int(np.flatnonzero(sums >= 0)[-1])
        if j + 1 == len(sums):
            return float("nan")
        following = self.exponents[j + 1]
        return j + 1 + (float(sums[j] / -following) if np.isfinite(following) else 0.0)

    def to_json(self) -> dict[str, Any]:
        """In plain types; an exponent of -inf, and what is not a number, is None."""
        return {
            "exponents": plain(self.exponents),
            "stderr": plain(self.stderr),
            "sum": plain(np.float64(self.sum)),
            "entropy": plain(np.float64(self.entropy)),
            "kaplan_yorke_dimension": plain(np.float64(self.dimension)),
            "perturbation": plain(np.float64(self.perturbation)),
            "unresolved_steps": self.unresolved.tolist(),
            "steps": self.steps,
            "burn": self.burn,
        }


def lyapunov(
    cell: Cell | Compiled,
    params: Mapping[str, ArrayLike],
    xs: Named = None,
    h0: Named = None,
    *,
    steps: int | None = None,
    burn: int = 0,
    count: int | None = None,
    every: int = 1,
    perturb: bool = True,
    progress: Callable[[int], None] | None = None,
) -> Lyapunov:
    """The Lyapunov exponents of a cell along a sequence.

    Memory does not grow with the number of steps. Each step costs the Jacobian of ``count``
    vectors and, each ``every`` steps, a QR decomposition.

    Args:
        cell: any cell; or a compiled one.
        params: the array of each parameter.
        xs: the input of one sequence, (T, I); several by name. Where it is shorter than ``burn +
            steps`` it is repeated in order: periodic forcing. None: zeros, the cell by itself.
        h0: the initial state (H,); several by name; None for zeros.
        steps: how many are measured; None: those that the input has after the burn.
        burn: how many steps come before, in which the directions settle.
        count: how many exponents, from the largest; None: all.
        every: steps between decompositions. 1 is exact; more is faster, and loses the smallest.
        perturb: whether to measure the largest exponent by two trajectories, too.
        progress: called with the number of steps done.

    Raises:
        DataError: an array is not what it must be, or a number is out of range.

    >>> from gru_sym import cells
    >>> params = {"W_h": np.zeros((2, 1)), "U_h": np.diag([0.5, 0.25]), "b_h": np.zeros(2)}
    >>> np.exp(lyapunov(cells.rnn, params, steps=10).exponents)
    array([0.5 , 0.25])
    """
    run = cell if isinstance(cell, Compiled) else compile(cell)
    inputs, length = _inputs(run.cell, xs)
    if steps is None:
        if length is None:
            raise DataError(
                "neither inputs nor a number of steps are given",
                mend="give steps=… (--steps N), or inputs",
            )
        steps = length - burn
    for name, value, least in (("steps", steps, 1), ("burn", burn, 0), ("every", every, 1)):
        if value < least:
            raise DataError(f"{name} is {value}", mend=f"give {least} or more")
    start = _start(run, params, inputs, h0)
    size = sum(len(a) for a in start.values())
    n = size if count is None else count
    if not 1 <= n <= size:
        raise DataError(f"{n} exponents", mend=f"the state has {size} entries, and as many")
    # All directions: the axes, along which diagonal steps are exact. Some of them: random ones, for
    # the axes may miss the fastest.
    q = np.eye(size)
    if n < size:
        q = np.linalg.qr(np.random.default_rng(0).normal(size=(size, n)))[0]
    collected = _Collected(n, size, steps)
    done, state = 0, start
    for trajectory in _chunks(run, params, inputs, start, burn + steps):
        linear = along(run.cell, trajectory)
        for t in range(trajectory.T):
            done += 1
            if not q.shape[1]:
                continue  # nothing is left, and nothing comes back
            moved = linear.right_total(t, np.ascontiguousarray(q.T)[:, None])[:, 0].T
            if done > burn:
                moved = collected.left_of(moved)
            if done % every and done not in {burn, burn + steps}:
                q = moved
                continue
            q, r = np.linalg.qr(moved)
            if done > burn:
                collected.add(np.abs(np.diag(r)), np.linalg.norm(moved, axis=0), done - burn)
        state = {name: values[-1] for name, values in trajectory.states.items()}
        if progress is not None:
            progress(done)
    found = collected.result()
    check = _perturbed(run, params, inputs, start, burn, steps) if perturb else float("nan")
    return Lyapunov(*found[:2], steps, burn, *found[2:], check, state)


class _Collected:
    """Sums of log |R_ii| in blocks of steps, and the columns that have not vanished."""

    def __init__(self, n: int, size: int, steps: int) -> None:
        self._blocks = _BLOCKS if steps >= 2 * _BLOCKS else 1
        self._steps, self._floor = steps, 4 * size * np.finfo(float).eps
        self._sums = np.zeros((self._blocks, n))
        self._lost = np.zeros((self._blocks, n), np.int64)
        self._last, self._columns = 0, np.arange(n)

    def left_of(self, moved: Array) -> Array:
        """The columns of Q that J leaves, (S, n) → (S, as many as are left).

        What is gone exactly is gone for good: a column of zeros, and columns beyond the number of
        rows that are not zeros, such as those of units of ``relu`` that are off.
        """
        there: Array = np.asarray(moved.any(axis=0))
        there[np.flatnonzero(there)[np.count_nonzero(moved.any(axis=1)) :]] = False
        self._columns = self._columns[there]
        return moved[:, there]

    def add(self, diagonal: Array, lengths: Array, step: int) -> None:
        """The diagonal of R, and how long the columns were; ``step`` counts from 1."""
        block = min((step - 1) * self._blocks // self._steps, self._blocks - 1)
        lost = diagonal <= self._floor * lengths
        # A column that is exactly as long as its entry of R owes nothing to rounding.
        self._lost[block, self._columns] += lost * (step - self._last)
        self._sums[block, self._columns[~lost]] += np.log(diagonal[~lost])
        self._last = step

    def result(self) -> tuple[Array, Array, Array, Array]:
        """Exponents, standard errors, means of blocks, unresolved steps."""
        edges = -(-np.arange(self._blocks + 1) * self._steps // self._blocks)
        counted = np.diff(edges)[:, None] - self._lost
        with np.errstate(divide="ignore", invalid="ignore"):
            means = np.where(counted > 0, self._sums / counted, -np.inf)
            total = counted.sum(axis=0)
            left = (total > 0) & np.isin(np.arange(len(total)), self._columns)
            exponents = np.where(left, self._sums.sum(axis=0) / total, -np.inf)
            spread = means.std(axis=0, ddof=1) if self._blocks > 1 else np.full(len(total), np.nan)
        order = np.argsort(-exponents, kind="stable")
        stderr = np.where(left, spread / np.sqrt(self._blocks), np.nan)
        lost = self._lost.sum(axis=0)
        return exponents[order], stderr[order], means[:, order], lost[order]


def _inputs(cell: Cell, xs: Named) -> tuple[dict[str, Array], int | None]:
    """Each input as (T, I), and T; None where there is none."""
    if xs is None or not cell.inputs:
        return {}, None
    given = xs if isinstance(xs, Mapping) else {str(cell.inputs[0].name): xs}
    arrays = {name: np.asarray(value) for name, value in given.items() if value is not None}
    for name, array in arrays.items():
        if array.ndim == 3 and array.shape[1] == 1:
            arrays[name] = array[:, 0]
        elif array.ndim != 2:
            raise DataError(
                f"{name} has the shape {array.shape}, and the exponents are those of one sequence",
                mend="give (T, I), or one sequence of the batch: xs[:, 0]",
            )
    lengths = {len(array) for array in arrays.values()}
    if len(lengths) > 1:
        raise DataError("the inputs have different numbers of steps", mend="give as many of each")
    return arrays, lengths.pop() if lengths else None


def _start(
    run: Compiled, params: Mapping[str, ArrayLike], inputs: Mapping[str, Array], h0: Named
) -> dict[str, Array]:
    """The initial states as arrays, after a step has checked all that was given."""
    first = run.forward(params, _part(run.cell, params, inputs, 0, 1), h0)
    return {str(s.name): np.array(first.stored[s.name][0, 0], np.float64) for s in run.cell.states}


def _part(
    cell: Cell, params: Mapping[str, ArrayLike], inputs: Mapping[str, Array], start: int, stop: int
) -> Any:
    """The inputs of some steps; zeros where none are given."""
    if not cell.inputs:
        return stop - start
    if not inputs:
        return _zeros(cell, params, stop - start)
    return {
        name: array.take(np.arange(start, stop), axis=0, mode="wrap").astype(np.float64)
        for name, array in inputs.items()
    }


def _zeros(cell: Cell, params: Mapping[str, ArrayLike], steps: int) -> dict[str, Array]:
    """Zeros of the size of each input, as the parameters tell it."""
    sizes: dict[str, int] = {}
    sums: list[tuple[tuple[str, ...], int]] = []
    for v in cell.params:
        if v.name in params:
            for dim, length in zip(v.shape, np.shape(params[str(v.name)]), strict=False):
                if len(dim) == 1:
                    sizes.setdefault(dim[0], length)
                else:
                    sums.append((dim, length))
    for dim, length in sums:
        rest = [d for d in dim if d not in sizes]
        if len(rest) == 1:
            sizes[rest[0]] = length - sum(sizes[d] for d in dim if d in sizes)
    found = {}
    for v in cell.inputs:
        unknown = [d for dim in v.shape for d in dim if d not in sizes]
        if unknown:
            raise DataError(
                f"no parameter tells the size {unknown[0]} of the input {v.name}",
                mend="give inputs, zeros (1, I) for the cell by itself",
            )
        found[str(v.name)] = np.zeros((steps, *(sum(sizes[d] for d in dim) for dim in v.shape)))
    return found


def _chunks(
    run: Compiled,
    params: Mapping[str, ArrayLike],
    inputs: Mapping[str, Array],
    state: Mapping[str, Array],
    steps: int,
) -> Iterator[Trajectory]:
    for start in range(0, steps, CHUNK):
        stop = min(start + CHUNK, steps)
        trajectory = run.forward(params, _part(run.cell, params, inputs, start, stop), state)
        yield trajectory
        state = {name: values[-1] for name, values in trajectory.states.items()}


def _perturbed(
    run: Compiled,
    params: Mapping[str, ArrayLike],
    inputs: Mapping[str, Array],
    start: Mapping[str, Array],
    burn: int,
    steps: int,
) -> float:
    """The mean growth of the distance of two trajectories, brought close again at each step."""
    names = list(start)
    cuts = np.cumsum([len(a) for a in start.values()])[:-1]
    here = np.concatenate(list(start.values()))
    offset = np.random.default_rng(1).normal(size=here.shape)
    growth = []
    for t in range(burn + min(steps, _PERTURBED)):
        offset *= _DISTANCE * max(float(np.abs(here).max()), 1.0) / np.linalg.norm(offset)
        pair = np.stack([here, here + offset])
        offset = pair[1] - pair[0]  # as it was rounded
        state = dict(zip(names, np.split(pair, cuts, axis=-1), strict=True))
        given = _part(run.cell, params, inputs, t, t + 1)
        if isinstance(given, dict):
            given = {name: np.repeat(array[:, None], 2, axis=1) for name, array in given.items()}
        before = np.linalg.norm(offset)
        after = run.forward(params, given, state).states
        pair = np.concatenate([after[name][0] for name in names], axis=-1)
        here, offset = pair[0], pair[1] - pair[0]
        if not offset.any():
            return -np.inf
        if t >= burn:
            growth.append(np.log(np.linalg.norm(offset) / before))
    return float(np.mean(growth))
