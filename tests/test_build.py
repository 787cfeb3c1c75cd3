"""From syntax to SymPy: the arguments of activations get names, numbers stay exact."""

import random
from fractions import Fraction

import pytest
import sympy as sp

from gru_sym.algebra.expr import Size, Var, shape_of
from gru_sym.algebra.nodes import Concat, LogSumExp, MatVec, Outer, Slice, Softmax, Total
from gru_sym.algebra.rules import apply
from gru_sym.cells.build import ARGUMENT, Builder, lower
from gru_sym.cells.parse import parse
from gru_sym.errors import GruSymError, LimitError, UnsupportedError

H, N = ("H",), ("I",)
VARIABLES = {
    v.name: v
    for v in (Var("h", (H,)), Var("x", (N,)), Var("W", (H, N)), Var("U", (H, H)), Var("s"))
}
h, x, W, U, s = (VARIABLES[name] for name in "hxWUs")


def built(text: str) -> sp.Expr:
    (line,) = parse(f"y = {text}", derivation=True).definitions
    expr: sp.Expr = Builder(VARIABLES, text).expression(line.value)
    return expr


def lowered(text: str) -> list[str]:
    (line,) = parse(text, derivation=True).definitions
    return [d.name for d in lower(line)]


@pytest.mark.parametrize(
    ("text", "names"),
    [
        ("z = sigmoid(W @ x)", ["a_z", "z"]),
        ("z = tanh(c)", ["z"]),
        ("z = h * tanh(c)", ["z"]),
        ("z = 1 - sigmoid(W @ x)", ["a_z", "z"]),
        ("z = tanh(-c)", ["a_z", "z"]),
        ("z = sigmoid(x + 1) * tanh(x - 1)", ["a_z_1", "a_z_2", "z"]),
        ("z = sigmoid(x + tanh(x - 1))", ["a_z_1", "a_z", "z"]),
        ("z = 2 * sigmoid(x + tanh(x - 1))", ["a_z_1", "a_z_2", "z"]),
        ("z = tanh(sigmoid(x))", ["a_z", "z"]),
        ("z = softmax(W @ x)", ["a_z", "z"]),
        ("z = sqrt(x + 1) * sum(x * x)", ["z"]),
        ("z = h + x", ["z"]),
    ],
)
def test_arguments_get_names(text: str, names: list[str]) -> None:
    assert lowered(text) == names
    assert all(name.startswith(ARGUMENT) for name in names[:-1])


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("0.1", sp.Rational(1, 10)),
        ("h - h", sp.S.Zero),
        ("--h", h),
        ("2 * h / 4", h / 2),
        ("h - (h - x * 0) - 1", sp.Integer(-1)),
        ("W @ x", MatVec(W, x)),
        ("2 * W @ x", 2 * MatVec(W, x)),
        ("(W + W) @ x", 2 * MatVec(W, x)),
        ("(W - W) @ x", sp.S.Zero),
        ("U.T.T @ h", MatVec(U, h)),
        ("W @ x * h", MatVec(W, x) * h),
        ("sum(h)", Total(h, (H,))),
        ("mean(W @ x)", Total(MatVec(W, x), (H,)) / Size("H")),
        ("softmax(h)", Softmax(h, (H,))),
        ("logsumexp(h)", LogSumExp(h, (H,))),
        ("outer(h, x)", Outer(h, x, (H, N))),
        ("[h, x][H:]", x),
        ("h ** 2", h**2),
        ("h ** -1", 1 / h),
        ("h ** 0.5", sp.sqrt(h)),
        ("h ** (1 / 3)", h ** sp.Rational(1, 3)),
        ("h ** 2 ** 3", h**8),
        ("h ** -2 ** 2", h**-4),
        ("(-2) ** 2 ** 2", sp.Integer(16)),
        ("-h ** 2", -(h**2)),
        ("sqrt(h)", apply("sqrt", h)),
    ],
)
def test_built(text: str, expected: sp.Expr) -> None:
    assert built(text) == expected


def test_shapes_survive_what_cancels() -> None:
    """``0 * x`` is no vector any more, and still a vector's place in a list or a sum."""
    joined = built("[0 * h + 1, x]")
    assert isinstance(joined, Concat)
    assert shape_of(joined) == (("H", "I"),)
    assert built("sum(0 * h + 2)") == 2 * Size("H")
    assert built("outer(0 * h + 1, x)").shape == (H, N)
    assert isinstance(built("([h, x] * [h, x])[:H]"), Slice)


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("h / 0", UnsupportedError),
        ("h / (x - x)", UnsupportedError),
        ("x ** s", UnsupportedError),
        ("h ** (1 / 0)", UnsupportedError),
        ("(0 * U + s) @ h", UnsupportedError),
        ("(0 * U + 1).T @ h", UnsupportedError),
        ("h ** 65", LimitError),
        ("h ** -65", LimitError),
        ("h ** 0.999", LimitError),
        ("(2 ** 64) ** 64 * 2 * h", LimitError),
        ("h * 1e300" + " * 1e300" * 12, LimitError),
    ],
)
def test_refused(text: str, kind: type[GruSymError]) -> None:
    with pytest.raises(kind) as caught:
        built(text)
    assert caught.value.mend
    assert caught.value.place is not None


@pytest.mark.parametrize(
    "text", ["sqrt(-1)", "0 ** -1", "(-8) ** (1 / 3)", "h * sqrt(-4)", "tanh((-1) ** 0.25)"]
)
def test_a_definition_is_a_real_number(text: str) -> None:
    (line,) = parse(f"y = {text}", derivation=True).definitions
    with pytest.raises(UnsupportedError, match="leaves the real numbers"):
        Builder(VARIABLES, text).definition(line, ())


@pytest.mark.parametrize("seed", range(40))
def test_constants_are_python_s(seed: int) -> None:
    """Operators and precedence: an expression of numbers has the value Python gives it."""
    source = random.Random(seed)

    def drawn(depth: int) -> str:
        if depth == 0:
            return str(source.randint(1, 5))
        op = source.choice(("+", "-", "*", "/", "**"))
        left, right = drawn(depth - 1), drawn(source.randrange(depth))
        if op == "**":
            return f"({left}) ** {source.choice(('2', '-1', '3 ** 1', '0'))}"
        text = f"{left} {op} {right}"
        return f"-({text})" if source.random() < 0.3 else text

    text = drawn(4)
    exact = "".join(f"Fraction({c})" if c.isdigit() else c for c in text)
    try:
        expected = eval(exact, {"Fraction": Fraction})
    except ZeroDivisionError:
        return
    assert Fraction(str(built(text))) == expected
