"""Derived gradients against SymPy's own calculus on scalar entries."""

import json
from collections.abc import Callable
from dataclasses import replace

import mpmath
import numpy as np
import pytest
import sympy as sp

from gru_sym.algebra.nodes import MatVec, Outer, Transpose
from gru_sym.algebra.program import Definition, Program, Scan
from gru_sym.algebra.rules import RULES, apply
from gru_sym.cells import Cell, cell, names
from gru_sym.derive.bptt import bptt
from gru_sym.errors import DataError
from gru_sym.prove.brute import brute_force, default_sizes

SLOW_AT_ONE = {"gru_layernorm"}

RNN = "h_next = tanh(W @ x + U @ h + b)"
FUNCTIONS = {
    "softplus": "h_next = softplus(U @ h) * x",
    "sin and cos": "h_next = sin(U @ h) * cos(x) + cos(-h)",
    "exp and log": "h_next = exp(U @ h) * exp(2 * h) + log(1 + x ** 2)",
    "sqrt": "h_next = x / sqrt(1 + h ** 2) + sqrt(2) * h",
    "a root of a matrix product": "a = U @ h\nh_next = x * (1 + a ** 2) ** (-3 / 2)",
    "abs": "h_next = abs(U @ h) * x",
    "relu": "h_next = relu(U @ h) * relu(x)",
    "softmax": "p = softmax(U @ h)\nh_next = p * x",
    "logsumexp": "h_next = x * logsumexp(U @ h)",
    "sum and mean": "h_next = x * sum(h ** 2) + mean(U @ h) * h",
    "concatenation": "h_next = tanh(W @ [h, x] + V @ [x, h])",
    "transpose": "h_next = U.T @ (U @ h) + x",
    "division": "h_next = x / (1 + sigmoid(h)) + h / x",
    "one gate through two functions": "h_next = sigmoid(U @ h) * tanh(U @ h) * x",
    "an extra output": "# outputs: loss\nh_next = tanh(U @ h + x)\nloss = sum(h_next ** 2)",
}


def rewritten(scan: Scan, name: str, change: Callable[[sp.Expr], sp.Expr]) -> Scan:
    """The scan with another right-hand side for one line."""

    def part(program: Program) -> Program:
        lines = [
            Definition(d.var, change(d.expr)) if d.name == name else d for d in program.definitions
        ]
        used = {v for d in lines for v in d.expr.free_symbols}
        extra = [v for v in everything if v in used and v not in program.variables]
        return replace(program, inputs=(*program.inputs, *extra), definitions=tuple(lines))

    everything = {v: None for p in (scan.step, scan.after) for v in p.variables}
    changed = replace(scan, step=part(scan.step), after=part(scan.after))
    assert changed != scan
    return changed


def _var(scan: Scan, name: str) -> sp.Symbol:
    return next(v for p in (scan.step, scan.after) for v in p.variables if v.name == name)


def _untransposed(expr: sp.Expr) -> sp.Expr:
    node = next(n for n in expr.atoms(MatVec) if isinstance(n.args[0], Transpose))
    return expr.xreplace({node: MatVec(node.args[0].args[0], node.args[1])})


def _transposed(expr: sp.Expr) -> sp.Expr:
    node = next(iter(expr.atoms(Outer)))
    return expr.xreplace({node: Outer(node.args[1], node.args[0], node.shape)})


def _without_first(expr: sp.Expr) -> sp.Expr:
    return expr - expr.args[0]


MUTANTS: list[tuple[str, str, str, Callable[[Scan], Callable[[sp.Expr], sp.Expr]]]] = [
    ("a term dropped", "gru", "h_bar", lambda _: _without_first),
    ("a term dropped", "lstm_peephole", "c_bar", lambda _: _without_first),
    ("a term dropped", "mut3", "h_bar", lambda _: _without_first),
    ("a mean's share dropped", "gru_layernorm", "q_z_bar", lambda _: _without_first),
    ("a sign flipped", "gru", "z_bar", lambda _: lambda e: -e),
    ("a sign flipped", "janet", "i_bar", lambda _: lambda e: -e),
    ("a sign flipped", "rnn_relu", "b_h_bar", lambda _: lambda e: -e),
    ("not transposed", "gru", "r_bar", lambda _: _untransposed),
    ("not transposed", "rnn", "h_bar", lambda _: _untransposed),
    ("transposed", "lstm", "U_f_bar", lambda _: _transposed),
    (
        "gates swapped",
        "gru",
        "a_z_bar",
        lambda s: lambda e: e.xreplace({_var(s, "z"): _var(s, "r")}),
    ),
    (
        "gates swapped",
        "lstm",
        "a_i_bar",
        lambda s: lambda e: e.xreplace({_var(s, "i"): _var(s, "f")}),
    ),
    ("a factor dropped", "gru", "a_h_tilde_bar", lambda s: lambda e: _var(s, "h_tilde_bar")),
    (
        "a factor dropped",
        "gru_reset_after",
        "b_hn_bar",
        lambda s: lambda e: e.xreplace({_var(s, "r"): sp.S.One}),
    ),
    ("2.001 for 2", "mgu", "a_f_bar", lambda _: lambda e: e * sp.Rational(2001, 2000)),
    ("the state before the step", "ugrnn", "h_tilde_bar", lambda s: lambda e: e + _var(s, "h")),
    ("nothing", "fastgrnn", "zeta_bar", lambda _: lambda e: sp.S.Zero),
]


