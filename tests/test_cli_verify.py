"""`gru-sym verify`, by its contract."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from gru_sym import cells
from gru_sym.cli import main
from gru_sym.verification.regimes import drawn

QUICK = ["--regime", "usual", "--oracle", "complex_step", "--oracle", "mpmath"]


def verify(*arguments: str | Path, stdin: str | None = None) -> Result:
    result = CliRunner().invoke(main, ["verify", *map(str, arguments)], input=stdin)
    assert "Traceback" not in result.output
    return result


def json_of(*arguments: str | Path, status: int = 0, stdin: str | None = None) -> Any:
    result = verify(*arguments, "--json", stdin=stdin)
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


@pytest.fixture
def files(tmp_path: Path) -> dict[str, Path]:
    point = drawn(cells.gru, 1)
    paths = {name: tmp_path / f"{name}.npz" for name in ("params", "states", "bars")}
    np.savez(paths["params"], **point.params)
    np.savez(paths["states"], **point.states)
    np.savez(paths["bars"], **point.bars)
    paths["inputs"] = tmp_path / "inputs.npy"
    np.save(paths["inputs"], point.inputs["x"])
    return paths


def test_json_at_random_arrays() -> None:
    found = json_of("gru", *QUICK)
    assert found["ok"] is True
    assert list(found["oracles"]) == ["complex_step", "mpmath"]
    for errors in found["oracles"].values():
        assert list(errors) == [f"{v.name}_bar" for v in cells.gru.params] + ["x_bar", "h_bar"]
        assert all(0 <= error < 1e-12 for error in errors.values())
    assert found["not_run"] == {}
    assert found["regimes"]["usual"]["T"] >= 3
    assert found["regimes"]["usual"]["B"] >= 2
    assert found["failures"] == []


def test_json_at_arrays_from_files(files: dict[str, Path]) -> None:
    arrays = ["--params", files["params"], "--inputs", files["inputs"], "--state", files["states"]]
    found = json_of("gru", *arrays, "--cotangent", files["bars"], "--oracle", "hand")
    assert found["ok"] is True
    assert max(found["oracles"]["hand"].values()) < 1e-12
    assert list(found["regimes"]) == ["given"]


def test_a_cell_of_ones_own() -> None:
    text = "# states: s(H)\ns_next = tanh(V @ u + R @ s)"
    found = json_of("-", *QUICK, stdin=text)
    assert list(found["oracles"]["mpmath"]) == ["V_bar", "R_bar", "u_bar", "s_bar"]


def test_table() -> None:
    result = verify("rnn", "--regime", "usual", "--regime", "tiny", "--oracle", "mpmath")
    assert result.exit_code == 0
    lines = result.output.splitlines()
    assert lines[0].startswith("rnn, numpy: ")
    table = [line.split() for line in lines]
    assert ["gradient", "mpmath"] in table
    assert {"W_h_bar", "U_h_bar", "b_h_bar", "x_bar", "h_bar", "usual", "tiny"} <= {
        row[0] for row in table if len(row) == 2
    }
    assert lines[-1] == "rnn: all 5 gradients are verified by mpmath"
    assert all(len(line) <= 100 for line in lines[: lines.index("") + 12])


def test_what_did_not_run_is_listed_and_exits_with_one() -> None:
    result = verify("mgu", "--regime", "usual", "--oracle", "hand", "--oracle", "mpmath")
    assert result.exit_code == 1
    assert "not run: hand: nobody has written it by hand" in result.output
    found = json_of("mgu", "--regime", "usual", "--oracle", "hand", status=1)
    assert found["ok"] is False
    assert found["oracles"] == {}
    assert list(found["not_run"]) == ["hand"]


def test_exit_status_one_when_a_gradient_is_off(monkeypatch: pytest.MonkeyPatch) -> None:
    from gru_sym.codegen.compile import Compiled

    right = Compiled.gradients

    def wrong(self: Compiled, *args: Any, **kwargs: Any) -> Any:
        trajectory, found = right(self, *args, **kwargs)
        return trajectory, {**found, "U_h_bar": found["U_h_bar"] * 1.001}

    monkeypatch.setattr(Compiled, "gradients", wrong)
    found = json_of("gru", *QUICK, status=1)
    assert found["ok"] is False
    assert all("U_h_bar is off by 1.0e-03" in words for words in found["failures"])
    assert "not verified" in verify("gru", *QUICK).output


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["gru", "--oracle", "mpmat"], "mpmat"),
        (["gru", "--regime", "big"], "big"),
        (["gru", "--params", "absent.npz"], "not both of --params and --inputs"),
        (["gru", "--state", "absent.npz"], "not both of --params and --inputs"),
        (["gru", "--params", "absent.npz", "--inputs", "absent.npy"], "absent.npz"),
        (["gro"], "did you mean `gru`"),
    ],
)
def test_bad_input(arguments: list[str], message: str) -> None:
    result = verify(*arguments)
    assert result.exit_code == 2
    assert message in result.output


def test_parameters_without_names(files: dict[str, Path]) -> None:
    result = verify("gru", "--params", files["inputs"], "--inputs", files["inputs"])
    assert result.exit_code == 2
    assert "np.savez: W_z" in result.output
