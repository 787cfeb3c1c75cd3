"""When gradients are verified, and when not."""

import json
from collections.abc import Mapping
from dataclasses import replace
from math import inf, nan
from typing import Any

import pytest

from gru_sym.verification.report import TOLERANCE, Judgement, Report

ALMOST = 0.99 * TOLERANCE
FINE = {"hand": {"W_bar": 1e-15, "h_bar": 2e-15}, "arb": {"W_bar": 1e-16, "h_bar": 0.0}}


def judgement(regime: str = "usual", **given: Any) -> Judgement:
    about: dict[str, Any] = {"sizes": {"H": 3, "I": 5}, "T": 4, "B": 2, "errors": FINE}
    return Judgement(regime, f"the {regime} one", **{**about, **given})


def report(*regimes: Judgement, required: bool = False, **given: Any) -> Report:
    about: dict[str, Any] = {
        "cell": "gru",
        "backend": "numpy",
        "gradients": ("W_bar", "h_bar"),
        "oracles": ("hand", "arb", "taylor"),
        "tolerances": {"hand": TOLERANCE, "arb": TOLERANCE, "taylor": 1e-3},
    }
    return Report(**{**about, **given}, required=required, regimes=regimes or (judgement(),))


def without(name: str) -> dict[str, Mapping[str, float]]:
    return {o: {k: e for k, e in of.items() if k != name} for o, of in FINE.items()}


def wrong(error: float, oracle: str = "hand") -> dict[str, Mapping[str, float]]:
    return {**FINE, oracle: {"W_bar": error, "h_bar": 0.0}}


def failure(found: Report) -> str:
    """The one reason why this is not verified; the JSON and the text say so, too."""
    (reason,) = found.failures()
    assert not found.ok
    assert found.to_json()["ok"] is False
    assert found.to_json()["failures"] == [reason]
    assert str(found) == f"gru: not verified\n  {reason}"
    return reason


# -- what is not verified --------------------------------------------------------------------------


@pytest.mark.parametrize("error", [TOLERANCE, 2 * TOLERANCE, 1.0, inf, nan])
def test_an_error_at_the_tolerance_or_above(error: float) -> None:
    found = report(judgement(), judgement("huge", errors=wrong(error)))
    assert failure(found) == f"huge: W_bar is off by {error:.1e} against hand"


@pytest.mark.parametrize(("error", "ok"), [(9.99e-4, True), (1e-3, False), (nan, False)])
def test_each_oracle_has_its_own_tolerance(error: float, ok: bool) -> None:
    assert report(judgement(errors=wrong(error, "taylor"))).ok == ok


@pytest.mark.parametrize("error", [TOLERANCE, inf, nan])
def test_a_forward_pass_that_is_off(error: float) -> None:
    found = report(judgement(forward={"hand": 0.0, "arb": error}))
    assert failure(found) == f"usual: the forward pass is off by {error:.1e} against arb"


def test_code_that_raises() -> None:
    found = report(judgement(), judgement("tiny", errors={}, fault="ValueError: no"))
    assert failure(found) == "tiny: the code raised ValueError: no"


def test_an_oracle_that_was_asked_for_and_did_not_run() -> None:
    absent = judgement(not_run={"taylor": "too much work"})
    assert report(absent).ok
    reason = failure(report(absent, required=True))
    assert reason == "taylor was asked for and did not run: too much work"


def test_an_oracle_that_ran_in_one_regime_has_run() -> None:
    ran = judgement("tiny", errors={**FINE, "taylor": {"W_bar": 0.0}})
    found = report(judgement(not_run={"taylor": "too much work"}), ran, required=True)
    assert found.ok
    assert found.not_run == {}


@pytest.mark.parametrize("name", ["W_bar", "h_bar"])
def test_a_gradient_that_nobody_judged(name: str) -> None:
    found = report(judgement(errors=without(name)), judgement("tiny", errors=without(name)))
    assert failure(found) == f"no oracle has judged {name}"
    assert report(judgement(errors=without(name)), judgement("tiny")).ok


def test_oracles_that_are_themselves_inexact_have_judged_nothing() -> None:
    found = report(judgement(errors={}, inexact=FINE), oracles=("hand",))
    assert len(list(found.failures())) == 2
    assert not found.ok
    assert found.not_run == {}


