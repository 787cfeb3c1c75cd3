"""prove_equivalent: one cell is another under a mapping of parameters (and of states)."""

from collections.abc import Iterator
from typing import NoReturn

import sympy as sp

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Dims, Shape, Size, Var, size_of
from gru_sym.algebra.present import Presenter
from gru_sym.algebra.program import Definition
from gru_sym.algebra.show import show
from gru_sym.cells.build import Builder
from gru_sym.cells.equations import Cell
from gru_sym.cells.parse import parse
from gru_sym.cells.shapes import DimVar, Inference, Open
from gru_sym.errors import NamingError, ShapeError, StructureError, TextError
from gru_sym.prove.diagnose import Point
from gru_sym.prove.equal import Equality, assumptions
from gru_sym.prove.result import Answer, Proof

__all__ = ["prove_equivalent"]


def prove_equivalent(cell_a: Cell, cell_b: Cell, mapping: str | bytes = "") -> Proof:
    """Whether one cell computes what another does, under a mapping, for all sizes and values.

    Args:
        cell_a: one cell.
        cell_b: another.
        mapping: lines in the language, ``b_z = -b_z`` or ``W_z = [U_z, W_z]``: on the left a
            parameter (or a state) of the one cell, on the right what stands for it, written in the
            other's. The left side is read in ``cell_a`` and the right side in ``cell_b`` where all
            lines make sense so, else the other way round. Parameters that are not mapped are
            shared by name; one that only the mapped cell has stays arbitrary.

    Returns:
        A proof with a claim for each next state, and for each output beside them.

    Raises:
        TextError: one of its kinds: the mapping makes sense in neither direction, or a state, an
            input or an output of the mapped cell has no counterpart.

    >>> from gru_sym.cells import cell
    >>> turned = "W_z = -W_z" + chr(10) + "U_z = -U_z" + chr(10) + "b_z = -b_z"
    >>> prove_equivalent(cell("gru_keep"), cell("gru"), turned).verdict
    'proved'
    >>> prove_equivalent(cell("gru_reset_after"), cell("gru")).verdict
    'refuted'
    """
    document = parse(mapping, derivation=True) if mapping.strip() else tree.Document(())
    try:
        mapped = _Mapped(cell_a, cell_b, document)
    except TextError as error:
        if not (document.definitions or isinstance(error, ShapeError)):
            raise
        try:
            mapped = _Mapped(cell_b, cell_a, document)
        except TextError:
            raise error from None
    return mapped.proof()


