"""The examination as data."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from gru_sym.diagnose import Diagnosis, diagnose
from gru_sym.errors import WeightsError
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
    assert "layer 1: In the network, the gradient with respect to its states at lag" in text
    assert text.index("all layers: ") < text.index("layer 1: ")


def test_two_directions(tmp_path: Path) -> None:
    path = saved(tmp_path / "both.safetensors", "GRU", bidirectional=True)
    found = diagnose(path, XS)
    assert [one.label for one in found.passes] == ["forward", "reverse"]
    assert found.whole is None
    assert found.to_json()["whole"] is None
    first, second = (one for one in found.findings if one.text.startswith("By itself, with its"))
    assert "ends at the first input" not in first.text
    assert "ends at the first input" in second.text


def test_one_of_two_networks(tmp_path: Path) -> None:
    arrays = {}
    for name, kind in (("a.", "GRU"), ("b.", "LSTM")):
        path = saved(tmp_path / "one.safetensors", kind)
        arrays |= {name + key: value for key, value in load_file(path).items()}
    save_file(arrays, tmp_path / "two.safetensors")
    with pytest.raises(WeightsError, match="2 recurrent networks") as caught:
        diagnose(tmp_path / "two.safetensors", XS)
    assert "--prefix a." in caught.value.mend
    found = diagnose(tmp_path / "two.safetensors", XS, prefix="b.")
    assert found.passes[0].cell == "lstm"
    (remedy,) = (one for one in found.findings if one.kind == "remedy")
    assert "b_f (b.bias_ih_l0[5:10]) shifted by +" in remedy.text


def test_what_a_file_does_not_tell(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.safetensors", "RNN")
    assert diagnose(path, XS).findings[0].kind == "assumed"
    relu = diagnose(path, XS, nonlinearity="relu")
    assert relu.passes[0].cell == "rnn_relu"
    assert "assumed" not in {one.kind for one in relu.findings}
