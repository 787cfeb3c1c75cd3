# %% [markdown]
# # What the sum does
#
# **Claim.** The sum bounds states and Jacobians; z does not move an eigenvalue 1 of a fixed point.
#
# **Assumed.** The GRU that resets before the product; all arrays are real, so that 0 < z < 1 and
# 0 < r < 1. For the theorem: a fixed point h' = h under a constant input.
#
# **Source.** The cell of Chung et al. 2014 (arXiv:1412.3555); what is shown is shown here.

# %%
import numpy as np

from gru_sym import Cell, cells, check, compile, prove_equal
from gru_sym.latex.gallery import Part, prose

gru = cells.gru

# %% [markdown]
# ## States stay between −1 and 1
#
# 1 − h' and 1 + h' are sums of products of what is not negative if |h| ≤ 1: so |h'| ≤ 1.

# %%
prove_equal("1 - h_next", "(1 - z) * (1 - h) + z * (1 - h_tilde)", gru).require()
prove_equal("1 + h_next", "(1 - z) * (1 + h) + z * (1 + h_tilde)", gru).require()

# %% [markdown]
# ## Bounds on ‖J‖
#
# Where gates and candidate do not see the state, J is diag(1 − z) (05_side_by_side): its singular
# values lie between min(1 − z) and max(1 − z), by the gate alone.
#
# In general J is the sum of four paths (03_jacobian_by_path), and its norm at most the sum of their
# norms. z (1 − z) ≤ 1/4, as the difference is a square; |h| ≤ 1, |h̃ − h| ≤ 2, 1 − h̃² ≤ 1. So, with
# m = max z and s = max(1 − z),
#
#     ‖J‖ ≤ s + ½ ‖U_z‖ + m ‖U_h‖ (max r + ¼ ‖U_r‖) .
#
# The other way ‖J v‖ ≥ (min(1 − z) − the other terms) ‖v‖: that the sum keeps a gradient from
# vanishing is known from this only while the matrices are small beside the skip.

# %%
prove_equal("1 / 4 - z * (1 - z)", "(z - 1 / 2)**2").require()
rng = np.random.default_rng(0)
run = compile(gru)
for scale in (0.1, 1.0, 3.0):
    params = {str(v.name): scale * rng.normal(size=(4,) * len(v.shape)) for v in gru.params}
    path = run.forward(params, rng.normal(size=(50, 4)), h0=rng.uniform(-1, 1, 4))
    norm = {name: np.linalg.norm(params[name], 2) for name in ("U_z", "U_h", "U_r")}
    z, r = path.values["z"], path.values["r"]
    most = (1 - z).max(1) + norm["U_z"] / 2
    most += z.max(1) * norm["U_h"] * (r.max(1) + norm["U_r"] / 4)
    assert np.all(np.linalg.norm(run.jacobians(path), 2, axis=(1, 2)) <= most)

# %% [markdown]
# ## The fixed-point theorem
#
# h' − h = z ⊙ (h̃ − h), and z is nowhere 0: at a fixed point h̃ = h, entry by entry.

# %%
prove_equal("h_next - h", "z * (h_tilde - h)", gru).require()

# %% [markdown]
# The candidate alone, as a cell of its own, has a Jacobian M that does not know z. Mᵀ v is

# %%
candidate = Cell.parse(
    "r = sigmoid(W_r @ x + U_r @ h + b_r)\nh_next = tanh(W_h @ x + U_h @ (r * h) + b_h)"
)
assert not {"z", "W_z", "U_z", "b_z"} & {v.name for v in candidate.program.variables}
pulled = "r * (U_h.T @ (({0}) * v)) + U_r.T @ (r * (1 - r) * h * (U_h.T @ (({0}) * v)))"
m_alone = pulled.format("1 - h_next**2").replace("v)", "h_next_bar)")
assert check(candidate, f"h_bar = {m_alone}").lines[0].verdict == "right"

# %% [markdown]
# Within the GRU, for every g (`h_next_bar`) and at every point, fixed or not,
#
#     (J − I)ᵀ g = (M − I)ᵀ (z ⊙ g) + U_zᵀ ((h̃ − h) ⊙ z ⊙ (1 − z) ⊙ g) .

# %%
m_within = pulled.format("1 - h_tilde**2").replace("v)", "z * h_next_bar)")
update = "U_z.T @ ((h_tilde - h) * z * (1 - z) * h_next_bar)"
left = "h_bar - h_next_bar"
prove_equal(left, f"{m_within} - z * h_next_bar + {update}", gru).require()
assert prove_equal(left, f"{m_within} - z * h_next_bar", gru).verdict == "refuted"

# %% [markdown]
# At a fixed point h̃ − h = 0, the update gate's path is gone, and J − I = diag(z) (M − I). So
# det(J − I) = ∏ z · det(M − I) with ∏ z > 0: **J has the eigenvalue 1 exactly where M has**, with
# the same eigenvectors, and z has no say in it. Here it is in numbers, at a fixed point made by its
# bias b_h, with U_h made so that M has the eigenvalue 1.

# %%
n, one = 4, np.eye(4)
h, x = rng.uniform(-0.9, 0.9, n), rng.normal(size=n)
params = {str(v.name): rng.normal(size=(n,) * len(v.shape)) for v in gru.params}
r = 1 / (1 + np.exp(-(params["W_r"] @ x + params["U_r"] @ h + params["b_r"])))
M = rng.normal(size=(n, n))
M += (1 - M.sum(axis=1, keepdims=True)) / n  # rows that add up to 1: M @ ones = ones
params["U_h"] = (M / (1 - h**2)[:, None]) @ np.linalg.inv(
    np.diag(r) + np.diag(h * r * (1 - r)) @ params["U_r"]
)
params["b_h"] = np.arctanh(h) - params["W_h"] @ x - params["U_h"] @ (r * h)
for b_z in (-3.0, 0.0, 3.0):
    path = run.forward(params | {"b_z": np.full(n, b_z)}, x[None], h0=h)
    J, z = run.jacobians(path)[0], path.values["z"][0]
    assert np.abs(path.hs[0] - h).max() < 1e-14
    assert np.abs(J - one - np.diag(z) @ (M - one)).max() < 1e-12
    values = np.linalg.eigvals(J)
    print(f"b_z = {b_z}: λ = 1 to {min(abs(values - 1)):.0e}, largest |λ| {max(abs(values)):.3f}")
    assert min(abs(values - 1)) < 1e-12

# %% [markdown]
# Where |λ| > 1 is another question, and there z matters: with M = −3 I, J = (1 − 4z) I, which is
# stable for z < 1/2 alone.

# %% [markdown]
# ## For the gallery

# %%
Part(
    "07_what_the_sum_does",
    "What the sum does",
    claim="The sum bounds states and Jacobians; z does not move an eigenvalue 1 of a fixed point.",
    source="Chung et al. 2014 for the cell",
    items=(
        (
            "States stay between −1 and 1, as neither side can be negative:",
            r"1 \pm h_{t} = (1 - z_{t}) \odot (1 \pm h_{t-1}) + z_{t} \odot (1 \pm \tilde{h}_{t})",
        ),
        (
            "There, as the (spectral) norm of a sum is at most the sum of the norms,",
            r"\lVert J\rVert \le \max(1 - z_{t}) + \tfrac{1}{2}\lVert U_{z}\rVert "
            r"+ \max z_{t}\,\lVert U_{h}\rVert\,(\max r_{t} + \tfrac{1}{4}\lVert U_{r}\rVert)",
        ),
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
