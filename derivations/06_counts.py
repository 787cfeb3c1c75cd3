# %% [markdown]
# # Parameters and costs, as formulas
#
# **Claim.** At equal sizes a GRU has 3 times the parameters of an RNN and an LSTM 4 times, exactly.
#
# **Assumed.** $H$ units, $I$ inputs, one bias vector for each gate and candidate. A cost is a
# number of multiplications by a weight; elementwise work is left out.
#
# **Source.** The equations of the cells. All counts are taken from them, none is typed in.

# %%
import sympy as sp

from gru_sym import Cell, cells, vjp
from gru_sym.latex.gallery import Part, prose

H, I = sp.symbols("H I", positive=True, integer=True)  # noqa: E741

# %% [markdown]
# ## From shapes to polynomials
#
# A shape is a tuple of dimensions, a dimension a sum of names: $W$ in $W\,[h, x]$ is
# $H \times (H + I)$. A parameter has as many entries as the product of its dimensions.


# %%
def size(shape: tuple) -> sp.Expr:
    return sp.prod([sum({"H": H, "I": I}[name] for name in dimension) for dimension in shape])


def count(cell: Cell, gate: str = "") -> sp.Expr:
    """The number of parameters, of all gates or of one."""
    return sp.expand(sum(size(v.shape) for v in cell.params if v.name.endswith(gate)))


# %% [markdown]
# An RNN has a matrix for the input, one for the state, and a bias. Each gate of the GRU and of the
# LSTM, and each candidate, has just as much.

# %%
each = H * I + H**2 + H
assert count(cells.rnn) == each
assert all(count(cells.gru, f"_{gate}") == each for gate in "zrh")
assert all(count(cells.lstm, f"_{gate}") == each for gate in "ifgo")
for cell, factor in {cells.gru: 3, cells.gru_concat: 3, cells.lstm: 4, cells.mgu: 2}.items():
    assert count(cell) == sp.expand(factor * each)
    print(f"{cell.name}: {factor} times ({each})")

# %% [markdown]
# ## Where the 3 holds, and where it does not
#
# It is a ratio at equal $H$ and $I$. With as many parameters as an RNN of $H$ units a GRU has fewer
# units, about $H / \sqrt{3}$ where $H$ is large. A bias more breaks it: the cell that resets after
# the product has $H$ parameters more, so that its ratio is above 3 by $1 / (H + I + 1)$. Libraries
# that do not give all cells the same number of biases have other ratios: see [what people
# say](claims_counts.py).

# %%
assert sp.simplify(count(cells.gru_reset_after) / each - 3 - 1 / (H + I + 1)) == 0

# %% [markdown]
# ## The cost of a step
#
# An expression is a tree. What multiplies by a matrix is a node of it, `MatVec`: a matrix, and a
# vector. A product that occurs in two lines is counted, and computed, once: so they are put into a
# set.


# %%
def nodes(program, kind: str) -> set[sp.Expr]:
    """The nodes of this kind in all lines of a program."""
    trees = (sp.preorder_traversal(definition.expr) for definition in program)
    return {node for tree in trees for node in tree if node.func.__name__ == kind}


print(", ".join(sorted(map(str, nodes(cells.gru.program, "MatVec")))))

# %% [markdown]
# Forward, each matrix meets one vector: each weight is multiplied once. Backward each matrix meets
# one cotangent by its transpose, and its gradient is one outer product: twice the work. The lines
# are the derived gradients.

# %%
for cell in (cells.rnn, cells.gru, cells.lstm, cells.gru_reset_after, cells.mgu):
    matrices, back = [v for v in cell.params if len(v.shape) == 2], vjp(cell)
    transposed = [
        node for node in nodes(back, "MatVec") if node.args[0].func.__name__ == "Transpose"
    ]
    assert len(nodes(cell.program, "MatVec")) == len(matrices)
    assert len(transposed) == len(nodes(back, "Outer")) == len(matrices)
    weights = sp.factor(sum(size(matrix.shape) for matrix in matrices))
    print(f"{cell.name}: {weights} forward, twice that backward")

# %% [markdown]
# So multiplications go as parameters do: 1 : 3 : 4. How long they take is another question, for
# some have to wait.
#
# ## What has to wait
#
# A line waits for the products in the lines that it uses; a product for those in its vector, and
# then it is one more. So the depth of a tree is:


# %%
def depth(node: sp.Expr, known: dict[sp.Expr, int]) -> int:
    """How many products have to be made one after the other before this is known."""
    below = max((depth(part, known) for part in node.args), default=0)
    return max(known.get(node, 0), below + (node.func.__name__ == "MatVec"))


def rounds(cell: Cell) -> int:
    known: dict[sp.Expr, int] = {}
    for definition in cell.program:
        known[definition.var] = depth(definition.expr, known)
    return max(known.values())


# %% [markdown]
# In the GRU that resets before the product $U_h$ has to wait for $r$. The products of the RNN, of
# the LSTM, and of the GRU that resets after the product, can all be made in one round.

# %%
print({c.name: rounds(c) for c in (cells.rnn, cells.lstm, cells.gru_reset_after, cells.gru)})
assert rounds(cells.gru) == rounds(cells.gru_concat) == 2
assert rounds(cells.rnn) == rounds(cells.lstm) == rounds(cells.gru_reset_after) == 1

# %% [markdown]
# ## For the gallery

# %%
SEP = " \\\\ "
cells_shown = (cells.rnn, cells.gru, cells.lstm)
counts = [rf"P_{{\mathrm{{{c.name.upper()}}}}} &= {sp.latex(count(c))}" for c in cells_shown]
Part(
    "06_counts",
    "Parameters and costs",
    claim="At equal sizes a GRU has 3 times the parameters of an RNN, and an LSTM 4 times.",
    source="the equations of the cells",
    items=(
        (
            prose("With $H$ units and $I$ inputs:"),
            rf"\begin{{aligned}} {SEP.join(counts)} \end{{aligned}}",
        ),
        (
            "The second bias of the cell that resets after the product breaks the 3:",
            r"P_{\text{reset after}} = \Bigl(3 + \frac{1}{H + I + 1}\Bigr)\,P_{\mathrm{RNN}}",
        ),
        ("Each weight is multiplied with once in a step forward, and twice in a step back.", ""),
    ),
).write()
