"""peers: what generated code is compared with, for any cell.

``torch`` is the fused network of PyTorch where the cell is that network's, else autograd over the
cell's equations; ``jax`` is a jitted scan of the equations and its vjp; ``hand`` is backprop
written by hand, for the cells that have one.
"""

from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np

from gru_sym.bench.competitor import Competitor, arguments, held, load, named
from gru_sym.bench.measure import library
from gru_sym.bench.problem import Array, Problem
from gru_sym.cells import builtin
from gru_sym.cells.naming import did_you_mean
from gru_sym.codegen.backends.table import module_source
from gru_sym.derive.vjp import BAR
from gru_sym.errors import GruSymError, UnsupportedError
from gru_sym.prove.recognise import counterparts, handwritten, with_backprop_by_hand
from gru_sym.weights.layout import LAYOUTS, Layout

__all__ = ["PEERS", "available", "check_known", "peer", "torch_network"]


def peer(problem: Problem, name: str, folder: Path) -> Competitor:
    """A peer for a problem.

    Args:
        problem: the cell and its arrays.
        name: one of :data:`PEERS`.
        folder: where a module may be written.

    Raises:
        UnsupportedError: there is no such peer, or it cannot run this cell.
        MissingLibraryError: its library is not installed.
    """
    check_known([name])
    return PEERS[name](problem, folder)


def check_known(names: Iterable[str]) -> None:
    """Raise where there is no peer of a name.

    Raises:
        UnsupportedError: it says which there are.
    """
    for name in names:
        if name not in PEERS:
            hint = did_you_mean(name, PEERS)
            raise UnsupportedError(
                f"there is no peer {name}", mend=f"{hint} The peers are {', '.join(PEERS)}".strip()
            )


def available(problem: Problem, folder: Path) -> tuple[list[Competitor], list[str]]:
    """All peers that are installed and can run a cell; and why the others are not among them."""
    found, notes = [], []
    for name in PEERS:
        try:
            found.append(peer(problem, name, folder))
        except GruSymError as error:
            notes.append(f"not compared with {name}: {error.message}")
    return found, notes


# -- torch -----------------------------------------------------------------------------------------


def _torch(problem: Problem, folder: Path) -> Competitor:
    torch = library("torch", "the peer torch")
    return torch_network(problem) or _torch_autograd(problem, folder, torch)


def torch_network(problem: Problem) -> Competitor | None:
    """PyTorch's GRU, LSTM or RNN, where the cell is that network's; else None.

    Raises:
        MissingLibraryError: torch is not installed.
    """
    for layout in LAYOUTS.values():
        for nonlinearity, cell in layout.cells.items():
            names = counterparts(problem.cell, builtin.cell(cell))
            if names is not None:
                choice = {"nonlinearity": nonlinearity} if len(layout.cells) > 1 else {}
                return _network(problem, layout, names, choice)
    return None


def _network(
    problem: Problem, layout: Layout, names: Mapping[str, str], choice: dict[str, str]
) -> Competitor:
    torch = library("torch", "the peer torch")
    (xs,) = problem.inputs.values()
    states, ups = [*problem.states.values()], [*problem.cotangents.values()]
    module = getattr(torch.nn, layout.kind)(xs.shape[-1], states[0].shape[-1], **choice)
    module.to(torch.from_numpy(xs).dtype)
    stacked = _stacked(layout, {name: problem.params[names[name]] for name in layout.names})
    with torch.no_grad():
        for role, value in stacked.items():
            getattr(module, f"{role}_l0").copy_(torch.from_numpy(value))
    x, *starts = (torch.tensor(a).requires_grad_() for a in (xs, *(s[None] for s in states)))
    # Of further states, such as c, the network shows the last value alone.
    bars = [torch.tensor(ups[0]), *(torch.tensor(up[-1:]) for up in ups[1:])]
    weights = [getattr(module, f"{role}_l0") for role in stacked]

    def call() -> Any:
        hs, last = module(x, starts[0] if len(starts) == 1 else tuple(starts))
        outputs = [hs, *(last[1:] if len(starts) > 1 else ())]
        return outputs, torch.autograd.grad(outputs, [x, *starts, *weights], bars)

    def gradients(returned: Any) -> dict[str, Array]:
        x_bar, *rest = (value.numpy() for value in returned[1])
        state_bars, stacked_bars = rest[: len(starts)], rest[len(starts) :]
        unstacked = _unstacked(layout, dict(zip(stacked, stacked_bars, strict=True)))
        found = {names[name]: value for name, value in unstacked.items()}
        found |= dict.fromkeys(problem.inputs, x_bar)
        found |= {name: bar[0] for name, bar in zip(problem.states, state_bars, strict=True)}
        return {f"{name}{BAR}": value for name, value in found.items()}

    return Competitor("torch", f"torch.nn.{layout.kind}", call, gradients)


def _stacked(layout: Layout, params: Mapping[str, Array]) -> dict[str, Array]:
    """The cell's parameters as PyTorch's; a bias that PyTorch has twice is 0 the second time."""
    stacked = layout.to_torch(params)
    once = {name: np.zeros_like(params[name]) for name in (f"b_{b}" for b in layout.blocks)}
    once |= {name: params[name] for name in layout.apart.values()}
    return {**stacked, "bias_hh": layout.to_torch({**params, **once})["bias_hh"]}


