"""The PyTorch module: its Function has our gradients on any device, and finds its mistakes."""

import ast
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.codegen import compile, module_source
from gru_sym.codegen.backends.torch import array, native

LOSS = Cell.parse(
    "# inputs: x, y\n# outputs: loss\nh_next = tanh(W @ x + U @ h)\n"
    "c_next = h * c\nloss = mean((V @ h_next - y) ** 2)",
    name="a loss",
)


def drawn(torch: ModuleType, dtype: Any) -> tuple[Any, ...]:
    rng = torch.Generator().manual_seed(1)

    def normal(*shape: int) -> Any:
        return torch.randn(shape, generator=rng, dtype=dtype)

    shapes = {"W": (3, 2), "U": (3, 3), "b": (3,)}
    params = {v.name: normal(*shapes[v.name[0]]) for v in cells.gru.params}
    return params, normal(4, 2, 2), normal(2, 3), normal(4, 2, 3)


@pytest.mark.parametrize("name", cells.names())
def test_the_module_checks_itself(
    name: str, torch: ModuleType, capsys: pytest.CaptureFixture[str]
) -> None:
    cell = cells.cell(name)
    compile(cell, "torch").functions["check"]()
    count = len(cell.params) + len(cell.inputs) + len(cell.states)
    assert capsys.readouterr().out.count("relative error") == count


def test_wrong_gradients_are_found(torch: ModuleType) -> None:
    source = module_source(cells.gru, "torch")
    for old, new in (
        ("@ rows(h)", "@ rows(h) * 1.0001"),
        ("h_r_bar_t * r[t]", "h_r_bar_t"),
        ('gradients["h_bar"],', 'gradients["h_bar"] * (1 + 1e-10),'),  # of the Function alone
        ('"x_bar": x_bar', '"x_bar": x_bar * float("nan")'),
    ):
        assert old in source
        namespace: dict[str, Any] = {"__name__": "generated"}
        exec(source.replace(old, new), namespace)
        with pytest.raises(AssertionError, match="is wrong"):
            namespace["check"]()


def test_the_function_passes_gradcheck(torch: ModuleType) -> None:
    params, xs, h0, _ = drawn(torch, torch.float64)
    tensors = [t.requires_grad_() for t in (xs, h0, *params.values())]
    function = compile(cells.gru, "torch").functions["Gru"]
    assert torch.autograd.gradcheck(function.apply, tensors)


def test_training_by_run_is_training_by_autograd(torch: ModuleType) -> None:
    params, xs, h0, target = drawn(torch, torch.float64)
    made = compile(cells.gru, "torch").functions
    ends = []
    for function in (made["run"], made["plain"]):
        own = {name: tensor.clone().requires_grad_() for name, tensor in params.items()}
        optimizer = torch.optim.SGD(own.values(), lr=0.1)
        for _ in range(5):
            optimizer.zero_grad()
            ((function(own, xs, h0) - target) ** 2).mean().backward()
            optimizer.step()
        ends.append(own)
    for name, tensor in ends[0].items():
        assert not torch.equal(tensor, params[name])
        assert torch.allclose(tensor, ends[1][name], rtol=1e-12, atol=0)


def test_several_outputs(torch: ModuleType) -> None:
    made = compile(LOSS, "torch").functions
    rng = torch.Generator().manual_seed(2)
    shapes = {"W": (3, 2), "U": (3, 3), "V": (5, 3)}
    params = {n: torch.randn(s, generator=rng).requires_grad_() for n, s in shapes.items()}
    xs, ys = torch.randn((4, 2, 2), generator=rng), torch.randn((4, 2, 5), generator=rng)
    hs, cs, losses = made["run"](params, xs, ys, torch.ones(2, 3), torch.ones(2, 3))
    assert hs.shape == cs.shape == (4, 2, 3)
    assert losses.shape == (4, 2)
    losses.mean().backward()  # of one output alone
    assert all(params[n].grad.dtype == torch.float32 for n in shapes)
    assert params["V"].grad.shape == (5, 3)


def test_nothing_is_made_on_another_device(torch: ModuleType) -> None:
    """On ``meta`` tensors there is a shape and no number: a tensor from elsewhere would raise."""
    for cell in (cells.gru_layernorm, Cell.parse("c_next = 0.5\nh_next = tanh(W @ x + U @ h) + c")):
        made = compile(cell, "torch").functions
        shapes = {"W": (3, 2), "U": (3, 3), "b": (3,), "g": (3,)}
        params = {v.name: torch.empty(shapes[v.name[0]], device="meta") for v in cell.params}
        states = [torch.empty((2, 3), device="meta") for _ in cell.states]
        trajectory = made["forward"](params, torch.empty((4, 2, 2), device="meta"), *states)
        bars = [torch.empty((4, 2, 3), device="meta") for _ in cell.states]
        for value in made["backward"](params, trajectory, *bars).values():
            assert value.device.type == "meta"


def test_a_second_derivative_is_refused(torch: ModuleType) -> None:
    params, xs, h0, _ = drawn(torch, torch.float64)
    h0.requires_grad_()
    hs = compile(cells.gru, "torch").functions["run"](params, xs, h0)
    for loss in (hs**2).sum(), hs.sum():  # the cotangent of the latter does not depend on h0
        with pytest.raises(RuntimeError, match="take plain"):
            torch.autograd.grad(loss, h0, create_graph=True)


def test_softplus_is_as_exact_as_its_neighbours(torch: ModuleType) -> None:
    made = compile(Cell.parse("h_next = softplus(h + x)"), "torch").functions
    a = torch.tensor([-700.0, -40.0, 0.0, 19.0, 21.0, 39.0, 41.0, 800.0], dtype=torch.float64)
    expected = np.logaddexp(a.numpy(), 0)
    assert np.allclose(made["softplus"](a).numpy(), expected, rtol=1e-15, atol=0)


def test_the_slope_of_tanh_does_not_cancel(torch: ModuleType) -> None:
    made = compile(cells.rnn, "torch").functions
    a = torch.tensor([0.0, 1.0, -20.0, 25.0, 300.0], dtype=torch.float64)
    expected = 1 / np.cosh(a.numpy()) ** 2
    assert np.allclose(made["tanh_slope"](a).numpy(), expected, rtol=1e-14, atol=0)


def test_arrays_go_there_and_back(torch: ModuleType) -> None:
    for dtype in (np.float32, np.float64):
        given = np.broadcast_to(np.arange(3, dtype=dtype), (2, 3))
        back = array(native(given).requires_grad_())
        assert back.dtype == dtype
        assert np.array_equal(back, given)


def test_the_text_needs_no_torch() -> None:
    source = module_source(LOSS, "torch")
    classes = [n.name for n in ast.parse(source).body if isinstance(n, ast.ClassDef)]
    assert classes == ["ALoss"]
    assert "def run(\n" in source
    assert "-> tuple[Tensor, Tensor, Tensor]:" in source
