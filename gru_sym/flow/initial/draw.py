"""Parameters to begin with, by the schemes in use, for any cell.

Each parameter has a stream of random numbers of its own, made from the seed and its name, so that
none changes when another is added (but for ``keras``, which draws the recurrent matrices of one
shape as one block). The schemes, with H the size of the output state:

* ``torch``: matrices, biases and peepholes U(−1/√H, 1/√H): documentation of ``torch.nn.GRU``.
* ``keras``: the input matrices of one shape are columns of one kernel (I, G·H), Glorot uniform:
  ±√(6 / (I + G·H)); the recurrent ones are blocks of one semi-orthogonal (H, G·H); biases 0, but 1
  towards keeping for a gate that keeps where a gate of its own lets in (``unit_forget_bias``, after
  Jozefowicz et al. 2015): documentation of ``keras.layers.GRU`` and ``LSTM``.
* ``orthogonal``: each recurrent matrix orthogonal by itself, by Haar's measure (Saxe et al. 2014,
  arXiv:1312.6120), each input matrix Glorot uniform by itself; biases 0.
* ``normal``: recurrent entries N(0, 1/H), input entries N(0, 1/I), by what each acts on; biases 0.
* ``chrono``: as ``torch``, but a bias that governs a skip gate is log U(1, T_max − 1) towards
  keeping, for memories of 2 to T_max steps, and that of its counterpart the negative of it (Tallec
  & Ollivier 2018, arXiv:1804.11188, eq. 16-17).
* ``uniform_gate``: as ``torch``, but such a bias is logit(u) towards keeping, u ~ U(0, 1), and that
  of its counterpart the negative (Gu et al. 2020, arXiv:1910.09890). u is not kept 1/H away from 0
  and 1, so that E f^t is 1 / (t + 1) without a correction.

The last two make the skip factor what they say where it is a sigmoid of its bias. In all, what
multiplies (a gain of a layer norm; a number) begins as 1, and a number that is added as 0; the
FastGRNN paper begins with σ(1) = 0.73 and σ(−4) = 0.02. Peepholes begin as 0 but under ``torch``.
"""

import math
from collections.abc import Iterable, Mapping, Sequence

import numpy as np
import sympy as sp

from gru_sym.algebra.expr import Dim, Var
from gru_sym.cells.equations import Cell
from gru_sym.cells.naming import did_you_mean
from gru_sym.codegen.functions import Array
from gru_sym.errors import DataError, UnsupportedError
from gru_sym.flow.initial.gates import SkipGate, skip_gates
from gru_sym.flow.initial.roles import kinds, matrices

__all__ = ["SCHEMES", "draw", "orthogonal"]

SCHEMES = ("torch", "keras", "orthogonal", "normal", "chrono", "uniform_gate")
"""The names of the schemes."""

_BY_GATES = ("chrono", "uniform_gate")
_LIKE_TORCH = ("torch", *_BY_GATES)


def draw(
    cell: Cell,
    sizes: Mapping[str, int],
    scheme: str,
    *,
    seed: int,
    gain: float = 1.0,
    bias: float = 0.0,
    horizon: int | None = None,
) -> dict[str, Array]:
    """The parameters of a cell, drawn by a scheme, in float64.

    Args:
        cell: any cell.
        sizes: the size of each dimension, ``{"H": 64, "I": 3}``.
        scheme: one of :data:`SCHEMES`.
        seed: 0 or larger; the same seed draws the same numbers.
        gain: multiplies the recurrent matrices.
        bias: is added to the biases that govern a skip gate, towards keeping, so that a sigmoid
            gate that would keep σ(a) keeps σ(a + bias).
        horizon: T_max of ``chrono``, in steps.

    Returns:
        name → array: matrices (rows, columns), vectors (n,), numbers ().

    Raises:
        DataError: there is no such scheme, a size is absent or not positive, the seed is negative,
            a number is not finite, or ``chrono`` has no horizon of at least 3.
        UnsupportedError: the scheme, or the bias, is for skip gates, and no bias of this cell
            governs one.

    >>> from gru_sym import cells
    >>> params = draw(cells.gru, {"H": 2, "I": 3}, "chrono", seed=0, horizon=100)
    >>> params["W_z"].shape, params["b_z"].max() <= 0
    ((2, 3), np.True_)
    """
    _check(cell, sizes, scheme, seed, (gain, bias), horizon)
    gates = skip_gates(cell) if scheme in ("keras", *_BY_GATES) or bias else ()
    if not gates and (bias or scheme in _BY_GATES):
        what = f"the scheme {scheme}" if scheme in _BY_GATES else "a bias towards keeping"
        raise UnsupportedError(
            f"`{cell.name}` has no skip gate that a bias governs, which {what} would act on",
            mend="give a cell whose gate has a bias, or leave it out",
        )
    found: dict[str, Array] = {}
    kind = kinds(cell)
    for var in cell.params:
        name, shape = str(var.name), tuple(sum(sizes[n] for n in dim) for dim in var.shape)
        found[name] = np.ones(shape) if kind.get(name) == "gain" else np.zeros(shape)
        if scheme in _LIKE_TORCH and shape and kind.get(name) != "gain":
            bound = _size(cell.output.shape[:1], sizes) ** -0.5
            found[name] = _stream(seed, name).uniform(-bound, bound, shape)
    kernels = _kernels(cell, found, sizes, together=scheme == "keras")
    for recurrent, members in kernels:
        if scheme not in _LIKE_TORCH:
            _fill(members, scheme, recurrent, seed)
        for _, part in members if recurrent else ():
            part *= gain
    for gate in gates:
        _set(cell, gate, scheme, seed, bias, horizon, found)
    return found


