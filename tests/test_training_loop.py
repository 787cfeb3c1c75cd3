"""train: against loops made by hand, again and again the same, resumed, killed, diverging."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import gru_sym
from gru_sym import cells, compile, readout, stack, train, weights
from gru_sym.cells import Cell
from gru_sym.codegen.compile import Compiled
from gru_sym.errors import DataError, StructureError
from gru_sym.training import Result, loop, read_series
from gru_sym.training.adam import Adam, Moments, norm
from gru_sym.training.loop import _Trainer
from gru_sym.training.model import initial, model_of, sizes_of
from gru_sym.training.series import Series
from gru_sym.training.settings import Settings
from gru_sym.training.task import Task, task_of
from gru_sym.weights import TrainingRun

Arrays = dict[str, np.ndarray]
SUNSPOTS = Path(gru_sym.__file__).parent / "data" / "sunspots.csv"
TOLERANCE = 1e-11


@pytest.fixture
def values(rng: np.random.Generator) -> np.ndarray:
    """A noisy wave, (40,)."""
    return np.sin(np.arange(40) / 2) + 0.1 * rng.normal(size=40)


def relative_error(found: np.ndarray, truth: np.ndarray) -> float:
    return float(np.linalg.norm(found - truth) / np.linalg.norm(truth))


def same(one: Result, two: Result) -> bool:
    """Whether two results agree in every bit."""
    for name in ("parameters", "m", "v"):
        ours, theirs = getattr(one.run, name), getattr(two.run, name)
        assert ours.keys() == theirs.keys()
        if not all(np.array_equal(ours[n], theirs[n]) for n in ours):
            return False
    assert one.run.step == two.run.step
    scores = (one.training, one.held_out) == (two.training, two.held_out)
    return np.array_equal(one.history, two.history) and scores


# -- the numbers -----------------------------------------------------------------------------------


def by_hand(cell: Cell, task: Task, settings: Settings) -> tuple[Arrays, list[float]]:
    """The same training as one plain loop over time, windows one after the other."""
    model = readout(cell, settings.loss)
    run = compile(model)
    sizes = sizes_of(model, task.scaling.entries, settings.hidden)
    params = initial(model, sizes, settings.seed, "float64")
    adam, moments = Adam(settings.learning_rate), Moments.zero(params)
    history = []
    length = settings.window or task.learned
    for epoch in range(1, settings.epochs + 1):
        windows = task.windows(settings.window)
        size = min(settings.batch or len(windows), len(windows))
        if size < len(windows):
            windows = np.random.default_rng([settings.seed, epoch]).permutation(windows)
        losses = []
        for first in range(0, len(windows), size):
            chosen = windows[first : first + size]
            states: list[Arrays | None] = [None] * len(chosen)
            step = settings.truncate or length
            for start in range(0, length, step):
                grads = {name: np.zeros_like(p) for name, p in params.items()}
                stop = min(start + step, length)
                for k, (begin, b) in enumerate(chosen):  # each window alone, unbatched
                    part = slice(begin + start, begin + stop)
                    inputs = {"x": task.xs[part, b], "y": task.ys[part, b]}
                    weight = 1 / ((stop - start) * len(chosen))
                    trajectory, bars = run.gradients(params, inputs, states[k], {"loss": weight})
                    states[k] = {n: v[-1] for n, v in trajectory.states.items()}
                    losses += trajectory.extra["loss"].tolist()
                    for name in grads:
                        grads[name] += bars[f"{name}_bar"]
                if settings.clip is not None:
                    total = np.sqrt(sum((g**2).sum() for g in grads.values()))
                    scale = min(1, settings.clip / (total + 1e-6))
                    grads = {name: g * scale for name, g in grads.items()}
                params, moments = adam.update(params, grads, moments)
        history.append(float(np.mean(losses)))
    return params, history


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"truncate": 4},
        {"window": 7},
        {"window": 7, "batch": 2, "seed": 5},
        {"window": 7, "batch": 3, "truncate": 2, "clip": 0.2},
        {"clip": 0.05},
        {"batch": 2},
    ],
)
def test_against_a_loop_by_hand(rng: np.random.Generator, options: dict[str, Any]) -> None:
    """Mini-batches are means over windows, and no gradient passes a cut that the state passes."""
    series = rng.normal(size=(30, 3, 2))
    settings = Settings(hidden=4, epochs=3, **options)
    params, history = by_hand(cells.lstm, task_of(Series(series), settings), settings)
    found = train(cells.lstm, series, hidden=4, epochs=3, **options)
    assert found.history == pytest.approx(history, rel=1e-12)
    for name, wanted in params.items():
        assert relative_error(found.params[name], wanted) < TOLERANCE


def test_the_gradient_is_that_of_the_mean_loss(rng: np.random.Generator) -> None:
    """Of a whole mini-batch, by the complex step of the loss that the history reports."""
    settings = Settings(hidden=3)
    task = task_of(Series(rng.normal(size=(12, 2, 2))), settings)
    model = model_of(cells.gru, "mse")
    sizes = sizes_of(model, 2, 3)
    params = initial(model, sizes, 0, "float64")
    trainer = _Trainer(model, compile(model), task, settings)
    xs, ys = task.take(task.windows(None), task.learned)
    state = {"h": rng.normal(size=(2, 3))}
    grads, _, last = trainer._gradients(params, xs, ys, state)
    assert last["h"].shape == (2, 3)

    def mean_loss(changed: Arrays) -> Any:
        trajectory = trainer.compiled.forward(changed, {"x": xs, "y": ys}, state)
        return trajectory.extra["loss"].mean()

    for name, p in params.items():
        wanted = np.zeros_like(p)
        for at in np.ndindex(p.shape):
            stepped = {n: a.astype(complex) for n, a in params.items()}
            stepped[name][at] += 1e-30j
            wanted[at] = mean_loss(stepped).imag / 1e-30
        assert relative_error(grads[name], wanted) < 1e-12


def test_against_torch(torch: Any, rng: np.random.Generator) -> None:
    """A GRU with a linear layer, torch's own backprop, clipping and Adam, 60 epochs."""
    values = np.sin(np.arange(30) / 2) + 0.1 * rng.normal(size=30)
    start = train(cells.gru_reset_after, values, hidden=4, epochs=1, learning_rate=1e-300)
    p = {name: torch.tensor(a, requires_grad=True) for name, a in start.params.items()}
    optimiser = torch.optim.Adam(p.values(), lr=0.02)
    task = task_of(Series(values), Settings())
    xs, ys = (torch.tensor(a[: task.learned, 0]) for a in (task.xs, task.ys))
    history = []
    for _ in range(60):
        h, loss = torch.zeros(4, dtype=torch.float64), 0.0
        for x, y in zip(xs, ys, strict=True):
            z = torch.sigmoid(p["W_z"] @ x + p["U_z"] @ h + p["b_z"])
            r = torch.sigmoid(p["W_r"] @ x + p["U_r"] @ h + p["b_r"])
            n = torch.tanh(p["W_h"] @ x + p["b_h"] + r * (p["U_h"] @ h + p["b_hn"]))
            h = (1 - z) * n + z * h
            loss = loss + ((p["W_y"] @ h + p["b_y"] - y) ** 2).mean() / len(xs)
        optimiser.zero_grad()
        loss.backward()
        torch.nn.utils.clip_grad_norm_(p.values(), 0.5)
        optimiser.step()
        history.append(loss.item())
    found = train(cells.gru_reset_after, values, hidden=4, epochs=60, learning_rate=0.02, clip=0.5)
    assert found.history == pytest.approx(history, rel=1e-9)
    for name, wanted in p.items():
        assert relative_error(found.params[name], wanted.detach().numpy()) < 1e-9


