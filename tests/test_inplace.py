"""Statements in place: what they leave in an array is the value, wherever its operands lie."""

import re
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import sympy as sp

from gru_sym.algebra.expr import Dims, Expr, Shape, Size, Var, shape_of, variables_of
from gru_sym.algebra.nodes import Concat, LogSumExp, MatVec, Slice, Softmax, Total, Transpose
from gru_sym.algebra.rules import RULES, apply
from gru_sym.codegen import functions
from gru_sym.codegen.backends.inplace import CALLS, InPlace, InPlaceRows
from gru_sym.codegen.backends.naming import Namer
from gru_sym.codegen.backends.whole import Whole
from gru_sym.codegen.passes.stabilise import tanh_slope
from gru_sym.codegen.text import Writer
from gru_sym.prove.evaluate import Floats, evaluate
from tests.scans import plain

B = 2
SIZES = {"H": 4, "I": 5}
H, N, BOTH = (("H",),), (("I",),), (("H", "I"),)

u, v, w = (Var(name, H) for name in "uvw")  # rows of this step, (B, n),
x, q, s, r = Var("x", N), Var("q", BOTH), Var("s"), Var("r")
b, k = Var("b", H), Var("k")  # and what is the same at each
W, U = Var("W", (*H, *N)), Var("U", (*H, *H))
VARYING = (u, v, w, x, q, s, r)
GIVEN = (*VARYING, b, k, W, U)


def size(shape: Shape) -> tuple[int, ...]:
    return tuple(sum(SIZES[n] for n in dim) for dim in shape)


class Step:
    """A place to run statements in: arrays by name, and arrays for what lies in between.

    Args:
        over: a variable that lies in the array that is written to.
        rows: whether a value is of whole sequences, (T, B, n).
    """

    def __init__(self, rng: np.random.Generator, over: Var | None = None, *, rows: bool) -> None:
        self.lead = (3, B) if rows else (B,)
        self.over, self.rows = over, rows
        self.namer = Namer(GIVEN, ())
        self.arrays: dict[str, Any] = {}
        for var in GIVEN:
            lead = self.lead if var in VARYING else ()
            shape = (*lead, *(size(var.shape) or (1,) * bool(lead)))
            self.arrays[str(var.name)] = np.asarray(rng.uniform(0.2, 1.2, size=shape))
        if over is not None:
            self.arrays["out"] = self.arrays[str(over.name)]
        self.free: list[str] = []
        self.shapes: dict[str, Shape] = {}

    def name(self, atom: Var | Size) -> str:
        if isinstance(atom, Size):
            return self.namer.size(str(atom.name))
        return "out" if atom == self.over else self.namer.plain(str(atom.name))

    def scratch(self, shape: Shape) -> str:
        for name in self.free:
            if self.shapes[name] == shape:
                self.free.remove(name)
                return name
        name = f"tmp_{len(self.shapes)}"
        self.shapes[name] = shape
        self.arrays[name] = np.full((*self.lead, *(size(shape) or (1,))), np.nan)
        return name

    def run(self, expr: Expr, shape: Shape, *, contiguous: bool = True) -> list[str]:
        whole = Whole(Writer(GIVEN, GIVEN, CALLS), self.namer, frozenset(VARYING), lambda _: None)
        emit = (InPlaceRows if self.rows else InPlace)(
            self.name,
            self.scratch,
            self.free.append,
            lambda matrix, turned: f"{whole.text(matrix)}{'' if turned else '.T'}",
            whole.cut,
            lambda e: None if variables_of(e) & set(VARYING) else f"({whole.text(e)})",
        )
        if "out" not in self.arrays:
            wide = np.full((*self.lead, (size(shape) or (1,))[0] + 3), np.nan)
            exact = np.full((*self.lead, *(size(shape) or (1,))), np.nan)
            self.arrays["out"] = exact if contiguous else wide[..., 2:-1]
        lines = emit.lines(expr, "out", shape, contiguous=contiguous)
        values = {name: getattr(functions, name) for name in functions.__all__}
        values |= {"np": np, "dtype": float, "T": 3, "B": B}
        values |= {self.namer.size(n): count for n, count in SIZES.items()}
        exec("\n".join(lines), values | self.arrays)
        return lines


