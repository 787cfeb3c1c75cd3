"""Equalities that are true, and others that are refuted by numbers which differ indeed."""

import math
from collections.abc import Iterable
from fractions import Fraction

import numpy as np
import pytest

from gru_sym.algebra.expr import Var
from gru_sym.algebra.nodes import MatVec, Total, Transpose
from gru_sym.algebra.normal import positions
from gru_sym.algebra.program import Definition
from gru_sym.algebra.rules import apply
from gru_sym.cells import cell
from gru_sym.prove.equal import Equality, assumptions, prove_equal
from gru_sym.prove.reading import read_pair
from gru_sym.prove.result import Answer, Proved, Refuted, Unproved

TRUE = [
    ("a", "a"),
    ("a * b", "b * a"),
    ("(a + b) * (a - b)", "a ** 2 - b ** 2"),
    ("a / b + c / b", "(a + c) / b"),
    ("1 / (1 + a ** 2) + a ** 2 / (1 + a ** 2)", "1"),
    ("sqrt(1 + a ** 2) ** 2", "1 + a ** 2"),
    ("sigmoid(-a)", "1 - sigmoid(a)"),
    ("sigmoid(a) * sigmoid(-a)", "sigmoid(a) - sigmoid(a) ** 2"),
    ("tanh(a)", "2 * sigmoid(2 * a) - 1"),
    ("tanh(-a)", "-tanh(a)"),
    ("tanh(a)", "(exp(a) - exp(-a)) / (exp(a) + exp(-a))"),
    ("1 - tanh(a) ** 2", "4 * sigmoid(2 * a) * sigmoid(-2 * a)"),
    ("exp(a + b)", "exp(a) * exp(b)"),
    ("log(exp(a))", "a"),
    ("softplus(a)", "log(1 + exp(a))"),
    ("softplus(a) - softplus(-a)", "a"),
    ("sin(-a)", "-sin(a)"),
    ("cos(-a)", "cos(a)"),
    ("sin(a) ** 2 + cos(a) ** 2", "1"),
    ("relu(a) - relu(-a)", "a"),
    ("abs(a)", "relu(a) + relu(-a)"),
    ("relu(a)", "a * step(a)"),
    ("step(relu(a))", "step(a)"),
    ("relu(relu(a))", "relu(a)"),
    ("U @ (a + b)", "U @ a + U @ b"),
    ("U @ (V @ a)", "U @ (V @ a * 2) / 2"),
    ("sum(a * (U @ b))", "sum((U.T @ a) * b)"),
    ("sum(a) * sum(b)", "sum(a * sum(b))"),
    ("mean(a - mean(a))", "0"),
    ("sum(softmax(a))", "1"),
    ("softmax(a + 1)", "softmax(a)"),
    ("logsumexp(a + 1)", "1 + logsumexp(a)"),
    ("[U, V] @ [a, b]", "U @ a + V @ b"),
    ("sum([a, b])", "sum(a) + sum(b)"),
]
FALSE = [
    ("a", "b"),
    ("a ** 2", "2 * a"),
    ("2 * a", "2.001 * a"),
    ("sigmoid(-a)", "-sigmoid(a)"),
    ("tanh(a)", "2 * sigmoid(a) - 1"),
    ("1 - tanh(a) ** 2", "tanh(a) * (1 - tanh(a))"),
    ("exp(a + b)", "exp(a) + exp(b)"),
    ("exp(a * b)", "exp(a) * exp(b)"),
    ("relu(a)", "a"),
    ("abs(a)", "relu(a)"),
    ("step(a)", "step(-a)"),
    ("sqrt(a ** 2)", "a"),
    ("log(a ** 2)", "2 * log(a) + 1"),
    ("U @ (a * b)", "a * (U @ b)"),
    ("U @ (V @ a)", "V @ (U @ a)"),
    ("U @ a", "U.T @ a"),
    ("sum(a * b)", "sum(a) * sum(b)"),
    ("mean(a)", "sum(a)"),
    ("mean(a ** 2)", "mean(a) ** 2"),
    ("softmax(2 * a)", "softmax(a)"),
    ("sum(a)", "a"),
    ("logsumexp(a)", "log(sum(a))"),
]
MEANING = {
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "softplus": lambda a: np.log1p(np.exp(a)),
    "relu": lambda a: np.maximum(a, 0),
    "step": lambda a: np.where(a > 0, 1.0, 0.0),
    "softmax": lambda a: np.exp(a) / np.exp(a).sum(),
    "logsumexp": lambda a: np.log(np.exp(a).sum()),
    **{name: getattr(np, name) for name in
       ("tanh", "exp", "log", "sqrt", "sin", "cos", "abs", "sum", "mean")},
}  # fmt: skip