# -- what learns -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "make",
    [
        lambda: cells.gru,
        lambda: cells.lstm,
        lambda: cells.gru_layernorm,
        lambda: cells.fastgrnn,
        lambda: stack(cells.gru, cells.rnn),
        lambda: Cell.parse("g = sigmoid(V @ [x, h])\nh_next = g * h + (1 - g) * tanh(W @ [h, x])"),
        lambda: Cell.parse("h_next = tanh(W @ v + U @ h + b)\n", name="mine"),
    ],
)
def test_every_kind_of_cell_learns_a_wave(make: Callable[[], Cell]) -> None:
    result = train(make(), np.sin(np.arange(90) / 3), hidden=8, epochs=80, learning_rate=0.02)
    assert result.held_out is not None
    assert result.held_out.ratio < 0.2
    assert result.history[-1] < result.history[0] / 10


@pytest.mark.parametrize("shape", [(120,), (120, 2)])
def test_symbols_of_a_period(shape: tuple[int, ...]) -> None:
    symbols = np.resize([0, 1, 1, 2, 0, 2], 120)
    if len(shape) > 1:
        symbols = np.stack([symbols, np.roll(symbols, 1)], axis=1)
    result = train(
        cells.gru, symbols, loss="cross_entropy", hidden=12, epochs=120, learning_rate=0.03
    )
    assert result.held_out is not None
    assert result.held_out.naive == pytest.approx(np.log(3), rel=0.01)
    assert result.held_out.model < 0.1
    ahead = result.forecast(6)
    assert ahead.tolist() == symbols[:6].tolist()  # 120 is a multiple of the period


