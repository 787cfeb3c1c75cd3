"""How the paths of a Jacobian are written."""

import pytest

from gru_sym import Cell, cells, jacobian
from gru_sym.algebra.program import presenter_for
from gru_sym.derive.paths import show_term, terms_of


def bare(text: str) -> list[str]:
    return [" ".join(line.split()) for line in text.splitlines()]


def test_a_jacobian_prints_as_a_sum_of_named_paths() -> None:
    assert bare(str(jacobian(cells.gru))) == [
        "dh_next/dh = diag(1 - z) [skip]",
        "+ diag((h_tilde - h) * z * (1 - z)) @ U_z [update]",
        "+ diag(z * (1 - h_tilde**2)) @ U_h @ diag(r) [candidate]",
        "+ diag(z * (1 - h_tilde**2)) @ U_h @ diag(h * r * (1 - r)) @ U_r [reset]",
    ]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("h_next = h", ["dh_next/dh = identity [skip]"]),
        ("h_next = -h", ["dh_next/dh = -identity [skip]"]),
        ("h_next = 2 * h", ["dh_next/dh = 2 * identity [skip]"]),
        ("h_next = W @ x", ["dh_next/dh = 0"]),
        ("h_next = U @ h", ["dh_next/dh = U [direct]"]),
        ("h_next = mean(h) + W @ x", ["dh_next/dh = 1 / H * outer(1, 1) [direct]"]),
        (
            "h_next = sum(h) * h",
            ["dh_next/dh = sum(h) * identity [skip]", "+ outer(h, 1) [direct]"],
        ),
        ("h_next = U @ [h, x]", ["dh_next/dh = U[:, :H] [direct]"]),
    ],
)
def test_kinds_of_factors(text: str, shown: list[str]) -> None:
    assert bare(str(jacobian(Cell.parse(text)))) == shown


def test_a_block_for_each_pair_of_states() -> None:
    found = jacobian(cells.lstm)
    assert [(a.name, s.name) for a, s in found.blocks] == [
        ("h_next", "h"),
        ("h_next", "c"),
        ("c_next", "h"),
        ("c_next", "c"),
    ]
    assert [path.name for path in found["c_next", "c"]] == ["skip"]
    assert found["c_next", "c"][0].is_diagonal
    with pytest.raises(KeyError):
        found["c_next", "x"]


def test_the_sign_stands_apart_from_the_product() -> None:
    cell = Cell.parse("h_next = -(U @ h) * tanh(h)")
    paths = jacobian(cell)["h_next", "h"]
    terms = list(terms_of(paths, presenter_for(cell.program)))
    assert [term.negative for term in terms] == [True, True]
    assert not any(show_term(term).startswith("-") for term in terms)
