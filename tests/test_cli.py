"""The command line, by its contracts."""

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from click.testing import CliRunner, Result

from gru_sym import __version__, cells, cli
from gru_sym.cells import Cell
from gru_sym.cli import main
from gru_sym.codegen import compile
from gru_sym.derive.describe import KINDS, select, text
from gru_sym.latex.printer import latex_derivation
from gru_sym.prove import equivalent, vjp
from gru_sym.prove.result import Answer, Proof, Unproved
from gru_sym.prove.shipped import RELATIONS

every_cell = pytest.mark.parametrize("name", cells.names())

T, B = 3, 2


def gru_sym(*arguments: str | Path, stdin: str | bytes | None = None) -> Result:
    result = CliRunner().invoke(main, [str(a) for a in arguments], input=stdin)
    assert "Traceback" not in result.output
    return result


def json_of(*arguments: str | Path, stdin: str | bytes | None = None, status: int = 0) -> Any:
    result = gru_sym(*arguments, "--json", stdin=stdin)
    assert result.exit_code == status, result.output
    return json.loads(result.stdout)


def process(*arguments: str, **more: Any) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "gru_sym", *arguments],
        encoding="utf-8",
        timeout=60,
        check=False,
        **{"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, **more},
    )


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def write_arrays(cell: Cell, folder: Path, rng: np.random.Generator) -> dict[str, Any]:
    """P.npz, X.npy, S.npz and G.npy for a cell, with sizes that all differ where they may."""
    sizes: dict[str, int] = {}
    for var in (*cell.states, *cell.inputs, *cell.params):
        for dim in var.shape:
            for part in dim:
                sizes.setdefault(part, len(sizes) + 2)

    def draw(var: Any, *leading: int) -> Any:
        shape = [sum(sizes[part] for part in dim) for dim in var.shape]
        return rng.normal(size=(*leading, *shape)) / 2

    params = {v.name: draw(v) for v in cell.params}
    states = {v.name: draw(v, B) for v in cell.states}
    (x,) = (draw(v, T, B) for v in cell.inputs)
    upstream = draw(cell.states[0], T, B)
    np.savez(folder / "P.npz", **params)
    np.save(folder / "X.npy", x)
    np.savez(folder / "S.npz", **states)
    np.save(folder / "G.npy", upstream)
    return {"params": params, "x": x, "states": states, "upstream": upstream}


# -- help and version --------------------------------------------------------------------------


@pytest.mark.parametrize(
    "command", ["", "cells", "derive", "prove", "check", "codegen", "bench", "grad", "demo"]
)
def test_help(command: str) -> None:
    result = gru_sym(*command.split(), "--help")
    assert result.exit_code == 0
    assert result.stdout.startswith(f"Usage: gru-sym {command}".rstrip())
    assert "\\b" not in result.stdout
    if command:
        assert "--json" in result.stdout


@pytest.mark.parametrize("arguments", [["--help"], ["prove", "--help"], ["--version"]])
def test_help_loads_no_heavy_library(arguments: list[str]) -> None:
    script = (
        "import sys\n"
        "from gru_sym.cli import main\n"
        "try:\n"
        f"    main({arguments})\n"
        "except SystemExit:\n"
        "    heavy = {'sympy', 'numpy', 'lark', 'mpmath', 'torch', 'rich'}\n"
        "    print('loaded:', *sorted(heavy & set(sys.modules)))\n"
    )
    run = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, encoding="utf-8", check=True
    )
    assert run.stdout.splitlines()[-1].split() == ["loaded:"]


def test_version() -> None:
    assert gru_sym("--version").stdout == f"gru-sym {__version__}\n"


def test_python_m() -> None:
    run = process("--version")
    assert (run.returncode, run.stdout) == (0, f"gru-sym {__version__}\n")


def test_without_a_command() -> None:
    result = gru_sym()
    assert result.exit_code == 2
    assert "Usage: gru-sym" in result.output


def test_kinds_are_those_of_derive() -> None:
    assert cli.KINDS == KINDS


# -- cells -------------------------------------------------------------------------------------


def test_cells() -> None:
    result = gru_sym("cells")
    assert result.exit_code == 0
    heading, *lines = result.stdout.splitlines()
    assert heading.split() == ["cell", "states", "inputs", "params", "title", "source"]
    assert [line.split()[0] for line in lines] == list(cells.names())
    assert all(line == line.rstrip() for line in lines)
    assert all(cells.cell(n).title in line for n, line in zip(cells.names(), lines, strict=True))


