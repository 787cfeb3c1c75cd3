"""What is measured of a pass, and what another bias does."""

from pathlib import Path

import numpy as np
import pytest

from gru_sym.codegen import compile
from gru_sym.diagnose.measures import Measured, measured, memory_of
from gru_sym.diagnose.network import trained
from gru_sym.flow import lag_curve, linearised
from tests.torch_files import saved

XS = np.random.default_rng(0).normal(size=(80, 3))


@pytest.fixture(scope="module")
def lstm(tmp_path_factory: pytest.TempPathFactory) -> tuple[Measured, Path]:
    path = saved(tmp_path_factory.mktemp("net") / "net.safetensors", "LSTM")
    (only,) = trained(path, XS).passes
    return measured(only), path


def test_a_remedy_is_what_the_network_does_with_it(lstm: tuple[Measured, Path]) -> None:
    """The same network, run anew with the other bias."""
    found, path = lstm
    assert found.remedies
    (only,) = trained(path, XS).passes
    for remedy in found.remedies:
        assert set(remedy.shifts) == {"b_f"}
        params = {**only.params, "b_f": only.params["b_f"] + remedy.shifts["b_f"]}
        run = compile(only.cell)
        keep = run.forward(params, XS).values["f"].mean()
        assert keep == pytest.approx(remedy.after, abs=1e-9)
        assert remedy.after == pytest.approx({0: 0.9, 1: 0.98}[remedy.after > 0.95], abs=1e-4)
        curve = lag_curve(linearised(only.cell, params, XS)).log_norm
        assert remedy.log_after == pytest.approx(curve[remedy.lag] - curve[0], abs=1e-9)
        before = found.flow.curve.log_norm
        assert remedy.log_before == pytest.approx(before[remedy.lag] - before[0], abs=1e-9)
        assert remedy.log_after > remedy.log_before


def test_memory(lstm: tuple[Measured, Path]) -> None:
    found, _ = lstm
    curve = found.flow.curve.log_norm
    (memory,) = found.memory
    assert memory is not None
    assert memory == found.typical_memory
    assert (curve[memory:] < curve.max() + np.log(0.01)).all()
    assert curve[memory - 1] >= curve.max() + np.log(0.01)
    assert found.unit_memory.shape == (5,)


@pytest.mark.parametrize(
    ("curve", "lag"), [([0.0, 0.0], None), ([0.0, -9.0], 1), ([0, -9, 0, -9, -9], 3)]
)
def test_the_lag_from_which_on(curve: list[float], lag: int | None) -> None:
    assert memory_of(np.array(curve)) == lag


def test_no_skip_no_remedy(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.safetensors", "RNN")
    (only,) = trained(path, XS).passes
    found = measured(only)
    assert found.remedies == ()
    assert found.flow.times.forgetting == {}
    assert found.lyapunov.exponents.shape == (5,)


def test_a_batch_and_progress(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.safetensors", "GRU", layers=2)
    network = trained(path, np.random.default_rng(0).normal(size=(50, 3, 3)))
    seen: list[str] = []
    found = measured(network.passes[1], progress=seen.append)
    assert len(found.memory) == 3
    assert seen[0] == "layer 2: gradients"
