"""Backprop by hand for the long short-term memory with a forget gate.

The cell (Hochreiter & Schmidhuber 1997; the forget gate is of Gers, Schmidhuber & Cummins 2000),
with ⊙ for the elementwise product and h⁻, c⁻ for the two states before the step::

    a_i = W_i x + U_i h⁻ + b_i      i = sigmoid(a_i)
    a_f = W_f x + U_f h⁻ + b_f      f = sigmoid(a_f)
    a_g = W_g x + U_g h⁻ + b_g      g = tanh(a_g)
    a_o = W_o x + U_o h⁻ + b_o      o = sigmoid(a_o)
    c = f ⊙ c⁻ + i ⊙ g
    h = o ⊙ tanh(c)

Write ∂v for ∂L/∂v, where L is the loss; the code calls it ``v_bar``. The output h_t reaches L in
two ways: directly, and through step t+1, where it is the h⁻ of the four gates::

    ∂h_t = hs_bar_t + (what step t+1 hands back to its h⁻)

The cell c_t reaches L in three: through the output h_t of its own step, directly where the loss
looks at the cell, and through step t+1, where it is c⁻. None of the three contains another, since
h_t is not on the way from c_t to c_{t+1} by f ⊙ c⁻; so the whole ∂c_t is their sum::

    ∂c_t = (what h_t passes) + cs_bar_t + (what step t+1 hands back to its c⁻)

The differential of one step, read from the last equation to the first, gives the rest. The whole
∂h has to be known before ∂c is, as h depends on c.

1. From dh = tanh(c) ⊙ do + o ⊙ (1 - tanh²(c)) ⊙ dc::

       ∂o = ∂h ⊙ tanh(c)      h passes ∂h ⊙ o ⊙ (1 - tanh²(c)) to ∂c

2. From dc = c⁻ ⊙ df + f ⊙ dc⁻ + g ⊙ di + i ⊙ dg::

       ∂f = ∂c ⊙ c⁻      ∂i = ∂c ⊙ g      ∂g = ∂c ⊙ i      ∂c⁻ = ∂c ⊙ f

   Nothing else of the step depends on c⁻ (there are no peepholes), so this is all of ∂c⁻. It has
   passed through no matrix and no activation: from step to step ∂c is multiplied by f alone.

3. From sigmoid' = sigmoid (1 - sigmoid) and tanh' = 1 - tanh²::

       ∂a_i = ∂i ⊙ i ⊙ (1 - i)      ∂a_f = ∂f ⊙ f ⊙ (1 - f)
       ∂a_o = ∂o ⊙ o ⊙ (1 - o)      ∂a_g = ∂g ⊙ (1 - g²)

4. For a = W x + U h⁻ + b, from da = dW x + W dx + dU h⁻ + U dh⁻ + db::

       ∂W = Σ ∂a xᵀ      ∂U = Σ ∂a h⁻ᵀ     ∂b = Σ ∂a      ∂x receives Wᵀ ∂a      ∂h⁻ receives Uᵀ ∂a

   where Σ runs over time and batch, since every step and every sequence uses the same parameters.

All in all::

    ∂c⁻ = ∂c ⊙ f
    ∂h⁻ = U_iᵀ ∂a_i + U_fᵀ ∂a_f + U_gᵀ ∂a_g + U_oᵀ ∂a_o
    ∂x  = W_iᵀ ∂a_i + W_fᵀ ∂a_f + W_gᵀ ∂a_g + W_oᵀ ∂a_o

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


def forward(params: Mapping[str, Array], xs: Array, h0: Array, c0: Array) -> dict[str, Array]:
    """Run the cell over a batch of sequences.

    Args:
        params: ``W_i W_f W_g W_o`` (H, I), ``U_i U_f U_g U_o`` (H, H) and ``b_i b_f b_g b_o``
            (H,).
        xs: the inputs (T, B, I).
        h0: the initial outputs (B, H).
        c0: the initial cells (B, H).

    Returns:
        ``hs`` and ``cs``, the two states after each step, and the gates ``i``, ``f``, ``o`` and the
        candidate ``g`` of each step; all (T, B, H). The arrays' common type is kept: float32,
        float64 or complex.
    """
    W_i, W_f, W_g, W_o = params["W_i"], params["W_f"], params["W_g"], params["W_o"]
    U_i, U_f, U_g, U_o = params["U_i"], params["U_f"], params["U_g"], params["U_o"]
    b_i, b_f, b_g, b_o = params["b_i"], params["b_f"], params["b_g"], params["b_o"]

    T, B, _ = xs.shape
    H = h0.shape[1]
    dtype = np.result_type(xs, h0, c0, *params.values())
    is_, fs, gs, os, cs, hs = (np.empty((T, B, H), dtype) for _ in range(6))

    h, c = h0, c0
    for t in range(T):
        x = xs[t]
        i = _sigmoid(x @ W_i.T + h @ U_i.T + b_i)  # i = sigmoid(W_i x + U_i h⁻ + b_i)
        f = _sigmoid(x @ W_f.T + h @ U_f.T + b_f)  # f = sigmoid(W_f x + U_f h⁻ + b_f)
        g = np.tanh(x @ W_g.T + h @ U_g.T + b_g)  # g = tanh(W_g x + U_g h⁻ + b_g)
        o = _sigmoid(x @ W_o.T + h @ U_o.T + b_o)  # o = sigmoid(W_o x + U_o h⁻ + b_o)
        c = f * c + i * g  # c = f ⊙ c⁻ + i ⊙ g
        h = o * np.tanh(c)  # h = o ⊙ tanh(c)
        is_[t], fs[t], gs[t], os[t], cs[t], hs[t] = i, f, g, o, c, h

    return {"hs": hs, "cs": cs, "i": is_, "f": fs, "g": gs, "o": os}


def backward(
    params: Mapping[str, Array],
    xs: Array,
    h0: Array,
    c0: Array,
    trajectory: Mapping[str, Array],
    hs_bar: Array,
    cs_bar: Array,
) -> dict[str, Array]:
    """Pull cotangents of the states back to parameters, inputs and the initial states.

    Args:
        params: as for :func:`forward`.
        xs: the inputs (T, B, I).
        h0: the initial outputs (B, H).
        c0: the initial cells (B, H).
        trajectory: what :func:`forward` returned for them.
        hs_bar: ∂L/∂h_t of every step as L depends on that step's output directly, (T, B, H).
        cs_bar: ∂L/∂c_t of every step as L depends on that step's cell directly, (T, B, H).

    Returns:
        ``W_i_bar`` and so on for each parameter, in its shape; ``x_bar`` (T, B, I); and ``h_bar``
        and ``c_bar`` (B, H), the cotangents of the initial states.
    """
    W_i, W_f, W_g, W_o = params["W_i"], params["W_f"], params["W_g"], params["W_o"]
    U_i, U_f, U_g, U_o = params["U_i"], params["U_f"], params["U_g"], params["U_o"]
    dtype = np.result_type(xs, h0, c0, hs_bar, cs_bar, *params.values())

    bars = {f"{name}_bar": np.zeros(value.shape, dtype) for name, value in params.items()}
    x_bar = np.empty(xs.shape, dtype)
    h_prev_bar = np.zeros(h0.shape, dtype)  # nothing comes after the last step
    c_prev_bar = np.zeros(c0.shape, dtype)

    for t in reversed(range(len(xs))):
        x = xs[t]
        h_prev = trajectory["hs"][t - 1] if t > 0 else h0
        c_prev = trajectory["cs"][t - 1] if t > 0 else c0
        i, f, g, o = (trajectory[name][t] for name in ("i", "f", "g", "o"))
        tanh_c = np.tanh(trajectory["cs"][t])

        h_bar = hs_bar[t] + h_prev_bar  # ∂h_t: its own output, and step t+1
        from_h = h_bar * o * (1 - tanh_c**2)  # h passes ∂h ⊙ o ⊙ (1 - tanh²(c)) to ∂c
        c_bar = from_h + cs_bar[t] + c_prev_bar  # ∂c_t: by h_t, the loss itself, and step t+1

        o_bar = h_bar * tanh_c  # ∂o = ∂h ⊙ tanh(c)
        f_bar = c_bar * c_prev  # ∂f = ∂c ⊙ c⁻
        i_bar = c_bar * g  # ∂i = ∂c ⊙ g
        g_bar = c_bar * i  # ∂g = ∂c ⊙ i

        a_i_bar = i_bar * i * (1 - i)  # ∂a_i = ∂i ⊙ i ⊙ (1 - i)
        a_f_bar = f_bar * f * (1 - f)  # ∂a_f = ∂f ⊙ f ⊙ (1 - f)
        a_g_bar = g_bar * (1 - g**2)  # ∂a_g = ∂g ⊙ (1 - g²)
        a_o_bar = o_bar * o * (1 - o)  # ∂a_o = ∂o ⊙ o ⊙ (1 - o)

        bars["W_i_bar"] += a_i_bar.T @ x  # ∂W_i += Σ_batch ∂a_i xᵀ
        bars["W_f_bar"] += a_f_bar.T @ x  # ∂W_f += Σ_batch ∂a_f xᵀ
        bars["W_g_bar"] += a_g_bar.T @ x  # ∂W_g += Σ_batch ∂a_g xᵀ
        bars["W_o_bar"] += a_o_bar.T @ x  # ∂W_o += Σ_batch ∂a_o xᵀ
        bars["U_i_bar"] += a_i_bar.T @ h_prev  # ∂U_i += Σ_batch ∂a_i h⁻ᵀ
        bars["U_f_bar"] += a_f_bar.T @ h_prev  # ∂U_f += Σ_batch ∂a_f h⁻ᵀ
        bars["U_g_bar"] += a_g_bar.T @ h_prev  # ∂U_g += Σ_batch ∂a_g h⁻ᵀ
        bars["U_o_bar"] += a_o_bar.T @ h_prev  # ∂U_o += Σ_batch ∂a_o h⁻ᵀ
        bars["b_i_bar"] += a_i_bar.sum(axis=0)  # ∂b_i += Σ_batch ∂a_i
        bars["b_f_bar"] += a_f_bar.sum(axis=0)  # ∂b_f += Σ_batch ∂a_f
        bars["b_g_bar"] += a_g_bar.sum(axis=0)  # ∂b_g += Σ_batch ∂a_g
        bars["b_o_bar"] += a_o_bar.sum(axis=0)  # ∂b_o += Σ_batch ∂a_o

        # ∂x = W_iᵀ ∂a_i + W_fᵀ ∂a_f + W_gᵀ ∂a_g + W_oᵀ ∂a_o
        x_bar[t] = a_i_bar @ W_i + a_f_bar @ W_f + a_g_bar @ W_g + a_o_bar @ W_o
        # ∂h⁻ = U_iᵀ ∂a_i + U_fᵀ ∂a_f + U_gᵀ ∂a_g + U_oᵀ ∂a_o
        h_prev_bar = a_i_bar @ U_i + a_f_bar @ U_f + a_g_bar @ U_g + a_o_bar @ U_o
        c_prev_bar = c_bar * f  # ∂c⁻ = ∂c ⊙ f

    return bars | {"x_bar": x_bar, "h_bar": h_prev_bar, "c_bar": c_prev_bar}


def _sigmoid(a: Array) -> Array:
    """1 / (1 + exp(-a)), by way of exp(-|a|), which can't overflow; complex a by its real part."""
    positive = a.real >= 0
    e = np.exp(np.where(positive, -a, a))
    result: Array = np.where(positive, 1, e) / (1 + e)
    return result
