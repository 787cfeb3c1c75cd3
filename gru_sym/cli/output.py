"""How results are printed: tables, formulas and answers for people, JSON for programs."""

import json
import re
import sys
from collections.abc import Iterable, Iterator
from math import isfinite
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    from gru_sym.cells.equations import Cell
    from gru_sym.grad import GradSummary

__all__ = [
    "about_arrays",
    "about_cell",
    "console_of",
    "print_answer",
    "print_arrays",
    "print_cells",
    "print_formulas",
    "print_json",
    "print_line",
    "print_table",
    "print_whole",
]

UNWRAPPED = 10_000
"""The width of what is piped: nothing wraps, so that a line stays a line."""

SIDE_BY_SIDE = 160
"""From this width on a cell's source has a column of its own."""

HANGING, NARROWEST = 4, 20
"""How far a wrapped line is indented below its beginning; and what is left for it at least."""

STYLES = {
    r"^ *(?:\d+ )?✓": "green",
    r"^ *(?:\d+ )?✗": "red",
    r"^ *(?:\d+ )?\?": "yellow",
    r"^(?:verdict: )?(?:proved|right)\b": "bold green",
    r"^ *(?:verdict: )?refuted\b|^verdict: wrong": "bold red",
    r"^ *(?:verdict: )?(?:unproved|incomplete)\b|^missing:": "bold yellow",
    r"^ *(?:assumed|shown|expected|why):": "dim",
}
"""How the lines of an answer are coloured."""


def print_json(document: Any) -> None:
    """One document; letters beyond ASCII as they are where standard output can carry them."""
    plain = (sys.stdout.encoding or "utf-8").lower().replace("-", "") != "utf8"
    text = json.dumps(document, indent=2, ensure_ascii=plain, allow_nan=False)
    sys.stdout.write(f"{text}\n")


def console_of(*, quiet: bool = False) -> "Console":
    """Colours and width are those of the terminal; without one, no colours."""
    from rich.console import Console

    return Console(highlight=False, markup=False, quiet=quiet)


def print_table(columns: Iterable[str], rows: Iterable[Iterable["str | Text"]]) -> None:
    """A table; a column whose heading begins with a space is flush right."""
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="bold")
    for number, column in enumerate(columns):
        table.add_column(
            column.strip(),
            justify="right" if column.startswith(" ") else "left",
            style="cyan" if number == 0 else "",
            no_wrap=number == 0,
        )
    for row in rows:
        table.add_row(*row)
    print_whole(table)


def print_whole(table: "Table") -> None:
    """A table: as wide as it is where it is piped, without spaces at the ends of its lines."""
    console = console_of()
    if console.is_terminal:
        console.print(table)
        return
    console.width = UNWRAPPED
    with console.capture() as captured:
        console.print(table)
    for line in captured.get().splitlines():
        click.echo(line.rstrip())


def print_cells(every: Iterable["Cell"]) -> None:
    """A table of cells; on a narrow terminal the source stands below the title."""
    from rich.text import Text

    console = console_of()
    wide = not console.is_terminal or console.width >= SIDE_BY_SIDE
    rows = []
    for cell in every:
        cite = cell.document.header.cite
        about = [cell.title, cite] if wide else [Text.assemble(cell.title, "\n", (cite, "dim"))]
        states, inputs = (", ".join(_names(variables)) for variables in (cell.states, cell.inputs))
        rows.append([cell.name, states, inputs, str(len(cell.params)), *about])
    columns = ["cell", "states", "inputs", " params", "title"]
    print_table([*columns, "source"] if wide else columns, rows)


def about_cell(cell: "Cell") -> dict[str, Any]:
    """A cell in plain types: what its header says, its names and shapes, its equations."""
    header = cell.document.header
    variables = (*cell.states, *cell.inputs, *cell.params)
    return {
        "name": cell.name,
        "title": header.title,
        "cite": header.cite,
        "convention": header.convention,
        "roles": cell.roles,
        "states": _names(cell.states),
        "inputs": _names(cell.inputs),
        "params": _names(cell.params),
        "shapes": {str(v.name): ["+".join(dim) for dim in v.shape] for v in variables},
        "equations": cell.equations,
    }


