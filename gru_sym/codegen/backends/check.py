"""The function ``check()`` of generated modules: small random arrays, and a reference.

The sizes are all different, so that no transposed matrix fits; no initial state is zero; there are
several steps and sequences.
"""

from collections.abc import Callable

from gru_sym.algebra.expr import Var
from gru_sym.codegen.backends.interface import Interface
from gru_sym.codegen.backends.layout import indented
from gru_sym.codegen.backends.statements import dictionary
from gru_sym.codegen.plan import Plan

__all__ = [
    "SEQUENCES",
    "STEPS",
    "complex_step_check",
    "drawn",
    "objective",
    "returned_sum",
    "sizes_of",
]

STEPS, SEQUENCES = 4, 2
"""T and B of the arrays that are drawn."""


def sizes_of(plan: Plan) -> dict[str, int]:
    """A size for each dimension of a cell."""
    names = dict.fromkeys(
        name for v in plan.cell.program.variables for dim in v.shape for name in dim
    )
    # 3, 5, 6, 7 …: not the number of steps, nor that of sequences.
    return {name: k + STEPS if k else 3 for k, name in enumerate(names)}


def drawn(
    plan: Plan,
    face: Interface,
    draw: Callable[[tuple[int, ...]], str] = "rng.normal(size={})".format,
) -> list[str]:
    """Lines that draw ``params`` and every argument of ``forward`` and ``backward``.

    Args:
        plan: of the cell.
        face: its arguments.
        draw: a shape → the text that makes an array of it.
    """
    sizes = sizes_of(plan)

    def array(var: Var, *lead: int) -> str:
        return draw((*lead, *(sum(sizes[name] for name in dim) for dim in var.shape)))

    lines = dictionary("params = ", {str(v.name): array(v) for v in plan.cell.params})
    if not face.inputs:
        lines.append(f"T = {STEPS}")
    lines += [f"{a} = {array(v, STEPS, SEQUENCES)}" for v, a in face.inputs]
    lines += [f"{a} = {array(v, SEQUENCES)}" for v, a in face.states]
    lines += [f"{a} = {array(v, STEPS, SEQUENCES)}" for v, _, a in face.ups]
    return lines


def objective(plan: Plan, face: Interface) -> list[str]:
    """Lines that return the scalar whose gradients ``backward`` gives, from ``trajectory``."""
    terms = []
    for v, _, a in face.ups:
        value = f'trajectory["{v.name}"]'
        if not v.shape and v in plan.cell.varying:
            value = f"{value}.reshape({a}.shape)"
        terms.append(f"np.sum({a} * {value})")
    return returned_sum(terms)


def returned_sum(terms: list[str]) -> list[str]:
    """Lines that return a sum, term by term."""
    if len(terms) == 1:
        return [f"return {terms[0]}"]
    return [f"total = {terms[0]}", *(f"total += {term}" for term in terms[1:]), "return total"]


def complex_step_check(plan: Plan, face: Interface) -> list[str]:
    """``check()`` for a module whose ``forward`` takes complex arrays."""
    arrays = {f"{v.name}_bar": a for v, a in (*face.inputs, *face.states)}
    args = [f'given["{bar}"]' for bar in arrays]
    if not face.inputs:
        args.insert(0, "T")
    body = [
        '"""Hold every gradient against the complex step, at small sizes.',
        "",
        "Raises:",
        "    AssertionError: a gradient is wrong.",
        '"""',
        "rng = np.random.default_rng(0)",
        *drawn(plan, face),
        'arguments = {f"{name}_bar": array for name, array in params.items()}',
        *dictionary("arguments |= ", arrays),
        "",
        "def loss(given: Mapping[str, Array]) -> Any:",
        '    moved = {name: given[f"{name}_bar"] for name in params}',
        f"    trajectory = forward(moved, {', '.join(args)})",
        *indented(objective(plan, face)),
        "",
        f"trajectory = forward(params, {', '.join(face.forward)})",
        f"gradients = backward(params, trajectory, {', '.join(face.backward)})",
        "for name, array in arguments.items():",
        "    expected = np.empty(array.shape)",
        "    for index in np.ndindex(array.shape):",
        "        moved = array.astype(complex)",
        "        moved[index] += 1e-30j",
        "        expected[index] = loss({**arguments, name: moved}).imag / 1e-30",
        "    error = np.linalg.norm(gradients[name] - expected)",
        "    error /= np.linalg.norm(expected) or 1",
        '    print(f"{name:>12}  relative error {error:.1e}")',
        "    if not error < 1e-11:",
        '        raise AssertionError(f"{name} is wrong: {error:.1e}")',
    ]
    return ["def check() -> None:", *indented(body)]
