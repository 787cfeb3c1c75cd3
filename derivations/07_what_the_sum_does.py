# %% [markdown]
# # What the sum does
#
# **Claim.** The gates bound the state and each path of the Jacobian, and no bound can be smaller.
#
# **Assumed.** The GRU that resets before the product; all arrays are real, so that $0 < z < 1$ and
# $0 < r < 1$. $\lVert\cdot\rVert$ is the spectral norm. States start within $|h| \le 1$.
#
# **Source.** The cell of Chung et al. 2014 (arXiv:1412.3555); what is shown is shown here.

# %%
from fractions import Fraction

import numpy as np

from gru_sym import cells, compile, prove_equal
from gru_sym.latex.gallery import Part

gru = cells.gru

# %% [markdown]
# ## States stay between −1 and 1
#
# $1 - h'$ and $1 + h'$ are sums of products of what is not negative if $|h| \le 1$: so
# $|h'| \le 1$.

# %%
for s in "-+":
    products = f"(1 - z) * (1 {s} h) + z * (1 {s} h_tilde)"
    print(prove_equal(f"1 {s} h_next", products, gru).require().claim)

# %% [markdown]
# ## A bound for each path
#
# $J$ is the sum of [four paths](03_jacobian_by_path.py), so that $\lVert J\rVert$ is at most the
# sum of their norms. That of the skip, $\operatorname{diag}(1 - z)$, is $\max(1 - z)$, exactly. The
# other diagonals are bounded entry by entry, by two constants:

# %%
UPDATE, RESET = Fraction(1, 2), Fraction(1, 4)

# %% [markdown]
# In the update gate's path stands $(\tilde{h} - h)\,z\,(1 - z)$. What it leaves of the constant is
# a square and a product of factors that are not negative; likewise from below, with $\pm$ turned.

# %%
for s, t in ("-+", "+-"):
    least = f"2 * (z - 1 / 2)**2 + ((1 {s} h_tilde) + (1 {t} h)) * z * (1 - z)"
    claim = f"{UPDATE} {s} (h_tilde - h) * z * (1 - z)"
    print(prove_equal(claim, least, gru).require().claim)

# %% [markdown]
# In the reset gate's path stands $h\,r\,(1 - r)$, to the right of $U_h$.

# %%
for s in "-+":
    least = f"(r - 1 / 2)**2 + (1 {s} h) * r * (1 - r)"
    print(prove_equal(f"{RESET} {s} h * r * (1 - r)", least, gru).require().claim)

# %% [markdown]
# And $z\,(1 - \tilde{h}^2)$, to the left of $U_h$ in both the candidate's and the reset gate's
# path, is at most $z$.

# %%
print(prove_equal("z - z * (1 - h_tilde**2)", "z * h_tilde**2", gru).require().claim)

# %% [markdown]
# Together, with a term for each path,
#
# $$ \lVert J\rVert \le \max(1 - z) + \tfrac{1}{2} \lVert U_z\rVert + \max z\, \lVert U_h\rVert\,
#   (\max r + \tfrac{1}{4} \lVert U_r\rVert) . $$
#
# In the same way $\lVert J v\rVert$ is at least $\min(1 - z)$ less the other three, times
# $\lVert v\rVert$: that the sum keeps a gradient from vanishing is certain only where the matrices
# are small beside the skip.


# %%
def bounds(params: dict, z: np.ndarray, r: np.ndarray) -> dict[str, float]:
    """For each path what its norm cannot exceed."""
    U_z, U_r, U_h = (float(np.linalg.norm(params[name], 2)) for name in ("U_z", "U_r", "U_h"))
    within = z.max() * U_h
    values = (1 - z).max(), UPDATE * U_z, within * r.max(), within * RESET * U_r
    return dict(zip(("skip", "update", "candidate", "reset"), map(float, values), strict=True))


# %% [markdown]
# ## None of them can be smaller
#
# Of one unit, all of whose matrices are 1, gates and candidate can be chosen by the biases.


# %%
def unit(z: float, r: float, candidate: float, h: float) -> dict[str, np.ndarray]:
    """Parameters with which gates and candidate are these at x = 0."""
    biases = {"b_z": np.log(z / (1 - z)) - h, "b_r": np.log(r / (1 - r)) - h}
    biases["b_h"] = np.arctanh(candidate) - r * h
    return {str(v.name): np.full((1,) * len(v.shape), biases.get(v.name, 1.0)) for v in gru.params}


# %% [markdown]
# These points bring one path after another to within a thousandth of its bound, and not above.

# %%
run, e = compile(gru), 1e-4
for name, point in (
    ("skip", (e, 0.5, 0.0, 0.0)),
    ("update", (0.5, 0.5, 1 - e, -1.0)),
    ("update", (0.5, 0.5, e - 1, 1.0)),
    ("candidate", (1 - e, 1 - e, 0.0, 0.0)),
    ("reset", (1 - e, 0.5, 0.0, 1.0)),
):
    path = run.forward(unit(*point), np.zeros((1, 1)), h0=np.full(1, point[-1]))
    most = bounds(unit(*point), path.values["z"][0], path.values["r"][0])
    found = {n: abs(J.item()) for (_, _, n), J in run.jacobian_paths(path).items()}
    print(f"{name}: {found[name]:.5f} of at most {most[name]:.5f}")
    assert all(found[n] <= most[n] * (1 + 1e-12) for n in most)
    assert found[name] > most[name] * (1 - 1e-3)

# %% [markdown]
# ## For the gallery


# %%
def fraction(number: Fraction) -> str:
    return rf"\tfrac{{{number.numerator}}}{{{number.denominator}}}"


Part(
    "07_what_the_sum_does",
    "What the sum does",
    claim="The gates bound the state and each path of the Jacobian, and no bound can be smaller.",
    source="Chung et al. 2014 for the cell",
    items=(
        (
            "States stay between −1 and 1, as neither side can be negative:",
            r"1 \pm h_{t} = (1 - z_{t}) \odot (1 \pm h_{t-1}) + z_{t} \odot (1 \pm \tilde{h}_{t})",
        ),
        (
            "There, with a term for each path (skip, update, candidate, reset),",
            r"\lVert J\rVert \le \max(1 - z_{t}) + "
            + fraction(UPDATE)
            + r"\lVert U_{z}\rVert + \max z_{t}\,\lVert U_{h}\rVert\,(\max r_{t} + "
            + fraction(RESET)
            + r"\lVert U_{r}\rVert)",
        ),
        ("Each term is all but reached by a GRU of one unit: no constant can be smaller.", ""),
    ),
).write()
