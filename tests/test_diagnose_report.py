"""The examination as data."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gru_sym.diagnose import Diagnosis, diagnose
from tests.torch_files import saved

XS = np.random.default_rng(0).normal(size=(30, 2, 3))


@pytest.fixture(scope="module", params=["GRU", "LSTM", "RNN"])
def deep(request: Any, tmp_path_factory: pytest.TempPathFactory) -> Diagnosis:
    folder = tmp_path_factory.mktemp("net")
    return diagnose(saved(folder / "deep.safetensors", request.param, layers=2), XS)


def test_json_is_plain(deep: Diagnosis) -> None:
    document = json.loads(json.dumps(deep.to_json(), allow_nan=False))
    assert document["checkpoint"] == "deep.safetensors"
    assert "2 layers" in document["convention"]
    assert [one["label"] for one in document["passes"]] == ["layer 1", "layer 2"]
    assert document["whole"]["label"] == "all layers"
    for one in document["passes"]:
        assert list(one["paths"]) == ["1", "10", "30"]
        assert len(one["lag_curve"]["log_norm"]) == 31
        assert len(one["unit_memory"]) == one["units"] == 5
        assert len(one["lyapunov"]["exponents"]) in {5, 10}
    assert all(found["text"] for found in document["findings"])


def test_as_text(deep: Diagnosis) -> None:
    text = str(deep)
    assert "2 layers" in text
    assert "layer 1: The gradient at lag" in text
    assert "all layers: " in text


def test_two_directions(tmp_path: Path) -> None:
    path = saved(tmp_path / "both.safetensors", "GRU", bidirectional=True)
    found = diagnose(path, XS)
    assert [one.label for one in found.passes] == ["forward", "reverse"]
    assert found.whole is None
    assert found.to_json()["whole"] is None
