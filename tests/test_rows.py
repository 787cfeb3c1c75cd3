"""Expressions of rows: the same values as those of columns, each turned."""

import re
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.algebra.program import Program, presenter_for
from gru_sym.algebra.rows import in_rows, transposed
from gru_sym.algebra.show import show
from gru_sym.algebra.tree import (
    Binary,
    Call,
    Concat,
    Name,
    Neg,
    Node,
    Number,
    Slice,
    Transpose,
)
from gru_sym.cells.parse import parse
from gru_sym.derive.jvp import hvp
from gru_sym.derive.vjp import vjp
from gru_sym.latex.notation import Notation
from gru_sym.latex.printer import latex_derivation

ROWS = Notation("rows", vectors="row")
Values = Mapping[str, Any]

FUNCTIONS: dict[str, Callable[..., Any]] = {
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0),
    "step": lambda a: (a > 0) * 1.0,
    "sqrt": np.sqrt,
    "exp": np.exp,
    "log": np.log,
    "softplus": lambda a: np.log1p(np.exp(a)),
    "sum": np.sum,
    "mean": np.mean,
    "stacked": lambda *parts: np.concatenate(parts, axis=0),
}


def value(node: Node, known: Values, sizes: Mapping[str, int], *, rows: bool) -> Any:
    """What a tree is worth, where vectors are (n, 1), or (1, n) as rows."""

    def of(part: Node) -> Any:
        return value(part, known, sizes, rows=rows)

    match node:
        case Name(name=name):
            return known[name]
        case Number(value=number):
            return float(number)
        case Neg(arg=arg):
            return -of(arg)
        case Transpose(arg=arg):
            return of(arg).T
        case Binary(op="@", left=left, right=right):
            return of(left) @ of(right)
        case Binary(op=op, left=left, right=right):
            signs = {"+": np.add, "-": np.subtract, "*": np.multiply, "/": np.divide}
            return {**signs, "**": np.power}[op](of(left), of(right))
        case Call(func="outer", args=(left, right)):
            assert not rows
            return of(left) @ of(right).T
        case Call(func=func, args=args):
            return FUNCTIONS[func](*map(of, args))
        case Concat(items=items):
            parts = [of(item) for item in items]
            lies = rows or any(1 not in part.shape for part in parts)
            return np.concatenate(parts, axis=int(lies))
        case Slice(arg=arg, start=start, stop=stop, columns=columns):
            whole = of(arg)
            ends = [sum(sizes[n] for n in end) if end else None for end in (start, stop)]
            across = columns or whole.shape[0] == 1
            return whole[:, slice(*ends)] if across else whole[slice(*ends)]
        case _:
            raise AssertionError(node)


def compared(
    program: Program, rng: np.random.Generator, turn: Callable[..., Node] = in_rows
) -> None:
    """Every line of a program, in columns and in rows."""
    variables = program.variables
    names = sorted({n for v in variables for dim in v.shape for n in dim})
    sizes = {name: 2 + k for k, name in enumerate(names)}
    columns: dict[str, Any] = {}
    for var in program.inputs:
        extents = [sum(sizes[n] for n in dim) for dim in var.shape]
        drawn = rng.normal(size=[*extents, 1] if len(extents) == 1 else extents)
        columns[str(var.name)] = drawn if extents else float(drawn)
    columns |= {name: float(size) for name, size in sizes.items()}
    turned = {name: np.transpose(array) for name, array in columns.items()}
    presenter = presenter_for(program)
    for d in program:
        tree = presenter.definition(d).value
        row = turn(tree, matrix=len(d.var.shape) == 2)
        columns[d.name] = value(tree, columns, sizes, rows=False)
        turned[d.name] = value(row, turned, sizes, rows=True)
        assert np.shape(turned[d.name]) == np.shape(columns[d.name])[::-1], show(row)
        assert np.allclose(turned[d.name], np.transpose(columns[d.name]), rtol=1e-12), show(row)


@pytest.mark.parametrize("name", cells.names())
def test_the_values_are_the_same(name: str, rng: np.random.Generator) -> None:
    compared(vjp(cells.cell(name)), rng)
    compared(hvp(cells.cell(name)), rng)


def test_a_wrong_row_is_seen(rng: np.random.Generator) -> None:
    """What is not turned at all, and what takes vectors for matrices."""
    wrong: tuple[Callable[..., Node], ...] = (
        lambda node, matrix: node,
        lambda node, matrix: in_rows(node, matrix=not matrix),
    )
    for turn in wrong:
        with pytest.raises((AssertionError, ValueError)):
            compared(vjp(cells.gru_concat), rng, turn)


SHOWN = {
    "W @ x": "x @ W",
    "U @ (r * h) + b": "r * h @ U + b",
    "-(U.T @ a_bar)": "-(a_bar @ U.T)",
    "[h, x]": "[h, x]",
    "(W.T @ a_bar)[:H]": "(a_bar @ W.T)[:H]",
    "sigmoid(W @ x) / 2": "sigmoid(x @ W) / 2",
    "mean(h) * h": "mean(h) * h",
}


@pytest.mark.parametrize("text", SHOWN)
def test_vectors(text: str) -> None:
    line = parse(f"v_bar = {text}", derivation=True).definitions[0]
    assert show(in_rows(line.value)) == SHOWN[text]


def test_matrices() -> None:
    def turned(text: str) -> str:
        line = parse(f"W_bar = {text}", derivation=True).definitions[0]
        return show(in_rows(line.value, matrix=True))

    assert turned("outer(a_bar, r * h)") == "(r * h).T @ a_bar"
    assert turned("outer(a_bar, x) + outer(c_bar, h)") == "x.T @ a_bar + h.T @ c_bar"
    assert turned("W[:, :H]") == "W[:H]"
    assert turned("U.T") == "U.T"
    assert show(transposed(transposed(Name("W")))) == "W"


@pytest.mark.parametrize("of", ["vjp", "bptt"])
@pytest.mark.parametrize("name", cells.names())
def test_the_gradient_of_a_matrix_is_a_column_times_a_row(
    check_latex: Callable[[str], None], name: str, of: str
) -> None:
    shown = latex_derivation(cells.cell(name), of, (), ROWS)
    check_latex(shown)
    for line in shown.splitlines():
        if re.match(r"\\bar\{[WU]\}|\\frac\{\\partial L\}\{\\partial [WU]", line):
            assert re.search(r"\^\{\\top\}\\,\(?(\\bar|r)", line)
