"""The NumPy backend: a module with forward and backward, whose loops allocate nothing."""

import ast
import inspect
import re
from collections.abc import Collection, Sequence

from gru_sym.algebra.expr import Var
from gru_sym.codegen import functions
from gru_sym.codegen.backends.check import complex_step_check
from gru_sym.codegen.backends.inplace import CALLS
from gru_sym.codegen.backends.interface import (
    Interface,
    Printed,
    backward_docstring,
    forward_docstring,
    interface,
)
from gru_sym.codegen.backends.layout import indented
from gru_sym.codegen.backends.loop import Loop
from gru_sym.codegen.backends.naming import Namer, size_lines
from gru_sym.codegen.backends.statements import dictionary
from gru_sym.codegen.passes.parts import read_from_outside
from gru_sym.codegen.plan import Plan
from gru_sym.codegen.text import Writer
from gru_sym.derive.vjp import cotangent_of

__all__ = ["helper_lines", "import_lines", "printed"]

_RESERVED = ("np", "math", "new", "Array", "Callable", "Mapping", "Any", "TypeAlias", "NDArray")


def printed(plan: Plan) -> Printed:
    """The module of a plan."""
    variables = plan.variables
    namer = Namer(variables, (*_RESERVED, *functions.__all__, "forward", "backward", "check"))
    given = (*plan.cell.states, *plan.cell.inputs, *plan.cell.params)
    writer = Writer(variables, given, CALLS)
    face = interface(plan.cell, namer)
    forward = _forward(plan, face, writer, namer.branch())
    backward = _backward(plan, face, writer, namer.branch())
    body = [*forward, "", "", *backward]
    body = [*helper_lines(body), *body]
    return Printed(import_lines(body), body, complex_step_check(plan, face))


def import_lines(body: Sequence[str]) -> list[str]:
    """The import statements that some lines need, and the type of arrays."""
    text = "\n".join(body)
    names = ["Mapping"] if "Callable" not in text else ["Callable", "Mapping"]
    return [
        *(["import math"] if "math." in text else []),
        f"from collections.abc import {', '.join(names)}",
        "from typing import Any, TypeAlias",
        "",
        "import numpy as np",
        "from numpy.typing import NDArray",
        "",
        "Array: TypeAlias = NDArray[Any]",
    ]


def helper_lines(body: Sequence[str]) -> list[str]:
    """The source of the functions that the lines call, and of those that these call."""
    sources = {name: inspect.getsource(getattr(functions, name)) for name in functions.__all__[1:]}
    called: set[str] = set()
    waiting = "\n".join(body)
    while waiting:
        found = _called(waiting) & (sources.keys() - called)
        called |= found
        waiting = "\n".join(sources[name] for name in found)
    lines: list[str] = []
    if any("EXP_LIMIT" in sources[name] for name in called):
        limit = re.search(r"^# .*\nEXP_LIMIT = .*$", inspect.getsource(functions), re.MULTILINE)
        assert limit is not None
        lines += [*limit[0].splitlines(), "", ""]
    for name, source in sources.items():
        if name in called:
            lines += [*source.rstrip().splitlines(), "", ""]
    return lines


def _called(source: str) -> set[str]:
    """The plain names that are called."""
    calls = (n.func for n in ast.walk(ast.parse(source)) if isinstance(n, ast.Call))
    return {func.id for func in calls if isinstance(func, ast.Name)}


def _params(plan: Plan, read: Collection[Var], namer: Namer) -> list[str]:
    return [
        f'{namer.plain(str(v.name))} = np.asarray(params["{v.name}"], dtype)'
        for v in plan.cell.params
        if v in read
    ]


