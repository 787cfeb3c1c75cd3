# %% [markdown]
# # Backprop through time, for any T
#
# **Claim.** One backward recurrence and sums over $t$ are the gradients of a sequence of any
# length.
#
# **Assumed.** The loss is a function of the states $h_1, \ldots, h_T$; `h_bar_up` is its own
# derivative with respect to $h_t$. The parameters are the same at each step. All arrays are real.
#
# **Source.** Werbos 1990, Backpropagation through time, Proceedings of the IEEE 78(10).

# %%
import numpy as np

from gru_sym import Cell, bptt, cells, check, compile, prove_vjp
from gru_sym.latex import latex_derivation, latex_lines
from gru_sym.latex.gallery import Part, prose

# %% [markdown]
# ## Two steps are one deeper step
#
# Two steps of a simple recurrent network are a cell with two inputs, `x_a` and then `x_b`, and a
# state between them, `h_mid`. Its parameters occur twice.

# %%
two_steps = Cell.parse(
    """
# states: h(H)
h_mid  = tanh(W @ x_a + U @ h + b)
h_next = tanh(W @ x_b + U @ h_mid + b)
""",
    name="two_steps",
)

# %% [markdown]
# The last step is met first. What arrives at `h_mid` goes through $U$ of the second step, by its
# transpose, and then on to `h`.

# %%
states = """
a_h_next_bar = h_next_bar * (1 - h_next**2)
h_mid_bar    = U.T @ a_h_next_bar
a_h_mid_bar  = h_mid_bar * (1 - h_mid**2)
h_bar        = U.T @ a_h_mid_bar
"""

# %% [markdown]
# An input is used in one step; a parameter adds up what it gets at its two uses.

# %%
inputs_and_parameters = """
x_b_bar      = W.T @ a_h_next_bar
x_a_bar      = W.T @ a_h_mid_bar
W_bar        = outer(a_h_next_bar, x_b) + outer(a_h_mid_bar, x_a)
U_bar        = outer(a_h_next_bar, h_mid) + outer(a_h_mid_bar, h)
b_bar        = a_h_next_bar + a_h_mid_bar
"""
by_hand = states + inputs_and_parameters
print(check(two_steps, by_hand).require().verdict)

# %% [markdown]
# ## Any number of steps
#
# The pattern: the step's own pull-back, from $t = T$ to $t = 1$, started at zero; to what comes
# from step $t + 1$ (`h_bar_later`) the loss adds its own share (`h_bar_up`). Gradients of
# parameters are sums over $t$. This is what is derived from any cell; $T$ stays a symbol.

# %%
print(bptt(cells.gru))

# %% [markdown]
# ## By induction
#
# $T = 1$ is the step. From $T$ to $T + 1$: the pull-back of two steps in a row is the two
# pull-backs in a row, whatever arrives behind them, and the sums get one term more. Each line of
# the derivation is a claim of its own here, proved by an argument that knows none of the rules that
# derived the lines: so many of them there are for one step, for many, and for the step of the
# induction.

# %%
proof = prove_vjp(cells.gru).require()
for heading, answers in proof.parts:
    print(heading, len(answers), "lines proved")
assert all(prove_vjp(cell).verdict == "proved" for cell in (cells.rnn, cells.lstm))

# %% [markdown]
# ## What it says about lags
#
# Unfolding the recurrence, the loss at step $t$ reaches $h_s$ through a product of $t - s$
# Jacobians $J_t = \partial h_t / \partial h_{t-1}$: what comes to $h_s$ from later steps is
#
# $$ \bar{h}_s^{\mathrm{later}} = \sum_{t=s+1}^{T} J_{s+1}^{\top} J_{s+2}^{\top} \cdots J_t^{\top}\,
#   \bar{h}_t^{\mathrm{loss}} . $$
#
# Checked in numbers for $s = 0$, with a loss at each of five steps and $h_0 \neq 0$.

# %%
rng = np.random.default_rng(0)
T, n, run = 5, 3, compile(cells.gru)
params = {str(v.name): rng.normal(size=(n,) * len(v.shape)) for v in cells.gru.params}
path = run.forward(params, rng.normal(size=(T, n)), h0=rng.normal(size=n))
up, steps = rng.normal(size=(T, n)), run.jacobians(path)
chains = ([np.eye(n), *(J.T for J in steps[: t + 1]), up[t]] for t in range(T))
right = sum(np.linalg.multi_dot(chain) for chain in chains)
error = np.linalg.norm(run.backward(path, up)["h_bar"] - right) / np.linalg.norm(right)
print(f"relative difference {error:.0e}")
assert error < 1e-13

# %% [markdown]
# ## For the gallery

# %%
two = latex_lines(two_steps, by_hand)
for name in ("t-1}>t-2}", r"\mathrm{mid},t}>t-1}", "a,t}>t-1}", "b,t}>t}"):
    two = two.replace(*name.split(">"))  # the last of the two steps is t
Part(
    "02_bptt",
    "Backprop through time, for any T",
    claim=prose(
        "One recurrence, from $t = T$ to $t = 1$, and sums over $t$ are the gradients of a "
        "sequence of any length."
    ),
    source="Werbos 1990, Proceedings of the IEEE 78(10)",
    items=(
        (
            "Two steps of a simple recurrent network, as one. The second is met first, and a "
            "parameter adds up what it gets at each of its uses.",
            two,
        ),
        (
            prose(
                "The GRU, with $T$ as a symbol. The superscripts say where a cotangent of the "
                "state comes from: the loss at step $t$, or step $t + 1$. It is proved by "
                "induction on $T$."
            ),
            latex_derivation(cells.gru, "bptt"),
        ),
        (
            prose(
                "Unfolded, the loss at step $t$ reaches the state at step $s$ through a product "
                "of $t - s$ Jacobians."
            ),
            r"\bar{h}_{s}^{\mathrm{later}} = \sum_{t=s+1}^{T} "
            r"J_{s+1}^{\top} J_{s+2}^{\top} \cdots J_{t}^{\top}\,\bar{h}_{t}^{\mathrm{loss}}, "
            r"\qquad J_{t} = \frac{\partial h_{t}}{\partial h_{t-1}}",
        ),
    ),
).write()
