"""The backends that compute number by number: mpmath, and arb, whose numbers are balls.

Vectors are lists. One loop goes over the steps and the sequences of the batch; the gradients of the
parameters are products of matrices after it.
"""

import re
from abc import ABC, abstractmethod
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any, TypeAlias

from gru_sym.algebra.expr import Shape, Var, variables_of
from gru_sym.algebra.nodes import Transpose
from gru_sym.algebra.present import Presenter
from gru_sym.algebra.program import Definition, Scan
from gru_sym.codegen.backends.interface import (
    Interface,
    Printed,
    backward_docstring,
    forward_docstring,
    interface,
)
from gru_sym.codegen.backends.layout import WIDTH, indented
from gru_sym.codegen.backends.naming import Namer, size_lines
from gru_sym.codegen.backends.scalars_check import Differences, difference_check
from gru_sym.codegen.backends.scalars_entries import Entries, Words, bracketed
from gru_sym.codegen.backends.scalars_operands import Loop, loop_of
from gru_sym.codegen.backends.scalars_sources import provided, sources
from gru_sym.codegen.backends.statements import dictionary
from gru_sym.codegen.passes.parts import names_of
from gru_sym.codegen.plan import Plan
from gru_sym.derive.vjp import cotangent_of

__all__ = ["ARB", "MPMATH", "Numbers", "arb", "mpmath", "native", "printed"]

_Known: TypeAlias = tuple[str, Shape, int]  # text of an array, shape, number of axes before those


@dataclass(frozen=True)
class Numbers:
    """A library of numbers.

    Attributes:
        library: the module that has them.
        helpers: the modules of helpers, the library's own first.
        words: how it says things.
        differences: how gradients are checked.
    """

    library: str
    helpers: tuple[str, ...]
    words: Words
    differences: Differences


MPMATH = Numbers(
    "mpmath",
    ("helpers_mpmath", "helpers_scalars"),
    Words("mpf", "fsum", "fdot", "", "{}[{}][{}]", "{}", "{}"),
    Differences("workdps", "mpf", "abs({})", "fdot"),
)
ARB = Numbers(
    "flint",
    ("helpers_arb", "helpers_scalars"),
    Words("arb", "sum", "dot", "power", "{}[{}, {}]", "arb_mat({})", "{}.tolist()"),
    Differences("ctx.workdps", "arb", "{}.abs_upper()", "dot"),
)

_STANDARD = MappingProxyType(
    {
        "Any": "typing",
        "Mapping": "collections.abc",
        "Sequence": "collections.abc",
        "product": "itertools",
        "random": "random",
    }
)
_OF_A_LIBRARY = ("cos", "ctx", "exp", "log", "mpf", "sin", "sqrt", "tanh", "workdps")
_FUNCTIONS = ("forward", "backward", "check")
_LOCAL = ("summands", "steps", "values", "arguments", "gradients", "differences")


def mpmath(plan: Plan) -> Printed:
    """The module of a plan for mpmath."""
    return printed(plan, MPMATH)


def arb(plan: Plan) -> Printed:
    """The module of a plan for python-flint."""
    return printed(plan, ARB)


def native(array: Any) -> Any:
    """A NumPy array as nested lists."""
    return array.tolist()


def printed(plan: Plan, numbers: Numbers) -> Printed:
    """The module of a plan."""
    more = {**_STANDARD, **dict.fromkeys(_OF_A_LIBRARY, numbers.library)}
    variables = plan.variables
    reserved = {*_FUNCTIONS, *_LOCAL, *more, *provided(numbers.helpers)}
    namer = Namer(variables, reserved)
    face = interface(plan.cell, namer)
    forward = _Forward(plan, plan.forward, numbers, namer.branch(), face).lines()
    backward = _Backward(plan, plan.backward, numbers, namer.branch(), face).lines()
    body = [*forward, "", "", *backward]
    check = difference_check(plan, face, numbers.differences)
    imports, helpers = sources(numbers.helpers, "\n".join((*body, *check)), more)
    return Printed(imports, [*helpers, *body], check)


