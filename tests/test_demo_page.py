"""How the demonstration breaks its lines, and tells its steps."""

import io

import pytest
from rich.console import Console

from gru_sym.algebra.show import wrapped
from gru_sym.demo.page import Page

LONG = "reset : diag((1 - z) * (1 - h_tilde**2) * (U_h @ h + b_hn) * r * (1 - r)) @ U_r"


def test_short_lines_stay() -> None:
    assert wrapped("z_bar = h_bar * z", 40, 8) == ["z_bar = h_bar * z"]


def test_a_sum_breaks_before_a_product() -> None:
    line = "h_bar = h_next_bar * z + U_h.T @ a_h_bar * c"
    assert wrapped(line, 36, 8) == ["h_bar = h_next_bar * z", "        + U_h.T @ a_h_bar * c"]


def test_few_parentheses_are_broken() -> None:
    assert wrapped(LONG, 70, 8) == [
        "reset : diag((1 - z) * (1 - h_tilde**2) * (U_h @ h + b_hn) * r",
        "        * (1 - r)) @ U_r",
    ]


@pytest.mark.parametrize("width", range(1, 90, 7))
def test_nothing_is_lost(width: int) -> None:
    assert " ".join(part.strip() for part in wrapped(LONG, width, 8)) == LONG


@pytest.mark.parametrize("width", [30, 80, 200])
def test_a_step_has_a_number_and_a_time(width: int) -> None:
    out = io.StringIO()
    page = Page(Console(file=out, width=width))
    assert page.step("Add", lambda: 1 + 1) == 2
    page.step("Add more", lambda: None)
    lines = [line for line in out.getvalue().splitlines() if line]
    assert [line[:10].rstrip(" ─") for line in lines] == ["1  Add", "2  Add mor"]
    assert all(line.endswith(" s") and len(line) == min(width, 100) for line in lines)


def test_terminals_get_colours() -> None:
    out = io.StringIO()
    page = Page(Console(file=out, width=80, force_terminal=True, color_system="standard"))
    page.step("Add", lambda: None)
    assert "\x1b[1m" in out.getvalue()
