"""The check that generated modules run on themselves: it draws all it needs, and sees errors."""

import re
from typing import Any

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.codegen import module_source
from gru_sym.codegen.backends.check import complex_step_check, drawn, objective, sizes_of
from gru_sym.codegen.backends.interface import interface
from gru_sym.codegen.backends.naming import Namer
from gru_sym.codegen.plan import plan
from tests.scans import every_cell


def module_of(cell: Cell) -> dict[str, Any]:
    namespace: dict[str, Any] = {"__name__": "generated"}
    exec(compile(module_source(cell), f"<{cell.name}>", "exec"), namespace)
    return namespace


@every_cell
def test_sizes_are_all_different(cell: Cell) -> None:
    sizes = sizes_of(plan(cell))
    assert len(set(sizes.values())) == len(sizes)
    assert min(sizes.values(), default=3) > 2, "the batch has another size, too"


def test_many_dimensions() -> None:
    text = "\n".join(f"s{k}_next = tanh(W_{k} @ s{(k + 1) % 9})" for k in range(9))
    sizes = sizes_of(plan(Cell.parse(text)))
    assert len(sizes) == len(set(sizes.values())) == 9


@every_cell
def test_everything_is_drawn_in_its_shape(cell: Cell) -> None:
    made = plan(cell)
    face = interface(cell, Namer(cell.program.variables, ()))
    values: dict[str, Any] = {"rng": np.random.default_rng(0)}
    exec("\n".join(drawn(made, face)), values)
    sizes = sizes_of(made)
    assert values["params"].keys() == {str(v.name) for v in cell.params}

    def shape(dims: Any) -> tuple[int, ...]:
        return tuple(sum(sizes[n] for n in dim) for dim in dims)

    for v in cell.params:
        assert np.shape(values["params"][v.name]) == shape(v.shape)
    leads = {a: ((4, 2), v) for v, a in face.inputs} | {a: ((2,), v) for v, a in face.states}
    leads |= {a: ((4, 2), v) for v, _, a in face.ups}
    for name, (lead, v) in leads.items():
        assert values[name].shape == (*lead, *shape(v.shape))
        assert np.all(values[name] != 0)
    assert ("T" in values) == (not cell.inputs)


def test_another_way_of_drawing() -> None:
    made = plan(cells.rnn)
    face = interface(cells.rnn, Namer(cells.rnn.program.variables, ()))
    lines = drawn(made, face, draw="torch.randn({})".format)
    assert sum("torch.randn((" in line for line in lines) == len(cells.rnn.params) + 3


def test_the_objective_adds_all_outputs() -> None:
    cell = Cell.parse("# outputs: loss\nh_next = tanh(W @ x + U @ h)\nloss = sum(h_next)")
    face = interface(cell, Namer(cell.program.variables, ()))
    lines = objective(plan(cell), face)
    text = "\n".join(lines)
    assert 'np.sum(hs_bar * trajectory["h_next"])' in text
    assert 'trajectory["loss"].reshape(losses_bar.shape)' in text
    assert lines[-1] == "return total"
    assert objective(plan(cells.rnn), face_of(cells.rnn)) == [
        'return np.sum(hs_bar * trajectory["h_next"])'
    ]


def face_of(cell: Cell) -> Any:
    return interface(cell, Namer(cell.program.variables, ()))


@every_cell
def test_every_module_passes_its_own_check(cell: Cell, capsys: pytest.CaptureFixture[str]) -> None:
    module_of(cell)["check"]()
    lines = capsys.readouterr().out.splitlines()
    names = [f"{v.name}_bar" for v in (*cell.params, *cell.inputs, *cell.states)]
    assert [line.split()[0] for line in lines] == names
    assert all(re.search(r"relative error \d\.\de[-+]\d\d", line) for line in lines)


def test_the_check_of_a_plan_is_a_function() -> None:
    lines = complex_step_check(plan(cells.gru), face_of(cells.gru))
    assert lines[0] == "def check() -> None:"
    assert all(line.startswith("    ") or not line for line in lines[1:])


@pytest.mark.parametrize("name", ["W_z_bar", "b_h_bar", "x_bar", "h_bar"])
def test_a_wrong_gradient_fails_the_check(name: str) -> None:
    """One entry that is off by a millionth."""
    module = module_of(cells.gru)
    backward = module["backward"]

    def slipped(*args: Any) -> dict[str, Any]:
        grads = dict(backward(*args))
        grads[name] = grads[name].copy()
        grads[name].flat[np.argmax(np.abs(grads[name]))] *= 1 + 1e-6
        return grads

    module["backward"] = slipped
    with pytest.raises(AssertionError, match=f"{name} is wrong"):
        module["check"]()


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_what_is_no_number_fails_the_check(wrong: float) -> None:
    module = module_of(cells.gru)
    backward = module["backward"]
    module["backward"] = lambda *args: backward(*args) | {"b_z_bar": np.full(3, wrong)}
    with pytest.raises(AssertionError, match="b_z_bar is wrong"):
        module["check"]()