def test_cells_as_json() -> None:
    listed = {item["name"]: item for item in json_of("cells")}
    assert list(listed) == list(cells.names())
    for name, item in listed.items():
        cell = cells.cell(name)
        assert item["title"] == cell.title
        assert item["cite"]
        assert item["convention"]
        assert item["states"] == [s.name for s in cell.states]
        assert item["inputs"] == ["x"]
        assert item["params"] == [p.name for p in cell.params]
        assert item["equations"] == cell.equations
    assert listed["lstm_peephole"]["shapes"]["p_i"] == ["H"]
    assert listed["gru_concat"]["shapes"]["W_z"] == ["H", "H+I"]


@every_cell
def test_cells_of_one(name: str) -> None:
    shown = gru_sym("cells", name).stdout
    assert Cell.parse(shown) == cells.cell(name)
    assert json_of("cells", name)["name"] == name
    assert gru_sym("cells", "-", stdin=shown).stdout == shown


# -- derive ------------------------------------------------------------------------------------


@every_cell
@pytest.mark.parametrize("of", KINDS)
def test_derive(name: str, of: str) -> None:
    cell = cells.cell(name)
    assert gru_sym("derive", name, "--of", of).stdout == f"{text(select(cell, of))}\n"
    latex = gru_sym("derive", name, "--of", of, "--format", "latex")
    assert latex.stdout == f"{latex_derivation(cell, of)}\n"
    found = json_of("derive", name, "--of", of)
    assert (found["cell"], found["of"]) == (name, of)
    assert found["blocks" if of == "jacobian" else "lines"]
    as_format = gru_sym("derive", name, "--of", of, "--format", "json")
    assert json.loads(as_format.stdout) == found


def test_derive_is_vjp_by_default() -> None:
    shown = gru_sym("derive", "gru").stdout
    assert shown == gru_sym("derive", "gru", "--of", "vjp").stdout
    assert "W_z_bar       = outer(a_z_bar, x)\n" in shown


def test_derive_with_respect_to() -> None:
    lines = json_of("derive", "gru", "--wrt", "W_z", "--wrt", "U_r")["lines"]
    names = [line["name"] for line in lines]
    assert {"W_z_bar", "U_r_bar"} <= set(names)
    assert "x_bar" not in names


def test_derive_from_a_file_and_from_standard_input(here: Path) -> None:
    (here / "mine.cell").write_text("h_next = tanh(W @ x + U @ h)", encoding="utf-8")
    found = json_of("derive", "mine.cell")
    assert found["cell"] == "mine"
    piped = json_of("derive", "-", stdin="h_next = tanh(W @ x + U @ h)")
    assert piped["lines"] == found["lines"]


def test_a_built_in_cell_comes_before_a_file(here: Path) -> None:
    (here / "gru").write_text("h_next = h + x", encoding="utf-8")
    assert json_of("cells", "gru")["title"] == cells.gru.title
    assert json_of("cells", "./gru")["params"] == []


# -- prove -------------------------------------------------------------------------------------


@every_cell
def test_prove(name: str) -> None:
    found = json_of("prove", name)
    assert found["verdict"] == "proved"
    assert name in found["claim"]
    assert all(claim["verdict"] == "proved" for part in found["parts"] for claim in part["claims"])


def test_prove_for_people() -> None:
    result = gru_sym("prove", "rnn")
    assert result.exit_code == 0
    assert result.stdout == f"{vjp.prove_vjp(cells.rnn)}\n"


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda r: f"{r.first}-{r.second}")
def test_prove_equals(relation: Any, here: Path) -> None:
    arguments = ["prove", relation.first, "--equals", relation.second]
    if relation.mapping:
        (here / "FILE").write_text(relation.mapping, encoding="utf-8")
        arguments += ["--map", "FILE"]
    status = 0 if relation.verdict == "proved" else 1
    found = json_of(*arguments, status=status)
    assert found["verdict"] == relation.verdict
    told = gru_sym(*arguments)
    assert told.exit_code == status
    assert told.stdout.startswith(f"{relation.verdict}: ")


def test_prove_equals_with_a_map_from_standard_input() -> None:
    signs = "W_z = -W_z\nU_z = -U_z\nb_z = -b_z\n"
    found = json_of("prove", "gru_keep", "--equals", "gru", "--map", "-", stdin=signs)
    assert found["verdict"] == "proved"


def test_unproved_is_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    def unproved(*_: object) -> Proof:
        answers: tuple[Answer, ...] = (Unproved("it is so", "too large"),)
        return Proof("all of it", (("a part", answers),))

    monkeypatch.setattr(vjp, "prove_vjp", unproved)
    monkeypatch.setattr(equivalent, "prove_equivalent", unproved)
    assert json_of("prove", "gru", status=1)["verdict"] == "unproved"
    assert json_of("prove", "gru", "--equals", "mgu", status=1)["verdict"] == "unproved"


