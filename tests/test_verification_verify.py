"""The verifier: every built-in cell passes on every oracle that applies, and nothing wrong does."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from gru_sym import cells, verify
from gru_sym.cells import Cell
from gru_sym.cells.compose import bidirectional, readout, stack
from gru_sym.codegen.compile import Compiled, compile
from gru_sym.errors import DataError, UnsupportedError
from gru_sym.verification.judge import evidence, judged
from gru_sym.verification.oracles import ORACLES
from gru_sym.verification.regimes import REGIMES, drawn
from gru_sym.verification.report import TOLERANCE
from tests.test_compile import text_cells

BY_HAND = {"rnn", "lstm", "gru", "gru_keep", "gru_reset_after"}
SHORT = [name for name in REGIMES if name != "long"]
PRECISE = ["mpmath", "arb"]
MOST = 1e-12
"""The relative error of every gradient, also where gates saturate."""


@pytest.fixture(scope="session")
def peers(peer: Callable[[str], Any]) -> None:
    for name in ("torch", "jax", "flint"):
        peer(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", cells.names())
@pytest.mark.usefixtures("peers")
def test_every_oracle_that_applies_passes(name: str) -> None:
    report = verify(cells.cell(name), regimes=SHORT)
    assert report.ok, str(report)
    assert set(report.not_run) == (set() if name in BY_HAND else {"hand"})
    assert set(report.errors) == set(ORACLES) - set(report.not_run)
    for oracle in PRECISE:
        for gradient in report.gradients:
            assert report.errors[oracle][gradient] < MOST, (oracle, gradient)
    assert set(report.ulps) == set(report.gradients)
    assert all(np.isfinite(ulp) for ulp in report.ulps.values())


@pytest.mark.slow
@pytest.mark.parametrize("name", cells.names())
@pytest.mark.usefixtures("peers")
def test_a_thousand_steps(name: str) -> None:
    report = verify(cells.cell(name), regimes=["long"], oracles=["torch", "arb", "dot_product"])
    assert report.ok, str(report)
    assert max(report.errors["arb"].values()) < MOST


@pytest.mark.parametrize("seed", range(1, 4))
@pytest.mark.parametrize("name", cells.names())
def test_stable_forms_hold_where_gates_saturate(name: str, seed: int) -> None:
    found = evidence(cells.cell(name), [ORACLES["mpmath"]], [REGIMES["saturated"]], seed)
    judgement = judged(compile(cells.cell(name)), found[0], ORACLES)
    if "no gate" in judgement.not_run.get("mpmath", ""):
        assert name == "rnn_relu"
        return
    assert max(judgement.errors["mpmath"].values()) < MOST
    assert judgement.forward["mpmath"] < MOST


def test_float64_alone_loses_the_digits_that_the_code_keeps() -> None:
    cell = Cell.parse("z = sigmoid(b)\nh_next = (1 - z) * h + W @ x")
    arrays = {"b": np.full(2, 300.0), "W": np.eye(2)}
    report = verify(cell, arrays, np.ones((3, 2, 2)), oracles=["complex_step", "mpmath"])
    (judgement,) = report.regimes
    assert max(judgement.errors["mpmath"].values()) < MOST
    assert judgement.inexact["complex_step"]["h_bar"] > 1e-3
    assert "h_bar" not in judgement.errors["complex_step"]


@pytest.mark.parametrize("cell", text_cells(), ids=lambda cell: cell.name)
def test_any_cell(cell: Cell) -> None:
    report = verify(cell, regimes=["usual"], oracles=["complex_step", "mpmath", "dot_product"])
    assert report.ok, str(report)


@pytest.mark.parametrize(
    "make",
    [lambda: stack(cells.gru, cells.lstm), lambda: readout(cells.mgu, "cross_entropy")],
    ids=["a stack", "a loss"],
)
def test_composed_cells(make: Callable[[], Cell]) -> None:
    report = verify(make(), regimes=["usual"], oracles=["complex_step", "mpmath", "taylor"])
    assert report.ok, str(report)


@pytest.mark.parametrize("backend", ["torch", "jax", "numba", "mpmath", "arb"])
def test_every_backend(backend: str, peer: Callable[[str], Any]) -> None:
    peer({"arb": "flint"}.get(backend, backend))
    report = verify(cells.rnn, regimes=["usual"], oracles=["mpmath"], backend=backend)
    assert report.ok, str(report)
    assert report.backend == backend


# -- what is wrong ---------------------------------------------------------------------------------


def wrong(run: Compiled, change: Callable[[dict[str, Any]], None]) -> Compiled:
    """The compiled cell, whose gradients are changed before they are returned."""

    def backward(*args: Any) -> Mapping[str, Any]:
        found = dict(run.functions["backward"](*args))
        change(found)
        return found

    return replace(run, functions={**run.functions, "backward": backward})


CHANGES: dict[str, Callable[[dict[str, Any]], None]] = {
    "a relative 1e-9 more": lambda g: g.update(U_h_bar=g["U_h_bar"] * (1 + 1e-9)),
    "one entry off": lambda g: g["U_h_bar"].__setitem__((0, 0), g["U_h_bar"][0, 0] * (1 + 1e-6)),
    "the sign": lambda g: g.update(b_h_bar=-g["b_h_bar"]),
    "zero": lambda g: g.update(h_bar=np.zeros_like(g["h_bar"])),
    "not finite": lambda g: g["x_bar"].__setitem__((0, 0, 0), np.nan),
    "transposed": lambda g: g.update(U_h_bar=g["U_h_bar"].T),
    "another shape": lambda g: g.update(W_h_bar=g["W_h_bar"].T),
    "swapped": lambda g: g.update(U_z_bar=g["U_r_bar"], U_r_bar=g["U_z_bar"]),
    "missing": lambda g: g.pop("b_r_bar"),
    "float32": lambda g: g.update(h_bar=g["h_bar"].astype(np.float32)),
}
EACH = [["hand"], ["complex_step"], ["mpmath"], ["dot_product"], ["brute_force"]]


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("oracles", EACH, ids=lambda names: names[0])
def test_each_oracle_sees_wrong_gradients(oracles: list[str], change: str) -> None:
    run = wrong(compile(cells.gru), CHANGES[change])
    report = verify(run, regimes=["usual"], oracles=oracles)
    assert not report.ok
    assert list(report.failures())


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("oracles", [["torch"], ["jax"], ["arb"]], ids=lambda names: names[0])
@pytest.mark.usefixtures("peers")
def test_each_optional_oracle_sees_wrong_gradients(oracles: list[str], change: str) -> None:
    run = wrong(compile(cells.gru), CHANGES[change])
    assert not verify(run, regimes=["usual"], oracles=oracles).ok


def test_a_wrong_value_of_the_forward_pass_is_seen() -> None:
    run = compile(cells.gru)

    def forward(*args: Any) -> Mapping[str, Any]:
        found = dict(run.functions["forward"](*args))
        return {**found, "z": found["z"] * (1 + 1e-9)}

    moved = replace(run, functions={**run.functions, "forward": forward})
    report = verify(moved, regimes=["usual"], oracles=["complex_step"])
    assert any("forward pass" in words for words in report.failures())


def test_code_that_raises_is_not_verified() -> None:
    def backward(*_: Any) -> Mapping[str, Any]:
        raise ZeroDivisionError("here")

    run = compile(cells.rnn)
    broken = replace(run, functions={**run.functions, "backward": backward})
    report = verify(broken, regimes=["usual"], oracles=["mpmath"])
    assert not report.ok
    assert "ZeroDivisionError: here" in str(report)


# -- arrays, names and what did not run ------------------------------------------------------------


def test_at_given_arrays() -> None:
    point = drawn(cells.lstm, 3)
    report = verify(cells.lstm, point.params, point.inputs, point.states, point.bars)
    assert report.ok, str(report)
    given = next(each for each in report.regimes if each.regime == "given")
    assert (given.T, given.B) == (point.T, point.B)
    assert set(report.errors) >= {"hand", "complex_step", "mpmath", "dot_product", "taylor"}


def test_a_state_that_is_not_given_is_not_zero() -> None:
    point = drawn(cells.gru, 3)
    dead = wrong(compile(cells.gru), lambda g: None)
    assert verify(dead, point.params, point.inputs, oracles=["mpmath"]).ok
    # With h0 = 0, T = 1 the gradient of U_r is 0 whatever the code does.
    one = {name: array[:1] for name, array in point.inputs.items()}
    none = wrong(compile(cells.gru), lambda g: g.update(U_r_bar=0 * g["U_r_bar"]))
    assert not verify(none, point.params, one, oracles=["mpmath"]).ok


def test_what_is_asked_for_has_to_run() -> None:
    report = verify(cells.mgu, regimes=["usual"], oracles=["hand", "mpmath"])
    assert not report.ok
    assert "hand was asked for and did not run" in str(report)
    assert "hand" in report.not_run
    assert "hand" not in report.errors


def test_what_cannot_run_is_listed_and_not_passed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("gru_sym.verification.floats.importlib.import_module", _absent)
    report = verify(cells.mgu, regimes=["usual"])
    assert {"torch", "jax", "hand"} <= set(report.not_run)
    assert "not installed" in report.not_run["torch"]
    assert report.ok  # the others have judged every gradient


def _absent(name: str) -> Any:
    raise ModuleNotFoundError(name)


def test_nothing_judged_is_not_verified() -> None:
    report = verify(cells.rnn_relu, regimes=["saturated"], oracles=["mpmath"])
    assert not report.ok
    assert "no oracle has judged W_h_bar" in str(report)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"oracles": ["mpmat"]}, "no oracle mpmat"),
        ({"regimes": ["usal"]}, "no regime usal"),
        ({"backend": "nmpy"}, "no backend nmpy"),
    ],
)
def test_unknown_names(arguments: dict[str, Any], message: str) -> None:
    with pytest.raises(UnsupportedError, match=message) as caught:
        verify(cells.rnn, **arguments)
    assert "did you mean" in caught.value.mend


def test_bad_input() -> None:
    point = drawn(cells.rnn)
    with pytest.raises(DataError, match="no parameters"):
        verify(cells.rnn, xs=np.ones((3, 2)))
    with pytest.raises(DataError, match="a regime draws arrays of its own"):
        verify(cells.rnn, point.params, point.inputs, regimes=["usual"])
    with pytest.raises(DataError, match="W_h"):
        verify(cells.rnn, {}, point.inputs)
    with pytest.raises(UnsupportedError, match="no single cell"):
        verify(bidirectional(cells.rnn))  # type: ignore[arg-type]


def test_says_what_it_does() -> None:
    said: list[str] = []
    verify(cells.rnn, regimes=["usual"], oracles=["mpmath"], tell=said.append)
    assert said == ["usual: mpmath"]


def test_tolerance_is_what_the_documents_say() -> None:
    assert TOLERANCE == 1e-10
