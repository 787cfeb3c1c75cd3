"""From a parsed text to a cell's parts: which name is what, its shape, and the Program."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import NoReturn

from gru_sym.algebra import tree
from gru_sym.algebra.expr import Shape, Var, nodes_of, shape_of, variables_of
from gru_sym.algebra.program import Program
from gru_sym.cells.build import Builder, lower
from gru_sym.cells.shapes import Inference, Open, dimension_names
from gru_sym.errors import LimitError, Place, ShapeError, StructureError, UnsupportedError

__all__ = ["NEXT", "Parts", "elaborate", "matrices_of"]

NEXT = "_next"
_NUMBERS = re.compile(r"(?:_[0-9]+)+$")
"""The numbers of layers at the end of a name: ``_2`` of ``h_2``, ``_1_2`` of ``h_1_2``."""


@dataclass(frozen=True)
class Parts:
    """What a text of equations says, once every name has a kind and a shape."""

    program: Program
    states: tuple[Var, ...]
    inputs: tuple[Var, ...]
    params: tuple[Var, ...]
    extra: tuple[Var, ...]
    output: Var


def elaborate(document: tree.Document) -> Parts:
    """Classify the names of a text, infer their shapes and build the program.

    Raises:
        StructureError: no state, or an output that is not one; a matrix that is no parameter.
        ShapeError: the shapes do not fit.
    """
    return _Elaboration(document).parts()


class _Elaboration:
    def __init__(self, document: tree.Document) -> None:
        self.document = document
        self.header = document.header
        self.source = document.source
        self.assigned = {d.name: d for d in document.definitions}
        self.met = _order_of_appearance(document)  # name → where it is first met
        self.free = [name for name in self.met if name not in self.assigned]
        self.states = self._states()
        self.kinds = self._kinds()

    # -- names ---------------------------------------------------------------------------------

    def _fail(self, message: str, mend: str, place: Place | None) -> NoReturn:
        raise StructureError(message, mend=mend, place=place, source=self.source)

    def _states(self) -> tuple[str, ...]:
        """The states: the output first, then in the order of their equations."""
        found = [n.removesuffix(NEXT) for n in self.assigned if n.endswith(NEXT)]
        for name in self.header.states or ():
            if name not in found:
                self._fail(
                    f"the state `{name}` has no next value",
                    f"add a line `{name}{NEXT} = …`",
                    dict(self.header.places).get(name),
                )
        if not found:
            last = self.document.definitions[-1]
            self._fail(
                "no equation gives the next value of a state",
                f"call the new state `h{NEXT}`: a line `h{NEXT} = …` makes `h` a state",
                last.place,
            )
        for name in found:
            if name in self.assigned:
                self._fail(
                    f"`{name}` is assigned, and `{name}{NEXT}` makes it a state",
                    "a state's value comes from the step before: rename one of the two",
                    self.assigned[name].place,
                )
            if not name:
                self._fail(
                    f"`{NEXT}` needs the name of a state in front",
                    f"write `h{NEXT} = …`",
                    self.assigned[NEXT].place,
                )
        for name in (*(self.header.inputs or ()), *(self.header.params or ())):
            if name in found:
                self._fail(
                    f"`{name}` is declared as an input or a parameter, and `{name}{NEXT}` makes "
                    "it a state",
                    "take it off the header, or rename one of the two",
                    dict(self.header.places).get(name),
                )
        for name in self.met:
            state = name.removesuffix(NEXT)
            if state.endswith(NEXT) or (name.endswith(NEXT) and name not in self.assigned):
                self._fail(
                    f"`{name}`: a name that ends in `{NEXT}` is the next value of a state, "
                    "and has an equation",
                    f"write `{state}` for the value before the step, or add a line `{name} = …`",
                    self.met[name],
                )
        for name in self.header.outputs:
            if name not in self.assigned:
                self._fail(
                    f"the output `{name}` is not defined here",
                    "an output is a definition; inputs, states and parameters are known anyway",
                    dict(self.header.places).get(name),
                )
        output = self.header.output.removesuffix(NEXT) or ("h" if "h" in found else found[0])
        if output not in found:
            self._fail(
                f"the output `{output}` is not a state",
                f"the states are {', '.join(found)}",
                dict(self.header.places).get(self.header.output),
            )
        return (output, *(name for name in found if name != output))

    def _kinds(self) -> dict[str, str]:
        """For each name that is never assigned: state, input, matrix, vector or param."""
        inputs, params = self.header.inputs or (), self.header.params or ()
        for name in (*inputs, *params):
            if name not in self.met:
                self._fail(
                    f"`{name}` is declared and never used",
                    "take it off the header, or use it in an equation",
                    dict(self.header.places).get(name),
                )
        matrices = matrices_of(self.document)
        kinds = {}
        for name in (*self.free, *(s for s in self.states if s not in self.met)):
            if name in self.states:
                kinds[name] = "state"
            elif name in inputs:
                kinds[name] = "input"
            elif name in matrices:
                kinds[name] = "matrix"
            elif name in params or name.startswith("b"):
                kinds[name] = "vector"
            else:
                kinds[name] = "input"
        for name, place in matrices.items():
            if kinds.get(name) in {"state", "input"}:
                self._fail(
                    f"`{name}` stands left of `@` and is {_article(kinds[name])}",
                    "a matrix is a parameter; write `*` for an elementwise product",
                    place,
                )
        return kinds

    # -- shapes --------------------------------------------------------------------------------

    def _infer(self) -> dict[str, Shape]:
        types = Inference(self.source)
        declared = {
            name: types.known(tuple((part,) for part in shape))
            for name, shape in self.header.shapes
        }
        first_input = next((n for n, k in self.kinds.items() if k == "input"), None)
        for name, kind in self.kinds.items():
            shape = declared.get(name, types.fresh(2 if kind == "matrix" else 1))
            place = self.met.get(name, tree.HERE)
            if kind in {"state", "input"} and len(shape) != 1:
                raise UnsupportedError(
                    f"the {kind} `{name}` is not a vector",
                    mend=f"declare it as a vector, `{name}(D)`; `sum({name})` is a number",
                    place=place,
                    source=self.source,
                )
            types.declare(name, shape, place)
        if "H" in types.labels:
            self._declared(types, self.states[0], "H")
        if "I" in types.labels and first_input is not None:
            self._declared(types, first_input, "I")
        line = self.document.definitions[0]
        try:
            for line in self.document.definitions:
                self._infer_line(types, line)
            return self._named(types, first_input)
        except LimitError as error:
            if error.place is not None:
                raise
            raise LimitError(
                error.message, mend=error.mend, place=line.place, source=self.source
            ) from None

    def _infer_line(self, types: Inference, d: tree.Definition) -> None:
        shape = types.infer(d.value)
        state = types.shapes.get(d.name.removesuffix(NEXT)) if d.name.endswith(NEXT) else None
        if state is not None:
            if shape and not types.same(shape, state):
                raise ShapeError(
                    f"`{d.name}` is {types.words(shape)}, "
                    f"the state `{d.name.removesuffix(NEXT)}` is {types.words(state)}",
                    mend="a state keeps its shape from one step to the next",
                    place=d.place,
                    source=self.source,
                )
            shape = state
        types.declare(d.name, shape, d.place)

    def _declared(self, types: Inference, name: str, label: str) -> None:
        if not types.same(types.shapes[name], ((types.label(label),),)):
            raise ShapeError(
                f"`{name}` is not of size {label}",
                mend=f"{label} is the size of `{name}`: declare others under another name",
                place=self.met.get(name),
                source=self.source,
            )

    def _named(self, types: Inference, first_input: str | None) -> dict[str, Shape]:
        def wish(letter: str, name: str) -> str:
            return letter + "".join(_NUMBERS.findall(name))

        preferred = [(self.states[0], wish("H", self.states[0]))]
        if first_input is not None:
            preferred.append((first_input, wish("I", first_input)))
        preferred += [(s, wish("H", s)) for s in self.states if wish("H", s) != "H"]
        name_of = dimension_names(types.shapes, preferred, {*types.shapes, *types.labels, *"BT"})
        return {name: types.close(shape, name_of) for name, shape in types.shapes.items()}

    # -- the program ---------------------------------------------------------------------------

    def parts(self) -> Parts:
        """The cell's parts."""
        shapes = self._infer()
        variables = {name: Var(name, shape) for name, shape in shapes.items()}
        builder = Builder(variables, self.source)
        definitions = []
        for written in self.document.definitions:
            for item in lower(written):
                if item.name != written.name:
                    if item.name in variables:
                        self._fail(
                            f"`{item.name}` would be the argument of two activations: of one among "
                            f"several in a definition, and of the one in `{written.name}`",
                            f"call `{written.name}` otherwise, without a number at its end",
                            written.place,
                        )
                    shape = _shape_of_argument(item, variables)
                    variables[item.name] = Var(item.name, shape)
                definitions.append(builder.definition(item, variables[item.name].shape))

        def of(*kinds: str) -> tuple[Var, ...]:
            return tuple(variables[n] for n in self.met if self.kinds.get(n) in kinds)

        states = tuple(variables[name] for name in self.states)
        inputs = tuple(variables[n] for n in self.met if n in self.kinds)
        inputs += tuple(s for s in states if s not in inputs)
        nexts = tuple(variables[name + NEXT] for name in self.states)
        extra = tuple(variables[n] for n in self.header.outputs if not n.endswith(NEXT))
        program = Program(inputs, tuple(definitions), (*nexts, *extra))
        parts = Parts(program, states, of("input"), of("matrix", "vector"), extra, nexts[0])
        self._check_matrices(parts)
        return parts

    def _check_matrices(self, parts: Parts) -> None:
        varying = parts.program.depending_on((*parts.inputs, *parts.states))
        for d in parts.program:
            wrong = [d.expr] if len(d.var.shape) == 2 else _matrix_operands(d.expr)
            if any(variables_of(matrix) & varying for matrix in wrong):
                self._fail(
                    f"the definition of `{d.name}` uses a matrix that is not a parameter",
                    "write `s * (W @ x)` for a scaled product: matrices hold parameters only",
                    d.tree.place,
                )


