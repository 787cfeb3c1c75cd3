"""What the names in a hand derivation stand for, and its lines as expressions."""

import difflib
from collections.abc import Iterable
from dataclasses import dataclass, replace

import sympy as sp

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Shape, Size, Var, variables_of
from gru_sym.algebra.program import Definition
from gru_sym.algebra.rules import Elementwise
from gru_sym.algebra.show import show
from gru_sym.cells.build import ARGUMENT, Builder
from gru_sym.cells.equations import Cell
from gru_sym.cells.shapes import Inference, describe
from gru_sym.derive.vjp import BAR, cotangent_lines, cotangent_of, total_of, upstream_of
from gru_sym.errors import NamingError, Place, ShapeError, StructureError

__all__ = ["Scope", "Written", "circular"]


@dataclass(frozen=True)
class Written:
    """A line of a hand derivation, read.

    Attributes:
        definition: the line as it is written.
        var: what it defines.
        kind: ``cotangent``, ``restated`` (a definition of the cell) or ``abbreviation``.
        target: what it is to be equal to, where it is not an abbreviation.
        expr: what is written, or None where its shapes do not fit.
        misfit: what does not fit.
    """

    definition: tree.Definition
    var: Var
    kind: str
    target: Definition | None
    expr: sp.Expr | None
    misfit: str = ""

    @property
    def name(self) -> str:
        """The name of what it defines, as it is written."""
        return self.definition.name

    @property
    def uses(self) -> set[Var]:
        """The variables on its right-hand side."""
        return set() if self.expr is None else variables_of(self.expr)


def circular(lines: Iterable[Written]) -> dict[Var, tuple[str, ...]]:
    """The lines that rest on themselves, each with the names that it does so through.

    Such a line says nothing of what it defines: ``z_bar = z_bar`` is true of any ``z_bar``. In a
    circle of several lines the first that is no abbreviation is named, and the others then rest on
    it as on a right one.
    """
    lines = tuple(lines)
    uses = {line.var: line.uses for line in lines}
    found: dict[Var, tuple[str, ...]] = {}
    for line in lines:
        if line.target is None or line.target.expr == line.var:  # what is given, restated
            continue
        through: dict[Var, tuple[Var, ...]] = {line.var: ()}
        pending = [line.var]
        while pending:
            at = pending.pop()
            for var in sorted(uses.get(at, ()), key=lambda v: str(v.name)):
                if var == line.var:
                    found[var] = tuple(str(v.name) for v in through[at])
                elif var not in through:
                    through[var] = (*through[at], var)
                    pending.append(var)
        if line.var in found:
            uses[line.var] = set()
    return found


