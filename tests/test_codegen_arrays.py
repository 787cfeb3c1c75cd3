"""The arrays that a user gives: what is accepted, and how the rest is refused."""

from typing import Any

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.codegen import compile
from gru_sym.errors import DataError

T, B, H, I = 3, 2, 16, 1  # noqa: E741
GRU = compile(cells.gru)


def gru_params(dtype: Any = float) -> dict[str, Any]:
    sizes = {"H": H, "I": I}
    return {v.name: np.full([sizes[d] for (d,) in v.shape], 0.1, dtype) for v in cells.gru.params}


def refusal(params: Any = None, xs: Any = None, h0: Any = None) -> str:
    params = gru_params() if params is None else params
    with pytest.raises(DataError) as caught:
        GRU.forward(params, np.ones((T, B, I)) if xs is None else xs, h0)
    assert caught.value.mend
    return str(caught.value)


def test_a_wrong_shape_names_symbols_and_sizes() -> None:
    text = refusal(gru_params() | {"W_z": np.zeros((H, 2))})
    assert "W_z must be (H, I) = (16, 1), got (16, 2)" in text
    assert "I = 1 is from x" in text
    assert "H = 16 is from W_z" in text
    assert "b_r must be (H,) = (16,), got (15,)" in refusal(gru_params() | {"b_r": np.zeros(15)})
    assert "b_r must be (H,), got (1, 16)" in refusal(gru_params() | {"b_r": np.zeros((1, 16))})


def test_names() -> None:
    params = gru_params()
    del params["U_r"]
    assert "the parameter U_r is missing" in refusal(params)
    assert "did you mean `U_r`?" in refusal(gru_params() | {"Ur": np.zeros((H, H))})
    assert "must be a mapping" in refusal([1.0])
    assert "no input y" in refusal(xs={"y": np.ones((T, B, I))})
    assert "no state c" in refusal(h0={"c": 0})
    assert "the input x is missing" in refusal(xs={})


@pytest.mark.parametrize(
    ("xs", "words"),
    [
        (np.ones(3), "x must be (T, B, I) or (T, I), got (3,)"),
        (np.ones((0, B, I)), "x has no step"),
        (np.ones((T, 0, I)), "x has no sequence"),
        (np.full((T, B, I), np.nan), "x[0, 0, 0] is nan; every number must be finite"),
        (np.array([[["a"]]]), "not numbers"),
        (np.array([[[None]]]), "not numbers"),
        ([[1.0], [1.0, 2.0]], "x is not an array"),
    ],
)
def test_inputs(xs: Any, words: str) -> None:
    assert words in refusal(xs=xs)


def test_not_finite_says_where() -> None:
    params = gru_params()
    params["U_z"][3, 4] = np.inf
    assert "U_z[3, 4] is inf" in refusal(params)
    assert "h is nan" in refusal(h0=np.nan)


@pytest.mark.parametrize(
    ("h0", "words"),
    [
        (np.ones((3, H)), "h must be (B, H) = (2, 16), got (3, 16)"),
        (np.ones(15), "W_z must be (H, I) = (15, 1), got (16, 1)"),
        (np.ones((1, B, H)), "h must be (B, H), got (1, 2, 16)"),
    ],
)
def test_states(h0: Any, words: str) -> None:
    assert words in refusal(h0=h0)


def test_several_inputs_and_states() -> None:
    cell = Cell.parse("# inputs: x, u\nh_next = tanh(x + u + c)\nc_next = c * h")
    run = compile(cell)
    one = np.ones((T, B, 4))
    with pytest.raises(DataError, match=r"several inputs \(x, u\)"):
        run.forward({}, one)
    with pytest.raises(DataError, match="x has T = 3, B = 2, but u has T = 4, B = 2"):
        run.forward({}, {"x": one, "u": np.ones((4, B, 4))})
    with pytest.raises(DataError, match="x has T = 3, B = 2, but u has T = 3 and no batch"):
        run.forward({}, {"x": one, "u": one[:, 0]})
    with pytest.raises(DataError, match="several states"):
        run.forward({}, {"x": one, "u": one}, np.ones(4))
    with pytest.raises(DataError, match="the state c is missing"):
        run.forward({}, {"x": one, "u": one}, {"h": np.ones(4)})
    assert run.forward({}, {"x": one, "u": one}, 0.5).hs.shape == (T, B, 4)


