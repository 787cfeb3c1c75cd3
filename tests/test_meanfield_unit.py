"""A cell at one unit of an infinitely wide network."""

import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.errors import UnsupportedError
from gru_sym.flow.meanfield.unit import Average, Leaf, Line, Unit, unit_of


def leaves(unit: Unit) -> dict[str, tuple[object, str]]:
    return {
        item.symbol.name: (item.matrix, str(item.argument))
        for item in unit.items
        if isinstance(item, Leaf)
    }


def routes(unit: Unit) -> list[tuple[str, list[str], list[str]]]:
    return [
        (r.name, [name for name, _ in r.matrices], [str(d) for d in r.diagonals])
        for found in unit.routes.values()
        for r in found
    ]


@pytest.mark.parametrize("name", cells.names())
def test_every_cell(name: str) -> None:
    """Lines stand in order, and paths begin and end with a diagonal."""
    unit = unit_of(cells.cell(name))
    lines = [item.symbol for item in unit.items if isinstance(item, Line)]
    assert set(unit.nexts) <= set(lines)
    known = {*unit.cell.states, *unit.cell.inputs, *unit.cell.params}
    for item in unit.items:
        inside = item.argument if isinstance(item, Leaf) else item.expr
        assert inside.free_symbols <= known
        known.add(item.symbol)
    for _, matrices, diagonals in routes(unit):
        assert len(diagonals) == len(matrices) + 1


def test_gru() -> None:
    unit = unit_of(cells.gru)
    assert ("U_h", (0, 1)) in {m for m, _ in leaves(unit).values()}
    assert {a for _, a in leaves(unit).values()} == {"h", "x", "h*r"}
    assert routes(unit) == [
        ("skip", [], ["1 - z"]),
        ("update", ["U_z"], ["z*(1 - z)*(-h + h_tilde)", "1"]),
        ("candidate", ["U_h"], ["z*(1 - h_tilde**2)", "r"]),
        ("reset", ["U_h", "U_r"], ["z*(1 - h_tilde**2)", "h*r*(1 - r)", "1"]),
    ]


def test_a_joined_vector_is_two_products() -> None:
    found = leaves(unit_of(Cell.parse("v = [h, x]\nq = tanh(v)\nh_next = W @ q")))
    assert sorted(found.values()) == [(("W", (0, 1)), "tanh(h)"), (("W", (1, 2)), "tanh(x)")]


def test_the_same_product_is_one_symbol_and_numbers_are_taken_out() -> None:
    unit = unit_of(Cell.parse("h_next = tanh(U @ h) * sigmoid(2 * (U @ h) + U @ (r * h) + b)"))
    assert {a for _, a in leaves(unit).values()} == {"h", "h*r"}


def test_a_layer_norm_has_averages_and_no_path_by_them() -> None:
    unit = unit_of(cells.gru_layernorm)
    assert sum(isinstance(item, Average) for item in unit.items) == 6
    assert [name for name, _, _ in routes(unit)] == ["skip", "update", "candidate", "reset"]


def test_sums_of_matrices_are_several_routes() -> None:
    unit = unit_of(Cell.parse("# params: A(H, H)\nD = A + 2 * U\nh_next = tanh(D @ h + U @ h)"))
    assert sorted(m for _, m, _ in routes(unit)) == [["A"], ["U"], ["U"]]


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("h_next = softmax(U @ h)", "`softmax` joins units"),
        ("h_next = tanh(U @ h) + logsumexp(h)", "`logsumexp` joins units"),
        ("h_next = tanh(U @ h + sum(h))", "grows with the number of units"),
        ("h_next = tanh(U.T @ tanh(U @ h))", "`U` acts together with its transpose"),
        ("h_next = tanh(U @ h) + mean([h, x])", "joins units that are not alike"),
        ("v = [h, x]\nq = V @ v\nh_next = tanh(U @ v + U @ (q * q))", "in parts"),
    ],
)
def test_without_a_limit(text: str, why: str) -> None:
    with pytest.raises(UnsupportedError) as caught:
        unit_of(Cell.parse(text))
    assert why in str(caught.value)


def test_a_mask_is_no_parameter() -> None:
    with pytest.raises(UnsupportedError, match="no parameter, and no sum of parameters"):
        unit_of(Cell.parse("# params: M(H, H)\nh_next = tanh((M * U) @ h)"))
