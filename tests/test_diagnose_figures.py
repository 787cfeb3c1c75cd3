"""The figures of an examined network show its numbers."""

from pathlib import Path

import numpy as np
import pytest

from gru_sym.diagnose import Diagnosis, diagnose
from gru_sym.diagnose.figures import details, gate_levels, overview, unit_memories
from tests.torch_files import saved


@pytest.fixture(scope="module")
def deep(tmp_path_factory: pytest.TempPathFactory) -> Diagnosis:
    path = saved(tmp_path_factory.mktemp("net") / "deep.safetensors", "GRU", layers=2)
    return diagnose(path, np.random.default_rng(0).normal(size=(30, 2, 3)))


def test_one_curve_for_each_pass(deep: Diagnosis) -> None:
    (ax,) = overview(deep).axes
    legend = ax.get_legend()
    assert legend is not None
    labels = [text.get_text() for text in legend.get_texts()]
    assert labels[:3] == ["layer 1", "layer 2", "all layers"]


def test_details(deep: Diagnosis) -> None:
    headings = [heading for heading, _ in details(deep.passes[0])]
    assert headings == [
        "Where the gradient goes",
        "Memory of the units",
        "Gates",
        "Lyapunov exponents",
    ]


def test_memories_of_units(deep: Diagnosis) -> None:
    one = deep.passes[0]
    ax = unit_memories(one)
    mine = np.asarray(ax.lines[0].get_ydata(), float)
    assert sorted(mine) == sorted(one.unit_memory)
    shown = [int(label.get_text()) for label in ax.get_xticklabels()]
    assert np.array_equal(one.unit_memory[shown], mine)


def test_levels_of_a_gate(deep: Diagnosis) -> None:
    gate = deep.passes[0].gates[0]
    ax = gate_levels(gate)
    assert np.allclose(np.asarray(ax.lines[0].get_ydata(), float), np.sort(gate.mean))
    assert ax.get_ylabel() == "z_1, update"


def test_a_network_without_gates(tmp_path: Path) -> None:
    found = diagnose(saved(tmp_path / "net.safetensors", "RNN"), np.ones((20, 3)))
    assert [heading for heading, _ in details(found.passes[0])] == [
        "Where the gradient goes",
        "Memory of the units",
        "Lyapunov exponents",
    ]
