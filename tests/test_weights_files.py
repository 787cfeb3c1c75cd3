"""Files of weights: what is read, what is refused, and that nothing in them is executed."""

import os
import pickle
import sys
import types
from pathlib import Path
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gru_sym import weights
from gru_sym.errors import MissingLibraryError, WeightsError

HERE = Path(__file__).parent / "data"
SUNSPOTS = Path(weights.__file__).parent.parent / "data" / "sunspots_gru.safetensors"
WHOLE = SUNSPOTS.read_bytes()
FILES: dict[str, tuple[bytes, str]] = {
    "empty.safetensors": (b"", "is empty"),
    "empty.pt": (b"", "is empty"),
    "cut.safetensors": (WHOLE[:5000], "is not a whole .safetensors file"),
    "header.safetensors": (WHOLE[:100], "is not a whole .safetensors file"),
    "text.safetensors": (b"hello", "is not a whole .safetensors file"),
    "huge.safetensors": (b"\xff" * 64, "is not a whole .safetensors file"),
    "torch.safetensors": (b"PK\x03\x04" + bytes(60), "is a file of torch.save"),
    "keras.h5": (b"\x89HDF\r\n\x1a\n", "is a file of Keras"),
    "model.keras": (b"PK\x03\x04", "is a file of Keras"),
    "keras.pt": (b"\x89HDF\r\n\x1a\n", "is a file of Keras"),
    "weights.npz": (b"PK\x03\x04", "not from '.npz'"),
    "weights": (WHOLE, "weights are read from .safetensors and .pt"),
}


@pytest.mark.parametrize("name", FILES)
def test_files_that_are_refused(tmp_path: Path, name: str) -> None:
    data, message = FILES[name]
    path = tmp_path / name
    path.write_bytes(data)
    with pytest.raises(WeightsError) as caught:
        weights.load(path)
    assert message in caught.value.message
    assert name in caught.value.message
    assert caught.value.mend


def test_files_that_are_not_there(tmp_path: Path) -> None:
    for path in (tmp_path / "no.pt", "nul\0byte.safetensors", ""):
        with pytest.raises(WeightsError, match=r"there is no file|is a directory"):
            weights.load(path)
    with pytest.raises(WeightsError, match="is a directory"):
        weights.load(tmp_path)


def test_a_type_that_numpy_lacks_is_named(tmp_path: Path) -> None:
    header = b'{"weight_ih_l0":{"dtype":"F8_E4M3","shape":[2],"data_offsets":[0,2]}}'
    data = len(header).to_bytes(8, "little") + header + b"\0\0"
    (tmp_path / "f8.safetensors").write_bytes(data)
    with pytest.raises(WeightsError, match="'weight_ih_l0' is stored as F8_E4M3"):
        weights.load(tmp_path / "f8.safetensors")


def test_suffixes_may_be_upper_case(tmp_path: Path) -> None:
    (tmp_path / "NET.SAFETENSORS").write_bytes(WHOLE)
    assert weights.load(str(tmp_path / "NET.SAFETENSORS")).kind == "GRU"


# Files of torch.save.


@pytest.mark.parametrize("name", ["state_dict", "model_state_dict", "model"])
def test_a_training_checkpoint_is_unwrapped(torch: ModuleType, tmp_path: Path, name: str) -> None:
    net = torch.nn.GRU(2, 3)
    torch.save({"epoch": 7, name: net.state_dict()}, tmp_path / "last.pth")
    assert weights.load(tmp_path / "last.pth").kind == "GRU"


def test_bfloat16_is_widened_and_said(torch: ModuleType, tmp_path: Path) -> None:
    import safetensors.torch

    net = torch.nn.GRU(2, 3).bfloat16()
    torch.save(net.state_dict(), tmp_path / "net.pt")
    safetensors.torch.save_file(net.state_dict(), tmp_path / "net.safetensors")
    wanted = net.weight_ih_l0.detach().float().numpy()[:3]
    for name in ("net.pt", "net.safetensors"):
        found = weights.load(tmp_path / name)
        assert "Stored as bfloat16; all parameters here are float32." in found.convention
        assert found.dtype == np.float32
        assert np.array_equal(found.params()["W_r"], wanted)


def test_a_pickle_with_code_is_not_executed(torch: ModuleType, tmp_path: Path) -> None:
    mark = tmp_path / "executed"

    class Attack:
        def __reduce__(self) -> tuple[Any, ...]:
            return os.mkdir, (str(mark),)

    torch.save({"gru.weight_ih_l0": Attack()}, tmp_path / "attack.pt")
    (tmp_path / "raw.pt").write_bytes(pickle.dumps(Attack(), protocol=2))
    for name in ("attack.pt", "raw.pt"):
        with pytest.raises(WeightsError, match=r"asks to call .*mkdir.* not executed") as caught:
            weights.load(tmp_path / name)
        assert "torch.save(model.state_dict(), path)" in caught.value.mend
        assert not mark.exists()


def test_what_torch_cannot_give_as_weights(torch: ModuleType, tmp_path: Path) -> None:
    whole = (HERE / "sunspots_gru.pt").read_bytes()
    sparse = dict(torch.nn.RNN(2, 3).state_dict())
    sparse["weight_hh_l0"] = sparse["weight_hh_l0"].to_sparse()
    values: dict[str, tuple[Any, str]] = {
        "model.pt": (torch.nn.GRU(2, 3), "asks to call torch.nn.modules.rnn.GRU"),
        "list.pt": ([1, 2], "holds a list, not a state_dict"),
        "numbers.pt": ({"epoch": 3}, "it has no arrays"),
        "sparse.pt": (sparse, "'weight_hh_l0' is not a plain array"),
    }
    for name, (value, message) in values.items():
        torch.save(value, tmp_path / name)
        with pytest.raises(WeightsError, match=message):
            weights.load(tmp_path / name)
    damaged = {"cut.pt": whole[:5000], "text.pt": b"hello world", "nul.pt": bytes(64)}
    for name, data in damaged.items():
        (tmp_path / name).write_bytes(data)
        with pytest.raises(WeightsError, match=r"is damaged, or not a file of torch\.save"):
            weights.load(tmp_path / name)


def test_torch_is_absent_or_too_old(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    with pytest.raises(MissingLibraryError, match="needs torch") as caught:
        weights.load(HERE / "sunspots_gru.pt")
    assert caught.value.mend == "pip install torch"
    old = types.ModuleType("torch")
    old.__version__ = "2.9.1+cpu"  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "torch", old)
    with pytest.raises(MissingLibraryError, match=r"torch 2\.9\.1\+cpu is too old") as caught:
        weights.load(HERE / "sunspots_gru.pt")
    assert caught.value.mend == "pip install 'torch>=2.10'"


def test_safetensors_is_absent(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "safetensors", None)
    with pytest.raises(MissingLibraryError, match="needs safetensors") as caught:
        weights.load(SUNSPOTS)
    assert caught.value.mend == "pip install safetensors"
