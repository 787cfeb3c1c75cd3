"""The Numba backend: a module whose loops are compiled, one function for forward, one for backward.

Each block of elementwise lines is a function of one row, which the compiler puts into the loop and
turns into vector instructions; a product is added to its place by a kernel of ours. What backprop
multiplies cotangents by is computed by the forward loop.
"""

import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from gru_sym.algebra.expr import Dim, Shape, Var
from gru_sym.algebra.program import Scan
from gru_sym.codegen.backends.differences import difference_check
from gru_sym.codegen.backends.interface import (
    Interface,
    Printed,
    backward_docstring,
    forward_docstring,
    interface,
)
from gru_sym.codegen.backends.layout import indented
from gru_sym.codegen.backends.naming import Namer, dim_text, size_lines
from gru_sym.codegen.backends.numba_helpers import helper_names, helper_parts
from gru_sym.codegen.backends.numba_lines import Lines
from gru_sym.codegen.backends.numba_memory import Array, Memory
from gru_sym.codegen.backends.numba_order import plain_carry
from gru_sym.codegen.backends.numba_rows import CALLS, RowFunction
from gru_sym.codegen.backends.numba_statements import Block, Copy, OuterSum, Product, Statement
from gru_sym.codegen.backends.statements import PARTS, assigned, flushing, listed
from gru_sym.codegen.passes.coefficients import coefficients
from gru_sym.codegen.passes.fuse import fuse
from gru_sym.codegen.passes.join import join
from gru_sym.codegen.passes.parts import read_from_outside
from gru_sym.codegen.plan import Plan
from gru_sym.codegen.schedule import ROWS
from gru_sym.codegen.text import Writer
from gru_sym.derive.vjp import cotangent_of

__all__ = ["printed"]

_OURS = (
    *("forward", "backward", "check", "results", "work", "room", "names", "values", "found"),
    *("at", "b", "j", *PARTS),
)
_PADDING = 16  # each array begins at a multiple of so many numbers


def printed(plan: Plan) -> Printed:
    """The module of a plan, to which ``compose``, ``defer`` and ``hoist`` were applied."""
    plan = coefficients(plan)
    plan = Plan(plan.cell, join(fuse(plan.forward)), join(fuse(plan.backward)), plan.kept)
    namer = Namer(plan.variables, (*_OURS, *helper_names()))
    face = interface(plan.cell, namer)
    forward = _Forward(plan, face, namer.branch()).lines()
    backward = _Backward(plan, face, namer.branch()).lines()
    body = [*forward, "", "", *backward]
    check = difference_check(plan, face)
    imports, helpers = helper_parts("\n".join([*body, *check]))
    return Printed(imports, [*helpers, *body], check)


