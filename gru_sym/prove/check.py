"""check: a hand derivation of a cell's gradients, judged line by line."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import sympy as sp

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Var
from gru_sym.algebra.present import Presenter
from gru_sym.algebra.show import show
from gru_sym.cells.equations import Cell
from gru_sym.cells.parse import parse
from gru_sym.notebook import ShownAsText
from gru_sym.prove.diagnose import Point, diagnose
from gru_sym.prove.equal import Equality
from gru_sym.prove.result import Counterexample, ProofError, Refuted
from gru_sym.prove.scope import Scope, Written, circular

__all__ = ["CheckReport", "LineReport", "check"]


@dataclass(frozen=True, repr=False)
class LineReport(ShownAsText):
    """The verdict on one line.

    Attributes:
        line: its number in the text, from 1.
        name: what it defines.
        verdict: ``right``, ``wrong``, ``unproved`` or ``abbreviation``.
        expected: the right formula; empty for an abbreviation.
        why: for a wrong line, the term that is missing, extra, or of the wrong sign or factor; for
            an unproved one, what stopped the proof.
        counterexample: for a wrong line, exact inputs at which it differs; None where its very
            shapes do not fit, or where it is defined by itself.
    """

    line: int
    name: str
    verdict: str
    expected: str
    why: str = ""
    counterexample: Counterexample | None = None

    def __str__(self) -> str:
        mark = {"right": "✓", "wrong": "✗", "unproved": "?", "abbreviation": "·"}[self.verdict]
        lines = [f"{self.line:>4} {mark} {self.name}: {self.verdict}"]
        if self.why:
            lines.append(f"       {self.why}")
        if self.verdict in {"wrong", "unproved"}:
            lines.append(f"       expected: {self.name} = {self.expected}")
        if self.counterexample:
            lines.append(f"       {self.counterexample.difference('written', 'right')}")
        return "\n".join(lines)

    def to_json(self) -> dict[str, Any]:
        """Plain types."""
        plain: dict[str, Any] = {
            "line": self.line,
            "name": self.name,
            "verdict": self.verdict,
            "expected": self.expected,
            "why": self.why,
        }
        if self.counterexample:
            plain["counterexample"] = self.counterexample.to_json()
        return plain


@dataclass(frozen=True, repr=False)
class CheckReport(ShownAsText):
    """The verdicts on all lines.

    Attributes:
        lines: one report for each line, in their order.
        missing: cotangents of parameters, inputs and states that have no line.
        taken: further cotangents that lines use and no line derives: their true values are taken.
    """

    lines: tuple[LineReport, ...]
    missing: tuple[str, ...]
    taken: tuple[str, ...] = ()

    @property
    def verdict(self) -> str:
        """``wrong``, ``unproved``, ``incomplete`` or ``right``: the first that applies."""
        verdicts = {line.verdict for line in self.lines}
        for verdict in ("wrong", "unproved"):
            if verdict in verdicts:
                return verdict
        return "incomplete" if self.missing else "right"

    def require(self) -> "CheckReport":
        """The report itself if every line is right and none is missing.

        Raises:
            ProofError: it is not so; the message is the report.
        """
        if self.verdict != "right":
            raise ProofError(str(self), mend="correct the lines, and add those that are missing")
        return self

    def __str__(self) -> str:
        lines = [str(line) for line in self.lines]
        if self.missing:
            lines.append(f"missing: {', '.join(self.missing)}")
        if self.taken:
            lines.append(f"used without a line of their own: {', '.join(self.taken)}")
        lines += self._points()
        return "\n".join([*lines, f"verdict: {self.verdict}"])

    def _points(self) -> list[str]:
        """The inputs of all counterexamples; one point serves many lines."""
        points: list[dict[str, str]] = []
        for example in (line.counterexample for line in self.lines if line.counterexample):
            head, *values = example.point
            entries = {"": head} | {value.split(" =")[0]: value for value in values}
            for point in points:
                if all(point.get(key, value) == value for key, value in entries.items()):
                    point.update(entries)
                    break
            else:
                points.append(entries)
        return [
            line
            for point in points
            for line in (f"counterexamples {point['']}", *sorted(set(point.values()) - {point[""]}))
        ]

    def to_json(self) -> dict[str, Any]:
        """Plain types: ``lines``, ``verdict``, ``missing`` and ``taken``."""
        return {
            "lines": [line.to_json() for line in self.lines],
            "verdict": self.verdict,
            "missing": list(self.missing),
            "taken": list(self.taken),
        }


def check(cell: Cell, text: str | bytes) -> CheckReport:
    """Check a hand derivation line by line.

    The text is in the language of cells: ``z_bar = h_next_bar * (h_tilde - h)``. The cotangent of
    ``v`` is ``v_bar``, that of the activation's argument in the definition of ``v`` is
    ``a_v_bar``; ``h_next_bar`` is given. Definitions of the cell may be restated. Any other name
    is an abbreviation, which is judged through the lines that use it.

    A line is compared with what is derived, given the lines before it; a line after a wrong one
    is judged as if that had been right. Orders, factorings and equivalent forms are all right; a
    line that rests on itself is wrong, whatever it says.

    Args:
        cell: any cell.
        text: the lines of the derivation.

    Returns:
        A verdict on each line, and what has no line.

    Raises:
        TextError: one of its kinds: the text cannot be read, or uses an unknown name.

    >>> from gru_sym.cells import cell
    >>> report = check(cell("mingru"), "z_bar = h_next_bar * (h - h_tilde)")
    >>> report.verdict, report.lines[0].why
    ('wrong', 'the sign of `h_next_bar * (h - h_tilde)` is wrong')
    """
    document = parse(text, derivation=True)
    scope = Scope(cell, document.source)
    written = [scope.read(definition) for definition in document.definitions]
    judge = _Judge(cell, scope, circular(written))
    names = {item.name for item in written}
    missing = tuple(name for name in scope.wanted() if name not in names)
    used = {
        node.name
        for item in written
        for node in tree.postorder(item.definition.value)
        if isinstance(node, tree.Name)
    }
    derived = (str(var.name) for var in scope.lines)
    taken = tuple(name for name in derived if name in used - names - {*missing})
    return CheckReport(tuple(judge.report(item) for item in written), missing, taken)


class _Judge:
    """Judges lines over all definitions of a scope."""

    def __init__(self, cell: Cell, scope: Scope, circles: Mapping[Var, tuple[str, ...]]) -> None:
        self.circles = circles
        definitions = scope.definitions
        inputs = [*cell.program.inputs, *scope.given.values()]
        self.equality = Equality(definitions)
        self.presenter = Presenter([*inputs, *(d.var for d in definitions)], cell.program.inputs)
        self.inputs, self.definitions = inputs, definitions
        self._point: Point | None = None

    def show(self, expr: sp.Expr) -> str:
        """An expression as a reader writes it."""
        return show(self.presenter.expression(expr))

    def report(self, item: Written) -> LineReport:
        """The verdict on one line."""
        line, name = item.definition.place.line, item.name
        if item.target is None:
            return LineReport(line, name, "abbreviation", "")
        right, shape = item.target.expr, item.target.var.shape
        expected = show(self.presenter.definition(item.target).value)
        if item.expr is None:
            return LineReport(line, name, "wrong", expected, item.misfit)
        answer = self.equality.prove(item.expr, right, claim=name, shape=shape)
        if isinstance(answer, Refuted):
            if self._point is None:
                self._point = Point(self.inputs, self.definitions)
            why = diagnose(item.expr, right, shape, self._point, self.show)
            return LineReport(line, name, "wrong", expected, why, answer.counterexample)
        if item.var in self.circles:
            through = ", ".join(f"`{n}`" for n in self.circles[item.var])
            why = f"`{name}` is defined by itself" + (f", through {through}" if through else "")
            return LineReport(line, name, "wrong", expected, why)
        if answer.verdict == "proved":
            return LineReport(line, name, "right", expected)
        return LineReport(line, name, "unproved", expected, getattr(answer, "why", ""))
