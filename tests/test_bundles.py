"""What lies between two variables and meets no gate is one factor of a path."""

import numpy as np
import pytest
import sympy as sp

from gru_sym import cells
from gru_sym.algebra.nodes import Total as sum_of
from gru_sym.algebra.rules import apply
from gru_sym.cells import Cell
from gru_sym.derive.bundles import bundled, diagonals
from gru_sym.derive.jacobian import Jacobian, jacobian
from gru_sym.derive.paths import Path
from gru_sym.documents.evidence import prove_paths

NORM = "mu = mean(q)\nv = mean((q - mu)**2)\nn = (q - mu) / sqrt(v + 1)\n"
FOUND = {
    "a norm of the product": ("q = U @ h + W @ x\n" + NORM + "h_next = tanh(n)", {("n", "q")}),
    "a norm of the state": ("q = h\n" + NORM + "h_next = x + n * h", {("n", "q")}),
    "two norms, one in the other": (
        "q = U @ h\n" + NORM + "m = n - mean(n)\nh_next = tanh(m + x)",
        {("n", "q"), ("m", "n")},
    ),
    "in one line": ("q = U @ h\nh_next = tanh((q - mean(q)) * x)", {("a_h_next", "q")}),
}
NONE = {
    "another way in": "q = U @ h\nmu = mean(q) + mean(h)\nn = q - mu\nh_next = tanh(n + x)",
    "a matrix within": "m = U @ h\nn = m - mean(m) + V @ m\nh_next = tanh(n + x)",
    "gates between": "z = sigmoid(U @ h)\nr = tanh(V @ h)\nh_next = z * r",
    "the state and the next state alone": "q = 2 * h\nh_next = q + mean(h) * x",
    "another way out": "q = U @ h\nmu = mean(q)\nn = q - mu\nh_next = n * sigmoid(mu * x)",
    "a part with a role": "# roles: mu = gate\nq = U @ h\nmu = mean(q)\nn = q - mu\n"
    "h_next = tanh(n + x)",
}


@pytest.mark.parametrize("what", FOUND)
def test_bundles_are_found(what: str) -> None:
    text, expected = FOUND[what]
    made = bundled(Cell.parse(text))
    assert {(of.name, by.name) for of, by in made.bundles} == expected
    used = {f.parts for p in made.paths for f in p.factors if f.kind == "bundle"}
    assert used == set(made.bundles)
    assert len(made.paths) < len(jacobian(made.cell).paths)


@pytest.mark.parametrize("what", NONE)
def test_ways_that_are_told_one_by_one(what: str) -> None:
    made = bundled(Cell.parse(NONE[what]))
    assert made.bundles == {}
    assert made == jacobian(made.cell)


@pytest.mark.parametrize("what", FOUND)
def test_they_add_up(what: str) -> None:
    assert prove_paths(bundled(Cell.parse(FOUND[what][0]))).verdict == "proved"


@pytest.mark.parametrize("name", cells.names())
def test_only_a_norm_of_the_built_in_cells_has_them(name: str) -> None:
    made = bundled(cells.cell(name))
    assert bool(made.bundles) == (name == "gru_layernorm")
    assert made.bundles or made == jacobian(made.cell)


def test_a_way_that_is_missing_in_a_bundle_is_noticed() -> None:
    made = bundled(Cell.parse(FOUND["a norm of the product"][0]))
    ((ends, paths),) = made.bundles.items()
    live = [path for path in paths if path.name != "mu → v"]
    for path in live:
        kept: tuple[Path, ...] = tuple(each for each in paths if each != path)
        wrong = Jacobian(made.cell, made.blocks, {ends: kept})
        assert prove_paths(wrong).verdict == "refuted", path.name


def test_many_definitions_take_no_time() -> None:
    lines = ["n0 = U @ h"]
    for k in range(300):
        lines.append(f"m{k} = mean(n{k})\nn{k + 1} = n{k} - m{k} + b{k}")
    made = bundled(Cell.parse("\n".join([*lines, "h_next = tanh(n300)"])))
    assert len(made.bundles) == 300
    assert len(made.paths) == 1
    assert np.all([len(paths) == 2 for paths in made.bundles.values()])


def test_what_goes_straight_within_a_bundle() -> None:
    text = "# params: p(H)\nq = 2 * h\nn = q / sqrt(1 + sum(q**2)) + p * q\nh_next = tanh(n) * x"
    made = bundled(Cell.parse(text))
    ((_, paths),) = made.blocks.items()
    (carried,) = (way for path in paths for way in diagonals(made, path))
    q, p, x, h_next = (made.cell.program.variable(name) for name in ("q", "p", "x", "n"))
    slope = 1 / sp.sqrt(1 + sum_of(q**2, q.shape)) + p
    expected = 2 * slope * x * (1 - apply("tanh", h_next) ** 2)
    assert sp.expand(sp.Mul(*carried) - expected) == 0
    assert not list(diagonals(bundled(cells.rnn), bundled(cells.rnn).paths[0]))
