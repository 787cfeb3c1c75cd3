"""Every error that a user can meet: the object, the place (line, column) and the mend.

Two kinds are kept apart: *you are wrong* (the text or the data breaks a rule of the language) and
*we do not support it* (:class:`UnsupportedError`).
"""

from dataclasses import dataclass

__all__ = [
    "CellSyntaxError",
    "DataError",
    "GruSymError",
    "LimitError",
    "MissingLibraryError",
    "NamingError",
    "Place",
    "ShapeError",
    "StructureError",
    "StudyError",
    "TextError",
    "UnsupportedError",
    "WeightsError",
]

_LONGEST_LINE_SHOWN = 120


@dataclass(frozen=True, slots=True)
class Place:
    """Where something stands in a text.

    Attributes:
        line: the line, counted from 1.
        column: the column, counted from 1.
    """

    line: int
    column: int


class GruSymError(Exception):
    """Base of every error that this package raises on purpose.

    Attributes:
        message: what is wrong, with the object and the place.
        mend: what to do about it.
    """

    def __init__(self, message: str, *, mend: str = "") -> None:
        self.message = message
        self.mend = mend
        super().__init__(message)

    def __str__(self) -> str:
        return f"{self.message}\n  mend: {self.mend}" if self.mend else self.message


class TextError(GruSymError):
    """Something is wrong at one place of a text; shown with a caret under the place.

    Attributes:
        message: what is wrong.
        mend: what to do about it.
        place: where it is; None where it is the text as a whole.
        source: the text.
    """

    def __init__(
        self, message: str, *, mend: str = "", place: Place | None = None, source: str = ""
    ) -> None:
        self.place = place
        self.source = source
        super().__init__(message, mend=mend)

    @property
    def line(self) -> int | None:
        """The line of the place, counted from 1."""
        return self.place.line if self.place else None

    @property
    def column(self) -> int | None:
        """The column of the place, counted from 1."""
        return self.place.column if self.place else None

    def __str__(self) -> str:
        if self.place is None:
            return super().__str__()
        parts = [f"line {self.place.line}, column {self.place.column}: {self.message}"]
        parts += _excerpt(self.source, self.place)
        if self.mend:
            parts.append(f"  mend: {self.mend}")
        return "\n".join(parts)


class CellSyntaxError(TextError):
    """The text does not follow the grammar."""


class NamingError(TextError):
    """A name is undefined, reserved, assigned twice or used before it is defined."""


class ShapeError(TextError):
    """Two uses disagree about a shape."""


class StructureError(TextError):
    """The equations are well formed, but are not a cell (or not a derivation of this cell)."""


class StudyError(TextError):
    """A study's design is not what it can be: an unknown key, an empty axis, an absurd size."""


class LimitError(TextError):
    """The text is longer, deeper or larger than what is accepted."""


class UnsupportedError(TextError):
    """The text is meaningful, but outside of what this package handles."""


class DataError(GruSymError):
    """Arrays that are missing, of a wrong shape, of a wrong type or not finite."""


class WeightsError(GruSymError):
    """A checkpoint that is not what it should be."""


class MissingLibraryError(GruSymError):
    """An optional library is needed and absent; the mend is the line that installs it."""


def _excerpt(source: str, place: Place) -> list[str]:
    lines = source.splitlines()
    if not 1 <= place.line <= len(lines):
        return []
    text = lines[place.line - 1].replace("\t", " ")
    text = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in text)
    column = place.column - 1
    start = max(0, column - _LONGEST_LINE_SHOWN // 2)
    shown = text[start : start + _LONGEST_LINE_SHOWN]
    return [f"    {shown}", "    " + " " * (column - start) + "^"]