class _Function:
    """One of the two functions: a compiled loop, and what prepares its arguments."""

    name = ""

    def __init__(self, plan: Plan, face: Interface, namer: Namer) -> None:
        self.plan, self.face, self.namer = plan, face, namer
        self.scan = plain_carry(self._scan())
        self.work = Lines(self.scan)
        self.read = self._reads()
        given = {v: namer.plain(str(v.name)) for v in self.read}
        self.memory = Memory(self.scan, self.work, self._kept(), given, namer)
        variables = dict.fromkeys([*plan.variables, *self.work.made, *self.work.views])
        cell = plan.cell
        self.writer = Writer(variables, (*cell.states, *cell.inputs, *cell.params), CALLS)
        self._functions: list[str] = []
        self._numbers: dict[str, int] = {}

    def _scan(self) -> Scan:
        raise AssertionError(type(self).__name__)

    def _kept(self) -> Collection[Var]:
        raise AssertionError(type(self).__name__)

    def _start(self) -> list[str]:
        """The lines that put the first state in place."""
        raise AssertionError(type(self).__name__)

    def _results(self) -> dict[str, str]:
        """What the loop returns: name → its text there."""
        return {str(v.name): self.memory.result(v) for v in self._kept()}

    def _reads(self) -> list[Var]:
        """What is read from outside, parameters first."""
        read = read_from_outside(self.scan)
        params = [v for v in self.plan.cell.params if v in read]
        return [*params, *(v for v in read if v not in params)]

    # -- the loop ------------------------------------------------------------------------------

    def _loop(self) -> list[str]:
        """The compiled function."""
        memory = self.memory
        before, step, after = (
            [text for s in self.work.parts[part] for text in self._statement(s)]
            for part in ("before", "step", "after")
        )
        values = list(self._results().values())
        if self.scan.reverse:
            step += flushing([memory.rows(leaves, "step") for _, leaves in self.scan.carry])
        start = self._start()
        clears = [f"clear({memory.row(v)})" for v in self.work.sums]
        over = "range(T - 1, -1, -1)" if self.scan.reverse else "range(T)"
        loop = _for("t", over, step) if step else []
        head = [*self._parts(), "", *clears, *start, *before]
        lines = [*head, *([""] if loop else []), *loop, *([""] if after else []), *after]
        arguments = [f"{name}: int" for name in self._counts()]
        arguments += [f"{name}: Array" for name in self._arrays()]
        doc = f'"""The loop of ``{self.name}``; its arrays are parts of given blocks of memory."""'
        return [
            *self._functions,
            "@cached",
            *listed(f"def {self.name}_loop(", arguments, ") -> tuple[Array, ...]:", 0),
            *indented([doc, *lines, *_listed_tuple("return ", values)]),
            "",
            "",
        ]

    def _counts(self) -> list[str]:
        return ["T", "B", *(self.namer.size(d) for d in self.memory.sizes)]

    def _arrays(self) -> list[str]:
        return [*self._blocks(), *(self.namer.plain(str(v.name)) for v in self.read)]

    def _call(self, given: Mapping[str, str], scalars: Iterable[str]) -> list[str]:
        """The lines that make room, call the loop and return what it found.

        Args:
            given: name → text of what is returned as it was given.
            scalars: the names of numbers among the results.
        """
        lines = ["# Each array of the loop begins at a multiple of 16 numbers."]
        for block, arrays in self._blocks().items():
            lines += assigned("room", self._room(arrays), 1)
            lines.append(f"{block} = np.empty(room, dtype)")
        arguments = [*self._counts(), *self._arrays()]
        lines += listed(f"values = {self.name}_loop(", arguments, ")", 1)
        lines += _listed_tuple("names = ", [f'"{name}"' for name in self._results()])
        items = [f'"{name}": {text}' for name, text in given.items()]
        items += [f'"{name}": found["{name}"].reshape(())' for name in scalars]
        if not items:
            return [*lines, "return dict(zip(names, values, strict=True))"]
        lines.append("found = dict(zip(names, values, strict=True))")
        return [*lines, *listed("return {", ["**found", *items], "}", 1)]

    def _sizes(self, known: Sequence[tuple[str, Shape, int]], arrays: Iterable[Var]) -> list[str]:
        """Lines that read the sizes of the loop, and of some arrays, from what is given."""
        of_arrays = (name for v in arrays for dim in v.shape for name in dim)
        return size_lines((*self.memory.sizes, *of_arrays), known, self.namer)

    def _array(self, var: Var, text: str, *lead: str) -> list[str]:
        """The line that makes an array of what is given."""
        sizes = [*lead, *(dim_text(dim, self.namer) for dim in var.shape)]
        # The loop reads a number as the one entry of a row.
        tail = ")" if sizes else ").reshape(1)"
        name = self.namer.plain(str(var.name))
        return listed(f"{name} = array(", [text, _tuple(sizes), "dtype"], tail, 1)

    def _parts(self) -> list[str]:
        """The arrays, in two blocks of memory: what is kept, and the rest."""
        lines = []
        for block, arrays in self._blocks().items():
            lines.append(f"at = aligned({block})")
            for a in arrays:
                shape = [*a.lead, *([self.memory.size(dim) for dim in a.shape] or ["1"])]
                lines.append(f"{a.name}, at = piece({block}, at, {_tuple(shape)})")
        return lines

    def _blocks(self) -> dict[str, list[Array]]:
        arrays = self.memory.arrays()
        kept, rest = [a for a in arrays if a.kept], [a for a in arrays if not a.kept]
        return {name: own for name, own in (("results", kept), ("work", rest)) if own}

    def _room(self, arrays: Sequence[Array]) -> str:
        """The text of how many numbers a block must hold."""
        sums: dict[tuple[str, ...], Dim] = {}
        terms = []
        for a in arrays:
            if len(a.shape) == 2:
                sizes = [dim_text(dim, self.namer) for dim in a.shape]
                terms.append(" * ".join(f"({s})" if " + " in s else s for s in sizes))
            else:
                sums[a.lead] = sums.get(a.lead, ()) + (a.shape[0] if a.shape else ("",))
        for lead, dim in sums.items():
            names = tuple(name for name in dim if name)
            ones = len(dim) - len(names)
            size = " + ".join(filter(None, (dim_text(names, self.namer), str(ones or ""))))
            factors = [f"({s})" if " + " in s else s for s in (*lead, size)]
            terms.append(" * ".join(factors))
        return " + ".join([*terms, str(_PADDING * (len(arrays) + 1))])

    # -- statements ----------------------------------------------------------------------------

    def _statement(self, statement: Statement) -> list[str]:
        memory = self.memory
        match statement:
            case Block():
                return self._block(statement)
            case Copy(target=target, source=source, turned=turned):
                text = memory.matrix(source)
                return [f"copy({text}{'.T' if turned else ''}, {memory.matrix(target)})"]
            case Product(target=target, vector=vector, matrix=matrix, rows=where):
                left, out = memory.rows(vector, where), memory.rows(target, where)
                call = "add_product" if statement.adds else "product"
                return [f"{call}({left}, {memory.matrix(matrix)}, {out})"]
            case OuterSum(target=target, left=left, right=right, rows=where):
                pair = memory.rows(left, where), memory.rows(right, where)
                return [f"product({pair[0]}.T, {pair[1]}, {memory.matrix(target)})"]

    def _block(self, block: Block) -> list[str]:
        form = {"once": "once", "all": "all", "step": "row"}[block.rows]
        self._numbers[form] = self._numbers.get(form, 0) + 1
        number = f"_{self._numbers[form]}" if self._numbers[form] > 1 else ""
        function = RowFunction(
            f"{self.name}_{form}{number}",
            block.lines,
            self.work.producers,
            self.memory.place,
            lambda v: v not in self.work.varying,
            self.writer,
            self.namer.branch(),
        )
        what = {
            "once": "What is the same at each step.",
            "all": "What is computed apart from the loop, of one sequence at one step.",
            "step": "One sequence at one step.",
        }
        self._functions += [*function.lines(what[block.rows]), "", ""]
        arguments = [self.memory.row(v) for _, v in function.arguments]
        arguments += ["T * B" if d == ROWS else self.memory.size((d,)) for d in function.sizes]
        depth = {"once": 1, "all": 3, "step": 3}[block.rows]
        call = listed(f"{function.name}(", arguments, ")", depth)
        if block.rows == "once":
            return call
        over = _for("b", "range(B)", call)
        return over if block.rows == "step" else _for("t", "range(T)", over)


