"""Check the arrays that a user gives, before anything is computed."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn, TypeAlias

import numpy as np
from numpy.typing import ArrayLike

from gru_sym.algebra.expr import Shape, Var
from gru_sym.cells.equations import Cell
from gru_sym.cells.naming import did_you_mean
from gru_sym.codegen.functions import Array
from gru_sym.codegen.trajectory import Trajectory
from gru_sym.derive.bptt import up_of
from gru_sym.derive.vjp import cotangent_of
from gru_sym.errors import DataError

__all__ = ["Given", "Named", "check_forward", "check_upstream"]

Named: TypeAlias = ArrayLike | Mapping[str, ArrayLike | None] | None


@dataclass(frozen=True, eq=False)
class Given:
    """The arrays of a forward pass, of one type and of shapes that agree.

    Attributes:
        values: parameters as they are, inputs (T, B, n).
        initial: initial states (B, n).
        T: the number of steps.
        B: the number of sequences.
        sizes: dimension → number.
        batched: whether the inputs came with the axis B.
        dtype: the type of all arrays.
    """

    values: dict[str, Array]
    initial: dict[str, Array]
    T: int
    B: int
    sizes: dict[str, int]
    batched: bool
    dtype: np.dtype[np.inexact]


def check_forward(cell: Cell, params: Mapping[str, ArrayLike], xs: Named, h0: Named) -> Given:
    """Check the arrays of a forward pass and bring them to one type.

    Raises:
        DataError: an array is missing, unknown, of a wrong shape or type, empty or not finite.
    """
    _refuse_inputs(params, cell)
    weights = _arrays(params, cell.params, "parameter")
    steps = None
    if cell.inputs:
        inputs = _arrays(_mapping(xs, cell.inputs, "input", "xs"), cell.inputs, "input")
    else:
        inputs, steps = {}, _number_of_steps(xs)
    given = _mapping(h0, cell.states, "state", "h0", absent=None)
    states = _arrays(given, cell.states, "state", or_none=True)

    dtype = _common_type((*weights.values(), *inputs.values(), *states.values()))
    T, B = _steps_and_batch(cell, inputs, states, steps)
    sizes = _Sizes()
    for var in cell.inputs:
        sizes.learn(inputs[var.name], var, ("T", "B") if B else ("T",))
    for var in cell.states:
        if var.name in states and states[var.name].ndim:
            batch = ("B",) if states[var.name].ndim > 1 else ()
            sizes.learn(states[var.name], var, batch)
    for var in cell.params:
        sizes.learn(weights[var.name], var, ())
    known = sizes.solved(cell.program.variables)
    for var in cell.inputs:
        sizes.check(inputs[var.name], var, {"T": T} | ({"B": B} if B else {}))
    for var in cell.states:
        array = states.get(var.name)
        if array is not None and array.ndim:
            sizes.check(array, var, {"B": B} if B and array.ndim > 1 else {})
    for var in cell.params:
        sizes.check(weights[var.name], var, {})

    rows = B or 1
    values = {name: array.astype(dtype) for name, array in weights.items()}
    for name, array in inputs.items():
        values[name] = array.reshape(T, rows, -1).astype(dtype)
    initial = {}
    for var in cell.states:
        (n,) = _numbers(var.shape, known)
        start = states.get(var.name, np.zeros(()))
        initial[var.name] = np.broadcast_to(start, (rows, n)).astype(dtype)
    return Given(values, initial, T, rows, known, B is not None, dtype)


def check_upstream(trajectory: Trajectory, hs_bar: Named) -> dict[Var, Array]:
    """The cotangent that the loss gives each output of the cell at each step, (T, B, n).

    Where nothing is given, the loss is the cell's one output beside its states, if it has one and
    that is a number; else, if it has none, the sum of the entries of the last output state.

    Raises:
        DataError: an array is unknown, of a wrong shape or type, or not finite; or nothing is
            given, and the cell has other outputs than a loss.
    """
    cell, T, B = trajectory.cell, trajectory.T, trajectory.B
    outputs = (*cell.states, *cell.extra)
    if hs_bar is None:
        hs_bar = _usual(trajectory)
    if not isinstance(hs_bar, Mapping):
        hs_bar = {str(cell.states[0].name): hs_bar}
    present = {name: array for name, array in hs_bar.items() if array is not None}
    names = {str(v.name): v for v in outputs}
    _refuse_unknown(present, names, "output")
    upstream = {}
    for name, var in names.items():
        held = (T, B, *(_numbers(var.shape, trajectory.sizes) or (1,)))
        array = _array(f"the cotangent of {name}", present.get(name, 0))
        if array.dtype.kind == "c" and trajectory.dtype.kind != "c":
            raise DataError(
                f"the cotangent of {name} is complex, the trajectory real",
                mend="give its real part",
            )
        if array.ndim:
            wanted = _seen(trajectory, var)
            if array.shape != wanted:
                axes = ("T", "B") if trajectory.batched else ("T",)
                symbols = _symbols((*((axis,) for axis in axes), *var.shape))
                raise DataError(
                    f"the cotangent of {name} must be {symbols} = {_tuple(wanted)}, "
                    f"got {_tuple(array.shape)}",
                    mend="give the cotangent of the output at every step",
                )
            array = array.reshape(held)
        target = up_of(var) if var in cell.states else cotangent_of(var)
        upstream[target] = np.broadcast_to(array, held).astype(trajectory.dtype)
    return upstream


def _usual(trajectory: Trajectory) -> Named:
    """The cotangents where nobody gives any: of the loss that the cell has, or of its last state.

    Raises:
        DataError: its further outputs are not one number, so that there is no telling.
    """
    cell = trajectory.cell
    names = [str(v.name) for v in cell.extra]
    if not names:
        last = np.zeros(_seen(trajectory, cell.states[0]))
        last[-1] = 1
        return last
    if len(names) == 1 and not cell.extra[0].shape:
        return {names[0]: 1.0}
    raise DataError(
        f"the cell has the output{'s' * (len(names) > 1)} {', '.join(names)}, and nothing says "
        "of which loss the gradients are to be",
        mend=f"give hs_bar (--cotangent), {{{names[0]!r}: …}}: the cotangent of each output that "
        "the loss depends on, or an array for the output state",
    )


def _seen(trajectory: Trajectory, var: Var) -> tuple[int, ...]:
    batch = (trajectory.B,) if trajectory.batched else ()
    return (trajectory.T, *batch, *_numbers(var.shape, trajectory.sizes))


# -- names and kinds -------------------------------------------------------------------------------


def _mapping(
    given: Named, variables: Sequence[Var], kind: str, argument: str, *, absent: Any = ...
) -> Mapping[str, ArrayLike | None]:
    """What was given as a mapping, whether it was one array or several by name."""
    if isinstance(given, Mapping):
        return given
    if given is None and absent is None:
        return dict.fromkeys((str(v.name) for v in variables), None)
    if len(variables) == 1 or (absent is None and np.asarray(given).ndim == 0):
        return dict.fromkeys((str(v.name) for v in variables), given)
    names = ", ".join(str(v.name) for v in variables)
    raise DataError(
        f"the cell has several {kind}s ({names}), and {argument} is one array",
        mend=f"give a mapping from each name to its array: {{{variables[0].name!r}: …}}",
    )


def _arrays(
    given: Mapping[str, ArrayLike | None],
    variables: Sequence[Var],
    kind: str,
    *,
    or_none: bool = False,
) -> dict[str, Array]:
    """The arrays by name, all there and no other; None is left out where it may stand."""
    if not isinstance(given, Mapping):
        raise DataError(
            f"the {kind}s must be a mapping from names to arrays, not {type(given).__name__}",
            mend=f"give {{{', '.join(repr(str(v.name)) + ': …' for v in variables)}}}",
        )
    names = [str(v.name) for v in variables]
    _refuse_unknown(given, names, kind)
    arrays = {}
    for name in names:
        value = given.get(name)
        if value is None and or_none and name in given:
            continue
        if value is None:
            others = ", ".join(names)
            raise DataError(
                f"the {kind} {name} is missing", mend=f"give all of the cell's {kind}s: {others}"
            )
        arrays[name] = _array(name, value)
    return arrays


def _refuse_unknown(given: Iterable[str], names: Iterable[str], kind: str) -> None:
    names = list(names)
    for name in given:
        if name not in names:
            there = f"the {kind}s are {', '.join(names)}" if names else f"it has no {kind}s"
            hint = did_you_mean(str(name), names)
            raise DataError(f"the cell has no {kind} {name}", mend=f"{hint} {there}".strip())


def _refuse_inputs(params: Any, cell: Cell) -> None:
    """A vector without the name of a bias is an input, and may have been meant otherwise."""
    for var in cell.inputs:
        if isinstance(params, Mapping) and var.name in params:
            names = ", ".join(v.name for v in cell.params)
            raise DataError(
                f"{var.name} is an input of the cell, not a parameter: the parameters are {names}",
                mend=f"write `# params: {var.name}` into the cell, or give it with the inputs",
            )


def _array(name: str, value: ArrayLike | None) -> Array:
    """A finite array of floating numbers."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise DataError(
            f"{name} is not an array: {error}", mend="give rows of one length"
        ) from None
    if array.dtype.kind not in "biufc":
        raise DataError(
            f"{name} holds {array.dtype}, not numbers", mend="give an array of floating numbers"
        )
    if array.dtype.kind in "biu":
        array = array.astype(np.float64)
    elif array.dtype == np.float16:
        array = array.astype(np.float32)
    finite = np.isfinite(array)
    if not finite.all():
        where = tuple(int(k) for k in np.argwhere(~finite)[0])
        at = f"[{', '.join(map(str, where))}]" if where else ""
        raise DataError(
            f"{name}{at} is {array[where]}; every number must be finite",
            mend="replace or mask what is missing or overflowed",
        )
    return array


