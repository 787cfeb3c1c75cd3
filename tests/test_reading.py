"""Expressions as texts for prove_equal: what names stand for, and what is refused."""

import pytest

from gru_sym import cells, prove_equal
from gru_sym.errors import CellSyntaxError, GruSymError, NamingError, ShapeError
from gru_sym.prove.reading import read_pair


@pytest.mark.parametrize(
    ("p", "q", "verdict"),
    [
        ("sigmoid(-a)", "1 - sigmoid(a)", "proved"),
        ("W.T @ (u + v)", "W.T @ u + W.T @ v", "proved"),
        ("[U, W] @ [h, x]", "U @ h + W @ x", "proved"),
        ("outer(u, v) @ w", "u * sum(v * w)", "proved"),
        ("mean(u - mean(u))", "0", "proved"),
        ("W @ (u * v)", "(W @ u) * v", "refuted"),
        ("tanh(a)", "2 * sigmoid(a) - 1", "refuted"),
    ],
)
def test_free_names(p: str, q: str, verdict: str) -> None:
    assert prove_equal(p, q).verdict == verdict


@pytest.mark.parametrize("name", cells.names())
def test_names_of_a_cell(name: str) -> None:
    """Each input's cotangent is itself, and not one more than itself."""
    cell = getattr(cells, name)
    bar = f"{cell.inputs[0].name}_bar"
    assert prove_equal(bar, f"{bar} * 1 + 0", cell).verdict == "proved"
    assert prove_equal(bar, f"{bar} + 1", cell).verdict == "refuted"


def test_sizes_and_definitions_of_a_cell() -> None:
    left, right, shape, definitions = read_pair("z", "sigmoid(a_z) + 0 * H", cells.gru)
    assert shape == (("H",),)
    assert {d.name for d in definitions} >= {"z", "a_z", "W_z_bar"}
    assert left != right
    assert prove_equal("z", "sigmoid(a_z) + 0 * H", cells.gru).verdict == "proved"


@pytest.mark.parametrize(
    ("p", "q", "error", "word"),
    [
        ("a +", "b", CellSyntaxError, "expression"),
        ("W @ a", "sum(a) @ a", GruSymError, "@"),
        ("W @ a", "W", ShapeError, "left side"),
        ("sum(a) / H", "mean(a)", NamingError, "size"),
        ("__import__('os')", "a", GruSymError, "__import__"),
    ],
)
def test_refused(p: str, q: str, error: type[GruSymError], word: str) -> None:
    with pytest.raises(error, match=word):
        prove_equal(p, q)


def test_unknown_name_of_a_cell() -> None:
    with pytest.raises(NamingError, match="zz"):
        prove_equal("zz", "z", cells.gru)


def test_a_text_beside_an_expression() -> None:
    with pytest.raises(TypeError, match="two texts"):
        prove_equal("a", cells.gru.states[0])