def _shape_of_argument(item: tree.Definition, variables: dict[str, Var]) -> Shape:
    types = Inference("")
    for node in tree.postorder(item.value):
        if isinstance(node, tree.Name):
            types.declare(node.name, types.known(variables[node.name].shape), node.place)
    shape: Open = types.infer(item.value)
    return types.close(shape, lambda part: part.label)


def _matrix_operands(expr: object) -> Iterable[object]:
    for node in nodes_of(expr):
        for operand in node.operands:
            yield from _matrix_operands(operand)
            if len(shape_of(operand)) == 2:
                yield operand


def _order_of_appearance(document: tree.Document) -> dict[str, Place]:
    met: dict[str, Place] = {}
    for d in document.definitions:
        for node in tree.postorder(d.value):
            if isinstance(node, tree.Name):
                met.setdefault(node.name, node.place)
        met.setdefault(d.name, d.place)
    return met


def matrices_of(document: tree.Document) -> dict[str, Place]:
    """The names that are used as matrices: left of ``@`` or under ``.T``, here or further on."""
    found: dict[str, Place] = {}
    for d in reversed(document.definitions):
        if d.name in found:
            found.update({name.name: name.place for name in _leaves(d.value)} | found)
        for node in tree.postorder(d.value):
            side = None
            if isinstance(node, tree.Binary) and node.op == "@":
                side = node.left
            elif isinstance(node, tree.Transpose):
                side = node.arg
            for name in _leaves(side) if side is not None else ():
                found.setdefault(name.name, node.place)
    return found


def _leaves(node: tree.Node) -> Iterable[tree.Name]:
    """The names that are matrices if this is one; of ``r * U`` that is ``U``."""
    pending = [node]
    while pending:
        match pending.pop():
            case tree.Name() as name:
                yield name
            case tree.Neg(arg=arg) | tree.Transpose(arg=arg):
                pending.append(arg)
            case tree.Concat(items=items):
                pending += items
            case tree.Binary(op=op, left=left, right=right):
                if op in {"+", "-", "@"}:
                    pending += (left, right)
                elif op == "*" and not isinstance(right, tree.Number):
                    pending.append(right)
                elif op != "**":
                    pending.append(left)
            case _:
                pass


def _article(kind: str) -> str:
    return f"an {kind}" if kind[0] in "aeiou" else f"a {kind}"
