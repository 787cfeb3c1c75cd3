"""What is trained: the model, its sizes, and where it begins."""

import numpy as np
import pytest

from gru_sym import bidirectional, cells, readout, stack
from gru_sym.cells import Cell
from gru_sym.errors import StructureError
from gru_sym.training.model import initial, model_of, shape_of, sizes_of


@pytest.mark.parametrize("name", cells.names())
def test_every_cell(name: str) -> None:
    model = model_of(cells.cell(name), "mse")
    assert model == readout(cells.cell(name))
    sizes = sizes_of(model, entries=2, hidden=5)
    params = initial(model, sizes, seed=3, dtype="float64")
    assert list(params) == [str(v.name) for v in model.params]
    units = sizes["H"]  # mut1 and mut2 add the input to the state: both have the data's size
    assert units == (5 if "I" in sizes else 2)
    assert params["W_y"].shape == (2, units)
    for var in model.params:
        array = params[str(var.name)]
        assert array.shape == shape_of(var, sizes)
        assert (array != 0).all()
        assert (np.abs(array) <= units**-0.5).all()
    again = initial(model, sizes, seed=3, dtype="float64")
    assert all(np.array_equal(params[name], again[name]) for name in params)
    assert not np.array_equal(params["W_y"], initial(model, sizes, 4, "float64")["W_y"])
    single = initial(model, sizes, seed=3, dtype="float32")
    assert all(np.array_equal(single[n], params[n].astype(np.float32)) for n in params)


def test_a_stack() -> None:
    model = model_of(stack(cells.gru, cells.lstm), "mse")
    sizes = sizes_of(model, entries=2, hidden=5)
    assert sizes == {"I": 2, "O": 2, "H_1": 5, "H_2": 5}


def test_a_cell_that_adds_its_input_to_its_state() -> None:
    model = model_of(Cell.parse("h_next = tanh(x + U @ h)"), "cross_entropy")
    sizes = sizes_of(model, entries=3, hidden=5)
    assert set(sizes.values()) == {3}
    assert initial(model, sizes, 0, "float64")["U"].shape == (3, 3)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("h_next = tanh(U @ h + b)", "its inputs are: none"),
        ("h_next = tanh(W @ x + V @ u + U @ h)", "its inputs are: x, u"),
        ("# outputs: y\ny = W @ h\nh_next = tanh(V @ x + h)", "has the output `y`"),
        ("y = W @ x\nh_next = tanh(y + U @ h)", "the readout adds `y`"),
        ("g = x * [h, c]\nh_next = tanh(W @ g + h)\nc_next = tanh(V @ g)", "has the size"),
    ],
)
def test_what_cannot_be_trained(text: str, message: str) -> None:
    with pytest.raises(StructureError, match=message) as caught:
        sizes_of(model_of(Cell.parse(text), "mse"), 3, 5)
    assert caught.value.mend


def test_what_is_no_cell() -> None:
    for wrong in (bidirectional(cells.gru), "gru", readout(cells.gru)):
        with pytest.raises(StructureError) as caught:
            model_of(wrong, "mse")  # type: ignore[arg-type]
        assert caught.value.mend
