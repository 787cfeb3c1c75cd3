"""A PyTorch ``state_dict`` -> :class:`Checkpoint`: find the network, check it, name its parts."""

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from gru_sym.errors import WeightsError
from gru_sym.weights.checkpoint import Checkpoint, Layer
from gru_sym.weights.files import Contents, read
from gru_sym.weights.layout import LAYOUTS, Array, Layout, Nonlinearity
from gru_sym.weights.run import KEY, TrainingRun, run_of

__all__ = ["from_state_dict", "load"]

_KEY = re.compile(
    r"(?P<prefix>.*?)(?P<role>weight_ih|weight_hh|bias_ih|bias_hh|weight_hr)"
    r"_l(?P<layer>0|[1-9][0-9]{0,3})(?P<reverse>_reverse)?",
    re.DOTALL,
)
_WEIGHTS = ("weight_ih", "weight_hh")
_BIASES = ("bias_ih", "bias_hh")
_KEYS_SHOWN = 6
_NUMBERS = "biufc"  # NumPy's kinds of number
_REPARAMETRISED = "the weights are reparametrised (weight norm, …): remove that before saving"

Passes = dict[tuple[int, bool], dict[str, str]]


@dataclass(frozen=True, slots=True)
class _Network:
    """One recurrent network of the file: (layer, reverse) -> role -> array."""

    layout: Layout
    arrays: dict[tuple[int, bool], dict[str, Array]]
    keys: frozenset[str]
    layers: int
    input_size: int
    hidden_size: int
    bias: bool
    bidirectional: bool


def load(
    path: str | os.PathLike[str],
    *,
    prefix: str | None = None,
    nonlinearity: Nonlinearity = "tanh",
) -> Checkpoint | TrainingRun:
    """Read a trained PyTorch ``GRU``, ``LSTM`` or ``RNN`` from a file, or a run of our own.

    Any number of layers, one or two directions, with or without bias, under any key prefix; a
    linear head beside it is found too. What ``gru_sym.train`` wrote is a :class:`TrainingRun`, with
    the same ``cell()`` and ``params()``. Nothing in the file is executed.

    Args:
        path: a ``.safetensors`` file, or the ``.pt`` / ``.pth`` of ``torch.save`` (needs torch
            2.10 or later), which may wrap the weights as ``{"state_dict": …}``,
            ``{"model_state_dict": …}`` or ``{"model": …}``.
        prefix: what stands before ``weight_ih_l0``; needed where the file has several networks.
        nonlinearity: of an ``RNN``: the weights do not tell tanh from relu.

    Raises:
        WeightsError: the file or what it holds is not such a network; the message says why.
        MissingLibraryError: the library that reads this kind of file is absent.
    """
    contents = read(path)
    if KEY not in contents.metadata:
        return _checkpoint(contents, prefix, nonlinearity)
    if prefix is not None or nonlinearity != "tanh":
        raise WeightsError(
            f"{contents.source} is a training run of gru_sym, with neither prefixes nor a "
            "nonlinearity to choose",
            mend="leave prefix= and nonlinearity= out",
        )
    return run_of(contents)


def from_state_dict(
    arrays: Mapping[str, Array],
    *,
    prefix: str | None = None,
    nonlinearity: Nonlinearity = "tanh",
) -> Checkpoint:
    """The same as :func:`load`, for a ``state_dict`` in memory.

    Args:
        arrays: PyTorch's keys -> arrays (``model.state_dict()`` of a model on the CPU will do).
            They are copied.
        prefix: as in :func:`load`.
        nonlinearity: as in :func:`load`.

    Raises:
        WeightsError: this is not such a network; the message says why.
    """
    source = "the state_dict"
    found: dict[str, Array] = {}
    skipped: list[str] = []
    for key, value in arrays.items():
        if not isinstance(key, str):
            skipped.append(str(key))
            continue
        try:
            array = np.asarray(value).copy()
        except (TypeError, ValueError, RuntimeError) as error:
            raise WeightsError(
                f"{source}: {key!r} cannot be read as an array ({error})",
                mend="give tensor.detach().cpu().float().numpy()",
            ) from error
        if array.dtype.kind in _NUMBERS:
            found[key] = array
        else:
            skipped.append(key)
    return _checkpoint(Contents(source, found, {}, tuple(skipped)), prefix, nonlinearity)


