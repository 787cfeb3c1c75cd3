"""Learning: what is cut is cut, what is not is backprop; the same seed gives the same bits."""

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import cell
from gru_sym.cells.compose import readout
from gru_sym.codegen import compile
from gru_sym.errors import DataError
from gru_sym.flow import along
from gru_sym.learning import TASKS, learn
from gru_sym.learning.loop import cut_gradients
from tests.flow_cases import Array

QUICK = {"hidden": 6, "T": 12, "updates": 4, "batch": 5}


def _model(name: str, task: str) -> tuple[object, object, Array]:
    """A compiled model, its trajectory along a batch, and the weights of its loss."""
    row = TASKS[task]
    model = readout(cell(name), row.loss)
    rng = np.random.default_rng(0)
    sizes = {"I": row.entries[0], "O": row.entries[1]}
    shapes = {v: tuple(sum(sizes.get(d, 5) for d in dim) for dim in v.shape) for v in model.params}
    params = {str(v.name): rng.normal(size=shape) / 2 for v, shape in shapes.items()}
    data = row.draw(rng, 9, 4)
    run = compile(model)
    return run, run.forward(params, {"x": data.xs, "y": data.ys}), data.weights


@pytest.mark.parametrize("task", TASKS)
@pytest.mark.parametrize("name", ["gru", "lstm", "rnn", "gru_layernorm", "mgu"])
def test_nothing_cut_is_backprop(name: str, task: str) -> None:
    run, trajectory, weights = _model(name, task)
    found = cut_gradients(run, trajectory, weights, ())  # type: ignore[arg-type]
    wanted = run.backward(trajectory, {"loss": weights})  # type: ignore[attr-defined]
    for parameter, grad in found.items():
        truth = wanted[f"{parameter}_bar"]
        assert np.abs(grad - truth).max() <= 1e-13 * np.abs(truth).max()


@pytest.mark.parametrize("without", [("update",), ("reset", "candidate"), ("skip",)])
def test_what_is_cut(without: tuple[str, ...]) -> None:
    """Of U_z, by hand: the adjoint of the kept families, then each step's own gradient."""
    run, trajectory, weights = _model("gru", "adding")
    found = cut_gradients(run, trajectory, weights, without)  # type: ignore[arg-type]
    steps = along(run.cell, trajectory)  # type: ignore[attr-defined,arg-type]
    values = trajectory.values  # type: ignore[attr-defined]
    bar = 2 * (values["y_hat"][-1] - values["y"][-1]) @ values["W_y"] * weights[-1][:, None]
    total = np.zeros_like(found["U_z"])
    for t in range(steps.T - 1, -1, -1):
        z, h = values["z"][t], values["h"][t]
        a_z_bar = bar * (values["h_tilde"][t] - h) * z * (1 - z)
        total += a_z_bar.T @ h
        parts = steps.left(t, bar[None])[:, 0]
        bar = sum(parts[k] for k, name in enumerate(steps.names) if name not in without)
    assert np.allclose(found["U_z"], total, rtol=1e-11)


def test_the_same_seed_gives_the_same_bits() -> None:
    first, second = (learn(cells.gru, "copy", **QUICK, snapshots=2) for _ in range(2))
    assert (first.loss == second.loss).all()
    assert all((first.params[n] == second.params[n]).all() for n in first.params)
    assert first.test == second.test
    other = learn(cells.gru, "copy", **QUICK, seed=1)
    assert (other.loss != first.loss).all()


def test_snapshots() -> None:
    found = learn(cells.lstm, "sunspots", **QUICK, snapshots=3)
    assert [each.update for each in found.snapshots] == [0, 2, 4]
    for each in found.snapshots:
        assert each.log_norm.shape == (13,)
        assert each.families == ("skip", "output", "input", "forget", "candidate")
        assert np.allclose(each.shares.sum(axis=1), 1)
    assert learn(cells.lstm, "sunspots", **QUICK).snapshots == ()


@pytest.mark.slow
def test_a_gru_learns_to_add() -> None:
    found = learn(cells.gru, "adding", hidden=24, T=20, updates=500)
    assert found.baseline == pytest.approx(1 / 6)
    assert found.test < 0.2 * found.baseline
    assert found.loss[-50:].mean() < 0.2 * found.loss[:50].mean()


def test_the_test_is_on_what_was_held_out() -> None:
    """Of the sunspots, and the baseline is of the same windows."""
    found = learn(cells.gru, "sunspots", **QUICK)
    task = TASKS["sunspots"]
    data = task.held(np.random.default_rng([0, 2]), 12, 256)
    run = compile(readout(cells.gru, task.loss))
    values = run.forward(found.params, {"x": data.xs, "y": data.ys})
    assert found.test == pytest.approx((values.extra["loss"] * data.weights).sum())
    assert found.baseline == task.baseline(data)
    with pytest.raises(DataError, match="150 steps are more than the 103 years"):
        learn(cells.gru, "sunspots", **QUICK | {"T": 150})


def test_progress() -> None:
    seen: list[int] = []
    learn(cells.rnn, "adding", **QUICK, progress=lambda n, loss: seen.append(n))
    assert seen == [1, 2, 3, 4]


def test_wrong_names() -> None:
    with pytest.raises(DataError, match="no task juggling"):
        learn(cells.gru, "juggling", **QUICK)
    with pytest.raises(DataError, match="no path upward"):
        learn(cells.gru, "adding", **QUICK, without=["upward"])


def test_divergence() -> None:
    with pytest.raises(DataError, match="diverged at update"):
        learn(
            cells.rnn_relu,
            "adding",
            **QUICK | {"T": 60, "updates": 40},
            gain=1e6,
            clip=None,
            learning_rate=1e30,
        )
