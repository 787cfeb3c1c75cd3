# %% [markdown]
# # What people say about the GRU: what is measured
#
# **Claim.** A sentence about trained networks is not found in those that are trained here.
#
# **Assumed.** The GRU that resets before the product; three small tasks, and few updates. What is
# measured proves nothing, and a tendency is not refuted by an example.
#
# **Source.** Cho et al. 2014 (arXiv:1406.1078), section 2.3.

# %%
import numpy as np

from gru_sym import cells, flow, readout
from gru_sym.latex.gallery import Claim, Part, table_of, write_page
from gru_sym.learning import TASKS, learn

# %% [markdown]
# ## Short and long dependencies
#
# Units with short dependencies would have active reset gates, those with long ones active update
# gates. The update gate of Cho et al. keeps: here it is $1 - z$. Were the sentence so, units that
# look far back would be those that keep, and those that are reset little.

# %% [markdown]
# How far back unit $i$ looks is the mean lag of the gradient of $h_{T,i}$ with respect to earlier
# states, weighed by its norm. Its rank among the units is compared with that of the mean $1 - z$,
# and of the mean $r$.


# %%
def ranks(values: np.ndarray) -> np.ndarray:
    """The place of each value among all."""
    return np.argsort(np.argsort(values))


H, T = 16, 24
kept, reset = [], []
for task, row in TASKS.items():
    for seed in range(2):
        learned = learn(cells.gru, task, hidden=H, T=T, updates=300, learning_rate=0.01, seed=seed)
        assert learned.test < 0.8 * learned.baseline
        data = row.draw(np.random.default_rng(99), T, 16)
        inputs = {"x": data.xs, "y": data.ys}
        steps = flow.linearised(readout(cells.gru, row.loss), learned.params, inputs)
        curves = [flow.lag_curve(steps, unit).log_norm.mean(axis=1) for unit in np.eye(H)]
        back = [np.average(np.arange(T + 1), weights=np.exp(curve)) for curve in curves]
        keep, r = (steps.trajectory.values[name].mean(axis=(0, 1)) for name in "zr")
        kept.append(np.corrcoef(ranks(np.array(back)), ranks(1 - keep))[0, 1])
        reset.append(np.corrcoef(ranks(np.array(back)), ranks(r))[0, 1])
        print(f"{task}, seed {seed}: with 1 - z {kept[-1]:+.1f}, with r {reset[-1]:+.1f}")

# %% [markdown]
# A rank correlation of 16 units has a standard deviation of $1/\sqrt{15} = 0.26$ by chance.

# %%
chance = (H - 1) ** -0.5 / len(kept) ** 0.5
trained = Claim(
    "Units with short dependencies have active reset gates, those with long ones active update "
    "gates (Cho et al. 2014).",
    (),
    f"In {len(kept)} GRUs trained on {len(TASKS)} tasks, how far back the gradient of a unit "
    f"reaches has a rank correlation of {np.mean(kept):.1f} with its mean $1 - z$, averaged over "
    f"the networks, where chance alone gives about $\\pm {chance:.1f}$; and with its mean $r$ "
    f"{'a negative one, as' if np.mean(reset) < 0 else 'no negative one, which'} the sentence asks "
    "for. (The update gate of Cho et al. keeps: here, $1 - z$ is meant.)",
    measured=bool(np.mean(kept) > 3 * chance and np.mean(reset) < 0),
)
assert trained.verdict == "not found where it was measured"
print(trained)

# %% [markdown]
# ## For the gallery

# %%
Part(
    "claims_measured",
    "What people say about the GRU: what is measured",
    claim="A sentence about trained networks is not found in those that are trained here.",
    source="Cho et al. 2014",
    items=(trained.item,),
).write()
write_page("claims_measured.md", table_of([trained]))
