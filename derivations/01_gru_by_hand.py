# %% [markdown]
# # Backprop through one GRU step, by hand
#
# **Claim.** Eighteen lines by hand are the gradients of one GRU step, for all sizes.
#
# **Assumed.** All arrays are real. `h_next_bar` is $\partial L / \partial h'$, given from outside.
#
# **Source.** The GRU of Chung et al. 2014 (arXiv:1412.3555), with biases; the chain rule.

# %%
from gru_sym import cells, check, prove_vjp
from gru_sym.latex import latex_cell, latex_lines
from gru_sym.latex.gallery import Part, prose

print(cells.gru)

# %% [markdown]
# ## The sum
#
# $h' = (1 - z) \odot h + z \odot \tilde{h}$ is linear in $h$ and in $\tilde{h}$, with slopes
# $1 - z$ and $z$; in $z$ it is a straight line with slope $\tilde{h} - h$.

# %%
through_the_sum = """
z_bar       = h_next_bar * (h_tilde - h)
h_tilde_bar = h_next_bar * z
"""

# %% [markdown]
# ## The activations
#
# Slopes are written in the output: $\sigma' = z\,(1 - z)$ and $\tanh' = 1 - \tilde{h}^2$. `a_z` is
# the argument of the sigmoid in the definition of `z`; textbooks call `a_z_bar` $\delta_z$.

# %%
through_the_activations = """
a_z_bar       = z_bar * z * (1 - z)
a_h_tilde_bar = h_tilde_bar * (1 - h_tilde**2)
"""

# %% [markdown]
# ## The reset gate
#
# The candidate sees $r \odot h$ through $U_h$. A matrix pulls back by its transpose, a product by
# the other factor: what arrives at $r \odot h$ is $U_h^{\top} \delta_{\tilde{h}}$, and $r$ gets $h$
# times that.

# %%
through_the_reset_gate = """
arriving = U_h.T @ a_h_tilde_bar
r_bar    = h * arriving
a_r_bar  = r_bar * r * (1 - r)
"""

# %% [markdown]
# ## The state and the input
#
# Four ways lead back to $h$: the skip with its $1 - z$, the candidate, and the two gates. The input
# has no skip.

# %%
to_the_state = """
h_bar = h_next_bar * (1 - z) + r * arriving + U_r.T @ a_r_bar + U_z.T @ a_z_bar
x_bar = W_z.T @ a_z_bar + W_r.T @ a_r_bar + W_h.T @ a_h_tilde_bar
"""

# %% [markdown]
# ## The parameters
#
# Each is $\delta$ times what the matrix saw, transposed. $U_h$ saw $r \odot h$, not $h$.

# %%
to_the_parameters = """
W_z_bar = outer(a_z_bar, x)
U_z_bar = outer(a_z_bar, h)
b_z_bar = a_z_bar
W_r_bar = outer(a_r_bar, x)
U_r_bar = outer(a_r_bar, h)
b_r_bar = a_r_bar
W_h_bar = outer(a_h_tilde_bar, x)
U_h_bar = outer(a_h_tilde_bar, r * h)
b_h_bar = a_h_tilde_bar
"""

# %% [markdown]
# ## The check
#
# Each line is compared with the derived one on normal forms. `require` raises if a single line is
# wrong, unproved or missing.

# %%
derivation = (
    through_the_sum
    + through_the_activations
    + through_the_reset_gate
    + to_the_state
    + to_the_parameters
)
report = check(cells.gru, derivation).require()
print(f"{len(report.lines)} lines, verdict: {report.verdict}")
assert len(report.lines) == 18

# %% [markdown]
# And what the lines were compared with is itself proved, for all sizes and every sequence length,
# by an argument that uses none of the rules that derived it.

# %%
print(prove_vjp(cells.gru).require().claim)

# %% [markdown]
# ## For the gallery

# %%
steps = {
    "The cell:": "",
    r"In $\tilde{h}$ the sum has slope $z$, in $z$ it has slope $\tilde{h} - h$.": through_the_sum,
    r"Slopes of activations are written in their outputs: $\sigma' = z\,(1 - z)$, and that of the "
    r"hyperbolic tangent is $1 - \tilde{h}^{2}$.": through_the_activations,
    "A matrix pulls back by its transpose, a product by its other factor.": through_the_reset_gate,
    "The state is used four times, so its cotangent has four terms; the input is used three "
    "times.": to_the_state,
    "A matrix gets what arrives behind it times what it acted on, transposed.": to_the_parameters,
}
Part(
    "01_gru_by_hand",
    "The GRU step by hand",
    claim="These are the gradients of one step, for every hidden size and every input size.",
    source="Chung et al. 2014, arXiv:1412.3555, with biases",
    items=tuple(
        (prose(words), latex_lines(cells.gru, lines) if lines else latex_cell(cells.gru))
        for words, lines in steps.items()
    ),
).write()
