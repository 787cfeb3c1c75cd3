"""Trials: their configuration, and the key that is made of it."""

import json
import pickle
import subprocess
import sys
from dataclasses import fields, replace
from hashlib import sha256

import pytest

from gru_sym.sweep import Study
from gru_sym.sweep.axes import AXES
from gru_sym.sweep.trial import Trial, canonical, key_of
from gru_sym.sweep.version import code_version
from tests.sweeping import SMALL


@pytest.fixture
def trial() -> Trial:
    return next(Study.parse(SMALL).trials())


def test_the_axes_are_the_first_fields() -> None:
    assert [field.name for field in fields(Trial)][: len(AXES)] == list(AXES)


def test_the_configuration_is_all_of_it(trial: Trial) -> None:
    assert Trial(**json.loads(trial.configuration)) == trial
    assert "tanh" in trial.configuration


def test_the_key_is_of_the_configuration_and_the_code(trial: Trial) -> None:
    text = f"{trial.configuration}\n{code_version()}"
    assert trial.key == sha256(text.encode()).hexdigest()
    assert key_of(trial.configuration, "another version") != trial.key


def test_whatever_differs_makes_another_key(trial: Trial) -> None:
    others = {
        "cell": "x", "size": 9, "T": 9, "initialisation": "x", "gain": 9.0, "bias": 9.0,
        "task": "x", "paths": "x", "seed": 9, "measurement": "x", "equations": "x",
        "variance": 9.0, "inputs": 9, "learning": "x",
    }  # fmt: skip
    assert others.keys() == {field.name for field in fields(Trial)}
    keys = {replace(trial, **{name: value}).key for name, value in others.items()}
    assert len(keys | {trial.key}) == len(others) + 1


def test_it_is_the_same_after_a_journey(trial: Trial) -> None:
    assert trial.configuration
    assert pickle.loads(pickle.dumps(trial)).key == trial.key


def test_the_key_is_the_same_in_every_process(trial: Trial) -> None:
    script = (
        "from gru_sym.sweep import Study\n"
        "from tests.sweeping import SMALL\n"
        "print(next(Study.parse(SMALL).trials()).configuration)"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True
    )
    assert run.stdout.strip() == trial.configuration


def test_numbers_keep_all_their_digits() -> None:
    assert json.loads(canonical([0.1 + 0.2, 2**62]))[0] == 0.1 + 0.2
    with pytest.raises(ValueError, match="not JSON compliant"):
        canonical(float("nan"))
