"""The demonstration: on the real network and series, and with something made wrong."""

import dataclasses
import importlib.util
import io
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console

from gru_sym import weights
from gru_sym.codegen.compile import Compiled
from gru_sym.demo import FILES, TOLERANCE, DemoResult, job, run
from gru_sym.errors import DataError
from gru_sym.hand import gru_reset_after
from gru_sym.prove.result import Proof, Proved, Unproved
from gru_sym.training import Score
from gru_sym.verification.relative import relative_error

HERE = Path(__file__).parent
DATA = Path(weights.__file__).parents[1] / "data"


@dataclasses.dataclass(frozen=True)
class Told:
    """One run of the demonstration, and the page that it told."""

    result: DemoResult
    page: str
    directory: Path


def tell(directory: Path, width: int = 80) -> Told:
    out = io.StringIO()
    result = run(directory, Console(file=out, width=width))
    return Told(result, out.getvalue(), directory)


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory) -> Told:
    return tell(tmp_path_factory.mktemp("demo") / "new" / "directory")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Skip what takes long: a proof that is none, few complex steps, and little training."""
    monkeypatch.setattr(
        job, "prove_vjp", lambda cell: Proof("it", (("all:", (Proved("a claim"),)),))
    )
    monkeypatch.setattr(job, "WINDOW", 4)
    monkeypatch.setattr(job, "SETTINGS", job.SETTINGS | {"epochs": 15})


# -- as it is --------------------------------------------------------------------------------------


def test_all_is_well(told: Told) -> None:
    result = told.result
    assert result.ok
    assert result.verdict == "proved"
    assert result.steps == 308
    assert len(result.claims) == 3
    assert all(number > 20 for _, number in result.claims)
    assert dict(result.outputs).keys() == {"hs", "loss"}
    checkpoint = weights.load(DATA / "sunspots_gru.safetensors")
    expected = {f"{name}_bar" for name in [*checkpoint.params(), "x", "y", "h"]}
    assert {check.name for check in result.checks} == expected
    assert all(0 <= check.hand < 1e-12 for check in result.checks)
    assert all(0 < check.complex_step < 1e-12 for check in result.checks)
    assert all(check.norm > 0 for check in result.checks)


def test_a_gru_from_scratch_beats_the_naive_forecast(told: Told) -> None:
    forecast = told.result.forecast
    assert forecast is not None
    assert forecast.steps == 103
    numbers = np.loadtxt(DATA / "sunspots.csv", delimiter=",", skiprows=1)[:, 1]
    naive = np.mean((numbers[206:] - numbers[205:-1]) ** 2)
    assert forecast.naive == pytest.approx(naive, rel=1e-12)
    assert forecast.model < 0.5 * naive
    trained = weights.load(told.directory / "trained_gru.safetensors")
    assert isinstance(trained, weights.TrainingRun)
    assert trained.cell().name == "gru"
    assert {name: trained.settings[name] for name in job.SETTINGS} == job.SETTINGS


def test_the_settings_were_chosen_before_the_last_third() -> None:
    """The first two thirds of the series, of which the last third validates: all is well there."""
    series = job.read_series(DATA / "sunspots.csv", "sunspots")
    first = job.train(job.builtin("gru"), series.values[:206], **job.SETTINGS)
    assert first.held_out is not None
    assert first.held_out.ratio < 0.4


def test_gradients_are_those_of_pytorch(told: Told) -> None:
    with np.load(HERE / "data" / "sunspots_gru_torch.npz") as file:
        truth = dict(file)
    with np.load(told.directory / "gradients.npz") as file:
        found = dict(file)
    assert told.result.loss == pytest.approx(float(truth["loss"]), rel=1e-12)
    assert relative_error(found["hs"], truth["hs"]) < 1e-12
    assert relative_error(found["x_bar"], truth["grad_x"]) < 1e-12
    assert relative_error(found["h_bar"], truth["grad_h0"][0]) < 1e-12
    checkpoint = weights.load(DATA / "sunspots_gru.safetensors")
    for key, gradient in checkpoint.torch_gradients(found).items():
        assert relative_error(gradient, truth[f"grad.{key}"]) < 1e-12


def test_page(told: Told) -> None:
    page = told.page
    assert told.result.forecast is not None
    for words in (
        "The reset gate multiplies after the product",
        "h_next  = (1 - z) * h_tilde + z * h",
        "a_z_bar          = z_bar * z * (1 - z)",
        "skip      : diag(z)",
        "proved: the gradients of",
        "claims: one step, for all sizes",
        "assumed: all arrays are real",
        "lines of Python",
        "The years 1700 to 2008, standardised: 308 steps",
        f"{told.result.loss:.6f}",
        "W_z_bar     16 x 1",
        "Held out are the years 1906 to 2008",
        f"The GRU's error is {told.result.forecast.ratio:.3f} of the naive one.",
        f"In {told.directory}:",
        *FILES,
        "Proved, and verified to 1e-10 on every gradient",
    ):
        assert words in page
    assert "next year equals this one 854.2 29.23" in " ".join(page.split())
    assert "\x1b" not in page
    assert [line for line in page.splitlines() if len(line) > 80 and "In /" not in line] == []
    assert page.isascii() or set(page) - set(map(chr, range(128))) == {"─"}


def test_json(told: Told) -> None:
    found = json.loads(json.dumps(told.result.to_json(), allow_nan=False))
    assert found["ok"] is True
    assert found["verdict"] == "proved"
    assert found["gradients"]["W_z_bar"]["hand"] < TOLERANCE
    assert found["gradients"]["W_z_bar"]["shape"] == [16, 1]
    assert found["forecast"]["mse"]["model"] < found["forecast"]["mse"]["naive"]
    assert {path.name for path in told.directory.iterdir()} == set(found["files"])


def test_formulas(told: Told, check_latex: Callable[[str], None]) -> None:
    text = (told.directory / "derivation.txt").read_text(encoding="utf-8")
    assert "W_z_bar          = outer(a_z_bar, x)" in text
    assert "W_z_bar  = sum_t(outer(a_z_bar, x))" in text
    assert "[candidate]" in text
    latex = (told.directory / "derivation.tex").read_text(encoding="utf-8")
    assert latex.isascii()
    before, body = latex.split(r"\begin{document}")
    assert r"\usepackage{amsmath}" in before
    assert before.count(r"\usepackage") == 1
    assert body.endswith("\\end{document}\n")
    assert body.count(r"\begin{align*}") == body.count(r"\end{align*}") == 3
    for part in body.split(r"\section*")[1:]:
        _, formula = part.split("}", 1)
        assert "\n\n" not in formula.strip()  # TeX has no empty line in a formula
        formula = formula.replace(r"\end{document}", "").replace("align*", "aligned")
        check_latex(formula.replace(r"\[", "").replace(r"\]", "").strip())
    proof = json.loads((told.directory / "proof.json").read_text(encoding="utf-8"))
    assert proof["verdict"] == "proved"


def test_code_runs_without_the_package(told: Told, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "dont_write_bytecode", True)
    path = told.directory / "gru_reset_after_numpy.py"
    assert "import gru_sym" not in path.read_text(encoding="utf-8")
    assert "from gru_sym" not in path.read_text(encoding="utf-8")
    spec = importlib.util.spec_from_file_location("gru_reset_after_numpy", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    assert callable(module.forward)
    assert callable(module.backward)


def test_cold_process_needs_no_torch(tmp_path: Path) -> None:
    script = (
        "import sys\n"
        "from pathlib import Path\n"
        "from rich.console import Console\n"
        "from gru_sym.demo import run\n"
        "sys.modules['torch'] = None\n"
        "result = run(Path(sys.argv[1]), Console(quiet=True))\n"
        "sys.exit(0 if result.ok else 1)\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path / "out")],
        capture_output=True,
        encoding="utf-8",
        check=False,
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout == ""


# -- with something made wrong ---------------------------------------------------------------------


def corrupted(monkeypatch: pytest.MonkeyPatch, name: str, change: Callable[..., Any]) -> None:
    """From now on, generated code hands out another gradient of this name."""
    backward = Compiled.backward

    def wrong(self: Compiled, *args: Any) -> dict[str, np.ndarray]:
        grads = backward(self, *args)
        return grads | {name: change(grads[name])}

    monkeypatch.setattr(Compiled, "backward", wrong)


CORRUPTIONS: dict[str, Callable[..., Any]] = {
    "one part in a hundred million": lambda a: a * (1 + 1e-8),
    "sign": lambda a: -a,
    "lost": np.zeros_like,
    "not a number": lambda a: np.where(a == a.max(), np.nan, a),
}


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("kind", CORRUPTIONS)
@pytest.mark.parametrize("name", ["U_r_bar", "h_bar"])
def test_a_wrong_gradient_fails(
    name: str, kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    corrupted(monkeypatch, name, CORRUPTIONS[kind])
    told = tell(tmp_path)
    assert not told.result.ok
    assert [check.name for check in told.result.checks if not check.ok] == [name]
    assert f"Failed: a relative error is not below 1e-10: {name};" in " ".join(told.page.split())
    assert "Proved, and" not in told.page
    assert told.result.forecast is None  # nothing is built on what is wrong
    assert "nothing was trained" in " ".join(told.page.split())
    assert not (tmp_path / "trained_gru.safetensors").exists()
    assert "trained_gru" not in told.page
    found = json.loads(json.dumps(told.result.to_json(), allow_nan=False))
    assert found["ok"] is False


@pytest.mark.usefixtures("quick")
def test_a_missing_gradient_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    backward = Compiled.backward

    def without(self: Compiled, *args: Any) -> dict[str, np.ndarray]:
        grads = backward(self, *args)
        del grads["b_hn_bar"]
        return grads

    monkeypatch.setattr(Compiled, "backward", without)
    with pytest.raises(DataError, match="b_hn_bar is missing"):
        tell(tmp_path)


@pytest.mark.usefixtures("quick")
def test_a_wrong_forward_pass_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    forward = gru_reset_after.forward
    monkeypatch.setattr(
        gru_reset_after,
        "forward",
        lambda *args: {name: a * (1 + 1e-9) for name, a in forward(*args).items()},
    )
    told = tell(tmp_path)
    assert not told.result.ok
    assert "not below 1e-10: hs" in " ".join(told.page.split())


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("one", ["hand", "complex_step"])
def test_each_reference_counts(one: str, tmp_path: Path) -> None:
    result = tell(tmp_path).result
    assert result.ok
    first, *others = result.checks
    bad = dataclasses.replace(first, **{one: TOLERANCE})
    assert not dataclasses.replace(result, checks=(bad, *others)).ok


@pytest.mark.usefixtures("quick")
def test_nothing_unknown_counts_as_passed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_proof = Proof(
        "it", (("all:", (Proved("a claim"), Unproved("b_bar = 0", why="it is open"))),)
    )
    monkeypatch.setattr(job, "prove_vjp", lambda cell: open_proof)
    told = tell(tmp_path)
    assert not told.result.ok
    assert "it is open" in told.page
    assert "Failed: the gradients are unproved." in told.page
    proved = dataclasses.replace(told.result, verdict="proved")
    assert proved.ok
    assert not dataclasses.replace(proved, checks=()).ok
    assert not dataclasses.replace(proved, outputs=()).ok


@pytest.mark.usefixtures("quick")
def test_a_forecast_no_better_than_the_naive_one_fails(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(job, "SETTINGS", job.SETTINGS | {"epochs": 1})
    told = tell(tmp_path)
    assert told.result.forecast is not None
    assert not told.result.ok
    words = "Failed: the trained GRU is no better than the naive forecast."
    assert words in " ".join(told.page.split())
    better = Score(103, 1.0, 2.0)
    assert dataclasses.replace(told.result, forecast=better).ok


@pytest.mark.usefixtures("quick")
def test_a_narrow_terminal_in_ascii(tmp_path: Path) -> None:
    raw = io.BytesIO()
    file = io.TextIOWrapper(raw, encoding="ascii")
    assert run(tmp_path, Console(file=file, width=40)).ok
    file.flush()
    assert b"Proved, and verified" in raw.getvalue()
