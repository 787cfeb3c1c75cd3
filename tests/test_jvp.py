"""Tangents and second order, against complex step over the equations as they stand."""

import cmath
from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import pytest

from gru_sym.algebra.expr import Var
from gru_sym.algebra.program import Program
from gru_sym.cells import Cell, cell, names
from gru_sym.cells.compose import readout, stack
from gru_sym.derive.describe import select, text
from gru_sym.derive.jvp import hvp, jvp, tangent_lines, tangent_of
from gru_sym.derive.vjp import cotangent_of, upstream_of, vjp
from gru_sym.prove.evaluate import evaluate, extent

STEP = 1e-30
EXACT = 1e-11

ODD = {
    "two inputs": "h_next = tanh(W @ x + V @ u + U @ h) * sigmoid(x_2)",
    "three states": "h_next = tanh(U @ c + k)\nc_next = c * h\nk_next = h - k + x",
    "softmax": "p = softmax(U @ h)\nh_next = p * x",
    "logsumexp": "h_next = logsumexp(U @ h) * x",
    "reductions": "h_next = (h - mean(h)) / sqrt(mean(h ** 2) + 1) + sum(x) * b",
    "parameters alone": "k = sigmoid(V @ b) * b\nh_next = k * h + x",
    "transposed": "h_next = tanh(U.T @ (U @ h) + x)",
    "an output inside": "# outputs: q\nc_next = c * h + x\nq = sum(c_next)\nh_next = q * c_next",
    "functions": "h_next = softplus(x) * sin(h) + cos(x * h) * exp(h) + log(1 + h ** 2) + abs(x)",
}
CELLS = {
    **{name: cell(name) for name in names()},
    **{name: Cell.parse(equations) for name, equations in ODD.items()},
    "a stack": stack(cell("mgu"), cell("lstm")),
    "a readout": readout(cell("mingru"), "mse"),
}


@dataclass(frozen=True)
class Complex:
    """Complex doubles; a function that jumps looks at the real part."""

    def number(self, value: Fraction) -> complex:
        return complex(value)

    def power(self, value: complex, exponent: Fraction) -> complex:
        if exponent.denominator == 1:
            return value**exponent.numerator
        return cmath.exp(float(exponent) * cmath.log(value))

    def apply(self, name: str, value: complex) -> complex:
        match name:
            case "sigmoid":
                return 1 / (1 + cmath.exp(-value))
            case "softplus":
                return cmath.log(1 + cmath.exp(value))
            case "step":
                return complex(value.real > 0)
            case "relu":
                return value if value.real > 0 else 0j
            case "abs":
                return value if value.real > 0 else -value
        return complex(getattr(cmath, name)(value))


Values = dict[Var, np.ndarray]


def run(program: Program, values: Mapping[Var, np.ndarray], sizes: Mapping[str, int]) -> Values:
    env = dict(values)
    for d in program:
        env[d.var] = np.asarray(evaluate(d.expr, d.var.shape, env, sizes, Complex()), object)
    return env


def sizes_of(c: Cell) -> dict[str, int]:
    dims = sorted({n for v in c.program.variables for dim in v.shape for n in dim})
    return {n: k for k, n in enumerate(dims, 3)}  # a layer norm of two entries knows but ±1


def draw(variables: tuple[Var, ...], sizes: Mapping[str, int], rng: np.random.Generator) -> Values:
    return {
        v: rng.normal(size=tuple(extent(d, sizes) for d in v.shape)).astype(complex).astype(object)
        for v in variables
    }


def stepped(program: Program, at: Values, along: Values, sizes: Mapping[str, int]) -> Values:
    """The derivative of each value along a direction, by complex step."""
    moved = {v: a + 1j * STEP * along[v] if v in along else a for v, a in at.items()}
    return {
        v: np.vectorize(np.imag, [float])(a) / STEP for v, a in run(program, moved, sizes).items()
    }


def assert_close(a: np.ndarray, b: np.ndarray) -> None:
    a, b = np.asarray(a, complex), np.asarray(b, complex)
    assert a.shape == b.shape
    assert np.linalg.norm(a - b) <= EXACT * np.linalg.norm(b)


@pytest.mark.parametrize("name", CELLS)
def test_jvp_is_the_derivative(name: str, rng: np.random.Generator) -> None:
    c, sizes = CELLS[name], sizes_of(CELLS[name])
    at = draw(c.program.inputs, sizes, rng)
    along = draw(c.program.inputs, sizes, rng)
    expected = stepped(c.program, at, along, sizes)
    got = run(jvp(c), at | {tangent_of(v): a for v, a in along.items()}, sizes)
    for var in c.program.outputs:
        assert_close(got[tangent_of(var)], expected[var])


@pytest.mark.parametrize("name", CELLS)
def test_hvp_is_the_derivative_of_the_vjp_and_symmetric(
    name: str, rng: np.random.Generator
) -> None:
    c, sizes = CELLS[name], sizes_of(CELLS[name])
    first, second, free = vjp(c), hvp(c), c.program.inputs
    at = draw(first.inputs, sizes, rng)
    along, across = draw(first.inputs, sizes, rng), draw(first.inputs, sizes, rng)
    expected = stepped(first, at, along, sizes)
    got = run(second, at | {tangent_of(v): a for v, a in along.items()}, sizes)
    for var in first.outputs:
        assert_close(got[tangent_of(var)], expected[var])

    for direction in (along, across):  # now the given cotangent stands still
        for bar in upstream_of(c).values():
            direction[bar] = 0 * direction[bar]

    def form(u: Values, v: Values) -> complex:
        moved = run(second, at | {tangent_of(w): a for w, a in v.items()}, sizes)
        return sum(np.sum(moved[tangent_of(cotangent_of(w))] * u[w]) for w in free)

    there, back = form(along, across), form(across, along)
    assert abs(there - back) <= EXACT * max(abs(there), abs(back))


def test_lines_of_the_gru() -> None:
    lines = {d.name: d.expr for d in jvp(cell("gru"))}
    assert [n for n in lines if n.endswith("_dot")] == [
        "a_z_dot",
        "z_dot",
        "a_r_dot",
        "r_dot",
        "a_h_tilde_dot",
        "h_tilde_dot",
        "h_next_dot",
    ]
    shown = text(select(cell("gru"), "jvp"))
    assert "z_dot         = a_z_dot * z * (1 - z)" in shown


def test_only_what_moves_has_a_tangent() -> None:
    gru3 = cell("gru3")
    lines = tangent_lines(gru3.program, gru3.states)
    assert [d.name for d in lines] == ["a_h_tilde_dot", "h_tilde_dot", "h_next_dot"]
    still = Cell.parse("h_next = W @ x\nc_next = c + h")
    lines = tangent_lines(still.program, still.states)
    assert {d.name: d.expr for d in lines}["h_next_dot"] == 0


def test_outputs_follow_the_cell() -> None:
    lstm = cell("lstm")
    assert [v.name for v in jvp(lstm).outputs] == ["h_next_dot", "c_next_dot"]
    assert [v.name for v in hvp(lstm).outputs] == [f"{v.name}_dot" for v in vjp(lstm).outputs]
