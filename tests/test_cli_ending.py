"""How a run ends: exit statuses, and errors in place of tracebacks."""

import json
import signal
from collections.abc import Callable
from typing import Any, NoReturn

import click
import pytest
from click.testing import CliRunner, Result

from gru_sym.cli.ending import Commands
from gru_sym.errors import CellSyntaxError, DataError, MissingLibraryError, Place


def ended(act: Callable[[], Any], *arguments: str) -> Result:
    """Run a command that does one thing."""

    @click.group(cls=Commands)
    def group() -> None:
        pass

    @group.command("act")
    @click.option("--json", "as_json", is_flag=True)
    @click.option("--format", "form")
    def command(as_json: bool, form: str | None) -> Any:
        return act()

    return CliRunner().invoke(group, ["act", *arguments])


def raising(error: BaseException) -> Callable[[], NoReturn]:
    def act() -> NoReturn:
        raise error

    return act


def test_an_interrupt_that_became_another_error() -> None:
    def act() -> None:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            raise RuntimeError("no compiled object yet") from None

    before = signal.getsignal(signal.SIGINT)
    # Where the tests were started in the background, a shell has them ignore interrupts.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert ended(act).exit_code == 130
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


@pytest.mark.parametrize("status", [None, 0, 1])
def test_a_status_is_passed_on(status: int | None) -> None:
    assert ended(lambda: status).exit_code == (status or 0)


@pytest.mark.parametrize(
    ("error", "status", "said"),
    [
        (DataError("no such thing", mend="name another"), 2, "no such thing\n  mend: name another"),
        (MissingLibraryError("torch is absent", mend="pip install"), 2, "torch is absent"),
        (FileNotFoundError(2, "No such file or directory", "a.npy"), 2, "a.npy: No such file"),
        (OSError("odd"), 2, "odd"),
        (RecursionError("maximum recursion depth exceeded"), 2, "nested too deeply"),
        (MemoryError(), 2, "not enough memory"),
        (click.UsageError("Bad flag."), 2, "bad flag\n"),
        (click.ClickException("Odd"), 2, "odd\n"),
        (ZeroDivisionError("division by zero"), 70, "a fault of gru-sym itself: ZeroDivisionError"),
        (AssertionError(), 70, "test_cli_ending.py, line "),
    ],
    ids=lambda value: type(value).__name__ if isinstance(value, Exception) else None,
)
def test_errors(error: Exception, status: int, said: str) -> None:
    result = ended(raising(error))
    assert result.exit_code == status
    assert result.stdout == ""
    assert result.stderr.startswith("error: ")
    assert said in result.stderr
    assert "Traceback" not in result.stderr
    result = ended(raising(error), "--json")
    assert result.exit_code == status
    assert json.loads(result.stdout)["error"]["message"]


@pytest.mark.parametrize(
    ("error", "status"),
    [(KeyboardInterrupt(), 130), (click.Abort(), 130), (BrokenPipeError(), 141)],
)
def test_quiet_ends(error: BaseException, status: int) -> None:
    result = ended(raising(error))
    assert result.exit_code == status
    assert result.output.strip() == ""


@pytest.mark.parametrize(
    ("arguments", "as_json"),
    [
        (["--json"], True),
        (["--format=json"], True),
        (["--format", "json"], True),
        (["--format", "text"], False),
        (["--json", "--no-such-flag"], True),
        (["--no-such-flag"], False),
        (["json"], False),
    ],
)
def test_errors_as_json(arguments: list[str], as_json: bool) -> None:
    result = ended(raising(DataError("wrong", mend="right it")), *arguments)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ")
    assert (json.loads(result.stdout)["error"].keys() if as_json else set()) == (
        {"message", "source", "line", "column", "mend"} if as_json else set()
    )


def test_a_place_goes_to_json() -> None:
    error = CellSyntaxError("odd", mend="even", place=Place(2, 3), source="a\nb + \x1b[2J")
    error.add_note("my.cell")
    result = ended(raising(error), "--json")
    assert json.loads(result.stdout)["error"] == {
        "message": "odd", "source": "my.cell", "line": 2, "column": 3, "mend": "even"
    }  # fmt: skip
    assert result.stderr.startswith("error: my.cell: line 2, column 3: odd\n")


def test_control_characters_do_not_reach_the_terminal() -> None:
    result = ended(raising(DataError("cannot read \x1b[2Jfile\x07")))
    assert "\x1b" not in result.stderr
    assert "\x07" not in result.stderr
    assert "file" in result.stderr
