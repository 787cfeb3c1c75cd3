# %% [markdown]
# # Second order: a Hessian-vector product
#
# **Claim.** The tangent of the gradient is the gradient of the tangent: the Hessian is symmetric.
#
# **Assumed.** The scalar is $\varphi = \langle g, h' \rangle$ for a given $g$ (`h_next_bar`), a
# function of parameters, input and state; $v$ is a direction in all of them. All arrays are real.
#
# **Source.** Pearlmutter 1994, Fast exact multiplication by the Hessian, Neural Computation 6(1).

# %%
import numpy as np

from gru_sym import Cell, cells, check, compile, hvp, jvp, prove_vjp
from gru_sym.latex import latex_derivation
from gru_sym.latex.gallery import Part, prose

cell = cells.gru

# %% [markdown]
# ## Forward over reverse
#
# Each line of backprop is differentiated in the direction $v$: `U_h_bar_dot` is the rate at which
# the gradient of $U_h$ changes. With `h_next_bar_dot` $= 0$, for $g$ is given, these rates together
# are $H v$. The last four lines:

# %%
forward_over_reverse = hvp(cell)
print(*str(forward_over_reverse).splitlines()[-4:], sep="\n")

# %% [markdown]
# ## Reverse over forward
#
# The other order. The tangent of $h'$ in the direction $v$ is itself a cell: that of the GRU beside
# one that carries $v$, with two states, $h$ and $v_h$. What the tangent calls `h_dot` is `v_h`
# here.

# %%
DOT, BAR = "_dot", "_bar"
forward = jvp(cell)
moving = {v.name: f"v_{v.name.removesuffix(DOT)}" for v in forward.variables if DOT in v.name}
carried = ", ".join(f"v_{p.name}({', '.join(dim for (dim,) in p.shape)})" for p in cell.params)
lines = [line for line in str(forward.rename(moving)).splitlines() if line.startswith("v_")]
tangent = Cell.parse(
    "\n".join([f"# params: {carried}", "# output: h", cell.equations, *lines]), name="tangent"
)
print(tangent)

# %% [markdown]
# Its backprop is derived as that of any cell, and proved. With $g$ as the cotangent of $v_h'$ the
# gradients are $\nabla \langle g, \partial h' \cdot v \rangle = \nabla (\partial \varphi \cdot v)$,
# which is $H^{\top} v$.

# %%
print(prove_vjp(tangent).require().claim)

# %% [markdown]
# ## The two are equal, line by line, for all sizes
#
# So the lines of $H v$ are to be a derivation of $H^{\top} v$. In the names of the tangent cell the
# rate of change of `U_h_bar` is its `U_h_bar`, and `U_h_bar` what arrives at `v_U_h`: `v_U_h_bar`.
# (Between `z_bar` and `a_z_bar` the two ways part: there the rates are abbreviations, such as
# `z_rate`.)

# %%
met = {str(v.name) for v in (*forward_over_reverse.outputs, *forward_over_reverse.inputs)}


def in_tangent(name: str) -> str:
    """What a variable of H v is called in the backprop of the tangent cell."""
    if name.endswith(BAR + DOT):
        own = name.startswith("a_") or name in met
        return name.removesuffix(DOT) if own else name.replace(BAR + DOT, "_rate")
    return f"v_{name.removesuffix(DOT)}" if name.endswith((BAR, DOT)) else name


# %% [markdown]
# In these names each line of $H v$ is checked. All blocks are among those that are right; what is
# missing is the gradient itself, met on the way.

# %%
names = {v.name: in_tangent(v.name) for v in forward_over_reverse.variables}
translated = forward_over_reverse.rename(names)
report = check(tangent, str(translated))
assert {line.verdict for line in report.lines} == {"right", "abbreviation"}, report
right = {line.name for line in report.lines if line.verdict == "right"}
assert right >= {v.name.removesuffix(DOT) for v in forward_over_reverse.outputs}
assert all(name.startswith("v_") for name in report.missing)
print(len(forward_over_reverse.outputs), "blocks: H v = Hᵀ v for every v, so that H is symmetric")

# %% [markdown]
# ## In numbers
#
# A point, two directions $u$ and $v$ in parameters, input and state, and a $g$.

# %%
rng = np.random.default_rng(0)
among = (*cell.params, *cell.inputs, *cell.states)
shapes = {str(v.name): (3,) * len(v.shape) for v in among}
theta, u, v = ({name: rng.normal(size=shape) for name, shape in shapes.items()} for _ in range(3))
g = rng.normal(size=(1, 3))

# %% [markdown]
# The gradients of the tangent cell, by its generated code:


# %%
def hessian_times(w: dict) -> dict:
    params = {name: theta[name] for name in shapes} | {f"v_{name}": w[name] for name in shapes}
    xs = {name: params.pop(name)[None] for name in ("x", "v_x")}
    h0 = {name: params.pop(name) for name in ("h", "v_h")}
    _, found = compile(tangent).gradients(params, xs, h0, {"v_h": g})
    return {name: found[f"{name}_bar"].reshape(shapes[name]) for name in shapes}


# %% [markdown]
# The gradient at $\theta + i\,\varepsilon\,v$ has the imaginary part $\varepsilon H v$, and nothing
# cancels: $\varepsilon = 10^{-20}$. And $\langle u, H v \rangle = \langle v, H u \rangle$.


# %%
def gradient(at: dict) -> dict:
    params = {name: at[name] for name in shapes if name not in {"x", "h"}}
    _, found = compile(cell).gradients(params, at["x"][None], at["h"], g.astype(complex))
    return {name: found[f"{name}_bar"].reshape(shapes[name]) for name in shapes}


Hv, Hu = hessian_times(v), hessian_times(u)
step = gradient({name: theta[name] + 1e-20j * v[name] for name in shapes})
for name in shapes:
    expected = step[name].imag / 1e-20
    assert np.linalg.norm(Hv[name] - expected) < 1e-13 * np.linalg.norm(expected), name
uHv, vHu = (sum(np.vdot(a[name], b[name]) for name in shapes) for a, b in ((u, Hv), (v, Hu)))
print(f"⟨u, Hv⟩ = {uHv:.15f}\n⟨v, Hu⟩ = {vHu:.15f}")
assert abs(uHv - vHu) < 1e-13 * abs(uHv)

# %% [markdown]
# ## For the gallery

# %%
Part(
    "10_second_order",
    "Second order",
    claim="The tangent of the gradient is the gradient of the tangent: the Hessian is symmetric.",
    source="Pearlmutter 1994, Neural Computation 6(1)",
    items=(
        ("For the RNN; a dot is a rate of change:", latex_derivation(cells.rnn, "hvp")),
        (prose("For $U_{h}$ of the GRU:"), latex_derivation(cells.gru, "hvp", ["U_h"])),
    ),
).write()
