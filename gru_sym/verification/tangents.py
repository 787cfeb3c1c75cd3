"""Checks of the derived tangents: the dot-product identity, and the slope of Taylor remainders.

Both hold the derived :func:`~gru_sym.derive.jvp.jvp` and :func:`~gru_sym.derive.jvp.hvp` against
what is verified and against plain values, the first in floating point, the second in many digits.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from typing import Any

import numpy as np

from gru_sym.derive.jvp import DOT, hvp, jvp
from gru_sym.derive.vjp import BAR, vjp
from gru_sym.verification.libraries import complex_numpy
from gru_sym.verification.meaning import Library, Meaning, Ranked, Values
from gru_sym.verification.point import Array, Arrays, Point
from gru_sym.verification.precise import products
from gru_sym.verification.relative import relative_error
from gru_sym.verification.tape import Floats, library_of, mapped
from gru_sym.verification.truth import NotRunError, where_real, within

__all__ = ["dot_product", "taylor"]

_DIRECTIONS = 4
_SEED = 7
_DIGITS = 300
"""Enough for what saturated gates leave of a second derivative."""
_STEPS = (30, 31)
"""Negative decimal logarithms of the two lengths ε whose remainders are compared."""
_NOTHING = Fraction(1, 10**280)
"""A remainder that is none, beside the values: f is linear along the direction."""
_MOST = 1e6


# -- ⟨J v, w⟩ = ⟨v, Jᵀ w⟩ --------------------------------------------------------------------------


def dot_product(point: Point, gradients: Arrays) -> dict[str, float]:
    """The dot-product identity ⟨J v, w⟩ = ⟨v, Jᵀ w⟩ of the derived jvp and the gradients given.

    J is the Jacobian of all outputs by one array; J v is the jvp of the cell, taken forward through
    all steps; w holds the point's cotangents, so that Jᵀ w is the gradient of that array.

    Returns:
        For each gradient ‖⟨J v, w⟩ − ⟨v, Jᵀ w⟩‖ / ‖⟨J v, w⟩‖ over several random directions v;
        not those where the tangents are not finite.
    """
    rng = np.random.default_rng(_SEED)
    meaning, library = _both(point), complex_numpy()
    found = {}
    # What does not vary with time goes through the steps side by side.
    for names in ([*point.params, *point.states], *([name] for name in point.inputs)):
        directions = {n: rng.normal(size=(_DIRECTIONS, *point.moving[n].shape)) for n in names}
        forward = _forward(point, meaning, library, directions)
        for k, (name, v) in enumerate(directions.items()):
            if np.isfinite(forward[k]).all():  # else float64 has no word on it
                back = (v * gradients[name + BAR]).reshape(_DIRECTIONS, -1).sum(-1)
                found[name + BAR] = relative_error(back, forward[k])
    return {name: found[name] for name in point.gradients if name in found}


def _forward(
    point: Point, meaning: Meaning, library: Library, directions: Mapping[str, Array]
) -> Array:
    """⟨J v, w⟩ of each array alone: tangents of all outputs, weighted and added up.

    Returns:
        (arrays, directions of each).
    """
    count = len(directions) * _DIRECTIONS
    moved = {}
    for k, (name, v) in enumerate(directions.items()):
        whole = np.zeros((count, *v.shape[1:]))
        whole[k * _DIRECTIONS : (k + 1) * _DIRECTIONS] = v
        moved[name] = whole[:, None] if name in point.params else whole
        if name in point.inputs:
            moved[name] = whole.swapaxes(0, 1)  # time stays in front
    total = np.zeros(count)
    for t, values in enumerate(_with_tangents(point, meaning, library, moved)):
        for output, after in point.outputs.items():
            bar = point.bars[output][t]
            slope = np.asarray(values[after + DOT].array) * bar
            if slope.ndim > bar.ndim:
                total += slope.reshape(count, -1).sum(-1)
    return total.reshape(len(directions), _DIRECTIONS)


def _both(point: Point) -> Meaning:
    """The cell's lines, then those of its jvp, which holds no value that no tangent needs."""
    plain = Meaning.of_cell(point.cell, point.sizes)
    tangents = Meaning.of_program(jvp(point.cell), point.sizes)
    shapes = {**plain.shapes, **tangents.shapes}
    return Meaning((*plain.lines, *tangents.lines), point.sizes, shapes)


def _with_tangents(
    point: Point, meaning: Meaning, library: Library, moved: Mapping[str, Any]
) -> Iterator[Values]:
    """The values of each step with their tangents; ``moved`` holds those that are not 0."""
    cell = point.cell
    ranks = {str(v.name): len(v.shape) for v in (*cell.params, *cell.inputs, *cell.states)}

    def both(name: str, array: Any, tangent: Any) -> Values:
        values = {name: array, name + DOT: array * 0 if tangent is None else tangent}
        return {key: Ranked(value, ranks[name]) for key, value in values.items()}

    fixed: Values = {}
    carried: Values = {}
    for name, array in point.params.items():
        fixed |= both(name, array, moved.get(name))
    for name, array in point.states.items():
        carried |= both(name, array, moved.get(name))
    for t in range(point.T):
        here: Values = {}
        for name, array in point.inputs.items():
            here |= both(name, array[t], moved[name][t] if name in moved else None)
        values = meaning.step(library, fixed | here | carried)
        yield values
        for state, after in zip(cell.states, cell.nexts, strict=True):
            for suffix in ("", DOT):
                carried[f"{state.name}{suffix}"] = values[f"{after.name}{suffix}"]


