"""Second moments as a fixed point, against closed forms and against a population."""

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.flow.meanfield.fixed import UnboundedError
from gru_sym.flow.meanfield.gaussian import NotClosed
from gru_sym.flow.meanfield.moments import stationary
from gru_sym.flow.meanfield.population import sampled
from gru_sym.flow.meanfield.setting import Laws, setting_of
from gru_sym.flow.meanfield.unit import unit_of


def moments(
    cell: Cell, weights: float = 1.0, inputs: float = 0.0, biases: Laws | None = None
) -> dict[str, float]:
    law = stationary(unit_of(cell), setting_of(cell, weights, inputs, biases), 121)
    return dict(law.second_moments)


def test_linear_cells() -> None:
    assert moments(Cell.parse("h_next = 0.5 * h + W @ x"), inputs=3.0)["h"] == pytest.approx(4.0)
    found = moments(Cell.parse("h_next = U @ h + W @ x"), weights=0.5, inputs=3.0)
    assert found["h"] == pytest.approx(6.0, rel=1e-12)


def test_means_are_kept() -> None:
    """h' = h/2 + b + w: mean 2 b, variance 4/3 of w's."""
    found = moments(Cell.parse("h_next = 0.5 * h + W @ x + b"), inputs=3.0, biases={"b": 1.0})
    assert found["h"] == pytest.approx(2.0**2 + 4.0, rel=1e-12)


def test_products_of_one_matrix_are_correlated() -> None:
    """U @ h + U @ (h * g) = U @ (h + h * g); with other matrices the variances add."""
    both = "g = sigmoid(W @ x)\nh_next = tanh({} @ h + {} @ (h * g)) + V @ x"
    one = moments(Cell.parse(both.format("U", "U")), 0.5, 0.5)["h"]
    other = moments(Cell.parse(both.format("U", "R")), 0.5, 0.5)["h"]
    joined = Cell.parse("g = sigmoid(W @ x)\nh_next = tanh(U @ (h + h * g)) + V @ x")
    assert one == pytest.approx(moments(joined, 0.5, 0.5)["h"], rel=1e-12)
    assert other < 0.95 * one


@pytest.mark.parametrize(
    ("name", "weights", "biases"),
    [
        ("gru", 2.0, {"b_z": (-0.5, 0.4), "b_h": 0.7}),
        ("gru_reset_after", 2.0, {"b_hn": 0.7}),
        ("gru_layernorm", 1.0, {"g_h": 2.0, "b_z": (0.3, 0.2)}),
        ("fastgrnn", 3.0, {"b_z": (1.0, 0.5), "b_h": (0.3, 0.2)}),
        ("janet", 3.0, {"b_h": 1.0}),
        ("ligru", 1.0, {"b_h": 0.5}),
        ("minlstm", 1.0, {"b_f": 1.0}),
        ("rnn", 4.0, {"b_h": (0.2, 0.3)}),
    ],
)
def test_a_population_agrees(name: str, weights: float, biases: Laws) -> None:
    cell = cells.cell(name)
    found = moments(cell, weights, 0.5, biases)["h"]
    setting = setting_of(cell, weights, 0.5, biases)
    population = sampled(unit_of(cell), setting, [], samples=5000).second_moments["h"]
    assert found == pytest.approx(population, rel=0.01)


def test_expectations_in_the_law() -> None:
    unit = unit_of(cells.gru)
    law = stationary(unit, setting_of(cells.gru, 1.0, 0.5, None), 121)
    z, h = (cells.gru.program.variable(name) for name in "zh")
    assert law.expectation(z) == pytest.approx(0.5, rel=1e-12)
    assert law.expectation(h**2) == pytest.approx(law.second_moments["h"], rel=1e-11)


@pytest.mark.parametrize("name", ["lstm", "mut3"])
def test_not_closed(name: str) -> None:
    with pytest.raises(NotClosed):
        moments(cells.cell(name), inputs=0.5)


def test_a_state_that_is_forgotten_is_a_function_of_gaussians() -> None:
    """x' = U tanh(x): any function of x has an expectation."""
    cell = Cell.parse("x_next = U @ tanh(x)")
    q = moments(cell, weights=4.0)["x"]
    x, weights = np.polynomial.hermite_e.hermegauss(121)
    assert 4 * (weights / weights.sum()) @ np.tanh(np.sqrt(q) * x) ** 2 == pytest.approx(
        q, rel=1e-6
    )


def test_growth() -> None:
    with pytest.raises(UnboundedError, match="grows without bound"):
        moments(cells.rnn_relu, weights=2.5, inputs=0.1)
