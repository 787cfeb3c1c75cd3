"""State dicts in memory: names, heads, prefixes and types; what is refused, with its mend."""

import itertools
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest

from gru_sym import weights
from gru_sym.errors import WeightsError

Arrays = dict[str, np.ndarray]


def arrays_of(
    gates: int = 3,
    inputs: int = 2,
    hidden: int = 4,
    layers: int = 1,
    directions: int = 1,
    bias: bool = True,
    prefix: str = "",
    dtype: Any = np.float64,
) -> Arrays:
    """The arrays of a network under PyTorch's keys, drawn at random."""
    rng = np.random.default_rng(gates)
    found = {}
    for k, reverse in itertools.product(range(layers), ("", "_reverse")[:directions]):
        width = inputs if k == 0 else hidden * directions
        shapes: dict[str, tuple[int, ...]] = {"weight_ih": (width,), "weight_hh": (hidden,)}
        if bias:
            shapes |= {"bias_ih": (), "bias_hh": ()}
        for role, shape in shapes.items():
            value = rng.normal(size=(gates * hidden, *shape)).astype(dtype)
            found[f"{prefix}{role}_l{k}{reverse}"] = value
    return found


def test_names_with_layers_and_directions() -> None:
    found = weights.from_state_dict(arrays_of(gates=1, layers=2, directions=2))
    names = {f"{p}_h{d}_{k}" for p in "WUb" for d in ("", "_rev") for k in (1, 2)}
    assert set(found.params()) == names
    assert found.params()["W_h_rev_2"].shape == (4, 8)
    single = weights.from_state_dict(arrays_of(gates=1, directions=2))
    assert {"W_h", "W_h_rev"} < set(single.params())


def test_the_head_is_the_only_linear_layer_that_fits() -> None:
    linear = {"out.weight": np.ones((5, 8)), "out.bias": np.ones(5)}
    others = {
        "embed.weight": np.ones((7, 8)),  # no bias
        "norm.weight": np.ones(8),
        "norm.bias": np.ones(8),
        "late.weight": np.ones((3, 5)),
        "late.bias": np.ones(3),
        "count": np.array(3),
    }
    base = arrays_of(directions=2, prefix="rnn.")
    found = weights.from_state_dict(base | linear | others)
    assert found.head_prefix == "out."
    assert found.head is not None
    assert {name: value.shape for name, value in found.head.items()} == {
        "W_y": (5, 8),
        "b_y": (5,),
    }
    assert set(found.rest) == set(others)
    second = {"two.weight": np.ones((2, 8)), "two.bias": np.ones(2)}
    undecided = weights.from_state_dict(base | linear | second)
    assert undecided.head is None
    assert set(undecided.rest) == {*linear, *second}
    assert "No head: 2 linear layers" in undecided.convention


def test_one_of_several_networks_is_chosen() -> None:
    both = arrays_of(3, prefix="encoder.gru.") | arrays_of(4, prefix="decoder.")
    with pytest.raises(WeightsError, match=r"2 recurrent networks.*'encoder\.gru\.'") as caught:
        weights.from_state_dict(both)
    assert "prefix='decoder.'" in caught.value.mend
    for prefix in ("decoder", "decoder."):
        found = weights.from_state_dict(both, prefix=prefix)
        assert (found.kind, found.prefix) == ("LSTM", "decoder.")
        assert set(found.rest) == set(arrays_of(3, prefix="encoder.gru."))
    with pytest.raises(WeightsError, match="no recurrent network with the prefix 'gru'"):
        weights.from_state_dict(both, prefix="gru")


def test_half_precision_is_widened_and_said() -> None:
    half = arrays_of(dtype=np.float16)
    found = weights.from_state_dict(half)
    assert "Stored as float16; all parameters here are float32." in found.convention
    assert {value.dtype for value in found.params().values()} == {np.dtype(np.float32)}
    exact = (half["bias_ih_l0"].astype(np.float32) + half["bias_hh_l0"].astype(np.float32))[:4]
    assert np.array_equal(found.params()["b_r"], exact)
    mixed = weights.from_state_dict(half | {"weight_hh_l0": np.ones((12, 4))})
    assert mixed.dtype == np.float64
    assert "float16 and float64" in mixed.convention


def test_no_bias_gives_zeros_of_the_same_type() -> None:
    found = weights.from_state_dict(arrays_of(bias=False, dtype=np.float32))
    for name in ("b_r", "b_z", "b_h", "b_hn"):
        assert found.params()[name].dtype == np.float32
        assert not found.params()[name].any()


def without(arrays: Arrays, *keys: str) -> Arrays:
    return {key: value for key, value in arrays.items() if key not in keys}


def renamed(arrays: Arrays, old: str, new: str) -> Arrays:
    return {key.replace(old, new): value for key, value in arrays.items()}