def _unstacked(layout: Layout, bars: Mapping[str, Array]) -> dict[str, Array]:
    """Gradients of PyTorch's arrays as those of the cell's parameters."""
    weights = bars["weight_ih"], bars["weight_hh"]
    on_input = layout.to_cell(*weights, bars["bias_ih"], None)
    on_state = layout.to_cell(*weights, None, bars["bias_hh"])
    return {**on_input, **{name: on_state[name] for name in layout.apart.values()}}


def _torch_autograd(problem: Problem, folder: Path, torch: Any) -> Competitor:
    form = held("torch", problem.dtype)
    module = load(module_source(problem.cell, "torch"), folder)
    params, *given = arguments(problem, form)
    names = [*problem.params, *problem.inputs, *problem.states]
    leaves = [*params.values(), *(value for value in given if isinstance(value, torch.Tensor))]
    for leaf in leaves:
        leaf.requires_grad_()
    bars = [form.array(bar) for bar in _as_outputs(problem)]

    def call() -> Any:
        outputs = _as_tuple(module.plain(params, *given))
        # A constant output leads nowhere, and autograd refuses it.
        pairs = [(v, bar) for v, bar in zip(outputs, bars, strict=True) if v.requires_grad]
        if not pairs:
            return outputs, [torch.zeros_like(leaf) for leaf in leaves]
        values, ups = zip(*pairs, strict=True)
        found = torch.autograd.grad(values, leaves, ups, allow_unused=True, materialize_grads=True)
        return outputs, found

    def gradients(returned: Any) -> dict[str, Array]:
        return named(dict(zip(names, returned[1], strict=True)), form)

    return Competitor("torch", "PyTorch's autograd over the equations", call, gradients)


# -- jax -------------------------------------------------------------------------------------------


def _jax(problem: Problem, folder: Path) -> Competitor:
    form = held("jax", problem.dtype)
    jax = library("jax", "the peer jax")
    with form.within():
        module = load(module_source(problem.cell, "jax"), folder)
    params, *given = arguments(problem, form)
    steps = [] if problem.inputs else [given.pop(0)]  # a number: the vjp has no argument for it
    bars = tuple(form.array(bar) for bar in _as_outputs(problem))

    def outputs(params: Any, *given: Any) -> tuple[Any, ...]:
        return _as_tuple(module.plain(params, *steps, *given))

    def all_gradients(params: Any, given: Any, bars: Any) -> Any:
        values, pull = jax.vjp(outputs, params, *given)
        return values, pull(bars)

    jitted = jax.jit(all_gradients)

    def call() -> Any:
        return form.wait(jitted(params, given, bars))

    def gradients(returned: Any) -> dict[str, Array]:
        of_params, *rest = returned[1]
        found = {**of_params, **dict(zip([*problem.inputs, *problem.states], rest, strict=True))}
        return named(found, form)

    what = "jax.vjp of a jitted jax.lax.scan of the equations"
    return Competitor("jax", what, call, gradients, form.within)


def _as_outputs(problem: Problem) -> list[Array]:
    """The cotangents in the shapes that ``plain`` gives outputs: a scalar's is (T, B)."""
    bars = [problem.cotangents[str(v.name)] for v in problem.outputs]
    return [bar if v.shape else bar[..., 0] for v, bar in zip(problem.outputs, bars, strict=True)]


def _as_tuple(outputs: Any) -> tuple[Any, ...]:
    """``plain`` gives one output as such, and several as a tuple."""
    return outputs if isinstance(outputs, tuple) else (outputs,)


# -- by hand ---------------------------------------------------------------------------------------


def _hand(problem: Problem, _folder: Path) -> Competitor:
    found = handwritten(problem.cell)
    if found is None:
        raise UnsupportedError(
            f"nobody has written backprop by hand for {problem.cell.name}",
            mend=f"by hand there are {', '.join(with_backprop_by_hand())}",
        )
    module, known, names = found.module, found.known, found.names
    params = {str(v.name): problem.params[names[str(v.name)]] for v in known.params}
    (xs,) = problem.inputs.values()
    # The module takes the states in the known cell's order, which need not be that of this one.
    ups = dict(zip(problem.states, problem.cotangents.values(), strict=True))
    own = [names[str(v.name)] for v in known.states]
    starts, bars = [problem.states[s] for s in own], [ups[s] for s in own]

    def call() -> Any:
        trajectory = module.forward(params, xs, *starts)
        return module.backward(params, xs, *starts, trajectory, *bars)

    def gradients(returned: Any) -> dict[str, Array]:
        return {f"{own}{BAR}": returned[f"{known}{BAR}"] for known, own in names.items()}

    return Competitor("hand", f"{module.__name__}, NumPy written by hand", call, gradients)


PEERS: Mapping[str, Callable[[Problem, Path], Competitor]] = MappingProxyType(
    {"torch": _torch, "jax": _jax, "hand": _hand}
)
"""Name → what makes the competitor."""
