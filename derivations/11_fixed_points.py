# %% [markdown]
# # Fixed points, and the eigenvalue 1
#
# **Claim.** Whether the Jacobian at a fixed point has the eigenvalue 1 does not depend on the
# update gate.
#
# **Assumed.** The GRU that resets before the product; all arrays are real, so that $z > 0$. A fixed
# point is a state with $h' = h$ under a constant input.
#
# **Source.** The cell of Chung et al. 2014 (arXiv:1412.3555); what is shown is shown here.

# %%
import numpy as np

from gru_sym import Cell, cells, check, compile, prove_equal
from gru_sym.latex.gallery import Part, prose

gru = cells.gru

# %% [markdown]
# ## At a fixed point the candidate is the state
#
# $h' - h = z \odot (\tilde{h} - h)$, and $z$ is nowhere 0: so $\tilde{h} = h$, entry by entry.

# %%
print(prove_equal("h_next - h", "z * (h_tilde - h)", gru).require().claim)

# %% [markdown]
# ## The candidate alone
#
# As a cell of its own the candidate has a Jacobian $M$. It does not know $z$, nor what $z$ is made
# of.

# %%
candidate = Cell.parse(
    "r = sigmoid(W_r @ x + U_r @ h + b_r)\nh_next = tanh(W_h @ x + U_h @ (r * h) + b_h)",
    name="candidate",
)
assert not {"z", "W_z", "U_z", "b_z"} & {v.name for v in candidate.program.variables}

# %% [markdown]
# $M^{\top} v$ is, with $u = (1 - \tilde{h}^2) \odot v$ behind the tanh, a sum of two ways: through
# the state, and through the reset gate.


# %%
def m_transposed(v: str, h_tilde: str) -> str:
    u = f"(1 - {h_tilde}**2) * {v}"
    return f"r * (U_h.T @ ({u})) + U_r.T @ (r * (1 - r) * h * (U_h.T @ ({u})))"


line = check(candidate, f"h_bar = {m_transposed('h_next_bar', 'h_next')}").lines[0]
print(line.name, "of the candidate alone is", line.verdict)
assert line.verdict == "right"

# %% [markdown]
# ## The candidate within the GRU
#
# With $g$ for what arrives (`h_next_bar`), at every point, fixed or not:
#
# $$ (J - I)^{\top} g = (M - I)^{\top} (z \odot g)
#   + U_z^{\top} \bigl((\tilde{h} - h) \odot z \odot (1 - z) \odot g\bigr) $$

# %%
left = "h_bar - h_next_bar"
without_update = f"{m_transposed('(z * h_next_bar)', 'h_tilde')} - z * h_next_bar"
update = "U_z.T @ ((h_tilde - h) * z * (1 - z) * h_next_bar)"
prove_equal(left, f"{without_update} + {update}", gru).require()
print("without the last term:", prove_equal(left, without_update, gru).verdict)
assert prove_equal(left, without_update, gru).verdict == "refuted"

# %% [markdown]
# ## The theorem
#
# At a fixed point $\tilde{h} - h = 0$ and the last term, the update gate's path, is gone:
# $J - I = \operatorname{diag}(z)\,(M - I)$. So $\det(J - I) = \prod_i z_i \cdot \det(M - I)$, and
# the product is positive. **$J$ has the eigenvalue 1 exactly where $M$ has**, with the same
# eigenvectors, and $z$ has no say in it.
#
# ## In numbers
#
# Any $h$ between −1 and 1 is a fixed point under the right bias $b_h$. First an $M$ is made that
# has the eigenvalue 1: its rows add up to 1, so that it maps the vector of ones to itself.

# %%
rng = np.random.default_rng(0)
n, one = 4, np.eye(4)
h, x = rng.uniform(-0.9, 0.9, n), rng.normal(size=n)
M = rng.normal(size=(n, n))
M += (1 - M.sum(axis=1, keepdims=True)) / n

# %% [markdown]
# $M = \operatorname{diag}(1 - h^2)\,U_h\,S$ with
# $S = \operatorname{diag}(r) + \operatorname{diag}(h \odot r \odot (1 - r))\,U_r$ is solved for
# $U_h$, and $\tilde{h} = h$ for $b_h$.

# %%
params = {str(v.name): rng.normal(size=(n,) * len(v.shape)) for v in gru.params}
r = 1 / (1 + np.exp(-(params["W_r"] @ x + params["U_r"] @ h + params["b_r"])))
S = np.diag(r) + np.diag(h * r * (1 - r)) @ params["U_r"]
params["U_h"] = (M / (1 - h**2)[:, None]) @ np.linalg.inv(S)
params["b_h"] = np.arctanh(h) - params["W_h"] @ x - params["U_h"] @ (r * h)

# %% [markdown]
# Now $z$ is moved by its bias, from almost closed to almost open. The eigenvalue 1 stays.

# %%
run = compile(gru)
for b_z in (-3.0, 0.0, 3.0):
    path = run.forward(params | {"b_z": np.full(n, b_z)}, x[None], h0=h)
    J, z = run.jacobians(path)[0], path.values["z"][0]
    assert np.abs(path.hs[0] - h).max() < 1e-14
    assert np.abs(J - one - np.diag(z) @ (M - one)).max() < 1e-12
    values = np.linalg.eigvals(J)
    print(f"b_z = {b_z:4}: 1 to within 1e-12, largest modulus {max(abs(values)):.3f}")
    assert min(abs(values - 1)) < 1e-12

# %% [markdown]
# Where $|\lambda| > 1$ is another question, and there $z$ matters, as the last column shows. With
# $M = -3 I$, for one, $J = (1 - 4 z) I$ is stable for $z < 1/2$ alone.

# %% [markdown]
# ## For the gallery

# %%
Part(
    "11_fixed_points",
    "Fixed points, and the eigenvalue 1",
    claim="Whether the Jacobian at a fixed point has the eigenvalue 1 does not depend on the "
    "update gate.",
    source="Chung et al. 2014 for the cell",
    items=(
        (
            prose("With the Jacobian $M$ of the candidate, which does not know $z$:"),
            r"J - I = \operatorname{diag}(z_{t})\,(M - I) + \operatorname{diag}((\tilde{h}_{t} - "
            r"h_{t-1}) \odot z_{t} \odot (1 - z_{t}))\,U_{z}",
        ),
        (
            "At a fixed point the candidate is the state, so that the last term is gone:",
            r"J - I = \operatorname{diag}(z)\,(M - I), \qquad "
            r"\det(J - I) = \textstyle\prod_{i} z_{i} \cdot \det(M - I)",
        ),
    ),
).write()
