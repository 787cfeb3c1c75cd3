"""How results are printed."""

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from rich.console import Console
from rich.text import Text

from gru_sym import cells
from gru_sym.cli import output
from gru_sym.grad import GradSummary


@pytest.fixture
def terminal(monkeypatch: pytest.MonkeyPatch) -> Any:
    """``terminal(width)`` makes everything print on a terminal of that width, which it returns."""

    def make(width: int) -> io.StringIO:
        file = io.StringIO()

        def console_of(*, quiet: bool = False) -> Console:
            return Console(
                file=file, force_terminal=True, color_system=None, width=width, quiet=quiet
            )

        monkeypatch.setattr(output, "console_of", console_of)
        return file

    return make


def plain(file: io.StringIO) -> list[str]:
    return [line.rstrip() for line in Text.from_ansi(file.getvalue()).plain.splitlines()]


@pytest.mark.parametrize("width", [60, 80, 120, 200])
def test_cells_fit_a_terminal(terminal: Any, width: int) -> None:
    file = terminal(width)
    output.print_cells([cells.gru, cells.lstm_peephole])
    lines = plain(file)
    assert max(map(len, lines)) <= width
    assert " ".join(lines[0].split()[:5]) == "cell states inputs params title"
    assert ("source" in lines[0]) == (width == 200)
    words = " ".join(file.getvalue().split())
    assert "arXiv:1412.3555" in words


def test_an_answer_wraps_below_its_beginning(terminal: Any) -> None:
    file = terminal(40)
    output.print_answer(
        "proved: one\n    \N{CHECK MARK} " + "word " * 15 + "\n  expected: v = " + "a + " * 20 + "a"
    )
    first, second, third, *rest = plain(file)
    assert first == "proved: one"
    assert second.startswith("    \N{CHECK MARK} word")
    assert third.startswith("        word")
    assert len(second) <= 40
    assert rest[-1] == "  expected: v = " + "a + " * 20 + "a"


def test_a_pipe_never_wraps(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_answer("  assumed: " + "word " * 100 + "end")
    output.print_formulas("v = " + "a + " * 100 + "a\n[x]")
    printed = capsys.readouterr().out.splitlines()
    assert printed == ["  assumed: " + "word " * 100 + "end", "v = " + "a + " * 100 + "a", "[x]"]


def test_what_looks_like_markup_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_answer("x = h[1] + [bold]b[/bold] :smile:")
    output.print_formulas("x = h[1] + [red]b[/red]")
    printed = capsys.readouterr().out
    assert printed == "x = h[1] + [bold]b[/bold] :smile:\nx = h[1] + [red]b[/red]\n"


def test_json_is_strict(capsys: pytest.CaptureFixture[str]) -> None:
    output.print_json({"w": "h → z", "n": [1, None]})
    printed = capsys.readouterr().out
    assert json.loads(printed) == {"w": "h → z", "n": [1, None]}
    assert "→" in printed
    with pytest.raises(ValueError, match="JSON"):
        output.print_json(float("nan"))


def test_norms(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    arrays = {
        "tiny": np.full(4, 1e-250),
        "huge": np.full((2, 2), 1e250),
        "zero": np.zeros(3),
        "none": np.zeros((0, 2)),
        "inf": np.array([1, np.inf]),
        "nan": np.array([1, np.nan]),
        "single": np.full(4, 1e-30, dtype=np.float32),
        "subnormal": np.full(4, 5e-324),
    }
    path = tmp_path / "OUT.npz"
    np.savez(path, **arrays)  # type: ignore[arg-type]
    shapes = {name: array.shape for name, array in arrays.items()}
    summary = GradSummary("gru", path, 1, None, {}, "float64", shapes)
    found = output.about_arrays(summary)
    json.dumps(found, allow_nan=False)
    norms = {name: item["norm"] for name, item in found["arrays"].items()}
    assert norms == {
        "tiny": pytest.approx(2e-250, rel=1e-12, abs=0),
        "huge": pytest.approx(2e250, rel=1e-12),
        "zero": 0,
        "none": 0,
        "inf": None,
        "nan": None,
        "single": pytest.approx(2e-30, rel=1e-6, abs=0),
        "subnormal": 1e-323,
    }
    assert found["arrays"]["huge"]["shape"] == [2, 2]
    output.print_arrays(summary)
    rows = {line.split()[0]: line for line in capsys.readouterr().out.splitlines() if line}
    assert rows["inf"].endswith("inf")
    assert rows["nan"].endswith("nan")
    assert rows["tiny"].endswith("2e-250")
