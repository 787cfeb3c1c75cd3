"""Where gradients are compared when nobody gives arrays."""

from itertools import combinations

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.errors import UnsupportedError
from gru_sym.verification.regimes import (
    REGIMES,
    SEQUENCES,
    STEPS,
    drawn,
    largest_argument,
    regime_of,
    sizes_of,
)
from gru_sym.verification.truth import NotRunError
from tests.test_compile import text_cells

WITHOUT_GATES = {"rnn_relu"}

built_in = pytest.mark.parametrize("name", cells.names())
gated = pytest.mark.parametrize("name", [n for n in cells.names() if n not in WITHOUT_GATES])


@pytest.mark.parametrize(
    "cell", [*map(cells.cell, cells.names()), *text_cells()], ids=lambda cell: cell.name
)
def test_all_sizes_differ(cell: Cell) -> None:
    sizes = [*sizes_of(cell).values(), STEPS, SEQUENCES]
    assert len(set(sizes)) == len(sizes)
    point = drawn(cell)
    assert (point.T, point.B) == (STEPS, SEQUENCES)
    for array in point.moving.values():  # a transposed matrix does not fit
        assert array.ndim < 2 or len(set(array.shape)) == array.ndim or array.shape == (3, 3)


@built_in
@pytest.mark.parametrize("regime", ["usual", "tiny", "long"])
def test_nothing_is_0_or_alike(name: str, regime: str) -> None:
    """A path through a state that is 0, or two gates of equal weights, may hide a slip."""
    point = REGIMES[regime].point(cells.cell(name), 0)
    arrays = [*point.moving.values(), *point.bars.values()]
    for array in arrays:
        assert array.all()
        assert np.isfinite(array).all()
    for one, other in combinations(arrays, 2):
        assert one.flat[0] != other.flat[0]


@built_in
def test_the_seed_decides(name: str) -> None:
    one, again, other = (drawn(cells.cell(name), seed) for seed in (1, 1, 2))
    for key, array in one.moving.items():
        assert np.array_equal(array, again.moving[key])
        assert not np.array_equal(array, other.moving[key])


@gated
@pytest.mark.parametrize(("regime", "largest"), [("saturated", 40.0), ("huge", 100.0)])
def test_arguments_of_gates_come_up_to_what_is_said(name: str, regime: str, largest: float) -> None:
    point = REGIMES[regime].point(cells.cell(name), 0)
    assert largest_argument(point) == pytest.approx(largest, rel=1e-6)
    assert largest_argument(point) <= largest
    assert largest_argument(drawn(cells.cell(name))) < largest / 2


@pytest.mark.parametrize("regime", ["saturated", "huge"])
@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("h_next = relu(W @ x + h)", "no gate that could saturate"),
        ("h_next = h * (1 - h)", "no gate that could saturate"),
        ("h_next = sin(W @ x) + h", "no gate that could saturate"),
        ("h_next = tanh(x + 0.5 * h)", "no scale of the parameters brings a gate's argument to"),
        ("h_next = tanh(W @ x / sqrt(sum(W * W)) + h)", "no scale of the parameters"),
    ],
)
def test_cells_that_do_not_saturate(regime: str, text: str, reason: str) -> None:
    with pytest.raises(NotRunError, match=reason):
        REGIMES[regime].point(Cell.parse(text), 0)


def test_a_cell_without_gates() -> None:
    for name in WITHOUT_GATES:
        with pytest.raises(NotRunError, match="no gate"):
            largest_argument(drawn(cells.cell(name)))


@pytest.mark.parametrize("function", ["sigmoid", "tanh", "softplus", "softmax", "hard_sigmoid"])
def test_what_counts_as_a_gate(function: str) -> None:
    """Its argument, be it a name or an expression; at each step."""
    for text in (f"h_next = {function}(W @ x) + 0 * h", f"a = W @ x\nh_next = {function}(a) + h"):
        point = drawn(Cell.parse(text))
        right = np.abs(point.inputs["x"] @ point.params["W"].T).max()
        assert largest_argument(point) == pytest.approx(right, rel=1e-14)


@built_in
def test_tiny_parameters(name: str) -> None:
    point = REGIMES["tiny"].point(cells.cell(name), 0)
    for array in point.params.values():
        assert 0 < np.abs(array).max() < 1e-7
    assert all(np.abs(array).max() > 0.1 for array in point.states.values())


@built_in
def test_many_steps(name: str) -> None:
    point = REGIMES["long"].point(cells.cell(name), 0)
    assert point.T == 1000
    assert all(np.abs(array).max() <= 2**-0.5 for array in point.params.values())


@built_in
def test_one_extreme_sequence(name: str) -> None:
    """The other one is as usual: what overflows in the last must not be felt there."""
    usual, point = (REGIMES[regime].point(cells.cell(name), 0) for regime in ("usual", "extreme"))
    for key, array in (point.inputs | point.states).items():
        before = (usual.inputs | usual.states)[key]
        assert np.array_equal(array[..., :-1, :], before[..., :-1, :])
        assert np.array_equal(array[..., -1, :], before[..., -1, :] * 2000)
    for key, array in (point.params | point.bars).items():
        assert np.array_equal(array, (usual.params | usual.bars)[key])


def test_other_sizes() -> None:
    point = drawn(cells.gru, sizes={"H": 2, "I": 1}, steps=3, sequences=1)
    assert point.params["W_z"].shape == (2, 1)
    assert point.inputs["x"].shape == (3, 1, 1)
    assert (point.T, point.B, dict(point.sizes)) == (3, 1, {"H": 2, "I": 1})


def test_by_name() -> None:
    assert next(iter(REGIMES)) == "usual"
    for name, row in REGIMES.items():
        assert regime_of(name) is row
        assert row.name == name
        assert row.words


@pytest.mark.parametrize(("name", "hint"), [("usuall", "did you mean `usual`"), ("", "usual, ")])
def test_unknown_names(name: str, hint: str) -> None:
    with pytest.raises(UnsupportedError, match=f"there is no regime {name}") as caught:
        regime_of(name)
    assert hint in caught.value.mend
