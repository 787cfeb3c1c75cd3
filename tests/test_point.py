"""Where gradients are compared: the arrays given, and what is drawn in place of the rest."""

from typing import Any

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.algebra.expr import Var
from gru_sym.cells import Cell
from gru_sym.cells.compose import readout
from gru_sym.errors import DataError, GruSymError
from gru_sym.verification.point import Point, point_of, shape_in
from gru_sym.verification.regimes import drawn

T, B = 4, 2


@pytest.fixture
def given() -> Point:
    return drawn(cells.lstm, 5)


def test_everything_given_is_taken(given: Point) -> None:
    point = point_of(cells.lstm, given.params, given.inputs, given.states, given.bars)
    assert (point.T, point.B, dict(point.sizes)) == (T, B, {"H": 3, "I": 5})
    for name in ("params", "inputs", "states", "bars"):
        found, right = getattr(point, name), getattr(given, name)
        assert list(found) == list(right)
        assert all(np.array_equal(found[key], right[key]) for key in right)


def test_what_is_absent_is_drawn_and_not_0(given: Point) -> None:
    point = point_of(cells.lstm, given.params, given.inputs)
    assert {n: a.shape for n, a in point.states.items()} == {"h": (B, 3), "c": (B, 3)}
    assert {n: a.shape for n, a in point.bars.items()} == {"h": (T, B, 3), "c": (T, B, 3)}
    drawn_ = [*point.states.values(), *point.bars.values()]
    assert all(array.all() for array in drawn_)
    assert len({float(array.flat[0]) for array in drawn_}) == 4


def test_the_seed_decides(given: Point) -> None:
    def states(seed: int) -> Any:
        return point_of(cells.lstm, given.params, given.inputs, seed=seed).states["c"]

    assert np.array_equal(states(0), states(0))
    assert not np.array_equal(states(0), states(1))


def test_one_state_of_two(given: Point) -> None:
    point = point_of(cells.lstm, given.params, given.inputs, {"h": given.states["h"], "c": None})
    assert np.array_equal(point.states["h"], given.states["h"])
    assert point.states["c"].all()


def test_a_zero_that_was_given_is_taken(given: Point) -> None:
    point = point_of(cells.lstm, given.params, given.inputs, 0.0, {"h": 0.0})
    assert not any(array.any() for array in point.states.values())
    assert not point.bars["h"].any()
    assert point.bars["c"].all()


def test_an_array_is_the_cotangent_of_the_output_state(given: Point) -> None:
    point = point_of(cells.lstm, given.params, given.inputs, None, given.bars["h"])
    assert np.array_equal(point.bars["h"], given.bars["h"])
    assert not np.array_equal(point.bars["c"], given.bars["c"])


def test_a_number_is_the_cotangent_at_every_step(given: Point) -> None:
    point = point_of(cells.lstm, given.params, given.inputs, None, {"c": 2})
    assert np.array_equal(point.bars["c"], np.full((T, B, 3), 2.0))


def test_without_a_batch(given: Point) -> None:
    """One sequence: the axis is there all the same."""
    point = point_of(
        cells.lstm,
        given.params,
        given.inputs["x"][:, 0],
        {name: array[0] for name, array in given.states.items()},
        {name: array[:, 0] for name, array in given.bars.items()},
    )
    alone = given.sequence(0)
    assert (point.B, point.inputs["x"].shape) == (1, (T, 1, 5))
    for name in ("inputs", "states", "bars"):
        for key, right in getattr(alone, name).items():
            assert np.array_equal(getattr(point, name)[key], right)


def test_single_precision_is_in_double(given: Point) -> None:
    single = {name: array.astype(np.float32) for name, array in given.params.items()}
    point = point_of(cells.lstm, single, given.inputs["x"].astype(np.float32))
    assert all(array.dtype == np.float64 for array in point.moving.values())
    assert np.array_equal(point.params["W_i"], single["W_i"])