def test_sunspots() -> None:
    result = train(cells.gru, read_series(SUNSPOTS, "sunspots"), epochs=60)
    assert result.held_out is not None
    assert result.held_out.steps == 103
    assert result.held_out.naive == pytest.approx(854.2493, rel=1e-6)
    assert result.held_out.model < 0.6 * result.held_out.naive


@pytest.mark.parametrize("backend", ["torch", "jax", pytest.param("numba", marks=pytest.mark.slow)])
def test_other_backends(backend: str, values: np.ndarray, peer: Callable[[str], Any]) -> None:
    peer(backend)
    options: dict[str, Any] = {"hidden": 4, "epochs": 5, "window": 8, "batch": 2, "truncate": 4}
    ours = train(cells.gru, values, **options)
    theirs = train(cells.gru, values, **options, backend=backend)
    for name, wanted in ours.params.items():
        assert relative_error(theirs.params[name], wanted) < 1e-9


def test_float32(values: np.ndarray) -> None:
    double = train(cells.gru, values, hidden=4, epochs=20)
    single = train(cells.gru, values, hidden=4, epochs=20, dtype="float32")
    for part in (single.run.parameters, single.run.m, single.run.v):
        assert {a.dtype for a in part.values()} == {np.dtype(np.float32)}
    assert single.history == pytest.approx(double.history, rel=1e-3)
    assert single.forecast(3) == pytest.approx(double.forecast(3), rel=1e-2)


# -- the same again --------------------------------------------------------------------------------


@pytest.mark.parametrize("options", [{}, {"window": 6, "batch": 2, "truncate": 4}])
def test_one_seed_one_result(values: np.ndarray, options: dict[str, Any]) -> None:
    first, again, other = (
        train(cells.gru, values, hidden=4, epochs=4, seed=seed, **options) for seed in (1, 1, 2)
    )
    assert same(first, again)
    assert not same(first, other)


def test_progress(values: np.ndarray, tmp_path: Path) -> None:
    seen: list[tuple[int, float]] = []
    result = train(
        cells.rnn,
        values,
        hidden=3,
        epochs=3,
        progress=lambda epoch, loss: seen.append((epoch, loss)),
    )
    assert [epoch for epoch, _ in seen] == [0, 1, 2, 3]
    assert np.isnan(seen[0][1])
    assert [loss for _, loss in seen[1:]] == result.history.tolist()


class StopError(Exception):
    """What stops a run in these tests."""


def stopping(at: int) -> Callable[[int, float], None]:
    def progress(epoch: int, loss: float) -> None:
        if epoch == at:
            raise StopError

    return progress


@pytest.mark.parametrize("stop", [0, 1, 4, 6, 7, 9])
@pytest.mark.parametrize("dtype", ["float64", "float32"])
def test_resumed_is_undisturbed(values: np.ndarray, tmp_path: Path, stop: int, dtype: str) -> None:
    options: dict[str, Any] = {
        "hidden": 4, "epochs": 9, "window": 6, "batch": 2, "truncate": 4, "clip": 0.3,
        "every": 3, "dtype": dtype,
    }  # fmt: skip
    cell = stack(cells.gru, cells.lstm)
    whole = train(cell, values, out=tmp_path / "whole.safetensors", **options)
    path = tmp_path / "run.safetensors"
    with pytest.raises(StopError):
        train(cell, values, out=path, resume=True, progress=stopping(stop), **options)
    stopped = weights.load(path)
    assert isinstance(stopped, TrainingRun)
    assert stopped.epoch == stop // 3 * 3
    found = train(cell, values, out=path, resume=True, **options)
    assert same(found, whole)
    assert np.array_equal(found.forecast(4), whole.forecast(4))
    assert path.read_bytes() == (tmp_path / "whole.safetensors").read_bytes()


