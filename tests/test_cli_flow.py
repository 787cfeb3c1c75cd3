"""`gru-sym flow` and `gru-sym lyapunov`, by their contracts."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from gru_sym.cells import names
from gru_sym.cli import main
from gru_sym.flow import lag_curve, linearised, lyapunov
from tests.flow_cases import CELLS, arrays

CHECKPOINT = Path(__file__).parents[1] / "gru_sym" / "data" / "sunspots_gru.safetensors"
SUNSPOTS = Path(__file__).parents[1] / "gru_sym" / "data" / "sunspots.csv"


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, [*map(str, arguments)])
    assert "Traceback" not in result.output
    return result


def json_of(*arguments: str | Path, status: int = 0) -> Any:
    result = run(*arguments, "--json")
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def written(folder: Path, name: str, batch: int | None = None, steps: int = 12) -> list[str | Path]:
    """The files of a cell's arrays, as options."""
    params, xs, states = arrays(CELLS[name], steps, batch=batch)
    np.savez(folder / "p.npz", **params)
    np.savez(folder / "s.npz", **states)
    found: list[str | Path] = ["--params", folder / "p.npz", "--state", folder / "s.npz"]
    if len(xs) == 1:
        np.save(folder / "x.npy", *xs.values())
        return [*found, "--inputs", folder / "x.npy"]
    np.savez(folder / "x.npz", **xs)
    return [*found, "--inputs", folder / "x.npz"]


@pytest.mark.parametrize("name", names())
def test_flow_of_every_cell(name: str, tmp_path: Path) -> None:
    found = json_of("flow", name, *written(tmp_path, name))
    steps = linearised(CELLS[name], *arrays(CELLS[name], 12, batch=None))
    curve = lag_curve(steps).log_norm
    assert found["lag"] == list(range(13))
    assert found["log_norm"] == np.where(np.isfinite(curve), curve, None).tolist()
    assert len(found["skip_log_norm"]) == len(found["path_length"]["mean"]) == 13
    assert len(found["path_length"]["std"]) == 13
    assert list(found["families"]) == list(steps.names)
    assert set(found["shapley"]) == set(steps.names) - {"skip"}
    assert found["float64_zero_lag"] is None or found["log_norm"][-1] is None


@pytest.mark.parametrize("name", names())
def test_lyapunov_of_every_cell(name: str, tmp_path: Path) -> None:
    found = json_of("lyapunov", name, *written(tmp_path, name), "--burn", "2")
    params, xs, states = arrays(CELLS[name], 12, batch=None)
    wanted = lyapunov(CELLS[name], params, xs, states, burn=2).exponents
    assert found["exponents"] == np.where(np.isfinite(wanted), wanted, None).tolist()
    assert len(found["stderr"]) == len(wanted)
    assert found["steps"] == 10
    numbers = [e for e in found["exponents"] if e is not None]
    assert numbers == sorted(numbers, reverse=True)


def test_the_cotangent(tmp_path: Path) -> None:
    given = written(tmp_path, "gru")
    np.save(tmp_path / "g.npy", np.array([1.0, 0.0, -2.0]))
    found = json_of("flow", "gru", *given, "--cotangent", tmp_path / "g.npy")
    assert found["log_norm"][0] == pytest.approx(np.log(5) / 2)
    assert json_of("flow", "gru", *given)["log_norm"][0] == pytest.approx(np.log(3) / 2)


def test_enclosures(tmp_path: Path, peer: Callable[[str], Any]) -> None:
    peer("flint")
    found = json_of("flow", "gru", *written(tmp_path, "gru"), "--certify", "15")
    for ball, value in zip(found["enclosure"], found["log_norm"], strict=True):
        assert float(ball["rad"]) <= 1.01e-15
        assert value == pytest.approx(float(ball["mid"]), abs=1e-12)
    text = run("flow", "gru", *written(tmp_path, "gru"), "--certify", "15").stdout
    assert "±" in text
    assert "proved" in text


def test_what_cannot_be_certified(tmp_path: Path, peer: Callable[[str], Any]) -> None:
    """A unit of relu exactly at its kink."""
    peer("flint")
    (tmp_path / "my.cell").write_text("h_next = relu(tanh(U @ h) - tanh(W @ x)) + h / 2\n")
    third = np.array([[1 / 3]])
    np.savez(tmp_path / "p.npz", U=third / 3, W=third / 3)
    np.save(tmp_path / "x.npy", np.ones((2, 1)) / 7)
    np.savez(tmp_path / "s.npz", h=np.ones(1) / 7)
    given = ["--params", tmp_path / "p.npz", "--inputs", tmp_path / "x.npy"]
    given += ["--state", tmp_path / "s.npz", "--certify", "5"]
    document = json_of("flow", tmp_path / "my.cell", *given, status=1)
    assert None in document["enclosure"]
    assert "sign" in document["certified"]["reason"]


