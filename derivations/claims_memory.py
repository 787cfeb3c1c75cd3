# %% [markdown]
# # What people say about the GRU: its memory
#
# **Claim.** Of three sentences two are proved under a condition alone, and one is open.
#
# **Assumed.** The GRU that resets before the product. “True if” means that a sentence is proved
# under the condition, and refuted without it. All arrays are real.
#
# **Sources.** Cho et al. 2014 (arXiv:1406.1078), Chung et al. 2014 (arXiv:1412.3555), Greff et al.
# 2017, LSTM: a search space odyssey (arXiv:1503.04069), and tutorials.

# %%
import numpy as np

from gru_sym import Cell, cells, compile, jacobian, prove_equivalent
from gru_sym.latex.gallery import Claim, Part, table_of, write_page

# %% [markdown]
# ## Forget gate and input gate in one
#
# In an LSTM i = 1 − f if the parameters of i are those of f, negated: that is the LSTM with coupled
# gates. Let it show its cell as it is, without tanh and output gate. Then, with f = 1 − z, it is a
# GRU with r = 1.

# %%
coupled = "\n".join(f"{kind}_i = -{kind}_f" for kind in "WUb")
bare = Cell.parse(
    """
f      = sigmoid(W_f @ x + U_f @ c + b_f)
g      = tanh(W_g @ x + U_g @ c + b_g)
c_next = f * c + (1 - f) * g
""",
    name="bare",
)
open_reset = Cell.parse(
    """
z       = sigmoid(W_z @ x + U_z @ h + b_z)
h_tilde = tanh(W_h @ x + U_h @ h + b_h)
h_next  = (1 - z) * h + z * h_tilde
""",
    name="gru at r = 1",
)
names = "h = c\n" + "\n".join(f"{k}_z = -{k}_f\n{k}_h = {k}_g" for k in "WUb")
print(prove_equivalent(cells.lstm, cells.lstm_coupled, coupled).require().claim)
print(prove_equivalent(open_reset, bare, names).require().claim)

# %% [markdown]
# Now let an output gate come back, on the way of the old cell to the candidate, and only there:
# that is the GRU, and the gate is its r.

# %%
moved = Cell.parse(
    bare.equations.replace("U_g @ c", "U_g @ (o * c)").replace(
        "g      =", "o = sigmoid(W_o @ x + U_o @ c + b_o)\ng ="
    ),
    name="moved",
)
print(moved)
output = "".join(f"\n{k}_r = {k}_o" for k in "WUb")
one_gate = Claim(
    "The update gate is forget gate and input gate in one: a GRU is an LSTM with coupled gates.",
    (prove_equivalent(cells.gru, bare, names),),
    "$f = 1 - z$ keeps, $1 - f = z$ takes. But gates and candidate of an LSTM see its output, $o$ "
    "times the tanh of $c$; in a GRU the gates see the state itself, the candidate $r$ times it. "
    "So say Greff et al. 2017.",
    "the LSTM shows its cell as it is, and its output gate scales what the candidate sees of that",
    (prove_equivalent(cells.gru, moved, names + output),),
)

# %% [markdown]
# ## Gradients through the sum
#
# The sum gives J a path without a matrix, diag(1 − z); but a product of many 1 − z is small unless
# the z are. With all parameters 0, z = 1/2 and J = I/2: after t steps 2⁻ᵗ of a gradient is left.

# %%
zeros = "\n".join(f"{v.name} = 0" for v in cells.gru.params)
half = Cell.parse("h_next = h / 2 + 0 * (W_h @ x)", name="half of h")
print(prove_equivalent(cells.gru, half, zeros).require().claim)
run = compile(cells.gru)


def left(b_z: float) -> np.ndarray:
    """What is left of a gradient after 1, 2, 3, … steps of one unit without weights."""
    params = {str(v.name): np.zeros((1,) * len(v.shape)) for v in cells.gru.params}
    path = run.forward(params | {"b_z": np.full(1, b_z)}, np.zeros((2000, 1)), h0=np.ones(1))
    return np.cumprod(run.jacobians(path)[:, 0, 0])


gone = int(np.argmin(left(0.0))) + 1
assert np.all(left(0.0)[: gone - 1] == 0.5 ** np.arange(1.0, gone))

# %% [markdown]
# Where gate and candidate do not see the state the skip is all of J, and ∏ (1 − z_t) all of a
# product of Jacobians: it stays away from 0 exactly if the sum of the z_t stays bounded.

# %%
blind = Cell.parse(
    "z = sigmoid(W_z @ x + b_z)\nh_tilde = tanh(W_h @ x + b_h)\nh_next = (1 - z) * h + z * h_tilde"
)
skip = [str(path.factors[0].expr) for path in jacobian(blind).paths]
vanish = Claim(
    "Gradients do not vanish, because the state is a sum.",
    (bool(left(0.0)[-1] > 0),),
    f"With all parameters 0, $J = I/2$: {left(0.0)[gone - 2]:.0e} is left at lag {gone - 1}, and 0 "
    f"from lag {gone} on, in float64. At $b_z = -7$ lag 1000 keeps {left(-7.0)[999]:.2f}; "
    "Chung et al. 2014 speak of gates near saturation.",
    "$U_z$ and $U_h$ are 0 and the sum of all $z$ stays bounded",
    (prove_equivalent(cells.gru, blind, "U_z = 0\nU_h = 0"), skip == ["1 - z"]),
)

# %% [markdown]
# ## Short and long dependencies
#
# This is about trained networks, and nothing here has looked at one.

# %%
trained = Claim(
    "Units with short dependencies have active reset gates, those with long ones active update "
    "gates (Cho et al. 2014).",
    (),
    "Not measured yet. (The update gate of Cho et al. keeps: here, $1 - z$ is meant.)",
)

# %% [markdown]
# ## The verdicts
#
# Were one of them another, this would raise.

# %%
claims = (one_gate, vanish, trained)
print(*claims, sep="\n")
verdicts = [claim.verdict.split(" if ")[0] for claim in claims]
assert verdicts == ["true", "true", "open"]
Part(
    "claims_memory",
    "What people say about the GRU: its memory",
    claim="Of three sentences two are proved under a condition alone, and one is open.",
    source="Cho et al. 2014; Chung et al. 2014; Greff et al. 2017; tutorials",
    items=tuple(claim.item for claim in claims),
).write()

# %% [markdown]
# ## For the gallery

# %%
write_page("claims_memory.md", table_of(claims))