def _check(
    cell: Cell,
    sizes: Mapping[str, int],
    scheme: str,
    seed: int,
    numbers: tuple[float, ...],
    horizon: int | None,
) -> None:
    if scheme not in SCHEMES:
        hint = did_you_mean(scheme, SCHEMES)
        raise DataError(
            f"there is no scheme `{scheme}`",
            mend=f"{hint}{' ' if hint else ''}The schemes are {', '.join(SCHEMES)}",
        )
    needed = dict.fromkeys(n for v in (*cell.params, *cell.states) for d in v.shape for n in d)
    for name in needed:
        if not isinstance(sizes.get(name), int | np.integer) or sizes[name] < 1:
            raise DataError(
                f"the size {name} is {sizes.get(name, 'absent')}",
                mend=f"give a whole number, at least 1, for each of {', '.join(needed)}",
            )
    if not isinstance(seed, int | np.integer) or seed < 0:
        raise DataError(f"the seed is {seed}", mend="give a whole number, 0 or larger")
    if not np.isfinite(numbers).all():
        raise DataError(
            f"gain and bias are {numbers[0]} and {numbers[1]}", mend="give finite numbers"
        )
    if scheme == "chrono" and (horizon is None or not 3 <= horizon < np.inf):
        raise DataError(
            f"the scheme chrono needs the longest memory, and the horizon is {horizon}",
            mend="give horizon, a number of steps, at least 3",
        )


def _stream(seed: int, name: str) -> np.random.Generator:
    return np.random.default_rng([seed, *name.encode()])


def _size(dims: Iterable[Dim], sizes: Mapping[str, int]) -> int:
    return math.prod(sum(sizes[n] for n in dim) for dim in dims)


Member = tuple[str, Array]  # the name of a matrix, and some of its columns, which are to be filled


def _kernels(
    cell: Cell, found: Mapping[str, Array], sizes: Mapping[str, int], *, together: bool
) -> list[tuple[bool, list[Member]]]:
    """The matrices by what their columns act on: (recurrent, members); one shape together or not.

    In ``W @ [h, x]`` the columns of h are a member of one kernel, those of x of another.
    """
    kernels: dict[tuple[object, ...], list[Member]] = {}
    for name, columns in matrices(cell).items():
        rows, dim = cell.program.variable(name).shape
        for each in columns:
            start, stop = (_size([dim[:bound]], sizes) for bound in each.bounds)
            shape = (rows, dim[slice(*each.bounds)])
            key = (each.recurrent, shape) if together else (each.recurrent, name, each.bounds)
            kernels.setdefault(key, []).append((name, found[name][:, start:stop]))
    return [(bool(recurrent), members) for (recurrent, *_), members in kernels.items()]


def _fill(members: Sequence[Member], scheme: str, recurrent: bool, seed: int) -> None:
    """Draw a kernel, the matrices of its members one above the other."""
    rows, columns = members[0][1].shape
    count = rows * len(members)
    streams = [_stream(seed, name) for name, _ in members]
    if recurrent or scheme == "normal":
        whole = np.vstack([stream.standard_normal((rows, columns)) for stream in streams])
        whole = whole / math.sqrt(columns) if scheme == "normal" else orthogonal(whole)
    else:
        limit = math.sqrt(6 / (columns + count))
        whole = np.vstack([stream.uniform(-limit, limit, (rows, columns)) for stream in streams])
    for (_, part), values in zip(members, np.split(whole, len(members)), strict=True):
        part[...] = values


def orthogonal(normals: Array) -> Array:
    """The semi-orthogonal matrix, uniform by Haar's measure, that independent normals make.

    Its columns are orthonormal, or its rows where it is wide. Source: Mezzadri 2007,
    arXiv:math-ph/0609050: the signs of R's diagonal have to be taken out of Q.

    Args:
        normals: independent N(0, 1), (m, n).
    """
    if len(normals) < len(normals.T):
        return orthogonal(normals.T).T
    q, r = np.linalg.qr(normals)
    return q * np.where(np.diag(r) < 0, -1.0, 1.0)


def _set(
    cell: Cell,
    gate: SkipGate,
    scheme: str,
    seed: int,
    bias: float,
    horizon: int | None,
    found: dict[str, Array],
) -> None:
    """Set the biases of a skip gate, and of its counterpart, by the scheme; then add ``bias``."""
    stream = _stream(seed, f"{gate.state} is kept")
    leading = _one_of_each_sum(cell, [name for name, _ in gate.biases])
    shape = found[leading[0]].shape
    keep: Array | None = None  # the logit of the skip factor, by unit
    if scheme == "chrono" and horizon is not None:
        keep = np.log(stream.uniform(1, horizon - 1, shape))
    elif scheme == "uniform_gate":
        u = (stream.integers(1 << 52, size=shape) + 0.5) / (1 << 52)  # neither 0 nor 1
        keep = np.log(u) - np.log1p(-u)
    elif scheme == "keras" and gate.counterparts:
        keep = np.ones(shape)
    signed = gate.biases if scheme == "keras" else gate.biases + gate.counterparts
    if keep is not None:
        first = _one_of_each_sum(cell, [name for name, _ in signed])
        for name, sign in signed:
            found[name][...] = sign * keep if name in first else 0.0
    for name, sign in gate.biases:
        if name in leading:
            found[name] += sign * bias


def _one_of_each_sum(cell: Cell, names: Sequence[str]) -> list[str]:
    """The names without those that are added to one before: only their sum would matter."""
    kept: list[str] = []
    for name in names:
        sums = (set(line.expr.args) for line in cell.program if isinstance(line.expr, sp.Add))
        beside = [{str(a.name) for a in s if isinstance(a, Var)} for s in sums]
        if not any(name in s and other in s for s in beside for other in kept):
            kept.append(name)
    return kept