def test_a_batch(tmp_path: Path) -> None:
    found = json_of("flow", "lstm", *written(tmp_path, "lstm", batch=2))
    assert found["B"] == 2
    assert np.array(found["log_norm"]).shape == (13, 2)
    assert np.array(found["shapley"]["input"]).shape == (2,)
    assert len(found["float64_zero_lag"]) == 2
    assert "sequence 1" in run("flow", "lstm", *written(tmp_path, "lstm", batch=2)).stdout


def test_the_sunspots(tmp_path: Path) -> None:
    values = np.loadtxt(SUNSPOTS, delimiter=",", skiprows=1, usecols=1)
    x = ((values - values.mean()) / values.std())[:-1, None]
    np.save(tmp_path / "x.npy", x)
    given = ["gru_reset_after", "--params", CHECKPOINT, "--inputs", tmp_path / "x.npy"]
    found = json_of("flow", *given)
    assert found["T"] == 308
    assert len(found["log_norm"]) == 309
    exponents = json_of("lyapunov", *given, "--burn", "8")
    assert len(exponents["exponents"]) == 16
    assert exponents["sum"] == pytest.approx(sum(exponents["exponents"]))


def test_lyapunov_by_itself(tmp_path: Path) -> None:
    given = written(tmp_path, "gru")
    found = json_of("lyapunov", "gru", *given[:2], "--steps", "50")
    assert found["steps"] == 50
    long = json_of("lyapunov", "gru", *given, "--steps", "50", "--count", "1")
    assert len(long["exponents"]) == 1  # the inputs, 12 steps, were repeated
    result = run("lyapunov", "gru", *given[:2])
    assert result.exit_code == 2
    assert "--steps" in result.output


def test_text(tmp_path: Path) -> None:
    text = run("flow", "gru", *written(tmp_path, "gru")).stdout
    assert "families skip, update, candidate, reset" in text
    assert "in float64 it is not 0 up to lag 12" in text
    assert "worth of each family at lag 12" in text
    text = run("lyapunov", "gru", *written(tmp_path, "gru")).stdout
    assert "nats per step, over 12 steps after 0" in text
    assert "Kaplan–Yorke dimension" in text


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["flow", "gru"], "missing option '--params'"),
        (["flow", "none", "--params", "p.npz", "--inputs", "x.npy"], "no built-in cell"),
        (["flow", "gru", "--params", "p.npz", "--inputs", "x.npy"], "cannot read the parameters"),
        (["lyapunov", "gru", "--params", "p.npz", "--steps", "0"], "0 is not in the range"),
        (["flow", "gru", "--params", "p.npz", "--inputs", "x.npy", "--certify", "0"], "range"),
    ],
)
def test_bad_input(arguments: list[str], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.output


@pytest.mark.parametrize("command", ["flow", "lyapunov"])
def test_plots(command: str, tmp_path: Path) -> None:
    given = written(tmp_path, "gru")
    assert json_of(command, "gru", *given, "--plot", tmp_path / "f.svg")
    assert (tmp_path / "f.svg").read_bytes().startswith(b"<?xml")
    result = run(command, "gru", *given, "--plot", tmp_path / "f.gif")
    assert result.exit_code == 2
    assert ".svg, .pdf or .png" in result.output


def test_steps_off_the_skip_where_shares_cancel_or_nothing_is_left(tmp_path: Path) -> None:
    series = np.loadtxt(SUNSPOTS, delimiter=",", skiprows=1, usecols=1)
    np.save(tmp_path / "x.npy", ((series - series.mean()) / series.std())[:, None])
    cancel = "a mean of steps may lie beyond the lag"
    shown = run("flow", "gru_reset_after", "--params", CHECKPOINT, "--inputs", tmp_path / "x.npy")
    mean = json_of(
        "flow", "gru_reset_after", "--params", CHECKPOINT, "--inputs", tmp_path / "x.npy"
    )["path_length"]["mean"]
    lags = [int(line.split()[0]) for line in shown.stdout.splitlines() if line[:1].isdigit()]
    assert (cancel in shown.stdout) == any(not 0 <= mean[k] <= k for k in lags)
    params = {"W_h": np.zeros((2, 1)), "U_h": np.eye(2), "b_h": -np.ones(2)}
    np.savez(tmp_path / "off.npz", **params)
    np.save(tmp_path / "zeros.npy", np.zeros((5, 1)))
    given = ["--params", tmp_path / "off.npz", "--inputs", tmp_path / "zeros.npy"]
    text = run("flow", "rnn_relu", *given).stdout
    assert "–" in text
    assert "nan" not in text
    assert cancel not in text