def _checkpoint(contents: Contents, prefix: str | None, nonlinearity: str) -> Checkpoint:
    source = contents.source
    if nonlinearity not in ("tanh", "relu"):
        raise WeightsError(
            f"there is no nonlinearity {nonlinearity!r}", mend='give "tanh" or "relu"'
        )
    prefix, passes = _choose(contents, prefix)
    network = _network(contents, prefix, passes)
    layout = network.layout
    if nonlinearity not in layout.cells:
        raise WeightsError(
            f"{source}: {prefix + 'weight_hh_l0'!r} belongs to PyTorch's {layout.kind}, which has"
            " no nonlinearity to choose",
            mend=f'leave nonlinearity="{nonlinearity}" out',
        )
    columns = network.hidden_size * (1 + network.bidirectional)
    heads = _heads(contents.arrays, network.keys, columns)
    head_keys = [f"{heads[0]}weight", f"{heads[0]}bias"] if len(heads) == 1 else []
    head_arrays = [_checked(contents, key) for key in head_keys]

    used = [array for arrays in network.arrays.values() for array in arrays.values()]
    dtype = np.result_type(np.float32, *(array.dtype for array in used + head_arrays))
    parts = {
        at: layout.to_cell(
            *(arrays[role].astype(dtype) for role in _WEIGHTS),
            *(arrays[role].astype(dtype) if network.bias else None for role in _BIASES),
        )
        for at, arrays in network.arrays.items()
    }
    cell = layout.cells[nonlinearity]
    layers = tuple(
        Layer(cell, parts[k, False], parts.get((k, True))) for k in range(network.layers)
    )
    head = None
    if head_arrays:
        head = {"W_y": head_arrays[0].astype(dtype), "b_y": head_arrays[1].astype(dtype)}
    taken = network.keys.union(head_keys)
    words = [
        *_describe(network, prefix, nonlinearity),
        *_describe_head(heads, head_arrays, columns),
        *_describe_types(contents, sorted(taken), dtype),
    ]
    return Checkpoint(
        kind=layout.kind,
        layers=layers,
        input_size=network.input_size,
        hidden_size=network.hidden_size,
        bias=network.bias,
        bidirectional=network.bidirectional,
        prefix=prefix,
        head=head,
        head_prefix=heads[0] if head_arrays else "",
        rest={key: value for key, value in contents.arrays.items() if key not in taken},
        convention="\n".join(words),
    )


def _choose(contents: Contents, prefix: str | None) -> tuple[str, Passes]:
    """The prefix of the one network that is meant, and its keys."""
    networks: dict[str, Passes] = {}
    for key in contents.arrays:
        match = _KEY.fullmatch(key)
        if match is not None:
            passes = networks.setdefault(match["prefix"], {})
            at = int(match["layer"]), match["reverse"] is not None
            passes.setdefault(at, {})[match["role"]] = key
    if not networks:
        raise _nothing_found(contents)
    found = ", ".join(repr(name) for name in sorted(networks)[:_KEYS_SHOWN])
    first = min(networks)
    if prefix is None:
        if len(networks) > 1:
            raise WeightsError(
                f"{contents.source} holds {len(networks)} recurrent networks, with the prefixes"
                f" {found}",
                mend=f"choose one: prefix={first!r} (--prefix {first})",
            )
        return first, networks[first]
    for name in (prefix, f"{prefix}."):
        if name in networks:
            return name, networks[name]
    raise WeightsError(
        f"{contents.source} has no recurrent network with the prefix {prefix!r}",
        mend=f"the prefixes are: {found}",
    )


