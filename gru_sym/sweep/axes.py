"""axes: what a study goes over, one table; and how a list, a range or a distribution is read."""

import math
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, Literal, NoReturn, TypeAlias

from gru_sym.cells.naming import did_you_mean
from gru_sym.errors import Place, StudyError
from gru_sym.sweep.places import Path

__all__ = ["AXES", "Axis", "Distribution", "Source", "Value", "Values", "number"]

Value: TypeAlias = str | int | float
Kind: TypeAlias = Literal["name", "whole", "real"]

MOST_VALUES = 1_000_000
"""Values of one axis, and trials of one study."""


@dataclass(frozen=True)
class Axis:
    """One axis of a study.

    Attributes:
        name: its key under ``[axes]``, and the name of the dimension of the results.
        kind: of what its values are: names, whole numbers or real ones.
        units: of its values; empty for names.
        about: what it is, in a few words.
        default: its values where a study has none; empty: a study has to have some.
        low: the least value.
        high: the largest.
    """

    name: str
    kind: Kind
    units: str
    about: str
    default: tuple[Value, ...] = ()
    low: float = 0
    high: float = math.inf


AXES: Mapping[str, Axis] = MappingProxyType(
    {
        axis.name: axis
        for axis in (
            Axis("cell", "name", "", "recurrent cell"),
            Axis("size", "whole", "1", "entries of each state, H", (32,), 1, 4096),
            Axis("T", "whole", "steps", "length of the sequence", (100,), 1, 10**7),
            Axis("initialisation", "name", "", "how parameters are drawn", ("torch",)),
            Axis("gain", "real", "1", "factor on the recurrent matrices", (1.0,), 0, 1e6),
            Axis("bias", "real", "1", "added to the skip's gate, to keep", (0.0,), -1e6, 1e6),
            Axis("task", "name", "", "what is learned", ("none",)),
            Axis("paths", "name", "", "which paths the gradient may take", ("all",)),
            Axis("seed", "whole", "1", "of parameters and inputs", (0,), 0, 2**63 - 1),
            Axis("measurement", "name", "", "what is measured"),
        )
    }
)
"""The axes in the order in which a grid goes over them, the last the fastest."""


@dataclass(frozen=True)
class Distribution:
    """Numbers between two ends, which are drawn; of whole numbers both ends belong to it.

    Attributes:
        kind: ``uniform``, or ``log_uniform``: the logarithm is uniform.
        low: the lower end.
        high: the upper end.
        whole: whether whole numbers are drawn.
    """

    kind: str
    low: float
    high: float
    whole: bool

    def at(self, u: float) -> Value:
        """The value at the quantile ``u``, from 0 up to, but not, 1.

        >>> Distribution("uniform", 1, 3, True).at(0.99)
        3
        >>> Distribution("log_uniform", 0.25, 4.0, False).at(0.5)
        1.0
        """
        low, high = self.low, self.high
        if self.kind == "log_uniform":
            # Of whole numbers each has its share of the logarithm's range: [n, n + 1).
            value = low * math.exp(u * math.log((high + self.whole) / low))
            return min(max(math.floor(value), int(low)), int(high)) if self.whole else value
        if self.whole:
            # In whole numbers throughout: 2**63 values are more than a float can count.
            first, count = int(low), int(high) - int(low) + 1
            return first + int(u * 2**53) * count // 2**53
        return low + u * (high - low)

    def to_json(self) -> dict[str, Any]:
        """As it stands in a study."""
        return {self.kind: [self.low, self.high]}


Values: TypeAlias = tuple[Value, ...] | Distribution


