# %% [markdown]
# # Parameters and costs, as formulas
#
# **Claim.** At equal sizes a GRU has 3 times the parameters of an RNN and an LSTM 4 times, exactly.
#
# **Assumed.** H units, I inputs, one bias vector for each gate and candidate. A cost is a number of
# multiplications by a weight; elementwise work, O(H) a step, is left out.
#
# **Source.** The equations of the cells. All counts are taken from them, none is typed in.

# %%
import re

import sympy as sp

from gru_sym import Cell, cells, vjp
from gru_sym.latex.gallery import Part, prose

H, I = sp.symbols("H I", positive=True, integer=True)  # noqa: E741
SIZES = {"H": H, "I": I}

# %% [markdown]
# ## From shapes to polynomials
#
# A shape is a tuple of dimensions, a dimension a sum of names: W in W @ [h, x] is H × (H + I).


# %%
def count(cell: Cell, gate: str = "") -> sp.Expr:
    """The number of parameters, of all gates or of one."""
    shapes = [v.shape for v in cell.params if v.name.endswith(gate)]
    sizes = ([sum(SIZES[part] for part in dim) for dim in shape] for shape in shapes)
    return sp.expand(sp.Add(*(sp.prod(size) for size in sizes)))


each = H * I + H**2 + H
assert count(cells.rnn) == each
assert all(count(cells.gru, f"_{gate}") == each for gate in "zrh")
assert all(count(cells.lstm, f"_{gate}") == each for gate in "ifgo")
for cell, factor in {cells.gru: 3, cells.gru_concat: 3, cells.lstm: 4, cells.mgu: 2}.items():
    assert count(cell) == sp.expand(factor * each)
    print(f"{cell.name}: {factor} (H I + H² + H)")

# %% [markdown]
# ## Where the 3 holds, and where it does not
#
# It is a ratio at equal H and I. With as many parameters as an RNN of H units a GRU has fewer
# units, about H/√3 where H is large. A bias more breaks it: the cell that resets after the
# product has H parameters more, so that its ratio is above 3 by 1 / (H + I + 1).

# %%
assert sp.simplify(count(cells.gru_reset_after) / each - 3 - 1 / (H + I + 1)) == 0

# %% [markdown]
# Libraries count otherwise still: PyTorch gives every gate two biases, in RNN, GRU and LSTM alike,
# which makes it 3 and 4 again; Keras gives two only to the GRU (by default), which is then
# larger than a GRU in a paper, but not larger than an LSTM: the difference is H (H + I − 2), which
# is 0 for H = I = 1, and positive else.

# %%
two_biases = each + H
keras_gru, lstm = 3 * two_biases, count(cells.lstm)
assert sp.expand(lstm - keras_gru - H * (H + I - 2)) == 0
assert (lstm - keras_gru).subs({H: 1, I: 1}) == 0
print("Keras, H = 128, I = 64:", keras_gru.subs({H: 128, I: 64}), "of", lstm.subs({H: 128, I: 64}))

# %% [markdown]
# ## The cost of a step
#
# Forward, each matrix meets one vector: each weight is multiplied once. Backward each matrix meets
# one cotangent by its transpose, and its gradient is one outer product: twice the work. A product
# that occurs in two lines is counted, and computed, once. The lines are the derived gradients.


# %%
def products(cell: Cell) -> tuple[int, int, int]:
    """Matrices times vectors forward; by the transpose, and outer products, backward."""
    back = str(vjp(cell))
    transposed = set(re.findall(r"\w+\.T @ (?:\w+|\([^)]*\))", back))
    return cell.equations.count("@"), len(transposed), back.count("outer(")


for cell in (cells.rnn, cells.gru, cells.lstm, cells.gru_reset_after, cells.mgu):
    matrices = sum(len(v.shape) == 2 for v in cell.params)
    assert products(cell) == (matrices,) * 3
    weights = sp.factor(
        sp.Add(*(SIZES[v.shape[1][0]] * H for v in cell.params if len(v.shape) == 2))
    )
    print(f"{cell.name}: {weights} forward, twice that backward")

# %% [markdown]
# So time goes as parameters do: 1 : 3 : 4. One thing this does not show: in the GRU that resets
# before the product U_h has to wait for r. The products of the RNN, of the LSTM, and of the GRU
# that resets after the product, can all be made in one round.


# %%
def rounds(cell: Cell) -> int:
    """How many products with a matrix have to wait for one another, one after the other."""
    done: dict[str, int] = {}

    def latest(text: str) -> int:
        return max(done.get(word, 0) for word in re.findall(r"\w+", text))

    for name, right in (line.split("=", 1) for line in str(cell.program).splitlines()):
        vectors = re.findall(r"@ (\w+|\([^)]*\)|\[[^]]*\])", right)
        done[name.strip()] = max([latest(right), *(1 + latest(vector) for vector in vectors)])
    return max(done.values())


assert rounds(cells.gru) == rounds(cells.gru_concat) == 2
assert rounds(cells.rnn) == rounds(cells.lstm) == rounds(cells.gru_reset_after) == 1

# %% [markdown]
# ## For the gallery

# %%
shown = [
    f"P_{{\\mathrm{{{c.name.upper()}}}}} &= {sp.latex(count(c))}"
    for c in (cells.rnn, cells.gru, cells.lstm)
]
Part(
    "06_counts",
    "Parameters and costs",
    claim="At equal sizes a GRU has 3 times the parameters of an RNN, and an LSTM 4 times.",
    source="the equations of the cells",
    items=(
        (
            prose("With $H$ units and $I$ inputs:"),
            "\\begin{aligned}\n" + " \\\\\n".join(shown) + "\n\\end{aligned}",
        ),
        (
            "The second bias of the cell that resets after the product breaks the 3:",
            r"P_{\text{reset after}} = \Bigl(3 + \frac{1}{H + I + 1}\Bigr)\,P_{\mathrm{RNN}}",
        ),
        (
            "Each weight is multiplied with once in a step forward, and twice in a step back. In "
            "the GRU that resets before the product, one matrix has to wait for the reset gate.",
            "",
        ),
    ),
).write()
