"""The arrays that are measured: shapes, sizes of dimensions, the bound on memory."""

import sys

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.bench.problem import Size, dimensions, memory, needed, problem
from gru_sym.cells import Cell
from gru_sym.errors import DataError

SIZE = Size(2, 3, 4, 5)


def test_sizes_are_read() -> None:
    assert Size.parse("32, 64,16,100") == Size(32, 64, 16, 100)
    assert str(SIZE) == "I = 2, H = 3, B = 4, T = 5"


@pytest.mark.parametrize(
    "text",
    ["", "8", "8,8,1", "8,8,1,100,2", "8,8,0,1", "8,8,-1,1", "8,8,1.5,1", "a,b,c,d", "8,8,,1",
     "8,8,1e3,1", "8,8,²,1", "+8,8,1,1", "1,1,1," + "9" * 5000],
)  # fmt: skip
def test_what_is_no_size(text: str) -> None:
    with pytest.raises(DataError, match="not four positive integers") as caught:
        Size.parse(text)
    assert "I,H,B,T" in caught.value.mend


@pytest.mark.parametrize("name", cells.names())
@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_arrays_of_every_cell(name: str, dtype: str) -> None:
    cell = cells.cell(name)
    task = problem(cell, SIZE, dtype)
    shapes = {v.name: tuple(sum(task.dims[d] for d in dim) for dim in v.shape) for v in cell.params}
    assert {name: array.shape for name, array in task.params.items()} == shapes
    for v in cell.inputs:
        assert task.inputs[v.name].shape == (5, 4, task.dims[v.shape[0][0]])
    for v in cell.states:
        assert task.states[v.name].shape == (4, 3)
        assert np.any(task.states[v.name])
    arrays = [task.params, task.inputs, task.states, task.cotangents]
    assert all(array.dtype == dtype for group in arrays for array in group.values())
    assert [v.name for v in task.outputs] == list(task.cotangents)


def test_cotangents() -> None:
    task = problem(cells.lstm, SIZE)
    assert task.cotangents["h_next"].shape == task.cotangents["c_next"].shape == (5, 4, 3)
    assert np.all(task.cotangents["h_next"])
    assert not np.any(task.cotangents["c_next"][:-1])
    assert np.all(task.cotangents["c_next"][-1])
    text = "# inputs: x, y\n# outputs: loss\nh_next = tanh(W @ x + h)\nloss = sum(h_next * y)"
    assert problem(Cell.parse(text), SIZE).cotangents["loss"].shape == (5, 4, 1)


def test_the_same_numbers_again() -> None:
    one, two = (problem(cells.gru, SIZE) for _ in range(2))
    for name, array in one.params.items():
        assert np.array_equal(array, two.params[name])
        assert np.abs(array).max() <= 3**-0.5


def test_dimensions_by_where_they_occur() -> None:
    assert dimensions(cells.mut1, SIZE) == {"H": 3}  # x has the size of the state there
    deep = Cell.parse("q = tanh(W @ x + V @ h)\nh_next = tanh(U @ q)")
    assert sorted(dimensions(deep, SIZE).values()) == [2, 3, 3]
    assert dimensions(Cell.parse("h_next = tanh(U @ h)"), SIZE) == {"H": 3}
    # A target of another size than the state is an input.
    text = "# inputs: x, y\n# outputs: loss\nh_next = tanh(W @ x + U @ h)\n"
    of_loss = dimensions(Cell.parse(text + "loss = sum((V @ h_next - y)**2)"), SIZE)
    assert sorted(of_loss.values()) == [2, 2, 3]


def test_too_large_for_the_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(DataError, match="more than half of the memory") as caught:
        problem(cells.gru, Size(10**17, 10**17, 10**17, 10**17))
    assert "fewer sequences or steps" in caught.value.mend
    wanted = needed(cells.gru, SIZE, dimensions(cells.gru, SIZE), "float64")
    assert wanted == 2 * needed(cells.gru, SIZE, dimensions(cells.gru, SIZE), "float32")
    where = sys.modules[problem.__module__]
    monkeypatch.setattr(where, "memory", lambda: 2 * wanted - 1)
    with pytest.raises(DataError, match="memory"):
        problem(cells.gru, SIZE)
    for enough in (2 * wanted, None):
        monkeypatch.setattr(where, "memory", lambda there=enough: there)
        problem(cells.gru, SIZE)


def test_memory() -> None:
    there = memory()
    assert there is None or there > 2**20


def test_no_such_type() -> None:
    with pytest.raises(DataError, match="there is no type float16"):
        problem(cells.gru, SIZE, "float16")
