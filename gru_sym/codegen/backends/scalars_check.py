"""The function ``check()`` of modules that compute with many digits: central differences.

At 60 digits a central difference with a step of 1e-20 has a relative error of about 1e-40, half of
it from the step, half from the digits that the difference loses.
"""

from dataclasses import dataclass

from gru_sym.codegen.backends.check import SEQUENCES, STEPS, drawn, returned_sum
from gru_sym.codegen.backends.interface import Interface
from gru_sym.codegen.backends.layout import indented
from gru_sym.codegen.backends.scalars_entries import bracketed
from gru_sym.codegen.backends.statements import dictionary
from gru_sym.codegen.plan import Plan

__all__ = ["Differences", "difference_check"]


@dataclass(frozen=True)
class Differences:
    """How a library of numbers takes part in the check.

    Attributes:
        context: what a ``with`` statement asks for 60 digits.
        number: what makes an exact number of an integer.
        size: the absolute value of ``{}``; of a ball, an upper bound of it.
        dot: what sums the products of two lists.
    """

    context: str
    number: str
    size: str
    dot: str


def difference_check(plan: Plan, face: Interface, ways: Differences) -> list[str]:
    """``check()`` of a module whose functions take and give nested lists."""
    arrays = {f"{v.name}_bar": a for v, a in (*face.inputs, *face.states)}
    args = [f'given["{bar}"]' for bar in arrays]
    if not face.inputs:
        args.insert(0, "T")
    size = ways.size.format("p")
    body = [
        *drawn(plan, face, _random),
        'arguments = {f"{name}_bar": value for name, value in params.items()}',
        *dictionary("arguments |= ", arrays),
        "",
        "def loss(given: Mapping[str, Any]) -> Any:",
        '    own = {name: given[f"{name}_bar"] for name in params}',
        *indented(bracketed("trajectory = ", "forward(", ["own", *args], ")", 12)),
        *indented(_objective(plan, face, ways.dot)),
        "",
        f"trajectory = forward(params, {', '.join(face.forward)})",
        f"gradients = backward(params, trajectory, {', '.join(face.backward)})",
        f"by = {ways.number}(10) ** -20",
        "for name, value in arguments.items():",
        "    found, expected = flat(gradients[name]), []",
        "    for k in range(len(found)):",
        "        above = loss({**arguments, name: moved(value, k, by)})",
        "        below = loss({**arguments, name: moved(value, k, -by)})",
        "        expected.append((above - below) / (2 * by))",
        "    differences = [p - q for p, q in zip(found, expected, strict=True)]",
        f"    error = max({size} for p in differences)",
        f"    size = max({size} for p in found)",
        "    error = error / size if size > 0 else error",
        '    print(f"{name:>12}  relative error {float(error):.1e}")',
        "    if not error < 1e-30:",
        '        raise AssertionError(f"{name} is wrong: {float(error):.1e}")',
    ]
    return [
        "def check() -> None:",
        '    """Hold every gradient against central differences, at small sizes.',
        "",
        "    Raises:",
        "        AssertionError: a gradient is wrong.",
        '    """',
        "    rng = random.Random(0)",
        f"    with {ways.context}(60):",
        *indented(body, 2),
    ]


def _random(shape: tuple[int, ...]) -> str:
    """Nested lists of random numbers."""
    return f"drawn({', '.join(map(str, ('rng', *shape)))})"


def _objective(plan: Plan, face: Interface, dot: str) -> list[str]:
    """Lines that return the scalar whose gradients ``backward`` gives, from ``trajectory``."""
    terms = []
    for v, _, a in face.ups:
        value = f'flat(trajectory["{v.name}"])'
        if v not in plan.cell.varying:
            value = f"{value} * {STEPS * SEQUENCES}"
        terms.append(f"{dot}(flat({a}), {value})")
    return returned_sum(terms)