def numbers(value: object) -> object:
    return [numbers(v) for v in value] if isinstance(value, list) else float(Fraction(str(value)))


def shown(text: str) -> float:
    """A value as a counterexample shows it: a fraction, or an enclosure."""
    if text.endswith("…"):
        return float(text.rstrip("…"))
    if text.startswith("["):
        low, high = text.strip("[]").split(", ")
        return (float(low) + float(high)) / 2
    return float(Fraction(text))


@pytest.mark.parametrize(("p", "q"), TRUE)
def test_true(p: str, q: str) -> None:
    answer = prove_equal(p, q)
    assert isinstance(answer, Proved), str(answer)
    assert answer.shown
    assert isinstance(prove_equal(q, p), Proved)


@pytest.mark.parametrize(("p", "q"), FALSE)
def test_false_and_its_counterexample_holds_in_plain_numpy(p: str, q: str) -> None:
    answer = prove_equal(p, q)
    assert isinstance(answer, Refuted), str(answer)
    found = answer.counterexample
    env = {name: np.array(numbers(value)) for name, value in found.values.items()}
    with np.errstate(all="ignore"):
        # The two sides are the test's own text, and Python's operators mean what ours do.
        left, right = (eval(side, {}, MEANING | env) for side in (p, q))
    left, right = np.broadcast_arrays(left, right)
    assert abs(left[found.entry] - right[found.entry]) > 1e-6
    assert math.isclose(left[found.entry], shown(found.left), rel_tol=1e-9, abs_tol=1e-9)
    assert math.isclose(right[found.entry], shown(found.right), rel_tol=1e-9, abs_tol=1e-9)


def test_rational_counterexample_is_exact() -> None:
    answer = prove_equal("U @ (a * b)", "a * (U @ b)")
    assert isinstance(answer, Refuted)
    found = answer.counterexample
    assert len(set(found.sizes.values())) == len(found.sizes)

    def fractions(value: object) -> np.ndarray:
        return np.vectorize(Fraction, otypes=[object])(np.array(value, dtype=object))

    v = {name: fractions(value) for name, value in found.values.items()}
    left, right = v["U"].dot(v["a"] * v["b"]), v["a"] * v["U"].dot(v["b"])
    assert left[found.entry] == Fraction(found.left)
    assert right[found.entry] == Fraction(found.right)


H = (("H",),)
a, s = Var("a", H), Var("s")
U = Var("U", (*H, *H))


def chain(length: int) -> Iterable[Definition]:
    at = a
    for k in range(length):
        var = Var(f"v_{k}", H)
        yield Definition(var, apply("tanh", MatVec(U, at)))
        at = var


def test_definitions_are_unfolded_only_where_it_takes_them() -> None:
    lines = list(chain(6))
    last = lines[-1].var
    answer = prove_equal(1 - last**2, (1 - last) * (1 + last), lines)
    assert isinstance(answer, Proved)
    assert answer.shown == ("equal normal forms",)
    answer = prove_equal(last, apply("tanh", MatVec(U, lines[-2].var)), lines)
    assert isinstance(answer, Proved)
    assert answer.shown == ("equal normal forms, with v_5 unfolded",)


def test_definitions_of_a_cell() -> None:
    gru = cell("gru")
    assert prove_equal("h_next", "h + z * (h_tilde - h)", gru).verdict == "proved"
    assert prove_equal("z", "1 / (1 + exp(-a_z))", gru).verdict == "proved"
    assert prove_equal("z", "r", gru).verdict == "refuted"
    assert prove_equal("a_z_bar", "z_bar * sigmoid(a_z) * sigmoid(-a_z)", gru).verdict == "proved"
    assert prove_equal("a_z_bar", "z_bar * sigmoid(a_z)", gru).verdict == "refuted"


