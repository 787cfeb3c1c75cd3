"""parameters: how much of a parameter's gradient comes from each lag, and by which path.

∂L/∂W is a sum over steps; the term of the step from lag k + 1 to lag k is what the loss says about
W through that step alone. Heat maps of these terms show where in time, and at which units, a
network learns.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike

from gru_sym.algebra.expr import Var, variables_of
from gru_sym.cells.equations import Cell
from gru_sym.codegen.arrays import Named
from gru_sym.codegen.compile import Compiled, compile
from gru_sym.codegen.functions import Array
from gru_sym.codegen.trajectory import Trajectory
from gru_sym.derive.vjp import BAR
from gru_sym.flow.lags import Adjoint, adjoint
from gru_sym.flow.linearised import Linearised
from gru_sym.flow.paths import departing, ordered
from gru_sym.flow.scaled import LN2

__all__ = [
    "ParameterFlow",
    "ParameterShares",
    "gates_of",
    "parameter_flow",
    "parameters_by_family",
    "parameters_by_order",
]


@dataclass(frozen=True, eq=False)
class ParameterFlow:
    """The terms of each parameter's gradient, by the lag of their step; logarithms in nats.

    The gradients are sums over the sequences of a batch.

    Attributes:
        gates: parameter → the gates, or other definitions with a role, that it acts on.
        log_norm: parameter → log ‖term‖ (T,); index k is the step from lag k + 1 to lag k.
        shares: parameter → ⟨term, G⟩ / ‖G‖² with G = ∂L/∂W the sum of all, (T,): they add up to 1
            and may be negative; NaN where G is 0.
        by_unit: parameter → log of the norm of each unit's row of the term, (T, n).
        total: parameter → ∂L/∂W itself.
    """

    gates: Mapping[str, tuple[str, ...]]
    log_norm: Mapping[str, Array] = field(repr=False)
    shares: Mapping[str, Array] = field(repr=False)
    by_unit: Mapping[str, Array] = field(repr=False)
    total: Mapping[str, Array] = field(repr=False)

    def by_gate(self) -> dict[str, Array]:
        """Gate → log of the norm of all its parameters' terms together, (T,)."""
        found: dict[str, Array] = {}
        for name, gates in self.gates.items():
            for gate in gates:
                twice = 2 * self.log_norm[name]
                found[gate] = np.logaddexp(found[gate], twice) if gate in found else twice
        return {gate: twice / 2 for gate, twice in found.items()}


@dataclass(frozen=True, eq=False)
class ParameterShares:
    """Each parameter's gradient by lag and by path.

    Attributes:
        paths: what the columns are: orders (``"0"``, ``"1"``, … ``"8+"``), or families.
        shares: parameter → ⟨term, G⟩ / ‖G‖² (T, number of columns); they add up to 1.
    """

    paths: tuple[str, ...]
    shares: Mapping[str, Array] = field(repr=False)


def parameter_flow(
    steps: Linearised, cotangent: Named | ArrayLike = None, *, back: Adjoint | None = None
) -> ParameterFlow:
    """The gradient of each parameter by lag: O(T) gradients of one step.

    Args:
        steps: the linearised steps.
        cotangent: that of the state after the last step; None: ones on the output state.
        back: the adjoint, where it is at hand.

    Raises:
        DataError: the cotangent is not of this cell's state.
    """
    back = adjoint(steps, cotangent) if back is None else back
    one = _OneStep.of(steps)
    names = one.names
    total = _total(one, back)
    norms: dict[str, list[float]] = {name: [] for name in names}
    units: dict[str, list[Array]] = {name: [] for name in names}
    shares = {name: np.zeros(steps.T) for name in names}
    for k in range(steps.T):
        level, grads = one.gradients(k, back.rows[k], back.exponent[k])
        for name, grad in grads.items():
            rows = grad.reshape(grad.shape[0], -1) if grad.ndim else grad.reshape(1, 1)
            with np.errstate(divide="ignore"):
                unit = 0.5 * np.log(np.square(rows).sum(axis=1)) + LN2 * level
                units[name].append(unit)
                norms[name].append(0.5 * float(np.log(np.square(rows).sum())) + LN2 * level)
            shares[name][k] = _share(grad, level, *total[name])
    return ParameterFlow(
        gates_of(steps.cell),
        {name: np.array(values) for name, values in norms.items()},
        shares,
        {name: np.array(values) for name, values in units.items()},
        {name: np.ldexp(value, level) for name, (value, level) in total.items()},
    )


def parameters_by_order(
    steps: Linearised, cotangent: Named | ArrayLike = None, *, most: int = 8
) -> ParameterShares:
    """The gradient of each parameter by lag and by the number of steps that are not the skip.

    Args:
        steps: the linearised steps.
        cotangent: that of the state after the last step; None: ones on the output state.
        most: the last order, which holds all that are higher.

    Raises:
        DataError: the cotangent is not of this cell's state, or ``most`` is no number of steps.
    """
    rows = ordered(steps, steps.cotangent(cotangent), most)
    most = min(most, steps.T)
    names = [str(k) for k in range(most + 1)]
    if most < steps.T:
        names[-1] += "+"
    return _by_path(steps, cotangent, rows, tuple(names))


