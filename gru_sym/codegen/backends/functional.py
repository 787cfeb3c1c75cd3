"""The functions forward, backward and plain for a library whose arrays are not written to.

PyTorch and JAX differ in their words and in how a loop is written, which a
:class:`~gru_sym.codegen.backends.body.Style` holds.
"""

import re
import textwrap
from collections.abc import Callable, Iterable, Sequence

from gru_sym.algebra.expr import Var, variables_of
from gru_sym.algebra.present import Presenter
from gru_sym.codegen.backends.body import Body, Style, Turn
from gru_sym.codegen.backends.expressions import Expressions
from gru_sym.codegen.backends.interface import Interface, backward_docstring, forward_docstring
from gru_sym.codegen.backends.layout import WIDTH, indented
from gru_sym.codegen.backends.naming import Namer, size_lines
from gru_sym.codegen.backends.statements import dictionary, listed
from gru_sym.codegen.passes.parts import needed, read_from_outside
from gru_sym.codegen.plan import Plan
from gru_sym.derive.vjp import cotangent_of

__all__ = [
    "arguments",
    "backward_lines",
    "camel",
    "forward_lines",
    "outputs",
    "plain_lines",
    "result_type",
    "run_docstring",
]


# -- the functions -------------------------------------------------------------------------------


def forward_lines(plan: Plan, face: Interface, style: Style, namer: Namer) -> list[str]:
    """The function ``forward``."""
    cell, scan = plan.cell, plan.forward
    first, like = dict(face.states), face.states[0][1]
    body = Body(scan, plan.kept, first, style, namer, dict(face.inputs), like, "earlier step")
    lines = body.lines()
    read = read_from_outside(scan)
    used = [v for v in cell.params if v in read]
    known = [(a, v.shape, 2) for v, a in face.inputs] + [(a, v.shape, 1) for v, a in face.states]
    known += [(body.name(v), v.shape, 0) for v in used]
    known += [(f'params["{v.name}"]', v.shape, 0) for v in cell.params]
    lead = [(face.inputs[0][1], "TB")] if face.inputs else [(face.states[0][1], "B")]
    sizes = size_lines(body.sizes, known, namer)
    return [
        *listed("def forward(", arguments(face, style), f") -> dict[str, {style.array}]:", 0),
        *indented(forward_docstring(plan, face)),
        *indented([f'{body.name(v)} = params["{v.name}"]' for v in used]),
        *indented(_lead_lines(*lead[0], lines)),
        *indented([*sizes, *lines]),
        *indented(dictionary("return ", {str(v.name): body.name(v) for v in plan.kept})),
    ]


def backward_lines(plan: Plan, face: Interface, style: Style, namer: Namer) -> list[str]:
    """The function ``backward``."""
    cell, scan = plan.cell, plan.backward
    read = read_from_outside(scan)
    alias = {up: a for v, up, a in face.ups if v.shape and up in scan.sequences}
    texts = {
        v: namer.plain(str(v.name)) if v in read else f'trajectory["{v.name}"]'
        for v in (*cell.states, *cell.inputs)
    }
    like = texts[cell.states[0]]
    first = {
        enter: f"{style.library.name}.zeros_like({texts[state]}[0])"
        for (enter, _), state in zip(scan.carry, cell.states, strict=True)
    }
    body = Body(scan, (), first, style, namer, alias, like, "later step")
    lines = body.lines()
    head = [f'{body.name(v)} = params["{v.name}"]' for v in cell.params if v in read]
    head += [f'{body.name(v)} = trajectory["{v.name}"]' for v in plan.kept if v in read]
    given = []
    for v, up, argument in face.ups:
        if up in read and up not in alias:
            axes = f"{style.library.axis}=(0, 1)" if v.shape else ""
            same = up not in scan.sequences  # an output that is the same at each step
            change = f"sum({axes})" if same else "reshape(T, B, 1)"
            given.append(f"{body.name(up)} = {argument}.{change}")
    known = [
        (body.name(v), v.shape, 2 if v in scan.sequences else 0) for v in plan.kept if v in read
    ]
    known += [(body.name(v), v.shape, 0) for v in cell.params if v in read]
    known += [(texts[v], v.shape, 2) for v in texts]
    known += [(f'params["{v.name}"]', v.shape, 0) for v in cell.params]
    last = {str(leave.name): body.last(enter, leave) for enter, leave in scan.carry}
    found = {name: last.get(name) or body.name(cotangent_of(v)) for v, name in face.gradients}
    given_types = [f"params: {style.params}", f"trajectory: {style.params}"]
    given_types += [f"{a}: {style.array}" for *_, a in face.ups]
    return [
        *listed("def backward(", given_types, f") -> dict[str, {style.array}]:", 0),
        *indented(backward_docstring(plan, face)),
        *indented(head),
        *indented(_lead_lines(like, "TB", [*given, *lines])),
        *indented([*size_lines(body.sizes, known, namer), *given, *lines]),
        *indented(dictionary("return ", found)),
    ]


