"""What stands below a figure: nothing overlaps, nothing is lost."""

import pytest

from gru_sym.latex.legend import (
    COLOURS,
    DASHES,
    FORWARD,
    SAMPLE,
    footer,
    width_of_latex,
    width_of_text,
)


def test_looks_differ() -> None:
    assert len(set(COLOURS)) == len(COLOURS)
    assert len(set(DASHES)) == len(DASHES) >= len(COLOURS)


@pytest.mark.parametrize(
    ("narrow", "wide"),
    [
        ("h", "h_{t}"),
        ("h_{t}", "h_{t-1}"),
        (r"\tilde{h}_{t}", r"\tilde{h}_{1,t}"),
        ("z", r"\mathrm{gate}"),
        (r"\partial h", r"\partial h_{t} / \partial h_{t-1}"),
    ],
)
def test_longer_symbols_are_wider(narrow: str, wide: str) -> None:
    assert 0 < width_of_latex(narrow) < width_of_latex(wide)


def test_accents_take_no_room_and_stray_braces_do_no_harm() -> None:
    assert width_of_latex(r"\tilde{h}") == width_of_latex("h")
    assert width_of_latex("}h}{") == width_of_latex("h")


@pytest.mark.parametrize("count", [1, 3, 4, 9, 25])
@pytest.mark.parametrize("room", [2.0, 8.0, 15.0])
def test_entries_do_not_overlap(count: int, room: float) -> None:
    texts = [f"path {k}" * (1 + k % 3) for k in range(count)]
    below = footer([("h_{t}", text) for text in texts], "", room)
    assert len(below.spots) == count + 1  # the forward pass comes first
    assert len(set(below.spots)) == count + 1
    spans = [
        (y, x, x + SAMPLE + 0.85 * 0.35 * width_of_text(text))
        for (x, y), text in zip(below.spots, [FORWARD, *texts], strict=True)
    ]
    for k, (y, left, right) in enumerate(spans):
        assert 0 < y < below.size[1]
        for other, before, behind in spans[:k]:
            assert y != other or right <= before or behind <= left


def test_a_note_is_wrapped_and_whole() -> None:
    note = "The 25 paths are drawn in 4 families. " * 4
    below = footer([("", "skip")], note.strip(), 9.0)
    assert " ".join(below.lines) == note.strip()
    assert len(below.lines) == len(below.baselines) > 1
    assert below.baselines[-1] < below.size[1]
    assert list(below.baselines) == sorted(below.baselines)


def test_nothing_takes_no_room() -> None:
    assert footer([], "", 15).size == (0, 0)
