# %% [markdown]
# # What people say about the GRU: its equations
#
# **Claim.** Of four sentences three are proved; one is false in general, and proved under a
# condition.
#
# **Assumed.** Four GRUs are meant: Chung's, Cho's, that with one matrix on $[h, x]$, and that which
# resets after the product. A sentence is refuted by an exact counterexample alone. A condition is
# enough for it; it need not be the only one. All arrays are real.
#
# **Sources.** The sentences are of tutorials, where no other source is named; the cells of Chung et
# al. 2014 (arXiv:1412.3555) and of Cho et al. 2014 (arXiv:1406.1078).

# %%
from gru_sym import Cell, cells, jacobian, prove_equivalent
from gru_sym.latex.gallery import Claim, Part, table_of, write_page

gru, family = cells.gru, (cells.gru, cells.gru_keep, cells.gru_concat, cells.gru_reset_after)

# %% [markdown]
# ## What it is made of
#
# A gate is a definition by a sigmoid; a cell state is a state beside the output.


# %%
def gates(cell: Cell) -> list[str]:
    return [str(d.name) for d in cell.program if d.expr.func.__name__ == "sigmoid"]


def states(cell: Cell) -> list[str]:
    return [str(state.name) for state in cell.states]


# %% [markdown]
# All four GRUs are asked; the LSTM stands beside them for comparison.

# %%
names = {cell: ", ".join(states(cell)) for cell in (gru, cells.lstm)}
listed = {cell: f"gates ${', '.join(gates(cell))}$, state ${names[cell]}$" for cell in names}
structure = Claim(
    "A GRU has two gates and no cell state.",
    tuple(len(gates(cell)) == 2 and len(states(cell)) == 1 for cell in family),
    f"GRU: {listed[gru]}. LSTM, whose state is a pair: {listed[cells.lstm]}.",
)

# %% [markdown]
# ## How it is written
#
# Two matrices side by side are one; a gate with its parameters negated is 1 less the gate.

# %%
joined = "\n".join(f"W_{gate} = [U_{gate}, W_{gate}]" for gate in "zrh")
concat = Claim(
    "One matrix on $[h, x]$ for each gate is the same as two matrices.",
    (prove_equivalent(cells.gru_concat, gru, joined),),
    "$[U, W]$ times $[h, x]$ is $U h + W x$, for all sizes.",
)
turned = "\n".join(f"{name} = -{name}" for name in ("W_z", "U_z", "b_z"))
same = prove_equivalent(cells.gru_keep, gru)
assert same.verdict == "refuted"
naming = Claim(
    "Whether $(1 - z) h + z c$ or $z h + (1 - z) c$ is a choice of names ($c$ is the candidate).",
    (prove_equivalent(cells.gru_keep, gru, turned),),
    "The one is the other with $W_z$, $U_z$ and $b_z$ negated: the sigmoid of $-a$ is 1 less that "
    f"of $a$. Trained weights have to be negated; with the same weights it is {same.verdict}.",
)

# %% [markdown]
# ## What a closed reset gate does
#
# With $r$ and $z$ given from outside, at $r = 0$: the candidate alone is a layer without memory.

# %%
sees = "tanh(W_h @ x + U_h @ (r * h) + b_h)"
alone = Cell.parse(f"# params: r(H)\nh_next = {sees}", name="candidate")
layer = Cell.parse("# states: h\nh_next = tanh(W_h @ x + b_h)", name="layer")
print(prove_equivalent(alone, layer, "r = 0").require().claim)

# %% [markdown]
# The whole is none, but a leaky integrator, whose Jacobian is the skip.

# %%
whole = Cell.parse(f"# params: r(H), z(H)\nc = {sees}\nh_next = (1 - z) * h + z * c", name="whole")
leaky = Cell.parse("# params: z(H)\nh_next = (1 - z) * h + z * tanh(W_h @ x + b_h)", name="leaky")
print(prove_equivalent(whole, leaky, "r = 0").require().claim)
(kept,) = jacobian(leaky).paths
reset = Claim(
    "Where the reset gate is 0, the past is ignored (Cho et al. 2014).",
    (prove_equivalent(whole, layer, "r = 0"),),
    f"At $r = 0$, with $z$ held, the Jacobian is $\\mathrm{{diag}}({kept.factors[0].expr})$: the "
    f"{kept.name} keeps the past.",
    "the candidate alone is meant",
    (prove_equivalent(alone, layer, "r = 0"),),
)

# %% [markdown]
# ## The verdicts
#
# Were one of them another, this would raise.

# %%
claims = (structure, concat, naming, reset)
verdicts = [claim.verdict.split(";")[0] for claim in claims]
print(", ".join(verdicts))
assert verdicts == ["proved", "proved", "proved", "false in general"]

# %% [markdown]
# ## For the gallery

# %%
Part(
    "claims_equations",
    "What people say about the GRU: its equations",
    claim="Of four sentences three are proved; one is false in general, and proved under a "
    "condition.",
    source="tutorials; Chung et al. 2014; Cho et al. 2014",
    items=tuple(claim.item for claim in claims),
).write()
write_page("claims_equations.md", table_of(claims))