def plain_lines(
    plan: Plan,
    face: Interface,
    style: Style,
    namer: Namer,
    loop: Callable[[Turn], list[str]],
) -> list[str]:
    """The function ``plain``: the cell's equations as they stand, for automatic differentiation."""
    cell = plan.cell
    program = cell.program
    # What is the same at each step is given at each step nevertheless, where it is an output.
    varying = cell.varying | {v for v in program.outputs if len(v.shape) < 2}

    def name(var: Var) -> str:
        return namer.plain(str(var.name))

    def kept(var: Var) -> str:
        if len(var.shape) > 1:
            return library.broadcast(name(var), f"(B, *{name(var)}.shape)")
        return name(var) if var.shape else f"{name(var)}[:, 0]"

    like = face.states[0][1]
    library, presenter = style.library, Presenter.of(program)
    step = Expressions(library, presenter, namer, name, varying, ("B",), like, 2)
    read = needed(program, program.outputs)
    lines = step.lines(read)
    used = variables_of(d.expr for d in read)
    states = zip(cell.states, cell.nexts, face.states, strict=True)
    results = zip((*cell.states, *cell.extra), program.outputs, strict=True)
    turn = Turn(
        lines,
        tuple((name(v), name(after), a) for v, after, (_, a) in states if v in used),
        tuple((a, name(v) if v in used else "_") for v, a in face.inputs),
        tuple((namer.role(str(v.name), "{}s"), kept(after)) for v, after in results),
        (),
        False,
    )
    known = [(name(v), v.shape, 0) for v in cell.params if v in used]
    known += [(a, v.shape, 2) for v, a in face.inputs] + [(a, v.shape, 1) for v, a in face.states]
    known += [(f'params["{v.name}"]', v.shape, 0) for v in cell.params]
    return [
        *listed("def plain(", arguments(face, style), f") -> {result_type(plan, style)}:", 0),
        *indented(
            [
                '"""What run gives, from the equations as they stand: a reference."""',
                *(f'{name(v)} = params["{v.name}"]' for v in cell.params if v in used),
                *_lead_lines(like, "B", [*lines, *(text for _, text in turn.stored)]),
                *size_lines(step.sizes, known, namer),
                *loop(turn),
            ]
        ),
    ]


# -- what they have in common --------------------------------------------------------------------


def outputs(plan: Plan, style: Style) -> list[str]:
    """The values of ``run``: the states at every step, and further outputs, of a ``trajectory``."""
    state = f'trajectory["{plan.cell.states[0].name}"]'
    found = []
    for v in plan.cell.program.outputs:
        text = f'trajectory["{v.name}"]'
        if v not in plan.forward.sequences:
            text = f"each_step({text}, {state})"
        elif not v.shape:
            text = f"{text}[..., 0]"
        found.append(text)
    return found


def run_docstring(plan: Plan, more: str = "") -> list[str]:
    """What ``run`` gives.

    Args:
        plan: what is printed.
        more: a sentence to end with.
    """
    names = " and ".join(str(v.name) for v in plan.cell.program.outputs)
    text = f"The values at each step of {names}, with gradients by backward."
    if len(text) > WIDTH - 10:
        text, more = (
            "The outputs at each step, with gradients by backward.",
            f"They are {names}. {more}",
        )
    if not more:
        return [f'"""{text}"""']
    return [f'"""{text}', "", *textwrap.wrap(more.strip(), WIDTH - 4), '"""']


def result_type(plan: Plan, style: Style) -> str:
    """The type of the value of ``run``."""
    count = len(plan.cell.program.outputs)
    return style.array if count == 1 else f"tuple[{', '.join([style.array] * count)}]"


def arguments(face: Interface, style: Style) -> list[str]:
    """The parameters of ``forward``, ``run`` and ``plain``, with their types."""
    given = [f"{a}: {style.array}" for _, a in face.inputs] or ["T: int"]
    given += [f"{a}: {style.array}" for _, a in face.states]
    return [f"params: {style.params}", *given]


def camel(name: str, taken: Iterable[str]) -> str:
    """A class's name, from a cell's: ``gru_reset_after`` → ``GruResetAfter``.

    >>> camel("gru_reset_after", ()), camel("2 states", ()), camel("none", ["None"])
    ('GruResetAfter', 'Cell2States', 'NoneCell')
    """
    words = re.findall(r"[A-Za-z0-9]+", name)
    found = "".join(word[0].upper() + word[1:] for word in words)
    if not found or found[0].isdigit():
        found = f"Cell{found}"
    return f"{found}Cell" if found in taken else found


def _lead_lines(array: str, axes: str, lines: Sequence[str]) -> list[str]:
    """Lines that read the numbers of steps and sequences, where the lines mention them."""
    text = "\n".join(lines)
    found = [axis for axis in axes if re.search(rf"(?<![\w.]){axis}\b", text)]
    if len(found) == 2:
        return [f"T, B = {array}.shape[:2]"]
    return [f"{axis} = {array}.shape[{axes.index(axis)}]" for axis in found]
