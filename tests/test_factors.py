"""The factors of a Jacobian's paths: the code, its accuracy where gates saturate."""

import ast

import numpy as np
import pytest

from gru_sym.cells import Cell, cell
from gru_sym.codegen import compile
from gru_sym.codegen.factors import factors_of
from tests.flow_cases import CELLS, arrays, every_cell, shape


@every_cell
def test_every_factor_has_its_shape(name: str) -> None:
    made = CELLS[name]
    found = factors_of(made)
    trajectory = compile(made).forward(*arrays(made, 3))
    for expr, value in found.along(trajectory).items():
        wanted = shape(expr, trajectory.sizes) if hasattr(expr, "shape") else None
        if found.varies(expr):
            assert value.shape[:2] == (3, 2)
        elif wanted is not None and expr.shape:
            assert value.shape == wanted


def _gate(a: float) -> float:
    """The factors of minGRU's skip where the gate's argument is a."""
    made = cell("mingru")
    params = {"W_z": np.zeros((1, 1)), "b_z": np.full(1, a), "W_h": np.zeros((1, 1))}
    trajectory = compile(made).forward(params | {"b_h": np.zeros(1)}, np.zeros((1, 1)))
    found = factors_of(made)
    (path,) = found.jacobian.paths
    return float(found.along(trajectory)[path.factors[0].expr].squeeze())


@pytest.mark.parametrize("a", [40.0, 400.0, 700.0, -40.0])
def test_what_a_saturated_gate_lets_through(a: float) -> None:
    """1 - sigmoid(400) is 0 in float64; e^-400 is what it is."""
    assert np.log(_gate(a)) == pytest.approx(-np.logaddexp(0, a), rel=1e-14)


def test_the_module_reads_well() -> None:
    source = factors_of(cell("gru")).code.source
    ast.parse(source)
    assert "one_minus_z = sigmoid(-a_z)" in source
    assert "h_tilde_slope = tanh_slope(a_h_tilde)" in source
    assert "h_r" not in source  # what no factor needs is not computed
    assert max(map(len, source.splitlines())) <= 88


def test_made_once() -> None:
    assert factors_of(cell("gru")) is factors_of(cell("gru"))


def test_a_cell_whose_names_are_taken() -> None:
    made = Cell.parse("factors = sigmoid(U @ h)\nh_next = factors * h + W @ factor_1")
    found = factors_of(made)
    trajectory = compile(made).forward(*arrays(made, 2))
    assert found.along(trajectory)
