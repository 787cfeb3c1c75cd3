"""results: what a study has found so far, read from its store: as an xarray, or as rows."""

import json
import os
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_sym.cells.naming import did_you_mean
from gru_sym.codegen.functions import Array
from gru_sym.errors import DataError
from gru_sym.notebook import ShownAsText
from gru_sym.sweep.axes import AXES, Value
from gru_sym.sweep.pools import library
from gru_sym.sweep.rows import Quantity
from gru_sym.sweep.store import DONE, FAILED, Counts, Failure, Record, reading_from

if TYPE_CHECKING:
    import xarray

__all__ = ["Results"]

SELDOM = ("task", "paths")
"""Axes that results have a dimension for only where a study goes over them."""

MOST_SHOWN = 20
"""Values of an axis that an error tells of."""

TRIAL = "trial"
"""The dimension of a random design: one point after the other."""


@dataclass(frozen=True, eq=False, repr=False)
class Results(ShownAsText):
    """The outcomes of a study, those that there are. Made by :meth:`load`.

    Attributes:
        title: the study's.
        design: ``grid`` or ``random``.
        records: the study's trials in order, with their outcomes.
        quantities: name → what it is.
        provenance: what else made the numbers, in plain types: the study's text, the cells'
            equations, versions, seed; nothing about the host.
    """

    title: str
    design: str
    records: tuple[Record, ...] = field(repr=False)
    quantities: Mapping[str, Quantity]
    provenance: Mapping[str, Any]

    @classmethod
    def load(cls, path: str | os.PathLike[str]) -> "Results":
        """Read a store, also while a sweep writes to it.

        Args:
            path: the store.

        Raises:
            DataError: there is none, it is damaged, of another version or another kind of file.
        """
        with reading_from(Path(path)) as store:
            meta, records = store.contents()
        if not records:
            raise DataError(f"{path} has no study yet", mend="run gru-sym sweep")
        versions = json.loads(meta["versions"])
        return cls(
            title=meta["title"],
            design=meta["design"],
            records=records,
            quantities={
                name: Quantity.of(plain) for name, plain in json.loads(meta["quantities"]).items()
            },
            provenance={
                "study": meta["study"],
                "design_seed": int(meta["seed"]),
                "cells": json.loads(meta["cells"]),
                "inputs": json.loads(meta["inputs"]),
                "versions": versions,
            },
        )

    @property
    def counts(self) -> Counts:
        """How many trials the study has, are done, and failed."""
        states = [record.status for record in self.records]
        return Counts(len(states), states.count(DONE), states.count(FAILED))

    @property
    def failures(self) -> tuple[Failure, ...]:
        """The trials that failed, by their errors."""
        alike: dict[str, list[Record]] = {}
        for record in self.records:
            if record.status == FAILED:
                alike.setdefault(record.error, []).append(record)
        return tuple(Failure(e, len(found), found[0].point) for e, found in alike.items())

    def values(self, quantity: str) -> Iterator[tuple[Mapping[str, Value], Array]]:
        """Each point at which a quantity was found, and its values there."""
        for record in self.records:
            if quantity in record.values:
                yield record.point, record.values[quantity]

    def only(self, /, **wanted: Value | Iterable[Value]) -> "Results":
        """The results of some trials: ``results.only(cell="gru", size=[8, 16])``.

        Args:
            wanted: axis → its value, or several of which each will do; as text, too: "8".

        Raises:
            DataError: there is no such axis, or no trial has such a value, or all of them.
        """
        records = self.records
        for axis, given in wanted.items():
            if axis not in AXES:
                hint = did_you_mean(axis, AXES)
                raise DataError(
                    f"there is no axis `{axis:.60}`",
                    mend=f"{hint} The axes are {', '.join(AXES)}".lstrip(),
                )
            there = tuple(dict.fromkeys(record.point[axis] for record in self.records))
            several = (
                given if isinstance(given, Iterable) and not isinstance(given, str) else [given]
            )
            values = {value for each in several for value in _meant(axis, each, there)}
            records = tuple(record for record in records if record.point[axis] in values)
        if not records:
            raise DataError("no trial has all of these values", mend="choose fewer, or others")
        return replace(self, records=records)

    def to_xarray(self) -> "xarray.Dataset":
        """All quantities as variables with named dimensions and units.

        A grid has the dimensions cell, size, T, initialisation, gain, bias and seed, and task and
        paths where it goes over them; a random design has one, trial, with these as coordinates. A
        quantity that is no number has its own
        dimensions besides, such as lag. What was not found (yet), and what is beyond the end of a
        shorter array, is NaN. The attributes have the provenance, and how many trials are done.

        Raises:
            MissingLibraryError: xarray is not installed.
        """
        xarray = library("xarray", "data", "an array with named dimensions")
        dims, coordinates, places = self._placed()
        shape = tuple(len(coordinates[dim][1]) for dim in dims)
        if self.design != "grid":
            del coordinates[TRIAL]
        lengths = self._lengths()
        variables = {}
        for name, quantity in self.quantities.items():
            own = [dimension.name for dimension in quantity.dimensions]
            array = np.full((*shape, *(lengths[dim] for dim in own)), np.nan)
            for place, record in zip(places, self.records, strict=True):
                if name in record.values:
                    found = record.values[name]
                    where: tuple[int | slice, ...] = (*place, *map(slice, found.shape))
                    array[where] = found
            about = {"units": quantity.units, "long_name": quantity.about}
            variables[name] = ((*dims, *own), array, about)
            for dimension in quantity.dimensions:
                numbers = dimension.first + np.arange(lengths[dimension.name])
                about = {"units": dimension.units, "long_name": dimension.about}
                coordinates[dimension.name] = (dimension.name, numbers, about)
        return xarray.Dataset(variables, coordinates, self._attributes())

    def to_table(self) -> list[dict[str, Any]]:
        """A row for each number that was found, and one for each trial that failed.

        The columns are the axes, ``quantity``, ``units``, a column for each dimension that a
        quantity has, ``value`` and ``error``; what does not apply is None.
        """
        return list(self.rows())

    @property
    def columns(self) -> tuple[str, ...]:
        """The columns of :meth:`to_table`."""
        return (*AXES, "quantity", "units", *self._lengths(), "value", "error")

    def rows(self) -> Iterator[dict[str, Any]]:
        """The rows of :meth:`to_table`, one by one."""
        blank = dict.fromkeys(self.columns)
        for record in self.records:
            if record.status == FAILED:
                yield blank | dict(record.point) | {"error": record.error}
            for name, array in record.values.items():
                quantity = self.quantities[name]
                about = {"quantity": name, "units": quantity.units}
                for index, value in np.ndenumerate(array):
                    own = {
                        dimension.name: dimension.first + number
                        for dimension, number in zip(quantity.dimensions, index, strict=True)
                    }
                    yield blank | dict(record.point) | about | own | {"value": float(value)}

    def _placed(self) -> tuple[tuple[str, ...], dict[str, Any], list[tuple[int, ...]]]:
        """The dimensions of points, their coordinates, and each record's place among them."""
        axes = self._axes()
        points = [tuple(record.point[name] for name in axes) for record in self.records]
        about = {
            name: {"long_name": AXES[name].about}
            | ({"units": AXES[name].units} if AXES[name].units else {})
            for name in axes
        }
        if self.design == "grid":
            labels = [list(dict.fromkeys(column)) for column in zip(*points, strict=True)]
            numbers = [{value: n for n, value in enumerate(values)} for values in labels]
            coordinates = {
                name: (name, values, about[name]) for name, values in zip(axes, labels, strict=True)
            }
            places = [tuple(map(dict.__getitem__, numbers, point)) for point in points]
            return axes, coordinates, places
        rows = {point: n for n, point in enumerate(dict.fromkeys(points))}
        columns = zip(*rows, strict=True)
        coordinates = {
            name: (TRIAL, list(values), about[name])
            for name, values in zip(axes, columns, strict=True)
        }
        coordinates[TRIAL] = (TRIAL, list(rows.values()), {})
        return (TRIAL,), coordinates, [(rows[point],) for point in points]

    def _axes(self) -> tuple[str, ...]:
        """The axes that there are dimensions for; a measurement has variables."""
        return tuple(
            name
            for name, axis in AXES.items()
            if name != "measurement"
            and (
                name not in SELDOM
                or any(record.point[name] not in axis.default for record in self.records)
            )
        )

    def _lengths(self) -> dict[str, int]:
        """Dimension of what is measured → its length, that of the longest array."""
        lengths: dict[str, int] = {}
        for name, quantity in self.quantities.items():
            for axis, dimension in enumerate(quantity.dimensions):
                found = [record.values[name] for record in self.records if name in record.values]
                longest = max((array.shape[axis] for array in found), default=0)
                lengths[dimension.name] = max(longest, lengths.get(dimension.name, 0))
        return lengths

    def _attributes(self) -> dict[str, Any]:
        """The provenance, as text and numbers, which every format can hold."""
        total, done, failed = self.counts
        return {
            "title": self.title,
            "design": self.design,
            **{
                name: value if isinstance(value, str | int | float) else json.dumps(value)
                for name, value in self.provenance.items()
            },
            "trials": total,
            "done": done,
            "failed": failed,
        }

    def __str__(self) -> str:
        """How far it is, in a line."""
        total, done, failed = self.counts
        design = "a grid" if self.design == "grid" else "a random design"
        said = f"{self.title}: {design} of {total:,} trials; {done:,} are done, {failed:,} failed"
        return said + (f", {self.counts.missing:,} are missing" if self.counts.missing else "")


def _meant(axis: str, given: Value, there: tuple[Value, ...]) -> list[Value]:
    """The values of an axis that are this one, by themselves or by a text of them."""
    found = [value for value in there if str(value) == str(given) or _number(given) == value]
    if not found:
        texts = [str(value) for value in there]
        hint = did_you_mean(str(given), texts) if AXES[axis].kind == "name" else ""
        shown = ", ".join(texts[:MOST_SHOWN]) + (", …" if len(texts) > MOST_SHOWN else "")
        raise DataError(
            f"no trial has the {axis} `{given!s:.60}`", mend=f"{hint} There are {shown}".lstrip()
        )
    return found


def _number(given: Value) -> float | None:
    try:
        return float(given)
    except ValueError:
        return None
