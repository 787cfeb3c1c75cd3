"""Sentences with their numbers: each finding where it is due, and only there."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from gru_sym import cells, train
from gru_sym.codegen import compile
from gru_sym.diagnose import diagnose
from gru_sym.diagnose.findings import Finding, findings, units
from gru_sym.diagnose.measures import measured
from gru_sym.diagnose.network import trained
from tests.torch_files import saved

DATA = Path(__file__).parents[1] / "gru_sym" / "data"
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
    assert "b_f (bias_ih_l0[5:10]) shifted by +" in remedy.text
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
    assert "z (update): all 5 units are open at 99 % of the steps" in gate.text
    assert "brings about all of the gradient" in found["path"][0].text


def test_one_dead_unit(tmp_path: Path) -> None:
    shift = np.zeros(20)
    shift[17] = -30  # output gate, unit 2
    found = _found(saved(tmp_path / "net.safetensors", "LSTM", shift=shift))
    (gate,) = found["gate"]
    assert gate.text.startswith("o (output): unit 2 of 5 is shut at 99 % of the steps")


def test_chaos_and_float32(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.safetensors", "RNN", hidden=30)
    arrays = load_file(path)
    arrays["weight_hh_l0"] *= 6
    arrays["weight_ih_l0"] *= 0.01
    save_file(arrays, path)
    assert "chaotic" in _found(path)["stability"][0].text
    arrays["weight_hh_l0"] *= 0.05
    save_file(arrays, path)
    (zero,) = _found(path)["float"]
    assert zero.evidence["type"] == "float32"
    assert f"From lag {zero.evidence['zero_lag']} on" in zero.text


def test_each_is_of_its_pass(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.safetensors", "GRU", layers=2)
    network = trained(path, XS[:40])
    every = findings([measured(one) for one in network.passes])
    assert {found.where for found in every} == {"layer 1", "layer 2"}
    assert all(found.evidence for found in every)
    assert set(every[0].to_json()) == {"where", "kind", "text", "evidence"}


def test_many_units() -> None:
    assert units(range(20), 64).endswith("11 and 8 more of 64")


def test_the_edge_of_chaos_is_not_chaos(tmp_path: Path) -> None:
    """Orthogonal weights: the exponent is 0 but for rounding, which has either sign."""
    path = saved(tmp_path / "net.safetensors", "RNN", hidden=8)
    arrays = {name: np.zeros_like(a) for name, a in load_file(path).items()}
    arrays["weight_hh_l0"] = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))[0]
    save_file(arrays, path)
    (stability,) = _found(path)["stability"]
    assert abs(stability.evidence["exponent"]) < 1e-12
    assert "cannot be told from 0" in stability.text


def test_a_slow_decay_is_told_as_one(tmp_path: Path) -> None:
    """A tenth of a percent a step: sure, and little over 135 steps."""
    path = saved(tmp_path / "net.safetensors", "RNN", hidden=8)
    arrays = {name: np.zeros_like(a) for name, a in load_file(path).items()}
    turn = np.linalg.qr(np.random.default_rng(0).normal(size=(8, 8)))[0]
    arrays["weight_hh_l0"] = 0.999 * turn
    save_file(arrays, path)
    (stability,) = _found(path)["stability"]
    assert "small changes fade by e^-0.1 over these 135 steps" in stability.text
    assert "is -0.001" in stability.text


def test_like_norms_are_not_the_same_gradient(tmp_path: Path) -> None:
    """That the skip brings about all of it is said where its share is near 1, and only there."""
    for shift in (0.0, 2.0, 4.0, 10.0):
        bias = np.zeros(15)
        bias[5:10] = shift
        path = saved(tmp_path / "net.safetensors", "GRU", shift=bias)
        (found,) = _found(path)["path"]
        share = found.evidence["skip_share"]
        near = abs(found.evidence["skip_alone"]) <= 1
        assert ("about all" in found.text) == (near and 0.5 <= share <= 1.5)


def test_paths_that_cancel_the_skip(tmp_path: Path) -> None:
    shift = np.zeros(20)
    shift[5:10] = 6  # the forget gate's bias
    path = saved(tmp_path / "net.safetensors", "LSTM", shift=shift)
    arrays = load_file(path)
    arrays["weight_hh_l0"] *= 3
    save_file(arrays, path)
    (found,) = _found(path)["path"]
    if found.evidence["skip_alone"] > 1:
        assert "the other paths cancel" in found.text


def test_a_network_without_biases(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.safetensors", "GRU")
    arrays = {name: a for name, a in load_file(path).items() if "bias" not in name}
    save_file(arrays, path)
    (remedy,) = _found(path)["remedy"]
    assert "b_z shifted by +" in remedy.text
    assert "from 0, for the network has none" in remedy.text


def test_the_direction_of_a_shift(tmp_path: Path) -> None:
    """Where a larger bias keeps less, it is lowered."""
    train(cells.gru, np.sin(np.arange(60.0)), hidden=4, epochs=1, out=tmp_path / "run.safetensors")
    (remedy,) = (r for r in _found(tmp_path / "run.safetensors", XS[:, :1])["remedy"])
    assert "b_z shifted by -" in remedy.text


def test_a_layer_is_told_as_the_network_has_it(tmp_path: Path) -> None:
    """By complex step through both layers, from the lag on."""
    path = saved(tmp_path / "net.safetensors", "GRU", layers=2)
    network = trained(path, XS[:40])
    assert network.whole is not None
    found = diagnose(path, XS[:40])
    one, run = network.whole, compile(network.whole.cell)
    for lag in (1, 7, 20):
        entries = []
        for unit in range(5):
            states = {n: a[-1 - lag, 0].astype(complex) for n, a in one.trajectory.states.items()}
            states["h_1"][unit] += 1e-30j
            ran = run.forward(one.params, XS[40 - lag : 40].astype(complex), states)
            entries.append(ran.states["h_2"][-1].sum().imag / 1e-30)
        wanted = np.log(np.linalg.norm(entries))
        assert found.passes[0].curve[lag, 0] == pytest.approx(wanted, rel=1e-9)
    (own,) = (f for f in found.findings if f.where == "layer 1" and f.kind == "memory")
    assert own.text.startswith("In the network")
    assert {f.where for f in found.findings if f.kind == "float"} <= {"all layers"}


def test_a_gate_that_is_often_at_an_end() -> None:
    """The candidate of the sunspots' GRU, along the standardised series."""
    path, xs = DATA / "sunspots_gru.safetensors", DATA / "sunspots.csv"
    years = np.loadtxt(xs, delimiter=",", skiprows=1, usecols=1)
    series = ((years - years.mean()) / years.std())[:, None]
    (gate,) = _found(path, series)["gate"]
    assert gate.evidence["gate"] == "h_tilde"
    candidate = trained(path, series).passes[0].trajectory.values["h_tilde"].reshape(-1, 16)
    ends = np.abs(candidate) > 0.99
    assert gate.evidence["part"] == pytest.approx(ends.mean())
    assert gate.evidence["units"][0] == ends.mean(axis=0).argmax()
    assert f"{100 * ends.mean():.0f} % of its values" in gate.text
