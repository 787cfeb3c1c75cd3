"""Measurements, held against what they are by definition."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from types import MappingProxyType
from typing import Any

import numpy as np
import pytest

from gru_sym import cells, compile
from gru_sym.cells import Cell
from gru_sym.errors import DataError, UnsupportedError
from gru_sym.sweep import MEASUREMENTS, Study, measurements
from gru_sym.sweep.axes import AXES
from gru_sym.sweep.measurements import measured
from gru_sym.sweep.perform import inputs_of, parameters_of, sizes_of
from gru_sym.sweep.rows import Dimension, Measurement, Quantity
from gru_sym.sweep.trial import Trial, canonical
from tests.sweeping import SMALL


@pytest.fixture
def trial() -> Trial:
    return replace(next(Study.parse(SMALL).trials()), size=3, T=6)


def given(cell: Cell, trial: Trial) -> tuple[dict[str, Any], Any]:
    sizes = sizes_of(cell, trial)
    return parameters_of(cell, sizes, trial), inputs_of(cell, sizes, trial)


@pytest.mark.parametrize("name", ["gru", "lstm", "mut1"])
def test_gradient_norm(name: str, trial: Trial) -> None:
    cell = cells.cell(name)
    params, xs = given(cell, trial)
    found = measured(cell, params, xs, replace(trial, measurement="gradient_norm"))

    def last(states: dict[str, Any]) -> Any:
        return compile(cell).forward(params, xs, states).hs[-1].sum()

    slopes = []
    for state in cell.states:
        for k in range(3):
            start = {str(s.name): np.zeros(3, complex) for s in cell.states}
            start[str(state.name)][k] = 1e-30j
            slopes.append(last(start).imag / 1e-30)
    assert found["gradient_norm"] == pytest.approx(np.log(np.linalg.norm(slopes)), rel=1e-12)


def test_the_gradient_is_the_losss_where_there_is_one(trial: Trial) -> None:
    cell = Cell.parse("# outputs: loss\nh_next = tanh(W @ x + U @ h)\nloss = sum(h_next**2)")
    params, xs = given(cell, trial)
    _, grads = compile(cell).gradients(params, xs, hs_bar={"loss": 1.0})
    found = measured(cell, params, xs, replace(trial, measurement="gradient_norm"))
    wanted = np.log(np.linalg.norm(grads["h_bar"]))
    assert found["gradient_norm"] == pytest.approx(wanted, rel=1e-14)


@pytest.mark.parametrize(("factor", "how"), [(1e-30, "is 0, or underflows"), (1e30, "overflows")])
def test_a_gradient_that_is_no_number(factor: float, how: str, trial: Trial) -> None:
    cell = Cell.parse("h_next = W @ x + U @ h")
    params, xs = given(cell, replace(trial, T=20))
    params = {"W": params["W"], "U": factor * np.eye(3)}
    trial = replace(trial, measurement="gradient_norm", T=20)
    with np.errstate(all="ignore"), pytest.raises(DataError, match=f"after 20 steps.*{how}"):
        measured(cell, params, xs, trial)


def test_spectral_radius(trial: Trial) -> None:
    trial = replace(trial, measurement="spectral_radius")
    params, xs = given(cells.rnn, trial)
    slope = 1 - np.tanh(params["W_h"] @ xs[0] + params["b_h"]) ** 2
    wanted = np.abs(np.linalg.eigvals(slope[:, None] * params["U_h"])).max()
    assert measured(cells.rnn, params, xs, trial)["spectral_radius"] == pytest.approx(wanted)
    for text in ("h_next = U @ h", "h_next = tanh(W @ x + V @ y + U @ h)"):
        cell = Cell.parse(text)
        params, xs = given(cell, trial)
        assert measured(cell, params, xs, trial)["spectral_radius"] > 0
    endless = Cell.parse("h_next = U @ exp(exp(h + W @ x))")
    params = {"U": np.ones((3, 3)), "W": 1000 * np.ones((3, 3))}
    with np.errstate(all="ignore"), pytest.raises(DataError, match="Jacobian of the first step is"):
        measured(endless, params, np.ones((6, 3)), trial)


def test_the_table() -> None:
    quantities = [name for row in MEASUREMENTS.values() for name in row.quantities]
    assert len({*quantities, *AXES}) == len(quantities) + len(AXES)
    dimensions: dict[str, Dimension] = {}
    for row in MEASUREMENTS.values():
        assert row.about
        for quantity in row.quantities.values():
            assert quantity.units
            assert quantity.about
            assert Quantity.of(quantity.to_json()) == quantity
            for dimension in quantity.dimensions:  # one name, one meaning
                assert dimensions.setdefault(dimension.name, dimension) == dimension
                assert dimension.name not in {*quantities, *AXES, "trial"}


@pytest.mark.parametrize("name", sorted(MEASUREMENTS))
@pytest.mark.parametrize("cell", ["rnn", "gru", "lstm"])
def test_each_is_what_its_row_says(name: str, cell: str, trial: Trial) -> None:
    """Of the right shapes, no NaN, and the same each time."""
    trial = replace(trial, measurement=name)
    if name == "learning":
        how = {"updates": 2, "batch": 3, "learning_rate": 0.01, "clip": 1.0, "snapshots": 2}
        trial = replace(trial, task="adding", learning=canonical(how))
    params, xs = given(cells.cell(cell), trial)
    if cell == "rnn" and name in {"keep", "shapley"}:
        with pytest.raises(UnsupportedError, match="has no skip"):
            measured(cells.cell(cell), params, xs, trial)
        return
    first, second = (measured(cells.cell(cell), params, xs, trial) for _ in range(2))
    assert first.keys() == MEASUREMENTS[name].quantities.keys()
    for key, array in first.items():
        assert array.tobytes() == second[key].tobytes()
        assert array.dtype == np.float64


@pytest.mark.parametrize(
    ("function", "message"),
    [
        (lambda *_: {}, r"fake gave \[\]"),
        (lambda *_: {"a": 1.0, "b": 2.0}, r"fake gave \['a', 'b'\]"),
        (lambda *_: {"a": np.ones((2, 2))}, r"a has the shape \(2, 2\)"),
        (lambda *_: {"a": [1.0, np.nan]}, "a is not a number"),
        (lambda *_: {"a": ["x"]}, "could not convert"),
    ],
)
def test_a_function_that_breaks_its_word(
    function: Callable[..., Mapping[str, Any]],
    message: str,
    trial: Trial,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    quantities = {"a": Quantity("1", "a", (Dimension("lag", "steps", "lag"),))}
    rows = MappingProxyType({"fake": Measurement(function, quantities, "a fake")})
    monkeypatch.setattr(measurements, "MEASUREMENTS", rows)
    with pytest.raises(ValueError, match=message):
        measured(cells.rnn, {}, 3, replace(trial, measurement="fake"))
