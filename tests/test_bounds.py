"""The product of Jacobians, and what bounds its norm."""

import numpy as np
import pytest

from gru_sym import cells, compile, document
from gru_sym.cells import Cell
from gru_sym.documents import bounds
from gru_sym.latex.notation import Notation
from tests.latex_tools import section_of

TITLE = "The product of Jacobians"


def shown(cell: Cell, notation: str | Notation = "chung") -> list[str]:
    return section_of(document(cell, "jacobian", notation), TITLE)[0]


def said(cell: Cell) -> str:
    return " ".join(section_of(document(cell, "jacobian"), TITLE)[1])


def test_columns_multiply_from_the_left_and_rows_from_the_right() -> None:
    assert r"&= J_{T} \cdots J_{2}\,J_{1}, \quad J_{t} =" in shown(cells.rnn)[0]
    assert r"&= J_{1}\,J_{2} \cdots J_{T}" in shown(cells.rnn, Notation("r", vectors="row"))[0]


BOUNDS = {
    "h_next = tanh(W @ x + U @ h)": [
        r"\lVert 1 - h_{t}^{2} \rVert_{\infty}\,\lVert U \rVert_{2}",
        r"\lVert U \rVert_{2}",
    ],
    "h_next = sigmoid(W @ x + U @ h)": [
        r"\lVert h_{t} \odot (1 - h_{t}) \rVert_{\infty}\,\lVert U \rVert_{2}",
        r"0.25\,\lVert U \rVert_{2}",
    ],
    "h_next = relu(W @ x + U @ h)": [
        r"\lVert \operatorname{step}(a_{h,t}) \rVert_{\infty}\,\lVert U \rVert_{2}",
        r"\lVert U \rVert_{2}",
    ],
    "h_next = -3 * h + x": ["3"],
    "h_next = h + x": ["1"],
    "h_next = sum(h) * x / 2": [
        r"0.5\,\lVert x_{t} \rVert_{2}\,\sqrt{H}",
    ],
    "h_next = sum(h + [x, x]) * b": [
        r"\lVert b \rVert_{2}\,\sqrt{H + H}",
    ],
    "h_next = mean(V @ h) * x": [
        r"\frac{1}{D_{V}}\,\lVert x_{t} \rVert_{2}\,\sqrt{D_{V}}\,\lVert V \rVert_{2}",
    ],
    "h_next = exp(h)": [r"\lVert h_{t} \rVert_{\infty}"],
}


@pytest.mark.parametrize("text", BOUNDS)
def test_norms(text: str) -> None:
    line = shown(Cell.parse(text))[2].replace("a_{h',t}", "a_{h,t}")
    assert [part.strip().removesuffix("{}").strip() for part in line.split(r"&\le")[1:]] == BOUNDS[
        text
    ]


def test_the_bound_of_the_gru_holds(rng: np.random.Generator) -> None:
    """The last line of the formula, as it stands in the document, beside the norms of Jacobians."""
    u_z, u_r, u_h = (rf"\lVert U_{{{gate}}} \rVert_{{2}}" for gate in "zrh")
    assert shown(cells.gru)[2].endswith(
        rf"1 + 0.25\,\lVert \tilde{{h}}_{{t}} - h_{{t-1}} \rVert_{{\infty}}\,{u_z} + {u_h} "
        rf"+ 0.25\,{u_h}\,\lVert h_{{t-1}} \rVert_{{\infty}}\,{u_r}"
    )
    run = compile(cells.gru)
    shapes = {"W": (4, 2), "U": (4, 4), "b": (4,)}
    params = {f"{k}_{g}": rng.normal(size=s) for k, s in shapes.items() for g in "zrh"}
    trajectory, _ = run.gradients(params, rng.normal(size=(30, 5, 2)), h0=rng.normal(size=(5, 4)))
    z, r, h = (np.linalg.norm(params[f"U_{g}"], 2) for g in "zrh")
    for jacobians, olds in zip(run.jacobians(trajectory)[1:], trajectory.hs, strict=False):
        for jacobian, old in zip(jacobians, olds, strict=True):
            largest = np.abs(old).max()
            most = 1 + 0.25 * (1 + largest) * z + h + 0.25 * h * largest * r
            assert np.linalg.norm(jacobian, 2) <= most


def test_what_it_means() -> None:
    assert "the gradient vanishes at least as fast as c^{T}" in said(cells.gru)
    assert "What the skip path alone carries" in said(cells.gru)
    assert "there is no skip path" in said(cells.rnn)
    assert "c^{T}" not in said(cells.lstm)  # of a block alone that would be false


def test_several_states_are_one_vector() -> None:
    assert r"\mathbf{s}_{t} = (h_{t},\, c_{t})" in said(cells.lstm)
    assert r"\frac{\partial \mathbf{s}_{T}}{\partial \mathbf{s}_{0}}" in shown(cells.lstm)[0]


def test_a_block_of_many_paths_has_words_instead(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounds, "_MOST_PATHS", 3)
    assert len(shown(cells.gru)) == 2
    assert "the sum of the norms of its 4 paths" in said(cells.gru)
    assert "c^{T}" not in said(cells.gru)
