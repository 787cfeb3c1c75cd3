"""When the demonstration counts as passed, and how its result is written down."""

import dataclasses
import json
import math
from pathlib import Path

import pytest

from gru_sym.demo.result import TOLERANCE, Check, DemoResult

GOOD = DemoResult(
    cell="gru",
    verdict="proved",
    claims=(("one step:", 3),),
    steps=5,
    loss=0.25,
    outputs=(("hs", 0.0), ("loss", 1e-16)),
    checks=(Check("W_bar", (2, 1), 3.0, 1e-15, 2e-15), Check("b_bar", (2,), 1.0, 0.0, 1e-15)),
    directory=Path("somewhere"),
    seconds=1.23456,
)


def test_all_good() -> None:
    assert GOOD.ok
    found = json.loads(json.dumps(GOOD.to_json(), allow_nan=False))
    assert found["ok"] is True
    assert found["claims"] == {"one step:": 3}
    assert found["outputs"]["loss"] == {"hand": 1e-16}
    assert found["gradients"]["W_bar"] == {
        "shape": [2, 1],
        "norm": 3.0,
        "hand": 1e-15,
        "complex_step": 2e-15,
    }


@pytest.mark.parametrize("error", [TOLERANCE, 1.0, math.inf, math.nan])
@pytest.mark.parametrize("reference", ["hand", "complex_step"])
def test_every_error_counts(reference: str, error: float) -> None:
    first, second = GOOD.checks
    bad = dataclasses.replace(second, **{reference: error})
    result = dataclasses.replace(GOOD, checks=(first, bad))
    assert not bad.ok
    assert not result.ok
    found = json.loads(json.dumps(result.to_json(), allow_nan=False))
    assert found["ok"] is False
    assert found["gradients"]["b_bar"][reference] == (error if math.isfinite(error) else None)
    assert not dataclasses.replace(GOOD, outputs=(("hs", error), ("loss", 0.0))).ok


@pytest.mark.parametrize(
    "change", [{"verdict": "refuted"}, {"verdict": "unproved"}, {"checks": ()}, {"outputs": ()}]
)
def test_nothing_unknown_counts_as_passed(change: dict[str, object]) -> None:
    assert not dataclasses.replace(GOOD, **change).ok  # type: ignore[arg-type]
