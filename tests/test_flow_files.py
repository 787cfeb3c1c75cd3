"""What the commands of gradient flow read."""

from pathlib import Path

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.errors import DataError, WeightsError
from gru_sym.flow.files import read_given, read_params

CHECKPOINT = Path(__file__).parents[1] / "gru_sym" / "data" / "sunspots_gru.safetensors"


def test_parameters_by_name(tmp_path: Path) -> None:
    np.savez(tmp_path / "p.npz", W_h=np.ones((2, 1)))
    assert read_params(cells.rnn, tmp_path / "p.npz")["W_h"].shape == (2, 1)


def test_a_checkpoint_of_this_cell() -> None:
    found = read_params(cells.gru_reset_after, CHECKPOINT)
    assert set(found) == {str(v.name) for v in cells.gru_reset_after.params}


def test_a_checkpoint_of_another_cell() -> None:
    """All names of gru are in it; its equations are others."""
    with pytest.raises(DataError, match="of gru_reset_after, not of gru") as error:
        read_params(cells.gru, CHECKPOINT)
    assert "gru_reset_after" in error.value.mend


def test_what_is_no_file_of_parameters(tmp_path: Path) -> None:
    np.save(tmp_path / "one.npy", np.ones(3))
    with pytest.raises(DataError, match="one array, not parameters by name"):
        read_params(cells.rnn, tmp_path / "one.npy")
    with pytest.raises(DataError, match="cannot read the parameters"):
        read_params(cells.rnn, tmp_path / "none.npz")
    with pytest.raises(WeightsError):
        read_params(cells.rnn, tmp_path / "none.safetensors")


def test_one_array_or_several_or_a_number(tmp_path: Path) -> None:
    np.save(tmp_path / "x.npy", np.ones((3, 1)))
    np.savez(tmp_path / "x.npz", x=np.ones((3, 1)))
    np.save(tmp_path / "t.npy", 12)
    assert read_given(None, "inputs") is None
    assert read_given(tmp_path / "x.npy", "inputs").shape == (3, 1)
    assert set(read_given(tmp_path / "x.npz", "inputs")) == {"x"}
    assert read_given(tmp_path / "t.npy", "inputs") == 12