def parameters_by_family(steps: Linearised, cotangent: Named | ArrayLike = None) -> ParameterShares:
    """The gradient of each parameter by lag and by the family by which it first leaves the skip.

    Args:
        steps: the linearised steps.
        cotangent: that of the state after the last step; None: ones on the output state.

    Raises:
        DataError: the cotangent is not of this cell's state.
    """
    rows = departing(steps, steps.cotangent(cotangent))
    names = steps.names if steps.skip is not None else (*steps.names, "skip")
    return _by_path(steps, cotangent, rows, names)


def gates_of(cell: Cell) -> dict[str, tuple[str, ...]]:
    """Parameter → what it acts on first: gates and other definitions with a role.

    Where the text gives no roles, the definitions by an activation, and the next states.

    Args:
        cell: any cell.

    >>> from gru_sym import cells
    >>> found = gates_of(cells.fastgrnn)
    >>> found["b_z"], found["U"]
    (('z',), ('z', 'h_tilde'))
    """
    program = cell.program
    ends = {v for v in program.variables if v.name in cell.roles} | set(cell.nexts)
    if not cell.roles:
        written = {d.name for d in cell.document.definitions}
        active = {d.var for d in program if d.expr.is_Function and d.name in written}
        ends |= active
    users: dict[Var, list[Var]] = {}
    for d in program:
        for v in variables_of(d.expr):
            users.setdefault(v, []).append(d.var)
    order = {v: k for k, v in enumerate(program.variables)}

    def reached(var: Var) -> set[Var]:
        found: set[Var] = set()
        for user in users.get(var, ()):
            found |= {user} if user in ends else reached(user)
        return found

    return {
        str(v.name): tuple(str(e.name) for e in sorted(reached(v), key=order.__getitem__))
        for v in cell.params
    }


# -- one step at a time ----------------------------------------------------------------------------


@dataclass(frozen=True, eq=False)
class _OneStep:
    """The gradients of the parameters through single steps of a trajectory."""

    steps: Linearised
    run: Compiled
    names: tuple[str, ...]

    @classmethod
    def of(cls, steps: Linearised) -> "_OneStep":
        names = tuple(str(v.name) for v in steps.cell.params)
        return cls(steps, compile(steps.cell), names)

    def gradients(self, k: int, rows: Array, exponent: Array) -> tuple[int, dict[str, Array]]:
        """Those of the step from lag k + 1 to lag k, as mantissas, and their exponent of two.

        Args:
            k: the lag after the step.
            rows: the cotangent of the state there, (B, S), as mantissas.
            exponent: of each sequence, (B,).
        """
        level = int(exponent.max())
        rows = np.ldexp(rows, (exponent - level)[:, None])
        ups = {name: rows[None, :, block] for name, block in self.steps.blocks.items()}
        found = self.run.backward(_at(self.steps.trajectory, self.steps.T - 1 - k), ups)
        return level, {name: found[name + BAR] for name in self.names}


def _at(trajectory: Trajectory, t: int) -> Trajectory:
    """A trajectory of one step; what varies, and that alone, has three axes."""
    stored = {
        name: array[t : t + 1] if array.ndim == 3 else array
        for name, array in trajectory.stored.items()
    }
    return replace(trajectory, T=1, batched=True, stored=stored)


def _total(one: _OneStep, back: Adjoint) -> dict[str, tuple[Array, int]]:
    """The whole gradient of each parameter, as mantissas with one exponent."""
    found: dict[str, tuple[Array, int]] = {}
    for k in range(one.steps.T):
        level, grads = one.gradients(k, back.rows[k], back.exponent[k])
        for name, grad in grads.items():
            if name not in found:
                found[name] = (np.array(grad), level)
                continue
            sum_, top = found[name]
            high = max(top, level)
            found[name] = (np.ldexp(sum_, top - high) + np.ldexp(grad, level - high), high)
    return found


def _share(term: Array, level: int, total: Array, top: int) -> float:
    """⟨term, total⟩ / ‖total‖², each with its exponent."""
    square = float(np.square(total).sum())
    if not square:
        return float("nan")
    return float(np.ldexp(float((term * total).sum()) / square, level - top))


def _by_path(
    steps: Linearised,
    cotangent: Named | ArrayLike,
    rows: Iterable[tuple[Array, Array]],
    names: tuple[str, ...],
) -> ParameterShares:
    one = _OneStep.of(steps)
    total = _total(one, adjoint(steps, cotangent))
    shares = {name: np.zeros((steps.T, len(names))) for name in one.names}
    for k, (parts, exponent) in enumerate(_first(rows, steps.T)):
        for column, part in enumerate(parts[: len(names)]):
            if part.any():
                level, grads = one.gradients(k, part, exponent)
                for name, grad in grads.items():
                    shares[name][k, column] = _share(grad, level, *total[name])
    return ParameterShares(names, shares)


def _first(rows: Iterable[tuple[Array, Array]], count: int) -> Iterator[tuple[Array, Array]]:
    for k, each in enumerate(rows):
        if k == count:
            return
        yield each
