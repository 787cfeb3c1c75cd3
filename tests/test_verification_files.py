"""Arrays from files to the verifier."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.errors import DataError, UnsupportedError
from gru_sym.verification.files import verify_files
from gru_sym.verification.point import Point
from gru_sym.verification.regimes import drawn
from gru_sym.verification.report import Report
from gru_sym.verification.verify import verify

ORACLE = ["complex_step"]


@pytest.fixture
def point(tmp_path: Path) -> Point:
    """Its arrays are in files, each under its letter."""
    point = drawn(cells.lstm, 4)
    np.savez(tmp_path / "P.npz", **point.params)
    np.save(tmp_path / "X.npy", point.inputs["x"])
    np.savez(tmp_path / "X.npz", **point.inputs)
    np.savez(tmp_path / "S.npz", **point.states)
    np.savez(tmp_path / "G.npz", **point.bars)
    np.save(tmp_path / "G.npy", point.bars["h"])
    return point


def verified(at: Path, *names: str | None, **options: Any) -> Report:
    paths = [None if name is None else at / name for name in names]
    return verify_files(cells.lstm, *paths, **{"oracles": ORACLE, **options})


def same(one: Report, other: Report) -> bool:
    """All errors, bit by bit: the same arrays."""
    return one.ok and other.ok and one.errors == other.errors


@pytest.mark.parametrize("inputs", ["X.npy", "X.npz"])
def test_everything(inputs: str, point: Point, tmp_path: Path) -> None:
    found = verified(tmp_path, "P.npz", inputs, "S.npz", "G.npz")
    right = verify(cells.lstm, point.params, point.inputs, point.states, point.bars, oracles=ORACLE)
    assert same(found, right)
    (judgement,) = found.regimes
    assert (judgement.regime, judgement.T, judgement.B) == ("given", 4, 2)


def test_other_arrays_are_seen(point: Point, tmp_path: Path) -> None:
    """The comparison above tells one state, or one cotangent, from another."""
    right = verify(cells.lstm, point.params, point.inputs, point.states, point.bars, oracles=ORACLE)
    np.savez(tmp_path / "S.npz", **{n: a * 1.5 for n, a in point.states.items()})
    assert not same(verified(tmp_path, "P.npz", "X.npy", "S.npz", "G.npz"), right)
    np.savez(tmp_path / "S.npz", **point.states)
    assert same(verified(tmp_path, "P.npz", "X.npy", "S.npz", "G.npz"), right)
    np.savez(tmp_path / "G.npz", **{n: a * 1.5 for n, a in point.bars.items()})
    assert not same(verified(tmp_path, "P.npz", "X.npy", "S.npz", "G.npz"), right)


def test_what_is_not_given_is_drawn(point: Point, tmp_path: Path) -> None:
    found = verified(tmp_path, "P.npz", "X.npy", None, "G.npy", seed=3)
    right = verify(
        cells.lstm, point.params, point.inputs, None, point.bars["h"], oracles=ORACLE, seed=3
    )
    assert same(found, right)
    assert not same(verified(tmp_path, "P.npz", "X.npy", None, "G.npy", seed=4), right)


def test_no_files_at_all() -> None:
    told: list[str] = []
    found = verify_files(
        cells.rnn, oracles=ORACLE, regimes=["usual", "tiny"], seed=1, tell=told.append
    )
    assert [judgement.regime for judgement in found.regimes] == ["usual", "tiny"]
    assert same(found, verify(cells.rnn, oracles=ORACLE, regimes=["usual", "tiny"], seed=1))
    assert len(told) == 2


def test_a_number_of_steps(tmp_path: Path) -> None:
    cell = Cell.parse("h_next = tanh(U @ h + b)")
    np.savez(tmp_path / "P.npz", U=np.eye(3) / 2, b=np.ones(3))
    np.save(tmp_path / "T.npy", np.array(5))
    found = verify_files(cell, tmp_path / "P.npz", tmp_path / "T.npy", oracles=ORACLE)
    assert found.ok
    assert found.regimes[0].T == 5


@pytest.mark.parametrize(
    ("names", "message"),
    [
        (("P.npz", None), "there is --params, but not both"),
        ((None, "X.npy"), "there is --inputs, but not both"),
        ((None, None, "S.npz"), "there is --state, but not both"),
        ((None, "X.npy", "S.npz", "G.npz"), "there is --inputs, --state, --cotangent, but"),
        (("absent.npz", "X.npy"), r"cannot read the parameters, .*absent\.npz"),
        (("P.npz", "absent.npy"), "cannot read the inputs"),
        (("P.npz", "X.npy", "absent.npz"), "cannot read the initial states"),
        (("P.npz", "X.npy", "S.npz", "absent.npy"), "cannot read the cotangent"),
        (("X.npy", "X.npy"), r"X\.npy holds one array, not parameters by name"),
        (("S.npz", "X.npy"), "no parameter h"),
        (("P.npz", "X.npy", "G.npz"), "h"),
        (("P.npz", "X.npy", "S.npz", "X.npy"), r"the shape \(4, 2, 3\), got \(4, 2, 5\)"),
        (("P.npz", "X.npy", "S.npz", "P.npz"), "no output W_i"),
    ],
)
def test_bad_files(
    names: tuple[str | None, ...], message: str, point: Point, tmp_path: Path
) -> None:
    assert point.T == 4
    with pytest.raises(DataError, match=message) as caught:
        verified(tmp_path, *names)
    assert caught.value.mend


def test_unknown_names(point: Point, tmp_path: Path) -> None:
    assert point.T == 4
    with pytest.raises(UnsupportedError, match="no oracle complexstep"):
        verified(tmp_path, "P.npz", "X.npy", oracles=["complexstep"])
    with pytest.raises(UnsupportedError, match="no regime hugee"):
        verified(tmp_path, regimes=["hugee"])
    with pytest.raises(UnsupportedError, match="nunpy"):
        verified(tmp_path, backend="nunpy")
    with pytest.raises(DataError, match="a regime draws arrays of its own"):
        verified(tmp_path, "P.npz", "X.npy", regimes=["usual"])
