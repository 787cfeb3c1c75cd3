# %% [markdown]
# # Second order: a Hessian-vector product
#
# **Claim.** The tangent of the gradient is the gradient of the tangent: the Hessian is symmetric.
#
# **Assumed.** The scalar is φ = ⟨g, h'⟩ for a given g (`h_next_bar`), a function of parameters,
# input and state; v is a direction in all of them. All arrays are real.
#
# **Source.** Pearlmutter 1994, Fast exact multiplication by the Hessian, Neural Computation 6(1).

# %%
import numpy as np

from gru_sym import Cell, cells, compile, hvp, jvp, prove_equal, prove_vjp, vjp
from gru_sym.latex import latex_derivation
from gru_sym.latex.gallery import Part

cell = cells.gru

# %% [markdown]
# ## Forward over reverse
#
# Each line of backprop is differentiated in the direction v: `U_h_bar_dot` is the rate at which the
# gradient of U_h changes. The rows of these lines together are H v.

# %%
forward_over_reverse = hvp(cell)
for d in forward_over_reverse.definitions[-5:]:
    print(
        d.name,
        "=",
        str(forward_over_reverse).split(f"\n{d.name} ", 1)[1].split("= ", 1)[1].split("\n")[0],
    )

# %% [markdown]
# ## Reverse over forward
#
# The other order. The tangent of h' in the direction v is itself a cell: that of the GRU beside one
# that carries v (here `v_h`, `v_x`, `v_W_z`, …), with two states, (h, v_h).

# %%
DOT = "_dot"
first = jvp(cell)
names = {v.name: f"v_{v.name.removesuffix(DOT)}" for v in first.variables if v.name.endswith(DOT)}
lines = str(first.rename(names)).splitlines()
moving = ", ".join(
    f"v_{p.name}({', '.join('+'.join(dim) for dim in p.shape)})" for p in cell.params
)
tangent = Cell.parse(
    "\n".join(
        [f"# params: {moving}", "# output: h", cell.equations]
        + [line for line in lines if line.startswith("v_")]
    ),
    name="tangent",
)
print(tangent)

# %% [markdown]
# Its backprop is derived as that of any cell, and proved. With g as the cotangent of v_h' the
# gradient of U_h is ∇⟨g, ∂h' · v⟩ = ∇(∂φ · v), which is Hᵀ v.

# %%
print(prove_vjp(tangent).require().claim)
reverse_over_forward = vjp(tangent)

# %% [markdown]
# ## The two are equal, line by line, for all sizes
#
# The lines of the second are given names of their own and set below those of the first.

# %%
renamed = {"v_h_next_bar": "h_next_bar", "h_next_bar": "h_next_bar_dot"}
for v in reverse_over_forward.variables:
    if v.name in {d.name for d in reverse_over_forward} and v.name not in {
        d.name for d in cell.program
    }:
        renamed[v.name] = f"{v.name}_again"
    elif v.name.startswith("v_") and v.name not in renamed:
        renamed[v.name] = f"{v.name.removeprefix('v_')}{DOT}"
again = reverse_over_forward.rename(renamed)
known = {d.var for d in forward_over_reverse}
together = [*forward_over_reverse, *(d for d in again if d.var not in known)]
for v in (*cell.params, *cell.inputs, *cell.states):
    one = forward_over_reverse.variable(f"{v.name}_bar_dot")
    other = again.variable(f"{v.name}_bar_again")
    assert prove_equal(one, other, together).require().claim
print(
    "equal in", len(forward_over_reverse.outputs), "blocks: H v = Hᵀ v for every v, H is symmetric"
)

# %% [markdown]
# ## In numbers
#
# The gradient at θ + i ε v has the imaginary part ε H v, without any cancellation: ε = 1e-20.
# What runs is the code of the tangent cell's backprop; then ⟨u, H v⟩ = ⟨v, H u⟩ for two directions.

# %%
rng = np.random.default_rng(0)
H, I = 3, 2  # noqa: E741
size = {"H": H, "I": I}
shapes = {
    str(v.name): [size[p] for (p,) in v.shape] for v in (*cell.params, *cell.inputs, *cell.states)
}
theta, u, v = ({name: rng.normal(size=shape) for name, shape in shapes.items()} for _ in range(3))
g = rng.normal(size=(1, H))


def hessian_times(w: dict) -> dict:
    params = {name: theta[name] for name in shapes} | {f"v_{name}": w[name] for name in shapes}
    xs = {name: params.pop(name)[None] for name in ("x", "v_x")}
    h0 = {name: params.pop(name) for name in ("h", "v_h")}
    _, found = compile(tangent).gradients(params, xs, h0, {"v_h": g})
    return {name: found[f"{name}_bar"].reshape(shapes[name]) for name in shapes}


def gradient(at: dict) -> dict:
    params = {name: at[name] for name in shapes if name not in {"x", "h"}}
    _, found = compile(cell).gradients(params, at["x"][None], at["h"], g.astype(complex))
    return {name: found[f"{name}_bar"].reshape(shapes[name]) for name in shapes}


Hv, Hu = hessian_times(v), hessian_times(u)
step = gradient({name: theta[name] + 1e-20j * v[name] for name in shapes})
for name in shapes:
    right = step[name].imag / 1e-20
    assert np.linalg.norm(Hv[name] - right) < 1e-13 * np.linalg.norm(right), name
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
        (
            "Forward over reverse, for the simple recurrent network; a dot is the rate of change "
            "in the direction of the tangent.",
            latex_derivation(cells.rnn, "hvp"),
        ),
        ("For the GRU:", latex_derivation(cells.gru, "hvp", ["U_h"])),
    ),
).write()
