"""How a run ends: with an exit status, and an error in a few lines instead of a traceback."""

import io
import os
import re
import signal
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import current_thread, main_thread
from types import FrameType
from typing import Any

import click

from gru_sym.cli.output import print_json, print_line
from gru_sym.errors import DataError, GruSymError, TextError

__all__ = ["Commands"]

BAD_INPUT = 2
FAULT = 70
INTERRUPTED = 130  # this and the next as a shell reports the signals
BROKEN_PIPE = 141


class Commands(click.Group):
    """A group of commands that ends every run with an exit status and never with a traceback."""

    def main(self, args: Iterable[str] | None = None, *_: Any, **extra: Any) -> Any:
        """Run a command line and exit."""
        arguments = sys.argv[1:] if args is None else list(args)
        _prepare_streams()
        extra |= {"prog_name": "gru-sym", "standalone_mode": False}
        report = partial(_report, as_json=_wants_json(arguments))
        with _noting_interrupts() as interrupts:
            try:
                try:
                    status = super().main(arguments, **extra) or 0
                    sys.stdout.flush()
                except GruSymError as error:
                    status = report(error)
                except click.ClickException as error:
                    status = _report_usage(error, report)
            except (click.Abort, KeyboardInterrupt):
                status = INTERRUPTED
            except (BrokenPipeError, SystemExit):
                status = BROKEN_PIPE  # click takes note of a closed pipe first, and exits with 1
            except RecursionError:
                status = report(
                    GruSymError("this is nested too deeply", mend="name its inner parts")
                )
            except MemoryError:
                status = report(GruSymError("there is not enough memory for this"))
            except OSError as error:
                status = report(DataError(_said_by_system(error), mend="check the path"))
            except Exception as error:
                # A compiler may answer an interrupt with an error of its own.
                status = INTERRUPTED if interrupts else report(_fault(error), status=FAULT)
        _close_streams()
        sys.exit(status)


@contextmanager
def _noting_interrupts() -> Iterator[list[int]]:
    """A list of the interrupts that arrive, each of which raises KeyboardInterrupt still."""
    noted: list[int] = []

    def interrupt(number: int, frame: FrameType | None) -> None:
        noted.append(number)
        signal.default_int_handler(number, frame)

    before = signal.getsignal(signal.SIGINT)
    ours = before is signal.default_int_handler and current_thread() is main_thread()
    if ours:
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield noted
    finally:
        if ours:
            signal.signal(signal.SIGINT, before)


def _prepare_streams() -> None:
    """What a terminal cannot show becomes `?`; a closed stream swallows what it is given."""
    for name in ("stdout", "stderr"):
        stream = getattr(sys, name)
        if stream is None:
            setattr(sys, name, io.StringIO())
        elif name == "stdout" and hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="replace")


def _close_streams() -> None:
    """Flush, so that no error is left for the interpreter to meet (and print) at its end."""
    for name in ("stdout", "stderr"):
        try:
            getattr(sys, name).flush()
        except OSError:
            # What is left in the buffer is lost anyway: point the file elsewhere.
            with suppress(OSError):
                os.dup2(os.open(os.devnull, os.O_WRONLY), getattr(sys, name).fileno())


def _wants_json(arguments: list[str]) -> bool:
    """Whether standard output is to be JSON, also where the arguments cannot be parsed."""
    joined = "\n".join(arguments)
    return re.search(r"^(--json|--format(=|\n)json)$", joined, re.MULTILINE) is not None


def _report(error: GruSymError, *, as_json: bool, status: int = BAD_INPUT) -> int:
    """Print an error: for people on standard error, and for programs on standard output."""
    from rich.console import Console
    from rich.text import Text

    notes = getattr(error, "__notes__", ())
    place = error.place if isinstance(error, TextError) else None
    if as_json:
        with suppress(OSError):
            about = {
                "message": error.message,
                "source": notes[0] if notes else None,
                "line": place.line if place else None,
                "column": place.column if place else None,
                "mend": error.mend,
            }
            print_json({"error": about})
    text = ": ".join(["error", *notes, str(error)])
    text = "".join(c if c.isprintable() or c == "\n" else "\N{REPLACEMENT CHARACTER}" for c in text)
    console = Console(stderr=True, highlight=False, markup=False)
    with suppress(OSError):
        for line in text.split("\n"):
            shown = Text(line)
            shown.highlight_regex(r"^error:|^ +\^$", "bold red")
            shown.highlight_regex(r"^  mend:", "bold")
            # The excerpt and the caret below it stand four spaces in.
            print_line(console, shown, whole=line.startswith("    "))
    return status


def _report_usage(error: click.ClickException, report: Callable[[GruSymError], int]) -> int:
    if isinstance(error, getattr(click.exceptions, "NoArgsIsHelpError", ())):
        error.show()
        return BAD_INPUT
    context = error.ctx if isinstance(error, click.UsageError) else None
    command = context.command_path if context else "gru-sym"
    message = error.format_message().rstrip(".")
    return report(DataError(message[:1].lower() + message[1:], mend=f"see {command} --help"))


def _said_by_system(error: OSError) -> str:
    what = error.strerror or str(error) or type(error).__name__
    return f"{error.filename}: {what}" if error.filename else what


def _fault(error: Exception) -> GruSymError:
    """An error of ours: one line that says where, in place of a traceback."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    code = trace.tb_frame.f_code if trace else None
    where = f" in {Path(code.co_filename).name}, line {trace.tb_lineno}" if code and trace else ""
    return GruSymError(
        f"a fault of gru-sym itself: {type(error).__name__}: {error}{where}",
        mend="please report it, with the command and its input",
    )