def test_a_run_may_be_made_longer(values: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    whole = train(cells.gru, values, hidden=4, epochs=7, window=6, batch=2)
    train(cells.gru, values, hidden=4, epochs=4, window=6, batch=2, out=path, every=3)
    longer = train(cells.gru, values, hidden=4, epochs=7, window=6, batch=2, out=path, resume=True)
    assert same(longer, whole)
    before = path.read_bytes()
    again = train(cells.gru, values, hidden=4, epochs=7, window=6, batch=2, out=path, resume=True)
    assert same(again, whole)
    assert path.read_bytes() == before


SCRIPT = """
import sys
import numpy as np
from gru_sym import cells, train

train(
    cells.gru, np.sin(np.arange(80) / 3), out=sys.argv[1], resume=True, every=1,
    hidden=4, epochs=60, window=10, batch=3, truncate=4, clip=1.0,
)
"""


@pytest.mark.slow
def test_killed_is_undisturbed(tmp_path: Path) -> None:
    """SIGKILL at moments of chance, mostly while the file is written; and then to the end."""
    command = [sys.executable, "-c", SCRIPT]
    whole, path = tmp_path / "whole.safetensors", tmp_path / "run.safetensors"
    subprocess.run([*command, str(whole)], check=True)
    rng = np.random.default_rng(0)
    killed = 0
    for _ in range(5):
        with subprocess.Popen([*command, str(path)]) as process:
            deadline = time.monotonic() + 60
            start = path.stat().st_mtime_ns if path.exists() else 0
            # Until it writes, and a moment more.
            while process.poll() is None and time.monotonic() < deadline:
                if path.exists() and path.stat().st_mtime_ns != start:
                    break
                time.sleep(0.001)
            time.sleep(rng.uniform(0, 0.05))
            if process.poll() is None:
                os.kill(process.pid, signal.SIGKILL)
                killed += 1
        loaded = weights.load(path)  # whole, whenever the process died
        assert isinstance(loaded, TrainingRun)
        assert loaded.epoch <= 60
    assert killed >= 2
    subprocess.run([*command, str(path)], check=True)
    one, two = weights.load(whole), weights.load(path)
    assert isinstance(one, TrainingRun)
    assert isinstance(two, TrainingRun)
    for part in ("parameters", "m", "v"):
        ours, theirs = getattr(one, part), getattr(two, part)
        assert all(np.array_equal(ours[name], theirs[name]) for name in ours)
    assert np.array_equal(one.history, two.history)
    assert whole.read_bytes() == path.read_bytes()


# -- what goes wrong -------------------------------------------------------------------------------


def test_divergence_leaves_the_last_checkpoint(values: np.ndarray, tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    cell = Cell.parse("h_next = exp(W @ x + U @ h)")
    with pytest.raises(DataError, match=r"training diverged at epoch \d+") as caught:
        train(cell, values, hidden=3, epochs=50, learning_rate=0.9, window=4, out=path, every=1)
    assert "smaller learning rate than 0.9" in caught.value.mend
    assert "clip" in caught.value.mend
    left = weights.load(path)
    assert isinstance(left, TrainingRun)
    assert all(np.isfinite(p).all() for p in left.parameters.values())
    with pytest.raises(DataError, match="a smaller clip than 9") as clipped:
        train(cell, values, epochs=50, learning_rate=1e300, clip=9, window=4)
    assert "diverged at epoch" in clipped.value.message


def spoil(monkeypatch: pytest.MonkeyPatch, wrong: float, *, since: int) -> None:
    """From one update on, an entry of the gradient is another."""
    backward = Compiled.backward
    calls: list[int] = []

    def spoiled(self: Compiled, *args: Any) -> Arrays:
        grads = backward(self, *args)
        calls.append(1)
        if len(calls) >= since:
            grads["b_z_bar"][0] = wrong
        return grads

    monkeypatch.setattr(Compiled, "backward", spoiled)


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_gradient_that_is_not_finite(
    values: np.ndarray, monkeypatch: pytest.MonkeyPatch, wrong: float
) -> None:
    spoil(monkeypatch, wrong, since=2)
    with pytest.raises(DataError, match="training diverged at epoch 2:"):
        train(cells.gru, values, epochs=2, clip=1.0)


@pytest.mark.parametrize(
    ("dtype", "wrong"), [("float64", 1e200), ("float32", 1e30), ("float64", -1e200)]
)
def test_a_gradient_whose_square_overflows(
    values: np.ndarray, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, dtype: str, wrong: float
) -> None:
    """The parameters stay finite, and Adam's moments do not: no such file could be read again."""
    path = tmp_path / "run.safetensors"
    spoil(monkeypatch, wrong, since=3)
    with pytest.raises(DataError, match="training diverged at epoch 3:"):
        train(cells.gru, values, hidden=3, epochs=5, dtype=dtype, out=path, every=1)
    left = weights.load(path)
    assert isinstance(left, TrainingRun)
    assert left.epoch == 2
    with pytest.raises(DataError, match="training diverged at epoch 1:"):
        train(cells.gru, values, hidden=3, epochs=5, dtype=dtype)


def test_not_finite_from_the_start(values: np.ndarray, tmp_path: Path) -> None:
    """No learning rate is to blame for that."""
    for text, what in {
        "h_next = log(W @ x + U @ h)": "loss",
        "h_next = exp(W @ x + 9 * U @ h)": "loss",
        "h_next = tanh(W @ x + sqrt(relu(U @ h)))": "gradient",
    }.items():
        wanted = f"the {what} is not finite at the initial parameters"
        with pytest.raises(DataError, match=wanted) as caught:
            train(Cell.parse(text), values, epochs=2, out=tmp_path / f"{len(text)}.safetensors")
        assert "learning rate" not in caught.value.mend
        assert "log" in caught.value.mend


def test_two_starts_on_one_file(
    values: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One that finds no file, and meets that of another when it writes its own, gives way."""
    path = tmp_path / "run.safetensors"
    train(cells.gru, values, hidden=3, epochs=1, out=path)
    before = path.read_bytes()
    monkeypatch.setattr(loop, "resumed", lambda path, start, **_: start)
    with pytest.raises(DataError, match="File exists"):
        train(cells.gru, values, hidden=3, epochs=1, out=path, resume=True)
    assert path.read_bytes() == before


def test_what_is_asked_for_is_checked_before_it_is_compiled(
    values: np.ndarray, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "run.safetensors"
    train(cells.gru, values, hidden=3, epochs=1, out=path)
    monkeypatch.setattr(loop, "compile", None)
    with pytest.raises(DataError, match="a run is written as"):
        train(cells.gru, values, out="run.npz")
    with pytest.raises(DataError, match="is there already"):
        train(cells.gru, values, hidden=3, epochs=1, out=path)
    with pytest.raises(DataError, match="seed is 0 there, and 1 here"):
        train(cells.gru, values, hidden=3, epochs=1, out=path, resume=True, seed=1)
    with pytest.raises(DataError, match="a window of 99 steps is longer"):
        train(cells.gru, values, hidden=3, epochs=1, window=99)


def test_a_huge_gradient_can_be_clipped() -> None:
    """Its squares would overflow, and its norm does not."""
    huge = {"W": np.array([1e250]), "b": np.array([1e250])}
    assert np.isfinite(norm(huge))


def test_what_is_refused(values: np.ndarray, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no file to resume from"):
        train(cells.gru, values, resume=True)
    with pytest.raises(DataError, match="there is no setting learning"):
        train(cells.gru, values, learning=1)
    with pytest.raises(DataError, match="a window of 99 steps is longer"):
        train(cells.gru, values, window=99)
    with pytest.raises(StructureError, match="a cell is trained"):
        train("gru", values)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="out is 3, and has to be a path"):
        train(cells.gru, values, out=3)  # type: ignore[arg-type]
    with pytest.raises(DataError, match="is not an array"):
        train(cells.gru, [[1, 2], [3]])  # type: ignore[list-item]
    with pytest.raises(DataError, match="cannot write"):
        train(cells.gru, values, out=tmp_path / "no" / "run.safetensors")