class _Function(ABC):
    """What forward and backward share: a loop over steps and sequences."""

    def __init__(
        self, plan: Plan, scan: Scan, numbers: Numbers, namer: Namer, face: Interface
    ) -> None:
        self.plan, self.cell, self.scan, self.face = plan, plan.cell, scan, face
        self.namer, self.words = namer, numbers.words
        self.sizes: dict[str, None] = {}
        fresh = names_of(plan.forward, plan.backward).fresh
        carried = {leave for _, leave in scan.carry}
        self.loop: Loop = loop_of(scan, fresh).without_the_rest({*self.wanted, *carried})
        self.entries = Entries(
            numbers.words, namer, fresh, self._presenter(), self.sizes.setdefault
        )
        self.b = next(b for b in ("b", "n", "s", "k", "q") if namer.fresh(b) == b)

    @property
    @abstractmethod
    def wanted(self) -> set[Var]:
        """What the function returns, beside what it carries."""

    def _presenter(self) -> Presenter:
        """The order of a reader, in which a transposed matrix stands beside the matrix."""
        turned = {d.expr.args[0]: d.var for d in self.loop.ahead if isinstance(d.expr, Transpose)}
        order = [w for v in self.plan.variables for w in (v, turned.get(v)) if w is not None]
        given = (*self.cell.states, *self.cell.inputs, *self.cell.params)
        return Presenter(dict.fromkeys(order), given)

    # -- texts ---------------------------------------------------------------------------------

    def name(self, var: Var) -> str:
        return self.entries.name(var)

    def now(self, var: Var) -> str:
        """The values of a state, or of its cotangent, of each sequence."""
        return self.namer.role(str(var.name), "{}_now")

    def converted(self, text: str, shape: Shape) -> str:
        """A value that is the same at each step, as the code takes it, from nested lists."""
        sizes = ", ".join(self.entries.size(dim) for dim in shape)
        if len(shape) == 2:
            return self.words.matrix.replace("{}", f"rows({text}, {sizes})")
        return f"vector({text}, {sizes})" if shape else f"number({text})"

    def given_back(self, var: Var) -> str:
        """A value that is the same at each step as nested lists."""
        return self.words.rows.format(self.name(var)) if len(var.shape) == 2 else self.name(var)

    def of_all_steps(self, argument: str, shape: Shape) -> str:
        """A line that converts the values of each step and sequence."""
        if not shape:
            return f"{argument} = scalars({argument}, T, B)"
        if len(shape) == 2:
            matrix = self.converted("p", shape)
            return f"{argument} = [[{matrix} for p in step] for step in {argument}]"
        return f"{argument} = sequences({argument}, T, B, {self.entries.size(shape[0])})"

    def read(self, var: Var, values: str, key: str = "") -> str:
        """Read a value of one step and sequence, from an argument or from what it has of a name."""
        return f"{self.kept(var)} = {values}{key}[t][{self.b}]"

    def kept(self, var: Var) -> str:
        """A value as it is kept for one step and sequence, and as it is read again."""
        return self.name(var) if var.shape else f"[{self.name(var)}]"

    # -- parts ---------------------------------------------------------------------------------

    def statements(self, part: Iterable[Definition], depth: int) -> list[str]:
        return [line for d in part for line in self.entries.lines(d, depth)]

    def used_in(self, *parts: Iterable[Definition]) -> set[Var]:
        """The variables that lines read."""
        return variables_of(d.expr for part in parts for d in part)

    def parameters(self, used: set[Var]) -> list[str]:
        """Lines that read parameters."""
        return [
            f"{self.name(v)} = {self.converted(_item('params', v), v.shape)}"
            for v in self.cell.params
            if v in used
        ]

    def size_lines(self, known: Sequence[_Known], last: Sequence[_Known] = ()) -> list[str]:
        """The needed sizes, as lengths of lists."""
        params = [(_item("params", v), v.shape, 0) for v in self.cell.params]
        lines = size_lines(self.sizes, [*known, *params, *last], self.namer)
        return [re.sub(r"(\S+)\.shape\[(\d)\]", _length, line) for line in lines]

    def over_all(self, body: list[str]) -> list[str]:
        """The loop over all steps and sequences."""
        times = "reversed(range(T))" if self.scan.reverse else "range(T)"
        t = "t" if any("[t]" in line for line in body) else "_"
        return [f"for {t}, {self.b} in product({times}, range(B)):", *indented(body)]


