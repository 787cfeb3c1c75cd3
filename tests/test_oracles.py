"""The table of oracles, and what the command line knows of it without loading it."""

import pytest

from gru_sym.cli import verify as command
from gru_sym.errors import UnsupportedError
from gru_sym.verification.oracles import ORACLES, oracles_of
from gru_sym.verification.regimes import REGIMES


def test_the_command_line_knows_the_same_names() -> None:
    assert list(command.HEADINGS) == list(ORACLES)
    assert list(command.REGIMES) == list(REGIMES)


def test_headings_fit_a_narrow_table() -> None:
    assert all(len(heading) <= 8 for heading in command.HEADINGS.values())
    assert len(set(command.HEADINGS.values())) == len(command.HEADINGS)


def test_each_row_is_of_one_kind() -> None:
    for name, row in ORACLES.items():
        assert row.name == name
        assert sum(each is not None for each in (row.truth, row.identity, row.derived)) == 1
        assert row.words
        if row.exact or row.scalar:
            assert row.truth is not None
        if row.tolerance is not None:
            assert row.derived is not None


def test_rows_by_name() -> None:
    assert oracles_of(None) == list(ORACLES.values())
    assert [row.name for row in oracles_of(["arb", "hand", "arb"])] == ["arb", "hand"]
    assert oracles_of([]) == []


@pytest.mark.parametrize(
    ("name", "hint"), [("tourch", "did you mean `torch`"), ("x", "The oracles are hand, ")]
)
def test_unknown_names(name: str, hint: str) -> None:
    with pytest.raises(UnsupportedError, match=f"there is no oracle {name}") as caught:
        oracles_of(["hand", name])
    assert hint in caught.value.mend
    assert "taylor" in caught.value.mend
