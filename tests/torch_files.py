"""Checkpoints as PyTorch would write them, made of random numbers, without PyTorch."""

from pathlib import Path
from typing import Any

import numpy as np
import safetensors.numpy

GATES = {"GRU": 3, "LSTM": 4, "RNN": 1}


def saved(
    path: Path,
    kind: str,
    *,
    layers: int = 1,
    bidirectional: bool = False,
    inputs: int = 3,
    hidden: int = 5,
    shift: Any = 0.0,
) -> Path:
    """Write the state of a network, and give its path back.

    ``shift`` is added to ``bias_ih_l0``.
    """
    rng = np.random.default_rng(0)
    bound = hidden**-0.5
    arrays = {}
    for k in range(layers):
        width = inputs if k == 0 else hidden * (1 + bidirectional)
        for way in ("", "_reverse")[: 1 + bidirectional]:
            rows = GATES[kind] * hidden
            shapes = {"weight_ih": (rows, width), "weight_hh": (rows, hidden)}
            shapes |= {"bias_ih": (rows,), "bias_hh": (rows,)}  # type: ignore[dict-item]
            for name, shape in shapes.items():
                arrays[f"{name}_l{k}{way}"] = rng.uniform(-bound, bound, shape)
    arrays["bias_ih_l0"] = arrays["bias_ih_l0"] + shift
    safetensors.numpy.save_file(arrays, path)
    return path
