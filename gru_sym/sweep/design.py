"""design: a study, read from TOML, checked as a whole before anything runs."""

import math
import os
import re
import tomllib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import product
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from gru_sym.cells import builtin
from gru_sym.cells.equations import Cell
from gru_sym.cells.naming import did_you_mean
from gru_sym.errors import DataError, GruSymError, Place, StudyError, TextError
from gru_sym.flow.initial.draw import SCHEMES
from gru_sym.notebook import ShownAsText
from gru_sym.sweep.axes import AXES, Distribution, Source, Value, Values, number, shown
from gru_sym.sweep.lessons import LEARNS, check_lessons, lessons_of
from gru_sym.sweep.measurements import MEASUREMENTS
from gru_sym.sweep.places import places
from gru_sym.sweep.trial import Trial

__all__ = ["DESIGNS", "MOST_TRIALS", "Study"]

DESIGNS = ("grid", "random")

MOST_TRIALS = 1_000_000
MOST_CHARACTERS = 100_000
MOST_ENTRIES = 2**27
"""Steps times entries of a state: 1 GiB in float64."""

_PER_TRIAL = 100
"""Draws for each trial, at most, of which the first that is new counts."""
_KEYS = ("title", "design", "trials", "seed", "axes", "inputs", "learning")
_OF_RANDOM = ("trials", "seed")
_WORD = r"""\s*([\w.-]+|"[^"]*"|'[^']*')\s*"""
_KEY, _HEADER = re.compile(f"{_WORD}="), re.compile(rf"\s*\[+{_WORD}\]")
_TWICE = re.compile(r"Cannot overwrite a value|Cannot declare .* twice")
_WHERE = re.compile(r" \(at (?:line (\d+), column (\d+)|end of document)\)$")


@dataclass(frozen=True, repr=False)
class Study(ShownAsText):
    """A study: which trials there are. Made by :meth:`load` or :meth:`parse`.

    Attributes:
        title: what it is about.
        design: ``grid``, all combinations of the axes' values; or ``random``, some that are drawn.
        axes: axis → its values, or the distribution that they are drawn from.
        equations: cell, as the study calls it → its text.
        variance: of the white Gaussian inputs.
        inputs: entries of each input, I; None where they are H.
        learning: how it is learned, names and values as JSON.
        draws: how many points are drawn at random; 0 for a grid.
        seed: of what is drawn at random.
        text: the study as it was written.
    """

    title: str
    design: str
    axes: Mapping[str, Values]
    equations: Mapping[str, str]
    variance: float = 1.0
    inputs: int | None = None
    learning: str = ""
    draws: int = 0
    seed: int = 0
    text: str = ""

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Study":
        """Read a study; the files of its cells are looked for beside it.

        Args:
            path: a TOML file, in UTF-8.

        Raises:
            DataError: the file cannot be read.
            StudyError: the study is not what it can be, with the line.
        """
        path = Path(path)
        try:
            with path.open("rb") as file:
                content = file.read(4 * MOST_CHARACTERS + 1)
        except (OSError, ValueError) as error:
            raise DataError(
                f"cannot read the study {path}: {getattr(error, 'strerror', None) or error}",
                mend="give the path of a TOML file",
            ) from error
        try:
            text = content.decode("utf-8-sig")
        except UnicodeDecodeError as error:
            good = content[: error.start].decode("utf-8")
            raise StudyError(
                f"the byte 0x{content[error.start]:02x} is not UTF-8",
                mend="save the study as UTF-8",
                place=Place(good.count("\n") + 1, len(good) - good.rfind("\n")),
                source=good,
            ) from None
        return cls.parse(text, folder=path.parent, title=path.stem)

    @classmethod
    def parse(
        cls, text: str, *, folder: str | os.PathLike[str] = ".", title: str = "study"
    ) -> "Study":
        """Make a study of a text.

        Args:
            text: TOML.
            folder: where the files of its cells lie.
            title: for a study that has none of its own.

        Raises:
            StudyError: it is not what it can be, with the line.
        """
        source, table = _read(text)
        source.check_keys(table, (), _KEYS)
        design = _text(source, table, "design", "grid")
        if design not in DESIGNS:
            hint = did_you_mean(design, DESIGNS)
            raise source.error(
                ("design",), f"there is no design `{design:.60}`", f"{hint} grid or random".lstrip()
            )
        drawn = design == "random"
        for key in _OF_RANDOM:
            if key in table and not drawn:
                raise source.error(
                    (key,), f"`{key}` belongs to a random design", 'ask for design = "random"'
                )
        axes = _axes(source, table, drawn=drawn)
        equations = _equations(source, axes, Path(folder))
        listed = {name: _tuple(axes[name]) for name in ("task", "paths", "measurement")}
        check_lessons(source, table, listed, equations)
        study = cls(
            title=_text(source, table, "title", title),
            design=design,
            axes=MappingProxyType(axes),
            equations=MappingProxyType(equations),
            **_inputs(source, table),
            learning=lessons_of(source, table),
            draws=_whole(source, table, "trials", 1, MOST_TRIALS) if drawn else 0,
            seed=_whole(source, table, "seed", 0, 2**63 - 1) if "seed" in table else 0,
            text=text,
        )
        _check_amount(source, study)
        return study

    def __len__(self) -> int:
        """How many trials there are."""
        measured = len(self._listed("measurement"))
        if self.design == "random":
            return self.draws * measured
        return math.prod(len(self._listed(name)) for name in AXES)

    def __str__(self) -> str:
        """How many trials there are, and of how many values, in a line."""
        design = "a grid" if self.design == "grid" else "a random design"
        trials = "1 trial" if len(self) == 1 else f"{len(self):,} trials"
        lengths = f" ({self.lengths})" if self.lengths else ""
        return f"{self.title}: {design} of {trials}{lengths}"

    @property
    def lengths(self) -> str:
        """How long each axis is, in words, but those of one value."""
        return " · ".join(
            f"{len(values):,} {name}" if isinstance(values, tuple) else f"{name} {values.kind}"
            for name, values in self.axes.items()
            if isinstance(values, Distribution) or len(values) > 1
        )

    def trials(self) -> Iterator[Trial]:
        """All trials, in an order that is always the same.

        Of a random design more draws begin with the same ones. Each point that is drawn is
        measured in all ways that are listed.
        """
        for point in self._points():
            values: dict[str, Any] = dict(zip(AXES, point, strict=True))
            yield Trial(
                **values,
                equations=self.equations[values["cell"]],
                variance=self.variance,
                inputs=self.inputs,
                learning=self.learning if values["measurement"] == LEARNS else "",
            )

    def _points(self) -> Iterator[tuple[Value, ...]]:
        if self.design == "grid":
            yield from product(*(self._listed(name) for name in AXES))
            return
        for point in self._drawn():
            for measurement in self._listed("measurement"):
                yield (*point, measurement)

    def _drawn(self) -> Iterator[tuple[Value, ...]]:
        """The points of a random design, without the measurement; none of them twice."""
        rng = np.random.default_rng(self.seed)
        axes = [self.axes[name] for name in AXES if name != "measurement"]
        seen: set[tuple[Value, ...]] = set()
        for _ in range(_PER_TRIAL * self.draws):
            # One number for each axis, so that the other axes keep theirs where one is changed.
            point = tuple(map(_at, axes, rng.random(len(axes)).tolist()))
            if point not in seen:
                seen.add(point)
                yield point
                if len(seen) == self.draws:
                    return

    def _listed(self, name: str) -> tuple[Value, ...]:
        return _tuple(self.axes[name])


