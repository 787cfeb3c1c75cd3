"""The peers give the gradients that generated code gives, for any cell."""

import dataclasses
import importlib.util
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.bench.competitor import Competitor, ours
from gru_sym.bench.peers import PEERS, available, check_known, peer, torch_network
from gru_sym.bench.problem import Problem, Size, problem
from gru_sym.bench.run import disagreement
from gru_sym.cells import Cell
from gru_sym.errors import MissingLibraryError, UnsupportedError

SIZE = Size(2, 3, 4, 5)
TEXTS = {
    "no inputs": "h_next = tanh(U @ h + b)",
    "no parameters": "h_next = tanh(x + 0.5 * h)",
    "two inputs": "# inputs: x, u\nh_next = tanh(W @ x + V @ u) + h * mean(u)",
    "a loss": "# inputs: x, y\n# outputs: loss\nh_next = tanh(W @ x + U @ h)\n"
    "loss = mean((V @ h_next - y) ** 2)",
    "an output of parameters": "# outputs: z\nz = sigmoid(b)\nh_next = z * h + x",
    "two states": "h_next = tanh(W @ x + U @ c)\nc_next = c * sigmoid(h) + V @ h_next",
    "an unused input": "# inputs: x, y\nh_next = tanh(W @ x + h) + 0 * y",
    "a constant state": "h_next = 0.5",
}  # fmt: skip

various = pytest.mark.parametrize(
    "cell",
    [
        *(cells.cell(name) for name in ("gru", "gru_layernorm", "lstm_peephole", "fastgrnn")),
        *(Cell.parse(text, name=name) for name, text in TEXTS.items()),
    ],
    ids=lambda cell: cell.name,
)
in_both_types = pytest.mark.parametrize(("dtype", "bound"), [("float64", 1e-12), ("float32", 1e-4)])


def agrees(task: Problem, found: Competitor, folder: Path) -> float:
    reference = ours(task, "numpy", folder)
    with found.within():
        gradients = found.gradients(found.call())
    assert all(value.dtype == task.dtype for value in gradients.values())
    return disagreement(gradients, reference.gradients(reference.call()))


@various
@in_both_types
def test_autograd_of_torch(
    cell: Cell, dtype: str, bound: float, torch: ModuleType, tmp_path: Path
) -> None:
    task = problem(cell, SIZE, dtype)
    found = peer(task, "torch", tmp_path)
    assert "autograd" in found.what
    assert agrees(task, found, tmp_path) < bound


@in_both_types
@pytest.mark.parametrize(
    ("name", "network"),
    [("gru_reset_after", "GRU"), ("lstm", "LSTM"), ("rnn", "RNN"), ("rnn_relu", "RNN")],
)
def test_a_network_of_torch(
    name: str, network: str, dtype: str, bound: float, torch: ModuleType, tmp_path: Path
) -> None:
    task = problem(cells.cell(name), SIZE, dtype)
    found = peer(task, "torch", tmp_path)
    assert found.what == f"torch.nn.{network}"
    assert agrees(task, found, tmp_path) < bound


def test_a_network_under_other_names(torch: ModuleType, tmp_path: Path) -> None:
    text = (
        "keep   = sigmoid(bk + Uk @ s + Wk @ u)\nopen = sigmoid(Wr @ u + Ur @ s + br)\n"
        "n      = V @ s + bn\nnew = tanh(b + open * n + W @ u)\n"
        "s_next = s * keep + new * (1 - keep)"
    )
    task = problem(Cell.parse(text), SIZE)
    found = peer(task, "torch", tmp_path)
    assert found.what == "torch.nn.GRU"
    assert agrees(task, found, tmp_path) < 1e-12


@pytest.mark.parametrize("name", ["gru", "lstm_peephole", "gru_keep", "ugrnn"])
def test_what_is_no_network_of_torch(name: str) -> None:
    assert torch_network(problem(cells.cell(name), SIZE)) is None