class _Forward(_Function):
    name = "forward"

    def _scan(self) -> Scan:
        return self.plan.forward

    def _kept(self) -> Collection[Var]:
        return [v for v in self.plan.kept if v not in self.plan.cell.inputs]

    def _arrays(self) -> list[str]:
        return [*super()._arrays(), *(a for _, a in self.face.states)]

    def _start(self) -> list[str]:
        return [f"copy({a}, {self.memory.first(v)})" for v, a in self.face.states]

    def lines(self) -> list[str]:
        """The row functions, the loop, and ``forward``."""
        cell, face, loop = self.plan.cell, self.face, self._loop()
        inputs, states = [a for _, a in face.inputs], [a for _, a in face.states]
        given = [*inputs, *states]
        head = [f"dtype = float_type({', '.join(given)}, *params.values())"]
        head += [f"T, B = {inputs[0]}.shape[:2]"] if inputs else [f"B = {states[0]}.shape[0]"]
        known = [(a, v.shape, 2) for v, a in face.inputs]
        known += [(a, v.shape, 1) for v, a in face.states]
        known += [(f'params["{v.name}"]', v.shape, 0) for v in cell.params]
        read = [v for v in cell.params if v in self.read]
        head += self._sizes(known, (*read, *cell.inputs, *cell.states))
        for v in read:
            head += self._array(v, f'params["{v.name}"]')
        for v, a in face.inputs:
            head += self._array(v, a, "T", "B")
        for v, a in face.states:
            shape = _tuple(["B", *(dim_text(dim, self.namer) for dim in v.shape)])
            head.append(f"{a} = array({a}, {shape}, dtype)")
        same = {str(v.name): self.namer.plain(str(v.name)) for v in cell.inputs}
        scalars = [v.name for v in self._kept() if not v.shape and v not in self.scan.sequences]
        signature = ["params: Mapping[str, Array]"]
        signature += [f"{a}: Array" for a in inputs] or ["T: int"]
        signature += [f"{a}: Array" for a in states]
        return [
            *loop,
            *listed("def forward(", signature, ") -> dict[str, Array]:", 0),
            *indented([*forward_docstring(self.plan, face), *head, *self._call(same, scalars)]),
        ]


