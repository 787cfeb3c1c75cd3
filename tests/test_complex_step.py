"""Relative errors that nothing slips through, and the complex step against what is generated."""

from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.cells.compose import readout, stack
from gru_sym.codegen.compile import compile
from gru_sym.errors import DataError
from gru_sym.hand import gru as hand
from gru_sym.verification.complex_step import complex_step
from gru_sym.verification.relative import Row, compare

SIZES = {"H": 3, "I": 2, "O": 4, "R": 2}


def drawn(cell: Cell, rng: np.random.Generator, *lead: int) -> tuple[dict[str, Any], ...]:
    """Parameters, inputs (T, B, n) or (T, n) and initial states of a cell."""
    numbers: dict[str, int] = dict(SIZES)

    def array(shape: Any, *lead: int) -> np.ndarray:
        sizes = [sum(numbers.setdefault(d, 3) for d in dim) for dim in shape]
        return rng.normal(size=(*lead, *sizes)) * 0.7

    params = {str(v.name): array(v.shape) for v in cell.params}
    inputs = {str(v.name): array(v.shape, *lead) for v in cell.inputs}
    states = {str(v.name): array(v.shape, *lead[1:]) for v in cell.states}
    return params, inputs, states


def worst(rows: list[Row]) -> float:
    return max(row.error for row in rows)


CASES: Mapping[str, Cell] = {
    "gru": cells.gru,
    "lstm": cells.lstm,
    "gru_layernorm": cells.gru_layernorm,
    "rnn_relu": cells.rnn_relu,
    "fastgrnn": cells.fastgrnn,
    "two inputs and a scalar": Cell.parse(
        "# shapes: x(H)\ns = sum(h * x)\nh_next = tanh(W @ x + V @ u + U @ h + s * b)"
    ),
    "no input": Cell.parse("h_next = tanh(U @ h + b)"),
    "with a loss": readout(cells.lstm, "cross_entropy"),
    "stack": stack(cells.gru, cells.rnn),
}


@pytest.mark.parametrize("lead", [(4, 2), (4,)], ids=["batch", "no batch"])
@pytest.mark.parametrize("name", CASES)
def test_complex_step_agrees_with_backprop(
    name: str, lead: tuple[int, ...], rng: np.random.Generator
) -> None:
    cell = CASES[name]
    params, inputs, states = drawn(cell, rng, *lead)
    run = compile(cell)
    trajectory = run.forward(params, inputs or lead[0], states)
    outputs = {**trajectory.states, **trajectory.extra}
    upstream = {key: rng.normal(size=value.shape) for key, value in outputs.items()}
    given = run.backward(trajectory, upstream)
    stepped = complex_step(run, params, inputs or lead[0], states, upstream)
    assert worst(compare(given, stepped)) < 1e-13
    assert all(value.dtype == np.float64 for value in stepped.values())


@pytest.mark.parametrize("upstream", [None, {"h": None}, {}, {"c": 0.5}, {"c": 2.0, "h": -1}])
def test_complex_step_reads_cotangents_as_backprop_does(
    upstream: Any, rng: np.random.Generator
) -> None:
    params, inputs, _ = drawn(cells.lstm, rng, 3, 2)
    run = compile(cells.lstm)
    _, given = run.gradients(params, inputs["x"], 0.3, upstream)
    stepped = complex_step(run, params, inputs["x"], 0.3, upstream)
    assert worst(compare(given, stepped)) < 1e-13
    assert any(value.any() for value in stepped.values()) == (upstream not in ({}, {"h": None}))


def test_complex_step_agrees_with_backprop_by_hand(rng: np.random.Generator) -> None:
    params, inputs, states = drawn(cells.gru, rng, 5, 2)
    xs, h0 = inputs["x"], states["h"]
    hs_bar = rng.normal(size=(5, 2, 3))
    reference = hand.backward(params, xs, h0, hand.forward(params, xs, h0), hs_bar)
    stepped = complex_step(compile(cells.gru), params, xs, h0, hs_bar)
    assert worst(compare(reference, stepped)) < 1e-13


def test_complex_step_in_small_parts(
    rng: np.random.Generator, monkeypatch: pytest.MonkeyPatch
) -> None:
    params, inputs, states = drawn(cells.gru, rng, 4, 3)
    run = compile(cells.gru)
    whole = complex_step(run, params, inputs, states)
    monkeypatch.setattr("gru_sym.verification.complex_step._ROWS_AT_ONCE", 20)
    assert worst(compare(complex_step(run, params, inputs, states), whole)) < 1e-14


def test_complex_step_of_single_precision_is_in_double(rng: np.random.Generator) -> None:
    arrays = drawn(cells.rnn, rng, 4, 3)
    single = [{k: v.astype(np.float32) for k, v in each.items()} for each in arrays]
    double = [{k: v.astype(np.float64) for k, v in each.items()} for each in single]
    run = compile(cells.rnn)
    stepped = complex_step(run, *single)
    assert worst(compare(run.gradients(*double)[1], stepped)) < 1e-13


def test_wrong_gradients_are_seen(rng: np.random.Generator) -> None:
    params, inputs, states = drawn(cells.gru, rng, 4, 2)
    run = compile(cells.gru)
    _, grads = run.gradients(params, inputs, states)
    stepped = complex_step(run, params, inputs, states)
    for name, value in grads.items():
        for wrong in (value * (1 + 1e-9), -value, np.zeros_like(value), value.max() + value):
            errors = {row.name: row.error for row in compare({**grads, name: wrong}, stepped)}
            assert errors.pop(name) > 1e-10
            assert max(errors.values()) < 1e-13


@pytest.mark.parametrize(
    ("upstream", "message"),
    [
        ({"c": 1.0}, "no output c"),
        ({"h": np.ones(3)}, r"the shape \(4, 2, 3\), got \(3,\)"),
        ({"h": 1j}, "no finite, real number"),
        ({"h": np.nan}, "no finite, real number"),
    ],
)
def test_complex_step_refuses_wrong_cotangents(
    upstream: Any, message: str, rng: np.random.Generator
) -> None:
    with pytest.raises(DataError, match=message):
        complex_step(compile(cells.gru), *drawn(cells.gru, rng, 4, 2), upstream)


def test_complex_step_needs_real_arrays(rng: np.random.Generator) -> None:
    params, inputs, states = drawn(cells.gru, rng, 4, 2)
    with pytest.raises(DataError, match="needs real arrays"):
        complex_step(compile(cells.gru), params, inputs, {"h": states["h"] + 0j})
