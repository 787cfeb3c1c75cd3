"""Rows of formulas: their width, and where they are broken."""

import pytest

from gru_sym.algebra.lines import Row, aligned, width
from gru_sym.algebra.typeset import Style, typeset
from tests.test_typeset import value


def lines_of(text: str, wide: float = 80) -> list[str]:
    return aligned([Row("x", typeset(value(text), Style()))], wide).splitlines()[1:-1]


def test_long_lines_break_at_a_sign() -> None:
    lines = lines_of(" + ".join(["W_z.T @ a_z_bar"] * 20))
    assert lines[0].startswith("x &= W")
    assert all(line.startswith(r"&\quad + W") for line in lines[1:])
    assert max(width(line) for line in lines) < 80
    assert sum(line.count(r"\bar{a}_{z}") for line in lines) == 20


def test_long_products_break_before_a_factor() -> None:
    lines = lines_of(" * ".join(["alpha_bar"] * 40))
    assert all(line.startswith(r"&\quad \odot") for line in lines[1:])
    lines = lines_of("outer(" + " * ".join("abcdefghik" * 2) + ", " + " * ".join("pqrs" * 3) + ")")
    assert lines[1].startswith(r"&\quad \cdot (p")


def test_fewest_parentheses_are_broken() -> None:
    lines = lines_of("(" + " + ".join("abcdefghijklmnop") + ") * z + u * v", 66)
    assert lines[-1].startswith(r"&\quad + u")
    lines = lines_of("W @ (" + " + ".join("abcdefghij" * 4) + ")", 60)
    assert all(line.startswith(r"&\quad + ") for line in lines[1:])


def test_norms_are_broken_last() -> None:
    norm = r"\lVert a \odot b \odot c \odot d \odot e \odot f \rVert_{2}"
    lines = aligned([Row("x", rf"{norm}\,{norm}")], 38).splitlines()[1:-1]
    assert lines[1] == rf"&\quad \cdot {norm}"


def test_what_cannot_be_broken_stays() -> None:
    assert len(lines_of("sqrt(" + " + ".join("abcdefghij" * 4) + ")", 60)) == 1


def test_rows() -> None:
    shown = aligned([Row("x", "1"), Row("then"), Row("", "+ 1", "note")])
    assert shown.splitlines()[1:-1] == [r"x &= 1 \\", r"& then \\", r"&\quad + 1 && note"]


def test_long_remarks_stand_below() -> None:
    """All of them, where one is long."""
    remark = r"\text{from here to there and on}"
    shown = aligned([Row("x", "1", "short"), Row("", "+ a", remark), Row("", "+ b")])
    assert shown.splitlines()[1:-1] == [
        r"x &= 1 \\",
        r"&\quad\quad short \\",
        r"&\quad + a \\",
        rf"&\quad\quad {remark} \\",
        r"&\quad + b",
    ]


@pytest.mark.parametrize(
    ("latex", "letters"),
    [
        (r"a + b", 4.5),
        (r"\frac{a + b}{c}", 5.1),
        (r"x_{t}^{2}", 1.73),
        (r"x_{t-1}", 3.409),
        (r"\bar{\tilde{h}}", 1.0),
        (r"W_{z}\,x", 4.08),
        (r"\operatorname{diag}(v)", 6.7),
    ],
)
def test_width(latex: str, letters: float) -> None:
    assert width(latex) == pytest.approx(letters)