class _Backward(_Function):
    name = "backward"

    def _scan(self) -> Scan:
        return self.plan.backward

    def _kept(self) -> Collection[Var]:
        return [cotangent_of(v) for v in (*self.plan.cell.params, *self.plan.cell.inputs)]

    def _start(self) -> list[str]:
        return [f"clear(flat({self.memory.first(enters)}))" for enters, _ in self.scan.carry]

    def _results(self) -> dict[str, str]:
        last = {
            str(cotangent_of(state).name): self.memory.last(enters)
            for state, (enters, _) in zip(self.plan.cell.states, self.scan.carry, strict=True)
        }
        return super()._results() | last

    def lines(self) -> list[str]:
        """The row functions, the loop, and ``backward``."""
        cell, face, loop = self.plan.cell, self.face, self._loop()
        state = f'trajectory["{cell.states[0].name}"]'
        head = [f"dtype = float_type({state})", f"T, B = {state}.shape[:2]"]
        params = [v for v in cell.params if v in self.read]
        values = [v for v in self.plan.kept if v in self.read]
        known = [(f'trajectory["{v.name}"]', v.shape, 2) for v in (*cell.states, *cell.inputs)]
        known += [(f'params["{v.name}"]', v.shape, 0) for v in cell.params]
        ups = [(up, arg) for _, up, arg in face.ups if up in self.read]
        head += self._sizes(known, (*params, *values, *(up for up, _ in ups)))
        for v in params:
            head += self._array(v, f'params["{v.name}"]')
        for v in values:
            varies = v in self.scan.sequences
            lead = ("T", "B") if varies else ()
            one = ("1",) if varies and not v.shape else ()
            head += self._array(v, f'trajectory["{v.name}"]', *lead, *one)
        for up, arg in ups:
            if up not in self.scan.sequences:  # of an output that is the same at each step
                head += self._array(up, f"np.sum({arg}, axis=(0, 1))")
            elif up.shape:
                head += self._array(up, arg, "T", "B")
            else:
                head += self._array(up, f"np.reshape({arg}, (T, B, 1))", "T", "B", "1")
        scalars = [str(cotangent_of(v).name) for v in cell.params if not v.shape]
        signature = ["params: Mapping[str, Array]", "trajectory: Mapping[str, Array]"]
        signature += [f"{arg}: Array" for *_, arg in face.ups]
        return [
            *loop,
            *listed("def backward(", signature, ") -> dict[str, Array]:", 0),
            *indented([*backward_docstring(self.plan, face), *head, *self._call({}, scalars)]),
        ]


def _tuple(items: Iterable[str]) -> str:
    items = list(items)
    return f"({', '.join(items)}{',' if len(items) == 1 else ''})"


def _for(name: str, over: str, body: list[str]) -> list[str]:
    """A loop; its variable has a name where it is read."""
    read = any(re.search(rf"\b{name}\b", line) for line in body)
    return [f"for {name if read else '_'} in {over}:", *indented(body)]


def _listed_tuple(head: str, items: Sequence[str]) -> list[str]:
    """A tuple after some text, on one line or on a line each."""
    if len(items) == 1:
        return [f"{head}({items[0]},)"]
    return listed(f"{head}(", items, ")", 1)