# -- Taylor remainders -----------------------------------------------------------------------------


def taylor(point: Point) -> dict[str, float]:
    """The order of Taylor's remainders with the derived jvp and hvp, in many digits.

    With a right derivative ‖f(p + εv) − f(p) − ε J v‖ falls as ε², with a wrong one as ε. Of the
    jvp, f is all outputs over one sequence, and p one array after the other; of the hvp, f is the
    vjp of its first step, gradient by gradient, and p all that it depends on.

    Returns:
        For each gradient how much of the order 2 is missing, of 2: the larger of both.

    Raises:
        NotRunError: that would be too much work, or a function has its kink here.
    """
    within(products(point) * len(point.moving), "Taylor's remainders", _MOST)
    field = _Smooth(_DIGITS)
    exact = _alone(point.sequence(0), field)
    rng = np.random.default_rng(_SEED)
    with where_real():
        first, second = _of_jvp(exact, field, rng), _of_hvp(exact, field, rng)
    return {name: max(first[name], second[name]) for name in first}


class _Smooth(Floats):
    """Numbers that are on no kink: on one, a remainder of order 1 is right."""

    def positive(self, a: Any) -> bool:
        if not a:
            raise NotRunError("the point is on a kink, where Taylor's remainders say nothing")
        return super().positive(a)


def _alone(point: Point, field: Floats) -> Point:
    """A point of one sequence, in many digits and without the axis of the sequences."""

    def numbers(array: Array) -> Any:
        return mapped(array, lambda a: field.number(Fraction(float(a))))

    return replace(
        point,
        params={name: numbers(a) for name, a in point.params.items()},
        inputs={name: numbers(a[:, 0]) for name, a in point.inputs.items()},
        states={name: numbers(a[0]) for name, a in point.states.items()},
        bars={name: numbers(a[:, 0]) for name, a in point.bars.items()},
    )


def _of_jvp(point: Point, field: Floats, rng: np.random.Generator) -> dict[str, float]:
    library = library_of(field)
    plain = Meaning.of_cell(point.cell, point.sizes)
    meaning = _both(point)

    def outputs(moving: Mapping[str, Any]) -> Any:
        steps = plain.unroll(library, point.cell, moving, point.T)
        return _flat(v[after].array for v in steps for after in point.outputs.values())

    found = {}
    start = outputs(point.moving)
    for name, array in point.moving.items():
        v = _direction(array, field, rng)
        steps = _with_tangents(point, meaning, library, {name: v})
        slopes = _flat(s[after + DOT].array for s in steps for after in point.outputs.values())
        ends = [outputs({**point.moving, name: array + v * e}) for e in _lengths(field)]
        size = max([abs(a) for a in (*start, *slopes)], default=0)
        found[name + BAR] = _missing(field, size, start, slopes, ends)
    return found


def _of_hvp(point: Point, field: Floats, rng: np.random.Generator) -> dict[str, float]:
    library, first, second = library_of(field), vjp(point.cell), hvp(point.cell)
    plain, meaning = (Meaning.of_program(program, point.sizes) for program in (first, second))
    at = {**point.params, **point.states}
    at |= {name: array[0] for name, array in point.inputs.items()}
    at |= {after + BAR: point.bars[output][0] for output, after in point.outputs.items()}
    given = {str(v.name): Ranked(at[str(v.name)], len(v.shape)) for v in first.inputs}
    v = {name: _direction(value.array, field, rng) for name, value in given.items()}
    moved = {name + DOT: Ranked(v[name], value.rank) for name, value in given.items()}

    start, tangents = plain.step(library, given), meaning.step(library, given | moved)
    ends = [
        plain.step(library, {n: Ranked(a.array + v[n] * e, a.rank) for n, a in given.items()})
        for e in _lengths(field)
    ]
    names = [str(var.name) for var in first.outputs]
    before, slopes = (
        {n: _flat([values[n + suffix].array]) for n in names}
        for values, suffix in ((start, ""), (tangents, DOT))
    )
    after = [{n: _flat([end[n].array]) for n in names} for end in ends]
    size = max(abs(a) for n in names for a in (*before[n], *slopes[n]))
    return {
        n: _missing(field, size, before[n], slopes[n], [end[n] for end in after]) for n in names
    }


def _direction(array: Any, field: Floats, rng: np.random.Generator) -> Any:
    draw = np.asarray(rng.normal(size=np.shape(array)))
    return mapped(draw, lambda a: field.number(Fraction(float(a))))


def _lengths(field: Floats) -> list[Any]:
    return [field.number(Fraction(1, 10**digits)) for digits in _STEPS]


def _flat(arrays: Iterable[Any]) -> list[Any]:
    return [a for array in arrays for a in np.ravel(np.asarray(array, object))]


def _missing(
    field: Floats, size: Any, start: list[Any], slopes: list[Any], ends: list[list[Any]]
) -> float:
    """How much the order of the remainders falls short of 2, of 2; ``size`` is that of all values.

    Those that are rounding errors of such values are none.
    """
    remainders = [
        max(abs(b - a - e * slope) for a, b, slope in zip(start, end, slopes, strict=True))
        for e, end in zip(_lengths(field), ends, strict=True)
    ]
    if remainders[0] <= size * field.number(_NOTHING):
        return 0.0
    if not remainders[1]:
        return 0.0
    order = field.context.log10(remainders[0] / remainders[1]) / (_STEPS[1] - _STEPS[0])
    return max(0.0, float(1 - order / 2))
