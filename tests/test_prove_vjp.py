"""Proofs of gradients; and wrong gradients, which are never proved."""

import json
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
import sympy as sp

from gru_sym.algebra.expr import Var, shape_of, variables_of
from gru_sym.algebra.nodes import MatVec, Outer, SumT, Total, Transpose
from gru_sym.algebra.program import Definition, Program, Scan
from gru_sym.algebra.rules import Elementwise, apply
from gru_sym.cells import Cell, cell, names
from gru_sym.cells.compose import bidirectional, readout, stack
from gru_sym.derive.bptt import bptt, unrolled
from gru_sym.derive.vjp import vjp
from gru_sym.prove.result import Proof, ProofError
from gru_sym.prove.vjp import prove_scan, prove_step, prove_vjp

ODD = {
    "no inputs": "h_next = tanh(U @ h + b)",
    "three states": "h_next = tanh(U @ c + k)\nc_next = c * h\nk_next = h - k + x",
    "sizes that differ": "h_next = tanh(W @ x + V @ c)\nc_next = sigmoid(R @ c + S @ h)",
    "softmax": "p = softmax(U @ h)\nh_next = p * x",
    "logsumexp": "h_next = logsumexp(U @ h) * x",
    "reductions": "h_next = (h - mean(h)) * sum(x) + b / sqrt(mean(h ** 2) + 1)",
    "a concatenation": "q = [h, x]\nh_next = tanh(W @ q) + V @ [x, h]",
    "matrices": "h_next = tanh((U + V.T) @ h - 2 * U.T @ (U @ h))",
    "a matrix with a number": "# params: w()\nh_next = (w * U) @ h + x",
    "parameters alone": "k = sigmoid(V @ b) * b\nh_next = k * h + x",
    "an output inside": "# outputs: q\nc_next = c * h + x\nq = sum(c_next)\nh_next = q * c_next",
    "a constant state": "c_next = tanh(b)\nh_next = h * x + c",
    "a constant state inside": "c_next = tanh(b)\nk = c_next * b\nh_next = k * h + c_next + c",
    "a constant of numbers inside": "c_next = 0\nh_next = abs(c_next + U @ h) + c",
    "a constant output": "# outputs: q\nq = sum(U @ b)\nk = q * b\nh_next = tanh(U @ h) + k * h",
    "functions": "h_next = softplus(x) * sin(h) + cos(x) * exp(h) + log(1 + h ** 2) + abs(x)",
    "scalars": "# params: w(), u()\ns = w * u\nh_next = tanh(s * h + u + x)",
}
STACKS: dict[str, Callable[[], Cell]] = {
    "gru on gru": lambda: stack(cell("gru"), cell("gru")),
    "lstm on mgu": lambda: stack(cell("mgu"), cell("lstm")),
    "three layers": lambda: stack(cell("rnn"), cell("mingru"), cell("rnn_relu")),
    "gru, mse": lambda: readout(cell("gru"), "mse"),
    "lstm, cross_entropy": lambda: readout(cell("lstm"), "cross_entropy"),
    "a stack, mse": lambda: readout(stack(cell("mgu"), cell("ugrnn")), "mse"),
}


@pytest.mark.parametrize("name", names())
def test_builtin_cell_is_proved(name: str) -> None:
    proof = prove_vjp(cell(name)).require()
    step, base, induction = (answers for _, answers in proof.parts)
    c = cell(name)
    wanted = {f"{v.name}_bar" for v in (*c.params, *c.inputs, *c.states)}
    assert wanted <= {answer.claim.split()[0] for answer in step}
    assert len(step) <= len(base) < len(induction)


@pytest.mark.parametrize("name", ODD)
def test_odd_cell_is_proved(name: str) -> None:
    prove_vjp(Cell.parse(ODD[name])).require()


@pytest.mark.slow
@pytest.mark.parametrize("name", STACKS)
def test_composed_cell_is_proved(name: str) -> None:
    prove_vjp(STACKS[name]()).require()


def test_bidirectional_layers_are_proved_cell_by_cell() -> None:
    network = stack(bidirectional(cell("mgu")), bidirectional(cell("rnn")))
    for layer in network.layers:
        assert len(layer.passes) == 2
        for made in layer.passes:
            prove_vjp(made).require()


# -- wrong gradients ---------------------------------------------------------------------------


def with_line(program: Program, name: str, expr: sp.Expr) -> Program:
    known = set(program.inputs)
    extra = sorted(variables_of(expr) - set(program.variables) - known, key=str)
    return replace(
        program,
        inputs=(*program.inputs, *extra),
        definitions=tuple(Definition(d.var, expr) if d.name == name else d for d in program),
    )


