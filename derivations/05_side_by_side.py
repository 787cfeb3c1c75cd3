# %% [markdown]
# # RNN, LSTM, GRU: the Jacobians side by side
#
# **Claim.** An RNN has no path without a matrix; the GRU and the LSTM have one each, gated.
#
# **Assumed.** The tanh RNN of Elman, the LSTM with a forget gate and without peepholes, the GRU
# that resets before the product. The LSTM's state is the pair $(h, c)$, so that its Jacobian has
# four blocks.
#
# **Sources.** Elman 1990; Hochreiter & Schmidhuber 1997 and Gers et al. 2000; Chung et al. 2014.

# %%
from gru_sym import Cell, cells, check, jacobian, prove_equivalent
from gru_sym.latex import latex_derivation, latex_lines
from gru_sym.latex.gallery import Part, prose

# %% [markdown]
# ## The RNN: one path, and a matrix on it
#
# $h'$ is tanh of everything. What arrives is multiplied by the slope, then by $U_h^{\top}$, at each
# step again.

# %%
rnn = "h_bar = U_h.T @ ((1 - h_next**2) * h_next_bar)"
assert check(cells.rnn, rnn).lines[-1].verdict == "right"
print(jacobian(cells.rnn))

# %% [markdown]
# ## The GRU: a sum of the skip and three paths

# %%
gru = """
skip      = (1 - z) * h_next_bar
update    = U_z.T @ ((h_tilde - h) * z * (1 - z) * h_next_bar)
candidate = r * (U_h.T @ (z * (1 - h_tilde**2) * h_next_bar))
reset     = U_r.T @ (r * (1 - r) * h * (U_h.T @ (z * (1 - h_tilde**2) * h_next_bar)))
h_bar            = skip + update + candidate + reset
"""
assert check(cells.gru, gru).lines[-1].verdict == "right"
print(jacobian(cells.gru))

# %% [markdown]
# ## The LSTM: the skip runs from cell to cell
#
# The cell gets what is given for $c'$, and what comes through $h' = o \odot \tanh(c')$. On to $c$
# there is the forget gate alone. The state $h$ is only reached through the four matrices $U$.

# %%
lstm = """
c_next_bar_total = c_next_bar + h_next_bar * o * (1 - tanh(c_next)**2)
c_bar            = c_next_bar_total * f
a_i_bar          = c_next_bar_total * g * i * (1 - i)
a_f_bar          = c_next_bar_total * c * f * (1 - f)
a_g_bar          = c_next_bar_total * i * (1 - g**2)
a_o_bar          = h_next_bar * tanh(c_next) * o * (1 - o)
h_bar            = U_i.T @ a_i_bar + U_f.T @ a_f_bar + U_g.T @ a_g_bar + U_o.T @ a_o_bar
"""
assert {line.verdict for line in check(cells.lstm, lstm).lines} == {"right"}
print(jacobian(cells.lstm))

# %% [markdown]
# ## The paths, counted
#
# A path is diagonal where no matrix is on it: there each unit keeps to itself, and what arrives is
# multiplied by gates and slopes alone.


# %%
def diagonal(cell: Cell) -> dict[str, list[str]]:
    """The diagonal paths of each block that has any."""
    found = {}
    for (after, state), paths in jacobian(cell).blocks.items():
        kept = [path.name for path in paths if path.is_diagonal]
        if kept:
            found[f"d{after.name}/d{state.name}"] = kept
    return found


assert diagonal(cells.rnn) == {}
assert diagonal(cells.gru) == {"dh_next/dh": ["skip"]}
assert set(diagonal(cells.lstm)) == {"dh_next/dc", "dc_next/dc"}
print({cell.name: len(jacobian(cell).paths) for cell in (cells.rnn, cells.gru, cells.lstm)})

# %% [markdown]
# ## Without recurrent matrices
#
# With every $U = 0$ these paths are all there is. The RNN is then a layer that knows no state, and
# $J = 0$.


# %%
def without_u(cell: Cell, text: str):
    """What is left of the Jacobian where the matrices that see the state are 0."""
    cut = Cell.parse(text, name=f"{cell.name}, U = 0")
    zeros = "\n".join(f"{v.name} = 0" for v in cell.params if v.name.startswith("U_"))
    prove_equivalent(cell, cut, zeros).require()
    return jacobian(cut)


assert without_u(cells.rnn, "# states: h\nh_next = tanh(W_h @ x + b_h)").paths == ()

# %% [markdown]
# The GRU keeps $\operatorname{diag}(1 - z)$. Its reset gate is of no use: nothing is left for it to
# act on.

# %%
gates = "z = sigmoid(W_z @ x + b_z)\nh_tilde = tanh(W_h @ x + b_h)\n"
left = without_u(cells.gru, f"{gates}h_next = (1 - z) * h + z * h_tilde")
print(left)
assert [path.name for path in left.paths] == ["skip"]

# %% [markdown]
# The LSTM keeps $\operatorname{diag}(f)$ from cell to cell. Its $h'$ is a copy of the cell for use
# outside: a loss on $h'$ meets the slope of tanh and the output gate first, once, and not at each
# step.

# %%
gates = "\n".join(f"{g} = sigmoid(W_{g} @ x + b_{g})" for g in "ifo")
sums = "g = tanh(W_g @ x + b_g)\nc_next = f * c + i * g\nh_next = o * tanh(c_next)"
left = without_u(cells.lstm, f"# states: h, c\n{gates}\n{sums}")
print(left)
assert [str(path.factors[0].expr) for path in left["c_next", "c"]] == ["f"]
assert left["h_next", "h"] == left["c_next", "h"] == ()

# %% [markdown]
# ## For the gallery

# %%
Part(
    "05_side_by_side",
    "RNN, LSTM and GRU side by side",
    claim="An RNN has no path without a matrix; the GRU and the LSTM have one each, gated.",
    source="Elman 1990; Hochreiter & Schmidhuber 1997, Gers et al. 2000; Chung et al. 2014",
    items=(
        ("The simple recurrent network:", latex_derivation(cells.rnn, "jacobian")),
        ("The GRU:", latex_derivation(cells.gru, "jacobian")),
        (
            prose("The LSTM, whose state is the pair $(h, c)$:"),
            latex_derivation(cells.lstm, "jacobian"),
        ),
        ("In backprop c first gets what h sends it:", latex_lines(cells.lstm, lstm)),
        (
            prose(
                r"With every $U = 0$ there is left: $0$; $\operatorname{diag}(1 - z_{t})$; "
                r"and, from cell to cell, $\operatorname{diag}(f_{t})$."
            ),
            "",
        ),
    ),
).write()