def test_domains() -> None:
    """Undefined at a point is no counterexample; undefined everywhere is no proof."""
    assert prove_equal("sqrt(a) * sqrt(a)", "a").verdict == "proved"
    assert prove_equal("log(a * b)", "log(a) + log(b)").verdict != "refuted"
    b = Var("b", H)
    zero = [Definition(Var("n", H), b - apply("log", apply("exp", b)))]
    assert isinstance(prove_equal(a / zero[0].var, a, zero), Unproved)


def test_what_grows_too_large_is_unproved() -> None:
    """True, and out of reach of the normal form: never proved, never refuted."""
    total = sum((Var(f"x_{k}", H) for k in range(1, 12)), a)
    answer = prove_equal(total**20, (total + s) ** 20 + apply("log", apply("exp", s)) - s)
    assert isinstance(answer, Refuted)
    answer = prove_equal(total**20, total**20 + apply("log", apply("exp", s)) - s)
    assert isinstance(answer, Unproved)
    assert answer.why == "the normal form grows too large"


def test_scalar_stands_in_a_vector() -> None:
    assert prove_equal(s + 0 * a, s).verdict == "proved"
    assert Equality().prove(s, s, claim="s", shape=H).verdict == "proved"
    assert Equality().prove(s, a, claim="s", shape=H).verdict == "refuted"


def test_transposes_of_scaled_sums() -> None:
    V = Var("V", (*H, *H))
    assert prove_equal(Transpose(2 * U - V), 2 * Transpose(U) - Transpose(V)).verdict == "proved"
    assert prove_equal(Transpose(U), U).verdict == "refuted"
    assert prove_equal(Total(a, H), Total(2 * a, H) / 2).verdict == "proved"


def test_what_is_assumed_is_said() -> None:
    assert assumptions([apply("tanh", a)]) == ()
    assert assumptions([1 / a, apply("log", a)]) == (
        "no denominator is 0",
        "roots and logarithms are taken of positive numbers",
    )
    assert assumptions([apply("relu", a) + apply("abs", a)]) == (
        "no argument of abs is 0",
        "no argument of relu is 0",
    )
    answer = prove_equal("relu(a) - relu(-a)", "a")
    assert isinstance(answer, Proved)
    assert "no argument of relu is 0" in answer.assumed


def test_mixed_or_misplaced_arguments() -> None:
    with pytest.raises(TypeError, match="two texts or two expressions"):
        prove_equal("a", a)
    with pytest.raises(TypeError, match="a cell or nothing"):
        prove_equal("a", "a", list(chain(1)))


@pytest.mark.parametrize(("p", "q"), FALSE[:6])
def test_answers_do_not_change_from_run_to_run(p: str, q: str) -> None:
    def found(answer: Answer) -> object:
        return answer.to_json()

    assert found(prove_equal(p, q)) == found(prove_equal(p, q))


@pytest.mark.parametrize(
    ("p", "q"),
    [
        # Σ_j a_j b_j is no Σ_j a_j Σ_k b_k, nor is it divided by it
        ("sum(a * b) / (1 + sum(a) * sum(b))", "1 - 1 / (1 + sum(a) * sum(b))"),
        ("sum(a * a) / (1 + sum(a)**2)", "1 - 1 / (1 + sum(a)**2)"),
        ("x / (1 + sum(x * y))", "x / (1 + sum(x) * sum(y))"),
        ("exp(sum(log(w)))", "sum(w)"),
    ],
)
def test_no_sum_stands_for_another(p: str, q: str) -> None:
    """The normal forms differ: a counterexample is not what keeps these apart."""
    left, right, shape, _ = read_pair(p, q)
    answer = Equality().settle(
        "", lambda form: [(form.of(left, at), form.of(right, at)) for at in positions(shape)]
    )
    assert answer.verdict == "unproved"
