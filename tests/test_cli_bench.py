"""`gru-sym bench`, by its contract."""

import importlib.util
import json
import os
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from click.testing import CliRunner, Result

from gru_sym.cli import main

SIZE = ["--size", "2,3,4,5"]


def bench(*arguments: str | Path, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(main, ["bench", *map(str, arguments)], input=stdin)
    assert "Traceback" not in result.output
    return result


def json_of(*arguments: str | Path, status: int = 0) -> Any:
    result = bench(*arguments, "--json")
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def is_timing(found: dict[str, Any]) -> bool:
    for key in ("seconds", "cpu_seconds"):
        assert list(found[key]) == ["median", "min"]
        assert all(isinstance(value, float) for value in found[key].values())
        assert 0 <= found[key]["min"] <= found[key]["median"]
    return isinstance(found["first_call"], float)


def test_json() -> None:
    found = json_of("gru", *SIZE, "--against", "hand")
    assert list(found) == [
        "cell", "backend", "size", "dims", "dtype", "threads", "rounds",
        "seconds", "cpu_seconds", "first_call", "against", "machine", "notes",
    ]  # fmt: skip
    assert (found["cell"], found["backend"], found["size"]) == ("gru", "numpy", [2, 3, 4, 5])
    assert (found["dims"], found["dtype"], found["threads"]) == ({"H": 3, "I": 2}, "float64", 1)
    assert is_timing(found)
    assert list(found["against"]) == ["hand"]
    hand = found["against"]["hand"]
    assert list(hand) == ["seconds", "cpu_seconds", "first_call", "ratio", "what", "error"]
    assert is_timing(hand)
    assert hand["ratio"] == hand["seconds"]["median"] / found["seconds"]["median"]


def test_json_of_two_states_against_backprop_by_hand() -> None:
    hand = json_of("lstm", *SIZE, "--against", "hand")["against"]["hand"]
    assert hand["what"] == "gru_sym.hand.lstm, NumPy written by hand"
    assert hand["error"] < 1e-12


def test_json_against_a_network_of_torch(torch: ModuleType) -> None:
    found = json_of("gru_reset_after", *SIZE, "--against", "torch, hand", "--dtype", "float32")
    assert list(found["against"]) == ["torch", "hand"]
    assert found["against"]["torch"]["what"] == "torch.nn.GRU"
    assert all(each["error"] < 1e-4 for each in found["against"].values())
    assert found["dtype"] == "float32"


def test_table() -> None:
    result = bench("gru", *SIZE, "--against", "hand", "--threads", "2")
    assert result.exit_code == 0, result.output
    lines = result.stdout.splitlines()
    assert lines[0] == "gru: forward and backprop through time, all gradients"
    assert lines[1].startswith("I = 2, H = 3, B = 4, T = 5; float64, 2 threads, ")
    assert "numpy" in lines[3]
    assert lines[4].startswith("BLAS: ")
    (head,) = (line for line in lines if "median" in line and "min" in line)
    assert head.split() == ["median", "min", "processor", "first", "call", "ratio", "what"]
    rows = {line.split()[0]: line for line in lines[lines.index(head) + 1 :] if line}
    assert rows["generated"].split()[9] == "1"
    assert rows["generated"].endswith("the numpy code of gru")
    assert rows["hand"].endswith("gru_sym.hand.gru, NumPy written by hand")


def test_a_cell_of_a_file_against_nothing(tmp_path: Path) -> None:
    path = tmp_path / "mine.cell"
    path.write_text("h_next = tanh(W @ x + U @ h + b)")
    found = json_of(path, *SIZE, "--against", "none")
    assert (found["cell"], found["against"]) == ("mine", {})


def test_standard_input() -> None:
    result = bench("-", *SIZE, "--against", "none", stdin="h_next = tanh(W @ x + h)")
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gru", "--size", "1,2,3"], "the size `1,2,3` is not four positive integers"),
        (["gru", "--size", "1,2,3,0"], "not four positive integers"),
        (["gru", "--size", "1,2,3,x"], "not four positive integers"),
        (["gru", "--size", "99999999,99999999,99,99"], "more than half of the memory"),
        (["gru", "--against", "tosch"], "there is no peer tosch"),
        (["gru", "--against", "hand,,"], "there is no peer"),
        (["mgu", "--against", "hand"], "nobody has written backprop by hand for mgu"),
        (["gru", "--backend", "nunpy"], "'nunpy' is not one of 'numpy', 'numba'"),
        (["gru", "--threads", "0"], "0 is not in the range"),
        (["gru", "--dtype", "float16"], "'float16' is not one of"),
        (["gru1000"], "there is no built-in cell and no file `gru1000`"),
        ([], "missing argument 'CELL'"),
    ],
)
def test_bad_input(arguments: list[str], message: str) -> None:
    size = [] if "--size" in arguments else SIZE
    result = bench(*arguments, *size)
    assert result.exit_code == 2
    assert message in " ".join(result.stderr.split())
    assert "mend: " in result.stderr
    assert message in json_of(*arguments, *size, status=2)["error"]["message"]


@pytest.mark.parametrize("name", ["torch", "jax"])
def test_an_absent_peer_that_was_asked_for(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, name, None)
    found = json_of("gru", *SIZE, "--against", f"hand,{name}", status=2)
    assert f"pip install {name}" in found["error"]["mend"]
    assert json_of("gru", *SIZE, "--against", "hand")["against"]


def test_without_threadpoolctl(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    found = json_of("gru", *SIZE, "--against", "none", status=2)
    assert found["error"]["mend"] == "pip install threadpoolctl"


def test_help_is_light() -> None:
    script = (
        "import sys\n"
        "from gru_sym.cli import main\n"
        "try:\n"
        "    main(['bench', '--help'])\n"
        "except SystemExit as stop:\n"
        "    heavy = {'sympy', 'numpy', 'threadpoolctl', 'torch', 'jax', 'rich'}\n"
        "    sys.exit(f'loaded: {heavy & set(sys.modules)}' if heavy & set(sys.modules) else 0)\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=False
    )
    assert run.returncode == 0, run.stderr
    assert "--against" in run.stdout


def test_one_thread_of_xla_in_a_fresh_process() -> None:
    """Flags reach XLA only before jax is imported, which other tests may have done here."""
    run = subprocess.run(
        [sys.executable, "-m", "gru_sym", "bench", "rnn", *SIZE, "--against", "jax", "--json"],
        capture_output=True,
        encoding="utf-8",
        check=False,
        env={k: v for k, v in os.environ.items() if k != "XLA_FLAGS"},
    )
    found = json.loads(run.stdout)
    if importlib.util.find_spec("jax") is None:
        assert run.returncode == 2
        assert "pip install jax" in found["error"]["mend"]
        return
    assert run.returncode == 0, run.stderr
    assert any("XLA_FLAGS" in note for note in found["notes"])
    assert found["against"]["jax"]["error"] < 1e-12
