"""The Jacobian as a sum of paths, with a sentence for each."""

import pytest

from gru_sym import cells, document
from gru_sym.cells import Cell
from gru_sym.derive.bundles import bundled
from tests.latex_tools import section_of

TITLE = "The Jacobian, by path"


def said_of(cell: Cell, notation: str = "chung") -> list[str]:
    return section_of(document(cell, "jacobian", notation), TITLE)[1]


@pytest.mark.parametrize("name", cells.names())
def test_a_sentence_for_each_path(name: str) -> None:
    cell = cells.cell(name)
    shown, said = section_of(document(cell, "jacobian"), TITLE)
    paths = bundled(cell)
    assert len(shown) == len(paths.blocks) + len(paths.bundles)
    sentences = [s for s in said if "reaches unit" in s or ": from " in s or "nothing comes" in s]
    bundles = [path for bundle in paths.bundles.values() for path in bundle]
    assert len(sentences) == len(paths.paths) + len(bundles)


NORM = """
q      = W @ x + U @ h
mu     = mean(q)
v      = mean((q - mu)**2)
n      = tanh((q - mu) / sqrt(v + 1))
h_next = h + n
"""


def test_what_meets_no_gate_is_taken_together() -> None:
    shown, said = section_of(document(Cell.parse(NORM), "jacobian"), TITLE)
    assert "Where ways part and meet again" in said[1]
    norm, block = shown
    assert norm.startswith(r"\frac{\partial a_{n,t}}{\partial q_{t}} &=")
    assert norm.count("&&") == 3
    assert r"\frac{1}{H\,\sqrt{v_{t} + 1}}\,\mathbf{1}\,\mathbf{1}^{\top} && (\mu_{t})" in norm
    assert r"\,\frac{\partial a_{n,t}}{\partial q_{t}}\,U && (q_{t})" in block
    assert "μ".join(said).count("nothing comes by this way") == 1
    assert (
        r"\mu_{t} → v_{t}: nothing comes by this way. It is proved to be zero always"
        in " ".join(said)
    )


def test_the_immediate_derivative_of_a_bundle() -> None:
    shown, said = section_of(document(Cell.parse(NORM)), "Local derivatives")
    assert r"a_{n,t} with respect to q_{t}" in said[0]
    assert r"\frac{\partial^{+} a_{n,t}}{\partial q_{t}}" in " ".join(shown)
    shown, _ = section_of(document(Cell.parse(NORM), "vjp"), "Local derivatives")
    assert r"\frac{\partial a_{n,t}}{\partial q_{t}}" in " ".join(shown)


def test_the_sentences_of_the_gru() -> None:
    said = said_of(cells.gru)
    assert said[1] == "Chain rule, by path, from (8)–(14)."
    assert said[2:6] == [
        "Skip: unit i of h_{t-1} reaches unit i of h_{t} and no other, times 1 - z_{t}. It is "
        "closed where z_{t} = 1.",
        "Update: from h_{t-1} by way of z_{t} to h_{t}, and the units are mixed by U_{z}. It is "
        r"closed where \tilde{h}_{t} = h_{t-1}, z_{t} = 0 or z_{t} = 1.",
        r"Candidate: from h_{t-1} by way of \tilde{h}_{t} to h_{t}, and the units are mixed by "
        r"U_{h}. It is closed where z_{t} = 0, \tilde{h}_{t}^{2} = 1 or r_{t} = 0.",
        r"Reset: from h_{t-1} by way of r_{t} and \tilde{h}_{t} to h_{t}, and the units are mixed "
        r"by U_{h} and U_{r}. It is closed where z_{t} = 0, \tilde{h}_{t}^{2} = 1, h_{t-1} = 0, "
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