def corrupted(expr: sp.Expr, shape: tuple, others: list[Var]) -> Iterator[tuple[str, sp.Expr]]:
    """Wrong right-hand sides in place of a right one."""
    yield "sign", -expr
    yield "a thousandth more", expr * sp.Rational(1001, 1000)
    yield "squared", expr**2
    if len(sp.Add.make_args(expr)) > 1:
        for term in expr.args:
            yield "term dropped", expr - term
            yield "term flipped", expr - 2 * term
    if isinstance(expr, sp.Mul):
        for factor in expr.args:
            rest = expr / factor
            if factor != -1 and shape_of(rest) in ((), shape):
                yield "factor dropped", rest
    for var in sorted(variables_of(expr), key=str):
        for other in others:
            if other != var and other.shape == var.shape:
                yield "other variable", expr.xreplace({var: other})
                break
    for node in expr.atoms(MatVec):
        flipped = Transpose(node.args[0])
        if shape_of(flipped) == shape_of(node.args[0]):
            yield "transposed", expr.xreplace({node: MatVec(flipped, node.args[1])})
    for node in expr.atoms(Outer):
        left, right, dims = node.args
        if shape_of(left) == shape_of(right):
            yield "outer turned", expr.xreplace({node: Outer(right, left, dims)})
    for node in expr.atoms(Total):
        yield "not summed once more", expr.xreplace({node: 2 * node})
    for node in expr.atoms(Elementwise):
        yield "another function", expr.xreplace({node: apply("sin", node.args[0])})


def broken(program: Program) -> Iterator[tuple[str, str, Program]]:
    """Every line, the cell's own among them, corrupted in every way."""
    for k, d in enumerate(program.definitions):
        before = [*program.inputs, *(e.var for e in program.definitions[:k])]
        for kind, expr in corrupted(d.expr, d.var.shape, before[::-1]):
            if sp.expand(expr - d.expr) != 0:
                yield d.name, kind, with_line(program, d.name, expr)


def assert_not_proved(proof: Proof, what: object, *, refuted: bool = True) -> None:
    assert proof.verdict != "proved", what
    if refuted:
        assert proof.verdict == "refuted", (what, str(proof))


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "every"),
    [("rnn", 1), ("rnn_relu", 1), ("mingru", 1), ("fastgrnn", 4), ("minlstm", 5), ("gru", 8),
     ("gru_concat", 12), ("gru_reset_after", 12), ("lstm", 20)],
)  # fmt: skip
def test_corrupted_step_is_refuted(name: str, every: int) -> None:
    c = cell(name)
    mutants = list(broken(vjp(c)))
    assert len(mutants) >= max(30, 10 * every)
    for line, kind, program in mutants[::every]:
        assert_not_proved(prove_step(c, program), (line, kind))


@pytest.mark.slow
@pytest.mark.parametrize(("name", "every"), [("rnn", 1), ("gru3", 6), ("mingru", 4)])
def test_corrupted_scan_is_refuted(name: str, every: int) -> None:
    c = cell(name)
    scan = bptt(c)
    mutants: list[tuple[object, Scan]] = []
    for line, kind, program in broken(scan.step):
        mutants.append(((line, kind), replace(scan, step=program)))
    for line, kind, program in broken(scan.after):
        mutants.append(((line, kind), replace(scan, after=program)))
    assert len(mutants) >= 40
    for what, mutant in mutants[::every]:
        assert_not_proved(prove_scan(c, mutant), what)


def test_loop_that_is_wired_wrongly_is_not_proved() -> None:
    c = cell("lstm")
    scan = bptt(c)
    (h_later, h_bar), (c_later, c_bar) = scan.carry
    crossed = replace(scan, carry=((h_later, c_bar), (c_later, h_bar)))
    stale = replace(scan, carry=((h_later, Var("h_next_bar", h_bar.shape)), (c_later, c_bar)))
    cut = replace(scan, carry=((c_later, c_bar),))
    for mutant in (crossed, stale, cut):
        assert_not_proved(prove_scan(c, mutant), mutant.carry)
    assert_not_proved(prove_scan(c, replace(scan, reverse=False)), "forward", refuted=False)
    assert_not_proved(prove_scan(c, unrolled(c)), "the forward pass itself", refuted=False)
    part = scan.step.computing([scan.step.definitions[0].var])
    assert_not_proved(prove_scan(c, replace(scan, before=part)), "before", refuted=False)


def test_wrong_only_from_the_third_step_on() -> None:
    """Right for T = 1 and T = 2, and not for 3: an induction on sums must not be fooled."""
    c = cell("rnn")
    scan = bptt(c)
    steps = SumT(sp.S.One)
    line = scan.after["b_h_bar"]
    for factor in (1 + (steps - 1) * (steps - 2), 1 + line.expr - line.expr**2 / line.expr):
        wrong = line.expr * factor + (steps - 1) * (steps - 2)
        mutant = replace(scan, after=with_line(scan.after, "b_h_bar", wrong))
        assert_not_proved(prove_scan(c, mutant), factor, refuted=False)


