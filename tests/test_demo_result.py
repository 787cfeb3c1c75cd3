"""When the demonstration counts as passed, and how its result is written down."""

import dataclasses
import json
import math
from pathlib import Path

import pytest

from gru_sym.demo.result import TOLERANCE, Check, DemoResult
from gru_sym.training import Score

GOOD = DemoResult(
    cell="gru",
    verdict="proved",
    claims=(("one step:", 3),),
    steps=5,
    loss=0.25,
    outputs=(("hs", 0.0), ("loss", 1e-16)),
    checks=(Check("W_bar", (2, 1), 3.0, 1e-15, 2e-15), Check("b_bar", (2,), 1.0, 0.0, 1e-15)),
    forecast=Score(3, 4.0, 16.0),
    directory=Path("somewhere"),
    seconds=1.23456,
)


def test_all_good() -> None:
    assert GOOD.ok
    found = json.loads(json.dumps(GOOD.to_json(), allow_nan=False))
    assert found["ok"] is True
    assert found["claims"] == {"one step:": 3}
    assert found["outputs"]["loss"] == {"hand": 1e-16}
    assert found["forecast"] == {
        "steps": 3,
        "mse": {"model": 4.0, "naive": 16.0, "ratio": 0.25},
        "rmse": {"model": 2.0, "naive": 4.0, "ratio": 0.5},
    }
    assert found["gradients"]["W_bar"] == {
        "shape": [2, 1],
        "norm": 3.0,
        "hand": 1e-15,
        "complex_step": 2e-15,
    }


@pytest.mark.parametrize("error", [TOLERANCE, 1.0, math.inf, math.nan])
@pytest.mark.parametrize("reference", ["hand", "complex_step"])
def test_every_error_counts(reference: str, error: float) -> None:
    first, second = GOOD.checks
    bad = dataclasses.replace(second, **{reference: error})
    result = dataclasses.replace(GOOD, checks=(first, bad))
    assert not bad.ok
    assert not result.ok
    found = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert found["ok"] is False
    assert found["gradients"]["b_bar"][reference] == (error if math.isfinite(error) else None)
    assert not dataclasses.replace(GOOD, outputs=(("hs", error), ("loss", 0.0))).ok


@pytest.mark.parametrize("model", [16.0, 17.0, math.inf, math.nan])
def test_a_forecast_has_to_beat_the_naive_one(model: float) -> None:
    result = dataclasses.replace(GOOD, forecast=Score(3, model, 16.0))
    assert not result.ok
    assert json.loads(json.dumps(result.to_json(), allow_nan=False))["ok"] is False


@pytest.mark.parametrize(
    "change",
    [
        {"verdict": "refuted"},
        {"verdict": "unproved"},
        {"checks": ()},
        {"outputs": ()},
        {"forecast": None},
    ],
)
def test_nothing_unknown_counts_as_passed(change: dict[str, object]) -> None:
    assert not dataclasses.replace(GOOD, **change).ok  # type: ignore[arg-type]