def test_a_cell_without_inputs_takes_the_number_of_steps() -> None:
    run = compile(Cell.parse("h_next = tanh(U @ h)"))
    params = {"U": np.eye(2)}
    assert run.forward(params, 5, np.ones(2)).hs.shape == (5, 2)
    assert run.forward(params, 5, np.ones((3, 2))).hs.shape == (5, 3, 2)
    for xs in (None, 1.5, np.ones((3, 2))):
        with pytest.raises(DataError, match="number of steps"):
            run.forward(params, xs)
    with pytest.raises(DataError, match="no step"):
        run.forward(params, 0, np.ones(2))


def test_a_size_that_nothing_tells() -> None:
    with pytest.raises(DataError, match="no array tells the size H"):
        compile(Cell.parse("h_next = h * (1 - h)")).forward({}, 3)


def test_a_size_that_only_a_sum_tells() -> None:
    cell = cells.gru_concat
    run = compile(cell)
    params = {v.name: np.ones((3, 5) if len(v.shape) == 2 else 3) for v in cell.params}
    assert run.forward(params, np.ones((T, 2))).hs.shape == (T, 3)
    with pytest.raises(DataError, match=r"W_z must be \(H, H \+ I\) = \(3, 6\), got \(3, 5\)"):
        run.forward(params, np.ones((T, 3)))


@pytest.mark.parametrize(
    ("given", "kept"),
    [
        (np.float32, np.float32),
        (np.float64, np.float64),
        (np.complex128, np.complex128),
        (np.int32, np.float64),
        (np.bool_, np.float64),
        (np.float16, np.float32),
    ],
)
def test_types(given: Any, kept: Any) -> None:
    trajectory = GRU.forward(gru_params(given), np.ones((T, B, I), given), 0.5)
    assert trajectory.dtype == kept


def test_given_arrays_are_neither_changed_nor_shared() -> None:
    params, x = gru_params(), np.ones((T, B, I))
    trajectory = GRU.forward(params, x)
    x[:] = 2
    params["W_z"][:] = 2
    assert np.all(trajectory.values["x"] == 1)
    assert np.all(trajectory.values["W_z"] == 0.1)


def test_cotangents() -> None:
    trajectory = GRU.forward(gru_params(), np.ones((T, B, I)))
    with pytest.raises(DataError, match=r"must be \(T, B, H\) = \(3, 2, 16\), got \(2, 16\)"):
        GRU.backward(trajectory, np.ones((B, H)))
    with pytest.raises(DataError, match="no output loss"):
        GRU.backward(trajectory, {"loss": 1.0})
    with pytest.raises(DataError, match="complex"):
        GRU.backward(trajectory, 1j * np.ones((T, B, H)))
    with pytest.raises(DataError, match="must be finite"):
        GRU.backward(trajectory, np.full((T, B, H), np.inf))
    single = GRU.forward(gru_params(np.float32), np.ones((T, I), np.float32))
    with pytest.raises(DataError, match=r"must be \(T, H\) = \(3, 16\), got \(3, 1, 16\)"):
        GRU.backward(single, np.ones((T, 1, H)))
    assert GRU.backward(single, np.ones((T, H)))["x_bar"].dtype == np.float32


def test_a_parameter_that_is_an_input() -> None:
    made = Cell.parse("h_next = k * h + tanh(W @ x)")
    params = {"k": np.ones(2), "W": np.ones((2, 1))}
    with pytest.raises(DataError, match="k is an input of the cell, not a parameter") as caught:
        compile(made).forward(params, np.ones((3, 1)))
    assert "# params: k" in caught.value.mend
