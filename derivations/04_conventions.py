# %% [markdown]
# # One GRU, many conventions
#
# **Claim.** Six ways to write a GRU are two cells: they differ in where the reset gate stands.
#
# **Assumed.** All arrays are real. Two cells are the same when a mapping of their parameters makes
# their next states equal, for all sizes and values.
#
# **Sources.** Chung et al. 2014 (arXiv:1412.3555), Cho et al. 2014 (arXiv:1406.1078), the
# documentation of torch.nn.GRU, of Keras (GRU, `reset_after`) and of ONNX (GRU,
# `linear_before_reset`); one matrix for each gate as in Olah 2015, Understanding LSTM networks.

# %%
from gru_sym import Cell, cells, prove_equal, prove_equivalent
from gru_sym.latex import latex_cell
from gru_sym.latex.gallery import Part, prose

# %% [markdown]
# ## Cho: a gate that keeps
#
# $\sigma(-a) = 1 - \sigma(a)$: turning the signs of $W_z$, $U_z$ and $b_z$ swaps the roles of $z$
# and $1 - z$.

# %%
turned = "\n".join(f"{name} = -{name}" for name in ("W_z", "U_z", "b_z"))
print(prove_equivalent(cells.gru_keep, cells.gru, turned).require())
assert prove_equivalent(cells.gru_keep, cells.gru).verdict == "refuted"

# %% [markdown]
# ## Tutorials: one matrix on $[h, x]$
#
# The columns of each matrix are those that act on the state, then those that act on the input.

# %%
joined = "\n".join(f"W_{gate} = [U_{gate}, W_{gate}]" for gate in "zrh")
print(prove_equivalent(cells.gru_concat, cells.gru, joined).require().claim)

# %% [markdown]
# ## PyTorch: r, z, n, and two biases for each gate
#
# `b_hn` stands within the product with $r$. The other `b_h…` are only ever added to a `b_i…`.

# %%
pytorch = Cell.parse(
    """
r      = sigmoid(W_ir @ x + b_ir + W_hr @ h + b_hr)
z      = sigmoid(W_iz @ x + b_iz + W_hz @ h + b_hz)
n      = tanh(W_in @ x + b_in + r * (W_hn @ h + b_hn))
h_next = (1 - z) * n + z * h
""",
    name="pytorch",
)
to_ours = "b_hr = 0\nb_hz = 0\n" + "\n".join(
    f"W_i{gate} = W_{own}\nW_h{gate} = U_{own}\nb_i{gate} = b_{own}"
    for gate, own in (("r", "r"), ("z", "z"), ("n", "h"))
)
print(prove_equivalent(pytorch, cells.gru_reset_after, to_ours).require().claim)

# %% [markdown]
# ## Keras and ONNX: a switch
#
# Keras multiplies from the other side, by transposed kernels $K$ and $R$. `reset_after=False` is
# the cell of Cho; the default, True, is PyTorch's. ONNX has both as `linear_before_reset`, 0 by
# default and 1. Where two biases are only ever added to each other, one of them is set to 0 here.

# %%
keras = """
z      = sigmoid(K_z.T @ x + R_z.T @ h + b_z)
r      = sigmoid(K_r.T @ x + R_r.T @ h + b_r)
hh     = tanh({})
h_next = z * h + (1 - z) * hh
"""
onnx = """
z      = sigmoid(W_z @ x + R_z @ h + b_Rz + b_Wz)
r      = sigmoid(W_r @ x + R_r @ h + b_Rr + b_Wr)
hh     = tanh({})
h_next = (1 - z) * hh + z * h
"""

# %% [markdown]
# Their kernels are ours, transposed; ONNX has a $W$ and an $R$ for each gate, and a bias with each.

# %%
kernels = "\n".join(f"K_{gate} = W_{gate}.T\nR_{gate} = U_{gate}.T" for gate in "zrh")
biases = "\n".join(f"R_{g} = U_{g}\nb_W{g} = b_{g}\nb_R{g} = 0" for g in "zrh")
keras_before = Cell.parse(keras.format("K_h.T @ x + R_h.T @ (r * h) + b_h"), name="keras")
onnx_before = Cell.parse(onnx.format("W_h @ x + R_h @ (r * h) + b_Rh + b_Wh"), name="onnx")
for theirs, mapping in ((keras_before, kernels), (onnx_before, biases)):
    print(prove_equivalent(theirs, cells.gru_keep, mapping).require().claim)

# %% [markdown]
# The other position of the switch:

# %%
keras_after = Cell.parse(keras.format("K_h.T @ x + b_h + r * (R_h.T @ h + b_hn)"), name="keras")
second = biases.replace("b_Rh = 0", "b_Rh = b_hn")
onnx_after = Cell.parse(onnx.format("W_h @ x + r * (R_h @ h + b_Rh) + b_Wh"), name="onnx")
for theirs, mapping in ((keras_after, kernels), (onnx_after, second)):
    print(prove_equivalent(theirs, cells.gru_reset_after, mapping).require().claim)

# %% [markdown]
# ## Reset after is not reset before
#
# $U_h (r \odot h)$ and $r \odot (U_h h)$ differ, even when the second bias is zero and $z$ is
# turned around. A refutation is a point in exact numbers at which the two next states differ for
# certain.

# %%
without_second_bias = f"{turned}\nb_hn = 0 * b_h"
refuted = prove_equivalent(cells.gru_reset_after, cells.gru, without_second_bias)
assert refuted.verdict == "refuted"
print(refuted)
assert prove_equal("U_h @ (r * h)", "r * (U_h @ h)").verdict == "refuted"

# %% [markdown]
# That refutes one mapping. No other does better: [Reset before the product, or after
# it](12_reset_order.py) shows it. The two agree where $U_h$ is diagonal, as then it is a vector
# $u$: always for $H = 1$.

# %%
print(prove_equal("u * (r * h)", "r * (u * h)").require().claim)

# %% [markdown]
# ## For the gallery

# %%
Part(
    "04_conventions",
    "One GRU, many conventions",
    claim="Six ways to write a GRU are two cells, which differ in where the reset gate stands.",
    source="Chung et al. 2014; Cho et al. 2014; documentation of PyTorch, Keras and ONNX",
    items=(
        ("Reset before the product. Chung:", latex_cell(cells.gru)),
        (
            "Cho, Keras with reset_after=False (transposed kernels), ONNX with "
            "linear_before_reset=0: the same, with the update gate's parameters negated.",
            latex_cell(cells.gru_keep),
        ),
        ("One matrix for each gate: the same, U beside W.", latex_cell(cells.gru_concat)),
        (
            prose(
                "Reset after the product. PyTorch, Keras as it is by default, ONNX with "
                "linear_before_reset=1: another cell. The two agree where $U_{h}$ is diagonal and "
                "the second bias is zero."
            ),
            latex_cell(pytorch),
        ),
    ),
).write()
