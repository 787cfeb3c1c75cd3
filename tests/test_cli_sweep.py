"""`gru-sym sweep` and `gru-sym results`, by their contract."""

import csv
import io
import json
import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gru_sym.cli import sweep as module
from gru_sym.cli.sweep import results_command, sweep_command
from gru_sym.sweep import Results, Study, sweep
from gru_sym.sweep.export import FORMATS
from tests.sweeping import FAILING, SMALL, TWO, commands, finished, kill_all, start

LONG = SMALL.replace("count = 2", "count = 4000")


@pytest.fixture(autouse=True)
def files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two studies, in a folder that is the current one."""
    monkeypatch.chdir(tmp_path)
    Path("small.toml").write_text(SMALL)
    Path("failing.toml").write_text(FAILING)
    Path("long.toml").write_text(LONG)
    Path("two.cell").write_text(TWO)


@pytest.fixture
def small() -> Results:
    """The results of a small study, in small.db."""
    sweep(Study.load("small.toml"), "small.db", jobs=1)
    return Results.load("small.db")


def gru_sym(*arguments: str, status: int = 0) -> Result:
    result = CliRunner().invoke(commands, arguments)
    assert result.exit_code == status, result.output
    assert "Traceback" not in result.output
    return result


def run(*arguments: str, status: int = 0) -> Result:
    return gru_sym("sweep", *arguments, "--jobs", "1", status=status)


def test_a_sweep() -> None:
    result = run("small.toml", "--store", "r.db")
    assert result.stdout == (
        "a small study: 16 trials, 16 of them run now; 16 are done, 0 failed\n"
    )
    assert re.fullmatch(r"\d+\.\d s; the outcomes are in r\.db\n", result.stderr)
    assert finished(Path("r.db")) == 16


def test_processes(peer: Callable[[str], ModuleType]) -> None:
    peer("joblib")
    gru_sym("sweep", "small.toml", "--store", "r.db", "--jobs", "2")
    assert finished(Path("r.db")) == 16


def test_twice() -> None:
    run("small.toml", "--store", "r.db")
    result = run("small.toml", "--store", "r.db", status=2)
    assert "error: r.db has 16 trials already, and nothing is added to it unasked" in result.stderr
    assert "mend: run what is missing with --resume" in result.stderr
    result = run("small.toml", "--store", "r.db", "--resume")
    assert "16 trials, 0 of them run now; 16 are done" in result.stdout


def test_failures() -> None:
    result = run("failing.toml", "--store", "r.db", status=1)
    lines = result.stdout.splitlines()
    assert lines[0] == "failing: 4 trials, 4 of them run now; 2 are done, 2 failed"
    assert lines[1].startswith("✗ DataError: the cell has the outputs p, q")
    assert lines[2].startswith("    2 trials, the first of them: cell two.cell, size 2, T 5, ")
    assert len(lines) == 3
    run("failing.toml", "--store", "r.db", "--resume", status=1)
    found = json.loads(
        run(
            "failing.toml", "--store", "r.db", "--resume", "--retry-failed", "--json", status=1
        ).stdout
    )  # fmt: skip
    assert (found["ran"], found["done"], found["failed"]) == (2, 2, 2)
    assert found["failures"][0]["trials"] == 2
    assert found["failures"][0]["first"]["cell"] == "two.cell"


def test_many_errors(monkeypatch: pytest.MonkeyPatch) -> None:
    def measured(*given: Any) -> None:
        raise ValueError(f"{given[3].key}")

    monkeypatch.setattr("gru_sym.sweep.perform.measured", measured)
    lines = run("small.toml", "--store", "r.db", status=1).stdout.splitlines()
    assert len(lines) == 1 + 2 * 5 + 1
    assert lines[2].startswith("    1 trial: cell rnn, ")
    assert lines[-1] == "… and 11 other errors"


def test_json() -> None:
    result = run("small.toml", "--store", "r.db", "--json")
    found = json.loads(result.stdout)
    assert found.pop("seconds") > 0
    assert found == {
        "title": "a small study", "store": "r.db", "trials": 16, "ran": 16, "done": 16,
        "failed": 0, "failures": [],
    }  # fmt: skip
    assert result.stderr == ""


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["sweep"], "missing argument 'STUDY'"),
        (["sweep", "small.toml"], "missing option '--store'"),
        (["sweep", "no.toml", "--store", "r.db"], "cannot read the study no.toml"),
        (["sweep", "two.cell", "--store", "r.db"], "this is not TOML"),
        (["sweep", "small.toml", "--store", "small.toml"], "small.toml is no store of gru-sym's"),
        (["sweep", "small.toml", "--store", "."], "is no file"),
        (["sweep", "small.toml", "--store", "no/r.db"], "cannot write no/r.db"),
        (["sweep", "small.toml", "--store", "r.db", "--jobs", "0"], "0 is not in the range"),
        (["sweep", "small.toml", "--store", "r.db", "--jobs", "9999"], "9999 processes cannot run"),
        (
            ["sweep", "small.toml", "--store", "r.db", "--jobs", "2", "--cluster", "tcp://h:1"],
            "--cluster and --jobs exclude each other",
        ),
        (
            ["sweep", "small.toml", "--store", "r.db", "--retry-failed"],
            "--retry-failed goes with --resume",
        ),
        (["results"], "missing argument 'STORE'"),
        (["results", "no.db", "--where", "size"], "--where is AXIS=VALUE, such as cell=gru"),
        (["results", "no.db"], "there is no store no.db"),
        (["results", "small.toml"], "is no store of gru-sym's"),
        (["results", "no.db", "--to", "xlsx"], "'xlsx' is not one of"),
        (["results", "no.db", "-o", "x.csv"], "--to has to say what is written"),
        (["results", "no.db", "--to", "netcdf", "-o", "-"], "standard output is for --to csv"),
        (["results", "no.db", "--to", "csv", "-o", "-", "--json"], "standard output is for"),
    ],
)
def test_bad_input(arguments: list[str], message: str) -> None:
    result = gru_sym(*arguments, status=2)
    assert message in " ".join(result.stderr.split())
    assert "mend: " in result.stderr
    assert not Path("r.db").exists()
    if "--json" not in arguments:
        assert (
            message
            in json.loads(gru_sym(*arguments, "--json", status=2).stdout)["error"]["message"]
        )


def test_a_bad_study_says_where() -> None:
    Path("bad.toml").write_text(SMALL.replace("size = [2, 3]", "size = [2,\n  30_000]"))
    result = run("bad.toml", "--store", "r.db", status=2)
    assert result.stderr.splitlines() == [
        "error: bad.toml: line 5, column 3: axes.size is 30000, beyond what it can be",
        "      30_000]",
        "      ^",
        "  mend: give a whole number from 1 to 4096",
    ]
    about = json.loads(run("bad.toml", "--store", "r.db", "--json", status=2).stdout)["error"]
    assert (about["source"], about["line"], about["column"]) == ("bad.toml", 5, 3)


def test_a_study_elsewhere(tmp_path: Path) -> None:
    """Its cells lie beside it."""
    (tmp_path / "there").mkdir()
    for name in ("failing.toml", "two.cell"):
        Path(name).rename(tmp_path / "there" / name)
    run("there/failing.toml", "--store", "r.db", status=1)


def test_results(small: Results) -> None:
    lines = gru_sym("results", "small.db").stdout.splitlines()
    assert lines[0] == "a small study: a grid of 16 trials; 16 are done, 0 failed"
    assert lines[2].split() == ["quantity", "units", "by", "trials", "min", "median", "max"]
    assert [line.split()[:3] for line in lines[3:]] == [
        ["gradient_norm", "nats", "8"],
        ["spectral_radius", "1", "8"],
    ]
    assert all(line == line.rstrip() for line in lines)
    found = json.loads(gru_sym("results", "small.db", "--json").stdout)
    assert (found["trials"], found["done"], found["out"]) == (16, 16, None)
    values = [float(array) for _, array in small.values("gradient_norm")]
    first = found["quantities"][0]
    assert (first["name"], first["trials"]) == ("gradient_norm", 8)
    assert (first["min"], first["max"]) == (min(values), max(values))


def test_results_of_some_trials(small: Results) -> None:
    some = gru_sym("results", "small.db", "--where", "size=2", "--where", "cell=gru", "--json")
    assert json.loads(some.stdout)["trials"] == 4
    either = gru_sym("results", "small.db", "--where", "cell=rnn", "--where", "cell=gru", "--json")
    assert json.loads(either.stdout)["trials"] == 16
    error = gru_sym("results", "small.db", "--where", "cel=gru", status=2).stderr
    assert "there is no axis `cel`" in error
    assert "did you mean `cell`" in error


def test_a_figure(small: Results) -> None:
    arguments = ["results", "small.db", "--where", "size=2", "--plot", "x.svg"]
    assert "wrote x.svg" in gru_sym(*arguments).stderr
    assert Path("x.svg").stat().st_size > 1000


def test_results_with_failures() -> None:
    run("failing.toml", "--store", "r.db", status=1)
    lines = gru_sym("results", "r.db").stdout.splitlines()
    assert lines[-2].startswith("✗ DataError: the cell has the outputs p, q")
    found = json.loads(gru_sym("results", "r.db", "--json").stdout)
    assert found["failures"][0]["trials"] == 2


def test_results_to_files(small: Results, peer: Callable[[str], ModuleType]) -> None:
    for name in ("xarray", "h5netcdf", "h5py", "pyarrow"):
        peer(name)
    for form, row in FORMATS.items():
        result = gru_sym("results", "small.db", "--to", form)
        assert (result.stdout, result.stderr) == ("", f"wrote small{row.suffix}\n")
        assert Path(f"small{row.suffix}").stat().st_size > 100
    found = json.loads(
        gru_sym("results", "small.db", "--to", "csv", "-o", "x.csv", "--json").stdout
    )
    assert found["out"] == "x.csv"
    printed = gru_sym("results", "small.db", "--to", "csv", "-o", "-").stdout
    assert printed == Path("x.csv").read_text()
    assert len(list(csv.DictReader(io.StringIO(printed)))) == 16


def test_a_store_is_not_overwritten(small: Results) -> None:
    Path("link.csv").symlink_to("small.db")
    for out in ("small.db", "./small.db", "link.csv"):
        error = gru_sym("results", "small.db", "--to", "csv", "-o", out, status=2).stderr
        assert "is the store itself" in error
    assert Results.load("small.db").counts.done == 16


def test_the_formats_are_those_that_there_are() -> None:
    assert tuple(FORMATS) == module.FORMATS


def on_terminal(
    *arguments: str, interrupt_at: bytes | None = None, columns: int = 80
) -> tuple[int, str]:
    """Run with standard error on a terminal: the exit status, and all that was written there."""
    ours, theirs = pty.openpty()
    process = start(*arguments, columns=columns, stderr=theirs, stdout=subprocess.DEVNULL)
    os.close(theirs)
    written = b""
    try:
        while True:
            try:
                part = os.read(ours, 65536)
            except OSError:  # how Linux says that the other end is closed
                break
            written += part
            if interrupt_at is not None and interrupt_at in written:
                os.killpg(process.pid, signal.SIGINT)  # all in the foreground get it
                interrupt_at = None
            if not part:
                break
        process.wait(timeout=60)
    finally:
        os.close(ours)
        kill_all(process)
    return process.returncode, written.decode()


def test_a_bar_on_a_terminal() -> None:
    status, written = on_terminal("sweep", "failing.toml", "--store", "r.db", "--jobs", "1")
    assert status == 1
    assert "/4" in written
    assert "trials/s" in written
    assert "2 failed" in written
    assert written.rstrip().endswith("the outcomes are in r.db")


def test_a_bar_on_a_narrow_terminal() -> None:
    """The rate goes, and the time left has its room."""
    arguments = ["sweep", "failing.toml", "--store", "r.db", "--jobs", "1"]
    _, written = on_terminal(*arguments, columns=45)
    assert "/4" in written
    assert "trials/s" not in written
    assert re.search(r"[\d-]:[\d-]{2}:[\d-]{2}", written)


@pytest.mark.slow
@pytest.mark.parametrize("jobs", ["1", "2"])
def test_an_interrupt(jobs: str, peer: Callable[[str], ModuleType]) -> None:
    peer("joblib")
    arguments = ["sweep", "long.toml", "--store", "r.db", "--jobs", jobs]
    status, written = on_terminal(*arguments, interrupt_at=b"trials/s")
    assert status == 130
    there = finished(Path("r.db"))
    said = f"stopped; r.db has {there:,} of 32,000 trials: go on with --resume"
    assert said in " ".join(written.split())
    assert "Traceback" not in written
    assert sorted(path.name for path in Path().glob("r.db*")) == ["r.db"]


def test_an_interrupt_before_it_starts(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("gru_sym.sweep.sweep", interrupted)
    result = run("small.toml", "--store", "r.db", status=130)
    assert result.stderr.strip() == "stopped; nothing was run"


@pytest.mark.parametrize("command", [sweep_command, results_command], ids=lambda c: str(c.name))
def test_help_is_light(command: Any) -> None:
    script = (
        "import sys\n"
        "from gru_sym.cli.sweep import results_command, sweep_command\n"
        "try:\n"
        f"    {command.name}_command(['--help'])\n"
        "except SystemExit:\n"
        "    heavy = {'sympy', 'numpy', 'joblib', 'dask', 'xarray', 'sqlite3', 'rich'}\n"
        "    sys.exit(f'loaded: {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)\n"
    )
    help_of = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=False
    )
    assert help_of.returncode == 0, help_of.stderr
    assert "Examples:" in help_of.stdout