def _common_type(arrays: Iterable[Array]) -> np.dtype[np.inexact]:
    # A single number follows the arrays, as Python's numbers do: it makes no float32 a float64.
    return np.result_type(*(a.dtype if a.ndim else a.item() for a in arrays), 0.0)


def _number_of_steps(xs: Named) -> int:
    steps = np.asarray(xs) if not isinstance(xs, Mapping) and xs is not None else np.zeros(1)
    if steps.ndim or steps.dtype.kind not in "iu":
        raise DataError(
            "the cell has no inputs, so that xs must say the number of steps",
            mend="give an integer for xs",
        )
    return int(steps)


# -- shapes ----------------------------------------------------------------------------------------


def _steps_and_batch(
    cell: Cell, inputs: Mapping[str, Array], states: Mapping[str, Array], steps: int | None
) -> tuple[int, int | None]:
    """T, and B where there is a batch."""
    first: tuple[str, tuple[int, ...]] | None = None
    for name, array in inputs.items():
        if array.ndim not in (2, 3):
            (dim,) = next(v for v in cell.inputs if v.name == name).shape
            symbol = _symbol(dim)
            raise DataError(
                f"{name} must be (T, B, {symbol}) or (T, {symbol}), got {_tuple(array.shape)}",
                mend="put time first, then the batch, then the entries",
            )
        lead = array.shape[:-1]
        if first is not None and lead != first[1]:
            raise DataError(
                f"{first[0]} has {_lead(first[1])}, but {name} has {_lead(lead)}",
                mend="give all inputs for the same steps and sequences",
            )
        first = first or (name, lead)
    if first is not None:
        lead = first[1]
        name = first[0]
    else:
        # No input says whether there is a batch: the states do.
        batches = {a.shape[0] for a in states.values() if a.ndim == 2}
        lead, name = (steps or 0, *sorted(batches)[:1]), "xs"
    for size, what in zip(lead, ("step", "sequence"), strict=False):
        if size < 1:
            raise DataError(f"{name} has no {what}", mend=f"give at least one {what}")
    return lead[0], lead[1] if len(lead) > 1 else None