def _tuple(values: Values) -> tuple[Value, ...]:
    """The values of an axis that is not drawn from a distribution."""
    return () if isinstance(values, Distribution) else values


def _at(values: Values, u: float) -> Value:
    return values.at(u) if isinstance(values, Distribution) else values[int(u * len(values))]


def _read(text: str) -> tuple[Source, dict[str, Any]]:
    """The text with the places of its keys, and what it says."""
    if len(text) > MOST_CHARACTERS:
        raise StudyError(
            f"a study has {MOST_CHARACTERS} characters at most",
            mend="write long lists of whole numbers as { from = 0, count = 1000 }",
        )
    try:
        table = tomllib.loads(text)
        return Source(text, places(text)), table
    except tomllib.TOMLDecodeError as error:
        where = _WHERE.search(str(error))
        lines = text.splitlines() or [""]
        place = Place(len(lines), len(lines[-1]) + 1)
        if where and where[1]:
            place = Place(int(where[1]), int(where[2]))
        said = _WHERE.sub("", str(error))
        mend = 'write lines such as `size = [32, 64]` and `cell = ["gru"]`'
        if _TWICE.fullmatch(said):
            said, place = _twice(lines, place)
            mend = "take one of them off"
        raise StudyError(
            f"this is not TOML: {said[:1].lower()}{said[1:]}",
            mend=mend,
            place=place,
            source=text,
        ) from None
    except (ValueError, RecursionError) as error:
        what = "it is nested too deeply" if isinstance(error, RecursionError) else str(error)
        raise StudyError(f"this is no study: {what:.200}", mend="see the page on sweeps") from None


