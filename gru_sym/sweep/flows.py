"""flows: measurements of gradient flow, of what theory says of it, and of learning."""

import json
from collections.abc import Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import ArrayLike

from gru_sym.cells.equations import Cell
from gru_sym.codegen.arrays import Named
from gru_sym.codegen.functions import Array
from gru_sym.derive.families import SKIP, families
from gru_sym.errors import DataError, UnsupportedError
from gru_sym.flow.initial.gates import skip_gates
from gru_sym.flow.lags import lag_curve
from gru_sym.flow.linearised import linearised
from gru_sym.flow.lyapunov import lyapunov
from gru_sym.flow.meanfield.theory import mean_field
from gru_sym.flow.paths import departures, path_length
from gru_sym.flow.scaled import log_norm, rescaled
from gru_sym.flow.shapley import shapley
from gru_sym.flow.timescales import time_scales
from gru_sym.learning.loop import learn
from gru_sym.sweep.rows import Dimension, Measurement, Quantity
from gru_sym.sweep.trial import Trial

__all__ = ["FLOWS", "cut_of", "share_names", "worth_names"]

_LAG = Dimension("lag", "steps", "how many steps before the last one")
_FAMILY = Dimension("family", "1", "family of paths, in the order of the cell's families")
_INDEX = Dimension("exponent", "1", "which exponent, from the largest", 1)
_UPDATE = Dimension("update", "1", "update of the parameters", 1)
_MOMENT = Dimension("snapshot", "1", "which moment of the training")

_BURN = 10
"""One of so many steps comes before what is measured."""

_EXPONENTS = 8
"""Of the Lyapunov spectrum: the largest."""


def share_names(cell: Cell) -> tuple[str, ...]:
    """The families along the dimension ``family`` of ``shares``, the skip among them.

    Args:
        cell: any cell.
    """
    names = tuple(family.name for family in families(cell))
    return names if SKIP in names else (*names, SKIP)


def worth_names(cell: Cell) -> tuple[str, ...]:
    """The families along the dimension ``family`` of ``worth``: all but the skip.

    Args:
        cell: any cell.
    """
    return tuple(family.name for family in families(cell) if not family.is_skip)


def cut_of(cell: Cell, paths: str) -> tuple[str, ...]:
    """The families that a trial's gradient may not take.

    Args:
        cell: any cell.
        paths: ``all``, ``skip only``, or ``no update, reset``.

    Raises:
        DataError: it is none of these, or the cell has no such family.

    >>> from gru_sym import cells
    >>> cut_of(cells.gru, "skip only"), cut_of(cells.gru, "no reset")
    (('update', 'candidate', 'reset'), ('reset',))
    """
    if paths == "all":
        return ()
    names = share_names(cell)
    if paths == "skip only":
        return tuple(name for name in names if name != SKIP)
    cut = tuple(part.strip() for part in paths.removeprefix("no ").split(","))
    unknown = [name for name in cut if name not in names]
    if not paths.startswith("no ") or unknown:
        raise DataError(
            f"`{cell.name}` cannot do with the paths `{paths:.60}`",
            mend=f"give all, skip only, or `no` and some of {', '.join(names)}",
        )
    return cut


def _curve(
    cell: Cell, params: Mapping[str, Array], xs: Named, trial: Trial
) -> dict[str, ArrayLike]:
    """The lag curve, what the skip alone would carry, and the path length."""
    steps = linearised(cell, params, xs)
    found = lag_curve(steps)
    return {
        "log_norm": found.log_norm,
        "skip_log_norm": found.skip_log_norm,
        "path_length": path_length(steps).mean,
    }


def _cut_curve(
    cell: Cell, params: Mapping[str, Array], xs: Named, trial: Trial
) -> dict[str, ArrayLike]:
    """The lag curve where the gradient may take some paths alone."""
    steps = linearised(cell, params, xs)
    cut = cut_of(cell, trial.paths)
    kept = steps.left_of([name for name in steps.names if name not in cut])
    rows, exponent = rescaled(steps.cotangent()[None], np.zeros((1, 1), np.int64))
    norms = [log_norm(rows, exponent)[0, 0]]
    for k in range(steps.T):
        rows, exponent = rescaled(kept(steps.T - 1 - k, rows), exponent)
        norms.append(log_norm(rows, exponent)[0, 0])
    return {"cut_log_norm": np.array(norms)}


def _shares(
    cell: Cell, params: Mapping[str, Array], xs: Named, trial: Trial
) -> dict[str, ArrayLike]:
    """By which family the gradient leaves the skip."""
    found = departures(linearised(cell, params, xs)).shares
    if not np.isfinite(found).all():
        raise DataError("the gradient is 0, and has no shares", mend="take another cell")
    return {"shares": found}


def _worth(
    cell: Cell, params: Mapping[str, Array], xs: Named, trial: Trial
) -> dict[str, ArrayLike]:
    """The Shapley values of the families."""
    found = shapley(linearised(cell, params, xs)).values
    if not np.isfinite(found).all():
        raise UnsupportedError(
            f"`{cell.name}` has no skip that carries a gradient, beside which paths have a worth",
            mend="take a cell with a skip",
        )
    return {"worth": found}


def _exponents(
    cell: Cell, params: Mapping[str, Array], xs: Named, trial: Trial
) -> dict[str, ArrayLike]:
    """The largest Lyapunov exponents, after a tenth of the steps."""
    size = linearised(cell, params, xs).S
    burn = trial.T // _BURN
    found = lyapunov(
        cell,
        params,
        None if isinstance(xs, int) else xs,
        steps=trial.T - burn,
        burn=burn,
        count=min(size, _EXPONENTS),
        perturb=False,
    )
    return {"exponents": found.exponents}


