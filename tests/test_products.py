"""Paths of a Jacobian as products, in columns and in rows."""

from collections.abc import Callable

import pytest

from gru_sym import cells, jacobian
from gru_sym.algebra.tree import Number
from gru_sym.cells import Cell
from gru_sym.derive.paths import Path, terms_of
from gru_sym.derive.products import block_head, block_rows, factors, label, product
from gru_sym.latex.notation import NOTATIONS, Notation
from gru_sym.latex.printer import printer_of

ROWS = Notation("rows", vectors="row")


def written(cell: Cell, notation: Notation) -> list[str]:
    """The right sides of all blocks."""
    printer = printer_of(cell, notation)
    blocks = jacobian(cell).blocks
    return [row.right for key in blocks for row in block_rows(key, blocks[key], printer)]


GRU = {
    "chung": [
        r"\operatorname{diag}(1 - z_{t})",
        r"+ \operatorname{diag}((\tilde{h}_{t} - h_{t-1}) \odot z_{t} \odot (1 - z_{t}))\,U_{z}",
        r"+ \operatorname{diag}(z_{t} \odot (1 - \tilde{h}_{t}^{2}))\,U_{h}"
        r"\,\operatorname{diag}(r_{t})",
    ],
    "rows": [
        r"\operatorname{diag}(1 - z_{t})",
        r"+ U_{z}\,\operatorname{diag}((\tilde{h}_{t} - h_{t-1}) \odot z_{t} \odot (1 - z_{t}))",
        r"+ \operatorname{diag}(r_{t})\,U_{h}"
        r"\,\operatorname{diag}(z_{t} \odot (1 - \tilde{h}_{t}^{2}))",
    ],
}


def test_columns_and_rows() -> None:
    assert written(cells.gru, NOTATIONS["chung"])[:3] == GRU["chung"]
    assert written(cells.gru, ROWS)[:3] == GRU["rows"]


KINDS = {
    # text: columns, rows
    "h_next = W @ x + c\nc_next = -c + 0 * h": (
        ["0", r"\mathbf{I}", "0", r"-\mathbf{I}"],
        ["0", r"\mathbf{I}", "0", r"-\mathbf{I}"],
    ),
    "# params: s()\nh_next = s * h + W @ x": ([r"s\,\mathbf{I}"], [r"s\,\mathbf{I}"]),
    "h_next = W @ x + sum(h) * c\nc_next = 0 * c": (
        [r"c_{t-1}\,\mathbf{1}^{\top}", r"\operatorname{sum}(h_{t-1})\,\mathbf{I}", "0", "0"],
        [r"\mathbf{1}^{\top}\,c_{t-1}", r"\operatorname{sum}(h_{t-1})\,\mathbf{I}", "0", "0"],
    ),
    "h_next = tanh(W @ [h, x])": (
        [r"\operatorname{diag}(1 - h_{t}^{2})\,W_{[{:},\,{:}H]}"],
        [r"W_{[{:}H]}\,\operatorname{diag}(1 - h_{t}^{2})"],
    ),
}


@pytest.mark.parametrize("text", KINDS)
def test_each_kind_of_factor(check_latex: Callable[[str], None], text: str) -> None:
    cell = Cell.parse(text)
    for notation, shown in zip((NOTATIONS["chung"], ROWS), KINDS[text], strict=True):
        found = written(cell, notation)
        assert found == shown
        for formula in found:
            check_latex(formula)


@pytest.mark.parametrize("name", cells.names())
def test_rows_have_the_factors_in_reverse_order(name: str) -> None:
    """As many factors, and each matrix at the place that is its own from the other end."""
    cell = cells.cell(name)
    columns, rows = (printer_of(cell, notation) for notation in (NOTATIONS["chung"], ROWS))
    for paths in jacobian(cell).blocks.values():
        for term in terms_of(paths, columns.presenter):
            down, across = factors(term, columns), factors(term, rows)
            front = [f for f in term.factors if f.kind == "scalar"]
            down, across = down[len(front) :], across[len(front) :]
            assert len(down) == len(across) == len(term.factors) - len(front)
            for one, other in zip(down, reversed(across), strict=True):
                if one.startswith(r"\operatorname{diag}") and "U" not in one:
                    assert one == other


def test_heads_and_labels() -> None:
    key = next(iter(jacobian(cells.lstm).blocks))
    printer = printer_of(cells.lstm, "chung")
    assert block_head(key, printer) == r"\frac{\partial h_{t}}{\partial h_{t-1}}"
    assert label(Path("skip", (), ()), printer) == r"\text{(skip)}"
    assert label(Path("a_b → reset", (), ()), printer) == r"(\text{a\_b} \to \text{reset})"
    assert (
        label(Path("c_next → my gate", ("c_next",), ()), printer) == r"(c_{t} \to \text{my gate})"
    )
    rows = block_rows(key, (), printer)
    assert [row.right for row in rows] == ["0"]
    rows = block_rows(key, jacobian(cells.lstm).blocks[key], printer)
    assert [bool(row.left) for row in rows] == [True] + [False] * (len(rows) - 1)
    assert all(row.remark for row in rows)


def test_a_path_of_numbers() -> None:
    """What multiplies a state that is a number has no identity matrix."""
    cell = Cell.parse("# shapes: n()\nh_next = tanh(W @ x + U @ h) * n\nn_next = 2 * n")
    printer = printer_of(cell, "chung")
    paths = jacobian(cell)["n_next", "n"]
    (term,) = terms_of(paths, printer.presenter)
    assert product(term, printer, is_array=False) == "2"
    assert all(isinstance(f.content, Number) for f in term.factors)
