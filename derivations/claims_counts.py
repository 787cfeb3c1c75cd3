# %% [markdown]
# # What people say about the GRU: its size
#
# **Claim.** Two sentences are false in general, and proved under one and the same condition.
#
# **Assumed.** $H$ units and $I$ inputs, at least one of each. A sentence is refuted by exact
# numbers at one point alone. A condition is enough for it; it need not be the only one.
#
# **Sources.** The sentences are of tutorials; the cells of Chung et al. 2014 (arXiv:1412.3555), the
# documentation of PyTorch (GRU, LSTM, RNN) and of Keras (GRU, `reset_after`).

# %%
import sympy as sp

from gru_sym import Cell, cells
from gru_sym.latex.gallery import Claim, Part, table_of, write_page

H, I, k = sp.symbols("H I k")  # noqa: E741

# %% [markdown]
# ## A count is a polynomial
#
# A parameter's shape is made of $H$ and $I$, and its size is their product. Libraries differ in how
# many biases they add up: so let each bias of a cell stand for $k$ of them.


# %%
def count(cell: Cell, biases: sp.Expr | int = 1) -> sp.Poly:
    """The number of parameters, with so many biases for each that the cell has."""
    shapes = ([sum({"H": H, "I": I}[part] for part in dim) for dim in v.shape] for v in cell.params)
    sizes = (sp.prod(shape) * (biases if len(shape) == 1 else 1) for shape in shapes)
    return sp.Poly(sum(sizes), H, I, k)


def shown(polynomial: sp.Poly) -> str:
    return f"${sp.latex(sp.factor(polynomial.as_expr()))}$"


# %% [markdown]
# The RNN, the GRU and the LSTM follow. PyTorch's RNN, written out with its two biases, has the size
# of ours with $k = 2$.

# %%
rnn, gru, lstm = (count(cell, k) for cell in (cells.rnn, cells.gru, cells.lstm))
print(*(sp.factor(polynomial.as_expr()) for polynomial in (rnn, gru, lstm)), sep="\n")
torch_rnn = Cell.parse("h_next = tanh(W_ih @ x + b_ih + W_hh @ h + b_hh)", name="torch")
assert count(torch_rnn) == count(cells.rnn, 2)

# %% [markdown]
# ## Three times
#
# With as many biases for each gate as for each candidate, and as many in the RNN, the 3 is an
# identity of polynomials in $H$, $I$ and $k$.

# %%
grus = (cells.gru, cells.gru_keep, cells.gru_concat)
three_times = tuple(count(cell, k) == 3 * rnn for cell in grus)
print("three times:", three_times)

# %% [markdown]
# Two GRUs have other biases: that which resets after the product has a second one in its candidate
# alone; Keras by default has two for each gate and candidate, but one in its RNN and LSTM. One unit
# with one input is enough to tell.


# %%
def at_one(cell: Cell, biases: int = 1) -> int:
    return int(count(cell, biases).as_expr().subs({H: 1, I: 1}))


found = {"reset after": at_one(cells.gru_reset_after), "Keras": at_one(cells.gru, 2)}
print(found, "against 3 times", at_one(cells.rnn))

# %% [markdown]
# ## Fewer than an LSTM
#
# A polynomial is positive for all sizes from 1 on if it has positive coefficients alone once $H$,
# $I$, $k$ are written as $H + 1$, $I + 1$, $k + 1$. If it has not, nothing is known: None.


# %%
def positive(polynomial: sp.Poly) -> bool | None:
    shifted = polynomial.as_expr().subs({size: size + 1 for size in (H, I, k)}, simultaneous=True)
    return all(c > 0 for c in sp.Poly(shifted, H, I, k).coeffs()) or None


unknown = sp.Poly(H**2 - H * I + I**2, H, I, k)  # it is positive, but this does not show it
print(positive(lstm - gru), positive(unknown))
assert positive(unknown) is None

# %% [markdown]
# ## The two sentences

# %%
alike = "sizes, and the number of biases of each gate and of the candidate, are the same"
more = [
    shown(count(*of) - count(cells.rnn) * 3) for of in ((cells.gru_reset_after,), (cells.gru, 2))
]
triple = Claim(
    "A GRU has three times the parameters of an RNN.",
    tuple(number == 3 * at_one(cells.rnn) for number in found.values()),
    f"With $k$ biases an RNN has {shown(rnn)}; in papers $k$ is 1, in PyTorch 2. A second bias in "
    f"the candidate alone, for a reset after the product, makes {more[0]} more than 3 times; "
    f"Keras, with two in the GRU alone, {more[1]} more.",
    alike,
    three_times,
)

# %% [markdown]
# The second is refuted by Keras, whose two cells are of the same size at $H = I = 1$.

# %%
fewer = Claim(
    "A GRU has fewer parameters than an LSTM.",
    (found["Keras"] < at_one(cells.lstm),),
    f"With $k$ biases each the LSTM has {shown(lstm - gru)} more, a quarter of all that it has. In "
    f"Keras, with two in the GRU alone, it has {shown(count(cells.lstm) - count(cells.gru, 2))} "
    f"more: at $H = I = 1$ both have {found['Keras']}.",
    alike,
    (positive(lstm - gru), 4 * (lstm - gru) == lstm),
)
claims = (triple, fewer)
assert [claim.verdict for claim in claims] == [
    f"false in general; proved under the condition that {alike}"
] * 2

# %% [markdown]
# ## For the gallery

# %%
Part(
    "claims_counts",
    "What people say about the GRU: its size",
    claim="Two sentences are false in general, and proved under one and the same condition.",
    source="tutorials; Chung et al. 2014; the documentation of PyTorch and Keras",
    items=tuple(claim.item for claim in claims),
).write()
write_page("claims_counts.md", table_of(claims))