def _nothing_found(contents: Contents) -> WeightsError:
    keys = list(contents.arrays)
    message = f"{contents.source} holds no GRU, LSTM or RNN of PyTorch: "
    mend = "save the state_dict of a module that contains a torch.nn.GRU, LSTM or RNN"
    if not keys:
        return WeightsError(message + "it has no arrays", mend=mend)
    shown = ", ".join(repr(key) for key in keys[:_KEYS_SHOWN])
    shown += ", …" if len(keys) > _KEYS_SHOWN else ""
    if _reparametrised(contents):
        mend = _REPARAMETRISED
    elif any(key.endswith("weight_hh") for key in keys):
        mend = "this is a single cell (torch.nn.GRUCell, …): add _l0 to its keys, weight_hh_l0"
    elif any("recurrent_kernel" in key for key in keys):
        mend = "these are names of Keras: copy the weights into a torch module and save those"
    return WeightsError(f"{message}no key ends with weight_ih_l0. Its keys: {shown}", mend=mend)


def _reparametrised(contents: Contents) -> bool:
    """Whether weights are stored in parts, as ``parametrizations.weight_hh_l0.original0`` or so."""
    part = re.compile(r"(weight|bias)_(ih|hh)_l[0-9]+(\.|_(?!reverse$))")
    return any(part.search(key) for key in contents.arrays)


def _network(contents: Contents, prefix: str, passes: Passes) -> _Network:
    """Check that the keys and shapes are those of one network, and say which."""
    source = contents.source
    projected = next((keys["weight_hr"] for keys in passes.values() if "weight_hr" in keys), None)
    if projected is not None:
        raise WeightsError(
            f"{source}: {projected!r} projects the state of an LSTM (proj_size), for which there"
            " is no cell",
            mend="use an LSTM without proj_size",
        )
    numbers = sorted({k for k, _ in passes})
    bidirectional = any(reverse for _, reverse in passes)
    bias = any(role in keys for keys in passes.values() for role in _BIASES)
    roles = _WEIGHTS + (_BIASES if bias else ())
    for k in range(len(numbers)):
        for reverse in (False, True) if bidirectional else (False,):
            for role in roles:
                if role not in passes.get((k, reverse), {}):
                    missing = f"{prefix}{role}_l{k}{'_reverse' if reverse else ''}"
                    raise WeightsError(
                        f"{source}: {missing!r} is missing, though there are layers"
                        f" {', '.join(map(str, numbers[:_KEYS_SHOWN]))}"
                        f"{' in two directions' if bidirectional else ''}"
                        f"{' with biases' if bias else ''}",
                        mend=_REPARAMETRISED
                        if _reparametrised(contents)
                        else "save the whole state_dict, with all of PyTorch's keys",
                    )
    arrays = {
        at: {role: _checked(contents, keys[role]) for role in roles} for at, keys in passes.items()
    }
    layout, hidden = _kind(source, passes[0, False], arrays[0, False])
    rows = len(layout.blocks) * hidden
    inputs = arrays[0, False]["weight_ih"].shape[-1]
    for (k, reverse), own in arrays.items():
        width = inputs if k == 0 else hidden * (1 + bidirectional)
        wanted = {"weight_ih": (rows, width), "weight_hh": (rows, hidden)}
        for role, array in own.items():
            if array.shape != wanted.get(role, (rows,)):
                raise WeightsError(
                    f"{source}: {passes[k, reverse][role]!r} has shape {array.shape}, but PyTorch's"
                    f" {layout.kind} with H = {hidden} and I = {inputs} has"
                    f" {wanted.get(role, (rows,))} here",
                    mend="the file is mixed or edited: save the state_dict again",
                )
    used = frozenset(key for keys in passes.values() for key in keys.values())
    return _Network(layout, arrays, used, len(numbers), inputs, hidden, bias, bidirectional)


def _kind(source: str, keys: dict[str, str], arrays: dict[str, Array]) -> tuple[Layout, int]:
    """Which network, from the shapes of its first layer; and H."""
    w, u = arrays["weight_ih"], arrays["weight_hh"]
    if w.ndim == u.ndim == 2 and min(*w.shape, *u.shape) > 0 and w.shape[0] == u.shape[0]:
        count, left = divmod(u.shape[0], u.shape[1])
        if left == 0 and count in LAYOUTS:
            return LAYOUTS[count], u.shape[1]
    raise WeightsError(
        f"{source}: {keys['weight_ih']!r} of shape {w.shape} and {keys['weight_hh']!r} of shape"
        f" {u.shape} fit no network of PyTorch",
        mend="(G·H, I) and (G·H, H) are needed, with G = 3 for a GRU, 4 for an LSTM, 1 for an RNN",
    )