@various
@in_both_types
def test_jax(cell: Cell, dtype: str, bound: float, tmp_path: Path) -> None:
    task = problem(cell, SIZE, dtype)
    if importlib.util.find_spec("jax") is None:
        with pytest.raises(MissingLibraryError, match="jax"):
            peer(task, "jax", tmp_path)
        return
    assert agrees(task, peer(task, "jax", tmp_path), tmp_path) < bound


@in_both_types
@pytest.mark.parametrize("name", ["rnn", "lstm", "gru", "gru_keep", "gru_reset_after"])
def test_by_hand(name: str, dtype: str, bound: float, tmp_path: Path) -> None:
    task = problem(cells.cell(name), SIZE, dtype)
    found = peer(task, "hand", tmp_path)
    assert f"gru_sym.hand.{name}," in found.what
    assert agrees(task, found, tmp_path) < bound


RENAMED = {
    "gru": "u      = sigmoid(A @ y + D @ s + b_1)\nq = sigmoid(b_2 + E @ s + F @ y)\n"
    "s_next = u * tanh(K @ (s * q) + b_3 + L @ y) + (1 - u) * s",
    # The output comes last, and under a name that stands behind that of the other state.
    "lstm": "# output: s\nk = tanh(A @ s + b_1 + L @ y)\nu = sigmoid(D @ y + E @ s + b_2)\n"
    "v      = sigmoid(F @ s + b_3 + G @ y)\nm_next = u * k + v * m\n"
    "s_next = sigmoid(J @ s + K @ y + b_4) * tanh(m_next)",
}  # fmt: skip


@pytest.mark.parametrize("name", RENAMED)
def test_by_hand_under_other_names(name: str, tmp_path: Path) -> None:
    task = problem(Cell.parse(RENAMED[name]), SIZE)
    found = peer(task, "hand", tmp_path)
    assert f"gru_sym.hand.{name}," in found.what
    assert agrees(task, found, tmp_path) < 1e-12


def test_by_hand_a_cotangent_of_every_state_at_every_step(tmp_path: Path) -> None:
    task = problem(cells.lstm, SIZE)
    rng = np.random.default_rng(1)
    ups = {name: rng.normal(size=up.shape) for name, up in task.cotangents.items()}
    task = dataclasses.replace(task, cotangents=ups)
    assert agrees(task, peer(task, "hand", tmp_path), tmp_path) < 1e-12


def test_nobody_has_written_it_by_hand(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="by hand for mgu") as caught:
        peer(problem(cells.mgu, SIZE), "hand", tmp_path)
    assert "gru_reset_after" in caught.value.mend


def test_no_such_peer(tmp_path: Path) -> None:
    with pytest.raises(UnsupportedError, match="there is no peer tosch") as caught:
        peer(problem(cells.rnn, SIZE), "tosch", tmp_path)
    assert "did you mean `torch`?" in caught.value.mend
    with pytest.raises(UnsupportedError, match="no peer keras"):
        check_known(["hand", "keras"])
    check_known(PEERS)


@pytest.mark.parametrize("name", ["torch", "jax"])
@pytest.mark.parametrize("cell", ["rnn", "gru"])
def test_an_absent_library(
    name: str, cell: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    task = problem(cells.cell(cell), SIZE)
    monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(MissingLibraryError) as caught:
        peer(task, name, tmp_path)
    assert f"pip install {name}" in caught.value.mend


def test_available(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    monkeypatch.setitem(sys.modules, "jax", None)
    found, notes = available(problem(cells.gru, SIZE), tmp_path)
    assert [each.name for each in found] == ["hand"]
    assert [note.split(":")[0] for note in notes] == [
        "not compared with torch",
        "not compared with jax",
    ]
    found, notes = available(problem(cells.mgu, SIZE), tmp_path)
    assert found == []
    assert len(notes) == 3


def test_a_wrong_peer_would_be_seen(tmp_path: Path) -> None:
    task = problem(cells.gru, SIZE)
    found = peer(task, "hand", tmp_path)
    wrong = found.gradients(found.call())
    wrong["U_r_bar"] = wrong["U_r_bar"] * (1 + 1e-6)
    reference = ours(task, "numpy", tmp_path)
    error = disagreement(wrong, reference.gradients(reference.call()))
    assert np.isclose(error, 1e-6, rtol=1e-3)
