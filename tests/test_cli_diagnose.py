"""`gru-sym diagnose`, by its contract."""

import json
from pathlib import Path

import numpy as np
import pytest
from click.testing import CliRunner, Result

from gru_sym.cli import main
from tests.torch_files import saved

CHECKPOINT = Path(__file__).parents[1] / "gru_sym" / "data" / "sunspots_gru.safetensors"


def run(*arguments: str | Path) -> Result:
    result = CliRunner().invoke(main, ["diagnose", *map(str, arguments)])
    assert "Traceback" not in result.output
    return result


@pytest.fixture
def xs(tmp_path: Path) -> Path:
    np.save(tmp_path / "x.npy", np.random.default_rng(0).normal(size=(60, 1)))
    return tmp_path / "x.npy"


def test_json(xs: Path) -> None:
    result = run(CHECKPOINT, "--inputs", xs, "--json")
    assert result.exit_code == 0
    document = json.loads(result.stdout)
    assert document["passes"][0]["cell"] == "gru_reset_after"
    assert document["findings"]


def test_text(xs: Path) -> None:
    result = run(CHECKPOINT, "--inputs", xs)
    assert result.exit_code == 0
    assert "PyTorch's GRU" in result.stdout
    assert "gradient at lag T" in result.stdout
    assert "The gradient at lag" in result.stdout


def test_several_passes(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.safetensors", "GRU", layers=2, inputs=1)
    np.savez(tmp_path / "x.npz", x=np.random.default_rng(0).normal(size=(30, 2, 1)))
    result = run(path, "--inputs", tmp_path / "x.npz")
    assert result.exit_code == 0
    for label in ("layer 1", "layer 2", "all layers"):
        assert f"\n{label}:" in result.stdout


def test_relu(tmp_path: Path) -> None:
    path = saved(tmp_path / "net.safetensors", "RNN", inputs=1)
    np.save(tmp_path / "x.npy", np.ones(30))
    result = run(path, "--inputs", tmp_path / "x.npy", "--nonlinearity", "relu", "--json")
    assert json.loads(result.stdout)["passes"][0]["cell"] == "rnn_relu"
    result = run(path, "--inputs", tmp_path / "x.npy", "--prefix", "other.")
    assert result.exit_code == 2
    assert "other." in result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["none.pt", "--inputs", "x.npy"], "cannot read"),
        ([CHECKPOINT], "missing option '--inputs'"),
        ([CHECKPOINT, "--inputs", "x.npy", "-o", "report.pdf"], "report.html"),
    ],
)
def test_bad_input(arguments: list[str | Path], message: str) -> None:
    result = run(*arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_report_and_figure(xs: Path, tmp_path: Path) -> None:
    report, figure = tmp_path / "report.html", tmp_path / "curves.svg"
    result = run(CHECKPOINT, "--inputs", xs, "-o", report, "--plot", figure, "--json")
    assert result.exit_code == 0
    assert report.read_text(encoding="utf-8").startswith("<!DOCTYPE html>")
    assert figure.read_bytes().startswith(b"<?xml")
    assert f"wrote {report}" in result.stderr
    json.loads(result.stdout)