class Scope:
    """The names of a cell, of its true cotangents, and of a derivation's own abbreviations."""

    def __init__(self, cell: Cell, source: str) -> None:
        self.cell = cell
        self.source = source
        program = cell.program
        upstream = upstream_of(cell)
        self.lines = {d.var: d for d in cotangent_lines(program, upstream)}
        self.definitions = [*program.definitions, *_aliases(cell), *self.lines.values()]
        self.forward = {d.name: d for d in (*program.definitions, *_aliases(cell))}
        given = {str(v.name): v for v in upstream.values()}
        self.known: dict[str, Var | Size] = {str(v.name): v for v in program.variables}
        self.known |= {d.name: d.var for d in self.definitions} | given
        # ``c_next_bar`` is what is given until the derivation has its own line for it.
        self.totals = {
            str(bar.name): self.lines[total]
            for out, bar in upstream.items()
            if (total := total_of(out)) in self.lines
        }
        self.given = given
        dims = {part for v in program.variables for dim in v.shape for part in dim}
        self.known |= {dim: Size(dim) for dim in dims if dim not in self.known}

    def wanted(self) -> tuple[str, ...]:
        """The cotangents that a complete derivation gives."""
        cell = self.cell
        return tuple(str(cotangent_of(v).name) for v in (*cell.params, *cell.inputs, *cell.states))

    def read(self, definition: tree.Definition) -> Written:
        """Read one line, and take note of what its name means from here on.

        Raises:
            NamingError: a name that stands for nothing.
            ShapeError: an abbreviation whose shapes do not fit.
        """
        target = self._target(definition)
        self._check_names(definition)
        kind = "abbreviation"
        if target is not None:
            kind = "restated" if definition.name in self.forward else "cotangent"
        types = Inference(self.source)
        for name, var in self.known.items():
            own = types.known(var.shape) if isinstance(var, Var) else ()
            types.declare(name, own)
        try:
            shape = types.close(types.infer(definition.value), lambda part: part.label)
            if target is not None and shape and shape != target.var.shape:
                turned = ": it is transposed" if shape == target.var.shape[::-1] else ""
                raise ShapeError(
                    f"{definition.name} is {describe(target.var.shape)}, "
                    f"what is written is {describe(shape)}{turned}"
                )
        except ShapeError as error:
            if target is None:
                raise
            misfit = error.message + self._turned(definition.value, target.var.shape, types)
            written = Written(definition, target.var, kind, target, None, misfit)
        else:
            expr = Builder(self.known, self.source).definition(definition, shape).expr
            var = Var(definition.name, shape) if target is None else target.var
            written = Written(definition, var, kind, target, expr)
            if target is None:
                self._abbreviate(var, expr)
        if definition.name in self.totals:
            self.known[definition.name] = self.totals[definition.name].var
        return written

    def _turned(self, value: tree.Node, shape: Shape, types: Inference) -> str:
        """Which one transpose would make the shapes fit, if one does."""
        for product in tree.postorder(value):
            if not (isinstance(product, tree.Binary) and product.op == "@"):
                continue
            matrix = product.left
            bare = matrix.arg if isinstance(matrix, tree.Transpose) else None
            turned = replace(product, left=bare or tree.Transpose(matrix))

            def change(
                old: tree.Node,
                new: tree.Node,
                at: tree.Node = product,
                instead: tree.Node = turned,
            ) -> tree.Node:
                return instead if old is at else new

            try:
                found = types.infer(tree.transform(value, change))
            except ShapeError:
                continue
            if types.close(found, lambda part: part.label) == shape:
                return f"; `{show(bare or matrix)}` should {'not ' if bare else ''}be transposed"
        return ""

    def _target(self, definition: tree.Definition) -> Definition | None:
        name = definition.name
        if name in self.forward:
            return self.forward[name]
        if name in self.totals:
            return self.totals[name]
        var = self.known.get(name)
        if isinstance(var, Var) and var in self.lines:
            return self.lines[var]
        if name in self.given:
            return Definition(self.given[name], self.given[name])
        if var is not None:
            raise StructureError(
                f"`{name}` is {'a size' if isinstance(var, Size) else 'given'} and not derived",
                mend="take the line out, or give the abbreviation another name",
                place=definition.place,
                source=self.source,
            )
        if name.endswith((BAR, "_dot")):
            raise self._unknown(name, definition.place)
        return None

    def _check_names(self, definition: tree.Definition) -> None:
        for node in tree.postorder(definition.value):
            if isinstance(node, tree.Name) and node.name not in self.known:
                raise self._unknown(node.name, node.place)

    def _unknown(self, name: str, place: Place) -> NamingError:
        close = difflib.get_close_matches(name, self.known, n=1, cutoff=0.5)
        hint = f"did you mean `{close[0]}`? " if close else ""
        if name.endswith(BAR):
            why = f"`{name}`: the cell has no variable `{name.removesuffix(BAR)}`"
        elif name.endswith("_dot"):
            why = f"`{name}`: a derivation that is checked has cotangents, no tangents"
        else:
            why = f"`{name}` is not known here"
        mend = f"{hint}the cell's variables are {', '.join(_names(self.cell.program.variables))}"
        return NamingError(why, mend=mend, place=place, source=self.source)

    def _abbreviate(self, var: Var, expr: sp.Expr) -> None:
        self.known[str(var.name)] = var
        self.definitions.append(Definition(var, expr))


def _names(variables: Iterable[Var]) -> list[str]:
    return [str(v.name) for v in variables]


def _aliases(cell: Cell) -> list[Definition]:
    """``a_v`` where the activation in the definition of ``v`` has a single name as its argument."""
    names = set(_names(cell.program.variables))
    aliases = []
    for d in cell.program:
        arguments = {f.args[0] for f in d.expr.atoms(Elementwise)}
        name = ARGUMENT + d.name
        if len(arguments) == 1 and name not in names and d.name[:2] != ARGUMENT:
            (argument,) = arguments
            if isinstance(argument, Var) and argument in variables_of(d.expr):
                aliases.append(Definition(Var(name, argument.shape), argument))
    return aliases
