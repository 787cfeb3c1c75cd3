# %% [markdown]
# # What people say about the GRU: its equations
#
# **Claim.** Of six sentences three are proved, and three under a condition.
#
# **Assumed.** Four GRUs are meant: Chung's, Cho's, that with one matrix on [h, x], and that which
# resets after the product. “True if” means that a sentence is proved under the condition, and
# refuted without it. All arrays are real.
#
# **Sources.** The sentences are of tutorials, where no other source is named; the cells of Chung et
# al. 2014 (arXiv:1412.3555), Cho et al. 2014 (arXiv:1406.1078), PyTorch and Keras.

# %%
import sympy as sp

from gru_sym import Cell, cells, jacobian, prove_equivalent
from gru_sym.latex.gallery import Claim, Part, table_of, write_page

gru, family = cells.gru, (cells.gru, cells.gru_keep, cells.gru_concat, cells.gru_reset_after)

# %% [markdown]
# ## What it is made of
#
# A gate is a definition by a sigmoid; a cell state is a state beside the output.


# %%
def gates(cell: Cell) -> str:
    return ", ".join(str(d.name) for d in cell.program if d.expr.func.__name__ == "sigmoid")


structure = Claim(
    "A GRU has two gates and no cell state.",
    tuple(gates(cell).count(",") == 1 and len(cell.states) == 1 for cell in family),
    f"GRU: gates ${gates(gru)}$; state ${gru.states[0].name}$. LSTM: gates ${gates(cells.lstm)}$; "
    f"states ${', '.join(str(state.name) for state in cells.lstm.states)}$.",
)

# %% [markdown]
# ## How large it is
#
# A count of parameters is a polynomial in H and I. It is positive where its coefficients are.

# %%
H, I = sp.symbols("H I")  # noqa: E741


def count(cell: Cell) -> sp.Poly:
    size = {"H": H, "I": I}
    shapes = ([sum(size[part] for part in dim) for dim in v.shape] for v in cell.params)
    return sp.Poly(sum(map(sp.prod, shapes)), H, I)


def shown(polynomial: sp.Poly) -> str:
    return f"${sp.factor(polynomial.as_expr())}$".replace("*", " ")


text = cells.gru_reset_after.equations.replace("b_z)", "b_z + b_hz)").replace("b_r)", "b_r + b_hr)")
keras = count(Cell.parse(text))  # two biases for each gate
rnn, own, after, lstm = map(count, (cells.rnn, gru, cells.gru_reset_after, cells.lstm))
triple = Claim(
    "A GRU has three times the parameters of an RNN.",
    (own == 3 * rnn, after == 3 * rnn),
    f"{shown(own)} against {shown(rnn)}. A second bias in the candidate alone, for a reset after "
    f"the product, is {shown(after - 3 * rnn)} more; PyTorch, with two for each gate and for the "
    f"RNN, has the 3 again; Keras, with two for the GRU alone, {shown(keras - 3 * rnn)} more.",
    "sizes, and the number of biases for each gate, are the same",
    (own == 3 * rnn, count(cells.gru_concat) == 3 * rnn, keras == 3 * (rnn + H)),
)
fewer = Claim(
    "A GRU has fewer parameters than an LSTM.",
    (all(c > 0 for c in (lstm - own).coeffs()), all(c > 0 for c in (lstm - keras).coeffs())),
    f"The LSTM has {shown(lstm - own)} more, a quarter of all that it has. In Keras, where the GRU "
    f"alone has two biases for each gate, {shown(lstm - keras)} more: {(lstm - keras)(1, 1)} at "
    "$H = I = 1$.",
    "sizes are the same, with one bias for each gate",
    (all(c > 0 for c in (lstm - own).coeffs()), 4 * (lstm - own) == lstm),
)

# %% [markdown]
# ## How it is written

# %%
joined = "\n".join(f"W_{gate} = [U_{gate}, W_{gate}]" for gate in "zrh")
turned = "\n".join(f"{name} = -{name}" for name in ("W_z", "U_z", "b_z"))
same = prove_equivalent(cells.gru_keep, gru)
concat = Claim(
    "One matrix on $[h, x]$ for each gate is the same as two matrices.",
    (prove_equivalent(cells.gru_concat, gru, joined),),
    "$[U, W]$ times $[h, x]$ is $U h + W x$, for all sizes.",
)
naming = Claim(
    "Whether $(1 - z) h + z c$ or $z h + (1 - z) c$ is a choice of names ($c$ is the candidate).",
    (prove_equivalent(cells.gru_keep, gru, turned), same.verdict == "refuted"),
    "The one is the other with $W_z$, $U_z$ and $b_z$ negated: the sigmoid of $-a$ is 1 less that "
    f"of $a$. Trained weights have to be negated; with the same weights it is {same.verdict}.",
)

# %% [markdown]
# ## What a closed reset gate does
#
# With r given from outside: the candidate alone is at r = 0 a layer without memory. The whole is
# none, but a leaky integrator, whose Jacobian is the skip.

# %%
sees = "tanh(W_h @ x + U_h @ (r * h) + b_h)"
alone = Cell.parse(f"# params: r(H)\nh_next = {sees}")
whole = Cell.parse(f"# params: r(H), z(H)\nc = {sees}\nh_next = (1 - z) * h + z * c", name="whole")
layer = Cell.parse("# states: h\nh_next = tanh(W_h @ x + b_h)", name="layer")
leaky = Cell.parse("# params: z(H)\nh_next = (1 - z) * h + z * tanh(W_h @ x + b_h)", name="leaky")
print(prove_equivalent(whole, leaky, "r = 0").require().claim)
(kept,) = jacobian(leaky).paths
reset = Claim(
    "Where the reset gate is 0, the past is ignored (Cho et al. 2014).",
    (prove_equivalent(whole, layer, "r = 0"),),
    f"At $r = 0$ the Jacobian is diag$({kept.factors[0].expr})$: the {kept.name} keeps the past, "
    "whatever $r$ is.",
    "the candidate alone is meant",
    (prove_equivalent(alone, layer, "r = 0"),),
)

# %% [markdown]
# ## The verdicts
#
# Were one of them another, this would raise.

# %%
claims = (structure, triple, fewer, concat, naming, reset)
print(*claims, sep="\n")
verdicts = [claim.verdict.split(" if ")[0] for claim in claims]
assert verdicts == ["proved", "true", "true", "proved", "proved", "true"]
Part(
    "claims_equations",
    "What people say about the GRU: its equations",
    claim="Of six sentences three are proved, and three under a condition.",
    source="tutorials; Chung et al. 2014; Cho et al. 2014",
    items=tuple(claim.item for claim in claims),
).write()

# %% [markdown]
# ## For the gallery

# %%
write_page("claims_equations.md", table_of(claims))