def test_wrong_only_from_the_second_step_on() -> None:
    c = cell("rnn")
    scan = bptt(c)
    first = scan.step.definitions[0]
    later = scan.carry[0][0]
    wrong = replace(scan, step=with_line(scan.step, first.name, first.expr - later + later**2))
    proof = prove_scan(c, replace(scan, step=with_line(scan.step, first.name, first.expr - later)))
    assert proof.verdict == "refuted"
    assert_not_proved(prove_scan(c, wrong), "later squared")


@pytest.mark.parametrize("name", ["W_z_bar", "x_bar", "h_bar", "b_h_bar", "a_r_bar"])
def test_missing_line_counts_as_zero(name: str) -> None:
    c = cell("gru")
    program = vjp(c)
    kept = tuple(d for d in program.definitions if d.name != name)
    used = any(name in {v.name for v in variables_of(d.expr)} for d in kept)
    inputs = (*program.inputs, program[name].var) if used else program.inputs
    outputs = tuple(v for v in program.outputs if v.name != name)
    assert_not_proved(
        prove_step(c, replace(program, inputs=inputs, definitions=kept, outputs=outputs)), name
    )


def test_lines_of_one_cell_do_not_prove_another() -> None:
    for mine, other in (("gru", "gru_keep"), ("lstm", "lstm_coupled"), ("rnn", "rnn_relu")):
        assert_not_proved(prove_step(cell(mine), vjp(cell(other))), (mine, other))


def test_cotangent_of_another_shape_is_not_proved() -> None:
    c = Cell.parse("h_next = W @ x")
    (line,) = (d for d in vjp(c) if d.name == "W_bar")
    turned = Definition(Var("W_bar", line.var.shape[::-1]), Transpose(line.expr))
    program = vjp(c)
    lines = tuple(turned if d.name == "W_bar" else d for d in program)
    outputs = tuple(turned.var if v.name == "W_bar" else v for v in program.outputs)
    proof = prove_step(c, replace(program, definitions=lines, outputs=outputs))
    assert_not_proved(proof, "transposed shape", refuted=False)
    assert "another shape" in str(proof)


def test_extra_names_do_not_replace_a_line() -> None:
    """A right `h_bar_total` beside a wrong `h_bar` proves nothing of `h_bar`."""
    c = cell("rnn")
    program = vjp(c)
    right = program["h_bar"]
    lines = (
        *(Definition(d.var, 2 * d.expr) if d.name == "h_bar" else d for d in program),
        Definition(Var("h_bar_total", right.var.shape), right.expr),
    )
    assert_not_proved(prove_step(c, replace(program, definitions=lines)), "h_bar_total")


def test_rewritten_lines_are_proved() -> None:
    c = cell("gru")
    program = vjp(c)
    v = {x.name: x for x in program.variables}
    gate = apply("sigmoid", v["a_z"]) * apply("sigmoid", -v["a_z"])
    program = with_line(program, "a_z_bar", v["z_bar"] * gate)
    program = with_line(program, "z_bar", sp.expand(program["z_bar"].expr))
    program = with_line(program, "z", 1 - apply("sigmoid", -v["a_z"]))
    proof = prove_step(c, program).require()
    assert proof.parts[0][0].startswith("the cell's own definitions")


def test_proof_says_what_it_assumes_and_shows() -> None:
    proof = prove_vjp(cell("rnn_relu"))
    assert "no argument of relu is 0" in proof.assumed
    shown = str(proof)
    assert shown.startswith("proved: the gradients of rnn_relu are right for all sizes")
    for words in ("one step", "any T", "induction", "✓ h_bar = U_h.T @ a_h_next_bar"):
        assert words in shown
    data = json.loads(json.dumps(proof.to_json()))
    assert data["verdict"] == "proved"
    assert [set(part) for part in data["parts"]] == [{"heading", "claims"}] * 3


def test_refutation_raises_with_its_evidence() -> None:
    c = cell("rnn")
    wrong = with_line(vjp(c), "b_h_bar", -vjp(c)["b_h_bar"].expr)
    with pytest.raises(ProofError, match="at H = 2"):
        prove_step(c, wrong).require()


@pytest.mark.parametrize(
    "text",
    [
        "z = step(-x)\nh_next = z * x * h",
        "z = step(-x)\ny = 2 * z\nh_next = y * x * h",
        "k = 1/2\nh_next = k * h",
        "h_next = tanh(2) * h",
    ],
)
def test_what_does_not_move_needs_no_line(text: str) -> None:
    prove_vjp(Cell.parse(text)).require()


def test_a_norm_in_one_line() -> None:
    """Its sum stands in many terms, and is evaluated once in each counterexample's trial."""
    made = Cell.parse("h_next = (W @ x + U @ h) / sum((W @ x + U @ h)**2)")
    assert prove_vjp(made).verdict == "proved"