def truth(expr: Expr, shape: Shape, arrays: Mapping[str, Any], lead: tuple[int, ...]) -> Any:
    found = np.empty((*lead, *(size(shape) or (1,))))
    for place in np.ndindex(lead):
        values = {}
        for var in GIVEN:
            array = arrays[str(var.name)]
            one = array[place] if var in VARYING else array
            values[var] = one.reshape(size(var.shape)).astype(object)
        found[place] = evaluate(plain(expr), shape, values, SIZES, Floats())
    return found


EXPRS: dict[str, tuple[Expr, Shape]] = {
    "a variable": (u, H),
    "a scalar as a vector": (s, H),
    "a constant": (sp.Rational(1, 3), H),
    "zero": (sp.S.Zero, H),
    "minus": (-u, H),
    "a sum": (u + v + b, H),
    "a difference": (u - v, H),
    "minus a sum": (-u - v, H),
    "one minus": (1 - u, H),
    "minus one": (u - 1, H),
    "a sum of scalars": (s + r - k, ()),
    "a sum with scalars": (u + s - 2 * k, H),
    "coefficients": (2 * u - 3 * v / 7 + sp.Rational(1, 2) * w, H),
    "a gate": ((1 - u) * v + u * w, H),
    "a product": (u * v * w, H),
    "a product with scalars": (-2 * s * u * k * b, H),
    "a quotient": (u / v, H),
    "quotients": (u * v / (w * s), H),
    "a constant over": (3 / u, H),
    "minus one over": (-1 / (1 + u), H),
    "over a sum": (u / (1 + v**2), H),
    "a square": (u**2, H),
    "a cube": (u**3 * v, H),
    "a root": (sp.sqrt(u), H),
    "one over a root": (1 / sp.sqrt(1 + u), H),
    "a power": ((1 + u) ** sp.Rational(-3, 2) - v, H),
    "functions": (apply("tanh", u) * apply("sigmoid", -v), H),
    "a function of a sum": (apply("exp", u - v), H),
    "functions of scalars": (apply("tanh", s) * u, H),
    "a slope": (u * tanh_slope(v), H),
    "sizes": (u / Size("H") + Size("I"), H),
    "a size alone": (1 / Size("H"), H),
    "one minus one over a size": (s * (1 - 1 / Size("H")), ()),
    "a product of matrix and vector": (MatVec(U, v), H),
    "added": (u + MatVec(U, v) - b, H),
    "taken away": (u - MatVec(U, v), H),
    "twice": (MatVec(U, v) + MatVec(Transpose(U), w) + MatVec(W, x), H),
    "times a vector": (u * MatVec(W, x), H),
    "of an expression": (MatVec(U, v * w + 1), H),
    "of a scalar": (MatVec(U, s), H),
    "of what is fixed": (MatVec(U, b) + u, H),
    "a scaled matrix": (MatVec(k * U, v), H),
    "one above the other": (Concat(u, x, Dims((("H",), ("I",)))), BOTH),
    "expressions above each other": (Concat(u * v, x + s, Dims((("H",), ("I",)))), BOTH),
    "zero above": (Concat(sp.S.Zero, MatVec(Transpose(W), u), Dims((("H",), ("I",)))), BOTH),
    "a part": (Slice(q, Dims(BOTH), 0, 1), H),
    "a part of an expression": (Slice(q**2 + s, Dims(BOTH), 1, 2) * 2, N),
    "a total": (Total(u * v, H), ()),
    "a total as a vector": (u * Total(v, H), H),
    "a total of a scalar": (Total(u, H) * s + r, ()),
    "a mean taken away": (u - Total(u, H) / Size("H"), H),
    "a variance": (Total((u - s) ** 2, H) / Size("H"), ()),
    "a fixed total": (u * Total(b, H), H),
    "a softmax": (Softmax(u, H), H),
    "times a softmax": (v * Softmax(u + w, H), H),
    "a softmax of a scalar": (Softmax(s, H), H),
    "a logsumexp": (LogSumExp(u - v, H) + s, ()),
    "layer normalization": (b * (u - s) / sp.sqrt(r + sp.Rational(1, 100)) + v, H),
    "everything": (
        -2 * (u - v) ** 2 * apply("softplus", w - s) / (1 + Total(u * w, H)) + MatVec(U, u * v) * w,
        H,
    ),
}
SIGNS = [pytest.param(*case, id=name) for name, case in EXPRS.items()]