class _Forward(_Function):
    @property
    def wanted(self) -> set[Var]:
        return set(self.plan.kept)

    def lines(self) -> list[str]:
        face, loop = self.face, self.loop
        turns = self.over_all(self._turn())
        ahead = self.statements(loop.ahead, 4)
        fixed = [v for v in self.plan.kept if v not in loop.varying]
        given = self.parameters(self.used_in(loop.ahead, loop.body) | set(fixed))
        given += [self.of_all_steps(a, v.shape) for v, a in face.inputs]
        for v, a in face.states:
            given.append(f"{self.now(v)} = rows({a}, B, {self.entries.size(v.shape[0])})")
        sizes = self.size_lines(
            [(a, v.shape, 1) for v, a in face.states], [(a, v.shape, 2) for v, a in face.inputs]
        )
        first, state = face.forward[0], face.states[0][1]
        counts = f"T, B = len({first}), len({state})" if face.inputs else f"B = len({state})"
        signature = ["params: Mapping[str, Any]"]
        signature += [f"{a}: Sequence[Any]" for _, a in face.inputs] or ["T: int"]
        signature += [f"{a}: Sequence[Any]" for _, a in face.states]
        return [
            *bracketed("", "def forward(", signature, ") -> dict[str, Any]:", 0),
            *indented(forward_docstring(self.plan, face)),
            *indented([counts, *sizes, *given, *self.entries.exact.constants, *ahead]),
            "    steps: list[dict[str, Any]] = []",
            *indented([*turns, *self._returned(fixed)]),
        ]

    def _turn(self) -> list[str]:
        """One step of one sequence."""
        lines = [self.read(v, a) for v, a in self.face.inputs]
        lines += [f"{self.name(e)} = {self.now(e)}[{self.b}]" for e, _ in self.scan.carry]
        lines += self.statements(self.loop.body, 8)
        for enter, leave in self.scan.carry:
            lines.append(f"{self.now(enter)}[{self.b}] = {self.name(leave)}")
        varying = [v for v in self.plan.kept if v in self.loop.varying]
        items = [f'"{v.name}": {self.kept(v)}' for v in varying]
        return [*lines, *bracketed("values = ", "{", items, "}", 8), "steps.append(values)"]

    def _returned(self, fixed: Sequence[Var]) -> list[str]:
        if not fixed:
            return ["return by_name(steps, T, B)"]
        items = [f'"{v.name}": {self.given_back(v)}' for v in fixed]
        return bracketed("return ", "{", ["**by_name(steps, T, B)", *items], "}", 4)


