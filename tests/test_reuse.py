"""reuse: a step that is run on arrays placed as `Places` says computes what it computes apart.

The interpreter here shares nothing with the printers: it reads and writes views of memory, one line
of the step after the other, and compares with values that each have a place of their own.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.algebra.expr import Var
from gru_sym.algebra.nodes import Concat, Slice
from gru_sym.algebra.program import Definition, Scan
from gru_sym.cells import Cell
from gru_sym.codegen.passes.defer import defer
from gru_sym.codegen.passes.hoist import compose, hoist
from gru_sym.codegen.passes.inline import inline
from gru_sym.codegen.passes.reuse import Places, reuse
from gru_sym.codegen.passes.stack import stack
from gru_sym.codegen.plan import Plan, plan
from gru_sym.prove.evaluate import Floats, evaluate
from tests.scans import both, every_cell, free, plain

Array = Any
T = 3
LENGTHS = (2, 3, 4, 5, 1)
PASSES = (compose, defer, hoist, stack, inline)


class Run:
    """A Scan on random numbers, one sequence of T steps.

    ``apart`` holds each value of each step in a place of its own: what is right.
    """

    def __init__(self, scan: Scan, kept: frozenset[Var], rng: np.random.Generator) -> None:
        self.scan = scan
        carried = {v for pair in scan.carry for v in pair}
        given = sorted(free(scan), key=lambda v: str(v.name))
        names = dict.fromkeys(
            n
            for part in (scan.origin, scan.before, scan.step)
            for v in part.variables
            for dim in v.shape
            for n in dim
        )
        self.sizes = {n: LENGTHS[k % len(LENGTHS)] for k, n in enumerate(names)}
        own = {d.var for d in (*scan.before, *scan.step)}
        self.wanted = (kept | set(scan.after.inputs)) & (own | carried) & scan.sequences
        self.given = {v: self.numbers(rng, v, steps=T if v in scan.sequences else 0) for v in given}
        self.first = {enter: self.numbers(rng, enter) for enter, _ in scan.carry}
        self.turns = range(T)[::-1] if scan.reverse else range(T)
        self.apart = self._apart()

    def shape(self, var: Var) -> tuple[int, ...]:
        return tuple(sum(self.sizes[n] for n in dim) for dim in var.shape)

    def numbers(self, rng: np.random.Generator, var: Var, steps: int = 0) -> Array:
        """Positive, for roots: backprop is run on any numbers, not on those of a forward pass."""
        shape = (steps, *self.shape(var)) if steps else self.shape(var)
        return np.asarray(rng.uniform(0.2, 1.2, size=shape)).astype(object)

    def at(self, var: Var, t: int) -> Array:
        """What is given, at one step."""
        return self.given[var][t, ...] if var in self.scan.sequences else self.given[var]

    def value(self, d: Definition, values: Mapping[Var, Array]) -> Array:
        return np.array(evaluate(plain(d.expr), d.var.shape, values, self.sizes, Floats()))

    def _apart(self) -> list[dict[Var, Array]]:
        found: list[dict[Var, Array]] = [{} for _ in range(T)]
        carry = dict(self.first)
        for t in self.turns:
            values = {v: self.at(v, t) for v in self.given} | carry
            for d in (*self.scan.before, *self.scan.step):
                values[d.var] = self.value(d, values)
            carry = {enter: values[leave] for enter, leave in self.scan.carry}
            found[t] = values
        return found


class Memory:
    """The arrays of a loop, and which of them each variable is a view of."""

    def __init__(self, run: Run, places: Places) -> None:
        scan = self.scan = run.scan
        self.run, self.places = run, places
        self.under = {w: v for v, w in places.over.items()}
        self.ahead = {d.var: d for d in scan.before if d.var in scan.sequences}
        self.moving = {d.var for d in scan.step if d.var in scan.sequences}
        enters = [enter for enter, _ in scan.carry]
        self.all_t = {v: self._new(v, T) for v in (*places.stored, *self.ahead)}
        self.both = {enter: self._new(enter, T + 1) for enter in places.rolled}
        self.one = {v: self._new(v) for v in (*places.scratch, *enters)}
        self.left_of = {leave: enter for enter, leave in places.rolled.items()}

    def _new(self, var: Var, *lead: int) -> Array:
        return np.full((*lead, *self.run.shape(var)), np.nan, dtype=object)

    def __call__(self, var: Var, t: int) -> Array:
        """The memory of a variable at step t."""
        places, later = self.places, int(not self.scan.reverse)
        if var in places.parts:
            whole, start, stop = places.parts[var]
            return self(whole, t)[self._cut(whole, start, stop)]
        if var in places.over:
            return self(places.over[var], t)
        if var in self.ahead:
            d = self.ahead[var]
            if var in self.under and self.under[var] in places.parts:
                return self(self.under[var], t)
            if isinstance(d.expr, Slice) and d.expr.args[0] in self.ahead:
                return self(d.expr.args[0], t)[self._cut(d.expr.args[0], *d.expr.bounds)]
            return self.all_t[var][t, ...]
        if var in self.left_of:
            return self.both[self.left_of[var]][t + later, ...]
        if var in self.both:
            return self.both[var][t + 1 - later, ...]
        if var in places.kept_in:
            return self.one[places.kept_in[var]]
        return self.all_t[var][t, ...] if var in places.stored else self.one[var]

    def _cut(self, whole: Var, start: int, stop: int) -> slice:
        (dim,) = whole.shape
        return slice(*(sum(self.run.sizes[n] for n in dim[:k]) for k in (start, stop)))

    def read(self, t: int) -> dict[Var, Array]:
        """Every value as it now is in memory; what does not vary has no place there."""
        enters = {enter for enter, _ in self.scan.carry}
        known = {v: self.run.at(v, t) for v in self.run.given}
        for d in (*self.scan.before, *self.scan.step):
            if d.var not in self.scan.sequences:
                known[d.var] = self.run.apart[t][d.var]
        return known | {v: self(v, t) for v in (*self.ahead, *self.moving, *enters)}


def is_view(d: Definition, places: Places) -> bool:
    """Whether nothing is computed: the value is a part of another, or all its parts are there."""
    if isinstance(d.expr, Slice):
        return d.var in places.parts
    whole = {places.parts[v][0] for v in d.expr.args if v in places.parts}
    return isinstance(d.expr, Concat) and d.var in whole


def check(run: Run, places: Places) -> None:
    """Run the loop in its memory. Raises AssertionError where a value is another than it should."""
    scan, memory = run.scan, Memory(run, places)
    for d in scan.before:
        for t in range(T):
            if d.var in memory.ahead:
                memory(d.var, t)[...] = run.value(d, memory.read(t))
    seen: dict[Var, list[Array]] = {v: [None] * T for v in run.wanted}
    for t in run.turns:
        for enter, _ in scan.carry:
            if t == run.turns[0]:
                memory(enter, t)[...] = run.first[enter]
            if enter in seen:
                seen[enter][t] = memory(enter, t).copy()
        for d in scan.step:
            if d.var not in memory.moving:
                continue
            value = run.value(d, memory.read(t))
            if is_view(d, places):
                assert np.array_equal(memory(d.var, t), value), f"{d.name} is no view"
            else:
                memory(d.var, t)[...] = value
            assert np.array_equal(value, run.apart[t][d.var]), f"{d.name} has read what is gone"
        for enter, leave in scan.carry:
            if enter not in places.rolled and leave not in places.kept_in:
                memory.one[enter][...] = memory.read(t)[leave]
    for t in range(T):
        for v in run.wanted:
            apart = v in memory.one and v not in places.rolled and v not in places.scratch
            found = seen[v][t] if apart and v not in memory.moving else memory(v, t)
            assert np.array_equal(found, run.apart[t][v]), f"{v.name} is gone after the loop"


def runs(made: Plan, rng: np.random.Generator) -> list[tuple[Run, Places]]:
    forward, backward = both(made)
    kept = frozenset(made.kept)
    return [
        (Run(forward, kept, rng), reuse(forward, kept)),
        (Run(backward, frozenset(), rng), reuse(backward, frozenset())),
    ]


@pytest.mark.parametrize(
    "passes", [(), (hoist,), PASSES[:3], PASSES], ids=["none", "hoist", "three", "all"]
)
@every_cell
def test_in_its_places_a_step_computes_the_same(
    cell: Cell, passes: tuple[Callable[[Scan], Scan], ...], rng: np.random.Generator
) -> None:
    for run, places in runs(plan(cell, passes), rng):
        check(run, places)


@pytest.mark.parametrize(
    "text",
    [
        "c_next = h\nh_next = c",
        "m_next = c\nc_next = h\nh_next = tanh(W @ x + U @ m)",
        "c_next = tanh(W @ x + U @ h)\nh_next = c_next * c + h",
        "z = sigmoid(W @ x + U @ h)\nh_next = z * h + (1 - z) * c\nc_next = z * c + (1 - z) * h",
        "h_next = sigmoid(W @ x + U @ c)\nc_next = (1 - h_next) * c",
        "z = sigmoid(W @ [h, x, h])\nh_next = z * h + V @ [x, z]",
    ],
)
def test_states_that_pass_on_each_other(text: str, rng: np.random.Generator) -> None:
    for passes in ((), PASSES):
        for run, places in runs(plan(Cell.parse(text), passes), rng):
            check(run, places)


@every_cell
def test_every_value_has_one_place(cell: Cell) -> None:
    made = plan(cell, PASSES)
    for scan, kept in ((made.forward, frozenset(made.kept)), (made.backward, frozenset())):
        places = reuse(scan, kept)
        kinds = [places.stored, places.scratch, places.parts, places.over]
        kinds += [places.rolled.values(), places.kept_in]
        for d in scan.step:
            homes = sum(d.var in kind for kind in kinds)
            assert homes == 1 or (homes == 2 and d.var in places.parts and d.var in places.over)
        assert not set(places.over.values()) & kept
        for v in places.parts:
            assert places.root(v) not in places.parts


def test_gru_in_its_places() -> None:
    """The backward loop of the GRU: one array in two uses, one stack, nothing stored twice."""
    _, backward = both(plan(cells.gru, PASSES))
    places = reuse(backward, frozenset())
    v = {d.name: d.var for d in backward.step}
    assert places.stored == (v["a_z_r_bar"],)
    assert places.scratch == (v["h_next_bar"], v["h_r_bar"])
    assert {part.name: bounds for part, (_, *bounds) in places.parts.items()} == {
        "a_z_bar": [0, 1],
        "a_r_bar": [1, 2],
    }
    assert {str(a.name): str(b.name) for a, b in places.over.items()} == {
        "a_h_tilde_bar": "dh_next_da_h_tilde",
        "a_z_bar": "dh_next_da_z",
        "a_r_bar": "dh_r_da_r",
    }
    assert [str(a.name) for a in places.kept_in] == ["h_bar"]


# -- wrong places are seen ---------------------------------------------------------------------


def placed(
    text: str, rng: np.random.Generator, *passes: Callable[[Scan], Scan]
) -> tuple[Run, Places, dict[str, Var]]:
    run, places = runs(plan(Cell.parse(text), passes), rng)[0]
    check(run, places)
    return run, places, {d.name: d.var for d in (*run.scan.before, *run.scan.step)}


GRU = cells.gru.text


def test_a_value_in_scratch_that_is_wanted_later(rng: np.random.Generator) -> None:
    run, places, v = placed(GRU, rng)
    stored = tuple(w for w in places.stored if w != v["z"])
    wrong = replace(places, stored=stored, scratch=(*places.scratch, v["z"]))
    with pytest.raises(AssertionError, match="z is gone after the loop"):
        check(run, wrong)


def test_two_values_in_one_array(rng: np.random.Generator) -> None:
    run, places, v = placed(GRU, rng)
    wrong = replace(places, parts={v["r"]: (v["z"], 0, 1)})
    with pytest.raises(AssertionError, match="h_next has read what is gone"):
        check(run, wrong)


def test_parts_in_another_order(rng: np.random.Generator) -> None:
    run, places, v = placed(GRU, rng, *PASSES)
    parts = dict(places.parts)
    parts[v["z"]], parts[v["r"]] = parts[v["r"]], parts[v["z"]]
    with pytest.raises(AssertionError, match="is no view"):
        check(run, replace(places, parts=parts))


def test_a_state_that_is_overwritten_too_early(rng: np.random.Generator) -> None:
    run, places, v = placed("h_next = tanh(W @ x + U @ h)\nc_next = c * h", rng)
    enter = next(e for e, leave in run.scan.carry if leave == v["h_next"])
    rolled = {e: leave for e, leave in places.rolled.items() if e != enter}
    with pytest.raises(AssertionError, match="c_next has read what is gone"):
        check(run, replace(places, rolled=rolled, kept_in={v["h_next"]: enter}))


def test_written_over_what_is_read_again(rng: np.random.Generator) -> None:
    text = "h_next = tanh(W @ x + U @ h) * x2 + x2 * (V @ x)"
    run, places, v = placed(text, rng, hoist)
    ahead = next(w for w in v.values() if w.name == "a_h_next_x")
    again = replace(places, over={v["a_h_next"]: ahead})
    check(run, again)
    wrong = replace(places, over={v["a_h_next"]: ahead, v["tanh_a_h_next"]: ahead})
    with pytest.raises(AssertionError, match="is gone after the loop"):
        check(run, wrong)
