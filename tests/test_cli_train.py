"""`gru-sym train`, by its contract."""

import inspect
import json
import os
import pty
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

import gru_sym
from gru_sym import weights
from gru_sym.cli import main
from gru_sym.cli.train import train_command
from gru_sym.training import Settings

SUNSPOTS = str(Path(gru_sym.__file__).parent / "data" / "sunspots.csv")
QUICK = ["--data", SUNSPOTS, "--column", "sunspots", "--hidden", "3", "--epochs", "3"]
# What runs in the background may have been told to ignore interrupts. (A preexec_fn would run in a
# fork of this process, where the threads of a library may be.)
INTERRUPTIBLE = """
import runpy, signal
signal.signal(signal.SIGINT, signal.default_int_handler)
runpy.run_module("gru_sym", run_name="__main__", alter_sys=True)
"""


def train(*arguments: str | Path, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(main, ["train", *map(str, arguments)], input=stdin)
    assert "Traceback" not in result.output
    return result


def json_of(*arguments: str | Path, status: int = 0) -> Any:
    result = train(*arguments, "--json")
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def test_json(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    found = json_of("gru", *QUICK, "-o", path)
    assert found["cell"] == "gru"
    assert found["series"] == "sunspots.csv, sunspots"
    assert found["sizes"] == {"I": 1, "O": 1, "H": 3}
    assert (found["epochs"], found["updates"], found["out"]) == (3, 3, str(path))
    assert found["held_out"]["steps"] == 103
    assert found["held_out"]["mse"]["naive"] == pytest.approx(854.2493, rel=1e-6)
    assert found["settings"] == Settings(hidden=3, epochs=3).to_json()
    assert isinstance(found["seconds"], float)
    loaded = weights.load(path)
    assert isinstance(loaded, weights.TrainingRun)
    assert loaded.history[-1] == found["training_loss"]


def test_the_options_are_the_settings() -> None:
    """Each setting has its option but Adam's constants, and the same default."""
    options = {p.name: p.default for p in train_command.params}
    settings = Settings().to_json()
    left_out = {"betas", "epsilon"}
    assert settings.keys() - options.keys() == left_out
    for name in settings.keys() - left_out - {"held_out"}:
        default = None if settings[name] is None else settings[name]
        assert not isinstance(options[name], int | float | str) or options[name] == default, name
    found = json_of(
        "gru", *QUICK, "--learning-rate", "0.1", "--clip", "2", "--window", "20", "--batch", "4",
        "--truncate", "10", "--held-out", "0.5", "--seed", "3", "--dtype", "float32",
        "--every", "2",
    )["settings"]  # fmt: skip
    wanted = Settings(
        hidden=3, epochs=3, learning_rate=0.1, clip=2, window=20, batch=4, truncate=10,
        held_out=0.5, seed=3, dtype="float32", every=2,
    )  # fmt: skip
    assert found == wanted.to_json()


def test_table(tmp_path: Path) -> None:
    result = train("gru", *QUICK, "-o", tmp_path / "run.safetensors")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0].startswith("gru on sunspots.csv, sunspots: I = 1, O = 1, H = 3; ")
    assert lines[1].startswith("3 epochs, 3 updates of Adam in ")
    assert lines[2].startswith("training loss ")
    assert lines[4].split() == ["steps", "model", "naive", "ratio"]
    assert [line.split()[:2] for line in lines[5:9:2]] == [["training", "MSE"], ["held", "out"]]
    assert lines[7].split()[2:4] == ["MSE", "103"]
    assert lines[8].split()[0] == "RMSE"
    assert lines[10] == "in the series' own unit; the naive forecast: next equals this"
    assert "\x1b" not in result.stdout
    assert all(line == line.rstrip() for line in lines)
    assert result.stderr == f"wrote {tmp_path / 'run.safetensors'}\n"


def test_layers_files_and_standard_input(tmp_path: Path) -> None:
    assert json_of("rnn", *QUICK, "--layers", "2")["sizes"] == {"I": 1, "O": 1, "H_1": 3, "H_2": 3}
    (tmp_path / "mine.cell").write_text("h_next = tanh(W @ v + U @ h)")
    assert json_of(tmp_path / "mine.cell", *QUICK)["cell"] == "mine"
    assert train("-", *QUICK, stdin="h_next = tanh(W @ v + U @ h)").exit_code == 0
    np.save(tmp_path / "symbols.npy", np.arange(40) % 3)
    result = train("gru", "--data", tmp_path / "symbols.npy", "--loss", "cross_entropy")
    assert result.exit_code == 0, result.output
    assert "in nats; the naive forecast: how often each symbol occurs" in result.stdout
    assert "RMSE" not in result.stdout


def test_resume(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    arguments = ["gru", *QUICK, "-o", path]
    assert json_of(*arguments, "--resume")["epochs"] == 3
    error = json_of(*arguments, status=2)["error"]
    assert "is there already" in error["message"]
    assert "--resume" in error["mend"]
    longer = json_of(*arguments, "--epochs", "6", "--resume")
    whole = json_of("gru", *QUICK, "--epochs", "6")
    assert longer["held_out"] == whole["held_out"]
    assert longer["training_loss"] == whole["training_loss"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gru"], "missing option '--data'"),
        (["gru1000", *QUICK], "there is no built-in cell and no file `gru1000`"),
        (["gru", "--data", SUNSPOTS], "which one is meant? There are year, sunspots"),
        (["gru", "--data", "no.csv"], "cannot read no.csv"),
        (["gru", "--data", "data.json"], "is read from .csv and .npy"),
        (["gru", *QUICK, "--hidden", "0"], "hidden is 0, and has to be a whole number from 1"),
        (["gru", *QUICK, "--hidden", "x"], "'x' is not a valid integer"),
        (["gru", *QUICK, "--learning-rate", "-1"], "learning_rate is -1"),
        (["gru", *QUICK, "--learning-rate", "nan"], "learning_rate is nan"),
        (["gru", *QUICK, "--layers", "0"], "0 is not in the range"),
        (["gru", *QUICK, "--held-out", "1"], "held_out is 1"),
        (["gru", *QUICK, "--window", "400"], "longer than the training part, 205"),
        (["gru", *QUICK, "--loss", "mae"], "'mae' is not one of"),
        (["gru", *QUICK, "--loss", "cross_entropy"], "cross_entropy needs symbols"),
        (["gru", *QUICK, "--backend", "arb"], "the backend arb computes number by number"),
        (["gru", *QUICK, "--resume"], "there is no file to resume from"),
        (["gru", *QUICK, "-o", "run.npz"], "a run is written as .safetensors"),
        (["rnn_relu", *QUICK, "--learning-rate", "1e200"], "training diverged at epoch"),
    ],
)
def test_bad_input(arguments: list[str], message: str) -> None:
    result = train(*arguments)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert "mend: " in result.stderr
    assert message in json_of(*arguments, status=2)["error"]["message"]


def on_terminal(*arguments: str | Path, interrupt_at: bytes | None = None) -> tuple[int, str]:
    """Run on a terminal of 80 columns: the exit status, and all that was written."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-c", INTERRUPTIBLE, "train", *map(str, arguments)],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        env={**os.environ, "TERM": "xterm-256color", "COLUMNS": "80"},
    )
    os.close(theirs)
    written = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # how Linux says that the other end is closed
            part = b""
        if not part:
            break
        written += part
        if interrupt_at is not None and interrupt_at in written:
            process.send_signal(signal.SIGINT)
            interrupt_at = None
    os.close(ours)
    return process.wait(), written.decode()


def test_a_bar_on_a_terminal() -> None:
    status, written = on_terminal("gru", *QUICK, "--epochs", "30")
    assert status == 0
    assert "/30" in written
    assert "loss" in written
    assert written.rstrip().endswith("next equals this\x1b[0m")


def test_an_interrupt_says_what_is_left(tmp_path: Path) -> None:
    path = tmp_path / "run.safetensors"
    arguments = ["gru", *QUICK, "--epochs", "3000"]
    status, written = on_terminal(*arguments, "-o", path, interrupt_at=b"epochs/s")
    assert status == 130
    assert f"stopped; {path} has the run so far: go on with --resume" in " ".join(written.split())
    assert isinstance(weights.load(path), weights.TrainingRun)
    status, written = on_terminal(*arguments, interrupt_at=b"epochs/s")
    assert status == 130
    assert "stopped; nothing was written" in " ".join(written.split())


def test_an_interrupt_before_the_first_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    path = tmp_path / "run.safetensors"
    monkeypatch.setattr("gru_sym.training.read_series", interrupted)
    for arguments in (["gru", *QUICK], ["gru", *QUICK, "-o", path]):
        result = train(*arguments)
        assert (result.exit_code, result.stderr.strip()) == (130, "stopped; nothing was written")
    path.write_text("of another")
    result = train("gru", *QUICK, "-o", path)
    assert result.stderr.strip() == "stopped; nothing was written"


def test_a_forecast_that_is_not_finite(tmp_path: Path) -> None:
    """The run is kept, the table says so, and the status is 1."""
    np.save(tmp_path / "x.npy", [*np.sin(np.arange(40)), *[1e6] * 10])
    (tmp_path / "grows.cell").write_text("h_next = exp(W @ x) + exp(V @ x)")
    path = tmp_path / "run.safetensors"
    arguments = [tmp_path / "grows.cell", "--data", tmp_path / "x.npy", "--epochs", "2"]
    arguments += ["--held-out", "0.2"]
    result = train(*arguments, "-o", path)
    assert result.exit_code == 1, result.output
    assert result.stdout.count("not finite") == 4  # MSE and RMSE, the model's and in those of naive
    assert result.stderr == (f"wrote {path}\nthe forecast is not finite: held out\n")
    assert isinstance(weights.load(path), weights.TrainingRun)
    found = json_of(*arguments, status=1)
    assert found["held_out"]["mse"]["model"] is None
    assert found["training"]["mse"]["model"] > 0


def test_help_is_light() -> None:
    script = (
        "import sys\n"
        "from gru_sym.cli import main\n"
        "try:\n"
        "    main(['train', '--help'])\n"
        "except SystemExit as stop:\n"
        "    heavy = {'sympy', 'numpy', 'safetensors', 'rich'}\n"
        "    sys.exit(f'loaded: {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=False
    )
    assert run.returncode == 0, run.stderr
    assert "--truncate" in run.stdout
    assert inspect.cleandoc(train_command.help or "").splitlines()[0] in run.stdout