def _spread(
    cell: Cell, params: Mapping[str, Array], xs: Named, trial: Trial
) -> dict[str, ArrayLike]:
    """‖J‖_F² / N, the mean over the steps after a tenth of them: what theory calls χ."""
    steps = linearised(cell, params, xs)
    eye = np.eye(steps.S)[:, None]
    first = steps.T // _BURN
    squares = [np.square(steps.left_total(t, eye)).sum() for t in range(first, steps.T)]
    return {"chi": float(np.mean(squares)) / steps.S}


def _theory(
    cell: Cell, params: Mapping[str, Array], xs: Named, trial: Trial
) -> dict[str, ArrayLike]:
    """χ and ½ log χ by mean-field theory, for matrices N(0, gain²/N) and the trial's bias."""
    biases = {name: sign * trial.bias for gate in skip_gates(cell) for name, sign in gate.biases}
    found = mean_field(cell, weights=trial.gain**2, inputs=trial.variance, biases=biases)
    return {"chi_theory": found.chi, "rate_theory": found.rate}


def _keep(cell: Cell, params: Mapping[str, Array], xs: Named, trial: Trial) -> dict[str, ArrayLike]:
    """What the skip keeps in a step: the geometric mean over units and steps."""
    logs = time_scales(linearised(cell, params, xs)).log_keep
    if not logs:
        raise UnsupportedError(f"`{cell.name}` has no skip", mend="take a cell with one")
    return {"keep": float(np.exp(np.mean([each.mean() for each in logs.values()])))}


def _learning(
    cell: Cell, params: Mapping[str, Array], xs: Named, trial: Trial
) -> dict[str, ArrayLike]:
    """A task is learned: the loss of each update, and gradient flow on the way."""
    how = json.loads(trial.learning)
    found = learn(
        cell,
        trial.task,
        hidden=trial.size,
        T=trial.T,
        initialisation=trial.initialisation,
        gain=trial.gain,
        bias=trial.bias,
        seed=trial.seed,
        without=cut_of(cell, trial.paths),
        updates=int(how["updates"]),
        batch=int(how["batch"]),
        learning_rate=how["learning_rate"],
        clip=how["clip"],
        snapshots=int(how["snapshots"]),
    )
    moments = found.snapshots
    return {
        "loss": found.loss,
        "test_loss": found.test,
        "baseline": found.baseline,
        "snapshot_update": [each.update for each in moments],
        "snapshot_log_norm": np.array([each.log_norm for each in moments]),
        "snapshot_skip": np.array([each.skip_log_norm for each in moments]),
        "snapshot_shares": np.array([each.shares for each in moments]),
    }


FLOWS: Mapping[str, Measurement] = MappingProxyType(
    {
        "lag_curve": Measurement(
            _curve,
            {
                "log_norm": Quantity("nats", "log-norm of the gradient", (_LAG,)),
                "skip_log_norm": Quantity("nats", "that by the skip alone", (_LAG,)),
                "path_length": Quantity("steps", "effective path length", (_LAG,)),
            },
            "how much of the gradient is left at each lag",
        ),
        "cut_curve": Measurement(
            _cut_curve,
            {"cut_log_norm": Quantity("nats", "log-norm by the paths that are left", (_LAG,))},
            "the lag curve where the gradient may not take all paths",
        ),
        "departures": Measurement(
            _shares,
            {"shares": Quantity("1", "share by the family that leaves the skip", (_LAG, _FAMILY))},
            "by which family the gradient leaves the skip",
        ),
        "shapley": Measurement(
            _worth,
            {"worth": Quantity("nats", "Shapley value of a family", (_LAG, _FAMILY))},
            "what each family is worth to the gradient",
        ),
        "lyapunov": Measurement(
            _exponents,
            {"exponents": Quantity("nats per step", "Lyapunov exponents", (_INDEX,))},
            "the largest Lyapunov exponents",
        ),
        "spread": Measurement(
            _spread,
            {"chi": Quantity("1", "mean of the squared Frobenius norm of J, over N")},
            "how the mean square of a gradient grows in one step",
        ),
        "theory": Measurement(
            _theory,
            {
                "chi_theory": Quantity("1", "that by mean-field theory"),
                "rate_theory": Quantity("nats per step", "half its logarithm"),
            },
            "mean-field theory, of infinitely many units and weights drawn anew at each step",
        ),
        "keep": Measurement(
            _keep,
            {"keep": Quantity("1", "geometric mean of what the skip keeps in a step")},
            "how much the gates of the skip keep",
        ),
        "learning": Measurement(
            _learning,
            {
                "loss": Quantity("1", "training loss before each update", (_UPDATE,)),
                "test_loss": Quantity(
                    "1", "loss on sequences that were not learned from, at the end"
                ),
                "baseline": Quantity("1", "loss of the task's naive guess on the same sequences"),
                "snapshot_update": Quantity("1", "updates before a snapshot", (_MOMENT,)),
                "snapshot_log_norm": Quantity("nats", "log-norm at a snapshot", (_MOMENT, _LAG)),
                "snapshot_skip": Quantity("nats", "that by the skip alone", (_MOMENT, _LAG)),
                "snapshot_shares": Quantity(
                    "1", "shares of the families at a snapshot", (_MOMENT, _LAG, _FAMILY)
                ),
            },
            "a task is learned, and gradient flow measured on the way",
        ),
    }
)
"""Name → measurement."""
