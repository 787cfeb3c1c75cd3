"""A cell and its backpropagation written out entry by entry."""

from dataclasses import replace

import numpy as np
import pytest
import sympy as sp

from gru_sym.cells import Cell, cell
from gru_sym.derive.bptt import bptt
from gru_sym.errors import DataError
from gru_sym.prove.entries import Unrolled, parts

SIZES = {"H": 2, "I": 1}


def symbol(name: str) -> sp.Symbol:
    return sp.Symbol(name, real=True)


h1, h2, x1 = (symbol(name) for name in ("h@0[1]", "h@0[2]", "x@1[1]"))
U11, U12, U21, U22 = (symbol(f"U[{i},{j}]") for i in (1, 2) for j in (1, 2))
W11, W21 = (symbol(f"W[{i},1]") for i in (1, 2))
Ux, Vx = symbol("W[1,3]"), symbol("W[2,3]")
e1, e2 = sp.exp(h1), sp.exp(h2)

# The two entries of h_next after one step.
WRITTEN_OUT: dict[str, tuple[sp.Expr, sp.Expr]] = {
    "U @ h": (U11 * h1 + U12 * h2, U21 * h1 + U22 * h2),
    "U.T @ h": (U11 * h1 + U21 * h2, U12 * h1 + U22 * h2),
    "W @ x - h / 2": (W11 * x1 - h1 / 2, W21 * x1 - h2 / 2),
    "W @ [h, x]": (
        symbol("W[1,1]") * h1 + symbol("W[1,2]") * h2 + Ux * x1,
        symbol("W[2,1]") * h1 + symbol("W[2,2]") * h2 + Vx * x1,
    ),
    "sum(h ** 2) * h": (h1 * (h1**2 + h2**2), h2 * (h1**2 + h2**2)),
    "mean(h) + 0 * h": ((h1 + h2) / 2, (h1 + h2) / 2),
    "h * logsumexp(h)": (h1 * sp.log(e1 + e2), h2 * sp.log(e1 + e2)),
    "softmax(h)": (e1 / (e1 + e2), e2 / (e1 + e2)),
    "sigmoid(h)": (1 / (1 + 1 / e1), 1 / (1 + 1 / e2)),
    "relu(h)": (h1 * sp.Heaviside(h1, 0), h2 * sp.Heaviside(h2, 0)),
    "sqrt(h)": (sp.sqrt(h1), sp.sqrt(h2)),
}


def unrolled(text: str, steps: int = 1, sizes: dict[str, int] = SIZES) -> Unrolled:
    one = Cell.parse(text)
    return Unrolled(one, bptt(one), sizes, steps)


@pytest.mark.parametrize(("text", "entries"), WRITTEN_OUT.items(), ids=WRITTEN_OUT)
def test_operation_is_written_out(text: str, entries: tuple[sp.Expr, sp.Expr]) -> None:
    found = unrolled(f"h_next = {text}")
    (here,) = found.at
    (after,) = found.cell.nexts
    assert [sp.expand(a - b) for a, b in zip(here[after], entries, strict=True)] == [0, 0]
    ups = [symbol(f"h_bar_up@1[{k}]") for k in (1, 2)]
    loss = sum(u * e for u, e in zip(ups, entries, strict=True))
    assert sp.expand(found.loss - loss) == 0


def test_given_symbols_have_time_first() -> None:
    found = unrolled("h_next = tanh(W @ x + U @ h + b)", steps=3)
    assert {name: symbols.shape for name, symbols in found.given.items()} == {
        "W": (2, 1),
        "U": (2, 2),
        "b": (2,),
        "h": (2,),
        "x": (3, 1),
        "h_bar_up": (3, 2),
    }
    assert str(found.given["x"][2, 0]) == "x@3[1]"
    assert str(found.given["h"][1]) == "h@0[2]"
    every = {s for symbols in found.given.values() for s in symbols.flat}
    assert found.loss.free_symbols == every


@pytest.mark.parametrize(
    "text",
    [
        "h_next = W @ x + U @ h",
        "h_next = U @ h + U.T @ (b * h + V @ x)",
        "h_next = (b * d) * h + x",
        "# outputs: y\nh_next = a * h + x\ny = h_next * x",
    ],
)
@pytest.mark.parametrize("steps", [1, 3])
def test_gradient_of_a_polynomial_cell_is_its_derivative(text: str, steps: int) -> None:
    found = unrolled(text, steps)
    gradients = found.gradients()
    for name, entries in gradients.items():
        assert np.shape(found.given[name.removesuffix("_bar")]) == tuple(
            np.max([entry.place for entry in entries], axis=0) + 1
        )
        for entry in entries:
            expected = found.loss.diff(entry.symbol)
            assert sp.expand(expected - entry.derived) == 0


def test_places_of_an_input_have_the_step_in_front() -> None:
    entries = unrolled("h_next = W @ x + h", steps=2, sizes={"H": 1, "I": 2}).gradients()["x_bar"]
    assert [(e.place, str(e.symbol)) for e in entries] == [
        ((0, 0), "x@1[1]"),
        ((0, 1), "x@1[2]"),
        ((1, 0), "x@2[1]"),
        ((1, 1), "x@2[2]"),
    ]


def test_values_are_those_of_every_line_at_every_step() -> None:
    found = unrolled("a = U @ h\nh_next = tanh(a) * x", steps=2)
    lines = len(list(found.cell.program))
    assert len(list(found.values())) == 2 * lines * SIZES["H"]


def test_gradient_that_the_scan_leaves_out_is_named() -> None:
    scan = bptt(cell("rnn"))
    kept = [v for v in scan.after.outputs if v.name != "b_h_bar"]
    short = replace(scan, after=scan.after.computing(kept))
    with pytest.raises(DataError, match="b_h_bar"):
        Unrolled(cell("rnn"), short, SIZES, 1).gradients()


def test_parts_count_what_is_shared_as_often_as_it_stands_there() -> None:
    x, y = sp.symbols("x y")
    assert parts(x) == 1
    assert parts(x + 2 * y) == 5
    assert parts(sp.sin(x + y) + sp.exp(x + y)) == 9
