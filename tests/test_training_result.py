"""What training found: scores in the series' own unit, and forecasts."""

import dataclasses
import json
from typing import Any

import numpy as np
import pytest

from gru_sym import cells, train
from gru_sym.cells import Cell
from gru_sym.errors import DataError
from gru_sym.training import Result, Score, Series

WAVE = 100 + 5 * np.sin(np.arange(60) / 2)


@pytest.fixture(scope="module")
def wave() -> Result:
    return train(cells.gru, Series(WAVE, "a wave"), hidden=6, epochs=150, learning_rate=0.02)


@pytest.fixture(scope="module")
def symbols() -> Result:
    values = np.stack([np.resize([0, 1, 2], 60), np.resize([1, 2, 0], 60)], axis=1)
    return train(cells.rnn, values, loss="cross_entropy", hidden=6, epochs=80, learning_rate=0.05)


def test_scores_are_those_of_the_predictions(wave: Result) -> None:
    error = (wave.predict()[:-1] - WAVE[1:]) ** 2
    naive = np.diff(WAVE) ** 2
    assert wave.held_out is not None
    assert (wave.training.steps, wave.held_out.steps) == (39, 20)
    assert wave.training.model == pytest.approx(error[:39].mean(), rel=1e-9)
    assert wave.held_out.model == pytest.approx(error[39:].mean(), rel=1e-9)
    assert wave.held_out.naive == pytest.approx(naive[39:].mean(), rel=1e-9)
    assert wave.held_out.ratio == wave.held_out.model / wave.held_out.naive
    assert wave.held_out.root().model == wave.held_out.model**0.5
    assert wave.unit == "the series' own unit"


def test_scores_of_symbols(symbols: Result) -> None:
    values = symbols.series.values.astype(int)
    chances = symbols.predict()
    assert chances.shape == (60, 2, 3)
    assert chances.sum(axis=-1) == pytest.approx(np.ones((60, 2)))
    losses = -np.log(np.take_along_axis(chances[:-1], values[1:, :, None], axis=-1))
    assert symbols.held_out is not None
    assert symbols.held_out.model == pytest.approx(losses[39:].mean(), rel=1e-9)
    assert symbols.held_out.naive == pytest.approx(np.log(3), rel=0.01)
    assert symbols.unit == "nats"
    assert [measure for _, measure, _ in symbols.measures()] == ["cross-entropy"] * 2


def test_forecasts(wave: Result) -> None:
    ahead = wave.forecast(5)
    assert ahead.shape == (5,)
    assert ahead[0] == wave.predict()[-1]
    assert ahead == pytest.approx(100 + 5 * np.sin(np.arange(60, 65) / 2), abs=1.5)
    # Each forecast is the next value that is read.
    longer = np.concatenate([WAVE, ahead[:2]])
    assert wave.forecast(3, longer) == pytest.approx(ahead[2:], rel=1e-9)
    assert wave.predict(longer)[:-2] == pytest.approx(wave.predict(), rel=1e-12)
    with pytest.raises(DataError, match="a forecast of 0 steps"):
        wave.forecast(0)
    with pytest.raises(DataError, match="has 2 columns, and 1 were learned"):
        wave.forecast(1, np.zeros((5, 2)))


def test_forecasts_of_symbols(symbols: Result) -> None:
    assert symbols.forecast(4).tolist() == [[0, 1], [1, 2], [2, 0], [0, 1]]
    assert symbols.forecast(2, [0, 1]).tolist() == [2, 0]
    assert symbols.predict([0, 1]).shape == (2, 3)


@pytest.mark.parametrize("shape", [(30,), (30, 2), (30, 3, 2)])
def test_axes(rng: np.random.Generator, shape: tuple[int, ...]) -> None:
    values = rng.normal(size=shape)
    result = train(cells.gru, values, hidden=3, epochs=2)
    assert result.predict().shape == shape
    assert result.forecast(4).shape == (4, *shape[1:])
    own = "the series' own unit" if len(shape) == 1 else "each column's own standard deviation"
    assert result.unit == own


def test_nothing_held_out() -> None:
    result = train(cells.gru, WAVE, hidden=3, epochs=2, held_out=0)
    assert result.held_out is None
    assert result.training.steps == 59
    assert result.to_json()["held_out"] is None
    assert "held out" not in str(result)


def test_json(wave: Result, symbols: Result) -> None:
    found = json.loads(json.dumps(wave.to_json(), allow_nan=False))
    assert list(found) == [
        "cell", "series", "sizes", "settings", "epochs", "updates", "loss", "naive", "unit",
        "training_loss", "training", "held_out",
    ]  # fmt: skip
    assert (found["cell"], found["series"], found["updates"]) == ("gru", "a wave", 150)
    assert found["naive"] == "next equals this"
    assert found["training_loss"] == wave.history[-1]
    assert list(found["held_out"]) == ["steps", "mse", "rmse"]
    assert list(found["held_out"]["mse"]) == ["model", "naive", "ratio"]
    other: Any = json.loads(json.dumps(symbols.to_json(), allow_nan=False))
    assert list(other["held_out"]) == ["steps", "cross_entropy"]
    assert Score(3, float("nan"), 0.0).to_json() == {"model": None, "naive": 0.0, "ratio": None}


def test_printed(wave: Result) -> None:
    lines = str(wave).splitlines()
    assert lines[0] == "gru on a wave: I = 1, O = 1, H = 6, 150 epochs"
    assert lines[1].startswith("training loss ")
    assert [line[:13] for line in lines[2:]] == [
        *("training MSE ", "training RMSE", "held out MSE ", "held out RMSE")
    ]
    assert repr(wave) == str(wave)
    assert wave.not_finite == ()
    assert "naive" in lines[-1]


def test_a_model_that_overflows() -> None:
    """Is no error, warns of nothing, and says so."""
    values = np.append(np.sin(np.arange(40)), [1e6] * 10)
    cell = Cell.parse("h_next = exp(W @ x) + exp(V @ x)")
    result = train(cell, values, hidden=4, epochs=2, held_out=0.2)
    assert result.held_out is not None
    assert not np.isfinite(result.held_out.model)
    assert np.isfinite(result.training.model)
    assert result.not_finite == ("held out",)
    assert "held out MSE   not finite, naive " in str(result)
    assert not np.isfinite(result.predict()[-1])
    with pytest.raises(DataError, match="the forecast is not finite"):
        result.forecast(1)
    assert np.isfinite(result.forecast(2, values[:30])).all()
    with pytest.raises(DataError, match="too large beside those of the training part"):
        result.predict([1e308 * 1.5, -1e308])


def test_symbols_of_a_model_that_overflows(symbols: Result) -> None:
    huge = {name: array * 1e308 for name, array in symbols.params.items()}
    run = dataclasses.replace(symbols.run, parameters=huge)
    result = dataclasses.replace(symbols, run=run)
    assert not np.isfinite(result.predict([0, 1])).all()
    with pytest.raises(DataError, match="the forecast is not finite"):
        result.forecast(1)