@pytest.mark.parametrize(
    "name",
    [pytest.param(n, marks=pytest.mark.slow) if n in SLOW_AT_ONE else n for n in names()],
)
def test_builtin_cell_is_confirmed_at_one_step(name: str) -> None:
    found = brute_force(cell(name), budget_s=300)
    assert found.verdict == "confirmed", str(found)
    wanted = (*cell(name).states, *cell(name).inputs, *cell(name).params)
    for run in found.runs:
        assert run.confirmed == tuple(f"{v.name}_bar" for v in wanted)


@pytest.mark.parametrize("name", ["rnn", "minlstm", "ligru"])
def test_builtin_cell_is_confirmed_at_two_steps(name: str) -> None:
    assert brute_force(cell(name), steps=2, budget_s=300).verdict == "confirmed"


def test_gru_is_confirmed_at_two_steps() -> None:
    found = brute_force(cell("gru"), sizes={"H": 1, "I": 2}, steps=2, budget_s=300)
    assert found.verdict == "confirmed", str(found)


@pytest.mark.slow
@pytest.mark.parametrize("name", ["gru", "mgu", "gru_reset_after"])
def test_gated_cell_is_confirmed_at_two_steps(name: str) -> None:
    found = brute_force(cell(name), steps=2, budget_s=600)
    assert found.verdict == "confirmed", str(found)


def test_gate_of_parameters_alone_is_confirmed_at_two_steps() -> None:
    text = "h_next = sigmoid(a) * h + (1 - sigmoid(a)) * x"
    assert brute_force(Cell.parse(text), steps=2).verdict == "confirmed"


@pytest.mark.parametrize("text", FUNCTIONS.values(), ids=FUNCTIONS)
def test_every_function_of_the_language_is_confirmed(text: str) -> None:
    found = brute_force(Cell.parse(text))
    assert found.verdict == "confirmed", str(found)


@pytest.mark.parametrize(
    ("name", "line", "change"), [m[1:] for m in MUTANTS], ids=[f"{m[1]}: {m[0]}" for m in MUTANTS]
)
def test_corrupted_scan_is_refuted(
    name: str, line: str, change: Callable[[Scan], Callable[[sp.Expr], sp.Expr]]
) -> None:
    scan = bptt(cell(name))
    found = brute_force(cell(name), scan=rewritten(scan, line, change(scan)), budget_s=300)
    assert found.verdict == "refuted", str(found)
    ((wrong, example),) = next(r.refuted for r in found.runs if r.refuted).items()
    assert wrong.endswith("_bar")
    assert example.values
    assert example.left != example.right


@pytest.mark.parametrize("name", ["rnn", "gru3"])
def test_nothing_from_the_step_after_shows_at_two_steps_only(name: str) -> None:
    scan = bptt(cell(name))
    later = _var(scan, "h_bar_later")
    wrong = rewritten(scan, "h_next_bar", lambda e: e.xreplace({later: sp.S.Zero}))
    assert brute_force(cell(name), scan=wrong, steps=1).verdict == "confirmed"
    assert brute_force(cell(name), scan=wrong, steps=2).verdict == "refuted"


def test_wrong_carry_is_refuted() -> None:
    scan = bptt(cell("rnn"))
    wrong = replace(scan, carry=((_var(scan, "h_bar_later"), _var(scan, "h_next_bar")),))
    assert brute_force(cell("rnn"), scan=wrong, steps=2).verdict == "refuted"


def test_loop_in_the_wrong_direction_is_refuted() -> None:
    wrong = replace(bptt(cell("rnn")), reverse=False)
    assert brute_force(cell("rnn"), scan=wrong, steps=2).verdict == "refuted"


def test_transposition_shows_only_where_the_state_has_two_entries() -> None:
    wrong = rewritten(bptt(cell("rnn")), "h_bar", _untransposed)
    assert [r.verdict for r in brute_force(cell("rnn"), scan=wrong).runs] == [
        "refuted",
        "confirmed",
    ]


