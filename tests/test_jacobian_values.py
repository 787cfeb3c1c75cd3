"""The vectors and parameters that a dense Jacobian is multiplied from."""

import numpy as np
import pytest
import sympy as sp

from gru_sym import cells
from gru_sym.algebra.expr import Var
from gru_sym.algebra.nodes import Softmax, Transpose
from gru_sym.cells import Cell
from gru_sym.codegen import functions
from gru_sym.codegen.backends.naming import Namer
from gru_sym.codegen.jacobian_values import COUNT, GIVEN, OVER, Value, Values

H = (("H",),)


def values_of(cell: Cell) -> tuple[Values, dict[str, Var]]:
    namer = Namer(cell.program.variables, ("np", COUNT, GIVEN, *OVER, *functions.__all__))
    return Values(cell, namer), {str(v.name): v for v in cell.program.variables}


def test_how_a_vector_multiplies() -> None:
    varies, same, number = Value("d", H, True), Value("b", H, False), Value("k", (), False)
    assert (varies.on_rows, varies.on_columns, varies.plain) == (
        "d[part, :, None]",
        "d[part, None, :]",
        "d[part]",
    )
    assert (same.on_rows, same.on_columns, same.plain) == ("b[:, None]", "b", "b")
    assert (number.on_rows, number.on_columns, number.plain) == ("k", "k", "k")


def test_a_vector_is_computed_once_and_a_variable_is_itself() -> None:
    values, v = values_of(cells.gru)
    first = values.vector("d", v["z"] * v["h"], H)
    assert first.text == "d_1"
    assert first.varies
    assert values.vector("d", v["z"] * v["h"], H) == first
    assert values.vector("row", v["r"], H) == Value("r", H, True)
    assert values.vector("d", v["b_z"], H) == Value("b_z", H, False)
    assert values.vector("d", v["b_z"], H, varies=True).text == "d_2"
    assert values.known(v["z"] * v["h"]) == "d_1"
    assert values.known(v["r"]) == "r"
    lines = values.lines()
    assert lines[:2] == ['h = rows(values["h"])', 'b_z = values["b_z"]']
    assert "d_1 = z * h" in lines
    assert f"d_2 = np.broadcast_to(b_z, ({COUNT}, H))" in lines


def test_slopes_come_from_arguments() -> None:
    values, v = values_of(cells.gru)
    values.vector("d", v["z"] * (1 - v["z"]) * (1 - v["h_tilde"] ** 2), H)
    lines = values.lines()
    assert "one_minus_z = sigmoid(-a_z)" in lines
    assert "h_tilde_slope = tanh_slope(a_h_tilde)" in lines
    assert set(lines[-1].removeprefix("d_1 = ").split(" * ")) == {
        "z",
        "one_minus_z",
        "h_tilde_slope",
    }
    assert not any(line.startswith("h_tilde =") for line in lines)  # nothing that nobody needs


def test_matrices_of_parameters() -> None:
    values, v = values_of(cells.gru)
    U, V = v["U_z"], v["U_r"]
    assert values.matrix([U]) == "U_z"
    assert values.matrix([U, V]) == "matrix_1"
    assert values.matrix([U + V]) == "matrix_2"
    assert values.matrix([Transpose(U)]) == "matrix_3"
    assert values.matrix([U, V]) == "matrix_1"
    assert values.stacked("scales", ["d_1", "d_2"], -1) == "scales_4"
    assert values.lines()[-4:] == [
        "matrix_1 = U_z @ U_r",
        "matrix_2 = U_z + U_r",
        "matrix_3 = np.ascontiguousarray(U_z.T)",
        "scales_4 = np.stack((d_1, d_2), axis=-1)",
    ]


def test_names_that_a_cell_has_taken() -> None:
    cell = Cell.parse("# params: d_1(H), np(H)\nh_next = tanh(d_1 * h) * np")
    values, v = values_of(cell)
    assert values.vector("d", v["d_1"] * v["h"], H).text == "d_1_2"
    assert values.vector("d", v["np"], H).text == "np_"
    assert 'np_ = values["np"]' in values.lines()


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.complex128])
def test_functions_over_entries(dtype: type, rng: np.random.Generator) -> None:
    for name, source in OVER.items():
        code: dict[str, object] = {"np": np, "Array": object}
        exec("\n".join(source), code)
        function = code[name]
        assert callable(function)
        a = rng.normal(size=(3, 4)).astype(dtype) + dtype(1000)
        found = function(a, axis=-1)
        expected = getattr(functions, name.removesuffix("_over"))(a)
        assert found.dtype == dtype
        np.testing.assert_allclose(found, expected.reshape(found.shape), rtol=1e-5)


def test_a_softmax_is_over_entries() -> None:
    cell = Cell.parse("h_next = softmax(U @ h) * h")
    values, v = values_of(cell)
    values.vector("d", Softmax(v["h"], H) * sp.Integer(2), H)
    assert any("softmax_over(h, axis=-1)" in line for line in values.lines())
