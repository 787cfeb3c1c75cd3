"""Files of weights -> named NumPy arrays, with nothing in them ever executed."""

import importlib
import json
import os
import re
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from gru_sym.errors import MissingLibraryError, WeightsError
from gru_sym.weights.layout import Array

__all__ = ["Contents", "read"]

# Before 2.10 a crafted file can run code even with weights_only=True (CVE-2026-24747).
_OLDEST_TORCH = (2, 10)
_WRAPPERS = ("state_dict", "model_state_dict", "model")
_ZIP, _HDF5 = b"PK\x03\x04", b"\x89HDF"
_SAVE_WEIGHTS = "save the weights alone: torch.save(model.state_dict(), path)"
_SAVE_SAFETENSORS = "safetensors.torch.save_file(model.state_dict(), path)"
_KERAS_MEND = "only PyTorch's files are read: copy the weights into a torch module and save those"
_SAFETENSORS_TYPES = {
    "F64": "<f8", "F32": "<f4", "F16": "<f2", "I64": "<i8", "I32": "<i4", "I16": "<i2",
    "I8": "i1", "U64": "<u8", "U32": "<u4", "U16": "<u2", "U8": "u1", "BOOL": "?", "C64": "<c8",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Contents:
    """What a file (or a mapping) holds.

    Attributes:
        source: how to name it in a message.
        arrays: its arrays, under their keys.
        narrow: key -> the type in the file, where NumPy has no such type and float32 holds it.
        skipped: the names of the entries that are not arrays.
        metadata: what a ``.safetensors`` says about itself, texts by name.
    """

    source: str
    arrays: dict[str, Array]
    narrow: dict[str, str]
    skipped: tuple[str, ...] = ()
    metadata: Mapping[str, str] = field(default_factory=dict)


def read(path: str | os.PathLike[str]) -> Contents:
    """Read all arrays of a ``.safetensors``, ``.pt`` or ``.pth`` file.

    Raises:
        WeightsError: there is no such file, or it is not (or is no longer) such a file.
        MissingLibraryError: safetensors, or torch 2.10 or later, is needed and absent.
    """
    file = Path(path)
    readers: dict[str, Callable[[Path], Contents]] = {
        ".safetensors": _read_safetensors,
        ".pt": _read_torch,
        ".pth": _read_torch,
    }
    suffix = file.suffix.lower()
    start = _first_bytes(file)
    if start.startswith(_HDF5) or suffix in (".h5", ".hdf5", ".keras"):
        raise WeightsError(f"{file} is a file of Keras (HDF5)", mend=_KERAS_MEND)
    if suffix not in readers:
        raise WeightsError(
            f"{file}: weights are read from .safetensors and .pt, not from {suffix or 'this'!r}",
            mend=f"save them with {_SAVE_SAFETENSORS}",
        )
    if suffix == ".safetensors" and start.startswith(_ZIP):
        raise WeightsError(
            f"{file} is named .safetensors, but is a file of torch.save or a zip archive",
            mend="if torch.save wrote it, name it .pt",
        )
    return readers[suffix](file)


def _first_bytes(file: Path) -> bytes:
    if file.is_dir():
        raise WeightsError(f"{file} is a directory", mend="name the file of weights inside it")
    if not file.is_file():
        raise WeightsError(f"there is no file {str(file)!r}", mend="check the path")
    try:
        with file.open("rb") as stream:
            start = stream.read(16)
    except OSError as error:
        raise WeightsError(
            f"{file} cannot be read: {error.strerror}", mend="check its permissions"
        ) from error
    if not start:
        raise WeightsError(f"{file} is empty", mend="copy or save the file again")
    return start


def _read_safetensors(file: Path) -> Contents:
    library = _library("safetensors", f"{file}: reading .safetensors")
    try:
        content = file.read_bytes()
        entries = library.deserialize(content)
    except library.SafetensorError as error:
        raise WeightsError(
            f"{file} is not a whole .safetensors file: {error}",
            mend=f"copy it again, or write it with {_SAVE_SAFETENSORS}",
        ) from error
    arrays: dict[str, Array] = {}
    narrow: dict[str, str] = {}
    for key, entry in entries:
        stored, shape, data = entry["dtype"], entry["shape"], entry["data"]
        if stored == "BF16":
            # A bfloat16 is the upper half of a float32.
            halves = np.frombuffer(data, dtype="<u2").astype(np.uint32) << np.uint32(16)
            arrays[key] = halves.view(np.float32).reshape(shape)
            narrow[key] = "bfloat16"
        elif stored in _SAFETENSORS_TYPES:
            arrays[key] = np.frombuffer(data, dtype=_SAFETENSORS_TYPES[stored]).reshape(shape)
        else:
            raise WeightsError(
                f"{file}: {key!r} is stored as {stored}, which NumPy does not have",
                mend="save it as float32: model.float()",
            )
    return Contents(str(file), arrays, narrow, metadata=_metadata(content))


def _metadata(content: bytes) -> dict[str, str]:
    """The texts in the header of a file that the library has accepted, which does not give them."""
    length = int.from_bytes(content[:8], "little")
    header = json.loads(content[8 : 8 + length])
    return header.get("__metadata__") or {}


def _read_torch(file: Path) -> Contents:
    torch = _library("torch", f"{file}: reading .pt")
    version = tuple(int(part) for part in re.findall(r"\d+", str(torch.__version__))[:2])
    if version < _OLDEST_TORCH:
        raise MissingLibraryError(
            f"{file}: torch {torch.__version__} is too old to read a file safely (CVE-2026-24747)",
            mend="pip install 'torch>=2.10'",
        )
    try:
        with warnings.catch_warnings():
            # What torch warns about (an old protocol, a TorchScript archive) it then refuses.
            warnings.simplefilter("ignore")
            loaded = torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # a damaged file raises whatever the unpickler stumbles over
        raise _refusal(file, error) from error
    if not isinstance(loaded, Mapping):
        raise WeightsError(
            f"{file} holds a {type(loaded).__name__}, not a state_dict", mend=_SAVE_WEIGHTS
        )
    return _torch_contents(str(file), _unwrap(loaded, torch.Tensor), torch)


def _refusal(file: Path, error: Exception) -> WeightsError:
    found = re.search(r"GLOBAL (\S+)", str(error))
    if found is not None:
        return WeightsError(
            f"{file} holds more than weights: it asks to call {found.group(1)}, which was not"
            " executed",
            mend=_SAVE_WEIGHTS,
        )
    if "TorchScript" in str(error):
        return WeightsError(
            f"{file} is a TorchScript archive, which holds code. It was not executed",
            mend=_SAVE_WEIGHTS,
        )
    return WeightsError(
        f"{file} is damaged, or not a file of torch.save ({type(error).__name__})."
        " Nothing in it was executed",
        mend=f"copy it again, or {_SAVE_WEIGHTS}",
    )


def _unwrap(loaded: Mapping[Any, Any], tensor: type) -> Mapping[Any, Any]:
    """The state_dict inside of a training checkpoint, which holds it under a customary name."""
    if any(isinstance(value, tensor) for value in loaded.values()):
        return loaded
    for name in _WRAPPERS:
        if isinstance(loaded.get(name), Mapping):
            inner: Mapping[Any, Any] = loaded[name]
            return inner
    return loaded


def _torch_contents(source: str, state_dict: Mapping[Any, Any], torch: Any) -> Contents:
    arrays: dict[str, Array] = {}
    narrow: dict[str, str] = {}
    skipped: list[str] = []
    for key, value in state_dict.items():
        if not (isinstance(key, str) and isinstance(value, torch.Tensor)):
            skipped.append(str(key))
            continue
        try:
            if value.dtype == torch.bfloat16:
                narrow[key] = "bfloat16"
                value = value.float()
            arrays[key] = value.detach().cpu().numpy()
        except (TypeError, RuntimeError) as error:  # sparse, quantised, or without data
            raise WeightsError(
                f"{source}: {key!r} is not a plain array of numbers ({error})",
                mend="save the weights as dense floating-point tensors",
            ) from error
    return Contents(source, arrays, narrow, tuple(skipped))


def _library(name: str, purpose: str) -> Any:
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise MissingLibraryError(f"{purpose} needs {name}", mend=f"pip install {name}") from error