def _names(variables: Iterable[Any]) -> list[str]:
    return [str(variable.name) for variable in variables]


def print_formulas(text: str) -> None:
    """Formulas, each on one line where they are piped; on a terminal they break at operators."""
    from rich.text import Text

    console = console_of()
    if console.is_terminal:
        text = "\n".join(_broken(text.splitlines(), console.width))
    shown = Text(text)
    shown.highlight_regex(r"(?m)^ *\S+(?= +=)", "cyan")
    shown.highlight_regex(r"(?m)\[[^\[\]]*\]$|^\S.*:$", "dim")
    console.print(shown, soft_wrap=True)


def _broken(lines: list[str], width: int) -> Iterator[str]:
    """Lines broken at operators; the name of a path, at a line's end, moves as little as it can."""
    from gru_sym.algebra.show import wrapped

    for line in lines:
        if len(line) <= width:
            yield line
            continue
        formula, label = re.fullmatch(r"(.*?)( +\[[^\[\]]*\])?", line).groups()  # type: ignore[union-attr]
        indent = len(formula) - len(formula.lstrip())
        hang = indent + 2 if indent else max(formula.find(" = ") + 3, HANGING)
        *parts, last = wrapped(formula, width, hang)
        yield from parts
        label = f"  {label.strip()}" if label else ""
        if len(last) + len(label) <= width:
            yield last + label
        else:
            yield from (last, f"{label.strip():>{width}}")


def print_answer(text: str) -> None:
    """The lines of a proof or a report; on a terminal they wrap under their own beginning."""
    from rich.text import Text

    console = console_of()
    for line in text.splitlines():
        shown = Text(line)
        for pattern, style in STYLES.items():
            shown.highlight_regex(pattern, style)
        # A formula that is asked for stays in one piece, for copying.
        print_line(console, shown, whole=line.lstrip().startswith("expected:"))


def print_line(console: "Console", line: "Text", *, whole: bool) -> None:
    """A line; on a terminal it wraps between words, below its beginning, unless it is ``whole``."""
    indent = len(line.plain) - len(line.plain.lstrip())
    if whole or not console.is_terminal or line.cell_len <= console.width:
        console.print(line, soft_wrap=True)
        return
    width = max(NARROWEST, console.width - indent - HANGING)
    for number, part in enumerate(line[indent:].wrap(console, width)):
        part.pad_left(indent + (HANGING if number else 0))
        console.print(part, soft_wrap=True)


def about_arrays(summary: "GradSummary") -> dict[str, Any]:
    """What was written, in plain types; a norm that is not finite is None."""
    norms = _norms(summary.out)
    return {
        "cell": summary.cell,
        "out": str(summary.out),
        "T": summary.T,
        "B": summary.B,
        "sizes": summary.sizes,
        "dtype": summary.dtype,
        "arrays": {
            name: {"shape": list(shape), "norm": norms[name] if isfinite(norms[name]) else None}
            for name, shape in summary.arrays.items()
        },
    }


def print_arrays(summary: "GradSummary") -> None:
    """A table of the arrays that were written."""
    norms = _norms(summary.out)
    rows = (
        [name, f"({', '.join(map(str, shape))})", f"{norms[name]:.6g}"]
        for name, shape in summary.arrays.items()
    )
    print_table(["array", "shape", "norm"], rows)
    click.echo(f"\n{summary}")


def _norms(path: Path) -> dict[str, float]:
    """The Euclidean norm of each array; scaled, so that squares neither over- nor underflow."""
    import numpy as np

    found = {}
    with np.load(path) as arrays:
        for name, array in arrays.items():
            largest = float(np.max(np.abs(array), initial=0))
            scaled = isfinite(largest) and largest > 0
            found[name] = largest * float(np.linalg.norm(array / largest)) if scaled else largest
    return found
