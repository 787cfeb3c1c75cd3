# %% [markdown]
# # Reset before the product, or after it
#
# **Claim.** A GRU that resets before the product need not equal any that resets after it.
#
# **Assumed.** Equal means: from each state the same next state, under the input $x = 0$. The other
# cell has two units, too; all arrays are real.
#
# **Sources.** The cells of Chung et al. 2014 (arXiv:1412.3555) and of PyTorch; the argument is
# shown here.

# %%
import numpy as np
import sympy as sp

from gru_sym import cells, compile
from gru_sym.latex.gallery import Part, prose

# %% [markdown]
# ## The example
#
# Take two units that reset before the product, with all parameters 0 but $U_r = I$ and $U_h$ full
# of ones. Then $z = \frac{1}{2}$, and both candidates are $\tanh p$, with each unit's state weighed
# by its own gate: $p = \sigma(h_1)\,h_1 + \sigma(h_2)\,h_2$.


# %%
def sigma(a: sp.Expr) -> sp.Expr:
    return 1 / (1 + sp.exp(-a))


h_1, h_2, s = *sp.symbols("h_1 h_2", real=True), sp.Symbol("s", positive=True)
p = sigma(h_1) * h_1 + sigma(h_2) * h_2
ours = (h_1 + sp.tanh(p)) / 2

# %% [markdown]
# It is held against the cell itself, at a state of no particular kind:

# %%
params = {str(v.name): np.zeros((2,) * len(v.shape)) for v in cells.gru.params}
params |= {"U_r": np.eye(2), "U_h": np.ones((2, 2))}
state = {h_1: 0.7, h_2: -1.3}
path = compile(cells.gru).forward(params, np.zeros((1, 2)), h0=np.array([*state.values()]))
assert abs(path.hs[0][0] - float(ours.subs(state))) < 1e-15

# %% [markdown]
# ## The rival
#
# A GRU that resets after the product has, for its first unit, some gate that keeps,
# $\sigma(\alpha + v \cdot h)$; some reset gate $\sigma(\delta + w \cdot h)$; and the candidate
# $\tanh(\beta + \sigma(\delta + w \cdot h)\,(u \cdot h + \gamma))$. All of $v$, $w$, $u$ and the
# Greek letters are free.
#
# ## Far out, a gate is open, closed or constant
#
# Go from 0 in a direction $d$: $h = s\,d$ with $s \to \infty$. What a gate tends to depends on the
# sign of one product, $q$ of its row of weights and $d$, alone.


# %%
def far(gate_bias: str, q: sp.Expr) -> sp.Expr:
    """What a gate tends to along a direction."""
    return sp.limit(sigma(sp.Symbol(gate_bias, real=True) + s * q), s, sp.oo)


some = sp.Symbol("q", positive=True)
print(far("alpha", some), far("alpha", -some), far("alpha", sp.S.Zero))
assert (far("alpha", some), far("alpha", -some)) == (1, 0)

# %% [markdown]
# ## The rival's update gate is constant
#
# A candidate is at most 1 in modulus, so that $h'_1 / s$ tends to $d_1$ times the gate that keeps.
# In the example it tends to $d_1 / 2$: shown here for $d = (1, 0)$ and $d = (1, 1)$.

# %%
for d in ((1, 0), (1, 1)):
    tends = sp.limit(ours.subs({h_1: s * d[0], h_2: s * d[1]}) / s, s, sp.oo)
    print(d, tends)
    assert tends == sp.Rational(d[0], 2)

# %% [markdown]
# An open gate would make that 1, and a closed one 0. So $v \cdot d = 0$ in both directions, which
# leaves $v = 0$; and then $\sigma(\alpha) = \frac{1}{2}$.

# %% [markdown]
# ## So the arguments of the two tanh are equal
#
# Both cells now take half of the state and half of the candidate, and tanh takes no value twice:
# $p = \beta + \sigma(\delta + w \cdot h)\,(u \cdot h + \gamma)$ for all $h$. Divide by $s$, far out
# in a direction $d$. The left side tends to 1 in two directions, and to 0 in their opposites:


# %%
def left(*d: sp.Expr | int) -> sp.Expr:
    return sp.limit(p.subs({h_1: s * d[0], h_2: s * d[1]}) / s, s, sp.oo)


assert (left(1, 0), left(-1, 0), left(0, 1), left(0, -1)) == (1, 0, 1, 0)

# %% [markdown]
# ## The reset gate's weights are positive
#
# The right side tends to $u \cdot d$ times what the reset gate does, by the sign of $w \cdot d$.
# Let $d = (1, 0)$, so that $w \cdot d = w_1$. With $w_1 < 0$ the right side is 0, and should be 1.
# With $w_1 = 0$ the gate is the same in the direction $-d$, and the right side there $-1$, where it
# should be 0.

# %%
assert far("delta", -some) == 0 != left(1, 0)
u_1 = left(1, 0) / far("delta", sp.S.Zero)
opposite = sp.simplify(far("delta", sp.S.Zero) * -u_1)
print(opposite, "and not", left(-1, 0))
assert opposite == -1 != left(-1, 0)

# %% [markdown]
# ## A direction in which the two differ
#
# So $w_1 > 0$; and $w_2 > 0$, as the two units play the same part in $p$. In $d = (-2 w_2, w_1)$
# the product $w \cdot d$ is negative, the reset gate closes, and the right side is 0. The left side
# is not: the second unit's own gate is open there. So no parameters make the two equal: one gate
# for a whole row of $U_h h$ cannot weigh each unit's state by itself.

# %%
w_1, w_2 = sp.symbols("w_1 w_2", positive=True)
product = sp.expand(w_1 * (-2 * w_2) + w_2 * w_1)
print(product, far("delta", product), left(-2 * w_2, w_1))
assert (far("delta", product), left(-2 * w_2, w_1)) == (0, w_1)

# %% [markdown]
# ## For the gallery

# %%
argument = prose(
    r"Two units, all parameters 0 but $U_{r} = I$ and $U_{h}$ full of ones. Were it a GRU that "
    r"resets after the product, for some $w$, $u$ and Greek letters, for all $h$,"
)
sides = r"\sum_{j} \sigma(h_{j})\,h_{j} = \beta + \sigma(\delta + w \cdot h)\,(u \cdot h + \gamma)"
far_out = (
    r"Far out in the directions $(\pm 1, 0)$ and $(0, \pm 1)$ this makes $w_{1}$ and $w_{2}$ "
    r"positive; in $(-2 w_{2}, w_{1})$ the right side then is bounded, and the left is not."
)
Part(
    "12_reset_order",
    "Reset before the product, or after it",
    claim="A GRU that resets before the product need not equal any that resets after it.",
    source="Chung et al. 2014 and PyTorch for the cells",
    items=((argument, sides), (prose(far_out), "")),
).write()
