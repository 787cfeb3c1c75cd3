"""certified: a lag curve as balls that hold the true numbers, proved by interval arithmetic.

The cell runs forward and backward in the balls of python-flint (Johansson 2017, "Arb",
doi:10.1109/TC.2017.2690633), from the very numbers that are given. Balls swell from step to step:
the precision is doubled until they are small enough.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from gru_sym.algebra.expr import Var
from gru_sym.algebra.program import Definition, Program
from gru_sym.cells.equations import Cell
from gru_sym.codegen.arrays import Named
from gru_sym.codegen.compile import compile
from gru_sym.codegen.passes.parts import Names
from gru_sym.derive.vjp import cotangent_of
from gru_sym.errors import DataError
from gru_sym.flow.linearised import Linearised

__all__ = ["Ball", "CertifiedCurve", "certified_curve", "probed"]

MOST_BITS = 1 << 15
"""The precision at which doubling ends."""


@dataclass(frozen=True)
class Ball:
    """A number that is known to lie within ``rad`` of ``mid``; both are decimals."""

    mid: str
    rad: str


@dataclass(frozen=True, eq=False)
class CertifiedCurve:
    """Enclosures of log ‖∂L/∂state_{T-k}‖ for k = 0 … T, in nats.

    Attributes:
        balls: for each lag an enclosure, or None where none is as small as was asked for; with a
            batch a tuple for each lag, one entry a sequence.
        digits: what was asked for: a radius of at most 10^-digits, so that the norm itself is
            known to as many significant digits.
        bits: the precision that it took, or at which it was given up.
        reached: whether every ball is as small as was asked for.
        reason: why not; empty where it is.
    """

    balls: tuple[Any, ...] = field(repr=False)
    digits: int
    bits: int
    reached: bool
    reason: str


def certified_curve(
    steps: Linearised,
    cotangent: Named | ArrayLike = None,
    *,
    digits: int = 10,
    most_bits: int = MOST_BITS,
) -> CertifiedCurve:
    """The lag curve with a proof: every number holds within its radius, whatever rounding did.

    It is the curve of real arithmetic for exactly the parameters, inputs and states that are
    given. Precision begins at 64 + T bits and is doubled until the radii are at most 10^-digits.

    Args:
        steps: the linearised steps.
        cotangent: that of the state after the last step; None: ones on the output state.
        digits: significant digits of the norm, 1 or more.
        most_bits: where doubling ends.

    Raises:
        DataError: the cotangent is not of this cell's state, or ``digits`` is out of range.
        MissingLibraryError: python-flint is not installed.
    """
    if not 1 <= digits <= most_bits // 4:
        raise DataError(f"{digits} digits", mend=f"give a number from 1 to {most_bits // 4}")
    run = compile(probed(steps.cell), "arb")
    import flint  # in an extra, which the backend has asked for

    given = _Given(steps, steps.cotangent(cotangent))
    bits = min(64 + steps.T + int(digits * 3.33), most_bits)
    limit = flint.arb(10) ** -digits
    logs: list[list[Any]] = []
    while True:
        with flint.ctx.workprec(bits):
            logs, reason = _curve(run.functions, given)
            wide = any(not _small(ball, limit) for lag in logs for ball in lag)
            if (not wide and not reason) or bits == most_bits:
                break
        bits = min(2 * bits, most_bits)
    with flint.ctx.workprec(bits):
        shown = [tuple(_ball(ball, digits, limit) for ball in lag) for lag in logs]
    reached = not reason and all(ball is not None for lag in shown for ball in lag)
    if not reached and not reason:
        reason = f"with {bits} bits some radii are still larger than 1e-{digits}"
    balls = tuple(shown if steps.trajectory.batched else (lag[0] for lag in shown))
    return CertifiedCurve(balls, digits, bits, reached, reason)


def probed(cell: Cell) -> Cell:
    """The cell with an input added to each state before it is used.

    The cotangent of such an input, which is zeros, is the gradient with respect to the state at
    that step: one pass backward gives that of every lag.

    Args:
        cell: any cell.
    """
    program = cell.program
    names = Names(str(v.name) for v in program.variables)
    probes = [Var(names.fresh(f"{s.name}_probe"), s.shape) for s in cell.states]
    seen = [Var(names.fresh(f"{s.name}_seen"), s.shape) for s in cell.states]
    to = dict(zip(cell.states, seen, strict=True))
    lines = [Definition(v, s + p) for v, s, p in zip(seen, cell.states, probes, strict=True)]
    lines += [Definition(d.var, d.expr.xreplace(to)) for d in program]
    moved = Program((*program.inputs, *probes), tuple(lines), program.outputs)
    return replace(cell, program=moved, inputs=(*cell.inputs, *probes))


@dataclass(frozen=True)
class _Given:
    """What the cell is run on."""

    steps: Linearised
    cotangent: np.ndarray

    @property
    def cell(self) -> Cell:
        return probed(self.steps.cell)

    def params(self) -> dict[str, Any]:
        stored = self.steps.trajectory.stored
        return {str(v.name): stored[v.name].tolist() for v in self.steps.cell.params}

    def inputs(self) -> list[Any]:
        """All inputs, the probes as zeros; T where there are none (there are always probes)."""
        steps, stored = self.steps, self.steps.trajectory.stored
        found = [stored[v.name].tolist() for v in steps.cell.inputs]
        for state in steps.cell.states:
            found.append(np.zeros_like(stored[state.name]).tolist())
        return found

    def states(self) -> list[Any]:
        stored = self.steps.trajectory.stored
        return [stored[s.name][0].tolist() for s in self.steps.cell.states]

    def ups(self) -> list[Any]:
        """The cotangents of the states at each step, then those of further outputs: zeros."""
        steps = self.steps
        found = []
        for block in steps.blocks.values():
            up = np.zeros((steps.T, steps.B, block.stop - block.start))
            up[-1] = self.cotangent[:, block]
            found.append(up.tolist())
        for v in steps.cell.extra:
            shape = steps.trajectory.stored[v.name].shape
            whole = shape if v in steps.cell.varying else (steps.T, steps.B, *shape)
            zeros = np.zeros(whole)
            found.append((zeros if v.shape else zeros.reshape(steps.T, steps.B)).tolist())
        return found


def _curve(functions: Mapping[str, Any], given: _Given) -> tuple[list[list[Any]], str]:
    """The log-norm at each lag of each sequence, as balls; and why some are not to be had."""
    from flint import arb

    steps = given.steps
    params = given.params()
    try:
        trajectory = functions["forward"](params, *given.inputs(), *given.states())
        found = functions["backward"](params, trajectory, *given.ups())
    except ValueError as error:  # the sign of a ball around a kink
        return [[arb("nan")] * steps.B for _ in range(steps.T + 1)], str(error)
    probes = given.cell.inputs[len(steps.cell.inputs) :]
    bars = [found[str(cotangent_of(probe).name)] for probe in probes]
    last = [[arb(float(x)) for x in row] for row in given.cotangent]
    logs = [[_log_norm(row) for row in last]]
    for t in range(steps.T - 1, -1, -1):
        logs.append([_log_norm([x for bar in bars for x in bar[t][b]]) for b in range(steps.B)])
    return logs, ""


def _log_norm(row: Sequence[Any]) -> Any:
    from flint import arb

    square = sum((x * x for x in row), arb(0))
    if square == 0:
        return -arb("inf")
    return square.log() / 2 if square > 0 else arb("nan")


def _small(ball: Any, limit: Any) -> bool:
    return bool(ball.rad() <= limit) or ball == -(ball.__class__("inf"))


def _ball(ball: Any, digits: int, limit: Any) -> Ball | None:
    """Decimals whose ball holds this one; None where it is too wide."""
    kind = ball.__class__
    if ball == -kind("inf"):
        return Ball("-inf", "0")
    if not ball.is_finite() or not ball.rad() <= limit:
        return None
    whole = max(len(str(abs(int(float(ball.mid()))))), 1)
    mid = ball.mid().str(whole + digits + 3, radius=False)
    rad = (ball - kind(mid)).abs_upper()
    return Ball(mid, _upward(float(rad)))


def _upward(value: float) -> str:
    """Three digits, no less than the value."""
    return f"{np.nextafter(value, np.inf) * 1.01:.2e}"