class _Backward(_Function):
    @property
    def wanted(self) -> set[Var]:
        return {cotangent_of(v) for v in (*self.cell.params, *self.cell.inputs)}

    def lines(self) -> list[str]:
        loop = self.loop
        inputs = [cotangent_of(v) for v in self.cell.inputs]
        turns = self.over_all([*self._turn(inputs), *self._summands()])
        after = [*self._collected(), *self.statements(loop.after, 4)]
        ahead = self.statements(loop.ahead, 4)
        given = [*self.parameters(self._used), *self._fixed()]
        start = [
            f"{self.now(leave)} = [{self.entries.zeros(leave.shape)} for _ in range(B)]"
            for _, leave in self.scan.carry
        ]
        for v in inputs:
            name = self._of_each_step(v)
            start.append(f"{name}: list[list[Vector]] = [[[]] * B for _ in range(T)]")
        if loop.summed:
            start.append("summands: list[tuple[Any, ...]] = []")
        varying = (*self.cell.states, *self.cell.inputs)
        sizes = self.size_lines([(_item("trajectory", v), v.shape, 2) for v in varying])
        state = _item("trajectory", self.cell.states[0])
        signature = ["params: Mapping[str, Any]", "trajectory: Mapping[str, Any]"]
        signature += [f"{a}: Sequence[Any]" for *_, a in self.face.ups]
        return [
            *bracketed("", "def backward(", signature, ") -> dict[str, Any]:", 0),
            *indented(backward_docstring(self.plan, self.face)),
            f"    T, B = len({state}), len({state}[0])",
            *indented([*sizes, *given, *self.entries.exact.constants, *ahead, *start]),
            *indented([*turns, *after, *self._returned()]),
        ]

    @cached_property
    def _used(self) -> set[Var]:
        """All that is read."""
        loop = self.loop
        read = self.used_in(loop.ahead, loop.body, loop.after)
        return read | {*loop.summed, *self.wanted, *(leave for _, leave in self.scan.carry)}

    @cached_property
    def _stored(self) -> list[Var]:
        """What is read of the trajectory."""
        loop = self.loop
        defined = {d.var for d in (*loop.ahead, *loop.body, *loop.after)}
        return [v for v in self.plan.kept if v in self._used and v not in defined]

    def _turn(self, inputs: Iterable[Var]) -> list[str]:
        """One step of one sequence."""
        varying, carry = self.loop.varying, self.scan.carry
        lines: list[str] = []
        for v in self._stored:
            if v in varying:
                lines.append(self.read(v, "trajectory", f'["{v.name}"]'))
        for _, v, argument in self.face.ups:
            if v in self._used:
                lines.append(self.read(v, argument))
        for enter, leave in carry:
            if enter in self._used:
                lines.append(f"{self.name(enter)} = {self.now(leave)}[{self.b}]")
        lines += self.statements(self.loop.body, 8)
        lines += [f"{self.now(leave)}[{self.b}] = {self.name(leave)}" for _, leave in carry]
        for v in inputs:
            lines.append(f"{self._of_each_step(v)}[t][{self.b}] = {self.name(v)}")
        return lines

    def _of_each_step(self, var: Var) -> str:
        """The name of the cotangents of an input; what is summed over time has another."""
        if var in self.loop.summed:
            return self.namer.role(str(var.name), "{}_by_step")
        return self.entries.collected(var)

    def _fixed(self) -> list[str]:
        """Lines that read what is the same at each step, and the cotangents."""
        lines = [
            f"{self.name(v)} = {self.converted(_item('trajectory', v), v.shape)}"
            for v in self._stored
            if v not in self.loop.varying
        ]
        for v, up, argument in self.face.ups:
            if up in self._used:
                lines.append(self.of_all_steps(argument, v.shape))
        return lines

    def _summands(self) -> list[str]:
        """Keep what is summed over time."""
        names = [self.name(v) for v in self.loop.summed]
        if not names:
            return []
        short = f"summands.append(({', '.join(names)}{',' * (len(names) == 1)}))"
        if 8 + len(short) <= WIDTH:
            return [short]
        return [*bracketed("summand = ", "(", names, ")", 8), "summands.append(summand)"]

    def _collected(self) -> list[str]:
        """What is summed over time, by name."""
        names = [self.entries.collected(v) for v in self.loop.summed]
        if not names:
            return []
        short = f"{', '.join(names)} = zip(*summands, strict=True)"
        if len(names) > 1 and 4 + len(short) <= WIDTH:
            return [short]
        return bracketed(
            "", "(", names, f"{',' * (len(names) == 1)}) = zip(*summands, strict=True)", 4
        )

    def _returned(self) -> list[str]:
        cell = self.cell
        params = {cotangent_of(v): self.given_back(cotangent_of(v)) for v in cell.params}
        inputs = {v: self._of_each_step(v) for v in map(cotangent_of, cell.inputs)}
        states = {leave: self.now(leave) for _, leave in self.scan.carry}
        found = {**params, **inputs, **states}
        return dictionary("return ", {str(v.name): text for v, text in found.items()})


def _item(mapping: str, var: Var) -> str:
    return f'{mapping}["{var.name}"]'


def _length(match: re.Match[str]) -> str:
    return f"len({match[1]}{'[0]' * int(match[2])})"
