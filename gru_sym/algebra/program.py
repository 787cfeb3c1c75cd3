"""Program, the one intermediate form: named definitions in order, inputs, outputs.

A cell is a Program, a derivative is a Program, a hand-written derivation is a Program.
A :class:`Scan` is a Program over a sequence of symbolic length T, in three parts.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import sympy as sp

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Var, shape_of, variables_of
from gru_sym.algebra.expressions import Printer
from gru_sym.algebra.lines import aligned
from gru_sym.algebra.present import Presenter, reading_order
from gru_sym.algebra.show import aligned_lines
from gru_sym.algebra.typeset import Style
from gru_sym.notebook import ShownAsText, formulas_html

__all__ = ["Definition", "Program", "Scan", "Section", "presenter_for"]


@dataclass(frozen=True, slots=True)
class Definition:
    """``var = expr``. ``tree`` is how a person wrote it, where a person did."""

    var: Var
    expr: sp.Expr
    tree: Any = field(default=None, compare=False, repr=False)

    @property
    def name(self) -> str:
        """The name of the variable."""
        return str(self.var.name)


@dataclass(frozen=True, repr=False)
class Program:
    """Definitions in single-assignment order.

    Attributes:
        inputs: the free variables, in the order in which a reader meets them.
        definitions: each uses inputs and definitions before it.
        outputs: the variables that the program is computed for.

    Raises:
        ValueError: a variable is defined twice, used before it is defined, has two shapes, or a
            definition's shape is not its variable's.
    """

    inputs: tuple[Var, ...]
    definitions: tuple[Definition, ...]
    outputs: tuple[Var, ...]

    def __post_init__(self) -> None:
        known: dict[str, Var] = {}
        for var in self.inputs:
            if var.name in known:
                raise ValueError(f"{var.name} is an input twice")
            known[var.name] = var
        for d in self.definitions:
            for used in variables_of(d.expr):
                if known.get(used.name) != used:
                    raise ValueError(f"{d.name} uses {used.name}{used.shape}, which is not known")
            if d.name in known:
                raise ValueError(f"{d.name} is defined twice")
            if shape_of(d.expr) not in ((), d.var.shape):
                raise ValueError(f"{d.name} has shape {d.var.shape}, its value another")
            known[d.name] = d.var
        for var in self.outputs:
            if known.get(var.name) != var:
                raise ValueError(f"the output {var.name} is not defined")

    def __iter__(self) -> Iterator[Definition]:
        return iter(self.definitions)

    def __str__(self) -> str:
        """One line for each definition, in the language of cells."""
        presenter = Presenter.of(self)
        return "\n".join(aligned_lines(presenter.definition(d) for d in self))

    __repr__ = __str__

    def _repr_latex_(self) -> str:
        """The definitions one below the other: how a notebook shows a program."""
        style = Style(scalars=frozenset(v.name for v in self.variables if not v.shape))
        printer = Printer(Presenter.of(self), style)
        return f"$${aligned(map(printer.row, self))}$$"

    def _repr_html_(self) -> str:
        """The same for a notebook that prefers HTML."""
        return formulas_html(self._repr_latex_())

    def __getitem__(self, name: str) -> Definition:
        """The definition of ``name``.

        Raises:
            KeyError: ``name`` is not defined here.
        """
        for d in self.definitions:
            if d.name == name:
                return d
        raise KeyError(name)

    def variable(self, name: str) -> Var:
        """The input or defined variable called ``name``.

        Raises:
            KeyError: there is none.
        """
        for var in self.variables:
            if var.name == name:
                return var
        raise KeyError(name)

    @property
    def variables(self) -> tuple[Var, ...]:
        """Inputs, then defined variables, in order."""
        return (*self.inputs, *(d.var for d in self.definitions))

    @property
    def as_mapping(self) -> dict[Var, sp.Expr]:
        """Variable → its expression."""
        return {d.var: d.expr for d in self.definitions}

    def extend(self, inputs: Iterable[Var], definitions: Iterable[Definition]) -> "Program":
        """The same program with more inputs and more definitions after its own."""
        return replace(
            self,
            inputs=(*self.inputs, *inputs),
            definitions=(*self.definitions, *definitions),
        )

    def computing(self, outputs: Iterable[Var]) -> "Program":
        """The same program with other outputs, without the definitions that they do not need."""
        outputs = tuple(outputs)
        needed = set(outputs)
        kept = []
        for d in reversed(self.definitions):
            if d.var in needed:
                kept.append(d)
                needed |= variables_of(d.expr)
        return replace(self, definitions=tuple(reversed(kept)), outputs=outputs)

    def depending_on(self, variables: Iterable[Var]) -> frozenset[Var]:
        """Every variable whose value depends on one of ``variables`` (themselves among them)."""
        found = set(variables)
        for d in self.definitions:
            if variables_of(d.expr) & found:
                found.add(d.var)
        return frozenset(found)

    def rename(self, names: Mapping[str, str]) -> "Program":
        """The same program under other names; how a person wrote it is forgotten."""
        to = {v: Var(names[v.name], v.shape) for v in self.variables if v.name in names}

        def new(var: Var) -> Var:
            return to.get(var, var)

        return Program(
            tuple(new(v) for v in self.inputs),
            tuple(Definition(new(d.var), d.expr.xreplace(to)) for d in self.definitions),
            tuple(new(v) for v in self.outputs),
        )


@dataclass(frozen=True)
class Section:
    """Lines that are read together; ``key`` is ``all``, ``step``, ``each`` or ``after``."""

    key: str
    definitions: tuple[Definition, ...]


@dataclass(frozen=True, repr=False)
class Scan(ShownAsText):
    """A Program over a sequence of symbolic length T: nothing is unrolled.

    Attributes:
        before: computed for all t, ahead of the loop. Its outputs are what ``step`` may read.
        step: one turn of the loop; reads the carry, gives the next carry.
        carry: pairs (variable that enters a turn, variable that it leaves as).
        after: computed once the loop has ended; sums over t are ``SumT`` nodes.
        reverse: whether the loop runs from t = T down to t = 1.
        sequences: the variables that have a value for each t.
        origin: the program that it was made from, whose order a reader knows.
    """

    before: Program
    step: Program
    carry: tuple[tuple[Var, Var], ...]
    after: Program
    reverse: bool
    sequences: frozenset[Var]
    origin: Program

    @property
    def sections(self) -> tuple[Section, ...]:
        """The lines of the step; what follows for each t; what sums over all t."""
        found = (
            Section("step", self.step.definitions),
            Section("each", tuple(d for d in self.after if d.var in self.sequences)),
            Section("after", tuple(d for d in self.after if d.var not in self.sequences)),
        )
        return tuple(section for section in found if section.definitions)

    def lines(self, presenter: Presenter) -> list[str]:
        """The loop and what follows it, as text."""
        last, first = ("T", "1") if self.reverse else ("1", "T")
        headings = {
            "step": f"for t = {last} ... {first}:",
            "each": "then, for every t:",
            "after": "then:",
        }
        carried = [
            tree.Definition(str(enters.name), tree.Name(str(leaves.name)))
            for enters, leaves in self.carry
        ]
        found = []
        if self.reverse:
            found = [f"at t = {last}:", *(f"    {enters.name} = 0" for enters, _ in self.carry)]
        for section in self.sections:
            shown = [presenter.definition(d) for d in section.definitions]
            if section.key == "step":
                shown += carried
            found.append(headings[section.key])
            found += [f"    {line}" for line in aligned_lines(shown)]
        return found

    def __str__(self) -> str:
        return "\n".join(self.lines(presenter_for(self.origin, self.step, self.after)))


def presenter_for(program: Program, *parts: Program) -> Presenter:
    """A presenter that follows the order of a program, then of what was derived from it."""
    variables = (*reading_order(program), *(v for part in parts for v in part.variables))
    return Presenter(dict.fromkeys(variables), program.inputs)
