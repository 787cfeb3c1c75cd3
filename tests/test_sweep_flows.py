"""Measurements of gradient flow and of learning, against the functions that they call."""

from dataclasses import replace

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.errors import DataError
from gru_sym.flow import departures, lag_curve, linearised, lyapunov, shapley
from gru_sym.flow.meanfield.theory import mean_field
from gru_sym.learning import learn
from gru_sym.sweep import Study
from gru_sym.sweep.flows import FLOWS, cut_of, share_names, worth_names
from gru_sym.sweep.perform import inputs_of, parameters_of, sizes_of
from gru_sym.sweep.trial import Trial, canonical
from tests.flow_cases import Array
from tests.sweeping import SMALL

HOW = {"updates": 3, "batch": 4, "learning_rate": 0.01, "clip": 1.0, "snapshots": 2}


def _measured(name: str, **changes: object) -> tuple[dict[str, Array], Trial]:
    """What a measurement of the GRU finds, and its trial."""
    trial = replace(next(Study.parse(SMALL).trials()), cell="gru", size=4, T=12, **changes)  # type: ignore[arg-type]
    sizes = sizes_of(cells.gru, trial)
    params, xs = parameters_of(cells.gru, sizes, trial), inputs_of(cells.gru, sizes, trial)
    found = FLOWS[name].function(cells.gru, params, xs, trial)
    return {key: np.asarray(value) for key, value in found.items()}, trial


def _steps(trial: Trial):  # type: ignore[no-untyped-def]
    sizes = sizes_of(cells.gru, trial)
    params = parameters_of(cells.gru, sizes, trial)
    return linearised(cells.gru, params, inputs_of(cells.gru, sizes, trial)), params


def test_curves_and_paths() -> None:
    found, trial = _measured("lag_curve")
    steps, _ = _steps(trial)
    assert (found["log_norm"] == lag_curve(steps).log_norm).all()
    assert (_measured("departures")[0]["shares"] == departures(steps).shares).all()
    assert (_measured("shapley")[0]["worth"] == shapley(steps).values).all()
    assert share_names(cells.gru) == departures(steps).families
    assert worth_names(cells.gru) == shapley(steps).families


def test_a_cut_curve_is_a_coalition() -> None:
    for paths, members in (("skip only", []), ("no reset", ["update", "candidate"]), ("all", None)):
        found, trial = _measured("cut_curve", paths=paths)
        steps, _ = _steps(trial)
        worth = shapley(steps)
        inside = list(worth.families) if members is None else members
        row = [name in inside for name in worth.families]
        which = int(np.flatnonzero((worth.coalitions == row).all(axis=1))[0])
        assert np.allclose(found["cut_log_norm"], worth.log_norms[:, which], rtol=0, atol=1e-12)


def test_exponents_and_chi() -> None:
    found, trial = _measured("lyapunov")
    steps, params = _steps(trial)
    xs = steps.trajectory.values["x"]
    wanted = lyapunov(cells.gru, params, xs, steps=11, burn=1, count=4).exponents
    assert (found["exponents"] == wanted).all()
    chi = _measured("spread")[0]["chi"]
    matrices = np.array([steps.left_total(t, np.eye(4)[:, None])[:, 0] for t in range(1, 12)])
    assert chi == pytest.approx(np.square(matrices).sum() / 11 / 4)
    keep = _measured("keep")[0]["keep"]
    assert keep == pytest.approx(np.exp(np.log(1 - steps.trajectory.values["z"]).mean()))


def test_theory() -> None:
    found, trial = _measured("theory", gain=2.0, bias=1.5)
    theory = mean_field(cells.gru, weights=4.0, inputs=trial.variance, biases={"b_z": -1.5})
    assert found["chi_theory"] == theory.chi
    assert found["rate_theory"] == theory.rate


def test_learning() -> None:
    found, trial = _measured("learning", task="adding", paths="no reset", learning=canonical(HOW))
    wanted = learn(
        cells.gru, "adding", hidden=4, T=12, updates=3, batch=4, learning_rate=0.01, clip=1.0,
        seed=trial.seed, snapshots=2, without=["reset"],
    )  # fmt: skip
    assert (found["loss"] == wanted.loss).all()
    assert found["test_loss"] == wanted.test
    assert found["snapshot_update"].tolist() == [0, 3]
    assert found["snapshot_shares"].shape == (2, 13, 4)


@pytest.mark.parametrize(
    ("paths", "cut"),
    [
        ("all", ()),
        ("skip only", ("update", "candidate", "reset")),
        ("no update", ("update",)),
        ("no update, reset", ("update", "reset")),
    ],
)
def test_what_is_cut(paths: str, cut: tuple[str, ...]) -> None:
    assert cut_of(cells.gru, paths) == cut


@pytest.mark.parametrize("paths", ["no gate", "some", "update", "no "])
def test_no_such_paths(paths: str) -> None:
    with pytest.raises(DataError, match="cannot do with the paths"):
        cut_of(cells.gru, paths)
