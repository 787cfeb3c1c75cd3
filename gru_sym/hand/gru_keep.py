"""Backprop by hand for the GRU whose update gate keeps the state, reset before the product.

The cell (Cho et al. 2014, arXiv:1406.1078), with ⊙ for the elementwise product and h⁻ for the
state before the step::

    a_z = W_z x + U_z h⁻ + b_z            z = sigmoid(a_z)
    a_r = W_r x + U_r h⁻ + b_r            r = sigmoid(a_r)
    a_h = W_h x + U_h (r ⊙ h⁻) + b_h      h̃ = tanh(a_h)
    h = z ⊙ h⁻ + (1 - z) ⊙ h̃

The gate z is what the other convention calls 1 - z. Here z = 1 holds the state, and z = 0 writes
the candidate over it.

Write ∂v for ∂L/∂v, where L is the loss; the code calls it ``v_bar``. The state h_t reaches L in
two ways: directly, as the output of step t, and through step t+1. The whole ∂h_t is their sum::

    ∂h_t = hs_bar_t + (what step t+1 hands back to its h⁻)

The differential of one step, read from the last equation to the first, gives the rest.

1. From dh = z ⊙ dh⁻ + (h⁻ - h̃) ⊙ dz + (1 - z) ⊙ dh̃::

       ∂h̃ = ∂h ⊙ (1 - z)      ∂z = ∂h ⊙ (h⁻ - h̃)      ∂h⁻ receives ∂h ⊙ z

2. From tanh' = 1 - tanh²::

       ∂a_h = ∂h̃ ⊙ (1 - h̃²)

3. The matrix U_h acts on m = r ⊙ h⁻, and d(r ⊙ h⁻) = h⁻ ⊙ dr + r ⊙ dh⁻::

       ∂m = U_hᵀ ∂a_h      ∂r = ∂m ⊙ h⁻              ∂h⁻ receives ∂m ⊙ r

4. From sigmoid' = sigmoid (1 - sigmoid)::

       ∂a_z = ∂z ⊙ z ⊙ (1 - z)      ∂a_r = ∂r ⊙ r ⊙ (1 - r)

5. For a = W x + U v + b, from da = dW x + W dx + dU v + U dv + db::

       ∂W = Σ ∂a xᵀ      ∂U = Σ ∂a vᵀ      ∂b = Σ ∂a     ∂x receives Wᵀ ∂a      ∂v receives Uᵀ ∂a

   where v is m for U_h and h⁻ for the two gates, and Σ runs over time and batch, since every step
   and every sequence uses the same parameters.

All in all::

    ∂h⁻ = ∂h ⊙ z + r ⊙ U_hᵀ ∂a_h + U_rᵀ ∂a_r + U_zᵀ ∂a_z
    ∂x  = W_hᵀ ∂a_h + W_rᵀ ∂a_r + W_zᵀ ∂a_z

In the code a batch of column vectors is an array (B, H) of rows, so that U v reads ``v @ U.T``,
Uᵀ ∂a reads ``a_bar @ U``, and the sum of ∂a vᵀ over the batch reads ``a_bar.T @ v``.

The derivatives of sigmoid and tanh are computed from their values, so a gate that has rounded to 0
or 1, or a candidate that has rounded to 1 or -1, hands nothing back to its argument.
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
        params: ``W_z W_r W_h`` (H, I), ``U_z U_r U_h`` (H, H) and ``b_z b_r b_h`` (H,).
        xs: the inputs (T, B, I).
        h0: the initial states (B, H).

    Returns:
        ``hs``, the state after each step, and the gates ``z``, ``r`` and the candidate
        ``h_tilde`` of each step; all (T, B, H). The arrays' common type is kept: float32, float64
        or complex.
    """
    W_z, W_r, W_h = params["W_z"], params["W_r"], params["W_h"]
    U_z, U_r, U_h = params["U_z"], params["U_r"], params["U_h"]
    b_z, b_r, b_h = params["b_z"], params["b_r"], params["b_h"]

    T, B, _ = xs.shape
    H = h0.shape[1]
    dtype = np.result_type(xs, h0, *params.values())
    zs, rs, h_tildes, hs = (np.empty((T, B, H), dtype) for _ in range(4))

    h = h0
    for t in range(T):
        x = xs[t]
        z = _sigmoid(x @ W_z.T + h @ U_z.T + b_z)  # z = sigmoid(W_z x + U_z h⁻ + b_z)
        r = _sigmoid(x @ W_r.T + h @ U_r.T + b_r)  # r = sigmoid(W_r x + U_r h⁻ + b_r)
        h_tilde = np.tanh(x @ W_h.T + (r * h) @ U_h.T + b_h)  # h̃ = tanh(W_h x + U_h (r ⊙ h⁻) + b_h)
        h = z * h + (1 - z) * h_tilde  # h = z ⊙ h⁻ + (1 - z) ⊙ h̃
        zs[t], rs[t], h_tildes[t], hs[t] = z, r, h_tilde, h

    return {"hs": hs, "z": zs, "r": rs, "h_tilde": h_tildes}


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
        ``W_z_bar`` and so on for each parameter, in its shape; ``x_bar`` (T, B, I); and ``h_bar``
        (B, H), the cotangent of the initial state.
    """
    W_z, W_r, W_h = params["W_z"], params["W_r"], params["W_h"]
    U_z, U_r, U_h = params["U_z"], params["U_r"], params["U_h"]
    dtype = np.result_type(xs, h0, hs_bar, *params.values())

    bars = {f"{name}_bar": np.zeros(value.shape, dtype) for name, value in params.items()}
    x_bar = np.empty(xs.shape, dtype)
    h_prev_bar = np.zeros(h0.shape, dtype)  # nothing comes after the last step

    for t in reversed(range(len(xs))):
        x = xs[t]
        h_prev = trajectory["hs"][t - 1] if t > 0 else h0
        z, r, h_tilde = (trajectory[name][t] for name in ("z", "r", "h_tilde"))

        h_bar = hs_bar[t] + h_prev_bar  # ∂h_t: its own output, and step t+1

        h_tilde_bar = h_bar * (1 - z)  # ∂h̃ = ∂h ⊙ (1 - z)
        z_bar = h_bar * (h_prev - h_tilde)  # ∂z = ∂h ⊙ (h⁻ - h̃)

        a_h_bar = h_tilde_bar * (1 - h_tilde**2)  # ∂a_h = ∂h̃ ⊙ (1 - h̃²)
        m_bar = a_h_bar @ U_h  # ∂m = U_hᵀ ∂a_h, for m = r ⊙ h⁻
        r_bar = m_bar * h_prev  # ∂r = ∂m ⊙ h⁻

        a_z_bar = z_bar * z * (1 - z)  # ∂a_z = ∂z ⊙ z ⊙ (1 - z)
        a_r_bar = r_bar * r * (1 - r)  # ∂a_r = ∂r ⊙ r ⊙ (1 - r)

        bars["W_z_bar"] += a_z_bar.T @ x  # ∂W_z += Σ_batch ∂a_z xᵀ
        bars["W_r_bar"] += a_r_bar.T @ x  # ∂W_r += Σ_batch ∂a_r xᵀ
        bars["W_h_bar"] += a_h_bar.T @ x  # ∂W_h += Σ_batch ∂a_h xᵀ
        bars["U_z_bar"] += a_z_bar.T @ h_prev  # ∂U_z += Σ_batch ∂a_z h⁻ᵀ
        bars["U_r_bar"] += a_r_bar.T @ h_prev  # ∂U_r += Σ_batch ∂a_r h⁻ᵀ
        bars["U_h_bar"] += a_h_bar.T @ (r * h_prev)  # ∂U_h += Σ_batch ∂a_h (r ⊙ h⁻)ᵀ
        bars["b_z_bar"] += a_z_bar.sum(axis=0)  # ∂b_z += Σ_batch ∂a_z
        bars["b_r_bar"] += a_r_bar.sum(axis=0)  # ∂b_r += Σ_batch ∂a_r
        bars["b_h_bar"] += a_h_bar.sum(axis=0)  # ∂b_h += Σ_batch ∂a_h

        # ∂x = W_hᵀ ∂a_h + W_rᵀ ∂a_r + W_zᵀ ∂a_z
        x_bar[t] = a_h_bar @ W_h + a_r_bar @ W_r + a_z_bar @ W_z
        # ∂h⁻ = ∂h ⊙ z + r ⊙ ∂m + U_rᵀ ∂a_r + U_zᵀ ∂a_z
        h_prev_bar = h_bar * z + r * m_bar + a_r_bar @ U_r + a_z_bar @ U_z

    return bars | {"x_bar": x_bar, "h_bar": h_prev_bar}


def _sigmoid(a: Array) -> Array:
    """1 / (1 + exp(-a)), by way of exp(-|a|), which can't overflow; complex a by its real part."""
    positive = a.real >= 0
    e = np.exp(np.where(positive, -a, a))
    result: Array = np.where(positive, 1, e) / (1 + e)
    return result