def test_no_inputs_and_a_loss() -> None:
    cell = Cell.parse("# outputs: q\nh_next = tanh(U @ h + b)\nq = sum(h_next)")
    point = point_of(cell, {"U": np.eye(3), "b": np.ones(3)}, 5)
    assert (point.T, point.B, dict(point.inputs)) == (5, 1, {})
    assert point.bars["q"].shape == (5, 1)


def test_names() -> None:
    cell = readout(cells.lstm, "mse")
    point = drawn(cell)
    assert point.outputs == {"h": "h_next", "c": "c_next", "loss": "loss"} | {
        str(v.name): str(v.name) for v in cell.extra
    }
    moving = [str(v.name) for v in (*cell.params, *cell.inputs, *cell.states)]
    assert list(point.moving) == moving
    assert point.gradients == [f"{name}_bar" for name in moving]


def test_scaled_are_the_parameters_alone(given: Point) -> None:
    scaled = given.scaled(3.0)
    assert np.array_equal(scaled.params["U_f"], 3 * given.params["U_f"])
    assert scaled.inputs is given.inputs
    assert scaled.states is given.states
    assert scaled.bars is given.bars


@pytest.mark.parametrize("b", [0, 1])
def test_one_sequence(b: int, given: Point) -> None:
    one = given.sequence(b)
    assert (one.T, one.B) == (T, 1)
    assert one.params is given.params
    assert np.array_equal(one.inputs["x"], given.inputs["x"][:, [b]])
    assert np.array_equal(one.states["c"], given.states["c"][[b]])
    assert np.array_equal(one.bars["h"], given.bars["h"][:, [b]])


@pytest.mark.parametrize(
    ("shape", "numbers"), [((), ()), ((("H",),), (3,)), ((("O",), ("H", "I")), (2, 8))]
)
def test_shape_in(shape: Any, numbers: tuple[int, ...]) -> None:
    assert shape_in(Var("v", shape), {"H": 3, "I": 5, "O": 2}) == numbers


@pytest.mark.parametrize(
    ("bars", "message"),
    [
        ({"q": 1.0}, "no output q"),
        ({"h": np.ones((T, 3))}, r"must have the shape \(4, 2, 3\), got \(4, 3\)"),
        ({"h": np.ones((T, B, 5))}, r"got \(4, 2, 5\)"),
        ({"c": 1j}, "no finite, real number"),
        ({"c": np.inf}, "no finite, real number"),
        ({"c": "one"}, "no finite, real number"),
        (np.ones(3), r"the cotangent of h must have the shape \(4, 2, 3\), got \(3,\)"),
    ],
)
def test_wrong_cotangents(bars: Any, message: str, given: Point) -> None:
    with pytest.raises(DataError, match=message) as caught:
        point_of(cells.lstm, given.params, given.inputs, given.states, bars)
    assert caught.value.mend


def test_wrong_arrays(given: Point) -> None:
    params, inputs, states = given.params, given.inputs, given.states
    wrong: list[tuple[Any, str]] = [
        (({**params, "W_i": params["W_i"] * 1j}, inputs), "real arrays"),
        ((params, inputs["x"] * 1j), "real arrays"),
        ((params, inputs, {**states, "c": states["c"] * 1j}), "real arrays"),
        ((params, inputs, states["h"]), "several states"),
        (({**params, "W_i": params["W_i"] * np.nan}, inputs), "finite"),
        (({**params, "W_i": params["W_i"].T}, inputs), "W_i"),
        (({**params, "Wi": params["W_i"]}, inputs), "Wi"),
        (({n: a for n, a in params.items() if n != "b_o"}, inputs), "b_o"),
        ((params,), "input"),
        ((params, inputs, {"h": states["h"]}), "the state c is missing"),
        ((params, inputs, {"h": states["h"], "c": states["c"][:, :2]}), "c"),
    ]
    for arguments, message in wrong:
        with pytest.raises(GruSymError, match=message):
            point_of(cells.lstm, *arguments)