def test_a_check_of_what_is_derived_judges_no_gradient() -> None:
    """Taylor's remainders are those of the jvp: no gradient that was given has a part in them."""
    only = judgement(errors={"taylor": {"W_bar": 0.0, "h_bar": 0.0}})
    found = report(only, required=True, dependent=frozenset({"taylor"}))
    assert not found.ok


def test_the_arrays_given_have_to_be_judged_themselves() -> None:
    elsewhere = judgement(errors={"hand": {"W_bar": 0.0, "h_bar": 0.0}})
    assert report(elsewhere).ok
    found = report(elsewhere, at="given")
    assert [*found.failures()] == [
        f"no oracle has judged {name} at the given arrays" for name in ("W_bar", "h_bar")
    ]


@pytest.mark.parametrize("regimes", [(), (judgement(errors={}),)])
def test_nothing_at_all(regimes: tuple[Judgement, ...]) -> None:
    found = replace(report(), regimes=regimes)
    assert not found.ok
    assert [reason[:9] for reason in found.failures()] == ["no oracle"] * 2


def test_all_reasons_are_given() -> None:
    found = report(
        judgement(errors=wrong(1.0), forward={"arb": 1.0}),
        judgement("huge", errors={}, fault="E: f", not_run={"taylor": "why"}),
        required=True,
    )
    assert len(list(found.failures())) == 4
    assert len(str(found).splitlines()) == 5


# -- what is ---------------------------------------------------------------------------------------


def test_verified() -> None:
    found = report(judgement(), judgement("tiny", errors=wrong(ALMOST)))
    assert found.ok
    assert str(found) == "gru: all 2 gradients are verified by hand, arb"
    assert found.errors == {
        "hand": {"W_bar": ALMOST, "h_bar": 2e-15},
        "arb": {"W_bar": 1e-16, "h_bar": 0.0},
    }


def test_the_largest_of_all_regimes() -> None:
    for one, other in ((1e-15, 1e-3), (1e-3, 1e-15), (1e-15, inf), (inf, 1e-15)):
        found = report(judgement(errors=wrong(one)), judgement("tiny", errors=wrong(other)))
        assert not found.errors["hand"]["W_bar"] < TOLERANCE
        assert max(one, other) == found.errors["hand"]["W_bar"]
    ulps = report(judgement(ulps={"W_bar": 3.0}), judgement("tiny", ulps={"W_bar": 7.0})).ulps
    assert ulps == {"W_bar": 7.0}


def test_not_run() -> None:
    found = report(
        judgement(not_run={"taylor": "first"}), judgement("tiny", not_run={"taylor": "second"})
    )
    assert found.not_run == {"taylor": "first"}
    inexact = judgement("huge", inexact={"taylor": {"W_bar": 1.0}})
    assert report(judgement(not_run={"taylor": "first"}), inexact).not_run == {}


def test_json_is_plain_and_finite() -> None:
    found = report(
        judgement(
            errors={"hand": {"W_bar": inf, "h_bar": nan}},
            forward={"hand": nan},
            inexact={"arb": {"W_bar": inf}},
            ulps={"W_bar": inf, "h_bar": 2.5},
            not_run={"taylor": "why"},
        ),
        judgement("tiny", fault="E: f"),
    )
    text = json.dumps(found.to_json(), allow_nan=False)
    plain = json.loads(text)
    assert plain["ok"] is False
    assert plain["cell"] == "gru"
    assert plain["ulp"] == {"W_bar": None, "h_bar": 2.5}
    assert plain["not_run"] == {"taylor": "why"}
    assert plain["tolerances"]["taylor"] == 1e-3
    assert list(plain["regimes"]) == ["usual", "tiny"]
    usual = plain["regimes"]["usual"]
    assert usual["oracles"] == {"hand": {"W_bar": None, "h_bar": None}}
    assert usual["forward"] == {"hand": None}
    assert usual["inexact"] == {"arb": {"W_bar": None}}
    assert (usual["sizes"], usual["T"], usual["B"], usual["fault"]) == (
        {"H": 3, "I": 5},
        4,
        2,
        None,
    )
    assert plain["regimes"]["tiny"]["fault"] == "E: f"
