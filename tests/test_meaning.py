"""The second reading of the language, held against the forward values of compiled code."""

from fractions import Fraction
from typing import Any

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.algebra import tree
from gru_sym.cells import Cell
from gru_sym.cells.parse import parse
from gru_sym.codegen.compile import compile
from gru_sym.derive.vjp import vjp
from gru_sym.verification.libraries import complex_numpy
from gru_sym.verification.meaning import Meaning, Ranked, constant
from gru_sym.verification.point import Point
from gru_sym.verification.regimes import drawn
from gru_sym.verification.relative import relative_error
from gru_sym.verification.truth import stacked
from tests.test_compile import text_cells

# A vector may be a number in each entry: then its value has no axis.
NUMBERS = {
    "a state that is a number": "# outputs: loss\nh_next = 0.5\nloss = sum(h_next) + sum(h)",
    "a state that is a mean": "# outputs: q\n# inputs: x(H)\nh_next = mean(h) + sum(x)\n"
    "q = sum(h_next)",
    "a state that is a scalar parameter": "# outputs: q\n# params: d()\n# states: h(H)\n"
    "h_next = d\nq = mean(h_next * h)",
    "two vectors one above the other": "s = mean(h)\nv = s + 0 * h\nh_next = tanh(U @ [v, h] + x)",
    "a sum of a vector of equal numbers": "z = sigmoid(b * 0 + 2)\nh_next = z * h + sum(z) * x",
}
CELLS = [
    *map(cells.cell, cells.names()),
    *text_cells(),
    *(Cell.parse(text, name=name) for name, text in NUMBERS.items()),
]
SIZES = {"H": 3, "I": 2}


def values_at(cell: Cell, point: Point) -> dict[str, Any]:
    meaning = Meaning.of_cell(cell, point.sizes)
    return stacked(point, meaning.unroll(complex_numpy(), cell, point.moving, point.T))


def value_of(node: tree.Node, **given: Any) -> Ranked:
    """The value of one expression; ``v=(array, rank)``."""
    ranked = {name: Ranked(array, rank) for name, (array, rank) in given.items()}
    return Meaning((), SIZES).value(complex_numpy(), node, ranked)


def tree_of(text: str) -> tree.Node:
    return parse(f"y = {text}", derivation=True).definitions[0].value


# -- whole cells -----------------------------------------------------------------------------------


def test_another_cell_is_seen() -> None:
    """The same arrays, but the gate turned: z keeps the state."""
    point = drawn(cells.gru)
    found = values_at(cells.gru_keep, point)["h_next"]
    right = compile(cells.gru).forward(point.params, point.inputs, point.states)
    assert relative_error(found, right.values["h_next"]) > 0.1


@pytest.mark.parametrize("cell", CELLS, ids=lambda cell: cell.name)
def test_values_are_those_of_compiled_code(cell: Cell) -> None:
    point = drawn(cell, 3)
    found = values_at(cell, point)
    right = compile(cell).forward(point.params, point.inputs or point.T, point.states)
    varying = {str(v.name) for v in cell.varying if len(v.shape) < 2}
    assert found.keys() == varying
    for name, value in found.items():
        assert relative_error(value, right.values[name]) < 1e-13, name


@pytest.mark.parametrize("name", ["gru", "lstm_peephole", "gru_concat", "gru_layernorm"])
def test_axes_in_front_broadcast(name: str, rng: np.random.Generator) -> None:
    """Five copies of one array, each moved: as if each went through alone."""
    cell = cells.cell(name)
    point = drawn(cell)
    meaning, library = Meaning.of_cell(cell, point.sizes), complex_numpy()
    for key, array in point.moving.items():
        moves = rng.normal(size=(5, *array.shape))
        copies = array + moves
        if key in point.params:
            copies = copies[:, None]  # the sequences have their own axis
        elif key in point.inputs:
            copies = copies.swapaxes(0, 1)  # time is in front
        together = list(meaning.unroll(library, cell, {**point.moving, key: copies}, point.T))
        for k, move in enumerate(moves):
            alone = meaning.unroll(library, cell, {**point.moving, key: array + move}, point.T)
            for all_, one in zip(together, alone, strict=True):
                found = np.broadcast_to(all_["h_next"].array, (5, point.B, 3))[k]
                assert relative_error(found, one["h_next"].array) < 1e-14, key


def test_lines_of_a_derivation(rng: np.random.Generator) -> None:
    """The vjp of one step, read as its lines stand, is what the compiled code gives."""
    point = drawn(cells.lstm, 1, steps=1, sequences=1)
    at = {name: Ranked(array, array.ndim) for name, array in point.params.items()}
    at |= {name: Ranked(array[0, 0], 1) for name, array in point.inputs.items()}
    at |= {name: Ranked(array[0], 1) for name, array in point.states.items()}
    at |= {f"{after}_bar": Ranked(point.bars[out][0, 0], 1) for out, after in point.outputs.items()}
    found = Meaning.of_program(vjp(cells.lstm), point.sizes).step(complex_numpy(), at)
    _, right = compile(cells.lstm).gradients(point.params, point.inputs, point.states, point.bars)
    for name, bar in right.items():
        assert relative_error(found[name].array, bar.reshape(found[name].array.shape)) < 1e-13