def _forward(plan: Plan, face: Interface, writer: Writer, namer: Namer) -> list[str]:
    cell, scan = plan.cell, plan.forward
    loop = Loop(scan, frozenset(plan.kept), dict(face.states), writer, namer)
    body = [*loop.lines(), *loop.after()]
    read = read_from_outside(scan)

    def plain(var: Var) -> str:
        return namer.plain(str(var.name))

    arrays = [a for _, a in (*face.inputs, *face.states)]
    head = [f"dtype = np.result_type({', '.join(arrays)}, *params.values(), 0.0)"]
    head += _params(plan, read, namer)
    head += [f"{plain(v)} = np.asarray({a}, dtype)" for v, a in face.inputs]
    head += [f"{a} = np.asarray({a}, dtype)" for _, a in face.states]
    if face.inputs:
        head.append(f"T, B = {plain(face.inputs[0][0])}.shape[:2]")
    else:
        head.append(f"B = {face.states[0][1]}.shape[0]")
    known = [(plain(v), v.shape, 2) for v, _ in face.inputs]
    known += [(a, v.shape, 1) for v, a in face.states]
    known += [(plain(v), v.shape, 0) for v in cell.params if v in read]
    known += [(f'params["{v.name}"]', v.shape, 0) for v in cell.params]
    head += size_lines(loop.sizes, known, namer)
    args = ["params: Mapping[str, Array]"]
    args += [f"{a}: Array" for _, a in face.inputs] or ["T: int"]
    args += [f"{a}: Array" for _, a in face.states]
    returned = dictionary("return ", {str(v.name): plain(v) for v in plan.kept})
    return [
        f"def forward({', '.join(args)}) -> dict[str, Array]:",
        *indented([*forward_docstring(plan, face), *head, *body, *returned]),
    ]


def _backward(plan: Plan, face: Interface, writer: Writer, namer: Namer) -> list[str]:
    cell, scan = plan.cell, plan.backward
    loop = Loop(scan, frozenset(), {enter: "0" for enter, _ in scan.carry}, writer, namer)
    body = [*loop.lines(), *loop.after()]
    used = read_from_outside(scan)

    def plain(var: Var) -> str:
        return namer.plain(str(var.name))

    state = f'trajectory["{cell.states[0].name}"]'
    head = [f"dtype = {state}.dtype", f"T, B = {state}.shape[:2]", *_params(plan, used, namer)]
    read = [v for v in plan.kept if v in used]
    head += [f'{plain(v)} = trajectory["{v.name}"]' for v in read]
    for v, up, arg in face.ups:
        if up in used:
            text = f"np.asarray({arg}, dtype)"
            if up not in scan.sequences:  # of an output that is the same at each step
                text = f"{text}.sum(axis=(0, 1))" if v.shape else f"{text}.sum()"
            elif not v.shape:
                text = f"{text}.reshape(T, B, 1)"
            head.append(f"{plain(up)} = {text}")
    known = [(plain(v), v.shape, 2 if v in scan.sequences else 0) for v in read]
    known += [(plain(v), v.shape, 0) for v in cell.params if v in used]
    known += [(f'trajectory["{v.name}"]', v.shape, 2) for v in (*cell.states, *cell.inputs)]
    known += [(f'params["{v.name}"]', v.shape, 0) for v in cell.params]
    head += size_lines(loop.sizes, known, namer)
    last = {str(leave.name): loop.last(enter, leave) for enter, leave in scan.carry}
    same = {d.var for d in scan.after if isinstance(d.expr, Var)}  # as another value

    def gradient(bar: Var) -> str:  # no two lie in one array
        return f"{plain(bar)}.copy()" if bar in same else plain(bar)

    found = {name: last.get(name) or gradient(cotangent_of(v)) for v, name in face.gradients}
    args = ["params: Mapping[str, Array]", "trajectory: Mapping[str, Array]"]
    args += [f"{a}: Array" for *_, a in face.ups]
    return [
        f"def backward({', '.join(args)}) -> dict[str, Array]:",
        *indented([*backward_docstring(plan, face), *head, *body, *dictionary("return ", found)]),
    ]