def _checked(contents: Contents, key: str) -> Array:
    array = contents.arrays[key]
    if array.dtype not in (np.float16, np.float32, np.float64):
        raise WeightsError(
            f"{contents.source}: {key!r} is of type {array.dtype}, not a floating type",
            mend="save the weights as float32 or float64",
        )
    if not np.isfinite(array).all():
        raise WeightsError(
            f"{contents.source}: {key!r} holds values that are not finite",
            mend="take a checkpoint from before the training diverged",
        )
    return array


def _heads(arrays: Mapping[str, Array], network: frozenset[str], columns: int) -> list[str]:
    """The prefixes of the linear layers that could read the state out."""
    found = []
    for key, weight in arrays.items():
        bias = arrays.get(f"{key.removesuffix('weight')}bias")
        if key in network or bias is None or not (key == "weight" or key.endswith(".weight")):
            continue
        fits = weight.ndim == 2 and weight.shape[1] == columns and weight.shape[0] > 0
        if fits and bias.shape == weight.shape[:1] and weight.dtype.kind == "f":
            found.append(key.removesuffix("weight"))
    return found


def _describe(network: _Network, prefix: str, nonlinearity: str) -> list[str]:
    layout, h = network.layout, network.hidden_size
    rows = len(layout.blocks) * h
    layers = "1 layer" if network.layers == 1 else f"{network.layers} layers"
    directions = "two directions" if network.bidirectional else "one direction"
    where = f"under the prefix {prefix!r}" if prefix else "without a prefix"
    order = ", ".join(layout.torch_blocks)
    words = [
        f"PyTorch's {layout.kind} {where}: {layers}, {directions}, I = {network.input_size},"
        f" H = {h}; cell {layout.cells[nonlinearity]}.",
        f"weight_hh_l0 has {rows} rows and {h} columns: {len(layout.blocks)} block"
        f"{'s, in the order ' + order if len(layout.blocks) > 1 else ''}.",
    ]
    if layout.torch_blocks != layout.blocks:
        pairs = zip(layout.torch_blocks, layout.blocks, strict=True)
        words += [
            f"PyTorch's block {theirs} is {ours} here." for theirs, ours in pairs if theirs != ours
        ]
    if layout.equations:
        words.append(layout.equations)
    if network.bias:
        words.append(layout.biases_in_words())
    else:
        words.append("The file has no biases: they are zero.")
    if len(layout.cells) > 1:
        how = "assumed" if nonlinearity == "tanh" else "taken as asked"
        words.append(f"The weights do not tell tanh from relu: {nonlinearity} is {how}.")
    return words


def _describe_head(heads: list[str], head: list[Array], columns: int) -> list[str]:
    if head:
        return [
            f"Head: {heads[0] + 'weight'!r} of shape {head[0].shape} and its bias, the only linear"
            f" layer with {columns} columns: W_y, b_y."
        ]
    if heads:
        names = ", ".join(repr(name) for name in heads[:_KEYS_SHOWN])
        return [f"No head: {len(heads)} linear layers have {columns} columns ({names})."]
    return []


def _describe_types(
    contents: Contents, taken: list[str], dtype: np.dtype[np.floating]
) -> list[str]:
    words = []
    types = {contents.narrow.get(key, str(contents.arrays[key].dtype)) for key in taken}
    if types != {str(dtype)}:
        words.append(f"Stored as {' and '.join(sorted(types))}; all parameters here are {dtype}.")
    if contents.skipped:
        names = ", ".join(repr(name) for name in contents.skipped[:_KEYS_SHOWN])
        words.append(f"Passed over, since they are not arrays: {names}.")
    return words