def _twice(lines: list[str], place: Place) -> tuple[str, Place]:
    """What is there twice: the last key before the place, which is that of its value's end."""
    line = place.line
    key = _HEADER.match(lines[line - 1])
    while key is None and line:
        key = _KEY.match(lines[line - 1])
        line -= key is None
    if key is None:
        return "a key is there twice", place
    return f"there is a second `{key[1]:.60}`", Place(line, key.start(1) + 1)


def _text(source: Source, table: Mapping[str, Any], key: str, default: str) -> str:
    value = table.get(key, default)
    if not isinstance(value, str) or len(value) > 200 or not value.isprintable():
        raise source.error(
            (key,), f"{key} is {shown(value)}, and has to be a line of text", f'{key} = "…"'
        )
    return value


def _whole(source: Source, table: Mapping[str, Any], key: str, low: int, high: int) -> int:
    if key not in table:
        raise source.error(("design",), f"a random design needs `{key}`", f"{key} = 200")
    return int(number(source, table[key], (key,), whole=True, low=low, high=high))


def _inputs(source: Source, table: Mapping[str, Any]) -> dict[str, Any]:
    given = source.check_keys(table.get("inputs", {}), ("inputs",), ("variance", "size"))
    found: dict[str, Any] = {}
    if "variance" in given:
        path = ("inputs", "variance")
        found["variance"] = number(source, given[path[1]], path, whole=False, low=0, high=1e12)
    if "size" in given:
        low, high = AXES["size"].low, AXES["size"].high
        path = ("inputs", "size")
        found["inputs"] = number(source, given[path[1]], path, whole=True, low=low, high=high)
    return found


def _axes(source: Source, table: Mapping[str, Any], *, drawn: bool) -> dict[str, Values]:
    given = source.check_keys(table.get("axes", {}), ("axes",), tuple(AXES))
    axes = {}
    for axis in AXES.values():
        if axis.name in given:
            axes[axis.name] = source.axis(axis, given[axis.name], drawn=drawn)
        elif axis.default:
            axes[axis.name] = axis.default
        else:
            raise source.error(
                ("axes",), f"the study has no `{axis.name}`", f'[axes]  {axis.name} = ["…"]'
            )
    for name, known in (("measurement", MEASUREMENTS), ("initialisation", SCHEMES)):
        for k, value in enumerate(map(str, _tuple(axes[name]))):
            if value not in known:
                hint = did_you_mean(value, known)
                raise source.error(
                    ("axes", name, k),
                    f"there is no {name} `{value:.60}`",
                    f"{hint} There are {', '.join(known)}".lstrip(),
                )
    return axes


def _equations(source: Source, axes: Mapping[str, Values], folder: Path) -> dict[str, str]:
    """The text of each cell: built in, or in a file."""
    found = {}
    for k, name in enumerate(map(str, _tuple(axes["cell"]))):
        path = ("axes", "cell", k)
        if name in builtin.names():
            found[name] = builtin.cell(name).text
            continue
        try:
            there = (folder / name).is_file()
        except (OSError, ValueError):  # too long for a path, or with a NUL character
            there = False
        if not there:
            hint = did_you_mean(name, builtin.names())
            raise source.error(
                path,
                f"there is no built-in cell and no file `{name:.80}`",
                f"{hint} The built-in cells are {', '.join(builtin.names())}".lstrip(),
            )
        try:
            found[name] = Cell.load(folder / name).text
        except GruSymError as error:
            place = error.place if isinstance(error, TextError) else None
            where = f"{name:.80}, line {place.line}, column {place.column}: " if place else ""
            raise source.error(path, f"{where}{error.message}", error.mend) from error
    return found


def _check_amount(source: Source, study: Study) -> None:
    """Raise where there is too much to do, or less than is asked for."""
    if len(study) > MOST_TRIALS:
        path = ("axes",) if study.design == "grid" else ("trials",)
        raise source.error(
            path,
            f"the study has {len(study):,} trials ({study.lengths}), "
            f"and {MOST_TRIALS:,} are the most",
            'take shorter axes, or draw some with design = "random"',
        )
    sizes, lengths = (_largest(study.axes[name]) for name in ("size", "T"))
    if sizes * lengths > MOST_ENTRIES:
        raise source.error(
            ("axes", "T"),
            f"{lengths:,} steps of {sizes:,} entries are {sizes * lengths:,} numbers a sequence, "
            f"and {MOST_ENTRIES:,} are the most",
            "take fewer steps, or smaller states",
        )
    if study.design == "random":
        there = sum(1 for _ in study._drawn())
        if there < study.draws:
            raise source.error(
                ("trials",),
                f"{study.draws:,} different points are asked for, and the axes have {there:,}",
                'ask for fewer, or for design = "grid", which takes all',
            )


def _largest(values: Values) -> int:
    return int(values.high if isinstance(values, Distribution) else max(map(int, values)))
