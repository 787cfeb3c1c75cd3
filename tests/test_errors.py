"""Every error names the object, the place and the mend."""

import pytest

from gru_sym import errors
from gru_sym.errors import DataError, GruSymError, Place, TextError, UnsupportedError

CLASSES = [getattr(errors, name) for name in errors.__all__ if name.endswith("Error")]
TEXT = [c for c in CLASSES if issubclass(c, TextError)]
SOURCE = "z = a\nh_next = \tz + q\n"


@pytest.mark.parametrize("kind", CLASSES)
def test_all_are_caught_as_one(kind: type[GruSymError]) -> None:
    error = kind("the thing is wrong", mend="mend it")
    assert isinstance(error, GruSymError)
    assert str(error) == "the thing is wrong\n  mend: mend it"
    assert str(kind("the thing is wrong")) == error.message == "the thing is wrong"


@pytest.mark.parametrize("kind", TEXT)
def test_the_caret_stands_under_the_place(kind: type[TextError]) -> None:
    error = kind("unknown", mend="define it", place=Place(2, 15), source=SOURCE)
    assert (error.line, error.column) == (2, 15)
    head, shown, caret, mend = str(error).splitlines()
    assert head == "line 2, column 15: unknown"
    assert shown[caret.index("^")] == "q"
    assert mend == "  mend: define it"


def test_without_a_place_there_is_no_line() -> None:
    error = TextError("too long")
    assert (error.line, error.column) == (None, None)
    assert str(error) == "too long"


@pytest.mark.parametrize("place", [Place(9, 1), Place(0, 1)])
def test_a_place_outside_of_the_text_shows_no_line(place: Place) -> None:
    assert "^" not in str(TextError("end", place=place, source=SOURCE))


def test_a_long_line_is_shown_around_the_place() -> None:
    source = "(" * 5_000 + "q" + ")" * 5_000
    _, shown, caret = str(TextError("here", place=Place(1, 5_001), source=source)).splitlines()
    assert len(shown) < 130
    assert shown[caret.index("^")] == "q"


def test_what_cannot_be_printed_is_replaced() -> None:
    text = str(TextError("bad", place=Place(1, 3), source="a\x1b\0b"))
    assert all(c.isprintable() or c == "\n" for c in text)


def test_wrong_and_unsupported_are_two_classes() -> None:
    wrong = {errors.CellSyntaxError, errors.NamingError, errors.ShapeError, errors.StructureError}
    assert not any(issubclass(kind, UnsupportedError) for kind in wrong)
    assert not issubclass(DataError, TextError)
