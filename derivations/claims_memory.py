# %% [markdown]
# # What people say about the GRU: its memory
#
# **Claim.** Two sentences are false in general, and proved under a condition.
#
# **Assumed.** The GRU that resets before the product; real arrays. A sentence is refuted by an
# exact counterexample alone. A condition is enough for it; it need not be the only one.
#
# **Sources.** Cho et al. 2014 (arXiv:1406.1078), Chung et al. 2014 (arXiv:1412.3555), Greff et al.
# 2017, LSTM: a search space odyssey (arXiv:1503.04069), and tutorials.

# %%
import sympy as sp

from gru_sym import Cell, cells, jacobian, prove_equal, prove_equivalent
from gru_sym.latex.gallery import Claim, Part, table_of, write_page

# %% [markdown]
# ## Forget gate and input gate in one: not as it stands
#
# In an LSTM with coupled gates $c' = f \odot c + (1 - f) \odot g$ with $|g| < 1$. If $|c| \le 1$,
# as at the usual start $c = 0$, all four products below are not negative. So $|c'| \le 1$ at every
# step, and $|h'| = |o \odot \tanh(c')| < \tanh 1$, whatever the parameters. (With $k > 1$ for 1 the
# same holds: from any start the outputs stay below some $\tanh k < 1$.)

# %%
coupled = cells.lstm_coupled
for s in "-+":
    products = f"f * (1 {s} c) + (1 - f) * (1 {s} g)"
    print(prove_equal(f"1 {s} c_next", products, coupled).require().claim)

# %% [markdown]
# A GRU with zero matrices, $b_z = b_h = a$ and $h = 0$ has $h' = \sigma(a) \tanh(a)$, which comes
# as close to 1 as you like. So no parameters, and no number of units, make the one the other.

# %%
flat = Cell.parse("h_next = (1 - sigmoid(b_z)) * h + sigmoid(b_z) * tanh(b_h) + 0 * (W_h @ x)")
no_weights = "\n".join(f"{v.name} = 0" for v in cells.gru.params if len(v.shape) == 2)
prove_equivalent(cells.gru, flat, no_weights).require()
a = sp.Symbol("a")
reached = sp.tanh(a) / (1 + sp.exp(-a))
assert sp.limit(reached, a, sp.oo) == 1
print(f"{sp.N(reached.subs(a, 3), 3)} is above {sp.N(sp.tanh(1), 3)}")

# %% [markdown]
# ## … but with its output gate moved
#
# Let the LSTM show its cell as it is, without tanh; and let the output gate stand on the way of the
# old cell to the candidate, and only there. That is the GRU, and the gate is its $r$.

# %%
moved = Cell.parse(
    """
f      = sigmoid(W_f @ x + U_f @ c + b_f)
o      = sigmoid(W_o @ x + U_o @ c + b_o)
g      = tanh(W_g @ x + U_g @ (o * c) + b_g)
c_next = f * c + (1 - f) * g
""",
    name="moved",
)
names = "\n".join(f"{k}_z = -{k}_f\n{k}_h = {k}_g\n{k}_r = {k}_o" for k in "WUb")
one_gate = Claim(
    "The update gate is forget gate and input gate in one: a GRU is an LSTM with coupled gates.",
    (bool(reached.subs(a, 3) < sp.tanh(1)),),
    "$f = 1 - z$ keeps, $1 - f = z$ takes. But from $c = 0$ no output of an LSTM with coupled "
    f"gates ever exceeds tanh of 1, {sp.N(sp.tanh(1), 2)}; a GRU's state comes as close to 1 as "
    "you like. (Greff et al. 2017 say in words how the two differ.)",
    "the LSTM shows its cell as it is, and its output gate scales what the candidate sees of that",
    (prove_equivalent(cells.gru, moved, f"h = c\n{names}"),),
)

# %% [markdown]
# ## Gradients through the sum
#
# The sum gives $J$ a path without a matrix, $\operatorname{diag}(1 - z)$; but a product of many
# $1 - z$ is small unless the $z$ are. With all parameters 0, $J = I/2$, exactly, for every $H$.

# %%
zeros = "\n".join(f"{v.name} = 0" for v in cells.gru.params)
half = Cell.parse("h_next = h / 2 + 0 * (W_h @ x)", name="half of h")
print(prove_equivalent(cells.gru, half, zeros).require().claim)
(path,) = jacobian(half).paths
(slope,) = [factor.expr for factor in path.factors]

# %% [markdown]
# So after $T$ steps $2^{-T}$ of a gradient is left, and that goes to 0.

# %%
T = sp.Symbol("T", positive=True, integer=True)
left = slope**T
print(left, "goes to", sp.limit(left, T, sp.oo))

# %% [markdown]
# Where gate and candidate do not see the state the skip is all of $J$, and a product of Jacobians
# is $\operatorname{diag}(p)$ with $p$ the product of the $1 - z$.

# %%
cut = ("U_z", "U_h")
blind = Cell.parse(
    "z = sigmoid(W_z @ x + b_z)\nh_tilde = tanh(W_h @ x + b_h)\nh_next = (1 - z) * h + z * h_tilde"
)
skip_alone = prove_equivalent(cells.gru, blind, "\n".join(f"{name} = 0" for name in cut))
skip = [str(path.factors[0].expr) for path in jacobian(blind).paths]

# %% [markdown]
# Let the $z$ so far add up to $s < 1$, and let $p \ge 1 - s$: true before the first step, with
# $p = 1$ and $s = 0$. One step more, and $p (1 - z) \ge 1 - (s + z)$: the difference is a sum of
# products of what is not negative. So by induction $p \ge 1 - s > 0$ for every $T$.

# %%
step = prove_equal("p * (1 - z) - (1 - (s + z))", "(p - (1 - s)) * (1 - z) + s * z")
slow = sp.N((1 - 1 / (1 + sp.exp(7))) ** 1000, 2)
vanish = Claim(
    "Gradients do not vanish, because the state is a sum.",
    (bool(sp.limit(left, T, sp.oo) > 0),),
    f"With all parameters 0, $J = I/2$, and after $T$ steps ${sp.latex(left)}$ of a gradient is "
    f"left. With zero matrices and $b_z = -7$ the 1000th step still has {slow} of it. Under the "
    "condition at least 1 less that sum is left, for ever.",
    f"${cut[0]}$ and ${cut[1]}$ are 0, and each unit's $z$ add up to less than 1 over all steps",
    (skip_alone, skip == ["1 - z"], step),
)

# %%
claims = (one_gate, vanish)
assert [claim.verdict.split(";")[0] for claim in claims] == ["false in general"] * 2

# %% [markdown]
# ## For the gallery

# %%
Part(
    "claims_memory",
    "What people say about the GRU: its memory",
    claim="Two sentences are false in general, and proved under a condition.",
    source="Cho et al. 2014; Chung et al. 2014; Greff et al. 2017; tutorials",
    items=tuple(claim.item for claim in claims),
).write()
write_page("claims_memory.md", table_of(claims))
