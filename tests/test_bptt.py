"""Backprop through time at symbolic T: step and sums, against derivatives of the unrolled cell."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
import pytest
import sympy as sp

from gru_sym.algebra.expr import Var
from gru_sym.algebra.nodes import SumT
from gru_sym.algebra.program import Program, Scan
from gru_sym.cells import Cell, cell, names
from gru_sym.cells.compose import readout, stack
from gru_sym.derive.bptt import bptt, later_of, unrolled, up_of
from gru_sym.derive.jvp import jvp, tangent_of
from gru_sym.derive.vjp import cotangent_of, vjp
from gru_sym.prove.evaluate import Floats, evaluate, extent

T = 3
ODD = {
    "no inputs": "h_next = tanh(U @ h + b)",
    "three states": "h_next = tanh(U @ c + k)\nc_next = c * h\nk_next = h - k + x",
    "sizes that differ": "h_next = tanh(W @ x + V @ c)\nc_next = sigmoid(R @ c + S @ h)",
    "parameters alone": "k = sigmoid(V @ b) * b\nh_next = k * h + x * sum(k)",
    "an output inside": "# outputs: q\nc_next = c * h + x\nq = sum(c_next)\nh_next = q * c_next",
    "a constant state": "c_next = tanh(b)\nh_next = h * x + c",
    "a constant state inside": "c_next = tanh(b)\nk = c_next * b\nh_next = k * h + c_next + c",
    "a constant output": "# outputs: q\nq = sum(U @ b)\nk = q * b\nh_next = tanh(U @ h) + k * h",
    "scalars": "# params: w(), u()\ns = w * u\nh_next = tanh(s * h + u + x)",
}
CELLS = {
    **{name: cell(name) for name in names()},
    **{name: Cell.parse(equations) for name, equations in ODD.items()},
    "a stack": stack(cell("mgu"), cell("lstm")),
    "a readout": readout(cell("lstm"), "cross_entropy"),
}
Values = dict[Var, np.ndarray]


def value(expr: sp.Expr, var: Var, env: Values, sizes: Mapping[str, int]) -> np.ndarray:
    return np.array(evaluate(expr, var.shape, env, sizes, Floats()), float)


def run(program: Program, env: Values, sizes: Mapping[str, int]) -> None:
    for d in program:
        env[d.var] = value(d.expr, d.var, env, sizes)


def backward(scan: Scan, at: list[Values], sizes: Mapping[str, int]) -> Values:
    """The scan read as it is meant: the loop, what follows at each t, the sums over t."""
    carry = {
        enters: np.zeros(tuple(extent(d, sizes) for d in enters.shape)) for enters, _ in scan.carry
    }
    for env in reversed(at):
        env |= carry
        run(scan.step, env, sizes)
        carry = {enters: env[leaves] for enters, leaves in scan.carry}
    found: Values = {}
    for d in scan.after:
        if d.var in scan.sequences:
            for env in at:
                env[d.var] = value(d.expr, d.var, env, sizes)
            continue
        sums = {}
        known = {**at[0], **found}
        for node in d.expr.atoms(SumT):
            sums[node] = Var(f"sum {len(sums)}", node.shape)
            terms = [value(node.args[0], sums[node], {**env, **found}, sizes) for env in at]
            known[sums[node]] = np.sum(terms, axis=0)
        found[d.var] = value(d.expr.xreplace(sums), d.var, known, sizes)
    return found


@pytest.mark.parametrize("name", CELLS)
def test_gradients_are_those_of_the_unrolled_program(name: str, rng: np.random.Generator) -> None:
    """⟨gradient, direction⟩ is the derivative of the loss, pushed forward through T steps."""
    c = CELLS[name]
    dims = sorted({n for v in c.program.variables for dim in v.shape for n in dim})
    sizes = {n: k for k, n in enumerate(dims, 3)}

    def draw(var: Var) -> np.ndarray:
        return rng.normal(size=tuple(extent(dim, sizes) for dim in var.shape))

    fixed, directions = ({p: draw(p) for p in c.params} for _ in range(2))
    state = {s: draw(s) for s in c.states}
    start = {tangent_of(s): draw(s) for s in c.states}
    moving, slope, at, along = dict(start), 0.0, [], []
    forward = jvp(c)
    for _ in range(T):
        env = fixed | state | {x: draw(x) for x in c.inputs}
        tangents = {tangent_of(p): d for p, d in directions.items()} | moving
        tangents |= {tangent_of(x): draw(x) for x in c.inputs}
        given = {up_of(s): draw(s) for s in c.states} | {cotangent_of(v): draw(v) for v in c.extra}
        run(c.program, env, sizes)
        both = env | tangents
        run(forward, both, sizes)
        for s, n in zip(c.states, c.nexts, strict=True):
            slope += np.sum(given[up_of(s)] * both[tangent_of(n)])
        for v in c.extra:
            slope += np.sum(given[cotangent_of(v)] * both[tangent_of(v)])
        state = {s: env[n] for s, n in zip(c.states, c.nexts, strict=True)}
        moving = {
            tangent_of(s): both[tangent_of(n)] for s, n in zip(c.states, c.nexts, strict=True)
        }
        at.append(env | given)
        along.append(tangents)

    found = backward(bptt(c), at, sizes)
    parts = [np.sum(found[cotangent_of(p)] * directions[p]) for p in c.params]
    parts += [np.sum(at[0][cotangent_of(s)] * start[tangent_of(s)]) for s in c.states]
    for env, tangents in zip(at, along, strict=True):
        parts += [np.sum(env[cotangent_of(x)] * tangents[tangent_of(x)]) for x in c.inputs]
    assert abs(sum(parts) - slope) <= 1e-11 * np.linalg.norm(parts)


@pytest.mark.parametrize("name", names())
def test_step_holds_no_more_than_the_recurrence_needs(name: str) -> None:
    c = cell(name)
    scan = bptt(c)
    assert [(a.name, b.name) for a, b in scan.carry] == [
        (f"{s.name}_bar_later", f"{s.name}_bar") for s in c.states
    ]
    assert scan.reverse
    assert scan.before.definitions == ()
    used = {v for d in scan.step for v in d.expr.free_symbols}
    assert all(d.var in used or d.var in scan.step.outputs for d in scan.step)
    assert not any(d.expr.has(SumT) for d in scan.step)
    wanted = [f"{v.name}_bar" for v in (*c.params, *c.inputs)]
    assert [v.name for v in scan.after.outputs] == wanted


def test_gradients_of_parameters_are_sums_over_time() -> None:
    after = {d.name: d.expr for d in bptt(cell("gru")).after}
    v = {x.name: x for x in vjp(cell("gru")).variables}
    assert isinstance(after["W_z_bar"], SumT)
    assert after["b_z_bar"] == SumT(v["a_z_bar"])
    assert not after["x_bar"].has(SumT)


def test_what_does_not_vary_stands_before_its_sum() -> None:
    """A gate of parameters alone: its cotangent is one sum, and its own line has none."""
    gru3 = bptt(cell("gru3"))
    after = {d.name: d.expr for d in gru3.after}
    assert isinstance(after["z_bar"], SumT)
    assert not after["b_z_bar"].has(SumT)
    assert Var("z_bar", (("H",),)) not in gru3.sequences
    fast = {d.name: d.expr for d in bptt(cell("fastgrnn")).after}
    assert fast["nu_bar"].has(SumT)


def test_no_size_and_no_length_appears() -> None:
    for name in names():
        scan = bptt(cell(name))
        symbols = {s for part in (scan.step, scan.after) for d in part for s in d.expr.free_symbols}
        sizes = {s.name for s in symbols if not isinstance(s, Var)}
        assert sizes <= ({"H"} if name == "gru_layernorm" else set())


def test_forward_scan_carries_the_state() -> None:
    for name in ("gru", "lstm"):
        c = cell(name)
        scan = unrolled(c)
        assert (scan.reverse, scan.step, scan.sequences) == (False, c.program, c.varying)
        assert scan.carry == tuple(zip(c.states, c.nexts, strict=True))


def test_names_of_what_arrives() -> None:
    h = Var("h", (("H",),))
    assert [v.name for v in (up_of(h), later_of(h))] == ["h_bar_up", "h_bar_later"]
    first, second = list(bptt(cell("lstm")).step)[:2]
    assert {d.name: str(d.expr) for d in (first, second)} == {
        "h_next_bar": "h_bar_later + h_bar_up",
        "c_next_bar": "c_bar_later + c_bar_up",
    }


def test_cost_does_not_depend_on_the_number_of_steps() -> None:
    """Deeper cells give longer derivations, line by line; nothing is unrolled."""
    lengths = [len(bptt(stack(*[cell("mgu")] * k)).step.definitions) for k in (1, 2, 3, 4)]
    assert len({b - a for a, b in pairwise(lengths[1:])}) == 1
