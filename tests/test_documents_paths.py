"""The Jacobian as a sum of paths, with a sentence for each."""

import pytest

from gru_sym import cells, document, jacobian
from gru_sym.cells import Cell
from tests.latex_tools import section_of

TITLE = "The Jacobian, by path"


def said_of(cell: Cell, notation: str = "chung") -> list[str]:
    return section_of(document(cell, "jacobian", notation), TITLE)[1]


@pytest.mark.parametrize("name", cells.names())
def test_a_sentence_for_each_path(name: str) -> None:
    cell = cells.cell(name)
    shown, said = section_of(document(cell, "jacobian"), TITLE)
    blocks = jacobian(cell).blocks
    assert len(shown) == len(blocks)
    sentences = [s for s in said if "reaches unit" in s or ": from " in s]
    assert len(sentences) == len(jacobian(cell).paths)


def test_the_sentences_of_the_gru() -> None:
    said = said_of(cells.gru)
    assert said[1] == "Chain rule, by path, from (8), (9), (10), (11), (12), (13) and (14)."
    assert said[2:6] == [
        "Skip: unit i of h_{t-1} reaches unit i of h_{t} and no other, times 1 - z_{t}. It is "
        "closed where z_{t} = 1.",
        "Update: from h_{t-1} by way of z_{t} to h_{t}, and the units are mixed by U_{z}. It is "
        r"closed where \tilde{h}_{t} = h_{t-1}, z_{t} = 0 or z_{t} = 1.",
        r"Candidate: from h_{t-1} by way of \tilde{h}_{t} to h_{t}, and the units are mixed by "
        r"U_{h}. It is closed where z_{t} = 0, \tilde{h}_{t}^{2} = 1 or r_{t} = 0.",
        r"Reset: from h_{t-1} by way of r_{t}, \tilde{h}_{t} to h_{t}, and the units are mixed by "
        r"U_{h} and U_{r}. It is closed where z_{t} = 0, \tilde{h}_{t}^{2} = 1, h_{t-1} = 0, "
        "r_{t} = 0 or r_{t} = 1.",
    ]
    assert "in the limit alone" in said[6]


def test_paths_without_a_condition() -> None:
    shown, said = section_of(document(Cell.parse("h_next = h + U @ h"), "jacobian"), TITLE)
    assert "Skip: unit i of h_{t-1} reaches unit i of h_{t} and no other, unchanged." in said
    assert "Direct: from h_{t-1} to h_{t}, and the units are mixed by U." in said
    assert not any("in the limit" in words for words in said)
    assert len(shown) == 1


def test_a_negative_path_says_so() -> None:
    said = said_of(Cell.parse("z = sigmoid(W @ x)\nh_next = 2 * x - z * h"))
    assert "times -z_{t}. It is closed where z_{t} = 0." in said[2]


def test_blocks_of_zeros() -> None:
    shown, said = section_of(
        document(Cell.parse("h_next = tanh(W @ x)\nc_next = c"), "jacobian"), TITLE
    )
    assert [line.endswith("&= 0") for line in shown] == [True, True, True, False]
    assert said.count("No equation leads from the one to the other.") == 3


def test_the_notation_reaches_the_sentences() -> None:
    assert "and the units are mixed by W_{R,z}" in " ".join(said_of(cells.gru, "lecture"))
