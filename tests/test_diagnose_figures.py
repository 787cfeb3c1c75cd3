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
    assert labels[:3] == ["all layers", "layer 1", "layer 2"]


def test_details(deep: Diagnosis) -> None:
    headings = [heading for heading, _ in details(deep.passes[0])]
    assert headings == [
        "Where the gradient goes",
        "Memory of the units",
        "Gates and candidates",
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


def test_numbers_of_units_are_below_their_points(deep: Diagnosis) -> None:
    gate = deep.passes[0].gates[0]
    ax = gate_levels(gate)
    shown = [int(label.get_text()) for label in ax.get_xticklabels()]
    assert np.array_equal(gate.mean[shown], np.sort(gate.mean))


def test_candidates_go_from_minus_one_to_one(deep: Diagnosis) -> None:
    (candidate,) = (gate for gate in deep.passes[0].gates if gate.activation == "tanh")
    assert gate_levels(candidate).get_yticks().tolist() == [-1, 0, 1]


def test_layers_are_drawn_as_the_network_has_them(deep: Diagnosis) -> None:
    assert deep.whole is not None
    (ax,) = overview(deep).axes
    mine = np.asarray(ax.lines[-1].get_ydata(), float)
    assert np.array_equal(mine, np.median(deep.passes[1].curve, axis=1))
    below = deep.passes[0].curve
    assert np.isneginf(below[0]).all()  # at lag 0 only the last layer is read
    by_state = deep.whole.flow.curve.by_state
    assert np.allclose(below[1:], by_state["h_1"][1:], rtol=1e-12, atol=0)


def test_a_network_without_gates(tmp_path: Path) -> None:
    found = diagnose(saved(tmp_path / "net.safetensors", "RNN"), np.ones((20, 3)))
    headings = [heading for heading, _ in details(found.passes[0])]
    assert headings[:2] == ["Where the gradient goes", "Memory of the units"]
    assert [heading for heading, _ in details(found.passes[0], units=False)] == [
        "Where the gradient goes",
        "Lyapunov exponents",
    ]
