# %% [markdown]
# # One GRU, many conventions
#
# **Claim.** Four pairs of cells that look different are the same function under a mapping of their
# parameters; a fifth pair, which is often taken for the same, is not.
#
# **Sources.** Chung et al. 2014 (arXiv:1412.3555) updates with z; Cho et al. 2014 (arXiv:1406.1078)
# keeps with z; PyTorch and cuDNN reset after the product.

# %%
from gru_sym import cells, prove_equivalent

# %% [markdown]
# ## A gate that keeps, a gate that updates
#
# σ(−a) = 1 − σ(a): turning the signs of W_z, U_z and b_z swaps the roles of z and 1 − z.

# %%
turned = """
W_z = -W_z
U_z = -U_z
b_z = -b_z
"""
print(prove_equivalent(cells.gru_keep, cells.gru, turned).require())

# %% [markdown]
# ## One matrix on [h, x]
#
# Tutorials write one matrix for each gate, acting on the state above the input.

# %%
joined = """
W_z = [U_z, W_z]
W_r = [U_r, W_r]
W_h = [U_h, W_h]
"""
print(prove_equivalent(cells.gru_concat, cells.gru, joined).require().claim)

# %% [markdown]
# ## Gates tied, gates coupled
#
# The minimal gated unit is the GRU whose two gates share their parameters; the LSTM with coupled
# gates is the LSTM whose input gate has the forget gate's parameters with turned signs.

# %%
tied = """
W_z = W_f
U_z = U_f
b_z = b_f
W_r = W_f
U_r = U_f
b_r = b_f
"""
coupled = """
W_i = -W_f
U_i = -U_f
b_i = -b_f
"""
print(prove_equivalent(cells.gru, cells.mgu, tied).require().claim)
print(prove_equivalent(cells.lstm, cells.lstm_coupled, coupled).require().claim)

# %% [markdown]
# ## Reset after is not reset before
#
# U_h (r ⊙ h) and r ⊙ (U_h h) differ, even when the second bias is zero and z is turned around. A
# refutation is a point in exact numbers at which the two next states differ for certain.

# %%
without_second_bias = turned + "b_hn = 0 * b_h"
refuted = prove_equivalent(cells.gru_reset_after, cells.gru, without_second_bias)
assert refuted.verdict == "refuted"
print(refuted)
