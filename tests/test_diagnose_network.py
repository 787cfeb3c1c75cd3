"""Checkpoints as passes that have run."""

from pathlib import Path

import numpy as np
import pytest

from gru_sym import cells, train
from gru_sym.codegen import compile
from gru_sym.diagnose.network import trained
from gru_sym.errors import DataError
from tests.torch_files import saved

CHECKPOINT = Path(__file__).parents[1] / "gru_sym" / "data" / "sunspots_gru.safetensors"


def test_one_layer() -> None:
    found = trained(CHECKPOINT, np.ones((20, 1)))
    (only,) = found.passes
    assert only.label == "the cell"
    assert only.cell.name == "gru_reset_after"
    assert only.trajectory.hs.shape == (20, 1, 16)
    assert found.whole is None
    assert only.start["h"].shape == (1, 16)


@pytest.mark.parametrize("shape", [(20,), (20, 1), (20, 3, 1)])
def test_inputs(shape: tuple[int, ...]) -> None:
    (only,) = trained(CHECKPOINT, np.ones(shape)).passes
    assert (3 if len(shape) == 3 else 1) == only.trajectory.B


@pytest.mark.parametrize(
    ("xs", "message"),
    [
        (np.ones((20, 2)), r"shape \(20, 2\), and the network reads 1 number at"),
        (np.ones((1, 1)), "no two steps"),
        (np.array([["a"], ["b"]]), "not real numbers"),
    ],
)
def test_wrong_inputs(xs: np.ndarray, message: str) -> None:
    with pytest.raises(DataError, match=message):
        trained(CHECKPOINT, xs)


def test_two_layers_and_two_directions(tmp_path: Path) -> None:
    both = saved(tmp_path / "both.safetensors", "GRU", layers=2, bidirectional=True)
    found = trained(both, np.random.default_rng(0).normal(size=(15, 2, 3)))
    assert [one.label for one in found.passes] == [
        "layer 1, forward",
        "layer 1, reverse",
        "layer 2, forward",
        "layer 2, reverse",
    ]
    assert found.whole is None
    below = found.passes[:2]
    joined = np.concatenate([below[0].trajectory.hs, below[1].trajectory.hs[::-1]], axis=-1)
    assert np.allclose(next(iter(found.passes[2].inputs.values())), joined)


def test_layers_in_one_direction_are_one_cell_too(tmp_path: Path) -> None:
    path = saved(tmp_path / "deep.safetensors", "LSTM", layers=2)
    xs = np.random.default_rng(0).normal(size=(15, 3))
    found = trained(path, xs)
    assert found.whole is not None
    assert np.allclose(found.whole.trajectory.hs, found.passes[1].trajectory.hs)


def test_a_run_of_ours(tmp_path: Path) -> None:
    out = tmp_path / "run.safetensors"
    result = train(cells.mgu, np.sin(np.arange(60.0)), hidden=4, epochs=2, out=out)
    xs = np.random.default_rng(0).normal(size=(15, 1))
    (only,) = trained(out, xs).passes
    wanted = compile(cells.mgu).forward(
        {str(v.name): result.params[str(v.name)] for v in cells.mgu.params}, xs
    )
    assert np.allclose(only.trajectory.hs[:, 0], wanted.hs)
