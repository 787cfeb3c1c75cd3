"""Code held against what oracles say: nothing wrong passes, and nobody is blamed wrongly."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import lru_cache
from math import inf
from types import MappingProxyType, ModuleType
from typing import Any

import numpy as np
import pytest

from gru_sym import cells
from gru_sym.cells import Cell
from gru_sym.codegen.compile import Compiled, compile
from gru_sym.verification.judge import Evidence, evidence, gathered, judged
from gru_sym.verification.oracles import ORACLES, Oracle
from gru_sym.verification.point import Point
from gru_sym.verification.precise import arb_enclosures, mpmath_digits
from gru_sym.verification.regimes import REGIMES, Regime, drawn
from gru_sym.verification.report import TOLERANCE, Judgement, Report
from gru_sym.verification.truth import NotRunError, Truth

USUAL = REGIMES["usual"]
ROWS = [ORACLES[name] for name in ("complex_step", "mpmath", "dot_product", "taylor")]
Change = Callable[[np.ndarray], Any]


@pytest.fixture(scope="module")
def point() -> Point:
    return drawn(cells.gru)


@pytest.fixture(scope="module")
def found(point: Point) -> Evidence:
    return gathered(USUAL, point, ROWS)


def corrupted(run: Compiled, changes: Mapping[str, Change | None]) -> Compiled:
    """Code whose gradients come out changed; one that is changed to None is missing."""

    def backward(*arguments: Any) -> dict[str, Any]:
        right = run.functions["backward"](*arguments)
        for name, change in changes.items():
            if change is None:
                del right[name]
            else:
                right[name] = change(right[name])
        return dict(right)

    return replace(run, functions=MappingProxyType({**run.functions, "backward": backward}))


@lru_cache
def code(backend: str = "numpy") -> Compiled:
    return compile(cells.gru, backend)


def report(run: Compiled, *judgements: Judgement, rows: Any = ORACLES) -> Report:
    names = tuple(f"{v.name}_bar" for v in (*run.cell.params, *run.cell.inputs, *run.cell.states))
    tolerances = {name: row.tolerance or TOLERANCE for name, row in rows.items()}
    return Report("gru", "numpy", names, tuple(rows), tolerances, False, judgements)


def off(judgement: Judgement) -> set[str]:
    """The gradients with an error that no oracle allows."""
    return {
        name
        for oracle, of in judgement.errors.items()
        for name, error in of.items()
        if not error < (ORACLES[oracle].tolerance or TOLERANCE)
    }


def said(name: str, truth: Truth, **kind: Any) -> Oracle:
    return Oracle(name, "made up", lambda _: truth, **kind)


# -- wrong code ------------------------------------------------------------------------------------


CHANGES: dict[str, Change | None] = {
    "a little more": lambda a: a * (1 + 1e-9),
    "one entry": lambda a: a + 1e-8 * np.abs(a).max() * (np.arange(a.size) == 1).reshape(a.shape),
    "turned": lambda a: -a,
    "nothing": np.zeros_like,
    "huge": lambda a: a * 1e300 * 1e10,
    "no number": lambda a: a * np.nan,
    "one that is no number": lambda a: np.where(np.arange(a.size).reshape(a.shape), a, np.nan),
    "another shape": lambda a: a[..., :-1],
    "an axis more": lambda a: a[None],
    "missing": None,
}


@pytest.mark.parametrize("name", ["W_z_bar", "U_h_bar", "b_r_bar", "x_bar", "h_bar"])
@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_wrong_gradient(name: str, change: str, found: Evidence) -> None:
    """All oracles see it, and none is called inexact for it."""
    run = corrupted(code(), {name: CHANGES[change]})
    judgement = judged(run, found, ORACLES)
    assert judgement.fault or off(judgement) >= {name}
    if not judgement.fault:
        for oracle in ("complex_step", "mpmath", "dot_product"):
            assert judgement.errors[oracle][name] >= TOLERANCE
    assert name not in {key for of in judgement.inexact.values() for key in of}
    assert not report(run, judgement).ok


def test_every_gradient_wrong(found: Evidence, point: Point) -> None:
    run = corrupted(code(), dict.fromkeys(point.gradients, lambda a: a * (1 + 1e-8)))
    judgement = judged(run, found, ORACLES)
    assert off(judgement) == set(point.gradients)
    assert judgement.inexact == {}


def test_a_wrong_forward_pass(found: Evidence) -> None:
    """The gradients may be right all the same."""
    run = code()

    def forward(*arguments: Any) -> Any:
        values = dict(run.functions["forward"](*arguments))
        return {**values, "r": values["r"] * (1 + 1e-9)}

    def backward(values: Any, *rest: Any) -> Any:
        right = {**values, "r": values["r"] / (1 + 1e-9)}
        return run.functions["backward"](right, right, *rest[1:])

    functions = MappingProxyType({**run.functions, "forward": forward, "backward": backward})
    wrong = replace(run, functions=functions)
    judgement = judged(wrong, found, ORACLES)
    assert off(judgement) == set()
    assert set(judgement.forward) == {"complex_step", "mpmath"}
    assert min(judgement.forward.values()) > 1e-10
    assert not report(wrong, judgement).ok


@pytest.mark.parametrize("which", ["forward", "backward"])
@pytest.mark.parametrize("error", [ValueError("no"), ZeroDivisionError("no"), KeyError("W")])
def test_code_that_raises(which: str, error: Exception, found: Evidence) -> None:
    run = code()

    def raises(*_: Any) -> Any:
        raise error

    wrong = replace(run, functions=MappingProxyType({**run.functions, which: raises}))
    judgement = judged(wrong, found, ORACLES)
    assert judgement.fault == f"{type(error).__name__}: {error}"
    assert judgement.errors == {}
    assert not report(wrong, judgement, judged(run, found, ORACLES)).ok


def test_right_code_of_another_cell(found: Evidence) -> None:
    judgement = judged(compile(cells.gru_keep), found, ORACLES)
    assert judgement.fault or off(judgement)


# -- right code ------------------------------------------------------------------------------------


@pytest.mark.parametrize("backend", ["numpy", "mpmath"])
def test_right_gradients(backend: str, found: Evidence, point: Point) -> None:
    run = code(backend)
    judgement = judged(run, found, ORACLES)
    assert (judgement.regime, judgement.words) == (USUAL.name, USUAL.words)
    assert (judgement.sizes, judgement.T, judgement.B) == (point.sizes, 4, 2)
    assert (judgement.fault, judgement.inexact, judgement.not_run) == ("", {}, {})
    assert set(judgement.errors) == {"complex_step", "mpmath", "dot_product", "taylor"}
    for of in judgement.errors.values():
        assert set(of) == set(point.gradients)
        assert max(of.values()) < 1e-13
    assert max(judgement.forward.values()) < 1e-14
    assert report(run, judgement).ok


# -- who is to blame -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def exact(point: Point) -> Truth:
    return mpmath_digits(point)


def blamed(
    point: Point, exact: Truth, change: Change, run: Compiled, *, alone: bool = False
) -> tuple[Judgement, Report]:
    """What is said where an oracle in float64 is itself off, in ``W_z_bar``."""
    wrong = {**exact.gradients, "W_z_bar": change(exact.gradients["W_z_bar"])}
    rows = {"floats": said("floats", Truth(wrong, exact.values))}
    if not alone:
        rows["digits"] = said("digits", exact, exact=True)
    judgement = judged(run, gathered(USUAL, point, rows.values()), rows)
    return judgement, report(run, judgement, rows=rows)


@pytest.mark.parametrize("size", [1e-9, 1e-3, 1.0])
def test_an_oracle_that_is_itself_off_is_named(size: float, point: Point, exact: Truth) -> None:
    """With its own error, and as one that judged nothing; the others have judged."""
    judgement, found = blamed(point, exact, lambda a: a * (1 + size), code())
    assert set(judgement.inexact) == {"floats"}
    assert judgement.inexact["floats"] == {"W_z_bar": pytest.approx(size, rel=1e-5)}
    assert "W_z_bar" not in judgement.errors["floats"]
    assert judgement.errors["floats"].keys() == judgement.errors["digits"].keys() - {"W_z_bar"}
    assert found.ok


def test_without_more_digits_nobody_knows_who_is_off(point: Point, exact: Truth) -> None:
    change: Change = lambda a: a * (1 + 1e-9)  # noqa: E731
    judgement, found = blamed(point, exact, change, code(), alone=True)
    assert judgement.inexact == {}
    assert judgement.errors["floats"]["W_z_bar"] == pytest.approx(1e-9, rel=1e-5)
    assert not found.ok


@pytest.mark.parametrize("size", [1e-9, 1e-3, 1.0])
@pytest.mark.parametrize("same", [True, False])
def test_a_wrong_gradient_is_never_blamed_on_the_oracle(
    size: float, same: bool, point: Point, exact: Truth
) -> None:
    """Be the oracle right, or wrong in the same way."""
    change: Change = lambda a: a * (1 + size)  # noqa: E731
    run = corrupted(code(), {"W_z_bar": change})
    judgement, found = blamed(point, exact, change if same else lambda a: a, run)
    assert judgement.inexact == {}
    assert judgement.errors["digits"]["W_z_bar"] == pytest.approx(size, rel=1e-5)
    assert not found.ok


def test_an_oracle_of_many_digits_is_never_called_inexact(point: Point, exact: Truth) -> None:
    wrong = {**exact.gradients, "W_z_bar": exact.gradients["W_z_bar"] * 2}
    rows = {
        "one": said("one", exact, exact=True),
        "other": said("other", Truth(wrong), exact=True),
    }
    judgement = judged(code(), gathered(USUAL, point, rows.values()), rows)
    assert judgement.inexact == {}
    assert not report(code(), judgement, rows=rows).ok


def test_an_identity_that_lacks_the_digits_is_named(point: Point, exact: Truth) -> None:
    """Its error where the gradient is right; where that is wrong, it is heard."""
    rows = {
        "digits": said("digits", exact, exact=True),
        "identity": Oracle("identity", "made up", identity=lambda _, g: dict.fromkeys(g, 1e-3)),
    }
    found = gathered(USUAL, point, rows.values())
    right = judged(code(), found, rows)
    assert right.inexact == {"identity": dict.fromkeys(point.gradients, 1e-3)}
    assert report(code(), right, rows=rows).ok
    wrong = judged(corrupted(code(), {"x_bar": lambda a: 2 * a}), found, rows)
    assert wrong.errors["identity"] == {"x_bar": 1e-3}


def test_values_where_an_oracle_is_itself_off(point: Point, exact: Truth) -> None:
    values = {**exact.values, "r": exact.values["r"] * (1 + 1e-8)}
    rows = {"floats": said("floats", Truth(exact.gradients, values))}
    alone = judged(code(), gathered(USUAL, point, rows.values()), rows)
    assert alone.forward["floats"] == pytest.approx(1e-8, rel=1e-4)
    rows["digits"] = said("digits", exact, exact=True)
    both = judged(code(), gathered(USUAL, point, rows.values()), rows)
    assert set(both.forward) == {"digits"}
    assert both.forward["digits"] < 1e-14


# -- gradients that are 0 --------------------------------------------------------------------------

NOTHING = Cell.parse("h_next = tanh(W @ x + h) + (sigmoid(b) + sigmoid(-b) - 1) * x_2")


@pytest.mark.parametrize(("noise", "ok"), [(0.0, True), (1e-16, True), (1e-9, False), (inf, False)])
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_a_gradient_that_is_0(noise: float, ok: bool) -> None:
    """Noise of the last digits of the others is none; more is."""
    point = drawn(NOTHING)
    exact = mpmath_digits(point)
    assert not exact.gradients["b_bar"].any()
    largest = max(np.abs(a).max() for a in exact.gradients.values())
    run = corrupted(compile(NOTHING), {"b_bar": lambda a: np.full(a.shape, noise * largest)})
    rows = {"digits": said("digits", exact, exact=True)}
    judgement = judged(run, gathered(USUAL, point, rows.values()), rows)
    assert judgement.errors["digits"]["b_bar"] == pytest.approx(noise)
    assert report(run, judgement, rows=rows).ok == ok


def test_all_gradients_are_0() -> None:
    cell = Cell.parse("h_next = 0.5")
    point = drawn(cell)
    run = compile(cell)
    found = gathered(USUAL, point, ROWS[:2])
    assert judged(run, found, ORACLES).errors["mpmath"] == {"h_bar": 0.0}
    wrong = corrupted(run, {"h_bar": lambda a: a + 1e-300})
    assert judged(wrong, found, ORACLES).errors["mpmath"] == {"h_bar": inf}


def test_float64_holds_no_digits_of_what_is_far_below(point: Point, exact: Truth) -> None:
    """Such a gradient is left out, and not passed."""
    tiny = Truth({**exact.gradients, "W_z_bar": exact.gradients["W_z_bar"] * 1e-300})
    rows = {"digits": said("digits", tiny, exact=True)}
    run = code()
    judgement = judged(run, gathered(USUAL, point, rows.values()), rows)
    assert "W_z_bar" not in judgement.errors["digits"]
    assert list(report(run, judgement, rows=rows).failures()) == ["no oracle has judged W_z_bar"]


# -- units in the last place -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "ulp"),
    [
        (lambda a: a, 0.0),
        (lambda a: np.nextafter(a, np.inf), 1.0),
        (lambda a: np.nextafter(np.nextafter(a, -np.inf), -np.inf), 2.0),
        (lambda a: a * (1 + 2.0**-42), 1.75 * 2.0**10),
        (lambda a: a * np.nan, inf),
        (lambda a: a + np.inf, inf),
    ],
)
@pytest.mark.filterwarnings("ignore::RuntimeWarning")
def test_ulps(change: Change, ulp: float, peer: Callable[[str], ModuleType]) -> None:
    """∂L/∂x is 1.25 and −1.75, exactly; so far from a power of 2 all places are of one size."""
    flint = peer("flint")
    cell = Cell.parse("# inputs: x(H)\n# states: h(H)\nh_next = x + 0 * h")
    point = drawn(cell, sizes={"H": 2}, steps=1, sequences=1)
    bar = np.array([[[1.25, -1.75]]])
    balls = np.array([[[flint.arb(1.25), flint.arb(-1.75)]]], object)
    truth = Truth({"x_bar": bar, "h_bar": np.zeros((1, 2))}, {}, {"x_bar": balls})
    rows = {"balls": said("balls", truth, exact=True)}
    point = replace(point, bars={"h": bar})
    run = corrupted(compile(cell), {"x_bar": change})
    judgement = judged(run, gathered(USUAL, point, rows.values()), rows)
    assert judgement.ulps == {"x_bar": pytest.approx(ulp, rel=1e-6)}


def test_ulps_of_generated_code(point: Point, peer: Callable[[str], ModuleType]) -> None:
    peer("flint")
    truth = arb_enclosures(point)
    rows = {"arb": ORACLES["arb"]}
    found = gathered(USUAL, point, rows.values())
    right = judged(code(), found, rows).ulps
    assert set(right) == set(point.gradients)
    assert 0.5 < max(right.values()) < 1000
    nearest = {name: (lambda _, a=a: a) for name, a in truth.gradients.items()}
    best = judged(corrupted(code(), nearest), found, rows).ulps
    assert 0 < max(best.values()) <= 0.5 + 1e-9


def test_ulps_of_what_is_0(peer: Callable[[str], ModuleType]) -> None:
    peer("flint")
    found = gathered(USUAL, drawn(NOTHING), [ORACLES["arb"]])
    for noise, ulp in ((0.0, 0.0), (1e-300, inf)):
        run = corrupted(compile(NOTHING), {"b_bar": lambda a, n=noise: np.full(a.shape, n)})
        assert judged(run, found, ORACLES).ulps["b_bar"] == ulp


# -- what is gathered ------------------------------------------------------------------------------


def test_oracles_of_single_entries_have_a_point_of_their_own() -> None:
    told: list[str] = []
    rows = [ORACLES[name] for name in ("hand", "brute_force")]
    usual, scalar = evidence(cells.rnn, rows, [USUAL], 3, told.append)
    assert (usual.regime.name, list(usual.truths)) == ("usual", ["hand"])
    assert (scalar.regime.name, list(scalar.truths)) == ("scalar", ["brute_force"])
    assert scalar.point is not None
    assert max(scalar.point.sizes.values()) <= 2
    assert [words.split(":")[0] for words in told] == ["usual", "scalar"]
    (alone,) = evidence(cells.rnn, rows[1:], [USUAL])
    assert alone.regime.name == "scalar"


def test_a_regime_that_the_cell_does_not_have() -> None:
    cell = Cell.parse("h_next = relu(W @ x + h)")
    rows = [ORACLES["mpmath"], ORACLES["dot_product"]]
    usual, saturated = evidence(cell, rows, [USUAL, REGIMES["saturated"]])
    assert usual.point is not None
    assert saturated.point is None
    reason = "the cell has no gate that could saturate"
    judgement = judged(compile(cell), saturated, ORACLES)
    assert judgement.not_run == {"mpmath": reason, "dot_product": reason}
    assert judgement.errors == {}


def test_oracles_that_say_nothing(point: Point, exact: Truth) -> None:
    def silent(_: Point) -> Truth:
        raise NotRunError("too much work")

    nan = Truth({**exact.gradients, "x_bar": exact.gradients["x_bar"] * np.nan})
    rows = [
        Oracle("silent", "", silent),
        said("not finite", nan),
        Oracle("derived", "", derived=silent),  # type: ignore[arg-type]
        said("digits", exact, exact=True),
    ]
    found = gathered(Regime("here", "", drawn), point, rows)
    assert found.not_run == {
        "silent": "too much work",
        "not finite": "x_bar is not finite in float64",
        "derived": "too much work",
    }
    assert list(found.truths) == ["digits"]
    judgement = judged(code(), found, {row.name: row for row in rows})
    assert judgement.not_run == found.not_run
    assert set(judgement.errors) == {"digits"}


def test_evidence_is_gathered_once(point: Point, exact: Truth) -> None:
    asked = []

    def truth(at: Point) -> Truth:
        asked.append(at)
        return exact

    rows = {"digits": Oracle("digits", "", truth, exact=True)}
    found = gathered(USUAL, point, rows.values())
    for _ in range(3):
        judged(code(), found, rows)
    assert asked == [point]
