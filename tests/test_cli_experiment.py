"""`gru-sym experiment`, by its contract."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner

from gru_sym.cli import main
from gru_sym.experiments import EXPERIMENTS
from tests.test_experiments import small


def run(*arguments: str | Path) -> tuple[int, str]:
    result = CliRunner().invoke(main, ["experiment", *map(str, arguments)])
    assert "Traceback" not in result.output
    return result.exit_code, result.output


def test_command(tmp_path: Path) -> None:
    study = small("cut", tmp_path)
    status, text = run("cut", "-o", tmp_path / "out", "--study", study, "--jobs", "1")
    assert status == 0
    assert "gru with the paths `skip only`" in text
    assert f"wrote {tmp_path / 'out' / 'cut.csv'}" in text
    result = CliRunner().invoke(
        main, ["experiment", "cut", "-o", str(tmp_path / "out"), "--study", str(study), "--json"]
    )
    document = json.loads(result.stdout)
    assert document["sweep"]["ran"] == 0
    assert document["sentences"]


def test_why_trials_failed(tmp_path: Path) -> None:
    study = small("sums", tmp_path, cell='["rnn", "gru"]')
    status, text = run("sums", "-o", tmp_path / "out", "--study", study, "--jobs", "1")
    assert status == 0
    assert "rnn: it has no skip" in text
    assert "Trials that failed:" in text
    assert "✗ UnsupportedError: " in text


def test_command_lists_and_prints() -> None:
    status, text = run()
    assert status == 0
    assert all(name in text for name in EXPERIMENTS)
    assert json.loads(run("--json")[1])[0]["name"] == "initialisation"
    assert run("phase", "--print-study") == (0, EXPERIMENTS["phase"].study)


def test_bad_command_lines(tmp_path: Path) -> None:
    status, text = run("nothing", "-o", tmp_path)
    assert status == 2
    assert "no experiment nothing" in text
    study = small("sums", tmp_path, measurement='["keep"]')
    status, text = run("sums", "-o", tmp_path / "out", "--study", study)
    assert status == 2
    assert 'measurement = ["lag_curve", "shapley", "keep"]' in " ".join(text.split())
    assert not (tmp_path / "out").exists()
    status, text = run("cut", "--jobs", "2", "--cluster", "tcp://x")
    assert status == 2
    assert "exclude each other" in text


@pytest.mark.parametrize(
    "module", ["gru_sym.experiments.phase", "gru_sym.diagnose.page", "gru_sym.sweep.drawing"]
)
def test_without_matplotlib(module: str) -> None:
    """What draws says what is missing, and how to install it."""
    script = f"import sys\nsys.modules['matplotlib'] = None\nimport {module}\n"
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=False
    )
    assert "MissingLibraryError" in run.stderr.splitlines()[-2]
    assert "pip install 'gru_sym[plot]'" in run.stderr


def test_the_list_needs_no_matplotlib(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "sys.modules['matplotlib'] = None\n"
        "from gru_sym.cli.experiment import experiment_command\n"
        "experiment_command(sys.argv[1:])\n"
    )

    def alone(*arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", script, *arguments],
            cwd=tmp_path, capture_output=True, encoding="utf-8", check=False,
        )  # fmt: skip

    assert alone().stdout.splitlines()[0].split() == ["experiment", "question"]
    assert alone("phase", "--print-study").stdout == EXPERIMENTS["phase"].study
    assert "pip install 'gru_sym[plot]'" in alone("phase").stderr
    assert not list(tmp_path.iterdir())
