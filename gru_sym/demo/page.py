"""The demonstration as a page that is told step by step."""

import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TypeVar

from rich.console import Console
from rich.table import Table
from rich.text import Text

from gru_sym.algebra.show import wrapped
from gru_sym.demo.files import FILES
from gru_sym.demo.result import TOLERANCE, WINDOW, Check, DemoResult
from gru_sym.prove.result import Proof
from gru_sym.training.result import Result

__all__ = ["Page"]

_T = TypeVar("_T")

_WIDEST = 100


class Page:
    """The demonstration as it is told, step by step, in at most 100 columns."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._width = min(console.width, _WIDEST)
        self._number = 0

    def step(self, title: str, work: Callable[[], _T]) -> _T:
        """Do the work of a step, then print its heading and its time."""
        self._number += 1
        start = time.perf_counter()
        with self._console.status(title):
            result = work()
        seconds = f"{time.perf_counter() - start:.2f} s"
        dash = "-" if self._console.options.ascii_only else "─"
        fill = dash * (self._width - len(title) - len(seconds) - 5)
        self._print()
        self._print(
            Text.assemble(
                (f"{self._number}  {title}", "bold"), f" {fill} ", (seconds, "dim"), end="\n"
            )
        )
        return result

    def paragraphs(self, text: str, style: str = "", hang: int = 0) -> None:
        """Lines of prose, each wrapped; ``hang`` indents all but a line's first row."""
        for line in text.splitlines():
            room = max(self._width - 3, 20)
            for part in textwrap.wrap(line, room, subsequent_indent=" " * hang) or [""]:
                self._print(Text(f"   {part}", style))

    def equations(self, heading: str, lines: Sequence[str]) -> None:
        """Lines of the language, broken before an operator where they are too long."""
        self._print()
        self.paragraphs(heading, "dim")
        for line in lines:
            hang = max(line.find(" = "), line.find(" : ")) + 3
            for part in wrapped(line, self._width - 5, hang):
                self._print(Text(f"     {part}"))

    def proof(self, proof: Proof) -> None:
        """The verdict, how many claims there are in each part, and what is assumed."""
        self.paragraphs(f"{proof.verdict}: {proof.claim}")
        for heading, answers in proof.parts:
            self.paragraphs(f"{len(answers):>5} claims: {heading.rstrip(':')}", hang=14)
        for words in proof.assumed:
            self.paragraphs(f"     assumed: {words}", "dim", hang=14)
        for answer in proof:
            if answer.verdict != "proved":
                self.paragraphs(str(answer), "bold red")

    def table(self, checks: Sequence[Check], steps: int) -> None:
        """Each gradient with its errors."""
        table = Table(box=None, pad_edge=False, padding=(0, 2))
        headings = ("|gradient|", f"by hand\n{steps} steps", f"complex step\n{WINDOW} steps")
        for heading in ("   gradient", "shape", *headings):
            # Folded where there is no room: a shortened number would not be a number.
            table.add_column(
                heading, justify="right" if heading in headings else "left", overflow="fold"
            )
        for check in checks:
            errors = (
                Text(f"{error:.1e}", "green" if error < TOLERANCE else "bold red")
                for error in (check.hand, check.complex_step)
            )
            shape = " x ".join(map(str, check.shape))
            table.add_row(f"   {check.name}", shape, f"{check.norm:.3e}", *errors)
        self.paragraphs(
            "Relative errors against backprop derived by hand, and against the complex step of "
            "every entry:",
            "dim",
        )
        self._console.print(table, highlight=False)

    def forecasts(self, trained: Result, years: tuple[int, int]) -> None:
        """How well the trained network forecasts the years that it did not see."""
        run, score = trained.run, trained.held_out
        if score is None:
            return
        first = years[1] - score.steps + 1
        self.paragraphs(
            f"The cell {trained.cell.name}, H = {run.hidden_size}, from random numbers: "
            f"{run.epoch} epochs of Adam on the years {years[0]} to {first - 1}.\n"
            f"Held out are the years {first} to {years[1]}, each forecast from those before it. "
            "The mean squared error, and its root in sunspots:"
        )
        table = Table(box=None, pad_edge=False, padding=(0, 2))
        table.add_column("   forecast", overflow="fold")
        for heading in ("MSE", "RMSE"):
            table.add_column(heading, justify="right", overflow="fold")
        root = score.root()
        table.add_row("   the trained GRU", f"{score.model:.1f}", f"{root.model:.2f}")
        table.add_row("   next year equals this one", f"{score.naive:.1f}", f"{root.naive:.2f}")
        self._console.print(table, highlight=False)
        style = "green" if score.model < score.naive else "bold red"
        self.paragraphs(f"The GRU's error is {score.ratio:.3f} of the naive one.", style)

    def files(self, directory: Path, names: Sequence[str] = tuple(FILES)) -> None:
        """What was written, and where."""
        self.paragraphs(f"In {directory}:")
        width = max(map(len, names))
        for name in names:
            self._print(Text.assemble("     ", (f"{name:<{width}}", "bold"), f"  {FILES[name]}"))

    def verdict(self, result: DemoResult) -> None:
        """The last line: all is well, or not."""
        self._print()
        if result.ok:
            words = f"Proved, and verified to {TOLERANCE:g} on every gradient"
            self._print(Text(f"{words}, in {result.seconds:.1f} s.", "bold green"))
            return
        wrong = [name for name, error in result.outputs if not error < TOLERANCE]
        wrong += [check.name for check in result.checks if not check.ok]
        parts = [f"the gradients are {result.verdict}"] * (result.verdict != "proved")
        parts += [f"a relative error is not below {TOLERANCE:g}: {', '.join(wrong)}"] * bool(wrong)
        if result.forecast is None:
            parts.append("nothing was trained")
        elif not result.forecasts:
            parts.append("the trained GRU is no better than the naive forecast")
        words = f"Failed: {'; '.join(parts) or 'nothing was compared'}."
        for part in textwrap.wrap(words, self._width):
            self._print(Text(part, "bold red"))

    def _print(self, text: Text | str = "") -> None:
        self._console.print(text, highlight=False, markup=False, soft_wrap=True)