@pytest.mark.parametrize("name", ["sigmoid", "tanh"])
def test_wrong_derivative_rule_is_refuted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    wrong = replace(RULES[name], derivative=lambda y, a: 1 - y)
    monkeypatch.setitem(RULES, name, wrong)
    assert brute_force(Cell.parse(f"h_next = {name}(U @ h + b) * x")).verdict == "refuted"


def test_counterexample_holds_in_other_arithmetic() -> None:
    rnn = Cell.parse(RNN)
    scan = bptt(rnn)
    wrong = rewritten(scan, "U_bar", lambda e: 3 * e)
    (run,) = brute_force(rnn, scan=wrong, sizes={"H": 1, "I": 1}).runs
    example = run.refuted["U_bar"]
    assert example.sizes == {"H": 1, "I": 1, "T": 1}
    assert example.entry == (0, 0)
    with mpmath.workdps(30):
        W, U, b, h, x, up = (
            mpmath.mpf(sp.Rational(text).p) / sp.Rational(text).q
            for name in ("W", "U", "b", "h", "x", "h_bar_up")
            for text in np.ravel(example.values[name])
        )
        right = up * mpmath.sech(W * x + U * h + b) ** 2 * h
        for value, text in ((right, example.left), (3 * right, example.right)):
            bounds = [mpmath.mpf(end) for end in text.strip("[]").split(",")]
            assert all(abs(end / value - 1) < mpmath.mpf("1e-14") for end in bounds)


def test_counterexample_in_time_names_step_and_entry() -> None:
    scan = bptt(cell("rnn"))
    wrong = rewritten(scan, "x_bar", lambda e: 2 * e)
    (run,) = brute_force(cell("rnn"), scan=wrong, sizes={"H": 1, "I": 2}, steps=2).runs
    example = run.refuted["x_bar"]
    assert example.sizes == {"H": 1, "I": 2, "T": 2}
    assert example.entry == (0, 0)
    assert np.shape(example.values["x"]) == (2, 2)
    assert np.shape(example.values["h"]) == (1,)
    assert "x_bar, entry [0, 0]: expected" in str(run)


def test_no_time_is_unfinished_and_confirms_nothing() -> None:
    found = brute_force(cell("gru"), budget_s=0.0)
    assert found.verdict == "unfinished"
    assert all(run.confirmed == () for run in found.runs)
    assert "out of time" in str(found)


def test_loss_that_is_too_large_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gru_sym.prove.brute._LARGEST", 100)
    found = brute_force(cell("gru"), sizes={"H": 2, "I": 1})
    assert found.verdict == "unfinished"
    assert found.runs[0].confirmed == ()
    assert "parts" in str(found)


def test_difference_that_cannot_be_decided_is_unfinished() -> None:
    scan = bptt(Cell.parse(RNN))
    h, h_next = _var(scan, "h_bar_up"), _var(scan, "h_next")
    # Zero, by a law of exp that the normal form does not hold.
    zero = apply("exp", h) * apply("exp", h_next) - apply("exp", h + h_next)
    hidden = rewritten(scan, "h_bar", lambda e: e + zero)
    found = brute_force(Cell.parse(RNN), scan=hidden, sizes={"H": 1, "I": 1})
    assert found.verdict == "unfinished"
    assert set(found.runs[0].unfinished) == {"h_bar"}
    assert "not seen to vanish" in str(found)


def test_result_serialises_and_prints_a_line_for_each_size() -> None:
    right = brute_force(cell("rnn"))
    wrong = brute_force(
        cell("rnn"),
        scan=rewritten(bptt(cell("rnn")), "b_h_bar", lambda e: -e),
        sizes={"H": 2, "I": 1},
    )
    lines = str(right).splitlines()
    assert [line.split(" in ")[0] for line in lines] == [
        "rnn at H=2, I=1, T=1: confirmed",
        "rnn at H=1, I=2, T=1: confirmed",
    ]
    assert "b_h_bar, entry [0]: expected" in str(wrong)
    for found in (right, wrong):
        data = json.loads(json.dumps(found.to_json()))
        assert data == found.to_json()
        assert data["verdict"] == found.verdict
        assert data["runs"][0]["sizes"] == {"H": 2, "I": 1}


def test_default_sizes_are_unequal_and_cover_every_dimension() -> None:
    assert default_sizes(cell("gru")) == ({"H": 2, "I": 1}, {"H": 1, "I": 2})
    assert default_sizes(cell("mut1")) == ({"H": 2}, {"H": 1})


def test_missing_size_and_missing_step_are_named() -> None:
    with pytest.raises(DataError, match="dimension I"):
        brute_force(cell("rnn"), sizes={"H": 2})
    with pytest.raises(DataError, match="0 steps"):
        brute_force(cell("rnn"), steps=0)
