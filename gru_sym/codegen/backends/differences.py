"""``check()`` for a module that takes real arrays alone: central differences.

Two differences, of which the second has half the step, are extrapolated to the step zero. What is
left is the rounding error of the sum, 1e-16 / 1e-4, and the fifth derivative times 1e-16.
"""

from gru_sym.codegen.backends.check import drawn, objective
from gru_sym.codegen.backends.interface import Interface
from gru_sym.codegen.backends.layout import indented
from gru_sym.codegen.backends.statements import dictionary, listed
from gru_sym.codegen.plan import Plan

__all__ = ["difference_check"]


def difference_check(plan: Plan, face: Interface) -> list[str]:
    """``check()`` for a module of float64 arrays."""
    arrays = {f"{v.name}_bar": a for v, a in (*face.inputs, *face.states)}
    args = [f'given["{bar}"]' for bar in arrays]
    if not face.inputs:
        args.insert(0, "T")
    body = [
        '"""Hold every gradient against central differences, at small sizes.',
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
        *indented(listed("trajectory = forward(", ["moved", *args], ")", 2)),
        *indented(objective(plan, face)),
        "",
        "def difference(name: str, index: tuple[int, ...], h: float) -> Any:",
        "    found = 0.0",
        "    for sign in (1, -1):",
        "        moved = np.array(arguments[name])",
        "        moved[index] += sign * h",
        "        found += sign * loss({**arguments, name: moved})",
        "    return found / (2 * h)",
        "",
        *listed("trajectory = forward(", ["params", *face.forward], ")", 1),
        *listed("gradients = backward(", ["params", "trajectory", *face.backward], ")", 1),
        "for name, array in arguments.items():",
        "    expected = np.empty(np.shape(array))",
        "    for index in np.ndindex(expected.shape):",
        "        coarse, fine = difference(name, index, 1e-4), difference(name, index, 5e-5)",
        "        expected[index] = (4 * fine - coarse) / 3",
        "    error = np.linalg.norm(gradients[name] - expected)",
        "    error /= np.linalg.norm(expected) or 1",
        '    print(f"{name:>12}  relative error {error:.1e}")',
        "    if not error < 1e-7:",
        '        raise AssertionError(f"{name} is wrong: {error:.1e}")',
    ]
    return ["def check() -> None:", *indented(body)]
