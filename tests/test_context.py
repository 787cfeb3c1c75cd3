"""What every part of a document needs: numbers, symbols, and words in a row."""

import pytest

from gru_sym import cells
from gru_sym.algebra.lines import Row, width
from gru_sym.documents.context import WIDE, Context, joined
from gru_sym.latex.blocks import Math, Ref
from gru_sym.latex.notation import NOTATIONS
from gru_sym.latex.printer import printer_of


def context(name: str = "gru", notation: str = "chung") -> Context:
    cell = cells.cell(name)
    return Context(cell, NOTATIONS[notation], printer_of(cell, notation))


def test_formulas_are_numbered_as_they_are_asked_for() -> None:
    made = context()
    first = made.formula(("a",), [Row("x", "1")], "A rule.")
    second = made.formula(("b", 2), [Row("y", "x")], ("From ", made.ref(("a",)), "."))
    assert (first.number, second.number) == (1, 2)
    assert first.reason == ("A rule.",)
    assert second.reason == ("From ", Ref(1), ".")
    assert made.ref(("b", 2)) == Ref(2)
    with pytest.raises(KeyError):
        made.ref(("c",))


def test_a_formula_fits_the_page() -> None:
    wide = context().formula(("a",), [Row("x", " + ".join(["W_{z}\\,x_{t}"] * 30))], "")
    assert len(wide.latex.splitlines()) > 3
    assert all(width(line) <= WIDE for line in wide.latex.splitlines())


def test_symbols_and_the_product_are_the_notations() -> None:
    made = context("gru", "lecture")
    assert made.product == r"\circ"
    assert made.symbol(made.cell.program.variable("W_z")) == Math("W_{F,z}")
    assert context().symbol(cells.gru.states[0]) == Math("h_{t-1}")


@pytest.mark.parametrize(
    ("items", "shown"),
    [
        ([], ()),
        (["a"], ("a",)),
        (["a", "b"], ("a", " and ", "b")),
        (["a", Math("b"), ("c", "d")], ("a", ", ", Math("b"), " and ", "c", "d")),
    ],
)
def test_items_in_a_row(items: list[object], shown: tuple[object, ...]) -> None:
    assert joined(items) == shown  # type: ignore[arg-type]
    assert " or " in joined(["a", "b"], last=" or ")
