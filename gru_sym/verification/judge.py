"""judge: what the oracles say at a point, gathered once, and code held against it.

The two are apart, since what the oracles say does not depend on the code: many versions of it may
be judged by one evidence.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from math import inf
from typing import Any

import numpy as np

from gru_sym.cells.equations import Cell
from gru_sym.codegen.compile import Compiled
from gru_sym.codegen.trajectory import Trajectory
from gru_sym.derive.vjp import BAR
from gru_sym.verification.oracles import Oracle
from gru_sym.verification.point import Array, Point
from gru_sym.verification.regimes import Regime, check_finite
from gru_sym.verification.relative import relative_error
from gru_sym.verification.report import TOLERANCE, Judgement
from gru_sym.verification.scalars import scalar_point
from gru_sym.verification.tape import mapped
from gru_sym.verification.truth import NotRunError, NoValueError, Truth

__all__ = ["Evidence", "evidence", "gathered", "judged"]

_SMALLEST = 1e-290
"""Where the largest entry of a gradient is smaller, float64 has no digits left for the others."""

_NOTHING = 1e-40
"""What is smaller than this beside all values is 0 in 50 digits."""

FORWARD = "the forward pass"
"""What stands for all values, where gradients are named."""

SCALAR = Regime("scalar", "single entries, sizes of 1 and 2", scalar_point)


@dataclass(frozen=True, eq=False)
class Evidence:
    """What the oracles say at a point.

    Attributes:
        regime: the point's regime.
        point: the point; None where the regime has none for this cell.
        truths: oracle → the gradients that it computed.
        derived: oracle → its own measure of each gradient.
        identities: the oracles that need the gradients first.
        not_run: oracle → why it says nothing.
    """

    regime: Regime
    point: Point | None
    truths: Mapping[str, Truth]
    derived: Mapping[str, Mapping[str, float]]
    identities: tuple[Oracle, ...]
    not_run: Mapping[str, str]


def evidence(
    cell: Cell,
    oracles: Iterable[Oracle],
    regimes: Iterable[Regime],
    seed: int = 0,
    tell: Callable[[str], None] | None = None,
) -> list[Evidence]:
    """What the oracles say in each regime; those of single entries at a point of their own."""
    rows = list(oracles)
    apart = [row for row in rows if row.scalar]
    usual = [row for row in rows if not row.scalar]
    pairs = [(regime, usual) for regime in regimes] if usual else []
    pairs += [(SCALAR, apart)] if apart else []
    found = []
    for regime, those in pairs:
        try:
            point = regime.point(cell, seed)
            if regime.drawn:
                check_finite(point)
        except NotRunError as reason:
            found.append(Evidence(regime, None, {}, {}, (), {o.name: str(reason) for o in those}))
            continue
        found.append(gathered(regime, point, those, tell))
    return found


def gathered(
    regime: Regime,
    point: Point,
    oracles: Iterable[Oracle],
    tell: Callable[[str], None] | None = None,
) -> Evidence:
    """What the oracles say at a point."""
    truths: dict[str, Truth] = {}
    derived: dict[str, Mapping[str, float]] = {}
    identities = []
    not_run = {}
    rows = list(oracles)
    for oracle in rows:
        if tell is not None:
            tell(f"{regime.name}: {oracle.name}")
        try:
            with np.errstate(all="ignore"):
                if oracle.truth is not None:
                    truths[oracle.name] = _representable(oracle.truth(point))
                elif oracle.derived is not None:
                    derived[oracle.name] = oracle.derived(point)
                else:
                    identities.append(oracle)
        except NoValueError as reason:
            return Evidence(regime, point, {}, {}, (), {row.name: str(reason) for row in rows})
        except NotRunError as reason:
            not_run[oracle.name] = str(reason)
        except (ImportError, MemoryError) as error:
            not_run[oracle.name] = f"{type(error).__name__}: {error}"
    return Evidence(regime, point, truths, derived, tuple(identities), not_run)


def _representable(truth: Truth) -> Truth:
    for name, gradient in truth.gradients.items():
        if not np.isfinite(gradient).all():
            raise NotRunError(f"{name} is not finite in float64")
    return truth


def judged(run: Compiled, found: Evidence, oracles: Mapping[str, Oracle]) -> Judgement:
    """Hold code against what the oracles say.

    Args:
        run: the code.
        found: the evidence.
        oracles: the rows by name, for what they are and what they allow.
    """
    point, regime = found.point, found.regime
    if point is None:
        return Judgement(regime.name, regime.words, {}, 0, 0, not_run=found.not_run)
    about: dict[str, Any] = {"sizes": point.sizes, "T": point.T, "B": point.B}
    try:
        with np.errstate(all="ignore"):
            trajectory, raw = run.gradients(
                point.params, point.inputs or point.T, point.states, point.bars
            )
            gradients = {name: _as_floats(array) for name, array in raw.items()}
            values = _values(trajectory)
    except Exception as error:  # whatever generated code may raise is a finding
        fault = f"{type(error).__name__}: {error}"
        return Judgement(regime.name, regime.words, **about, fault=fault, not_run=found.not_run)
    if gradients.keys() != set(point.gradients):
        others = sorted(gradients.keys() ^ set(point.gradients))
        fault = f"the gradients are not those of the cell: {', '.join(others)}"
        return Judgement(regime.name, regime.words, **about, fault=fault, not_run=found.not_run)
    exact = next((t for n, t in found.truths.items() if oracles[n].exact), None)
    small = () if exact is None else _below_float64(exact)
    errors = {
        name: _without(_errors(gradients, truth, oracles[name].exact), small)
        for name, truth in found.truths.items()
    }
    for oracle in found.identities:
        assert oracle.identity is not None
        with np.errstate(all="ignore"):
            errors[oracle.name] = _without(_identity(oracle, point, gradients), small)
    errors |= {name: dict(of) for name, of in found.derived.items()}
    forward = {
        name: _forward(values, truth, oracles[name].exact)
        for name, truth in found.truths.items()
        if truth.values
    }
    inexact = _inexact(errors, forward, found, oracles)
    return Judgement(
        regime.name,
        regime.words,
        **about,
        errors={name: _without(of, inexact.get(name, {})) for name, of in errors.items()},
        forward={n: error for n, error in forward.items() if FORWARD not in inexact.get(n, {})},
        inexact=inexact,
        ulps=_ulps(gradients, found),
        not_run=found.not_run,
    )


def _without(of: Mapping[str, float], names: Iterable[str]) -> dict[str, float]:
    return {name: error for name, error in of.items() if name not in names}


def _as_floats(array: Any) -> Array:
    """Float64, also of the numbers of a backend that computes number by number.

    Raises:
        TypeError: they are complex.
    """
    if array.dtype.kind == "c":
        raise TypeError(f"values of the type {array.dtype} at real arrays")
    if array.dtype != object:
        return np.asarray(array, np.float64)
    floats: Array = np.asarray(mapped(array, float), np.float64)
    return floats


def _values(trajectory: Trajectory) -> dict[str, Array]:
    return {name: _as_floats(np.asarray(a)) for name, a in trajectory.values.items()}


# -- relative errors -------------------------------------------------------------------------------


def _errors(gradients: Mapping[str, Array], truth: Truth, exact: bool) -> dict[str, float]:
    """The relative error of each gradient.

    One that is 0 for certain is held against all gradients together.
    """
    largest = {name: _largest(array) for name, array in truth.gradients.items()}
    every = max(largest.values(), default=0.0)
    return {
        name: _largest(gradients[name]) / every
        if exact and every and not largest[name]
        else _distance(gradients[name], right)
        for name, right in truth.gradients.items()
    }


def _forward(values: Mapping[str, Array], truth: Truth, exact: bool) -> float:
    """The largest relative error of a value; one that is 0 for certain is held against all."""
    every = max(map(_largest, truth.values.values()))
    return max(
        _largest(values[name]) / every
        if exact and every and _largest(right) < _NOTHING * every
        else _distance(values.get(name), right)
        for name, right in truth.values.items()
    )


def _largest(array: Array) -> float:
    """The largest size of an entry; infinite where one is not finite."""
    return float(np.abs(array).max(initial=0)) if np.isfinite(array).all() else inf


def _below_float64(exact: Truth) -> list[str]:
    """The gradients that are not 0, but of which float64 has no digits."""
    return [n for n, a in exact.gradients.items() if 0 < _largest(a) < _SMALLEST]


def _distance(found: Array | None, right: Array) -> float:
    """The relative error; infinite where there is nothing, or of another shape."""
    return inf if found is None or found.shape != right.shape else relative_error(found, right)


def _identity(oracle: Oracle, point: Point, gradients: Mapping[str, Array]) -> dict[str, float]:
    shapes = {name + BAR: array.shape for name, array in point.moving.items()}
    if any(name not in gradients or gradients[name].shape != s for name, s in shapes.items()):
        return dict.fromkeys(shapes, inf)
    if not all(np.isfinite(a).all() for a in gradients.values()):
        return dict.fromkeys(shapes, inf)
    assert oracle.identity is not None
    return oracle.identity(point, gradients)


def _inexact(
    errors: Mapping[str, Mapping[str, float]],
    forward: Mapping[str, float],
    found: Evidence,
    oracles: Mapping[str, Oracle],
) -> dict[str, dict[str, float]]:
    """Where an oracle in float64 differs, and one of more digits says that the code is right.

    Then it is the oracle that is off, by the error given: of a gradient, or of the forward pass.
    """
    best = next((n for n in errors if oracles[n].exact and n in found.truths), None)
    if best is None:
        return {}
    blamed: dict[str, dict[str, float]] = {}
    for name, of in errors.items():
        if oracles[name].exact or oracles[name].derived is not None:
            continue
        for gradient, error in of.items():
            if error < TOLERANCE or not errors[best].get(gradient, inf) < TOLERANCE:
                continue
            own = error  # of an identity: the other side of it is what is off
            if name in found.truths:
                own = relative_error(
                    found.truths[name].gradients[gradient], found.truths[best].gradients[gradient]
                )
            blamed.setdefault(name, {})[gradient] = own
        if forward.get(name, 0.0) >= TOLERANCE > forward.get(best, inf):
            blamed.setdefault(name, {})[FORWARD] = forward[name]
    return blamed


# -- units in the last place -----------------------------------------------------------------------


def _ulps(gradients: Mapping[str, Array], found: Evidence) -> dict[str, float]:
    """Gradient → how far it is from the true one at most, in ulp of its largest entry."""
    certified = next((truth for truth in found.truths.values() if truth.balls), Truth({}))
    ulps = {}
    for name, array in certified.balls.items():
        own, right = gradients.get(name), certified.gradients[name]
        if own is None or own.shape != array.shape:
            continue
        unit = float(np.spacing(np.abs(right).max(initial=0)))
        if np.isfinite(own).all() and right.any():
            ulps[name] = max(map(_apart, own.flat, array.flat), default=0.0) / unit
        else:
            ulps[name] = 0.0 if not own.any() else inf
    return ulps


def _apart(number: Any, ball: Any) -> float:
    """At most how far a number is from what a ball holds."""
    return float((ball - float(number)).abs_upper())
