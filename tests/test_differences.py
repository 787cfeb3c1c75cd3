"""The check of modules that take real arrays alone: it sees what is wrong."""

import contextlib
import io

import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.codegen.backends.table import module_source
from tests.plain_numba import interpreted
from tests.test_compile import every_cell


def checked(source: str) -> list[str]:
    """The lines that ``check()`` prints."""
    out = io.StringIO()
    with contextlib.redirect_stdout(out):
        interpreted(source)["check"]()
    return out.getvalue().splitlines()


SOME = ("gru_reset_after", "lstm", "rnn_relu")


@pytest.mark.parametrize("name", SOME)
def test_right_gradients_pass(name: str) -> None:
    cell = cells.cell(name)
    lines = checked(module_source(cell, "numba"))
    names = [f"{v.name}_bar" for v in (*cell.params, *cell.inputs, *cell.states)]
    assert [line.split()[0] for line in lines] == names
    assert max(float(line.split()[-1]) for line in lines) < 1e-9


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("b_z_bar[j] += a_z_bar", "b_z_bar[j] += a_z_bar * 1.00001"),
        ("h_bar_row[j] = h_next_bar", "h_bar_row[j] = 0.9999 * h_next_bar"),
        ("dh_next_da_r_row[j] = ", "dh_next_da_r_row[j] = 1.0001 * "),
        ("rows(deltas)[:, H:].T", "rows(deltas)[:, : 3 * H].T"),
    ],
)
def test_wrong_gradients_do_not(right: str, wrong: str) -> None:
    source = module_source(cells.gru_reset_after, "numba")
    assert right in source
    with pytest.raises(AssertionError, match="is wrong"):
        checked(source.replace(right, wrong))


@pytest.mark.slow
@every_cell
def test_every_cell_passes(cell: Cell) -> None:
    assert len(checked(module_source(cell, "numba"))) == len(
        (*cell.params, *cell.inputs, *cell.states)
    )