# -- expressions -----------------------------------------------------------------------------------

W, M = np.arange(6.0).reshape(3, 2) - 1.5, np.arange(15.0).reshape(3, 5) ** 1.5
V, X = np.array([0.3, -2.0, 1.5]), np.array([0.7, -0.1])
GIVEN = {"W": (W, 2), "M": (M, 2), "v": (V, 1), "x": (X, 1), "s": (np.array(0.4), 0)}


@pytest.mark.parametrize(
    ("text", "right", "rank"),
    [
        ("-v + 2", 2 - V, 1),
        ("1 - v - v", 1 - V - V, 1),
        ("2 / v / v", 2 / V / V, 1),
        ("-v ** 2", -(V**2), 1),
        ("s * W", 0.4 * W, 2),
        ("W + s", W + 0.4, 2),
        ("v * H - I", V * 3 - 2, 1),
        ("W @ x", W @ X, 1),
        ("W.T @ v", W.T @ V, 1),
        ("W.T.T @ x", W @ X, 1),
        ("W @ 2", W @ [2, 2], 1),
        ("W @ (s + 1)", W @ [1.4, 1.4], 1),
        ("[v, x]", np.concatenate([V, X]), 1),
        ("[x, v, x]", np.concatenate([X, V, X]), 1),
        ("[W, M]", np.concatenate([W, M], axis=1), 2),
        ("[v, x][H:]", X, 1),
        ("[v, x][:H]", V, 1),
        ("[v, x, v][H:H+I]", X, 1),
        ("M[:, :H]", M[:, :3], 2),
        ("M[:, H:] @ x", M[:, 3:] @ X, 1),
        ("outer(v, x)", np.outer(V, X), 2),
        ("sum(v)", V.sum(), 0),
        ("mean(v)", V.mean(), 0),
        ("sum(W * W)", (W * W).sum(), 0),
        ("mean(W)", W.mean(), 0),
        ("sum(v) * x", V.sum() * X, 1),
        ("logsumexp(v)", np.log(np.exp(V).sum()), 0),
        ("softmax(x)", np.exp(X) / np.exp(X).sum(), 1),
        ("tanh(W)", np.tanh(W), 2),
        ("(1 + v ** 2) ** (-3/2)", (1 + V**2) ** -1.5, 1),
    ],
)
def test_expressions(text: str, right: Any, rank: int) -> None:
    found = value_of(tree_of(text), **GIVEN)
    assert found.rank == rank
    assert relative_error(found.array, right) < 1e-15


@pytest.mark.parametrize(
    "text", ["W @ x", "W.T @ v", "[v, x]", "sum(v) * x", "mean(v) + v", "v[:H]"]
)
def test_expressions_of_copies(text: str, rng: np.random.Generator) -> None:
    """Copies of the vectors alone, of the matrix alone (an axis for the others), of both."""
    vectors = {"v": rng.normal(size=(4, 3)), "x": rng.normal(size=(4, 2))}
    matrices = rng.normal(size=(4, 3, 2))
    node = tree_of(text)
    for lead in ("vectors", "matrix", "both"):
        given = {
            name: (a if lead != "matrix" else a[0], 1) for name, a in vectors.items()
        }  # fmt: skip
        given["W"] = (matrices if lead != "vectors" else matrices[0], 2)
        found = value_of(node, **given).array
        for k in range(4):
            one = {
                name: (a[k] if a.ndim > rank else a, rank) for name, (a, rank) in given.items()
            }  # fmt: skip
            alone = value_of(node, **one).array
            assert relative_error(np.broadcast_to(found, (4, *alone.shape))[k], alone) < 1e-15


def test_a_number_of_each_copy_under_a_matrix() -> None:
    """As many copies as columns: the copies must not be taken for the vector."""
    s = np.array([0.5, -3.0])
    found = value_of(tree_of("W @ s"), W=(W, 2), s=(s, 0))
    assert found.rank == 1
    assert relative_error(found.array, [W @ [n, n] for n in s]) < 1e-15


@pytest.mark.parametrize(
    ("text", "right"),
    [
        ("2", Fraction(2)),
        ("0.1", Fraction(1, 10)),
        ("-3/2", Fraction(-3, 2)),
        ("--2", Fraction(2)),
        ("1 - 2 * 3", Fraction(-5)),
        ("2 ** -2 / 3", Fraction(1, 12)),
        ("(1/2) ** 3", Fraction(1, 8)),
        ("-2 ** 2", Fraction(-4)),
    ],
)
def test_exponents(text: str, right: Fraction) -> None:
    assert constant(tree_of(text)) == right


def test_no_exponent() -> None:
    with pytest.raises(AssertionError, match="the parser lets no such exponent through"):
        constant(tree.Name("v"))


def test_long_chains_need_no_recursion() -> None:
    name: tree.Node = tree.Name("v")
    total, negated, inside = name, name, name
    for _ in range(20_000):
        total = tree.Binary("+", total, name)
        negated = tree.Neg(negated)
        inside = tree.Call("tanh", (inside,))
    assert relative_error(value_of(total, v=(V, 1)).array, 20_001 * V) < 1e-12
    assert np.array_equal(value_of(negated, v=(V, 1)).array, V)
    assert np.isfinite(value_of(inside, v=(V, 1)).array).all()