# -- check -------------------------------------------------------------------------------------


@every_cell
def test_check_accepts_what_derive_says(name: str) -> None:
    derived = gru_sym("derive", name).stdout
    found = json_of("check", name, "-", stdin=derived)
    assert found["verdict"] == "right"
    assert [line["line"] for line in found["lines"]] == list(
        range(1, len(derived.splitlines()) + 1)
    )
    for line in found["lines"]:
        assert set(line) >= {"line", "name", "verdict", "expected", "why"}
        assert line["verdict"] == "right"


WRONG = """\
# a derivation
h_tilde_bar = h_next_bar * z
z_bar = h_next_bar * (h - h_tilde)
d = z * (1 - z)
a_z_bar = z_bar * d
"""


def test_check_of_a_wrong_line(here: Path) -> None:
    (here / "mine.txt").write_text(WRONG, encoding="utf-8")
    found = json_of("check", "gru", "mine.txt", status=1)
    assert found["verdict"] == "wrong"
    verdicts = {line["line"]: line["verdict"] for line in found["lines"]}
    assert verdicts == {2: "right", 3: "wrong", 4: "abbreviation", 5: "right"}
    wrong = found["lines"][1]
    assert (wrong["name"], wrong["expected"]) == ("z_bar", "h_next_bar * (h_tilde - h)")
    assert "sign" in wrong["why"]
    told = gru_sym("check", "gru", "mine.txt")
    assert told.exit_code == 1
    assert "✗ z_bar" in told.stdout
    assert "expected: z_bar = h_next_bar * (h_tilde - h)\n" in told.stdout
    assert told.stdout.endswith("verdict: wrong\n")


def test_check_of_an_incomplete_derivation() -> None:
    line = "h_tilde_bar = h_next_bar * z"
    assert json_of("check", "gru", "-", stdin=line)["verdict"] == "incomplete"
    told = gru_sym("check", "gru", "-", stdin=line)
    assert told.exit_code == 0
    assert "missing: " in told.stdout
    assert told.stdout.endswith("verdict: incomplete\n")


# -- grad --------------------------------------------------------------------------------------


@every_cell
def test_grad(name: str, here: Path, rng: np.random.Generator) -> None:
    cell = cells.cell(name)
    given = write_arrays(cell, here, rng)
    files = ["--params", "P.npz", "--inputs", "X.npy", "--state", "S.npz", "--cotangent", "G.npy"]
    found = json_of("grad", name, *files, "-o", "OUT.npz")
    trajectory, grads = compile(cell).gradients(
        given["params"], given["x"], given["states"], given["upstream"]
    )
    expected = {"hs": trajectory.hs, **grads}
    written = dict(np.load("OUT.npz"))
    assert set(written) == {
        "hs", *(f"{v.name}_bar" for v in (*cell.params, *cell.inputs, *cell.states))
    }  # fmt: skip
    assert written.keys() == expected.keys() == found["arrays"].keys()
    for array, value in expected.items():
        assert np.array_equal(written[array], value)
        assert found["arrays"][array]["shape"] == list(value.shape)
        assert found["arrays"][array]["norm"] == pytest.approx(np.linalg.norm(value), rel=1e-12)
    assert (found["T"], found["B"], found["cell"]) == (T, B, name)


def test_grad_for_people(here: Path, rng: np.random.Generator) -> None:
    write_arrays(cells.lstm, here, rng)
    result = gru_sym("grad", "lstm", "--params", "P.npz", "--inputs", "X.npy", "-o", "OUT.npz")
    assert result.exit_code == 0
    heading, hs, *_, last = result.stdout.splitlines()
    assert heading.split() == ["array", "shape", "norm"]
    assert hs.startswith("hs       (3, 2, 2)")
    assert last == "lstm: 3 steps, 2 sequences, float64; 16 arrays in OUT.npz"


# -- demo --------------------------------------------------------------------------------------


def test_demo(here: Path) -> None:
    found = json_of("demo", "-o", "made")
    assert found["ok"] is True
    assert {path.name for path in (here / "made").iterdir()} == set(found["files"])


def test_demo_for_people(here: Path) -> None:
    run = process("demo", cwd=here, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)})
    assert run.returncode == 0, run.stderr
    assert (here / "gru_sym_demo").is_dir()
    assert "\x1b" not in run.stdout
    assert "sunspot" in run.stdout


