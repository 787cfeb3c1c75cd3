# %% [markdown]
# # The Jacobian by path, and when a path is zero
#
# **Claim.** The GRU's Jacobian is a sum of four paths, and each is zero under conditions of its
# own.
#
# **Assumed.** The GRU that resets before the product; $J_{ij} = \partial h'_i / \partial h_j$; all
# arrays are real.
#
# **Source.** The cell of Chung et al. 2014 (arXiv:1412.3555); the chain rule.

# %%
import numpy as np

from gru_sym import Cell, cells, check, compile, jacobian, prove_equivalent
from gru_sym.latex import latex_derivation, latex_lines
from gru_sym.latex.gallery import Part, prose

# %% [markdown]
# ## Four ways back
#
# $h' = (1 - z) \odot h + z \odot \tilde{h}$ holds $h$ four times: as it is, in $z$, in $\tilde{h}$,
# and in the $r$ within $\tilde{h}$. Each way multiplies what arrives by the transposes of what it
# passes.

# %%
paths = """
skip      = (1 - z) * h_next_bar
update    = U_z.T @ ((h_tilde - h) * z * (1 - z) * h_next_bar)
candidate = r * (U_h.T @ (z * (1 - h_tilde**2) * h_next_bar))
reset     = U_r.T @ (r * (1 - r) * h * (U_h.T @ (z * (1 - h_tilde**2) * h_next_bar)))
h_bar     = skip + update + candidate + reset
"""
line = check(cells.gru, paths).lines[-1]
print(line.name, "is", line.verdict)
assert line.verdict == "right"

# %% [markdown]
# The line is right for every `h_next_bar` $= g$, and `h_bar` is $J^{\top} g$: so $J$ is the sum of
# these four, transposed, which is what is derived. Without one of them the line is wrong.

# %%
print(jacobian(cells.gru))
for gone in ("skip + ", "update + ", "candidate + ", " + reset"):
    assert check(cells.gru, paths.replace(gone, "")).lines[-1].verdict == "wrong"

# %% [markdown]
# ## When the weights make a path zero
#
# Without $U_z$ there is no path through the update gate, without $U_r$ none through the reset gate,
# without $U_h$ there is neither the candidate's nor the reset gate's. What is left of all is the
# skip. (Here a path is called after the variable that it goes through.)


# %%
def without(*matrices: str) -> tuple[str, ...]:
    """The paths that are left in the GRU where these matrices are 0."""
    text = cells.gru.equations
    for matrix, term in {"U_z": "@ h", "U_r": "@ h", "U_h": "@ (r * h)"}.items():
        if matrix in matrices:
            text = text.replace(f" + {matrix} {term}", "")
    lines = [line for line in text.splitlines() if "U_h" not in matrices or line[:2] != "r "]
    cut = Cell.parse("\n".join(lines), name="cut")
    prove_equivalent(cells.gru, cut, "\n".join(f"{name} = 0" for name in matrices)).require()
    return tuple(path.name for path in jacobian(cut)["h_next", "h"])


# %% [markdown]
# Each of the four, and each proved to be the GRU with these matrices at 0:

# %%
assert without("U_z") == ("skip", "h_tilde", "r")
assert without("U_r") == ("skip", "z", "h_tilde")
assert without("U_h") == ("skip", "z")
assert without("U_z", "U_r", "U_h") == ("skip",)

# %% [markdown]
# ## When the state makes a path zero
#
# The update gate's path has the factor $\tilde{h} - h$: it is zero where the candidate is the
# state, as at every [fixed point](11_fixed_points.py). The reset gate's has the factor $h$: it is
# zero at the state 0. Both hold at $h = 0$ when nothing enters and $b_h = 0$; the numbers are
# exactly zero.

# %%
rng = np.random.default_rng(1)
run = compile(cells.gru)
params = {str(v.name): rng.normal(size=(2,) * len(v.shape)) for v in cells.gru.params}

# %% [markdown]
# The largest entry of each path:

# %%
at_zero = params | {"b_h": np.zeros(2)}
found = run.jacobian_paths(run.forward(at_zero, np.zeros((1, 2)), h0=np.zeros(2)))
size = {name: float(np.abs(path).max()) for (_, _, name), path in found.items()}
print(size)
assert size["update"] == size["reset"] == 0 < min(size["skip"], size["candidate"])

# %% [markdown]
# ## What a gate cannot do
#
# A sigmoid is never 0 or 1, so at finite weights no gate closes a path: the skip is never zero, and
# the others shrink in proportion to $z\,(1 - z)$, $z\,r$ and $z\,r\,(1 - r)$.
#
# These conditions are enough, but the last path has two matrices, which may cancel: with both full
# of ones and $h = (\frac{1}{2}, -\frac{1}{2})$ no factor is zero, and the product
# $U_h \operatorname{diag}(h \odot r \odot (1 - r))\,U_r$ is.

# %%
ones = params | {"U_h": np.ones((2, 2)), "U_r": np.ones((2, 2)), "b_r": np.zeros(2)}
found = run.jacobian_paths(run.forward(ones, np.zeros((1, 2)), h0=np.array([0.5, -0.5])))
assert np.all(found["h_next", "h", "reset"] == 0)
assert np.all(found["h_next", "h", "candidate"] != 0)

# %% [markdown]
# ## For the gallery

# %%
Part(
    "03_jacobian_by_path",
    "The Jacobian by path",
    claim="The Jacobian of a GRU step is the sum of four paths.",
    source="Chung et al. 2014, arXiv:1412.3555",
    items=(
        (
            "Each term is one way from the state to the next state.",
            latex_derivation(cells.gru, "jacobian"),
        ),
        ("The same, transposed, as backprop meets it:", latex_lines(cells.gru, paths)),
        (
            prose(
                r"The path through the update gate is zero where $U_{z} = 0$, and where "
                r"$\tilde{h}_{t} = h_{t-1}$, as at every fixed point. The path through the reset "
                "gate is zero where $U_{r} = 0$ or $U_{h} = 0$, and where $h_{t-1} = 0$. The path "
                "through the candidate is zero where $U_{h} = 0$. The skip is never zero, as a "
                "sigmoid is never 1."
            ),
            "",
        ),
    ),
).write()