def assert_close(found: Any, right: Any) -> None:
    assert np.linalg.norm(found - right) <= 1e-14 * np.linalg.norm(right)


@pytest.mark.parametrize("rows", [False, True], ids=["a step", "all steps"])
@pytest.mark.parametrize("contiguous", [True, False], ids=["array", "part"])
@pytest.mark.parametrize(("expr", "shape"), SIGNS)
def test_the_array_holds_the_value(
    expr: Expr, shape: Shape, contiguous: bool, rows: bool, rng: np.random.Generator
) -> None:
    step = Step(rng, rows=rows)
    before = {name: array.copy() for name, array in step.arrays.items()}
    step.run(expr, shape, contiguous=contiguous)
    assert_close(step.arrays["out"], truth(expr, shape, before, step.lead))
    for name, array in before.items():
        assert np.array_equal(step.arrays[name], array), f"{name} has been written to"
    assert sorted(step.free) == sorted(step.shapes), "an array is not given back"


OVER = [
    (expr, shape)
    for expr, shape in EXPRS.values()
    if isinstance(expr, sp.Add | sp.Mul)
    and u in expr.args
    and u not in variables_of(expr.func(*(a for a in expr.args if a != u)))
]


@pytest.mark.parametrize(("expr", "shape"), OVER, ids=[str(e) for e, _ in OVER])
def test_over_one_of_its_terms(expr: Expr, shape: Shape, rng: np.random.Generator) -> None:
    """As reuse places them: the sum, or the product, lies where one of its operands was."""
    assert shape_of(expr) == H
    step = Step(rng, over=u, rows=False)
    right = truth(expr, shape, {n: a.copy() for n, a in step.arrays.items()}, step.lead)
    step.run(expr, shape, contiguous=False)
    assert_close(step.arrays["out"], right)


def test_there_are_such_cases() -> None:
    assert len(OVER) > 12


def test_operands_that_lie_elsewhere_are_not_allocated(rng: np.random.Generator) -> None:
    lines = Step(rng, rows=False).run(u * v, H)
    assert lines == ["np.multiply(u, v, out=out)"]
    lines = Step(rng, rows=False).run(MatVec(U, v), H)
    assert lines == ["np.dot(v, U.T, out=out)"]
    lines = Step(rng, over=u, rows=False).run(u + MatVec(U, v), H, contiguous=False)
    assert lines == ["np.dot(v, U.T, out=tmp_0)", "out += tmp_0"]


def test_arrays_in_between_are_used_again(rng: np.random.Generator) -> None:
    step = Step(rng, rows=False)
    step.run(u + MatVec(U, v) * w + MatVec(U, w) * v + MatVec(U, u) * v, H)
    assert len(step.shapes) <= 2


def test_every_function_writes_to_an_array(rng: np.random.Generator) -> None:
    assert set(RULES) <= set(CALLS)
    for name in RULES:
        step = Step(rng, rows=False)
        lines = step.run(apply(name, u), H)
        assert re.fullmatch(r"[\w.]+\(u, out=out\)", lines[0])
        assert_close(step.arrays["out"], truth(apply(name, u), H, step.arrays, step.lead))


def test_no_needless_brackets(rng: np.random.Generator) -> None:
    """ruff would take them away: the text of what is fixed stands in brackets of its own."""
    step = Step(rng, rows=False)
    lines = step.run(u * Total(b, H) + MatVec(U, b), H)
    assert not [line for line in lines if re.search(r"= \(.*\)$", line)]
