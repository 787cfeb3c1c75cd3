"""How a run is trained: what can be set, and what is refused."""

import dataclasses
import json
import math
from typing import Any

import numpy as np
import pytest

from gru_sym.errors import DataError
from gru_sym.training.settings import FREE, Settings


def test_plain_types() -> None:
    chosen = Settings(hidden=np.int64(3), clip=np.float32(0.5), learning_rate=1, window=np.int8(4))
    assert json.loads(json.dumps(chosen.to_json(), allow_nan=False)) == chosen.to_json()
    assert (type(chosen.hidden), type(chosen.clip), type(chosen.window)) == (int, float, int)
    assert chosen.to_json()["betas"] == [0.9, 0.999]
    assert type(chosen.learning_rate) is float


def test_by_name() -> None:
    assert Settings.of({"hidden": 3}) == Settings(hidden=3)
    assert Settings.of({}) == Settings()
    assert {field.name for field in dataclasses.fields(Settings)} >= FREE


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ({"hidden": 0}, "hidden is 0, and has to be a whole number from 1 on"),
        ({"hidden": 2.0}, "hidden is 2.0, and has to be a whole number"),
        ({"hidden": True}, "hidden is True"),
        ({"epochs": 0}, "epochs is 0"),
        ({"epochs": "3"}, "epochs is '3'"),
        ({"seed": -1}, "seed is -1, and has to be a whole number from 0 on"),
        ({"seed": 10**5000}, "seed is a number of 16610 bits"),
        ({"epochs": -(10**5000)}, "epochs is a number of 16610 bits"),
        ({"every": 0}, "every is 0"),
        ({"window": 0}, "window is 0"),
        ({"batch": -3}, "batch is -3"),
        ({"truncate": 1.5}, "truncate is 1.5"),
        ({"learning_rate": 0}, "learning_rate is 0, and has to be above 0"),
        ({"learning_rate": math.nan}, "learning_rate is nan, and has to be a finite number"),
        ({"learning_rate": "0.1"}, "learning_rate is '0.1'"),
        ({"epsilon": -1e-8}, "epsilon is -1e-08"),
        ({"clip": 0.0}, "clip is 0, and has to be above 0"),
        ({"clip": math.inf}, "clip is inf"),
        ({"clip": 10**400}, "clip is 1000"),
        ({"held_out": 1.0}, "held_out is 1, and has to be from 0 up to, but not, 1"),
        ({"held_out": -0.1}, "held_out is -0.1"),
        ({"betas": (0.9, 1.0)}, "betas is (0.9, 1.0), and has to be two numbers"),
        ({"betas": (0.9,)}, "betas is (0.9,)"),
        ({"betas": 0.9}, "betas is 0.9"),
        ({"betas": (math.nan, 0.5)}, "betas is"),
        ({"loss": "mae"}, "there is no loss 'mae'"),
        ({"dtype": "float16"}, "there is no dtype 'float16'"),
        ({"backend": "nunpy"}, "there is no backend 'nunpy'"),
        ({"backend": "mpmath"}, "the backend mpmath computes number by number"),
        ({"lr": 0.1}, "there is no setting lr"),
    ],
)
def test_what_is_refused(given: dict[str, Any], message: str) -> None:
    with pytest.raises(DataError) as caught:
        Settings.of(given)
    assert caught.value.message.startswith(message)
    assert caught.value.mend


def test_mends() -> None:
    with pytest.raises(DataError) as caught:
        Settings.of({"hiden": 3})
    assert "did you mean `hidden`?" in caught.value.mend
    with pytest.raises(DataError) as caught:
        Settings(backend="numpi")
    assert "did you mean `numpy`?" in caught.value.mend
