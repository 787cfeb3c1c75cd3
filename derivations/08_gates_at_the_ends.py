# %% [markdown]
# # Gates at 0 and at 1
#
# **Claim.** With its gates at their ends a GRU is a copy, an RNN, or a layer without memory.
#
# **Assumed.** The GRU that resets before the product. A sigmoid never is 0 or 1, so that these are
# limits: $b_z \to \pm\infty$ and $b_r \to \pm\infty$. How fast they are met is shown, too.
#
# **Source.** Chung et al. 2014 (arXiv:1412.3555) for the cell; Cho et al. 2014 (arXiv:1406.1078)
# describe both gates by their ends.

# %%
from gru_sym import Cell, cells, jacobian, prove_equal, prove_equivalent
from gru_sym.latex import latex_cell
from gru_sym.latex.gallery import Part, prose

# %% [markdown]
# ## The gates as numbers of your choice
#
# The GRU again, its gates given from outside: what they are made of does not matter here.

# %%
given = Cell.parse(
    """
# params: z(H), r(H)
h_tilde = tanh(W_h @ x + U_h @ (r * h) + b_h)
h_next  = (1 - z) * h + z * h_tilde
""",
    name="given_gates",
)


def at(gates: str, cell: Cell) -> tuple[str, str]:
    """Prove what the cell is with its gates at these ends; its LaTeX, and its paths."""
    print(prove_equivalent(given, cell, gates).require().claim)
    print(jacobian(cell))
    return latex_cell(cell), " ".join(path.name for path in jacobian(cell).paths)


# %% [markdown]
# ## $z = 1$, $r = 1$: an RNN
#
# The whole state is rewritten, and the candidate sees all of the old one.

# %%
rnn = at("z = 1\nr = 1", cells.rnn)

# %% [markdown]
# ## $z = 1$, $r = 0$: no memory
#
# The state is rewritten from the input alone. $J = 0$: what was, is forgotten.

# %%
memoryless = Cell.parse("# states: h\nh_next = tanh(W_h @ x + b_h)", name="layer")
layer = at("z = 1\nr = 0", memoryless)
assert layer[1] == ""

# %% [markdown]
# ## $z = 0$: a copy
#
# The input does not get in, and whatever $r$ is does not matter. $J = I$: nothing vanishes, nothing
# is learned. (The input stands here with a factor 0, as the copy has none.)

# %%
copy = Cell.parse("h_next = h + 0 * (W_h @ x)", name="copy")
kept = at("z = 0", copy)
assert kept[1] == "skip"

# %% [markdown]
# ## $r = 0$, any $z$: a leaky integrator
#
# The candidate ignores the past; the state does not, as the skip keeps $1 - z$ of it. Closing the
# reset gate alone does not make a GRU forget.

# %%
leaky = Cell.parse(
    """
# params: z(H)
h_tilde = tanh(W_h @ x + b_h)
h_next  = (1 - z) * h + z * h_tilde
""",
    name="leaky_integrator",
)
leak = at("r = 0", leaky)
assert leak[1] == "skip"

# %% [markdown]
# ## $r = 1$, any $z$: an update gate alone
#
# What is left is the UGRNN (Collins et al. 2017), whose gate keeps.

# %%
gate_alone = Cell.parse(
    """
# params: g(H)
h_tilde = tanh(W_h @ x + U_h @ h + b_h)
h_next  = g * h + (1 - g) * h_tilde
""",
    name="update_gate_alone",
)
print(prove_equivalent(given, gate_alone, "r = 1\nz = 1 - g").require().claim)

# %% [markdown]
# ## How fast
#
# $\sigma(a) = e^a\,\sigma(-a) < e^a$: a gate is as close to 0 as $e^a$, and to 1 as $e^{-a}$.

# %%
print(prove_equal("sigmoid(a)", "exp(a) * sigmoid(-a)").require().claim)
print(prove_equal("1 - sigmoid(a)", "exp(-a) * sigmoid(a)").require().claim)

# %% [markdown]
# The copy is missed by $z\,|\tilde{h} - h| \le 2\,e^{a_z}$ where $|h| \le 1$: $a_z = -15$ keeps six
# digits in a step. All the same, if the candidate is 0, the state falls to $1/e$ of itself in about
# $e^{-a_z}$ steps. The RNN is missed by as little where $z$ is near 1.

# %%
print(prove_equal("h_next - h", "z * (h_tilde - h)", cells.gru).require().claim)
print(prove_equal("h_next - h_tilde", "(1 - z) * (h - h_tilde)", cells.gru).require().claim)

# %% [markdown]
# ## For the gallery

# %%
Part(
    "08_gates_at_the_ends",
    "Gates at 0 and at 1",
    claim="With its gates at their ends a GRU is a copy, an RNN, or a layer without memory.",
    source="Chung et al. 2014; Cho et al. 2014",
    items=(
        ("With the gates given from outside:", latex_cell(given)),
        (prose("$z = 1$ and $r = 1$, the simple recurrent network:"), rnn[0]),
        (prose("$z = 1$ and $r = 0$, a layer without memory:"), layer[0]),
        (
            prose("$r = 0$ and any $z$: the candidate ignores the past, the skip keeps it."),
            leak[0],
        ),
        (prose("$z = 0$, a copy:"), r"h_{t} = h_{t-1}"),
        (
            "The ends are limits, met as fast as the exponential:",
            r"\sigma(a) = \exp(a) \odot \sigma(-a)",
        ),
    ),
).write()
