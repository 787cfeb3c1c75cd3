"""Run a network of layers in one or two directions: each layer is a compiled cell.

The reverse direction is the same compiled code on the flipped sequence. Backprop goes through the
layers from the top: what the inputs of a layer get is the cotangent of the outputs below it.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import TypeVar

import numpy as np
from numpy.typing import ArrayLike

from gru_sym.cells.naming import did_you_mean
from gru_sym.cells.network import Network
from gru_sym.codegen.arrays import Named
from gru_sym.codegen.compile import Compiled, compile
from gru_sym.codegen.functions import Array
from gru_sym.codegen.trajectory import Trajectory
from gru_sym.derive.vjp import BAR
from gru_sym.errors import DataError

__all__ = ["CompiledNetwork", "NetworkTrajectory", "compile_network"]

_Value = TypeVar("_Value")


@dataclass(frozen=True, eq=False, repr=False)
class NetworkTrajectory:
    """The values of a network along a sequence; without a batch no array has the axis B.

    Attributes:
        network: the network that ran.
        layers: for each layer the trajectories of its passes: forward, then reverse. That of a
            reverse pass is in the order in which it ran: its first step is the sequence's last.
    """

    network: Network
    layers: tuple[tuple[Trajectory, ...], ...] = field(repr=False)

    @property
    def dtype(self) -> np.dtype[np.inexact]:
        """The type of all arrays."""
        return self.layers[0][0].dtype

    @cached_property
    def hs(self) -> Array:
        """The output of the last layer at each step (T, B, H), or (T, B, 2 H): forward, reverse."""
        return _joined(self.layers[-1])

    @cached_property
    def states(self) -> dict[str, Array]:
        """State → its value after each step (T, B, n).

        A reverse pass has come from the end: its value at step t knows the steps from t on.
        """
        return {
            name: _turned(array, number)
            for passes in self.layers
            for number, trajectory in enumerate(passes)
            for name, array in trajectory.states.items()
        }


@dataclass(frozen=True, eq=False, repr=False)
class CompiledNetwork:
    """A network as running code; made by :func:`gru_sym.compile`.

    Attributes:
        network: the network.
        layers: the compiled cells of each layer: forward, then reverse.
    """

    network: Network
    layers: tuple[tuple[Compiled, ...], ...]

    def forward(
        self, params: Mapping[str, ArrayLike], xs: Named, h0: Named = None
    ) -> NetworkTrajectory:
        """Run the network over a sequence, or a batch of them.

        Args:
            params: the array of each parameter, under the network's names (``W_z_rev_2``).
            xs: the input (T, B, I) or (T, I), or a mapping from its name to that.
            h0: the initial states: a mapping from names (``h_1``, ``h_rev_1``) to arrays (B, H);
                a number for all; None for zeros. Each direction starts at its own end.

        Raises:
            DataError: an array is missing, unknown, of a wrong shape or type, empty or not finite.
        """
        network = self.network
        _by_name(params, [str(v.name) for v in network.params], "parameter", "params")
        states = [str(v.name) for v in network.states]
        start = h0 if h0 is None or _is_number(h0) else _by_name(h0, states, "state", "h0")
        given = _by_name(xs, [network.input], "input", "xs").get(network.input)
        if given is None:
            raise DataError("the input xs is missing", mend="give an array (T, B, I)")
        below = np.asarray(given)
        if below.dtype.kind in "biufc":
            # One type for all layers, as in a single cell: a pass takes the type of its input.
            begin = start.values() if isinstance(start, Mapping) else ()
            found = [np.asarray(v) for v in (*params.values(), *begin) if v is not None]
            kinds = [a.dtype for a in found if a.dtype.kind in "biufc" and a.ndim]
            below = below.astype(np.result_type(below.dtype, *kinds))
        layers = []
        for layer in self.layers:
            passes = []
            for number, run in enumerate(layer):
                own = _part(params, (str(v.name) for v in run.cell.params))
                first = start
                if isinstance(start, Mapping):
                    first = _part(start, (str(v.name) for v in run.cell.states))
                passes.append(run.forward(own, _turned(below, number), first))
            layers.append(tuple(passes))
            below = _joined(passes)
        return NetworkTrajectory(network, tuple(layers))

    def backward(self, trajectory: NetworkTrajectory, hs_bar: Named = None) -> dict[str, Array]:
        """Backprop through time and through the layers along a trajectory.

        Args:
            trajectory: what :meth:`forward` gave.
            hs_bar: the cotangent of the output at every step, of the shape of ``trajectory.hs``;
                or a mapping from states of any layer (T, B, n) to their cotangents, in the order
                of time, where a number stands for all steps and what is absent is zero. None: ones
                at the last step of the output, zeros before.

        Returns:
            ``<name>_bar`` for each parameter (summed over steps and sequences), the input
            (T, B, I) and each initial state (B, H).

        Raises:
            DataError: a cotangent is unknown, of a wrong shape or type, or not finite.
        """
        above, given = _upstream(trajectory, hs_bar)
        grads: dict[str, Array] = {}
        for layer, passes in zip(self.layers[::-1], trajectory.layers[::-1], strict=True):
            widths = np.cumsum([p.hs.shape[-1] for p in passes])[:-1]
            parts = [None] * len(passes) if above is None else np.split(above, widths, axis=-1)
            below = None
            for number, (run, path, part) in enumerate(zip(layer, passes, parts, strict=True)):
                states = [str(v.name) for v in run.cell.states]
                bars = {n: _turned(given[n], number) for n in states if n in given}
                if part is not None:
                    bars[states[0]] = _turned(part, number) + bars.get(states[0], 0)
                found = run.backward(path, bars)
                share = _turned(found.pop(f"{run.cell.inputs[0].name}{BAR}"), number)
                below = share if below is None else below + share
                grads |= found
            above = below
        network = self.network
        if above is not None:  # a network has a layer, so that there is one
            grads[network.input + BAR] = above
        order = (*network.params, network.input, *network.states)
        return {f"{name}{BAR}": grads[f"{name}{BAR}"] for name in order}

    def gradients(
        self, params: Mapping[str, ArrayLike], xs: Named, h0: Named = None, hs_bar: Named = None
    ) -> tuple[NetworkTrajectory, dict[str, Array]]:
        """:meth:`forward`, then :meth:`backward`.

        Args:
            params: the array of each parameter, all layers' in one mapping.
            xs: the input (T, B, I) or (T, I).
            h0: the initial states by name, or a number for all; None for zeros.
            hs_bar: the cotangent of the output, or of states by name; None: ones at the last step
                of the output.

        Raises:
            DataError: as in these two.
        """
        trajectory = self.forward(params, xs, h0)
        return trajectory, self.backward(trajectory, hs_bar)

    def __repr__(self) -> str:
        return f"CompiledNetwork({self.network.name}, {len(self.layers)} layers)"


def compile_network(network: Network, backend: str = "numpy") -> CompiledNetwork:
    """Generate the code of every layer of a network and its gradients, and make it run.

    Args:
        network: layers in one or two directions.
        backend: one of :data:`~gru_sym.codegen.backends.table.BACKENDS`.

    Raises:
        UnsupportedError: there is no such backend.
        MissingLibraryError: its library is not installed.

    >>> from gru_sym import cells
    >>> from gru_sym.cells.compose import bidirectional
    >>> run = compile_network(bidirectional(cells.rnn))
    >>> params = {"W_h": np.ones((2, 1)), "U_h": np.eye(2), "b_h": np.zeros(2)}
    >>> params |= {f"{name}_rev": array for name, array in params.items()}
    >>> trajectory, grads = run.gradients(params, np.ones((3, 1)))
    >>> trajectory.hs.shape, grads["U_h_rev_bar"].shape
    ((3, 4), (2, 2))
    """
    named = network.named
    layers = tuple(tuple(compile(cell, backend) for cell in layer.passes) for layer in named)
    return CompiledNetwork(network, layers)


# -- arrays ------------------------------------------------------------------------------------


def _turned(array: Array, number: int) -> Array:
    """The array as the pass sees it: the second pass of a layer runs against time."""
    return array[::-1] if number and array.ndim else array


def _joined(passes: Iterable[Trajectory]) -> Array:
    outputs = [_turned(path.hs, number) for number, path in enumerate(passes)]
    return outputs[0] if len(outputs) == 1 else np.concatenate(outputs, axis=-1)


def _is_number(given: Named) -> bool:
    return not isinstance(given, Mapping) and np.ndim(given) == 0  # type: ignore[arg-type]


def _part(given: Mapping[str, _Value], names: Iterable[str]) -> dict[str, _Value]:
    return {name: given[name] for name in names if name in given}


def _by_name(
    given: Named, names: list[str], kind: str, argument: str
) -> Mapping[str, ArrayLike | None]:
    """What was given as a mapping, with no unknown name in it."""
    if not isinstance(given, Mapping):
        if len(names) == 1:
            return {names[0]: given}
        raise DataError(
            f"the network has several {kind}s, and {argument} is one array",
            mend=f"give a mapping from each name to its array: {{{names[0]!r}: …}}",
        )
    for name in given:
        if name not in names:
            hint = did_you_mean(str(name), names)
            raise DataError(
                f"the network has no {kind} {name}",
                mend=f"{hint} The {kind}s are {', '.join(names)}".strip(),
            )
    return given


def _upstream(
    trajectory: NetworkTrajectory, hs_bar: Named
) -> tuple[Array | None, dict[str, Array]]:
    """The cotangent of the output, and those of states by name."""
    hs = trajectory.hs
    if hs_bar is None:
        last = np.zeros_like(hs)
        last[-1] = 1
        return last, {}
    states = trajectory.states
    if isinstance(hs_bar, Mapping):
        named = _by_name(hs_bar, list(states), "state", "hs_bar")
        found = {n: np.asarray(a) for n, a in named.items() if a is not None}
        for name, array in found.items():
            _check_shape(name, array, states[name])
        return None, found
    array = np.asarray(hs_bar)
    _check_shape("the output", array, hs)
    return np.broadcast_to(array, hs.shape), {}


def _check_shape(name: str, array: Array, like: Array) -> None:
    if array.ndim and array.shape != like.shape:
        raise DataError(
            f"the cotangent of {name} has shape {array.shape}, and {name} {like.shape}",
            mend="give the cotangent of every entry at every step",
        )
