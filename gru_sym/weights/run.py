"""A training run of this package as a ``.safetensors`` file, written and read.

The arrays are the parameters under their names, Adam's moments as ``adam.m.W_z`` and
``adam.v.W_z``, and the loss of each epoch as ``training.history``; no name of the language has a
dot. All else is JSON in the file's metadata, under ``gru_sym``, with a SHA-256 of all of it, by
which damage is found. Reading trusts nothing of it (who changes a file can change its SHA-256,
too): the cell is parsed by our grammar, and every array must be one of that cell's.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from math import isfinite, nan
from typing import TYPE_CHECKING, Any

import numpy as np

from gru_sym.errors import GruSymError, WeightsError
from gru_sym.notebook import ShownAsText
from gru_sym.weights.files import Contents
from gru_sym.weights.layout import Array

if TYPE_CHECKING:
    from gru_sym.cells.compose import Loss
    from gru_sym.cells.equations import Cell

__all__ = ["KEY", "TrainingRun", "digest", "run_of"]

KEY = "gru_sym"
"""Under which the metadata of a file says that it is such a run."""

_FORMAT, _VERSION = "gru_sym training run", 1
_HISTORY, _M, _V = "training.history", "adam.m.", "adam.v."
_LARGEST = 2**63 - 1
"""No count or size is larger."""

_DAMAGED = "take a copy from before the file was changed; what wrote it is `gru-sym train`"


@dataclass(frozen=True, eq=False, repr=False)
class TrainingRun(ShownAsText):
    """A trained cell, and all that its training needs to go on.

    Attributes:
        text: the cell, in the language of cells.
        name: what the cell is called.
        loss: ``mse`` or ``cross_entropy``.
        settings: how it is trained, by name, in plain types.
        sizes: dimension → size, of the cell and its readout.
        mean: of each column that is read, by which it is standardised; empty for symbols.
        std: the standard deviation of each; empty for symbols.
        data: the fingerprint of the series.
        step: the number of updates so far.
        history: the mean training loss in each epoch so far, (epochs,), float64.
        parameters: parameter → array, those of the readout, ``W_y`` and ``b_y``, among them.
        m: parameter → Adam's running mean of its gradient.
        v: parameter → Adam's running mean of the squared gradient.
    """

    text: str = field(repr=False)
    name: str
    loss: "Loss"
    settings: Mapping[str, Any]
    sizes: Mapping[str, int]
    mean: tuple[float, ...]
    std: tuple[float, ...]
    data: str
    step: int
    history: Array = field(repr=False)
    parameters: Mapping[str, Array] = field(repr=False)
    m: Mapping[str, Array] = field(repr=False)
    v: Mapping[str, Array] = field(repr=False)

    def __str__(self) -> str:
        """The convention, in words."""
        return self.convention

    @property
    def epoch(self) -> int:
        """The number of epochs so far."""
        return len(self.history)

    @property
    def dtype(self) -> np.dtype[np.floating]:
        """The one floating type of all parameters."""
        return next(iter(self.parameters.values())).dtype

    @property
    def hidden_size(self) -> int:
        """H, the length of the state that is read out."""
        return int(self.parameters["W_y"].shape[1])

    @property
    def input_size(self) -> int:
        """I, the length of x at each step; as long as what is forecast."""
        return int(self.parameters["W_y"].shape[0])

    @property
    def convention(self) -> str:
        """In plain words, what the file holds."""
        name = self.name[:80]
        called = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in name)
        sizes = ", ".join(f"{name} = {size}" for name, size in self.sizes.items())
        if self.mean:
            shown = [f"(s - {m:.6g}) / {s:.6g}" for m, s in zip(self.mean, self.std, strict=True)]
            more = ", …" if len(shown) > 3 else ""
            x = f"x is the series standardised by its training part: {', '.join(shown[:3])}{more}."
        else:
            x = "x is a symbol of the series, one-hot."
        return "\n".join(
            (
                f"A training run of gru_sym: cell {called} with a linear readout W_y, b_y and "
                f"the loss {self.loss}; {sizes}; {self.dtype}.",
                f"{x} y is the x of the next step.",
                f"After {self.epoch} epochs and {self.step} updates of Adam; "
                f"seed {self.settings.get('seed')!r:.40}.",
            )
        )

    def params(self, of: "Cell | None" = None) -> dict[str, Array]:
        """All parameters, under their names.

        Args:
            of: the cell whose parameters are wanted; None for all.
        """
        wanted = None if of is None else {str(var.name) for var in of.params}
        return {
            name: value
            for name, value in self.parameters.items()
            if wanted is None or name in wanted
        }

    def cell(self, loss: "Loss | None" = None) -> "Cell":
        """The cell; with a loss, the cell with its readout and this loss at each step.

        Args:
            loss: ``mse`` or ``cross_entropy``; None: without a readout.

        Raises:
            StructureError: there is no such loss.
        """
        from gru_sym.cells.compose import readout  # lazy, as it loads SymPy

        return self._cell if loss is None else readout(self._cell, loss)

    @cached_property
    def _cell(self) -> "Cell":
        from gru_sym.cells.equations import Cell  # lazy, as it loads SymPy

        return Cell.parse(self.text, name=self.name)

    def to_bytes(self) -> bytes:
        """The file: the same run gives the same bytes."""
        from safetensors.numpy import save  # lazy, as reading the metadata alone needs none

        record = {
            "format": _FORMAT,
            "version": _VERSION,
            "cell": self.text,
            "name": self.name,
            "loss": self.loss,
            "settings": dict(self.settings),
            "sizes": dict(self.sizes),
            "scaling": {"mean": list(self.mean), "std": list(self.std)},
            "data": self.data,
            "epoch": self.epoch,
            "step": self.step,
        }
        arrays = {
            **self.parameters,
            **{_M + name: value for name, value in self.m.items()},
            **{_V + name: value for name, value in self.v.items()},
            _HISTORY: self.history,
        }
        # Not ascontiguousarray, which makes a vector of a scalar.
        arrays = {name: np.array(a, order="C") for name, a in arrays.items()}
        # One key alone: the library writes several in an order of chance.
        record["sha256"] = digest(record, arrays)
        return save(arrays, {KEY: json.dumps(record, allow_nan=False)})


def digest(record: Mapping[str, Any], arrays: Mapping[str, Array]) -> str:
    """The SHA-256 of a file's fields, but for ``sha256`` itself, and of its arrays.

    It depends neither on their order nor on the machine's order of bytes.
    """
    fields = {name: value for name, value in record.items() if name != "sha256"}
    found = hashlib.sha256(json.dumps(fields, sort_keys=True).encode())
    for name, array in sorted(arrays.items()):
        little = np.asarray(array, array.dtype.newbyteorder("<"))
        found.update(json.dumps([name, little.dtype.str, little.shape]).encode())
        found.update(little.tobytes())
    return found.hexdigest()


# -- reading ---------------------------------------------------------------------------------------


def run_of(contents: Contents) -> TrainingRun:
    """The run that a file holds, each part of it checked.

    Raises:
        WeightsError: the metadata is damaged, or the arrays are not those of the cell in it.
    """
    record = _Record(contents.source, _parsed(contents))
    record.version()
    record.unchanged(contents.arrays)
    arrays = dict(contents.arrays)
    history = record.array(arrays, _HISTORY, None)
    if history.ndim != 1 or history.dtype != np.float64:
        raise record.wrong(f"{_HISTORY!r} has shape {history.shape} and type {history.dtype}")
    scaling = _Record(contents.source, record.get("scaling", dict))
    sizes = record.get("sizes", dict)
    if not all(type(size) is int and 0 < size <= _LARGEST for size in sizes.values()):
        raise record.wrong(f"its sizes are {sizes!r:.80}")
    settings = record.get("settings", dict)
    if not all(map(_plain, settings.values())):
        raise record.wrong(f"its settings are {settings!r:.80}")
    found = TrainingRun(
        text=record.get("cell", str),
        name=record.get("name", str),
        loss=record.get("loss", str),
        settings=settings,
        sizes=sizes,
        mean=scaling.numbers("mean"),
        std=scaling.numbers("std"),
        data=record.get("data", str),
        step=record.count("step"),
        history=history,
        parameters=(parameters := {}),
        m=(m := {}),
        v=(v := {}),
    )
    if record.count("epoch") != found.epoch:
        raise record.wrong(f"{record.count('epoch')} epochs have a history of {found.epoch}")
    for name, shape in _shapes(record, found).items():
        parameters[name] = record.array(arrays, name, shape)
        m[name] = record.array(arrays, _M + name, shape)
        v[name] = record.array(arrays, _V + name, shape)
        if v[name].size and v[name].min() < 0:
            raise record.wrong(f"{_V + name!r} holds a square below 0")
    if len({array.dtype for part in (parameters, m, v) for array in part.values()}) != 1:
        raise record.wrong("its arrays are of several types")
    if arrays:
        raise record.wrong(f"its cell has no {next(iter(arrays))!r:.80}")
    columns = 0 if found.loss == "cross_entropy" else found.input_size
    if not len(found.mean) == len(found.std) == columns or not all(s > 0 for s in found.std):
        raise record.wrong("its scaling is not that of the columns")
    return found


def _parsed(contents: Contents) -> Any:
    try:
        parsed = json.loads(contents.metadata[KEY])
        json.dumps(parsed)  # what is nested too deeply, as no run is, is met here and not later
        return parsed
    except (ValueError, RecursionError) as error:
        raise WeightsError(
            f"{contents.source}: its metadata {KEY!r} is not JSON", mend=_DAMAGED
        ) from error


def _plain(value: Any) -> bool:
    """Whether a setting is a number, a text, nothing, or a few numbers."""
    if type(value) is list:
        return all(type(each) in (int, float) for each in value)
    return value is None or type(value) in (bool, int, float, str)


def _shapes(record: "_Record", found: TrainingRun) -> dict[str, tuple[int, ...]]:
    """Parameter → shape, by the cell in the file."""
    try:
        model = found.cell(found.loss)
        shapes = {
            str(var.name): tuple(sum(found.sizes[name] for name in dim) for dim in var.shape)
            for var in model.params
        }
    except GruSymError as error:
        raise record.wrong(f"its cell cannot be trained: {error.message}") from error
    except KeyError as error:
        raise record.wrong(f"it does not say the size {error.args[0]}") from error
    known = {name for var in model.program.variables for dim in var.shape for name in dim}
    unknown = [name for name in found.sizes if name not in known]
    if unknown:
        raise record.wrong(f"its cell has no size {unknown[0]!r:.60}")
    return shapes


class _Record:
    """The fields of the metadata, each of the kind that it has to be."""

    def __init__(self, source: str, fields: Any) -> None:
        self._source = source
        if not isinstance(fields, dict):
            raise self.wrong(f"its metadata is a {type(fields).__name__}")
        self._fields = fields

    def wrong(self, what: str) -> WeightsError:
        return WeightsError(f"{self._source} is no whole training run: {what:.300}", mend=_DAMAGED)

    def version(self) -> None:
        if self.get("format", str) != _FORMAT:
            raise self.wrong(f"its format is {self._fields['format']!r:.60}")
        version = self.count("version")
        if version > _VERSION:
            raise WeightsError(
                f"{self._source} is of version {version}, and this gru_sym reads {_VERSION}",
                mend="install a newer gru_sym",
            )

    def unchanged(self, arrays: Mapping[str, Array]) -> None:
        """Raise where the file is not as it was written."""
        if self.get("sha256", str) != digest(self._fields, arrays):
            raise WeightsError(
                f"{self._source} is damaged: its content is not that of its SHA-256", mend=_DAMAGED
            )

    def get(self, name: str, kind: type) -> Any:
        value = self._fields.get(name)
        if type(value) is not kind:
            raise self.wrong(f"its {name} is {value!r:.60}")
        return value

    def count(self, name: str) -> int:
        value: int = self.get(name, int)
        if not 0 <= value <= _LARGEST:
            raise self.wrong(f"its {name} is {value!r:.60}")
        return value

    def numbers(self, name: str) -> tuple[float, ...]:
        values = self.get(name, list)
        try:
            found = tuple(map(float, values)) if {*map(type, values)} <= {int, float} else (nan,)
        except OverflowError:
            found = (nan,)
        if not all(map(isfinite, found)):
            raise self.wrong(f"its {name} is {values!r:.60}")
        return found

    def array(self, arrays: dict[str, Array], name: str, shape: tuple[int, ...] | None) -> Array:
        """Take one array out; of any shape where none is given."""
        if name not in arrays:
            raise self.wrong(f"{name!r} is missing")
        array = arrays.pop(name)
        if shape is not None and array.shape != shape:
            raise self.wrong(f"{name!r} has shape {array.shape}, and the cell needs {shape}")
        if array.dtype not in (np.float32, np.float64):
            raise self.wrong(f"{name!r} is of type {array.dtype}")
        if not np.isfinite(array).all():
            raise self.wrong(f"{name!r} holds values that are not finite")
        return array.copy()
