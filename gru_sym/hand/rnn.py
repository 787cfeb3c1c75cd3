"""Backprop by hand for the simple recurrent network with tanh.

The cell (Elman 1990), with ⊙ for the elementwise product and h⁻ for the state before the step::

    a = W_h x + U_h h⁻ + b_h
    h = tanh(a)

Write ∂v for ∂L/∂v, where L is the loss; the code calls it ``v_bar``. The state h_t reaches L in
two ways: directly, as the output of step t, and through step t+1. The whole ∂h_t is their sum::

    ∂h_t = hs_bar_t + (what step t+1 hands back to its h⁻)

The differential of one step, read from the last equation to the first, gives the rest.

1. From tanh' = 1 - tanh², where tanh(a) is the new state itself::

       ∂a = ∂h ⊙ (1 - h²)

2. From da = dW_h x + W_h dx + dU_h h⁻ + U_h dh⁻ + db_h::

       ∂W_h = Σ ∂a xᵀ      ∂U_h = Σ ∂a h⁻ᵀ      ∂b_h = Σ ∂a

   where Σ runs over time and batch, since every step and every sequence uses the same parameters;
   and, with nothing else of the step in their way::

       ∂h⁻ = U_hᵀ ∂a      ∂x = W_hᵀ ∂a

Over n steps ∂h has passed through n products with U_hᵀ and n slopes of at most 1, and through
nothing that could carry it past them: there is no gate.

In the code a batch of column vectors is an array (B, H) of rows, so that U v reads ``v @ U.T``,
Uᵀ ∂a reads ``a_bar @ U``, and the sum of ∂a vᵀ over the batch reads ``a_bar.T @ v``.

The derivative of tanh is computed from its value, so a state that has rounded to 1 or -1 hands
nothing back to its argument.
"""

from collections.abc import Mapping
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

__all__ = ["backward", "forward"]

Array: TypeAlias = NDArray[np.inexact[Any]]


def forward(params: Mapping[str, Array], xs: Array, h0: Array) -> dict[str, Array]:
    """Run the cell over a batch of sequences.

    Args:
        params: ``W_h`` (H, I), ``U_h`` (H, H) and ``b_h`` (H,).
        xs: the inputs (T, B, I).
        h0: the initial states (B, H).

    Returns:
        ``hs``, the state after each step, (T, B, H); there are no gates. The arrays' common type
        is kept: float32, float64 or complex.
    """
    W_h, U_h, b_h = params["W_h"], params["U_h"], params["b_h"]

    T, B, _ = xs.shape
    H = h0.shape[1]
    hs = np.empty((T, B, H), np.result_type(xs, h0, *params.values()))

    h = h0
    for t in range(T):
        x = xs[t]
        h = np.tanh(x @ W_h.T + h @ U_h.T + b_h)  # h = tanh(W_h x + U_h h⁻ + b_h)
        hs[t] = h

    return {"hs": hs}


def backward(
    params: Mapping[str, Array],
    xs: Array,
    h0: Array,
    trajectory: Mapping[str, Array],
    hs_bar: Array,
) -> dict[str, Array]:
    """Pull cotangents of the states back to parameters, inputs and the initial state.

    Args:
        params: as for :func:`forward`.
        xs: the inputs (T, B, I).
        h0: the initial states (B, H).
        trajectory: what :func:`forward` returned for them.
        hs_bar: ∂L/∂h_t of every step as L depends on that step's output directly, (T, B, H).

    Returns:
        ``W_h_bar`` and so on for each parameter, in its shape; ``x_bar`` (T, B, I); and ``h_bar``
        (B, H), the cotangent of the initial state.
    """
    W_h, U_h = params["W_h"], params["U_h"]
    dtype = np.result_type(xs, h0, hs_bar, *params.values())

    bars = {f"{name}_bar": np.zeros(value.shape, dtype) for name, value in params.items()}
    x_bar = np.empty(xs.shape, dtype)
    h_prev_bar = np.zeros(h0.shape, dtype)  # nothing comes after the last step

    for t in reversed(range(len(xs))):
        x, h = xs[t], trajectory["hs"][t]
        h_prev = trajectory["hs"][t - 1] if t > 0 else h0

        h_bar = hs_bar[t] + h_prev_bar  # ∂h_t: its own output, and step t+1

        a_bar = h_bar * (1 - h**2)  # ∂a = ∂h ⊙ (1 - h²)

        bars["W_h_bar"] += a_bar.T @ x  # ∂W_h += Σ_batch ∂a xᵀ
        bars["U_h_bar"] += a_bar.T @ h_prev  # ∂U_h += Σ_batch ∂a h⁻ᵀ
        bars["b_h_bar"] += a_bar.sum(axis=0)  # ∂b_h += Σ_batch ∂a

        x_bar[t] = a_bar @ W_h  # ∂x = W_hᵀ ∂a
        h_prev_bar = a_bar @ U_h  # ∂h⁻ = U_hᵀ ∂a

    return bars | {"x_bar": x_bar, "h_bar": h_prev_bar}
