"""Statements are plain data."""

import dataclasses

import pytest

from gru_sym.algebra.expr import Var
from gru_sym.codegen.backends.numba_statements import Block, Line, Product, View, read_by

H = (("H",),)


def test_a_line_is_elementwise_or_a_function_of_a_row() -> None:
    x, y = Var("x", H), Var("y", H)
    assert not Line(y, 2 * x).calls
    assert not Line(y, x, "add").calls
    assert all(Line(y, x, kind).calls for kind in ("softmax", "total", "logsumexp"))


def test_they_do_not_change() -> None:
    x, y, matrix = Var("x", H), Var("y", H), Var("U", (("H",), ("H",)))
    for statement in (Block((Line(y, x),), "step"), Product(y, x, matrix, "all", adds=True)):
        with pytest.raises(dataclasses.FrozenInstanceError):
            statement.rows = "once"  # type: ignore[misc]
    assert View(y, 0, 1).axis == -1


def test_a_line_reads_what_other_lines_write() -> None:
    x, y, z, part = (Var(name, H) for name in ("x", "y", "z", "part"))

    def producers(var: Var) -> set[Var]:
        return {x, y} if var == part else {var}

    assert read_by(Line(z, part + x), producers) == {x, y}
    assert read_by(Line(z, z * part), producers) == {x, y, z}
