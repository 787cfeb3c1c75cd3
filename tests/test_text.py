"""text: what is written, read back by Python, has the value of the expression."""

import math
from fractions import Fraction

import numpy as np
import pytest
import sympy as sp

from gru_sym.algebra.expr import Expr, Node, Size, Var
from gru_sym.algebra.nodes import MatVec, Total
from gru_sym.algebra.rules import RULES, apply
from gru_sym.codegen.passes.stabilise import tanh_slope
from gru_sym.codegen.text import Writer, constants, decimal, number_text
from gru_sym.errors import UnsupportedError
from gru_sym.prove.evaluate import Floats, evaluate

H = ("H",)
a, b, c, z = (Var(name) for name in "abcz")
v, U = Var("v", (H,)), Var("U", (H, H))

CALLS = {name: f"f.{name}" for name in (*RULES, "sqrt", "tanh_slope")}


class Functions:
    """What ``f.`` offers to a text: each function of the language."""

    sqrt = staticmethod(math.sqrt)

    def __getattr__(self, name: str) -> object:
        return lambda value: Floats().apply(name, value)


def written(expr: Expr, **kwargs: object) -> str:
    writer = Writer((a, b, c, z), (a, b, c), CALLS, **kwargs)  # type: ignore[arg-type]

    def node(part: Node) -> str:
        raise AssertionError(part)

    return writer.text(expr, lambda atom: str(atom.name), node)


WRITTEN = [
    (a + b, "a + b"),
    (a - b, "a - b"),
    (-a, "-a"),
    (b - a, "b - a"),
    ((1 - z) * a + z * b, "a * (1 - z) + b * z"),
    (a * b / c, "a * b / c"),
    (a / (b * c), "a / (b * c)"),
    (a**2, "a**2"),
    ((a + b) ** 2, "(a + b) ** 2"),
    ((-a) ** 3, None),
    (1 / a, "1 / a"),
    (1 / (1 + a**2), "1 / (a**2 + 1)"),
    (sp.sqrt(a), "f.sqrt(a)"),
    (1 / sp.sqrt(1 + a), None),
    ((2 + a) ** sp.Rational(-3, 2), None),
    (apply("sigmoid", -a), "f.sigmoid(-a)"),
    (apply("tanh", a * b) * c, "c * f.tanh(a * b)"),
    (sp.Rational(1, 3) * a, "a / 3"),
    (sp.Rational(2, 3) * a, None),
    (a - 2 * (b - c), None),
    (-(a + b) * c, None),
    (a * (b - c) - (c - b) * b, None),
    (sp.Rational(1, 10) + a, None),
    (apply("exp", apply("log", 1 + a)), None),
    (sp.Integer(7), "7"),
    (sp.Integer(-7), "-7"),
]


@pytest.mark.parametrize(("expr", "text"), WRITTEN, ids=[str(e) for e, _ in WRITTEN])
def test_as_a_person_writes_it(expr: Expr, text: str | None) -> None:
    found = written(expr)
    assert text is None or found == text
    values = {"a": 0.7, "b": 1.3, "c": 2.1, "z": 0.4, "f": Functions()}
    truth = evaluate(
        expr, (), {w: np.array(values[w.name], object) for w in (a, b, c, z)}, {}, Floats()
    )
    assert math.isclose(eval(found, {}, values), truth[()], rel_tol=1e-15)


@pytest.mark.parametrize("name", sorted(RULES))
def test_every_function_has_its_word(name: str) -> None:
    assert written(apply(name, a)) == f"f.{name}(a)"
    assert written(tanh_slope(a)) == "f.tanh_slope(a)"


def test_nodes_and_names_are_asked_for() -> None:
    writer = Writer((v, U, a), (v, U, a), CALLS)
    expr = MatVec(U, v) * a - Total(v, (H,)) / Size("H") * v
    names = {"v": "v_t", "a": "alpha", "U": "U", "H": "H_"}
    nodes = {MatVec(U, v): "(v_t @ U.T)", Total(v, (H,)): "v_t.sum()"}
    found = writer.text(expr, lambda atom: names[str(atom.name)], nodes.__getitem__)
    assert found == "alpha * (v_t @ U.T) - v_t.sum() * v_t / H_"


# -- numbers -----------------------------------------------------------------------------------

CONSTANTS = [
    (sp.sqrt(2), math.sqrt(2)),
    (sp.Integer(10) ** 30 + 1, 1e30),
    (sp.Rational(1, 3), 1 / 3),
    (apply("sigmoid", sp.Integer(2)), 1 / (1 + math.exp(-2))),
    (apply("tanh", sp.Rational(1, 2)), math.tanh(0.5)),
    (apply("softplus", sp.Integer(1)), math.log1p(math.e)),
    (apply("relu", sp.Integer(-1)), 0.0),
    (apply("abs", sp.Integer(-3)), 3.0),
    (apply("step", sp.Integer(3)), 1.0),
    (apply("exp", sp.Integer(1)) / 10**20, math.e * 1e-20),
    (apply("log", apply("sqrt", sp.Integer(5))), math.log(5) / 2),
]


@pytest.mark.parametrize(("number", "value"), CONSTANTS, ids=[str(n) for n, _ in CONSTANTS])
def test_constants_as_the_nearest_double(number: Expr, value: float) -> None:
    assert math.isclose(float(decimal(number)), value, rel_tol=1e-15)
    assert "e+" not in decimal(number)


@pytest.mark.parametrize(
    "number", [sp.sqrt(-1), apply("log", sp.Integer(-1)), sp.Integer(10) ** 400]
)
def test_what_is_no_double(number: Expr) -> None:
    with pytest.raises(UnsupportedError, match="not a real number in double precision"):
        decimal(number)


def test_large_numbers_are_written_as_doubles() -> None:
    assert number_text(Fraction(1, 3)) is None
    assert number_text(Fraction(2**53)) is None
    assert number_text(Fraction(2**53 + 1)) == repr(float(2**53))
    assert number_text(Fraction(1, 10**20)) == "1e-20"
    assert number_text(Fraction(10**20)) == "1e20"
    assert written(a * 10**20) == "1e20 * a"


def test_the_largest_constant_parts() -> None:
    expr = a * sp.sqrt(2) * apply("exp", sp.Integer(1)) + apply("tanh", a + sp.sqrt(3)) / 3
    assert set(constants(expr)) == {sp.sqrt(2), apply("exp", sp.Integer(1)), sp.sqrt(3)}
    assert constants(a**2 / 3 + sp.Rational(1, 2)) == []
    assert constants(Size("H") * sp.sqrt(2)) == [sp.sqrt(2)]


def test_a_backend_may_write_constants_itself() -> None:
    assert written(a * sp.sqrt(2), constant=lambda _: "ROOT") == "a * ROOT"
    found = written(a / 3 + 2, number=lambda n: f"Q({n.numerator}, {n.denominator})")
    assert "Q(2, 1)" in found