def test_a_demo_that_fails(here: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Failed:
        ok = False

        def to_json(self) -> dict[str, Any]:
            return {"ok": False}

    monkeypatch.setattr("gru_sym.demo.run", lambda *_: Failed())
    assert json_of("demo", status=1) == {"ok": False}


# -- bad input ---------------------------------------------------------------------------------

CELLS = [
    "z = sigmoid(W @ x)",
    "h_next = tanh(W @ x + U @ g",
    "h_next = W @ x\nh_next = h",
    "h_next = z * h\nz = sigmoid(W @ x)",
    "h_next = h + __import__('os').system('touch touched')",
    "(" * 1_000_000,
    "h_next = h\0",
    "h_next = h + lambda",
    "h_next = U @ h + U * h + x\nU = x",
    "",
    b"h_next = h + \xff",
    "h_next = h + x\n" * 100_000,
]


@pytest.mark.parametrize("given", CELLS, ids=range(len(CELLS)))
@pytest.mark.parametrize(
    "arguments",
    [
        ["cells", "-"],
        ["derive", "-"],
        ["prove", "-"],
        ["prove", "gru", "--equals", "-"],
        ["check", "-", "absent"],
        ["grad", "-", "--params", "P.npz", "--inputs", "X.npy", "-o", "OUT.npz"],
    ],
    ids=" ".join,
)
def test_bad_cells(arguments: list[str], given: str | bytes, here: Path) -> None:
    error = json_of(*arguments, stdin=given, status=2)["error"]
    assert error["message"]
    assert error["mend"]
    result = gru_sym(*arguments, stdin=given)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert len(result.stderr) < 2_000
    assert list(here.iterdir()) == []


def test_a_place_is_shown_with_a_caret(here: Path) -> None:
    (here / "mine.cell").write_text("# title\nh_next = h + W @ x +\n", encoding="utf-8")
    result = gru_sym("derive", "mine.cell")
    place, excerpt, caret, mend = result.stderr.splitlines()
    assert place.startswith("error: mine.cell: line 2, column ")
    assert excerpt == "    h_next = h + W @ x +"
    assert caret.strip() == "^"
    assert mend.startswith("  mend: ")
    error = json_of("derive", "mine.cell", status=2)["error"]
    assert (error["source"], error["line"]) == ("mine.cell", 2)
    assert f"line 2, column {error['column']}: {error['message']}" in place


BAD: list[tuple[list[str], str | None, str]] = [
    (["nope"], None, "no such command"),
    (["cells", "grru"], None, "did you mean `gru`? The built-in cells are fastgrnn, "),
    (["cells", "a/b.cell"], None, "no file `a/b.cell`"),
    (["cells", "h_next = h"], None, "standard input"),
    (["cells", "h" * 5000], None, "no built-in cell"),
    (["cells", "h\0"], None, "NUL"),
    (["cells", "."], None, "is a directory"),
    (["derive"], None, "missing argument"),
    (["derive", "gru", "--of", "grad"], None, "'vjp', 'jvp', 'jacobian', 'bptt', 'hvp'"),
    (["derive", "gru", "--wrt", "W"], None, "has no parameter, input or state `w`"),
    (["derive", "gru", "--of", "jacobian", "--wrt", "x"], None, "no state `x`"),
    (["derive", "gru", "--format", "latex", "--wrt", "q"], None, "no parameter"),
    (["prove", "gru", "--map", "FILE"], None, "needs --equals"),
    (["prove", "gru", "--equals", "gruu"], None, "did you mean `gru`?"),
    (["prove", "gru", "--equals", "mgu", "--map", "absent"], None, "absent: no such file"),
    (["prove", "gru", "--equals", "mgu", "--map", "-"], "W_z = -W_q", "input: line 1, column 8"),
    (["prove", "gru", "--equals", "mgu", "--map", "-"], "W_z =", "expected an expression"),
    (["prove", "-", "--equals", "-"], "h_next = h", "read once"),
    (["check", "gru"], None, "missing argument 'file'"),
    (["check", "-", "-"], "h_next = h", "read once"),
    (["check", "gru", "absent"], None, "absent: no such file"),
    (["check", "gru", "-"], "", "there are no equations"),
    (["check", "gru", "-"], "z_bar = h_next_bar *", "input: line 1"),
    (["check", "gru", "-"], "z_bar = h_next_bar * qq", "qq"),
    (["check", "gru", "-"], "z_bar = eval(h)", "eval"),
    (["grad", "gru"], None, "missing option"),
    (["grad", "gru", "--params", "a", "--inputs", "b", "-o", "c"], None, "cannot read the param"),
    (["demo", "-o", "FILE"], None, "FILE is not a directory"),
]


@pytest.mark.parametrize(("arguments", "stdin", "said"), BAD)
def test_bad_input(arguments: list[str], stdin: str | None, said: str, here: Path) -> None:
    (here / "FILE").write_text("W_z = -W_z", encoding="utf-8")
    result = gru_sym(*arguments, stdin=stdin)
    assert result.exit_code == 2
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert said.lower() in result.stderr.lower()
    error = json_of(*arguments, stdin=stdin, status=2)["error"]
    assert error.keys() == {"message", "source", "line", "column", "mend"}
    assert error["mend"]


def test_two_formats_exclude_each_other() -> None:
    result = gru_sym("derive", "gru", "--json", "--format", "latex")
    assert result.exit_code == 2
    assert "exclude" in json.loads(result.stdout)["error"]["message"]
    assert gru_sym("derive", "gru", "--json", "--format", "json").exit_code == 0


def test_grad_of_wrong_arrays(here: Path, rng: np.random.Generator) -> None:
    write_arrays(cells.gru, here, rng)
    np.save("X.npy", np.zeros((T, B, 9)))
    arguments = ["grad", "gru", "--params", "P.npz", "--inputs", "X.npy", "-o", "OUT.npz"]
    assert "W_z" in json_of(*arguments, status=2)["error"]["message"]
    assert not (here / "OUT.npz").exists()


# -- as a process ------------------------------------------------------------------------------


def test_a_closed_pipe_is_quiet() -> None:
    run = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m gru_sym cells --json | head -1"],
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert (run.stdout, run.stderr) == ("[\n", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="a device of Linux")
def test_a_full_disk() -> None:
    with Path("/dev/full").open("w", encoding="utf-8") as full:
        run = process("cells", "gru", stdout=full)
    assert run.returncode == 2
    assert run.stderr.startswith("error: ")
    assert len(run.stderr.splitlines()) <= 2


@pytest.mark.skipif(os.name == "nt", reason="signals of POSIX")
def test_interrupt() -> None:
    script = (
        "import signal\n"
        "from gru_sym.cli import main\n"
        # A shell that runs this in the background has it ignore the signal.
        "signal.signal(signal.SIGINT, signal.default_int_handler)\n"
        "main(['derive', '-'])\n"
    )
    with subprocess.Popen(
        [sys.executable, "-c", script],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as run:
        assert run.stdin is not None
        assert run.stderr is not None
        # More than a pipe holds: once this is written, the command is reading.
        run.stdin.write(b"#" * 300_000)
        run.stdin.flush()
        for _ in range(30):
            # Again: a signal between two reads is noticed only at the end of the second.
            run.send_signal(signal.SIGINT)
            with contextlib.suppress(subprocess.TimeoutExpired):
                run.wait(1)
                break
        assert run.returncode == 130
        assert run.stderr.read().strip() == b""


@pytest.mark.skipif(os.name == "nt", reason="redirections of a POSIX shell")
@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-"])
def test_closed_streams(closed: str) -> None:
    run = subprocess.run(
        ["bash", "-c", f"'{sys.executable}' -m gru_sym derive - --json {closed}"],
        input="h_next = h + x",
        capture_output=True,
        encoding="utf-8",
        timeout=60,
        check=False,
    )
    assert run.returncode == (2 if closed == "<&-" else 0)
    assert "Traceback" not in run.stderr


@pytest.mark.parametrize("command", ["cells", "derive rnn", "prove rnn", "cells none", "nope"])
def test_colours(command: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("FORCE_COLOR", "NO_COLOR", "TTY_COMPATIBLE"):
        monkeypatch.delenv(name, raising=False)
    arguments = command.split()
    assert "\x1b" not in gru_sym(*arguments).output
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    coloured = re.compile(r"\x1b\[[0-9;]*3[1-7]")
    assert coloured.search(gru_sym(*arguments).output)
    assert "\x1b" not in gru_sym(*arguments, "--json").stdout
    monkeypatch.setenv("NO_COLOR", "1")
    assert not coloured.search(gru_sym(*arguments).output)


def test_an_encoding_without_our_signs() -> None:
    environment = {
        **os.environ,
        "PYTHONIOENCODING": "ascii",
        "PYTHONPATH": os.pathsep.join(sys.path),
    }
    told = process("prove", "rnn", env=environment)
    assert told.returncode == 0
    assert "    ? x_bar = W_h.T @ a_h_next_bar\n" in told.stdout
    found = process("prove", "rnn", "--json", env=environment)
    assert json.loads(found.stdout) == vjp.prove_vjp(cells.rnn).to_json()