def _fail_shape(
    name: str, symbols: str, wanted: tuple[int, ...], got: tuple[int, ...], mend: str
) -> NoReturn:
    raise DataError(f"{name} must be {symbols} = {_tuple(wanted)}, got {_tuple(got)}", mend=mend)


class _Sizes:
    """The sizes of the dimensions, learnt from the arrays in turn."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, str]] = {}  # dimension → its size, and who says so
        self._sums: list[tuple[tuple[str, ...], int, str]] = []

    def learn(self, array: Array, var: Var, lead: tuple[str, ...]) -> None:
        """Take the sizes from an array's own dimensions, after those of ``lead``."""
        axes = (*((axis,) for axis in lead), *var.shape)
        if array.ndim != len(axes):
            raise DataError(
                f"{var.name} must be {_symbols(axes)}, got {_tuple(array.shape)}",
                mend="give one axis for each dimension, time first, then the batch",
            )
        for dim, size in zip(var.shape, array.shape[len(lead) :], strict=True):
            if len(dim) == 1:
                self._known.setdefault(dim[0], (size, str(var.name)))
            else:
                self._sums.append((dim, size, str(var.name)))

    def solved(self, variables: Iterable[Var]) -> dict[str, int]:
        """All sizes; those that only sums tell are found by subtraction."""
        for _ in self._sums:
            for dim, size, name in self._sums:
                unknown = {d for d in dim if d not in self._known}
                if len(unknown) == 1:
                    (d,) = unknown
                    rest = size - sum(self._known[k][0] for k in dim if k != d)
                    self._known[d] = (max(rest // dim.count(d), 0), name)
        needed = {d for var in variables for dim in var.shape for d in dim}
        for d in sorted(needed - self._known.keys()):
            raise DataError(
                f"no array tells the size {d}", mend="give initial states as arrays, not numbers"
            )
        return {d: size for d, (size, _) in self._known.items()}

    def check(self, array: Array, var: Var, lead: Mapping[str, int]) -> None:
        """Raise unless an array has the shape that all sizes together say."""
        known = {d: size for d, (size, _) in self._known.items()}
        wanted = (*lead.values(), *_numbers(var.shape, known))
        if array.shape == wanted:
            return
        used = dict.fromkeys(d for dim in var.shape for d in dim)
        origin = [f"{d} = {known[d]} is from {self._known[d][1]}" for d in used]
        if "B" in lead:
            origin.append(f"B = {lead['B']} is from the inputs")
        axes = (*((axis,) for axis in lead), *var.shape)
        _fail_shape(str(var.name), _symbols(axes), wanted, array.shape, "; ".join(origin))


def _numbers(shape: Shape, sizes: Mapping[str, int]) -> tuple[int, ...]:
    return tuple(sum(sizes[name] for name in dim) for dim in shape)


def _symbol(dim: Sequence[str]) -> str:
    return " + ".join(dim)


def _symbols(shape: Iterable[Sequence[str]]) -> str:
    parts = [_symbol(dim) for dim in shape]
    return f"({', '.join(parts)}{',' if len(parts) == 1 else ''})"


def _tuple(shape: tuple[int, ...]) -> str:
    return str(tuple(int(n) for n in shape))


def _lead(lead: tuple[int, ...]) -> str:
    names = ("T", "B")[: len(lead)]
    shown = ", ".join(f"{name} = {size}" for name, size in zip(names, lead, strict=True))
    return shown if len(lead) > 1 else f"{shown} and no batch"