REFUSED: dict[str, tuple[Mapping[Any, Any], str, str]] = {
    "nothing": ({}, "it has no arrays", "state_dict"),
    "a linear layer": (
        {"weight": np.ones((2, 3)), "bias": np.ones(2)},
        "no key ends with weight_ih_l0. Its keys: 'weight', 'bias'",
        "torch.nn.GRU",
    ),
    "a single cell": (renamed(arrays_of(), "_l0", ""), "no GRU, LSTM or RNN", "add _l0"),
    "keras": (
        {"gru/gru_cell/recurrent_kernel": np.ones((4, 12))},
        "no GRU, LSTM or RNN",
        "names of Keras",
    ),
    "weight norm": (
        renamed(arrays_of(), "weight_hh_l0", "parametrizations.weight_hh_l0.original0"),
        "'weight_hh_l0' is missing",
        "reparametrised",
    ),
    "weight norm, old style": (
        renamed(arrays_of(), "_l0", "_l0_raw"),
        "no GRU, LSTM or RNN",
        "reparametrised",
    ),
    "projections": (
        arrays_of(4) | {"weight_hr_l0": np.ones((2, 4))},
        "'weight_hr_l0' projects the state",
        "without proj_size",
    ),
    "two gates": (
        arrays_of(2),
        "'weight_ih_l0' of shape (8, 2) and 'weight_hh_l0' of shape (8, 4) fit no network",
        "G = 3 for a GRU",
    ),
    "rows that differ": (
        arrays_of() | {"weight_ih_l0": np.ones((9, 2))},
        "'weight_ih_l0' of shape (9, 2)",
        "(G·H, I)",
    ),
    "no rows at all": (
        arrays_of() | {"weight_hh_l0": np.ones((12, 0))},
        "'weight_hh_l0' of shape (12, 0)",
        "(G·H, H)",
    ),
    "a vector": (arrays_of() | {"weight_hh_l0": np.ones(12)}, "of shape (12,)", "(G·H, H)"),
    "no state weights": (
        without(arrays_of(), "weight_hh_l0"),
        "'weight_hh_l0' is missing",
        "whole state_dict",
    ),
    "one bias of two": (
        without(arrays_of(), "bias_hh_l0"),
        "'bias_hh_l0' is missing, though there are layers 0 with biases",
        "whole state_dict",
    ),
    "a bias of the wrong length": (
        arrays_of() | {"bias_hh_l0": np.ones(8)},
        "'bias_hh_l0' has shape (8,), but PyTorch's GRU with H = 4 and I = 2 has (12,) here",
        "save the state_dict again",
    ),
    "a gap between layers": (
        renamed(arrays_of(layers=2), "_l1", "_l2"),
        "'weight_ih_l1' is missing, though there are layers 0, 2",
        "whole state_dict",
    ),
    "layers that do not fit": (
        arrays_of(layers=2) | {"weight_ih_l1": np.ones((12, 5))},
        "'weight_ih_l1' has shape (12, 5)",
        "save the state_dict again",
    ),
    "half of a direction": (
        without(
            arrays_of(layers=2, directions=2, bias=False),
            "weight_ih_l1_reverse",
            "weight_hh_l1_reverse",
        ),
        "'weight_ih_l1_reverse' is missing, though there are layers 0, 1 in two directions",
        "whole state_dict",
    ),
    "not a number": (
        arrays_of() | {"weight_hh_l0": np.full((12, 4), np.nan)},
        "'weight_hh_l0' holds values that are not finite",
        "diverged",
    ),
    "an infinite head": (
        arrays_of() | {"y.weight": np.ones((1, 4)), "y.bias": np.full(1, np.inf)},
        "'y.bias' holds values that are not finite",
        "diverged",
    ),
    "integers": (
        arrays_of() | {"bias_ih_l0": np.ones(12, dtype=np.int8)},
        "'bias_ih_l0' is of type int8",
        "float32 or float64",
    ),
    "complex numbers": (arrays_of(dtype=np.complex128), "is of type complex128", "float32"),
    "entries that are not arrays": ({"a": "text", "b": None, 3: np.ones(2)}, "no arrays", ""),
    "ragged lists": ({"a": [[1, 2], [3]]}, "'a' cannot be read as an array", "numpy()"),
}


@pytest.mark.parametrize("name", REFUSED)
def test_refused_with_the_key_and_the_mend(name: str) -> None:
    arrays, message, mend = REFUSED[name]
    with pytest.raises(WeightsError) as caught:
        weights.from_state_dict(arrays)
    assert message in caught.value.message
    assert caught.value.mend
    assert mend in caught.value.mend


def test_nonlinearity_is_of_the_rnn_alone() -> None:
    found = weights.from_state_dict(arrays_of(1), nonlinearity="relu")
    assert found.layers[0].cell == "rnn_relu"
    assert "relu is taken as asked" in found.convention
    with pytest.raises(WeightsError, match="PyTorch's GRU, which has no nonlinearity to choose"):
        weights.from_state_dict(arrays_of(3), nonlinearity="relu")
    with pytest.raises(WeightsError, match="no nonlinearity 'selu'"):
        weights.from_state_dict(arrays_of(1), nonlinearity="selu")  # type: ignore[arg-type]
