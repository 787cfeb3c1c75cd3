# %% [markdown]
# # MGU and minGRU from the GRU
#
# **Claim.** The MGU is a GRU with tied parameters. The minGRU is not any such GRU, but a limit of
# them.
#
# **Assumed.** All arrays are real. One cell is another by specialisation when a mapping of its
# parameters (to others, or to numbers) and a scaling of its state make the next states equal.
#
# **Sources.** MGU: Zhou et al. 2016 (arXiv:1603.09420). minGRU: Feng et al. 2024
# (arXiv:2410.01201), who get it by dropping the state from the gates, and then the tanh.

# %%
from fractions import Fraction

from gru_sym import Cell, cells, prove_equal, prove_equivalent
from gru_sym.latex import latex_cell
from gru_sym.latex.gallery import Part, prose

# %% [markdown]
# ## MGU: one gate for both
#
# The two gates of a GRU with the same parameters are one gate.

# %%
tied = "\n".join(f"{kind}_{gate} = {kind}_f" for gate in "zr" for kind in "WUb")
print(prove_equivalent(cells.gru, cells.mgu, tied).require())

# %% [markdown]
# The parameters of the MGU therefore are a subset of those of a GRU, two thirds of them; the
# gradient of a tied parameter is the sum of the gradients of the two that were tied.
#
# ## minGRU, first step: no state in gate and candidate
#
# With $U_z = 0$ and $U_h = 0$ the reset gate is of no use: $W_r$, $U_r$ and $b_r$ may be anything.

# %%
first = Cell.parse(
    """
z       = sigmoid(W_z @ x + b_z)
h_tilde = tanh(W_h @ x + b_h)
h_next  = (1 - z) * h + z * h_tilde
""",
    name="without_u",
)
print(prove_equivalent(cells.gru, first, "U_z = 0\nU_h = 0").require())

# %% [markdown]
# ## Second step: the tanh goes, and that is no specialisation
#
# With the same parameters the next states differ, as here in exact numbers. And with no others are
# they the same: a GRU that starts at $|h| \le 1$ stays there whatever enters, so that its state is
# bounded after any scaling, too; with $W_h \neq 0$ that of a minGRU grows with its input.

# %%
print(prove_equivalent(first, cells.mingru))
assert prove_equivalent(first, cells.mingru).verdict == "refuted"
for s in "-+":
    products = f"(1 - z) * (1 {s} h) + z * (1 {s} h_tilde)"
    print(prove_equal(f"1 {s} h_next", products, cells.gru).require().claim)

# %% [markdown]
# ## A limit: small candidates
#
# Scale the state and the candidate's parameters by $\varepsilon$. Then the GRU is, exactly, a
# minGRU whose candidate is $\tanh(\varepsilon a) / \varepsilon$.


# %%
def scaled(epsilon: str) -> Cell:
    """A minGRU with tanh(ε a) / ε for its candidate."""
    return Cell.parse(
        f"""
z       = sigmoid(W_z @ x + b_z)
a       = W_h @ x + b_h
h_tilde = tanh({epsilon} * a) / {epsilon}
h_next  = (1 - z) * h + z * h_tilde
""",
        name=f"scaled by {epsilon}",
    )


# %% [markdown]
# For $\varepsilon = \frac{1}{10}$, $\frac{1}{100}$ and $\frac{1}{1000}$:

# %%
for epsilon in ("0.1", "0.01", "0.001"):
    mapping = f"h = {epsilon} * h\nW_h = {epsilon} * W_h\nb_h = {epsilon} * b_h"
    print(prove_equivalent(first, scaled(epsilon), mapping).require().claim)

# %% [markdown]
# The slope of $\tanh(\varepsilon a) / \varepsilon$ in $a$ is $1 - \tanh(\varepsilon a)^2$, between
# $1 - (\varepsilon a)^2$ and 1; integrated, its distance from $a$ is at most
# $\varepsilon^2 |a|^3 / 3$.

# %%
bound = max(Fraction(1, 1000) ** 2 * Fraction(a) ** 3 / 3 for a in range(1, 11))
print(f"ε = 0.001, |a| ≤ 10: the candidates differ by at most {float(bound):.1e}")

# %% [markdown]
# The error of the state is a weighted mean of its own, a step before, and of the candidate's: from
# the same start it never exceeds the largest error of a candidate, after any number of steps. So
# the minGRU is a limit of GRUs, as $\varepsilon \to 0$.

# %%
left = "((1 - z) * h + z * c) - ((1 - z) * k + z * d)"
print(prove_equal(left, "(1 - z) * (h - k) + z * (c - d)").require().claim)

# %% [markdown]
# ## For the gallery

# %%
Part(
    "09_smaller_cells",
    "MGU and minGRU from the GRU",
    claim="The MGU is a GRU with tied parameters; the minGRU is no GRU, but a limit of them.",
    source="Zhou et al. 2016, arXiv:1603.09420; Feng et al. 2024, arXiv:2410.01201",
    items=(
        ("The MGU: both gates have the same parameters.", latex_cell(cells.mgu)),
        (
            prose("The GRU at $U_{z} = U_{h} = 0$, where the reset gate is of no use:"),
            latex_cell(first),
        ),
        (
            prose(
                "The minGRU has no hyperbolic tangent, and leaves the interval from $-1$ to $1$, "
                "in which a GRU stays:"
            ),
            latex_cell(cells.mingru),
        ),
        (
            prose(
                r"With its state and its candidate scaled by $\varepsilon$ the former is, exactly, "
                "the latter with"
            ),
            r"\tilde{h}_{t} = \frac{1}{\varepsilon}\tanh(\varepsilon\,a_{t}), \qquad "
            r"a_{t} = W_{h}\,x_{t} + b_{h}, \qquad "
            r"\lVert \tilde{h}_{t} - a_{t}\rVert_{\infty} \le "
            r"\tfrac{1}{3}\,\varepsilon^{2}\,\lVert a_{t}\rVert_{\infty}^{3}",
        ),
    ),
).write()