@dataclass(frozen=True)
class Source:
    """The text of a study, and where its keys stand in it.

    Attributes:
        text: the text.
        places: path → place.
    """

    text: str = field(repr=False)
    places: Mapping[Path, Place] = field(repr=False)

    def error(self, path: Path, message: str, mend: str = "") -> StudyError:
        """An error at a key, or at the nearest one above it that stands in the text."""
        while path and path not in self.places:
            path = path[:-1]
        place = self.places.get(path, Place(1, 1))
        return StudyError(message, mend=mend, place=place, source=self.text)

    def check_keys(self, table: Any, path: Path, known: Any) -> Mapping[str, Any]:
        """The table itself, all of whose keys are known.

        Raises:
            StudyError: it is no table, or has another key.
        """
        where = ".".join(map(str, path))
        if not isinstance(table, dict):
            raise self.error(path, f"{where} is {shown(table)}, and not a table", f"[{where}]")
        for key in table:
            if key not in known:
                hint = did_you_mean(key, known)
                raise self.error(
                    (*path, key),
                    f"there is no key `{key:.60}`" + (f" in {where}" if where else ""),
                    f"{hint} The keys are {', '.join(known)}".lstrip(),
                )
        return table

    def axis(self, axis: Axis, given: Any, *, drawn: bool) -> Values:
        """The values of an axis.

        Args:
            axis: which.
            given: a list; ``{ from = 0, count = 5 }``; a distribution.
            drawn: whether it may be a distribution.

        Raises:
            StudyError: it is empty, has a value twice, or one that it cannot have.
        """
        path: Path = ("axes", axis.name)
        if isinstance(given, dict):
            return self._described(axis, given, path, drawn=drawn)
        if not isinstance(given, list):
            raise self.error(
                path,
                f"{axis.name} is {shown(given)}, and an axis is a list of values",
                f"{axis.name} = [{shown(given)}]" if isinstance(given, str | int | float) else "",
            )
        if not given:
            raise self.error(
                path,
                f"the axis {axis.name} is empty",
                "give it a value" + (", or leave it out" if axis.default else ""),
            )
        values = tuple(self._value(axis, each, (*path, k)) for k, each in enumerate(given))
        if len(set(values)) < len(values):
            twice = Counter(values).most_common(1)[0][0]
            last = len(values) - 1 - values[::-1].index(twice)
            raise self.error((*path, last), f"{axis.name} has {shown(twice)} twice", "take one off")
        return values

    def _described(self, axis: Axis, given: dict[str, Any], path: Path, *, drawn: bool) -> Values:
        if axis.kind == "name":
            self._refuse(path, axis, "a list of names", f'{axis.name} = ["…"]')
        if {"from", "count"} & given.keys():
            return self._range(axis, given, path)
        self.check_keys(given, path, ("uniform", "log_uniform", "from", "count"))
        if len(given) != 1:
            self._refuse(path, axis, "one distribution", f"{axis.name} = {{ uniform = [1, 2] }}")
        ((kind, ends),) = given.items()
        if not drawn:
            raise self.error(
                path,
                f"{axis.name} is a distribution, and a grid goes over lists",
                'give a list, or ask for design = "random"',
            )
        if not isinstance(ends, list) or len(ends) != 2:
            self._refuse((*path, kind), axis, "two numbers", f"{kind} = [low, high]")
        low, high = (self._value(axis, end, (*path, kind, k)) for k, end in enumerate(ends))
        assert not isinstance(low, str)
        assert not isinstance(high, str)
        if not low < high:
            self._refuse((*path, kind), axis, "two numbers, the lower first", f"{kind} = [1, 2]")
        if kind == "log_uniform" and not low > 0:
            self._refuse((*path, kind), axis, "two numbers above 0", "use uniform")
        return Distribution(kind, low, high, axis.kind == "whole")

    def _range(self, axis: Axis, given: dict[str, Any], path: Path) -> tuple[int, ...]:
        self.check_keys(given, path, ("from", "count"))
        if axis.kind != "whole" or len(given) != 2:
            mend = f"{axis.name} = {{ from = 0, count = 5 }}, for whole numbers"
            self._refuse(path, axis, "a range with both `from` and `count`", mend)
        first = self._value(axis, given["from"], (*path, "from"))
        count = number(self, given["count"], (*path, "count"), whole=True, low=1, high=MOST_VALUES)
        assert isinstance(first, int)
        assert isinstance(count, int)
        self._value(axis, first + count - 1, path)
        return tuple(range(first, first + count))

    def _value(self, axis: Axis, value: Any, path: Path) -> Value:
        if axis.kind != "name":
            whole = axis.kind == "whole"
            return number(self, value, path, whole=whole, low=axis.low, high=axis.high)
        if not isinstance(value, str) or not value.strip():
            self._refuse(path, axis, "a list of names", f'{axis.name} = ["…"]')
        return str(value)

    def _refuse(self, path: Path, axis: Axis, wanted: str, mend: str) -> NoReturn:
        raise self.error(path, f"{axis.name} has to be {wanted}", mend)


def number(
    source: Source, value: Any, path: Path, *, whole: bool, low: float, high: float
) -> int | float:
    """A number between two ends.

    Raises:
        StudyError: it is none, or beyond them.
    """
    kind = "a whole number" if whole else "a number"
    where = ".".join(str(key) for key in path if isinstance(key, str))
    ends = (int(low), int(high)) if whole else (f"{low:g}", f"{high:g}")
    wanted = f"give {kind} from {ends[0]} to {ends[1]}"
    if isinstance(value, bool) or not isinstance(value, int if whole else int | float):
        raise source.error(path, f"{where} is {shown(value)}, and has to be {kind}", wanted)
    if not low <= value <= high:  # of which NaN is neither
        raise source.error(path, f"{where} is {shown(value)}, beyond what it can be", wanted)
    return value if whole else float(value) + 0.0  # there is no -0.0


def shown(value: Any) -> str:
    """A value as a study would have it, not longer than a line.

    >>> shown("gru"), shown(1.5), shown(True), shown(10**100)
    ('"gru"', '1.5', 'true', 'a number of 101 digits')
    """
    match value:
        case bool():
            return str(value).lower()
        case str():
            return f'"{value:.60}"'
        case int() if abs(value) >= 10**30:
            return f"a number of {math.floor(math.log10(abs(value))) + 1} digits"
        case int() | float():
            return str(value)
        case dict():
            return "a table"
        case list():
            return "a list"
        case _:
            return f"{value!s:.60}"
