"""Sentences with their numbers: each finding where it is due, and only there."""

from pathlib import Path
from typing import Any

import numpy as np

from gru_sym.diagnose import diagnose
from gru_sym.diagnose.findings import Finding, findings, units
from gru_sym.diagnose.measures import measured
from gru_sym.diagnose.network import trained
from tests.torch_files import saved

XS = np.random.default_rng(0).normal(size=(150, 3))


def _found(path: Path, xs: Any = XS) -> dict[str, list[Finding]]:
    every: dict[str, list[Finding]] = {}
    for found in diagnose(path, xs).findings:
        every.setdefault(found.kind, []).append(found)
    return every


def test_a_forgetful_lstm(tmp_path: Path) -> None:
    found = _found(saved(tmp_path / "net.safetensors", "LSTM"))
    memory = found["memory"][0]
    assert memory.evidence["lag"] == 100
    assert f"e^{memory.evidence['log_gradient']:.1f}" in memory.text
    assert memory.evidence["memory"] < 20
    (remedy,) = found["remedy"]
    assert "b_f shifted by" in remedy.text
    assert f"e^{remedy.evidence['log_gradient_then']:.1f}" in remedy.text
    (path,) = found["path"]
    assert "candidate" in path.text
    assert path.evidence["skip_alone"] < 0
    assert "gate" not in found
    assert "1/e after" in found["stability"][0].text


def test_one_that_remembers(tmp_path: Path) -> None:
    """The bias of a GRU's update gate raised by ten: nothing is to be mended."""
    shift = np.zeros(15)
    shift[5:10] = 10  # z keeps, in PyTorch
    found = _found(saved(tmp_path / "net.safetensors", "GRU", shift=shift))
    assert "remedy" not in found
    assert "longer than the inputs" in found["memory"][0].text
    (gate,) = found["gate"]
    assert gate.evidence == {"gate": "z", "end": "open", "units": [0, 1, 2, 3, 4]}
    assert "z (update): units 0, 1, 2, 3, 4 of 5 are open at 99 % of the steps" in gate.text
    assert "brings the gradient" in found["path"][0].text


def test_one_dead_unit(tmp_path: Path) -> None:
    shift = np.zeros(20)
    shift[17] = -30  # output gate, unit 2
    found = _found(saved(tmp_path / "net.safetensors", "LSTM", shift=shift))
    (gate,) = found["gate"]
    assert gate.text.startswith("o (output): unit 2 of 5 is shut at 99 % of the steps")


def test_chaos_and_float32(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.safetensors", "RNN", hidden=30)
    import safetensors.numpy

    arrays = safetensors.numpy.load_file(path)
    arrays["weight_hh_l0"] *= 6
    arrays["weight_ih_l0"] *= 0.01
    safetensors.numpy.save_file(arrays, path)
    assert "chaotic" in _found(path)["stability"][0].text
    arrays["weight_hh_l0"] *= 0.05
    safetensors.numpy.save_file(arrays, path)
    (zero,) = _found(path)["float"]
    assert zero.evidence["type"] == "float32"
    assert f"from lag {zero.evidence['zero_lag']} on" in zero.text


def test_each_is_of_its_pass(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.safetensors", "GRU", layers=2)
    network = trained(path, XS[:40])
    every = findings([measured(one) for one in network.passes])
    assert {found.where for found in every} == {"layer 1", "layer 2"}
    assert all(found.evidence for found in every)
    assert set(every[0].to_json()) == {"where", "kind", "text", "evidence"}


def test_many_units() -> None:
    assert units(range(20)).endswith("11 and 8 more")