class _Mapped:
    """The cell ``a`` rewritten in the parameters, inputs and states of ``b``."""

    def __init__(self, a: Cell, b: Cell, document: tree.Document) -> None:
        self.a, self.b = a, b
        self.source = document.source
        self.lines = {d.name: d for d in document.definitions}
        self.of_b = {str(v.name): v for v in b.program.inputs}
        self.free_a = {str(v.name): v for v in a.program.inputs}
        self._check_names(document)
        self.shapes = self._matched()
        self.image = self._image()
        self._check_counterparts()

    # -- names and shapes ----------------------------------------------------------------------

    def _check_names(self, document: tree.Document) -> None:
        kinds = {"parameter": self.a.params, "state": self.a.states, "input": self.a.inputs}
        kind_of = {str(v.name): kind for kind, found in kinds.items() for v in found}
        for d in document.definitions:
            if d.name not in kind_of:
                raise NamingError(
                    f"`{d.name}` is no parameter of {self.a.name}",
                    mend=f"its parameters are {', '.join(v.name for v in self.a.params)}",
                    place=d.place,
                    source=self.source,
                )
            allowed = self._allowed(kind_of[d.name])
            for node in tree.postorder(d.value):
                if isinstance(node, tree.Name) and node.name not in allowed:
                    what = kind_of[d.name]
                    raise NamingError(
                        f"`{node.name}` is no {what} of {self.b.name}, and `{d.name}` is one "
                        f"of {self.a.name}",
                        mend=f"write it in {', '.join(allowed) or 'numbers alone'}",
                        place=node.place,
                        source=self.source,
                    )

    def _allowed(self, kind: str) -> list[str]:
        """The names that may stand for a parameter, a state or an input."""
        b = self.b
        found = {"parameter": b.params, "state": b.states, "input": (*b.inputs, *b.params)}[kind]
        return [str(v.name) for v in found]

    def _check_counterparts(self) -> None:
        """Every state, input and output of ``a`` has one, and every state and output of ``b``."""
        a, b = self.a, self.b

        def fail(what: str, name: object, one: Cell, other: Cell, mend: str) -> NoReturn:
            raise StructureError(
                f"the {what} `{name}` of {one.name} has no counterpart in {other.name}", mend=mend
            )

        for var in a.inputs:
            if var.name not in self.lines and var.name not in {v.name for v in b.inputs}:
                fail("input", var.name, a, b, f"map it: `{var.name} = …`, written in {b.name}'s")
        reached: dict[Var, Var] = {}
        for var in a.states:
            mend = f"map it to a state of {b.name}: `{var.name} = …`"
            if var.name in self.lines:
                number, rest = self.image[var].as_coeff_Mul(rational=True)
                if not isinstance(rest, Var) or number == 0:
                    fail("state", var.name, a, b, f"{mend}, or to a multiple of one")
                target = rest
            elif var.name in {v.name for v in b.states}:
                target = self.of_b[str(var.name)]
            else:
                fail("state", var.name, a, b, mend)
            if target in reached:
                fail("state", var.name, a, b, f"`{target.name}` stands for another state already")
            reached[target] = var
        for var in b.states:
            if var not in reached:
                fail("state", var.name, b, a, "compare cells with the same number of states")
        for one, other in ((a, b), (b, a)):
            for var in one.extra:
                if var.name not in {out.name for out in other.extra}:
                    mend = "compare cells that have the same outputs beside their states"
                    fail("output", var.name, one, other, mend)
        if reached[b.states[0]] != a.states[0]:
            mend = f"the output of {b.name} is `{b.states[0].name}`: see `# output:` in the header"
            fail("output", a.states[0].name, a, b, mend)

    def _matched(self) -> dict[str, Shape]:
        """The shape of each variable of ``a`` in the dimensions of ``b``."""
        types = Inference(self.source)
        dims: dict[str, DimVar] = {}

        def opened(shape: Shape) -> Open:
            return tuple(tuple(dims.setdefault(p, DimVar()) for p in dim) for dim in shape)

        for name, var in self.of_b.items():
            types.declare(name, types.known(var.shape))
        # What both share comes first, so that a line that does not fit it is what is named.
        for name in sorted(self.free_a, key=self.lines.__contains__):
            var, line = self.free_a[name], self.lines.get(name)
            if line is not None:
                right = types.infer(line.value)
            elif self._is_shared(var):
                right = types.shapes[name]
            else:
                continue
            if right and not types.same(opened(var.shape), right):
                raise ShapeError(
                    f"`{name}` of {self.a.name} is {types.words(opened(var.shape))}, "
                    f"what stands for it is {types.words(right)}",
                    mend="a mapping keeps shapes",
                    place=line.place if line else None,
                    source=self.source,
                )

        def label(part: DimVar) -> str:
            own = next((name for name, dim in dims.items() if dim is part), "")
            return part.label or (f"{self.a.name}.{own}" if own in types.labels else own)

        return {str(v.name): types.close(opened(v.shape), label) for v in self.a.program.variables}

    def _image(self) -> dict[sp.Basic, sp.Basic]:
        """What each symbol of ``a`` becomes."""
        builder = Builder(self.of_b, self.source)
        image: dict[sp.Basic, sp.Basic] = {}
        for name, var in self.free_a.items():
            if name in self.lines:
                image[var] = builder.expression(self.lines[name].value)
            elif self._is_shared(var):
                image[var] = self.of_b[name]
            else:  # a name of its own: in ``b`` it may be a definition
                image[var] = Var(f"{self.a.name}.{name}", self.shapes[name])
        for d in self.a.program:
            image[d.var] = Var(f"{self.a.name}.{d.name}", self.shapes[d.name])
        return image | self._dims()

    def _is_shared(self, var: Var) -> bool:
        """Whether a parameter, state or input is one of ``b``, of the same kind and name."""
        kinds = ("params", "states", "inputs")
        return any(
            var in getattr(self.a, kind) and var.name in {v.name for v in getattr(self.b, kind)}
            for kind in kinds
        )

    def _dims(self) -> dict[sp.Basic, sp.Basic]:
        """The shapes inside of nodes, and the sizes, in the dimensions of ``b``."""
        new: dict[str, tuple[str, ...]] = {}
        for var in self.a.program.variables:
            for old, dim in zip(var.shape, self.shapes[str(var.name)], strict=True):
                if len(old) == 1:
                    new[old[0]] = dim
        atoms = {x for d in self.a.program for x in d.expr.atoms(Dims, Size)}
        image: dict[sp.Basic, sp.Basic] = {}
        for atom in atoms:
            if isinstance(atom, Size):
                image[atom] = size_of((new.get(str(atom.name), (str(atom.name),)),))
            else:
                shape = tuple(
                    tuple(name for part in dim for name in new.get(part, (part,)))
                    for dim in atom.shape
                )
                image[atom] = Dims(shape)
        return image

    # -- the proof -----------------------------------------------------------------------------

    def proof(self) -> Proof:
        """A claim for each definition with a counterpart, then for each next state and output."""
        definitions = list(self.b.program.definitions)
        image = dict(self.image)
        inputs = list(self.b.program.inputs)
        inputs += [
            image[v]
            for v in self.a.program.inputs
            if v.name not in self.lines and not self._is_shared(v)
        ]
        mine = []
        for d in self.a.program:
            mine.append(Definition(image[d.var], d.expr.xreplace(image)))
        point = Point(inputs, [*definitions, *mine])
        presenter = Presenter([*inputs, *(d.var for d in (*definitions, *mine))], inputs)

        lemmas: list[Answer] = []
        for d in self.a.program:
            own = image[d.var]
            assert isinstance(own, Var)
            line = Definition(own, d.expr.xreplace(image))
            equality = Equality([*definitions, line])
            for candidate in self._candidates(own, point):
                claim = f"{own.name} = {show(presenter.expression(candidate))}"
                answer = equality.prove(line.expr, candidate, claim=claim, shape=own.shape)
                if answer.verdict == "proved":
                    lemmas.append(answer)
                    image[d.var] = candidate
                    break
            else:
                definitions.append(line)
        equality = Equality(definitions)
        goals = [
            equality.prove(
                image[after],
                self._next_in_b(state),
                claim=f"{after.name} of {self.a.name} = "
                f"{show(presenter.expression(self._next_in_b(state)))} of {self.b.name}",
                shape=self.shapes_of(after),
            )
            for state, after in zip(self.a.states, self.a.nexts, strict=True)
        ]
        goals += [
            equality.prove(
                image[out],
                self.b.program.variable(str(out.name)),
                claim=f"{out.name} of {self.a.name} = {out.name} of {self.b.name}",
                shape=self.shapes_of(out),
            )
            for out in self.a.extra
        ]
        heading = "the next states and the outputs:" if self.a.extra else "the next states:"
        parts = [(heading, tuple(goals))]
        if lemmas:
            parts.insert(0, ("definition by definition:", tuple(lemmas)))
        return Proof(self._claim(), tuple(parts), self._assumed())

    def shapes_of(self, var: Var) -> Shape:
        """The shape of a variable of ``a`` in the dimensions of ``b``."""
        return self.shapes[str(var.name)]

    def _candidates(self, own: Var, point: Point) -> Iterator[sp.Expr]:
        """What a definition of ``a`` may be in ``b``: a variable, its negative or 1 minus it."""
        for d in self.b.program:
            if d.var.shape == own.shape:
                for candidate in (d.var, 1 - d.var, -d.var):
                    if point.same(own, candidate, own.shape):
                        yield candidate

    def _next_in_b(self, state: Var) -> sp.Expr:
        """The next value that a state of ``a`` should have, in ``b``."""
        to = dict(zip(self.b.states, self.b.nexts, strict=True))
        return self.image[state].xreplace(to)

    def _claim(self) -> str:
        under = "; ".join(f"{d.name} = {show(d.value)}" for d in self.lines.values())
        return f"{self.a.name} is {self.b.name}" + (f" under {under}" if under else "")

    def _assumed(self) -> tuple[str, ...]:
        unmapped = [v for v in self.a.params if v.name not in self.lines]
        shared = sorted(str(v.name) for v in unmapped if self._is_shared(v))
        only = sorted(str(v.name) for v in unmapped if not self._is_shared(v))
        lines = []
        if shared:
            lines.append(f"the same in both: {', '.join(shared)}")
        if only:
            lines.append(f"arbitrary, being in {self.a.name} alone: {', '.join(only)}")
        exprs = [d.expr for c in (self.a, self.b) for d in c.program]
        return (*lines, *assumptions(exprs))
